//! What is to be done about an error: the one question that every edge asks.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What the caller of a failed step should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Disposition {
    /// Something outside was not there; the same call may succeed later.
    Retry,
    /// The input is at fault; trying again would give the same answer.
    Reject,
    /// The deployment is at fault: a setting, a secret, a permission, a table. A person must act.
    Misconfigured,
    /// We are at fault.
    Bug,
}

impl fmt::Display for Disposition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Retry => "Retry",
            Self::Reject => "Reject",
            Self::Misconfigured => "Misconfigured",
            Self::Bug => "Bug",
        })
    }
}
