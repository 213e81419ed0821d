//! The manual's pages of COPY: numbers, dates and times.

use crate::manual::{Case, check};
use crate::support::World;

/// <https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-conversion.html>
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
    let zoned: [Case<'_>; 13] = [
        (
            b"17 Dec 07:37:16 1997 +05:30\n",
            "timeformat 'auto'",
            &["1997-12-17 02:07:16+00"],
        ),
        (
            b"19960108 040809 +05:30\n",
            "timeformat 'auto'",
            &["1996-01-07 22:38:09+00"],
        ),
        (
            b"19960108 040809+05:30\n",
            "timeformat 'auto'",
            &["1996-01-07 22:38:09+00"],
        ),
        (
            b"19960108T040809+05:30\n",
            "timeformat 'auto'",
            &["1996-01-07 22:38:09+00"],
        ),
        (
            b"J2451187 04:05:06 +01:00\n",
            "timeformat 'auto'",
            &["1999-01-08 03:05:06+00"],
        ),
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
        "1/8/9",
        "8 Jan 9",
        "01/08/2012:04:05",
        "08-Jan-2012:04:05",
        "2008021504:05",
        "1/8/209:30",
        "2008021",
        "2008021 04:05",
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
