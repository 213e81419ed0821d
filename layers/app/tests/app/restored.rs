//! A warehouse that was restored to a time before: marker tables that the ledger remembers are not there.

use chrono::TimeDelta;
use longshore_domain::fault::WarehouseFault;
use longshore_domain::load::LoadState;
use longshore_domain::object::Object;
use longshore_store::StatementState;

use crate::support::bench::Bench;
use crate::support::by_hand::cancel;
use crate::support::rules::Rule;
use crate::support::warehouse::Mishap;
use crate::support::world::World;

const PLAIN: Rule = Rule::new(1, "701", "price").with("max_attempts = 1");
const PRICE: &str = r#""s"."price""#;
const DENIED: Mishap = Mishap::FailsAs(
    WarehouseFault::Configuration,
    "ERROR: permission denied for schema longshore",
);

/// A world with one load, whose warehouse has no marker table any more, and a file that comes afterwards.
async fn restored(bench: &Bench) -> (World, Object) {
    let world = bench.world();
    let first = world.land("in/first_701.txt", "plum|1\n");
    assert_eq!(world.load(&first).await.state, LoadState::Complete);
    world.warehouse.drop_marker_tables();
    let next = world.land("in/next_701.txt", "fig|2\n");
    (world, next)
}

async fn ends(world: &World, object: &Object) -> Vec<StatementState> {
    let load = world.load_of(object).await;
    let statements = world.app.store.statements(load.id).await.unwrap();
    statements.iter().map(|statement| statement.state).collect()
}

#[tokio::test]
async fn a_marker_table_that_is_gone_is_made_again_and_costs_no_try() {
    let bench = Bench::with(&[PLAIN]).await;
    let (world, next) = restored(&bench).await;
    let load = world.load(&next).await;
    assert_eq!((load.state, load.retry.tries), (LoadState::Queued, 0));
    world.pass_time(TimeDelta::seconds(1)).await;
    let load = world.load_of(&next).await;
    assert_eq!((load.state, load.retry.tries), (LoadState::Complete, 0));
    let expected = [StatementState::Failed, StatementState::Finished];
    assert_eq!(ends(&world, &next).await, expected);
    assert_eq!(world.warehouse.rows(PRICE), ["plum|1", "fig|2"]);
    assert_eq!(world.topic.told(), ["loaded", "loaded"]);
}

#[tokio::test]
async fn a_marker_table_is_made_again_though_the_warehouse_is_busy_just_then() {
    let bench = Bench::with(&[PLAIN]).await;
    let (world, next) = restored(&bench).await;
    world.announce(&next, "prepare").await.done();
    world.warehouse.mishap("CREATE SCHEMA", Mishap::Busy);
    world.deliver_events().await.unwrap();
    world.pass_time(TimeDelta::seconds(1)).await;
    assert_eq!(world.load_of(&next).await.state, LoadState::Complete);
}

#[tokio::test]
async fn a_marker_table_that_cannot_be_made_again_fails_the_load() {
    let bench = Bench::with(&[PLAIN]).await;
    let (world, next) = restored(&bench).await;
    world.announce(&next, "prepare").await.done();
    for _ in 0..2 {
        world.warehouse.mishap("CREATE SCHEMA", DENIED);
    }
    world.deliver_events().await.unwrap();
    let load = world.load_of(&next).await;
    assert_eq!(load.error_code.as_deref(), Some("marker_lock_failed"));
    assert!(load.error.unwrap_or_default().contains("does not exist"));
    assert_eq!(ends(&world, &next).await, [StatementState::Failed]);
}

#[tokio::test]
async fn what_making_the_table_again_does_not_mend_fails_the_load_the_second_time() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    for _ in 0..3 {
        world.warehouse.mishap("LOCK", DENIED);
    }
    world.load(&object).await;
    world.pass_time(TimeDelta::seconds(1)).await;
    let load = world.load_of(&object).await;
    assert_eq!(load.state, LoadState::Failed);
    assert_eq!(load.error_code.as_deref(), Some("marker_lock_failed"));
    assert_eq!(ends(&world, &object).await, [StatementState::Failed; 2]);
}

/// A file whose transaction came to nothing, and of which nobody knows that: neither the Data API nor a marker table.
async fn land_and_forget(world: &World) -> Object {
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.warehouse.mishap("INSERT INTO", Mishap::Cancelled);
    world.announce(&object, "prepare").await.done();
    world.warehouse.forget_statements();
    world.warehouse.drop_marker_tables();
    object
}

/// The Data API forgets a statement after a day. What the marker would say of it is nowhere, so nothing of it is there.
#[tokio::test]
async fn a_load_whose_statement_and_marker_table_are_gone_is_submitted_again_and_makes_the_table() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = land_and_forget(&world).await;

    world.pass_time_quietly(TimeDelta::hours(25)).await;
    for _ in 0..2 {
        world.deliver_events_known().await;
        world.pass_time_quietly(TimeDelta::minutes(16)).await;
    }
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
    assert_eq!(world.warehouse.rows(PRICE), ["plum|1"]);
}

#[tokio::test]
async fn a_load_whose_statement_and_marker_table_are_gone_is_cancelled() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = land_and_forget(&world).await;
    world.clock.advance(TimeDelta::hours(25));

    cancel(&world, world.load_of(&object).await.id).await;
    let load = world.load_of(&object).await;
    assert_eq!(
        (load.state, load.error_code.as_deref()),
        (LoadState::Failed, Some("cancelled"))
    );
}
