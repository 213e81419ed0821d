//! A clock that only the test moves.

use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use longshore_app::ports::Clock;

use super::calls::Calls;

/// Noon, until a test says otherwise.
const NOON: i64 = 1_795_262_400;

pub(crate) struct TestClock {
    calls: Arc<Calls>,
    now: Mutex<DateTime<Utc>>,
    /// How far each look moves it on: a test of waiting need not wait.
    step: Mutex<TimeDelta>,
}

impl TestClock {
    pub(crate) fn new(calls: Arc<Calls>) -> Self {
        Self {
            calls,
            now: Mutex::new(DateTime::from_timestamp(NOON, 0).unwrap()),
            step: Mutex::new(TimeDelta::zero()),
        }
    }

    /// The time, for the test itself.
    pub(crate) fn reads(&self) -> DateTime<Utc> {
        *self.now.lock().unwrap()
    }

    pub(crate) fn advance(&self, by: TimeDelta) {
        *self.now.lock().unwrap() += by;
    }

    pub(crate) fn step_at_each_look(&self, step: TimeDelta) {
        *self.step.lock().unwrap() = step;
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        self.calls.look_at_clock();
        let mut now = self.now.lock().unwrap();
        *now += *self.step.lock().unwrap();
        *now
    }
}
