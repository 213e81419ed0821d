//! How long a chain waits: between two looks at a statement that runs, and before a failed one is tried again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The waits of a query, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Pace {
    /// From the submission to the first look: the least that the query takes.
    #[serde(rename = "InitialWaitTime")]
    pub initial_wait: f64,
    /// From the first look to the second, and the least before another try.
    #[serde(rename = "BaseWaitTime")]
    pub base_wait: f64,
    /// How much longer every wait between looks is than the one before.
    pub wait_multiplier: f64,
    /// The longest wait.
    pub max_wait: f64,
}

impl Pace {
    /// From the submission to the first look.
    pub fn first_look(&self) -> Duration {
        whole_seconds(self.initial_wait)
    }

    /// The waits between the looks at one try.
    pub fn looks(&self) -> Looks {
        Looks {
            pace: *self,
            wait: self.base_wait,
        }
    }

    /// The pauses between the tries.
    pub fn pauses(&self) -> Pauses {
        Pauses {
            pace: *self,
            pause: self.base_wait,
        }
    }
}

/// The waits between the looks at one try: each longer than the one before, up to the longest.
#[derive(Debug, Clone, PartialEq)]
pub struct Looks {
    pace: Pace,
    wait: f64,
}

impl Iterator for Looks {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let wait = self.wait;
        self.wait = (wait * self.pace.wait_multiplier).min(self.pace.max_wait);
        Some(whole_seconds(wait))
    }
}

/// The pauses between the tries, by decorrelated jitter: anything from the least to thrice the pause before, up to the
/// longest. Chains that failed together do not come back together.
#[derive(Debug, Clone, PartialEq)]
pub struct Pauses {
    pace: Pace,
    pause: f64,
}

impl Pauses {
    /// The next pause, for a number drawn from 0 up to but not including 1.
    pub fn next(&mut self, draw: f64) -> Duration {
        let least = self.pace.base_wait;
        self.pause = (least + draw * (3.0 * self.pause - least)).min(self.pace.max_wait);
        whole_seconds(self.pause)
    }
}

/// To the nearest second: Step Functions waits for whole ones.
fn whole_seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64((seconds + 0.5).floor().max(0.0))
}
