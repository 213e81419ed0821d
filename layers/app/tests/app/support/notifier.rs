//! A topic that keeps what it was told.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use longshore_app::ports::{Notifier, NotifyError};
use longshore_domain::notification::Message;

use super::calls::Calls;

/// What publishing is called among the calls.
pub(crate) const PUBLISH: &str = "publish";

pub(crate) struct Topic {
    calls: Arc<Calls>,
    messages: Mutex<Vec<Message>>,
    topics: Mutex<Vec<String>>,
}

impl Topic {
    pub(crate) fn new(calls: Arc<Calls>) -> Self {
        Self {
            calls,
            messages: Mutex::default(),
            topics: Mutex::default(),
        }
    }

    pub(crate) fn messages(&self) -> Vec<Message> {
        self.messages.lock().unwrap().clone()
    }

    /// The names of the topics that were told, in order.
    pub(crate) fn topics(&self) -> Vec<String> {
        self.topics.lock().unwrap().clone()
    }

    /// What was told, as `outcome` or `outcome record-type`, or the target, in order.
    pub(crate) fn told(&self) -> Vec<String> {
        self.messages().iter().map(in_short).collect()
    }
}

fn in_short(message: &Message) -> String {
    let body: serde_json::Value = serde_json::from_str(&message.default).unwrap();
    let word = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
    format!("{} {}{}", word("status"), word("record_type"), word("target"))
        .trim_end()
        .to_owned()
}

#[async_trait]
impl Notifier for Topic {
    async fn publish(&self, topic_arn: &str, message: &Message) -> Result<String, NotifyError> {
        let publish = || {
            let mut messages = self.messages.lock().unwrap();
            messages.push(message.clone());
            let name = topic_arn.rsplit(':').next().unwrap_or_default();
            self.topics.lock().unwrap().push(name.to_owned());
            Ok(format!("message-{}", messages.len()))
        };
        let unreachable = || NotifyError::Unavailable {
            topic_arn: topic_arn.to_owned(),
            source: "the topic was struck".into(),
        };
        self.calls.through(PUBLISH, publish, unreachable).await
    }
}
