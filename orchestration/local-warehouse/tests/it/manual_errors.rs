//! The manual's pages of COPY: what is an error, and how it is recorded.

use crate::support::World;

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_Load_Error_Reference.html>
#[tokio::test]
async fn load_errors_by_their_number() {
    let world = World::new().await;
    for (columns, data, options, code, reason) in [
        ("a int", &b"1|2\n"[..], "", 1202, "Extra column(s) found"),
        ("a int, b int", b"1\n", "", 1214, "Delimiter not found"),
        (
            "a varchar(2)",
            b"abc\n",
            "",
            1204,
            "String length exceeds DDL length",
        ),
        (
            "a char(2)",
            b"abc\n",
            "",
            1204,
            "String length exceeds DDL length",
        ),
        (
            "a varchar(5)",
            "ääää\n".as_bytes(),
            "",
            1204,
            "String length exceeds DDL length",
        ),
        (
            "a date",
            b"2015-02-30\n",
            "",
            1205,
            "Invalid date format or value [YYYY-MM-DD]",
        ),
        (
            "a date",
            b"15\n",
            "",
            1205,
            "Invalid Date Format - length must be 10 or more",
        ),
        (
            "a timestamp",
            b"x\n",
            "timeformat 'epochsecs'",
            1206,
            "Invalid timestamp format or value [YYYY-MM-DD HH24:MI:SS]",
        ),
        (
            "a int",
            b"1a\n",
            "",
            1207,
            "Invalid digit, Value 'a', Pos 1, Type: Integer",
        ),
        (
            "a decimal(5,1)",
            b"1..2\n",
            "",
            1207,
            "Invalid digit, Value '.', Pos 2, Type: Decimal",
        ),
        (
            "a float8",
            b"abc\n",
            "",
            1208,
            "Invalid digit, Value 'a', Pos 0, Type: Double",
        ),
        ("a real", b"1e300\n", "", 1204, "Overflow, Column type: Real"),
        ("a float8", b"-1e400\n", "", 1204, "Overflow, Column type: Double"),
        ("a real", b"1e-60\n", "", 1204, "Underflow, Column type: Real"),
        (
            "a float8",
            b"-1e-400\n",
            "",
            1204,
            "Underflow, Column type: Double",
        ),
        (
            "a timetz",
            b"04:05:06+20:00\n",
            "",
            1206,
            "Invalid time format or value [HH:MI:SSOF]",
        ),
        (
            "a timestamptz",
            b"2015-10-15 04:05:06+16:00\n",
            "",
            1206,
            "Invalid timestamp format or value [YYYY-MM-DD HH24:MI:SS]",
        ),
        (
            "a timestamptz",
            b"999999999999\n",
            "timeformat 'epochsecs'",
            1206,
            "Invalid timestamp format or value [YYYY-MM-DD HH24:MI:SS]",
        ),
        (
            "a varbyte(2)",
            b"010203\n",
            "",
            1204,
            "Binary length exceeds DDL length",
        ),
        ("a boolean", b"si\n", "", 1210, "Unknown boolean format"),
        ("a int, b int", b"\n", "", 1211, "Input line contained no data"),
        (
            "a int not null",
            b"\\N\n",
            "",
            1213,
            "Missing data for not-null field",
        ),
        (
            "a varchar(9)",
            b"\"abc\n",
            "removequotes",
            1214,
            "Delimited value missing end quote",
        ),
        (
            "a varchar(9), b int",
            b"'O'Neil|1\n",
            "removequotes",
            1214,
            "Delimited value missing end quote",
        ),
        (
            "a varchar(9)",
            b"'ab'cd\n",
            "removequotes",
            1214,
            "Delimited value missing end quote",
        ),
        (
            "a varchar(9)",
            b"\"a\"b\n",
            "csv",
            1214,
            "Invalid quote formatting for CSV",
        ),
        (
            "a int, b varchar(99)",
            b"0001|aaa \"bbb\" ccc\n",
            "csv delimiter '|'",
            1214,
            "Invalid quote formatting for CSV",
        ),
        (
            "a varchar(9)",
            b"nonsense\n",
            "json 'auto'",
            1216,
            "Input line is not valid: expected ident at line 1 column 2",
        ),
        (
            "a varchar(9)",
            b"a\0\n",
            "null as '\\0'",
            1218,
            "Field contains a null terminator (NUL) and more than one byte",
        ),
        (
            "a varchar(9)",
            b"a\xA4\n",
            "",
            1220,
            "String contains invalid or unsupported UTF8 codepoints. Bad UTF8 hex sequence: a4 (error 3)",
        ),
        (
            "a char(9)",
            "ä\n".as_bytes(),
            "",
            1220,
            "Multibyte character not supported for CHAR (Hint: Try using VARCHAR). Invalid char: c3 a4",
        ),
        ("a smallint", b"32768\n", "", 1222, "Overflow, Column type: Short"),
        (
            "a varbyte(4)",
            b"0g\n",
            "",
            1223,
            "Invalid hexadecimal value for VARBYTE",
        ),
        (
            "a super",
            b"{\"a\":\n",
            "",
            1224,
            "Input data is not a well-formed JSON document for the SUPER type",
        ),
    ] {
        world.run("drop table if exists t").await;
        world.run(&format!("create table t ({columns})")).await;
        world.put("k", data);
        let copied = world.copy("t", "k", options).await;
        assert_eq!(copied["Status"], "FAILED", "{columns} {options}");
        let query = format!(
            "select error_code, error_message from sys_load_error_detail where query_id = {}",
            copied["RedshiftQueryId"]
        );
        assert_eq!(
            world.rows(&query).await,
            [format!("{code}|{reason}")],
            "{columns} {options}"
        );
    }
}

/// The same page, and `copy-parameters-data-load.html`: MAXERROR and IGNOREALLERRORS count rows, so no value may fail the statement.
#[tokio::test]
async fn a_value_that_no_column_can_hold_is_an_error_of_its_row() {
    let world = World::new().await;
    for (column, bad, good) in [
        ("real", "1e300", "1e38"),
        ("real", "-1e-60", "-1e-40"),
        ("float8", "1e-400", "0e-400"),
        ("float8", "1e400", "NaN"),
        ("timetz", "04:05:06+16", "04:05:06+15:59"),
        ("timetz", "04:05:06-20:00", "04:05:06-08"),
        ("time", "25:00:00", "4:05"),
        (
            "timestamptz",
            "2015-10-15 04:05:06+05:60",
            "0001-01-01 00:00:00+15:00",
        ),
        ("varbyte(2)", "010203", "0102"),
    ] {
        world.run("drop table if exists t").await;
        world.run(&format!("create table t (a {column})")).await;
        world.put("k", format!("{bad}\n{good}\n"));
        let copied = world.copy("t", "k", "ignoreallerrors").await;
        assert_eq!(
            copied["Status"], "FINISHED",
            "{column} {bad}: {}",
            copied["Error"]
        );
        assert_eq!(copied["ResultRows"], 1, "{column} {bad}");
        let query = format!(
            "select raw_field_value from stl_load_errors where query = {}",
            copied["RedshiftQueryId"]
        );
        assert_eq!(world.rows(&query).await, [bad], "{column}");
    }
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-conversion.html#copy-encoding>: "If COPY encounters a different
/// encoding, it skips the file and returns an error", which `r_Load_Error_Reference.html` has as 1221.
#[tokio::test]
async fn text_that_is_not_in_its_encoding_fails_the_load() {
    let world = World::new().await;
    world.run("create table t (a varchar(9))").await;
    for (data, options) in [
        (&b"x\0\n\0a\0\x00\xD8b\0\n\0"[..], "encoding utf16le"),
        (b"\0x\0\n\xDC\x00\0\n", "encoding utf16be"),
        (b"\xFF\xFEx\0\n\0y", "encoding utf16"),
        (b"x\0\n\0\x00\xD8", "encoding utf16le ignoreallerrors"),
    ] {
        world.put("k", data);
        let copied = world.copy("t", "k", options).await;
        assert_eq!(copied["Status"], "FAILED", "{options} {data:?}");
        let error = copied["Error"].as_str().unwrap();
        assert!(
            error.contains("is not UTF-16") && error.contains("1221"),
            "{options}: {error}"
        );
    }
    assert_eq!(world.rows("select count(*) from t").await, ["0"]);
}

/// `copy-parameters-data-format.html`: a quote within a field is doubled; `r_STL_LOAD_ERRORS.html` has the column and the value before the fault.
#[tokio::test]
async fn a_quote_that_is_at_fault_is_recorded_with_its_column() {
    let world = World::new().await;
    world.run("create table t (a int, media_source varchar(9))").await;
    for (data, options, expected) in [
        ("1,aaaa\"zzzz\"\n", "csv", "media_source|varchar|9|2|aaaa|1214"),
        ("1,\"a\"\"b\"c\n", "csv", "media_source|varchar|9|2|a\"b|1214"),
        ("1,\"ab\n", "csv", "media_source|varchar|9|2|ab|1214"),
        ("1,2,a\"b\n", "csv", "|||4||1214"),
        ("1|'ab\n", "removequotes", "media_source|varchar|9|2|ab|1214"),
        ("\"1\n", "removequotes", "a|int4|0|0|1|1214"),
    ] {
        world.put("k", data);
        let copied = world.copy("t", "k", options).await;
        assert_eq!(copied["Status"], "FAILED", "{options} {data:?}");
        let query = format!(
            "select colname, type, col_length, position, raw_field_value, err_code from stl_load_errors where query = {}",
            copied["RedshiftQueryId"]
        );
        assert_eq!(world.rows(&query).await, [expected], "{options} {data:?}");
    }
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-load.html>: "If the load returns the error_count number of errors or greater, the load fails."
#[tokio::test]
async fn as_many_errors_as_maxerror_fail_the_load() {
    let world = World::new().await;
    world.run("create table t (a int)").await;
    world.put("k", "x\n1\ny\n2\n");
    for (options, is_loaded) in [
        ("", false),
        ("maxerror 0", false),
        ("maxerror 1", false),
        ("maxerror 2", false),
        ("maxerror as 3", true),
        ("ignoreallerrors", true),
        ("maxerror 3 noload", true),
        ("maxerror 2 noload", false),
    ] {
        let status = if is_loaded { "FINISHED" } else { "FAILED" };
        assert_eq!(world.copy("t", "k", options).await["Status"], status, "{options}");
    }
    assert_eq!(world.rows("select count(*) from t").await, ["4"]);
}

/// The same page, and `r_Load_Error_Reference.html`: 1220, 1224 and 1204 of values in a SUPER column, which count like any other error.
#[tokio::test]
async fn json_that_no_super_can_hold_counts_for_maxerror() {
    let world = World::new().await;
    world.run("create table t (a super)").await;
    let bad = ["\"\\u0000\"", "{\"a\": \"\\ud800\"}", "[1e400]"];
    world.put("k", format!("[1]\n{}\n[2]\n", bad.join("\n")));
    let records = bad.map(|value| format!("{{\"a\": {value}}}")).join("\n");
    world.put("j", format!("{{\"a\": 1}}\n{records}\n{{\"a\": 2}}\n"));
    for (source, options) in [("k", ""), ("j", "json 'auto'"), ("j", "json 'noshred'")] {
        let failed = world.copy("t", source, &format!("{options} maxerror 3")).await;
        assert_eq!(
            failed["Error"],
            "ERROR: Load into table 't' failed.  Check 'sys_load_error_detail' system table for details.",
            "{options}"
        );
        let copied = world.copy("t", source, &format!("{options} maxerror 4")).await;
        assert_eq!(copied["ResultRows"], 2, "{options}: {}", copied["Error"]);
        let errors = format!(
            "select line_number, err_code, trim(colname) from stl_load_errors where query = {} order by 1",
            copied["RedshiftQueryId"]
        );
        assert_eq!(
            world.rows(&errors).await,
            ["2|1220|a", "3|1220|a", "4|1204|a"],
            "{options}"
        );
    }
    assert_eq!(world.rows("select count(*) from t").await, ["6"]);
}
