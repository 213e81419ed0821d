//! When a load that the warehouse failed is tried again, and when it is given up.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::chain::Pace;
use crate::fault::WarehouseFault;
use crate::load::LoadId;
use crate::statement::LoadStep;

/// The shortest wait before another try.
const SHORTEST: Duration = Duration::from_secs(15);
/// The longest.
const LONGEST: Duration = Duration::from_secs(600);

/// How long a rule's loads are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// The most statements that may fail.
    pub max_attempts: u32,
    /// How long after the first failure another try may begin.
    pub minutes: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 8,
            minutes: 240,
        }
    }
}

/// A statement that failed.
#[derive(Debug, Clone, Copy)]
pub struct FailedTry {
    /// The load.
    pub load: LoadId,
    /// Why.
    pub fault: WarehouseFault,
    /// The step that it failed at.
    pub step: Option<LoadStep>,
    /// How many tries the load has used up, this one included where it counts.
    pub tries: u32,
    /// The attempt's number.
    pub attempt: u32,
    /// How long ago the first of them failed.
    pub since_first: Duration,
}

/// What follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextTry {
    /// Another attempt, after this wait.
    After(Duration),
    /// The failure would come again.
    Permanent,
    /// It might have passed, but the rule allows no more.
    Exhausted,
}

impl RetryPolicy {
    /// Decides about the next try. A warehouse that is down uses up neither tries nor time: it is not the load's doing.
    pub fn after(&self, failed: &FailedTry) -> NextTry {
        let wait = delay(failed.load, failed.attempt);
        if !failed.fault.uses_a_try() {
            return NextTry::After(wait);
        }
        match failed.fault.tries_at(failed.step) {
            Some(most) if failed.tries >= most => NextTry::Permanent,
            _ if failed.tries >= self.max_attempts => NextTry::Exhausted,
            _ if failed.since_first + wait > self.patience() => NextTry::Exhausted,
            _ => NextTry::After(wait),
        }
    }

    /// How long after the first failure another try may begin.
    pub fn patience(&self) -> Duration {
        Duration::from_secs(u64::from(self.minutes) * 60)
    }
}

/// The wait after the n-th attempt: decorrelated jitter, each wait between the shortest and three times the one before. It is
/// drawn from the load's id and not from chance: loads that failed together come back apart, and whoever computes the wait
/// of one failure computes the same.
pub fn delay(load: LoadId, attempt: u32) -> Duration {
    let mut wait = SHORTEST;
    // After a few more the longest is reached; a high number must not cost a long loop.
    for number in 1..=attempt.clamp(1, 32) {
        let widest = (wait * 3).min(LONGEST);
        wait = SHORTEST + (widest - SHORTEST).mul_f64(fraction(load, number));
    }
    wait
}

/// The pause of a chain's step after these attempts at it failed, by the pace of the step; drawn as [`delay`] is.
pub fn pause(pace: &Pace, load: LoadId, attempts: RangeInclusive<u32>) -> Duration {
    let mut pauses = pace.pauses();
    attempts
        .map(|attempt| pauses.next(fraction(load, attempt)))
        .last()
        .unwrap_or_default()
}

/// A number from 0 to 1 that looks like chance and is not.
fn fraction(load: LoadId, number: u32) -> f64 {
    let digest = Sha256::digest(format!("{load}/wait/{number}"));
    let drawn = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    f64::from(drawn) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn load(number: u128) -> LoadId {
        LoadId::from_uuid(Uuid::from_u128(number))
    }

    fn failed(fault: WarehouseFault, tries: u32) -> FailedTry {
        FailedTry {
            load: load(1),
            fault,
            step: Some(LoadStep::Copy),
            tries,
            attempt: tries,
            since_first: Duration::ZERO,
        }
    }

    #[test]
    fn waits_stay_between_the_shortest_and_the_longest_and_grow() {
        for number in 0..200 {
            for attempt in 0..40 {
                let wait = delay(load(number), attempt);
                assert!(
                    (SHORTEST..=LONGEST).contains(&wait),
                    "{number} {attempt} {wait:?}"
                );
            }
        }
        let mean = |attempt| {
            (0..200)
                .map(|number| delay(load(number), attempt))
                .sum::<Duration>()
                / 200
        };
        assert!(mean(6) > mean(1) * 2, "{:?} {:?}", mean(6), mean(1));
    }

    #[test]
    fn loads_that_failed_together_come_back_apart() {
        let waits: std::collections::BTreeSet<Duration> =
            (0..100).map(|number| delay(load(number), 3)).collect();
        assert!(waits.len() > 95, "{} different waits", waits.len());
    }

    #[test]
    fn a_passing_failure_is_tried_until_the_rule_says_no() {
        let policy = RetryPolicy {
            max_attempts: 3,
            minutes: 60,
        };
        let after = |tries| policy.after(&failed(WarehouseFault::Transient, tries));
        assert!(matches!(after(1), NextTry::After(_)));
        assert!(matches!(after(2), NextTry::After(_)));
        assert_eq!(after(3), NextTry::Exhausted);
    }

    #[test]
    fn the_time_runs_out_too() {
        let policy = RetryPolicy {
            max_attempts: 100,
            minutes: 10,
        };
        let late = FailedTry {
            since_first: Duration::from_secs(600),
            ..failed(WarehouseFault::Busy, 2)
        };
        assert_eq!(policy.after(&late), NextTry::Exhausted);
    }

    #[test]
    fn a_permanent_failure_is_not_tried_again() {
        let policy = RetryPolicy::default();
        for fault in [
            WarehouseFault::Data,
            WarehouseFault::Configuration,
            WarehouseFault::Unknown,
        ] {
            assert_eq!(policy.after(&failed(fault, 1)), NextTry::Permanent, "{fault}");
        }
    }

    #[test]
    fn a_warehouse_that_is_down_uses_up_neither_tries_nor_time() {
        let policy = RetryPolicy {
            max_attempts: 1,
            minutes: 0,
        };
        let down = FailedTry {
            since_first: Duration::from_secs(1_000_000),
            ..failed(WarehouseFault::Down, 50)
        };
        assert!(matches!(policy.after(&down), NextTry::After(_)));
    }

    #[test]
    fn pauses_of_a_step_keep_to_its_pace_and_come_out_alike() {
        let pace = Pace {
            initial_wait: 0.0,
            base_wait: 2.0,
            wait_multiplier: 1.0,
            max_wait: 9.0,
        };
        for number in 0..100 {
            for last in 3..12 {
                let drawn = pause(&pace, load(number), 3..=last);
                assert!((2..=9).contains(&drawn.as_secs()), "{number} {last} {drawn:?}");
                assert_eq!(drawn, pause(&pace, load(number), 3..=last));
            }
        }
    }
}
