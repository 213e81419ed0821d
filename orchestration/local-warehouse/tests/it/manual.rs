//! The manual's pages of COPY, a case for each sentence that can be tried.
//!
//! Each table of cases names its page; a case is the data, the options, and the rows or the errors that the page promises.

use crate::support::World;

/// Data, options, and the rows that `select *` gives then (`-` is null, and blanks at the end of a value are not shown).
type Case<'a> = (&'a [u8], &'a str, &'a [&'a str]);

async fn check(world: &World, columns: &str, cases: &[Case<'_>]) {
    for (data, options, expected) in cases {
        world.run("drop table if exists t").await;
        world.run(&format!("create table t ({columns})")).await;
        world.put("k", data);
        let copied = world.copy("t", "k", options).await;
        let shown = String::from_utf8_lossy(data);
        assert_eq!(
            copied["Status"], "FINISHED",
            "{options} {shown:?}: {}",
            copied["Error"]
        );
        assert_eq!(
            world.rows("select * from t order by 1").await,
            *expected,
            "{options} {shown:?}"
        );
    }
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-conversion.html>
#[tokio::test]
async fn data_conversion_of_text() {
    let world = World::new().await;
    let cases: [Case<'_>; 19] = [
        (b"a|b\xE9c\n", "acceptinvchars", &["a|b?c"]),
        (b"a|b\xE2\x28\xA1c\n", "acceptinvchars '^'", &["a|b^(^c"]),
        (b"a|   \n", "blanksasnull", &["a|-"]),
        (b"a|   \n", "", &["a|"]),
        (b"a|\n", "emptyasnull", &["a|-"]),
        (b"a|\n", "null as ''", &["a|-"]),
        (b"a|\n", "", &["a|"]),
        (b"a|none\n", "null as 'none'", &["a|-"]),
        (b"a|\\N\n", "", &["a|-"]),
        (b"a|\0\n", "null as '\\0'", &["a|-"]),
        (b"a|\0\n", "null as '\\000'", &["a|-"]),
        (b"a\n", "fillrecord", &["a|"]),
        (b"a\n", "fillrecord emptyasnull", &["a|-"]),
        (b"h|h\n\na|b\n", "ignoreheader 1 ignoreblanklines", &["a|b"]),
        (b"'a'|\"b|c\"\n", "removequotes", &["a|b|c"]),
        (b"a|b  \t \n", "trimblanks", &["a|b"]),
        (
            b"a|abcdefghijklmnopq\n",
            "truncatecolumns",
            &["a|abcdefghijklmno"],
        ),
        (b"1|The quick\\\nfox\n", "escape", &["1|The quick\nfox"]),
        (b"4|'A\\'s Dream'\n", "escape removequotes", &["4|A's Dream"]),
    ];
    check(&world, "a varchar(15), b varchar(15)", &cases).await;
    let escaped: [Case<'_>; 3] = [
        (b"2| A\\\\B\\\\C\n", "escape", &["2| A\\B\\C"]),
        (b"3| A \\| B\n", "escape", &["3| A | B"]),
        (b"5|\\012\n", "escape", &["5|012"]),
    ];
    check(&world, "a varchar(15), b varchar(15)", &escaped).await;
}

/// The same page: REMOVEQUOTES takes off the quotes around a value, not those in it.
#[tokio::test]
async fn removequotes_takes_off_surrounding_quotes() {
    let world = World::new().await;
    let cases: [Case<'_>; 9] = [
        (
            b"\"The delimiter is a pipe (|) character\"|1\n",
            "removequotes",
            &["The delimiter is a pipe (|) character|1"],
        ),
        (b"'Black'|1\n", "removequotes", &["Black|1"]),
        (b"\"White\"|1\n", "removequotes", &["White|1"]),
        (b"Blue'|1\n", "removequotes", &["Blue'|1"]),
        (b"' ' 'Black' ' '|1\n", "removequotes", &[" ' 'Black' '|1"]),
        (b"' '|1\n", "removequotes", &["|1"]),
        (b"'O'Neil'|1\r\n'x'|2\n", "removequotes", &["O'Neil|1", "x|2"]),
        (b"'O\\'|'Neil'|1\n", "removequotes escape", &["O'|'Neil|1"]),
        (b"'two\nlines'|1\n", "removequotes", &["two\nlines|1"]),
    ];
    check(&world, "a varchar(50), b int", &cases).await;
}

/// The same page: numbers and times.
#[tokio::test]
async fn data_conversion_of_numbers_and_times() {
    let world = World::new().await;
    let numbers: [Case<'_>; 4] = [
        (b"1|20.259\n", "", &["1|20.25"]),
        (b"1|20.259\n", "roundec", &["1|20.26"]),
        (b"1|\n", "", &["1|-"]),
        (b"1|  \n", "", &["1|-"]),
    ];
    check(&world, "a int, b decimal(8, 2)", &numbers).await;
    let dates: [Case<'_>; 9] = [
        (b"2015-10-15\n", "", &["2015-10-15"]),
        (b"2015-10-15 10:11:12\n", "", &["2015-10-15"]),
        (b"10-15-2015\n", "dateformat 'MM-DD-YYYY'", &["2015-10-15"]),
        (b"Jan-01-1999\n", "dateformat as 'MON-DD-YYYY'", &["1999-01-01"]),
        (b"Oct 15, 2015\n", "dateformat 'auto'", &["2015-10-15"]),
        (b"20151015\n", "dateformat 'auto'", &["2015-10-15"]),
        (b"00/00/00\n", "acceptanydate dateformat 'auto'", &["-"]),
        (b"2015-13-45\n", "acceptanydate dateformat 'YYYY-MM-DD'", &["-"]),
        (b"\n", "csv", &["-"]),
    ];
    check(&world, "a date", &dates).await;
    let times: [Case<'_>; 7] = [
        (b"2015-10-15 15:09:10\n", "", &["2015-10-15 15:09:10"]),
        (b"2015-10-15\n", "", &["2015-10-15 00:00:00"]),
        (
            b"10.15.2015 03:09:10 PM\n",
            "timeformat 'MM.DD.YYYY HH:MI:SS AM'",
            &["2015-10-15 15:09:10"],
        ),
        (
            b"2015-10-15T15:09:10\n",
            "timeformat 'auto'",
            &["2015-10-15 15:09:10"],
        ),
        (
            b"1444921750\n",
            "timeformat 'epochsecs'",
            &["2015-10-15 15:09:10"],
        ),
        (
            b"1444921750973\n",
            "timeformat 'epochmillisecs'",
            &["2015-10-15 15:09:10.973"],
        ),
        (b"nonsense\n", "acceptanydate", &["-"]),
    ];
    check(&world, "a timestamp", &times).await;
    let zoned: [Case<'_>; 2] = [
        (b"2015-10-15 15:09:10-08\n", "", &["2015-10-15 23:09:10+00"]),
        (
            b"2015-10-15 15:09:10 +01:30\n",
            "timeformat 'auto'",
            &["2015-10-15 13:39:10+00"],
        ),
    ];
    check(&world, "a timestamptz", &zoned).await;
    check(
        &world,
        "a time, b timetz",
        &[(b"04:05:06|04:05:06+00\n", "", &["04:05:06|04:05:06+00"])],
    )
    .await;
    check(&world, "a varbyte(4), b int", &[(b"00ff|1\n", "", &["00ff|1"])]).await;
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/automatic-recognition.html>: the table, and what CAST takes besides.
#[tokio::test]
async fn automatic_recognition_of_dates_and_times() {
    let world = World::new().await;
    let dates: [Case<'_>; 11] = [
        (b"080215\n", "dateformat 'auto'", &["2008-02-15"]),
        (b"J2451187\n", "dateformat 'auto'", &["1999-01-08"]),
        (b"J2345678 04:05:06.789\n", "dateformat 'auto'", &["1710-02-23"]),
        (b"Jan-08-95 BC\n", "dateformat 'auto'", &["0095-01-08 BC"]),
        (b"January 8, 4713 BC\n", "dateformat 'auto'", &["4713-01-08 BC"]),
        (b"19960108 040809\n", "dateformat 'auto'", &["1996-01-08"]),
        (b"960108 040809\n", "dateformat 'auto'", &["1996-01-08"]),
        (b"1996.008\n", "dateformat 'auto'", &["1996-01-08"]),
        (b"2008.366\n", "dateformat 'auto'", &["2008-12-31"]),
        (
            b"17 Dec 07:37:16 1997 PST\n",
            "dateformat 'auto'",
            &["1997-12-17"],
        ),
        (b"2000-Jan-31\n", "dateformat 'auto'", &["2000-01-31"]),
    ];
    check(&world, "a date", &dates).await;
    let times: [Case<'_>; 15] = [
        (
            b"2019-02-11T05:09:12.195Z\n",
            "timeformat 'auto'",
            &["2019-02-11 05:09:12.195"],
        ),
        (b"J2451187\n", "timeformat 'auto'", &["1999-01-08 00:00:00"]),
        (
            b"J2345678 04:05:06.789\n",
            "timeformat 'auto'",
            &["1710-02-23 04:05:06.789"],
        ),
        (
            b"Jan-08-95 BC\n",
            "timeformat 'auto'",
            &["0095-01-08 00:00:00 BC"],
        ),
        (
            b"0095-01-08 04:05:06.5 BC\n",
            "timeformat 'auto'",
            &["0095-01-08 04:05:06.5 BC"],
        ),
        (
            b"19960108 040809\n",
            "timeformat 'auto'",
            &["1996-01-08 04:08:09"],
        ),
        (b"960108 040809\n", "timeformat 'auto'", &["1996-01-08 04:08:09"]),
        (
            b"19960108T040809.25\n",
            "timeformat 'auto'",
            &["1996-01-08 04:08:09.25"],
        ),
        (b"1996.008 04:05\n", "timeformat 'auto'", &["1996-01-08 04:05:00"]),
        (
            b"1996-01-08 04:05:06.789\n",
            "timeformat 'auto'",
            &["1996-01-08 04:05:06.789"],
        ),
        (
            b"17 Dec 07:37:16 1997 PST\n",
            "timeformat 'auto'",
            &["1997-12-17 07:37:16"],
        ),
        (
            b"12/17/1997 07:37:16.00 PST\n",
            "timeformat 'auto'",
            &["1997-12-17 07:37:16"],
        ),
        (
            b"12.17.1997 07:37:16.00 PST\n",
            "timeformat 'auto'",
            &["1997-12-17 07:37:16"],
        ),
        (
            b"Wed Dec 17 07:37:16 PM 1997\n",
            "timeformat 'auto'",
            &["1997-12-17 19:37:16"],
        ),
        (
            b"June 1,2008 09:59:59\n",
            "timeformat 'auto'",
            &["2008-06-01 09:59:59"],
        ),
    ];
    check(&world, "a timestamp", &times).await;
    let zoned: [Case<'_>; 8] = [
        (
            b"17 Dec 07:37:16 1997 PST\n",
            "timeformat 'auto'",
            &["1997-12-17 15:37:16+00"],
        ),
        (
            b"12/17/1997 07:37:16.00 PST\n",
            "timeformat 'auto'",
            &["1997-12-17 15:37:16+00"],
        ),
        (
            b"12.17.1997 07:37:16.00 cest\n",
            "timeformat 'auto'",
            &["1997-12-17 05:37:16+00"],
        ),
        (
            b"1997-12-17 07:37:16-08\n",
            "timeformat 'auto'",
            &["1997-12-17 15:37:16+00"],
        ),
        (
            b"1997-12-17 07:37:16-8\n",
            "timeformat 'auto'",
            &["1997-12-17 15:37:16+00"],
        ),
        (
            b"17 Dec 1997 07:37:16 +5:30\n",
            "timeformat 'auto'",
            &["1997-12-17 02:07:16+00"],
        ),
        (
            b"19960108 040809 -01\n",
            "timeformat 'auto'",
            &["1996-01-08 05:08:09+00"],
        ),
        (
            b"Jan-08-95 BC\n",
            "timeformat 'auto'",
            &["0095-01-08 00:00:00+00 BC"],
        ),
    ];
    check(&world, "a timestamptz", &zoned).await;
}

/// The same page: what is none of its forms; `r_Date_and_time_literals.html`: a year of one or three digits has no century, month comes before day.
#[tokio::test]
async fn what_automatic_recognition_does_not_know() {
    let world = World::new().await;
    world.run("create table t (a timestamptz)").await;
    for text in [
        "1444921750",
        "1444921750973",
        "99-Jan-08",
        "99-01-08",
        "17/12/1997",
        "1/8/999",
        "J99999999",
        "J",
        "1996.367",
        "1997.366",
        "1996.08",
        "17 Dec",
        "Dec 1997",
        "17 18 Dec 1997",
        "17 Dec Jan 1997",
        "17 Dec 1997 1998",
        "17 Dec 07:37:16 08:00:00 1997",
        "17 Dec 1997 PST PST",
        "17 Dec 1997 XYZ",
        "17 Dec 1997 America/New_York",
        "17 Dec 1997 BC BC",
        "17 Dec 1997 07:37 13:00",
        "Jan-08-4714 BC",
        "0000-01-08",
        "0000-01-08 BC",
        "19960108 250000",
        "961308 040809",
        "048809",
        "07:37:16",
        "07:37:16 PST",
        "PM 17 Dec 1997",
        "now",
        "infinity",
        "epoch",
        "J2451187 1997-12-17",
        "2015-10-15 04:05:06 \u{e9}",
        "\u{130}an 08 1995",
    ] {
        world.put("k", text);
        for options in ["timeformat 'auto'", "timeformat 'auto' acceptanydate"] {
            let copied = world.copy("t", "k", &format!("{options} ignoreallerrors")).await;
            let loaded = i64::from(options.ends_with("date"));
            assert_eq!(
                copied["ResultRows"], loaded,
                "{text} {options}: {}",
                copied["Error"]
            );
        }
    }
    assert_eq!(world.rows("select count(a) from t").await, ["0"]);
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_Examples_with_datetime_types.html>
#[tokio::test]
async fn times_without_separators() {
    let world = World::new().await;
    let cases: [Case<'_>; 2] = [
        (b"191119|204119 UTC\n", "", &["19:11:19|20:41:19+00"]),
        (b"19:11:19|20:41:19 UTC\n", "", &["19:11:19|20:41:19+00"]),
    ];
    check(&world, "a time, b timetz", &cases).await;
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-format.html>
#[tokio::test]
async fn data_formats_of_text_and_json() {
    let world = World::new().await;
    let cases: [Case<'_>; 16] = [
        (b"a|b\n", "", &["a|b"]),
        (b"a\tb\n", "delimiter '\\t'", &["a|b"]),
        (b"a\x01b\n", "delimiter as '\\001'", &["a|b"]),
        (b"a|b|\n", "", &["a|b"]),
        (b"a,b\n", "csv", &["a|b"]),
        (b"a,\"A \"\"quoted\"\" word\"\n", "csv", &["a|A \"quoted\" word"]),
        (b"a,%x,%%\"%\n", "csv quote as '%'", &["a|x,%\""]),
        (b"a, \"b,\nc\" \r\n", "csv", &["a|b,\nc"]),
        (b"a;b\n", "csv delimiter ';'", &["a|b"]),
        (b"{\"a\": \"x\", \"b\": \"y\", \"c\": 1}", "json 'auto'", &["x|y"]),
        (b"{\"A\": \"x\", \"b\": 1}", "json 'auto'", &["-|1"]),
        (
            b"{\"A\": \"x\", \"B\": true}",
            "json 'auto ignorecase'",
            &["x|true"],
        ),
        (
            b"{\"a\": \"\\n\\t\\\\\", \"b\": {\"c\": [1]}}",
            "json 'auto'",
            &["\n\t\\|{\"c\": [1]}"],
        ),
        (b"[1, 2]\n[3,\n4]", "json 's3://b/array.json'", &["1|2", "3|4"]),
        (
            b"junk\njunk\n{\"a\": 1,\n\"b\": 2}",
            "json 'auto' ignoreheader 2",
            &["1|2"],
        ),
        (b"{\"a\": \"\", \"b\": \"\"}", "json 'auto' emptyasnull", &["-|-"]),
    ];
    world.put("array.json", r#"{"jsonpaths": ["$[0]", "$[1]"]}"#);
    check(&world, "a varchar(30), b varchar(30)", &cases).await;
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_COPY_command_examples.html>: "COPY command with a multi-byte delimiter and the ENCODING
/// option"; and of several characters, `copy-parameters-data-format.html`.
#[tokio::test]
async fn delimiters_of_several_bytes() {
    let world = World::new().await;
    let cases: [Case<'_>; 8] = [
        (b"a|~|b\n", "delimiter '|~|'", &["a|b"]),
        (b"|a~|~|~|b\r\n", "delimiter as '|~|'", &["|a~|~|b"]),
        (b"a|~|b|~|\n", "delimiter '|~|'", &["a|b"]),
        (b"a||||b\n", "delimiter '|||'", &["a||b"]),
        (b"a|~|\\N\n", "delimiter '|~|'", &["a|-"]),
        (b"a\\|~|b\\\nc|~|\\N\n", "delimiter '|~|' escape", &["a|~|b\nc|-"]),
        (
            b"a\xC2\xA6\xC3\xACb\n",
            "delimiter '\\302\\246\\303\\254'",
            &["a|b"],
        ),
        (
            b"a\xA6\xEC\xE9\n",
            "delimiter '\u{a6}\u{ec}' encoding iso88591",
            &["a|\u{e9}"],
        ),
    ];
    check(&world, "a varchar(15), b varchar(15)", &cases).await;
    world.put("k", "1|~|2|~|3\n4\n5|~x\n6|~|7\n");
    let copied = world.copy("t", "k", "delimiter '|~|' maxerror 4").await;
    assert_eq!(copied["ResultRows"], 1, "{}", copied["Error"]);
    let query = format!(
        "select line_number, err_code, position from stl_load_errors where query = {} order by 1",
        copied["RedshiftQueryId"]
    );
    assert_eq!(world.rows(&query).await, ["1|1202|8", "2|1214|0", "3|1214|0"]);
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-load.html> and `copy-parameters-column-mapping.html`
#[tokio::test]
async fn identity_columns_and_defaults() {
    let world = World::new().await;
    world.put("k", "7|x\n");
    world.put("v", "x\n");
    for (columns, table, source, options, expected) in [
        ("id int identity(1, 1), a varchar(5)", "t", "v", "", Ok("1|x")),
        (
            "id int identity(1, 1), a varchar(5)",
            "t",
            "k",
            "explicit_ids",
            Ok("7|x"),
        ),
        (
            "id int identity(1, 1), a varchar(5)",
            "t (id, a)",
            "k",
            "",
            Err("EXPLICIT_IDS"),
        ),
        (
            "id int identity(1, 1), a varchar(5)",
            "t (a)",
            "v",
            "explicit_ids",
            Err("EXPLICIT_IDS"),
        ),
        (
            "id int generated by default as identity(5, 1), a varchar(5)",
            "t (id, a)",
            "k",
            "",
            Ok("7|x"),
        ),
        (
            "id int generated by default as identity(5, 1), a varchar(5)",
            "t (a)",
            "v",
            "",
            Ok("5|x"),
        ),
        ("id int default 3, a varchar(5)", "t (a)", "v", "", Ok("3|x")),
        ("id int, a varchar(5)", "t (a)", "v", "", Ok("-|x")),
        (
            "id int not null, a varchar(5)",
            "t (a)",
            "v",
            "",
            Err("null value in column \"id\""),
        ),
    ] {
        world.run("drop table if exists t").await;
        world.run(&format!("create table t ({columns})")).await;
        let copied = world.copy(table, source, options).await;
        match expected {
            Ok(row) => {
                assert_eq!(
                    copied["Status"], "FINISHED",
                    "{columns} {table}: {}",
                    copied["Error"]
                );
                assert_eq!(world.rows("select * from t").await, [row], "{columns} {table}");
            }
            Err(part) => assert!(
                copied["Error"].as_str().unwrap().contains(part),
                "{columns} {table}: {copied}"
            ),
        }
    }
}

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

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_VARBYTE_type.html>: "a variable-length binary value with a fixed limit".
#[tokio::test]
async fn a_varbyte_column_has_a_limit() {
    let world = World::new().await;
    world
        .run(
            "create table t (a varbyte(2) default null encode raw, \"b c\" varbinary(3) not null, c varbyte)",
        )
        .await;
    world.run("alter table t add column d varbyte(1)").await;
    world.run("insert into t values ('ab', 'abc', 'abcd', 'a')").await;
    for (values, most) in [
        ("'abc', 'a', 'a', 'a'", 2),
        ("'a', 'abcd', 'a', 'a'", 3),
        ("'a', 'a', 'a', 'ab'", 1),
    ] {
        let error = world.error(&format!("insert into t values ({values})")).await;
        assert_eq!(
            error,
            format!("ERROR: value too long for type binary varying({most})"),
            "{values}"
        );
    }
    world.run("alter table t rename column a to z").await;
    world.put(
        "k",
        "0102|010203|01020304|01\n010203|01|01|01\n01|01020304|01|01\n01|01|01|0102\n",
    );
    assert_eq!(world.copy("t", "k", "ignoreallerrors").await["ResultRows"], 1);
    world.put("k", format!("01|01|{}|01\n", "00".repeat(64_001)));
    assert_eq!(world.copy("t", "k", "ignoreallerrors").await["ResultRows"], 0);
    let constraints = "select count(*) from pg_constraint where conrelid = 't'::regclass";
    assert_eq!(world.rows(constraints).await, ["0"], "Redshift has no CHECK");
    assert!(world.error("create table u (a varbyte(x))").await.contains("x"));
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

/// The same page: ACCEPTINVCHARS has no exception for JSON.
#[tokio::test]
async fn acceptinvchars_replaces_in_json_too() {
    let world = World::new().await;
    let cases: [Case<'_>; 3] = [
        (
            b"{\"a\":\"x\xE9y\", \"b\": 1}",
            "json 'auto' acceptinvchars",
            &["x?y|1"],
        ),
        (
            b"{\"a\":\"\xE2\x28\xA1\"}",
            "json 'auto ignorecase' acceptinvchars '^'",
            &["^(^|-"],
        ),
        (
            b"[\"\xE9\", 1]",
            "json 's3://b/array.json' acceptinvchars",
            &["?|1"],
        ),
    ];
    world.put("array.json", r#"{"jsonpaths": ["$[0]", "$[1]"]}"#);
    check(&world, "a varchar(9), b int", &cases).await;
    world.put("k", b"{\"a\":\"x\xE9y\"}");
    assert_eq!(world.copy("t", "k", "json 'auto'").await["Status"], "FAILED");
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

/// <https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-conversion.html#copy-encoding>
#[tokio::test]
async fn encodings_are_told_apart_by_option_and_mark() {
    let world = World::new().await;
    world.run("create table t (a varchar(9))").await;
    let little = |text: &str| {
        text.encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<u8>>()
    };
    let big = |text: &str| {
        text.encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect::<Vec<u8>>()
    };
    for (data, options, is_read) in [
        (little("\u{feff}ä\n"), "encoding utf16", true),
        (big("\u{feff}ä\n"), "encoding as utf16", true),
        (little("ä\n"), "encoding utf16", false),
        (little("ä\n"), "encoding utf16le", true),
        (big("ä\n"), "encoding 'utf16be'", true),
        (b"\xE4\n".to_vec(), "encoding iso88591", true),
        ("\u{feff}ä\n".as_bytes().to_vec(), "encoding utf8", true),
    ] {
        world.put("k", data);
        let copied = world.copy("t", "k", options).await;
        if is_read {
            assert_eq!(copied["Status"], "FINISHED", "{options}: {}", copied["Error"]);
            assert_eq!(world.rows("select a from t").await, ["ä"], "{options}");
        } else {
            assert!(
                copied["Error"].as_str().unwrap().contains("byte order mark"),
                "{copied}"
            );
        }
        world.run("truncate t").await;
    }
}
