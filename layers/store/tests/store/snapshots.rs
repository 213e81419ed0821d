//! Tables of snapshot rules with a schedule: they follow their rules, are run once, and lose nothing with a runner that dies.

use std::collections::BTreeSet;

use longshore_domain::load::LoadId;
use longshore_domain::rule::RuleId;
use longshore_store::{
    SnapshotEnd, SnapshotOutcome, SnapshotResult, SnapshotRunner, SnapshotStanding, Telling,
};
use uuid::Uuid;

use crate::support::{Bench, at};

const RULE: RuleId = RuleId(71);

fn runner(name: &str, until: i64) -> SnapshotRunner {
    SnapshotRunner {
        owner: name.to_owned(),
        until: at(until),
    }
}

fn load(number: u128) -> LoadId {
    LoadId::from_uuid(Uuid::from_u128(number))
}

fn end(result: SnapshotResult, now: i64, due: i64) -> SnapshotEnd {
    SnapshotEnd {
        at: at(now),
        due_at: at(due),
        result,
        rule_version: Some(1),
        data_date: Some(at(0)),
        loaded_date: None,
    }
}

fn failed(text: &str, telling: Telling) -> SnapshotResult {
    SnapshotResult::Failed(text.to_owned(), telling)
}

impl Bench {
    async fn with_snapshots(tables: &str) -> Self {
        let bench = Self::new().await;
        let feed =
            "INSERT INTO rdscnfg.ext_interface (ext_interface_cid, interface_name) VALUES (901, 'analytics')";
        bench.run(feed, &[]).await.unwrap();
        let rule = "INSERT INTO rdscnfg.ext_file_config
                (ext_file_config_sid, ext_interface_cid, file_format, rule_kind, schedule, tgt_schema_name, tgt_table_name)
            VALUES (71, 901, 'json', 'snapshot', '0 6 * * *', 'api', $1)";
        bench.run(rule, &[&tables]).await.unwrap();
        bench
    }

    async fn change_rule(&self, set: &str) {
        let sql = format!("UPDATE rdscnfg.ext_file_config SET {set} WHERE ext_file_config_sid = 71");
        self.run(&sql, &[]).await.unwrap();
    }

    async fn run_of(&self, who: &SnapshotRunner, now: i64) -> Option<SnapshotStanding> {
        self.store.take_snapshot(who, at(now)).await.unwrap()
    }

    /// Takes every table that is due and plans it for `due`.
    async fn plan_snapshots(&self, now: i64, due: i64) {
        let who = runner("planner", now + 60);
        while let Some(taken) = self.run_of(&who, now).await {
            assert!(self.store.plan_snapshot(&taken, &who, at(due)).await.unwrap());
        }
    }

    async fn snapshots(&self) -> Vec<SnapshotStanding> {
        self.store.snapshot_standings(Some(RULE), 100).await.unwrap()
    }

    async fn one_standing(&self) -> SnapshotStanding {
        self.snapshots().await.remove(0)
    }

    async fn tables_of_snapshots(&self) -> BTreeSet<String> {
        self.snapshots().await.into_iter().map(|one| one.table).collect()
    }
}

#[tokio::test]
async fn tables_follow_their_rule() {
    let bench = Bench::with_snapshots("pages, sessions").await;
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(bench.tables_of_snapshots().await, set(&["pages", "sessions"]));
    bench.change_rule("tgt_table_name = 'sessions,clicks'").await;
    assert_eq!(bench.tables_of_snapshots().await, set(&["sessions", "clicks"]));
    bench.change_rule("paused = true").await;
    assert!(bench.snapshots().await.iter().all(|one| !one.in_operation));
    assert_eq!(
        bench.run_of(&runner("a", 60), 0).await,
        None,
        "a paused rule rests"
    );
    bench.change_rule("paused = false").await;
    bench.change_rule("oprtnl_flag = 'I'").await;
    assert_eq!(bench.run_of(&runner("a", 60), 0).await, None, "it is off");
    bench.change_rule("oprtnl_flag = 'A'").await;
    assert!(bench.run_of(&runner("a", 60), 0).await.is_some());
    bench.change_rule("schedule = NULL").await;
    assert_eq!(bench.tables_of_snapshots().await, set(&[]));
}

#[tokio::test]
async fn a_new_table_is_planned_first_and_runs_when_its_time_has_come() {
    let bench = Bench::with_snapshots("pages").await;
    let who = runner("a", 60);
    let taken = bench.run_of(&who, 0).await.unwrap();
    assert!(!taken.is_planned());
    assert_eq!(taken.began_at, None, "planning is no run");
    assert!(bench.store.plan_snapshot(&taken, &who, at(100)).await.unwrap());
    assert_eq!(bench.run_of(&who, 99).await, None);
    let taken = bench.run_of(&runner("a", 200), 100).await.unwrap();
    assert!(taken.is_planned());
    assert_eq!(taken.began_at, Some(at(100)));
}

#[tokio::test]
async fn ten_runners_at_once_take_each_table_once() {
    let tables: Vec<String> = (0..6).map(|number| format!("t{number}")).collect();
    let bench = Bench::with_snapshots(&tables.join(",")).await;
    bench.plan_snapshots(0, 10).await;
    let runners: Vec<SnapshotRunner> = (0..10).map(|number| runner(&format!("r{number}"), 100)).collect();
    let taken = futures_util::future::join_all(runners.iter().map(|who| bench.run_of(who, 10))).await;
    let taken: Vec<String> = taken.into_iter().flatten().map(|one| one.table).collect();
    assert_eq!(taken.len(), 6, "{taken:?}");
    assert_eq!(
        taken.into_iter().collect::<BTreeSet<_>>(),
        tables.into_iter().collect()
    );
}

#[tokio::test]
async fn a_runner_that_died_is_taken_over_with_the_load_that_it_was_about_to_make() {
    let bench = Bench::with_snapshots("pages").await;
    bench.plan_snapshots(0, 10).await;
    let (dead, heir) = (runner("dead", 70), runner("heir", 200));
    let taken = bench.run_of(&dead, 10).await.unwrap();
    let start = (load(1), at(0));
    assert!(
        bench
            .store
            .note_snapshot_start(&taken, &dead, start)
            .await
            .unwrap()
    );
    assert_eq!(bench.run_of(&heir, 69).await, None, "it may still live");
    let again = bench.run_of(&heir, 70).await.unwrap();
    assert_eq!(
        (again.starting_load, again.starting_date),
        (Some(load(1)), Some(at(0)))
    );

    // Should it live after all, nothing that it says counts.
    let late = end(SnapshotResult::NothingNew, 71, 500);
    assert!(!bench.store.finish_snapshot(&taken, &dead, &late).await.unwrap());
    assert!(!bench.store.plan_snapshot(&taken, &dead, at(500)).await.unwrap());
    assert!(
        !bench
            .store
            .note_snapshot_start(&taken, &dead, (load(2), at(0)))
            .await
            .unwrap()
    );

    let done = end(SnapshotResult::Started(load(1)), 72, 500);
    assert!(bench.store.finish_snapshot(&again, &heir, &done).await.unwrap());
    let standing = bench.one_standing().await;
    assert_eq!(
        (
            standing.outcome,
            standing.load,
            standing.load_date,
            standing.starting_load
        ),
        (Some(SnapshotOutcome::Started), Some(load(1)), Some(at(0)), None)
    );
    assert_eq!(standing.due_at, at(500));
    assert_eq!(bench.run_of(&heir, 499).await, None);
}

#[tokio::test]
async fn a_run_without_news_keeps_the_load_before_it() {
    let bench = Bench::with_snapshots("pages").await;
    bench.plan_snapshots(0, 10).await;
    let who = runner("a", 100);
    for (now, result) in [
        (10, SnapshotResult::Started(load(1))),
        (20, SnapshotResult::NothingNew),
    ] {
        let taken = bench.run_of(&who, now).await.unwrap();
        let done = end(result, now, now + 10);
        assert!(bench.store.finish_snapshot(&taken, &who, &done).await.unwrap());
    }
    let standing = bench.one_standing().await;
    assert_eq!(standing.outcome, Some(SnapshotOutcome::NothingNew));
    assert_eq!((standing.load, standing.load_date), (Some(load(1)), Some(at(0))));
}

#[tokio::test]
async fn a_schedule_that_is_changed_during_a_run_is_planned_anew() {
    let bench = Bench::with_snapshots("pages").await;
    bench.plan_snapshots(0, 10).await;
    let who = runner("a", 100);
    let taken = bench.run_of(&who, 10).await.unwrap();
    bench.change_rule("schedule_timezone = 'Europe/Berlin'").await;
    let done = end(SnapshotResult::NothingNew, 11, 86_400);
    assert!(bench.store.finish_snapshot(&taken, &who, &done).await.unwrap());
    let again = bench.run_of(&who, 12).await.unwrap();
    assert!(!again.is_planned());
    assert_eq!(again.schedule, "0 6 * * * Europe/Berlin");
}

#[tokio::test]
async fn a_failed_run_is_due_again_once_its_rule_is_changed() {
    let bench = Bench::with_snapshots("pages").await;
    bench.plan_snapshots(0, 10).await;
    let who = runner("a", 100);
    let taken = bench.run_of(&who, 10).await.unwrap();
    let done = end(failed("no description", Telling::Told), 11, 86_400);
    bench.store.finish_snapshot(&taken, &who, &done).await.unwrap();
    assert_eq!(bench.run_of(&who, 12).await, None);
    bench.change_rule("snapshot_config = 's3://b/config.yml'").await;
    let again = bench.run_of(&who, 12).await.unwrap();
    assert!(again.is_planned());
    assert_eq!(again.failures, 1);
}

#[tokio::test]
async fn a_failure_is_told_once_and_another_one_too() {
    let bench = Bench::with_snapshots("pages").await;
    bench.plan_snapshots(0, 10).await;
    let who = runner("a", 1_000);
    let mut told = vec![];
    let steps = [
        failed("passing", Telling::Kept),
        failed("one", Telling::Told),
        failed("one", Telling::Told),
        failed("two", Telling::Told),
        SnapshotResult::NothingNew,
        failed("two", Telling::Told),
    ];
    for (step, result) in steps.into_iter().enumerate() {
        let now = 10 + i64::try_from(step).unwrap();
        let taken = bench.run_of(&who, now).await.unwrap();
        let done = end(result, now, now + 1);
        bench.store.finish_snapshot(&taken, &who, &done).await.unwrap();
        while let Some(untold) = bench
            .store
            .take_untold_snapshot(at(now), at(now + 300))
            .await
            .unwrap()
        {
            assert_eq!(
                (untold.schema.as_str(), untold.interface_name.as_deref()),
                ("api", Some("analytics"))
            );
            bench.store.snapshot_told(&untold).await.unwrap();
            told.push(untold.error);
        }
    }
    assert_eq!(told, ["one", "two", "two"]);
}

#[tokio::test]
async fn a_failure_that_could_not_be_told_is_told_later_by_one() {
    let bench = Bench::with_snapshots("pages").await;
    bench.plan_snapshots(0, 10).await;
    let who = runner("a", 100);
    let taken = bench.run_of(&who, 10).await.unwrap();
    let done = end(failed("one", Telling::Told), 11, 86_400);
    bench.store.finish_snapshot(&taken, &who, &done).await.unwrap();
    let take = |now| bench.store.take_untold_snapshot(at(now), at(now + 300));
    assert!(take(11).await.unwrap().is_some());
    assert_eq!(take(12).await.unwrap(), None, "somebody tells it");
    assert!(take(311).await.unwrap().is_some(), "and failed to");
}
