//! The warehouse on a real, throw-away PostgreSQL, with objects in memory.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail the test")]

mod copy;
mod data_api;
mod durability;
mod sql;
mod support;
