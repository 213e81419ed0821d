//! Functions: what they are told, and what happens when they fail, crash or hang.

use std::time::Duration;

use longshore_local_stack::{BucketNotification, FunctionOptions, LocalStack, StackOptions};
use tempfile::TempDir;

use crate::support::{BUCKET, Director, invocations_until, options, put, s3};

async fn announced_to(director: &Director) -> (TempDir, LocalStack) {
    let folder = tempfile::tempdir().unwrap();
    let stack = LocalStack::start(with_notification(&folder)).await.unwrap();
    stack
        .start_functions(vec![director.function("loader")])
        .await
        .unwrap();
    (folder, stack)
}

fn with_notification(folder: &TempDir) -> StackOptions {
    let notification = BucketNotification {
        bucket: BUCKET.to_owned(),
        prefix: "in/".to_owned(),
        suffix: ".txt".to_owned(),
        function: "loader".to_owned(),
    };
    StackOptions {
        bucket_notifications: vec![notification],
        ..options(folder)
    }
}

#[tokio::test]
async fn a_created_object_is_announced_with_the_record_of_s3() {
    let director = Director::new().await;
    let (folder, stack) = announced_to(&director).await;
    put(&s3(&stack), "other/a.txt", b"no").await;
    put(&s3(&stack), "in/a b+ü.txt", b"hello").await;
    let asked = director.next().await;
    let record = &asked.report["event"]["Records"][0];
    assert_eq!(record["eventSource"], "aws:s3");
    assert_eq!(record["eventName"], "ObjectCreated:Put");
    assert_eq!(record["s3"]["bucket"]["name"], BUCKET);
    assert_eq!(record["s3"]["object"]["key"], "in/a+b%2B%C3%BC.txt");
    assert_eq!(record["s3"]["object"]["size"], 5);
    assert_eq!(record["s3"]["object"]["eTag"], "5d41402abc4b2a76b9719d911017c592");
    assert_eq!(
        asked.report["arn"],
        "arn:aws:lambda:us-east-1:000000000000:function:loader"
    );
    let first = record["s3"]["object"]["sequencer"].as_str().unwrap().to_owned();
    let id = asked.request_id().to_owned();
    asked.tell("answer").await;
    invocations_until(&stack, |all| all.len() == 1 && all[0]["state"] == "succeeded").await;
    put(&s3(&stack), "in/a b+ü.txt", b"again").await;
    let again = director.next().await;
    assert!(
        again.report["event"]["Records"][0]["s3"]["object"]["sequencer"]
            .as_str()
            .unwrap()
            > first.as_str()
    );
    again.tell("answer").await;
    let log = std::fs::read_to_string(folder.path().join("logs/loader.log")).unwrap();
    assert!(log.contains(&id), "{log}");
}

#[tokio::test]
async fn a_function_that_fails_and_crashes_is_tried_three_times_under_one_request_id() {
    let director = Director::new().await;
    let (_folder, stack) = announced_to(&director).await;
    put(&s3(&stack), "in/a.txt", b"x").await;
    let mut ids = Vec::new();
    for instruction in ["fail", "crash", "fail"] {
        let asked = director.next().await;
        ids.push(asked.request_id().to_owned());
        asked.tell(instruction).await;
    }
    assert_eq!((&ids[0], &ids[1]), (&ids[1], &ids[2]));
    let ended = invocations_until(&stack, |all| all[0]["state"] == "dead-lettered").await;
    let errors: Vec<&str> = ended[0]["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| attempt["error"].as_str().unwrap())
        .collect();
    assert!(errors[0].contains("told to fail"), "{errors:?}");
    assert!(
        errors[1].contains("Runtime.ExitError") && errors[1].contains("exit status: 3"),
        "{errors:?}"
    );
    put(&s3(&stack), "in/b.txt", b"x").await;
    director.next().await.tell("answer").await;
    invocations_until(&stack, |all| all[1]["state"] == "succeeded").await;
}

#[tokio::test]
async fn a_function_that_hangs_is_killed_at_its_timeout_and_started_again() {
    let director = Director::new().await;
    let folder = tempfile::tempdir().unwrap();
    let stack = LocalStack::start(with_notification(&folder)).await.unwrap();
    let hasty = FunctionOptions {
        timeout: Duration::from_millis(300),
        ..director.function("loader")
    };
    stack.start_functions(vec![hasty]).await.unwrap();
    put(&s3(&stack), "in/a.txt", b"x").await;
    let stuck = director.next().await;
    let pid = stuck.report["pid"].clone();
    stuck.gone().await;
    let again = director.next().await;
    assert_ne!(again.report["pid"], pid);
    again.tell("answer").await;
    let ended = invocations_until(&stack, |all| all[0]["state"] == "succeeded").await;
    assert!(
        ended[0]["attempts"][0]["error"]
            .as_str()
            .unwrap()
            .contains("timed out after 0.30 seconds")
    );
}

#[tokio::test]
async fn a_process_serves_many_events_and_stopping_leaves_none_behind() {
    let director = Director::new().await;
    let (_folder, stack) = announced_to(&director).await;
    let mut pids = Vec::new();
    for key in ["in/a.txt", "in/b.txt"] {
        put(&s3(&stack), key, b"x").await;
        let asked = director.next().await;
        pids.push(asked.report["pid"].clone());
        asked.tell("answer").await;
    }
    assert_eq!(pids[0], pids[1]);
    put(&s3(&stack), "in/c.txt", b"x").await;
    let busy = director.next().await;
    stack.stop().await;
    busy.gone().await;
}

#[tokio::test]
async fn concurrency_is_the_number_of_processes_at_a_time() {
    let director = Director::new().await;
    let folder = tempfile::tempdir().unwrap();
    let stack = LocalStack::start(with_notification(&folder)).await.unwrap();
    let wide = FunctionOptions {
        concurrency: 2,
        ..director.function("loader")
    };
    stack.start_functions(vec![wide]).await.unwrap();
    for key in ["in/a.txt", "in/b.txt", "in/c.txt"] {
        put(&s3(&stack), key, b"x").await;
    }
    let (first, second) = (director.next().await, director.next().await);
    assert_ne!(first.report["pid"], second.report["pid"]);
    let freed = first.report["pid"].clone();
    first.tell("answer").await;
    let third = director.next().await;
    assert_eq!(third.report["pid"], freed);
    third.tell("answer").await;
    second.tell("answer").await;
}

#[tokio::test]
async fn a_function_sees_its_own_variables_and_lambdas_and_no_others() {
    let director = Director::new().await;
    let (_folder, stack) = announced_to(&director).await;
    put(&s3(&stack), "in/a.txt", b"x").await;
    let asked = director.next().await;
    let names: Vec<&str> = asked.report["variables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    for expected in [
        "AWS_ENDPOINT_URL",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_LAMBDA_FUNCTION_NAME",
        "REPORT_TO",
    ] {
        assert!(names.contains(&expected), "{expected} is missing from {names:?}");
    }
    let inherited = names
        .iter()
        .find(|name| name.starts_with("CARGO") || **name == "HOME");
    assert_eq!(inherited, None);
    asked.tell("answer").await;
}
