//! Values that are just within a type, just without it, or made to be refused by PostgreSQL instead of by us.
//!
//! <https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-load.html>: MAXERROR and IGNOREALLERRORS count rows, so each value either
//! loads or is an error of its row.

use crate::support::World;

/// A value, and the text that its column has then or the number of its error (`r_Load_Error_Reference.html`).
type Case<'a> = (&'a [u8], Result<&'a str, i32>);

/// What a value stands between, the options for that, and what it is there.
type Form<'a> = (&'a str, &'a str, &'a str, fn(&[u8]) -> Vec<u8>);

const TEXT_FORMS: [Form<'_>; 2] = [
    ("%|", "|2\n", "", <[u8]>::to_vec),
    ("%,\"", "\",2\n", "csv", in_csv),
];
const JSON_FORM: Form<'_> = ("{\"id\":%,\"a\":", ",\"z\":2}\n", "json 'auto'", in_json);

fn in_csv(value: &[u8]) -> Vec<u8> {
    let doubled = value.iter().flat_map(|byte| match byte {
        b'"' => b"\"\"".to_vec(),
        byte => vec![*byte],
    });
    doubled.collect()
}

fn in_json(value: &[u8]) -> Vec<u8> {
    serde_json::Value::from(String::from_utf8_lossy(value))
        .to_string()
        .into_bytes()
}

/// Loads the values, each as a row of its own, in each form, into a table that is filled in PostgreSQL's binary format and one that is not.
async fn check(world: &World, kind: &str, forms: &[Form<'_>], cases: &[Case<'_>]) {
    let text = if kind == "super" {
        "json_serialize(a)"
    } else {
        "a::text"
    };
    for last in ["int", "real"] {
        world.run("drop table if exists t").await;
        world
            .run(&format!("create table t (id int, a {kind}, z {last})"))
            .await;
        for (before, after, options, written) in forms {
            let line = |(id, (value, _)): (usize, &Case<'_>)| {
                let before = before.replace('%', &id.to_string());
                [before.as_bytes(), &written(value), after.as_bytes()].concat()
            };
            world.put("k", cases.iter().enumerate().flat_map(line).collect::<Vec<u8>>());
            let copied = world.copy("t", "k", &format!("ignoreallerrors {options}")).await;
            assert_eq!(
                copied["Status"], "FINISHED",
                "{kind} {options}: {}",
                copied["Error"]
            );
            let errors = format!(
                "select line_number - 1, err_code from stl_load_errors where query = {} order by 1",
                copied["RedshiftQueryId"]
            );
            assert_eq!(
                (
                    world
                        .rows(&format!("select id, left({text}, 60) from t order by 1"))
                        .await,
                    world.rows(&errors).await
                ),
                expected(cases),
                "{kind} {options}"
            );
            world.run("truncate t").await;
        }
    }
}

/// The rows and the errors, each after the number of its value.
fn expected(cases: &[Case<'_>]) -> (Vec<String>, Vec<String>) {
    let (mut rows, mut errors) = (Vec::new(), Vec::new());
    for (id, (_, outcome)) in cases.iter().enumerate() {
        match outcome {
            Ok(text) => rows.push(format!("{id}|{text}")),
            Err(code) => errors.push(format!("{id}|{code}")),
        }
    }
    (rows, errors)
}

/// In every form.
async fn check_everywhere(world: &World, kind: &str, cases: &[Case<'_>]) {
    check(world, kind, &[TEXT_FORMS[0], TEXT_FORMS[1], JSON_FORM], cases).await;
}

#[tokio::test]
async fn numbers() {
    let world = World::new().await;
    let no_number: [Case<'_>; 12] = [
        (b"-", Err(1207)),
        (b"+-1", Err(1207)),
        (b"1_000", Err(1207)),
        (b"0x10", Err(1207)),
        (b"1e3", Err(1207)),
        (b"1 2", Err(1207)),
        (b"NaN", Err(1207)),
        (b"-infinity", Err(1207)),
        ("\u{663}".as_bytes(), Err(1207)),
        (b"1\0", Err(1207)),
        (b"null", Err(1207)),
        (b"t", Err(1207)),
    ];
    for (kind, digits) in [
        ("smallint", 4),
        ("int", 9),
        ("bigint", 18),
        ("decimal(18, 0)", 18),
    ] {
        check_everywhere(&world, kind, &no_number).await;
        let most = "9".repeat(digits);
        check_everywhere(
            &world,
            kind,
            &[
                (b"-0", Ok("0")),
                (b"+1", Ok("1")),
                (b" 7\t", Ok("7")),
                (most.as_bytes(), Ok(&most)),
                ("0".repeat(300).as_bytes(), Ok("0")),
            ],
        )
        .await;
    }
    let many = "9".repeat(5000);
    for (kind, most, over, code) in [
        ("smallint", "32767", "32768", 1222),
        ("smallint", "-32768", "-32769", 1222),
        ("int", "2147483647", "2147483648", 1222),
        ("int", "-2147483648", "-2147483649", 1222),
        ("bigint", "9223372036854775807", "9223372036854775808", 1222),
        ("bigint", "-9223372036854775808", "-9223372036854775809", 1222),
        ("decimal(3, 0)", "-999.9", "1000", 1204),
        ("decimal(3, 3)", "0.999", "1", 1204),
    ] {
        let stored = most.trim_end_matches(".9");
        check_everywhere(
            &world,
            kind,
            &[
                (most.as_bytes(), Ok(stored)),
                (over.as_bytes(), Err(code)),
                (many.as_bytes(), Err(code)),
            ],
        )
        .await;
    }
    let nines = "9".repeat(38);
    let small = format!("0.{}1", "0".repeat(37));
    let fine = format!("0.{}1", "0".repeat(20_000));
    let over = format!("1{}", "0".repeat(38));
    check_everywhere(
        &world,
        "decimal(38, 0)",
        &[
            (nines.as_bytes(), Ok(&nines)),
            (over.as_bytes(), Err(1204)),
            (fine.as_bytes(), Ok("0")),
        ],
    )
    .await;
    check_everywhere(
        &world,
        "decimal(38, 38)",
        &[
            (small.as_bytes(), Ok(&small)),
            (b"1", Err(1204)),
            (b".", Err(1207)),
        ],
    )
    .await;
}

#[tokio::test]
async fn floats_and_truth_values() {
    let world = World::new().await;
    let many = "9".repeat(5000);
    for kind in ["real", "float8"] {
        check_everywhere(
            &world,
            kind,
            &[
                (b"-0", Ok("-0")),
                (b"1e3", Ok("1000")),
                (b".5", Ok("0.5")),
                (b"5.", Ok("5")),
                (b"Infinity", Ok("Infinity")),
                (b"-inf", Ok("-Infinity")),
                (b"nan", Ok("NaN")),
                (b"1e400", Err(1204)),
                (b"-1e400", Err(1204)),
                (b"1e-400", Err(1204)),
                (many.as_bytes(), Err(1204)),
                (b"1e", Err(1208)),
                (b".", Err(1208)),
                (b"0x10", Err(1208)),
                (b"1_0", Err(1208)),
                (b"1\0", Err(1208)),
                (b"infinit", Err(1208)),
            ],
        )
        .await;
    }
    check_everywhere(
        &world,
        "boolean",
        &[
            (b"TRUE", Ok("true")),
            (b" n ", Ok("false")),
            (b"0", Ok("false")),
            (b"on", Err(1210)),
            (b"2", Err(1210)),
            (b"tr", Err(1210)),
            (b"t\0", Err(1210)),
        ],
    )
    .await;
}

#[tokio::test]
async fn texts_and_bytes() {
    let world = World::new().await;
    let long = "a".repeat(70_000);
    let code_points = "\u{1}\u{7f}\u{feff}\u{fdd0}\u{10ffff}";
    check_everywhere(
        &world,
        "varchar(20)",
        &[
            (code_points.as_bytes(), Ok(code_points)),
            (br"\x00", Ok(r"\x00")),
            (br"\.", Ok(r"\.")),
            (b"\0", Err(1220)),
            (b"a\0b", Err(1220)),
            (long.as_bytes(), Err(1204)),
        ],
    )
    .await;
    check_everywhere(
        &world,
        "char(20)",
        &[
            (b"\x01\x7f", Ok("\u{1}\u{7f}")),
            (br"\.", Ok(r"\.")),
            (b"a\0b", Err(1220)),
            ("ä".as_bytes(), Err(1220)),
            (long.as_bytes(), Err(1204)),
        ],
    )
    .await;
    // No bytes that JSON itself could not have.
    for kind in ["varchar(20)", "char(20)", "super"] {
        check(
            &world,
            kind,
            &TEXT_FORMS,
            &[
                (b"\xff", Err(1220)),
                (b"\xed\xa0\x80", Err(1220)),
                (b"\xf4\x90\x80\x80", Err(1220)),
                (b"a\xc3", Err(1220)),
            ],
        )
        .await;
    }
    check_everywhere(
        &world,
        "varbyte(3)",
        &[
            (b"00fF7a", Ok("\\x00ff7a")),
            (b"0", Err(1223)),
            (b"0G", Err(1223)),
            (br"\x00", Err(1223)),
            (b"00\0", Err(1223)),
            (b"00000000", Err(1204)),
            (long.as_bytes(), Err(1204)),
        ],
    )
    .await;
}

#[tokio::test]
async fn dates_and_times() {
    let world = World::new().await;
    let words: [Case<'_>; 6] = [
        (b"infinity  ", Err(1205)),
        (b"-infinity ", Err(1205)),
        (b"today     ", Err(1205)),
        (b"10000-01-01", Err(1205)),
        (b"0000-01-01", Err(1205)),
        (b"-0001-01-01", Err(1205)),
    ];
    check_everywhere(&world, "date", &words).await;
    check_everywhere(
        &world,
        "date",
        &[
            (b"0001-01-01", Ok("0001-01-01")),
            (b"9999-12-31", Ok("9999-12-31")),
            (b"2015-10-15 23:59:60", Ok("2015-10-15")),
            (b"2015-10-15T01:02:03.5Z", Ok("2015-10-15")),
            (b"2015-02-29", Err(1205)),
            (b"4713-01-01 BC", Err(1205)),
            (b"2015-10-15 soon", Err(1205)),
            (b"2015-10-15\0", Err(1205)),
        ],
    )
    .await;
    let moments: [Case<'_>; 9] = [
        (b"infinity", Err(1206)),
        (b"now", Err(1206)),
        (b"epoch", Err(1206)),
        (b"10000-01-01 00:00:00", Err(1206)),
        (b"0000-01-01 00:00:00", Err(1206)),
        (b"4713-01-01 00:00:00 BC", Err(1206)),
        (b"2015-10-15 24:00:00", Err(1206)),
        (b"2016-12-31 23:59:60", Err(1206)),
        (b"2015-10-15 04:05:06\0", Err(1206)),
    ];
    check_everywhere(&world, "timestamp", &moments).await;
    check_everywhere(&world, "timestamptz", &moments).await;
    check_everywhere(
        &world,
        "timestamp",
        &[
            (b"0001-01-01", Ok("0001-01-01 00:00:00")),
            (b"9999-12-31 23:59:59.9999999", Ok("9999-12-31 23:59:59.999999")),
            (b"2015-10-15 2:03:04", Ok("2015-10-15 02:03:04")),
        ],
    )
    .await;
    check_everywhere(
        &world,
        "timestamptz",
        &[
            (b"0001-01-01 00:00:00+15:59", Ok("0001-12-31 08:01:00+00 BC")),
            (
                b"9999-12-31 23:59:59.999999-15:59",
                Ok("10000-01-01 15:58:59.999999+00"),
            ),
            (b"2015-10-15 04:05:06+16", Err(1206)),
            (b"2015-10-15 04:05:06+15:59:59", Err(1206)),
        ],
    )
    .await;
    let times: [Case<'_>; 11] = [
        (b"24:00:00", Err(1206)),
        (b"23:59:60", Err(1206)),
        (b"1:60", Err(1206)),
        (b"allballs", Err(1206)),
        (b"0405061", Err(1206)),
        (b"12345", Err(1206)),
        (b"12345.5", Err(1206)),
        (b"246060", Err(1206)),
        (b"13:00 PM", Err(1206)),
        (b"04:05:06\0", Err(1206)),
        (b"-04:05", Err(1206)),
    ];
    check_everywhere(&world, "time", &times).await;
    check_everywhere(&world, "timetz", &times).await;
    check_everywhere(
        &world,
        "time",
        &[
            (b" 4:5 ", Ok("04:05:00")),
            (b"12:05 am", Ok("00:05:00")),
            (b"23:59:59.9999999", Ok("23:59:59.999999")),
            (b"04:05:06.", Ok("04:05:06")),
        ],
    )
    .await;
    check_everywhere(
        &world,
        "timetz",
        &[
            (b"23:59:59.9999999-15:59", Ok("23:59:59.999999-15:59")),
            (b"04:05:06+1", Ok("04:05:06+01")),
            (b"04:05:06 PM Z", Ok("16:05:06+00")),
            (b"04:05:06+16", Err(1206)),
        ],
    )
    .await;
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/limitations-super.html>: at most 1,000 levels; a value is within its Redshift type.
#[tokio::test]
async fn json() {
    let world = World::new().await;
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let (deep, too_deep, endless) = (nested(1000), nested(1001), nested(100_000));
    let shown = "[".repeat(60);
    let (many, fine) = ("9".repeat(5000), format!("[0.1{}]", "0".repeat(20_000)));
    let cases: [Case<'_>; 31] = [
        (br#""\ud83d\ude00""#, Ok("\"\u{1f600}\"")),
        (br#""\\ud800\\u0000""#, Ok(r#""\\ud800\\u0000""#)),
        (br#"{"a":1,"a":2}"#, Ok(r#"{"a":2}"#)),
        (b"[-0, 0e5, 1.50]", Ok("[0,0,1.50]")),
        (b"99999999999999999999", Ok("99999999999999999999")),
        (b"nul", Ok("\"nul\"")),
        (deep.as_bytes(), Ok(&shown)),
        (br#""\u0000""#, Err(1220)),
        (br#"{"a":[{"\u0000":1}]}"#, Err(1220)),
        (b"a\0b", Err(1220)),
        (br#""\ud800""#, Err(1220)),
        (br#""\uD800\n""#, Err(1220)),
        (br#""\ud800\ud800""#, Err(1220)),
        (br#"{"\udc00":1}"#, Err(1220)),
        (br#"["\\\udbff"]"#, Err(1220)),
        (br#"["\uZZZZ"]"#, Err(1224)),
        (b"[1,2", Err(1224)),
        (b"[1]x", Err(1224)),
        (b"[01]", Err(1224)),
        (b"[\"a\tb\"]", Err(1224)),
        (too_deep.as_bytes(), Err(1224)),
        (endless.as_bytes(), Err(1224)),
        (b"[1e400]", Err(1204)),
        (b"{\"a\":-1e131072}", Err(1204)),
        (b"[1e99999999999999999999]", Err(1204)),
        (b"[1e-16384]", Err(1204)),
        (b"[0e-20000]", Err(1204)),
        (b"[0e2000000000]", Err(1204)),
        (b"[-0.0E1073741823]", Err(1204)),
        (many.as_bytes(), Err(1204)),
        (fine.as_bytes(), Err(1204)),
    ];
    check(&world, "super", &TEXT_FORMS, &cases).await;
    let as_it_is: Form<'_> = ("{\"id\":%,\"a\":", ",\"z\":2}\n", "json 'auto'", <[u8]>::to_vec);
    let by_path: Form<'_> = ("[%,", ",2]\n", "json 's3://b/paths'", <[u8]>::to_vec);
    world.put("paths", r#"{"jsonpaths": ["$[0]", "$[1]", "$[2]"]}"#);
    let is_well_formed =
        |(value, outcome): &&Case<'_>| *outcome != Err(1224) && value[0] != b'a' && value[0] != b'n';
    let well_formed: Vec<Case<'_>> = cases.iter().filter(is_well_formed).copied().collect();
    check(&world, "super", &[as_it_is, by_path], &well_formed).await;
}

/// A query gives a column the name of the type that is a domain here; the limits are the same.
#[tokio::test]
async fn columns_of_a_query_have_the_same_limits() {
    let world = World::new().await;
    world.run("create table t as select json_parse('1') as a").await;
    world.put("k", "\"\\u0000\"\n[1]\n");
    let copied = world.copy("t", "k", "ignoreallerrors").await;
    assert_eq!(copied["ResultRows"], 1, "{}", copied["Error"]);
    world
        .run("create table u as select cast('ab' as varbyte) as a")
        .await;
    world.put("k", "0g\n6162\n");
    let copied = world.copy("u", "k", "ignoreallerrors").await;
    assert_eq!(copied["ResultRows"], 1, "{}", copied["Error"]);
    assert_eq!(world.rows("select count(distinct a) from u").await, ["1"]);
}

/// What PostgreSQL alone would judge would fail the COPY with PostgreSQL's error, or be taken where Redshift does not.
#[tokio::test]
async fn a_column_whose_values_nobody_checks_is_refused_by_name() {
    let world = World::new().await;
    world
        .run("create table t (a int, b interval day to second)")
        .await;
    world.put("k", "1\n");
    let copied = world.copy("t", "k", "").await;
    assert_eq!(
        copied["Error"],
        "ERROR: COPY into column \"b\" of type INTERVAL is not supported by the local warehouse"
    );
    assert_eq!(world.copy("t (a)", "k", "").await["ResultRows"], 1);
}

/// An error is kept as a text too: a NUL in what it quotes must not keep a statement from ending.
#[tokio::test]
async fn a_nul_in_an_error_is_no_hindrance() {
    let world = World::new().await;
    world.run("create table t (a int)").await;
    world.put(
        "manifest",
        r#"{"entries": [{"url": "s3://b/a\u0000b", "mandatory": true}]}"#,
    );
    world.put("bad", r#"{"entries": [{"url": "ftp\u0000://b/a"}]}"#);
    world.put("paths", r#"{"jsonpaths": ["\u0000"]}"#);
    world.put("k", "1\n");
    for (source, options) in [
        (r"a\000b", ""),
        (r"k", r"json 's3://b/\000'"),
        (r"k", r"json 'no\000'"),
        ("k", "json 's3://b/paths'"),
        ("k", r"dateformat '\000'"),
        ("manifest", "manifest"),
        ("bad", "manifest"),
        (r"k", r"fixedwidth '\000'"),
    ] {
        let copied = tokio::time::timeout(
            std::time::Duration::from_secs(20),
            world.copy("t", source, options),
        );
        let copied = copied
            .await
            .unwrap_or_else(|_| panic!("{source} {options} does not end"));
        assert_eq!(copied["Status"], "FAILED", "{source} {options}: {copied}");
        assert!(
            copied["Error"].as_str().unwrap().len() > 20,
            "{source} {options}: {copied}"
        );
    }
}
