//! Dates and times of a file, by pattern, by guess, or since 1970.

use std::borrow::Cow;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, Utc};

use super::automatic::{recognize, zone_offset};
use super::iso;
use super::report::RowError;
use super::statement::TimeFormat;
use super::time_scan::{Moment, Scan};

const DATE: &str = "YYYY-MM-DD";
const TIMESTAMP: &str = "YYYY-MM-DD HH24:MI:SS";

/// Forms that `'auto'` knows: <https://docs.aws.amazon.com/redshift/latest/dg/automatic-recognition.html>.
const KNOWN_DATES: [&str; 17] = [
    "YYYY-MM-DD",
    "YYYYMMDD",
    "MON DD, YYYY",
    "MON-DD-YYYY",
    "DD-MON-YYYY",
    "DD MON YYYY",
    "YYYY-MON-DD",
    "MM/DD/YYYY",
    "MM-DD-YYYY",
    "MM.DD.YYYY",
    "YYYY/MM/DD",
    "YYYY.MM.DD",
    "MM/DD/YY",
    "MM-DD-YY",
    "MM.DD.YY",
    "MON-DD-YY",
    "DD-MON-YY",
];

const BETWEEN_DATE_AND_TIME: [char; 3] = [' ', 'T', ','];

/// A DATE as PostgreSQL reads it in any setting.
pub(super) fn convert_date<'a>(bytes: &'a [u8], format: &TimeFormat) -> Result<Cow<'a, [u8]>, RowError> {
    if takes_iso_date(format) && iso::date(bytes).is_some() {
        return Ok(Cow::Borrowed(bytes));
    }
    parse_date(bytes, format).map(|text| Cow::Owned(text.into_bytes()))
}

/// A TIMESTAMP, or with its zone a TIMESTAMPTZ, as PostgreSQL reads it in any setting.
pub(super) fn convert_timestamp<'a>(
    bytes: &'a [u8],
    format: &TimeFormat,
    with_zone: bool,
) -> Result<Cow<'a, [u8]>, RowError> {
    if takes_iso_timestamp(format) && iso::timestamp(bytes).is_some() {
        return Ok(Cow::Borrowed(bytes));
    }
    parse_timestamp(bytes, format, with_zone).map(|text| Cow::Owned(text.into_bytes()))
}

/// Whether `YYYY-MM-DD` is what it says under a DATEFORMAT.
pub(super) fn takes_iso_date(format: &TimeFormat) -> bool {
    match format {
        TimeFormat::Default | TimeFormat::Auto => true,
        TimeFormat::Pattern(pattern) => pattern == DATE,
        TimeFormat::EpochSeconds | TimeFormat::EpochMilliseconds => false,
    }
}

/// Whether `YYYY-MM-DD HH:MI:SS` is what it says under a TIMEFORMAT.
pub(super) fn takes_iso_timestamp(format: &TimeFormat) -> bool {
    matches!(format, TimeFormat::Default | TimeFormat::Auto)
}

/// A TIME, or with its zone a TIMETZ; what is less than a microsecond is cut off, which PostgreSQL would round.
pub(super) fn convert_time(bytes: &[u8], with_zone: bool) -> Result<Cow<'_, [u8]>, RowError> {
    if iso::is_time(bytes) {
        return Ok(Cow::Borrowed(bytes));
    }
    let text = trimmed(bytes);
    let mut scan = Scan::new(text);
    let is_read = if text.contains(':') {
        scan.time()
    } else {
        scan.compact_time()
    };
    let moment = is_read.and_then(|()| scan.moment());
    let Some(moment) = moment.filter(|moment| with_zone || moment.offset.is_none()) else {
        let name = if with_zone { "HH:MI:SSOF" } else { "HH:MI:SS" };
        return Err(RowError::new(
            1206,
            format!("Invalid time format or value [{name}]"),
        ));
    };
    let time = moment.local.format("%H:%M:%S%.f");
    let zone = moment.offset.map(|offset| offset.to_string()).unwrap_or_default();
    Ok(Cow::Owned(format!("{time}{zone}").into_bytes()))
}

fn parse_date(bytes: &[u8], format: &TimeFormat) -> Result<String, RowError> {
    let text = trimmed(bytes);
    let found = match format {
        TimeFormat::Default => default_date(text)?,
        TimeFormat::Auto => guess(text).map(|moment| moment.local.date()),
        TimeFormat::Pattern(pattern) => parse(text, pattern).map(|moment| moment.local.date()),
        TimeFormat::EpochSeconds | TimeFormat::EpochMilliseconds => None,
    };
    let name = if let TimeFormat::Pattern(pattern) = format {
        pattern
    } else {
        DATE
    };
    let date = found.ok_or_else(|| RowError::new(1205, format!("Invalid date format or value [{name}]")))?;
    Ok(written(date, ""))
}

/// As PostgreSQL reads it in any setting, with what comes between the day and the era.
fn written(date: NaiveDate, time: &str) -> String {
    let (is_common_era, year) = date.year_ce();
    let era = if is_common_era { "" } else { " BC" };
    format!("{year:04}-{:02}-{:02}{time}{era}", date.month(), date.day())
}

fn parse_timestamp(bytes: &[u8], format: &TimeFormat, with_zone: bool) -> Result<String, RowError> {
    let text = trimmed(bytes);
    let found = match format {
        TimeFormat::Default => parse(text, TIMESTAMP).or_else(|| parse(text, DATE)),
        TimeFormat::Auto => guess(text),
        TimeFormat::Pattern(pattern) => parse(text, pattern),
        TimeFormat::EpochSeconds => since_1970(text, 1_000_000),
        TimeFormat::EpochMilliseconds => since_1970(text, 1000),
    };
    let name = if let TimeFormat::Pattern(pattern) = format {
        pattern
    } else {
        TIMESTAMP
    };
    let Some(moment) = found else {
        return Err(RowError::new(
            1206,
            format!("Invalid timestamp format or value [{name}]"),
        ));
    };
    let offset = moment.offset.filter(|_| with_zone);
    let zone = offset.map(|offset| offset.to_string()).unwrap_or_default();
    let time = format!("{}{zone}", moment.local.format(" %H:%M:%S%.f"));
    Ok(written(moment.local.date(), &time))
}

fn trimmed(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default().trim()
}

fn default_date(text: &str) -> Result<Option<NaiveDate>, RowError> {
    if text.len() < DATE.len() {
        return Err(RowError::new(
            1205,
            "Invalid Date Format - length must be 10 or more",
        ));
    }
    let date = text.get(..DATE.len()).and_then(|date| parse(date, DATE));
    let rest = text.get(DATE.len()..).unwrap_or("?");
    Ok(date
        .filter(|_| is_ignored_time(rest))
        .map(|moment| moment.local.date()))
}

/// A time after the date is allowed, and ignored, whatever its zone is called.
fn is_ignored_time(rest: &str) -> bool {
    let time = rest.trim_start_matches([' ', 'T']);
    let time = match time.rsplit_once(' ') {
        Some((before, zone)) if zone_offset(zone).is_some() => before,
        _ => time,
    };
    rest.is_empty() || (rest.starts_with([' ', 'T']) && Scan::new(time).time().is_some())
}

/// So many microseconds per unit since 1970; a fraction is allowed.
fn since_1970(text: &str, micros_per_unit: i64) -> Option<Moment> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: i64 = whole.parse().ok()?;
    let digits: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let fraction: i64 = digits.parse::<i64>().ok()? * micros_per_unit / 1_000_000;
    let signed = if text.starts_with('-') {
        -fraction
    } else {
        fraction
    };
    let micros = whole.checked_mul(micros_per_unit)?.checked_add(signed)?;
    let moment: DateTime<Utc> = DateTime::from_timestamp_micros(micros)?;
    let local = moment.naive_utc();
    // Other years are written in forms that PostgreSQL does not read.
    (1..=9999).contains(&local.year()).then_some(Moment {
        local,
        offset: FixedOffset::east_opt(0),
    })
}

/// A date in a known form, then perhaps a time, then perhaps a zone; or what else can be made of it.
fn guess(text: &str) -> Option<Moment> {
    let usual = KNOWN_DATES.iter().find_map(|date| {
        let mut scan = Scan::new(text);
        // A digit less, and nobody knows whose it is.
        if *date == "YYYYMMDD" && !scan.has_digits(8) {
            return None;
        }
        scan.pattern(date)?;
        if !scan.rest.is_empty() {
            // They stand apart: else a year of four digits could be one of two, and the hour.
            scan.rest = scan.rest.strip_prefix(BETWEEN_DATE_AND_TIME)?;
            scan.rest = scan.rest.trim_start_matches(BETWEEN_DATE_AND_TIME);
            scan.time()?;
        }
        scan.moment()
    });
    usual.or_else(|| recognize(text))
}

/// The whole text by a pattern of the manual.
fn parse(text: &str, pattern: &str) -> Option<Moment> {
    let mut scan = Scan::new(text);
    scan.pattern(pattern)?;
    if !scan.rest.trim_start().is_empty() {
        scan.zone()?;
    }
    scan.moment()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> TimeFormat {
        TimeFormat::Pattern(text.to_owned())
    }

    #[test]
    fn dates_are_read_by_their_format() {
        for (text, format, expected) in [
            ("2015-10-15", TimeFormat::Default, "2015-10-15"),
            ("2015-10-15 08:00:00", TimeFormat::Default, "2015-10-15"),
            ("2015-10-15 08:00:00-8", TimeFormat::Default, "2015-10-15"),
            ("2015-10-15 08:00:00 PST", TimeFormat::Default, "2015-10-15"),
            ("15/10/15", pattern("DD/MM/YY"), "2015-10-15"),
            ("20151015", pattern("YYYYMMDD"), "2015-10-15"),
            ("Oct 15, 2015", TimeFormat::Auto, "2015-10-15"),
            ("15-OCT-2015", pattern("DD-MON-YYYY"), "2015-10-15"),
            ("10/15/2015", TimeFormat::Auto, "2015-10-15"),
            ("2016-02-29", TimeFormat::Default, "2016-02-29"),
            ("01/02/99", TimeFormat::Auto, "1999-01-02"),
            ("01/02/2099", TimeFormat::Auto, "2099-01-02"),
            ("Jan-08-99", TimeFormat::Auto, "1999-01-08"),
            ("08-Jan-05", TimeFormat::Auto, "2005-01-08"),
        ] {
            assert_eq!(
                convert_date(text.as_bytes(), &format).unwrap(),
                expected.as_bytes(),
                "{text}"
            );
        }
    }

    /// The manual's years have four digits, or two with a place that says so: of others nobody knows the century.
    #[test]
    fn a_year_has_four_digits_or_two_where_a_form_says_so() {
        for (text, format) in [
            ("99-01-08", TimeFormat::Auto),
            ("99-01-08", pattern("YYYY-MM-DD")),
            ("01/02/999", TimeFormat::Auto),
            ("1/8/9", TimeFormat::Auto),
            ("8 Jan 9", TimeFormat::Auto),
            ("8-Jan-9", TimeFormat::Auto),
            ("01/08/9", pattern("MM/DD/YY")),
        ] {
            assert!(convert_date(text.as_bytes(), &format).is_err(), "{text}");
        }
    }

    #[test]
    fn what_follows_a_date_is_a_time() {
        for text in [
            "0015-10-15 BC",
            "2015-10-15 08:00 BC",
            "2015-10-15 PST",
            "2015-10-15 08:00 PST PST",
        ] {
            let error = convert_date(text.as_bytes(), &TimeFormat::Default).unwrap_err();
            assert_eq!(error.code, 1205, "{text}");
        }
    }

    #[test]
    fn an_hour_of_twelve_is_one_to_twelve() {
        let format = pattern("YYYY-MM-DD HH12:MI:SS");
        for (text, is_good) in [
            ("2015-10-15 12:09:10", true),
            ("2015-10-15 13:09:10", false),
            ("2015-10-15 00:09:10", false),
        ] {
            assert_eq!(
                convert_timestamp(text.as_bytes(), &format, false).is_ok(),
                is_good,
                "{text}"
            );
        }
    }

    #[test]
    fn timestamps_are_read_by_their_format() {
        for (text, format, expected) in [
            ("2015-10-15 15:09:10", TimeFormat::Default, "2015-10-15 15:09:10"),
            (
                "2015-10-15 15:09:10.973",
                TimeFormat::Default,
                "2015-10-15 15:09:10.973",
            ),
            ("2015-10-15", TimeFormat::Default, "2015-10-15 00:00:00"),
            (
                "2015-10-15T15:09:10.97Z",
                TimeFormat::Auto,
                "2015-10-15 15:09:10.970+00:00",
            ),
            (
                "10.15.2015 03:09:10 PM",
                pattern("MM.DD.YYYY HH:MI:SS AM"),
                "2015-10-15 15:09:10",
            ),
            (
                "1444921750",
                TimeFormat::EpochSeconds,
                "2015-10-15 15:09:10+00:00",
            ),
            (
                "1444921750973",
                TimeFormat::EpochMilliseconds,
                "2015-10-15 15:09:10.973+00:00",
            ),
            (
                "2015-10-15 15:09:10-8:00",
                TimeFormat::Default,
                "2015-10-15 15:09:10-08:00",
            ),
            (
                "2015-10-15 15:09:10+0530",
                TimeFormat::Default,
                "2015-10-15 15:09:10+05:30",
            ),
        ] {
            assert_eq!(
                convert_timestamp(text.as_bytes(), &format, true).unwrap(),
                expected.as_bytes(),
                "{text}"
            );
        }
    }

    /// "The seconds (SS) field also supports fractional seconds up to a microsecond level of detail", wherever it stands; and dateparts have no case.
    #[test]
    fn seconds_have_a_fraction_wherever_they_stand() {
        for (format, text, expected) in [
            ("YYYY-MM-DD HH:MI:SS", "2015-10-15 03:09:10.5", "03:09:10.500"),
            ("yyyy-mm-dd hh:mi:ss", "2015-10-15 03:09:10.5", "03:09:10.500"),
            (
                "YYYY-MM-DD HH:MI:SS AM",
                "2015-10-15 03:09:10.1234567 PM",
                "15:09:10.123456",
            ),
            ("SS:MI:HH YYYY-MM-DD", "10.5:09:03 2015-10-15", "03:09:10.500"),
            ("YYYY-MM-DD HH:MI:SS.US", "2015-10-15 03:09:10.5", "03:09:10.500"),
            ("YYYY-MM-DD HH24.MI.SS", "2015-10-15 03.09.10.5", "03:09:10.500"),
        ] {
            let found = convert_timestamp(text.as_bytes(), &pattern(format), false);
            let expected = format!("2015-10-15 {expected}");
            assert_eq!(found.unwrap(), expected.as_bytes(), "{format}");
        }
        let no_seconds = convert_timestamp(b"2015-10-15 03:09.5", &pattern("YYYY-MM-DD HH:MI"), false);
        assert!(no_seconds.is_err());
    }

    /// The default of a TIMESTAMPTZ ends in an offset, and "to load TIMESTAMPTZ data that is in a format different from the default format,
    /// specify 'auto'".
    #[test]
    fn a_zone_by_its_name_needs_auto() {
        let text = b"2015-10-15 08:00:00 PST";
        for with_zone in [false, true] {
            let error = convert_timestamp(text, &TimeFormat::Default, with_zone).unwrap_err();
            assert_eq!(error.code, 1206);
        }
        let found = convert_timestamp(text, &TimeFormat::Auto, true).unwrap();
        assert_eq!(found, b"2015-10-15 08:00:00-08:00".as_slice());
    }

    #[test]
    fn impossible_dates_and_times_are_refused_with_the_format() {
        for (text, code, reason) in [
            (
                "2015-1-1",
                1205,
                "Invalid Date Format - length must be 10 or more",
            ),
            ("2015-02-30", 1205, "Invalid date format or value [YYYY-MM-DD]"),
            ("1900-02-29", 1205, "Invalid date format or value [YYYY-MM-DD]"),
            ("2015-13-01", 1205, "Invalid date format or value [YYYY-MM-DD]"),
        ] {
            let error = convert_date(text.as_bytes(), &TimeFormat::Default).unwrap_err();
            assert_eq!((error.code, error.reason.as_str()), (code, reason), "{text}");
        }
        let error = convert_timestamp(b"2015-10-15 25:00:00", &TimeFormat::Default, false).unwrap_err();
        assert_eq!(
            error.reason,
            "Invalid timestamp format or value [YYYY-MM-DD HH24:MI:SS]"
        );
    }
}
