//! The proxy before PostgreSQL.

use std::time::{Duration, Instant};

use longshore_local_postgres::{Cluster, ClusterOptions, Durability};
use longshore_local_stack::{FaultProxy, ProxyMode};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use crate::support::{injected, plan, started};

struct Database {
    cluster: Cluster,
    _folder: TempDir,
}

async fn database() -> Database {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    // PostgreSQL's own user must be able to enter it when root starts it.
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let options = ClusterOptions {
        durability: Durability::ThrowAway,
        listen_port: Some(0),
        ..ClusterOptions::at(folder.path().join("postgresql"))
    };
    let started = tokio::task::spawn_blocking(|| Cluster::start(options).unwrap());
    Database {
        cluster: started.await.unwrap(),
        _folder: folder,
    }
}

impl Database {
    fn target(&self) -> String {
        format!("127.0.0.1:{}", self.cluster.port())
    }

    async fn connect(&self, proxy: &FaultProxy) -> Result<Client, tokio_postgres::Error> {
        let login = self.cluster.config("postgres");
        let mut config = tokio_postgres::Config::new();
        config
            .host("127.0.0.1")
            .port(proxy.address().port())
            .user(login.get_user().unwrap())
            .password(login.get_password().unwrap())
            .dbname("postgres");
        let (client, connection) = config.connect(NoTls).await?;
        // Why the connection ended is told to the client that waits for it.
        tokio::spawn(async move { connection.await.ok() });
        Ok(client)
    }
}

async fn one(client: &Client) -> Result<i32, tokio_postgres::Error> {
    Ok(client.query_one("SELECT 1", &[]).await?.get(0))
}

#[tokio::test]
async fn a_proxy_forwards_and_counts_round_trips() {
    let database = database().await;
    let proxy = FaultProxy::start(database.target()).await.unwrap();
    let client = database.connect(&proxy).await.unwrap();
    let connected = proxy.calls();
    client.batch_execute("SELECT 1; SELECT 2").await.unwrap();
    assert_eq!(proxy.calls() - connected, 1);
    // Preparing is one round trip, executing another.
    assert_eq!(one(&client).await.unwrap(), 1);
    assert_eq!((proxy.calls() - connected, proxy.connections()), (3, 1));
}

#[tokio::test]
async fn a_proxy_copies_in_both_directions_whatever_the_size() {
    use futures_util::SinkExt;
    let database = database().await;
    let proxy = FaultProxy::start(database.target()).await.unwrap();
    let client = database.connect(&proxy).await.unwrap();
    client.batch_execute("CREATE TABLE wide (t text)").await.unwrap();
    let sink = client.copy_in("COPY wide FROM STDIN").await.unwrap();
    tokio::pin!(sink);
    let line = bytes::Bytes::from(format!("{}\n", "x".repeat(300_000)));
    for _ in 0..20 {
        sink.send(line.clone()).await.unwrap();
    }
    assert_eq!(sink.finish().await.unwrap(), 20);
    let rows = client.query("SELECT t FROM wide", &[]).await.unwrap();
    assert!(rows.len() == 20 && rows.iter().all(|row| row.get::<_, String>(0).len() == 300_000));
}

#[tokio::test]
async fn a_hanging_proxy_goes_on_when_told_to() {
    let database = database().await;
    let proxy = FaultProxy::start(database.target()).await.unwrap();
    let client = database.connect(&proxy).await.unwrap();
    proxy.set_mode(ProxyMode::Hang);
    let asked = one(&client);
    tokio::pin!(asked);
    let waited = tokio::time::timeout(Duration::from_millis(200), &mut asked).await;
    assert!(waited.is_err());
    proxy.set_mode(ProxyMode::Forward);
    assert_eq!(asked.await.unwrap(), 1);
}

#[tokio::test]
async fn a_resetting_proxy_ends_old_and_new_connections() {
    let database = database().await;
    let proxy = FaultProxy::start(database.target()).await.unwrap();
    let client = database.connect(&proxy).await.unwrap();
    proxy.set_mode(ProxyMode::Reset);
    assert!(one(&client).await.is_err());
    assert!(database.connect(&proxy).await.is_err());
    proxy.set_mode(ProxyMode::Forward);
    assert_eq!(one(&database.connect(&proxy).await.unwrap()).await.unwrap(), 1);
}

#[tokio::test]
async fn a_refusing_proxy_leaves_old_connections_alone() {
    let database = database().await;
    let proxy = FaultProxy::start(database.target()).await.unwrap();
    let client = database.connect(&proxy).await.unwrap();
    proxy.set_mode(ProxyMode::Refuse);
    assert!(database.connect(&proxy).await.is_err());
    assert_eq!(one(&client).await.unwrap(), 1);
}

#[tokio::test]
async fn a_slow_proxy_passes_so_many_bytes_a_second() {
    let database = database().await;
    let proxy = FaultProxy::start(database.target()).await.unwrap();
    let client = database.connect(&proxy).await.unwrap();
    proxy.set_mode(ProxyMode::Slow {
        bytes_per_second: 10_000,
    });
    let began = Instant::now();
    let row = client.query_one("SELECT repeat('x', 5000)", &[]).await.unwrap();
    assert_eq!(row.get::<_, String>(0).len(), 5000);
    assert!(
        began.elapsed() >= Duration::from_millis(450),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn the_plan_of_a_stack_strikes_calls_to_the_database() {
    let database = database().await;
    let (_folder, stack) = started().await;
    let proxy = stack.proxy_to(database.target()).await.unwrap();
    let setup = database.connect(&proxy).await.unwrap();
    setup.batch_execute("CREATE TABLE t (i int)").await.unwrap();
    let struck = |fault: &str| {
        let rule =
            format!(r#"{{"service":"postgres","operation":"Query","when":{{"call":1}},"fault":{fault}}}"#);
        stack.set_faults(plan(&rule)).unwrap();
    };
    struck(r#""close_before""#);
    let client = database.connect(&proxy).await.unwrap();
    assert!(client.batch_execute("INSERT INTO t VALUES (1)").await.is_err());
    struck(r#""close_after""#);
    let client = database.connect(&proxy).await.unwrap();
    assert!(client.batch_execute("INSERT INTO t VALUES (2)").await.is_err());
    struck(r#"{"refuse":{"code":"53300"}}"#);
    let client = database.connect(&proxy).await.unwrap();
    let refused = client.batch_execute("SELECT 1").await.unwrap_err();
    assert_eq!(refused.code().map(|code| code.code()), Some("53300"));
    let rows = setup.query("SELECT i FROM t", &[]).await.unwrap();
    let found: Vec<i32> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(found, [2]);
    assert_eq!(injected(&stack, "close_after"), 1);
}

#[tokio::test]
async fn the_mode_of_the_proxies_is_part_of_the_plan() {
    let database = database().await;
    let (_folder, stack) = started().await;
    let proxy = stack.proxy_to(database.target()).await.unwrap();
    let mut faults = plan("");
    faults.proxy = ProxyMode::Refuse;
    stack.set_faults(faults).unwrap();
    assert!(database.connect(&proxy).await.is_err());
    assert_eq!(injected(&stack, "proxy_refuse"), 1);
    stack.set_faults(plan("")).unwrap();
    database.connect(&proxy).await.unwrap();
}
