//! What every command does alike that changes something: it says first what it would do, and does it with `--yes`, on record with who
//! and why.

use longshore_store::Operator;

use crate::cli::HandArguments;
use crate::output::note;

impl HandArguments {
    /// Who does it, and why.
    pub(crate) fn operator(&self) -> Operator {
        Operator {
            name: self.operator.clone(),
            reason: self.why.clone(),
        }
    }
}

/// Whether something is done, or only told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Earnest {
    /// It is done: `--yes`.
    Done,
    /// It is told what would be.
    Told,
}

impl Earnest {
    /// As the arguments say.
    pub(crate) fn of(hand: &HandArguments) -> Self {
        match hand.yes {
            true => Self::Done,
            false => Self::Told,
        }
    }

    /// Whether it is done.
    pub(crate) fn is_done(self) -> bool {
        self == Self::Done
    }

    /// The heading of a table of deeds.
    pub(crate) fn heading(self) -> &'static str {
        match self {
            Self::Done => "what was done",
            Self::Told => "what would be done",
        }
    }

    /// Says at the end that nothing was done, where nothing was.
    pub(crate) fn close(self) {
        if self == Self::Told {
            note("Nothing was done; say --yes to do it.");
        }
    }
}
