//! The store on a real PostgreSQL: one module per theme, a database for each test.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that cannot arrange its test fails it"
)]

mod attempts;
mod batches;
mod candidates;
mod chains;
mod claims;
mod connection;
mod constraints;
mod content;
mod dead_letters;
mod differences;
mod late;
mod listing;
mod maintenance;
mod migrations;
mod model;
mod outbox;
mod outcomes;
mod plans;
mod retries;
mod rule_book;
mod rule_versions;
mod rules;
mod sequels;
mod sets;
mod snapshots;
mod support;
mod tallies;
mod transitions;
mod unsettled;
mod vitals;
