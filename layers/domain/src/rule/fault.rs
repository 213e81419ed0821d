//! What is wrong with a rule row, in words that name the column to mend.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::RuleId;

/// One fault of a rule row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleFault {
    /// The column of `ext_file_config` (or `ext_file_config_dtl.x`, `ext_target.x`) to mend.
    pub column: String,
    /// What is wrong, with the value found, and what would be right.
    pub problem: String,
}

impl RuleFault {
    /// A fault of `column`.
    pub fn new(column: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            column: column.into(),
            problem: problem.into(),
        }
    }
}

impl fmt::Display for RuleFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.column, self.problem)
    }
}

/// Every fault of one rule row. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub struct RuleFaults {
    /// The row.
    pub rule: RuleId,
    /// What is wrong with it.
    pub faults: Vec<RuleFault>,
}

impl fmt::Display for RuleFaults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.faults.len();
        let noun = if count == 1 { "fault" } else { "faults" };
        write!(formatter, "rule {} has {count} {noun}", self.rule)?;
        for (index, fault) in self.faults.iter().enumerate() {
            write!(formatter, "{} {fault}", if index == 0 { ":" } else { ";" })?;
        }
        Ok(())
    }
}

/// Gathers the faults of a row on the way through it.
#[derive(Default)]
pub(super) struct Collector {
    pub(super) list: Vec<RuleFault>,
}

impl Collector {
    /// The part, or its fault put down.
    pub(super) fn keep<T>(&mut self, part: Result<T, RuleFault>) -> Option<T> {
        part.map_err(|fault| self.list.push(fault)).ok()
    }

    /// Puts a fault down.
    pub(super) fn add(&mut self, column: &str, problem: impl Into<String>) {
        self.list.push(RuleFault::new(column, problem));
    }
}
