//! HTTP: serving a loopback port, checking signatures, and the error forms of the AWS protocols.

mod error;
mod server;
mod signature;

pub(crate) use error::ApiError;
pub(crate) use server::{Disconnect, serve};
pub(crate) use signature::{Credential, Keys};
