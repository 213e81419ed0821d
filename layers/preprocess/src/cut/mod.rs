//! Looking into a file at a few places instead of reading it from end to end.
//!
//! Where records end can be told on the spot when a line end is a record's end whatever came before: not in CSV, whose quotes
//! hold line ends, and not in two-byte encodings, whose line ends look like halves of other characters. In CSV it can be guessed,
//! and joining the chunks in order shows whether the guess was right. What is found here is what a [`Pipeline`](crate::Pipeline)
//! over the whole file finds; a property test holds both together.

mod ends;
mod head;
mod scan;
mod tail;
mod tally;

pub use ends::LocalEnds;
pub use head::Head;
pub use scan::{ChunkScan, ScannedChunk};
pub use tail::{Tail, TailTrailer};
pub use tally::{Joined, RecordCounter, Tally, TallyJoin};
