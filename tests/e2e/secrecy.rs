//! What must not be in any log.

use serde_json::json;

use crate::support::World;

/// Texts that are in no name, only in rows.
const CELLS: [&str; 6] = [
    "zibeline-loaded",
    "zibeline-refused",
    "zibeline-trailer",
    "zibeline-header",
    "zibeline-cast",
    "zibeline-followed",
];

#[tokio::test]
async fn no_log_message_or_error_holds_row_contents_or_secrets() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let plain = world.feed().create().await?;
    let with_trailer = world.feed().trailer("5:13").create().await?;
    let with_header = world.feed().header("names").create().await?;
    let casting = world.feed().create().await?;
    let followed = world.feed().create().await?;
    for (feed, column) in [(&casting, "post_sql"), (&followed, "query")] {
        let sql = format!(
            "UPDATE rdscnfg.ext_file_config SET {column} = 'SELECT name::integer FROM {}' WHERE ext_file_config_sid = {}",
            feed.table, feed.rule
        );
        world.control.batch_execute(&sql).await?;
    }
    let stories = [
        plain.land("1|zibeline-loaded\n").await?,
        plain.land("zibeline-refused|2\n").await?,
        with_trailer.land("1|zibeline-trailer\nTRL 00000007").await?,
        with_header.land("1|zibeline-header\n2|b\n").await?,
        casting.land("1|zibeline-cast\n").await?,
        followed.land("1|zibeline-followed\n").await?,
    ];

    assert!(stories[4].error().contains("integer"), "{}", stories[4]);
    assert_eq!(stories[5].state(), "transform_failed", "{}", stories[5]);

    // It runs every minute; the test does not wait for that.
    world.invoke("external-file-reconcile", &json!({})).await?;
    let ready = world.ready();
    let mut texts = Vec::new();
    for function in &ready.functions {
        let log = world.stack.local.function_log(function)?;
        assert!(!log.is_empty(), "{function} printed nothing");
        texts.push(log);
    }
    texts.extend(
        stories
            .iter()
            .flat_map(|story| &story.messages)
            .map(ToString::to_string),
    );
    texts.extend(
        stories
            .iter()
            .flat_map(|story| &story.audit)
            .map(ToString::to_string),
    );
    let forbidden = CELLS
        .into_iter()
        .chain([ready.secret_access_key.as_str(), "password"]);
    for word in forbidden {
        for text in &texts {
            let line = text.lines().find(|line| line.contains(word));
            assert_eq!(line, None, "{word:?} was said");
        }
    }
    Ok(())
}
