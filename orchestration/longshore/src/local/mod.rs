//! The whole of Longshore on one machine: PostgreSQL, the AWS endpoint, and the shipped functions.

mod options;
mod ready;
mod rights;
mod stack;

pub(crate) use options::{DataFolder, FUNCTION_TIMEOUT, LocalOptions};
pub(crate) use ready::ReadyFile;
pub(crate) use stack::LocalDeployment;
