//! Files that should have come and did not: the reconciler tells of them, and of those that come after all.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::support::{Feed, PATIENCE, World};

/// Minutes since the time by which the files of a test were expected.
const MINUTES_AGO: i64 = 3;

/// A feed whose files were expected some minutes ago, and each day before.
struct Expected<'a> {
    world: &'a World,
    feed: Feed<'a>,
}

impl<'a> Expected<'a> {
    /// The reconciler begins with the period after the one that is under way. So the time of that one is turned back to today's.
    async fn create(world: &'a World) -> anyhow::Result<Self> {
        let schedule = world
            .control_rows(&format!(
                "SELECT to_jsonb(to_char(now() AT TIME ZONE 'UTC' - interval '{MINUTES_AGO} min', 'FMMI FMHH24'))"
            ))
            .await?;
        let schedule = format!("{} * * *", schedule[0].as_str().context("minute and hour")?);
        let feed = world.feed().set("expected_schedule", &schedule).create().await?;
        let expected = Self { world, feed };
        expected
            .reconcile_until("ext_file_expectation", "next_at IS NOT NULL")
            .await?;
        Ok(expected)
    }

    async fn time_has_come(&self) -> anyhow::Result<()> {
        let sql = format!(
            "UPDATE rdscnfg.ext_file_expectation
             SET next_at = next_at - interval '2 days', counted_until = counted_until - interval '2 days',
                 due_at = due_at - interval '2 days'
             WHERE ext_file_config_sid = {}",
            self.feed.rule
        );
        Ok(self.world.control.batch_execute(&sql).await?)
    }

    /// Reconciles until this is so. Any reconciler of the stack may be the one that does it.
    async fn reconcile_until(&self, table: &str, condition: &str) -> anyhow::Result<()> {
        let sql = format!(
            "SELECT to_jsonb(coalesce(bool_and({condition}), false)) FROM rdscnfg.{table} WHERE ext_file_config_sid = {}",
            self.feed.rule
        );
        let deadline = Instant::now() + PATIENCE;
        loop {
            let run = self.world.longshore(&["reconcile", "--once"])?;
            let said = String::from_utf8_lossy(&run.stderr).into_owned();
            if self.world.control_rows(&sql).await? == [Value::Bool(true)] {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "never {condition}: {said}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The messages about times of the rule, for machines, once all are out.
    async fn told(&self) -> anyhow::Result<Vec<Value>> {
        let waiting = format!(
            "SELECT to_jsonb(count(*)) FROM rdscnfg.ext_outbox AS outbox
             JOIN rdscnfg.ext_file_late AS late USING (late_id)
             WHERE outbox.sent_at IS NULL AND late.ext_file_config_sid = {}",
            self.feed.rule
        );
        let deadline = Instant::now() + PATIENCE;
        while self.world.control_rows(&waiting).await? != [Value::from(0)] {
            ensure!(Instant::now() < deadline, "a message is not sent");
            self.world.longshore(&["reconcile", "--once"])?;
        }
        let published = self.world.published().await?;
        let mut told = vec![];
        for text in published.iter().filter_map(machine_text) {
            let body: Value = serde_json::from_str(&text).unwrap_or_default();
            if body["rule"] == self.feed.rule && body["expected_at"].is_string() {
                told.push(body);
            }
        }
        Ok(told)
    }

    fn prints(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.world.longshore(arguments)?;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    fn listed(&self) -> anyhow::Result<Vec<Value>> {
        let rule = self.feed.rule.to_string();
        let printed = self.prints(&["late", "list", "--rule", &rule, "--json"])?;
        Ok(serde_json::from_str(&printed)?)
    }
}

/// What a queue or a function gets of a notification.
fn machine_text(published: &Value) -> Option<String> {
    published["texts"]["default"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn a_file_that_did_not_come_is_told_once_and_again_when_it_came() -> anyhow::Result<()> {
    let world = World::reconciled().await?;
    let expected = Expected::create(&world).await?;
    assert!(
        expected.listed()?.is_empty(),
        "the period that is under way is not judged"
    );
    expected.time_has_come().await?;
    expected.reconcile_until("ext_file_late", "true").await?;

    let told = expected.told().await?;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        (&told[0]["status"], &told[0]["arrived_files"]),
        (&"late".into(), &0.into())
    );
    let rule = expected.feed.rule.to_string();
    assert_eq!(
        told[0]["where_to_look"],
        format!("longshore late list --rule {rule}")
    );
    let late = expected.listed()?;
    assert_eq!((late.len(), &late[0]["state"]), (1, &"awaited".into()));
    assert!(
        expected
            .prints(&["late", "list", "--rule", &rule])?
            .contains("0 of 1")
    );
    assert!(
        expected
            .prints(&["rule", "show", &rule])?
            .contains("files are expected by")
    );

    expected.feed.land("1|plum\n").await?;
    expected
        .reconcile_until("ext_file_late", "arrived_at IS NOT NULL")
        .await?;
    world.longshore(&["reconcile", "--once"])?;
    let told = expected.told().await?;
    let words: Vec<&Value> = told.iter().map(|body| &body["status"]).collect();
    assert_eq!(words, ["late", "arrived_late"]);
    assert_eq!(expected.listed()?[0]["state"], "arrived_late");
    Ok(())
}

#[tokio::test]
async fn of_a_file_that_came_in_time_nothing_is_told() -> anyhow::Result<()> {
    let world = World::reconciled().await?;
    let expected = Expected::create(&world).await?;
    let came = expected.feed.land("1|plum\n").await?;
    let sql = format!(
        "UPDATE rdscnfg.ext_file_load SET received_at = received_at - interval '10 min' WHERE load_id = '{}'",
        came.load.id()
    );
    world.control.batch_execute(&sql).await?;
    expected.time_has_come().await?;
    expected
        .reconcile_until("ext_file_expectation", "next_at > now()")
        .await?;
    assert!(expected.listed()?.is_empty());
    assert!(expected.told().await?.is_empty());
    Ok(())
}
