//! What rules and loads become in SQL.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot arrange its case has failed; the lint's own exception covers test bodies alone"
)]

mod arrange;
mod drift;
mod exclusions;
mod formats;
mod injection;
mod load_transaction;
mod modes;
