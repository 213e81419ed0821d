//! Many files for one table at once: a few are with the warehouse, the others wait for their turn and keep nobody else from theirs.

use chrono::TimeDelta;
use longshore_app::{ObjectOutcome, PLACES_PER_TABLE};
use longshore_domain::fault::WarehouseFault;
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::object::Object;

use crate::support::bench::Bench;
use crate::support::rules::Rule;
use crate::support::warehouse::Mishap;
use crate::support::world::World;

const PLACES: usize = PLACES_PER_TABLE as usize;
const CROWDED: Rule = Rule::new(1, "701", "price").with("retry_minutes = 10");
const QUIET: Rule = Rule::new(2, "702", "head");
const PRICE: &str = r#""s"."price""#;

/// So many files for the crowded table, one after the other.
async fn announce(world: &World, files: usize) -> Vec<Object> {
    let mut objects = Vec::new();
    for number in 0..files {
        world.clock.advance(TimeDelta::seconds(1));
        let object = world.land(&format!("in/f{number}_701.txt"), &format!("plum|{number}\n"));
        world.announce(&object, &format!("prepare {number}")).await.done();
        objects.push(object);
    }
    objects
}

fn handed_over(world: &World) -> Vec<String> {
    let handed = world.warehouse.handed();
    handed.into_iter().map(|handed| handed.name).collect()
}

#[tokio::test]
async fn a_crowd_at_one_table_waits_in_line_and_keeps_no_other_table_waiting() {
    let bench = Bench::with(&[CROWDED, QUIET]).await;
    let world = bench.world();
    world.warehouse.take_at_most(PLACES + 2);
    let objects = announce(&world, 5 * PLACES).await;
    assert_eq!(world.warehouse.handed().len(), PLACES);
    let last = world.load_of(&objects[5 * PLACES - 1]).await;
    assert_eq!((last.state, last.retry.since), (LoadState::Queued, None));
    let place = format!("table {} s.price", world.app.config.warehouse);
    assert_eq!(last.waits_for, Some(place));

    // Those that are there take their time, and the reconciler looks at them all.
    world.warehouse.seem_slow(true);
    for _ in 0..3 {
        world.pass_time_quietly(TimeDelta::minutes(1)).await;
    }
    world.warehouse.seem_slow(false);
    assert_eq!(world.warehouse.handed().len(), PLACES);
    let quiet = world.land("in/quiet_702.txt", "fig|1\n");
    let outcome = world.announce(&quiet, "prepare quiet").await.done();
    assert!(matches!(outcome, ObjectOutcome::Submitted { .. }), "{outcome:?}");

    world.clock.advance(TimeDelta::hours(5));
    world.deliver_events().await.unwrap();
    for object in objects.iter().chain([&quiet]) {
        let load = world.load_of(object).await;
        assert_eq!((load.state, load.retry.tries), (LoadState::Complete, 0));
        assert_eq!(world.app.store.statements(load.id).await.unwrap().len(), 1);
    }
    assert_eq!(world.warehouse.rows(PRICE).len(), objects.len());
    let mut names = handed_over(&world);
    names.retain(|name| !name.contains(&LoadId::of(&quiet).to_string()));
    for (object, name) in objects.iter().zip(&names) {
        assert!(
            name.contains(&LoadId::of(object).to_string()),
            "{name} is out of turn"
        );
    }
}

/// Nobody could let in who was next: another worker had it just then.
#[tokio::test]
async fn a_place_that_nobody_gave_away_is_given_by_the_reconciler_to_whom_came_first() {
    let bench = Bench::with(&[CROWDED]).await;
    let world = bench.world();
    let objects = announce(&world, PLACES + 1).await;
    let first = &objects[PLACES];
    let in_its_hands = "UPDATE rdscnfg.ext_file_load SET lease_owner = 'other', lease_step = 'prepare', lease_until = '2100-01-01'
        WHERE waits_for IS NOT NULL";
    bench.run(in_its_hands).await;
    let handed = world.warehouse.handed();
    world.deliver(&handed[0], "finish").await.done();
    assert_eq!(world.warehouse.handed().len(), PLACES);

    // There is a place by now, but not for whoever comes next.
    let late = world.land("in/late_701.txt", "fig|1\n");
    let outcome = world.announce(&late, "prepare late").await.done();
    assert!(matches!(outcome, ObjectOutcome::Waiting { .. }), "{outcome:?}");

    let let_go = "UPDATE rdscnfg.ext_file_load SET lease_owner = NULL, lease_step = NULL, lease_until = NULL
        WHERE lease_owner = 'other'";
    bench.run(let_go).await;
    world.pass_time_quietly(TimeDelta::minutes(1)).await;
    assert_eq!(world.warehouse.handed().len(), PLACES + 1);
    assert_eq!(world.load_of(first).await.state, LoadState::Submitted);
    assert_eq!(world.load_of(&late).await.state, LoadState::Queued);

    world.deliver_events().await.unwrap();
    for object in objects.iter().chain([&late]) {
        assert_eq!(world.load_of(object).await.state, LoadState::Complete);
    }
}

/// A load that is tried again takes a place as any does, and is before those that never had one.
#[tokio::test]
async fn a_load_that_is_tried_again_waits_for_a_place_too() {
    let bench = Bench::with(&[CROWDED]).await;
    let world = bench.world();
    let conflict = Mishap::FailsAs(WarehouseFault::Transient, "ERROR: 1023");
    world.warehouse.mishap("COPY", conflict);
    let objects = announce(&world, PLACES).await;
    let handed = world.warehouse.handed();
    world.deliver(&handed[0], "finish").await.done();
    let more = world.land("in/more_701.txt", "fig|1\n");
    world.announce(&more, "prepare more").await.done();
    assert_eq!(world.warehouse.handed().len(), PLACES + 1);

    world.pass_time_quietly(TimeDelta::minutes(1)).await;
    let again = world.load_of(&objects[0]).await;
    assert!(again.waits_for.is_some(), "{again:?}");
    assert_eq!(again.retry.tries, 1);
    world.deliver_events().await.unwrap();
    for object in objects.iter().chain([&more]) {
        assert_eq!(world.load_of(object).await.state, LoadState::Complete);
    }
}
