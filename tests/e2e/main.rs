//! End-to-end tests on the shipped executables: real HTTP, a real PostgreSQL, nothing of the product linked.
//!
//! One local stack serves the whole run; every test has a feed of its own (a number that nobody else uses), so they run
//! side by side. The promises that they keep are the table of
//! this folder's README; the product's has the most important.

mod backfill;
mod batches;
mod boundaries;
mod bulk;
mod bulk_events;
mod by_hand;
mod chaos;
mod checks;
mod codes;
mod command_line;
mod connections;
mod copy_options;
mod crash_walk;
mod doctor;
mod drift;
mod encrypted;
mod events;
mod file_checks;
mod file_splits;
mod files;
mod first_file;
mod follow_up;
mod formats;
mod groups;
mod imports;
mod infer;
mod late;
#[cfg(target_os = "linux")]
mod loopback;
mod matching;
mod messages;
mod metrics;
mod modes;
mod names;
mod once;
mod parts;
mod permissions;
mod places;
mod power_cuts;
mod prepares;
mod promises;
mod proof;
mod queries;
mod queues;
mod reconcile;
mod reported_failures;
mod resends;
mod restart;
mod retries;
mod rows;
mod rule_commands;
mod rule_fields;
mod rules;
mod secrecy;
mod seed;
mod snapshot_schedules;
mod snapshots;
mod support;
mod targets;
mod traces;
