//! Messages: sending, deleting, and hiding them for longer or shorter.

use std::ops::ControlFlow;
use std::time::Duration;

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::http::ApiError;
use crate::index::{IndexError, Read, Records, Writer};
use crate::request::{number, optional_text, text};
use crate::sqs::{Queues, named_queue};
use crate::time::Moment;

/// Messages by queue and order of arrival.
pub(super) const MESSAGES: Records<(&'static str, u64), Message> = Records::new("sqs_messages");

const MAX_BODY_BYTES: usize = 1_048_576;
const MAX_DELAY_SECONDS: u64 = 900;
const MAX_VISIBILITY_SECONDS: u64 = 43_200;
const MAX_BATCH: usize = 10;

/// A message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) body: String,
    /// The attributes as the client sent them.
    pub(super) attributes: Value,
    pub(super) sent: Moment,
    /// From when on the message may be received.
    pub(super) visible: Moment,
    pub(super) received: u32,
    pub(super) first_received: Option<Moment>,
    /// The receipt of the last reception: only it deletes.
    pub(super) receipt: Option<String>,
    /// In a queue of dead letters: the ARN of the queue that gave the message up.
    #[serde(default)]
    pub(super) dead_of: Option<String>,
}

impl Message {
    /// A message that may be received from a moment on.
    pub(super) fn new(body: String, attributes: Value, visible: Moment) -> Self {
        Self {
            id: uuid::Uuid::new_v4().to_string(),
            body,
            attributes,
            sent: Moment::now(),
            visible,
            received: 0,
            first_received: None,
            receipt: None,
            dead_of: None,
        }
    }

    /// The digest that clients compare the body with.
    pub(super) fn body_md5(&self) -> String {
        hex::encode(Md5::digest(self.body.as_bytes()))
    }
}

impl Queues {
    pub(super) async fn send(&self, request: Value) -> Result<Value, ApiError> {
        let (name, message) = self.message(&request, &request)?;
        let answer = json!({ "MessageId": message.id, "MD5OfMessageBody": message.body_md5() });
        self.store(name, vec![message]).await?;
        Ok(answer)
    }

    pub(super) async fn send_batch(&self, request: Value) -> Result<Value, ApiError> {
        let mut sent = Vec::new();
        let mut failed = Vec::new();
        let mut stored = Vec::new();
        let (name, _) = named_queue(&self.index.read()?, &request)?;
        for entry in entries(&request)? {
            let id = text(entry, "Id")?;
            match self.message(&request, entry) {
                Ok((_, message)) => {
                    sent.push(
                        json!({ "Id": id, "MessageId": message.id, "MD5OfMessageBody": message.body_md5() }),
                    );
                    stored.push(message);
                }
                Err(error) => failed.push(failure(id, &error)),
            }
        }
        self.store(name, stored).await?;
        Ok(json!({ "Successful": sent, "Failed": failed }))
    }

    fn message(&self, request: &Value, entry: &Value) -> Result<(String, Message), ApiError> {
        let (name, queue) = named_queue(&self.index.read()?, request)?;
        let body = text(entry, "MessageBody")?;
        if body.is_empty() || body.len() > MAX_BODY_BYTES {
            let message = format!(
                "The message has {} bytes; it must have between 1 and {MAX_BODY_BYTES}.",
                body.len()
            );
            return Err(ApiError::invalid("InvalidParameterValue", message));
        }
        let delay = number(entry, "DelaySeconds", 0..=MAX_DELAY_SECONDS)?;
        let delay = Duration::from_secs(delay.unwrap_or_else(|| queue.seconds("DelaySeconds")));
        let attributes = entry.get("MessageAttributes").cloned().unwrap_or(Value::Null);
        Ok((
            name,
            Message::new(body.to_owned(), attributes, Moment::now().plus(delay)),
        ))
    }

    async fn store(&self, queue: String, messages: Vec<Message>) -> Result<(), ApiError> {
        let arrivals = std::sync::Arc::clone(&self.arrivals);
        self.index
            .write(move |writer| {
                for message in &messages {
                    put_message(writer, &queue, message)?;
                }
                writer.after_commit(move || arrivals.notify_waiters());
                Ok(())
            })
            .await
    }

    pub(super) async fn delete(&self, request: Value) -> Result<Value, ApiError> {
        self.index
            .write(move |writer| {
                let (name, _) = named_queue(writer, &request)?;
                delete_received(writer, &name, text(&request, "ReceiptHandle")?)?;
                Ok(json!({}))
            })
            .await
    }

    pub(super) async fn delete_batch(&self, request: Value) -> Result<Value, ApiError> {
        self.index
            .write(move |writer| {
                let (name, _) = named_queue(writer, &request)?;
                let mut deleted = Vec::new();
                let mut failed = Vec::new();
                for entry in entries(&request)? {
                    let id = text(entry, "Id")?;
                    let receipt = optional_text(entry, "ReceiptHandle").unwrap_or_default();
                    match delete_received(writer, &name, receipt) {
                        Ok(()) => deleted.push(json!({ "Id": id })),
                        Err(error) => failed.push(failure(id, &error)),
                    }
                }
                Ok(json!({ "Successful": deleted, "Failed": failed }))
            })
            .await
    }

    pub(super) async fn change_visibility(&self, request: Value) -> Result<Value, ApiError> {
        let seconds = number(&request, "VisibilityTimeout", 0..=MAX_VISIBILITY_SECONDS)?.unwrap_or_default();
        let arrivals = std::sync::Arc::clone(&self.arrivals);
        self.index
            .write(move |writer| {
                let (name, _) = named_queue(writer, &request)?;
                let (sequence, received) = received(writer, &name, text(&request, "ReceiptHandle")?)?;
                let Some(mut message) = received else {
                    let message = "The specified message isn't in flight.";
                    return Err(ApiError::invalid("MessageNotInflight", message));
                };
                message.visible = Moment::now().plus(Duration::from_secs(seconds));
                writer.put(&MESSAGES, (&name, sequence), &message)?;
                writer.after_commit(move || arrivals.notify_waiters());
                Ok(json!({}))
            })
            .await
    }
}

/// Stores a message at the end of its queue.
pub(super) fn put_message(writer: &Writer, queue: &str, message: &Message) -> Result<(), IndexError> {
    let sequence = writer.next_sequence()?;
    writer.put(&MESSAGES, (queue, sequence), message)
}

/// All messages of a queue, the oldest first.
pub(super) fn messages(read: &impl Read, queue: &str) -> Result<Vec<(u64, Message)>, IndexError> {
    let mut found = Vec::new();
    read.scan(&MESSAGES, (queue, 0), |(of_queue, sequence), message| {
        if of_queue != queue {
            return ControlFlow::Break(());
        }
        found.push((sequence, message));
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// A receipt of an earlier reception deletes nothing, and that is no error: another consumer has the message now.
fn delete_received(writer: &Writer, queue: &str, receipt: &str) -> Result<(), ApiError> {
    let (sequence, received) = received(writer, queue, receipt)?;
    if received.is_some() {
        writer.remove(&MESSAGES, (queue, sequence))?;
    }
    Ok(())
}

/// The message of a receipt, if the receipt is its last.
fn received(read: &impl Read, queue: &str, receipt: &str) -> Result<(u64, Option<Message>), ApiError> {
    let sequence = receipt
        .split_once('-')
        .and_then(|(sequence, _)| sequence.parse().ok());
    let Some(sequence) = sequence else {
        let message = format!("The input receipt handle \"{receipt}\" is not a valid receipt handle.");
        return Err(ApiError::invalid("ReceiptHandleIsInvalid", message));
    };
    let message = read.get(&MESSAGES, (queue, sequence))?;
    Ok((
        sequence,
        message.filter(|message| message.receipt.as_deref() == Some(receipt)),
    ))
}

fn entries(request: &Value) -> Result<&Vec<Value>, ApiError> {
    match request.get("Entries").and_then(Value::as_array) {
        None => Err(ApiError::invalid(
            "EmptyBatchRequest",
            "There should be at least one entry in the request.",
        )),
        Some(entries) if entries.is_empty() => Err(ApiError::invalid(
            "EmptyBatchRequest",
            "There should be at least one entry in the request.",
        )),
        Some(entries) if entries.len() > MAX_BATCH => {
            let message = format!("Maximum number of entries per request are {MAX_BATCH}.");
            Err(ApiError::invalid("TooManyEntriesInBatchRequest", message))
        }
        Some(entries) => Ok(entries),
    }
}

fn failure(id: &str, error: &ApiError) -> Value {
    json!({ "Id": id, "SenderFault": error.status < 500, "Code": error.code, "Message": error.message })
}
