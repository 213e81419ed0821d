//! Names that would like to be SQL, a path, or a terminal's orders.

use crate::support::{World, unique};

#[tokio::test]
async fn a_hostile_file_name_is_stored_exactly_and_does_nothing() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().trailer("5:13").create().await?;
    // No dot before the token: it ends at the first one.
    let names = [
        format!(
            "'; DROP TABLE {}; --_{}.txt",
            feed.table.trim_start_matches("rdsftetl."),
            feed.token
        ),
        format!("it's \"quoted\" \\' \\\\ $$ $1 %s {{x}}_{}.txt", feed.token),
        format!("a;b|c,d\te'')) COMMIT; --_{}.txt", feed.token),
    ];
    for name in &names {
        let story = world.land(name, "1|a\nTRL 00000001").await?;
        story.assert_loaded(1);
        assert_eq!(story.message()["file_name"], name.as_str(), "{story}");
    }
    let mut expected = names.to_vec();
    expected.sort();
    assert_eq!(feed.lines("file_name").await?, expected);
    Ok(())
}

#[tokio::test]
async fn a_hostile_table_name_in_a_rule_is_a_name_and_nothing_else() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let victim = world.feed().create().await?;
    victim.land("1|a\n").await?.assert_loaded(1);
    let hostile = format!("x (a int); DROP TABLE {}; --", victim.table);
    let feed = world.feed().into_table("rdsftetl", &hostile).create().await?;

    let story = feed.land("1|a\n").await?;

    assert_ne!(story.state(), "complete", "{story}");
    assert_eq!(victim.lines("id, name").await?, ["1|a"], "{story}");
    Ok(())
}

#[tokio::test]
async fn a_table_and_columns_with_odd_names_are_loaded() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let table = format!("odd \"{} it's", unique());
    let quoted = format!("\"{}\"", table.replace('"', "\"\""));
    world
        .query(&format!(
            "CREATE TABLE rdsftetl.{quoted} (id integer, \"select\" varchar(40), file_name varchar(300))"
        ))
        .await?;
    let feed = world
        .feed()
        .columns(["id", "select"])
        .into_table("rdsftetl", &table)
        .create()
        .await?;
    feed.land("1|a\n").await?.assert_loaded(1);
    let rows = world
        .query(&format!("SELECT id, \"select\" FROM rdsftetl.{quoted}"))
        .await?;
    assert_eq!(rows, [[Some("1".to_owned()), Some("a".to_owned())]]);
    Ok(())
}

#[tokio::test]
async fn a_name_that_is_an_order_to_a_terminal_is_stored_exactly_and_shown_as_text() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().create().await?;
    let name = format!("a\u{1b}[2J\r\nb\u{202e}txt_{}.txt", feed.token);

    let story = world.land(&name, "1|a\n").await?;

    story.assert_loaded(1);
    assert_eq!(feed.lines("file_name").await?, [name.as_str()]);
    let subject = story.message()["file_name"].as_str().map(str::to_owned);
    assert_eq!(subject.as_deref(), Some(name.as_str()), "{story}");
    let object = format!("s3://{}/{}", world.ready().bucket, story.key());
    for command in [
        &["load", "list", "--limit", "100"][..],
        &["load", "show", story.load.id()],
        &["file", "status", &object],
        &[
            "file",
            "status",
            &object.replace("external_input", "else\u{1b}where"),
        ],
    ] {
        let said = world.longshore(command)?;
        let said = [said.stdout, said.stderr].concat();
        let text = String::from_utf8(said)?;
        assert!(
            !text.contains(['\u{1b}', '\r', '\u{202e}']),
            "{command:?}: {text:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_key_that_would_climb_out_of_its_folder_does_not() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().create().await?;
    for climb in [
        "../up",
        "../../archive/over",
        "./here",
        "a//b",
        "pct%2F%2E%2E%2F",
        "{load_id}",
    ] {
        let story = world
            .land(&format!("{climb}_{}.txt", feed.token), "1|a\n")
            .await?;
        story.assert_loaded(1);
        let archived = story.load.text("archived_key").unwrap_or_default().to_owned();
        let folder = format!("{}/{}/", world.ready().archive_folder, feed.interface);
        let name = archived.strip_prefix(&folder).unwrap_or_default();
        assert!(!name.is_empty() && !name.contains('/'), "{archived}");
    }
    Ok(())
}
