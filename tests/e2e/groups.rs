//! Rules whose files form a set, on the shipped functions: all of it is loaded by one transaction, or nothing of it.

use anyhow::Context;
use serde_json::Value;

use crate::support::{Feed, Story, World};

/// A rule whose files are data of a group.
async fn data<'a>(world: &'a World, group: &str, files: Option<&str>) -> anyhow::Result<Feed<'a>> {
    let rule = world.feed().set("load_group", group).set("file_name_column", "");
    match files {
        Some(files) => rule.set("group_files", files).create().await,
        None => rule.create().await,
    }
}

/// The rule of a sentinel or of a control file.
async fn leader<'a>(world: &'a World, group: &str, role: &str) -> anyhow::Result<Feed<'a>> {
    let feed = world.feed().create().await?;
    let sql = format!(
        "UPDATE rdscnfg.ext_file_config SET load_group = '{group}', group_role = '{role}', tgt_schema_name = NULL, \
         tgt_table_name = NULL WHERE ext_file_config_sid = {}",
        feed.rule
    );
    world.control.batch_execute(&sql).await?;
    Ok(feed)
}

/// A name that no other test's group has.
fn group_of(test: &str) -> String {
    format!("{test}-{}", std::process::id())
}

async fn put(world: &World, feed: &Feed<'_>, bytes: &str) -> anyhow::Result<String> {
    let key = world.input_key(&feed.file_name());
    world.put(&key, bytes).await?;
    Ok(key)
}

async fn until_waiting(world: &World, group: &str, files: i64) -> anyhow::Result<()> {
    let sql = format!(
        "SELECT to_jsonb(coalesce(sum(files), 0)) FROM rdscnfg.ext_load_buffer WHERE group_name = '{group}'"
    );
    for _ in 0..300 {
        if world.control_rows(&sql).await?.first() == Some(&Value::from(files)) {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    anyhow::bail!("{files} files did not come to wait for {group}")
}

async fn sets(world: &World, group: &str) -> anyhow::Result<Vec<Value>> {
    let sql = format!(
        "SELECT to_jsonb(load) FROM rdscnfg.ext_file_load AS load \
         WHERE batch_files IS NOT NULL AND set_part ->> 'group' = '{group}' ORDER BY received_at"
    );
    world.control_rows(&sql).await
}

async fn settled(world: &World, keys: &[&String]) -> anyhow::Result<Vec<Story>> {
    let mut stories = Vec::new();
    for key in keys {
        let mut of_key = world.reconcile_until_settled(key, 1).await?;
        stories.push(of_key.pop().context("a load")?);
    }
    Ok(stories)
}

#[tokio::test]
async fn a_set_is_loaded_by_one_transaction_when_its_sentinel_and_all_files_are_there() -> anyhow::Result<()>
{
    let world = World::shared().await?;
    let group = group_of("sentinel");
    let (orders, lines) = (
        data(&world, &group, None).await?,
        data(&world, &group, None).await?,
    );
    let success = leader(&world, &group, "sentinel").await?;

    let sentinel = put(&world, &success, "").await?;
    let first = put(&world, &orders, "1|a\n").await?;
    until_waiting(&world, &group, 2).await?;
    assert!(orders.lines("id").await?.is_empty(), "the set is not whole");
    let list = world.longshore(&["batch", "list"])?;
    let said = String::from_utf8_lossy(&list.stdout);
    let missing = format!("1 of 1 files of rule {}", lines.rule);
    assert!(
        said.lines()
            .any(|line| line.contains(&group) && line.contains(&missing)),
        "{said}"
    );
    let second = put(&world, &lines, "7|x\n8|y\n").await?;

    for key in [&sentinel, &first, &second] {
        let story = world.story(key).await?;
        assert_eq!(story.state(), "complete", "{story}");
        assert_eq!(story.audit_row()["file_process_status"], "FINISHED", "{story}");
        assert!(story.messages.is_empty(), "the set is told of: {story}");
        assert!(world.get(key).await?.is_none(), "{key} is put away");
    }
    assert_eq!(orders.lines("id, name").await?, ["1|a"]);
    assert_eq!(lines.lines("id, name").await?, ["7|x", "8|y"]);
    let sets = sets(&world, &group).await?;
    assert_eq!(sets.len(), 1, "{sets:?}");
    assert_eq!(
        (&sets[0]["rows_loaded"], &sets[0]["batch_files"]),
        (&3.into(), &3.into())
    );
    let told = format!(
        "SELECT message FROM rdscnfg.ext_outbox WHERE load_id = '{}'",
        sets[0]["load_id"].as_str().context("an id")?
    );
    assert_eq!(world.control_rows(&told).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn of_a_set_with_one_bad_file_nothing_is_loaded_and_each_file_says_whose_fault_it_was()
-> anyhow::Result<()> {
    let world = World::shared().await?;
    let group = group_of("bad");
    let good = data(&world, &group, Some("2")).await?;
    let bad = data(&world, &group, Some("1")).await?;

    let mut keys = Vec::new();
    for (feed, bytes) in [(&good, "1|a\n"), (&good, "2|b\n"), (&bad, "not a number|x\n")] {
        keys.push(put(&world, feed, bytes).await?);
    }

    for key in &keys {
        let story = world.story(key).await?;
        assert_eq!(story.state(), "failed", "{story}");
        let fault = format!("rule {} ({})", bad.rule, bad.table);
        assert!(story.error().contains(&fault), "{story}");
    }
    assert!(good.lines("id").await?.is_empty(), "all or nothing");
    assert!(bad.lines("id").await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_control_file_says_which_files_a_set_has() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let group = group_of("control");
    let feed = data(&world, &group, None).await?;
    let control = leader(&world, &group, "control").await?;
    let names = [feed.file_name(), feed.file_name()];

    let listed = put(
        &world,
        &control,
        &format!("# the set\n{}\n{}\n", names[0], names[1]),
    )
    .await?;
    let other = put(&world, &feed, "9|not in the set\n").await?;
    until_waiting(&world, &group, 2).await?;
    for (name, bytes) in names.iter().zip(["1|a\n", "2|b\n"]) {
        world.put(&world.input_key(name), bytes).await?;
    }

    for key in [&listed, &world.input_key(&names[0]), &world.input_key(&names[1])] {
        let story = world.story(key).await?;
        assert_eq!(story.state(), "complete", "{story}");
    }
    assert_eq!(feed.lines("id, name").await?, ["1|a", "2|b"]);
    assert_eq!(
        world.loads_of(&other).await?[0].state(),
        "batched",
        "it waits for the next set"
    );
    Ok(())
}

#[tokio::test]
async fn a_set_that_is_not_whole_in_time_fails_with_what_it_lacks_and_is_loaded_when_replayed()
-> anyhow::Result<()> {
    let world = World::shared().await?;
    let group = group_of("late");
    let (first, second) = (
        data(&world, &group, Some("1")).await?,
        data(&world, &group, Some("1")).await?,
    );
    let sql = format!(
        "UPDATE rdscnfg.ext_file_config SET group_seconds = 1 WHERE ext_file_config_sid = {}",
        first.rule
    );
    world.control.batch_execute(&sql).await?;

    let early = put(&world, &first, "1|a\n").await?;
    until_waiting(&world, &group, 1).await?;
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let stories = settled(&world, &[&early]).await?;

    assert_eq!(stories[0].state(), "failed", "{}", stories[0]);
    assert_eq!(stories[0].load.text("error_code"), Some("set_incomplete"));
    let missing = format!("1 of 1 files of rule {}", second.rule);
    assert!(stories[0].error().contains(&missing), "{}", stories[0]);
    let set = sets(&world, &group).await?[0]["load_id"]
        .as_str()
        .context("an id")?
        .to_owned();
    let sql = format!(
        "UPDATE rdscnfg.ext_file_config SET group_seconds = NULL WHERE ext_file_config_sid = {}",
        first.rule
    );
    world.control.batch_execute(&sql).await?;

    let replay = world.longshore(&[
        "batch",
        "reprocess",
        &set,
        "--why",
        "it came",
        "--as",
        "op",
        "--yes",
    ])?;
    assert!(
        replay.status.success(),
        "{}",
        String::from_utf8_lossy(&replay.stderr)
    );
    let late = put(&world, &second, "2|b\n").await?;
    let replayed = world.reconcile_until_settled(&early, 2).await?;
    assert_eq!(replayed[1].state(), "complete", "{}", replayed[1]);
    assert_eq!(world.story(&late).await?.state(), "complete");
    assert_eq!(first.lines("id, name").await?, ["1|a"]);
    Ok(())
}

#[tokio::test]
async fn a_sentinel_that_is_sent_again_is_skipped_and_a_rejected_file_is_named() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let group = group_of("again");
    let feed = data(&world, &group, None).await?;
    let success = leader(&world, &group, "sentinel").await?;
    let sentinel = put(&world, &success, "").await?;
    let first = put(&world, &feed, "1|a\n").await?;
    assert_eq!(world.story(&first).await?.state(), "complete");
    assert_eq!(world.story(&sentinel).await?.state(), "complete");
    let sql = format!(
        "UPDATE rdscnfg.ext_file_config SET group_seconds = 1 WHERE ext_file_config_sid = {0};
         UPDATE rdscnfg.ext_file_config SET trailer_flag = 'Y', trailer_tag = 'T|' WHERE ext_file_config_sid = {0}",
        feed.rule
    );
    world.control.batch_execute(&sql).await?;

    world.put(&sentinel, "").await?;
    until_waiting(&world, &group, 1).await?;
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let again = world.reconcile_until_settled(&sentinel, 2).await?;
    assert_eq!(again[1].state(), "skipped", "{}", again[1]);
    assert!(
        again[1]
            .to_string()
            .contains("the same content was loaded before")
    );

    let bad = put(&world, &feed, "2|b\nT|7\n").await?;
    assert_eq!(world.story(&bad).await?.state(), "rejected");
    world.put(&sentinel, "not empty this time\n").await?;
    until_waiting(&world, &group, 1).await?;
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let third = world.reconcile_until_settled(&sentinel, 3).await?;
    assert_eq!(third[2].state(), "failed", "{}", third[2]);
    let named = format!("{bad} of rule {}, which was rejected (", feed.rule);
    assert!(third[2].error().contains(&named), "{}", third[2]);
    Ok(())
}

#[tokio::test]
async fn a_group_that_can_never_be_whole_is_refused_at_lint_and_at_load() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let group = group_of("never");
    let feed = data(&world, &group, None).await?;

    let lint = world.longshore(&["rule", "lint", &feed.rule.to_string()])?;
    assert_eq!(lint.status.code(), Some(1));
    let said = String::from_utf8_lossy(&lint.stdout);
    assert!(said.contains("group_files"), "{said}");

    let story = feed.land("1|a\n").await?;
    assert_eq!(story.state(), "rejected", "{story}");
    assert!(
        story.error().contains("neither sentinel nor control file"),
        "{story}"
    );
    Ok(())
}

#[tokio::test]
async fn a_set_waits_no_longer_for_what_it_lacks_when_an_operator_says_so() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let group = group_of("flushed");
    let (first, _) = (
        data(&world, &group, Some("1")).await?,
        data(&world, &group, Some("1")).await?,
    );
    let early = put(&world, &first, "1|a\n").await?;
    until_waiting(&world, &group, 1).await?;
    let listed = world.longshore(&["batch", "list", "--json"])?;
    let listed: Value = serde_json::from_slice(&listed.stdout)?;
    let sets = listed["sets"].as_array().context("sets")?;
    let set = sets.iter().find(|set| set["group"] == group).context("its set")?;
    let buffer = set["buffer"].as_str().context("an id")?;

    let shown = world.longshore(&["batch", "show", buffer])?;
    let shown = String::from_utf8(shown.stdout)?;
    let name = early.rsplit('/').next().unwrap_or_default();
    assert!(shown.contains(name), "{shown}");
    let dry = world.longshore(&["batch", "flush", buffer, "--why", "a test", "--as", "ann"])?;
    assert!(dry.status.success(), "{dry:?}");
    assert_eq!(world.loads_of(&early).await?[0].state(), "batched");
    let flushed = world.longshore(&[
        "batch", "flush", buffer, "--why", "a test", "--as", "ann", "--yes",
    ])?;
    assert!(flushed.status.success(), "{flushed:?}");
    let stories = settled(&world, &[&early]).await?;
    assert_eq!(stories[0].load.text("error_code"), Some("set_incomplete"));
    Ok(())
}
