//! The operator's hand: replay, cancel, release and skip, as a dry run and in earnest.

use std::process::Output;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use longshore_testkit::LocalStackOptions;
use serde_json::{Value, json};
use tokio_postgres::NoTls;

use crate::support::{Feed, PATIENCE, Stack, Story, World};

const WHY: &str = "the rule was mended";

/// A command of the operator Ann's.
fn by_hand(world: &World, command: &[&str]) -> anyhow::Result<Output> {
    let who = ["--as", "ann", "--why", WHY];
    let arguments: Vec<&str> = ["load"].iter().chain(command).chain(&who).copied().collect();
    world.longshore(&arguments)
}

/// The same in earnest: its answer for the first load.
fn in_earnest(world: &World, command: &[&str]) -> anyhow::Result<(Option<i32>, Value)> {
    let arguments: Vec<&str> = command.iter().chain(&["--yes", "--json"]).copied().collect();
    let output = by_hand(world, &arguments)?;
    let lines: Value = serde_json::from_slice(&output.stdout).with_context(|| text(&output.stderr))?;
    Ok((output.status.code(), lines[0].clone()))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn assert_says(output: &Output, code: i32, words: &[&str]) {
    let said = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for words in words {
        assert!(said.contains(words), "{words:?} is not said: {said}");
    }
}

/// The newest load of a key, once there are so many and all are done.
async fn newest(world: &World, key: &str, count: usize) -> anyhow::Result<Story> {
    let mut stories = world.reconcile_until_settled(key, count).await?;
    ensure!(stories.len() == count, "{stories:?}");
    stories.pop().context("a load")
}

/// A feed whose table is too narrow for this file, with the load that failed of it, and the table mended.
async fn failed_once<'a>(world: &'a World, bytes: &str) -> anyhow::Result<(Feed<'a>, Story)> {
    let feed = world
        .feed()
        .columns(["id integer", "name varchar(2)"])
        .create()
        .await?;
    let failed = feed.land(bytes).await?;
    assert_eq!(failed.state(), "failed", "{failed}");
    world
        .query(&format!(
            "ALTER TABLE {} ALTER COLUMN name TYPE varchar(20)",
            feed.table
        ))
        .await?;
    Ok((feed, failed))
}

#[tokio::test]
async fn a_failed_load_is_replayed_from_the_archive_as_a_load_of_its_own() -> anyhow::Result<()> {
    let world = World::reconciled().await?;
    let (feed, failed) = failed_once(&world, "1|too long\n").await?;
    let archived = failed.load.text("archived_key").unwrap_or_default();

    let said = by_hand(&world, &["replay", failed.load.id()])?;
    assert_says(&said, 0, &[archived, "Nothing was done"]);
    assert_eq!(
        world.loads_of(failed.key()).await?.len(),
        1,
        "a dry run did something"
    );

    let (code, line) = in_earnest(&world, &["replay", failed.load.id()])?;
    assert_eq!((code, &line["done"]), (Some(0), &json!(true)), "{line}");
    let replay = newest(&world, failed.key(), 2).await?;

    replay.assert_loaded(1);
    assert_eq!(
        replay.load.text("replays_load_id"),
        Some(failed.load.id()),
        "{replay}"
    );
    assert_eq!(
        replay.audit_row()["replays_load_id"],
        failed.load.id(),
        "{replay}"
    );
    assert_eq!(replay.load.text("archived_key"), Some(archived), "{replay}");
    let file_name = failed.file_name();
    assert_eq!(
        feed.lines("id, name, file_name").await?,
        [format!("1|too long|{file_name}")]
    );
    let shown = world.longshore(&["load", "show", failed.load.id()])?;
    let outcome = format!("replayed as {}", replay.load.id());
    assert_says(&shown, 0, &["ann", WHY, &outcome]);
    let rule = feed.rule.to_string();
    let listed = world.longshore(&["load", "list", "--rule", &rule])?;
    assert_says(&listed, 0, &[failed.load.id(), &outcome]);
    let open = world.longshore(&["load", "list", "--rule", &rule, "--open", "--json"])?;
    assert_eq!(serde_json::from_slice::<Value>(&open.stdout)?, json!([]));
    let timeline = world.longshore(&["load", "timeline", replay.load.id()])?;
    assert_says(&timeline, 0, &["ann", WHY, failed.load.id()]);
    Ok(())
}

#[tokio::test]
async fn a_rejected_load_is_replayed_where_its_file_lies_once_the_rule_is_mended() -> anyhow::Result<()> {
    let world = World::reconciled().await?;
    let feed = world.feed().set("delimiter", "||").create().await?;
    let rejected = feed.land("1|a\n").await?;
    rejected.assert_refused("rule_invalid", &["delimiter"]);
    rejected.assert_stays(&world).await?;
    world
        .control
        .execute(
            "UPDATE rdscnfg.ext_file_config SET delimiter = '|' WHERE ext_file_config_sid = $1",
            &[&i32::try_from(feed.rule)?],
        )
        .await?;

    in_earnest(&world, &["replay", rejected.load.id()])?;

    let replay = newest(&world, rejected.key(), 2).await?;
    replay.assert_loaded(1);
    replay.assert_archived(&world, &feed.token, b"1|a\n").await
}

#[tokio::test]
async fn a_complete_load_is_replayed_in_place_of_its_rows_or_not_at_all() -> anyhow::Result<()> {
    let world = World::reconciled().await?;
    let plain = world.feed().create().await?;
    let story = plain.land("1|a\n").await?;
    let refused = by_hand(&world, &["replay", story.load.id(), "--yes"])?;
    assert_says(&refused, 1, &["load_id_column", "--accept-duplicates"]);
    in_earnest(&world, &["replay", story.load.id(), "--accept-duplicates"])?;
    newest(&world, story.key(), 2).await?.assert_loaded(1);
    assert_eq!(plain.lines("id").await?, ["1", "1"]);

    let feed = world.feed().set("load_id_column", "load_id").create().await?;
    let story = feed.land("1|a\n").await?;
    in_earnest(&world, &["replay", story.load.id()])?;
    let replay = newest(&world, story.key(), 2).await?;
    replay.assert_loaded(1);
    let id = replay.load.id();
    assert_eq!(feed.lines("id, load_id").await?, [format!("1|{id}")]);
    Ok(())
}

#[tokio::test]
async fn a_part_of_a_split_file_is_replayed_alone() -> anyhow::Result<()> {
    let world = World::reconciled().await?;
    let feed = world.feed().split("HD,DT").create().await?;
    let columns = ["kind char(2)", "id integer"];
    let header = feed.part("HD").columns(columns).create().await?;
    let whole = feed.land("HD|1\nDT|2\n").await?;
    whole.part("DT")?.assert_refused("no_rule", &[]);
    let detail = feed.part("DT").columns(columns).create().await?;

    in_earnest(&world, &["replay", whole.part("DT")?.load.id()])?;

    let replay = newest(&world, whole.key(), 2).await?;
    replay.part("DT")?.assert_loaded(1);
    assert_eq!(replay.parts.len(), 1, "{replay}");
    assert_eq!(header.lines("id").await?, ["1"]);
    assert_eq!(detail.lines("id").await?, ["2"]);
    Ok(())
}

#[tokio::test]
async fn a_load_is_replayed_once_at_a_time() -> anyhow::Result<()> {
    let world = World::reconciled().await?;
    let (feed, failed) = failed_once(&world, "1|too long\n").await?;

    let both = [0, 1].map(|_| in_earnest(&world, &["replay", failed.load.id()]));
    let [first, second] = both;
    let ((first, _), (second, line)) = (first?, second?);
    assert_eq!((first, second), (Some(0), Some(1)), "{line}");
    let refused = line["refused"].as_str().unwrap_or_default();
    assert!(refused.contains("same content"), "{refused}");

    newest(&world, failed.key(), 2).await?.assert_loaded(1);
    assert_eq!(feed.lines("id").await?, ["1"]);
    Ok(())
}

#[tokio::test]
async fn the_failed_loads_of_a_rule_in_a_time_are_replayed() -> anyhow::Result<()> {
    let world = World::reconciled().await?;
    let (feed, first) = failed_once(&world, "1|too long\n").await?;
    let rule = feed.rule.to_string();
    let in_time = |since, until| {
        [
            "replay", "--rule", &rule, "--since", since, "--until", until, "--yes",
        ]
    };

    assert_says(
        &by_hand(&world, &in_time("2000-01-01", "2000-01-02"))?,
        1,
        &["no load of that rule", "load list"],
    );
    assert_says(
        &by_hand(&world, &in_time("2000-01-01", "2100-01-01"))?,
        0,
        &[first.load.id()],
    );

    newest(&world, first.key(), 2).await?.assert_loaded(1);
    assert_says(
        &by_hand(&world, &in_time("2000-01-01", "2100-01-01"))?,
        1,
        &["no load of that rule", "open (1 replayed already)"],
    );
    assert_eq!(feed.lines("id").await?, ["1"]);
    Ok(())
}

#[tokio::test]
async fn a_mass_replay_leaves_out_what_a_later_file_replaced() -> anyhow::Result<()> {
    let world = World::reconciled().await?;
    let feed = world
        .feed()
        .columns(["id integer", "name varchar(2)"])
        .create()
        .await?;
    let replaced = feed.land("1|too long\n").await?;
    world.put(replaced.key(), "1|a\n").await?;
    newest(&world, replaced.key(), 2).await?.assert_loaded(1);
    let open = feed.land("2|too long\n").await?;

    let rule = feed.rule.to_string();
    let said = by_hand(
        &world,
        &["replay", "--rule", &rule, "--since", "1d", "--until", "0m"],
    )?;
    assert_says(
        &said,
        0,
        &[
            open.load.id(),
            "Left out: 1 replaced by a later file that is loaded",
        ],
    );
    assert!(!text(&said.stdout).contains(replaced.load.id()), "{said:?}");
    Ok(())
}

/// Waits until a load of this key is in a state.
async fn until_state(world: &World, key: &str, state: &str) -> anyhow::Result<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let loads = world.loads_of(key).await?;
        if let Some(load) = loads.iter().find(|load| load.state() == state) {
            return Ok(load.id().to_owned());
        }
        ensure!(
            Instant::now() < deadline,
            "{key} has no load that is {state}: {loads:?}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_load_in_flight_is_cancelled_and_one_that_waits_for_it_is_skipped() -> anyhow::Result<()> {
    let world = World::on(Arc::new(Stack::start(LocalStackOptions::default())?)).await?;
    let feed = world.feed().create().await?;
    feed.land("0|before\n").await?.assert_loaded(1);
    let (client, connection) = tokio_postgres::connect(&world.ready().warehouse_database_url, NoTls).await?;
    tokio::spawn(async move { connection.await.ok() });
    client
        .batch_execute(&format!(
            "BEGIN; LOCK TABLE {} IN ACCESS EXCLUSIVE MODE",
            feed.table
        ))
        .await?;
    let key = world.input_key(&feed.file_name());
    world.put(&key, "1|a\n").await?;
    let running = until_state(&world, &key, "submitted").await?;
    world.put(&key, "1|a\n").await?;
    let waiting = until_state(&world, &key, "received").await?;

    assert_says(&by_hand(&world, &["cancel", &waiting])?, 1, &["load skip"]);
    assert_says(&by_hand(&world, &["skip", &running])?, 1, &["load cancel"]);
    assert_says(
        &by_hand(&world, &["cancel", &running])?,
        0,
        &["stop statement", "Nothing was done"],
    );
    skip_until_free(&world, &waiting).await?;
    let (code, line) = in_earnest(&world, &["cancel", &running])?;
    assert_eq!(code, Some(0), "{line}");
    client.batch_execute("ROLLBACK").await?;

    let stories = world.reconcile_until_settled(&key, 2).await?;
    let of = |id: &str| {
        stories
            .iter()
            .find(|story| story.load.id() == id)
            .context("a story")
    };
    let cancelled = of(&running)?;
    assert_eq!(cancelled.state(), "failed", "{cancelled}");
    assert_eq!(
        cancelled.load.text("error_code"),
        Some("cancelled"),
        "{cancelled}"
    );
    assert!(cancelled.error().contains("ann cancelled it"), "{cancelled}");
    assert_eq!(cancelled.message()["status"], "failed", "{cancelled}");
    assert_eq!(
        cancelled.audit_row()["file_process_status"],
        "ABORTED",
        "{cancelled}"
    );
    let skipped = of(&waiting)?;
    assert_eq!(skipped.state(), "skipped", "{skipped}");
    assert!(
        skipped.message()["remarks"].to_string().contains(WHY),
        "{skipped}"
    );
    assert_eq!(feed.lines("id").await?, ["0"]);
    assert_says(
        &by_hand(&world, &["cancel", &running])?,
        1,
        &["nothing left to stop"],
    );
    Ok(())
}

/// The function that has it may be looking at it this moment, whether its turn has come.
async fn skip_until_free(world: &World, load: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (code, line) = in_earnest(world, &["skip", load])?;
        if code == Some(0) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{line}");
    }
}

#[tokio::test]
async fn a_dead_workers_lease_is_shown_and_taken_away() -> anyhow::Result<()> {
    let world = World::reconciled().await?;
    let feed = world.feed().create().await?;
    let story = feed.land("1|a\n").await?;
    let id = story.load.id();
    assert_says(&by_hand(&world, &["release", id])?, 1, &["nobody holds a lease"]);
    world
        .control
        .execute(
            "UPDATE rdscnfg.ext_file_load
             SET lease_owner = 'a-dead-worker', lease_step = 'finish', lease_until = '2100-01-01'
             WHERE load_id = $1::text::uuid",
            &[&id],
        )
        .await?;

    assert_says(
        &by_hand(&world, &["release", id])?,
        0,
        &["a-dead-worker", "2100-01-01", "Nothing was done"],
    );
    let (code, line) = in_earnest(&world, &["release", id])?;
    assert_eq!(code, Some(0), "{line}");

    let load = world.loads_of(story.key()).await?.remove(0);
    assert_eq!(load.text("lease_owner"), None);
    assert_says(
        &world.longshore(&["load", "timeline", id])?,
        0,
        &["(release)", "ann", WHY],
    );
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_done_by_hand_is_said_with_what_can() -> anyhow::Result<()> {
    let world = World::reconciled().await?;
    let feed = world.feed().create().await?;
    let story = feed.land("1|a\n").await?;
    let id = story.load.id();
    let unknown = "00000000-0000-0000-0000-000000000000";
    for command in ["replay", "cancel", "release", "skip"] {
        assert_says(
            &by_hand(&world, &[command, unknown])?,
            1,
            &["there is no load", "load list"],
        );
        assert_says(&by_hand(&world, &[command, "x"])?, 1, &["a load's id looks like"]);
        let unexplained = world.longshore(&["load", command, id, "--as", "ann"])?;
        assert_says(&unexplained, 1, &["--why"]);
        let blank = world.longshore(&["load", command, id, "--as", "ann", "--why", " "])?;
        assert_says(&blank, 1, &["blank"]);
    }
    assert_says(&by_hand(&world, &["skip", id])?, 1, &["complete"]);
    let bad_time = [
        "replay",
        "--rule",
        "1",
        "--since",
        "yesterday",
        "--until",
        "2100-01-01",
    ];
    assert_says(&by_hand(&world, &bad_time)?, 1, &["2026-11-26"]);
    assert_says(&by_hand(&world, &["replay", "--rule", "1"])?, 1, &["--since"]);
    assert_says(&by_hand(&world, &["replay"])?, 1, &["ID"]);
    Ok(())
}
