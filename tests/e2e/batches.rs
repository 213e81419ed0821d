//! Files that are loaded together, on the shipped functions: full batches, old ones, ones made by hand, and bad files in them.

use std::process::Output;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::support::{Feed, RuleBuilder, Story, World};

impl RuleBuilder<'_> {
    /// Batches, whose rows have no name of a file.
    fn batched(self, files: &str) -> Self {
        self.set("file_name_column", "").set("batch_files", files)
    }
}

/// Lands files and gives their keys.
async fn put_all(world: &World, feed: &Feed<'_>, files: &[&str]) -> anyhow::Result<Vec<String>> {
    let mut keys = Vec::new();
    for bytes in files {
        let key = world.input_key(&feed.file_name());
        world.put(&key, *bytes).await?;
        keys.push(key);
    }
    Ok(keys)
}

/// Runs the reconciler until everything about these files is done.
async fn settled(world: &World, keys: &[String]) -> anyhow::Result<Vec<Story>> {
    let mut stories = Vec::new();
    for key in keys {
        let mut of_key = world.reconcile_until_settled(key, 1).await?;
        stories.push(of_key.pop().context("a load")?);
    }
    Ok(stories)
}

/// Waits until so many files of a feed wait for a batch.
async fn until_waiting(world: &World, feed: &Feed<'_>, files: i64) -> anyhow::Result<()> {
    let sql = format!(
        "SELECT to_jsonb(coalesce(sum(files), 0)) FROM rdscnfg.ext_load_buffer WHERE ext_file_config_sid = {}",
        feed.rule
    );
    for _ in 0..300 {
        if world.control_rows(&sql).await?.first() == Some(&Value::from(files)) {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    anyhow::bail!(
        "{files} files did not come to wait: {:?}",
        world.control_rows(&sql).await?
    )
}

/// The batches of a feed, the oldest first.
async fn batches(world: &World, feed: &Feed<'_>) -> anyhow::Result<Vec<Value>> {
    let sql = format!(
        "SELECT to_jsonb(load) FROM rdscnfg.ext_file_load AS load \
         WHERE ext_file_config_sid = {} AND batch_files IS NOT NULL ORDER BY received_at",
        feed.rule
    );
    world.control_rows(&sql).await
}

#[track_caller]
fn assert_carried(story: &Story) {
    assert_eq!(story.state(), "complete", "{story}");
    assert_eq!(story.audit_row()["file_process_status"], "FINISHED", "{story}");
    assert!(story.messages.is_empty(), "its batch is told of: {story}");
}

fn json(output: &Output) -> anyhow::Result<Value> {
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}

#[tokio::test]
async fn a_full_batch_is_loaded_by_one_transaction_and_told_once() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world
        .feed()
        .batched("3")
        .set("load_id_column", "load_id")
        .create()
        .await?;
    let files = ["1|a\n2|b\n", "3|c\n", "4|d\n"];

    let keys = put_all(&world, &feed, &files).await?;

    let mut stories = Vec::new();
    for (key, bytes) in keys.iter().zip(files) {
        let story = world.story(key).await?;
        assert_carried(&story);
        story
            .assert_archived(&world, &feed.token, bytes.as_bytes())
            .await?;
        stories.push(story);
    }
    assert_eq!(feed.lines("id, name").await?, ["1|a", "2|b", "3|c", "4|d"]);
    assert_eq!(stories[0].load.number("rows_loaded"), Some(2));
    let batches = batches(&world, &feed).await?;
    assert_eq!(batches.len(), 1, "{batches:?}");
    let batch = batches[0]["load_id"].as_str().context("an id")?;
    let rows = feed.lines("DISTINCT load_id").await?;
    assert_eq!(rows, [batch], "rows are traced to their batch");
    let told = "SELECT message FROM rdscnfg.ext_outbox WHERE load_id = '{}'".replace("{}", batch);
    let told = world.control_rows(&told).await?;
    assert_eq!(told.len(), 1, "{told:?}");
    let body: Value = serde_json::from_str(told[0]["default"].as_str().context("a body")?)?;
    assert_eq!((&body["files"], &body["rows_loaded"]), (&3.into(), &4.into()));
    Ok(())
}

#[tokio::test]
async fn a_file_of_a_batch_that_is_deleted_fails_at_once_and_the_others_are_loaded() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().batched("3").create().await?;
    let mut keys = put_all(&world, &feed, &["1|a\n", "2|b\n"]).await?;
    until_waiting(&world, &feed, 2).await?;
    world.remove(&keys[1]).await?;
    keys.extend(put_all(&world, &feed, &["3|c\n"]).await?);

    // By the events of the statements alone: a file that waits for a further try would need the reconciler.
    let gone = world.story(&keys[1]).await?;
    assert_eq!(gone.state(), "failed", "{gone}");
    assert_eq!(gone.load.text("error_code"), Some("object_gone"), "{gone}");
    assert!(gone.error().contains(&keys[1]), "{gone}");
    assert_eq!(gone.messages.len(), 1, "{gone}");
    for key in [&keys[0], &keys[2]] {
        assert_carried(&world.story(key).await?);
    }
    assert_eq!(feed.lines("id, name").await?, ["1|a", "3|c"]);
    Ok(())
}

#[tokio::test]
async fn a_batch_that_is_not_full_is_loaded_once_its_first_file_is_old_enough() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world
        .feed()
        .batched("100")
        .set("batch_seconds", "1")
        .create()
        .await?;

    let keys = put_all(&world, &feed, &["1|a\n", "2|b\n"]).await?;
    until_waiting(&world, &feed, 2).await?;
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let stories = settled(&world, &keys).await?;

    stories.iter().for_each(assert_carried);
    assert_eq!(batches(&world, &feed).await?.len(), 1);
    assert_eq!(feed.lines("id, name").await?, ["1|a", "2|b"]);
    Ok(())
}

#[tokio::test]
async fn a_bad_file_of_a_batch_fails_alone_and_the_others_are_loaded() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().batched("5").create().await?;
    let files = ["1|a\n", "2|b\n", "no number|c\n", "4|d\n", "5|e\n"];

    let keys = put_all(&world, &feed, &files).await?;
    let stories = settled(&world, &keys).await?;

    for (index, story) in stories.iter().enumerate() {
        if index == 2 {
            assert_eq!(story.state(), "failed", "{story}");
            assert!(story.error().contains("line 1, column id"), "{story}");
            assert_eq!(story.message()["status"], "failed", "{story}");
            story
                .assert_archived(&world, "error", files[2].as_bytes())
                .await?;
        } else {
            assert_carried(story);
        }
    }
    assert_eq!(feed.lines("id, name").await?, ["1|a", "2|b", "4|d", "5|e"]);
    Ok(())
}

#[tokio::test]
async fn a_rule_without_division_fails_a_bad_batch_as_a_whole() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world
        .feed()
        .batched("2")
        .set("batch_divide_flag", "N")
        .create()
        .await?;

    let keys = put_all(&world, &feed, &["1|a\n", "no number|b\n"]).await?;
    let stories = settled(&world, &keys).await?;

    for story in &stories {
        assert_eq!(story.state(), "failed", "{story}");
        assert_eq!(story.audit_row()["file_process_status"], "FAILED", "{story}");
        // Both say whose fault it was.
        let fault = format!("{}, line 1, column id: ", keys[1]);
        assert!(story.error().starts_with(&fault), "{fault:?}: {story}");
    }
    assert!(stories[0].row_errors.is_empty(), "{}", stories[0]);
    let refused = &stories[1].row_errors[0];
    assert_eq!(refused["raw_line"], "no number|b", "{refused}");
    assert_eq!(refused["file_name"], keys[1], "{refused}");
    assert!(feed.lines("id").await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn one_batch_of_a_table_is_under_way_and_what_arrives_meanwhile_goes_together() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world
        .feed()
        .set("file_name_column", "")
        .set("batch_concurrency", "one")
        .create()
        .await?;
    let files: Vec<String> = (0..12).map(|number| format!("{number}|x\n")).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();

    let keys = put_all(&world, &feed, &files).await?;
    let stories = settled(&world, &keys).await?;

    stories.iter().for_each(assert_carried);
    assert_eq!(feed.lines("id").await?.len(), 12);
    let batches = batches(&world, &feed).await?;
    let mut ended: Option<&str> = None;
    for batch in &batches {
        let made = batch["received_at"].as_str().context("a time")?;
        assert!(
            ended.is_none_or(|ended| ended <= made),
            "two at once: {batches:?}"
        );
        ended = batch["finished_at"].as_str();
    }
    Ok(())
}

#[tokio::test]
async fn the_parts_of_a_split_file_may_be_batched() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let whole = world.feed().split("HD,DT").create().await?;
    let head = whole
        .part("HD")
        .columns(["kind varchar(2)", "id integer"])
        .batched("2")
        .create()
        .await?;
    let detail = whole
        .part("DT")
        .columns(["kind varchar(2)", "id integer"])
        .create()
        .await?;

    let keys = put_all(&world, &whole, &["HD|1\nDT|2\n", "HD|3\nDT|4\n"]).await?;
    settled(&world, &keys).await?;

    assert_eq!(head.lines("id").await?, ["1", "3"]);
    assert_eq!(detail.lines("id").await?, ["2", "4"]);
    assert_eq!(batches(&world, &head).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn what_waits_is_listed_shown_and_flushed_by_hand() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().batched("50").create().await?;
    let rule = feed.rule.to_string();
    let keys = put_all(&world, &feed, &["1|a\n", "2|b\n"]).await?;
    until_waiting(&world, &feed, 2).await?;

    let listed = json(&world.longshore(&["batch", "list", "--rule", &rule, "--json"])?)?;
    assert_eq!(listed["waiting"][0]["files"], 2, "{listed}");
    assert_eq!(listed["batches"], Value::Array(vec![]), "{listed}");
    let buffer = listed["waiting"][0]["id"].as_str().context("an id")?.to_owned();
    let shown = json(&world.longshore(&["batch", "show", &buffer, "--json"])?)?;
    assert_eq!(shown["files"].as_array().map(Vec::len), Some(2), "{shown}");

    json(&world.longshore(&[
        "batch", "flush", &buffer, "--why", "a test", "--as", "ann", "--json",
    ])?)?;
    until_waiting(&world, &feed, 2).await?;
    let flushed = json(&world.longshore(&[
        "batch", "flush", &buffer, "--why", "a test", "--as", "ann", "--yes", "--json",
    ])?)?;
    assert_eq!(flushed["flushed"], true);
    let stories = settled(&world, &keys).await?;

    stories.iter().for_each(assert_carried);
    let listed = json(&world.longshore(&["batch", "list", "--rule", &rule, "--json"])?)?;
    assert_eq!(listed["batches"][0]["files"], 2, "{listed}");
    let batch = listed["batches"][0]["batch"]
        .as_str()
        .context("an id")?
        .to_owned();
    let shown = world.longshore(&["batch", "show", &batch])?;
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(
        text.contains("2 files") && text.contains(stories[0].file_name()),
        "{text}"
    );
    Ok(())
}

#[tokio::test]
async fn what_waits_can_be_put_aside_and_a_failed_batch_be_done_again() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world
        .feed()
        .batched("2")
        .set("batch_divide_flag", "N")
        .create()
        .await?;
    let hand = ["--as", "ann", "--why", "a test", "--yes", "--json"];
    let aside = put_all(&world, &feed, &["1|a\n"]).await?;
    until_waiting(&world, &feed, 1).await?;
    let rule = feed.rule.to_string();
    let listed = json(&world.longshore(&["batch", "list", "--rule", &rule, "--json"])?)?;
    let buffer = listed["waiting"][0]["id"].as_str().context("an id")?.to_owned();
    let deleted = world.longshore(&[&["batch", "delete", &buffer][..], &hand].concat())?;
    json(&deleted)?;
    let printed = String::from_utf8_lossy(&deleted.stderr).into_owned();
    assert!(
        printed.contains(&aside[0]),
        "what is put aside is printed whole: {printed}"
    );
    let story = world.story(&aside[0]).await?;
    assert_eq!(story.state(), "skipped", "{story}");

    let keys = put_all(&world, &feed, &["1|a\n", "no number|b\n"]).await?;
    settled(&world, &keys).await?;
    let table = feed.table.clone();
    world
        .query(&format!("ALTER TABLE {table} RENAME COLUMN id TO was_id"))
        .await?;
    world
        .query(&format!("ALTER TABLE {table} ADD COLUMN id varchar(20)"))
        .await?;
    let failed = batches(&world, &feed).await?;
    let batch = failed[0]["load_id"].as_str().context("an id")?.to_owned();
    let refused = world.longshore(&[&["load", "replay", &batch][..], &hand].concat())?;
    let said = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(said.contains("longshore batch reprocess"), "{said}");
    json(&world.longshore(&[&["batch", "reprocess", &batch][..], &hand].concat())?)?;
    for key in &keys {
        world.reconcile_until_settled(key, 2).await?;
    }
    assert_eq!(feed.lines("id, name").await?, ["1|a", "no number|b"]);
    Ok(())
}

#[tokio::test]
async fn a_rule_whose_batches_make_no_sense_is_refused_with_every_fault() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world
        .feed()
        .set("batch_files", "5000")
        .set("batch_concurrency", "some")
        .create()
        .await?;
    let story = feed.land("1|a\n").await?;
    story.assert_refused(
        "rule_invalid",
        &["batch_files: 5000 is not between 1 and 1000", "batch_concurrency"],
    );
    let feed = world
        .feed()
        .set("batch_files", "5")
        .set("batch_order", "day")
        .set("resend_policy", "reload")
        .set("load_id_column", "load_id")
        .create()
        .await?;
    let story = feed.land("1|a\n").await?;
    story.assert_refused(
        "rule_invalid",
        &["file_name_column", "resend_policy", "batch_order"],
    );
    let feed = world.feed().set("batch_order", "day").create().await?;
    let story = feed.land("1|a\n").await?;
    story.assert_refused(
        "rule_invalid",
        &["batch_order: is set, and the rule has no batches"],
    );
    Ok(())
}

#[tokio::test]
async fn a_batch_merges_its_files_with_each_other_and_with_the_table() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world
        .feed()
        .columns(["id integer", "name varchar(40)", "version integer"])
        .batched("3")
        .set("load_mode", "merge")
        .set("merge_keys", "id")
        .set("merge_order", "version")
        .create()
        .await?;
    let first = put_all(
        &world,
        &feed,
        &["1|a|1\n2|b|1\n", "1|newer|3\n", "1|older|2\n3|c|1\n"],
    )
    .await?;
    settled(&world, &first).await?.iter().for_each(assert_carried);
    assert_eq!(feed.lines("id, name").await?, ["1|newer", "2|b", "3|c"]);

    let second = put_all(&world, &feed, &["1|too old|1\n", "2|newer|2\n", "4|d|1\n"]).await?;
    settled(&world, &second).await?.iter().for_each(assert_carried);
    assert_eq!(
        feed.lines("id, name").await?,
        ["1|newer", "2|newer", "3|c", "4|d"]
    );
    assert_eq!(batches(&world, &feed).await?.len(), 2);
    Ok(())
}

/// Loads files of a rule that replaces a period and has batches of two, each by the folders that say its period, and the day and the
/// number of its one row. Gives the rows.
async fn replaced_periods(
    fields: &[(&'static str, &str)],
    folders: &str,
    files: [(&str, &str, u32); 4],
) -> anyhow::Result<Vec<String>> {
    let world = World::shared().await?;
    let mut feed = world
        .feed()
        .columns(["id integer", "name varchar(40)", "day varchar(10)"])
        .batched("2")
        .set("load_mode", "replace_period")
        .set("period_column", "day");
    for (field, value) in fields {
        feed = feed.set(field, value);
    }
    let feed = feed.create().await?;
    let folder = format!("{}{}", world.ready().input_prefix, feed.rule);
    let sql = format!(
        "UPDATE rdscnfg.ext_file_config SET key_pattern = '{folder}/{folders}' WHERE ext_file_config_sid = {}",
        feed.rule
    );
    world.control.batch_execute(&sql).await?;
    let mut keys = Vec::new();
    for (period, day, id) in files {
        let key = format!("{folder}/{period}/{}", feed.file_name());
        world.put(&key, format!("{id}|x|{day}\n")).await?;
        keys.push(key);
    }
    settled(&world, &keys).await?.iter().for_each(assert_carried);
    assert_eq!(batches(&world, &feed).await?.len(), 2);
    feed.lines("day, id").await
}

#[tokio::test]
async fn files_of_different_spans_go_into_different_batches() -> anyhow::Result<()> {
    let span = [("period_value", "{from}"), ("period_end", "{until}")];
    let files = [
        ("from=a/until=b", "a", 1),
        ("from=b/until=c", "b", 2),
        ("from=a/until=b", "a", 3),
        ("from=b/until=c", "b", 4),
    ];
    let rows = replaced_periods(&span, "from=*/until=*", files).await?;
    assert_eq!(rows, ["a|1", "a|3", "b|2", "b|4"]);
    Ok(())
}

#[tokio::test]
async fn files_of_different_periods_go_into_different_batches() -> anyhow::Result<()> {
    let files = [
        ("day=mon", "mon", 1),
        ("day=tue", "tue", 2),
        ("day=tue", "tue", 3),
        ("day=mon", "mon", 4),
    ];
    let rows = replaced_periods(&[("period_value", "{day}")], "day=*", files).await?;
    assert_eq!(rows, ["mon|1", "mon|4", "tue|2", "tue|3"]);
    Ok(())
}
