//! Rules that are paused: their files wait, are neither refused nor lost, and go on by themselves.

use chrono::{TimeDelta, Utc};
use longshore_app::ObjectOutcome;
use longshore_domain::load::{LoadId, LoadState};

use crate::support::bench::Bench;
use crate::support::rules::Rule;

const PLAIN: Rule = Rule::new(1, "701", "price");
const PAUSED: Rule = PLAIN.with("paused = true, paused_note = 'the sender mends his files'");
const RESUME: &str = "UPDATE rdscnfg.ext_file_config SET paused = false";

#[tokio::test]
async fn a_file_of_a_paused_rule_waits_untold_and_is_loaded_once_it_is_resumed() {
    let bench = Bench::with(&[PAUSED]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    for request in ["first", "again"] {
        let outcome = world.announce(&object, request).await.done();
        assert!(matches!(outcome, ObjectOutcome::Waiting { .. }), "{outcome:?}");
    }
    world.pass_time(TimeDelta::hours(3)).await;
    let vitals = world.app.store.vitals(world.clock.reads()).await.unwrap();
    assert_eq!((vitals.unfinished, vitals.waiting_retries), (1, 0));
    assert_eq!(vitals.oldest_unfinished_seconds, None);
    let load = world.load_of(&object).await;
    assert_eq!(
        (load.state, load.waits_for.as_deref()),
        (LoadState::Received, Some("rule 1"))
    );
    assert_eq!(load.rule.map(|rule| rule.0), Some(1));
    assert_eq!(world.topic.told(), Vec::<String>::new());

    bench.run(RESUME).await;
    // By the database's own clock.
    let in_a_minute = Utc::now() + TimeDelta::minutes(1);
    let vitals = world.app.store.vitals(in_a_minute).await.unwrap();
    let age = vitals.oldest_unfinished_seconds.unwrap();
    assert!((60.0..600.0).contains(&age), "from when on it was resumed: {age}");
    world.pass_time(TimeDelta::minutes(3)).await;
    let load = world.load_of(&object).await;
    assert_eq!((load.state, load.waits_for), (LoadState::Complete, None));
    assert_eq!(world.topic.told(), ["loaded"]);
    assert_eq!(world.warehouse.rows(r#""s"."price""#), ["plum|1"]);
}

#[tokio::test]
async fn a_rule_that_is_switched_off_is_no_rule_all_the_same() {
    let bench = Bench::with(&[PAUSED]).await;
    bench
        .run("UPDATE rdscnfg.ext_file_config SET oprtnl_flag = 'I'")
        .await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    let load = world.load(&object).await;
    assert_eq!(
        (load.state, load.error_code.as_deref()),
        (LoadState::Rejected, Some("no_rule"))
    );
}

#[tokio::test]
async fn what_is_prepared_before_the_pause_is_loaded() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.announce(&object, "prepare").await.done();
    bench
        .run("UPDATE rdscnfg.ext_file_config SET paused = true")
        .await;
    world.deliver_events().await.unwrap();
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
}

#[tokio::test]
async fn a_part_of_a_file_waits_for_its_own_rule_while_the_other_is_loaded() {
    let split = Rule::splitting(1, "702", "split_file_flag = 'Y', split_prefix = 'HD,DT'");
    let head = Rule::new(2, "702-HD", "head").with("paused = true");
    let detail = Rule::new(3, "702-DT", "detail");
    let bench = Bench::with(&[split, head, detail]).await;
    let world = bench.world();
    let object = world.land("in/mixed_702.txt", "HD|1\nDT|2\n");
    world.announce(&object, "prepare").await.done();
    world.deliver_events().await.unwrap();
    let part = |record_type: &str| {
        let id = LoadId::of(&object).child(record_type);
        let store = world.app.store.clone();
        async move { store.load(id).await.unwrap().unwrap() }
    };
    assert_eq!(part("DT").await.state, LoadState::Complete);
    assert_eq!(part("HD").await.waits_for.as_deref(), Some("rule 2"));

    bench.run(RESUME).await;
    world.pass_time(TimeDelta::minutes(3)).await;
    assert_eq!(part("HD").await.state, LoadState::Complete);
    assert!(world.is_done(&object).await);
}

#[tokio::test]
async fn a_load_whose_wake_up_was_missed_looks_again_after_a_day() {
    let bench = Bench::with(&[PAUSED]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.announce(&object, "prepare").await.done();
    // As a replica's role does it: no trigger runs.
    bench
        .run("SET session_replication_role = replica; UPDATE rdscnfg.ext_file_config SET paused = false; RESET session_replication_role")
        .await;
    world.pass_time(TimeDelta::hours(25)).await;
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
}

#[tokio::test]
async fn a_load_does_not_begin_to_wait_for_a_rule_that_was_resumed_meanwhile() {
    let bench = Bench::with(&[PAUSED]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.announce(&object, "prepare").await.done();
    bench.run(RESUME).await;
    let until = world.clock.reads() + TimeDelta::days(1);
    let load = LoadId::of(&object);
    let moved = world
        .app
        .store
        .wait_for_rule(load, longshore_domain::rule::RuleId(1), until)
        .await
        .unwrap();
    assert!(!moved.has_moved());
    assert_eq!(moved.load().waits_for, None);
}
