//! SQS: durable queues with visibility timeouts and long polling.

mod message;
mod queue;
mod receive;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::http::ApiError;
use crate::index::{Index, IndexError, Read, Writer};
use crate::options::DeadLetters;
use crate::request::{optional_text, text};
use crate::sqs::message::{Message, put_message};
use crate::sqs::queue::{QUEUES, Queue};
use crate::time::Moment;

/// The service.
pub(crate) struct Queues {
    index: Arc<Index>,
    region: String,
    account: String,
    endpoint_url: String,
    arrivals: Arc<Notify>,
}

impl Queues {
    /// The queues of an account and region; URLs begin with the endpoint.
    pub(crate) fn new(index: Arc<Index>, region: &str, account: &str, endpoint_url: &str) -> Arc<Self> {
        Arc::new(Self {
            index,
            region: region.to_owned(),
            account: account.to_owned(),
            endpoint_url: endpoint_url.to_owned(),
            arrivals: Arc::default(),
        })
    }

    /// Makes sure that a queue exists, with these dead letters.
    pub(crate) async fn ensure(
        &self,
        name: String,
        dead_letters: Option<&DeadLetters>,
    ) -> Result<(), IndexError> {
        let policy = dead_letters.map(|dead_letters| {
            let arn = self.arn(&dead_letters.queue);
            json!({ "deadLetterTargetArn": arn, "maxReceiveCount": dead_letters.max_receives }).to_string()
        });
        self.index
            .write(move |writer| {
                let known = writer.get(&QUEUES, &name)?;
                let is_known = known.is_some();
                let mut queue = known.unwrap_or_else(|| Queue::new(BTreeMap::new()));
                match policy {
                    Some(policy) => queue.set("RedrivePolicy", policy),
                    None if is_known => return Ok(()),
                    None => {}
                }
                writer.put(&QUEUES, &name, &queue)
            })
            .await
    }

    /// The region of the queues.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// The ARN of a queue of this account and region.
    pub(crate) fn arn(&self, name: &str) -> String {
        format!("arn:aws:sqs:{}:{}:{name}", self.region, self.account)
    }

    /// The URL by which clients name a queue.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("{}/{}/{name}", self.endpoint_url, self.account)
    }

    /// Puts a message into the queue of an ARN, within the transaction that causes it. A queue that is not there, or
    /// not here, loses it, as a subscription to a deleted queue does.
    pub(crate) fn deliver(
        &self,
        writer: &Writer,
        arn: &str,
        body: String,
        attributes: Value,
    ) -> Result<(), IndexError> {
        let name = arn.rsplit(':').next().unwrap_or_default();
        if self.arn(name) != arn || writer.get(&QUEUES, name)?.is_none() {
            tracing::warn!(queue = arn, "dropped a message for a queue that does not exist");
            return Ok(());
        }
        self.put(writer, name, Message::new(body, attributes, Moment::now()))
    }

    /// Answers an operation.
    pub(crate) async fn handle(&self, operation: &str, request: Value) -> Result<Value, ApiError> {
        match operation {
            "CreateQueue" => self.create(request).await,
            "GetQueueUrl" => self.queue_url(&request),
            "ListQueues" => self.list(&request),
            "DeleteQueue" => self.delete_queue(request).await,
            "GetQueueAttributes" => self.attributes(&request),
            "SetQueueAttributes" => self.set_attributes(request).await,
            "PurgeQueue" => self.purge(request).await,
            "SendMessage" => self.send(request).await,
            "SendMessageBatch" => self.send_batch(request).await,
            "ReceiveMessage" => self.receive(&request).await,
            "DeleteMessage" => self.delete(request).await,
            "DeleteMessageBatch" => self.delete_batch(request).await,
            "ChangeMessageVisibility" => self.change_visibility(request).await,
            _ => Err(ApiError::unknown_operation("sqs", operation)),
        }
    }

    /// Stores a message and wakes whoever waits for one.
    fn put(&self, writer: &Writer, queue: &str, message: Message) -> Result<(), IndexError> {
        put_message(writer, queue, &message)?;
        let arrivals = Arc::clone(&self.arrivals);
        writer.after_commit(move || arrivals.notify_waiters());
        Ok(())
    }

    fn list(&self, request: &Value) -> Result<Value, ApiError> {
        let prefix = optional_text(request, "QueueNamePrefix").unwrap_or_default();
        let mut urls = Vec::new();
        self.index.read()?.scan(&QUEUES, prefix, |name, _| {
            if !name.starts_with(prefix) {
                return ControlFlow::Break(());
            }
            urls.push(self.url(name));
            ControlFlow::Continue(())
        })?;
        Ok(json!({ "QueueUrls": urls }))
    }
}

/// The queue that a request names by its URL, checked to exist.
fn named_queue(read: &impl Read, request: &Value) -> Result<(String, Queue), ApiError> {
    let url = text(request, "QueueUrl")?;
    let name = url.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let queue = read.get(&QUEUES, name)?.ok_or_else(queue_does_not_exist)?;
    Ok((name.to_owned(), queue))
}

fn queue_does_not_exist() -> ApiError {
    ApiError::invalid("QueueDoesNotExist", "The specified queue does not exist.")
}
