//! The stack as its clients see it: through the AWS SDK for Rust, with signatures checked.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail the test that calls them"
)]

mod fault_deliveries;
mod fault_functions;
mod fault_proxy;
mod faults;
mod functions;
mod killed;
mod messages;
mod objects;
mod restart;
mod secrets;
mod support;
mod uploads;
