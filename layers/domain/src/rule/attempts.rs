//! How often the loads of a rule are tried, and whether its follow-up may be.

use super::cells::optional_flag;
use super::fault::Collector;
use super::{RuleFault, RuleRow};
use crate::retry::RetryPolicy;

/// More would only hide that something is wrong.
const MOST_ATTEMPTS: u32 = 100;
/// A week.
const MOST_MINUTES: u32 = 10_080;

pub(super) fn retry(row: &RuleRow, faults: &mut Collector) -> RetryPolicy {
    let default = RetryPolicy::default();
    let max_attempts = faults.keep(within("max_attempts", row.max_attempts, 1..=MOST_ATTEMPTS));
    let minutes = faults.keep(within("retry_minutes", row.retry_minutes, 0..=MOST_MINUTES));
    RetryPolicy {
        max_attempts: max_attempts.flatten().unwrap_or(default.max_attempts),
        minutes: minutes.flatten().unwrap_or(default.minutes),
    }
}

/// What the rule says about running its follow-up twice; `None` when it says nothing.
pub(super) fn follow_up_repeats(row: &RuleRow, faults: &mut Collector) -> Option<bool> {
    let repeats = optional_flag("query_retry_flag", &row.query_retry_flag);
    faults.keep(repeats).flatten()
}

pub(super) fn within(
    column: &str,
    value: Option<i32>,
    range: std::ops::RangeInclusive<u32>,
) -> Result<Option<u32>, RuleFault> {
    let Some(value) = value else { return Ok(None) };
    match u32::try_from(value) {
        Ok(value) if range.contains(&value) => Ok(Some(value)),
        _ => Err(RuleFault::new(
            column,
            format!("{value} is not between {} and {}", range.start(), range.end()),
        )),
    }
}
