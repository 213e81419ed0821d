//! Secrets, logins and topics, on a stack of their own whose settings may be broken.

use std::fs;
use std::process::{Command, Output};
use std::sync::Arc;

use anyhow::Context;
use longshore_testkit::{LocalStackOptions, program};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Stack, World};

struct Deployment {
    world: World,
    folder: TempDir,
}

impl Deployment {
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

    /// What a command answers in JSON, and how it ended.
    fn asks(&self, arguments: &[&str]) -> anyhow::Result<(Option<i32>, Vec<Value>)> {
        let arguments: Vec<&str> = ["--json"].iter().chain(arguments).copied().collect();
        answer(self.world.stack.local.command(&arguments)?.output()?)
    }

    /// The same with one setting that says something else.
    fn asks_with(
        &self,
        name: &str,
        value: &str,
        arguments: &[&str],
    ) -> anyhow::Result<(Option<i32>, Vec<Value>)> {
        let text = fs::read_to_string(self.world.stack.local.ready_file())?;
        let mut ready: Value = serde_json::from_str(&text)?;
        ready[name] = json!(value);
        let path = self.folder.path().join("ready.json");
        fs::write(&path, ready.to_string())?;
        let mut command = Command::new(program("longshore")?);
        command.arg("--json").arg("--local").arg(path).args(arguments);
        answer(command.output()?)
    }
}

fn answer(output: Output) -> anyhow::Result<(Option<i32>, Vec<Value>)> {
    let answer = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    Ok((output.status.code(), answer))
}

/// The findings of a verdict, as `check: seen`.
fn found(findings: &[Value], verdict: &str) -> Vec<String> {
    let text = |finding: &Value, field: &str| finding[field].as_str().unwrap_or_default().to_owned();
    findings
        .iter()
        .filter(|finding| finding["verdict"] == verdict)
        .map(|finding| format!("{}: {}", text(finding, "check"), text(finding, "seen")))
        .collect()
}

#[tokio::test]
async fn every_secret_and_login_is_looked_at_and_nothing_of_them_is_shown() -> anyhow::Result<()> {
    let deployment = Deployment::new().await?;
    let (code, findings) = deployment.asks(&["secret", "check"])?;
    assert_eq!((code, found(&findings, "fault")), (Some(0), vec![]));
    assert_eq!(found(&findings, "sound").len(), 4, "{findings:?}");

    let (code, findings) = deployment.asks_with("secret_redshift", "nowhere", &["secret", "check"])?;
    let faults = found(&findings, "fault");
    assert_eq!((code, faults.len()), (Some(2), 1), "{findings:?}");
    assert!(faults[0].contains("there is no secret nowhere"), "{faults:?}");

    let ready = deployment.world.ready();
    let target = |sid: u32, name: &str, cluster: &str, secret: &str| {
        format!(
            "INSERT INTO rdscnfg.ext_target
                 (ext_target_sid, target_name, cluster_identifier, database_name, secret_arn, iam_role, region)
             VALUES ({sid}, '{name}', {cluster}, '{}', '{secret}', 'default', '{}')",
            ready.database, ready.region
        )
    };
    let cluster = format!("'{}'", ready.cluster_identifier);
    for sql in [
        target(1, "good", &cluster, &ready.secret_redshift),
        target(2, "keyless", &cluster, "lost"),
        target(3, "gone", "'elsewhere'", &ready.secret_redshift),
        target(4, "shapeless", "NULL", &ready.secret_redshift),
    ] {
        deployment.world.control.batch_execute(&sql).await?;
    }
    let (code, findings) = deployment.asks(&["secret", "check"])?;
    assert_eq!(code, Some(2));
    let sound = found(&findings, "sound").join("\n");
    assert!(
        sound.contains("secret of target good:") && sound.contains("login of target good:"),
        "{sound}"
    );
    let faults = found(&findings, "fault");
    assert_eq!(faults.len(), 3, "{faults:#?}");
    assert!(
        faults[0].starts_with("secret of target keyless: there is no secret lost"),
        "{faults:#?}"
    );
    assert!(faults[1].starts_with("login of target gone: "), "{faults:#?}");
    assert!(
        faults[2].contains("names both or neither of a cluster and a workgroup"),
        "{faults:#?}"
    );
    let printed = Value::from(findings).to_string();
    let secret = ready.secret_access_key.as_str();
    assert!(
        !printed.contains(secret) && !printed.contains("password\":\""),
        "{printed}"
    );
    Ok(())
}

#[tokio::test]
async fn the_keys_of_encrypted_files_are_looked_at_and_not_shown() -> anyhow::Result<()> {
    const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    let deployment = Deployment::new().await?;
    let world = &deployment.world;
    world
        .create_secret("partner", &format!(r#"{{"master_symmetric_key": "{KEY}"}}"#))
        .await?;
    world.create_secret("shapeless", "hunter2").await?;
    for (secret, rules) in [("partner", "71, 72, 73"), ("shapeless", "74"), ("nowhere", "75")] {
        let sql = format!(
            "UPDATE rdscnfg.ext_file_config SET encryption_secret = '{secret}' WHERE ext_file_config_sid IN ({rules})"
        );
        world.control.batch_execute(&sql).await?;
    }
    let (code, findings) = deployment.asks(&["secret", "check"])?;
    assert_eq!(code, Some(2));
    let sound = found(&findings, "sound");
    assert!(
        sound.contains(&"encryption_secret of rule 71 and 2 more: partner: it is in shape".to_owned()),
        "{sound:#?}"
    );
    let faults = found(&findings, "fault");
    assert_eq!(faults.len(), 2, "{faults:#?}");
    assert!(
        faults[0].starts_with("encryption_secret of rule 75: there is no secret nowhere"),
        "{faults:#?}"
    );
    assert!(
        faults[1].starts_with("encryption_secret of rule 74: ") && faults[1].contains("master_symmetric_key"),
        "{faults:#?}"
    );
    let printed = Value::from(findings).to_string();
    assert!(
        !printed.contains(KEY) && !printed.contains("hunter2"),
        "{printed}"
    );
    Ok(())
}

#[tokio::test]
async fn a_test_message_goes_to_every_topic_in_use_and_a_rules_own_topic_is_told_of_its_files()
-> anyhow::Result<()> {
    let deployment = Deployment::new().await?;
    let world = &deployment.world;
    let own = world.create_topic("prices").await?;
    let sql = format!(
        "UPDATE rdscnfg.ext_file_config SET failure_topic_arn = '{own}' WHERE ext_file_config_sid IN (71, 73)"
    );
    world.control.batch_execute(&sql).await?;
    let (code, told) = deployment.asks(&["notify", "test", "--as", "ann"])?;
    assert_eq!((code, told.len()), (Some(0), 2), "{told:?}");
    let of_rules = told
        .iter()
        .find(|told| told["topic_arn"] == own.as_str())
        .context("the rules' topic")?;
    assert_eq!(of_rules["used_by"], json!(["rule 71", "rule 73"]));
    let published = Value::from(world.published().await?).to_string();
    for told in &told {
        let id = told["message_id"].as_str().context("a message id")?;
        assert!(published.contains(id), "{published}");
    }

    let refused = world
        .land(
            "PRICES_SHORT_701.txt",
            "1|B|8.75|2026-01-01|2079-12-31\nTRL|00000005\n",
        )
        .await?;
    assert_eq!(refused.state(), "rejected");
    let topics = format!(
        "SELECT to_jsonb(topic_arn) FROM rdscnfg.ext_outbox WHERE load_id = '{}'",
        refused.load.id()
    );
    assert_eq!(world.control_rows(&topics).await?, [json!(own)]);

    let nowhere = own.replace("prices", "nowhere");
    let sql = format!(
        "UPDATE rdscnfg.ext_file_config SET failure_topic_arn = '{nowhere}' WHERE ext_file_config_sid = 73"
    );
    world.control.batch_execute(&sql).await?;
    let (code, told) = deployment.asks(&["notify", "test", "--as", "ann"])?;
    assert_eq!((code, told.len()), (Some(2), 3));
    let refused: Vec<_> = told.iter().filter(|told| told["error"].is_string()).collect();
    assert_eq!(refused.len(), 1, "{told:?}");
    assert_eq!(refused[0]["topic_arn"], nowhere.as_str());
    Ok(())
}

#[tokio::test]
async fn a_stack_has_a_connection_for_every_session_of_the_data_api() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let rows = world
        .control_rows("SELECT to_jsonb(current_setting('max_connections')::integer)")
        .await?;
    // 500 sessions, and the functions and whoever looks beside them.
    assert!(rows[0].as_i64() > Some(550), "{rows:?}");
    Ok(())
}
