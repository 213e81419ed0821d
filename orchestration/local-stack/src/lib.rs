//! The AWS side of a file-loading application on one machine: S3, Secrets Manager, SNS, SQS, EventBridge, Lambda and the
//! Redshift Data API behind one loopback port.
//!
//! Any AWS client that is pointed at [`LocalStack::endpoint_url`] works with it. What it confirms is on the disk: killed at
//! any moment and started again on the same folder, it goes on where it was, and what was to be done is done.
//!
//! It must not share code with the product that it hosts, or a mistake in the product would be a mistake in its judge;
//! it must not listen on anything but loopback; and it must not pretend: what it does not serve it refuses by name.
//!
//! ```no_run
//! use longshore_local_stack::{LocalStack, StackOptions};
//!
//! # async fn example() -> Result<(), longshore_local_stack::StackError> {
//! let options = StackOptions { buckets: vec!["landing".to_owned()], ..StackOptions::new("/tmp/stack") };
//! let stack = LocalStack::start(options).await?;
//! println!("export AWS_ENDPOINT_URL={}", stack.endpoint_url());
//! stack.start_functions(Vec::new()).await?;
//! stack.stop().await;
//! # Ok(())
//! # }
//! ```

mod endpoint;
mod error;
mod events;
mod faults;
mod http;
mod iam;
mod index;
mod lambda;
mod options;
mod query;
mod request;
mod s3;
mod secrets;
mod sns;
mod sqs;
mod stack;
mod time;

pub use error::StackError;
pub use faults::{
    Fault, FaultMatch, FaultPlan, FaultPlanError, FaultProxy, FaultRule, FaultService, FaultWhen, KillMoment,
    ProxyMode,
};
pub use index::IndexError;
pub use longshore_local_warehouse::{ClusterEndpoint, Isolation};
pub use options::{
    BucketNotification, DeadLetters, EventRule, FunctionOptions, QueueNotification, QueueOptions, Role,
    StackOptions,
};
pub use stack::LocalStack;
