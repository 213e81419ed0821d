//! Lambda: the shipped executables, served through the Lambda runtime API, and the durable queue of what they are to do.

mod door;
mod function;
mod guard;
mod invocation;
pub(crate) mod invoke_api;
mod log;
mod process;
mod queue_feed;
mod runtime_api;

pub(crate) use door::Gateway;
pub(crate) use function::{Functions, HostEnvironment};
pub(crate) use invocation::Invocations;
pub(crate) use queue_feed::QueueFeed;
