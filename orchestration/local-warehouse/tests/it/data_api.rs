//! The Data API: requests, states, answers.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::World;

#[tokio::test]
async fn a_statement_is_described_and_its_rows_are_typed() {
    let world = World::new().await;
    let described = world
        .run("select 1::bigint as a, 1.5::float8 as b, true as c, 'x' as d, null::int as e")
        .await;
    assert_eq!(described["ResultRows"], 1);
    assert_eq!(described["HasResultSet"], true);
    assert!(described["Duration"].as_i64().unwrap() > 0);
    assert!(described["RedshiftQueryId"].as_i64().unwrap() > 1000);
    let result = world
        .call("GetStatementResult", json!({ "Id": described["Id"] }))
        .await
        .unwrap();
    let expected = json!([[
        { "longValue": 1 }, { "doubleValue": 1.5 }, { "booleanValue": true }, { "stringValue": "x" }, { "isNull": true },
    ]]);
    assert_eq!(result["Records"], expected);
    assert_eq!(result["ColumnMetadata"][0]["typeName"], "int8");
    assert_eq!(result["TotalNumRows"], 1);
}

#[tokio::test]
async fn long_results_come_in_pages() {
    let world = World::new().await;
    let id = world.run("select * from generate_series(1, 2500)").await["Id"].clone();
    let mut seen = 0;
    let mut token = json!(null);
    loop {
        let page = world
            .call("GetStatementResult", json!({ "Id": id, "NextToken": token }))
            .await
            .unwrap();
        seen += page["Records"].as_array().unwrap().len();
        let Some(next) = page.get("NextToken") else { break };
        token = next.clone();
    }
    assert_eq!(seen, 2500);
}

#[tokio::test]
async fn a_batch_is_one_transaction_and_names_the_statement_that_failed() {
    let world = World::new().await;
    world.run("create table t (a int)").await;
    let batch = world
        .batch(&[
            "insert into t values (1)",
            "select 1 / (select count(*) - 1 from t)",
            "insert into t values (2)",
        ])
        .await;
    assert_eq!(batch["Status"], "FAILED");
    let states: Vec<&str> = batch["SubStatements"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sub| sub["Status"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["FINISHED", "FAILED", "ABORTED"]);
    assert_eq!(batch["SubStatements"][1]["Error"], "ERROR: division by zero");
    assert_eq!(batch["Error"], "Query #2 failed with ERROR: division by zero");
    assert_eq!(
        batch["SubStatements"][0]["Id"],
        format!("{}:1", batch["Id"].as_str().unwrap())
    );
    assert_eq!(world.rows("select count(*) from t").await, ["0"]);
}

#[tokio::test]
async fn truncate_commits_what_came_before_it() {
    let world = World::new().await;
    world.run("create table t (a int)").await;
    world.run("create table u (a int)").await;
    world.run("insert into u values (1)").await;
    let batch = world
        .batch(&["insert into t values (1)", "truncate u", "select 1 / 0"])
        .await;
    assert_eq!(batch["Status"], "FAILED");
    assert_eq!(
        world
            .rows("select (select count(*) from t), (select count(*) from u)")
            .await,
        ["1|0"]
    );
}

#[tokio::test]
async fn what_cannot_run_in_a_transaction_is_refused_there() {
    let world = World::new().await;
    world.run("create table t (a int)").await;
    world.run("vacuum full t").await;
    let batch = world.batch(&["vacuum t"]).await;
    assert!(
        batch["Error"]
            .as_str()
            .unwrap()
            .contains("VACUUM cannot run inside a transaction block"),
        "{batch}"
    );
    let batch = world.batch(&["alter table t append from u"]).await;
    assert!(
        batch["Error"]
            .as_str()
            .unwrap()
            .contains("ALTER TABLE APPEND cannot run"),
        "{batch}"
    );
}

#[tokio::test]
async fn one_client_token_is_one_statement_even_for_simultaneous_calls() {
    let world = World::new().await;
    world.run("create table t (a int)").await;
    let request = || json!({ "Sql": "insert into t values (1)", "ClientToken": "same" });
    let calls = (0..10).map(|_| world.call("ExecuteStatement", request()));
    let answers = futures_util::future::join_all(calls).await;
    let ids: std::collections::BTreeSet<String> = answers
        .into_iter()
        .map(|answer| answer.unwrap()["Id"].to_string())
        .collect();
    assert_eq!(ids.len(), 1);
    world.end_of(ids.first().unwrap().trim_matches('"')).await;
    assert_eq!(world.rows("select count(*) from t").await, ["1"]);
}

#[tokio::test]
async fn requests_are_checked_as_the_service_model_says() {
    let world = World::new().await;
    let handle = |operation: &'static str, body| world.warehouse.handle(operation, body);
    let execute = |body| handle("ExecuteStatement", body);
    for (body, code, part) in [
        (
            json!({ "Sql": "select 1", "Database": "dev" }),
            "ValidationException",
            "ClusterIdentifier",
        ),
        (
            json!({ "Sql": "select 1", "Database": "dev", "ClusterIdentifier": "local", "WorkgroupName": "group" }),
            "ValidationException",
            "together",
        ),
        (
            json!({ "Sql": "select 1", "Database": "dev", "ClusterIdentifier": "other" }),
            "ValidationException",
            "Redshift endpoint doesn't exist in this region",
        ),
        (
            json!({ "Sql": "select 1", "ClusterIdentifier": "local" }),
            "ValidationException",
            "Database",
        ),
        (
            json!({ "ClusterIdentifier": "local", "Database": "dev" }),
            "ValidationException",
            "Sql",
        ),
        (
            json!({ "Sql": "select 1; select 2", "ClusterIdentifier": "local", "Database": "dev" }),
            "ValidationException",
            "one SQL statement",
        ),
        (
            json!({ "Sql": "select 1", "ClusterIdentifier": "local", "Database": "nowhere" }),
            "ValidationException",
            "does not exist",
        ),
    ] {
        let error = execute(body.clone()).await.unwrap_err();
        assert_eq!(error.code, code, "{body}");
        assert!(error.message.contains(part), "{body}: {}", error.message);
    }
    let unknown = json!({ "Id": "00000000-0000-0000-0000-000000000000" });
    assert_eq!(
        handle("DescribeStatement", unknown).await.unwrap_err().code,
        "ResourceNotFoundException"
    );
    assert_eq!(
        handle("Frobnicate", json!({})).await.unwrap_err().code,
        "UnknownOperationException"
    );
    let sqls: Vec<&str> = vec!["select 1"; 41];
    let batch = json!({ "Sqls": sqls, "ClusterIdentifier": "local", "Database": "dev" });
    assert_eq!(
        handle("BatchExecuteStatement", batch).await.unwrap_err().code,
        "ValidationException"
    );
    let serverless =
        json!({ "Sql": "select 1", "WorkgroupName": "group", "Database": "dev", "WaitTimeSeconds": 30 });
    assert_eq!(execute(serverless).await.unwrap()["Status"], "FINISHED");
}

/// No text of a database has a NUL, so it is the caller's fault and none of the service.
#[tokio::test]
async fn a_nul_anywhere_in_a_request_is_refused() {
    let world = World::new().await;
    for (operation, fields) in [
        ("ExecuteStatement", json!({ "Sql": "select 'a\0b'" })),
        (
            "ExecuteStatement",
            json!({ "Sql": "select 1", "StatementName": "a\0b" }),
        ),
        (
            "ExecuteStatement",
            json!({ "Sql": "select 1", "ClientToken": "a\0b" }),
        ),
        ("ExecuteStatement", json!({ "Sql": "select 1", "DbUser": "a\0b" })),
        (
            "ExecuteStatement",
            json!({ "Sql": "select :p", "Parameters": [{ "name": "p", "value": "a\0b" }] }),
        ),
        (
            "BatchExecuteStatement",
            json!({ "Sqls": ["select 1", "select '\0'"] }),
        ),
        ("ListTables", json!({ "TablePattern": "a\0b" })),
        ("DescribeTable", json!({ "Table": "a\0b" })),
        ("ListStatements", json!({ "StatementName": "a\0b" })),
    ] {
        let error = world.call(operation, fields.clone()).await.unwrap_err();
        assert_eq!(error.code, "ValidationException", "{operation} {fields}: {error}");
        assert!(error.message.contains("NUL"), "{operation} {fields}: {error}");
    }
}

#[tokio::test]
async fn statements_are_listed_by_name_prefix_and_status() {
    let world = World::new().await;
    for (name, sql) in [
        ("load/1", "select 1"),
        ("load/2", "select 1 / 0"),
        ("other", "select 1"),
    ] {
        let request = json!({ "Sql": sql, "StatementName": name, "WaitTimeSeconds": 30 });
        world.call("ExecuteStatement", request).await.unwrap();
    }
    let names = async |request| {
        let answer = world.call("ListStatements", request).await.unwrap();
        let statements = answer["Statements"].as_array().unwrap().clone();
        statements
            .iter()
            .map(|entry| entry["StatementName"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(json!({ "StatementName": "load/" })).await, ["load/1"]);
    assert_eq!(
        names(json!({ "StatementName": "load/", "Status": "ALL" })).await,
        ["load/2", "load/1"]
    );
    assert_eq!(names(json!({ "Status": "FAILED" })).await, ["load/2"]);
    let of = async |place: Value| {
        let mut request = json!({ "Status": "ALL" });
        for (name, value) in place.as_object().unwrap() {
            request[name] = value.clone();
        }
        let answer = world.warehouse.handle("ListStatements", request).await;
        answer.map(|answer| answer["Statements"].as_array().unwrap().len())
    };
    for (place, count) in [
        (json!({ "ClusterIdentifier": "local" }), 3),
        (json!({ "WorkgroupName": "group" }), 3),
        (json!({ "Database": "dev" }), 3),
        (json!({ "ClusterIdentifier": "local", "Database": "other" }), 0),
        (json!({ "RoleLevel": true }), 3),
        (json!({ "MaxResults": 2 }), 2),
    ] {
        assert_eq!(of(place.clone()).await.unwrap(), count, "{place}");
    }
    let error = of(json!({ "ClusterIdentifier": "nowhere" })).await.unwrap_err();
    assert_eq!(error.code, "ValidationException", "{error}");
}

#[tokio::test]
async fn a_statement_is_kept_for_a_day() {
    let world = World::new().await;
    let id = world.run("select 1").await["Id"].clone();
    let client = world.cluster.as_ref().unwrap().connect("dev").await.unwrap();
    let age = "UPDATE longshore_local.outcome SET ended_at = ended_at - interval '24 hours'";
    assert_eq!(client.execute(age, &[]).await.unwrap(), 1);
    for operation in ["DescribeStatement", "GetStatementResult", "CancelStatement"] {
        let error = world.call(operation, json!({ "Id": id })).await.unwrap_err();
        assert_eq!(error.code, "ResourceNotFoundException", "{operation}");
    }
    let listed = world
        .call("ListStatements", json!({ "Status": "ALL" }))
        .await
        .unwrap();
    assert_eq!(listed["Statements"], json!([]));
    world.run("select 2").await;
    let kept = "SELECT count(*) FROM longshore_local.statement";
    assert_eq!(client.query_one(kept, &[]).await.unwrap().get::<_, i64>(0), 1);
}

#[tokio::test]
async fn a_database_is_left_alone_until_a_statement_asks_for_it() {
    let mut world = World::durable().await;
    let is_changed = "SELECT 'a ' = 'a' OR to_regnamespace('longshore_local') IS NOT NULL";
    let cluster = world.cluster.as_ref().unwrap();
    cluster.create_database_if_absent("rules").await.unwrap();
    world.run("select 1").await;
    world.crash_and_restart().await;
    let listed = world.call("ListStatements", json!({})).await.unwrap();
    assert_eq!(listed["Statements"].as_array().unwrap().len(), 1);
    for (database, expected) in [("rules", false), ("dev", true)] {
        let client = world.cluster.as_ref().unwrap().connect(database).await.unwrap();
        let row = client.query_one(is_changed, &[]).await.unwrap();
        assert_eq!(row.get::<_, bool>(0), expected, "{database}");
    }
}

/// <https://docs.aws.amazon.com/redshift/latest/mgmt/data-api-troubleshooting.html>
#[tokio::test]
async fn a_row_of_more_than_64_kb_is_not_returned() {
    let world = World::new().await;
    world.run("select repeat('x', 65535), 1").await;
    let error = world.error("select repeat('x', 65535), 12").await;
    assert!(
        error.starts_with("ERROR: Packet for query is too large"),
        "{error}"
    );
    world
        .run("create table wide as select repeat('x', 65535) as a, repeat('x', 65535) as b")
        .await;
}

#[tokio::test]
async fn a_running_statement_is_really_cancelled() {
    let world = World::new().await;
    world.run("create table t (a int)").await;
    let id = world.submit("insert into t select 1 from pg_sleep(600)").await;
    while world
        .call("DescribeStatement", json!({ "Id": id }))
        .await
        .unwrap()["Status"]
        != "STARTED"
    {
        tokio::task::yield_now().await;
    }
    let answer = world.call("CancelStatement", json!({ "Id": id })).await.unwrap();
    assert_eq!(answer["Status"], true);
    assert_eq!(world.end_of(&id).await["Status"], "ABORTED");
    // The lock is free again at once.
    world.run("truncate t").await;
    let finished = world.submit("select 1").await;
    world.end_of(&finished).await;
    let error = world
        .call("CancelStatement", json!({ "Id": finished }))
        .await
        .unwrap_err();
    assert_eq!(
        error.message,
        "Could not cancel a query that is already in FINISHED state"
    );
}

#[tokio::test]
async fn the_end_of_a_statement_is_an_event_if_it_was_asked_for() {
    let mut world = World::new().await;
    world.run("select 'silent'").await;
    let request = json!({ "Sqls": ["select 1 / 0"], "WithEvent": true, "StatementName": "load/1" });
    let id = world.call("BatchExecuteStatement", request).await.unwrap()["Id"].clone();
    let event = tokio::time::timeout(Duration::from_secs(30), world.events.recv())
        .await
        .unwrap()
        .unwrap();
    let envelope = event.to_json();
    assert_eq!(envelope["detail"]["statementId"], id);
    assert_eq!(envelope["detail"]["state"], "FAILED");
    assert_eq!(envelope["detail"]["statementName"], "load/1");
    assert_eq!(
        envelope["resources"][0],
        "arn:aws:redshift:us-east-1:123456789012:cluster:local"
    );
    assert_eq!(world.end_of(id.as_str().unwrap()).await["Status"], "FAILED");
}

#[tokio::test]
async fn parameters_are_values_and_nothing_else() {
    let world = World::new().await;
    let parameters = json!([{ "name": "a", "value": "it's; drop" }, { "name": "n", "value": "3" }]);
    let request =
        json!({ "Sql": "select :a as a, :n::int + 1 as n", "Parameters": parameters, "WaitTimeSeconds": 30 });
    let id = world.call("ExecuteStatement", request).await.unwrap()["Id"].clone();
    let result = world
        .call("GetStatementResult", json!({ "Id": id }))
        .await
        .unwrap();
    assert_eq!(
        result["Records"],
        json!([[{ "stringValue": "it's; drop" }, { "longValue": 4 }]])
    );
}

#[tokio::test]
async fn the_catalogue_is_listed_without_what_is_ours() {
    let world = World::new().await;
    world.run("create schema s").await;
    world
        .run("create table s.t (a varchar(10) not null, b int default 7)")
        .await;
    let databases = world.call("ListDatabases", json!({})).await.unwrap();
    assert_eq!(databases["Databases"], json!(["dev"]));
    let schemas = world.call("ListSchemas", json!({})).await.unwrap();
    assert!(!schemas["Schemas"].to_string().contains("longshore_local"));
    let tables = world
        .call("ListTables", json!({ "SchemaPattern": "s" }))
        .await
        .unwrap();
    assert_eq!(
        tables["Tables"],
        json!([{ "name": "t", "schema": "s", "type": "TABLE" }])
    );
    let table = world
        .call("DescribeTable", json!({ "Schema": "s", "Table": "t" }))
        .await
        .unwrap();
    assert_eq!(table["ColumnList"][0]["length"], 10);
    assert_eq!(table["ColumnList"][1]["columnDefault"], "7");
    world
        .run("create table s.u (a super, b varbyte(4), c decimal(9, 2))")
        .await;
    let described = world
        .call("DescribeTable", json!({ "Schema": "s", "Table": "u" }))
        .await
        .unwrap();
    let columns = described["ColumnList"].as_array().unwrap();
    let types: Vec<&Value> = columns.iter().map(|column| &column["typeName"]).collect();
    assert_eq!(types, ["super", "varbyte", "numeric"]);
    assert_eq!(
        (&columns[2]["precision"], &columns[2]["scale"]),
        (&json!(9), &json!(2))
    );
    let names = async |request: Value| {
        let answer = world.call("ListTables", request).await.unwrap();
        let tables = answer["Tables"].as_array().unwrap().clone();
        let names: Vec<String> = tables
            .iter()
            .map(|table| table["name"].as_str().unwrap().to_owned())
            .collect();
        (names, answer["NextToken"].clone())
    };
    let like = json!({ "SchemaPattern": "s%", "TablePattern": "u" });
    assert_eq!(names(like).await.0, ["u"]);
    let (first, token) = names(json!({ "SchemaPattern": "s", "MaxResults": 1 })).await;
    assert_eq!(first, ["t"]);
    let second = json!({ "SchemaPattern": "s", "MaxResults": 1, "NextToken": token });
    assert_eq!(names(second).await, (vec!["u".to_owned()], Value::Null));
}
