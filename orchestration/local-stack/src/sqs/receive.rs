//! Receiving: at once, or as soon as something arrives or becomes visible again.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout_at};

use crate::http::ApiError;
use crate::index::{IndexError, Read};
use crate::request::number;
use crate::sqs::message::{MESSAGES, Message, messages, put_message};
use crate::sqs::queue::{QUEUES, wanted};
use crate::sqs::{Queues, named_queue};
use crate::time::Moment;

const MAX_MESSAGES: u64 = 10;
const MAX_WAIT_SECONDS: u64 = 20;
const MAX_VISIBILITY_SECONDS: u64 = 43_200;

struct Reception {
    queue: String,
    dead_letters: Option<(String, u64)>,
    max_messages: usize,
    visibility: Duration,
    wanted_system: Vec<String>,
    wanted_own: Vec<String>,
}

impl Queues {
    pub(super) async fn receive(&self, request: &Value) -> Result<Value, ApiError> {
        let (queue, record) = named_queue(&self.index.read()?, request)?;
        let max_messages = number(request, "MaxNumberOfMessages", 1..=MAX_MESSAGES)?.unwrap_or(1);
        let visibility = number(request, "VisibilityTimeout", 0..=MAX_VISIBILITY_SECONDS)?;
        let wait = number(request, "WaitTimeSeconds", 0..=MAX_WAIT_SECONDS)?;
        let mut wanted_system = wanted(request, "AttributeNames");
        wanted_system.extend(wanted(request, "MessageSystemAttributeNames"));
        let reception = Reception {
            queue,
            dead_letters: record.dead_letters(),
            max_messages: usize::try_from(max_messages).unwrap_or(1),
            visibility: Duration::from_secs(
                visibility.unwrap_or_else(|| record.seconds("VisibilityTimeout")),
            ),
            wanted_system,
            wanted_own: wanted(request, "MessageAttributeNames"),
        };
        let wait = wait.unwrap_or_else(|| record.seconds("ReceiveMessageWaitTimeSeconds"));
        let received = self.poll(&reception, Duration::from_secs(wait)).await?;
        if received.is_empty() {
            return Ok(json!({}));
        }
        let shown: Vec<Value> = received.iter().map(|message| reception.show(message)).collect();
        Ok(json!({ "Messages": shown }))
    }

    async fn poll(&self, reception: &Reception, wait: Duration) -> Result<Vec<Message>, IndexError> {
        let deadline = Instant::now() + wait;
        loop {
            let arrival = self.arrivals.notified();
            tokio::pin!(arrival);
            arrival.as_mut().enable();
            let received = self.take(reception).await?;
            if !received.is_empty() || Instant::now() >= deadline {
                return Ok(received);
            }
            let next_visible = self
                .next_visible(&reception.queue)?
                .map(|moment| Instant::now() + moment.until());
            let wake = next_visible.map_or(deadline, |moment| moment.min(deadline));
            // Whichever comes first: an arrival, or the time.
            let _elapsed = timeout_at(wake, arrival).await;
        }
    }

    /// Takes what is visible and hides it, in one transaction so that two consumers never get the same reception.
    async fn take(&self, reception: &Reception) -> Result<Vec<Message>, IndexError> {
        let now = Moment::now();
        let queue = reception.queue.clone();
        if !messages(&self.index.read()?, &queue)?
            .iter()
            .any(|(_, message)| message.visible <= now)
        {
            return Ok(Vec::new());
        }
        let (max_messages, visible) = (reception.max_messages, now.plus(reception.visibility));
        let (dead_letters, arn) = (reception.dead_letters.clone(), self.arn(&queue));
        self.index
            .write(move |writer| {
                let mut taken = Vec::new();
                let ready = messages(writer, &queue)?
                    .into_iter()
                    .filter(|(_, message)| message.visible <= now);
                for (sequence, mut message) in ready {
                    if taken.len() == max_messages {
                        break;
                    }
                    if let Some((dead, most)) = &dead_letters
                        && u64::from(message.received) >= *most
                        && writer.get(&QUEUES, dead)?.is_some()
                    {
                        writer.remove(&MESSAGES, (&queue, sequence))?;
                        message.dead_of = Some(arn.clone());
                        message.visible = now;
                        put_message(writer, dead, &message)?;
                        continue;
                    }
                    message.received += 1;
                    message.first_received.get_or_insert(now);
                    message.receipt = Some(format!("{sequence}-{}", uuid::Uuid::new_v4().simple()));
                    message.visible = visible;
                    writer.put(&MESSAGES, (&queue, sequence), &message)?;
                    taken.push(message);
                }
                Ok(taken)
            })
            .await
    }

    fn next_visible(&self, queue: &str) -> Result<Option<Moment>, IndexError> {
        Ok(messages(&self.index.read()?, queue)?
            .iter()
            .map(|(_, message)| message.visible)
            .min())
    }
}

impl Reception {
    fn show(&self, message: &Message) -> Value {
        let mut shown = json!({
            "MessageId": message.id,
            "ReceiptHandle": message.receipt,
            "MD5OfBody": message.body_md5(),
            "Body": message.body,
        });
        let system = self.system_attributes(message);
        if !system.is_empty() {
            shown["Attributes"] = Value::Object(system);
        }
        let own = self.own_attributes(message);
        if !own.is_empty() {
            shown["MessageAttributes"] = Value::Object(own);
        }
        shown
    }

    fn system_attributes(&self, message: &Message) -> Map<String, Value> {
        let first = message.first_received.unwrap_or(message.sent);
        let all = [
            ("SentTimestamp", message.sent.0.to_string()),
            ("ApproximateReceiveCount", message.received.to_string()),
            ("ApproximateFirstReceiveTimestamp", first.0.to_string()),
            ("SenderId", "local".to_owned()),
        ];
        let is_wanted = |name: &str| {
            self.wanted_system
                .iter()
                .any(|wanted| wanted == "All" || wanted == name)
        };
        let dead_of = message
            .dead_of
            .clone()
            .map(|arn| ("DeadLetterQueueSourceArn", arn));
        all.into_iter()
            .chain(dead_of)
            .filter(|(name, _)| is_wanted(name))
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect()
    }

    fn own_attributes(&self, message: &Message) -> Map<String, Value> {
        let own = message.attributes.as_object().cloned().unwrap_or_default();
        let is_wanted = |name: &str| {
            self.wanted_own
                .iter()
                .any(|wanted| match wanted.strip_suffix(".*") {
                    Some(prefix) => name.starts_with(prefix),
                    None => wanted == "All" || wanted == name,
                })
        };
        own.into_iter().filter(|(name, _)| is_wanted(name)).collect()
    }
}
