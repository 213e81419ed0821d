//! The use cases on a real PostgreSQL, with every other call scripted: what happens when each of them goes wrong.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper that cannot arrange its test fails it"
)]

mod archive;
mod batches;
mod bulk;
mod burst;
mod by_hand;
mod chain;
mod crowds;
mod drift;
mod empty_files;
mod follow_ups;
mod giant;
mod groups;
mod late;
mod leases;
mod maintenance;
mod outcomes;
mod pauses;
mod prepares;
mod ranges;
mod reconciles;
mod refusals;
mod replaced;
mod restored;
mod retries;
mod round_trips;
mod schedules;
mod superseded;
mod support;
mod targets;
mod throughput;
mod topics;
mod walk;
