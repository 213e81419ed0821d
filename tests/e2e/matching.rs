//! Which rule takes a file.

use crate::support::{World, unique};

#[tokio::test]
async fn a_key_pattern_beats_a_token_and_the_longer_pattern_the_shorter() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let prefix = &world.ready().input_prefix;
    let by_token = world.feed().create().await?;
    let folder = format!("{prefix}orders{}", unique());
    let by_folder = world.feed().set("key_pattern", &folder).create().await?;
    let by_month = world
        .feed()
        .set("key_pattern", &format!("{folder}/yyyy=*/mm=*"))
        .create()
        .await?;

    let relative = folder.trim_start_matches(prefix.as_str()).to_owned();
    let name = |below: &str| format!("{relative}/{below}{}", by_token.file_name());
    world
        .land(&by_token.file_name(), "1|token\n")
        .await?
        .assert_loaded(1);
    world.land(&name(""), "2|folder\n").await?.assert_loaded(1);
    world
        .land(&name("yyyy=2026/mm=11/"), "3|month\n")
        .await?
        .assert_loaded(1);

    assert_eq!(by_token.lines("name").await?, ["token"]);
    assert_eq!(by_folder.lines("name").await?, ["folder"]);
    assert_eq!(by_month.lines("name").await?, ["month"]);
    Ok(())
}

#[tokio::test]
async fn what_an_expression_captures_chooses_the_table() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let number = unique();
    for region in ["east", "west"] {
        let sql = format!(
            "CREATE TABLE rdsftetl.sales_{region}_{number} (id integer, name varchar(40), file_name varchar(300))"
        );
        world.query(&sql).await?;
    }
    world
        .feed()
        .set(
            "key_regex",
            &format!(r"external_input/sales{number}_(?<region>east|west|north)_.*\.txt"),
        )
        .into_table("rdsftetl", &format!("sales_{{region}}_{number}"))
        .create()
        .await?;

    for region in ["east", "west"] {
        let story = world
            .land(&format!("sales{number}_{region}_1.txt"), format!("1|{region}\n"))
            .await?;
        story.assert_loaded(1);
        assert_eq!(story.load.value("captures")["region"], region, "{story}");
        let rows = world
            .query(&format!("SELECT name FROM rdsftetl.sales_{region}_{number}"))
            .await?;
        assert_eq!(rows, [[Some(region.to_owned())]], "{story}");
    }
    let story = world
        .land(&format!("sales{number}_north_1.txt"), "1|north\n")
        .await?;
    story.assert_refused("target_missing", &[&format!("sales_north_{number}")]);
    Ok(())
}

#[tokio::test]
async fn a_placeholder_that_the_key_does_not_give_is_the_rules_fault() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world
        .feed()
        .into_table("rdsftetl", "sales_{region}")
        .create()
        .await?;
    let story = feed.land("1|a\n").await?;
    story.assert_refused("target_unresolved", &["{region}", &feed.rule.to_string()]);
    story.assert_stays(&world).await
}

#[tokio::test]
async fn a_token_is_compared_whole() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().create().await?;
    let shorter = &feed.token[..feed.token.len() - 1];
    for token in [
        shorter.to_owned(),
        format!("{}0", feed.token),
        format!("{}%", feed.token),
    ] {
        let story = world
            .land(&format!("FILE{}_{token}x.txt", unique()), "1|a\n")
            .await?;
        story.assert_refused("no_rule", &[]);
    }
    Ok(())
}
