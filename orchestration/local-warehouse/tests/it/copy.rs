//! COPY, from the manual outward.

use std::io::Write;

use serde_json::json;

use crate::support::World;

const FAILED: &str =
    "ERROR: Load into table 't' failed.  Check 'sys_load_error_detail' system table for details.";

#[tokio::test]
async fn every_format_gives_the_same_rows() {
    let world = World::new().await;
    world.run("create table t (a int, b varchar(20), c date)").await;
    let gzip = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    world.put("paths.json", r#"{"jsonpaths": ["$.id", "$.names[0]", "$.on"]}"#);
    let utf16: Vec<u8> = "\u{feff}1|ä, x|2015-10-15\n2||\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let cases: [(&str, Vec<u8>, &str); 13] = [
        ("pipe", b"1|\xC3\xA4, x|2015-10-15\n2||\n".to_vec(), ""),
        ("crlf", b"1|\xC3\xA4, x|2015-10-15\r\n2||".to_vec(), ""),
        (
            "tab",
            b"h\n1\t\xC3\xA4, x\t2015-10-15\n\n2\t\t\n".to_vec(),
            "delimiter '\\t' ignoreheader 1 ignoreblanklines",
        ),
        (
            "octal",
            b"1\x01\xC3\xA4, x\x012015-10-15\n2\x01\x01\n".to_vec(),
            "delimiter '\\001'",
        ),
        ("csv", "1,\"ä, x\",2015-10-15\n2,,\n".into(), "csv"),
        (
            "quote",
            "1,'ä, x',2015-10-15\n2,'',\n".into(),
            "csv quote as ''''",
        ),
        (
            "fixed",
            "1ä, x 2015-10-15\n2               \n".into(),
            "fixedwidth 'a:1,b:5,c:10' trimblanks",
        ),
        (
            "json",
            "{\"a\": 1, \"b\": \"ä, x\", \"c\": \"2015-10-15\"}{\n\"a\":2,\"b\":\"\"}".into(),
            "json 'auto'",
        ),
        (
            "ignorecase",
            "{\"A\": 1, \"B\": \"ä, x\", \"C\": \"2015-10-15\"} {\"a\":2,\"b\":\"\"}".into(),
            "json 'auto ignorecase'",
        ),
        (
            "by-path",
            "{\"id\": 1, \"names\": [\"ä, x\"], \"on\": \"2015-10-15\"} {\"id\": 2, \"names\": [\"\"]}"
                .into(),
            "json 's3://b/paths.json'",
        ),
        (
            "gzip",
            [gzip("1|ä, x|2015-10-15\n"), gzip("2||\n")].concat(),
            "gzip",
        ),
        ("utf16", utf16, "encoding utf16"),
        (
            "marks",
            "\"1\"|ä\\, x|2015-10-15|\n2|''|\n".into(),
            "escape removequotes",
        ),
    ];
    for (key, bytes, options) in cases {
        world.put(key, bytes);
        let copied = world.copy("t", key, options).await;
        assert_eq!(copied["Status"], "FINISHED", "{key}: {}", copied["Error"]);
        assert_eq!(copied["ResultRows"], 2, "{key}");
        assert_eq!(
            world.rows("select a, b, c from t order by a").await,
            ["1|ä, x|2015-10-15", "2||-"],
            "{key}"
        );
        world.run("truncate t").await;
    }
}

#[tokio::test]
async fn bad_rows_get_redshifts_codes_and_texts() {
    let world = World::new().await;
    world.run("create table t (a int, b varchar(3), c date, d timestamp, e boolean, f decimal(4, 1), g char(2) not null)").await;
    let cases = [
        (
            "x|b||||1|g",
            1207,
            "a",
            "Invalid digit, Value 'x', Pos 0, Type: Integer",
        ),
        (
            "99999999999|b||||1|g",
            1222,
            "a",
            "Overflow, Column type: Integer",
        ),
        ("1|long||||1|g", 1204, "b", "String length exceeds DDL length"),
        (
            "1|b|2015-1-1|||1|g",
            1205,
            "c",
            "Invalid Date Format - length must be 10 or more",
        ),
        (
            "1|b||2015-13-01 00:00:00||1|g",
            1206,
            "d",
            "Invalid timestamp format or value [YYYY-MM-DD HH24:MI:SS]",
        ),
        ("1|b|||maybe|1|g", 1210, "e", "Unknown boolean format"),
        ("1|b||||12345|g", 1204, "f", "Overflow for NUMERIC(4,1)"),
        ("1|b||||1|\\N", 1213, "g", "Missing data for not-null field"),
        ("1|b", 1214, "c", "Delimiter not found"),
        ("1|b||||1|g|more", 1202, "", "Extra column(s) found"),
        ("", 1211, "", "Input line contained no data"),
    ];
    for (line, code, column, reason) in cases {
        world.put("bad", format!("1|b||||1|g\n{line}\n"));
        let copied = world.copy("t", "bad", "").await;
        assert_eq!(copied["Error"], FAILED, "{line}");
        let query = format!(
            "select error_code, column_name, line_number, file_name, error_message from sys_load_error_detail where query_id = {}",
            copied["RedshiftQueryId"]
        );
        assert_eq!(
            world.rows(&query).await,
            [format!("{code}|{column}|2|s3://b/bad|{reason}")],
            "{line}"
        );
    }
    assert_eq!(
        world.rows("select count(*) from t").await,
        ["0"],
        "a failed COPY loads nothing"
    );
    let raw = "select raw_line, raw_field_value, err_reason from stl_load_errors where err_code = 1210";
    assert_eq!(
        world.rows(raw).await,
        ["1|b|||maybe|1|g|maybe|Unknown boolean format"]
    );
}

#[tokio::test]
async fn tolerated_errors_are_skipped_and_recorded() {
    let world = World::new().await;
    world.run("create table t (a int)").await;
    world.put("k", "1\nx\n2\ny\n3\n");
    assert_eq!(world.copy("t", "k", "maxerror 2").await["Error"], FAILED);
    let copied = world.copy("t", "k", "maxerror 3").await;
    assert_eq!(copied["ResultRows"], 3, "{copied}");
    let query_id = &copied["RedshiftQueryId"];
    let errors =
        format!("select line_number from sys_load_error_detail where query_id = {query_id} order by 1");
    assert_eq!(world.rows(&errors).await, ["2", "4"]);
    let history = format!(
        "select status, loaded_rows, error_count, table_name, file_format from sys_load_history where query_id = {query_id}"
    );
    assert_eq!(world.rows(&history).await, ["completed|3|2|t|txt"]);
    let detail = format!(
        "select file_name, bytes_scanned, lines_scanned from sys_load_detail where query_id = {query_id}"
    );
    assert_eq!(world.rows(&detail).await, ["s3://b/k|10|5"]);
    assert_eq!(world.copy("t", "k", "ignoreallerrors").await["ResultRows"], 3);
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/SYS_LOAD_DETAIL.html>, whose example is the first query, and the other pages of loads.
#[tokio::test]
async fn the_records_of_a_load_have_the_manuals_columns() {
    let world = World::new().await;
    world.put("category_pipe.txt", "1\nx\n");
    let last = "select query_id = pg_last_copy_id(), trim(file_name) as file from sys_load_detail where query_id = pg_last_copy_id()";
    let statements = [
        "create table category (a int)",
        "copy category from 's3://b/category_pipe.txt' iam_role default maxerror 2",
        last,
    ];
    // A transaction sees the records as they were at its beginning.
    let request = json!({ "Sqls": statements, "ExecutionMode": "AUTO_COMMIT" });
    let answer = world.call("BatchExecuteStatement", request).await.unwrap();
    let load = world.end_of(answer["Id"].as_str().unwrap()).await;
    assert_eq!(load["SubStatements"][2]["ResultRows"], 1, "{load}");
    assert_eq!(
        world.rows("select pg_last_copy_id()").await,
        ["-1"],
        "another session"
    );
    for (view, columns) in [
        (
            "sys_load_error_detail",
            "user_id query_id transaction_id session_id database_name table_id start_time file_name line_number column_name \
             column_type column_length position error_code error_message",
        ),
        (
            "stl_load_errors",
            "userid slice tbl starttime session query filename line_number colname type col_length position raw_line \
             raw_field_value err_code err_reason is_partial start_offset copy_job_id",
        ),
        (
            "sys_load_history",
            "user_id query_id transaction_id session_id database_name status table_name start_time end_time duration \
             data_source file_format loaded_rows loaded_bytes source_file_count source_file_bytes file_count_scanned \
             file_bytes_scanned error_count copy_job_id",
        ),
        (
            "sys_load_detail",
            "user_id query_id file_name bytes_scanned lines_scanned record_time splits_scanned start_time end_time \
             file_etag file_last_modified",
        ),
    ] {
        let columns = columns.split(' ').collect::<Vec<_>>().join(", ");
        let rows = world.rows(&format!("select {columns} from {view}")).await;
        assert_eq!(rows.len(), 1, "{view}: {rows:?}");
    }
    let jobs = "select file_bytes_scanned, copy_job_id, file_format from sys_load_history";
    assert_eq!(world.rows(jobs).await, ["4|0|txt"]);
}

#[tokio::test]
async fn a_manifest_is_exact_and_a_prefix_is_not() {
    let world = World::new().await;
    world.run("create table t (a int)").await;
    world.put("day/one", "1\n");
    world.put("day/one.bak", "2\n");
    assert_eq!(world.copy("t", "day/one", "").await["ResultRows"], 2);
    world.put("twice", r#"{"entries": [{"url": "s3://b/day/one", "mandatory": true, "meta": {"content_length": 2}}, {"url": "s3://b/day/one"}, {"url": "s3://b/gone"}]}"#);
    assert_eq!(world.copy("t", "twice", "manifest").await["ResultRows"], 2);
    world.put(
        "missing",
        r#"{"entries": [{"url": "s3://b/gone", "mandatory": true}]}"#,
    );
    assert!(
        world.copy("t", "missing", "manifest").await["Error"]
            .as_str()
            .unwrap()
            .contains("does not exist")
    );
    world.put("nothing", r#"{"entries": [{"url": "s3://b/gone"}]}"#);
    assert!(
        world.copy("t", "nothing", "manifest").await["Error"]
            .as_str()
            .unwrap()
            .contains("do not exist")
    );
    assert!(
        world.copy("t", "nowhere", "").await["Error"]
            .as_str()
            .unwrap()
            .contains("The specified S3 prefix 'nowhere' does not exist")
    );
}

#[tokio::test]
async fn columns_that_are_not_listed_take_their_default() {
    let world = World::new().await;
    world.run("create table t (id int identity(1, 1), a int, b varchar(5) default 'dflt', c timestamp default getdate())").await;
    world.put("k", "7\n8\n");
    assert_eq!(world.copy("t (a)", "k", "").await["ResultRows"], 2);
    assert_eq!(
        world
            .rows("select id, a, b, c is not null from t order by a")
            .await,
        ["1|7|dflt|true", "2|8|dflt|true"]
    );
    world.put("ids", "70|1\n");
    assert!(
        world.copy("t (id, a)", "ids", "").await["Error"]
            .as_str()
            .unwrap()
            .contains("EXPLICIT_IDS")
    );
    assert_eq!(
        world.copy("t (id, a)", "ids", "explicit_ids").await["ResultRows"],
        1
    );
    assert_eq!(world.rows("select id from t where a = 1").await, ["70"]);
    assert!(
        world.copy("t (nope)", "k", "").await["Error"]
            .as_str()
            .unwrap()
            .contains("column \"nope\"")
    );
    assert!(
        world.copy("nope", "k", "").await["Error"]
            .as_str()
            .unwrap()
            .contains("Cannot COPY into nonexistent table nope")
    );
}

#[tokio::test]
async fn a_load_is_checked_in_the_transaction_that_does_it() {
    let world = World::new().await;
    world
        .run("create table core (a int, file_name varchar(100))")
        .await;
    world.run("create table marker (load_id varchar(40))").await;
    world.put("k", "1\n2\n");
    let load = [
        "lock table marker",
        "select 1 / (case when exists (select 1 from marker where load_id = 'L1') then 0 else 1 end)",
        "create temp table stage (a int)",
        "copy stage from 's3://b/k' iam_role 'arn:aws:iam::1:role/r' region 'us-east-1'delimiter '|'",
        "select 1 / (case when pg_last_copy_count() = 2 and (select count(*) from stage) = 2 then 1 else 0 end)",
        "insert into core (a, file_name) select a, 'k' from stage",
        "insert into marker values ('L1')",
    ];
    let first = world.batch(&load).await;
    assert_eq!(first["Status"], "FINISHED", "{first}");
    assert_eq!(first["SubStatements"][3]["ResultRows"], 2);
    assert!(
        !first["SubStatements"][3]["QueryString"]
            .as_str()
            .unwrap()
            .contains("arn:")
    );
    let history = "select query_id from sys_load_history where table_name = 'stage'";
    assert_eq!(
        world.rows(history).await,
        [first["SubStatements"][3]["RedshiftQueryId"].to_string()]
    );
    let second = world.batch(&load).await;
    assert_eq!(second["SubStatements"][1]["Status"], "FAILED");
    assert_eq!(
        world.rows("select count(*), min(file_name) from core").await,
        ["2|k"]
    );
}

#[tokio::test]
async fn two_loads_at_once_wait_for_each_other_at_the_lock() {
    let world = World::new().await;
    world.run("create table core (a int)").await;
    world.run("create table marker (load_id varchar(40))").await;
    world.put("k", "1\n2\n");
    let load = [
        "lock marker",
        "select 1 / (case when exists (select 1 from marker where load_id = 'L1') then 0 else 1 end)",
        "copy core from 's3://b/k' iam_role default",
        "insert into marker values ('L1')",
    ];
    let ends = futures_util::future::join_all((0..6).map(|_| world.batch(&load))).await;
    let finished = ends.iter().filter(|end| end["Status"] == "FINISHED").count();
    assert_eq!(finished, 1, "{ends:?}");
    assert_eq!(world.rows("select count(*) from core").await, ["2"]);
}

#[tokio::test]
async fn a_load_can_be_tried_without_loading() {
    let world = World::new().await;
    world.run("create table t (a int)").await;
    world.put("k", "1\n2\n");
    assert_eq!(world.copy("t", "k", "noload").await["Status"], "FINISHED");
    assert_eq!(world.rows("select count(*) from t").await, ["0"]);
    world.put("bad", "x\n");
    assert_eq!(world.copy("t", "bad", "noload").await["Error"], FAILED);
}

#[tokio::test]
async fn any_bytes_at_all_give_rows_errors_or_a_failed_statement() {
    let world = World::new().await;
    world.run("create table t (a varchar(50), b int)").await;
    let mut seed = 42_u64;
    let mut noise = || {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        u8::try_from(seed >> 56).unwrap()
    };
    let bytes: Vec<u8> = (0..20_000).map(|_| noise()).collect();
    world.put("noise", &bytes);
    for options in [
        "ignoreallerrors",
        "ignoreallerrors csv",
        "ignoreallerrors escape removequotes acceptinvchars",
        "ignoreallerrors fixedwidth 'a:7,b:3'",
        "ignoreallerrors json 'auto'",
        "ignoreallerrors gzip",
        "ignoreallerrors bzip2",
        "ignoreallerrors zstd",
        "ignoreallerrors encoding utf16",
        "ignoreallerrors encoding iso88591",
    ] {
        let copied = world.copy("t", "noise", options).await;
        let is_ended =
            copied["Status"] == "FINISHED" || copied["Error"].as_str().unwrap().contains("Problem reading");
        assert!(is_ended, "{options}: {copied}");
    }
}
