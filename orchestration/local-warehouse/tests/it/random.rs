//! Random rows, written by a writer that shares nothing with the readers, come back equal; random bytes harm nobody.

use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use crate::support::World;

/// A row as it is meant: text, number, truth.
type Row = (Option<String>, Option<i64>, Option<bool>);

/// Text without NUL, which no format carries, and without the byte order mark, which a file loses at its beginning; what is null in a format is not
/// what a text may be.
fn text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        4 => prop::char::range('a', 'z'),
        3 => prop::sample::select(vec!['|', ',', '"', '\'', '\\', '\n', '\r', '\t', ' ', '{', '}', '[', ']', ':']),
        1 => prop::char::any().prop_filter("no NUL, no mark", |c| !matches!(c, '\0' | '\u{feff}')),
    ];
    prop::collection::vec(character, 1..20).prop_map(|characters| characters.into_iter().collect())
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    prop::collection::vec(
        (
            prop::option::of(text()),
            any::<Option<i64>>(),
            any::<Option<bool>>(),
        ),
        1..20,
    )
}

fn escaped(rows: &[Row]) -> String {
    let mut out = String::new();
    for (text, number, truth) in rows {
        match text {
            None => out.push_str("\\N"),
            Some(text) => text.chars().for_each(|character| {
                if matches!(character, '|' | '\\' | '\n' | '\r') {
                    out.push('\\');
                }
                out.push(character);
            }),
        }
        let _ok = writeln!(
            out,
            "|{}|{}",
            number.map(|number| number.to_string()).unwrap_or_default(),
            truth.map(|truth| truth.to_string()).unwrap_or_default()
        );
    }
    out
}

fn csv(rows: &[Row]) -> String {
    let mut out = String::new();
    for (text, number, truth) in rows {
        let text = text.as_ref().map_or_else(
            || "\\N".to_owned(),
            |text| format!("\"{}\"", text.replace('"', "\"\"")),
        );
        let number = number.map(|number| number.to_string()).unwrap_or_default();
        let truth = truth
            .map(|truth| if truth { "t" } else { "f" })
            .unwrap_or_default();
        let _ok = writeln!(out, "{text},{number},{truth}");
    }
    out
}

fn json(rows: &[Row]) -> String {
    let line =
        |(text, number, truth): &Row| serde_json::json!({ "a": text, "b": number, "c": truth }).to_string();
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What the table holds, in the order of the file.
async fn loaded(world: &World, file: &str, options: &str) -> Vec<Row> {
    world.run("truncate t").await;
    world.put("k", file);
    let copied = world.copy("t (a, b, c)", "k", options).await;
    assert_eq!(
        copied["Status"], "FINISHED",
        "{options}: {}: {file:?}",
        copied["Error"]
    );
    let client = world.cluster.as_ref().unwrap().connect("dev").await.unwrap();
    let rows = client
        .query("SELECT a, b, c FROM t ORDER BY id", &[])
        .await
        .unwrap();
    rows.iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect()
}

#[tokio::test]
async fn random_rows_come_back_equal_in_every_text_format() {
    let world = World::new().await;
    world
        .run("create table t (id int identity(1, 1), a varchar(200), b bigint, c boolean)")
        .await;
    let mut runner = TestRunner::new(Config::default());
    for _ in 0..40 {
        let rows = rows().new_tree(&mut runner).unwrap().current();
        for (file, options) in [
            (escaped(&rows), "escape"),
            (csv(&rows), "csv"),
            (json(&rows), "json 'auto'"),
        ] {
            assert_eq!(loaded(&world, &file, options).await, rows, "{options}: {file:?}");
        }
    }
}

/// A REAL column makes COPY send text, without it rows are sent in PostgreSQL's binary format.
#[tokio::test]
async fn rows_are_the_same_whether_they_are_sent_as_text_or_in_binary() {
    let world = World::new().await;
    let columns =
        "a bigint, b smallint, c decimal(9, 3), d date, e timestamp, f boolean, g char(4), h varchar(5)";
    world.run(&format!("create table in_binary ({columns})")).await;
    world
        .run(&format!("create table as_text ({columns}, z real)"))
        .await;
    let rows = [
        "32767|1.5|2015-10-15|2015-10-15 23:59:59.5|t|ab|\u{e4}\u{f6}",
        "-32768|-123456.789|0001-01-01|9999-12-31 00:00:00|f|abcd|a\\\tb",
        "0|-0.000|2000-02-29|1999-12-31 23:59:59.999999|YES| x|abcde",
        "|000001.2||||\\N|\\N",
        "+7|123.45678|1970-01-01|1582-10-15 12:00:00|0||",
        " 7 |.5|2015-10-15 01:02:03|2015-10-15|n|ab  |  ",
        "32768|1|2015-10-15|2015-10-15 00:00:00|t|a|a",
        "1|1234567|2015-10-15|2015-10-15 00:00:00|t|a|a",
        "1|1|2015-02-29|2015-10-15 00:00:00|t|a|a",
        "1|1|2015-10-15|2015-10-15 00:00:00|t|a|abcdef",
    ];
    let lines = (0..).zip(rows).map(|(id, row)| format!("{id}|{row}|\n"));
    world.put("k", lines.collect::<String>());
    let mut loaded = Vec::new();
    for table in ["in_binary", "as_text"] {
        let copied = world.copy(table, "k", "ignoreallerrors").await;
        assert_eq!(copied["ResultRows"], 6, "{table}: {}", copied["Error"]);
        let query = format!("select a, b, c, d, e, f, g, h from {table} order by a");
        loaded.push(world.rows(&query).await);
    }
    assert_eq!(loaded[0].len(), 6);
    assert_eq!(loaded[0], loaded[1]);
}

#[tokio::test]
async fn random_bytes_end_every_reader_of_binary_files() {
    let world = World::new().await;
    world.run("create table t (a varchar(50), b int)").await;
    let people = include_bytes!("../fixtures/people.avro").to_vec();
    let orc = include_bytes!("../fixtures/people.orc").to_vec();
    let lzo = include_bytes!("../fixtures/rows.lzo").to_vec();
    let mut runner = TestRunner::new(Config::default());
    for (file, options) in [
        (people, "avro maxerror 100"),
        (orc, "orc"),
        (lzo, "lzop ignoreallerrors"),
        (b"PAR1".to_vec(), "parquet"),
    ] {
        for _ in 0..30 {
            let damage = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6);
            let mut damaged = file.clone();
            for (index, byte) in damage.new_tree(&mut runner).unwrap().current() {
                let at = index.index(damaged.len());
                damaged[at] = byte;
            }
            world.put("k", &damaged);
            let copied = world.copy("t", "k", options).await;
            let is_ended = copied["Status"] == "FINISHED" || copied["Status"] == "FAILED";
            assert!(is_ended, "{options}: {copied}");
        }
    }
}
