//! SNS: topics, their subscriptions, and every message kept where a person can read it.

mod message;
mod notification;
mod publish;

use std::ops::ControlFlow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::events::Pattern;
use crate::http::ApiError;
use crate::index::{Index, IndexError, Read, Records, Writer};
use crate::query::{Form, element, response};
use crate::sqs::Queues;

const NAMESPACE: &str = "http://sns.amazonaws.com/doc/2010-03-31/";
const TOPICS: Records<&'static str, Topic> = Records::new("sns_topics");
const SUBSCRIPTIONS: Records<&'static str, Subscription> = Records::new("sns_subscriptions");

/// A topic, under its ARN.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Topic {
    arn: String,
}

/// A subscription, under its ARN. Those to queues are delivered; the others show what their subscribers would get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Subscription {
    arn: String,
    topic: String,
    protocol: String,
    endpoint: String,
    is_raw: bool,
    filter_policy: Option<String>,
}

/// The service.
pub(crate) struct Topics {
    index: Arc<Index>,
    queues: Arc<Queues>,
    arn_prefix: String,
    account: String,
    endpoint_url: String,
}

impl Topics {
    /// The topics of an account and region, delivering to its queues.
    pub(crate) fn new(
        index: Arc<Index>,
        queues: Arc<Queues>,
        region: &str,
        account: &str,
        endpoint_url: &str,
    ) -> Self {
        Self {
            index,
            queues,
            arn_prefix: format!("arn:aws:sns:{region}:{account}:"),
            account: account.to_owned(),
            endpoint_url: endpoint_url.to_owned(),
        }
    }

    /// The ARN of a topic of this account and region.
    pub(crate) fn arn(&self, name: &str) -> String {
        format!("{}{name}", self.arn_prefix)
    }

    /// Makes sure that a topic exists.
    pub(crate) async fn ensure(&self, name: &str) -> Result<(), IndexError> {
        let arn = self.arn(name);
        self.index
            .write(move |writer| writer.put(&TOPICS, &arn, &Topic { arn: arn.clone() }))
            .await
    }

    /// Makes sure that a queue listens to a topic.
    pub(crate) async fn ensure_subscription(&self, topic: &str, queue: &str) -> Result<(), IndexError> {
        let subscription = self.subscription(&self.arn(topic), "sqs", &self.queues.arn(queue));
        self.index
            .write(move |writer| subscribe(writer, subscription).map(drop))
            .await
    }

    /// Answers a request.
    pub(crate) async fn handle(&self, form: &Form, request_id: &str) -> Result<String, ApiError> {
        let action = form.action();
        let result = match action {
            "CreateTopic" => self.create_topic(form).await?,
            "DeleteTopic" => self.delete_topic(form).await?,
            "ListTopics" => self.list_topics()?,
            "GetTopicAttributes" => self.topic_attributes(form)?,
            "Subscribe" => self.subscribe(form).await?,
            "Unsubscribe" => self.unsubscribe(form).await?,
            "ListSubscriptions" => self.list_subscriptions(None)?,
            "ListSubscriptionsByTopic" => self.list_subscriptions(Some(form.required("TopicArn")?))?,
            "Publish" => self.publish(form).await?,
            _ => return Err(ApiError::unknown_operation("sns", action)),
        };
        Ok(response(action, NAMESPACE, &result, request_id))
    }

    async fn create_topic(&self, form: &Form) -> Result<String, ApiError> {
        let name = form.required("Name")?;
        let is_fine = (1..=256).contains(&name.len())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if !is_fine {
            return Err(ApiError::invalid(
                "InvalidParameter",
                "Invalid parameter: Topic Name",
            ));
        }
        self.ensure(name).await?;
        Ok(element("TopicArn", &self.arn(name)))
    }

    async fn delete_topic(&self, form: &Form) -> Result<String, ApiError> {
        let arn = form.required("TopicArn")?.to_owned();
        self.index
            .write(move |writer| {
                for subscription in subscriptions(writer, Some(&arn))? {
                    writer.remove(&SUBSCRIPTIONS, &subscription.arn)?;
                }
                writer.remove(&TOPICS, &arn)?;
                Ok::<_, ApiError>(String::new())
            })
            .await
    }

    fn list_topics(&self) -> Result<String, ApiError> {
        let mut members = String::new();
        self.index.read()?.scan(&TOPICS, "", |arn, _| {
            members.push_str(&format!("<member>{}</member>", element("TopicArn", arn)));
            ControlFlow::Continue(())
        })?;
        Ok(format!("<Topics>{members}</Topics>"))
    }

    fn topic_attributes(&self, form: &Form) -> Result<String, ApiError> {
        let reader = self.index.read()?;
        let topic = existing_topic(&reader, form.required("TopicArn")?)?;
        let subscribed = subscriptions(&reader, Some(&topic.arn))?.len().to_string();
        let attributes = [
            ("TopicArn", &topic.arn),
            ("Owner", &self.account),
            ("SubscriptionsConfirmed", &subscribed),
        ];
        let entries = attributes.map(|(key, value)| {
            format!(
                "<entry>{}{}</entry>",
                element("key", key),
                element("value", value)
            )
        });
        Ok(format!("<Attributes>{}</Attributes>", entries.concat()))
    }

    async fn subscribe(&self, form: &Form) -> Result<String, ApiError> {
        let topic = form.required("TopicArn")?.to_owned();
        let (protocol, endpoint) = (
            form.required("Protocol")?,
            form.optional("Endpoint").unwrap_or_default(),
        );
        let mut subscription = self.subscription(&topic, protocol, endpoint);
        for attribute in form.entries("Attributes.entry") {
            match (attribute.get("key").copied(), attribute.get("value").copied()) {
                (Some("RawMessageDelivery"), Some(value)) => {
                    subscription.is_raw = value.eq_ignore_ascii_case("true")
                }
                (Some("FilterPolicy"), Some(policy)) => {
                    subscription.filter_policy = Some(checked_policy(policy)?)
                }
                _ => {}
            }
        }
        let arn = self
            .index
            .write(move |writer| {
                existing_topic(writer, &topic)?;
                Ok::<_, ApiError>(subscribe(writer, subscription)?)
            })
            .await?;
        Ok(element("SubscriptionArn", &arn))
    }

    async fn unsubscribe(&self, form: &Form) -> Result<String, ApiError> {
        let arn = form.required("SubscriptionArn")?.to_owned();
        self.index
            .write(move |writer| Ok::<_, ApiError>(writer.remove(&SUBSCRIPTIONS, &arn)?))
            .await?;
        Ok(String::new())
    }

    fn list_subscriptions(&self, topic: Option<&str>) -> Result<String, ApiError> {
        let members: String = subscriptions(&self.index.read()?, topic)?
            .iter()
            .map(|subscription| {
                let fields = [
                    element("SubscriptionArn", &subscription.arn),
                    element("Owner", &self.account),
                    element("Protocol", &subscription.protocol),
                    element("Endpoint", &subscription.endpoint),
                    element("TopicArn", &subscription.topic),
                ];
                format!("<member>{}</member>", fields.concat())
            })
            .collect();
        Ok(format!("<Subscriptions>{members}</Subscriptions>"))
    }

    fn subscription(&self, topic: &str, protocol: &str, endpoint: &str) -> Subscription {
        Subscription {
            arn: format!("{topic}:{}", uuid::Uuid::new_v4()),
            topic: topic.to_owned(),
            protocol: protocol.to_owned(),
            endpoint: endpoint.to_owned(),
            is_raw: false,
            filter_policy: None,
        }
    }
}

/// Stores a subscription; the same endpoint again keeps the ARN that it has.
fn subscribe(writer: &Writer, mut subscription: Subscription) -> Result<String, IndexError> {
    let present = subscriptions(writer, Some(&subscription.topic))?
        .into_iter()
        .find(|present| {
            present.protocol == subscription.protocol && present.endpoint == subscription.endpoint
        });
    if let Some(present) = present {
        subscription.arn = present.arn;
    }
    writer.put(&SUBSCRIPTIONS, &subscription.arn, &subscription)?;
    Ok(subscription.arn)
}

fn subscriptions(read: &impl Read, topic: Option<&str>) -> Result<Vec<Subscription>, IndexError> {
    let mut found = Vec::new();
    read.scan(&SUBSCRIPTIONS, "", |_, subscription| {
        if topic.is_none_or(|topic| topic == subscription.topic) {
            found.push(subscription);
        }
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

fn existing_topic(read: &impl Read, arn: &str) -> Result<Topic, ApiError> {
    read.get(&TOPICS, arn)?
        .ok_or_else(|| ApiError::new(404, "NotFound", "Topic does not exist"))
}

fn checked_policy(policy: &str) -> Result<String, ApiError> {
    let refuse = |reason: String| {
        ApiError::invalid(
            "InvalidParameter",
            format!("Invalid parameter: FilterPolicy: {reason}"),
        )
    };
    let value = serde_json::from_str(policy).map_err(|error| refuse(error.to_string()))?;
    Pattern::parse(&value).map_err(|error| refuse(error.to_string()))?;
    Ok(policy.to_owned())
}
