//! The warehouse on a real, throw-away PostgreSQL, with objects in memory.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail the test")]

mod compression;
mod copy;
mod data_api;
mod durability;
mod formats;
mod functions;
mod hostile;
mod limits;
mod listagg;
mod load_operations;
mod manual;
mod manual_errors;
mod manual_times;
mod procedure;
mod random;
mod session;
mod sql;
mod support;
