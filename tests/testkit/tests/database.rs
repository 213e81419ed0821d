//! The kit itself on a real server.

use longshore_testkit::TestDatabase;

#[tokio::test]
async fn a_database_is_gone_when_its_test_is_whoever_is_connected() {
    let watcher = TestDatabase::create().await.unwrap();
    let ended = TestDatabase::create().await.unwrap();
    let name = ended.name().to_owned();
    let still_connected = ended.client().await.unwrap();
    drop(ended);
    let client = watcher.client().await.unwrap();
    let rows = client
        .query("SELECT FROM pg_database WHERE datname = $1", &[&name])
        .await
        .unwrap();
    assert_eq!(rows.len(), 0);
    assert!(still_connected.simple_query("SELECT 1").await.is_err());
}

#[tokio::test]
async fn two_tests_do_not_see_each_others_tables() {
    let one = TestDatabase::create().await.unwrap();
    let two = TestDatabase::create().await.unwrap();
    let create = "CREATE TABLE orders (id integer)";
    one.client().await.unwrap().batch_execute(create).await.unwrap();
    two.client().await.unwrap().batch_execute(create).await.unwrap();
}
