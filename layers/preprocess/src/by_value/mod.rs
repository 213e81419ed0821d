//! Splitting by the value that stands at a place of each record, whatever values there are.
//!
//! A [`Pipeline`](crate::Pipeline) splits by prefixes that a rule lists and checks what goes by. This does neither: a record is a
//! line, each byte of the input comes out once, and a file with other line ends, or none, is as good as any.

mod key;
mod line_ends;
mod splitter;
mod staging;
mod values;

pub use key::{KeyPlace, KeyPlaceError};
pub use splitter::{SplitLimits, SplitValue, ValueSplitError, ValueSplitter};
pub use staging::ValueOutputs;
