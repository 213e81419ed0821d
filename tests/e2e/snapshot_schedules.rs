//! Snapshot rules with a schedule: what the reconciler loads by itself when their time has come.

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio::process::Command;

use crate::snapshots::{DAY, Snapshots, json};
use crate::support::{PATIENCE, World, unique};

/// Late enough that no clock of a test reaches it: its time comes when the test says so.
const ONCE_A_YEAR: &str = "0 0 1 1 *";

/// A rule over the tables of a test.
struct Schedule<'a> {
    snapshots: &'a Snapshots<'a>,
    rule: i32,
}

impl<'a> Schedule<'a> {
    /// Applies a document of a rule with these further fields, and has the reconciler plan it.
    async fn apply(snapshots: &'a Snapshots<'a>, tables: &str, more: &str) -> anyhow::Result<Self> {
        let schedule = Self::new(snapshots);
        let output = schedule.run_apply(tables, more).await?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{said}");
        schedule.reconcile_until("planned_for IS NOT NULL").await?;
        Ok(schedule)
    }

    fn new(snapshots: &'a Snapshots<'a>) -> Self {
        // Rules that are made for its loads count on from it.
        let rule = 500_000 + i32::try_from(unique() % 2_000).unwrap_or_default() * 1_000;
        Self { snapshots, rule }
    }

    async fn run_apply(&self, tables: &str, more: &str) -> anyhow::Result<std::process::Output> {
        let (rule, schema, bucket) = (
            self.rule,
            &self.snapshots.schema,
            &self.snapshots.world.ready().bucket,
        );
        let document = format!(
            "interfaces:
  - ext_interface_cid: {rule}
    interface_name: analytics {rule}
rules:
  - ext_file_config_sid: {rule}
    ext_interface_cid: {rule}
    rule_kind: snapshot
    schedule: {ONCE_A_YEAR}
    snapshot_bucket: {bucket}
    tgt_schema_name: {schema}
    tgt_table_name: {tables}
    file_format: json
{more}"
        );
        let mut file = tempfile::Builder::new().suffix(".yaml").tempfile()?;
        file.write_all(document.as_bytes())?;
        let path = file.path().to_str().context("a path")?;
        self.longshore(&["rule", "apply", path, "--yes", "--as", "ann", "--why", "a test"])
            .await
    }

    async fn longshore(&self, arguments: &[&str]) -> anyhow::Result<std::process::Output> {
        let command = self.snapshots.world.stack.local.command(arguments)?;
        Ok(Command::from(command).output().await?)
    }

    /// The time of the schedule comes, for every table of the rule.
    async fn comes_due(&self) -> anyhow::Result<()> {
        let sql = format!(
            "UPDATE rdscnfg.ext_snapshot_schedule SET due_at = now() - interval '1 hour', ended_at = NULL, outcome = NULL,
                 error = NULL, tell_at = NULL
             WHERE ext_file_config_sid = {}",
            self.rule
        );
        Ok(self.snapshots.world.control.batch_execute(&sql).await?)
    }

    /// Reconciles until this is so of every table of the rule. Any reconciler of the stack may be the one that does it.
    async fn reconcile_until(&self, condition: &str) -> anyhow::Result<()> {
        let sql = format!(
            "SELECT to_jsonb(coalesce(bool_and({condition}), false)) FROM rdscnfg.ext_snapshot_schedule
             WHERE ext_file_config_sid = {}",
            self.rule
        );
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.longshore(&["reconcile", "--once"]).await?;
            if self.snapshots.world.control_rows(&sql).await? == [Value::Bool(true)] {
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "never {condition}: {:?}",
                self.standings().await?
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Its time comes, and has an end. Gives how its tables stand then.
    async fn runs(&self) -> anyhow::Result<Vec<Value>> {
        self.comes_due().await?;
        self.reconcile_until("ended_at IS NOT NULL").await?;
        self.standings().await
    }

    /// The same of a rule with one table: what came of it.
    async fn outcome(&self) -> anyhow::Result<Value> {
        let standings = self.runs().await?;
        ensure!(standings.len() == 1, "{standings:?}");
        Ok(standings[0]["outcome"].clone())
    }

    async fn standings(&self) -> anyhow::Result<Vec<Value>> {
        let output = self
            .longshore(&["snapshot", "list", "--rule", &self.rule.to_string(), "--json"])
            .await?;
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// What was published about tables of the rule that could not be loaded.
    async fn told(&self) -> anyhow::Result<Vec<String>> {
        let mut told = vec![];
        for notification in self.snapshots.world.published().await? {
            let text = notification.to_string();
            if text.contains("snapshot_failed") && text.contains(&self.snapshots.schema) {
                told.push(text);
            }
        }
        Ok(told)
    }
}

#[tokio::test]
async fn what_is_new_is_loaded_when_its_time_comes_and_then_there_is_nothing_new() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let snapshots = Snapshots::new(&world).await?;
    let key = snapshots.day(DAY, &[("2026-11-26 01:00:00", 1, "plum")]).await?;
    let schedule = Schedule::apply(&snapshots, "pages", "").await?;
    assert!(world.loads_of(&key).await?.is_empty(), "its time has not come");

    let standings = schedule.runs().await?;
    assert_eq!(standings[0]["outcome"], "started", "{standings:?}");
    let story = world.story(&key).await?;
    story.assert_stays(&world).await?;
    assert_eq!(snapshots.rows().await?, ["2026-11-26 01:00:00|1|plum"]);

    for _ in 0..2 {
        assert_eq!(schedule.outcome().await?, "nothing_new");
    }
    assert_eq!(world.loads_of(&key).await?.len(), 1);
    assert!(schedule.told().await?.is_empty(), "nothing new is no failure");

    let next = snapshots
        .day("2026-11-27T00:00:00Z", &[("2026-11-27 05:00:00", 2, "kiwi")])
        .await?;
    assert_eq!(schedule.outcome().await?, "started");
    world.story(&next).await?;
    assert_eq!(snapshots.rows().await?.len(), 2);
    let standing = &schedule.standings().await?[0];
    assert_eq!(standing["load_state"], "complete", "{standing}");
    assert_eq!(standing["data_date"], "2026-11-27T00:00:00Z");
    Ok(())
}

#[tokio::test]
async fn what_somebody_else_loaded_is_nothing_new_and_older_data_neither() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let snapshots = Snapshots::new(&world).await?;
    snapshots.day(DAY, &[("2026-11-26 01:00:00", 1, "plum")]).await?;
    snapshots.load(&[])?;
    let schedule = Schedule::apply(&snapshots, "pages", "").await?;
    assert_eq!(schedule.outcome().await?, "nothing_new");
    world
        .query(&format!(
            "INSERT INTO {}.pages (at, id, name) VALUES ('2026-11-29 00:00:00', 9, 'later')",
            snapshots.schema
        ))
        .await?;
    snapshots
        .day("2026-11-28T00:00:00Z", &[("2026-11-28 05:00:00", 2, "kiwi")])
        .await?;
    assert_eq!(schedule.outcome().await?, "nothing_new");
    assert_eq!(snapshots.rows().await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_schedule_may_force_older_data_once_truncate_and_be_refused_to_change_tables() -> anyhow::Result<()>
{
    let world = World::shared().await?;
    let snapshots = Snapshots::new(&world).await?;
    snapshots.day(DAY, &[("2026-11-26 01:00:00", 1, "plum")]).await?;
    snapshots.load(&[])?;
    world
        .query(&format!(
            "INSERT INTO {}.pages (at, id, name) VALUES ('2026-11-29 00:00:00', 9, 'later')",
            snapshots.schema
        ))
        .await?;
    let more = "    snapshot_freshness: forced\n    load_mode: truncate\n";
    let schedule = Schedule::apply(&snapshots, "pages", more).await?;
    assert_eq!(schedule.outcome().await?, "started");
    schedule.reconcile_until("EXISTS (SELECT FROM rdscnfg.ext_file_load AS load WHERE load.load_id = ext_snapshot_schedule.load_id AND load.finished_at IS NOT NULL)").await?;
    assert_eq!(snapshots.rows().await?, ["2026-11-26 01:00:00|1|plum"]);
    assert_eq!(schedule.outcome().await?, "nothing_new", "once");

    let day = "2026-11-30T00:00:00Z";
    snapshots.day(day, &[("2026-11-30 01:00:00", 3, "fig")]).await?;
    let wider = snapshots.description("  - {dest: hits, type: bigint}\n");
    snapshots.describe(day, &wider).await?;
    let refused = format!("{more}    snapshot_table_changes: refused\n");
    ensure!(schedule.run_apply("pages", &refused).await?.status.success());
    let standing = &schedule.runs().await?[0];
    assert_eq!(standing["outcome"], "failed", "{standing}");
    let error = standing["error"].to_string();
    assert!(
        error.contains("snapshot_table_changes is refused") && error.contains("ADD COLUMN"),
        "{error}"
    );

    // Mended, it is due at once; the column is added and the data loaded.
    ensure!(schedule.run_apply("pages", more).await?.status.success());
    schedule.reconcile_until("outcome = 'started'").await?;
    let added = format!("SELECT hits FROM {}.pages", snapshots.schema);
    assert!(world.query(&added).await.is_ok());
    Ok(())
}

#[tokio::test]
async fn a_table_that_fails_is_told_once_and_stops_no_other() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let snapshots = Snapshots::new(&world).await?;
    let key = snapshots
        .put(DAY, ".json", json(&[("2026-11-26 01:00:00", 1, "plum")]))
        .await?;
    let schedule = Schedule::apply(&snapshots, "pages,missing", "").await?;
    for _ in 0..2 {
        let standings = schedule.runs().await?;
        let error = |table: &str| {
            let of_table = standings.iter().find(|one| one["table"] == table);
            of_table.map(|one| one["error"].to_string()).unwrap_or_default()
        };
        assert!(
            error("pages").contains("there is no description at s3://"),
            "{standings:?}"
        );
        assert!(
            error("pages").contains("say where it is in snapshot_config"),
            "{standings:?}"
        );
        assert!(error("missing").contains("there is no data for"), "{standings:?}");
    }
    let told = schedule.told().await?;
    assert_eq!(told.len(), 2, "each table once: {told:?}");
    assert!(world.loads_of(&key).await?.is_empty());

    // The description comes: the table is loaded, and the other one fails as before.
    snapshots.describe(DAY, &snapshots.description("")).await?;
    schedule.runs().await?;
    world.story(&key).await?;
    assert_eq!(snapshots.rows().await?, ["2026-11-26 01:00:00|1|plum"]);
    let shown = schedule
        .longshore(&["rule", "show", &schedule.rule.to_string()])
        .await?;
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(
        shown.contains("there is no data for") && shown.contains("load "),
        "{shown}"
    );
    Ok(())
}

#[tokio::test]
async fn two_reconcilers_at_once_start_it_once() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let snapshots = Snapshots::new(&world).await?;
    let key = snapshots.day(DAY, &[("2026-11-26 01:00:00", 1, "plum")]).await?;
    let schedule = Schedule::apply(&snapshots, "pages", "").await?;
    schedule.comes_due().await?;
    let both = ["reconcile", "--once"];
    let (one, other) = tokio::join!(schedule.longshore(&both), schedule.longshore(&both));
    one?;
    other?;
    schedule.reconcile_until("outcome = 'started'").await?;
    world.story(&key).await?;
    assert_eq!(world.loads_of(&key).await?.len(), 1);
    assert_eq!(snapshots.rows().await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn times_that_were_missed_come_once_and_a_paused_rule_rests() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let snapshots = Snapshots::new(&world).await?;
    let key = snapshots.day(DAY, &[("2026-11-26 01:00:00", 1, "plum")]).await?;
    let schedule = Schedule::apply(&snapshots, "pages", "").await?;
    let rule = schedule.rule.to_string();
    let hand = ["--yes", "--as", "ann", "--why", "a test"];
    let paused = schedule
        .longshore(&[&["rule", "pause", &rule], &hand[..]].concat())
        .await?;
    ensure!(paused.status.success());
    // Three years of times pass.
    let missed = format!(
        "UPDATE rdscnfg.ext_snapshot_schedule SET due_at = now() - interval '3 years' WHERE ext_file_config_sid = {rule}"
    );
    world.control.batch_execute(&missed).await?;
    schedule.longshore(&["reconcile", "--once"]).await?;
    assert!(world.loads_of(&key).await?.is_empty());
    let standing = &schedule.standings().await?[0];
    assert_eq!(
        (&standing["in_operation"], &standing["outcome"]),
        (&Value::Bool(false), &Value::Null)
    );

    let resumed = schedule
        .longshore(&[&["rule", "resume", &rule], &hand[..]].concat())
        .await?;
    ensure!(resumed.status.success());
    schedule.reconcile_until("outcome = 'started'").await?;
    world.story(&key).await?;
    let ended = schedule.standings().await?[0]["ended_at"].clone();
    schedule.longshore(&["reconcile", "--once"]).await?;
    let standing = &schedule.standings().await?[0];
    assert_eq!(
        standing["ended_at"], ended,
        "the next time is in the future: {standing}"
    );
    assert_eq!(world.loads_of(&key).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_reconciler_that_died_before_its_load_was_on_the_ledger_is_taken_over() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let snapshots = Snapshots::new(&world).await?;
    let key = snapshots.day(DAY, &[("2026-11-26 01:00:00", 1, "plum")]).await?;
    let schedule = Schedule::apply(&snapshots, "pages", "").await?;
    // What it leaves: its right, which ends, and the load that it never made.
    let died = format!(
        "UPDATE rdscnfg.ext_snapshot_schedule
         SET due_at = now(), runner = 'dead', run_until = now(), began_at = now(), starting_load_id = gen_random_uuid(),
             starting_date = now()
         WHERE ext_file_config_sid = {}",
        schedule.rule
    );
    world.control.batch_execute(&died).await?;
    schedule.reconcile_until("outcome = 'started'").await?;
    world.story(&key).await?;
    assert_eq!(world.loads_of(&key).await?.len(), 1);

    // And after: the load is there, and no other is made.
    let load = schedule.standings().await?[0]["load"]
        .to_string()
        .replace('"', "");
    let died = format!(
        "UPDATE rdscnfg.ext_snapshot_schedule
         SET due_at = now(), runner = 'dead', run_until = now(), starting_load_id = '{load}', starting_date = load_date,
             outcome = NULL, ended_at = NULL, loaded_date = NULL
         WHERE ext_file_config_sid = {}",
        schedule.rule
    );
    world.control.batch_execute(&died).await?;
    schedule.reconcile_until("outcome = 'started'").await?;
    assert_eq!(world.loads_of(&key).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_file_whose_load_failed_is_not_tried_again_until_something_is_changed() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let snapshots = Snapshots::new(&world).await?;
    let key = snapshots.day(DAY, &[("2026-11-26 01:00:00", 1, "plum")]).await?;
    snapshots
        .put(
            DAY,
            ".json",
            "{\"at\": \"2026-11-26 01:00:00\", \"id\": \"none\", \"name\": \"plum\"}\n",
        )
        .await?;
    let schedule = Schedule::apply(&snapshots, "pages", "").await?;
    for _ in 0..2 {
        assert_eq!(schedule.outcome().await?, "started");
        world.story(&key).await?;
        assert_eq!(world.loads_of(&key).await?.len(), 1);
        assert_eq!(schedule.standings().await?[0]["load_state"], "failed");
    }
    snapshots
        .put(DAY, ".json", json(&[("2026-11-26 01:00:00", 1, "plum")]))
        .await?;
    assert_eq!(schedule.outcome().await?, "started");
    world.stories(&key, 2).await?;
    assert_eq!(snapshots.rows().await?, ["2026-11-26 01:00:00|1|plum"]);
    Ok(())
}

#[tokio::test]
async fn a_rule_with_a_schedule_is_judged_with_every_field_that_is_wrong() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let snapshots = Snapshots::new(&world).await?;
    let schedule = Schedule::new(&snapshots);
    for (more, says) in [
        (
            "    schedule_timezone: Mars/Olympus\n",
            "schedule_timezone: \"Mars/Olympus\" is no time zone",
        ),
        (
            "    snapshot_timezone: Mars/Olympus\n",
            "snapshot_timezone: \"Mars/Olympus\" is no time zone",
        ),
        (
            "    snapshot_granularity: stream\n",
            "snapshot_stream_start: is not set",
        ),
        ("    snapshot_granularity: week\n", "write hour, day or stream"),
        (
            "    snapshot_layout: '{tabel}/{date}'\n",
            "snapshot_layout: {tabel} stands for nothing",
        ),
        (
            "    key_pattern: a/b\n",
            "key_pattern: is set, and the rule has a schedule",
        ),
        ("    columns: [a]\n", "ext_file_config_dtl.column_name: is set"),
        ("    snapshot_buckett: x\n", "did you mean snapshot_bucket?"),
    ] {
        let output = schedule.run_apply("pages", more).await?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains(says) && said.contains(".yaml:"),
            "{says:?} is not said: {said}"
        );
    }
    // Whoever writes the row by hand is told by lint, and when its time comes.
    ensure!(schedule.run_apply("pages", "").await?.status.success());
    let broken = format!(
        "UPDATE rdscnfg.ext_file_config SET schedule = 'at noon' WHERE ext_file_config_sid = {}",
        schedule.rule
    );
    world.control.batch_execute(&broken).await?;
    let linted = schedule
        .longshore(&["rule", "lint", &schedule.rule.to_string()])
        .await?;
    assert_eq!(linted.status.code(), Some(1));
    let said = String::from_utf8_lossy(&linted.stdout).into_owned();
    assert!(
        said.contains("is no schedule") && said.contains("0 6 * * *"),
        "{said}"
    );
    schedule.reconcile_until("outcome = 'failed'").await?;
    let error = schedule.standings().await?[0]["error"].to_string();
    assert!(
        error.contains("schedule: ") && error.contains("is no schedule"),
        "{error}"
    );
    Ok(())
}

#[tokio::test]
async fn a_rule_with_a_schedule_is_exported_listed_and_takes_no_file() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let snapshots = Snapshots::new(&world).await?;
    let schedule = Schedule::apply(
        &snapshots,
        "pages,sessions",
        "    schedule_timezone: Europe/Berlin\n",
    )
    .await?;
    let rule = schedule.rule.to_string();
    let exported = schedule.longshore(&["rule", "export", &rule]).await?;
    let exported = String::from_utf8_lossy(&exported.stdout).into_owned();
    assert!(
        exported.contains("schedule: \"0 0 1 1 *\"") && !exported.contains("file_prefix"),
        "{exported}"
    );
    let mut file = tempfile::Builder::new().suffix(".yaml").tempfile()?;
    file.write_all(exported.as_bytes())?;
    let path = file.path().to_str().context("a path")?;
    let applied = schedule
        .longshore(&["rule", "apply", path, "--yes", "--as", "ann", "--why", "a test"])
        .await?;
    assert_eq!(String::from_utf8_lossy(&applied.stdout), "Nothing differs.\n");
    let listed = schedule
        .longshore(&["rule", "list", "--interface", &rule])
        .await?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(
        listed.contains("snapshots at 0 0 1 1 * (Europe/Berlin)") && listed.contains("sound"),
        "{listed}"
    );
    let explained = schedule
        .longshore(&["rule", "explain", "s3://b/pages.json"])
        .await?;
    let explained = String::from_utf8_lossy(&explained.stdout).into_owned();
    assert!(
        explained.contains("it looks for dated snapshots itself"),
        "{explained}"
    );
    Ok(())
}
