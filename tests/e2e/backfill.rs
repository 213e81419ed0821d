//! Backfill: what lies in a bucket under a rule and was never loaded.

use std::process::Stdio;

use anyhow::Context;
use serde_json::{Value, json};

use crate::support::{Feed, World, unique};

/// Who does it, and why.
const BY_HAND: [&str; 4] = ["--as", "ann", "--why", "it was there before"];

/// A folder that nobody watches and S3 announces to nobody.
fn folder() -> String {
    format!("before/{}/", unique())
}

fn arguments(world: &World, feed: &Feed<'_>, folder: &str, more: &[&str]) -> Vec<String> {
    let mut arguments = vec![
        "backfill".to_owned(),
        "--json".to_owned(),
        "--rule".to_owned(),
        feed.rule.to_string(),
        "--prefix".to_owned(),
        format!("s3://{}/{folder}", world.ready().bucket),
    ];
    if !more.contains(&"--since") {
        arguments.extend(["--since".to_owned(), "2020-01-01".to_owned()]);
    }
    arguments.extend(BY_HAND.iter().chain(more).map(|more| (*more).to_owned()));
    arguments
}

fn backfill(world: &World, feed: &Feed<'_>, folder: &str, more: &[&str]) -> anyhow::Result<Value> {
    let arguments = arguments(world, feed, folder, more);
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let output = world.longshore(&arguments)?;
    serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

async fn put_files(
    world: &World,
    feed: &Feed<'_>,
    folder: &str,
    count: usize,
) -> anyhow::Result<Vec<String>> {
    let mut keys = Vec::new();
    for number in 0..count {
        let key = format!("{folder}{}", feed.file_name());
        world.put(&key, format!("{number}|a\n")).await?;
        keys.push(key);
    }
    keys.sort();
    Ok(keys)
}

/// S3 takes U+0000 in a key, and no database does.
#[tokio::test]
async fn a_key_that_no_database_takes_is_told_and_keeps_no_file_from_being_found() -> anyhow::Result<()> {
    let world = World::asked_about_files().await?;
    let feed = world.feed().create().await?;
    let folder = folder();
    let odd = format!("{folder}\0{}", feed.file_name());
    world.put(&odd, "1|a\n").await?;
    put_files(&world, &feed, &folder, 2).await?;
    let found = backfill(&world, &feed, &folder, &[])?;
    assert_eq!(
        (&found["seen"], &found["missing"]),
        (&json!(3), &json!(2)),
        "{found}"
    );
    let told = found["errors"][0].as_str().context("an error")?;
    assert!(told.contains("1 objects whose keys hold U+0000"), "{told}");
    Ok(())
}

#[tokio::test]
async fn what_was_there_before_is_found_first_then_loaded_and_only_what_is_missing() -> anyhow::Result<()> {
    let world = World::asked_about_files().await?;
    let (feed, others) = (world.feed().create().await?, world.feed().create().await?);
    let folder = folder();
    let keys = put_files(&world, &feed, &folder, 3).await?;
    put_files(&world, &others, &folder, 1).await?;

    let seen = backfill(&world, &feed, &folder, &[])?;
    assert_eq!(
        (&seen["seen"], &seen["missing"]),
        (&json!(4), &json!(3)),
        "{seen}"
    );
    assert_eq!(
        (&seen["bytes"], &seen["recorded"]),
        (&json!(12), &json!(0)),
        "{seen}"
    );
    assert_eq!(seen["first_keys"], json!(keys), "{seen}");
    for range in [["--since", "2999-01-01"], ["--until", "2020-01-02"]] {
        assert_eq!(
            backfill(&world, &feed, &folder, &range)?["missing"],
            0,
            "{range:?}"
        );
    }
    assert!(
        world.loads_of(&keys[0]).await?.is_empty(),
        "a dry run did something"
    );

    let some = backfill(&world, &feed, &folder, &["--limit", "2", "--yes"])?;
    assert_eq!(
        (&some["recorded"], &some["is_through"]),
        (&json!(2), &json!(false)),
        "{some}"
    );
    let rest = backfill(&world, &feed, &folder, &["--yes"])?;
    assert_eq!(
        (&rest["recorded"], &rest["is_through"]),
        (&json!(1), &json!(true)),
        "{rest}"
    );
    for key in &keys {
        let mut stories = world.reconcile_until_settled(key, 1).await?;
        stories.pop().context("a story")?.assert_loaded(1);
    }
    let none = backfill(&world, &feed, &folder, &["--yes"])?;
    assert_eq!(
        (&none["missing"], &none["recorded"]),
        (&json!(0), &json!(0)),
        "{none}"
    );
    assert_eq!(feed.lines("id").await?, ["0", "1", "2"]);
    assert!(others.lines("id").await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn an_event_and_a_backfill_at_once_load_a_file_once() -> anyhow::Result<()> {
    let world = World::asked_about_files().await?;
    let feed = world.feed().create().await?;
    let folder = folder();
    let key = format!("{folder}{}", feed.file_name());
    let etag = world.put(&key, "1|once\n").await?;
    let event = json!({ "Records": [{
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "bucket": { "name": world.ready().bucket },
            "object": { "key": key, "size": 7, "eTag": etag, "sequencer": "00A1" },
        },
    }] });

    let arguments = arguments(&world, &feed, &folder, &["--yes"]);
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let mut command = world.stack.local.command(&arguments)?;
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    for _ in 0..3 {
        world.invoke("external-file-process", &event).await?;
    }
    assert!(child.wait_with_output()?.status.success());
    world.invoke("external-file-process", &event).await?;

    let stories = world.reconcile_until_settled(&key, 1).await?;
    assert_eq!(stories.len(), 1, "{stories:?}");
    assert_eq!(feed.lines("id, name").await?, ["1|once"]);
    Ok(())
}

#[tokio::test]
async fn what_a_rule_takes_from_a_queue_is_found_below_the_prefix_by_any_name() -> anyhow::Result<()> {
    let world = World::asked_about_files().await?;
    let queue = format!("old_{}", unique());
    let feed = world.feed().set("queue_name", &queue).create().await?;
    let folder = folder();
    let key = format!("{folder}no token at all.txt");
    world.put(&key, "1|a\n").await?;
    let done = backfill(&world, &feed, &folder, &["--yes"])?;
    assert_eq!(done["recorded"], 1, "{done}");
    let mut stories = world.reconcile_until_settled(&key, 1).await?;
    let story = stories.pop().context("a story")?;
    story.assert_loaded(1);
    assert_eq!(story.load.text("queue_name"), Some(queue.as_str()));
    let history = world.longshore(&["load", "timeline", story.load.id()])?;
    let history = String::from_utf8_lossy(&history.stdout).into_owned();
    assert!(history.contains("backfill by ann"), "{history}");
    assert!(
        history.contains("found by backfill: it was there before"),
        "{history}"
    );
    Ok(())
}

#[tokio::test]
async fn a_rule_that_can_take_nothing_is_told() -> anyhow::Result<()> {
    let world = World::asked_about_files().await?;
    let faulty = world.feed().set("delimiter", "||").create().await?;
    let rule = faulty.rule.to_string();
    for (rule, says) in [
        (rule.as_str(), "delimiter"),
        ("999999", "there is no rule 999999"),
    ] {
        let command = [
            "backfill",
            "--rule",
            rule,
            "--prefix",
            "s3://bucket/x",
            "--since",
            "2020-01-01",
        ];
        let command: Vec<_> = command.into_iter().chain(BY_HAND).collect();
        let output = world.longshore(&command)?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(says), "{said}");
    }
    Ok(())
}
