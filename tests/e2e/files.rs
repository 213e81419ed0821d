//! What an operator asks and does about one key.

use std::process::Output;

use anyhow::Context;
use serde_json::Value;

use crate::support::{Story, World};

fn file(world: &World, command: &str, url: &str, more: &[&str]) -> anyhow::Result<Output> {
    let who = ["--as", "ann", "--why", "the table was emptied"];
    let who = if command == "status" { &[][..] } else { &who[..] };
    let arguments: Vec<_> = ["file", command, url]
        .iter()
        .chain(more)
        .chain(who)
        .copied()
        .collect();
    world.longshore(&arguments)
}

fn url(world: &World, story: &Story) -> String {
    format!("s3://{}/{}", world.ready().bucket, story.key())
}

#[track_caller]
fn assert_says(output: &Output, code: i32, words: &[&str]) {
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for words in words {
        assert!(said.contains(words), "{words:?} is not said: {said}");
    }
}

async fn sent_again(world: &World, story: &Story, count: usize) -> anyhow::Result<Story> {
    world.put(story.key(), "1|a\n").await?;
    let mut stories = world.reconcile_until_settled(story.key(), count).await?;
    stories.pop().context("a load")
}

#[tokio::test]
async fn a_file_that_is_forgotten_is_loaded_when_it_is_sent_again() -> anyhow::Result<()> {
    let world = World::asked_about_files().await?;
    let feed = world.feed().create().await?;
    let story = feed.land("1|a\n").await?;
    story.assert_loaded(1);
    let url = url(&world, &story);
    let skipped = sent_again(&world, &story, 2).await?;
    assert_eq!(skipped.state(), "skipped");

    let said = file(&world, "forget", &url, &[])?;
    assert_says(&said, 0, &["delete them first", "Nothing was done"]);
    assert_eq!(
        sent_again(&world, &story, 3).await?.state(),
        "skipped",
        "a dry run did something"
    );

    let said = file(&world, "forget", &url, &["--yes"])?;
    assert_says(&said, 0, &["forgot load", story.load.id()]);
    let again = sent_again(&world, &story, 4).await?;
    again.assert_loaded(1);
    assert_eq!(feed.lines("id").await?, ["1", "1"]);
    // From now on it counts again.
    assert_eq!(sent_again(&world, &story, 5).await?.state(), "skipped");

    let output = file(&world, "status", &url, &["--json"])?;
    let status: Value = serde_json::from_slice(&output.stdout)?;
    let loads = status["loads"].as_array().context("loads")?;
    assert_eq!(loads.len(), 5, "{status}");
    assert!(loads[4]["load"]["forgotten_at"].is_string(), "{status}");
    assert_eq!(loads[4]["operations"][0]["operation"], "forget", "{status}");
    assert!(status.get("lies_there").is_none(), "{status}");
    let shown = file(&world, "status", &url, &[])?;
    assert_says(
        &shown,
        0,
        &[story.load.id(), "forgotten at", "forget by ann", "nothing"],
    );
    Ok(())
}

#[tokio::test]
async fn a_file_is_reprocessed_by_its_key() -> anyhow::Result<()> {
    let world = World::asked_about_files().await?;
    let feed = world
        .feed()
        .columns(["id integer", "name varchar(2)"])
        .create()
        .await?;
    let failed = feed.land("1|too long\n").await?;
    assert_eq!(failed.state(), "failed", "{failed}");
    let alter = format!("ALTER TABLE {} ALTER COLUMN name TYPE varchar(20)", feed.table);
    world.query(&alter).await?;
    let url = url(&world, &failed);

    let said = file(&world, "forget", &url, &["--yes"])?;
    assert_says(&said, 1, &["nothing of it is loaded", "load replay"]);
    let said = file(&world, "reprocess", &url, &[])?;
    assert_says(&said, 0, &["Nothing was done"]);
    assert_eq!(world.loads_of(failed.key()).await?.len(), 1);
    let said = file(&world, "reprocess", &url, &["--yes"])?;
    assert_says(&said, 0, &[failed.load.id()]);
    let mut stories = world.reconcile_until_settled(failed.key(), 2).await?;
    let replay = stories.pop().context("the replay")?;
    replay.assert_loaded(1);
    assert_eq!(replay.load.text("replays_load_id"), Some(failed.load.id()));
    Ok(())
}

#[tokio::test]
async fn a_key_that_the_ledger_does_not_know_is_said_to_be_unknown() -> anyhow::Result<()> {
    let world = World::asked_about_files().await?;
    let url = format!("s3://{}/never/heard_of.txt", world.ready().bucket);
    assert_says(&file(&world, "status", &url, &[])?, 0, &["knows no load of it"]);
    for command in ["forget", "reprocess"] {
        assert_says(
            &file(&world, command, &url, &["--yes"])?,
            1,
            &["longshore backfill"],
        );
        assert_says(
            &file(&world, command, "in/a.txt", &["--yes"])?,
            1,
            &["s3://bucket/key"],
        );
    }
    Ok(())
}
