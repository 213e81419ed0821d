//! Whether a pass over a file can be finished in the time that is left: judged by what it has done so far.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// What giving up in good order takes: uploads aborted, the lease given back, the answer sent.
const MARGIN: TimeDelta = TimeDelta::seconds(15);
/// A shorter run says nothing about the rest.
const LEAST_MEASURE: TimeDelta = TimeDelta::seconds(20);
/// A pass is given up early only when it would take so many times as long as there is time: speed varies.
const HOPELESS: f64 = 2.0;

/// The time that a pass has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    began: DateTime<Utc>,
    deadline: DateTime<Utc>,
}

/// How far a pass came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes that the object has.
    pub size_bytes: u64,
    /// How long that took.
    pub took: Duration,
}

impl Pace {
    /// From now until the invocation is stopped.
    pub(crate) fn from(began: DateTime<Utc>, deadline: DateTime<Utc>) -> Self {
        Self { began, deadline }
    }

    /// Whether a step that can be taken up where it stopped must stop now.
    pub(super) fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.deadline - now <= MARGIN
    }

    /// Whether so much was done that doing it again would be a pity.
    pub(super) fn is_worth_noting(&self, now: DateTime<Utc>) -> bool {
        now - self.began >= LEAST_MEASURE
    }

    /// How long it has been at work.
    pub(super) fn took(&self, now: DateTime<Utc>) -> Duration {
        (now - self.began).to_std().unwrap_or_default()
    }

    /// How far a pass is, when it cannot be finished.
    pub(super) fn cannot_finish(
        &self,
        now: DateTime<Utc>,
        read_bytes: u64,
        size_bytes: u64,
    ) -> Option<Progress> {
        let left = self.deadline - now - MARGIN;
        let took = now - self.began;
        let is_over = left <= TimeDelta::zero();
        if !is_over && !is_hopeless(took, left, read_bytes, size_bytes) {
            return None;
        }
        Some(self.progress(now, read_bytes, size_bytes))
    }

    /// How far a pass is.
    pub(super) fn progress(&self, now: DateTime<Utc>, read_bytes: u64, size_bytes: u64) -> Progress {
        Progress {
            read_bytes,
            size_bytes,
            took: self.took(now),
        }
    }
}

fn is_hopeless(took: TimeDelta, left: TimeDelta, read_bytes: u64, size_bytes: u64) -> bool {
    if took < LEAST_MEASURE || read_bytes == 0 {
        return false;
    }
    let rest = size_bytes.saturating_sub(read_bytes);
    let seconds = |span: TimeDelta| span.as_seconds_f64();
    let needed = seconds(took) * rest as f64 / read_bytes as f64;
    needed > HOPELESS * seconds(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: i64, read_bytes: u64) -> bool {
        let began = DateTime::from_timestamp(1_795_262_400, 0).unwrap();
        let pace = Pace::from(began, began + TimeDelta::seconds(300));
        let now = began + TimeDelta::seconds(seconds);
        pace.cannot_finish(now, read_bytes, 1_000).is_some()
    }

    #[test]
    fn a_pass_in_good_time_goes_on() {
        assert!(!after(0, 0));
        assert!(!after(10, 1), "too early to tell");
        assert!(!after(100, 400));
    }

    #[test]
    fn a_pass_that_may_just_fail_is_given_its_chance() {
        assert!(!after(100, 300), "it needs 233 s and has 185 s");
    }

    #[test]
    fn a_pass_that_is_hopeless_is_given_up_early() {
        assert!(after(100, 100), "it needs 900 s and has 185 s");
    }

    #[test]
    fn a_pass_ends_before_its_invocation_is_stopped() {
        assert!(!after(284, 999));
        assert!(after(285, 999));
    }
}
