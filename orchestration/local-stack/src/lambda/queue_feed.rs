//! Brings what lies in a queue to a function, as an event source mapping does.
//!
//! What the function took is deleted; what it says it could not take (`batchItemFailures`), and everything when it fails as a
//! whole, is left in the queue. Here it comes again after a second, on AWS after the queue's visibility timeout.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::http::ApiError;
use crate::lambda::Functions;
use crate::lambda::process::Outcome;
use crate::sqs::Queues;

const BATCH: u64 = 10;
const WAIT_SECONDS: u64 = 20;
/// Longer than any invocation lasts.
const HIDDEN_SECONDS: u64 = 1_800;
const AGAIN_AFTER_SECONDS: u64 = 1;
/// After a failure of the stack's own.
const PAUSE: Duration = Duration::from_secs(1);

/// One queue and the function that it feeds.
pub(crate) struct QueueFeed {
    pub(crate) queue: String,
    pub(crate) function: String,
    pub(crate) queues: Arc<Queues>,
    pub(crate) functions: Arc<Functions>,
}

impl QueueFeed {
    /// Runs until the stack stops. A batch that is under way then becomes visible again.
    pub(crate) async fn run(self, stopping: CancellationToken) {
        loop {
            let fed = tokio::select! {
                () = stopping.cancelled() => return,
                fed = self.feed_once() => fed,
            };
            if let Err(error) = fed {
                tracing::warn!(queue = self.queue, "could not feed a function: {}", error.message);
                tokio::select! {
                    () = stopping.cancelled() => return,
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
    }

    async fn feed_once(&self) -> Result<(), ApiError> {
        let queue_url = self.queues.url(&self.queue);
        let request = json!({
            "QueueUrl": queue_url,
            "MaxNumberOfMessages": BATCH,
            "WaitTimeSeconds": WAIT_SECONDS,
            "VisibilityTimeout": HIDDEN_SECONDS,
            "MessageSystemAttributeNames": ["All"],
        });
        let received = self.queues.handle("ReceiveMessage", request).await?;
        let Some(messages) = received["Messages"].as_array() else {
            return Ok(());
        };
        let failed = self.failures(messages).await;
        for message in messages {
            let mut request = json!({ "QueueUrl": queue_url, "ReceiptHandle": message["ReceiptHandle"] });
            let is_failed = message["MessageId"].as_str().is_none_or(|id| failed.contains(id));
            let operation = match is_failed {
                true => {
                    request["VisibilityTimeout"] = AGAIN_AFTER_SECONDS.into();
                    "ChangeMessageVisibility"
                }
                false => "DeleteMessage",
            };
            self.queues.handle(operation, request).await?;
        }
        Ok(())
    }

    /// The ids of the messages that the function did not take.
    async fn failures(&self, messages: &[Value]) -> BTreeSet<String> {
        let all = || {
            let ids = messages
                .iter()
                .filter_map(|message| message["MessageId"].as_str());
            ids.map(str::to_owned).collect()
        };
        let Some(function) = self.functions.find(&self.function).await else {
            return all();
        };
        let records: Vec<Value> = messages.iter().map(|message| self.record(message)).collect();
        let event = Bytes::from(json!({ "Records": records }).to_string());
        let request_id = uuid::Uuid::new_v4().to_string();
        match self.functions.invoke(function, request_id, event).await {
            Some(Outcome::Answer(answer)) => {
                let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
                let failures = answer["batchItemFailures"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default();
                failures
                    .iter()
                    .filter_map(|failure| failure["itemIdentifier"].as_str())
                    .map(str::to_owned)
                    .collect()
            }
            Some(Outcome::Error(_)) | None => all(),
        }
    }

    /// A message as Lambda hands it to a function.
    fn record(&self, message: &Value) -> Value {
        json!({
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": message.get("MessageAttributes").cloned().unwrap_or_else(|| json!({})),
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self.queues.arn(&self.queue),
            "awsRegion": self.queues.region(),
        })
    }
}
