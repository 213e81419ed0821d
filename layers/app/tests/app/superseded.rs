//! Files that are replaced by later ones while they wait: they end in silence, and what came in their place is loaded once.

use chrono::TimeDelta;
use longshore_app::{ObjectOutcome, PLACES_PER_TABLE};
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::object::Object;

use crate::support::bench::Bench;
use crate::support::calls::{Aim, Fault, Tried};
use crate::support::rules::Rule;
use crate::support::warehouse::SUBMIT;
use crate::support::world::World;

const PLAIN: Rule = Rule::new(1, "701", "price");
const PAUSED: Rule = PLAIN.with("paused = true");
/// Nothing of its files is read before COPY does.
const UNREAD: Rule =
    PLAIN.with("paused = true, file_name_column = NULL, file_format = 'orc', file_type = 'txt'");
const RESUME: &str = "UPDATE rdscnfg.ext_file_config SET paused = false";
const PRICE: &str = r#""s"."price""#;

/// The load of `first` ended in silence, and that of `second` is in its place.
async fn assert_superseded(bench: &Bench, world: &World, first: &Object, second: &Object) {
    let load = world.load_of(first).await;
    assert_eq!(load.state, LoadState::Skipped, "{load:?}");
    assert!(load.finished_at.is_some(), "{load:?}");
    let by = LoadId::of(second);
    assert_eq!(load.superseded_by, Some(by));
    assert!(
        load.remarks.concat().starts_with(&format!("replaced by {by}")),
        "{:?}",
        load.remarks
    );
    assert_eq!((load.error_code, load.archived_key), (None, None));
    assert!(world.app.store.notices(load.id).await.unwrap().is_empty());
    let audited = format!(
        "SELECT count(*) FROM rdscnfg.ext_file_audit WHERE load_id = '{}' AND file_process_status = 'SKIPPED'",
        load.id
    );
    let audited: i64 = bench.client.query_one(&audited, &[]).await.unwrap().get(0);
    assert_eq!(audited, 1);
}

async fn waits(world: &World, object: &Object, request: &str) {
    let outcome = world.announce(object, request).await.done();
    assert!(matches!(outcome, ObjectOutcome::Waiting { .. }), "{outcome:?}");
    world.clock.advance(TimeDelta::seconds(1));
}

#[tokio::test]
async fn a_file_of_a_paused_rule_that_is_replaced_ends_in_silence() {
    for rule in [PAUSED, UNREAD] {
        let bench = Bench::with(&[rule]).await;
        let world = bench.world();
        let first = world.land("in/plain_701.txt", "plum|1\n");
        waits(&world, &first, "first").await;
        let second = world.land_again(&first, "fig|2\n");
        waits(&world, &second, "second").await;

        bench.run(RESUME).await;
        world.pass_time(TimeDelta::minutes(3)).await;

        assert_superseded(&bench, &world, &first, &second).await;
        assert_eq!(world.load_of(&second).await.state, LoadState::Complete);
        assert_eq!(world.topic.told(), ["loaded"]);
        assert_eq!(world.warehouse.rows(PRICE), ["fig|2"]);
    }
}

#[tokio::test]
async fn it_is_the_latest_file_that_took_its_place_and_a_late_event_changes_nothing() {
    let bench = Bench::with(&[PAUSED]).await;
    let world = bench.world();
    let first = world.land("in/plain_701.txt", "plum|1\n");
    let second = world.land_again(&first, "fig|2\n");
    let third = world.land_again(&second, "pear|3\n");
    for (object, request) in [(&third, "third"), (&first, "first"), (&second, "second")] {
        waits(&world, object, request).await;
    }
    bench.run(RESUME).await;
    world.pass_time(TimeDelta::minutes(3)).await;
    assert_superseded(&bench, &world, &first, &third).await;
    assert_superseded(&bench, &world, &second, &third).await;
    assert_eq!(world.topic.told(), ["loaded"]);
    assert_eq!(world.warehouse.rows(PRICE), ["pear|3"]);
}

#[tokio::test]
async fn of_a_file_that_was_deleted_with_none_in_its_place_somebody_is_told() {
    let bench = Bench::with(&[PAUSED]).await;
    let world = bench.world();
    let first = world.land("in/plain_701.txt", "plum|1\n");
    waits(&world, &first, "first").await;
    let second = world.land_again(&first, "fig|2\n");
    waits(&world, &second, "second").await;
    world.files.remove("in/plain_701.txt");
    bench.run(RESUME).await;
    world.pass_time(TimeDelta::minutes(3)).await;
    assert_superseded(&bench, &world, &first, &second).await;
    let gone = world.load_of(&second).await;
    assert_eq!(
        (gone.state, gone.error_code.as_deref()),
        (LoadState::Rejected, Some("object_gone"))
    );
    assert_eq!(world.topic.told(), ["rejected"]);
}

#[tokio::test]
async fn a_file_that_is_replaced_while_it_waits_for_a_place_at_its_table_ends_in_silence() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    for number in 0..PLACES_PER_TABLE {
        let object = world.land(&format!("in/f{number}_701.txt"), "plum|0\n");
        world.announce(&object, &format!("prepare {number}")).await.done();
    }
    let first = world.land("in/plain_701.txt", "plum|1\n");
    waits(&world, &first, "first").await;
    assert_eq!(world.load_of(&first).await.state, LoadState::Queued);
    let second = world.land_again(&first, "fig|2\n");
    waits(&world, &second, "second").await;

    world.deliver_events().await.unwrap();
    world.pass_time(TimeDelta::minutes(3)).await;
    world.pass_time(TimeDelta::minutes(3)).await;

    assert_superseded(&bench, &world, &first, &second).await;
    assert_eq!(world.load_of(&second).await.state, LoadState::Complete);
    let mut rows = world.warehouse.rows(PRICE);
    rows.retain(|row| row != "plum|0");
    assert_eq!(rows, ["fig|2"]);
    assert_eq!(world.files.keys_in("processing"), Vec::<String>::new());
    assert!(world.topic.told().iter().all(|told| told == "loaded"));
}

#[tokio::test]
async fn a_file_whose_rows_may_be_on_their_way_is_the_warehouses_affair() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let first = world.land("in/plain_701.txt", "plum|1\n");
    world.calls.strike(Aim::Next(SUBMIT), Fault::DiesAfter);
    assert!(matches!(world.announce(&first, "first").await, Tried::Died));
    let second = world.land_again(&first, "fig|2\n");
    world.announce(&second, "second").await.done();
    for _ in 0..3 {
        world.pass_time(TimeDelta::minutes(16)).await;
    }
    assert_eq!(world.load_of(&first).await.state, LoadState::Complete);
    assert_eq!(world.load_of(&second).await.state, LoadState::Complete);
}
