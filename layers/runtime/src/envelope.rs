//! S3 notifications in every envelope that AWS delivers them in: direct, in SQS, in SNS, in SNS in SQS, and as
//! EventBridge events, alone or in a queue.
//!
//! One record that cannot be read never hides the others: each is decoded on its own.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use longshore_app::Announcement;
use longshore_domain::object::{Bucket, Object, ObjectKey, Sequencer};
use longshore_domain::queue::QueueName;
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// What one message brought.
#[derive(Debug)]
pub struct Delivery {
    /// The queue's id of the message; absent when the event came without a queue.
    pub message_id: Option<String>,
    /// Its announcements, each readable or not.
    pub records: Vec<Result<Announcement, MalformedEvent>>,
}

/// A record that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the event is malformed at {path}: {problem}")]
pub struct MalformedEvent {
    /// Where in the event, such as `Records[0].s3.object.key`.
    pub path: String,
    /// What is wrong there.
    pub problem: String,
}

/// Reads an event. Messages that announce no object (`s3:TestEvent`, removals) give no records.
pub fn decode(event: &Value) -> Vec<Delivery> {
    let Some(records) = event.get("Records").and_then(Value::as_array) else {
        return vec![Delivery {
            message_id: None,
            records: announcements(event, ""),
        }];
    };
    if !records.iter().any(is_queue_message) {
        return vec![Delivery {
            message_id: None,
            records: announcements(event, ""),
        }];
    }
    records
        .iter()
        .enumerate()
        .map(|(index, record)| Delivery {
            message_id: record.get("messageId").and_then(Value::as_str).map(str::to_owned),
            records: brought_by(
                queue(record).as_ref(),
                embedded(record, "body", &format!("Records[{index}]")),
            ),
        })
        .collect()
}

/// The queue that a message comes from. Without its ARN the message comes from no queue that a rule could name.
fn queue(message: &Value) -> Option<QueueName> {
    QueueName::of_arn(message.get("eventSourceARN")?.as_str()?)
}

fn brought_by(queue: Option<&QueueName>, records: Records) -> Records {
    let with_queue = |announcement: Announcement| Announcement {
        queue: queue.cloned(),
        ..announcement
    };
    records.into_iter().map(|record| record.map(with_queue)).collect()
}

fn is_queue_message(record: &Value) -> bool {
    record.get("eventSource").and_then(Value::as_str) == Some("aws:sqs")
}

type Records = Vec<Result<Announcement, MalformedEvent>>;

/// The announcements in a message, however deep they are wrapped.
fn announcements(message: &Value, path: &str) -> Records {
    if message.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return vec![];
    }
    if message.get("detail-type").is_some() {
        return event_bridge(message, path);
    }
    if message.get("Type").and_then(Value::as_str) == Some("Notification") {
        return embedded(message, "Message", path);
    }
    match message.get("Records").and_then(Value::as_array) {
        Some(records) => records
            .iter()
            .enumerate()
            .flat_map(|(index, record)| one_record(record, &join(path, &format!("Records[{index}]"))))
            .collect(),
        None => vec![Err(malformed(
            if path.is_empty() { "the top" } else { path },
            "it is no S3 notification: neither Records nor detail-type nor an SNS message is there",
        ))],
    }
}

fn one_record(record: &Value, path: &str) -> Records {
    if let Some(notice) = record.get("Sns") {
        return embedded(notice, "Message", &join(path, "Sns"));
    }
    let created = record
        .get("eventName")
        .and_then(Value::as_str)
        .is_none_or(|name| name.starts_with("ObjectCreated"));
    if !created {
        return vec![];
    }
    vec![s3_record(record, path)]
}

/// A message inside a message, as JSON in a string.
fn embedded(outer: &Value, field: &str, path: &str) -> Records {
    let path = join(path, field);
    let Some(text) = outer.get(field).and_then(Value::as_str) else {
        return vec![Err(malformed(&path, "a text is expected here"))];
    };
    match serde_json::from_str::<Value>(text) {
        Ok(inner) => announcements(&inner, &path),
        Err(error) => vec![Err(malformed(&path, &format!("it is no JSON: {error}")))],
    }
}

/// A record of a notification. Its key is encoded as in a form: `+` is a blank, `%2B` a plus.
fn s3_record(record: &Value, path: &str) -> Result<Announcement, MalformedEvent> {
    let s3 = join(path, "s3");
    let encoded = text(record, &["s3", "object", "key"], path)?;
    let decoded = decode_key(encoded)
        .ok_or_else(|| malformed(&join(&s3, "object.key"), "its percent encoding is no UTF-8"))?;
    let object = record.pointer("/s3/object").unwrap_or(&Value::Null);
    Ok(Announcement {
        object: Object {
            bucket: Bucket::new(text(record, &["s3", "bucket", "name"], path)?),
            key: key(&decoded, &join(&s3, "object.key"))?,
            version: optional(object, "versionId"),
            etag: optional(object, "eTag"),
            size_bytes: size(object, &join(&s3, "object.size"))?,
            sequencer: optional(object, "sequencer").map(Sequencer::new),
        },
        at: moment(record, "eventTime"),
        queue: None,
    })
}

/// An EventBridge event. Its key is not encoded.
fn event_bridge(event: &Value, path: &str) -> Records {
    let created = event.get("detail-type").and_then(Value::as_str) == Some("Object Created");
    if !created {
        return vec![];
    }
    vec![event_bridge_object(event, path)]
}

fn event_bridge_object(event: &Value, path: &str) -> Result<Announcement, MalformedEvent> {
    let object = event.pointer("/detail/object").unwrap_or(&Value::Null);
    Ok(Announcement {
        object: Object {
            bucket: Bucket::new(text(event, &["detail", "bucket", "name"], path)?),
            key: key(
                text(event, &["detail", "object", "key"], path)?,
                &join(path, "detail.object.key"),
            )?,
            version: optional(object, "version-id"),
            etag: optional(object, "etag"),
            size_bytes: size(object, &join(path, "detail.object.size"))?,
            sequencer: optional(object, "sequencer").map(Sequencer::new),
        },
        at: moment(event, "time"),
        queue: None,
    })
}

/// When an event says that it happened. One that does not say so in a way that reads is none the worse.
fn moment(event: &Value, field: &str) -> Option<DateTime<Utc>> {
    let text = event.get(field)?.as_str()?;
    let moment = DateTime::parse_from_rfc3339(text).ok()?;
    Some(moment.to_utc())
}

/// `+` first, then percent: the other way round, an encoded plus would become a blank.
fn decode_key(encoded: &str) -> Option<String> {
    let blanks = encoded.replace('+', " ");
    percent_decode_str(&blanks)
        .decode_utf8()
        .ok()
        .map(Cow::into_owned)
}

fn text<'value>(value: &'value Value, fields: &[&str], path: &str) -> Result<&'value str, MalformedEvent> {
    let found = fields
        .iter()
        .try_fold(value, |value, field| value.get(field))
        .and_then(Value::as_str);
    match found {
        Some(text) if !text.is_empty() => Ok(text),
        Some(_) | None => Err(malformed(
            &join(path, &fields.join(".")),
            "a text is expected here",
        )),
    }
}

fn optional(object: &Value, field: &str) -> Option<String> {
    let text = object.get(field)?.as_str()?.trim_matches('"');
    (!text.is_empty()).then(|| text.to_owned())
}

fn size(object: &Value, path: &str) -> Result<u64, MalformedEvent> {
    object
        .get("size")
        .and_then(Value::as_u64)
        .ok_or_else(|| malformed(path, "a number of bytes is expected here"))
}

/// A key as S3 has it, but for U+0000: S3 takes that, and no database does.
fn key(text: &str, path: &str) -> Result<ObjectKey, MalformedEvent> {
    match text.contains('\0') {
        true => Err(malformed(
            path,
            "the key holds U+0000, which the ledger cannot; rename the object",
        )),
        false => Ok(ObjectKey::new(text)),
    }
}

fn join(path: &str, field: &str) -> String {
    if path.is_empty() {
        field.to_owned()
    } else {
        format!("{path}.{field}")
    }
}

fn malformed(path: &str, problem: &str) -> MalformedEvent {
    MalformedEvent {
        path: path.to_owned(),
        problem: problem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(key: &str) -> Value {
        json!({
            "eventVersion": "2.6", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
            "s3": {
                "bucket": { "name": "landing" },
                "object": { "key": key, "size": 7, "eTag": "\"abc\"", "versionId": "v1", "sequencer": "00AB" },
            },
        })
    }

    fn notification(key: &str) -> Value {
        json!({ "Records": [record(key)] })
    }

    fn keys(event: &Value) -> Vec<Result<String, String>> {
        decode(event)
            .into_iter()
            .flat_map(|delivery| delivery.records)
            .map(|record| {
                record
                    .map(|found| found.object.key.to_string())
                    .map_err(|error| error.to_string())
            })
            .collect()
    }

    fn queued(body: &Value) -> Value {
        json!({ "Records": [{ "eventSource": "aws:sqs", "messageId": "m1", "body": body.to_string() }] })
    }

    #[test]
    fn every_envelope_gives_the_same_object() {
        let event = notification("in/a.txt");
        let sns = json!({ "Type": "Notification", "Message": event.to_string() });
        let envelopes = [
            event.clone(),
            queued(&event),
            json!({ "Records": [{ "EventSource": "aws:sns", "Sns": { "Message": event.to_string() } }] }),
            queued(&sns),
        ];
        for envelope in envelopes {
            let mut deliveries = decode(&envelope);
            let object = deliveries.remove(0).records.remove(0).unwrap().object;
            assert_eq!(object.url(), "s3://landing/in/a.txt");
            assert_eq!(
                (
                    object.size_bytes,
                    object.etag.as_deref(),
                    object.version.as_deref()
                ),
                (7, Some("abc"), Some("v1"))
            );
            assert_eq!(object.sequencer, Some(Sequencer::new("00AB")));
        }
    }

    #[test]
    fn an_event_bridge_key_is_not_decoded_a_notifications_is() {
        let event_bridge = json!({
            "source": "aws.s3", "detail-type": "Object Created",
            "detail": { "bucket": { "name": "b" }, "object": { "key": "a+b%2B.txt", "size": 1, "etag": "e" } },
        });
        assert_eq!(keys(&event_bridge), [Ok("a+b%2B.txt".to_owned())]);
        assert_eq!(keys(&queued(&event_bridge)), [Ok("a+b%2B.txt".to_owned())]);
        assert_eq!(keys(&notification("noog+nork")), [Ok("noog nork".to_owned())]);
        assert_eq!(keys(&notification("noog%2Bnork")), [Ok("noog+nork".to_owned())]);
        assert_eq!(
            keys(&notification("yyyy%3D2015/%C3%BCn%C3%AF.txt")),
            [Ok("yyyy=2015/ünï.txt".to_owned())]
        );
    }

    #[test]
    fn what_announces_no_object_gives_nothing() {
        let removal =
            json!({ "Records": [{ "eventSource": "aws:s3", "eventName": "ObjectRemoved:Delete" }] });
        let test = json!({ "Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b" });
        let deleted = json!({ "detail-type": "Object Deleted", "detail": {} });
        for event in [removal, test.clone(), queued(&test), deleted] {
            assert_eq!(keys(&event), [], "{event}");
        }
    }

    #[test]
    fn a_malformed_record_is_named_and_hides_no_other() {
        let mut broken = record("x");
        broken["s3"]["object"]["key"] = json!(5);
        let mixed = json!({ "Records": [record("in/a.txt"), broken, record("in/%FF"), record("in/b.txt")] });
        let found = keys(&mixed);
        assert_eq!(found[0], Ok("in/a.txt".to_owned()));
        insta::assert_snapshot!(found[1].as_ref().unwrap_err(), @"the event is malformed at Records[1].s3.object.key: a text is expected here");
        insta::assert_snapshot!(found[2].as_ref().unwrap_err(), @"the event is malformed at Records[2].s3.object.key: its percent encoding is no UTF-8");
        assert_eq!(found[3], Ok("in/b.txt".to_owned()));
    }

    #[test]
    fn a_message_that_is_no_notification_is_named_with_its_place() {
        insta::assert_snapshot!(keys(&json!({}))[0].as_ref().unwrap_err(), @"the event is malformed at the top: it is no S3 notification: neither Records nor detail-type nor an SNS message is there");
        let event = json!({ "Records": [{ "eventSource": "aws:sqs", "messageId": "m1", "body": "{" }] });
        assert!(
            keys(&event)[0]
                .as_ref()
                .unwrap_err()
                .starts_with("the event is malformed at Records[0].body: it is no JSON")
        );
    }

    #[test]
    fn what_a_queue_brings_says_which_queue() {
        let mut event = queued(&notification("in/a.txt"));
        let queue = |event: &Value| {
            let announcement = decode(event).remove(0).records.remove(0).unwrap();
            announcement.queue.map(|queue| queue.to_string())
        };
        assert_eq!(queue(&event), None);
        event["Records"][0]["eventSourceARN"] = json!("arn:aws:sqs:eu-west-1:1:orders");
        assert_eq!(queue(&event).as_deref(), Some("orders"));
        assert_eq!(queue(&notification("in/a.txt")), None);
    }

    #[test]
    fn queue_messages_keep_their_ids() {
        let body = notification("a").to_string();
        let event = json!({ "Records": [
            { "eventSource": "aws:sqs", "messageId": "m1", "body": body },
            { "eventSource": "aws:sqs", "messageId": "m2", "body": "no json" },
        ] });
        let ids: Vec<_> = decode(&event)
            .into_iter()
            .map(|delivery| delivery.message_id)
            .collect();
        assert_eq!(ids, [Some("m1".to_owned()), Some("m2".to_owned())]);
    }
}
