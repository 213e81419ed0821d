//! Files that are sent again with the same bytes, under each policy.

use anyhow::{Context, ensure};
use serde_json::json;

use crate::support::{Feed, RuleBuilder, Story, World};

const BYTES: &str = "1|a\n2|b\n";

impl<'a> RuleBuilder<'a> {
    fn reloading(self) -> Self {
        self.set("resend_policy", "reload")
            .set("load_id_column", "load_id")
    }
}

/// Lands a file, and its bytes once more when everything about it is done.
async fn land_twice(world: &World, feed: &Feed<'_>, bytes: impl Into<Vec<u8>>) -> anyhow::Result<[Story; 2]> {
    let file_name = feed.file_name();
    let bytes = bytes.into();
    world.land(&file_name, bytes.clone()).await?;
    send_again(world, &world.input_key(&file_name), bytes).await
}

async fn send_again(world: &World, key: &str, bytes: impl Into<Vec<u8>>) -> anyhow::Result<[Story; 2]> {
    world.put(key, bytes).await?;
    let stories = world.stories(key, 2).await?;
    <[Story; 2]>::try_from(stories)
        .map_err(|stories| anyhow::anyhow!("{} loads instead of two: {stories:?}", stories.len()))
}

/// Puts the same bytes twice within moments, and lets the reconciler run until both loads are done.
async fn land_twice_within_moments(world: &World, feed: &Feed<'_>) -> anyhow::Result<Vec<Story>> {
    let key = world.input_key(&feed.file_name());
    world.put(&key, BYTES).await?;
    world.put(&key, BYTES).await?;
    world.reconcile_until_settled(&key, 2).await
}

/// Left alone and told once, with the load that brought the rows.
#[track_caller]
fn assert_skipped(story: &Story, earlier: &Story) {
    assert_eq!(story.state(), "skipped", "{story}");
    let message = story.message();
    assert_eq!(message["status"], "skipped", "{story}");
    assert_eq!(message["success"], true, "{story}");
    let remark = format!(
        "the same content was loaded before, as load {}",
        earlier.load.id()
    );
    assert_eq!(message["remarks"], json!([remark]), "{story}");
    let audit = story.audit_row();
    assert_eq!(audit["file_process_status"], "SKIPPED", "{story}");
    assert_eq!(audit["file_prcsd_flag"], "N", "{story}");
    assert_eq!(audit["error_msg"], remark, "{story}");
}

#[tokio::test]
async fn a_file_sent_again_is_skipped_told_once_and_put_away() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().create().await?;

    let [first, second] = land_twice(&world, &feed, BYTES).await?;

    first.assert_loaded(2);
    assert_skipped(&second, &first);
    assert_eq!(feed.lines("id, name").await?, ["1|a", "2|b"]);
    second
        .assert_archived(&world, &feed.token, BYTES.as_bytes())
        .await
}

#[tokio::test]
async fn a_file_sent_again_replaces_its_rows_where_the_rule_says_reload() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().reloading().create().await?;
    feed.land("1|of another file\n").await?.assert_loaded(1);

    let [first, second] = land_twice(&world, &feed, BYTES).await?;

    first.assert_loaded(2);
    second.assert_loaded(2);
    assert_eq!(
        *second.load.value("replaces"),
        json!([first.load.id()]),
        "{second}"
    );
    let id = second.load.id();
    let mut rows = feed.lines("id, name, load_id").await?;
    rows.retain(|row| !row.contains("of another file"));
    assert_eq!(rows, [format!("1|a|{id}"), format!("2|b|{id}")]);
    assert_eq!(feed.lines("id").await?.len(), 3, "another file's row was touched");
    // Both transactions committed once, and neither may ever run again.
    let markers = world
        .query(&format!(
            "SELECT load_id FROM longshore.\"rdsftetl${}\" WHERE load_id IN ('{id}', '{}')",
            feed.table.trim_start_matches("rdsftetl."),
            first.load.id()
        ))
        .await?;
    assert_eq!(markers.len(), 2, "{markers:?}");
    Ok(())
}

#[tokio::test]
async fn a_file_sent_again_is_loaded_again_where_the_rule_says_accept() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().set("resend_policy", "accept").create().await?;

    for story in land_twice(&world, &feed, BYTES).await? {
        story.assert_loaded(2);
    }

    assert_eq!(feed.lines("id, name").await?, ["1|a", "1|a", "2|b", "2|b"]);
    Ok(())
}

#[tokio::test]
async fn a_file_sent_twice_within_moments_is_loaded_once_and_nothing_is_gone() -> anyhow::Result<()> {
    let world = World::reconciled().await?;
    let feed = world.feed().create().await?;
    let stories = land_twice_within_moments(&world, &feed).await?;

    let (loaded, skipped): (Vec<_>, Vec<_>) = stories.iter().partition(|story| story.state() == "complete");
    ensure!(loaded.len() == 1 && skipped.len() == 1, "{stories:?}");
    loaded[0].assert_loaded(2);
    assert_skipped(skipped[0], loaded[0]);
    assert_eq!(feed.lines("id, name").await?, ["1|a", "2|b"]);
    Ok(())
}

#[tokio::test]
async fn a_file_sent_twice_within_moments_replaces_its_rows_where_the_rule_says_reload() -> anyhow::Result<()>
{
    let world = World::reconciled().await?;
    let feed = world.feed().reloading().create().await?;
    for story in land_twice_within_moments(&world, &feed).await? {
        story.assert_loaded(2);
    }
    assert_eq!(feed.lines("id, name").await?, ["1|a", "2|b"]);
    Ok(())
}

#[tokio::test]
async fn a_file_sent_twice_within_moments_is_loaded_twice_where_the_rule_says_accept() -> anyhow::Result<()> {
    let world = World::reconciled().await?;
    let feed = world.feed().set("resend_policy", "accept").create().await?;
    for story in land_twice_within_moments(&world, &feed).await? {
        story.assert_loaded(2);
    }
    assert_eq!(feed.lines("id, name").await?, ["1|a", "1|a", "2|b", "2|b"]);
    Ok(())
}

#[tokio::test]
async fn a_file_that_failed_is_loaded_when_it_is_sent_again() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world
        .feed()
        .columns(["id integer", "name varchar(2)"])
        .create()
        .await?;
    let file_name = feed.file_name();
    let bytes = "1|too long\n";
    let failed = world.land(&file_name, bytes).await?;
    assert_eq!(failed.state(), "failed", "{failed}");
    world
        .query(&format!(
            "ALTER TABLE {} ALTER COLUMN name TYPE varchar(20)",
            feed.table
        ))
        .await?;

    let [_, second] = send_again(&world, &world.input_key(&file_name), bytes).await?;

    second.assert_loaded(1);
    assert_eq!(feed.lines("id, name").await?, ["1|too long"]);
    Ok(())
}

#[tokio::test]
async fn a_file_whose_follow_up_failed_counts_as_loaded() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world
        .feed()
        .set("query", "call nobody.knows_this()")
        .create()
        .await?;

    let [first, second] = land_twice(&world, &feed, BYTES).await?;

    assert_eq!(first.state(), "transform_failed", "{first}");
    assert_skipped(&second, &first);
    assert_eq!(feed.lines("id, name").await?, ["1|a", "2|b"]);
    Ok(())
}

#[tokio::test]
async fn a_split_file_sent_again_is_skipped_and_of_a_part_that_failed_that_part_is_loaded()
-> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().split("HD,DT").create().await?;
    let columns = ["kind char(2)", "id integer"];
    let header = feed.part("HD").columns(columns).create().await?;
    let bytes = "HD|1\nDT|2\n";
    let file_name = feed.file_name();
    let key = world.input_key(&file_name);
    let first = world.land(&file_name, bytes).await?;
    first.part("DT")?.assert_refused("no_rule", &[]);
    let detail = feed.part("DT").columns(columns).create().await?;

    let [first, second] = send_again(&world, &key, bytes).await?;

    assert_eq!(second.state(), "split", "{second}");
    second.part("DT")?.assert_loaded(1);
    let part = second.part("HD")?;
    assert_eq!(part.state(), "skipped", "{part}");
    let earlier = first.part("HD")?.load.id();
    assert!(part.message()["remarks"].to_string().contains(earlier), "{part}");
    assert_eq!(header.lines("id").await?, ["1"]);
    assert_eq!(detail.lines("id").await?, ["2"]);

    world.put(&key, bytes).await?;
    let third = world.stories(&key, 3).await?.pop().context("a third load")?;
    assert_eq!(third.state(), "skipped", "{third}");
    assert!(third.parts.is_empty(), "{third}");
    Ok(())
}

#[tokio::test]
async fn a_split_file_sent_again_replaces_the_rows_of_its_parts() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world
        .feed()
        .split("HD,DT")
        .set("resend_policy", "reload")
        .create()
        .await?;
    let columns = ["kind char(2)", "id integer"];
    let header = feed
        .part("HD")
        .columns(columns)
        .set("load_id_column", "load_id")
        .create()
        .await?;
    let detail = feed.part("DT").columns(columns).create().await?;

    let [first, second] = land_twice(&world, &feed, "HD|1\nDT|2\n").await?;

    second.part("HD")?.assert_loaded(1);
    let id = second.part("HD")?.load.id();
    assert_eq!(header.lines("id, load_id").await?, [format!("1|{id}")]);
    let earlier = first.part("DT")?.load.id();
    second
        .part("DT")?
        .assert_refused("rows_not_replaceable", &[earlier, "--accept-duplicates"]);
    assert_eq!(detail.lines("id").await?, ["2"]);
    Ok(())
}

#[tokio::test]
async fn reload_without_a_column_for_the_loads_id_is_the_rules_fault() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().set("resend_policy", "reload").create().await?;

    let story = feed.land(BYTES).await?;

    story.assert_refused("rule_invalid", &["load_id_column", "resend_policy reload"]);
    story.assert_stays(&world).await
}
