//! What the use cases need from the world and cannot own. `longshore-aws` implements it on the AWS SDK.

mod objects;
mod statements;
mod warehouse;

pub use objects::{
    ArchiveCopy, COPIES_AT_ONCE, Destination, ListedObject, ObjectBody, ObjectHead, ObjectPage, ObjectStart,
    ObjectStore, ObjectStoreError, PendingObject, RangeBody, Rest, Upload, UploadedObject,
};
pub use statements::StatementClient;
pub use warehouse::{
    Sealed, StatementReport, StatementRun, StepReport, Submission, SubmissionSql, WarehouseClient,
    WarehouseError,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use longshore_domain::disposition::Disposition;
use longshore_domain::notification::Message;

/// Tells people and machines.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Publishes a message to a topic. Gives the service's message id.
    async fn publish(&self, topic_arn: &str, message: &Message) -> Result<String, NotifyError>;
}

/// Why a message was not sent.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// The service did not answer or was busy.
    #[error("the topic {topic_arn} could not be reached")]
    Unavailable {
        /// The topic.
        topic_arn: String,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// The service refused: no such topic, no permission, a message it does not take.
    #[error("the topic {topic_arn} refused the message")]
    Refused {
        /// The topic.
        topic_arn: String,
        /// The cause.
        #[source]
        source: BoxError,
    },
}

impl NotifyError {
    /// What to do about it.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Unavailable { .. } => Disposition::Retry,
            Self::Refused { .. } => Disposition::Misconfigured,
        }
    }
}

/// Tells the time. A port, so that a test can stand at the edge of a lease.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> DateTime<Utc>;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// Any cause that a port's implementation carries along.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
