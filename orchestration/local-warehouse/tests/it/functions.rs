//! The manual's pages of functions, with the examples that need no sample data.

use crate::support::World;

/// An expression, and what the page shows for it (`-` is null).
type Example<'a> = (&'a str, &'a str);

async fn check(examples: &[Example<'_>]) {
    let world = World::new().await;
    let mut wrong = Vec::new();
    for (expression, expected) in examples {
        let described = world.execute(&format!("select {expression}")).await;
        if described["Status"] != "FINISHED" {
            wrong.push(format!("{expression}: {}", described["Error"]));
            continue;
        }
        let rows = world.rows(&format!("select {expression}")).await;
        if rows != [*expected] {
            wrong.push(format!("{expression}: {rows:?} instead of {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_DATEADD_function.html> and `r_ADD_MONTHS.html`
#[tokio::test]
async fn dateadd() {
    check(&[
        ("dateadd(day, 30, '2008-11-01'::date)", "2008-12-01 00:00:00"),
        ("dateadd(month, 18, '2008-02-28')", "2009-08-28 00:00:00"),
        ("dateadd(m, 30, '2008-02-28')", "2008-02-28 00:30:00"),
        ("dateadd(hour, 8, time '13:24:55')", "21:24:55"),
        ("dateadd(hour, 12, time '13:24:55')", "01:24:55"),
        ("dateadd(minute, 5, time '00:00:00.5550')", "00:05:00.555"),
        ("dateadd(hour, 2, timetz '13:24:55 PST')", "23:24:55+00"),
        ("dateadd(minute, 5, timetz '04:00:00+00')", "04:05:00+00"),
        ("add_months('2008-04-30', 1)", "2008-05-31 00:00:00"),
        ("dateadd(month, 1, '2008-04-30')", "2008-05-30 00:00:00"),
        ("dateadd(month, 12, '2016-02-29')", "2017-02-28 00:00:00"),
        ("dateadd(year, 1, '2016-02-29')", "2017-03-01 00:00:00"),
        (
            "dateadd(hour, 1, '2008-02-28 23:30:00+00'::timestamptz)",
            "2008-02-29 00:30:00+00",
        ),
        ("dateadd(day, 1, '2008-02-28'::varchar)", "2008-02-29 00:00:00"),
    ])
    .await;
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_DATEDIFF_function.html>
#[tokio::test]
async fn datediff() {
    check(&[
        ("datediff(week, '2009-01-01', '2009-12-31')", "52"),
        ("datediff(hour, '2023-01-01', '2023-01-03 05:04:03')", "53"),
        (
            "datediff(days, 'Jun 1,2008 09:59:59 EST', 'Jul 4,2008 09:59:59 EST')",
            "33",
        ),
        ("datediff(day, '2009-01-01'::date, '2009-03-23'::date)", "81"),
        ("datediff(day, '2023-01-04'::date, '2024-05-04'::date)", "486"),
        ("datediff(qtr, '1998-07-01', '2008-06-05'::date)", "39"),
        ("datediff(hour, time '20:00:00', time '15:24:45')", "-5"),
        ("datediff(hour, time '00:00:00.5550', time '15:24:45')", "15"),
        ("datediff(minute, time '20:00:00', time '21:00:00')", "60"),
        (
            "datediff(hours, timetz '20:00:00 PST', timetz '05:58:00+00')",
            "1",
        ),
        (
            "datediff(hours, timetz '20:00:00 PST', timetz '00:00:00.5550+00')",
            "-4",
        ),
        (
            "datediff(hours, timetz '20:00:00 PST', timetz '00:58:00 EST')",
            "1",
        ),
        ("datediff(year, '2008-12-31', '2009-01-01')", "1"),
        (
            "datediff(second, '2008-12-31 00:00:00+00'::timestamptz, '2008-12-31 01:00:00+00'::timestamptz)",
            "3600",
        ),
    ])
    .await;
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_DATE_TRUNC.html> and `r_TRUNC_date.html`
#[tokio::test]
async fn times_are_cut() {
    check(&[
        (
            "date_trunc('second', timestamp '20200430 04:05:06.789')",
            "2020-04-30 04:05:06",
        ),
        (
            "date_trunc('minute', timestamp '20200430 04:05:06.789')",
            "2020-04-30 04:05:00",
        ),
        (
            "date_trunc('quarter', timestamp '20200430 04:05:06.789')",
            "2020-04-01 00:00:00",
        ),
        (
            "date_trunc('millennium', timestamp '20200430 04:05:06.789')",
            "2001-01-01 00:00:00",
        ),
        (
            "date_trunc('week', timestamp '20220430 04:05:06.789')",
            "2022-04-25 00:00:00",
        ),
        ("date_trunc('month', '2020-04-30'::date)", "2020-04-01 00:00:00"),
        ("date_trunc('month', '2020-04-30')", "2020-04-01 00:00:00"),
        (
            "date_trunc('hour', '2020-04-30 04:05:06+00'::timestamptz)",
            "2020-04-30 04:00:00+00",
        ),
        ("trunc('2008-01-25 14:00:00'::timestamp)", "2008-01-25"),
        ("trunc(sysdate) = trunc(getdate())", "true"),
        ("trunc(sysdate) - 120 < trunc(sysdate)", "true"),
        ("trunc(1.259, 1)", "1.2"),
        ("len(getdate()::varchar)", "19"),
    ])
    .await;
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_GETDATE.html> and `r_SYSDATE.html`
#[tokio::test]
async fn getdate_moves_on_within_a_transaction_and_sysdate_does_not() {
    let world = World::new().await;
    world
        .run("create table times (statement timestamp, transaction_start timestamp)")
        .await;
    let note = "insert into times values (getdate(), sysdate)";
    let batch = world.batch(&[note, "select pg_sleep(1)", note]).await;
    assert_eq!(batch["Status"], "FINISHED", "{batch}");
    let times = "select count(distinct statement), count(distinct transaction_start) from times";
    assert_eq!(world.rows(times).await, ["2|1"]);
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/CONVERT_TIMEZONE.html>
#[tokio::test]
async fn convert_timezone() {
    check(&[
        (
            "convert_timezone('PST', '2008-08-24 09:36:12'::timestamp)",
            "2008-08-24 01:36:12",
        ),
        (
            "convert_timezone('US/Pacific', '2008-08-24 09:36:12'::timestamp)",
            "2008-08-24 02:36:12",
        ),
        (
            "convert_timezone('EST', 'PST', '20080305 12:25:29')",
            "2008-03-05 09:25:29",
        ),
        (
            "convert_timezone('America/New_York', '2013-02-01 08:00:00')",
            "2013-02-01 03:00:00",
        ),
        (
            "convert_timezone('America/New_York', '2013-06-01 08:00:00')",
            "2013-06-01 04:00:00",
        ),
        (
            "convert_timezone('GMT', 'NEWZONE +2', '2014-05-17 12:00:00')",
            "2014-05-17 10:00:00",
        ),
        (
            "convert_timezone('GMT', 'NEWZONE-2:15', '2014-05-17 12:00:00')",
            "2014-05-17 14:15:00",
        ),
        (
            "convert_timezone('GMT', 'America/Los_Angeles+2', '2014-05-17 12:00:00')",
            "2014-05-17 10:00:00",
        ),
        (
            "convert_timezone('GMT', 'GMT+2', '2014-05-17 12:00:00')",
            "2014-05-17 10:00:00",
        ),
    ])
    .await;
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_TO_DATE_function.html>
#[tokio::test]
async fn to_date() {
    check(&[
        ("to_date('02 Oct 2001', 'DD Mon YYYY')", "2001-10-02"),
        ("to_date('20010631', 'YYYYMMDD', false)", "2001-07-01"),
        ("to_date('20010630', 'YYYYMMDD', true)", "2001-06-30"),
    ])
    .await;
    let world = World::new().await;
    let error = world.error("select to_date('20010631', 'YYYYMMDD', true)").await;
    assert!(error.contains("date/time field value out of range"), "{error}");
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_AVG.html> and `r_Numeric_types201.html`
#[tokio::test]
async fn numbers() {
    let world = World::new().await;
    world
        .run("create table n (i int, s smallint, b bigint, f float8, r real, d decimal(5, 2))")
        .await;
    world
        .run("insert into n values (1, 1, 9223372036854775807, 1, 1, 1.75), (2, 2, 9223372036854775806, 2, 2, 1.76), (null, null, null, null, null, null)")
        .await;
    world.run("create table d (a decimal, b numeric not null)").await;
    world.run("insert into d values (1.5, 2.345)").await;
    // COPY cuts without ROUNDEC, by its own page.
    world.put("d", "1.7,1\n");
    let copied = world.copy("d", "d", "csv").await;
    assert_eq!(copied["Status"], "FINISHED", "{copied}");
    for (query, expected) in [
        (
            "select avg(i), avg(s), avg(b) from n",
            &["1|1|9223372036854775806"][..],
        ),
        (
            "select avg(-i), avg(distinct i), avg(f), avg(r) from n",
            &["-1|1|1.5|1.5"],
        ),
        ("select avg(i) over (partition by 1) from n where i = 2", &["2"]),
        ("select avg(i), avg(b), avg(d) from n where i > 2", &["-|-|-"]),
        ("select avg(d) = 1.755 from n", &["true"]),
        ("select a, b from d order by b", &["1|1", "2|2"]),
        (
            "select 1.5::decimal, cast(2.5 as numeric), try_cast('1.4' as dec)",
            &["2|3|1"],
        ),
        ("select 1.25::decimal(5, 1)", &["1.3"]),
    ] {
        assert_eq!(world.rows(query).await, expected, "{query}");
    }
    for (sql, refusal) in [
        (
            "create table w (a decimal(39, 2))",
            "NUMERIC precision 39 must be between 1 and 38",
        ),
        (
            "select 1::numeric(40)",
            "NUMERIC precision 40 must be between 1 and 38",
        ),
        (
            "create table w (a char(5000))",
            "length for type character cannot exceed 4096",
        ),
    ] {
        let error = world.error(sql).await;
        assert!(error.contains(refusal), "{sql}: {error}");
    }
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_CONCAT.html>
#[tokio::test]
async fn concat() {
    check(&[
        ("concat('December 25, ', '2008')", "December 25, 2008"),
        ("concat('a', null)", "-"),
        ("concat(null::varchar, 'a')", "-"),
        ("concat('a'::varchar, 1)", "a1"),
    ])
    .await;
    let world = World::new().await;
    let error = world.error("select concat('a', 'b', 'c')").await;
    assert!(error.contains("CONCAT takes two expressions, not 3"), "{error}");
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_LEN.html>, `r_STRTOL.html`, `r_MD5.html`
#[tokio::test]
async fn text() {
    check(&[
        ("octet_length('français'), len('français')", "9|8"),
        ("len('cat'), len('cat   ')", "3|6"),
        ("len('ab'::char(5))", "2"),
        ("len('aaa'::varbyte)", "3"),
        ("strtol('0xf', 16)", "15"),
        ("strtol('abcd1234', 16)", "2882343476"),
        ("strtol('1234567', 10)", "1234567"),
        ("strtol('1234567', 8)", "342391"),
        ("strtol('110101', 2)", "53"),
        ("strtol('0', 2)", "0"),
        ("md5('Amazon Redshift')", "f7415e33f972c03abd4f3fed36748f7a"),
        (
            "'Caldwell'::varchar + ' ' + 'Acevedo'::varchar",
            "Caldwell Acevedo",
        ),
    ])
    .await;
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_NVL_function.html>, `r_NVL2.html`, `r_DECODE_expression.html`, `r_TRY_CAST.html`
#[tokio::test]
async fn choices() {
    check(&[
        ("coalesce(null, 12, null)", "12"),
        ("coalesce(null, 'Amazon Redshift', null)", "Amazon Redshift"),
        ("nvl(null, 'Amazon Redshift', null)", "Amazon Redshift"),
        ("nvl(null::date, '2008-12-31')", "2008-12-31"),
        ("nvl(sum(a), 0.0) from (select 1 as a where false) as none", "0.0"),
        (
            "nvl2('a@b'::varchar, 'a@b'::varchar, '(906) 632-4407'::varchar)",
            "a@b",
        ),
        ("nvl2(null::varchar, 'a@b', '(906) 632-4407')", "(906) 632-4407"),
        (
            "decode('2008-06-01'::date, '2008-06-01', 'June 1st, 2008')",
            "June 1st, 2008",
        ),
        (
            "decode('MLB', 'NHL', 'National Hockey League', 'MLB', 'Major League Baseball', 'Unknown')",
            "Major League Baseball",
        ),
        (
            "decode('x', 'NHL', 'National Hockey League', 'MLB', 'Major League Baseball', 'Unknown')",
            "Unknown",
        ),
        ("decode(null::int, null, 0, 1)", "0"),
        ("decode(7, null, 0, 1)", "1"),
        ("try_cast('123' as int)", "123"),
        ("try_cast('foo' as int)", "-"),
        ("try_cast('3.14' as decimal(4, 1))", "3.1"),
        ("try_cast('2024-02-30' as date)", "-"),
    ])
    .await;
    let world = World::new().await;
    let error = world.error("select coalesce(null, 'Amazon Redshift', 12)").await;
    assert!(error.contains("invalid input syntax"), "{error}");
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/JSON_PARSE.html>, `CAN_JSON_PARSE.html`, `JSON_SERIALIZE.html`, `query-super.html`
#[tokio::test]
async fn super_values() {
    check(&[
        ("json_parse('[10001,10002,\"abc\"]')", "[10001,10002,\"abc\"]"),
        ("json_typeof(json_parse('[10001,10002,\"abc\"]'))", "array"),
        ("json_serialize(json_parse('{\"a\":1}'))", "{\"a\":1}"),
        ("can_json_parse('[10001,10002,\"abc\"]')", "true"),
        ("can_json_parse('[10001')", "false"),
        ("can_json_parse('\"' || chr(92) || 'u0000\"')", "false"),
        ("can_json_parse('[1e999999]')", "false"),
    ])
    .await;
    let world = World::new().await;
    world.run("create table t (id int, s super)").await;
    world
        .run("insert into t values (1, json_parse('{\"name\": \"a b\", \"parts\": [{\"n\": 1}, {\"n\": 2}]}'))")
        .await;
    for (query, expected) in [
        ("select s['parts'][1]['n']::int from t", "2"),
        (
            "select s from t",
            "{\"name\":\"a b\",\"parts\":[{\"n\":1},{\"n\":2}]}",
        ),
        ("select get_array_length(s['parts']) from t", "2"),
        (
            "select json_extract_path_text(json_serialize(s), 'name') from t",
            "a b",
        ),
        ("select '[1]'::super", "[1]"),
        ("select s['name']::varchar from t", "a b"),
        ("select cast(s['name'] as varchar(1)) from t", "a"),
        (
            "select len(s['name']::text) from t where s['name']::varchar = 'a b'",
            "3",
        ),
        ("select s['parts'][0]['n']::varchar from t", "1"),
        ("select s['parts']::varchar from t", "-"),
        ("select s['nothing']::varchar from t", "-"),
    ] {
        assert_eq!(world.rows(query).await, [expected], "{query}");
    }
    for field in ["s.name", "t.s.name", "s['parts'][0].n", "s.parts[0].n"] {
        let navigation = world.error(&format!("select {field} from t")).await;
        assert!(
            navigation.contains("SUPER value (value.field) is not supported by the local warehouse"),
            "{navigation}"
        );
    }
}
