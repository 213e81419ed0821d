//! Faults of requests, as the SDK meets them.

use std::time::{Duration, Instant};

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use longshore_local_stack::{FaultPlan, LocalStack, StackOptions};
use tempfile::TempDir;

use crate::support::{BUCKET, ask_page, get, injected, once, options, page, plan, put, s3, started};

/// The status and the code of the error that a service answered.
macro_rules! refusal {
    ($sent:expr) => {{
        let error = $sent.await.unwrap_err();
        let status = error.raw_response().map(|response| response.status().as_u16());
        (status.unwrap(), error.code().unwrap().to_owned())
    }};
}

async fn with_faults(rules: &str) -> (TempDir, LocalStack) {
    let (folder, stack) = started().await;
    put(&s3(&stack), "a.txt", b"0123456789").await;
    stack.set_faults(plan(rules)).unwrap();
    (folder, stack)
}

#[tokio::test]
async fn every_service_throttles_and_fails_in_its_own_words() {
    let (_folder, stack) = started().await;
    let url = stack.endpoint_url();
    let cases = [
        (
            r#""throttle""#,
            [
                (503, "SlowDown"),
                (400, "ThrottlingException"),
                (400, "ThrottlingException"),
                (429, "Throttled"),
                (400, "RequestThrottled"),
            ],
        ),
        (
            r#"{"server_error":{}}"#,
            [
                (500, "InternalError"),
                (500, "InternalServerException"),
                (500, "InternalServiceError"),
                (500, "InternalError"),
                (500, "InternalFailure"),
            ],
        ),
        (
            r#"{"server_error":{"status":503}}"#,
            [
                (503, "ServiceUnavailable"),
                (503, "ServiceUnavailableException"),
                (503, "ServiceUnavailableException"),
                (503, "ServiceUnavailable"),
                (503, "ServiceUnavailable"),
            ],
        ),
    ];
    for (fault, expected) in cases {
        let rules = ["s3", "redshift-data", "secretsmanager", "sns", "sqs"]
            .map(|service| format!(r#"{{"service":"{service}","fault":{fault}}}"#));
        stack.set_faults(plan(&rules.join(","))).unwrap();
        let met = [
            refusal!(once!(aws_sdk_s3, url).get_object().bucket(BUCKET).key("a").send()),
            refusal!(
                once!(aws_sdk_redshiftdata, url)
                    .describe_statement()
                    .id("i")
                    .send()
            ),
            refusal!(
                once!(aws_sdk_secretsmanager, url)
                    .get_secret_value()
                    .secret_id("s")
                    .send()
            ),
            refusal!(once!(aws_sdk_sns, url).list_topics().send()),
            refusal!(once!(aws_sdk_sqs, url).list_queues().send()),
        ];
        assert_eq!(met, expected.map(|(status, code)| (status, code.to_owned())));
    }
}

#[tokio::test]
async fn the_sdk_gets_through_two_throttled_calls_and_the_counters_tell() {
    let (_folder, stack) =
        with_faults(r#"{"service":"s3","operation":"GetObject","when":{"first":2},"fault":"throttle"}"#)
            .await;
    assert_eq!(get(&s3(&stack), "a.txt").await, b"0123456789");
    let report = page(&stack, "/_local/faults").await;
    let rule = &report["rules"][0];
    assert_eq!(
        (
            rule["matched"].as_u64(),
            rule["injected"].as_u64(),
            report["injected"]["throttle"].as_u64()
        ),
        (Some(3), Some(2), Some(2))
    );
}

#[tokio::test]
async fn a_named_error_meets_only_the_statements_whose_name_begins_so() {
    let (_folder, stack) = with_faults(
        r#"{"service":"redshift-data","match":{"statement_prefix":"longshore/"},
            "fault":{"refuse":{"code":"ActiveStatementsExceededException"}}}"#,
    )
    .await;
    let client = once!(aws_sdk_redshiftdata, stack.endpoint_url());
    let execute = |name: &str| {
        client
            .execute_statement()
            .sql("SELECT 1")
            .statement_name(name)
            .cluster_identifier("none")
            .send()
    };
    let refused = refusal!(execute("longshore/1"));
    assert_eq!(refused, (400, "ActiveStatementsExceededException".to_owned()));
    assert_ne!(refusal!(execute("other")).1, "ActiveStatementsExceededException");
}

#[tokio::test]
async fn a_connection_closed_before_leaves_no_effect_and_one_closed_after_does() {
    let (_folder, stack) = with_faults(
        r#"{"service":"s3","operation":"PutObject","match":{"key_prefix":"before"},"fault":"close_before"},
           {"service":"s3","operation":"PutObject","match":{"key_prefix":"after"},"fault":"close_after"}"#,
    )
    .await;
    let client = once!(aws_sdk_s3, stack.endpoint_url());
    for (key, is_there) in [("before", false), ("after", true)] {
        let put = client
            .put_object()
            .bucket(BUCKET)
            .key(key)
            .body(b"x".to_vec().into());
        let error = put.send().await.unwrap_err();
        assert!(matches!(error, SdkError::DispatchFailure(_)), "{error:?}");
        let head = client.head_object().bucket(BUCKET).key(key).send().await;
        assert_eq!(head.is_ok(), is_there, "{key}");
    }
}

#[tokio::test]
async fn a_delayed_call_is_answered_late() {
    let (_folder, stack) =
        with_faults(r#"{"service":"s3","times":1,"fault":{"delay":{"milliseconds":300}}}"#).await;
    let began = Instant::now();
    assert_eq!(get(&s3(&stack), "a.txt").await, b"0123456789");
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert_eq!(injected(&stack, "delay"), 1);
}

#[tokio::test]
async fn a_cut_body_breaks_off_or_looks_complete() {
    let (_folder, stack) = with_faults(
        r#"{"service":"s3","when":{"call":1},"fault":{"cut_body":{"after_bytes":4}}},
           {"service":"s3","when":{"call":2},"fault":{"cut_body":{"after_bytes":4,"silent":true}}}"#,
    )
    .await;
    let client = once!(aws_sdk_s3, stack.endpoint_url());
    let get = || client.get_object().bucket(BUCKET).key("a.txt").send();
    let mut broken = get().await.unwrap();
    assert_eq!(broken.content_length(), Some(10));
    assert_eq!(broken.body.try_next().await.unwrap().unwrap(), "0123");
    assert!(broken.body.try_next().await.is_err());
    let short = get().await.unwrap();
    assert_eq!(short.content_length(), Some(4));
    assert_eq!(short.body.collect().await.unwrap().to_vec(), b"0123");
}

#[tokio::test]
async fn a_seed_repeats_its_faults_in_another_stack() {
    let pattern = |seed: u64| async move {
        let folder = tempfile::tempdir().unwrap();
        let rule = r#"{"service":"s3","operation":"HeadBucket","when":{"chance":0.5},"fault":"throttle"}"#;
        let faults = FaultPlan { seed, ..plan(rule) };
        let stack = LocalStack::start(StackOptions {
            faults,
            ..options(&folder)
        })
        .await
        .unwrap();
        let client = once!(aws_sdk_s3, stack.endpoint_url());
        let mut struck = Vec::new();
        for _ in 0..24 {
            struck.push(client.head_bucket().bucket(BUCKET).send().await.is_err());
        }
        struck
    };
    let first = pattern(7).await;
    assert_eq!(pattern(7).await, first);
    assert_ne!(pattern(8).await, first);
}

#[tokio::test]
async fn the_plan_is_read_replaced_and_cleared_while_the_stack_runs() {
    let (_folder, stack) = started().await;
    let text = r#"{"seed":3,"rules":[{"service":"sns","fault":"throttle"}]}"#;
    let (status, report) = ask_page(&stack, "PUT", "/_local/faults", text).await;
    assert_eq!((status, &report["seed"]), (200, &3.into()));
    let topics = once!(aws_sdk_sns, stack.endpoint_url());
    assert!(topics.list_topics().send().await.is_err());

    let wrong = "{\n \"rules\": [{\"service\": \"sns\", \"fault\": \"throttel\"}]\n}";
    let (status, answer) = ask_page(&stack, "PUT", "/_local/faults", wrong).await;
    let message = answer["error"].as_str().unwrap();
    assert_eq!(status, 400);
    assert!(
        message.contains("throttel") && message.contains("line 2 column"),
        "{message}"
    );
    let kept = page(&stack, "/_local/faults").await;
    assert_eq!(kept["rules"][0]["rule"]["service"], "sns");

    let (status, cleared) = ask_page(&stack, "DELETE", "/_local/faults", "").await;
    assert_eq!((status, &cleared["rules"]), (200, &serde_json::json!([])));
    assert_eq!(cleared["injected"]["throttle"], 1);
    topics.list_topics().send().await.unwrap();
}

#[tokio::test]
async fn a_stack_with_a_plan_that_makes_no_sense_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut faults = plan(r#"{"service":"s3","fault":"throttle"}"#);
    faults.rules[0].when = longshore_local_stack::FaultWhen::Every(0);
    let started = LocalStack::start(StackOptions {
        faults,
        ..options(&folder)
    })
    .await;
    let error = std::error::Error::source(&started.err().unwrap())
        .unwrap()
        .to_string();
    assert!(error.starts_with("rules[0]"), "{error}");
}
