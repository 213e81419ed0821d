//! `longshore doctor`: green on a stack that is well, and red with the right finding for each thing that is broken on purpose.

mod standing;

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

    /// What the doctor finds as it is asked from a shell: no ready file, but the functions' variables, these among them.
    fn examine_from_a_shell(&self, more: &[(&str, &str)]) -> anyhow::Result<Findings> {
        let ready = self.world.ready();
        let mut command = Command::new(program("longshore")?);
        command.args(["doctor", "--json"]).env_clear().envs([
            ("AWS_ENDPOINT_URL", &ready.endpoint_url),
            ("AWS_REGION", &ready.region),
            ("AWS_ACCESS_KEY_ID", &ready.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", &ready.secret_access_key),
            ("secret_postgres", &ready.secret_postgres),
            ("secret_redshift", &ready.secret_redshift),
            ("sns_topic_arn", &ready.topic_arn),
            ("iam_role", &ready.iam_role),
        ]);
        command.envs(more.iter().copied());
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

    /// The finding of a check.
    fn of_check(&self, check: &str) -> anyhow::Result<&Value> {
        let found = self.findings.iter().find(|finding| finding["check"] == check);
        found.with_context(|| format!("no {check} in {:#}", Value::from(self.findings.clone())))
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
            "work",
            "warehouse's secret",
            "warehouse",
            "warehouse's schemas",
            "isolation level",
            "tables of rules",
            &format!("bucket {}", patient.world.ready().bucket),
            &format!("events of {}", patient.world.ready().bucket),
            "topic",
            "event rule",
            "clock",
            "rights of the functions",
        ]
    );
    wrong_names(&patient)?;
    wrong_secrets(&patient).await?;
    wrong_variables(&patient)?;
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

/// Secrets that are there and say something wrong. None of what they say is shown.
async fn wrong_secrets(patient: &Patient) -> anyhow::Result<()> {
    let world = &patient.world;
    let login = |user: &str, database: &str| -> anyhow::Result<Value> {
        let config: tokio_postgres::Config = world.ready().control_database_url.parse()?;
        let port = config.get_ports().first().context("a port")?;
        let password = std::str::from_utf8(config.get_password().unwrap_or(b"unused"))?;
        Ok(json!({
            "host": "127.0.0.1", "port": port, "username": user, "password": password, "dbname": database,
        }))
    };
    let config: tokio_postgres::Config = world.ready().control_database_url.parse()?;
    let user = config.get_user().context("a user")?;
    let control = [
        ("no-json", json!("se{same")),
        ("no-login", json!({ "host": "127.0.0.1", "dbname": "longshore" })),
        ("stranger", login("nobody", "control")?),
        ("not-migrated", login(user, "postgres")?),
    ];
    for (name, secret) in &control {
        let text = secret.as_str().map_or_else(|| secret.to_string(), str::to_owned);
        world.create_secret(&format!("broken/{name}"), &text).await?;
    }
    let shape = "put-secret-value --secret-id broken/no-";
    for (name, check, seen, mend) in [
        ("no-json", "control database's secret", "broken/no-json", shape),
        ("no-login", "control database's secret", "username", shape),
        (
            "stranger",
            "control database",
            "nobody",
            "the secret's user and password",
        ),
        ("not-migrated", "migrations", "", "longshore migrate"),
    ] {
        let found = patient.examine_with("secret_postgres", &format!("broken/{name}"))?;
        found.assert_only(check, seen, mend);
        assert!(!Value::from(found.findings).to_string().contains("se{same"));
    }
    let nowhere =
        json!({ "username": "u", "password": "se{same", "database": "d", "dbClusterIdentifier": "nowhere" });
    world
        .create_secret("broken/nowhere", &nowhere.to_string())
        .await?;
    world.create_secret("broken/no-warehouse", "se{same").await?;
    for (name, check, seen, mend) in [
        (
            "nowhere",
            "warehouse",
            "nowhere",
            "aws redshift describe-clusters",
        ),
        ("no-warehouse", "warehouse's secret", "broken/no-warehouse", shape),
    ] {
        let found = patient.examine_with("secret_redshift", &format!("broken/{name}"))?;
        found.assert_only(check, seen, mend);
        assert!(!Value::from(found.findings).to_string().contains("se{same"));
    }
    Ok(())
}

/// Variables that do not fit the deployment.
fn wrong_variables(patient: &Patient) -> anyhow::Result<()> {
    let watched = format!(
        "s3://{}/{}",
        patient.world.ready().bucket,
        patient.world.ready().input_prefix
    );
    let watched = ("LONGSHORE_WATCHED_PREFIXES", watched.as_str());
    let well = patient.examine_from_a_shell(&[watched])?;
    assert!(well.faults().is_empty(), "{:#}", Value::from(well.findings));

    let unwatched = patient.examine_from_a_shell(&[])?;
    assert_eq!(unwatched.output.status.code(), Some(0));
    let notice = unwatched
        .findings
        .iter()
        .find(|finding| finding["check"] == "landing prefix");
    let notice = notice.context("a notice that nothing is watched")?;
    assert_eq!(notice["verdict"], "notice");
    assert!(
        notice["mend"].to_string().contains("LONGSHORE_WATCHED_PREFIXES="),
        "{notice}"
    );

    patient
        .examine_from_a_shell(&[watched, ("LONGSHORE_STATEMENT_PREFIX", "mine")])?
        .assert_only(
            "event rule",
            "no rule takes the ends of statements called mine/",
            "set LONGSHORE_STATEMENT_PREFIX to the stack's name",
        );
    patient
        .examine_from_a_shell(&[watched, ("LONGSHORE_DATABASE_CA_FILE", "/nowhere.pem")])?
        .assert_only("control database", "/nowhere.pem", "LONGSHORE_DATABASE_CA_FILE");
    let twice = [
        watched,
        ("LONGSHORE_REDSHIFT_CLUSTER", "one"),
        ("LONGSHORE_REDSHIFT_WORKGROUP", "two"),
        ("LONGSHORE_MAX_CONNECTIONS", "none"),
    ];
    let found = patient.examine_from_a_shell(&twice)?;
    let checks: Vec<&Value> = found.faults().iter().map(|fault| &fault["check"]).collect();
    assert!(
        checks.contains(&&json!("setting LONGSHORE_MAX_CONNECTIONS")),
        "{checks:?}"
    );
    assert!(
        checks
            .iter()
            .any(|check| check.to_string().contains("LONGSHORE_REDSHIFT_")),
        "{checks:?}"
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
        "event rule",
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
        .assert_only("rules", "key_regex", "longshore rule edit");
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

#[tokio::test]
async fn a_catalog_that_is_denied_a_clock_that_is_off_and_a_further_warehouse_that_lacks_a_table_are_found()
-> anyhow::Result<()> {
    let patient = Patient::new().await?;
    standing::denied_catalog(&patient).await?;
    standing::isolation_levels(&patient).await?;
    standing::clock_that_is_off(&patient).await?;
    standing::further_warehouses(&patient).await
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
