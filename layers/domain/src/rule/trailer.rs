//! Where the last record of a file says how many there are.

use serde::{Deserialize, Serialize};

/// How the count is found in the trailer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trailer {
    /// From character `start` up to, not including, `end`; the first character is 1.
    Position {
        /// The first character of the count.
        start: usize,
        /// The character after its last.
        end: usize,
    },
    /// The record begins with this tag and the count follows.
    AfterTag(String),
}

impl Trailer {
    /// Reads `start:end`.
    pub(super) fn parse_position(text: &str) -> Result<Self, String> {
        let wanted = "write start:end, where the first character is 1 and end is the character after the last, \
                      for example 4:10";
        let parsed = text.trim().split_once(':').and_then(|(start, end)| {
            Some((
                start.trim().parse::<usize>().ok()?,
                end.trim().parse::<usize>().ok()?,
            ))
        });
        match parsed {
            Some((start, end)) if start >= 1 && end > start => Ok(Self::Position { start, end }),
            _ => Err(format!("{text:?} is no position; {wanted}")),
        }
    }
}
