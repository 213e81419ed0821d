//! Stopping and starting again on the same folder.

use longshore_local_stack::{BucketNotification, LocalStack, QueueOptions, StackError, StackOptions};

use crate::support::{BUCKET, Director, client, get, invocations_until, options, put, s3};

#[tokio::test]
async fn a_restart_keeps_everything_that_was_confirmed() {
    let folder = tempfile::tempdir().unwrap();
    let subscribed = QueueOptions {
        name: "q".to_owned(),
        subscriptions: vec!["t".to_owned()],
        ..QueueOptions::default()
    };
    let rich = StackOptions {
        topics: vec!["t".to_owned()],
        queues: vec![subscribed],
        ..options(&folder)
    };
    let stack = LocalStack::start(rich).await.unwrap();
    put(&s3(&stack), "k", b"kept").await;
    s3(&stack).create_bucket().bucket("second").send().await.unwrap();
    stack.put_secret("s", "value").await.unwrap();
    let (sns, topic) = (client!(aws_sdk_sns, stack.endpoint_url()), stack.topic_arn("t"));
    sns.publish().topic_arn(&topic).message("m").send().await.unwrap();
    let upload = s3(&stack)
        .create_multipart_upload()
        .bucket(BUCKET)
        .key("u")
        .send()
        .await
        .unwrap();
    stack.stop().await;

    let stack = LocalStack::start(StackOptions::new(folder.path())).await.unwrap();
    assert_eq!(get(&s3(&stack), "k").await, b"kept");
    s3(&stack).head_bucket().bucket("second").send().await.unwrap();
    let parts = s3(&stack)
        .list_parts()
        .bucket(BUCKET)
        .key("u")
        .upload_id(upload.upload_id().unwrap());
    parts.send().await.unwrap();
    let secret = client!(aws_sdk_secretsmanager, stack.endpoint_url())
        .get_secret_value()
        .secret_id("s")
        .send()
        .await
        .unwrap();
    assert_eq!(secret.secret_string(), Some("value"));
    let receive = client!(aws_sdk_sqs, stack.endpoint_url())
        .receive_message()
        .queue_url(stack.queue_url("q"));
    assert_eq!(receive.send().await.unwrap().messages().len(), 1);
}

#[tokio::test]
async fn an_object_and_its_announcement_survive_a_stop_before_any_function_ran() {
    let director = Director::new().await;
    let folder = tempfile::tempdir().unwrap();
    let notification = BucketNotification {
        bucket: BUCKET.to_owned(),
        prefix: String::new(),
        suffix: String::new(),
        function: "loader".to_owned(),
    };
    let stack = LocalStack::start(StackOptions {
        bucket_notifications: vec![notification],
        ..options(&folder)
    });
    let stack = stack.await.unwrap();
    put(&s3(&stack), "a", b"x").await;
    stack.stop().await;

    let stack = LocalStack::start(options(&folder)).await.unwrap();
    stack
        .start_functions(vec![director.function("loader")])
        .await
        .unwrap();
    let asked = director.next().await;
    assert_eq!(asked.report["event"]["Records"][0]["s3"]["object"]["key"], "a");
    let id = asked.request_id().to_owned();
    stack.stop().await;
    asked.gone().await;

    let stack = LocalStack::start(options(&folder)).await.unwrap();
    stack
        .start_functions(vec![director.function("loader")])
        .await
        .unwrap();
    let again = director.next().await;
    assert_eq!(again.request_id(), id);
    again.tell("answer").await;
    invocations_until(&stack, |all| all[0]["state"] == "succeeded").await;
}

#[tokio::test]
async fn a_blob_without_a_record_is_swept_at_the_start() {
    let (folder, stack) = crate::support::started().await;
    put(&s3(&stack), "k", b"kept").await;
    stack.stop().await;
    let orphan = folder.path().join("blobs/0123456789abcdef");
    std::fs::write(&orphan, b"half a file").unwrap();
    let stack = LocalStack::start(options(&folder)).await.unwrap();
    assert!(!orphan.exists());
    assert_eq!(get(&s3(&stack), "k").await, b"kept");
}

#[tokio::test]
async fn a_second_stack_on_the_same_folder_is_refused() {
    let (folder, _stack) = crate::support::started().await;
    let refused = LocalStack::start(options(&folder)).await.err().unwrap();
    assert!(matches!(refused, StackError::DataFolderInUse { .. }), "{refused}");
}
