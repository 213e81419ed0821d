//! The notifier on SNS.

use std::fmt;

use async_trait::async_trait;
use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;
use longshore_app::ports::{BoxError, Notifier, NotifyError};
use longshore_domain::notification::Message;
use serde_json::json;

use crate::fault::Fault;

/// What SNS takes of one message, attributes and subject counted.
const MAX_MESSAGE_BYTES: usize = 262_144;
/// Beyond ten attributes SNS drops the message on its way to a queue with raw delivery.
const MAX_ATTRIBUTES: usize = 10;
/// Ends an e-mail text that was too long.
const SHORTENED: &str = "\n[shortened]";

/// SNS as the use cases see it.
#[derive(Clone)]
pub struct SnsNotifier {
    client: Client,
}

impl SnsNotifier {
    /// Takes a client that knows its region, endpoint, timeouts and retries.
    pub fn new(client: Client) -> Self {
        Self { client }
    }
}

impl fmt::Debug for SnsNotifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SnsNotifier").finish_non_exhaustive()
    }
}

#[async_trait]
impl Notifier for SnsNotifier {
    async fn publish(&self, topic_arn: &str, message: &Message) -> Result<String, NotifyError> {
        let mut request = self
            .client
            .publish()
            .topic_arn(topic_arn)
            .subject(&message.subject)
            .message_structure("json")
            .message(body(message));
        for (name, value) in attributes(message) {
            let value = MessageAttributeValue::builder()
                .data_type("String")
                .string_value(value);
            let value = value.build().map_err(|error| refused(topic_arn, error.into()))?;
            request = request.message_attributes(name, value);
        }
        match request.send().await {
            Ok(answer) => answer
                .message_id
                .ok_or_else(|| unavailable(topic_arn, "the answer names no message".into())),
            Err(error) => match Fault::of(&error) {
                Fault::Busy | Fault::Unavailable => Err(unavailable(topic_arn, error.into())),
                Fault::Denied | Fault::Missing | Fault::ConditionFailed | Fault::Refused => {
                    Err(refused(topic_arn, error.into()))
                }
            },
        }
    }
}

fn unavailable(topic_arn: &str, source: BoxError) -> NotifyError {
    NotifyError::Unavailable {
        topic_arn: topic_arn.to_owned(),
        source,
    }
}

fn refused(topic_arn: &str, source: BoxError) -> NotifyError {
    NotifyError::Refused {
        topic_arn: topic_arn.to_owned(),
        source,
    }
}

/// SNS refuses an attribute without a value.
fn attributes(message: &Message) -> impl Iterator<Item = &(String, String)> {
    let with_value = message.attributes.iter().filter(|(_, value)| !value.is_empty());
    with_value.take(MAX_ATTRIBUTES)
}

/// The message for `MessageStructure=json`. The text for people gives way when the whole would be too long: machines need
/// theirs to the last brace.
fn body(message: &Message) -> String {
    let encode =
        |email: &str| json!({"default": message.default, "email": email, "sms": message.sms}).to_string();
    let whole = encode(&message.email);
    let beside = bytes_beside_the_body(message);
    if whole.len() + beside <= MAX_MESSAGE_BYTES {
        return whole;
    }
    let taken = encode(SHORTENED).len() + beside;
    let beginning = beginning(&message.email, MAX_MESSAGE_BYTES.saturating_sub(taken));
    encode(&format!("{beginning}{SHORTENED}"))
}

fn bytes_beside_the_body(message: &Message) -> usize {
    let attributes = attributes(message).map(|(name, value)| name.len() + "String".len() + value.len());
    attributes.sum::<usize>() + message.subject.len()
}

/// The longest beginning of a text whose JSON form takes at most `max_bytes`.
fn beginning(text: &str, max_bytes: usize) -> &str {
    let mut bytes = 0;
    let end = text.char_indices().find(|(_, character)| {
        bytes += escaped_bytes(*character);
        bytes > max_bytes
    });
    end.map_or(text, |(index, _)| &text[..index])
}

/// What a character takes inside a JSON string.
fn escaped_bytes(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\u{0}'..='\u{1f}' => 6,
        _ => character.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use longshore_domain::disposition::Disposition;
    use rstest::rstest;

    use super::*;
    use crate::scripted::{Reply, Script, sns_client};

    fn message(email: &str) -> Message {
        Message {
            subject: "Longshore SUCCESS".to_owned(),
            default: r#"{"load_id":"1"}"#.to_owned(),
            email: email.to_owned(),
            sms: "done".to_owned(),
            attributes: vec![
                ("status".to_owned(), "loaded".to_owned()),
                ("table".to_owned(), String::new()),
            ],
        }
    }

    async fn publish(script: &Script) -> Result<String, NotifyError> {
        SnsNotifier::new(sns_client(script))
            .publish("arn:topic", &message("hello"))
            .await
    }

    #[tokio::test]
    async fn a_message_carries_a_body_for_each_kind_of_reader_and_its_attributes() {
        let script = Script::new([Reply::ok(
            "<PublishResponse><PublishResult><MessageId>m1</MessageId></PublishResult></PublishResponse>",
        )]);
        assert_eq!(publish(&script).await.unwrap(), "m1");
        let sent = script.requests()[0].text();
        assert!(sent.contains("MessageStructure=json"), "{sent}");
        assert!(sent.contains("Subject=Longshore%20SUCCESS"), "{sent}");
        assert!(sent.contains("MessageAttributes.entry.1.Name=status"), "{sent}");
        assert!(!sent.contains("MessageAttributes.entry.2"), "{sent}");
    }

    fn error(status: u16, code: &str) -> Reply {
        let body = format!("<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>");
        Reply::ok(body).with_status(status)
    }

    #[rstest]
    #[case(error(404, "NotFound"), Disposition::Misconfigured)]
    #[case(error(403, "AuthorizationError"), Disposition::Misconfigured)]
    #[case(error(400, "InvalidParameter"), Disposition::Misconfigured)]
    #[case(error(429, "Throttled"), Disposition::Retry)]
    #[case(error(500, "InternalError"), Disposition::Retry)]
    #[case(Reply::refused_connection(), Disposition::Retry)]
    #[case(Reply::ok("<PublishResp").then_breaks(), Disposition::Retry)]
    #[case(
        Reply::ok("<PublishResponse><PublishResult/></PublishResponse>"),
        Disposition::Retry
    )]
    #[tokio::test]
    async fn a_message_that_is_not_sent_says_what_to_do(#[case] reply: Reply, #[case] expected: Disposition) {
        let error = publish(&Script::new([reply])).await.unwrap_err();
        assert_eq!(error.disposition(), expected, "{error:?}");
    }

    #[test]
    fn a_short_message_is_sent_as_it_is() {
        let sent: serde_json::Value = serde_json::from_str(&body(&message("hello"))).unwrap();
        assert_eq!(
            sent,
            json!({"default": "{\"load_id\":\"1\"}", "email": "hello", "sms": "done"})
        );
    }

    #[rstest]
    #[case("a")]
    #[case("\"")]
    #[case("ü\n")]
    #[case("\u{1}")]
    fn a_long_message_fills_the_limit_and_does_not_pass_it(#[case] unit: &str) {
        let message = message(&unit.repeat(MAX_MESSAGE_BYTES));
        let sent = body(&message);
        let total = sent.len() + bytes_beside_the_body(&message);
        assert!(
            (MAX_MESSAGE_BYTES - 8..=MAX_MESSAGE_BYTES).contains(&total),
            "{total}"
        );
        let sent: serde_json::Value = serde_json::from_str(&sent).unwrap();
        assert!(sent["email"].as_str().unwrap().ends_with(SHORTENED));
        assert_eq!(sent["default"], message.default);
    }
}
