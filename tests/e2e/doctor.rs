//! `longshore doctor`: green on a stack that is well, and red with the right finding for each thing that is broken on purpose.

use std::fs;
use std::process::{Command, Output};
use std::sync::Arc;

use anyhow::Context;
use longshore_testkit::{LocalStackOptions, program};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Stack, World};

/// A stack of its own, with sample rules, that may be broken.
struct Patient {
    world: World,
    folder: TempDir,
}

impl Patient {
    async fn new() -> anyhow::Result<Self> {
        let options = LocalStackOptions {
            samples: true,
            ..LocalStackOptions::default()
        };
        Ok(Self {
            world: World::on(Arc::new(Stack::start(options)?)).await?,
            folder: TempDir::new()?,
        })
    }

    /// What the doctor finds.
    fn examine(&self) -> anyhow::Result<Findings> {
        let command = self.world.stack.local.command(&["doctor", "--json"])?;
        Findings::of(command)
    }

    /// What the doctor finds when one line of the ready file says something else.
    fn examine_with(&self, name: &str, value: &str) -> anyhow::Result<Findings> {
        let text = fs::read_to_string(self.world.stack.local.ready_file())?;
        let mut ready: Value = serde_json::from_str(&text)?;
        ready[name] = json!(value);
        let path = self.folder.path().join("ready.json");
        fs::write(&path, ready.to_string())?;
        let mut command = Command::new(program("longshore")?);
        command.arg("--local").arg(path).args(["doctor", "--json"]);
        Findings::of(command)
    }
}

struct Findings {
    output: Output,
    findings: Vec<Value>,
}

impl Findings {
    fn of(mut command: Command) -> anyhow::Result<Self> {
        let output = command.output()?;
        let findings = serde_json::from_slice(&output.stdout)
            .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
        Ok(Self { output, findings })
    }

    fn faults(&self) -> Vec<&Value> {
        let all = self.findings.iter();
        all.filter(|finding| finding["verdict"] == "fault").collect()
    }

    /// That there is one fault, of this check, which names this and is mended by that.
    fn assert_only(&self, check: &str, seen: &str, mend: &str) {
        let faults = self.faults();
        let all = format!("{:#}", Value::from(self.findings.clone()));
        assert_eq!(faults.len(), 1, "{all}");
        assert_eq!(faults[0]["check"], check, "{all}");
        assert!(
            faults[0]["seen"].as_str().is_some_and(|text| text.contains(seen)),
            "{all}"
        );
        assert!(
            faults[0]["mend"].as_str().is_some_and(|text| text.contains(mend)),
            "{all}"
        );
        assert_eq!(self.output.status.code(), Some(2));
    }
}

#[tokio::test]
async fn a_stack_that_is_well_is_green_and_each_thing_broken_on_purpose_is_found() -> anyhow::Result<()> {
    let patient = Patient::new().await?;
    let well = patient.examine()?;
    assert!(well.faults().is_empty(), "{:#}", Value::from(well.findings));
    assert_eq!(well.output.status.code(), Some(0));
    let checks: Vec<&str> = well
        .findings
        .iter()
        .filter_map(|finding| finding["check"].as_str())
        .collect();
    assert_eq!(
        checks,
        [
            "settings",
            "control database's secret",
            "control database",
            "migrations",
            "clock",
            "rules",
            "warehouse's secret",
            "warehouse",
            "warehouse's schemas",
            "isolation level",
            "tables of rules",
            &format!("bucket {}", patient.world.ready().bucket),
            &format!("events of {}", patient.world.ready().bucket),
            "topic",
            "event rule",
            "deployed event rule",
            "clock",
            "rights of the functions",
        ]
    );
    wrong_names(&patient)?;
    rights(&patient)?;
    disabled_rule(&patient).await?;
    broken_control_database(&patient).await?;
    broken_warehouse(&patient).await
}

/// Lines of the deployment's description that name something else.
fn wrong_names(patient: &Patient) -> anyhow::Result<()> {
    let nowhere = "nowhere";
    patient.examine_with("secret_postgres", nowhere)?.assert_only(
        "control database's secret",
        "there is no secret nowhere",
        "put-secret-value --secret-id nowhere",
    );
    patient.examine_with("secret_redshift", nowhere)?.assert_only(
        "warehouse's secret",
        "there is no secret nowhere",
        "put-secret-value --secret-id nowhere",
    );
    let topic = "arn:aws:sns:us-east-1:000000000000:nowhere";
    patient
        .examine_with("topic_arn", topic)?
        .assert_only("topic", "there is no topic", "mend sns_topic_arn");
    patient.examine_with("input_prefix", "elsewhere/")?.assert_only(
        &format!("events of {}", patient.world.ready().bucket),
        "nobody is told of files in",
        "put-bucket-notification-configuration",
    );
    let bucket = patient.examine_with("bucket", nowhere)?;
    let checks: Vec<&Value> = bucket.faults().iter().map(|finding| &finding["check"]).collect();
    assert_eq!(checks, ["bucket nowhere", "events of nowhere"]);
    // The keys open every service, so the first that is asked says it.
    let keys = patient.examine_with("secret_access_key", "wrong")?;
    let first = keys.faults()[0];
    assert_eq!(first["check"], "control database's secret", "{first}");
    assert!(
        first["mend"].to_string().contains("get-caller-identity"),
        "{first}"
    );
    Ok(())
}

/// The functions' role has what they need; another role has not, and one that is not there has nothing.
fn rights(patient: &Patient) -> anyhow::Result<()> {
    let examine = |role: &str| {
        let command = patient
            .world
            .stack
            .local
            .command(&["doctor", "--json", "--role", role])?;
        Findings::of(command)
    };
    let role = "arn:aws:iam::000000000000:role/longshore-functions";
    let well = examine(role)?;
    assert!(well.faults().is_empty(), "{:#}", Value::from(well.findings));
    examine("arn:aws:iam::000000000000:role/nobody")?.assert_only(
        "rights of the functions",
        "there is no role",
        "LoaderRole",
    );
    let elsewhere = {
        let text = fs::read_to_string(patient.world.stack.local.ready_file())?;
        let mut ready: Value = serde_json::from_str(&text)?;
        ready["archive_folder"] = json!("elsewhere");
        let path = patient.folder.path().join("elsewhere.json");
        fs::write(&path, ready.to_string())?;
        let mut command = Command::new(program("longshore")?);
        command.arg("--local").arg(path);
        command.args(["doctor", "--json", "--role", role]);
        Findings::of(command)?
    };
    let lacks: Vec<&str> = elsewhere
        .faults()
        .iter()
        .filter_map(|fault| fault["seen"].as_str())
        .collect();
    assert_eq!(lacks.len(), 3, "to read, to write, and with tags: {lacks:?}");
    assert!(
        lacks
            .iter()
            .any(|seen| seen.contains("may not s3:PutObject on arn:aws:s3:::longshore-landing/elsewhere/")),
        "{lacks:?}"
    );
    Ok(())
}

/// The rule that brings the ends of statements is switched off.
async fn disabled_rule(patient: &Patient) -> anyhow::Result<()> {
    let world = &patient.world;
    world
        .ask_events("DisableRule", &json!({ "Name": "load-status" }))
        .await?;
    let found = patient.examine()?;
    world
        .ask_events("EnableRule", &json!({ "Name": "load-status" }))
        .await?;
    found.assert_only(
        "deployed event rule",
        "is disabled",
        "aws events enable-rule --name load-status",
    );
    assert!(patient.examine()?.faults().is_empty());
    Ok(())
}

async fn broken_control_database(patient: &Patient) -> anyhow::Result<()> {
    let control = &patient.world.control;
    let last = "(SELECT max(version) FROM rdscnfg.longshore_migration)";
    let taken: String = control
        .query_one(
            &format!("DELETE FROM rdscnfg.longshore_migration WHERE version = {last} RETURNING row_to_json(longshore_migration)::text"),
            &[],
        )
        .await?
        .get(0);
    patient
        .examine()?
        .assert_only("migrations", " are applied", "longshore migrate");
    control
        .execute(
            "INSERT INTO rdscnfg.longshore_migration SELECT * FROM json_populate_record(NULL::rdscnfg.longshore_migration, $1::text::json)",
            &[&taken],
        )
        .await?;

    let rule = "UPDATE rdscnfg.ext_file_config SET key_regex = $1 WHERE ext_file_config_sid = (SELECT min(ext_file_config_sid) FROM rdscnfg.ext_file_config)";
    control.execute(rule, &[&Some("(")]).await?;
    patient
        .examine()?
        .assert_only("rules", "key_regex", "ext_file_config");
    control.execute(rule, &[&None::<&str>]).await?;

    patient.world.shut_control_database().await?;
    let shut = patient.examine()?;
    patient.world.open_control_database().await?;
    shut.assert_only("control database", "", "check that the database runs");
    Ok(())
}

async fn broken_warehouse(patient: &Patient) -> anyhow::Result<()> {
    let world = &patient.world;
    world
        .query("ALTER TABLE rdsftetl.pharmacy_price RENAME COLUMN unit_price TO prize")
        .await?;
    let drift = patient.examine()?;
    world
        .query("ALTER TABLE rdsftetl.pharmacy_price RENAME COLUMN prize TO unit_price")
        .await?;
    let fault = drift.faults()[0].clone();
    drift.assert_only(
        fault["check"].as_str().unwrap_or_default(),
        "has no column unit_price",
        "ADD COLUMN unit_price",
    );
    world
        .query("ALTER TABLE rdsftetl.pharmacy_price RENAME TO elsewhere")
        .await?;
    let gone = patient.examine()?;
    world
        .query("ALTER TABLE rdsftetl.elsewhere RENAME TO pharmacy_price")
        .await?;
    gone.assert_only(
        fault["check"].as_str().unwrap_or_default(),
        "there is no table rdsftetl.pharmacy_price",
        "CREATE TABLE rdsftetl.pharmacy_price",
    );
    world.query("DROP SCHEMA rdsftcore CASCADE").await?;
    patient
        .examine()?
        .assert_only("warehouse's schemas", "missing: rdsftcore", "longshore migrate");
    Ok(())
}

#[test]
fn without_settings_each_that_is_missing_is_a_finding() -> anyhow::Result<()> {
    let mut command = Command::new(program("longshore")?);
    command.args(["doctor", "--json"]).env_clear();
    let found = Findings::of(command)?;
    let checks: Vec<&str> = found
        .faults()
        .iter()
        .filter_map(|finding| finding["check"].as_str())
        .collect();
    assert!(
        checks.contains(&"setting secret_postgres") && checks.contains(&"setting sns_topic_arn"),
        "{checks:?}"
    );
    assert_eq!(found.output.status.code(), Some(2));
    Ok(())
}
