//! Sessions, batches that commit by statement, results as CSV, isolation, and what the system views tell.

use longshore_local_warehouse::Isolation;
use serde_json::{Value, json};

use crate::support::World;

impl World {
    async fn ask(&self, operation: &str, fields: Value) -> Value {
        let answer = self.call(operation, fields).await.unwrap();
        self.end_of(answer["Id"].as_str().unwrap()).await
    }
}

#[tokio::test]
async fn a_session_keeps_its_temporary_tables_for_the_statements_after() {
    let world = World::new().await;
    let first = world
        .ask(
            "ExecuteStatement",
            json!({ "Sql": "create temp table t as select 7 as a", "SessionKeepAliveSeconds": 60 }),
        )
        .await;
    assert_eq!(first["Status"], "FINISHED", "{first}");
    let session = first["SessionId"].clone();
    // A session knows its database.
    let request = json!({ "Sql": "select a from t", "SessionId": session, "WaitTimeSeconds": 30 });
    let second = world.warehouse.handle("ExecuteStatement", request).await.unwrap();
    assert_eq!(second["Status"], "FINISHED", "{second}");
    assert_eq!(second["SessionId"], session);
    let outside = world.execute("select a from t").await;
    assert!(outside["Error"].as_str().unwrap().contains("does not exist"));
    let failed = world
        .ask(
            "ExecuteStatement",
            json!({ "Sql": "select 1 / 0", "SessionId": session }),
        )
        .await;
    assert_eq!(failed["Status"], "FAILED");
    let last = json!({ "Sqls": ["select a from t"], "SessionId": session, "SessionKeepAliveSeconds": 0 });
    assert_eq!(
        world.ask("BatchExecuteStatement", last).await["Status"],
        "FINISHED"
    );
    let over = world
        .call(
            "ExecuteStatement",
            json!({ "Sql": "select 1", "SessionId": session }),
        )
        .await
        .unwrap_err();
    assert_eq!(over.code, "ValidationException");
    assert!(over.message.contains("is not available"), "{}", over.message);
}

/// A request that is refused for another of its fields.
#[tokio::test]
async fn a_refused_call_leaves_its_session_free() {
    let world = World::new().await;
    let opened = world
        .ask(
            "ExecuteStatement",
            json!({ "Sql": "select 1", "SessionKeepAliveSeconds": 60 }),
        )
        .await;
    let session = &opened["SessionId"];
    for (field, value) in [("WithEvent", json!("yes")), ("StatementName", json!(1))] {
        let mut request = json!({ "Sql": "select 1", "SessionId": session });
        request[field] = value;
        let error = world.call("ExecuteStatement", request).await.unwrap_err();
        assert_eq!(error.code, "SerializationException");
    }
    let next = world
        .ask(
            "ExecuteStatement",
            json!({ "Sql": "select 1", "SessionId": session }),
        )
        .await;
    assert_eq!(next["Status"], "FINISHED");
}

#[tokio::test]
async fn nothing_queues_in_a_session() {
    let world = World::new().await;
    world.run("create table gate (a int)").await;
    let holder = world.cluster.as_ref().unwrap().connect("dev").await.unwrap();
    holder.batch_execute("BEGIN; LOCK gate").await.unwrap();
    let first = world
        .call(
            "ExecuteStatement",
            json!({ "Sql": "lock gate", "SessionKeepAliveSeconds": 60 }),
        )
        .await
        .unwrap();
    let busy = world
        .call(
            "ExecuteStatement",
            json!({ "Sql": "select 1", "SessionId": first["SessionId"] }),
        )
        .await
        .unwrap_err();
    assert!(busy.message.contains("is busy"), "{}", busy.message);
    holder.batch_execute("COMMIT").await.unwrap();
    assert_eq!(
        world.end_of(first["Id"].as_str().unwrap()).await["Status"],
        "FINISHED"
    );
}

#[tokio::test]
async fn sessions_are_listed_by_status_and_by_id() {
    let world = World::new().await;
    world.run("create table gate (a int)").await;
    let holder = world.cluster.as_ref().unwrap().connect("dev").await.unwrap();
    holder.batch_execute("BEGIN; LOCK gate").await.unwrap();
    let open = async |sql: &str, seconds: i64| {
        let request = json!({ "Sql": sql, "SessionKeepAliveSeconds": seconds });
        world.call("ExecuteStatement", request).await.unwrap()
    };
    let busy = open("lock gate", 60).await;
    let (available, closed) = (open("select 1", 60).await, open("select 1", 0).await);
    for answer in [&available, &closed] {
        world.end_of(answer["Id"].as_str().unwrap()).await;
    }
    let listed = async |fields: Value| {
        let answer = world.call("ListSessions", fields).await.unwrap();
        answer["Sessions"].as_array().unwrap().clone()
    };
    let ids = |sessions: &[&Value]| {
        let mut ids: Vec<String> = sessions
            .iter()
            .map(|session| session["SessionId"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    };
    let open_ones = listed(json!({})).await;
    assert_eq!(
        ids(&open_ones.iter().collect::<Vec<_>>()),
        ids(&[&busy, &available])
    );
    let closed_ones = listed(json!({ "Status": "CLOSED" })).await;
    assert_eq!(ids(&closed_ones.iter().collect::<Vec<_>>()), ids(&[&closed]));
    let one = listed(json!({ "SessionId": busy["SessionId"] })).await;
    assert_eq!(one[0]["Status"], "BUSY");
    assert_eq!(one[0]["CurrentStatementId"], busy["Id"]);
    assert_eq!(one[0]["SessionAliveSeconds"], 60);
    assert_eq!(one[0]["Database"], "dev");
    assert_eq!(one[0]["ClusterIdentifier"], "local");
    let free = listed(json!({ "SessionId": available["SessionId"] })).await;
    assert_eq!(free[0]["Status"], "AVAILABLE");
    assert!(free[0].get("CurrentStatementId").is_none());
    assert_eq!(listed(json!({ "Database": "other" })).await.len(), 0);
    let first = world
        .call("ListSessions", json!({ "MaxResults": 1 }))
        .await
        .unwrap();
    let rest = listed(json!({ "MaxResults": 1, "NextToken": first["NextToken"] })).await;
    assert_eq!(ids(&[&first["Sessions"][0], &rest[0]]), ids(&[&busy, &available]));
    for (fields, code) in [
        (
            json!({ "SessionId": busy["SessionId"], "Database": "dev" }),
            "ValidationException",
        ),
        (json!({ "Status": "ASLEEP" }), "ValidationException"),
        (
            json!({ "SessionId": "0197a3c2-0000-4000-8000-000000000000" }),
            "ResourceNotFoundException",
        ),
    ] {
        assert_eq!(world.call("ListSessions", fields).await.unwrap_err().code, code);
    }
    holder.batch_execute("COMMIT").await.unwrap();
}

#[tokio::test]
async fn auto_commit_keeps_what_succeeds_and_goes_on() {
    let world = World::new().await;
    world.run("create table t (a int)").await;
    let sqls = [
        "insert into t values (1)",
        "select 1 / 0",
        "insert into t values (2)",
        "vacuum t",
    ];
    let batch = world
        .ask(
            "BatchExecuteStatement",
            json!({ "Sqls": sqls, "ExecutionMode": "AUTO_COMMIT" }),
        )
        .await;
    assert_eq!(batch["Status"], "FAILED");
    assert_eq!(batch["ExecutionMode"], "AUTO_COMMIT");
    let parts = batch["SubStatements"].as_array().unwrap();
    let states: Vec<&str> = parts
        .iter()
        .map(|part| part["Status"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["FINISHED", "FAILED", "FINISHED", "FINISHED"], "{batch}");
    assert_eq!(world.rows("select a from t order by a").await, ["1", "2"]);
    let unknown = json!({ "Sqls": ["select 1"], "ExecutionMode": "SOMETIMES" });
    assert_eq!(
        world
            .call("BatchExecuteStatement", unknown)
            .await
            .unwrap_err()
            .code,
        "ValidationException"
    );
}

#[tokio::test]
async fn a_result_is_csv_for_who_asked_for_it() {
    let world = World::new().await;
    let request =
        json!({ "Sql": "select 1 as a, 'x,\"y\"' as b, null::int as c, '' as d", "ResultFormat": "CSV" });
    let described = world.ask("ExecuteStatement", request).await;
    assert_eq!(described["ResultFormat"], "CSV");
    let id = json!({ "Id": described["Id"] });
    let result = world
        .warehouse
        .handle("GetStatementResultV2", id.clone())
        .await
        .unwrap();
    assert_eq!(
        result["Records"],
        json!([{ "CSVRecords": "a,b,c,d\r\n1,\"x,\"\"y\"\"\",,\"\"\r\n" }])
    );
    assert_eq!(
        world
            .warehouse
            .handle("GetStatementResult", id)
            .await
            .unwrap_err()
            .code,
        "ValidationException"
    );
    let json_id = json!({ "Id": world.run("select 1").await["Id"] });
    assert_eq!(
        world
            .warehouse
            .handle("GetStatementResultV2", json_id)
            .await
            .unwrap_err()
            .code,
        "ValidationException"
    );
}

#[tokio::test]
async fn parameters_may_be_spread_over_a_batch() {
    let world = World::new().await;
    world.run("create table t (a int)").await;
    let parameters = json!([{ "name": "a", "value": "1" }, { "name": "b", "value": "2" }]);
    let sqls = ["insert into t values (:a::int)", "insert into t values (:b::int)"];
    let batch = world
        .ask(
            "BatchExecuteStatement",
            json!({ "Sqls": sqls, "Parameters": parameters }),
        )
        .await;
    assert_eq!(batch["Status"], "FINISHED", "{batch}");
    for (sql, part) in [
        ("select :a", "unused parameters. Unused parameters: [b]"),
        ("select :a, :b, :c", "Cannot find parameter: c"),
    ] {
        let request = json!({ "Sql": sql, "Parameters": parameters });
        let error = world.call("ExecuteStatement", request).await.unwrap_err();
        assert_eq!(error.code, "ValidationException");
        assert!(error.message.contains(part), "{}", error.message);
    }
}

#[tokio::test]
async fn serializable_transactions_that_cross_fail_with_1023() {
    for (isolation, finished) in [(Isolation::Serializable, 1), (Isolation::Snapshot, 2)] {
        let world = World::isolated(isolation).await;
        for table in ["one", "two"] {
            world.run(&format!("create table {table} (a int)")).await;
        }
        // Each reads what the other writes, and both have read before one writes: the gate sees to that.
        world.run("create table gate (a int)").await;
        let holder = world.cluster.as_ref().unwrap().connect("dev").await.unwrap();
        holder.batch_execute("BEGIN; LOCK gate").await.unwrap();
        let crossing = |from: &str, to: &str| {
            let sqls = [
                format!("select count(*) from {from}"),
                "lock gate in share mode".to_owned(),
                format!("insert into {to} select count(*) from {from}"),
            ];
            json!({ "Sqls": sqls })
        };
        let mut ids = Vec::new();
        for (from, to) in [("one", "two"), ("two", "one")] {
            let answer = world
                .call("BatchExecuteStatement", crossing(from, to))
                .await
                .unwrap();
            ids.push(answer["Id"].as_str().unwrap().to_owned());
        }
        let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
        while holder.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) < 2 {
            tokio::task::yield_now().await;
        }
        holder.batch_execute("COMMIT").await.unwrap();
        let ends = [world.end_of(&ids[0]).await, world.end_of(&ids[1]).await];
        let count = ends.iter().filter(|end| end["Status"] == "FINISHED").count();
        assert_eq!(count, finished, "{isolation:?}: {ends:?}");
        for end in ends.iter().filter(|end| end["Status"] == "FAILED") {
            let error = end["Error"].as_str().unwrap();
            assert!(error.contains("1023"), "{error}");
            assert!(
                error.contains("Serializable isolation violation on table"),
                "{error}"
            );
        }
    }
}

#[tokio::test]
async fn two_writers_of_one_row_fail_with_1023_and_the_table() {
    let world = World::new().await;
    world.run("create table core (a int)").await;
    world.run("insert into core values (1)").await;
    let other = world.cluster.as_ref().unwrap().connect("dev").await.unwrap();
    other.batch_execute("BEGIN; UPDATE core SET a = 2").await.unwrap();
    let id = world.submit("update core set a = 3").await;
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
    while other.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        tokio::task::yield_now().await;
    }
    other.batch_execute("COMMIT").await.unwrap();
    assert_eq!(
        world.end_of(&id).await["Error"],
        "ERROR: 1023\n  Detail: Serializable isolation violation on table - core"
    );
}

#[tokio::test]
async fn rows_are_appended_from_another_table() {
    let world = World::new().await;
    world
        .run("create table t (a int, b varchar(5) default 'x')")
        .await;
    world.run("create table s (a int, c int)").await;
    world.run("insert into s values (1, 2), (3, 4)").await;
    for (sql, part) in [
        ("alter table t append from s", "use IGNOREEXTRA"),
        ("alter table t append from s ignoreextra", "use FILLTARGET"),
        ("alter table t append from nowhere", "is no permanent table"),
    ] {
        assert!(world.error(sql).await.contains(part), "{sql}");
    }
    world.run("alter table s drop column c").await;
    assert_eq!(
        world.run("alter table t append from s filltarget").await["Status"],
        "FINISHED"
    );
    assert_eq!(
        world
            .rows("select a, b, (select count(*) from s) from t order by a")
            .await,
        ["1|x|0", "3|x|0"]
    );
}

#[tokio::test]
async fn a_procedure_may_commit_where_no_batch_holds_it() {
    let world = World::new().await;
    world.run("create table t (a int)").await;
    world
        .run("create procedure p() as $$ begin insert into t values (1); commit; insert into t values (1 / 0); end $$ language plpgsql")
        .await;
    assert!(world.error("call p()").await.contains("division by zero"));
    assert_eq!(world.rows("select a from t").await, ["1"]);
    let batch = world.batch(&["call p()"]).await;
    assert!(
        batch["Error"]
            .as_str()
            .unwrap()
            .contains("invalid transaction termination"),
        "{batch}"
    );
    assert_eq!(world.rows("select a from t").await, ["1"]);
}

#[tokio::test]
async fn the_system_views_tell_of_statements_tables_and_columns() {
    let world = World::new().await;
    world
        .run("create table t (a int not null, b varchar(10), c super)")
        .await;
    world.put("k", "1|x|{}\n");
    let copied = world.copy("t", "k", "").await;
    world.error("select 1 / 0").await;
    let query = format!(
        "select trim(query_type), trim(status), returned_rows, position('arn:' in query_text) from sys_query_history where query_id = {}",
        copied["RedshiftQueryId"]
    );
    assert_eq!(world.rows(&query).await, ["COPY|success|1|0"]);
    let failed =
        "select trim(query_type), trim(error_message) from sys_query_history where status = 'failed'";
    assert_eq!(world.rows(failed).await, ["SELECT|ERROR: division by zero"]);
    let tables = "select table_type from svv_tables where table_schema = 'public' and table_name = 't'";
    assert_eq!(world.rows(tables).await, ["BASE TABLE"]);
    let columns = "select column_name, data_type, character_maximum_length, is_nullable from svv_columns where table_name = 't' order by ordinal_position";
    assert_eq!(
        world.rows(columns).await,
        ["a|integer|-|NO", "b|character varying|10|YES", "c|super|-|YES"]
    );
    let definition = "select \"column\", type, \"notnull\" from pg_table_def where tablename = 't'";
    assert_eq!(
        world.rows(definition).await,
        ["a|integer|true", "b|character varying(10)|false", "c|super|false"]
    );
}

#[tokio::test]
async fn dynamic_sql_speaks_redshift_too() {
    let world = World::new().await;
    world.run("create table t (a int, b varchar(20))").await;
    world.run("insert into t values (1, 'x'), (2, 'y')").await;
    world
        .run(
            r"create procedure p() as $$
              declare v varchar(100);
              begin
                  execute 'select listagg(b, '','') within group (order by a desc) from t' into v;
                  insert into t values (10, v);
                  execute 'select decode(max(a), 1, ''one'', 10, ''ten'', ''many'') from t' into v;
                  insert into t values (11, v);
                  execute 'select try_cast(''x'' as int)' into v;
                  insert into t values (12, v);
                  execute 'select top 1 b from t order by a' into v;
                  insert into t values (13, v);
              end $$ language plpgsql",
        )
        .await;
    world.run("call p()").await;
    assert_eq!(
        world.rows("select b from t where a >= 10 order by a").await,
        ["y,x", "ten", "-", "x"]
    );
    assert_eq!(world.rows("select top 2 a from t order by a").await, ["1", "2"]);
}
