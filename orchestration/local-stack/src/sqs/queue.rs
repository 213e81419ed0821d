//! Queues themselves: making, describing and emptying them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::http::ApiError;
use crate::index::{Read, Records};
use crate::request::text;
use crate::sqs::message::{MESSAGES, messages};
use crate::sqs::{Queues, named_queue, queue_does_not_exist};
use crate::time::Moment;

/// Queues by name.
pub(super) const QUEUES: Records<&'static str, Queue> = Records::new("sqs_queues");

/// What AWS gives a queue for which nothing was said.
const DEFAULTS: [(&str, &str); 5] = [
    ("VisibilityTimeout", "30"),
    ("DelaySeconds", "0"),
    ("MaximumMessageSize", "1048576"),
    ("MessageRetentionPeriod", "345600"),
    ("ReceiveMessageWaitTimeSeconds", "0"),
];

/// A queue.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Queue {
    created: Moment,
    attributes: BTreeMap<String, String>,
}

impl Queue {
    /// A queue with the attributes that were given.
    pub(super) fn new(attributes: BTreeMap<String, String>) -> Self {
        Self {
            created: Moment::now(),
            attributes,
        }
    }

    /// Gives an attribute a value.
    pub(super) fn set(&mut self, attribute: &str, value: String) {
        self.attributes.insert(attribute.to_owned(), value);
    }

    /// Where a message goes after how many receptions: the name of a queue of this account.
    pub(super) fn dead_letters(&self) -> Option<(String, u64)> {
        let policy: Value = serde_json::from_str(self.attributes.get("RedrivePolicy")?).ok()?;
        let name = policy["deadLetterTargetArn"].as_str()?.rsplit(':').next()?;
        // Clients send the number as a number or as a text.
        let most = &policy["maxReceiveCount"];
        let most = most.as_u64().or_else(|| most.as_str()?.parse().ok())?;
        Some((name.to_owned(), most))
    }

    /// An attribute in seconds: given, or the default.
    pub(super) fn seconds(&self, attribute: &str) -> u64 {
        let default = DEFAULTS
            .iter()
            .find(|(name, _)| *name == attribute)
            .map(|(_, value)| *value);
        let value = self.attributes.get(attribute).map(String::as_str).or(default);
        value.and_then(|value| value.parse().ok()).unwrap_or_default()
    }
}

impl Queues {
    pub(super) async fn create(&self, request: Value) -> Result<Value, ApiError> {
        let name = text(&request, "QueueName")?.to_owned();
        check_name(&name)?;
        let url = self.url(&name);
        let attributes = given_attributes(&request);
        self.index
            .write(move |writer| match writer.get(&QUEUES, &name)? {
                Some(queue)
                    if attributes
                        .iter()
                        .all(|(key, value)| queue.attributes.get(key) == Some(value)) =>
                {
                    Ok(())
                }
                Some(_) => Err(ApiError::invalid(
                    "QueueNameExists",
                    "A queue already exists with the same name and a different value for an attribute.",
                )),
                None => Ok(writer.put(&QUEUES, &name, &Queue::new(attributes))?),
            })
            .await?;
        Ok(json!({ "QueueUrl": url }))
    }

    pub(super) fn queue_url(&self, request: &Value) -> Result<Value, ApiError> {
        let name = text(request, "QueueName")?;
        self.index
            .read()?
            .get(&QUEUES, name)?
            .ok_or_else(queue_does_not_exist)?;
        Ok(json!({ "QueueUrl": self.url(name) }))
    }

    pub(super) async fn delete_queue(&self, request: Value) -> Result<Value, ApiError> {
        self.index
            .write(move |writer| {
                let (name, _) = named_queue(writer, &request)?;
                for (sequence, _) in messages(writer, &name)? {
                    writer.remove(&MESSAGES, (&name, sequence))?;
                }
                writer.remove(&QUEUES, &name)?;
                Ok(json!({}))
            })
            .await
    }

    pub(super) async fn purge(&self, request: Value) -> Result<Value, ApiError> {
        self.index
            .write(move |writer| {
                let (name, _) = named_queue(writer, &request)?;
                for (sequence, _) in messages(writer, &name)? {
                    writer.remove(&MESSAGES, (&name, sequence))?;
                }
                Ok(json!({}))
            })
            .await
    }

    pub(super) fn attributes(&self, request: &Value) -> Result<Value, ApiError> {
        let reader = self.index.read()?;
        let (name, queue) = named_queue(&reader, request)?;
        let now = Moment::now();
        let (hidden, visible): (Vec<_>, Vec<_>) = messages(&reader, &name)?
            .into_iter()
            .partition(|(_, message)| message.visible > now);
        let in_flight = hidden.iter().filter(|(_, message)| message.received > 0).count();
        let mut known: BTreeMap<String, String> = DEFAULTS
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        known.extend(queue.attributes);
        known.extend([
            ("QueueArn".to_owned(), self.arn(&name)),
            (
                "ApproximateNumberOfMessages".to_owned(),
                visible.len().to_string(),
            ),
            (
                "ApproximateNumberOfMessagesNotVisible".to_owned(),
                in_flight.to_string(),
            ),
            (
                "ApproximateNumberOfMessagesDelayed".to_owned(),
                (hidden.len() - in_flight).to_string(),
            ),
            (
                "CreatedTimestamp".to_owned(),
                (queue.created.0 / 1000).to_string(),
            ),
            (
                "LastModifiedTimestamp".to_owned(),
                (queue.created.0 / 1000).to_string(),
            ),
        ]);
        let wanted = wanted(request, "AttributeNames");
        known.retain(|key, _| wanted.iter().any(|wanted| wanted == "All" || wanted == key));
        Ok(json!({ "Attributes": known }))
    }

    pub(super) async fn set_attributes(&self, request: Value) -> Result<Value, ApiError> {
        self.index
            .write(move |writer| {
                let (name, mut queue) = named_queue(writer, &request)?;
                queue.attributes.extend(given_attributes(&request));
                writer.put(&QUEUES, &name, &queue)?;
                Ok(json!({}))
            })
            .await
    }
}

/// The texts of an array that may be absent.
pub(super) fn wanted(request: &Value, field: &str) -> Vec<String> {
    let names = request.get(field).and_then(Value::as_array).into_iter().flatten();
    names.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn given_attributes(request: &Value) -> BTreeMap<String, String> {
    let given = request
        .get("Attributes")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_else(Map::new);
    given
        .into_iter()
        .filter_map(|(key, value)| Some((key, value.as_str()?.to_owned())))
        .collect()
}

fn check_name(name: &str) -> Result<(), ApiError> {
    let is_fine = (1..=80).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if is_fine {
        return Ok(());
    }
    let message = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
    Err(ApiError::invalid("InvalidParameterValue", message))
}
