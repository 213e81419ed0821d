//! Functions that are killed: at their start, at an invocation, and at each of their outgoing calls.

use longshore_local_postgres::{Cluster, ClusterOptions, Durability};
use longshore_local_stack::{BucketNotification, FaultPlan, LocalStack, StackOptions};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{BUCKET, Director, injected, invocations_until, options, page, plan, put, s3};

fn announcing(folder: &TempDir) -> StackOptions {
    let notification = BucketNotification {
        bucket: BUCKET.to_owned(),
        prefix: "in/".to_owned(),
        suffix: String::new(),
        function: "loader".to_owned(),
    };
    StackOptions {
        bucket_notifications: vec![notification],
        ..options(folder)
    }
}

async fn killed_at(director: &Director, operation: &str, call: u64) -> (TempDir, LocalStack) {
    let folder = tempfile::tempdir().unwrap();
    let rule = format!(
        r#"{{"service":"lambda","operation":"{operation}","when":{{"call":{call}}},"fault":{{"kill":{{}}}}}}"#
    );
    let options = StackOptions {
        faults: plan(&rule),
        ..announcing(&folder)
    };
    let stack = LocalStack::start(options).await.unwrap();
    stack
        .start_functions(vec![director.function("loader")])
        .await
        .unwrap();
    (folder, stack)
}

fn was_killed(attempt: &Value) -> bool {
    let error = attempt["error"].as_str().unwrap_or_default();
    error.contains("Runtime.ExitError") && error.contains("signal: 9")
}

#[tokio::test]
async fn a_process_killed_at_its_start_is_replaced_and_the_event_is_not_lost() {
    let director = Director::new().await;
    let (_folder, stack) = killed_at(&director, "Start", 1).await;
    put(&s3(&stack), "in/a", b"x").await;
    director.next().await.tell("answer").await;
    let all = invocations_until(&stack, |all| all[0]["state"] == "succeeded").await;
    assert!(was_killed(&all[0]["attempts"][0]), "{all:?}");
    assert_eq!(injected(&stack, "kill"), 1);
}

#[tokio::test]
async fn a_process_is_killed_at_its_second_invocation() {
    let director = Director::new().await;
    let (_folder, stack) = killed_at(&director, "Invocation", 2).await;
    put(&s3(&stack), "in/a", b"x").await;
    director.next().await.tell("answer").await;
    invocations_until(&stack, |all| all[0]["state"] == "succeeded").await;
    put(&s3(&stack), "in/b", b"x").await;
    director.next().await.tell("answer").await;
    let all = invocations_until(&stack, |all| all.len() == 2 && all[1]["state"] == "succeeded").await;
    assert!(was_killed(&all[1]["attempts"][0]), "{all:?}");
}

/// A database with the table that the walk of the test function adds a row to.
async fn database(folder: &TempDir) -> (Cluster, tokio_postgres::Client) {
    let options = ClusterOptions {
        durability: Durability::ThrowAway,
        listen_port: Some(0),
        ..ClusterOptions::at(folder.path().join("postgresql"))
    };
    let cluster = tokio::task::spawn_blocking(|| Cluster::start(options).unwrap())
        .await
        .unwrap();
    let client = cluster.connect("postgres").await.unwrap();
    client
        .batch_execute("CREATE TABLE walked (request_id text)")
        .await
        .unwrap();
    (cluster, client)
}

fn secret(cluster: &Cluster) -> (String, String) {
    let user = cluster.config("postgres").get_user().unwrap().to_owned();
    let login = json!({
        "host": "127.0.0.1", "port": cluster.port(), "username": user, "password": cluster.password(), "dbname": "postgres",
    });
    ("database".to_owned(), login.to_string())
}

/// A folder in a place that PostgreSQL's own user may enter when root starts it.
fn open_folder() -> TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

async fn rows(client: &tokio_postgres::Client) -> i64 {
    let row = client
        .query_one("SELECT count(*) FROM walked", &[])
        .await
        .unwrap();
    row.get(0)
}

const WALK: [&str; 7] = [
    "s3 PutObject",
    "secretsmanager GetSecretValue",
    "postgres Startup",
    "postgres Password",
    "postgres Password",
    "postgres Query",
    "s3 PutObject",
];

#[tokio::test]
async fn with_cold_starts_every_invocation_has_a_process_of_its_own() {
    let (director, folder) = (Director::new().await, tempfile::tempdir().unwrap());
    let stack = LocalStack::start(announcing(&folder)).await.unwrap();
    stack
        .start_functions(vec![director.function("loader")])
        .await
        .unwrap();
    let mut processes = Vec::new();
    for (key, plan) in [
        ("in/a", "{}"),
        ("in/b", "{}"),
        ("in/c", r#"{"cold_starts":true}"#),
        ("in/d", r#"{"cold_starts":true}"#),
    ] {
        stack.set_faults(FaultPlan::from_json(plan).unwrap()).unwrap();
        put(&s3(&stack), key, b"x").await;
        let asked = director.next().await;
        processes.push(asked.report["pid"].as_u64().unwrap());
        asked.tell("answer").await;
        let count = processes.len();
        invocations_until(&stack, |all| {
            all.len() == count && all[count - 1]["state"] == "succeeded"
        })
        .await;
    }
    assert_eq!(processes[0], processes[1]);
    assert_ne!(processes[1], processes[2]);
    assert_ne!(processes[2], processes[3]);
}

#[tokio::test]
async fn a_function_dies_at_every_outgoing_call_in_turn_before_and_after_its_effect() {
    let (director, folder) = (Director::new().await, open_folder());
    let (cluster, client) = database(&folder).await;
    let stack_folder = tempfile::tempdir().unwrap();
    let stack = LocalStack::start(StackOptions {
        secrets: vec![secret(&cluster)],
        proxied_secrets: vec!["database".to_owned()],
        ..announcing(&stack_folder)
    })
    .await
    .unwrap();
    stack
        .start_functions(vec![director.function("loader")])
        .await
        .unwrap();

    // Run once to count.
    put(&s3(&stack), "in/counted", b"x").await;
    director.next().await.tell("walk").await;
    invocations_until(&stack, |all| all[0]["state"] == "succeeded").await;
    let counted = page(&stack, "/_local/faults").await["invocations"][0].clone();
    assert_eq!(counted["calls"], json!(WALK));
    assert_eq!(rows(&client).await, 1);

    // Then once for each call.
    let (mut files, mut expected) = (1, 1);
    for moment in ["before_effect", "after_effect"] {
        for call in 1..=WALK.len() {
            let rule = format!(
                r#"{{"service":"lambda","operation":"OutgoingCall","when":{{"call":{call}}},"times":1,
                     "fault":{{"kill":{{"moment":"{moment}"}}}}}}"#
            );
            stack.set_faults(plan(&rule)).unwrap();
            put(&s3(&stack), &format!("in/{moment}-{call}"), b"x").await;
            let doomed = director.next().await;
            doomed.tell("walk").await;
            director.next().await.tell("walk").await;
            files += 1;
            let all = invocations_until(&stack, |all| {
                all.len() == files && all[files - 1]["state"] == "succeeded"
            })
            .await;
            let attempts = all[files - 1]["attempts"].as_array().unwrap();
            assert!(
                attempts.len() == 2 && was_killed(&attempts[0]),
                "{moment} {call}: {attempts:?}"
            );
            let had_effect = call > 6 || (call == 6 && moment == "after_effect");
            expected += 1 + i64::from(had_effect);
            assert_eq!(rows(&client).await, expected, "{moment} {call}");
            let report = stack.faults_report();
            assert_eq!(report["invocations"][0]["outgoingCalls"], call);
            assert_eq!(report["invocations"][1]["calls"], json!(WALK));
        }
    }
    assert_eq!(injected(&stack, "kill"), 14);
    stack.stop().await;
}
