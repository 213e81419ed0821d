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

    /// What the warehouse said, without what it said of the data: an error of the data quotes values, and row contents are in
    /// no message, audit row or log. The names of columns, tables and the like stay.
    pub fn without_values(self, text: &str) -> String {
        match self {
            Self::Data | Self::Unknown => hide_values(text),
            Self::Transient | Self::Busy | Self::Down | Self::Full | Self::Configuration => text.to_owned(),
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

/// What a quoted text is the name of, where this stands before it: COPY's own error says which view to check.
const NOUNS: [&str; 10] = [
    "Check",
    "column",
    "constraint",
    "function",
    "index",
    "procedure",
    "relation",
    "schema",
    "table",
    "view",
];
/// Whatever follows is about a row.
const DETAILS: [&str; 2] = ["detail:", "context:"];

fn hide_values(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let end = DETAILS.iter().filter_map(|word| lower.find(word)).min();
    let mut rest = text[..end.unwrap_or(text.len())].trim_end();
    let mut shown = String::with_capacity(rest.len());
    while let Some(open) = rest.find(['"', '\'']) {
        let (before, from) = rest.split_at(open);
        shown.push_str(before);
        let quote = &from[..1];
        let follows_a_word = before.ends_with(|one: char| one.is_alphanumeric());
        let close = from[1..].find(quote).map(|length| length + 2);
        // An apostrophe.
        if quote == "'" && follows_a_word {
            shown.push_str(quote);
            rest = &from[1..];
            continue;
        }
        let last = before.split_whitespace().next_back().unwrap_or_default();
        let length = close.unwrap_or(from.len());
        match NOUNS.contains(&last) {
            true => shown.push_str(&from[..length]),
            false => shown.extend([quote, "…", quote]),
        }
        rest = &from[length..];
    }
    shown.push_str(rest);
    shown
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

    #[test]
    fn an_error_of_the_data_keeps_its_names_and_loses_its_values() {
        for (text, expected) in [
            (
                "ERROR: invalid input syntax for type integer: \"Jane Doe 078-05-1120\"",
                "ERROR: invalid input syntax for type integer: \"…\"",
            ),
            (
                "null value in column \"id\" of relation \"etl.price\" violates it\n  DETAIL:  Failing row contains (Jane)",
                "null value in column \"id\" of relation \"etl.price\" violates it",
            ),
            (
                "ERROR: Invalid digit, Value 'J', Pos 0, Type: Integer  Detail: context: Jane",
                "ERROR: Invalid digit, Value '…', Pos 0, Type: Integer",
            ),
            ("a value that isn't one: 'Jane", "a value that isn't one: '…'"),
            (
                "Load into table 'price' failed.  Check 'sys_load_error_detail' system table",
                "Load into table 'price' failed.  Check 'sys_load_error_detail' system table",
            ),
            ("division by zero", "division by zero"),
        ] {
            assert_eq!(WarehouseFault::Data.without_values(text), expected);
            assert_eq!(WarehouseFault::Unknown.without_values(text), expected);
            assert_eq!(WarehouseFault::Configuration.without_values(text), text);
        }
    }
}
