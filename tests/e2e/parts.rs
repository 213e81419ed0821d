//! Files of several record types.

use crate::support::World;

#[tokio::test]
async fn each_record_type_goes_into_its_own_table() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().split("HD,DT").create().await?;
    let header = feed
        .part("HD")
        .columns(["kind char(2)", "id integer"])
        .create()
        .await?;
    let detail = feed
        .part("DT")
        .columns(["kind char(2)", "id integer", "item varchar(10)"])
        .create()
        .await?;
    let bytes = b"HD|1\nDT|1|a\nDT|1|b\nHD|2\n";

    let story = feed.land(bytes).await?;

    assert_eq!(story.state(), "split", "{story}");
    story.part("HD")?.assert_loaded(2);
    story.part("DT")?.assert_loaded(2);
    let file = story.file_name();
    assert_eq!(
        header.lines("kind, id, file_name").await?,
        [format!("HD|1|{file}"), format!("HD|2|{file}")]
    );
    assert_eq!(
        detail.lines("kind, id, item, file_name").await?,
        [format!("DT|1|a|{file}"), format!("DT|1|b|{file}")]
    );
    assert_eq!(story.message()["status"], "split", "{story}");
    assert_eq!(story.audit_row()["rows_expected"], 4, "{story}");
    story.assert_archived(&world, &feed.token, bytes).await?;
    for part in &story.parts {
        assert_eq!(
            world.get(part.key()).await?,
            None,
            "a prepared copy was left behind: {story}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn records_of_no_listed_type_are_counted_and_told() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().split("HD,DT").create().await?;
    feed.part("HD")
        .columns(["kind char(2)", "id integer"])
        .create()
        .await?;

    let story = feed.land("HD|1\nXX|1\nHD|2\nYY|2\n").await?;

    story.part("HD")?.assert_loaded(2);
    let remark = "2 records begin with none of HD, DT and were not loaded, the first on line 2";
    assert_eq!(story.load.value("remarks")[0], remark, "{story}");
    assert_eq!(story.message()["remarks"][0], remark, "{story}");
    Ok(())
}

#[tokio::test]
async fn a_record_type_without_a_rule_is_refused_alone() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().split("HD,DT").create().await?;
    let header = feed
        .part("HD")
        .columns(["kind char(2)", "id integer"])
        .create()
        .await?;

    let story = feed.land("HD|1\nDT|1|a\n").await?;

    story.part("HD")?.assert_loaded(1);
    assert_eq!(header.lines("id").await?, ["1"]);
    let detail = story.part("DT")?;
    detail.assert_refused("no_rule", &[&format!("{}-DT", feed.token)]);
    let archived = detail.load.text("archived_key").unwrap_or_default();
    assert_eq!(
        world.get(archived).await?.as_deref(),
        Some(&b"DT|1|a\n"[..]),
        "{story}"
    );
    Ok(())
}

#[tokio::test]
async fn a_file_none_of_whose_records_is_listed_is_refused() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().split("HD,DT").create().await?;
    let story = feed.land("XX|1\n").await?;
    story.assert_refused("no_listed_records", &["HD, DT"]);
    story.assert_archived(&world, "error", b"XX|1\n").await
}

#[tokio::test]
async fn a_compressed_file_with_a_trailer_is_split_too() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world
        .feed()
        .split("HD,DETAIL")
        .set("file_format", "gz")
        .set("file_type", "gz")
        .trailer("5:13")
        .create()
        .await?;
    let header = feed
        .part("HD")
        .columns(["kind varchar(10)", "id integer"])
        .create()
        .await?;
    let detail = feed
        .part("DETAIL")
        .columns(["kind varchar(10)", "id integer"])
        .create()
        .await?;
    let story = feed
        .land(crate::formats::gzip(b"HD|1\nDETAIL|2\nDETAIL|3\nTRL 00000003")?)
        .await?;
    story.part("HD")?.assert_loaded(1);
    story.part("DETAIL")?.assert_loaded(2);
    assert_eq!(header.lines("id").await?, ["1"]);
    assert_eq!(detail.lines("id").await?, ["2", "3"]);
    Ok(())
}
