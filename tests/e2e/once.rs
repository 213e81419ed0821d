//! Exactly once, whatever is delivered how often.

use futures_util::future::try_join_all;
use serde_json::{Value, json};

use crate::support::{Load, World};

/// The notification that S3 sent for a load's object.
fn notification_of(load: &Load) -> Value {
    json!({ "Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "bucket": { "name": load.text("bucket_name") },
            "object": {
                "key": load.text("object_key"),
                "size": load.number("size_bytes"),
                "eTag": load.text("etag"),
                "versionId": load.text("object_version"),
                "sequencer": load.text("sequencer"),
            },
        },
    }] })
}

/// A notification about an object that S3 itself does not announce, because it lies elsewhere.
pub(crate) fn announcement(world: &World, key: &str, etag: &str) -> Value {
    json!({ "Records": [{
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "bucket": { "name": world.ready().bucket },
            "object": { "key": key, "size": 7, "eTag": etag, "sequencer": "00A1" },
        },
    }] })
}

#[tokio::test]
async fn twenty_files_into_one_table_at_once_keep_their_own_names() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().create().await?;
    let files = (0..20)
        .map(|number| format!("{number}|first\n{number}|second\n"))
        .collect();

    let stories = feed.land_side_by_side(files).await?;

    let mut expected = Vec::new();
    for (number, story) in stories.iter().enumerate() {
        story.assert_loaded(2);
        expected.extend(["first", "second"].map(|name| format!("{number}|{name}|{}", story.file_name())));
    }
    expected.sort();
    let mut found = feed.lines("id, name, file_name").await?;
    found.sort();
    assert_eq!(found, expected);
    Ok(())
}

#[tokio::test]
async fn an_event_delivered_twenty_times_more_loads_its_file_once() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().create().await?;
    let story = feed.land("1|once\n").await?;
    let event = notification_of(&story.load);

    let repeats = (0..20).map(|_| world.invoke("external-file-process", &event));
    for answer in try_join_all(repeats).await? {
        assert!(!answer.is_error, "{answer:?}");
        assert_eq!(
            answer.body["outcomes"][0]["outcome"], "already_done",
            "{answer:?}"
        );
    }

    let again = world.story(story.key()).await?;
    again.assert_loaded(1);
    let claims = |load: &Load| load.number("claims").unwrap_or_default();
    assert_eq!(claims(&again.load) - claims(&story.load), 20, "{again}");
    assert_eq!(feed.lines("id, name").await?, ["1|once"]);
    Ok(())
}

#[tokio::test]
async fn an_event_delivered_twenty_times_at_once_loads_its_file_once() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().create().await?;
    let key = format!("elsewhere/{}", feed.file_name());
    let etag = world.put(&key, "1|once\n").await?;
    let event = announcement(&world, &key, &etag);

    let deliveries = (0..20).map(|_| world.invoke("external-file-process", &event));
    for answer in try_join_all(deliveries).await? {
        // One that meets another at work is sent back, to be delivered again: the other may die.
        let message = answer.body["errorMessage"].as_str().unwrap_or_default();
        let sent_back = answer.body["errorType"] == "Retry" && message.contains("is being prepared by");
        assert!(!answer.is_error || sent_back, "{answer:?}");
    }

    world.story(&key).await?.assert_loaded(1);
    assert_eq!(feed.lines("id, name").await?, ["1|once"]);
    Ok(())
}

#[tokio::test]
async fn a_status_event_delivered_again_tells_nobody_twice() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().create().await?;
    let story = feed.land("1|once\n").await?;
    let event = json!({
        "source": "aws.redshift-data",
        "detail-type": "Redshift Data Statement Status Change",
        "detail": { "statementId": story.load.text("statement_id"), "state": "FINISHED" },
    });

    let repeats = (0..5).map(|_| world.invoke("external-file-process-logging", &event));
    for answer in try_join_all(repeats).await? {
        assert!(!answer.is_error, "{answer:?}");
        assert_eq!(answer.body["outcome"], "already_settled", "{answer:?}");
    }

    world.story(story.key()).await?.assert_loaded(1);
    assert_eq!(feed.lines("id").await?, ["1"]);
    Ok(())
}

#[tokio::test]
async fn a_status_event_that_lies_about_its_statement_is_not_believed() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let event = json!({
        "detail-type": "Redshift Data Statement Status Change",
        "detail": { "statementId": "00000000-0000-0000-0000-000000000000", "state": "FINISHED" },
    });
    let answer = world.invoke("external-file-process-logging", &event).await?;
    assert_eq!(answer.body["outcome"], "foreign", "{answer:?}");
    Ok(())
}

#[tokio::test]
async fn a_key_sent_again_with_new_content_is_a_load_of_its_own() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().create().await?;
    let file_name = feed.file_name();
    let key = world.input_key(&file_name);
    world.land(&file_name, "1|before\n").await?.assert_loaded(1);

    world.put(&key, "2|after\n").await?;

    let stories = world.stories(&key, 2).await?;
    assert_eq!(stories.len(), 2);
    for story in &stories {
        story.assert_loaded(1);
    }
    assert_eq!(feed.lines("id, name").await?, ["1|before", "2|after"]);
    let archived = |index: usize| stories[index].load.text("archived_key");
    assert_ne!(
        archived(0),
        archived(1),
        "the second file took the first one's place in the archive"
    );
    Ok(())
}

#[tokio::test]
async fn an_event_for_an_object_that_is_gone_is_refused_and_told() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().create().await?;
    let key = format!("elsewhere/{}", feed.file_name());

    let event = announcement(&world, &key, "0123456789abcdef");
    let answer = world.invoke("external-file-process", &event).await?;

    assert_eq!(answer.body["outcomes"][0]["code"], "object_gone", "{answer:?}");
    world.story(&key).await?.assert_refused("object_gone", &["gone"]);
    Ok(())
}

#[tokio::test]
async fn an_event_for_an_object_that_was_replaced_leaves_the_new_one_alone() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().create().await?;
    let key = format!("elsewhere/{}", feed.file_name());
    let before = world.put(&key, "1|before\n").await?;
    world.put(&key, "2|after\n").await?;

    let answer = world
        .invoke("external-file-process", &announcement(&world, &key, &before))
        .await?;

    assert_eq!(answer.body["outcomes"][0]["code"], "object_gone", "{answer:?}");
    let story = world.story(&key).await?;
    story.assert_refused("object_gone", &["replaced"]);
    story.assert_stays(&world).await?;
    assert_eq!(
        world.get(&key).await?.as_deref(),
        Some(&b"2|after\n"[..]),
        "{story}"
    );
    assert_eq!(feed.lines("id").await?, Vec::<String>::new(), "{story}");
    Ok(())
}
