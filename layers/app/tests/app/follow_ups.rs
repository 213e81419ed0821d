//! Follow-ups of several steps: one after the other, each by its own rules, none of them twice, none after one that failed.

use chrono::{TimeDelta, Utc};
use longshore_domain::fault::WarehouseFault;
use longshore_domain::load::LoadState;
use longshore_domain::object::Object;
use longshore_store::{AuditFilter, Chain, StatementState, follow_up_steps};
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::bench::Bench;
use crate::support::by_hand::follow_up_again;
use crate::support::calls::{Aim, Fault};
use crate::support::rules::Rule;
use crate::support::warehouse::{Mishap, SUBMIT};
use crate::support::world::World;

const STEPS: Rule = Rule::new(1, "701", "price").with(
    r#"query = '["call s.one()", {"ExecuteStatementParameters": "call s.two()", "MaxRetries": 2,
        "BaseWaitTime": 5, "MaxWait": 9, "RetryErrorMatch": "locked"}, "call s.three()"]'"#,
);
const NAMED: Rule = Rule::new(1, "701", "price").with("query = 'chain:daily_totals'");
const LOCKED: Mishap = Mishap::Fails("ERROR: locked");
const LONG: TimeDelta = TimeDelta::minutes(16);

/// Step, state and tries of the follow-up.
async fn steps(world: &World, object: &Object) -> Vec<(u32, Option<StatementState>, u32)> {
    let load = world.load_of(object).await;
    let statements = world.app.store.statements(load.id).await.unwrap();
    let steps = follow_up_steps(&statements);
    steps
        .iter()
        .map(|step| (step.step, step.state, step.attempts))
        .collect()
}

async fn audit(bench: &Bench, world: &World, object: &Object) -> (Option<String>, Value) {
    let filter = AuditFilter {
        load: Some(world.load_of(object).await.id),
        limit: 1,
        ..AuditFilter::default()
    };
    let row = bench.store.audit_rows(&filter).await.unwrap().remove(0);
    (row.followup_error, row.followup_steps.unwrap())
}

fn states(steps: &Value) -> Vec<&Value> {
    let steps = steps.as_array().unwrap();
    steps.iter().map(|step| &step["state"]).collect()
}

#[tokio::test]
async fn steps_run_one_after_the_other_and_the_audit_has_each() {
    let bench = Bench::with(&[STEPS]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    let load = world.load(&object).await;
    assert_eq!(load.state, LoadState::Complete);
    assert_eq!(
        world.warehouse.follow_ups(),
        ["call s.one()", "call s.two()", "call s.three()"]
    );
    let finished = Some(StatementState::Finished);
    assert_eq!(
        steps(&world, &object).await,
        [(1, finished, 1), (2, finished, 1), (3, finished, 1)]
    );
    let (error, audited) = audit(&bench, &world, &object).await;
    assert_eq!(error, None);
    assert_eq!(states(&audited), ["finished", "finished", "finished"]);
    assert_eq!(world.topic.told(), ["loaded"]);
}

#[tokio::test]
async fn a_step_is_tried_again_by_its_own_rules_and_goes_on_from_there() {
    let bench = Bench::with(&[STEPS]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.warehouse.mishap("s.two", LOCKED);
    let load = world.load(&object).await;
    assert_eq!(load.state, LoadState::Transforming);
    let wait = load.due_at.unwrap() - world.clock.reads();
    assert!((5..=9).contains(&wait.num_seconds()), "{wait}");
    assert_eq!(
        load.retry.tries, 0,
        "the rule's own tries are for what passes by itself"
    );

    world.pass_time(wait - TimeDelta::seconds(1)).await;
    assert_eq!(world.warehouse.follow_ups(), ["call s.one()"]);
    world.pass_time(TimeDelta::seconds(2)).await;
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
    assert_eq!(
        world.warehouse.follow_ups(),
        ["call s.one()", "call s.two()", "call s.three()"]
    );
    let finished = Some(StatementState::Finished);
    assert_eq!(
        steps(&world, &object).await,
        [(1, finished, 1), (2, finished, 2), (3, finished, 1)]
    );
}

#[tokio::test]
async fn a_step_that_fails_for_good_ends_the_follow_up_and_is_named() {
    let bench = Bench::with(&[STEPS]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world
        .warehouse
        .mishap("s.two", Mishap::Fails("ERROR: no such table"));
    let load = world.load(&object).await;
    assert_eq!(load.state, LoadState::TransformFailed);
    assert_eq!(world.warehouse.follow_ups(), ["call s.one()"]);
    let (error, audited) = audit(&bench, &world, &object).await;
    assert_eq!(error.as_deref(), Some("step 2 of 3: ERROR: no such table"));
    assert_eq!(
        states(&audited),
        [&json!("finished"), &json!("failed"), &Value::Null]
    );
    assert_eq!(world.topic.told(), ["loaded", "follow_up_failed"]);
}

#[tokio::test]
async fn a_step_is_tried_so_often_and_no_more() {
    let bench = Bench::with(&[STEPS]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    for _ in 0..3 {
        world.warehouse.mishap("s.two", LOCKED);
    }
    world.load(&object).await;
    world.pass_time(LONG).await;
    assert_eq!(world.load_of(&object).await.state, LoadState::Transforming);
    world.pass_time(LONG).await;
    assert_eq!(world.load_of(&object).await.state, LoadState::TransformFailed);
    let (error, _) = audit(&bench, &world, &object).await;
    assert_eq!(error.as_deref(), Some("step 2 of 3: ERROR: locked"));
    assert_eq!(
        steps(&world, &object).await,
        [
            (1, Some(StatementState::Finished), 1),
            (2, Some(StatementState::Failed), 3)
        ]
    );
}

#[rstest]
#[case::from_the_step_that_failed(None)]
#[case::from_the_first(Some(1))]
#[tokio::test]
async fn a_step_of_a_follow_up_that_is_run_again_has_its_tries_anew(#[case] from: Option<u32>) {
    let bench = Bench::with(&[STEPS]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    for _ in 0..3 {
        world.warehouse.mishap("s.two", LOCKED);
    }
    let load = world.load(&object).await;
    for _ in 0..2 {
        world.pass_time(LONG).await;
    }
    assert_eq!(world.load_of(&object).await.state, LoadState::TransformFailed);

    follow_up_again(&world, load.id, from).await;
    for _ in 0..2 {
        world.warehouse.mishap("s.two", LOCKED);
    }
    for _ in 0..2 {
        world.pass_time(LONG).await;
        assert_eq!(world.load_of(&object).await.state, LoadState::Transforming);
    }
    world.pass_time(LONG).await;
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
}

/// Its own rules say nothing of this error; the CALL of another step would not be tried again.
#[tokio::test]
async fn a_step_that_left_nothing_behind_is_tried_again_as_its_load_would_be() {
    let rule = Rule::new(1, "701", "price").with(r#"query = '["DELETE FROM s.a", "DELETE FROM s.b"]'"#);
    let bench = Bench::with(&[rule]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    let conflict = || Mishap::FailsAs(WarehouseFault::Transient, "ERROR: 1023");
    world.warehouse.mishap("s.a", conflict());
    world.warehouse.mishap("s.b", conflict());
    world.load(&object).await;
    world.pass_time(LONG).await;
    let load = world.load_of(&object).await;
    assert_eq!(
        (load.state, load.retry.tries),
        (LoadState::Transforming, 1),
        "the failures of the first step are not the second's"
    );
    world.pass_time(LONG).await;
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
    assert_eq!(
        world.warehouse.follow_ups(),
        ["DELETE FROM s.a", "DELETE FROM s.b"]
    );
}

#[tokio::test]
async fn the_late_event_of_a_step_sends_the_one_after_it_that_was_not_sent() {
    let bench = Bench::with(&[STEPS]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.announce(&object, "prepare").await.done();
    let load_statement = world.warehouse.handed().remove(0);
    world.deliver(&load_statement, "load").await.done();
    let first = world.warehouse.handed().remove(1);
    // The second step is on record when the call for it dies.
    world.calls.strike(Aim::Next(SUBMIT), Fault::DiesBefore);
    world.deliver(&first, "first").await;
    assert_eq!(world.warehouse.handed().len(), 2);
    world.clock.advance(LONG);
    world.deliver(&first, "first again").await.done();
    assert_eq!(world.warehouse.handed().len(), 3);
    world.deliver(&first, "first once more").await.done();
    assert_eq!(world.warehouse.handed().len(), 3);
    world.deliver_events().await.unwrap();
    assert_eq!(
        world.warehouse.follow_ups(),
        ["call s.one()", "call s.two()", "call s.three()"]
    );
}

#[tokio::test]
async fn a_chain_is_run_as_it_was_when_the_load_was_planned() {
    let bench = Bench::with(&[NAMED]).await;
    let world = bench.world();
    let write = async |queries: Value| {
        bench
            .store
            .write_chain(&Chain::new("daily_totals", queries, Utc::now()))
            .await
            .unwrap();
    };
    write(json!(["call s.one()", "call s.two()"])).await;
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.announce(&object, "prepare").await.done();
    write(json!(["call s.other()"])).await;
    world.deliver_events().await.unwrap();
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
    assert_eq!(world.warehouse.follow_ups(), ["call s.one()", "call s.two()"]);
}

#[tokio::test]
async fn a_rule_that_names_no_chain_that_is_there_loads_nothing() {
    let bench = Bench::with(&[NAMED]).await;
    let world = bench.world();
    let queries = json!(["call s.one()"]);
    bench
        .store
        .write_chain(&Chain::new("daily_total", queries, Utc::now()))
        .await
        .unwrap();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    let load = world.load(&object).await;
    assert_eq!(load.state, LoadState::Rejected);
    let error = load.error.unwrap();
    assert!(
        error.contains("query: there is no chain \"daily_totals\"; did you mean daily_total?"),
        "{error}"
    );
    assert!(world.warehouse.handed().is_empty());
}
