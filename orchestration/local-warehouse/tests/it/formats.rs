//! Formats whose files are read by others' readers, and the options of the data format page.
//!
//! <https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-format.html>,
//! <https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html>.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, ListArray,
    RecordBatch, StringArray, TimestampMicrosecondArray, types::Int32Type,
};
use parquet::arrow::ArrowWriter;
use serde_json::json;

use crate::support::World;

fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, values)| (name, values, true)),
    )
    .unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

#[tokio::test]
async fn parquet_values_arrive_in_every_type() {
    let world = World::new().await;
    world
        .run("create table t (i int, d decimal(10, 2), f float8, b boolean, v varchar(5), x varbyte(8), a date, m timestamp, s super)")
        .await;
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1), None]), None]);
    let prices = Decimal128Array::from(vec![Some(1234), None]);
    let file = parquet(vec![
        ("other_name", Arc::new(Int32Array::from(vec![Some(-7), None]))),
        ("d", Arc::new(prices.with_precision_and_scale(10, 2).unwrap())),
        ("f", Arc::new(Float64Array::from(vec![Some(0.5), None]))),
        ("b", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ("v", Arc::new(StringArray::from(vec![Some("a\t\\N"), Some("")]))),
        (
            "x",
            Arc::new(BinaryArray::from_opt_vec(vec![Some(&[1, 255]), None])),
        ),
        ("a", Arc::new(Date32Array::from(vec![Some(16_723), None]))),
        (
            "m",
            Arc::new(TimestampMicrosecondArray::from(vec![
                Some(1_444_921_750_000_001),
                None,
            ])),
        ),
        ("s", Arc::new(lists)),
    ]);
    world.put("file.parquet", file);
    let copied = world
        .copy("t", "file.parquet", "format as parquet serializetojson")
        .await;
    assert_eq!(copied["ResultRows"], 2, "{}", copied["Error"]);
    let rows = world
        .rows("select i, d, f, b, v, x::text, a, m, s from t order by i nulls last")
        .await;
    assert_eq!(
        rows,
        [
            "-7|12.34|0.5|true|a\t\\N|\\x01ff|2015-10-15|2015-10-15 15:09:10.000001|[1,null]",
            "-|-|-|-||-|-|-|-"
        ]
    );
}

#[tokio::test]
async fn columnar_files_that_do_not_fit_their_table_are_refused() {
    let world = World::new().await;
    world.run("create table t (i int, v varchar(3))").await;
    let numbers = || -> ArrayRef { Arc::new(Int32Array::from(vec![1])) };
    let texts = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text])) };
    for (file, options, part) in [
        (
            parquet(vec![("i", numbers())]),
            "",
            "Unmatched number of columns between table and file. Table columns: 2, Data columns: 1",
        ),
        (
            parquet(vec![("i", texts("x")), ("v", texts("x"))]),
            "",
            "incompatible schema for column 'i'. Column type: INT4, file type: Utf8",
        ),
        (
            parquet(vec![("i", numbers()), ("v", numbers())]),
            "",
            "incompatible schema for column 'v'",
        ),
        (
            parquet(vec![("i", numbers()), ("v", texts("long"))]),
            "",
            "String length exceeds DDL length",
        ),
        (
            b"PAR1 and nothing else PAR1".to_vec(),
            "",
            "not a readable Parquet file",
        ),
        (Vec::new(), "", "not a readable Parquet file"),
    ] {
        world.put("file", file);
        let error = world.copy("t", "file", &format!("parquet {options}")).await["Error"].clone();
        assert!(error.as_str().unwrap().contains(part), "{part}: {error}");
    }
    world.put("file", parquet(vec![("i", numbers())]));
    assert_eq!(
        world.copy("t", "file", "parquet fillrecord").await["ResultRows"],
        1
    );
    assert_eq!(world.rows("select i, v from t").await, ["1|-"]);
    world.put("bad.orc", "ORC and nothing else");
    let error = world.copy("t", "bad.orc", "orc").await["Error"].clone();
    assert!(
        error.as_str().unwrap().contains("not a readable ORC file"),
        "{error}"
    );
}

#[tokio::test]
async fn a_manifest_of_columnar_files_says_how_long_they_are() {
    let world = World::new().await;
    world.run("create table t (i int)").await;
    let file = parquet(vec![("i", Arc::new(Int32Array::from(vec![1, 2])))]);
    let length = file.len();
    world.put("file", file);
    for (meta, part) in [
        (json!({ "content_length": length }), None),
        (
            json!({ "content_length": length + 1 }),
            Some("says that s3://b/file has"),
        ),
        (json!({}), Some("must have meta.content_length")),
    ] {
        let manifest = json!({ "entries": [{ "url": "s3://b/file", "mandatory": true, "meta": meta }] });
        world.put("manifest", manifest.to_string());
        let copied = world.copy("t", "manifest", "parquet manifest").await;
        match part {
            None => assert_eq!(copied["ResultRows"], 2, "{copied}"),
            Some(part) => assert!(copied["Error"].as_str().unwrap().contains(part), "{copied}"),
        }
    }
}

/// Written with fastavro 1.12 (`id`: long, `name`: null or string, `friends`: array of records), codec deflate: two records.
const AVRO: &[u8] = include_bytes!("../fixtures/people.avro");
/// Written with pyarrow: `id` bigint, `name` string, `born` date; two rows, the second with nulls.
const ORC: &[u8] = include_bytes!("../fixtures/people.orc");

#[tokio::test]
async fn avro_records_find_their_columns_by_name_and_by_path() {
    let world = World::new().await;
    world
        .run("create table t (id bigint, name varchar(10), friend varchar(10))")
        .await;
    world.put("people.avro", AVRO);
    for (options, expected) in [
        ("format as avro 'auto'", ["1|-|-", "2|-|-"]),
        ("avro", ["1|-|-", "2|-|-"]),
        ("format avro 'auto ignorecase'", ["1|Ann|-", "2|-|-"]),
    ] {
        let copied = world.copy("t", "people.avro", options).await;
        assert_eq!(copied["ResultRows"], 2, "{options}: {}", copied["Error"]);
        assert_eq!(
            world.rows("select * from t order by id").await,
            expected,
            "{options}"
        );
        world.run("truncate t").await;
    }
    world.put(
        "paths.json",
        r#"{"jsonpaths": ["$.id", "$.Name", "$.friends[0].name"]}"#,
    );
    let copied = world
        .copy("t", "people.avro", "avro 's3://b/paths.json' maxerror 2")
        .await;
    assert_eq!(
        copied["ResultRows"], 1,
        "the second record has no friend: {copied}"
    );
    assert_eq!(world.rows("select * from t").await, ["1|Ann|Bob"]);
    let errors = "select error_message, line_number from sys_load_error_detail";
    assert_eq!(
        world.rows(errors).await,
        ["Invalid JSONPath format: Not an array or index out of range.|2"]
    );
    world.put("bad.avro", "Obj\u{1} and nothing else");
    let error = world.copy("t", "bad.avro", "avro").await["Error"].clone();
    assert!(
        error.as_str().unwrap().contains("not a readable Avro file"),
        "{error}"
    );
}

#[tokio::test]
async fn orc_values_arrive() {
    let world = World::new().await;
    world
        .run("create table t (id bigint, name varchar(10), born date)")
        .await;
    world.put("people.orc", ORC);
    let copied = world.copy("t", "people.orc", "format orc").await;
    assert_eq!(copied["ResultRows"], 2, "{}", copied["Error"]);
    assert_eq!(
        world.rows("select * from t order by id").await,
        ["1|Ann|2015-10-15", "2|-|-"]
    );
}

#[tokio::test]
async fn json_documents_are_kept_whole_without_shredding() {
    let world = World::new().await;
    world.run("create table t (doc super)").await;
    world.put("k", "{\"a\": {\"b\": [1, \"2\"]}}\n{\"c\": null}");
    assert_eq!(world.copy("t", "k", "json 'noshred'").await["ResultRows"], 2);
    assert_eq!(
        world.rows("select json_serialize(doc) from t order by 1").await,
        [r#"{"a":{"b":[1,"2"]}}"#, r#"{"c":null}"#]
    );
    world.run("create table two (a super, b super)").await;
    let error = world.copy("two", "k", "json 'noshred'").await["Error"].clone();
    assert!(
        error
            .as_str()
            .unwrap()
            .contains("exactly one column of type SUPER"),
        "{error}"
    );
}

#[tokio::test]
async fn fixed_widths_need_one_label_per_column() {
    let world = World::new().await;
    world.run("create table t (a int, b varchar(5))").await;
    world.put("k", "1abc\n");
    let error = world.copy("t", "k", "fixedwidth 'a:1'").await["Error"].clone();
    assert!(
        error
            .as_str()
            .unwrap()
            .contains("specification has 1 columns, and the table or column list has 2"),
        "{error}"
    );
    assert_eq!(
        world.copy("t", "k", "fixedwidth 'any:1, 2:3'").await["ResultRows"],
        1
    );
    assert_eq!(world.rows("select a, b from t").await, ["1|abc"]);
}
