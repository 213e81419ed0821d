//! A file that is replaced after an invocation died over it: whatever that one had begun is ended or cleared away.

use chrono::TimeDelta;
use longshore_domain::object::Object;

use crate::support::bench::Bench;
use crate::support::calls::{Aim, Fault, Tried};
use crate::support::rules::Rule;
use crate::support::world::World;

const RULES: [Rule; 4] = [
    Rule::new(1, "702", "price").with("trailer_flag = 'Y', trailer_tag = 'T|'"),
    Rule::splitting(2, "703", "split_file_flag = 'Y', split_prefix = 'HD,DT'"),
    Rule::new(3, "703-HD", "head"),
    Rule::new(4, "703-DT", "detail"),
];

/// How many calls an undisturbed announcement makes.
async fn calls_of(key: &str, text: &str) -> usize {
    let bench = Bench::with(&RULES).await;
    let world = bench.world();
    let object = world.land(key, text);
    world.announce(&object, "prepare").await.done();
    world.calls.made().len()
}

/// The announcement dies at a call, the file is replaced, and everybody who comes again comes again.
async fn dies_and_is_replaced(world: &World, key: &str, text: &str, call: usize, fault: Fault) -> Object {
    let object = world.land(key, text);
    world.calls.strike(Aim::Number(call), fault);
    assert!(matches!(world.announce(&object, "first").await, Tried::Died));
    world.land(key, &text.replace('2', "3"));
    world.announce_until_done(&object, "first").await.unwrap();
    for _ in 0..3 {
        world.deliver_events().await.unwrap();
        world.clock.advance(TimeDelta::minutes(16));
        world.reconcile().await;
    }
    world.deliver_events().await.unwrap();
    object
}

async fn leaves_nothing_behind(key: &str, text: &str) {
    for call in 0..calls_of(key, text).await {
        for fault in [Fault::DiesBefore, Fault::DiesAfter] {
            let bench = Bench::with(&RULES).await;
            let world = bench.world();
            let object = dies_and_is_replaced(&world, key, text, call, fault).await;
            let at = format!("call {call} {fault:?}");
            assert!(world.is_done(&object).await, "{at}: something is not done");
            assert_eq!(world.files.keys_in("processing"), Vec::<String>::new(), "{at}");
        }
    }
}

#[tokio::test]
async fn a_prepared_copy_goes_with_its_load() {
    leaves_nothing_behind("in/trailer_702.txt", "plum|1\nfig|2\nT|2\n").await;
}

#[tokio::test]
async fn parts_end_with_their_file() {
    leaves_nothing_behind("in/split_703.txt", "HD|1\nDT|2\n").await;
}
