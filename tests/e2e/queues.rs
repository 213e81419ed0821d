//! Queues: rules that take what a queue brings, batches of which a part fails, and dead letters.

use std::process::Output;
use std::time::Instant;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::support::{Feed, PATIENCE, World, unique};

fn record(world: &World, key: &str, etag: &str, sequencer: &str) -> Value {
    json!({
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "bucket": { "name": world.ready().bucket },
            "object": { "key": key, "size": 4, "eTag": etag, "sequencer": sequencer },
        },
    })
}

fn message(id: &str, queue: &str, records: &[Value]) -> Value {
    json!({
        "messageId": id,
        "eventSource": "aws:sqs",
        "eventSourceARN": format!("arn:aws:sqs:us-east-1:000000000000:{queue}"),
        "body": json!({ "Records": records }).to_string(),
    })
}

/// A key that no rule knows by its name and that S3 announces to nobody.
fn nameless_key() -> String {
    format!("elsewhere/of queues/{}.txt", unique())
}

#[tokio::test]
async fn what_a_queue_brings_falls_under_its_rule_whatever_it_is_called() -> anyhow::Result<()> {
    let world = World::asked_about_files().await?;
    let queue = format!("orders_{}", unique());
    let arn = format!("arn:aws:sqs:us-east-1:000000000000:{queue}");
    let feed = world.feed().set("queue_name", &arn).create().await?;
    let key = nameless_key();
    let etag = world.put(&key, "1|a\n").await?;
    let event = json!({ "Records": [message("m1", &queue, &[record(&world, &key, &etag, "00A1")])] });

    let answer = world.invoke("external-file-process", &event).await?;
    assert_eq!(answer.body["outcomes"][0]["outcome"], "submitted", "{answer:?}");
    let story = world.story(&key).await?;
    story.assert_loaded(1);
    assert_eq!(story.load.text("queue_name"), Some(queue.as_str()));

    // The ledger keeps the queue: what happens again finds the same rule, though no queue brings it.
    let url = format!("s3://{}/{key}", world.ready().bucket);
    let command = [
        "file",
        "reprocess",
        &url,
        "--accept-duplicates",
        "--yes",
        "--as",
        "ann",
        "--why",
        "a test",
    ];
    let output = world.longshore(&command)?;
    assert!(output.status.success(), "{output:?}");
    let mut stories = world.reconcile_until_settled(&key, 2).await?;
    let again = stories.pop().context("the replay")?;
    again.assert_loaded(1);
    assert_eq!(again.load.number("ext_file_config_sid"), Some(feed.rule.into()));
    Ok(())
}

#[tokio::test]
async fn rules_are_listed_and_explained_by_their_queue() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let queue = format!("listed_{}", unique());
    let arn = format!("arn:aws:sqs:us-east-1:000000000000:{queue}");
    let of_queue = world.feed().set("queue_name", &arn).create().await?;
    let other = world.feed().create().await?;
    let prints = |arguments: &[&str]| -> anyhow::Result<String> {
        let output = world.longshore(arguments)?;
        anyhow::ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };

    for name in [&queue, &arn] {
        let listed = prints(&["rule", "list", "--queue", name])?;
        assert!(listed.contains(&of_queue.rule.to_string()), "{listed}");
        assert!(listed.contains(&queue), "it is shown: {listed}");
        assert!(!listed.contains(&other.table), "{listed}");
    }
    let none = prints(&["--json", "rule", "list", "--queue", "nobody_s"])?;
    assert_eq!(none.trim(), "[]");
    let off = prints(&["--json", "rule", "list", "--queue", &queue, "--status", "off"])?;
    assert_eq!(off.trim(), "[]");

    let url = format!("s3://landing/in/{}", other.file_name());
    let by_queue = prints(&["rule", "explain", &url, "--queue", &queue])?;
    assert!(
        by_queue.contains(&format!("rule {} takes it", of_queue.rule)),
        "{by_queue}"
    );
    let by_key = prints(&["rule", "explain", &url])?;
    assert!(
        by_key.contains(&format!("rule {} takes it", other.rule)),
        "{by_key}"
    );

    let bad = world.longshore(&["rule", "list", "--queue", "not a queue"])?;
    assert_eq!(bad.status.code(), Some(1));
    let said = String::from_utf8_lossy(&bad.stderr);
    assert!(said.contains("is no queue's name"), "{said}");
    Ok(())
}

#[tokio::test]
async fn two_rules_of_one_queue_are_both_named() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let queue = format!("twice_{}", unique());
    let one = world.feed().set("queue_name", &queue).create().await?;
    let other = world.feed().set("queue_name", &queue).create().await?;
    let key = nameless_key();
    let etag = world.put(&key, "1|a\n").await?;
    let event = json!({ "Records": [message("m1", &queue, &[record(&world, &key, &etag, "00A1")])] });
    world.invoke("external-file-process", &event).await?;
    let story = world.story(&key).await?;
    let (one, other) = (one.rule.to_string(), other.rule.to_string());
    story.assert_refused("rule_ambiguous", &[&one, &other]);
    Ok(())
}

#[tokio::test]
async fn of_a_batch_the_queue_gets_back_the_message_of_which_a_record_fails() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().create().await?;
    let keys = [0; 3].map(|_| format!("elsewhere/of queues/{}", feed.file_name()));
    let mut records = Vec::new();
    for key in &keys {
        let etag = world.put(key, "1|a\n").await?;
        records.push(record(&world, key, &etag, "00A1"));
    }
    let mut broken = record(&world, "x", "e", "00A1");
    broken["s3"]["object"]["size"] = json!("four");
    let event = json!({ "Records": [
        message("good", "intake", &records[..1]),
        message("mixed", "intake", &[records[1].clone(), broken]),
        message("fine", "intake", &records[2..]),
    ] });
    for _ in 0..2 {
        let answer = world.invoke("external-file-process", &event).await?;
        assert!(!answer.is_error, "{answer:?}");
        let failures = &answer.body["batchItemFailures"];
        assert_eq!(failures, &json!([{ "itemIdentifier": "mixed" }]), "{answer:?}");
    }
    for key in &keys {
        world.story(key).await?.assert_loaded(1);
    }
    assert_eq!(feed.lines("id").await?.len(), 3);
    Ok(())
}

#[tokio::test]
async fn a_file_that_s3_announces_through_a_queue_is_loaded() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().create().await?;
    let key = format!("{}{}", world.ready().queued_input_prefix, feed.file_name());
    world.put(&key, "1|a\n").await?;
    let story = world.story(&key).await?;
    story.assert_loaded(1);
    assert_eq!(story.load.text("queue_name"), Some("longshore-intake"));
    Ok(())
}

/// A stack's dead letters.
struct DeadLetters<'a> {
    world: &'a World,
}

impl DeadLetters<'_> {
    async fn send(&self, queue_url: &str, body: &Value) -> anyhow::Result<()> {
        let send = self.world.queue.send_message().queue_url(queue_url);
        send.message_body(body.to_string()).send().await.context("send")?;
        Ok(())
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<(Output, Value)> {
        let by_hand: &[&str] = match arguments.first() {
            Some(&("redrive" | "delete")) => &["--why", "a test", "--as", "ann"],
            _ => &[],
        };
        let arguments: Vec<_> = ["dlq"]
            .iter()
            .chain(arguments)
            .chain(by_hand)
            .chain(&["--json"])
            .copied()
            .collect();
        let output = self.world.longshore(&arguments)?;
        let answer = serde_json::from_slice(&output.stdout).unwrap_or_default();
        Ok((output, answer))
    }

    fn find(&self, about: &str) -> anyhow::Result<Option<Value>> {
        let (output, letters) = self.run(&["list"])?;
        let letters = letters.as_array().with_context(|| format!("{output:?}"))?;
        let is_about = |letter: &&Value| letter["about"].to_string().contains(about);
        Ok(letters.iter().find(is_about).cloned())
    }

    async fn wait_for(&self, about: &str) -> anyhow::Result<Value> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(letter) = self.find(about)? {
                return Ok(letter);
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        bail!("no dead letter is about {about}")
    }
}

/// An object that nobody has announced yet.
async fn unannounced(world: &World, feed: &Feed<'_>) -> anyhow::Result<(String, Value)> {
    let key = format!("elsewhere/dead/{}", feed.file_name());
    let etag = world.put(&key, "1|a\n").await?;
    let record = record(world, &key, &etag, "00A1");
    Ok((key, record))
}

#[tokio::test]
async fn dead_letters_are_listed_and_announcements_go_back() -> anyhow::Result<()> {
    let world = World::asked_about_files().await?;
    let feed = world.feed().create().await?;
    let dead = DeadLetters { world: &world };
    let (intake, undelivered) = (
        &world.ready().intake_queue_url,
        &world.ready().undelivered_queue_url,
    );

    // A message that fails again and again is given up; what could be read of it is loaded.
    let (mixed_key, good) = unannounced(&world, &feed).await?;
    let mut broken = good.clone();
    broken["s3"]["object"]["key"] = json!(5);
    dead.send(intake, &json!({ "Records": [good, broken] })).await?;
    let mixed = dead.wait_for(&mixed_key).await?;
    world.story(&mixed_key).await?.assert_loaded(1);
    let about = mixed["about"].to_string();
    assert!(about.contains("Records[1].s3.object.key"), "{mixed}");
    assert!(mixed["receives"].as_u64() >= Some(3), "{mixed}");
    assert!(
        mixed["dead_of"].to_string().contains("longshore-intake"),
        "{mixed}"
    );

    // It goes back to the queue that gave it up, and only in earnest.
    let id = mixed["id"].as_str().unwrap_or_default();
    let (output, said) = dead.run(&["redrive", "--id", id])?;
    assert!(
        output.status.success() && said[0]["outcome"].is_string(),
        "{output:?}"
    );
    assert_eq!(dead.wait_for(&mixed_key).await?["id"], mixed["id"]);
    let (output, _) = dead.run(&["redrive", "--id", id, "--yes"])?;
    assert!(output.status.success(), "{output:?}");
    let again = dead.wait_for(&mixed_key).await?;
    assert_ne!(again["id"], mixed["id"], "it did not go round");
    assert_eq!(world.loads_of(&mixed_key).await?.len(), 1);

    // One that came without a queue needs to be told where to go.
    let (key, record) = unannounced(&world, &feed).await?;
    dead.send(undelivered, &json!({ "Records": [record] })).await?;
    let letter = dead.wait_for(&key).await?;
    let id = letter["id"].as_str().unwrap_or_default();
    let (output, said) = dead.run(&["redrive", "--id", id, "--yes"])?;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(said[0]["refused"].to_string().contains("--to"), "{said}");
    let (output, _) = dead.run(&["redrive", "--id", id, "--to", intake, "--yes"])?;
    assert!(output.status.success(), "{output:?}");
    world.story(&key).await?.assert_loaded(1);
    assert_eq!(dead.find(&key)?, None);

    // The end of a statement announces nothing.
    let statement = format!("statement-{}", unique());
    let status = json!({ "source": "aws.redshift-data", "detail": { "statementId": statement } });
    dead.send(undelivered, &status).await?;
    let letter = dead.wait_for(&statement).await?;
    let id = letter["id"].as_str().unwrap_or_default();
    let (output, said) = dead.run(&["redrive", "--id", id, "--yes"])?;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        said[0]["refused"].to_string().contains("announces no file"),
        "{said}"
    );
    let (output, _) = dead.run(&["delete", "--id", id])?;
    assert!(output.status.success(), "{output:?}");
    assert!(dead.find(&statement)?.is_some(), "it was deleted without --yes");
    let (output, _) = dead.run(&["delete", "--id", id, "--yes"])?;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(dead.find(&statement)?, None);
    let (output, done) = dead.run(&["history", "--limit", "1"])?;
    assert!(output.status.success(), "{output:?}");
    let done = &done[0];
    assert_eq!(
        (
            &done["operation"],
            &done["message_id"],
            &done["operator"],
            &done["reason"]
        ),
        (&json!("delete"), &json!(id), &json!("ann"), &json!("a test"))
    );
    let (output, _) = dead.run(&["delete", "--yes"])?;
    assert!(!output.status.success(), "all would be deleted: {output:?}");
    let (output, _) = dead.run(&["redrive", "--id", "nobody"])?;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    Ok(())
}
