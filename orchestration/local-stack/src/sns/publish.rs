//! Publish: the message is kept and put into every subscribed queue in one transaction.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::events::Pattern;
use crate::http::ApiError;
use crate::index::{IndexError, Writer};
use crate::query::{Form, element};
use crate::sns::message::Message;
use crate::sns::notification::{NOTIFICATIONS, Notification};
use crate::sns::{Subscription, Topics, existing_topic, subscriptions};
use crate::sqs::Queues;
use crate::time::Moment;

impl Topics {
    pub(super) async fn publish(&self, form: &Form) -> Result<String, ApiError> {
        let message = Message::of(form)?;
        let topic = match form.optional("TopicArn").or_else(|| form.optional("TargetArn")) {
            Some(arn) => arn.to_owned(),
            None => form.required("TopicArn")?.to_owned(),
        };
        let id = uuid::Uuid::new_v4().to_string();
        let publication = Publication {
            queues: Arc::clone(&self.queues),
            endpoint_url: self.endpoint_url.clone(),
            id: id.clone(),
            topic,
            published: Moment::now(),
            message,
        };
        self.index.write(move |writer| publication.store(writer)).await?;
        Ok(element("MessageId", &id))
    }
}

struct Publication {
    queues: Arc<Queues>,
    endpoint_url: String,
    id: String,
    topic: String,
    published: Moment,
    message: Message,
}

impl Publication {
    fn store(self, writer: &Writer) -> Result<(), ApiError> {
        existing_topic(writer, &self.topic)?;
        for subscription in subscriptions(writer, Some(&self.topic))? {
            if subscription.protocol == "sqs" && self.passes(&subscription) {
                self.deliver(writer, &subscription)?;
            }
        }
        let notification = Notification {
            message_id: self.id,
            topic_arn: self.topic,
            subject: self.message.subject,
            published: self.published,
            texts: self.message.texts,
            attributes: self.message.attributes,
        };
        let sequence = writer.next_sequence()?;
        Ok(writer.put(&NOTIFICATIONS, sequence, &notification)?)
    }

    /// A policy was checked when it was stored, so one that cannot be read lets everything through.
    fn passes(&self, subscription: &Subscription) -> bool {
        let policy = subscription
            .filter_policy
            .as_deref()
            .and_then(|policy| serde_json::from_str(policy).ok());
        let pattern = policy.and_then(|policy: Value| Pattern::parse(&policy).ok());
        pattern.is_none_or(|pattern| pattern.matches(&self.message.filterable()))
    }

    fn deliver(&self, writer: &Writer, subscription: &Subscription) -> Result<(), IndexError> {
        if subscription.is_raw {
            let text = self.message.text_for("sqs").to_owned();
            return self
                .queues
                .deliver(writer, &subscription.endpoint, text, self.raw_attributes());
        }
        let envelope = self.envelope(subscription).to_string();
        self.queues
            .deliver(writer, &subscription.endpoint, envelope, Value::Null)
    }

    /// What SNS wraps around a message. The signature is a stand-in: no one has a key that could make a real one.
    fn envelope(&self, subscription: &Subscription) -> Value {
        let mut envelope = json!({
            "Type": "Notification",
            "MessageId": self.id,
            "TopicArn": self.topic,
            "Message": self.message.text_for("sqs"),
            "Timestamp": self.published.iso8601(),
            "SignatureVersion": "1",
            "Signature": "local-stack",
            "SigningCertURL": format!("{}/_local/no-certificate.pem", self.endpoint_url),
            "UnsubscribeURL": format!(
                "{}/?Action=Unsubscribe&SubscriptionArn={}", self.endpoint_url, subscription.arn
            ),
        });
        if let Some(subject) = &self.message.subject {
            envelope["Subject"] = json!(subject);
        }
        if !self.message.attributes.is_empty() {
            envelope["MessageAttributes"] = json!(self.message.attributes);
        }
        envelope
    }

    fn raw_attributes(&self) -> Value {
        let attributes = self.message.attributes.iter().map(|(name, attribute)| {
            let field = if attribute.kind.starts_with("Binary") {
                "BinaryValue"
            } else {
                "StringValue"
            };
            (
                name.clone(),
                json!({ "DataType": attribute.kind, field: attribute.value }),
            )
        });
        attributes.collect()
    }
}
