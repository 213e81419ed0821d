//! What a kill leaves behind.

use std::time::Duration;

use serde_json::json;

use crate::support::World;

#[tokio::test]
async fn an_interrupted_statement_runs_again_under_its_id_and_a_finished_one_does_not() {
    let mut world = World::durable().await;
    world.run("create table t (a int)").await;
    world.run("create table gate (a int)").await;
    let done = world.run("insert into t values (1)").await["Id"].clone();
    // It waits for the gate, which another connection holds, so it runs when the server is killed.
    let holder = world.cluster.as_ref().unwrap().connect("dev").await.unwrap();
    holder.batch_execute("BEGIN; LOCK gate").await.unwrap();
    let request = json!({ "Sqls": ["insert into t values (2)", "lock gate", "insert into t values (3)"], "WithEvent": true });
    let id = world.call("BatchExecuteStatement", request).await.unwrap()["Id"].clone();
    let is_waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
    while holder.query_one(is_waiting, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        tokio::task::yield_now().await;
    }
    world.crash_and_restart().await;
    let described = world.end_of(id.as_str().unwrap()).await;
    assert_eq!(described["Status"], "FINISHED", "{described}");
    assert_eq!(world.end_of(done.as_str().unwrap()).await["Status"], "FINISHED");
    assert_eq!(world.rows("select a from t order by a").await, ["1", "2", "3"]);
    let event = tokio::time::timeout(Duration::from_secs(30), world.events.recv())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(event.statement_id.to_string(), id.as_str().unwrap());
}

#[tokio::test]
async fn a_statement_whose_truncate_was_committed_is_not_run_twice() {
    let mut world = World::durable().await;
    for sql in [
        "create table t (a int)",
        "create table u (a int)",
        "create table gate (a int)",
    ] {
        world.run(sql).await;
    }
    let holder = world.cluster.as_ref().unwrap().connect("dev").await.unwrap();
    holder.batch_execute("BEGIN; LOCK gate").await.unwrap();
    let request = json!({ "Sqls": ["insert into t values (1)", "truncate u", "lock gate"] });
    let id = world.call("BatchExecuteStatement", request).await.unwrap()["Id"].clone();
    let is_waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
    while holder.query_one(is_waiting, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        tokio::task::yield_now().await;
    }
    world.crash_and_restart().await;
    let described = world.end_of(id.as_str().unwrap()).await;
    assert_eq!(described["Status"], "FAILED", "{described}");
    assert_eq!(world.rows("select count(*) from t").await, ["1"]);
}
