//! How an invocation ends over a file that was refused, once that is on record and told: as the deployment says.

use std::sync::Arc;

use longshore_testkit::LocalStackOptions;
use serde_json::{Value, json};

use crate::support::{Stack, World};

const PROCESS: &str = "external-file-process";

fn record(world: &World, key: &str, etag: &str, bytes: &str) -> Value {
    json!({
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "bucket": { "name": world.ready().bucket },
            "object": { "key": key, "size": bytes.len(), "eTag": etag, "sequencer": "00A1" },
        },
    })
}

/// A file whose trailer does not say how many records it has, where no event announces it.
async fn refused(world: &World) -> anyhow::Result<(String, Value)> {
    let feed = world
        .feed()
        .set("trailer_flag", "Y")
        .set("trailer_tag", "T|")
        .create()
        .await?;
    let key = format!("elsewhere/{}", feed.file_name());
    let bytes = "1|a\nT|9\n";
    let etag = world.put(&key, bytes).await?;
    let record = record(world, &key, etag.trim_matches('"'), bytes);
    Ok((key, record))
}

/// The message of a queue that brings a record.
fn message(record: &Value) -> Value {
    json!({ "Records": [{
        "eventSource": "aws:sqs",
        "messageId": "m1",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:files",
        "body": json!({ "Records": [record] }).to_string(),
    }] })
}

#[tokio::test]
async fn an_invocation_succeeds_when_its_failure_was_reported() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let (key, record) = refused(&world).await?;
    let answer = world
        .invoke(PROCESS, &json!({ "Records": [record.clone()] }))
        .await?;
    assert!(!answer.is_error, "{answer:?}");
    assert_eq!(answer.body["outcomes"][0]["outcome"], "rejected", "{answer:?}");
    let again = world.invoke(PROCESS, &message(&record)).await?;
    assert_eq!(again.body["batchItemFailures"], json!([]), "{again:?}");
    let story = world.story(&key).await?;
    story.assert_refused("trailer_count_mismatch", &["9"]);
    assert_eq!(story.messages.len(), 1, "{story}");
    Ok(())
}

#[tokio::test]
async fn an_invocation_fails_over_what_was_reported_where_the_deployment_wants_that() -> anyhow::Result<()> {
    let stack = Stack::start(LocalStackOptions {
        function_settings: vec!["LONGSHORE_REPORTED_FAILURES=fail".to_owned()],
        ..LocalStackOptions::default()
    })?;
    let world = World::on(Arc::new(stack)).await?;
    let (key, record) = refused(&world).await?;
    for event in [
        json!({ "Records": [record.clone()] }),
        json!({ "Records": [record.clone()] }),
    ] {
        // Lambda makes the invocation again: it fails again, and nobody is told again.
        let answer = world.invoke(PROCESS, &event).await?;
        assert!(answer.is_error, "{answer:?}");
        let said = answer.body["errorMessage"].as_str().unwrap_or_default();
        let load = world.loads_of(&key).await?.remove(0);
        assert!(
            said.contains(&format!("longshore load show {}", load.id())),
            "{answer:?}"
        );
        assert_eq!(answer.body["errorType"], "Reject", "{answer:?}");
    }
    let queued = world.invoke(PROCESS, &message(&record)).await?;
    assert_eq!(
        queued.body["batchItemFailures"],
        json!([{ "itemIdentifier": "m1" }]),
        "{queued:?}"
    );
    let story = world.story(&key).await?;
    story.assert_refused("trailer_count_mismatch", &["9"]);
    assert_eq!(story.messages.len(), 1, "{story}");
    Ok(())
}
