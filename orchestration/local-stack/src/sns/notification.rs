//! Published messages as a person may read them: with the text that each kind of subscriber gets.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::index::{IndexError, Read, Records};
use crate::sns::message::Attribute;
use crate::sns::{Topics, subscriptions};
use crate::time::Moment;

/// Published messages in their order.
pub(super) const NOTIFICATIONS: Records<u64, Notification> = Records::new("sns_notifications");

/// A message that was published.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Notification {
    pub(super) message_id: String,
    pub(super) topic_arn: String,
    pub(super) subject: Option<String>,
    pub(super) published: Moment,
    pub(super) texts: BTreeMap<String, String>,
    pub(super) attributes: BTreeMap<String, Attribute>,
}

impl Topics {
    /// Every message that was published, the oldest first, and who is subscribed.
    pub(crate) fn report(&self) -> Result<Value, IndexError> {
        let reader = self.index.read()?;
        let mut notifications = Vec::new();
        reader.scan(&NOTIFICATIONS, 0, |_, notification| {
            notifications.push(notification.describe());
            ControlFlow::Continue(())
        })?;
        let subscribers: Vec<Value> = subscriptions(&reader, None)?
            .iter()
            .map(|one| json!({ "topicArn": one.topic, "protocol": one.protocol, "endpoint": one.endpoint }))
            .collect();
        Ok(json!({ "notifications": notifications, "subscriptions": subscribers }))
    }
}

impl Notification {
    fn describe(self) -> Value {
        json!({
            "messageId": self.message_id,
            "topicArn": self.topic_arn,
            "subject": self.subject,
            "published": self.published.iso8601(),
            "texts": self.texts,
            "attributes": self.attributes,
        })
    }
}
