//! Rows that the warehouse refuses.

use crate::support::World;

#[tokio::test]
async fn a_bad_row_fails_the_load_and_nothing_of_it_is_in_the_table() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().create().await?;
    let bytes = b"1|a\nseven|b\n3|c\n";

    let story = feed.land(bytes).await?;

    assert_eq!(story.state(), "failed", "{story}");
    assert_eq!(story.load.text("error_code"), Some("copy_failed"), "{story}");
    for words in ["line 2", "column id"] {
        assert!(story.error().contains(words), "{words:?} is not said: {story}");
    }
    assert!(
        !story.error().contains("seven"),
        "the error holds row contents: {story}"
    );
    let audit = story.audit_row();
    assert_eq!(audit["file_process_status"], "FAILED", "{story}");
    assert_eq!(audit["file_prcsd_flag"], "N", "{story}");
    assert_eq!(audit["error_msg"], story.error(), "{story}");
    let message = story.message();
    assert_eq!(message["status"], "failed", "{story}");
    assert_eq!(message["error"], story.error(), "{story}");
    assert_eq!(story.row_errors[0]["raw_line"], "seven|b", "{story}");
    story.assert_archived(&world, "error", bytes).await?;
    assert_eq!(feed.lines("id").await?, Vec::<String>::new(), "{story}");
    Ok(())
}

#[tokio::test]
async fn a_bad_row_in_a_prepared_copy_is_told_with_its_line() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().trailer("5:13").create().await?;
    let story = feed.land("1|a\nseven|b\nTRL 00000002").await?;
    assert_eq!(story.state(), "failed", "{story}");
    assert!(story.error().contains("line 2"), "{story}");
    assert_eq!(story.row_errors[0]["raw_line"], "seven|b", "{story}");
    Ok(())
}

#[tokio::test]
async fn where_a_copy_lacks_blank_lines_a_bad_row_is_told_with_what_was_counted() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().trailer("5:13").create().await?;
    let story = feed.land("1|a\n\n\nseven|b\nTRL 00000002").await?;
    assert_eq!(story.state(), "failed", "{story}");
    for words in ["its lines that are not blank", "line 2"] {
        assert!(story.error().contains(words), "{words:?} is not said: {story}");
    }
    assert_eq!(story.row_errors[0]["raw_line"], "seven|b", "{story}");
    Ok(())
}

#[tokio::test]
async fn a_date_that_is_none_fails_the_load() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let dated = world.feed().columns(["id integer", "name date"]);
    let feed = dated.create().await?;
    let story = feed.land("1|2026-11-21\n2|2026-02-31\n").await?;
    assert_eq!(story.load.text("error_code"), Some("copy_failed"), "{story}");
    assert!(story.error().contains("line 2, column name"), "{story}");
    assert_eq!(feed.lines("id").await?, Vec::<String>::new(), "{story}");
    Ok(())
}

#[tokio::test]
async fn bad_rows_that_the_rule_lets_pass_are_counted_and_kept() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().set("copy_options", "MAXERROR 10").create().await?;

    let story = feed.land("1|a\nseven|b\n3|c\n").await?;

    story.assert_loaded(2);
    assert_eq!(story.load.number("rows_rejected"), Some(1), "{story}");
    assert_eq!(story.audit_row()["rows_rejected"], 1, "{story}");
    assert_eq!(story.message()["rows_rejected"], 1, "{story}");
    assert_eq!(story.row_errors.len(), 1, "{story}");
    let error = &story.row_errors[0];
    assert_eq!(error["line_number"], 2, "{story}");
    assert_eq!(error["column_name"], "id", "{story}");
    assert_eq!(error["raw_line"], "seven|b", "{story}");
    assert_eq!(feed.lines("id, name").await?, ["1|a", "3|c"]);
    Ok(())
}

#[tokio::test]
async fn a_field_longer_than_its_column_fails_unless_the_rule_cuts_it() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let narrow = world.feed().columns(["id integer", "name varchar(3)"]);
    let strict = narrow.clone().create().await?;
    let story = strict.land("1|abcdef\n").await?;
    assert_eq!(story.state(), "failed", "{story}");
    assert!(story.error().contains("column name"), "{story}");
    let cutting = narrow.set("copy_options", "TRUNCATECOLUMNS").create().await?;
    cutting.land("1|abcdef\n").await?.assert_loaded(1);
    assert_eq!(cutting.lines("id, name").await?, ["1|abc"]);
    Ok(())
}

#[tokio::test]
async fn a_table_that_is_not_there_is_named_and_the_file_stays() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world
        .feed()
        .into_table("rdsftetl", "nobody_made_this")
        .create()
        .await?;
    let story = feed.land("1|a\n").await?;
    story.assert_refused("target_missing", &["rdsftetl.nobody_made_this", "create it"]);
    assert_eq!(story.error().lines().count(), 1, "{story}");
    story.assert_stays(&world).await
}
