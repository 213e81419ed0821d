//! Every format that is loaded.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::{RuleBuilder, World};

pub(crate) fn gzip(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

fn bzip2(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

fn zstd(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    Ok(zstd::encode_all(bytes, 1)?)
}

fn utf16(text: &str) -> Vec<u8> {
    let mark = [0xff, 0xfe];
    mark.into_iter()
        .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
        .collect()
}

/// Lands a file and compares what is in the table then; its trailer or header is no row.
async fn loads(rule: RuleBuilder<'_>, bytes: impl Into<Vec<u8>>, expected: &[&str]) -> anyhow::Result<()> {
    let feed = rule.create().await?;
    let story = feed.land(bytes).await?;
    story.assert_loaded(expected.len() as u64);
    assert_eq!(feed.lines("id, name").await?, expected, "{story}");
    Ok(())
}

#[tokio::test]
async fn pipe_delimited_text_is_loaded() -> anyhow::Result<()> {
    let world = World::shared().await?;
    loads(world.feed(), "1|a b\n2|\n3|ünï\n", &["1|a b", "2|", "3|ünï"]).await
}

#[tokio::test]
async fn lines_that_end_in_crlf_are_loaded_without_the_cr() -> anyhow::Result<()> {
    let world = World::shared().await?;
    loads(world.feed(), "1|a\r\n2|b\r\n", &["1|a", "2|b"]).await
}

#[tokio::test]
async fn a_delimiter_in_octal_is_understood() -> anyhow::Result<()> {
    let world = World::shared().await?;
    loads(
        world.feed().set("delimiter", "\\001"),
        "1\u{1}a\n2\u{1}b|c\n",
        &["1|a", "2|b|c"],
    )
    .await
}

#[tokio::test]
async fn a_backslash_takes_away_the_meaning_of_a_delimiter() -> anyhow::Result<()> {
    let world = World::shared().await?;
    loads(
        world.feed().set("escape_char", "\\"),
        "1|a\\|b\n2|c\n",
        &["1|a|b", "2|c"],
    )
    .await
}

#[tokio::test]
async fn csv_with_quotes_and_line_breaks_within_is_loaded() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let csv = world
        .feed()
        .set("file_format", "csv")
        .set("file_type", "csv")
        .set("delimiter", ",");
    loads(
        csv,
        "1,\"two\nlines\"\n2,\"a \"\"b\"\", c\"\n",
        &["1|two\nlines", "2|a \"b\", c"],
    )
    .await
}

#[tokio::test]
async fn fixed_width_is_loaded() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let fixed = world
        .feed()
        .set("file_format", "fixed_width")
        .clear("delimiter")
        .widths([4, 6]);
    let trimmed = fixed.clone().set("copy_options", "TRIMBLANKS");
    loads(trimmed, "0001apple \n0002pear  \n", &["1|apple", "2|pear"]).await?;
    loads(fixed, "0001apple \n", &["1|apple "]).await
}

#[tokio::test]
async fn fixed_width_with_a_trailer_is_loaded() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let fixed = world
        .feed()
        .set("file_format", "fixed_width")
        .clear("delimiter")
        .widths([4, 6])
        .set("copy_options", "TRIMBLANKS")
        .trailer("4:10");
    loads(fixed, "0001apple \n0002pear  \nTRL000002", &["1|apple", "2|pear"]).await
}

#[tokio::test]
async fn gzip_is_loaded() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let rule = world.feed().set("file_format", "gz").set("file_type", "gz");
    loads(rule, gzip(b"1|a\n2|b\n")?, &["1|a", "2|b"]).await
}

#[tokio::test]
async fn bzip2_is_loaded() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let rule = world.feed().set("file_format", "bz2").set("file_type", "bz2");
    loads(rule, bzip2(b"1|a\n2|b\n")?, &["1|a", "2|b"]).await
}

#[tokio::test]
async fn zstd_is_loaded() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let rule = world.feed().set("file_format", "zst").set("file_type", "zst");
    loads(rule, zstd(b"1|a\n2|b\n")?, &["1|a", "2|b"]).await
}

#[tokio::test]
async fn compressed_files_with_a_trailer_are_loaded() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let bytes = b"1|a\n2|b\nTRL 00000002";
    for (extension, packed) in [
        ("gz", gzip(bytes)?),
        ("bz2", bzip2(bytes)?),
        ("zst", zstd(bytes)?),
    ] {
        let rule = world
            .feed()
            .set("file_format", extension)
            .set("file_type", extension)
            .trailer("5:13");
        loads(rule, packed, &["1|a", "2|b"]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn csv_in_gzip_with_a_double_extension_is_loaded() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let rule = world
        .feed()
        .set("file_format", "csv")
        .set("file_type", "csv.gz")
        .set("compression", "gzip")
        .set("delimiter", ",");
    loads(rule, gzip(b"1,a\n2,\"b,c\"\n")?, &["1|a", "2|b,c"]).await
}

#[tokio::test]
async fn json_is_loaded_by_the_names_of_its_fields() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let rule = world
        .feed()
        .set("file_format", "json")
        .set("file_type", "json")
        .clear("delimiter");
    let feed = rule.create().await?;
    let story = feed
        .land("{\"name\": \"a\", \"id\": 1}\n{\"id\": 2, \"name\": \"b\\nc\"}\n")
        .await?;
    story.assert_loaded(2);
    assert_eq!(feed.lines("id, name").await?, ["1|a", "2|b\nc"]);
    Ok(())
}

#[tokio::test]
async fn json_is_loaded_by_a_paths_file() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let paths_key = "settings/e2e-paths.json";
    world
        .put(paths_key, "{\"jsonpaths\": [\"$.number\", \"$.said.name\"]}")
        .await?;
    let rule = world
        .feed()
        .set("file_format", "json")
        .set("file_type", "json")
        .clear("delimiter")
        .set(
            "json_paths",
            &format!("s3://{}/{paths_key}", world.ready().bucket),
        );
    let feed = rule.create().await?;
    let story = feed
        .land("{\"number\": 1, \"said\": {\"name\": \"a\"}}\n")
        .await?;
    story.assert_loaded(1);
    assert_eq!(feed.lines("id, name").await?, ["1|a"]);
    Ok(())
}

#[tokio::test]
async fn utf_16_is_loaded_with_and_without_a_trailer() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let rule = world.feed().set("encoding", "UTF16");
    loads(rule.clone(), utf16("1|grün\n2|蓝\n"), &["1|grün", "2|蓝"]).await?;
    loads(
        rule.trailer("5:13"),
        utf16("1|grün\n2|蓝\nTRL 00000002"),
        &["1|grün", "2|蓝"],
    )
    .await
}

#[tokio::test]
async fn latin_1_is_loaded() -> anyhow::Result<()> {
    let world = World::shared().await?;
    loads(
        world.feed().set("encoding", "ISO88591"),
        b"1|gr\xfcn\n".to_vec(),
        &["1|grün"],
    )
    .await
}

#[tokio::test]
async fn a_byte_order_mark_does_not_end_up_in_the_first_column() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let text = world.feed().columns(["id varchar(10)", "name varchar(10)"]);
    loads(text, "\u{feff}1|a\n2|b\n", &["1|a", "2|b"]).await?;
    loads(world.feed().header("names"), "\u{feff}id|name\n1|a\n", &["1|a"]).await
}

#[tokio::test]
async fn dates_times_and_nulls_are_read_as_the_rule_says() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world
        .feed()
        .columns(["day date", "moment timestamp", "name varchar(10)"])
        .set("date_format", "DD.MM.YYYY")
        .set("time_format", "YYYYMMDDHH24MISS")
        .set("null_as", "n/a")
        .create()
        .await?;
    let story = feed.land("21.11.2026|20261121081500|n/a\n").await?;
    story.assert_loaded(1);
    assert_eq!(
        feed.lines("day, moment, name").await?,
        ["2026-11-21|2026-11-21 08:15:00|~"],
        "{story}"
    );
    Ok(())
}

#[tokio::test]
async fn a_file_of_many_megabytes_is_stripped_of_its_trailer_and_loaded() -> anyhow::Result<()> {
    const RECORDS: u32 = 240_000;
    let world = World::shared().await?;
    let feed = world.feed().trailer("5:13").create().await?;
    let mut bytes = Vec::new();
    for record in 0..RECORDS {
        writeln!(bytes, "{record}|a name of some thirty bytes each")?;
    }
    write!(bytes, "TRL {RECORDS:08}")?;
    assert!(
        bytes.len() > 8 * 1024 * 1024,
        "the file fits into one part of an upload"
    );

    let story = feed.land(bytes.clone()).await?;

    story.assert_loaded(RECORDS.into());
    story.assert_archived(&world, &feed.token, &bytes).await?;
    let sum = feed.rows("COUNT(*), COUNT(DISTINCT id), MAX(id)").await?;
    let expected = [RECORDS, RECORDS, RECORDS - 1].map(|number| Some(number.to_string()));
    assert_eq!(sum, [expected]);
    Ok(())
}
