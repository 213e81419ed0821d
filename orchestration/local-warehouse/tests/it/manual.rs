//! The manual's pages of COPY, a case for each sentence that can be tried.
//!
//! Each table of cases names its page; a case is the data, the options, and the rows or the errors that the page promises.

use crate::support::World;

/// Data, options, and the rows that `select *` gives then (`-` is null, and blanks at the end of a value are not shown).
pub(crate) type Case<'a> = (&'a [u8], &'a str, &'a [&'a str]);

/// Loads each case into a new table of these columns.
pub(crate) async fn check(world: &World, columns: &str, cases: &[Case<'_>]) {
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
    let cases: [Case<'_>; 16] = [
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
        (b"a|~|b\n", "csv delimiter '|~|'", &["a|b"]),
        (
            b"\"a\n|~|\" |~| \"\"\"b\"\"\"\r\n",
            "csv delimiter '|~|'",
            &["a\n|~||\"b\""],
        ),
        (b"a|~~|b|~|\n", "csv delimiter '|~|'", &["a|~~|b|"]),
        (b"%a,%, %b%\n", "csv quote '%' delimiter ', '", &["a,|b"]),
        (
            b"'a|~|'|~|\"b\nc\"\n",
            "delimiter '|~|' removequotes",
            &["a|~||b\nc"],
        ),
        (
            b"'a'|~'|~|b'|~|\r\n",
            "delimiter '|~|' removequotes",
            &["a'|~|b'"],
        ),
        (
            b"'a\\'|~|'|~|\\|~|\n",
            "delimiter '|~|' removequotes escape",
            &["a'|~|||~|"],
        ),
        (b"'\\N'|~|\\N\n", "delimiter '|~|' removequotes", &["\\N|-"]),
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
    world.run("insert into t values (null, 'a', null, null)").await;
    world.run("delete from t where a is null").await;
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

    // A key has a CHECK of its own.
    world.run("create table k (a varbyte(2) primary key)").await;
    world.put("p", "010203\n0102\n");
    assert_eq!(world.copy("k", "p", "ignoreallerrors").await["ResultRows"], 1);
}

/// `r_CREATE_TABLE_NEW.html` of LIKE, and `r_CREATE_TABLE_AS.html`: the new table has the types of the old one.
#[tokio::test]
async fn a_varbyte_column_keeps_its_limit_in_another_table() {
    let world = World::new().await;
    world
        .run("create table t (a varbyte(2), \"b c\" varbyte(3) default null, c varbyte, k int)")
        .await;
    world.run("insert into t values ('ab', 'abc', 'abcd', 1)").await;
    for (sql, limits) in [
        ("create table u (k2 int, like t)", [Some(2), Some(3)]),
        ("create table u (like t including defaults)", [Some(2), Some(3)]),
        ("create table u as select * from t", [Some(2), Some(3)]),
        (
            "create table u as (select a, k, x.\"b c\" from t as x union all select a, k, \"b c\" from t)",
            [None, None],
        ),
        (
            "create table u (k, \"b c\", a) diststyle even as select k, \"b c\", a from t",
            [Some(2), Some(3)],
        ),
        (
            "create table u as with w as (select * from t) select a, \"b c\" from w",
            [Some(2), Some(3)],
        ),
        (
            "create table if not exists u as select k, a, a || a as \"b c\" from t",
            [Some(2), None],
        ),
    ] {
        world.run("drop table if exists u").await;
        world.run(sql).await;
        for (column, limit) in ["a", "\"b c\""].into_iter().zip(limits) {
            let insert = format!("insert into u ({column}) values ('abcdef')");
            match limit {
                Some(most) => assert_eq!(
                    world.error(&insert).await,
                    format!("ERROR: value too long for type binary varying({most})"),
                    "{sql}"
                ),
                None => {
                    world.run(&insert).await;
                }
            }
        }
    }
}

/// `copy-parameters-data-conversion.html`: ACCEPTINVCHARS has no exception for JSON.
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
