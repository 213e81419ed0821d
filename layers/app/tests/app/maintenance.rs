//! VACUUM and ANALYZE after loads: each runs once, whatever call fails or is the last of its run, and failures are given up in time.

use chrono::TimeDelta;
use longshore_store::MaintenanceState;
use rstest::rstest;

use crate::support::bench::Bench;
use crate::support::calls::{Aim, Fault};
use crate::support::rules::Rule;
use crate::support::warehouse::{DESCRIBE, Mishap, SUBMIT};
use crate::support::world::World;

const PLAIN: Rule = Rule::new(1, "701", "price");
const LATER: TimeDelta = TimeDelta::minutes(3);

/// A world in which a load left its table to be put in order.
async fn left(bench: &Bench) -> World {
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    let load = world.load(&object).await;
    let warehouse = world.app.config.warehouse.clone();
    let table = load.table.unwrap();
    let now = world.clock.reads();
    world
        .app
        .store
        .queue_maintenance(load.id, (&warehouse, &table), 5, now)
        .await
        .unwrap();
    world
}

async fn states(world: &World) -> Vec<MaintenanceState> {
    let left = world.app.store.list_maintenance(None, 10).await.unwrap();
    left.iter().rev().map(|one| one.state).collect()
}

fn handed(world: &World) -> Vec<String> {
    let names = world.warehouse.handed().into_iter().map(|handed| handed.name);
    names
        .filter(|name| name.starts_with("longshore-maintenance/"))
        .collect()
}

#[rstest]
#[tokio::test]
async fn each_runs_once_whatever_call_fails(
    #[values(SUBMIT, DESCRIBE)] call: &'static str,
    #[values(Fault::NotReached, Fault::AnswerLost, Fault::DiesBefore, Fault::DiesAfter)] fault: Fault,
) {
    let bench = Bench::with(&[PLAIN]).await;
    let world = left(&bench).await;
    world.calls.strike(Aim::Next(call), fault);
    for _ in 0..8 {
        world.clock.advance(LATER);
        // A run that dies is one of those.
        drop(world.try_reconcile().await);
    }
    assert!(world.calls.are_struck());
    assert_eq!(states(&world).await, [MaintenanceState::Finished; 2]);
    assert_eq!(handed(&world).len(), 2, "{:?}", handed(&world));
}

#[tokio::test]
async fn what_fails_is_tried_again_and_then_left() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = left(&bench).await;
    for _ in 0..5 {
        world
            .warehouse
            .mishap("VACUUM", Mishap::Fails("ERROR: disk full"));
    }
    for _ in 0..30 {
        world.pass_time_quietly(TimeDelta::minutes(16)).await;
    }
    assert_eq!(
        states(&world).await,
        [MaintenanceState::Failed, MaintenanceState::Finished],
        "the analysis does not wait for ever"
    );
    let left = world.app.store.list_maintenance(None, 10).await.unwrap();
    assert_eq!(
        (left[1].attempt, left[1].error.as_deref()),
        (5, Some("ERROR: disk full"))
    );
}
