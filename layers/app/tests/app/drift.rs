//! Columns that files bring: what becomes of them when the warehouse does not do as it is asked.

use longshore_domain::fault::WarehouseFault;
use longshore_domain::load::LoadState;

use crate::support::bench::Bench;
use crate::support::rules::Rule;
use crate::support::warehouse::Mishap;
use crate::support::world::World;

const WIDENED: Rule = Rule::new(1, "701", "price")
    .with("header_flag = 'Y', header_policy = 'names', drift_policy = 'add_column'");
const PRICE: &str = r#""s"."price""#;
const WIDER: &str = "item|amount|colour\nplum|1|red\n";

fn added(world: &World) -> Vec<String> {
    world.warehouse.tables().added.remove(PRICE).unwrap_or_default()
}

fn alters(world: &World) -> usize {
    let ran = world.warehouse.ran();
    ran.iter().filter(|sql| sql.starts_with("ALTER TABLE")).count()
}

#[tokio::test]
async fn a_column_that_another_load_added_a_moment_before_is_there() {
    let bench = Bench::with(&[WIDENED]).await;
    let world = bench.world();
    let overtaken = Mishap::Overtaken("ERROR: column \"colour\" of relation \"price\" already exists");
    world.warehouse.mishap("ADD COLUMN", overtaken);
    let object = world.land("in/a_701.txt", WIDER);
    let load = world.load(&object).await;
    assert_eq!(load.state, LoadState::Complete, "{:?}", load.error);
    assert_eq!(added(&world), ["colour"]);
}

#[tokio::test]
async fn two_files_with_the_same_new_column_at_once_are_both_loaded() {
    let bench = Bench::with(&[WIDENED]).await;
    let world = bench.world();
    let one = world.land("in/a_701.txt", WIDER);
    let other = world.land("in/b_701.txt", "amount|colour|item\n2|blue|fig\n");
    let (first, second) = tokio::join!(world.announce(&one, "one"), world.announce(&other, "other"));
    first.done();
    second.done();
    world.deliver_events().await.unwrap();
    for object in [&one, &other] {
        assert_eq!(world.load_of(object).await.state, LoadState::Complete);
    }
    assert_eq!(added(&world), ["colour"]);
    assert_eq!(world.warehouse.rows(PRICE).len(), 2);

    // A third one finds it there.
    let before = alters(&world);
    let third = world.land("in/c_701.txt", WIDER);
    world.load(&third).await;
    assert_eq!(alters(&world), before);
}

#[tokio::test]
async fn a_table_that_may_not_be_altered_fails_the_file_with_the_warehouses_words() {
    let bench = Bench::with(&[WIDENED]).await;
    let world = bench.world();
    let error = "ERROR: must be owner of relation price";
    let denied = Mishap::FailsAs(WarehouseFault::Configuration, error);
    world.warehouse.mishap("ADD COLUMN", denied);
    let object = world.land("in/a_701.txt", WIDER);
    let load = world.load(&object).await;
    assert!(
        matches!(load.state, LoadState::Failed | LoadState::Rejected),
        "{:?}",
        load.state
    );
    assert!(
        load.error
            .as_deref()
            .is_some_and(|said| said.contains("must be owner")),
        "{:?}",
        load.error
    );
    assert!(world.warehouse.rows(PRICE).is_empty());
}
