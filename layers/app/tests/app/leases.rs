//! Two invocations and one load: the second waits or fails, and is never told that the work is done.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use longshore_app::{AppError, ObjectOutcome, PLACES_PER_TABLE};
use longshore_domain::disposition::Disposition;
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::object::Object;
use longshore_store::{Lease, LeaseStep};

use crate::support::bench::Bench;
use crate::support::calls::{Aim, Fault, Tried};
use crate::support::files::{COPY, OPEN};
use crate::support::notifier::PUBLISH;
use crate::support::rules::Rule;
use crate::support::warehouse::{Handed, SUBMIT};
use crate::support::world::World;

const RULES: [Rule; 3] = [
    Rule::new(1, "701", "price"),
    Rule::splitting(2, "703", "split_file_flag = 'Y', split_prefix = 'HD,DT'"),
    Rule::new(3, "703-HD", "head"),
];
const FOLLOWED: Rule = Rule::new(1, "701", "price").with("query = 'call s.follow_up()'");
const PRICE: &str = r#""s"."price""#;

#[tokio::test]
async fn an_announcement_of_a_load_that_another_invocation_holds_must_come_again() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.calls.strike(Aim::Next(SUBMIT), Fault::DiesBefore);
    assert!(matches!(world.announce(&object, "first").await, Tried::Died));
    let error = world.announce(&object, "second").await.failed();
    assert!(matches!(error, AppError::PreparedElsewhere { .. }), "{error}");
    assert_eq!(error.disposition(), Disposition::Retry);
    world.clock.advance(TimeDelta::minutes(16));
    let outcome = world.announce(&object, "second").await.done();
    assert!(matches!(outcome, ObjectOutcome::Submitted { .. }), "{outcome:?}");
    assert_eq!(world.warehouse.rows(PRICE), ["plum|1"]);
}

#[tokio::test]
async fn a_load_whose_worker_died_is_taken_up_minutes_later_and_not_at_its_deadline() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.calls.strike(Aim::Next(SUBMIT), Fault::DiesBefore);
    assert!(matches!(world.announce(&object, "first").await, Tried::Died));
    world.clock.advance(TimeDelta::minutes(2));
    let error = world.announce(&object, "second").await.failed();
    assert!(matches!(error, AppError::PreparedElsewhere { .. }), "{error}");
    world.clock.advance(TimeDelta::minutes(1));
    assert_eq!(world.announce(&object, "second").await.done(), submitted(&object));
}

/// Until the lease of a load is as wanted.
async fn wait_for_lease(world: &World, object: &Object, is_as_wanted: impl Fn(&Lease) -> bool) {
    loop {
        let load = world.app.store.load(LoadId::of(object)).await.unwrap();
        if load
            .and_then(|load| load.lease)
            .is_some_and(|lease| is_as_wanted(&lease))
        {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_lease_lasts_as_long_as_its_holder_works() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world().with_eager_leases();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.pace.stall_opens(true);
    let meanwhile = async {
        for _ in 0..4 {
            wait_for_lease(&world, &object, |lease| {
                lease.until >= world.clock.reads() + TimeDelta::minutes(3)
            })
            .await;
            world.clock.advance(TimeDelta::minutes(2));
        }
        let error = world.announce(&object, "second").await.failed();
        assert!(matches!(error, AppError::PreparedElsewhere { .. }), "{error}");
        world.pace.stall_opens(false);
    };
    let (first, ()) = tokio::join!(world.announce(&object, "first"), meanwhile);
    assert_eq!(first.done(), submitted(&object));
    assert_eq!(world.load_of(&object).await.deaths, 0);
}

#[tokio::test]
async fn who_finds_its_lease_taken_stops() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world().with_eager_leases();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.pace.stall_opens(true);
    let meanwhile = async {
        wait_for_lease(&world, &object, |_| true).await;
        let load = LoadId::of(&object);
        world.app.store.release(load, "first").await.unwrap();
        let now = world.clock.reads();
        let second = Lease {
            owner: "second".to_owned(),
            step: LeaseStep::Prepare,
            until: now + TimeDelta::minutes(3),
        };
        world.app.store.claim_again(load, &second, now).await.unwrap();
    };
    let (first, ()) = tokio::join!(world.announce(&object, "first"), meanwhile);
    let error = first.failed();
    assert!(matches!(error, AppError::PreparedElsewhere { .. }), "{error}");
    let lease = world.load_of(&object).await.lease.unwrap();
    assert_eq!(lease.owner, "second");
}

#[tokio::test]
async fn a_failed_preparation_lets_go_of_its_load_at_once() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.calls.strike(Aim::Next(OPEN), Fault::NotReached);
    world.announce(&object, "first").await.failed();
    assert_eq!(world.load_of(&object).await.lease, None);
    world.announce(&object, "second").await.done();
    assert_eq!(world.load_of(&object).await.state, LoadState::Submitted);
}

#[tokio::test]
async fn an_event_of_a_load_that_another_invocation_finishes_must_come_again() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.announce(&object, "prepare").await.done();
    world.calls.strike(Aim::Next(COPY), Fault::DiesBefore);
    let statement = world.warehouse.handed().remove(0);
    assert!(matches!(world.deliver(&statement, "first").await, Tried::Died));
    world.clock.step_at_each_look(TimeDelta::seconds(3));
    let error = world.deliver(&statement, "second").await.failed();
    assert!(matches!(error, AppError::FinishedElsewhere { .. }), "{error}");
    assert_eq!(error.disposition(), Disposition::Retry);
    world.deliver(&statement, "first").await.done();
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
}

#[tokio::test]
async fn a_failed_finish_lets_go_of_its_load_at_once() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.announce(&object, "prepare").await.done();
    world.calls.strike(Aim::Next(COPY), Fault::NotReached);
    let statement = world.warehouse.handed().remove(0);
    world.deliver(&statement, "first").await.failed();
    assert_eq!(world.load_of(&object).await.lease, None);
    world.deliver(&statement, "second").await.done();
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
}

#[tokio::test]
async fn a_status_event_takes_the_load_from_an_invocation_that_died_after_it_submitted() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.calls.strike(Aim::Next(SUBMIT), Fault::DiesAfter);
    assert!(matches!(world.announce(&object, "first").await, Tried::Died));
    world.deliver_events().await.unwrap();
    let load = world.load_of(&object).await;
    assert_eq!(load.state, LoadState::Complete);
    assert_eq!(world.topic.told(), ["loaded"]);
}

#[tokio::test]
async fn a_parts_message_that_was_not_sent_is_sent_by_the_next_try() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world();
    let object = world.land("in/half_703.txt", "HD|1\nDT|2\n");
    world.calls.strike(Aim::Next(PUBLISH), Fault::NotReached);
    let error = world.announce(&object, "prepare").await.failed();
    assert!(matches!(error, AppError::Notify(_)), "{error}");
    assert!(world.topic.told().is_empty());
    let head = world.warehouse.rows(r#""s"."head""#);
    assert_eq!(head, ["HD|1"], "one part keeps the other waiting");
    world.announce(&object, "prepare").await.done();
    world.deliver_events().await.unwrap();
    let mut told = world.topic.told();
    told.sort();
    assert_eq!(told, ["loaded HD", "rejected DT", "split"]);
}

#[tokio::test]
async fn a_file_that_invocation_after_invocation_dies_over_is_refused_and_told() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    for _ in 0..10 {
        world.calls.strike(Aim::Next(OPEN), Fault::DiesBefore);
        assert!(matches!(world.announce(&object, "first").await, Tried::Died));
    }
    let outcome = world.announce(&object, "first").await.done();
    assert!(
        matches!(&outcome, ObjectOutcome::Rejected { code, .. } if code == "worn_out"),
        "{outcome:?}"
    );
    assert_eq!(world.topic.told(), ["rejected"]);
    assert_eq!(world.files.keys_in("archive/error").len(), 1);
}

#[tokio::test]
async fn a_load_that_invocation_after_invocation_dies_over_while_submitting_it_fails_and_is_told() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    for _ in 0..11 {
        world.calls.strike(Aim::Next(SUBMIT), Fault::DiesBefore);
        assert!(matches!(world.announce(&object, "first").await, Tried::Died));
        if world.load_of(&object).await.deaths == 9 {
            break;
        }
    }
    let lease = world.load_of(&object).await.lease;
    assert!(lease.is_some());
    let outcome = world.announce(&object, "first").await.done();
    assert!(matches!(outcome, ObjectOutcome::Failed { .. }), "{outcome:?}");
    assert_eq!(
        world.load_of(&object).await.error_code.as_deref(),
        Some("worn_out")
    );
    assert_eq!(world.topic.told(), ["failed"]);
}

#[tokio::test]
async fn a_load_that_all_died_over_is_not_given_up_when_the_warehouse_has_it() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    while world.warehouse.handed().is_empty() {
        let known = world.app.store.load(LoadId::of(&object)).await.unwrap();
        let fault = match known.is_some_and(|load| load.deaths == 8) {
            true => Fault::DiesAfter,
            false => Fault::DiesBefore,
        };
        world.calls.strike(Aim::Next(SUBMIT), fault);
        assert!(matches!(world.announce(&object, "first").await, Tried::Died));
    }
    assert_eq!(world.announce(&object, "first").await.done(), submitted(&object));
    world.deliver_events().await.unwrap();
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
    assert_eq!(world.topic.told(), ["loaded"]);
}

#[tokio::test]
async fn an_invocation_that_is_nearly_over_begins_nothing() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    let error = world
        .announce_within(&object, "first", TimeDelta::seconds(19))
        .await
        .failed();
    assert!(matches!(error, AppError::OutOfTime { .. }), "{error}");
    assert_eq!(error.disposition(), Disposition::Retry);
    assert_eq!(world.announce(&object, "first").await.done(), submitted(&object));
}

#[tokio::test]
async fn a_preparation_that_runs_out_of_time_leaves_nothing_behind_and_is_taken_up_at_once() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world();
    let object = world.land("in/split_703.txt", "HD|1\nHD|2\n");
    world.clock.step_at_each_look(TimeDelta::seconds(10));
    let error = world
        .announce_within(&object, "first", TimeDelta::seconds(45))
        .await
        .failed();
    assert!(matches!(error, AppError::OutOfTime { .. }), "{error}");
    let load = world.load_of(&object).await;
    assert_eq!((load.lease, load.handovers, load.deaths), (None, 1, 0));
    assert!(world.files.keys_in("processing").is_empty());
    world.clock.step_at_each_look(TimeDelta::zero());
    let report = world.reconcile().await;
    assert_eq!(report.carried_on.len(), 1, "{report:?}");
    assert_eq!(world.load_of(&object).await.state, LoadState::Split);
}

#[tokio::test]
async fn a_file_that_is_too_long_for_one_invocation_after_the_other_is_refused_and_says_what_to_do() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world();
    let object = world.land("in/split_703.txt", "HD|1\nHD|2\n");
    world.clock.step_at_each_look(TimeDelta::seconds(10));
    for _ in 0..2 {
        world
            .announce_within(&object, "first", TimeDelta::seconds(45))
            .await
            .failed();
    }
    let outcome = world
        .announce_within(&object, "first", TimeDelta::seconds(45))
        .await
        .done();
    assert!(
        matches!(&outcome, ObjectOutcome::Rejected { code, .. } if code == "too_long_to_prepare"),
        "{outcome:?}"
    );
    let error = world.load_of(&object).await.error.unwrap();
    assert!(
        error.contains("give the function more time or more memory"),
        "{error}"
    );
    assert_eq!(world.topic.told(), ["rejected"]);
}

fn submitted(object: &Object) -> ObjectOutcome {
    ObjectOutcome::Submitted {
        load_id: LoadId::of(object),
    }
}

/// An invocation that was done with its own load goes on with another one's, and dies at any call, so many times one after the
/// other. AWS repeats it within a minute or two; its lease would keep everybody else waiting for a quarter of an hour.
async fn its_repetition_takes_up_the_other(
    bench: &Bench,
    deaths: usize,
    begin: impl AsyncFn(&World, usize) -> Last,
) {
    for number in 0.. {
        bench.run("DELETE FROM rdscnfg.ext_marker_table").await;
        let world = bench.world();
        let last = begin(&world, number).await;
        for _ in 0..deaths {
            let before = world.calls.made().len();
            world.calls.strike(Aim::Number(before + number), Fault::DiesAfter);
            last.once(&world).await;
            world.clock.advance(TimeDelta::minutes(1));
        }
        if !world.calls.are_struck() {
            assert!(number > 10, "it made {number} calls");
            break;
        }
        last.until_done(&world).await;
        for _ in 0..3 {
            deliver_others(&world, &last).await;
            world.pass_time_quietly(TimeDelta::minutes(1)).await;
        }
        let open = "SELECT count(*) FROM rdscnfg.ext_file_load WHERE finished_at IS NULL";
        let open: i64 = bench.client.query_one(open, &[]).await.unwrap().get(0);
        assert_eq!(open, 0, "call {number}");
    }
}

/// The invocation that dies.
enum Last {
    Announcement(Object),
    Event(Handed),
}

impl Last {
    async fn once(&self, world: &World) {
        match self {
            Self::Announcement(object) => drop(world.announce(object, "prepare last").await),
            Self::Event(handed) => drop(world.deliver(handed, &format!("finish {}", handed.name)).await),
        }
    }

    async fn until_done(&self, world: &World) {
        match self {
            Self::Announcement(object) => {
                world.announce_until_done(object, "prepare last").await.unwrap();
            }
            Self::Event(handed) => {
                let request = format!("finish {}", handed.name);
                world.deliver_until_done(handed, &request).await.unwrap();
            }
        }
    }
}

/// The events of all statements but that of the invocation that died: AWS does not repeat what ended well.
async fn deliver_others(world: &World, last: &Last) {
    let mut delivered = match last {
        Last::Event(handed) => BTreeSet::from([handed.id.clone()]),
        Last::Announcement(_) => BTreeSet::new(),
    };
    while let Some(next) =
        (world.warehouse.handed().into_iter()).find(|handed| delivered.insert(handed.id.clone()))
    {
        let request = format!("finish {}", next.name);
        world.deliver_until_done(&next, &request).await.unwrap();
    }
}

/// So many files but the last one of them are announced.
async fn announce_all_but_one(world: &World, round: usize, files: usize) -> Object {
    for number in 1..files {
        world.clock.advance(TimeDelta::seconds(1));
        let object = world.land(
            &format!("in/{round}/f{number}_701.txt"),
            &format!("plum|{number}\n"),
        );
        world.announce(&object, &format!("prepare {number}")).await.done();
    }
    world.land(&format!("in/{round}/last_701.txt"), "plum|0\n")
}

#[tokio::test]
async fn a_batch_is_handed_over_by_the_repetition_of_who_died_over_it() {
    let rule = Rule::new(1, "701", "price").with("file_name_column = NULL, batch_files = 2");
    let bench = Bench::with(&[rule]).await;
    let begin = async |world: &World, round| Last::Announcement(announce_all_but_one(world, round, 2).await);
    its_repetition_takes_up_the_other(&bench, 1, begin).await;
}

/// Where a follow-up runs, the load of the invocation that dies is not done with.
#[tokio::test]
async fn the_next_at_a_table_goes_on_with_the_repetition_of_who_died_over_it() {
    for (rule, deaths) in [(RULES[0], 1), (FOLLOWED, 1), (FOLLOWED, 2)] {
        let bench = Bench::with(&[rule]).await;
        let begin = async |world: &World, round| {
            let last = announce_all_but_one(world, round, PLACES_PER_TABLE as usize + 2).await;
            world.announce(&last, "prepare").await.done();
            Last::Event(world.warehouse.handed().remove(0))
        };
        its_repetition_takes_up_the_other(&bench, deaths, begin).await;
    }
}

#[tokio::test]
async fn a_delivered_file_is_put_away_by_the_repetition_of_who_died_over_it() {
    let rule = Rule::new(1, "701", "price").with("further_targets = 'mart=s.head'");
    let bench = Bench::with(&[rule]).await;
    bench
        .run(
            "INSERT INTO rdscnfg.ext_target
                 (ext_target_sid, target_name, cluster_identifier, database_name, iam_role, region)
             VALUES (1, 'mart', 'model', 'mart', 'default', 'ap-south-1')",
        )
        .await;
    let begin = async |world: &World, round| {
        let object = announce_all_but_one(world, round, 1).await;
        world.announce(&object, "prepare").await.done();
        let mut handed = world.warehouse.handed();
        world.deliver(&handed.remove(0), "finish one").await.done();
        Last::Event(handed.remove(0))
    };
    its_repetition_takes_up_the_other(&bench, 1, begin).await;
}
