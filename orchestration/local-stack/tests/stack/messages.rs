//! SNS and SQS.

use std::time::{Duration, Instant};

use aws_sdk_sns::error::ProvideErrorMetadata;
use aws_sdk_sns::types::MessageAttributeValue;
use longshore_local_stack::{LocalStack, QueueOptions, StackOptions};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{client, options, page};

async fn with_topic_and_queue() -> (TempDir, LocalStack) {
    let folder = tempfile::tempdir().unwrap();
    let subscribed = QueueOptions {
        name: "outbox".to_owned(),
        subscriptions: vec!["loads".to_owned()],
        ..QueueOptions::default()
    };
    let options = StackOptions {
        topics: vec!["loads".to_owned()],
        queues: vec![subscribed],
        ..options(&folder)
    };
    let stack = LocalStack::start(options).await.unwrap();
    (folder, stack)
}

fn sns(stack: &LocalStack) -> aws_sdk_sns::Client {
    client!(aws_sdk_sns, stack.endpoint_url())
}

fn sqs(stack: &LocalStack) -> aws_sdk_sqs::Client {
    client!(aws_sdk_sqs, stack.endpoint_url())
}

#[tokio::test]
async fn a_published_message_reaches_the_queue_in_the_envelope_of_sns() {
    let (_folder, stack) = with_topic_and_queue().await;
    let topic = stack.topic_arn("loads");
    let status = MessageAttributeValue::builder()
        .data_type("String")
        .string_value("FAILED")
        .build()
        .unwrap();
    let publish = sns(&stack)
        .publish()
        .topic_arn(&topic)
        .subject("A load failed")
        .message_structure("json");
    let publish = publish.message(r#"{"default":"{\"load\":1}","email":"Dear & <you>","sms":"short"}"#);
    let published = publish.message_attributes("status", status).send().await.unwrap();
    let receive = sqs(&stack)
        .receive_message()
        .queue_url(stack.queue_url("outbox"))
        .wait_time_seconds(20);
    let received = receive.send().await.unwrap();
    let envelope: Value = serde_json::from_str(received.messages()[0].body().unwrap()).unwrap();
    assert_eq!(envelope["Type"], "Notification");
    assert_eq!(envelope["MessageId"], published.message_id().unwrap());
    assert_eq!(envelope["TopicArn"], topic);
    assert_eq!(envelope["Subject"], "A load failed");
    assert_eq!(envelope["Message"], r#"{"load":1}"#);
    assert_eq!(envelope["MessageAttributes"]["status"]["Value"], "FAILED");
    let kept = page(&stack, "/_local/notifications").await;
    assert_eq!(kept["notifications"][0]["texts"]["email"], "Dear & <you>");
    assert_eq!(kept["notifications"][0]["texts"]["sms"], "short");
}

#[tokio::test]
async fn a_structured_message_without_a_default_is_an_invalid_parameter() {
    let (_folder, stack) = with_topic_and_queue().await;
    let publish = sns(&stack)
        .publish()
        .topic_arn(stack.topic_arn("loads"))
        .message_structure("json");
    let refused = publish.message(r#"{"email":"only"}"#).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("InvalidParameter"));
    let unknown = sns(&stack)
        .publish()
        .topic_arn(stack.topic_arn("other"))
        .message("m")
        .send()
        .await
        .unwrap_err();
    assert!(unknown.into_service_error().is_not_found_exception());
}

#[tokio::test]
async fn a_received_message_hides_comes_back_and_goes_when_deleted() {
    let (_folder, stack) = with_topic_and_queue().await;
    let (client, url) = (sqs(&stack), stack.queue_url("outbox"));
    client
        .send_message()
        .queue_url(&url)
        .message_body("hello")
        .send()
        .await
        .unwrap();
    let receive = || client.receive_message().queue_url(&url);
    let first = receive().visibility_timeout(600).send().await.unwrap();
    assert_eq!(first.messages()[0].body(), Some("hello"));
    assert!(receive().send().await.unwrap().messages().is_empty());
    let receipt = first.messages()[0].receipt_handle().unwrap();
    let show = client
        .change_message_visibility()
        .queue_url(&url)
        .receipt_handle(receipt)
        .visibility_timeout(0);
    show.send().await.unwrap();
    let again = receive().send().await.unwrap();
    let stale = client
        .delete_message()
        .queue_url(&url)
        .receipt_handle(receipt)
        .send()
        .await;
    assert!(stale.is_ok());
    let show = client
        .change_message_visibility()
        .queue_url(&url)
        .visibility_timeout(0);
    let receipt = again.messages()[0].receipt_handle().unwrap();
    show.receipt_handle(receipt).send().await.unwrap();
    let third = receive().send().await.unwrap();
    let receipt = third.messages()[0].receipt_handle().unwrap();
    client
        .delete_message()
        .queue_url(&url)
        .receipt_handle(receipt)
        .send()
        .await
        .unwrap();
    assert!(receive().send().await.unwrap().messages().is_empty());
}

#[tokio::test]
async fn a_long_poll_ends_as_soon_as_a_message_arrives() {
    let (_folder, stack) = with_topic_and_queue().await;
    let (client, url) = (sqs(&stack), stack.queue_url("outbox"));
    let begun = Instant::now();
    let waiting = tokio::spawn(
        client
            .receive_message()
            .queue_url(&url)
            .wait_time_seconds(20)
            .send(),
    );
    client
        .send_message()
        .queue_url(&url)
        .message_body("now")
        .send()
        .await
        .unwrap();
    assert_eq!(waiting.await.unwrap().unwrap().messages().len(), 1);
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_queue_that_does_not_exist_is_named_so() {
    let (_folder, stack) = with_topic_and_queue().await;
    let unknown = sqs(&stack)
        .get_queue_url()
        .queue_name("nothing")
        .send()
        .await
        .unwrap_err();
    assert!(unknown.into_service_error().is_queue_does_not_exist());
}
