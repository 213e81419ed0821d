//! SQS, as far as an operator looks at dead letters. No function reads a queue: Lambda does it for them.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName as Attribute};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use chrono::{DateTime, Utc};
use longshore_app::ports::BoxError;

use crate::fault::{CallError, Fault};

/// The most that one call gives.
const AT_ONCE: i32 = 10;

/// Queues.
#[derive(Clone)]
pub struct Queues {
    client: Client,
}

impl fmt::Debug for Queues {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Queues").finish_non_exhaustive()
    }
}

/// A message that was received and is hidden from others for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueMessage {
    /// Its id.
    pub id: String,
    /// What this reception of it is known by.
    pub receipt: String,
    /// Its text.
    pub body: String,
    /// When it was first sent.
    pub sent_at: Option<DateTime<Utc>>,
    /// How often it was received, this time included.
    pub receives: u32,
    /// The ARN of the queue that gave it up; none when it came here without a queue.
    pub dead_of: Option<String>,
}

/// Why a queue did not do as it was asked.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// There is no such queue in this account and region.
    #[error("there is no queue {queue} in this account and region")]
    Missing {
        /// The queue.
        queue: String,
    },
    /// Whoever asks may not.
    #[error("queue {queue}: this identity lacks the right {action}")]
    Denied {
        /// The queue.
        queue: String,
        /// The right.
        action: &'static str,
    },
    /// No answer, or none that helps.
    #[error("queue {queue} did not answer as it should")]
    Failed {
        /// The queue.
        queue: String,
        /// The cause.
        #[source]
        source: BoxError,
    },
}

impl Queues {
    /// Takes a client that knows its region and endpoint.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Up to ten messages of a queue, hidden from everybody for a while; none when no more can be seen.
    ///
    /// # Errors
    /// [`QueueError`].
    pub async fn receive(&self, queue_url: &str, hidden: Duration) -> Result<Vec<QueueMessage>, QueueError> {
        let seconds = i32::try_from(hidden.as_secs()).unwrap_or(i32::MAX);
        let answer = self
            .client
            .receive_message()
            .queue_url(queue_url)
            .max_number_of_messages(AT_ONCE)
            .visibility_timeout(seconds)
            // Long polling asks all of the queue's servers; a short poll may find nothing where something is.
            .wait_time_seconds(1)
            .message_system_attribute_names(Attribute::All)
            .send()
            .await
            .map_err(|error| failed(queue_url, "sqs:ReceiveMessage", error))?;
        Ok(answer
            .messages
            .unwrap_or_default()
            .into_iter()
            .map(message)
            .collect())
    }

    /// Lets others see a message again at once.
    ///
    /// # Errors
    /// [`QueueError`].
    pub async fn show_again(&self, queue_url: &str, message: &QueueMessage) -> Result<(), QueueError> {
        self.client
            .change_message_visibility()
            .queue_url(queue_url)
            .receipt_handle(&message.receipt)
            .visibility_timeout(0)
            .send()
            .await
            .map(drop)
            .map_err(|error| failed(queue_url, "sqs:ChangeMessageVisibility", error))
    }

    /// The URL of the queue of an ARN.
    ///
    /// # Errors
    /// [`QueueError`].
    pub async fn url_of(&self, arn: &str) -> Result<String, QueueError> {
        let mut parts = arn.rsplit(':');
        let (name, account) = (parts.next().unwrap_or_default(), parts.next());
        let answer = self
            .client
            .get_queue_url()
            .queue_name(name)
            .set_queue_owner_aws_account_id(account.map(str::to_owned))
            .send()
            .await
            .map_err(|error| failed(arn, "sqs:GetQueueUrl", error))?;
        answer.queue_url.ok_or_else(|| QueueError::Failed {
            queue: arn.to_owned(),
            source: "the answer names no URL".into(),
        })
    }

    /// Sends a message to another queue and deletes it here. In this order: what dies in between is there twice, not gone.
    ///
    /// # Errors
    /// [`QueueError`].
    pub async fn move_to(
        &self,
        to_url: &str,
        from_url: &str,
        message: &QueueMessage,
    ) -> Result<(), QueueError> {
        self.client
            .send_message()
            .queue_url(to_url)
            .message_body(&message.body)
            .send()
            .await
            .map_err(|error| failed(to_url, "sqs:SendMessage", error))?;
        self.delete(from_url, message).await
    }

    /// Deletes a message.
    ///
    /// # Errors
    /// [`QueueError`].
    pub async fn delete(&self, queue_url: &str, message: &QueueMessage) -> Result<(), QueueError> {
        self.client
            .delete_message()
            .queue_url(queue_url)
            .receipt_handle(&message.receipt)
            .send()
            .await
            .map(drop)
            .map_err(|error| failed(queue_url, "sqs:DeleteMessage", error))
    }
}

fn message(message: Message) -> QueueMessage {
    let attribute = |name: &Attribute| message.attributes.as_ref()?.get(name).cloned();
    let number = |name: &Attribute| attribute(name)?.parse::<i64>().ok();
    QueueMessage {
        sent_at: number(&Attribute::SentTimestamp).and_then(DateTime::from_timestamp_millis),
        receives: number(&Attribute::ApproximateReceiveCount)
            .and_then(|count| u32::try_from(count).ok())
            .unwrap_or_default(),
        dead_of: attribute(&Attribute::DeadLetterQueueSourceArn),
        id: message.message_id.unwrap_or_default(),
        receipt: message.receipt_handle.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
    }
}

fn failed<E>(queue: &str, action: &'static str, error: CallError<E>) -> QueueError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let queue = queue.to_owned();
    let is_missing = matches!(
        error.code(),
        Some("QueueDoesNotExist" | "AWS.SimpleQueueService.NonExistentQueue" | "InvalidAddress")
    );
    match Fault::of(&error) {
        Fault::Missing => QueueError::Missing { queue },
        _ if is_missing => QueueError::Missing { queue },
        Fault::Denied => QueueError::Denied { queue, action },
        Fault::Unavailable | Fault::Busy | Fault::ConditionFailed | Fault::Refused => QueueError::Failed {
            queue,
            source: Box::new(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_when_it_was_sent_how_often_it_was_received_and_who_gave_it_up() {
        let read = message(
            Message::builder()
                .message_id("m1")
                .receipt_handle("r1")
                .body("{}")
                .attributes(Attribute::SentTimestamp, "1795262400000")
                .attributes(Attribute::ApproximateReceiveCount, "13")
                .attributes(Attribute::DeadLetterQueueSourceArn, "arn:aws:sqs:r:1:intake")
                .build(),
        );
        assert_eq!(read.sent_at, DateTime::from_timestamp(1_795_262_400, 0));
        assert_eq!(
            (read.receives, read.dead_of.as_deref()),
            (13, Some("arn:aws:sqs:r:1:intake"))
        );
        let bare = message(Message::builder().message_id("m2").build());
        assert_eq!((bare.sent_at, bare.receives, bare.dead_of), (None, 0, None));
    }
}
