//! Files that should have come and did not: told once, and told again when they come after all.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use longshore_app::{Reconcile, ReconcileLimits};
use longshore_domain::load::LoadState;
use longshore_domain::object::Object;
use longshore_domain::rule::RuleId;
use longshore_store::{LatePeriod, LateState};
use rstest::rstest;

use crate::support::bench::Bench;
use crate::support::calls::{Aim, Fault};
use crate::support::notifier::PUBLISH;
use crate::support::rules::Rule;
use crate::support::world::World;

/// Expected at one o'clock each day, until two. The clock of a world begins at noon.
const DAILY: Rule = Rule::new(1, "701", "price")
    .with("expected_schedule = '0 13 * * *', expected_grace_minutes = 60, expected_timezone = 'UTC'");
const TWO_EACH_DAY: Rule = Rule::new(1, "701", "price")
    .with("expected_schedule = '0 13 * * *', expected_grace_minutes = 60, expected_files = 2");

/// A moment of a day, counted from that on which the test begins.
fn at(day: i64, hour: i64, minute: i64) -> DateTime<Utc> {
    let midnight: DateTime<Utc> = "2026-11-21T00:00:00Z".parse().unwrap();
    midnight + TimeDelta::days(day) + TimeDelta::hours(hour) + TimeDelta::minutes(minute)
}

/// A bench whose rule is judged for the first time on the day after that on which it begins.
async fn begun(rule: Rule) -> (Bench, World) {
    let bench = Bench::with(&[rule]).await;
    let world = bench.world();
    world.reconcile().await;
    (bench, world)
}

impl World {
    /// The reconciler runs at that time.
    async fn reconcile_at(&self, moment: DateTime<Utc>) {
        self.turn_clock(moment);
        self.reconcile().await;
    }

    fn turn_clock(&self, moment: DateTime<Utc>) {
        self.clock.advance(moment - self.clock.reads());
    }

    /// A file comes at that time, and is loaded.
    async fn comes(&self, name: &str, moment: DateTime<Utc>) -> Object {
        self.turn_clock(moment);
        let object = self.land(&format!("in/{name}_701.txt"), &format!("{name}|1\n"));
        assert_eq!(self.load(&object).await.state, LoadState::Complete);
        object
    }

    /// Three reconcilers run at once.
    async fn reconcile_thrice_at_once(&self) {
        let invocations = ["one", "two", "three"].map(|name| self.invocation(name));
        let runs = invocations.iter().map(|invocation| {
            let reconcile = Reconcile {
                app: &self.app,
                invocation,
                limits: ReconcileLimits::default(),
            };
            async move { reconcile.run().await.unwrap() }
        });
        let reports = join_all(runs.map(Box::pin)).await;
        let found: usize = reports
            .iter()
            .map(|report| report.late + report.arrived_late)
            .sum();
        assert!(found > 0);
    }

    /// What was told of times, and not of loads.
    fn told_of_times(&self) -> Vec<String> {
        let mut told = self.topic.told();
        told.retain(|word| word.contains("late"));
        told
    }

    async fn late(&self) -> Vec<LatePeriod> {
        let late = self.app.store.late_periods(Some(RuleId(1)), 100);
        late.await.unwrap()
    }

    async fn states(&self) -> Vec<(DateTime<Utc>, LateState)> {
        let late = self.late().await;
        late.iter().map(|late| (late.expected_at, late.state)).collect()
    }
}

#[tokio::test]
async fn a_time_without_its_file_is_told_once_and_again_when_it_comes() {
    let (_bench, world) = begun(DAILY).await;
    world.comes("monday", at(0, 12, 30)).await;
    world.reconcile_at(at(0, 14, 5)).await;
    world.reconcile_at(at(1, 14, 0)).await;
    assert!(
        world.told_of_times().is_empty(),
        "a file may come to the last moment"
    );

    world.reconcile_at(at(1, 14, 1)).await;
    world.reconcile_at(at(1, 14, 2)).await;
    assert_eq!(world.told_of_times(), ["late"]);
    let message = world.topic.messages().pop().unwrap();
    assert!(
        message.email.contains("Newest file then: monday_701.txt"),
        "{}",
        message.email
    );
    assert!(
        message.email.ends_with("Call the night desk."),
        "{}",
        message.email
    );
    let vitals = world.app.store.vitals(world.clock.reads()).await.unwrap();
    assert_eq!(vitals.late_periods, 1);

    world.comes("tuesday", at(1, 15, 30)).await;
    world.reconcile_at(at(1, 15, 31)).await;
    world.reconcile_at(at(1, 15, 32)).await;
    assert_eq!(world.told_of_times(), ["late", "arrived_late"]);
    let late = world.late().await;
    assert_eq!(late[0].arrived_at, Some(at(1, 15, 30)));
    let vitals = world.app.store.vitals(world.clock.reads()).await.unwrap();
    assert_eq!(vitals.late_periods, 0);
}

#[tokio::test]
async fn a_file_that_came_late_does_not_count_for_the_next_time() {
    let (_bench, world) = begun(DAILY).await;
    world.reconcile_at(at(1, 14, 1)).await;
    world.comes("tuesday", at(1, 18, 0)).await;
    world.reconcile_at(at(1, 18, 1)).await;
    world.reconcile_at(at(2, 14, 1)).await;
    assert_eq!(world.told_of_times(), ["late", "arrived_late", "late"]);
}

#[tokio::test]
async fn what_comes_shortly_before_the_next_time_is_of_that_one() {
    let (_bench, world) = begun(DAILY).await;
    world.reconcile_at(at(1, 14, 1)).await;
    world.comes("wednesday", at(2, 12, 55)).await;
    world.reconcile_at(at(2, 14, 1)).await;
    assert_eq!(world.states().await, [(at(1, 13, 0), LateState::Missing)]);
    assert_eq!(world.told_of_times(), ["late"]);
}

#[tokio::test]
async fn after_two_in_a_row_a_late_file_counts_for_the_next_time_too() {
    let (_bench, world) = begun(DAILY).await;
    world.reconcile_at(at(1, 14, 1)).await;
    world.reconcile_at(at(2, 14, 1)).await;
    world.comes("wednesday", at(2, 18, 0)).await;
    world.reconcile_at(at(2, 18, 1)).await;
    world.reconcile_at(at(3, 14, 1)).await;
    assert_eq!(
        world.states().await,
        [
            (at(2, 13, 0), LateState::ArrivedLate),
            (at(1, 13, 0), LateState::Missing)
        ]
    );
}

#[tokio::test]
async fn files_of_several_times_that_come_together_are_of_all_of_them_and_of_no_later_one() {
    let (_bench, world) = begun(DAILY).await;
    for day in 1..=3 {
        world.reconcile_at(at(day, 14, 1)).await;
    }
    world.comes("first", at(3, 18, 0)).await;
    world.reconcile_at(at(3, 18, 1)).await;
    let newest = (at(3, 13, 0), LateState::ArrivedLate);
    let missing = |day| (at(day, 13, 0), LateState::Missing);
    assert_eq!(world.states().await, [newest, missing(2), missing(1)]);

    world.comes("second", at(3, 18, 10)).await;
    world.reconcile_thrice_at_once().await;
    world.comes("third", at(3, 19, 0)).await;
    world.reconcile_at(at(3, 19, 1)).await;
    world.reconcile_at(at(3, 19, 2)).await;
    let arrivals: Vec<_> = world.late().await.iter().map(|late| late.arrived_at).collect();
    let expected = [at(3, 18, 0), at(3, 18, 10), at(3, 19, 0)];
    assert_eq!(arrivals, expected.map(Some));
    let told = world.told_of_times();
    assert_eq!(told, [["late"; 3], ["arrived_late"; 3]].concat());

    // All is there: the next time needs a file of its own.
    world.reconcile_at(at(4, 14, 1)).await;
    assert_eq!(world.states().await[0], (at(4, 13, 0), LateState::Awaited));
}

#[tokio::test]
async fn a_backlog_of_several_files_each_is_filled_from_its_newest_time_on() {
    let (_bench, world) = begun(TWO_EACH_DAY).await;
    world.reconcile_at(at(1, 14, 1)).await;
    world.reconcile_at(at(2, 14, 1)).await;
    for name in ["one", "two", "three"] {
        world.comes(name, at(2, 18, 0)).await;
    }
    world.reconcile_at(at(2, 18, 1)).await;
    let second = (at(2, 13, 0), LateState::ArrivedLate);
    assert_eq!(world.states().await, [second, (at(1, 13, 0), LateState::Missing)]);
    world.comes("four", at(2, 19, 0)).await;
    world.reconcile_at(at(2, 19, 1)).await;
    assert_eq!(
        world.states().await,
        [second, (at(1, 13, 0), LateState::ArrivedLate)]
    );
}

#[tokio::test]
async fn of_several_files_it_is_said_how_many_came() {
    let (_bench, world) = begun(TWO_EACH_DAY).await;
    world.comes("early", at(0, 20, 0)).await;
    world.comes("in_grace", at(1, 13, 59)).await;
    world.reconcile_at(at(1, 14, 1)).await;
    assert!(world.told_of_times().is_empty());

    let only = world.comes("only", at(2, 12, 0)).await;
    // What comes again under its key is no second file.
    let again = world.land_again(&only, "other|1\n");
    assert_eq!(world.load(&again).await.state, LoadState::Complete);
    world.reconcile_at(at(2, 14, 1)).await;
    assert_eq!(world.told_of_times(), ["late"]);
    let late = world.late().await;
    assert_eq!((late[0].arrived_files, late[0].expected_files), (1, 2));
    world.comes("other", at(2, 15, 0)).await;
    world.reconcile_at(at(2, 15, 1)).await;
    assert_eq!(world.told_of_times(), ["late", "arrived_late"]);
}

#[tokio::test]
async fn a_refused_file_came_and_one_that_was_loaded_before_did_not() {
    let (_bench, world) = begun(DAILY).await;
    world.turn_clock(at(1, 12, 0));
    let refused = world.land("in/refused_701.csv", "plum|1\n");
    assert_eq!(world.load(&refused).await.state, LoadState::Rejected);
    world.reconcile_at(at(1, 14, 1)).await;
    assert!(world.told_of_times().is_empty(), "it has its own message");

    let wednesday = world.comes("wednesday", at(2, 12, 0)).await;
    world.reconcile_at(at(2, 14, 1)).await;
    world.turn_clock(at(3, 12, 0));
    let again = world.land_again(&wednesday, "wednesday|1\n");
    assert_eq!(world.load(&again).await.state, LoadState::Skipped);
    world.reconcile_at(at(3, 14, 1)).await;
    assert_eq!(world.told_of_times(), ["late"]);
}

#[rstest]
#[case(
    "UPDATE rdscnfg.ext_file_config SET paused = true",
    "UPDATE rdscnfg.ext_file_config SET paused = false"
)]
#[case(
    "UPDATE rdscnfg.ext_file_config SET oprtnl_flag = 'I'",
    "UPDATE rdscnfg.ext_file_config SET oprtnl_flag = 'A'"
)]
#[case(
    "UPDATE rdscnfg.ext_interface SET oprtnl_flag = 'I'",
    "UPDATE rdscnfg.ext_interface SET oprtnl_flag = 'A'"
)]
#[case("SELECT", "UPDATE rdscnfg.ext_file_config SET expected_grace_minutes = 30")]
#[tokio::test]
async fn nothing_is_missed_while_a_rule_rests_nor_in_the_period_in_which_it_begins_again(
    #[case] rest: &str,
    #[case] begin: &str,
) {
    let (bench, world) = begun(DAILY).await;
    bench.run(rest).await;
    world.reconcile_at(at(1, 12, 0)).await;
    bench.run(begin).await;
    world.reconcile_at(at(1, 12, 1)).await;
    for day in 1..=2 {
        assert!(world.told_of_times().is_empty(), "day {day}");
        world.reconcile_at(at(day, 14, 1)).await;
    }
    assert_eq!(world.states().await, [(at(2, 13, 0), LateState::Awaited)]);
}

#[tokio::test]
async fn what_was_missed_while_nobody_looked_is_told_of_the_newest_and_counted_of_the_others() {
    let (_bench, world) = begun(DAILY).await;
    world.comes("fifth", at(5, 12, 0)).await;
    world.reconcile_at(at(10, 14, 1)).await;
    world.reconcile_at(at(10, 14, 2)).await;
    assert_eq!(world.told_of_times(), ["late", "late", "late"]);
    let told = world.topic.messages();
    assert!(told.iter().any(|message| {
        message.email.contains("2026-11-29 13:00 UTC")
            && message.email.contains("Note: 6 times before it were missed too")
    }));
    let states = world.states().await;
    assert_eq!(states.len(), 9);
    assert_eq!(states[0], (at(10, 13, 0), LateState::Awaited));
    assert!(states.iter().all(|(expected_at, _)| *expected_at != at(5, 13, 0)));
}

#[tokio::test]
async fn two_reconcilers_at_once_tell_once() {
    let (_bench, world) = begun(DAILY).await;
    world.turn_clock(at(1, 14, 1));
    world.reconcile_thrice_at_once().await;
    world.reconcile().await;
    assert_eq!(world.told_of_times(), ["late"]);
    world.comes("tuesday", at(1, 15, 0)).await;
    world.reconcile_thrice_at_once().await;
    world.reconcile().await;
    assert_eq!(world.told_of_times(), ["late", "arrived_late"]);
}

#[rstest]
#[case(Fault::NotReached, 1)]
#[case(Fault::DiesBefore, 1)]
// It is out, and that could not be noted: told twice is better than not told.
#[case(Fault::DiesAfter, 2)]
#[tokio::test]
async fn a_message_that_could_not_be_sent_is_sent_later(#[case] fault: Fault, #[case] times: usize) {
    let (_bench, world) = begun(DAILY).await;
    world.turn_clock(at(1, 14, 1));
    world.calls.strike(Aim::Next(PUBLISH), fault);
    drop(world.try_reconcile().await);
    for minutes in [5, 10] {
        world.reconcile_at(at(1, 14, minutes)).await;
    }
    assert_eq!(world.told_of_times(), vec!["late"; times]);
    assert_eq!(world.late().await.len(), 1);
}

#[tokio::test]
async fn a_rules_own_topics_are_told() {
    let (bench, world) = begun(DAILY).await;
    bench
        .run(
            "UPDATE rdscnfg.ext_file_config SET success_topic_arn = 'arn:aws:sns:ap-south-1:1:good',
                 failure_topic_arn = 'arn:aws:sns:ap-south-1:1:bad'",
        )
        .await;
    world.reconcile_at(at(1, 14, 1)).await;
    world.comes("tuesday", at(1, 15, 0)).await;
    world.reconcile_at(at(1, 15, 1)).await;
    let told: Vec<_> = world.topic.told().into_iter().zip(world.topic.topics()).collect();
    let told: Vec<_> = told
        .iter()
        .map(|(word, topic)| (word.as_str(), topic.as_str()))
        .collect();
    assert_eq!(
        told,
        [("late", "bad"), ("loaded", "good"), ("arrived_late", "good")]
    );
}

#[tokio::test]
async fn a_rule_that_says_no_sound_schedule_keeps_no_other_from_being_judged() {
    let (bench, world) = begun(DAILY).await;
    Rule::new(2, "702", "other")
        .with("expected_schedule = 'at noon'")
        .insert(&bench.client)
        .await;
    world.reconcile_at(at(1, 14, 1)).await;
    assert_eq!(world.told_of_times(), ["late"]);
}
