//! The limits of the Data API, with their real numbers, and the exceptions that tell of them.
//!
//! <https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html>

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::support::World;

/// Statements that lock `gate` wait until this connection commits.
async fn shut_gate(world: &World) -> Client {
    world.run("create table gate (a int)").await;
    let holder = world.cluster.as_ref().unwrap().connect("dev").await.unwrap();
    holder.batch_execute("BEGIN; LOCK gate").await.unwrap();
    holder
}

async fn refusal(world: &World, operation: &str, request: Value) -> (&'static str, String) {
    let error = world.call(operation, request).await.unwrap_err();
    assert_eq!(error.status, 400);
    (error.code, error.message)
}

#[tokio::test]
async fn a_cluster_has_500_active_statements_and_500_sessions_at_most() {
    let world = World::new().await;
    let holder = shut_gate(&world).await;
    let in_session = |sql: &str, seconds: i64| json!({ "Sql": sql, "SessionKeepAliveSeconds": seconds });
    let idle = world
        .call("ExecuteStatement", in_session("select 1", 600))
        .await
        .unwrap();
    world.end_of(idle["Id"].as_str().unwrap()).await;
    let calls = (0..499).map(|_| world.call("ExecuteStatement", in_session("lock gate", 0)));
    let busy = join_all(calls).await;
    assert!(busy.iter().all(Result::is_ok));

    let (code, message) = refusal(&world, "ExecuteStatement", in_session("select 1", 60)).await;
    assert_eq!(code, "ActiveSessionsExceededException");
    assert_eq!(message, "Active sessions exceeded the allowed quota (500).");

    world.submit("select 1").await;
    for (operation, request) in [
        ("ExecuteStatement", json!({ "Sql": "select 1" })),
        ("BatchExecuteStatement", json!({ "Sqls": ["select 1"] })),
        (
            "ExecuteStatement",
            json!({ "Sql": "select 1", "SessionId": idle["SessionId"] }),
        ),
    ] {
        let (code, message) = refusal(&world, operation, request).await;
        assert_eq!(code, "ActiveStatementsExceededException");
        assert_eq!(message, "Active statements exceeded the allowed quota (500).");
    }

    holder.batch_execute("COMMIT").await.unwrap();
    let first = busy[0].as_ref().unwrap()["Id"].as_str().unwrap();
    assert_eq!(world.end_of(first).await["Status"], "FINISHED");
    world.run("select 1").await;
}

/// Calls that come at once are counted one after the other.
#[tokio::test]
async fn of_600_calls_at_once_500_are_accepted() {
    let world = World::new().await;
    let _holder = shut_gate(&world).await;
    let calls = (0..600).map(|_| world.call("ExecuteStatement", json!({ "Sql": "lock gate" })));
    let answers = join_all(calls).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 500);
}

#[tokio::test]
async fn for_one_statement_500_calls_wait_at_most() {
    let world = World::new().await;
    let holder = shut_gate(&world).await;
    let (one, other) = (world.submit("lock gate").await, world.submit("lock gate").await);
    let wait = |id: &str, seconds: i64| {
        world.call(
            "DescribeStatement",
            json!({ "Id": id, "WaitTimeSeconds": seconds }),
        )
    };
    let waiting = join_all((0..500).map(|_| wait(&one, 30)));
    let beside = async {
        for operation in ["DescribeStatement", "GetStatementResult"] {
            let request = json!({ "Id": one, "WaitTimeSeconds": 1 });
            let (code, message) = refusal(&world, operation, request).await;
            assert_eq!(code, "ActiveWaitingRequestsExceededException");
            assert_eq!(
                message,
                "Active waiting requests exceeded the allowed quota (500)."
            );
        }
        assert!(
            wait(&other, 1).await.is_ok(),
            "another statement has its own line"
        );
        let plain = world.call("DescribeStatement", json!({ "Id": one })).await;
        assert!(plain.is_ok(), "who does not wait needs no place");
        holder.batch_execute("COMMIT").await.unwrap();
    };
    // The five hundred are polled first, and each has its place then.
    let (described, ()) = futures_util::future::join(waiting, beside).await;
    assert!(
        described
            .iter()
            .all(|described| described.as_ref().unwrap()["Status"] == "FINISHED")
    );
}

#[tokio::test]
async fn a_text_has_100_kb_and_a_batch_40_texts_at_most() {
    let world = World::new().await;
    // A comment, for a row of a result has less.
    let text = |bytes: usize| format!("select 1 /*{}*/", "x".repeat(bytes - "select 1 /**/".len()));
    assert_eq!(text(100 * 1024).len(), 102_400);
    world.run(&text(102_400)).await;
    let long = text(102_401);
    for (operation, request, part) in [
        (
            "ExecuteStatement",
            json!({ "Sql": long }),
            "longer than 102400 bytes",
        ),
        (
            "BatchExecuteStatement",
            json!({ "Sqls": ["select 1", long] }),
            "longer than 102400 bytes",
        ),
        ("BatchExecuteStatement", json!({ "Sqls": [] }), "between 1 and 40"),
        (
            "BatchExecuteStatement",
            json!({ "Sqls": vec!["select 1"; 41] }),
            "between 1 and 40",
        ),
    ] {
        let (code, message) = refusal(&world, operation, request).await;
        assert_eq!(code, "ValidationException");
        assert!(message.contains(part), "{message}");
    }
    for count in [1, 40] {
        let batch = world.batch(&vec!["select 1"; count]).await;
        assert_eq!(batch["Status"], "FINISHED");
        assert_eq!(batch["SubStatements"].as_array().unwrap().len(), count);
    }
}

#[tokio::test]
async fn a_client_token_is_known_for_8_hours() {
    let world = World::new().await;
    let request = || json!({ "Sql": "select 1", "ClientToken": "same", "WaitTimeSeconds": 30 });
    let submit = async || world.call("ExecuteStatement", request()).await.unwrap()["Id"].clone();
    let first = submit().await;
    let client = world.cluster.as_ref().unwrap().connect("dev").await.unwrap();
    let age = async |interval: &str| {
        let sql =
            format!("UPDATE longshore_local.statement SET created_at = created_at - interval '{interval}'");
        client.batch_execute(&sql).await.unwrap();
    };
    age("7 hours 59 minutes").await;
    assert_eq!(submit().await, first);
    age("1 minute").await;
    assert_ne!(submit().await, first);
}

/// A call that repeats another one opens no session of its own.
#[tokio::test]
async fn a_repeated_call_leaves_no_session_behind() {
    let world = World::new().await;
    let request = json!({ "Sql": "select 1", "ClientToken": "same", "SessionKeepAliveSeconds": 600 });
    let first = world.call("ExecuteStatement", request.clone()).await.unwrap();
    let again = world.call("ExecuteStatement", request).await.unwrap();
    assert_eq!(first["SessionId"], again["SessionId"]);
    let listed = world.call("ListSessions", json!({})).await.unwrap();
    assert_eq!(listed["Sessions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn answers_say_where_a_statement_ran_and_as_whom() {
    let world = World::new().await;
    let secret = "arn:aws:secretsmanager:us-east-1:123456789012:secret:s";
    let on_cluster = json!({
        "ClusterIdentifier": "local", "Database": "dev", "DbUser": "loader", "SecretArn": secret,
    });
    let on_workgroup = json!({ "WorkgroupName": "group", "Database": "dev", "SecretArn": secret });
    for place in [on_cluster, on_workgroup] {
        let mut request = place.clone();
        request["Sql"] = json!("select 1");
        request["SessionKeepAliveSeconds"] = json!(60);
        request["WaitTimeSeconds"] = json!(30);
        let executed = world.warehouse.handle("ExecuteStatement", request).await.unwrap();
        // What runs in a session need not say where.
        let request = json!({
            "Sqls": ["select 2"], "SessionId": executed["SessionId"], "WaitTimeSeconds": 30,
        });
        let batch = world
            .warehouse
            .handle("BatchExecuteStatement", request)
            .await
            .unwrap();
        for answer in [executed, batch] {
            let id = json!({ "Id": answer["Id"] });
            let described = world.call("DescribeStatement", id).await.unwrap();
            for (name, value) in place.as_object().unwrap() {
                assert_eq!(&answer[name], value, "{answer}");
                assert_eq!(&described[name], value, "{described}");
            }
            assert_eq!(described["SessionId"], answer["SessionId"]);
        }
        let listed = world.call("ListStatements", json!({})).await.unwrap();
        for entry in listed["Statements"].as_array().unwrap() {
            assert_eq!(entry["SecretArn"], secret);
        }
    }
}
