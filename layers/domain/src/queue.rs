//! The SQS queue that brought an announcement.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What the queue of a snapshot begins with, and so the token of its file.
pub(crate) const SNAPSHOT_QUEUE: &str = "snapshot-";

/// The name of a queue: the last part of its ARN.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct QueueName(String);

impl QueueName {
    /// Reads a name as SQS takes it, or a whole ARN, or says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let name = match text.trim() {
            arn if arn.starts_with("arn:") => arn.rsplit(':').next().unwrap_or_default(),
            name => name,
        };
        let stem = name.strip_suffix(".fifo").unwrap_or(name);
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        match !stem.is_empty() && name.len() <= 80 && stem.bytes().all(is_plain) {
            true => Ok(Self(name.to_owned())),
            false => Err(format!(
                "{text:?} is no queue's name; write the last part of its ARN, up to 80 letters, digits, '-' and '_'"
            )),
        }
    }

    /// The queue of an ARN such as `arn:aws:sqs:eu-west-1:1:orders`; `None` when it names none.
    pub fn of_arn(arn: &str) -> Option<Self> {
        arn.starts_with("arn:").then(|| Self::parse(arn).ok()).flatten()
    }

    /// The queue that a snapshot's rule takes its file by. Nothing comes through it.
    pub fn of_snapshot(id: Uuid) -> Self {
        Self(format!("{SNAPSHOT_QUEUE}{}", id.simple()))
    }

    /// A name that is on the ledger already.
    pub fn stored(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The bare name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("arn:aws:sqs:eu-west-1:000000000000:orders_queue", Some("orders_queue"))]
    #[case("arn:aws-cn:sqs:cn-north-1:1:orders.fifo", Some("orders.fifo"))]
    #[case("arn:aws:sqs:eu-west-1:1:", None)]
    #[case("orders", None)]
    fn a_queue_is_named_by_the_last_part_of_its_arn(#[case] arn: &str, #[case] expected: Option<&str>) {
        assert_eq!(QueueName::of_arn(arn).as_ref().map(QueueName::as_str), expected);
    }

    #[test]
    fn a_name_that_no_queue_has_is_refused_with_what_is_right() {
        assert_eq!(QueueName::parse(" orders "), Ok(QueueName::stored("orders")));
        assert_eq!(
            QueueName::parse("arn:aws:sqs:a:1:orders"),
            Ok(QueueName::stored("orders"))
        );
        insta::assert_snapshot!(QueueName::parse("my orders").unwrap_err(), @r#""my orders" is no queue's name; write the last part of its ARN, up to 80 letters, digits, '-' and '_'"#);
        assert!(QueueName::parse("").is_err());
    }
}
