//! Each check of a file: its own word, a sentence with what was expected and found, the file in the error folder.

use rstest::rstest;

use crate::formats::gzip;
use crate::support::{Feed, World};

/// Lands a file that must be refused, and looks at everything that follows from that.
async fn refuses(
    world: &World,
    feed: &Feed<'_>,
    bytes: &[u8],
    code: &str,
    says: &[&str],
) -> anyhow::Result<()> {
    let story = feed.land(bytes).await?;
    story.assert_refused(code, says);
    story.assert_archived(world, "error", bytes).await?;
    assert_eq!(feed.lines("id").await?, Vec::<String>::new(), "{story}");
    Ok(())
}

#[tokio::test]
async fn an_empty_file_is_below_the_threshold() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().create().await?;
    refuses(
        &world,
        &feed,
        b"",
        "below_threshold",
        &["0 bytes", "threshold_file_size_bytes = 1"],
    )
    .await
}

#[tokio::test]
async fn an_extension_other_than_the_rules_is_refused() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().create().await?;
    let story = world.land(&format!("FILE_{}.csv", feed.token), "1|a\n").await?;
    story.assert_refused("extension_mismatch", &["\"csv\"", "\"txt\""]);
    story.assert_archived(&world, "error", b"1|a\n").await
}

#[tokio::test]
async fn a_header_that_is_missing_is_refused() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().header("names").create().await?;
    refuses(&world, &feed, b"1|a\n2|b\n", "header_missing", &["id, name"]).await
}

#[tokio::test]
async fn a_header_with_other_columns_is_refused() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().header("names").create().await?;
    refuses(
        &world,
        &feed,
        b"id|colour\n1|a\n",
        "header_differs",
        &["missing name", "unknown colour"],
    )
    .await
}

#[tokio::test]
async fn a_header_in_another_order_is_refused_where_the_order_counts() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().header("names_and_order").create().await?;
    refuses(
        &world,
        &feed,
        b"name|id\na|1\n",
        "header_reordered",
        &["field 1", "\"name\"", "\"id\""],
    )
    .await
}

#[tokio::test]
async fn a_header_in_another_order_fills_the_columns_it_names_where_only_names_count() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().header("names").create().await?;
    feed.land("Name|ID\na|1\nb|2\n").await?.assert_loaded(2);
    assert_eq!(feed.lines("id, name").await?, ["1|a", "2|b"]);
    Ok(())
}

#[tokio::test]
async fn a_header_that_is_ignored_may_say_anything() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().header("ignore").create().await?;
    feed.land("what|ever\n1|a\n").await?.assert_loaded(1);
    assert_eq!(feed.lines("id, name").await?, ["1|a"]);
    Ok(())
}

#[tokio::test]
async fn a_trailer_with_another_count_is_refused() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().trailer("5:13").create().await?;
    refuses(
        &world,
        &feed,
        b"1|a\n2|b\nTRL 00000005\n",
        "trailer_count_mismatch",
        &["line 3", "byte 8", "says 5 records", "the file has 2"],
    )
    .await
}

#[tokio::test]
async fn a_trailer_that_says_zero_is_refused() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().trailer("5:13").create().await?;
    refuses(
        &world,
        &feed,
        b"TRL 00000000\n",
        "trailer_says_zero",
        &["0 records"],
    )
    .await
}

#[tokio::test]
async fn a_trailer_whose_count_is_no_number_is_refused() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().trailer("5:13").create().await?;
    refuses(
        &world,
        &feed,
        b"1|a\nTRL manymany\n",
        "trailer_count_unreadable",
        &["line 2"],
    )
    .await
}

#[tokio::test]
async fn a_trailer_without_the_tag_is_refused() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world
        .feed()
        .set("trailer_flag", "Y")
        .set("trailer_tag", "END ")
        .create()
        .await?;
    refuses(
        &world,
        &feed,
        b"1|a\n2|b\n",
        "trailer_tag_missing",
        &["\"END\"", "line 2"],
    )
    .await
}

#[rstest]
#[case::zeros_before_the_count("5:13", "1|a\n2|b\nTRL 00000002\n")]
#[case::blanks_before_the_count("5:13", "1|a\n2|b\nTRL        2\n")]
#[case::crlf("5:13", "1|a\r\n2|b\r\nTRL 00000002\r\n")]
#[case::no_final_newline("5:13", "1|a\n2|b\nTRL 00000002")]
#[case::count_at_the_start("1:3", "1|a\n2|b\n02 records")]
#[tokio::test]
async fn a_trailer_that_agrees_is_taken_off(
    #[case] position: &str,
    #[case] file: &str,
) -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().trailer(position).create().await?;
    let story = feed.land(file).await?;
    story.assert_loaded(2);
    story
        .assert_archived(&world, &feed.token, file.as_bytes())
        .await?;
    assert_eq!(feed.lines("id, name").await?, ["1|a", "2|b"]);
    Ok(())
}

#[tokio::test]
async fn a_count_after_a_tag_is_compared_too() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world
        .feed()
        .set("trailer_flag", "Y")
        .set("trailer_tag", "END ")
        .create()
        .await?;
    feed.land("1|a\n2|b\nEND 0002\n").await?.assert_loaded(2);
    assert_eq!(feed.lines("id, name").await?, ["1|a", "2|b"]);
    Ok(())
}

#[tokio::test]
async fn a_file_without_records_is_refused() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().header("names").create().await?;
    refuses(&world, &feed, b"id|name\n", "no_records", &["at least 1"]).await
}

#[tokio::test]
async fn bytes_that_are_not_in_the_declared_encoding_are_refused_with_their_place() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().create().await?;
    refuses(
        &world,
        &feed,
        b"1|a\n2|\xff\n",
        "invalid_encoding",
        &["line 2", "byte 6", "UTF-8"],
    )
    .await
}

#[tokio::test]
async fn a_quote_that_nothing_closes_is_refused_with_its_place() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world
        .feed()
        .set("file_format", "csv")
        .set("delimiter", ",")
        .create()
        .await?;
    refuses(
        &world,
        &feed,
        b"1,a\n2,\"b\n3,c\n",
        "unbalanced_quotes",
        &["line 2", "byte 6"],
    )
    .await
}

#[tokio::test]
async fn a_compressed_file_that_ends_early_is_refused() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world
        .feed()
        .set("file_format", "gz")
        .set("file_type", "gz")
        .create()
        .await?;
    let whole = gzip(b"1|a\n2|b\n3|c\n")?;
    let half = &whole[..whole.len() - 9];
    refuses(&world, &feed, half, "compressed_input_truncated", &["ends early"]).await
}

#[tokio::test]
async fn a_file_that_is_not_compressed_as_the_rule_says_is_refused() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world
        .feed()
        .set("file_format", "gz")
        .set("file_type", "gz")
        .create()
        .await?;
    refuses(
        &world,
        &feed,
        b"1|a\n2|b\n",
        "compressed_input_corrupt",
        &["gzip"],
    )
    .await
}

#[tokio::test]
async fn blank_lines_are_neither_counted_nor_loaded() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().trailer("5:13").create().await?;
    feed.land("1|a\n\n2|b\n\nTRL 00000002\n\n")
        .await?
        .assert_loaded(2);
    assert_eq!(feed.lines("id, name").await?, ["1|a", "2|b"]);
    Ok(())
}
