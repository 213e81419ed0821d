//! A chain: SQL that runs one statement after the other, each tried again where its error says so.
//!
//! The rules are here: what a chain may say, how long to wait, which failure is tried again. `longshore query run` follows them,
//! and so does the state machine in `orchestration/state-machines`, which says them in JSONata; `decisions.json` beside it
//! holds both to one table.

mod check;
mod pace;
mod pattern;
mod request;
#[cfg(test)]
mod tests;
mod verdict;

pub use check::{ChainDefaults, ChainFaults, ChainQuery, check};
pub use pace::{Looks, Pace, Pauses};
pub use pattern::{ErrorPattern, PatternFault};
pub use request::{SqlParameter, StatementRequest};
pub use verdict::{ChainStop, Verdict};
