//! What a failure of the warehouse says about trying again. `longshore-aws` reads it off error texts and codes.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::statement::LoadStep;

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarehouseFault {
    /// Another transaction or a broken connection was in the way: the same again succeeds soon.
    Transient,
    /// Too much at once, or the statement was stopped for taking too long: the same again may succeed later.
    Busy,
    /// The warehouse is not there: paused, restarting, unreachable. It says nothing about the load.
    Down,
    /// The warehouse has no room left on its disks.
    Full,
    /// The data are at fault; trying again gives the same answer.
    Data,
    /// A right, a table or a setting is missing: a person must act.
    Configuration,
    /// A text that nobody has told us about.
    Unknown,
}

impl WarehouseFault {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Transient,
        Self::Busy,
        Self::Down,
        Self::Full,
        Self::Data,
        Self::Configuration,
        Self::Unknown,
    ];

    /// The word for logs and notes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Busy => "busy",
            Self::Down => "down",
            Self::Full => "full",
            Self::Data => "data",
            Self::Configuration => "configuration",
            Self::Unknown => "unknown",
        }
    }

    /// How often a statement that failed at `step` may fail like this before it counts as failed for good; `None` leaves
    /// that to the rule.
    ///
    /// An unknown text gets one cautious retry where the step reads nothing of the file, since nothing was left behind and
    /// what fails there is the warehouse. Where it reads the file the text is most likely about the file: its faults have
    /// more wordings than anyone can list, and the warehouse's own are listed.
    pub fn tries_at(self, step: Option<LoadStep>) -> Option<u32> {
        match self {
            Self::Transient | Self::Busy | Self::Down | Self::Full => None,
            Self::Data | Self::Configuration => Some(1),
            Self::Unknown => match step {
                Some(
                    LoadStep::Lock
                    | LoadStep::Guard
                    | LoadStep::Stage
                    | LoadStep::Newest
                    | LoadStep::Outdated
                    | LoadStep::Replace
                    | LoadStep::Marker,
                ) => Some(2),
                Some(
                    LoadStep::Copy
                    | LoadStep::Count
                    | LoadStep::KeysPresent
                    | LoadStep::KeysUnique
                    | LoadStep::Period
                    | LoadStep::PreSql
                    | LoadStep::Insert
                    | LoadStep::PostSql
                    | LoadStep::FollowUp,
                )
                | None => Some(1),
            },
        }
    }

    /// Whether it is the warehouse that is in trouble, whichever load comes next.
    pub fn is_of_the_warehouse(self) -> bool {
        matches!(self, Self::Down | Self::Full)
    }

    /// Whether the warehouse got as far as running the statement, so that the load has used up one of its tries.
    pub fn uses_a_try(self) -> bool {
        self != Self::Down
    }
}

impl fmt::Display for WarehouseFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_by_itself_is_left_to_the_rule_and_the_rest_is_not_tried_again() {
        for fault in WarehouseFault::ALL {
            let tries = fault.tries_at(Some(LoadStep::Copy));
            let passes = matches!(
                fault,
                WarehouseFault::Transient
                    | WarehouseFault::Busy
                    | WarehouseFault::Down
                    | WarehouseFault::Full
            );
            assert_eq!(tries, if passes { None } else { Some(1) }, "{fault}");
        }
    }

    #[test]
    fn an_unknown_text_is_tried_once_more_where_no_file_is_read() {
        let tries = |step| WarehouseFault::Unknown.tries_at(Some(step));
        assert_eq!(tries(LoadStep::Lock), Some(2));
        assert_eq!(tries(LoadStep::Marker), Some(2));
        assert_eq!(tries(LoadStep::Copy), Some(1));
        assert_eq!(tries(LoadStep::FollowUp), Some(1));
    }
}
