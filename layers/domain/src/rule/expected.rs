//! When a rule's files are expected, and which of those that came count for which time.
//!
//! Each time of the schedule has a period: what came since the time before it and did not count for that one, until the time's
//! grace is over. A period with too few files is missed. A file that comes after that is the missed period's, late, until half of
//! the time to the next one has passed: it does not count for the next one then, or a feed whose files come later every day would
//! never be missed again. After two in a row that were missed it counts for both, since nobody can tell any more which it is.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};

use super::cells::non_blank;
use super::fault::Collector;
use super::{RuleFaults, RuleId, RuleRow, attempts};
use crate::snapshot::{Schedule, parse_time_zone};
use crate::time_zone::TimeZone;

/// A time is judged so long after its grace: a file is received a moment before it is on record under its rule.
pub const JUDGED_AFTER: TimeDelta = TimeDelta::seconds(30);
/// More can be counted, and hardly be meant.
const MOST_FILES: u32 = 10_000;
/// A week.
const MOST_GRACE_MINUTES: u32 = 10_080;
/// Periods that are judged when they passed while nobody looked: the newest ones.
const MOST_PERIODS: usize = 200;
/// Times that are looked at for how near to each other they are: of a rule for each hour of the working days, two months.
const TIMES_LOOKED_AT: usize = 500;

/// When files of a rule are expected, and how many.
#[derive(Debug, Clone)]
pub struct ExpectedFiles {
    /// By when.
    schedule: Schedule,
    /// By whose clocks.
    zone: TimeZone,
    /// How long after each time a file may still come.
    grace: TimeDelta,
    /// How many come at least.
    files: u32,
}

/// How far the periods of a rule were judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpectedProgress {
    /// Files up to then count no more.
    pub counted_until: DateTime<Utc>,
    /// The time that is judged next.
    pub next_at: DateTime<Utc>,
    /// Whether the one before it was missed.
    pub missed_last: bool,
}

/// The time of a schedule with when its files come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpectedPeriod {
    /// After this.
    pub after: DateTime<Utc>,
    /// The time.
    pub at: DateTime<Utc>,
    /// Until then, with it.
    pub until: DateTime<Utc>,
    /// What comes up to then comes late.
    pub awaited_until: DateTime<Utc>,
}

/// What came of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// Its files came; those after this count for the next.
    Came {
        /// The last one that counted, and the time itself at the earliest.
        counted_until: DateTime<Utc>,
    },
    /// Too few came.
    Missed {
        /// How many.
        came: u32,
    },
}

/// The periods that are to be judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DuePeriods {
    /// Their times, in order.
    pub times: Vec<DateTime<Utc>>,
    /// The last time before them, where so many passed that the older ones are not judged any more.
    pub passed_over: Option<DateTime<Utc>>,
}

impl ExpectedFiles {
    /// What a row says, if it says when files are expected.
    pub fn from_row(row: &RuleRow) -> Option<Result<Self, RuleFaults>> {
        non_blank(&row.expected_schedule)?;
        let mut faults = Collector::default();
        let expected = read(row, &mut faults);
        Some(expected.ok_or(RuleFaults {
            rule: RuleId(row.ext_file_config_sid),
            faults: faults.list,
        }))
    }

    /// How many files come at least.
    pub fn files(&self) -> u32 {
        self.files
    }

    /// By whose clocks the times are told.
    pub fn zone(&self) -> TimeZone {
        self.zone
    }

    /// Where one begins that is expected from now on: the period that is under way began before, and is not judged.
    pub fn begin(&self, now: DateTime<Utc>) -> Option<ExpectedProgress> {
        let counted_until = self.schedule.next_after(now)?;
        Some(ExpectedProgress {
            counted_until,
            next_at: self.schedule.next_after(counted_until)?,
            missed_last: false,
        })
    }

    /// When a time is judged.
    pub fn due_at(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        at + self.grace + JUDGED_AFTER
    }

    /// The time after one.
    pub fn next_after(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.schedule.next_after(at)
    }

    /// The periods whose grace is over, the newest ones where they are many.
    pub fn due(&self, progress: &ExpectedProgress, now: DateTime<Utc>) -> DuePeriods {
        let (mut times, mut passed_over) = (VecDeque::new(), None);
        let mut next = Some(progress.next_at);
        while let Some(at) = next.filter(|at| self.due_at(*at) <= now) {
            times.push_back(at);
            if times.len() > MOST_PERIODS {
                passed_over = times.pop_front();
            }
            next = self.next_after(at);
        }
        DuePeriods {
            times: times.into(),
            passed_over,
        }
    }

    /// The period of a time. A time without a next one does not come about: each schedule has one for ever.
    pub fn period(&self, after: DateTime<Utc>, at: DateTime<Utc>) -> ExpectedPeriod {
        let until = at + self.grace;
        let next = self.next_after(at).unwrap_or(until);
        ExpectedPeriod {
            after,
            at,
            until,
            awaited_until: until + (next - until).max(TimeDelta::zero()) / 2,
        }
    }

    /// What came of a period, by the first files after its beginning, in the order of their arrival.
    pub fn judge(&self, period: &ExpectedPeriod, arrivals: &[DateTime<Utc>]) -> Judgement {
        let enough = usize::try_from(self.files).unwrap_or(usize::MAX);
        let came: Vec<_> = arrivals.iter().filter(|at| **at <= period.until).collect();
        match enough.checked_sub(1).and_then(|last| came.get(last)) {
            Some(last) => Judgement::Came {
                counted_until: period.at.max(**last),
            },
            None => Judgement::Missed {
                came: u32::try_from(came.len()).unwrap_or(u32::MAX),
            },
        }
    }
}

/// Reads the columns of expected files; `None` when there are none, or they are at fault.
pub(super) fn read(row: &RuleRow, faults: &mut Collector) -> Option<ExpectedFiles> {
    let before = faults.list.len();
    let grace = attempts::within(
        "expected_grace_minutes",
        row.expected_grace_minutes,
        0..=MOST_GRACE_MINUTES,
    );
    let grace = faults.keep(grace).flatten().unwrap_or_default();
    let files = attempts::within("expected_files", row.expected_files, 1..=MOST_FILES);
    let files = faults.keep(files).flatten().unwrap_or(1);
    let zone = zone(row, faults);
    let Some(text) = non_blank(&row.expected_schedule) else {
        refuse_details_alone(row, faults);
        return None;
    };
    let schedule = match Schedule::parse(&text, zone) {
        Ok(schedule) => schedule,
        Err(problem) => {
            faults.add("expected_schedule", problem);
            return None;
        }
    };
    let expected = ExpectedFiles {
        schedule,
        zone,
        grace: TimeDelta::minutes(grace.into()),
        files,
    };
    check_grace(&expected, faults);
    (faults.list.len() == before).then_some(expected)
}

fn zone(row: &RuleRow, faults: &mut Collector) -> TimeZone {
    let Some(name) = non_blank(&row.expected_timezone) else {
        return TimeZone::UTC;
    };
    parse_time_zone(&name).unwrap_or_else(|problem| {
        faults.add("expected_timezone", problem);
        TimeZone::UTC
    })
}

/// What only says something about a schedule, of a rule that has none.
fn refuse_details_alone(row: &RuleRow, faults: &mut Collector) {
    let details = [
        ("expected_timezone", non_blank(&row.expected_timezone).is_some()),
        ("expected_grace_minutes", row.expected_grace_minutes.is_some()),
        ("expected_files", row.expected_files.is_some()),
    ];
    for (column, _) in details.into_iter().filter(|(_, is_set)| *is_set) {
        faults.add(
            column,
            "is set, and expected_schedule is not; write both, or leave it out",
        );
    }
}

/// With a grace that reaches beyond the next time, a file could be of either.
fn check_grace(expected: &ExpectedFiles, faults: &mut Collector) {
    let mut times = std::iter::successors(expected.next_after(DateTime::UNIX_EPOCH), |at| {
        expected.next_after(*at)
    })
    .take(TIMES_LOOKED_AT);
    let Some(mut before) = times.next() else { return };
    for at in times {
        if at - before < expected.grace {
            faults.add(
                "expected_grace_minutes",
                format!(
                    "is {}, and between two of its times are only {} minutes; a file could be of either: write {} or less",
                    expected.grace.num_minutes(),
                    (at - before).num_minutes(),
                    (at - before).num_minutes(),
                ),
            );
            return;
        }
        before = at;
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn moment(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn row(schedule: &str, zone: &str, grace: i32, files: i32) -> RuleRow {
        RuleRow {
            expected_schedule: Some(schedule.to_owned()),
            expected_timezone: Some(zone.to_owned()),
            expected_grace_minutes: Some(grace),
            expected_files: Some(files),
            ..RuleRow::default()
        }
    }

    fn expected(schedule: &str, zone: &str, grace: i32, files: i32) -> ExpectedFiles {
        ExpectedFiles::from_row(&row(schedule, zone, grace, files))
            .unwrap()
            .unwrap()
    }

    #[test]
    fn a_rule_that_says_nothing_expects_nothing_and_the_least_it_says_is_when() {
        assert!(ExpectedFiles::from_row(&RuleRow::default()).is_none());
        let least = RuleRow {
            expected_schedule: Some("0 6 * * *".to_owned()),
            ..RuleRow::default()
        };
        let least = ExpectedFiles::from_row(&least).unwrap().unwrap();
        assert_eq!((least.files(), least.zone()), (1, TimeZone::UTC));
        let at = moment("2026-11-27T06:00:00Z");
        assert_eq!(least.due_at(at), at + JUDGED_AFTER);
    }

    #[rstest]
    #[case("expected_schedule", "0 6 * *".into(), "0 6 * * * for each day at six")]
    #[case("expected_timezone", "Mars/Olympus".into(), "America/New_York")]
    #[case("expected_grace_minutes", (-1).into(), "not between 0 and 10080")]
    #[case("expected_grace_minutes", 1_441.into(), "only 1440 minutes")]
    #[case("expected_files", 0.into(), "not between 1 and 10000")]
    #[case("expected_schedule", "".into(), "expected_schedule is not")]
    fn a_fault_names_the_field_and_what_is_right(
        #[case] column: &str,
        #[case] value: serde_json::Value,
        #[case] says: &str,
    ) {
        let mut fields = serde_json::to_value(row("0 6 * * *", "UTC", 60, 1)).unwrap();
        fields[column] = value;
        let row: RuleRow = serde_json::from_value(fields).unwrap();
        let mut faults = Collector::default();
        assert!(read(&row, &mut faults).is_none());
        let text = format!("{:?}", faults.list);
        assert!(text.contains(says), "{text}");
    }

    #[test]
    fn the_period_that_is_under_way_is_not_judged() {
        let daily = expected("0 6 * * *", "Europe/Berlin", 60, 1);
        let progress = daily.begin(moment("2026-11-27T09:00:00Z")).unwrap();
        assert_eq!(progress.counted_until, moment("2026-11-28T05:00:00Z"));
        assert_eq!(progress.next_at, moment("2026-11-29T05:00:00Z"));
        for now in ["2026-11-28T07:00:00Z", "2026-11-29T06:00:29Z"] {
            assert_eq!(daily.due(&progress, moment(now)), DuePeriods::default());
        }
        let due = daily.due(&progress, moment("2026-11-29T06:00:30Z"));
        assert_eq!(due.times, [progress.next_at]);
    }

    #[rstest]
    // The night has 23 hours: half past two never comes, and is told as three.
    #[case(
        "30 2 * * *",
        "America/New_York",
        "2026-03-07T07:30:00Z",
        &["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"]
    )]
    // And here 25: half past one comes twice, and counts once.
    #[case(
        "30 1 * * *",
        "America/New_York",
        "2026-10-31T05:30:00Z",
        &["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"]
    )]
    #[case(
        "0 6 * * *",
        "Europe/Berlin",
        "2026-10-24T04:00:00Z",
        &["2026-10-25T05:00:00Z", "2026-10-26T05:00:00Z"]
    )]
    fn a_day_on_which_clocks_are_changed_has_one_period(
        #[case] schedule: &str,
        #[case] zone: &str,
        #[case] from: &str,
        #[case] times: &[&str],
    ) {
        let expected = expected(schedule, zone, 30, 1);
        let progress = ExpectedProgress {
            counted_until: moment(from),
            next_at: expected.next_after(moment(from)).unwrap(),
            missed_last: false,
        };
        let last = moment(times.last().unwrap()) + TimeDelta::minutes(30) + JUDGED_AFTER;
        let due = expected.due(&progress, last);
        assert_eq!(due.times, times.iter().map(|at| moment(at)).collect::<Vec<_>>());
    }

    #[test]
    fn of_very_many_the_newest_are_judged() {
        let each_minute = expected("* * * * *", "UTC", 0, 1);
        let progress = ExpectedProgress {
            counted_until: moment("2026-11-01T00:00:00Z"),
            next_at: moment("2026-11-01T00:01:00Z"),
            missed_last: false,
        };
        let due = each_minute.due(&progress, moment("2026-11-02T00:00:30Z"));
        assert_eq!(due.times.len(), 200);
        assert_eq!(due.times.last(), Some(&moment("2026-11-02T00:00:00Z")));
        assert_eq!(due.passed_over, Some(due.times[0] - TimeDelta::minutes(1)));
    }

    #[rstest]
    #[case(1, &["2026-11-26T20:00:00Z"], Some("2026-11-27T06:00:00Z"))]
    #[case(1, &["2026-11-27T06:30:00Z"], Some("2026-11-27T06:30:00Z"))]
    // On the last moment of the grace.
    #[case(1, &["2026-11-27T07:00:00Z"], Some("2026-11-27T07:00:00Z"))]
    #[case(1, &["2026-11-27T07:00:01Z"], None)]
    #[case(2, &["2026-11-27T05:00:00Z", "2026-11-27T06:10:00Z"], Some("2026-11-27T06:10:00Z"))]
    #[case(2, &["2026-11-27T05:00:00Z"], None)]
    #[case(1, &[], None)]
    fn a_period_is_judged_by_what_came_until_its_grace_was_over(
        #[case] files: i32,
        #[case] arrivals: &[&str],
        #[case] counted_until: Option<&str>,
    ) {
        let daily = expected("0 6 * * *", "UTC", 60, files);
        let period = daily.period(moment("2026-11-26T06:00:00Z"), moment("2026-11-27T06:00:00Z"));
        let arrivals: Vec<_> = arrivals.iter().map(|at| moment(at)).collect();
        match (daily.judge(&period, &arrivals), counted_until) {
            (Judgement::Came { counted_until }, Some(until)) => assert_eq!(counted_until, moment(until)),
            (Judgement::Missed { .. }, None) => {}
            (judgement, _) => unreachable!("{judgement:?}"),
        }
    }

    #[test]
    fn a_late_file_is_awaited_for_half_of_the_time_to_the_next() {
        let daily = expected("0 6 * * *", "UTC", 120, 1);
        let at = moment("2026-11-27T06:00:00Z");
        let period = daily.period(at - TimeDelta::days(1), at);
        assert_eq!(period.until, moment("2026-11-27T08:00:00Z"));
        assert_eq!(period.awaited_until, moment("2026-11-27T19:00:00Z"));
    }
}
