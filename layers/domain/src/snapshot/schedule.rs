//! When the newest data is looked for: times of some zone's clocks, as cron writes them.

use std::fmt;

use chrono::{DateTime, Utc};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

use crate::time_zone::TimeZone;

/// Times of some zone's clocks, minute by minute. Where clocks are put forward, a time that never comes is that of the hour's
/// end; where they are put back, one of a fixed hour comes once.
#[derive(Debug, Clone)]
pub struct Schedule {
    text: String,
    cron: Cron,
    zone: TimeZone,
}

impl Schedule {
    /// Reads a schedule in cron's words (minute, hour, day, month, day of the week; or `@daily` and the like), or says what one
    /// looks like. Seconds are none of them: nobody looks more often than each minute.
    ///
    /// # Errors
    /// The sentence.
    pub fn parse(text: &str, zone: TimeZone) -> Result<Self, String> {
        let text = text.trim();
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let wrong = |problem: String| {
            format!(
                "{text:?} is no schedule: {}; write minute, hour, day, month and day of the week as cron does, for example \
                 0 6 * * * for each day at six or */15 * * * * for every quarter of an hour",
                problem.trim_end_matches('.')
            )
        };
        let cron = parser.parse(text).map_err(|error| wrong(error.to_string()))?;
        let schedule = Self {
            text: text.to_owned(),
            cron,
            zone,
        };
        match schedule.next_after(DateTime::UNIX_EPOCH) {
            Some(_) => Ok(schedule),
            None => Err(wrong("such a time never comes".to_owned())),
        }
    }

    /// The first time after a moment.
    pub fn next_after(&self, moment: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let next = self
            .cron
            .find_next_occurrence(&moment.with_timezone(&self.zone), false);
        next.ok().map(|next| next.to_utc())
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.text, self.zone)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn moment(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[rstest]
    #[case("0 6 * * *", "UTC", "2026-11-27T06:00:00Z", "2026-11-28T06:00:00Z")]
    #[case("0 6 * * *", "UTC", "2026-11-27T05:59:59Z", "2026-11-27T06:00:00Z")]
    #[case("*/15 * * * *", "UTC", "2026-11-27T06:01:00Z", "2026-11-27T06:15:00Z")]
    #[case("@daily", "UTC", "2026-11-27T06:01:00Z", "2026-11-28T00:00:00Z")]
    #[case("0 7 * * MON-FRI", "UTC", "2026-11-27T08:00:00Z", "2026-11-30T07:00:00Z")]
    #[case("0 7 1 * *", "UTC", "2026-11-27T08:00:00Z", "2026-12-01T07:00:00Z")]
    #[case(
        "0 6 * * *",
        "America/New_York",
        "2026-11-27T06:00:00Z",
        "2026-11-27T11:00:00Z"
    )]
    // Half past two never comes on this day: the clocks go from two to three.
    #[case(
        "30 2 * * *",
        "America/New_York",
        "2026-03-08T05:00:00Z",
        "2026-03-08T07:00:00Z"
    )]
    // Half past one comes twice on this one, and counts once.
    #[case(
        "30 1 * * *",
        "America/New_York",
        "2026-11-01T05:00:00Z",
        "2026-11-01T05:30:00Z"
    )]
    #[case(
        "30 1 * * *",
        "America/New_York",
        "2026-11-01T05:30:00Z",
        "2026-11-02T06:30:00Z"
    )]
    fn the_next_time_is_told_by_the_zones_clocks(
        #[case] text: &str,
        #[case] zone: &str,
        #[case] after: &str,
        #[case] next: &str,
    ) {
        let schedule = Schedule::parse(text, zone.parse().unwrap()).unwrap();
        assert_eq!(
            schedule.next_after(moment(after)),
            Some(moment(next)),
            "{schedule}"
        );
    }

    #[rstest]
    #[case("")]
    #[case("daily")]
    #[case("0 6 * *")]
    #[case("0 0 6 * * *")]
    #[case("0 6 * * * 2026")]
    #[case("61 6 * * *")]
    fn what_is_none_is_refused_with_one_that_is(#[case] text: &str) {
        let error = Schedule::parse(text, TimeZone::UTC).unwrap_err();
        assert!(error.contains("0 6 * * * for each day at six"), "{error}");
    }

    #[test]
    fn a_time_that_never_comes_is_no_schedule() {
        let error = Schedule::parse("0 0 30 2 *", TimeZone::UTC).unwrap_err();
        assert!(error.contains("such a time never comes"), "{error}");
    }
}
