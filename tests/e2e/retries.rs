//! What happens when the warehouse cannot just then: tried again, and spared while it is down.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use longshore_testkit::LocalStackOptions;
use serde_json::{Value, json};
use tokio_postgres::NoTls;

use crate::support::{Load, PATIENCE, Stack, World};

const POLL: Duration = Duration::from_millis(20);

/// A stack of the test's own: what is done to a warehouse is done to all of its loads.
async fn world() -> anyhow::Result<World> {
    let stack = Stack::start(LocalStackOptions::default())?;
    World::on(Arc::new(stack)).await
}

fn refused(code: &str) -> Value {
    json!({ "rules": [{
        "service": "redshift-data", "operation": "BatchExecuteStatement", "fault": { "refuse": { "code": code } }
    }] })
}

async fn waiting(world: &World, key: &str) -> anyhow::Result<Load> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let loads = world.loads_of(key).await?;
        if let Some(load) = loads.iter().find(|load| !load.value("due_at").is_null()) {
            return Ok(load.clone());
        }
        ensure!(Instant::now() < deadline, "no load of {key} waits: {loads:?}");
        tokio::time::sleep(POLL).await;
    }
}

fn run(world: &World, arguments: &[&str]) -> anyhow::Result<String> {
    let output = world.stack.local.command(arguments)?.output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "{arguments:?}: {text}");
    Ok(text)
}

#[tokio::test]
async fn a_load_whose_session_is_cut_off_is_tried_again_and_loaded_once() -> anyhow::Result<()> {
    let world = world().await?;
    let feed = world.feed().create().await?;
    let (blocker, connection) = tokio_postgres::connect(&world.ready().warehouse_database_url, NoTls).await?;
    tokio::spawn(connection);
    // Others may look at the table, as they do before the transaction, but not write to it.
    blocker
        .batch_execute(&format!("BEGIN; LOCK TABLE {} IN EXCLUSIVE MODE", feed.table))
        .await
        .with_context(|| format!("lock {}", feed.table))?;
    let key = world.input_key(&feed.file_name());
    world.put(&key, "1|a\n2|b\n").await?;
    cut_off_who_waits(&blocker).await?;
    blocker.batch_execute("ROLLBACK").await?;

    let load = waiting(&world, &key).await?;
    assert_eq!(load.state(), "queued");
    let shown = run(&world, &["load", "show", load.id()])?;
    assert!(shown.contains("waits until"), "{shown}");
    let timeline = run(&world, &["load", "timeline", load.id()])?;
    assert!(timeline.contains("due"), "{timeline}");
    world.let_time_pass().await?;
    run(&world, &["reconcile"])?;
    world.story(&key).await?.assert_loaded(2);
    Ok(())
}

/// How many of the loads into a table are with the warehouse, and how many wait for a place at it.
async fn crowd_at(world: &World, table: &str) -> anyhow::Result<Value> {
    let sql = format!(
        "SELECT jsonb_build_array(
             count(*) FILTER (WHERE state = 'submitted'),
             count(*) FILTER (WHERE waits_for LIKE 'table % {table}')
         )
         FROM rdscnfg.ext_file_load WHERE tgt_schema_name || '.' || tgt_table_name = '{table}'"
    );
    Ok(world.control_rows(&sql).await?.remove(0))
}

#[tokio::test]
async fn files_that_crowd_at_one_table_wait_in_line_and_keep_no_other_table_waiting() -> anyhow::Result<()> {
    let world = world().await?;
    let crowded = world.feed().create().await?;
    let quiet = world.feed().create().await?;
    crowded.land("0|a\n").await?.assert_loaded(1);
    let (blocker, connection) = tokio_postgres::connect(&world.ready().warehouse_database_url, NoTls).await?;
    tokio::spawn(connection);
    blocker
        .batch_execute(&format!("BEGIN; LOCK TABLE {} IN EXCLUSIVE MODE", crowded.table))
        .await?;
    let keys: Vec<String> = (0..12).map(|_| world.input_key(&crowded.file_name())).collect();
    for key in &keys {
        world.put(key, "1|a\n").await?;
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        let crowd = crowd_at(&world, &crowded.table).await?;
        let numbers = crowd.as_array().context("two numbers")?;
        let numbers: Vec<u64> = numbers.iter().filter_map(Value::as_u64).collect();
        // Two that are submitted at the same moment may both find the last place free.
        if numbers.iter().sum::<u64>() == 12 && (8..=9).contains(&numbers[0]) {
            break;
        }
        ensure!(Instant::now() < deadline, "no crowd: {crowd}");
        tokio::time::sleep(POLL).await;
    }
    quiet.land("1|a\n").await?.assert_loaded(1);
    let waits = "SELECT to_jsonb(load_id) FROM rdscnfg.ext_file_load WHERE waits_for LIKE 'table %'";
    let waiting = world.control_rows(waits).await?;
    let shown = run(&world, &["load", "show", waiting[0].as_str().context("an id")?])?;
    assert!(shown.contains("are under way"), "{shown}");

    blocker.batch_execute("ROLLBACK").await?;
    for key in &keys {
        let story = world.story(key).await?;
        story.assert_loaded(1);
        assert_eq!(story.load.number("tries"), Some(0), "{story}");
    }
    Ok(())
}

async fn cut_off_who_waits(blocker: &tokio_postgres::Client) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        // Within a transaction the first look at the sessions is the last one, unless it is forgotten.
        blocker.batch_execute("SELECT pg_stat_clear_snapshot()").await?;
        let cut = blocker
            .query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))",
                &[],
            )
            .await?;
        if !cut.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("no session waits for the lock");
        }
        tokio::time::sleep(POLL).await;
    }
}

#[tokio::test]
async fn a_load_that_the_data_api_is_too_busy_for_waits_and_is_loaded() -> anyhow::Result<()> {
    let world = world().await?;
    world
        .set_faults(&refused("ActiveStatementsExceededException"))
        .await?;
    let feed = world.feed().create().await?;
    let key = world.input_key(&feed.file_name());
    world.put(&key, "1|a\n").await?;
    let load = waiting(&world, &key).await?;
    assert_eq!((load.state(), load.number("tries")), ("queued", Some(0)));
    world.set_faults(&json!({})).await?;
    world.let_time_pass().await?;
    run(&world, &["reconcile"])?;
    world.story(&key).await?.assert_loaded(1);
    Ok(())
}

#[tokio::test]
async fn a_load_that_waits_for_its_next_try_is_cancelled_and_not_tried_again() -> anyhow::Result<()> {
    let world = world().await?;
    world
        .set_faults(&refused("ActiveStatementsExceededException"))
        .await?;
    let feed = world.feed().create().await?;
    let key = world.input_key(&feed.file_name());
    world.put(&key, "1|a\n").await?;
    let load = waiting(&world, &key).await?;
    world.set_faults(&json!({})).await?;

    let by_hand = ["load", "cancel", load.id(), "--why", "not today", "--as", "ann"];
    run(&world, &by_hand)?;
    assert_eq!(
        waiting(&world, &key).await?.state(),
        "queued",
        "it was not meant yet"
    );
    let done = run(&world, &[&by_hand[..], &["--yes"]].concat())?;
    assert!(done.contains("nothing of it is in the warehouse"), "{done}");

    run(&world, &["reconcile", "--idle", "0"])?;
    let story = world.story(&key).await?;
    assert_eq!(
        (story.load.state(), story.load.value("error_code")),
        ("failed", &json!("cancelled"))
    );
    assert_eq!(story.messages.len(), 1, "told once");
    assert_eq!(feed.lines("*").await?.len(), 0);
    Ok(())
}

#[tokio::test]
async fn a_warehouse_that_cannot_be_used_is_told_once_and_its_loads_go_on_by_themselves() -> anyhow::Result<()>
{
    let world = world().await?;
    world.set_faults(&refused("AccessDeniedException")).await?;
    let feed = world.feed().create().await?;
    let keys: Vec<String> = (0..3).map(|_| world.input_key(&feed.file_name())).collect();
    for key in &keys {
        world.put(key, "1|a\n").await?;
    }
    for key in &keys {
        waiting(&world, key).await?;
    }
    let listed = run(&world, &["warehouse", "list"])?;
    assert!(listed.contains("paused since"), "{listed}");
    let told = world
        .control_rows("SELECT to_jsonb(outcome) FROM rdscnfg.ext_outbox WHERE outcome LIKE 'warehouse%'")
        .await?;
    assert_eq!(told, [json!("warehouse_paused")]);

    world.set_faults(&json!({})).await?;
    world.let_time_pass().await?;
    run(&world, &["reconcile"])?;
    // The probe's end wakes the others; the next runs take them.
    let deadline = Instant::now() + PATIENCE;
    while run(&world, &["load", "list"])?.matches("complete").count() < keys.len() {
        ensure!(Instant::now() < deadline, "they do not go on");
        run(&world, &["reconcile"])?;
    }
    assert!(run(&world, &["warehouse", "list"])?.contains("in use"));
    assert_eq!(feed.lines("*").await?.len(), keys.len());
    Ok(())
}

#[tokio::test]
async fn marker_tables_that_a_restored_warehouse_lacks_are_made_again() -> anyhow::Result<()> {
    let world = world().await?;
    let feed = world.feed().create().await?;
    let before = feed.land("1|a\n").await?;
    world.query("DROP SCHEMA longshore CASCADE").await?;
    let key = world.input_key(&feed.file_name());
    world.put(&key, "2|b\n").await?;
    waiting(&world, &key).await?;
    run(&world, &["reconcile"])?;
    let story = world.story(&key).await?;
    story.assert_loaded(1);
    assert_eq!(story.load.number("tries"), Some(0), "{story}");
    assert_eq!(feed.lines("id, name").await?, ["1|a", "2|b"]);

    // The markers of earlier loads are gone with their tables; which loads that were is told.
    run(&world, &["reconcile"])?;
    let told = run(&world, &["marker", "list"])?;
    assert!(told.contains(before.load.id()), "{told}");
    Ok(())
}
