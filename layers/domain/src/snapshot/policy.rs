//! What may be done to a table on behalf of its snapshots.

use chrono::NaiveDateTime;

use super::{DataDate, Granularity};
use crate::time_zone::TimeZone;

/// Whether older data may take the place of newer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// It is refused.
    Checked,
    /// It may.
    Forced,
}

/// What a snapshot takes the place of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaces {
    /// The rows of its period.
    Period,
    /// All rows.
    Everything,
}

/// Whether a table is made, or gets further columns, where its description says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableChanges {
    /// It is.
    Made,
    /// It is refused.
    Refused,
}

/// What a schedule knows of a table when it has found the newest data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holds {
    /// The newest row of the table, by its own clocks.
    pub newest: Option<NaiveDateTime>,
    /// The newest date that the schedule itself has loaded.
    pub loaded: Option<DataDate>,
}

impl Granularity {
    /// Whether data of a date is news to a table. A date that the schedule has loaded is none. Else the table decides: data of a
    /// later period is, data of an earlier one is not, and of the period of the newest row it is if what the schedule loaded of
    /// that period has an earlier date; without such a load, whoever brought the row brought the period.
    pub fn is_news(self, date: DataDate, holds: Holds, zone: TimeZone, freshness: Freshness) -> bool {
        if holds.loaded.is_some_and(|loaded| date <= loaded) {
            return false;
        }
        let (Some(newest), Freshness::Checked) = (holds.newest, freshness) else {
            return true;
        };
        let is_of_its_period = holds
            .loaded
            .is_some_and(|loaded| !self.is_older(loaded, newest, zone));
        !self.is_older(date, newest, zone) && (is_of_its_period || self.is_newer(date, newest, zone))
    }

    /// Whether data of this date is of a later period than the newest row of a table; of a stream, whether it reaches beyond it.
    fn is_newer(self, date: DataDate, newest: NaiveDateTime, zone: TimeZone) -> bool {
        match self {
            Self::Hour | Self::Day => self.span(date, zone).from > newest,
            Self::Stream(_) => self.span(date, zone).to > newest,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    // An empty table takes anything.
    #[case("2026-11-26T00:00:00Z", None, None, true)]
    // A later day is news, the same day and an earlier one are not.
    #[case("2026-11-27T00:00:00Z", Some("2026-11-26T23:00:00"), None, true)]
    #[case("2026-11-26T00:00:00Z", Some("2026-11-26T00:00:00"), None, false)]
    #[case("2026-11-26T00:00:00Z", Some("2026-11-26T23:00:00"), None, false)]
    #[case("2026-11-25T00:00:00Z", Some("2026-11-26T23:00:00"), None, false)]
    // Later data of the day that the schedule loaded is, and what it has loaded is not, however the table stands.
    #[case(
        "2026-11-26T18:00:00Z",
        Some("2026-11-26T05:00:00"),
        Some("2026-11-26T06:00:00Z"),
        true
    )]
    #[case(
        "2026-11-26T06:00:00Z",
        Some("2026-11-26T05:00:00"),
        Some("2026-11-26T06:00:00Z"),
        false
    )]
    #[case("2026-11-26T06:00:00Z", None, Some("2026-11-26T06:00:00Z"), false)]
    // Whoever brought a later row brought its day.
    #[case(
        "2026-11-26T18:00:00Z",
        Some("2026-11-26T05:00:00"),
        Some("2026-11-25T06:00:00Z"),
        false
    )]
    fn news_is_what_the_table_has_not(
        #[case] date: &str,
        #[case] newest: Option<&str>,
        #[case] loaded: Option<&str>,
        #[case] expected: bool,
    ) {
        let holds = Holds {
            newest: newest.map(|newest| newest.parse().unwrap()),
            loaded: loaded.map(|loaded| DataDate::parse(loaded).unwrap()),
        };
        let date = DataDate::parse(date).unwrap();
        let judged = Granularity::Day.is_news(date, holds, TimeZone::UTC, Freshness::Checked);
        assert_eq!(judged, expected);
    }

    #[test]
    fn what_is_forced_comes_once_over_newer_data() {
        let date = DataDate::parse("2026-11-26T00:00:00Z").unwrap();
        let holds = |loaded| Holds {
            newest: Some("2026-11-29T00:00:00".parse().unwrap()),
            loaded,
        };
        let is_news = |holds| Granularity::Day.is_news(date, holds, TimeZone::UTC, Freshness::Forced);
        assert!(is_news(holds(None)));
        assert!(!is_news(holds(Some(date))));
    }
}
