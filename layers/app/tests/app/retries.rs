//! What the warehouse could not do just then: tried again when it is due, given up in the end, and not while it is down.

use chrono::TimeDelta;
use longshore_app::{ObjectOutcome, ReconcileReport};
use longshore_domain::fault::WarehouseFault;
use longshore_domain::load::LoadState;
use longshore_domain::object::Object;
use longshore_domain::target::Login;
use longshore_store::{Operator, ProbedNow, StatementState};
use rstest::rstest;

use crate::support::bench::Bench;
use crate::support::by_hand::follow_up_again;
use crate::support::calls::{Aim, Fault, Tried};
use crate::support::rules::Rule;
use crate::support::warehouse::{FIND, Mishap, SUBMIT};
use crate::support::world::World;

const PLAIN: Rule = Rule::new(1, "701", "price").with("max_attempts = 3");
const FOLLOWED: Rule = Rule::new(1, "701", "price").with("query = 'DELETE FROM s.old'");
const CALLING: Rule = Rule::new(1, "701", "price").with("query = 'call s.follow_up()'");
const PRICE: &str = r#""s"."price""#;
const CONFLICT: Mishap = Mishap::FailsAs(WarehouseFault::Transient, "ERROR: 1023");
const PAUSED: Mishap = Mishap::FailsAs(WarehouseFault::Down, "The cluster is paused");

/// Long enough for any wait.
const LONG: TimeDelta = TimeDelta::minutes(16);

async fn attempts(world: &World, object: &Object) -> Vec<(u32, StatementState)> {
    let load = world.load_of(object).await;
    let statements = world.app.store.statements(load.id).await.unwrap();
    statements
        .iter()
        .map(|statement| (statement.attempt, statement.state))
        .collect()
}

#[tokio::test]
async fn a_transaction_that_fails_in_passing_is_tried_again_when_it_is_due_and_not_before() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.warehouse.mishap("COPY", CONFLICT);
    let load = world.load(&object).await;
    assert_eq!(load.state, LoadState::Queued);
    assert_eq!(
        (load.retry.tries, load.retry.error.as_deref()),
        (1, Some("ERROR: 1023"))
    );
    let wait = load.due_at.unwrap() - world.clock.reads();
    assert!((15..=45).contains(&wait.num_seconds()), "{wait}");

    world.pass_time(wait - TimeDelta::seconds(1)).await;
    assert_eq!(world.warehouse.handed().len(), 1);
    let again = world.announce(&object, "again").await.done();
    assert!(matches!(again, ObjectOutcome::Waiting { .. }), "{again:?}");
    world.deliver_events().await.unwrap();
    assert_eq!(
        world.load_of(&object).await.retry.tries,
        1,
        "a repeated event counts nothing"
    );

    world.pass_time(TimeDelta::seconds(1)).await;
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
    assert_eq!(world.warehouse.rows(PRICE), ["plum|1"]);
    assert_eq!(world.topic.told(), ["loaded"]);
    let expected = [(1, StatementState::Failed), (2, StatementState::Finished)];
    assert_eq!(attempts(&world, &object).await, expected);
}

#[tokio::test]
async fn a_load_that_used_up_its_attempts_fails_and_says_how_often_it_was_tried() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    for _ in 0..4 {
        world.warehouse.mishap("COPY", CONFLICT);
    }
    world.load(&object).await;
    for _ in 0..4 {
        world.pass_time(LONG).await;
    }
    let load = world.load_of(&object).await;
    assert_eq!(load.state, LoadState::Failed);
    assert_eq!(load.error_code.as_deref(), Some("copy_failed"));
    insta::assert_snapshot!(load.error.unwrap(), @"ERROR: 1023; tried 3 times within 32 min, and given up");
    assert_eq!(world.topic.told(), ["failed"]);
    assert_eq!(world.files.keys_in("archive/error").len(), 1);
    assert_eq!(attempts(&world, &object).await.len(), 3);
}

#[tokio::test]
async fn the_time_that_the_rule_allows_runs_out() {
    let rule = Rule::new(1, "701", "price").with("retry_minutes = 20");
    let bench = Bench::with(&[rule]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    for _ in 0..4 {
        world.warehouse.mishap("COPY", CONFLICT);
    }
    world.load(&object).await;
    for _ in 0..4 {
        world.pass_time(LONG).await;
    }
    assert_eq!(world.load_of(&object).await.state, LoadState::Failed);
    assert_eq!(attempts(&world, &object).await.len(), 3);
}

#[tokio::test]
async fn a_permanent_error_fails_at_once() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    let denied = Mishap::FailsAs(WarehouseFault::Configuration, "ERROR: permission denied");
    world.warehouse.mishap("INSERT INTO \"s\"", denied);
    let load = world.load(&object).await;
    assert_eq!(load.state, LoadState::Failed);
    assert_eq!(load.error.as_deref(), Some("ERROR: permission denied"));
    assert_eq!(attempts(&world, &object).await.len(), 1);
}

#[tokio::test]
async fn a_failure_of_the_count_that_passes_is_not_blamed_on_the_file() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.warehouse.mishap("COUNT(*) = 1", CONFLICT);
    world.load(&object).await;
    world.pass_time(LONG).await;
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
}

#[tokio::test]
async fn a_submission_that_the_service_is_too_busy_for_waits_and_uses_up_no_attempt() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    for _ in 0..5 {
        world.warehouse.mishap("LOCK", Mishap::Busy);
    }
    let outcome = world.announce(&object, "prepare").await.done();
    assert!(matches!(outcome, ObjectOutcome::Waiting { .. }), "{outcome:?}");
    for _ in 0..5 {
        world.pass_time(LONG).await;
    }
    let load = world.load_of(&object).await;
    assert_eq!((load.state, load.retry.tries), (LoadState::Complete, 0));
    assert_eq!(attempts(&world, &object).await, [(1, StatementState::Finished)]);
}

#[tokio::test]
async fn a_service_that_is_busy_for_longer_than_the_rule_allows_fails_no_load() {
    let rule = Rule::new(1, "701", "price").with("retry_minutes = 10");
    let bench = Bench::with(&[rule]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    for _ in 0..5 {
        world.warehouse.mishap("LOCK", Mishap::Busy);
    }
    world.announce(&object, "prepare").await.done();
    for _ in 0..5 {
        assert_eq!(world.load_of(&object).await.state, LoadState::Queued);
        world.pass_time(LONG).await;
    }
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
    assert_eq!(world.topic.told(), ["loaded"]);
}

#[tokio::test]
async fn a_statement_that_the_service_does_not_take_fails_its_load_and_is_told() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.warehouse.mishap("LOCK", Mishap::Refused);
    let outcome = world.announce(&object, "prepare").await.done();
    assert!(matches!(outcome, ObjectOutcome::Failed { .. }), "{outcome:?}");
    let load = world.load_of(&object).await;
    assert_eq!(load.error_code.as_deref(), Some("submission_refused"));
    assert_eq!(world.topic.told(), ["failed"]);
    assert_eq!(world.files.keys_in("archive/error").len(), 1);
}

/// Loads of one warehouse, each of which met it paused once, in order.
async fn met_it_paused(world: &World, count: usize) -> Vec<Object> {
    let mut objects = Vec::new();
    for number in 0..count {
        let object = world.land(&format!("in/file{number}_701.txt"), &format!("plum|{number}\n"));
        world.warehouse.mishap("LOCK", PAUSED);
        world.load(&object).await;
        objects.push(object);
    }
    objects
}

#[tokio::test]
async fn a_warehouse_that_is_down_is_told_once_spared_and_found_again_by_a_probe() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let mut objects = met_it_paused(&world, 5).await;
    assert_eq!(world.topic.told(), ["warehouse_paused"]);
    let sent = world.warehouse.handed().len();
    for number in 5..8 {
        let object = world.land(&format!("in/file{number}_701.txt"), &format!("plum|{number}\n"));
        let outcome = world.announce(&object, "prepare").await.done();
        assert!(matches!(outcome, ObjectOutcome::Waiting { .. }), "{outcome:?}");
        let load = world.load_of(&object).await;
        assert_eq!((load.state, load.retry.tries), (LoadState::Queued, 0));
        assert!(load.waits_for.is_some());
        objects.push(object);
    }
    assert_eq!(
        world.warehouse.handed().len(),
        sent,
        "nothing is sent while it is paused"
    );

    // Those of the first four whose own wait is over find it paused and wait with the others; one probe fails.
    world.warehouse.mishap("LOCK", PAUSED);
    world.pass_time(TimeDelta::seconds(61)).await;
    assert_eq!(world.warehouse.handed().len(), sent + 1);
    world.pass_time(TimeDelta::minutes(1)).await;
    assert_eq!(
        world.warehouse.handed().len(),
        sent + 1,
        "the wait for the next probe doubled"
    );

    world.pass_time(TimeDelta::minutes(2)).await;
    world.pass_time(TimeDelta::minutes(1)).await;
    for object in &objects {
        assert_eq!(world.load_of(object).await.state, LoadState::Complete);
    }
    assert_eq!(world.warehouse.rows(PRICE).len(), 8);
    let told = world.topic.told();
    let count = |word: &str| told.iter().filter(|told| *told == word).count();
    assert_eq!(
        (
            count("warehouse_paused"),
            count("warehouse_resumed"),
            count("loaded")
        ),
        (1, 1, 8)
    );
}

#[tokio::test]
async fn an_operator_has_a_warehouse_that_is_up_again_tried_at_once() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let objects = met_it_paused(&world, 5).await;
    let ann = Operator {
        name: "ann".to_owned(),
        reason: "it is up again".to_owned(),
    };
    let warehouse = world.app.config.warehouse.to_string();
    world.clock.advance(TimeDelta::seconds(5));
    let probed = bench.store.probe_now(&warehouse, &ann, world.clock.reads()).await;
    let last = world.load_of(&objects[4]).await.id;
    assert_eq!(probed.unwrap(), ProbedNow::By(last));
    world.pass_time(TimeDelta::zero()).await;
    assert!(world.topic.told().contains(&"warehouse_resumed".to_owned()));
    assert_eq!(world.load_of(&objects[4]).await.state, LoadState::Complete);
}

#[tokio::test]
async fn the_first_load_of_a_table_may_be_the_probe_that_finds_its_warehouse_back() {
    let bench = Bench::with(&[PLAIN, Rule::new(2, "702", "head")]).await;
    let world = bench.world();
    met_it_paused(&world, 5).await;
    world.clock.advance(TimeDelta::seconds(61));
    let object = world.land("in/first_702.txt", "plum|1\n");
    assert_eq!(world.load(&object).await.state, LoadState::Complete);
    assert!(world.topic.told().contains(&"warehouse_resumed".to_owned()));
}

#[tokio::test]
async fn a_load_that_only_met_its_warehouse_down_has_all_its_attempts_left() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    for _ in 0..20 {
        world.warehouse.mishap("LOCK", PAUSED);
    }
    world.load(&object).await;
    for _ in 0..30 {
        world.pass_time(LONG).await;
    }
    let load = world.load_of(&object).await;
    assert_eq!((load.state, load.retry.tries), (LoadState::Complete, 0));
}

#[tokio::test]
async fn a_deployment_that_may_not_use_its_warehouse_is_told_once_and_loses_no_file() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    world.warehouse.mishap("LOCK", Mishap::Denied);
    let objects: Vec<_> = (0..3)
        .map(|number| world.land(&format!("in/file{number}_701.txt"), &format!("plum|{number}\n")))
        .collect();
    for object in &objects {
        let outcome = world.announce(object, "prepare").await.done();
        assert!(matches!(outcome, ObjectOutcome::Waiting { .. }), "{outcome:?}");
    }
    assert_eq!(world.topic.told(), ["warehouse_paused"]);
    world.pass_time(TimeDelta::seconds(61)).await;
    world.pass_time(TimeDelta::minutes(1)).await;
    for object in &objects {
        assert_eq!(world.load_of(object).await.state, LoadState::Complete);
    }
}

#[tokio::test]
async fn a_warehouse_that_goes_away_twice_over_one_load_is_told_of_each_time() {
    let bench = Bench::with(&[FOLLOWED]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.warehouse.mishap("LOCK", Mishap::Denied);
    world.announce(&object, "prepare").await.done();
    // Still away: not told again.
    world.warehouse.mishap("LOCK", Mishap::Denied);
    world.pass_time(TimeDelta::minutes(2)).await;
    assert_eq!(world.topic.told(), ["warehouse_paused"]);
    world.warehouse.mishap("DELETE", Mishap::Denied);
    world.pass_time(LONG).await;
    let both = [
        "warehouse_paused",
        "warehouse_resumed",
        "loaded",
        "warehouse_paused",
    ];
    assert_eq!(world.topic.told(), both);
    world.pass_time(LONG).await;
    world.pass_time(LONG).await;
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
    assert_eq!(
        world.topic.told(),
        [both.as_slice(), &["warehouse_resumed"]].concat()
    );
}

#[tokio::test]
async fn a_target_that_cannot_be_looked_at_just_now_is_not_missing() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.warehouse.mishap("WHERE 1 = 0", PAUSED);
    let outcome = world.announce(&object, "prepare").await.done();
    assert!(matches!(outcome, ObjectOutcome::Waiting { .. }), "{outcome:?}");
    assert_eq!(world.load_of(&object).await.state, LoadState::Received);
    world.pass_time(LONG).await;
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
}

#[tokio::test]
async fn a_follow_up_that_left_nothing_behind_is_tried_again() {
    let bench = Bench::with(&[FOLLOWED]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.warehouse.mishap("s.old", CONFLICT);
    let load = world.load(&object).await;
    assert_eq!((load.state, load.retry.tries), (LoadState::Transforming, 1));
    world.pass_time(LONG).await;
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
    assert_eq!(world.warehouse.follow_ups(), ["DELETE FROM s.old"]);
    assert_eq!(world.topic.told(), ["loaded"]);
}

#[rstest]
#[case::is_told(CALLING, LoadState::TransformFailed)]
#[case::is_tried_again_where_the_rule_says_so(
    Rule::new(1, "701", "price").with("query = 'call s.follow_up()', query_retry_flag = 'Y'"),
    LoadState::Complete
)]
#[tokio::test]
async fn a_call_that_fails_in_passing(#[case] rule: Rule, #[case] state: LoadState) {
    let bench = Bench::with(&[rule]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.warehouse.mishap("call s.follow_up()", CONFLICT);
    world.load(&object).await;
    world.pass_time(LONG).await;
    assert_eq!(world.load_of(&object).await.state, state);
}

/// A load whose transaction was handed over while the answer, and the invocation, were lost.
async fn lost_its_answer(world: &World) -> Object {
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.calls.strike(Aim::Next(SUBMIT), Fault::DiesAfter);
    assert!(matches!(world.announce(&object, "prepare").await, Tried::Died));
    object
}

/// Loaded, and its follow-up was handed over by an invocation that died before it had the answer.
async fn lost_the_answer_of_its_follow_up(world: &World) -> Object {
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.announce(&object, "prepare").await.done();
    world.calls.strike(Aim::Next(SUBMIT), Fault::DiesAfter);
    let statement = world.warehouse.handed().remove(0);
    assert!(matches!(world.deliver(&statement, "finish").await, Tried::Died));
    object
}

#[tokio::test]
async fn within_eight_hours_a_lost_submission_is_found_by_its_token() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = lost_its_answer(&world).await;
    world.pass_time(TimeDelta::minutes(7 * 60 + 44)).await;
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
    assert!(!world.calls.made().contains(&FIND));
    assert_eq!(world.warehouse.handed().len(), 1);
}

#[tokio::test]
async fn after_eight_hours_it_is_found_by_its_name_and_nothing_is_sent() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = lost_its_answer(&world).await;
    world.warehouse.forget_tokens();
    world.clock.advance(TimeDelta::minutes(7 * 60 + 45));
    world.reconcile().await;
    assert_eq!(world.load_of(&object).await.state, LoadState::Submitted);
    let submissions = world.calls.made().iter().filter(|call| **call == SUBMIT).count();
    assert_eq!(submissions, 1);
    world.deliver_events().await.unwrap();
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
}

/// The service takes the token for new, and refuses what runs already.
async fn is_refused_after_a_lost_answer(world: &World, text: &'static str) -> ReconcileReport {
    world.warehouse.forget_tokens();
    world.warehouse.mishap(text, Mishap::Refused);
    world.clock.advance(LONG);
    world.reconcile().await
}

#[tokio::test]
async fn a_refusal_after_a_lost_answer_fails_no_load_whose_statement_is_there() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = lost_its_answer(&world).await;
    is_refused_after_a_lost_answer(&world, "LOCK").await;
    assert_eq!(world.load_of(&object).await.state, LoadState::Submitted);
    world.deliver_events().await.unwrap();
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
    assert_eq!(world.topic.told(), ["loaded"]);
    assert_eq!(world.warehouse.handed().len(), 1);
}

#[tokio::test]
async fn a_refusal_of_what_the_client_repeated_by_itself_fails_no_load_whose_statement_is_there() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.warehouse.mishap("LOCK", Mishap::TakenAndRefused);
    let outcome = world.announce(&object, "prepare").await.done();
    assert!(matches!(outcome, ObjectOutcome::Submitted { .. }), "{outcome:?}");
    world.deliver_events().await.unwrap();
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
}

#[tokio::test]
async fn a_refusal_after_a_call_that_never_arrived_fails_its_load() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.calls.strike(Aim::Next(SUBMIT), Fault::NotReached);
    world.announce(&object, "prepare").await.done();
    is_refused_after_a_lost_answer(&world, "LOCK").await;
    let load = world.load_of(&object).await;
    assert_eq!(load.state, LoadState::Failed);
    assert_eq!(load.error_code.as_deref(), Some("submission_refused"));
    assert_eq!(world.topic.told(), ["failed"]);
}

#[tokio::test]
async fn a_refusal_after_a_lost_answer_decides_nothing_while_the_search_fails() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = lost_its_answer(&world).await;
    world.calls.strike(Aim::Next(FIND), Fault::NotReached);
    let report = is_refused_after_a_lost_answer(&world, "LOCK").await;
    assert_eq!(report.failed.len(), 1, "{report:?}");
    world.pass_time(LONG).await;
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
    assert_eq!(world.warehouse.rows(PRICE), ["plum|1"]);
    assert_eq!(world.topic.told(), ["loaded"]);
}

#[tokio::test]
async fn a_refusal_after_a_lost_answer_fails_no_follow_up_that_is_there() {
    let bench = Bench::with(&[FOLLOWED]).await;
    let world = bench.world();
    let object = lost_the_answer_of_its_follow_up(&world).await;
    is_refused_after_a_lost_answer(&world, "DELETE").await;
    world.deliver_events().await.unwrap();
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
    assert_eq!(world.warehouse.follow_ups().len(), 1);
    assert_eq!(world.topic.told(), ["loaded"]);
}

#[tokio::test]
async fn a_search_that_fails_sends_nothing() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = lost_its_answer(&world).await;
    world.warehouse.forget_tokens();
    world.clock.advance(TimeDelta::hours(9));
    world.calls.strike(Aim::Next(FIND), Fault::NotReached);
    let report = world.reconcile().await;
    assert_eq!(report.failed.len(), 1);
    assert_eq!(world.warehouse.handed().len(), 1);
    world.pass_time(LONG).await;
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
    assert_eq!(world.warehouse.handed().len(), 1);
}

#[tokio::test]
async fn after_a_day_the_marker_decides_and_nothing_is_loaded_twice() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = lost_its_answer(&world).await;
    world.warehouse.forget_statements();
    world.clock.advance(TimeDelta::hours(25));
    world.reconcile().await;
    world.deliver_events_known().await;
    let load = world.load_of(&object).await;
    assert_eq!((load.state, load.rows_loaded), (LoadState::Complete, Some(1)));
    assert_eq!(world.warehouse.rows(PRICE), ["plum|1"]);
    assert_eq!(
        attempts(&world, &object).await,
        [(1, StatementState::Failed), (2, StatementState::Failed)]
    );
}

#[tokio::test]
async fn a_submission_that_never_arrived_is_made_again_after_a_day() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.calls.strike(Aim::Next(SUBMIT), Fault::DiesBefore);
    assert!(matches!(world.announce(&object, "prepare").await, Tried::Died));
    world.pass_time(TimeDelta::hours(25)).await;
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
    assert_eq!(
        attempts(&world, &object).await,
        [(1, StatementState::Failed), (2, StatementState::Finished)]
    );
}

#[tokio::test]
async fn a_follow_up_of_which_there_is_no_trace_is_told_and_not_run_again() {
    let bench = Bench::with(&[FOLLOWED]).await;
    let world = bench.world();
    let object = lost_the_answer_of_its_follow_up(&world).await;
    world.warehouse.forget_statements();
    world.pass_time_quietly(TimeDelta::hours(25)).await;
    let load = world.load_of(&object).await;
    assert_eq!(load.state, LoadState::TransformFailed);
    assert_eq!(world.warehouse.follow_ups().len(), 1);
    assert_eq!(world.topic.told(), ["loaded", "follow_up_failed"]);
}

#[tokio::test]
async fn a_follow_up_that_was_refused_all_night_is_run_in_the_morning() {
    let bench = Bench::with(&[FOLLOWED]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.warehouse.mishap("DELETE", Mishap::Denied);
    world.load(&object).await;
    let refused_for = TimeDelta::hours(9);
    let until = world.clock.reads() + refused_for;
    while world.clock.reads() < until {
        world.warehouse.mishap("DELETE", Mishap::Denied);
        world.pass_time(LONG).await;
        assert_eq!(world.load_of(&object).await.state, LoadState::Transforming);
    }
    world.warehouse.recover();
    world.pass_time(LONG).await;
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
    assert_eq!(world.warehouse.follow_ups().len(), 1);
}

#[tokio::test]
async fn a_follow_up_whose_answer_was_lost_once_is_not_taken_for_refused() {
    let bench = Bench::with(&[FOLLOWED]).await;
    let world = bench.world();
    let object = lost_the_answer_of_its_follow_up(&world).await;
    world.warehouse.forget_tokens();
    world.warehouse.forget_statements();
    world.warehouse.mishap("DELETE", Mishap::Denied);
    world.pass_time_quietly(LONG).await;
    world.pass_time_quietly(TimeDelta::hours(9)).await;
    assert_eq!(world.load_of(&object).await.state, LoadState::TransformFailed);
    assert_eq!(world.warehouse.follow_ups().len(), 1);
}

#[tokio::test]
async fn a_follow_up_that_another_role_ran_is_not_taken_for_forgotten() {
    let bench = Bench::with(&[FOLLOWED]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.announce(&object, "prepare").await.done();
    let statement = world.warehouse.handed().remove(0);
    world.deliver(&statement, "finish").await.done();
    world.warehouse.forget_statements();
    world.clock.advance(LONG);
    let report = world.reconcile().await;
    assert_eq!(report.failed.len(), 1, "{report:?}");
    assert!(report.failed[0].1.contains("another role"), "{report:?}");
    assert_eq!(world.load_of(&object).await.state, LoadState::Transforming);

    world.pass_time_quietly(TimeDelta::hours(25)).await;
    assert_eq!(world.load_of(&object).await.state, LoadState::TransformFailed);
    assert_eq!(world.warehouse.follow_ups().len(), 1);
}

/// It was never called, so no answer of it was lost, however long the warehouse is away.
#[tokio::test]
async fn a_follow_up_that_is_run_again_waits_for_its_warehouse_as_long_as_that_is_away() {
    let bench = Bench::with(&[CALLING]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    let mishap = Mishap::Fails("ERROR: no such table");
    world.warehouse.mishap("call s.follow_up()", mishap);
    let load = world.load(&object).await;
    assert_eq!(load.state, LoadState::TransformFailed);

    world.warehouse.lock_out(Some(Login::CallerIdentity));
    follow_up_again(&world, load.id, None).await;
    for _ in 0..3 {
        world.pass_time_quietly(TimeDelta::hours(3)).await;
        assert_eq!(world.load_of(&object).await.state, LoadState::Transforming);
    }
    world.warehouse.lock_out(None);
    world.pass_time(LONG).await;
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
    assert_eq!(world.warehouse.follow_ups(), ["call s.follow_up()"]);
}
