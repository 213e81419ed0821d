//! The ports of `longshore-app` on the AWS SDK: S3, the Redshift Data API, SNS, and the secrets behind them.
//!
//! Every call answers in the words of the port: an SDK error becomes "denied, grant `s3:GetObject`", "busy", "could not
//! be reached", and keeps the SDK's own error as its cause. This crate decides nothing about loads, reads no environment
//! variable and builds no client: `longshore-runtime` hands it clients whose region, endpoint, timeouts and retries are set.
//!
//! ```no_run
//! use longshore_app::ports::ObjectStore;
//! use longshore_aws::S3ObjectStore;
//! use longshore_domain::object::{Bucket, ObjectKey};
//!
//! # async fn example(client: aws_sdk_s3::Client) -> Result<(), longshore_app::ports::ObjectStoreError> {
//! let objects = S3ObjectStore::new(client);
//! let head = objects.head(&Bucket::new("landing"), &ObjectKey::new("in/orders_527.txt")).await?;
//! assert!(head.is_none_or(|head| head.size_bytes > 0));
//! # Ok(())
//! # }
//! ```

#![warn(missing_docs)]

mod classify;
mod fault;
mod inspect;
mod queues;
mod redshift_data;
mod s3;
mod secrets;
mod signed;
mod sns;

#[cfg(test)]
mod scripted;

pub use inspect::{BucketEvents, EventRuleStanding, InspectError, Inspector, Right};
pub use queues::{QueueError, QueueMessage, Queues};
pub use redshift_data::{RedshiftDataClient, ResultTable};
pub use s3::{PartsUpload, S3ObjectStore, Traffic};
pub use secrets::{Password, PostgresSecret, RedshiftSecret, Secrets, SecretsError};
pub use signed::SignedRequests;
pub use sns::SnsNotifier;
