//! What a deployment's parts say of themselves. Asked by a doctor, never by a function: no function's role allows it.

mod questions;

use std::error::Error;
use std::fmt;

use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use longshore_app::ports::BoxError;

use crate::fault::{CallError, Fault};
use crate::signed::SignedRequests;
pub use questions::{EventRuleStanding, Right};

/// Asks S3, SNS, EventBridge and IAM about themselves.
#[derive(Clone)]
pub struct Inspector {
    objects: aws_sdk_s3::Client,
    topics: aws_sdk_sns::Client,
    requests: SignedRequests,
}

impl fmt::Debug for Inspector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Inspector").finish_non_exhaustive()
    }
}

/// Who is told of a bucket's objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketEvents {
    /// Whether EventBridge is.
    pub event_bridge: bool,
    /// The queues, functions and topics that are, each with what a key must begin with.
    pub listeners: Vec<(String, String)>,
}

impl BucketEvents {
    /// Whether somebody is told of a key that begins like this.
    pub fn cover(&self, prefix: &str) -> bool {
        self.event_bridge
            || self
                .listeners
                .iter()
                .any(|(_, begins)| prefix.starts_with(begins.as_str()))
    }
}

impl BucketEvents {
    /// Who is told by S3 itself of a key that begins like this.
    pub fn listeners_of<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        let told = self
            .listeners
            .iter()
            .filter(move |(_, begins)| prefix.starts_with(begins.as_str()));
        told.map(|(arn, _)| arn.as_str())
    }
}

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// There is no such thing in this account and region.
    #[error("there is no {what} in this account and region")]
    Missing {
        /// What was asked about.
        what: String,
    },
    /// Whoever asks may not.
    #[error("{what}: this identity lacks the right {action}")]
    Denied {
        /// What was asked about.
        what: String,
        /// The right.
        action: &'static str,
    },
    /// No answer, or none that helps.
    #[error("{what} did not answer as it should")]
    Failed {
        /// What was asked about.
        what: String,
        /// The cause.
        #[source]
        source: BoxError,
    },
}

impl Inspector {
    /// Takes clients that know their region and endpoint.
    pub fn new(objects: aws_sdk_s3::Client, topics: aws_sdk_sns::Client, requests: SignedRequests) -> Self {
        Self {
            objects,
            topics,
            requests,
        }
    }

    /// Who is told of a bucket's objects.
    ///
    /// # Errors
    /// [`InspectError`], when there is no such bucket, or it does not say.
    pub async fn bucket_events(&self, bucket: &str) -> Result<BucketEvents, InspectError> {
        let call = self
            .objects
            .get_bucket_notification_configuration()
            .bucket(bucket);
        let seen = call
            .send()
            .await
            .map_err(|error| failed(format!("bucket {bucket}"), "s3:GetBucketNotification", error))?;
        let mut listeners = Vec::new();
        for queue in seen.queue_configurations() {
            listeners.push((queue.queue_arn().to_owned(), prefix(queue.filter())));
        }
        for function in seen.lambda_function_configurations() {
            listeners.push((
                function.lambda_function_arn().to_owned(),
                prefix(function.filter()),
            ));
        }
        for topic in seen.topic_configurations() {
            listeners.push((topic.topic_arn().to_owned(), prefix(topic.filter())));
        }
        Ok(BucketEvents {
            event_bridge: seen.event_bridge_configuration().is_some(),
            listeners,
        })
    }

    /// Whether a topic is there.
    ///
    /// # Errors
    /// [`InspectError`], when it is not, or does not say.
    pub async fn topic(&self, arn: &str) -> Result<(), InspectError> {
        let call = self.topics.get_topic_attributes().topic_arn(arn);
        call.send()
            .await
            .map(drop)
            .map_err(|error| failed(format!("topic {arn}"), "sns:GetTopicAttributes", error))
    }
}

/// What a key must begin with; empty for any.
fn prefix(filter: Option<&aws_sdk_s3::types::NotificationConfigurationFilter>) -> String {
    use aws_sdk_s3::types::FilterRuleName;
    let rules = filter
        .and_then(|filter| filter.key())
        .map(|key| key.filter_rules());
    let found = rules
        .into_iter()
        .flatten()
        .find(|rule| rule.name() == Some(&FilterRuleName::Prefix));
    found.and_then(|rule| rule.value()).unwrap_or_default().to_owned()
}

fn failed<E>(what: String, action: &'static str, error: CallError<E>) -> InspectError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    // S3 says NoSuchBucket, SNS NotFound.
    let is_missing = matches!(error.code(), Some("NoSuchBucket" | "NotFound"));
    match Fault::of(&error) {
        Fault::Missing => InspectError::Missing { what },
        _ if is_missing => InspectError::Missing { what },
        Fault::Denied => InspectError::Denied { what, action },
        Fault::Unavailable | Fault::Busy | Fault::ConditionFailed | Fault::Refused => InspectError::Failed {
            what,
            source: Box::new(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_covered_by_event_bridge_or_a_listener_that_takes_all_of_it() {
        let events = |event_bridge, prefix: &str| BucketEvents {
            event_bridge,
            listeners: vec![("arn".to_owned(), prefix.to_owned())],
        };
        assert!(events(true, "elsewhere/").cover("in/"));
        assert!(events(false, "in/").cover("in/"));
        assert!(events(false, "").cover("in/"));
        assert!(!events(false, "in/orders/").cover("in/"));
        assert!(!events(false, "elsewhere/").cover("in/"));
    }
}
