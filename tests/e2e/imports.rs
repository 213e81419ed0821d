//! The configurations of older loaders, imported, applied, and files loaded under them.

use std::io::Write as _;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::support::{World, unique};

pub(crate) fn file(name: &str, content: &str) -> anyhow::Result<(tempfile::TempDir, String)> {
    let folder = tempfile::TempDir::new()?;
    let path = folder.path().join(name);
    std::fs::File::create(&path)?.write_all(content.as_bytes())?;
    let path = path.to_str().context("a path in UTF-8")?.to_owned();
    Ok((folder, path))
}

impl World {
    pub(crate) fn import(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.longshore(arguments)?;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }
}

#[tokio::test]
async fn a_configuration_of_awslabs_becomes_a_rule_that_loads_its_files() -> anyhow::Result<()> {
    let world = World::shared().await?;
    world.set_column_numbers_apart().await?;
    let feed = world.feed().create().await?;
    let ready = world.ready();
    let number = unique().to_string();
    let folder = format!("{}awslabs{number}", ready.input_prefix);
    let config = format!(
        r#"{{
  "region": "{}",
  "s3Prefix": "{}/{folder}/yyyy=*",
  "filenameFilter": ".*\\.csv",
  "clusterEndpoint": "{}.abc.eu-west-1.redshift.amazonaws.com",
  "clusterPort": "5439",
  "clusterDB": "{}",
  "table": "{}",
  "columnList": "id, name",
  "truncateTable": "N",
  "userName": "",
  "userPwd": "open sesame",
  "df": "CSV",
  "csvDelimiter": "|",
  "manifestBucket": "manifests",
  "manifestPrefix": "m",
  "secretKey": "open sesame",
  "batchSize": "1",
  "copyOptions": "TRUNCATECOLUMNS"
}}"#,
        ready.region, ready.bucket, ready.cluster_identifier, ready.database, feed.table
    );
    let (_folder, path) = file("config.json", &config)?;
    let numbers = ["--rule", &number, "--interface", &number, "--target", &number];
    let yaml = world.import(&[&["import", "awslabs", path.as_str()], numbers.as_slice()].concat())?;
    assert!(!yaml.contains("sesame"), "{yaml}");
    // The stack's warehouse lets its own secret in, which the remark about passwords asks to be named.
    let login = format!(
        "cluster_identifier: {0}\n    secret_arn: {1}",
        ready.cluster_identifier, ready.secret_redshift
    );
    let yaml = yaml.replace(
        &format!("cluster_identifier: {}", ready.cluster_identifier),
        &login,
    );
    let yaml = yaml.replace("iam_role: default", &format!("iam_role: \"{}\"", ready.iam_role));
    let (_document, document) = file("rules.yaml", &yaml)?;
    world.import(&[
        "rule", "apply", &document, "--as", "ann", "--why", "moved", "--yes",
    ])?;
    let story = world
        .land(&format!("awslabs{number}/yyyy=2026/orders.csv"), "1|one\n")
        .await?;
    story.assert_loaded(1);
    assert_eq!(feed.lines("id, name").await?, ["1|one"]);
    Ok(())
}

#[tokio::test]
async fn a_configuration_with_unknown_fields_is_refused_with_their_lines() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let (_folder, path) = file(
        "orders_queue.json",
        "{\n  \"copy\": {\"table_nam\": \"t\"},\n  \"clutser\": {}\n}\n",
    )?;
    for loader in ["microbatch", "awslabs"] {
        let output = world.longshore(&["import", loader, &path])?;
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty());
        let said = String::from_utf8(output.stderr)?;
        assert!(said.contains("orders_queue.json:3: \"clutser\" is no"), "{said}");
    }
    let output = world.longshore(&["import", "microbatch", &path])?;
    let said = String::from_utf8(output.stderr)?;
    assert!(
        said.contains("did you mean cluster?") && said.contains("did you mean table_name?"),
        "{said}"
    );
    Ok(())
}

#[tokio::test]
async fn a_queues_configuration_is_printed_as_rules_with_remarks() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let config = r#"{
    "output": {"manifest_bucket": "b", "manifest_prefix": "p"},
    "copy": {"options": "FORMAT AS PARQUET", "role_arn": "arn:aws:iam::1:role/copy", "table_name": "sales.orders"},
    "cluster": {"identifier": "warehouse", "db_name": "dev"},
    "options": {"merge_duplicate_pks": true, "merge_pk": "order_id", "merge_timestamp": "updated_at"}
}"#;
    let (_folder, path) = file("orders_queue.json", config)?;
    let yaml = world.import(&["import", "microbatch", &path])?;
    for line in [
        "queue_name: orders_queue",
        "load_mode: merge",
        "merge_keys: order_id",
        "merge_order: updated_at",
    ] {
        assert!(yaml.contains(line), "{yaml}");
    }
    let imported: serde_json::Value =
        serde_json::from_str(&world.import(&["--json", "import", "microbatch", &path])?)?;
    assert_eq!(imported["rules"][0]["tgt_table_name"], "orders");
    assert!(
        imported["remarks"]
            .as_array()
            .is_some_and(|remarks| remarks.len() > 2)
    );
    Ok(())
}

/// What S3 says of a file through a queue.
fn announced(world: &World, queue: &str, key: &str, etag: &str, bytes: &str) -> Value {
    let record = json!({
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "bucket": { "name": world.ready().bucket },
            "object": { "key": key, "size": bytes.len(), "eTag": etag.trim_matches('"'), "sequencer": "00A1" },
        },
    });
    json!({ "Records": [{
        "eventSource": "aws:sqs",
        "messageId": "m1",
        "eventSourceARN": format!("arn:aws:sqs:us-east-1:000000000000:{queue}"),
        "body": json!({ "Records": [record] }).to_string(),
    }] })
}

#[tokio::test]
async fn a_queues_configuration_that_is_imported_and_applied_merges_what_the_queue_brings()
-> anyhow::Result<()> {
    let world = World::shared().await?;
    world.set_column_numbers_apart().await?;
    let feed = world
        .feed()
        .columns(["id integer", "name varchar(10)", "changed timestamp"])
        .create()
        .await?;
    let ready = world.ready();
    let number = unique().to_string();
    let queue = format!("orders_{number}");
    let config = format!(
        r#"{{
    "output": {{"manifest_bucket": "manifests", "manifest_prefix": "m"}},
    "copy": {{"options": "CSV DELIMITER ','", "role_arn": "{}", "table_name": "{}"}},
    "cluster": {{"identifier": "{}", "db_name": "{}"}},
    "options": {{"merge_duplicate_pks": true, "merge_pk": "id", "merge_timestamp": "changed"}}
}}"#,
        ready.iam_role, feed.table, ready.cluster_identifier, ready.database
    );
    let (_folder, path) = file(&format!("{queue}.json"), &config)?;
    let numbers = ["--rule", &number, "--interface", &number, "--target", &number];
    let yaml = world.import(&[&["import", "microbatch", path.as_str()], numbers.as_slice()].concat())?;
    // What its remarks ask for: the region, the login and the columns.
    assert!(yaml.contains("# - columns: "), "{yaml}");
    let login = format!(
        "cluster_identifier: {0}\n    secret_arn: {1}",
        ready.cluster_identifier, ready.secret_redshift
    );
    let yaml = yaml
        .replace(
            &format!("cluster_identifier: {}", ready.cluster_identifier),
            &login,
        )
        .replace("region: REGION", &format!("region: {}", ready.region))
        // Another test's target has the name already.
        .replace("target_name: ", "target_name: of ")
        + "    columns:\n      - id\n      - name\n      - changed\n";
    let (_document, document) = file("rules.yaml", &yaml)?;
    world.import(&[
        "rule", "apply", &document, "--as", "ann", "--why", "moved", "--yes",
    ])?;

    for (name, bytes) in [
        ("first", "1,a,2026-01-01 00:00:00\n2,b,2026-01-01 00:00:00\n"),
        (
            "second",
            "1,late,2025-12-31 00:00:00\n2,new,2026-02-01 00:00:00\n3,c,2026-02-01 00:00:00\n",
        ),
    ] {
        let key = format!("elsewhere/{queue}/{name}.csv");
        let etag = world.put(&key, bytes).await?;
        let event = announced(&world, &queue, &key, &etag, bytes);
        let answer = world.invoke("external-file-process", &event).await?;
        assert!(!answer.is_error, "{answer:?}");
        let story = world.story(&key).await?;
        assert_eq!(story.state(), "complete", "{story}");
    }
    assert_eq!(feed.lines("id, name").await?, ["1|a", "2|new", "3|c"]);
    Ok(())
}
