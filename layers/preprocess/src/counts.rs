//! What the records of a text came to.

use crate::report::{HeaderRecord, LineEnding, TrailerRecord, Unlisted};

/// What was counted.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) records: u64,
    pub(crate) blank_records: u64,
    pub(crate) records_by_prefix: Vec<u64>,
    pub(crate) unlisted: Unlisted,
    pub(crate) header: Vec<HeaderRecord>,
    pub(crate) trailer: Option<TrailerRecord>,
    pub(crate) lines: u64,
    pub(crate) ends: LineEnds,
}

/// How many records end how.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LineEnds {
    /// Records that end with a line feed.
    pub(crate) all: u64,
    /// Those of them with a carriage return before it.
    pub(crate) with_return: u64,
}

impl Counts {
    /// How records end; `None` if none does.
    pub(crate) fn line_ending(&self) -> Option<LineEnding> {
        match self.ends {
            LineEnds { all: 0, .. } => None,
            LineEnds { with_return: 0, .. } => Some(LineEnding::Lf),
            LineEnds { all, with_return } if all == with_return => Some(LineEnding::CrLf),
            LineEnds { .. } => Some(LineEnding::Mixed),
        }
    }
}
