//! Faults of events on their way to functions.

use std::time::{Duration, Instant};

use longshore_local_stack::{BucketNotification, LocalStack, StackOptions};
use tempfile::TempDir;

use crate::support::{BUCKET, Director, injected, invocations_until, options, plan, put, s3};

async fn announced_under(director: &Director, fault: &str) -> (TempDir, LocalStack) {
    let folder = tempfile::tempdir().unwrap();
    let notification = BucketNotification {
        bucket: BUCKET.to_owned(),
        prefix: "in/".to_owned(),
        suffix: String::new(),
        function: "loader".to_owned(),
    };
    let rule =
        format!(r#"{{"service":"s3-notifications","match":{{"key_prefix":"in/struck"}},"fault":{fault}}}"#);
    let options = StackOptions {
        bucket_notifications: vec![notification],
        faults: plan(&rule),
        ..options(&folder)
    };
    let stack = LocalStack::start(options).await.unwrap();
    stack
        .start_functions(vec![director.function("loader")])
        .await
        .unwrap();
    (folder, stack)
}

/// The key of the next announced object, which the function then answers for.
async fn next_key(director: &Director) -> String {
    let asked = director.next().await;
    let key = asked.report["event"]["Records"][0]["s3"]["object"]["key"]
        .as_str()
        .unwrap()
        .to_owned();
    asked.tell("answer").await;
    key
}

#[tokio::test]
async fn a_dropped_notification_never_comes() {
    let director = Director::new().await;
    let (_folder, stack) = announced_under(&director, r#""drop""#).await;
    put(&s3(&stack), "in/struck", b"x").await;
    put(&s3(&stack), "in/other", b"x").await;
    assert_eq!(next_key(&director).await, "in/other");
    invocations_until(&stack, |all| all.len() == 1 && all[0]["state"] == "succeeded").await;
    assert_eq!(injected(&stack, "drop"), 1);
}

#[tokio::test]
async fn a_duplicated_notification_comes_twice_as_two_invocations() {
    let director = Director::new().await;
    let (_folder, stack) = announced_under(&director, r#""duplicate""#).await;
    put(&s3(&stack), "in/struck", b"x").await;
    assert_eq!(next_key(&director).await, "in/struck");
    assert_eq!(next_key(&director).await, "in/struck");
    let both = invocations_until(&stack, |all| all.iter().all(|one| one["state"] == "succeeded")).await;
    assert_eq!(both.len(), 2);
    assert_ne!(both[0]["requestId"], both[1]["requestId"]);
}

#[tokio::test]
async fn a_delayed_notification_comes_late() {
    let director = Director::new().await;
    let (_folder, stack) = announced_under(&director, r#"{"delay":{"milliseconds":300}}"#).await;
    let began = Instant::now();
    put(&s3(&stack), "in/struck", b"x").await;
    assert_eq!(next_key(&director).await, "in/struck");
    assert!(began.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn a_reordered_notification_comes_after_so_many_later_ones() {
    let director = Director::new().await;
    let (_folder, stack) = announced_under(
        &director,
        r#"{"reorder":{"after":2,"at_most_milliseconds":60000}}"#,
    )
    .await;
    for key in ["in/struck", "in/second", "in/third", "in/fourth"] {
        put(&s3(&stack), key, b"x").await;
    }
    let mut order = Vec::new();
    for _ in 0..4 {
        order.push(next_key(&director).await);
    }
    let place = order.iter().position(|key| key == "in/struck");
    assert!(place >= Some(2), "{order:?}");
}

#[tokio::test]
async fn a_reordered_notification_without_followers_comes_in_the_end() {
    let director = Director::new().await;
    let (_folder, stack) =
        announced_under(&director, r#"{"reorder":{"after":2,"at_most_milliseconds":200}}"#).await;
    put(&s3(&stack), "in/struck", b"x").await;
    assert_eq!(next_key(&director).await, "in/struck");
}

#[tokio::test]
async fn a_new_plan_lets_go_what_the_old_one_held_back() {
    let director = Director::new().await;
    let (_folder, stack) = announced_under(
        &director,
        r#"{"reorder":{"after":9,"at_most_milliseconds":3600000}}"#,
    )
    .await;
    put(&s3(&stack), "in/struck", b"x").await;
    invocations_until(&stack, |all| all.len() == 1 && all[0]["state"] == "waiting").await;
    stack.set_faults(plan("")).unwrap();
    assert_eq!(next_key(&director).await, "in/struck");
}
