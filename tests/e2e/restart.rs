//! A stack that is killed, and one that is stopped.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail};
use longshore_testkit::{LocalStack, LocalStackOptions};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::once::announcement;
use crate::support::{PATIENCE, Stack, World};

const FILES: usize = 12;

/// A folder that PostgreSQL's own user may pass through.
pub(crate) fn data_dir() -> anyhow::Result<TempDir> {
    tempfile::Builder::new()
        .prefix("longshore-restart-")
        .permissions(Permissions::from_mode(0o755))
        .tempdir()
        .context("create a data folder")
}

pub(crate) async fn world_at(data_dir: &Path) -> anyhow::Result<World> {
    let options = LocalStackOptions {
        data_dir: Some(data_dir.to_owned()),
        ..LocalStackOptions::default()
    };
    World::on(Arc::new(Stack::start(options)?)).await
}

/// Ends everything at one moment, like a power cut.
pub(crate) fn cut_power(world: World) -> anyhow::Result<()> {
    let World { stack, .. } = world;
    let stack = Arc::try_unwrap(stack)
        .ok()
        .context("somebody else holds the stack")?;
    stack.local.kill_everything()
}

/// Waits until some, but not all, of the files are in the warehouse: the middle of the work.
async fn wait_for_the_middle(world: &World, finished: usize) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let sql = "SELECT to_jsonb(count(*)) FROM rdscnfg.ext_file_load WHERE loaded_at IS NOT NULL";
    while Instant::now() < deadline {
        let loaded = world.control_rows(sql).await?;
        if loaded[0].as_u64().unwrap_or_default() >= finished as u64 {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
    bail!("not even {finished} files were loaded within {PATIENCE:?}")
}

#[tokio::test]
async fn files_in_the_making_when_everything_is_killed_twice_are_loaded_once() -> anyhow::Result<()> {
    let folder = data_dir()?;
    let world = world_at(folder.path()).await?;
    let feed = world.feed().trailer("5:13").create().await?;
    let table = feed.table.clone();
    let names: Vec<String> = (0..FILES).map(|_| feed.file_name()).collect();
    for (number, name) in names.iter().enumerate() {
        let bytes = format!("{number}|a\n{number}|b\nTRL 00000002");
        world.put(&world.input_key(name), bytes).await?;
    }

    wait_for_the_middle(&world, 1).await?;
    cut_power(world)?;
    let world = world_at(folder.path()).await?;
    wait_for_the_middle(&world, 4).await?;
    cut_power(world)?;
    let world = world_at(folder.path()).await?;

    for name in &names {
        let story = world.story(&world.input_key(name)).await?;
        story.without_repeats().assert_loaded(2);
    }
    let counts = world
        .query(&format!(
            "SELECT file_name, count(*) FROM {table} GROUP BY file_name"
        ))
        .await?;
    assert_eq!(counts.len(), FILES);
    for row in counts {
        assert_eq!(row[1].as_deref(), Some("2"), "{row:?}");
    }
    assert_eq!(
        world.keys_in(&world.ready().input_prefix).await?,
        Vec::<String>::new()
    );
    Ok(())
}

#[tokio::test]
async fn what_a_stopped_stack_had_not_loaded_is_loaded_after_the_next_start() -> anyhow::Result<()> {
    let folder = data_dir()?;
    let world = world_at(folder.path()).await?;
    let feed = world.feed().create().await?;
    let names: Vec<String> = (0..FILES).map(|_| feed.file_name()).collect();
    for name in &names {
        world.put(&world.input_key(name), "1|a\n").await?;
    }
    let stack = Arc::try_unwrap(world.stack)
        .ok()
        .context("somebody else holds the stack")?;
    stack.local.stop()?;

    let world = world_at(folder.path()).await?;

    for name in &names {
        world.story(&world.input_key(name)).await?.assert_loaded(1);
    }
    Ok(())
}

#[tokio::test]
async fn without_its_control_database_an_invocation_fails_and_its_repetition_carries_on() -> anyhow::Result<()>
{
    let stack = Stack::start(LocalStackOptions::default())?;
    let world = World::on(Arc::new(stack)).await?;
    let feed = world.feed().create().await?;
    let key = format!("elsewhere/{}", feed.file_name());
    let etag = world.put(&key, "1|a\n").await?;
    let event = announcement(&world, &key, &etag);

    world.shut_control_database().await?;
    let refused = world.invoke("external-file-process", &event).await?;
    world.open_control_database().await?;
    let accepted = world.invoke("external-file-process", &event).await?;

    assert!(refused.is_error, "{refused:?}");
    assert_eq!(refused.body["errorType"], "Retry", "{refused:?}");
    assert_eq!(
        accepted.body["outcomes"][0]["outcome"], "submitted",
        "{accepted:?}"
    );
    let world = World::on(Arc::clone(&world.stack)).await?;
    world.story(&key).await?.assert_loaded(1);
    Ok(())
}

#[tokio::test]
async fn connections_that_are_cut_are_made_anew() -> anyhow::Result<()> {
    let stack = Stack::start(LocalStackOptions::default())?;
    let world = World::on(Arc::new(stack)).await?;
    let feed = world.feed().create().await?;
    feed.land("1|a\n").await?.assert_loaded(1);
    let key = world.input_key(&feed.file_name());

    world.shut_control_database().await?;
    world.open_control_database().await?;
    world.put(&key, "2|b\n").await?;

    let world = World::on(Arc::clone(&world.stack)).await?;
    world.story(&key).await?.assert_loaded(1);
    Ok(())
}

#[tokio::test]
async fn a_rotated_password_costs_an_announcement_one_try() -> anyhow::Result<()> {
    let stack = Stack::start(LocalStackOptions::default())?;
    let world = World::on(Arc::new(stack)).await?;
    let feed = world.feed().create().await?;
    let mut events = Vec::new();
    for id in ["before", "after"] {
        let key = format!("elsewhere/{}", feed.file_name());
        let etag = world.put(&key, "1|a\n").await?;
        let body = announcement(&world, &key, &etag).to_string();
        events.push(json!({ "Records": [{
            "messageId": id,
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:intake",
            "body": body,
        }] }));
    }
    let secret = world.ready().secret_postgres.clone();
    let said: Value = serde_json::from_str(&world.secret_text(&secret).await?)?;
    let mut rotated = said.clone();
    rotated["password"] = json!("the new one");

    let before = world.invoke("external-file-process", &events[0]).await?;
    world.change_secret(&secret, &rotated.to_string()).await?;
    world.rotate_password("the new one").await?;
    // The process that has the old password hands the announcement back to its queue, and has the new one when it comes again.
    let refused = world.invoke("external-file-process", &events[1]).await?;
    let again = world.invoke("external-file-process", &events[1]).await?;

    assert_eq!(before.body["outcomes"][0]["outcome"], "submitted", "{before:?}");
    let handed_back = json!([{ "itemIdentifier": "after" }]);
    assert_eq!(refused.body["batchItemFailures"], handed_back, "{refused:?}");
    assert_eq!(again.body["batchItemFailures"], json!([]), "{again:?}");
    assert_eq!(again.body["outcomes"][0]["outcome"], "submitted", "{again:?}");
    Ok(())
}

#[tokio::test]
async fn a_stack_that_is_stopped_leaves_no_process_and_no_temporary_file() -> anyhow::Result<()> {
    let stack = LocalStack::start(LocalStackOptions::default())?;
    let processes = stack.processes()?;
    let data_dir = stack.ready().data_dir.clone();
    assert!(
        processes.len() > 3,
        "PostgreSQL has several processes: {processes:?}"
    );

    stack.stop()?;

    assert_eq!(processes.survivors()?, Vec::<String>::new());
    assert!(!Path::new(&data_dir).exists(), "{data_dir} was left behind");
    Ok(())
}
