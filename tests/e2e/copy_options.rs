//! The forms of files and the COPY options that loaders before this one took, each with what is in the table then.

use anyhow::Context;

use crate::support::{RuleBuilder, World};

/// A rule, a file under it, and the rows that come of it.
struct Case {
    /// The columns of the rule that differ from plain text with pipes; an empty value is NULL.
    rule: &'static [(&'static str, &'static str)],
    columns: [&'static str; 2],
    bytes: &'static [u8],
    rows: &'static [&'static str],
}

const PLAIN: [&str; 2] = ["id integer", "name varchar(6)"];
/// `id`: long, `Name`: null or string, `friends`: array of records; two records.
const AVRO: &[u8] = include_bytes!("../../orchestration/local-warehouse/tests/fixtures/people.avro");
/// `id` bigint, `name` string, `born` date; two rows, the second with nulls.
const ORC: &[u8] = include_bytes!("../../orchestration/local-warehouse/tests/fixtures/people.orc");
/// `id` int32, `name` string; two rows, the second with a null. Written with parquet 56.
const PARQUET: &[u8] = include_bytes!("../../orchestration/local-warehouse/tests/fixtures/people.parquet");

const fn text(
    rule: &'static [(&'static str, &'static str)],
    bytes: &'static [u8],
    rows: &'static [&'static str],
) -> Case {
    Case {
        rule,
        columns: PLAIN,
        bytes,
        rows,
    }
}

const CSV: (&str, &str) = ("file_format", "csv");
const NAMED_CSV: (&str, &str) = ("file_type", "csv");

const DELIMITERS: [Case; 8] = [
    text(
        &[CSV, NAMED_CSV, ("delimiter", ",")],
        b"1,\"a,b\"\n2,c\n",
        &["1|a,b", "2|c"],
    ),
    text(
        &[CSV, NAMED_CSV, ("delimiter", ";")],
        b"1;\"a;b\"\n2;c\n",
        &["1|a;b", "2|c"],
    ),
    text(
        &[CSV, NAMED_CSV, ("delimiter", "\\t")],
        b"1\t\"a\tb\"\n2\tc\n",
        &["1|a\tb", "2|c"],
    ),
    text(
        &[CSV, NAMED_CSV, ("delimiter", "|")],
        b"1|\"a|b\"\n2|c\n",
        &["1|a|b", "2|c"],
    ),
    text(
        &[CSV, NAMED_CSV, ("delimiter", "^")],
        b"1^a\n2^c\n",
        &["1|a", "2|c"],
    ),
    text(
        &[CSV, NAMED_CSV, ("delimiter", ","), ("quote_char", "%")],
        b"1,%a,b%\n2,c\n",
        &["1|a,b", "2|c"],
    ),
    text(
        &[CSV, NAMED_CSV, ("delimiter", ","), ("header_flag", "Y")],
        b"id,name\n1,a\n",
        &["1|a"],
    ),
    text(&[("delimiter", "~")], b"1~a\n2~c\n", &["1|a", "2|c"]),
];

const OPTIONS: [Case; 14] = [
    Case {
        rule: &[("copy_options", "ACCEPTANYDATE")],
        columns: ["id integer", "name date"],
        bytes: b"1|2026-11-21\n2|no date\n",
        rows: &["1|2026-11-21", "2|~"],
    },
    text(
        &[
            ("invalid_bytes", "replace"),
            ("copy_options", "ACCEPTINVCHARS AS '^'"),
        ],
        b"1|a\xffb\n",
        &["1|a^b"],
    ),
    text(
        &[("copy_options", "BLANKSASNULL")],
        b"1|  \n2|a\n",
        &["1|~", "2|a"],
    ),
    text(&[("copy_options", "EMPTYASNULL")], b"1|\n2|a\n", &["1|~", "2|a"]),
    // Of a varchar what is missing is empty, of others NULL.
    text(&[("copy_options", "FILLRECORD")], b"1\n2|a\n", &["1|", "2|a"]),
    text(
        &[("copy_options", "IGNOREBLANKLINES")],
        b"1|a\n\n2|b\n",
        &["1|a", "2|b"],
    ),
    text(&[("copy_options", "IGNOREALLERRORS")], b"1|a\nx|b\n", &["1|a"]),
    text(&[("copy_options", "MAXERROR 2")], b"1|a\nx|b\n", &["1|a"]),
    text(&[("copy_options", "NULL AS 'NN'")], b"1|NN\n", &["1|~"]),
    Case {
        rule: &[("copy_options", "ROUNDEC")],
        columns: ["id integer", "name decimal(4,1)"],
        bytes: b"1|1.26\n",
        rows: &["1|1.3"],
    },
    text(&[("copy_options", "TRIMBLANKS")], b"1|a  \n", &["1|a"]),
    text(
        &[("copy_options", "TRUNCATECOLUMNS")],
        b"1|abcdefgh\n",
        &["1|abcdef"],
    ),
    text(
        &[("copy_options", "COMPUPDATE PRESET STATUPDATE ON")],
        b"1|a\n",
        &["1|a"],
    ),
    text(&[("escape_char", "\"")], b"1|\"a\"\n", &["1|a"]),
];

/// Files whose fields have names. Of Parquet COPY wants the exact length in the manifest, and fails without it.
const NAMED: [Case; 6] = [
    Case {
        rule: &[("file_format", "avro"), ("file_type", "avro"), ("delimiter", "")],
        columns: PLAIN,
        bytes: AVRO,
        rows: &["1|~", "2|~"],
    },
    Case {
        rule: &[
            ("file_format", "avro"),
            ("file_type", "avro"),
            ("delimiter", ""),
            ("json_paths", "auto ignorecase"),
        ],
        columns: PLAIN,
        bytes: AVRO,
        rows: &["1|Ann", "2|~"],
    },
    Case {
        rule: &[
            ("file_format", "json"),
            ("file_type", "json"),
            ("delimiter", ""),
            ("json_paths", "auto ignorecase"),
        ],
        columns: PLAIN,
        bytes: br#"{"ID": 1, "Name": "a"}"#,
        rows: &["1|a"],
    },
    Case {
        rule: &[
            ("file_format", "json"),
            ("file_type", "json"),
            ("delimiter", ""),
            ("copy_options", "TRUNCATECOLUMNS"),
        ],
        columns: PLAIN,
        bytes: br#"{"id": 1, "name": "abcdefgh"} {"id": 2}"#,
        rows: &["1|abcdef", "2|~"],
    },
    Case {
        rule: &[
            ("file_format", "parquet"),
            ("file_type", "parquet"),
            ("delimiter", ""),
        ],
        columns: PLAIN,
        bytes: PARQUET,
        rows: &["1|Ann", "2|~"],
    },
    Case {
        rule: &[
            ("file_format", "parquet"),
            ("file_type", "parquet"),
            ("delimiter", ""),
            ("batch_files", "1"),
            ("file_name_column", " "),
        ],
        columns: PLAIN,
        bytes: PARQUET,
        rows: &["1|Ann", "2|~"],
    },
];

/// Lands the file of each case, and says of all of them whose rows are others.
async fn loads_all(cases: &[Case]) -> anyhow::Result<()> {
    let world = World::shared().await?;
    let mut differing = Vec::new();
    for case in cases {
        let mut rule = world.feed().columns(case.columns);
        for (column, value) in case.rule {
            rule = set(rule, column, value);
        }
        let feed = rule.create().await?;
        let story = feed.land(case.bytes).await?;
        let rows = feed.lines("id, name").await?;
        if story.state() != "complete" || rows != case.rows {
            differing.push(format!("{:?}: {rows:?}: {}: {}", case.rule, story.state(), story));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    Ok(())
}

fn set<'a>(rule: RuleBuilder<'a>, column: &'static str, value: &str) -> RuleBuilder<'a> {
    match value {
        "" => rule.clear(column),
        value => rule.set(column, value),
    }
}

#[tokio::test]
async fn text_of_any_delimiter_is_loaded() -> anyhow::Result<()> {
    loads_all(&DELIMITERS).await
}

#[tokio::test]
async fn every_option_does_what_copy_says_of_it() -> anyhow::Result<()> {
    loads_all(&OPTIONS).await
}

#[tokio::test]
async fn avro_json_and_parquet_are_loaded() -> anyhow::Result<()> {
    loads_all(&NAMED).await
}

#[tokio::test]
async fn orc_is_loaded() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world
        .feed()
        .columns(["id bigint", "name varchar(10)", "born date"])
        .set("file_format", "orc")
        .set("file_type", "orc")
        .clear("delimiter")
        .create()
        .await?;
    feed.land(ORC).await?.assert_loaded(2);
    assert_eq!(feed.lines("id, name, born").await?, ["1|Ann|2015-10-15", "2|~|~"]);
    Ok(())
}

#[tokio::test]
async fn avro_is_loaded_by_a_paths_file() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let paths_key = "settings/e2e-avro-paths.json";
    world
        .put(paths_key, r#"{"jsonpaths": ["$.id", "$.Name"]}"#)
        .await?;
    let paths = format!("s3://{}/{paths_key}", world.ready().bucket);
    let feed = world
        .feed()
        .set("file_format", "avro")
        .set("file_type", "avro")
        .clear("delimiter")
        .set("json_paths", &paths)
        .create()
        .await?;
    feed.land(AVRO).await?.assert_loaded(2);
    assert_eq!(feed.lines("id, name").await?, ["1|Ann", "2|~"]);
    Ok(())
}

#[tokio::test]
async fn a_list_of_columns_says_their_order_and_the_others_take_their_defaults() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world
        .feed()
        .columns(["name varchar(10)", "id integer"])
        .set("file_format", "csv")
        .set("file_type", "csv")
        .set("delimiter", ",")
        .create()
        .await?;
    let (schema, table) = feed.table.split_once('.').context("schema.table")?;
    world.query(&format!("DROP TABLE {schema}.{table}")).await?;
    world
        .query(&format!(
            "CREATE TABLE {schema}.{table} (id integer, origin varchar(10) DEFAULT 'file', name varchar(10), \
             file_name varchar(300), target_transaction_timestamp timestamp DEFAULT GETDATE())"
        ))
        .await?;
    feed.land("a,1\nb,2\n").await?.assert_loaded(2);
    assert_eq!(feed.lines("id, name, origin").await?, ["1|a|file", "2|b|file"]);
    Ok(())
}
