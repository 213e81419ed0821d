//! A table whose time has come, and every call that its run makes going wrong once: its data is loaded by one load all the same.

use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::TimeDelta;
use futures_util::future::join_all;
use longshore_domain::fault::WarehouseFault;
use longshore_domain::load::LoadState;
use longshore_domain::object::{Bucket, ObjectKey};
use longshore_domain::rule::RuleId;
use longshore_store::{SnapshotOutcome, SnapshotStanding};

use crate::support::bench::Bench;
use crate::support::calls::{Aim, CLOCK, Fault};
use crate::support::notifier::PUBLISH;
use crate::support::warehouse::Mishap;
use crate::support::world::World;

/// Runs side by side, each with a control database of its own.
const LANES: usize = 4;
/// A runner that died is taken over within a quarter of an hour, and what failed is tried again within the hour.
const MOST_RUNS: usize = 6;
const DATE: &str = "2026-11-20T00:00:00Z";
const ROW: &str = r#"{"at": "2026-11-20 01:00:00", "item": "plum"}"#;

/// A rule and its table on a world of its own.
struct Scheduled<'a> {
    bench: &'a Bench,
    world: World,
    rule: i32,
}

impl<'a> Scheduled<'a> {
    /// Planned for a time that has come.
    async fn due(bench: &'a Bench, number: usize) -> Self {
        let rule = i32::try_from(100 * (number + 1)).unwrap();
        let scheduled = Self {
            bench,
            world: bench.world(),
            rule,
        };
        bench
            .run(&format!(
                "INSERT INTO rdscnfg.ext_interface (ext_interface_cid, interface_name) VALUES (900, 'analytics')
                 ON CONFLICT DO NOTHING;
                 INSERT INTO rdscnfg.ext_file_config
                     (ext_file_config_sid, ext_interface_cid, file_format, rule_kind, schedule, snapshot_bucket,
                      tgt_schema_name, tgt_table_name)
                 VALUES ({rule}, 900, 'json', 'snapshot', '0 0 1 1 *', 'landing', 's', 't{rule}');
                 UPDATE rdscnfg.ext_snapshot_schedule SET planned_for = schedule WHERE ext_file_config_sid = {rule}"
            ))
            .await;
        scheduled
    }

    fn folder(&self) -> String {
        let table = format!("t{}", self.rule);
        format!("s/{table}/_data_timestamp_year=2026/_data_timestamp_month=11/_data_timestamp_day=20")
    }

    fn key(&self) -> String {
        format!("{}/s_t{}_{DATE}.json", self.folder(), self.rule)
    }

    fn land(&self) {
        let (key, text) = self.data();
        self.world.land(&key, &text);
    }

    fn data(&self) -> (String, String) {
        (self.key(), format!("{ROW}\n"))
    }

    fn describe(&self) {
        let (key, text) = self.description();
        self.world.land(&key, &text);
    }

    fn description(&self) -> (String, String) {
        let table = format!("t{}", self.rule);
        let text = format!(
            "{table}:\n  dest: {table}\n  columns:\n  - {{dest: at, type: timestamp}}\n  - {{dest: item, type: text}}\n  \
             meta: {{datadatecolumn: at, schema: s}}\n"
        );
        (format!("{}/config_s_{table}_{DATE}.yml", self.folder()), text)
    }

    /// The reconciler runs until the load is done, however often that takes.
    async fn settle(&self) -> Result<(), String> {
        for _ in 0..MOST_RUNS {
            self.world.deliver_events().await?;
            if self.is_done().await {
                return Ok(());
            }
            self.world.clock.advance(TimeDelta::minutes(20));
            self.world.try_reconcile().await;
        }
        Err(format!("{:?}", self.standing().await))
    }

    async fn is_done(&self) -> bool {
        let standing = self.standing().await;
        standing.outcome == Some(SnapshotOutcome::Started) && standing.load_state == Some(LoadState::Complete)
    }

    async fn standing(&self) -> SnapshotStanding {
        let standings = self
            .bench
            .store
            .snapshot_standings(Some(RuleId(self.rule)), 10)
            .await;
        standings.unwrap().remove(0)
    }

    async fn loads(&self) -> usize {
        let (bucket, key) = (Bucket::new("landing"), ObjectKey::new(self.key()));
        self.bench.store.loads_of_key(&bucket, &key).await.unwrap().len()
    }

    fn rows(&self) -> Vec<String> {
        self.world.warehouse.rows(&format!("\"s\".\"t{}\"", self.rule))
    }
}

#[tokio::test]
async fn a_table_whose_time_has_come_is_loaded_once_whatever_call_goes_wrong() {
    let bench = Bench::with(&[]).await;
    let plain = Scheduled::due(&bench, 0).await;
    plain.land();
    plain.describe();
    let before = plain.world.calls.made().len();
    plain.world.reconcile().await;
    let calls = plain.world.calls.made().split_off(before);
    plain.settle().await.unwrap();
    assert_eq!((plain.rows(), plain.loads().await), (vec![ROW.to_owned()], 1));

    let cases: Vec<(usize, Fault)> = calls
        .iter()
        .enumerate()
        .flat_map(|(number, call)| Fault::of(call).iter().map(move |fault| (number, *fault)))
        .collect();
    let (cases, struck) = (&cases, &AtomicUsize::new(0));
    let lane = |lane: usize| async move {
        let bench = Bench::with(&[]).await;
        for (place, (number, fault)) in cases.iter().copied().enumerate().skip(lane).step_by(LANES) {
            let scheduled = Scheduled::due(&bench, place).await;
            scheduled.land();
            scheduled.describe();
            let before = scheduled.world.calls.made().len();
            scheduled.world.calls.strike(Aim::Number(before + number), fault);
            scheduled.world.try_reconcile().await;
            // Of runs side by side the calls come in any order, so the last ones may not be made.
            struck.fetch_add(usize::from(scheduled.world.calls.are_struck()), Ordering::Relaxed);
            let settled = scheduled.settle().await;
            assert_eq!(settled, Ok(()), "call {number}, {fault:?}");
            assert_eq!(scheduled.rows(), [ROW], "call {number}, {fault:?}");
            assert_eq!(scheduled.loads().await, 1, "call {number}, {fault:?}");
        }
    };
    join_all((0..LANES).map(|number| Box::pin(lane(number)))).await;
    let struck = struck.load(Ordering::Relaxed);
    assert!(
        struck * 10 > cases.len() * 9,
        "{struck} of {} struck",
        cases.len()
    );
    assert!(
        calls.iter().filter(|call| **call != CLOCK).count() > 10,
        "{calls:?}"
    );
}

#[tokio::test]
async fn a_failure_is_told_once_the_topic_takes_it() {
    let bench = Bench::with(&[]).await;
    let scheduled = Scheduled::due(&bench, 0).await;
    scheduled.land();
    scheduled
        .world
        .calls
        .strike(Aim::Next(PUBLISH), Fault::NotReached);
    scheduled.world.reconcile().await;
    let standing = scheduled.standing().await;
    assert_eq!(
        (standing.outcome, standing.failures),
        (Some(SnapshotOutcome::Failed), 1)
    );
    assert!(scheduled.world.topic.told().is_empty());
    for _ in 0..3 {
        scheduled.world.clock.advance(TimeDelta::minutes(6));
        scheduled.world.reconcile().await;
    }
    assert_eq!(
        scheduled.world.topic.told().len(),
        1,
        "{:?}",
        scheduled.world.topic.told()
    );
    assert!(
        scheduled.standing().await.failures > 1,
        "it is tried again, and fails alike"
    );

    scheduled.describe();
    scheduled.settle().await.unwrap();
    assert_eq!(scheduled.rows(), [ROW]);
}

/// Of failures that may pass the third in a row is told, and those after it are not: unless the topic did not take it.
#[tokio::test]
async fn a_failure_that_the_topic_did_not_take_is_told_though_the_next_run_fails_too() {
    const DOWN: Mishap = Mishap::FailsAs(WarehouseFault::Down, "ERROR: The cluster is paused");
    let bench = Bench::with(&[]).await;
    let scheduled = Scheduled::due(&bench, 0).await;
    scheduled.land();
    scheduled.describe();
    let world = &scheduled.world;
    let mut told = vec![];
    for failure in 1..=6 {
        world.warehouse.mishap("svv_columns", DOWN);
        if (3..=4).contains(&failure) {
            world.calls.strike(Aim::Next(PUBLISH), Fault::NotReached);
        }
        world.reconcile().await;
        assert_eq!(scheduled.standing().await.failures, failure);
        told.push(world.topic.told().len());
        world.clock.advance(TimeDelta::minutes(40));
    }
    assert_eq!(told, [0, 0, 0, 0, 1, 1]);
}

#[tokio::test]
async fn an_error_of_the_control_database_in_one_run_keeps_no_other_table_and_no_load_waiting() {
    let bench = Bench::with(&[]).await;
    let struck = Scheduled::due(&bench, 0).await;
    let other = Scheduled::due(&bench, 1).await;
    for scheduled in [&struck, &other] {
        for (key, text) in [scheduled.data(), scheduled.description()] {
            struck.world.land(&key, &text);
        }
    }
    bench
        .run(
            "CREATE FUNCTION rdscnfg.deadlock() RETURNS trigger LANGUAGE plpgsql AS
             $$BEGIN RAISE EXCEPTION USING ERRCODE = 'deadlock_detected'; END$$;
             CREATE TRIGGER struck BEFORE UPDATE ON rdscnfg.ext_snapshot_schedule
                 FOR EACH ROW WHEN (NEW.ext_file_config_sid = 100 AND NEW.starting_load_id IS NOT NULL)
                 EXECUTE FUNCTION rdscnfg.deadlock()",
        )
        .await;
    let error = struck.world.try_reconcile().await.failed();
    assert!(
        longshore_app::with_causes(&error).contains("another transaction was in the way"),
        "{error:?}"
    );
    assert_eq!(other.standing().await.outcome, Some(SnapshotOutcome::Started));
    assert_eq!(struck.standing().await.outcome, None);
    struck.world.deliver_events().await.unwrap();
    assert!(other.is_done().await);

    bench
        .run("DROP TRIGGER struck ON rdscnfg.ext_snapshot_schedule")
        .await;
    struck.world.clock.advance(TimeDelta::minutes(1));
    struck.world.reconcile().await;
    struck.world.deliver_events().await.unwrap();
    assert!(struck.is_done().await, "{:?}", struck.standing().await);
    assert_eq!((struck.loads().await, other.loads().await), (1, 1));
}

/// Two rules bring one file each to its own warehouse, at one time.
#[tokio::test]
async fn a_file_that_two_rules_have_in_two_warehouses_is_loaded_into_both() {
    let bench = Bench::with(&[]).await;
    let own = Scheduled::due(&bench, 0).await;
    let mart = Scheduled::due(&bench, 1).await;
    bench
        .run(
            "INSERT INTO rdscnfg.ext_target
                 (ext_target_sid, target_name, cluster_identifier, database_name, iam_role, region)
             VALUES (1, 'mart', 'model', 'mart', 'default', 'ap-south-1');
             UPDATE rdscnfg.ext_file_config SET ext_target_sid = 1, tgt_table_name = 't100' WHERE ext_file_config_sid = 200;
             UPDATE rdscnfg.ext_snapshot_schedule SET planned_for = schedule, due_at = '2000-01-01'",
        )
        .await;
    own.land();
    own.describe();
    for _ in 0..4 {
        own.world.reconcile().await;
        own.world.deliver_events().await.unwrap();
        own.world.clock.advance(TimeDelta::minutes(5));
    }
    assert!(own.is_done().await, "{:?}", own.standing().await);
    assert_eq!(own.loads().await, 2, "{:?}", mart.standing().await);
    let in_both = "SELECT count(DISTINCT statement.warehouse) FROM rdscnfg.ext_statement AS statement
        INNER JOIN rdscnfg.ext_file_load AS load USING (load_id) WHERE load.state = 'complete'";
    let in_both: i64 = bench.client.query_one(in_both, &[]).await.unwrap().get(0);
    assert_eq!(in_both, 2, "{:?}", mart.standing().await);
}
