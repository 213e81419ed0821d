//! Notifications: the event record that S3 sends when an object is created, and who is to get it.

use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::{
    Event, FilterRule, FilterRuleName, LambdaFunctionConfiguration, NotificationConfigurationFilter,
    QueueConfiguration, S3KeyFilter,
};
use serde_json::{Value, json};

use crate::faults::{Deliveries, Delivery, FaultService};
use crate::index::{IndexError, Writer};
use crate::options::{BucketNotification, QueueNotification};
use crate::s3::record::Object;
use crate::sqs::Queues;
use crate::time::Moment;

/// What stays as it is in the form-encoded key of an event.
const FORM: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'*')
    .remove(b'/')
    .remove(b' ');

/// How an object came to be.
#[derive(Clone, Copy, Debug)]
pub(super) enum EventName {
    Put,
    Copy,
    CompleteMultipartUpload,
}

impl EventName {
    /// The name in a record, which has no `s3:` before it.
    fn as_str(self) -> &'static str {
        match self {
            Self::Put => "ObjectCreated:Put",
            Self::Copy => "ObjectCreated:Copy",
            Self::CompleteMultipartUpload => "ObjectCreated:CompleteMultipartUpload",
        }
    }
}

/// An object that has just been created.
pub(super) struct Created<'a> {
    pub(super) event: EventName,
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
    pub(super) object: &'a Object,
    pub(super) version_id: Option<&'a str>,
    pub(super) sequence: u64,
    pub(super) written: Moment,
}

/// The notification configuration of all buckets.
pub(super) struct Announcer {
    pub(super) region: String,
    pub(super) account: String,
    pub(super) notifications: Vec<BucketNotification>,
    pub(super) queue_notifications: Vec<QueueNotification>,
    pub(super) queues: Arc<Queues>,
}

impl Announcer {
    /// Queues an invocation for everyone who wants to know, in the transaction that creates the object.
    pub(super) fn announce(
        &self,
        deliveries: &Deliveries,
        writer: &Writer,
        created: &Created<'_>,
    ) -> Result<(), IndexError> {
        for (position, notification) in self.notifications.iter().enumerate() {
            if wants(notification, created) {
                let payload = self.event(created, &format!("notification-{position}"));
                let delivery = Delivery {
                    service: FaultService::S3Notifications,
                    function: &notification.function,
                    bucket: Some(created.bucket),
                    key: Some(created.key),
                    statement: None,
                    payload: payload.to_string(),
                };
                deliveries.deliver(writer, delivery)?;
            }
        }
        for (position, notification) in self.queue_notifications.iter().enumerate() {
            if notification.bucket == created.bucket && created.key.starts_with(&notification.prefix) {
                let body = self.event(created, &format!("queue-notification-{position}"));
                let arn = self.queues.arn(&notification.queue);
                self.queues.deliver(writer, &arn, body.to_string(), Value::Null)?;
            }
        }
        Ok(())
    }

    /// Which queues are told of a bucket's objects, as S3 says it.
    pub(super) fn listening_queues(&self, bucket: &str) -> Vec<QueueConfiguration> {
        let of_bucket = self
            .queue_notifications
            .iter()
            .filter(|notification| notification.bucket == bucket);
        of_bucket
            .map(|notification| QueueConfiguration {
                events: vec![Event::from("s3:ObjectCreated:*".to_owned())],
                filter: Some(filter(&notification.prefix, "")),
                id: None,
                queue_arn: self.queues.arn(&notification.queue),
            })
            .collect()
    }

    /// Who is told of a bucket's objects, as S3 says it.
    pub(super) fn listeners(&self, bucket: &str) -> Vec<LambdaFunctionConfiguration> {
        let of_bucket = self
            .notifications
            .iter()
            .filter(|notification| notification.bucket == bucket);
        of_bucket
            .map(|notification| LambdaFunctionConfiguration {
                events: vec![Event::from("s3:ObjectCreated:*".to_owned())],
                filter: Some(filter(&notification.prefix, &notification.suffix)),
                id: None,
                lambda_function_arn: format!(
                    "arn:aws:lambda:{}:{}:function:{}",
                    self.region, self.account, notification.function
                ),
            })
            .collect()
    }

    fn event(&self, created: &Created<'_>, configuration: &str) -> Value {
        let mut object = json!({
            "key": form_encode(created.key),
            "size": created.object.size,
            "eTag": created.object.etag,
            "sequencer": format!("{:016X}", created.sequence),
        });
        if let Some(version_id) = created.version_id {
            object["versionId"] = version_id.into();
        }
        json!({ "Records": [{
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": self.region,
            "eventTime": created.written.iso8601(),
            "eventName": created.event.as_str(),
            "userIdentity": { "principalId": format!("AWS:{}", self.account) },
            "requestParameters": { "sourceIPAddress": "127.0.0.1" },
            "responseElements": {
                "x-amz-request-id": format!("{:016X}", created.sequence),
                "x-amz-id-2": "local-stack",
            },
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": configuration,
                "bucket": {
                    "name": created.bucket,
                    "ownerIdentity": { "principalId": self.account },
                    "arn": format!("arn:aws:s3:::{}", created.bucket),
                },
                "object": object,
            },
        }]})
    }
}

fn filter(prefix: &str, suffix: &str) -> NotificationConfigurationFilter {
    let rule = |name: &str, value: &str| FilterRule {
        name: Some(FilterRuleName::from(name.to_owned())),
        value: Some(value.to_owned()),
    };
    let rules = vec![rule("prefix", prefix), rule("suffix", suffix)];
    NotificationConfigurationFilter {
        key: Some(S3KeyFilter {
            filter_rules: Some(rules),
        }),
    }
}

fn wants(notification: &BucketNotification, created: &Created<'_>) -> bool {
    notification.bucket == created.bucket
        && created.key.starts_with(&notification.prefix)
        && created.key.ends_with(&notification.suffix)
}

/// The key as events carry it: UTF-8 percent-encoded, space as `+`.
fn form_encode(key: &str) -> String {
    utf8_percent_encode(key, FORM).to_string().replace(' ', "+")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_an_event_is_form_encoded() {
        assert_eq!(form_encode("in/a b+c ü.txt"), "in/a+b%2Bc+%C3%BC.txt");
    }
}
