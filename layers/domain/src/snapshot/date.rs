//! The date of a snapshot's data, and the span of the table that it stands for.
//!
//! A date in a name is a moment; the table's column holds wall-clock times of the table's time zone. So a moment is first
//! told by that zone's clocks, then cut down to its hour or day. The spans are half open: `[from, to)`.

use std::fmt;

use chrono::{DateTime, Duration, NaiveDateTime, NaiveTime, SecondsFormat, TimeZone as _, Timelike, Utc};

use super::ColumnType;
use crate::time_zone::{TimeZone, UnknownTimeZone};

/// How a wall-clock time is written for the warehouse.
const WALL_CLOCK: &str = "%Y-%m-%d %H:%M:%S%.f";

/// The moment that a snapshot's data is about, written in RFC 3339 as names have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataDate(DateTime<Utc>);

impl DataDate {
    /// Reads an RFC 3339 date, or says what one looks like.
    ///
    /// # Errors
    /// The sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        DateTime::parse_from_rfc3339(text)
            .map(|date| Self(date.to_utc()))
            .map_err(|error| {
                format!("{text:?} is no date ({error}); write RFC 3339, for example 2026-11-26T00:00:00Z")
            })
    }

    /// The date of a moment.
    pub fn of(moment: DateTime<Utc>) -> Self {
        Self(moment)
    }

    /// A date for messages that show what names look like.
    pub fn example() -> Self {
        Self(DateTime::UNIX_EPOCH)
    }

    /// The moment.
    pub fn moment(self) -> DateTime<Utc> {
        self.0
    }

    /// By the clocks of a time zone.
    pub fn wall_clock(self, zone: TimeZone) -> NaiveDateTime {
        self.0.with_timezone(&zone).naive_local()
    }
}

impl fmt::Display for DataDate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

/// A time zone by its name in the IANA database.
///
/// # Errors
/// What is wrong, and what one looks like.
pub fn parse_time_zone(name: &str) -> Result<TimeZone, String> {
    name.parse()
        .map_err(|unknown: UnknownTimeZone| unknown.to_string())
}

/// The bounds of a stream: what a load of it replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamBounds {
    /// From this moment on.
    pub start: DataDate,
    /// Up to this moment, which is not in it.
    pub end: DataDate,
}

/// How much of the table a snapshot stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granularity {
    /// The hour that its date is in.
    Hour,
    /// The day that its date is in.
    Day,
    /// What is said each time.
    Stream(StreamBounds),
}

/// A part of a table by its date column: wall-clock times of the table's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first moment in it.
    pub from: NaiveDateTime,
    /// The first moment after it.
    pub to: NaiveDateTime,
}

impl Span {
    /// Its beginning as the warehouse reads it.
    pub fn from_text(&self) -> String {
        self.from.format(WALL_CLOCK).to_string()
    }

    /// Its end as the warehouse reads it.
    pub fn to_text(&self) -> String {
        self.to.format(WALL_CLOCK).to_string()
    }

    /// Its beginning and end as a column of this type is compared with them.
    pub fn bounds(&self, kind: ColumnType, zone: TimeZone) -> (String, String) {
        let text = |time: NaiveDateTime| match kind {
            ColumnType::Date => time.format("%Y-%m-%d").to_string(),
            ColumnType::TimestampTz => moment(time, zone).format("%Y-%m-%d %H:%M:%S%.f+00").to_string(),
            _ => time.format(WALL_CLOCK).to_string(),
        };
        (text(self.from), text(self.to))
    }
}

/// The moment of a wall-clock time: the earlier one of an hour that comes twice, and of one that never comes the end of the gap.
fn moment(time: NaiveDateTime, zone: TimeZone) -> DateTime<Utc> {
    let hour = Duration::hours(1);
    let found = zone.from_local_datetime(&time).earliest();
    let found = found.or_else(|| zone.from_local_datetime(&(time + hour)).earliest());
    found.map_or_else(|| time.and_utc(), |found| found.to_utc())
}

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} to {}", self.from_text(), self.to_text())
    }
}

impl Granularity {
    /// Puts a granularity together from what was typed.
    ///
    /// # Errors
    /// What is missing, too much, or the wrong way round.
    pub fn of(word: &str, start: Option<DataDate>, end: Option<DataDate>) -> Result<Self, String> {
        let plain = match word {
            "hour" => Self::Hour,
            "day" => Self::Day,
            "stream" => {
                let (Some(start), Some(end)) = (start, end) else {
                    return Err(
                        "granularity stream needs its bounds; say --stream-start and --stream-end".to_owned(),
                    );
                };
                if start >= end {
                    return Err(format!(
                        "the stream ends at {end}, which is not after its start {start}"
                    ));
                }
                return Ok(Self::Stream(StreamBounds { start, end }));
            }
            _ => return Err(format!("{word:?} is no granularity; write hour, day or stream")),
        };
        if start.is_some() || end.is_some() {
            return Err(format!(
                "--stream-start and --stream-end are bounds of a stream, and the granularity is {word}; say --granularity stream"
            ));
        }
        Ok(plain)
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Stream(_) => "stream",
        }
    }

    /// What a load of this date replaces in a table whose clocks are those of `zone`.
    pub fn span(self, date: DataDate, zone: TimeZone) -> Span {
        let (from, length) = match self {
            Self::Stream(bounds) => {
                return Span {
                    from: bounds.start.wall_clock(zone),
                    to: bounds.end.wall_clock(zone),
                };
            }
            Self::Hour => (self.cut(date.wall_clock(zone)), Duration::hours(1)),
            Self::Day => (self.cut(date.wall_clock(zone)), Duration::days(1)),
        };
        Span {
            from,
            to: from + length,
        }
    }

    /// Whether data of this date is older than the newest row of the table. Within one hour or day nothing is older: a later
    /// delivery of the same period takes its place. Of a stream, its end counts: what reaches to the newest row is not old.
    pub fn is_older(self, date: DataDate, newest: NaiveDateTime, zone: TimeZone) -> bool {
        match self {
            Self::Hour | Self::Day => self.span(date, zone).from < self.cut(newest),
            Self::Stream(bounds) => bounds.end.wall_clock(zone) <= newest,
        }
    }

    /// The beginning of the period that a wall-clock time is in.
    fn cut(self, time: NaiveDateTime) -> NaiveDateTime {
        let hour = match self {
            Self::Hour => NaiveTime::from_hms_opt(time.hour(), 0, 0).unwrap_or_default(),
            Self::Day | Self::Stream(_) => NaiveTime::MIN,
        };
        time.date().and_time(hour)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn date(text: &str) -> DataDate {
        DataDate::parse(text).unwrap()
    }

    fn zone(name: &str) -> TimeZone {
        parse_time_zone(name).unwrap()
    }

    #[rstest]
    #[case(
        Granularity::Day,
        "2026-11-26T07:30:00Z",
        "UTC",
        "2026-11-26 00:00:00 to 2026-11-27 00:00:00"
    )]
    #[case(
        Granularity::Hour,
        "2026-11-26T07:30:00Z",
        "UTC",
        "2026-11-26 07:00:00 to 2026-11-26 08:00:00"
    )]
    // Half past three in the morning in Greenwich is the evening before in New York.
    #[case(
        Granularity::Day,
        "2026-11-26T03:30:00Z",
        "America/New_York",
        "2026-11-25 00:00:00 to 2026-11-26 00:00:00"
    )]
    #[case(
        Granularity::Hour,
        "2026-11-26T03:30:00Z",
        "Asia/Kolkata",
        "2026-11-26 09:00:00 to 2026-11-26 10:00:00"
    )]
    // A day of 23 hours is a day of its wall clock all the same.
    #[case(
        Granularity::Day,
        "2026-03-08T12:00:00Z",
        "America/New_York",
        "2026-03-08 00:00:00 to 2026-03-09 00:00:00"
    )]
    fn a_date_stands_for_the_period_that_it_is_in_by_the_tables_clocks(
        #[case] granularity: Granularity,
        #[case] text: &str,
        #[case] name: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(granularity.span(date(text), zone(name)).to_string(), expected);
    }

    #[rstest]
    #[case(Granularity::Day, "2026-11-26T01:00:00Z", "2026-11-26T23:00:00", false)]
    #[case(Granularity::Day, "2026-11-26T01:00:00Z", "2026-11-27T00:00:00", true)]
    #[case(Granularity::Hour, "2026-11-26T01:00:00Z", "2026-11-26T01:59:59", false)]
    #[case(Granularity::Hour, "2026-11-26T01:00:00Z", "2026-11-26T02:00:00", true)]
    fn older_is_judged_at_the_granularity(
        #[case] granularity: Granularity,
        #[case] text: &str,
        #[case] newest: &str,
        #[case] older: bool,
    ) {
        assert_eq!(
            granularity.is_older(date(text), newest.parse().unwrap(), TimeZone::UTC),
            older
        );
    }

    #[test]
    fn a_stream_has_bounds_and_replaces_what_is_between_them() {
        let (start, end) = (date("2026-11-26T01:00:00Z"), date("2026-11-26T02:30:00+01:00"));
        let stream = Granularity::of("stream", Some(start), Some(end)).unwrap();
        let span = stream.span(date("2026-11-26T09:00:00Z"), TimeZone::UTC);
        assert_eq!(span.to_string(), "2026-11-26 01:00:00 to 2026-11-26 01:30:00");
        assert!(stream.is_older(start, "2026-11-26T01:30:00".parse().unwrap(), TimeZone::UTC));
        assert!(!stream.is_older(start, "2026-11-26T01:29:59".parse().unwrap(), TimeZone::UTC));
        assert!(
            Granularity::of("stream", Some(start), None)
                .unwrap_err()
                .contains("--stream-end")
        );
        assert!(
            Granularity::of("stream", Some(end), Some(start))
                .unwrap_err()
                .contains("not after")
        );
        assert!(
            Granularity::of("day", Some(start), None)
                .unwrap_err()
                .contains("--granularity stream")
        );
        assert!(
            Granularity::of("week", None, None)
                .unwrap_err()
                .contains("hour, day or stream")
        );
    }

    #[test]
    fn what_is_no_date_or_zone_is_said_with_an_example() {
        for text in ["2026-11-26", "yesterday", "2026-13-01T00:00:00Z", ""] {
            let error = DataDate::parse(text).unwrap_err();
            assert!(error.contains("2026-11-26T00:00:00Z"), "{error}");
        }
        assert!(
            parse_time_zone("Mars/Olympus")
                .unwrap_err()
                .contains("America/New_York")
        );
    }

    #[test]
    fn a_date_is_written_as_names_have_it() {
        assert_eq!(
            date("2026-11-26T02:00:00+02:00").to_string(),
            "2026-11-26T00:00:00Z"
        );
        assert_eq!(
            date("2026-11-26T00:00:00.25Z").to_string(),
            "2026-11-26T00:00:00.250Z"
        );
    }
}
