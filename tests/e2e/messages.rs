//! What people and machines are told.

use serde_json::Value;

use crate::support::World;

/// The published notification about a load.
async fn published(world: &World, load_id: &str) -> anyhow::Result<Value> {
    let all = world.published().await?;
    let mut about = all
        .into_iter()
        .filter(|one| one["texts"].to_string().contains(load_id));
    let found = about.next().unwrap_or_default();
    assert_eq!(about.next(), None, "load {load_id} was told twice");
    Ok(found)
}

#[tokio::test]
async fn a_refused_file_is_told_to_people_by_mail_and_text_message() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().trailer("5:13").create().await?;
    let file_name = format!("Überweisung {}", feed.file_name());
    let story = world.land(&file_name, "1|a\nTRL 00000003").await?;
    let told = published(&world, story.load.id()).await?;

    let mail = told["texts"]["email"].as_str().unwrap_or_default();
    for fact in [
        story.error(),
        story.load.text("archived_key").unwrap_or_default(),
        &file_name,
    ] {
        assert!(mail.contains(fact), "{fact:?} is not in the mail: {mail}");
    }
    let message = told["texts"]["sms"].as_str().unwrap_or_default();
    assert!(message.starts_with("FAILED") && message.len() <= 140, "{message}");
    let subject = told["subject"].as_str().unwrap_or_default();
    assert!(subject.is_ascii() && subject.len() < 100, "{subject}");
    Ok(())
}

#[tokio::test]
async fn a_message_carries_attributes_that_a_subscriber_can_filter_on() -> anyhow::Result<()> {
    let world = World::shared().await?;
    let feed = world.feed().trailer("5:13").create().await?;
    let loaded = feed.land("1|a\nTRL 00000001").await?;
    let refused = feed.land("1|a\nTRL 00000003").await?;
    let attribute =
        |message: &Value, name: &str| message["attributes"][name]["Value"].as_str().map(str::to_owned);

    let (good, bad) = (loaded.message(), refused.message());
    assert_eq!(attribute(good, "result").as_deref(), Some("success"));
    assert_eq!(attribute(bad, "result").as_deref(), Some("failure"));
    assert_eq!(
        attribute(bad, "error_code").as_deref(),
        Some("trailer_count_mismatch")
    );
    assert_eq!(attribute(good, "interface_id"), Some(feed.interface.to_string()));
    Ok(())
}
