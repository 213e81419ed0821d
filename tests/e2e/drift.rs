//! What is done about columns that a file brings and its rule does not list.

use serde_json::json;

use crate::support::{RuleBuilder, World};

const WIDER: &str = "id|Colour|name|size\n1|red|plum|\n2|\"odd\"|fig|9\n";

fn drifting<'a>(world: &'a World, policy: &str) -> RuleBuilder<'a> {
    world.feed().header("names").set("drift_policy", policy)
}

#[tokio::test]
async fn a_file_with_more_columns_is_refused_by_their_names_where_nothing_else_is_said() -> anyhow::Result<()>
{
    let world = World::shared().await?;
    for rule in [world.feed().header("names"), drifting(&world, "fail")] {
        let feed = rule.create().await?;
        let story = feed.land(WIDER).await?;
        story.assert_refused("header_differs", &["unknown Colour, size"]);
        assert_eq!(feed.lines("id").await?, Vec::<String>::new());
    }
    Ok(())
}

#[tokio::test]
async fn more_columns_are_left_out_where_the_rule_ignores_them() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = drifting(&world, "ignore_extra").create().await?;
    let story = feed.land(WIDER).await?;
    story.assert_loaded(2);
    let left_out = "columns of the header that the rule does not list were left out (drift_policy ignore_extra): colour, size";
    assert_eq!(story.message()["remarks"], json!([left_out]), "{story}");
    let story = feed.land("name|id\nkiwi|3\n").await?;
    story.assert_loaded(1);
    assert_eq!(story.message()["remarks"], json!([]), "{story}");
    assert_eq!(feed.lines("id, name").await?, ["1|plum", "2|fig", "3|kiwi"]);

    // A column that is missing is no column more, and one that comes twice is none to be chosen from.
    let story = feed.land("id|size\n4|1\n").await?;
    story.assert_refused("header_differs", &["missing name"]);
    let story = feed.land("id|name|size|SIZE\n4|a|1|2\n").await?;
    story.assert_refused("header_differs", &["unknown SIZE"]);
    Ok(())
}

#[tokio::test]
async fn the_newest_row_of_a_key_wins_whatever_more_columns_come() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = drifting(&world, "ignore_extra")
        .set("load_mode", "merge")
        .set("merge_keys", "id")
        .set("merge_order", "name")
        .create()
        .await?;
    feed.land("id|name|size\n1|a|9\n1|b|1\n").await?.assert_loaded(1);
    assert_eq!(feed.lines("id, name").await?, ["1|b"]);
    Ok(())
}

#[tokio::test]
async fn more_columns_are_added_to_the_table_once_where_the_rule_adds_them() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = drifting(&world, "add_column").create().await?;
    // Side by side: whoever comes second finds the column there.
    let files = (0..4).map(|file| format!("id|name|colour|size\n{file}|n|red|9\n"));
    for story in feed.land_side_by_side(files.collect()).await? {
        story.assert_loaded(1);
    }
    feed.land("id|name|colour\n7|plum|blue\n").await?.assert_loaded(1);
    assert_eq!(
        feed.lines("id, colour, size").await?,
        ["0|red|9", "1|red|9", "2|red|9", "3|red|9", "7|blue|~"]
    );

    // The load fills this one itself.
    let story = feed.land("id|name|file_name\n8|a|b\n").await?;
    story.assert_refused("header_differs", &["unknown file_name"]);
    Ok(())
}

#[tokio::test]
async fn more_columns_are_kept_by_name_where_the_rule_has_a_column_for_them() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = drifting(&world, "keep_extra")
        .set("extra_column", "more")
        .create()
        .await?;
    world
        .query(&format!("ALTER TABLE {} ADD COLUMN more super", feed.table))
        .await?;
    feed.land(WIDER).await?.assert_loaded(2);
    feed.land("id|name\n3|kiwi\n").await?.assert_loaded(1);
    assert_eq!(
        feed.lines("id, name, JSON_SERIALIZE(more)").await?,
        [
            r#"1|plum|{"size":"","colour":"red"}"#,
            r#"2|fig|{"size":"9","colour":"\"odd\""}"#,
            "3|kiwi|~",
        ]
    );
    Ok(())
}

#[tokio::test]
async fn a_policy_that_makes_no_sense_is_the_rules_fault() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let cases = [
        (
            world.feed().header("ignore").set("drift_policy", "ignore_extra"),
            "drift_policy: needs a header that is read by its names",
        ),
        (
            world
                .feed()
                .set("file_format", "json")
                .clear("delimiter")
                .set("drift_policy", "add_column"),
            "drift_policy: cannot be told of JSON",
        ),
        (drifting(&world, "keep_extra"), "extra_column: is not set"),
        (
            drifting(&world, "keep_extra").set("extra_column", "NAME"),
            "is one of the file's columns too",
        ),
        (
            drifting(&world, "add_column").set("extra_column", "more"),
            "extra_column: is set, and drift_policy add_column",
        ),
        (
            drifting(&world, "drop"),
            "\"drop\" is none of fail, ignore_extra, add_column, keep_extra",
        ),
    ];
    for (rule, says) in cases {
        let feed = rule.create().await?;
        let number = feed.rule.to_string();
        let output = world.longshore(&["rule", "lint", &number])?;
        let said = String::from_utf8(output.stdout)?;
        assert_eq!(output.status.code(), Some(1), "{said}");
        let words = said
            .replace('┆', ":")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .replace(" :", ":");
        assert!(words.contains(says), "{says:?} is not said: {words}");
        feed.land("id|name\n1|a\n")
            .await?
            .assert_refused("rule_invalid", &[]);
    }
    Ok(())
}

#[tokio::test]
async fn files_of_a_batch_are_those_that_bring_the_same_columns() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = drifting(&world, "add_column")
        .set("file_name_column", "")
        .set("batch_files", "2")
        .create()
        .await?;
    let mut keys = vec![];
    for text in [
        "id|name|colour\n1|plum|blue\n",
        "id|name\n2|fig\n",
        "id|name|colour\n3|kiwi|green\n",
        "id|name\n4|pear\n",
    ] {
        let key = world.input_key(&feed.file_name());
        world.put(&key, text).await?;
        keys.push(key);
    }
    for key in &keys {
        let stories = world.reconcile_until_settled(key, 1).await?;
        assert!(
            stories.iter().all(|story| story.state() == "complete"),
            "{}",
            stories[0]
        );
    }
    assert_eq!(
        feed.lines("id, name, colour").await?,
        ["1|plum|blue", "2|fig|~", "3|kiwi|green", "4|pear|~"]
    );
    let batches = format!(
        "SELECT to_jsonb(batch_files) FROM rdscnfg.ext_file_load WHERE ext_file_config_sid = {} AND batch_files IS NOT NULL",
        feed.rule
    );
    assert_eq!(world.control_rows(&batches).await?, [json!(2), json!(2)]);
    Ok(())
}

#[tokio::test]
async fn files_of_a_set_may_bring_different_columns() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let group = format!("drift-{}", std::process::id());
    let feed = drifting(&world, "keep_extra")
        .set("extra_column", "more")
        .set("file_name_column", "")
        .set("load_group", &group)
        .set("group_files", "2")
        .create()
        .await?;
    world
        .query(&format!("ALTER TABLE {} ADD COLUMN more super", feed.table))
        .await?;
    let mut keys = vec![];
    for text in ["id|name|colour\n1|plum|blue\n", "size|id|name\n9|2|fig\n"] {
        let key = world.input_key(&feed.file_name());
        world.put(&key, text).await?;
        keys.push(key);
    }
    for key in &keys {
        let stories = world.reconcile_until_settled(key, 1).await?;
        assert!(
            stories.iter().all(|story| story.state() == "complete"),
            "{}",
            stories[0]
        );
    }
    assert_eq!(
        feed.lines("id, name, JSON_SERIALIZE(more)").await?,
        [r#"1|plum|{"colour":"blue"}"#, r#"2|fig|{"size":"9"}"#]
    );
    Ok(())
}
