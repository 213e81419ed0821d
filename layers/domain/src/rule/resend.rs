//! What is done about a file that was loaded before.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What is done when the same content comes again under the same key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResendPolicy {
    /// It is put away, and that is told.
    #[default]
    Skip,
    /// Its rows take the place of those that the earlier load brought.
    Reload,
    /// It is loaded beside them.
    Accept,
}

impl ResendPolicy {
    const ALL: [Self; 3] = [Self::Skip, Self::Reload, Self::Accept];

    /// The word in the rule's column and on the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Reload => "reload",
            Self::Accept => "accept",
        }
    }

    /// The policy that a word stands for.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == word)
    }
}

impl fmt::Display for ResendPolicy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
