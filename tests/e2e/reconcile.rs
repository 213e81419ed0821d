//! What happens when nothing happens: lost events, lost answers, and what the reconciler finds by looking.
//!
//! Faults are a stack's own, so each test has one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures_util::future::try_join_all;
use longshore_testkit::LocalStackOptions;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::support::{Load, PATIENCE, Stack, World};

/// A stack on which these rules strike.
async fn struck_by(faults: Value) -> anyhow::Result<World> {
    let stack = Stack::start(LocalStackOptions::default())?;
    let world = World::on(Arc::new(stack)).await?;
    world.set_faults(&json!({ "rules": faults })).await?;
    Ok(world)
}

/// No event about an object arrives.
async fn without_announcements() -> anyhow::Result<World> {
    struck_by(json!([{ "service": "s3-notifications", "operation": "Deliver", "fault": "drop" }])).await
}

/// `longshore reconcile --idle 0 --json`, with whatever exit code. Gives its report.
async fn reconcile(world: &World, arguments: &[&str]) -> anyhow::Result<Value> {
    let all = [&["reconcile", "--idle", "0", "--json"], arguments].concat();
    let output = Command::from(world.stack.local.command(&all)?).output().await?;
    serde_json::from_slice(&output.stdout).with_context(|| {
        format!(
            "reconcile printed {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

/// `longshore …`, which must succeed. Gives what it printed.
async fn longshore(world: &World, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::from(world.stack.local.command(arguments)?)
        .output()
        .await?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.success(),
        "{arguments:?}: {printed}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(printed)
}

/// Runs the reconciler until every load of these keys is done, however often that takes: a statement may be running still.
async fn reconcile_until_done(world: &World, keys: &[String]) -> anyhow::Result<()> {
    reconcile_until_loads(world, keys, 1).await
}

/// Runs the reconciler until each of these keys has so many loads and all are done.
async fn reconcile_until_loads(world: &World, keys: &[String], expected: usize) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        reconcile(world, &[]).await?;
        world.let_time_pass().await?;
        let mut open = vec![];
        for key in keys {
            let loads = world.loads_of(key).await?;
            if loads.len() < expected || !loads.iter().all(Load::is_settled) {
                open.push(key);
            }
        }
        if open.is_empty() {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{open:?} were not settled in time");
    }
}

/// An event about an object, as S3 would have sent it a moment after it was written.
fn event_of(world: &World, key: &str, etag: &str, sequencer: &str) -> Value {
    json!({ "Records": [{
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "eventTime": "2026-01-01T00:00:00.000Z",
        "s3": {
            "bucket": { "name": world.ready().bucket },
            "object": { "key": key, "size": 7, "eTag": etag, "sequencer": sequencer },
        },
    }] })
}

#[tokio::test]
async fn a_load_whose_status_event_is_lost_is_settled_by_the_reconciler() -> anyhow::Result<()> {
    let world = struck_by(json!([{ "service": "events", "operation": "Deliver", "fault": "drop" }])).await?;
    let feed = world.feed().create().await?;
    let key = world.input_key(&feed.file_name());
    world.put(&key, "1|a\n2|b\n").await?;

    reconcile_until_done(&world, std::slice::from_ref(&key)).await?;

    world.story(&key).await?.assert_loaded(2);
    Ok(())
}

#[tokio::test]
async fn a_submission_whose_answer_is_lost_is_found_again_and_loads_once() -> anyhow::Result<()> {
    let world = struck_by(json!([
        { "service": "redshift-data", "operation": "BatchExecuteStatement", "fault": "close_after", "times": 9 },
        { "service": "events", "operation": "Deliver", "fault": "drop" },
    ]))
    .await?;
    let feed = world.feed().create().await?;
    let key = world.input_key(&feed.file_name());
    world.put(&key, "1|a\n").await?;

    reconcile_until_done(&world, std::slice::from_ref(&key)).await?;

    world.story(&key).await?.assert_loaded(1);
    assert_eq!(feed.lines("id, name").await?, ["1|a"]);
    Ok(())
}

#[tokio::test]
async fn a_file_that_no_event_announced_is_found_and_loaded() -> anyhow::Result<()> {
    let world = without_announcements().await?;
    let feed = world.feed().create().await?;
    let key = world.input_key(&format!("ö b+%/{}", feed.file_name()));
    world.put(&key, "1|a\n2|b\n").await?;
    let marker = world.input_key("a folder/");
    world.put(&marker, "").await?;

    let young = longshore(&world, &["reconcile", "--json"]).await?;
    let young: Value = serde_json::from_str(&young)?;
    assert_eq!(
        young["listings"][0]["announced"], 0,
        "its event may be on its way: {young}"
    );
    reconcile_until_done(&world, std::slice::from_ref(&key)).await?;

    let story = world.story(&key).await?;
    story.assert_loaded(2);
    story
        .assert_archived(&world, &feed.interface.to_string(), b"1|a\n2|b\n")
        .await?;
    assert!(
        world.loads_of(&marker).await?.is_empty(),
        "a folder marker is no file"
    );
    let again = reconcile(&world, &[]).await?;
    assert_eq!(again["listings"][0]["announced"], 0, "{again}");
    assert_eq!(again["carried_on"], json!([]), "{again}");
    Ok(())
}

#[tokio::test]
async fn an_event_that_comes_after_the_listing_loads_nothing_again() -> anyhow::Result<()> {
    let world = without_announcements().await?;
    let feed = world.feed().create().await?;
    let key = world.input_key(&feed.file_name());
    let etag = world.put(&key, "1|once\n").await?;
    reconcile_until_done(&world, std::slice::from_ref(&key)).await?;

    let event = event_of(&world, &key, &etag, "00A1");
    for _ in 0..3 {
        let answer = world.invoke("external-file-process", &event).await?;
        assert_eq!(
            answer.body["outcomes"][0]["outcome"], "already_done",
            "{answer:?}"
        );
    }

    world.story(&key).await?.assert_loaded(1);
    assert_eq!(feed.lines("id, name").await?, ["1|once"]);
    Ok(())
}

#[tokio::test]
async fn an_event_and_two_listings_at_once_load_a_file_once() -> anyhow::Result<()> {
    let world = without_announcements().await?;
    let feed = world.feed().create().await?;
    let key = world.input_key(&feed.file_name());
    let etag = world.put(&key, "1|once\n").await?;
    let event = event_of(&world, &key, &etag, "00A1");

    let announced = async {
        let deliveries = (0..5).map(|_| world.invoke("external-file-process", &event));
        try_join_all(deliveries).await.map(|_| ())
    };
    let listed = async { reconcile(&world, &[]).await.map(|_| ()) };
    let listed_too = async { reconcile(&world, &[]).await.map(|_| ()) };
    tokio::try_join!(announced, listed, listed_too)?;
    reconcile_until_done(&world, std::slice::from_ref(&key)).await?;

    world.story(&key).await?.assert_loaded(1);
    assert_eq!(feed.lines("id, name").await?, ["1|once"]);
    Ok(())
}

#[tokio::test]
async fn a_file_sent_again_after_the_listing_is_a_load_of_its_own() -> anyhow::Result<()> {
    let world = without_announcements().await?;
    let feed = world.feed().create().await?;
    let key = world.input_key(&feed.file_name());
    world.put(&key, "1|before\n").await?;
    reconcile_until_done(&world, std::slice::from_ref(&key)).await?;

    // This one's event is lost too, and its bytes are the same.
    world.put(&key, "1|before\n").await?;
    reconcile_until_loads(&world, std::slice::from_ref(&key), 2).await?;

    assert_eq!(world.stories(&key, 2).await?.len(), 2);
    assert_eq!(world.get(&key).await?, None, "the second file was left lying");
    Ok(())
}

#[tokio::test]
async fn two_reconcilers_at_once_do_everything_once() -> anyhow::Result<()> {
    let world = struck_by(json!([
        { "service": "s3-notifications", "operation": "Deliver", "fault": "drop" },
        { "service": "events", "operation": "Deliver", "fault": "drop" },
    ]))
    .await?;
    let feed = world.feed().create().await?;
    let keys: Vec<String> = (0..12).map(|_| world.input_key(&feed.file_name())).collect();
    for (number, key) in keys.iter().enumerate() {
        world.put(key, format!("{number}|a\n")).await?;
    }

    let one = reconcile_until_done(&world, &keys);
    let two = reconcile_until_done(&world, &keys);
    tokio::try_join!(one, two)?;

    for key in &keys {
        world.story(key).await?.assert_loaded(1);
    }
    assert_eq!(feed.lines("id").await?.len(), keys.len());
    Ok(())
}

#[tokio::test]
async fn a_refused_file_that_stays_is_taken_up_once_its_rule_is_mended_and_not_before() -> anyhow::Result<()>
{
    let world = struck_by(json!([])).await?;
    let feed = world.feed().set("trailer_flag", "Y").create().await?;
    let story = feed.land("1|a\nTRL 00000001").await?;
    story.assert_refused("rule_invalid", &["trailer_pstn"]);

    for _ in 0..2 {
        let report = reconcile(&world, &[]).await?;
        assert_eq!(report["listings"][0]["announced"], 0, "{report}");
    }
    assert_eq!(world.story(story.key()).await?.messages.len(), 1, "told once");
    let mend = format!(
        "UPDATE rdscnfg.ext_file_config SET trailer_pstn = '5:13' WHERE ext_file_config_sid = {}",
        feed.rule
    );
    world.control.batch_execute(&mend).await?;
    let report = reconcile(&world, &[]).await?;

    assert_eq!(report["listings"][0]["tried_again"], 1, "{report}");
    let stories = world.stories(story.key(), 2).await?;
    assert_eq!(stories.len(), 2);
    stories[1].assert_loaded(1);
    Ok(())
}

#[tokio::test]
async fn a_file_whose_table_was_missing_is_taken_up_once_the_table_is_there() -> anyhow::Result<()> {
    let world = struck_by(json!([])).await?;
    let feed = world.feed().into_table("rdsftetl", "made_later").create().await?;
    let story = feed.land("1|a\n").await?;
    story.assert_refused("target_missing", &["made_later"]);
    let report = reconcile(&world, &[]).await?;
    assert_eq!(report["listings"][0]["announced"], 0, "{report}");

    world
        .query(
            "CREATE TABLE rdsftetl.made_later (id integer, name varchar(40), file_name varchar(300), \
             target_transaction_timestamp timestamp DEFAULT GETDATE())",
        )
        .await?;
    reconcile(&world, &[]).await?;

    let stories = world.stories(story.key(), 2).await?;
    stories[1].assert_loaded(1);
    Ok(())
}

/// The ledger of a load is lost.
async fn lose_ledger(world: &World) -> anyhow::Result<()> {
    world
        .control
        .batch_execute(
            "TRUNCATE rdscnfg.ext_file_load, rdscnfg.ext_file_load_history, rdscnfg.ext_statement,
                 rdscnfg.ext_load_row_error, rdscnfg.ext_outbox, rdscnfg.ext_file_audit CASCADE",
        )
        .await
        .context("lose the ledger")
}

#[tokio::test]
async fn a_file_that_the_lost_ledger_had_loaded_is_archived_and_not_loaded_again() -> anyhow::Result<()> {
    let world = struck_by(json!([
        { "service": "s3", "operation": "CopyObject", "fault": { "server_error": { "status": 500 } } },
    ]))
    .await?;
    let feed = world.feed().create().await?;
    let key = world.input_key(&feed.file_name());
    world.put(&key, "1|once\n").await?;
    let deadline = Instant::now() + PATIENCE;
    while feed.lines("id").await?.is_empty() {
        ensure!(Instant::now() < deadline, "it was not loaded");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Only functions that give up for good leave the ledger alone.
    world
        .set_faults(&json!({ "rules": [
            { "service": "s3", "operation": "CopyObject", "fault": { "server_error": { "status": 500 } } },
            { "service": "lambda", "operation": "Invocation", "fault": { "kill": { "moment": "before_effect" } } },
        ] }))
        .await?;
    wait_until_nobody_works(&world, &key).await?;
    lose_ledger(&world).await?;
    world.set_faults(&json!({ "rules": [] })).await?;

    reconcile_until_done(&world, std::slice::from_ref(&key)).await?;

    let story = world.story(&key).await?;
    story.assert_loaded(1);
    story
        .assert_archived(&world, &feed.interface.to_string(), b"1|once\n")
        .await?;
    assert_eq!(feed.lines("id, name").await?, ["1|once"]);
    Ok(())
}

async fn wait_until_nobody_works(world: &World, key: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let loads = world.loads_of(key).await?;
        let is_at_rest = |load: &Load| load.state() == "loaded" && load.value("lease_owner").is_null();
        if loads.iter().all(is_at_rest) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{key} is worked on still");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_marker_without_a_load_is_reported_and_settled_by_the_command_it_names() -> anyhow::Result<()> {
    let world = struck_by(json!([])).await?;
    let feed = world.feed().create().await?;
    let story = feed.land("1|a\n2|b\n").await?;
    story.assert_loaded(2);
    lose_ledger(&world).await?;

    let report = reconcile(&world, &[]).await?;
    let difference = &report["differences"][0];
    assert_eq!(difference["kind"], "marker_without_load", "{report}");
    assert_eq!(difference["load"], story.load.id(), "{report}");
    let listed = longshore(&world, &["marker", "list"]).await?;
    let command = format!("longshore marker adopt {}", story.load.id());
    assert!(listed.contains(&command), "{listed}");
    longshore(
        &world,
        &[
            "marker",
            "adopt",
            story.load.id(),
            "--why",
            "the ledger was lost",
            "--as",
            "ann",
            "--yes",
        ],
    )
    .await?;

    let report = reconcile(&world, &[]).await?;
    assert_eq!(report["differences"], json!([]), "{report}");
    let all = longshore(&world, &["marker", "list", "--all"]).await?;
    assert!(all.contains("adopted by ann: the ledger was lost"), "{all}");
    Ok(())
}

#[tokio::test]
async fn a_marker_that_is_forgotten_is_gone() -> anyhow::Result<()> {
    let world = struck_by(json!([])).await?;
    let feed = world.feed().create().await?;
    let story = feed.land("1|a\n").await?;
    lose_ledger(&world).await?;
    reconcile(&world, &[]).await?;

    let forget = [
        "marker",
        "forget",
        story.load.id(),
        "--why",
        "its rows are out",
        "--as",
        "ann",
    ];
    let told = longshore(&world, &forget).await?;
    assert!(told.contains("say so with --yes"), "{told}");
    let report = reconcile(&world, &[]).await?;
    assert_eq!(report["differences"][0]["load"], story.load.id(), "{report}");
    longshore(&world, &[&forget[..], &["--yes"]].concat()).await?;

    let markers = format!(
        "SELECT load_id FROM longshore.\"{}\"",
        feed.table.replace('.', "$")
    );
    assert_eq!(world.query(&markers).await?, Vec::<Vec<_>>::new());
    let report = reconcile(&world, &[]).await?;
    assert_eq!(report["differences"], json!([]), "{report}");
    Ok(())
}

#[tokio::test]
async fn a_load_without_a_marker_is_reported() -> anyhow::Result<()> {
    let world = struck_by(json!([])).await?;
    let feed = world.feed().create().await?;
    let story = feed.land("1|a\n").await?;
    let markers = format!("DELETE FROM longshore.\"{}\"", feed.table.replace('.', "$"));
    world.query(&markers).await?;

    let report = reconcile(&world, &[]).await?;

    let difference = &report["differences"][0];
    assert_eq!(difference["kind"], "load_without_marker", "{report}");
    assert_eq!(difference["load"], story.load.id(), "{report}");
    assert_eq!(difference["row_count"], 1, "{report}");

    let id = story.load.id();
    let listed = longshore(&world, &["marker", "list"]).await?;
    assert!(
        listed.contains(&format!("longshore load replay {id}")),
        "{listed}"
    );
    let hand = ["--accept-duplicates", "--why", "lost", "--as", "ann", "--yes"];
    let replay: Vec<&str> = ["load", "replay", id].into_iter().chain(hand).collect();
    longshore(&world, &replay).await?;
    reconcile_until_loads(&world, &[story.key().to_owned()], 2).await?;
    reconcile(&world, &[]).await?;
    let listed = longshore(&world, &["marker", "list"]).await?;
    assert!(!listed.contains(id), "{listed}");
    let all = longshore(&world, &["marker", "list", "--all"]).await?;
    assert!(all.contains("replayed as load"), "{all}");
    Ok(())
}

#[tokio::test]
async fn a_topic_that_refuses_is_seen_and_its_messages_are_sent_once_it_takes_them() -> anyhow::Result<()> {
    let world = struck_by(json!([
        { "service": "sns", "operation": "Publish", "fault": { "refuse": { "code": "AuthorizationError", "status": 400 } } },
    ]))
    .await?;
    let feed = world.feed().create().await?;
    let key = world.input_key(&feed.file_name());
    world.put(&key, "1|a\n").await?;
    let deadline = Instant::now() + PATIENCE;
    let unsent = loop {
        let report = reconcile(&world, &["--once"]).await?;
        if let Some(unsent) = report["unsent"].get(0) {
            break unsent.clone();
        }
        ensure!(Instant::now() < deadline, "nothing was refused: {report}");
    };
    assert_eq!(unsent["topic_arn"], world.ready().topic_arn, "{unsent}");
    assert!(
        unsent["last_error"]
            .as_str()
            .unwrap_or_default()
            .contains("refused"),
        "{unsent}"
    );

    world.set_faults(&json!({ "rules": [] })).await?;
    world
        .control
        .batch_execute("UPDATE rdscnfg.ext_outbox SET send_after = now() WHERE sent_at IS NULL")
        .await?;
    reconcile_until_done(&world, std::slice::from_ref(&key)).await?;

    world.story(&key).await?.assert_loaded(1);
    let report = reconcile(&world, &[]).await?;
    assert_eq!(report["unsent"], json!([]), "{report}");
    Ok(())
}

#[tokio::test]
async fn by_hand_it_prints_a_table_of_what_it_did() -> anyhow::Result<()> {
    let world = without_announcements().await?;
    let feed = world.feed().create().await?;
    let key = world.input_key(&feed.file_name());
    world.put(&key, "1|a\n").await?;
    let printed = longshore(&world, &["reconcile", "--idle", "0"]).await?;
    for line in [
        "objects that no event announced",
        "loads carried on",
        "messages sent late",
    ] {
        assert!(printed.contains(line), "{printed}");
    }
    Ok(())
}
