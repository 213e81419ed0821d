//! Events: every envelope, odd keys, broken ones.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::support::{Feed, World};

/// The envelopes that S3's notifications come in.
#[derive(Debug, Clone, Copy)]
enum Envelope {
    Direct,
    Queue,
    Topic,
    TopicInQueue,
    EventBridge,
    EventBridgeInQueue,
}

impl Envelope {
    const ALL: [Self; 6] = [
        Self::Direct,
        Self::Queue,
        Self::Topic,
        Self::TopicInQueue,
        Self::EventBridge,
        Self::EventBridgeInQueue,
    ];

    fn around(self, bucket: &str, key: &str, size: usize, etag: &str) -> Value {
        let direct = json!({ "Records": [record(bucket, &encoded(key), size, etag)] });
        let topic = json!({ "Type": "Notification", "Message": direct.to_string() });
        let event_bridge = json!({
            "detail-type": "Object Created",
            "source": "aws.s3",
            "detail": {
                "bucket": { "name": bucket },
                "object": { "key": key, "size": size, "etag": etag, "sequencer": "00A1" },
            },
        });
        match self {
            Self::Direct => direct,
            Self::Queue => queued(&[direct.to_string()]),
            Self::Topic => json!({ "Records": [{ "EventSource": "aws:sns", "Sns": topic }] }),
            Self::TopicInQueue => queued(&[topic.to_string()]),
            Self::EventBridge => event_bridge,
            Self::EventBridgeInQueue => queued(&[event_bridge.to_string()]),
        }
    }
}

fn record(bucket: &str, encoded_key: &str, size: usize, etag: &str) -> Value {
    json!({
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "bucket": { "name": bucket },
            "object": { "key": encoded_key, "size": size, "eTag": etag, "sequencer": "00A1" },
        },
    })
}

fn queued(bodies: &[String]) -> Value {
    let records = bodies.iter().enumerate().map(
        |(index, body)| json!({ "messageId": format!("m{index}"), "eventSource": "aws:sqs", "body": body }),
    );
    json!({ "Records": records.collect::<Vec<_>>() })
}

/// As S3 writes keys into notifications: like a form.
fn encoded(key: &str) -> String {
    utf8_percent_encode(key, NON_ALPHANUMERIC)
        .to_string()
        .replace("%20", "+")
}

/// An odd key outside of the folder whose objects are announced by themselves.
fn odd_key(feed: &Feed<'_>) -> String {
    format!("elsewhere/yyyy=2015/50% a+b%2B c/ünï (1)&~ {}", feed.file_name())
}

#[tokio::test]
async fn every_envelope_is_read_with_odd_keys_in_it() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().create().await?;
    for envelope in Envelope::ALL {
        let key = odd_key(&feed);
        let etag = world.put(&key, "1|a\n").await?;
        let event = envelope.around(&world.ready().bucket, &key, 4, &etag);
        let answer = world.invoke("external-file-process", &event).await?;
        assert_eq!(
            answer.body["outcomes"][0]["outcome"], "submitted",
            "{envelope:?}: {answer:?}"
        );
        assert_eq!(answer.body["batchItemFailures"], json!([]), "{envelope:?}");
        world.story(&key).await?.assert_loaded(1);
    }
    assert_eq!(feed.lines("id").await?.len(), Envelope::ALL.len());
    Ok(())
}

#[tokio::test]
async fn an_odd_key_that_s3_announces_is_loaded_and_archived() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().create().await?;
    let file_name = format!("a b+c%2B ü=1 & {}", feed.file_name());
    let story = world.land(&file_name, "1|a\n").await?;
    story.assert_loaded(1);
    story.assert_archived(&world, &feed.token, b"1|a\n").await?;
    assert_eq!(feed.lines("file_name").await?, [file_name]);
    Ok(())
}

#[tokio::test]
async fn a_malformed_record_is_named_by_its_path_and_hides_no_other() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().create().await?;
    let bucket = &world.ready().bucket;
    let keys = [odd_key(&feed), odd_key(&feed)];
    let mut records = Vec::new();
    for key in &keys {
        let etag = world.put(key, "1|a\n").await?;
        records.push(record(bucket, &encoded(key), 4, &etag));
    }
    let mut broken = record(bucket, "x", 4, "e");
    broken["s3"]["object"]["key"] = json!(5);
    records.insert(1, broken);

    let answer = world
        .invoke("external-file-process", &json!({ "Records": records }))
        .await?;

    assert!(answer.is_error, "{answer:?}");
    assert_eq!(answer.body["errorType"], "Reject", "{answer:?}");
    let message = answer.body["errorMessage"].as_str().unwrap_or_default();
    assert!(message.contains("Records[1].s3.object.key"), "{message}");
    for key in &keys {
        world.story(key).await?.assert_loaded(1);
    }
    Ok(())
}

#[tokio::test]
async fn a_queue_gets_back_only_the_message_that_could_not_be_read() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().create().await?;
    let key = odd_key(&feed);
    let etag = world.put(&key, "1|a\n").await?;
    let good = json!({ "Records": [record(&world.ready().bucket, &encoded(&key), 4, &etag)] });

    let event = queued(&["no json".to_owned(), good.to_string()]);
    let answer = world.invoke("external-file-process", &event).await?;

    assert!(!answer.is_error, "{answer:?}");
    assert_eq!(
        answer.body["batchItemFailures"],
        json!([{ "itemIdentifier": "m0" }]),
        "{answer:?}"
    );
    world.story(&key).await?.assert_loaded(1);
    Ok(())
}

#[tokio::test]
async fn test_events_removals_and_our_own_folders_are_passed_over() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let ready = world.ready();
    let test = json!({ "Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": ready.bucket });
    let mut removal = record(&ready.bucket, "x_1.txt", 4, "e");
    removal["eventName"] = json!("ObjectRemoved:Delete");
    for event in [test, json!({ "Records": [removal] })] {
        let answer = world.invoke("external-file-process", &event).await?;
        assert_eq!(answer.body["outcomes"], json!([]), "{answer:?}");
    }
    for folder in [&ready.archive_folder, &ready.processing_folder] {
        let key = format!("{folder}/a_1.txt");
        let event = json!({ "Records": [record(&ready.bucket, &key, 4, "e")] });
        let answer = world.invoke("external-file-process", &event).await?;
        assert_eq!(answer.body["outcomes"][0]["outcome"], "ignored", "{answer:?}");
        assert!(world.loads_of(&key).await?.is_empty());
    }
    Ok(())
}
