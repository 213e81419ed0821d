//! A message to publish: the checks that SNS makes before it takes one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::http::ApiError;
use crate::query::Form;

const MAX_MESSAGE_BYTES: usize = 262_144;
const MAX_SUBJECT_CHARACTERS: usize = 100;
const DEFAULT: &str = "default";

/// A message that passed the checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) subject: Option<String>,
    /// The text for each protocol that has one of its own, and `default`.
    pub(super) texts: BTreeMap<String, String>,
    pub(super) attributes: BTreeMap<String, Attribute>,
}

/// A message attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attribute {
    #[serde(rename = "Type")]
    pub(super) kind: String,
    #[serde(rename = "Value")]
    pub(super) value: String,
}

impl Message {
    /// Reads and checks a Publish request.
    pub(super) fn of(form: &Form) -> Result<Self, ApiError> {
        let text = form.required("Message")?;
        let attributes = attributes(form);
        let in_attributes: usize = attributes
            .iter()
            .map(|(name, attribute)| name.len() + attribute.kind.len() + attribute.value.len())
            .sum();
        if text.is_empty() {
            return Err(invalid("Empty message"));
        }
        if text.len() + in_attributes > MAX_MESSAGE_BYTES {
            return Err(invalid("Message too long"));
        }
        let subject = form.optional("Subject").map(str::to_owned);
        if subject
            .as_deref()
            .is_some_and(|subject| !is_fine_subject(subject))
        {
            return Err(invalid("Subject"));
        }
        let texts = match form.optional("MessageStructure") {
            Some("json") => texts(text)?,
            Some(other) => return Err(invalid(&format!("MessageStructure {other}"))),
            None => BTreeMap::from([(DEFAULT.to_owned(), text.to_owned())]),
        };
        Ok(Self {
            subject,
            texts,
            attributes,
        })
    }

    /// What a subscriber of a protocol gets.
    pub(super) fn text_for(&self, protocol: &str) -> &str {
        self.texts
            .get(protocol)
            .or_else(|| self.texts.get(DEFAULT))
            .map(String::as_str)
            .unwrap_or_default()
    }

    /// The attributes as a filter policy sees them.
    pub(super) fn filterable(&self) -> Value {
        let value = |attribute: &Attribute| match attribute.kind.as_str() {
            "Number" | "String.Array" => serde_json::from_str(&attribute.value).unwrap_or(Value::Null),
            _ => json!(attribute.value),
        };
        self.attributes
            .iter()
            .map(|(name, attribute)| (name.clone(), value(attribute)))
            .collect()
    }
}

fn texts(text: &str) -> Result<BTreeMap<String, String>, ApiError> {
    let Ok(Value::Object(fields)) = serde_json::from_str(text) else {
        return Err(invalid("Message Structure - JSON message body failed to parse"));
    };
    // Values that are no strings are left out by SNS without a word.
    let texts: BTreeMap<String, String> = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())))
        .collect();
    if texts.contains_key(DEFAULT) {
        return Ok(texts);
    }
    Err(invalid(
        "Message Structure - No default entry in JSON message body",
    ))
}

fn is_fine_subject(subject: &str) -> bool {
    let begins_well = subject
        .chars()
        .next()
        .is_some_and(|first| first.is_ascii_alphanumeric() || first.is_ascii_punctuation());
    begins_well
        && subject.len() < MAX_SUBJECT_CHARACTERS
        && subject
            .chars()
            .all(|one| one.is_ascii() && !one.is_ascii_control())
}

fn attributes(form: &Form) -> BTreeMap<String, Attribute> {
    let entries = form.entries("MessageAttributes.entry").into_iter();
    entries
        .filter_map(|entry| {
            let value = entry
                .get("Value.StringValue")
                .or_else(|| entry.get("Value.BinaryValue"))?;
            let kind = entry.get("Value.DataType")?;
            Some((
                (*entry.get("Name")?).to_owned(),
                Attribute {
                    kind: (*kind).to_owned(),
                    value: (*value).to_owned(),
                },
            ))
        })
        .collect()
}

fn invalid(what: &str) -> ApiError {
    ApiError::invalid("InvalidParameter", format!("Invalid parameter: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(fields: &str) -> Result<Message, ApiError> {
        Message::of(&Form::parse(fields.as_bytes()))
    }

    #[test]
    fn a_structured_message_needs_a_default_text() {
        let error = published("Message={\"email\":\"hello\"}&MessageStructure=json").unwrap_err();
        assert_eq!(error.code, "InvalidParameter");
        assert!(error.message.contains("default"), "{}", error.message);
        let message = published("Message={\"default\":\"d\",\"sqs\":\"s\"}&MessageStructure=json").unwrap();
        assert_eq!((message.text_for("sqs"), message.text_for("sms")), ("s", "d"));
    }

    #[test]
    fn a_subject_is_short_ascii_without_control_characters() {
        let long = "x".repeat(100);
        for subject in [long.as_str(), "a%0Ab", "%C3%BC", "%20a", ""] {
            assert!(
                published(&format!("Message=m&Subject={subject}")).is_err(),
                "{subject:?}"
            );
        }
        assert!(published(&format!("Message=m&Subject={}", "x".repeat(99))).is_ok());
    }

    #[test]
    fn a_message_is_measured_in_bytes() {
        assert!(published(&format!("Message={}", "x".repeat(262_144))).is_ok());
        assert!(published(&format!("Message={}", "x".repeat(262_145))).is_err());
        assert!(published(&format!("Message={}", "%C3%BC".repeat(131_073))).is_err());
    }
}
