//! A cluster, objects in memory, and requests in one line.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream;
use longshore_local_postgres::{Cluster, ClusterOptions, Durability};
use longshore_local_warehouse::{
    ApiError, ClusterEndpoint, Isolation, ObjectBody, ObjectReader, ObjectSummary, StatementEvent,
    StatementEvents, Warehouse, WarehouseOptions,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// Objects in memory; the bucket is always `b`.
#[derive(Default)]
pub(crate) struct Objects(Mutex<BTreeMap<String, Vec<u8>>>);

#[async_trait]
impl ObjectReader for Objects {
    async fn open(&self, _bucket: &str, key: &str) -> io::Result<Option<ObjectBody>> {
        let bytes = self.0.lock().unwrap().get(key).cloned();
        Ok(bytes.map(|bytes| {
            let chunks: Vec<io::Result<Bytes>> = bytes
                .chunks(1000)
                .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
                .collect();
            ObjectBody {
                size: bytes.len() as u64,
                metadata: Vec::new(),
                chunks: Box::pin(stream::iter(chunks)),
            }
        }))
    }

    async fn list(&self, _bucket: &str, prefix: &str) -> io::Result<Vec<ObjectSummary>> {
        let objects = self.0.lock().unwrap();
        let found = objects.iter().filter(|(key, _)| key.starts_with(prefix));
        Ok(found
            .map(|(key, bytes)| ObjectSummary {
                key: key.clone(),
                size: bytes.len() as u64,
            })
            .collect())
    }
}

struct Events(mpsc::UnboundedSender<StatementEvent>);

#[async_trait]
impl StatementEvents for Events {
    async fn status_changed(&self, event: StatementEvent) {
        let sent = self.0.send(event);
        // After a restart the old receiver is gone, and the old warehouse with it.
        drop(sent);
    }
}

/// A warehouse and what stands around it.
pub(crate) struct World {
    pub(crate) cluster: Option<Cluster>,
    pub(crate) warehouse: Warehouse,
    pub(crate) objects: Arc<Objects>,
    pub(crate) events: mpsc::UnboundedReceiver<StatementEvent>,
    folder: tempfile::TempDir,
}

impl World {
    /// A warehouse with an empty database `dev` whose files are gone afterwards.
    pub(crate) async fn new() -> Self {
        Self::with(Durability::ThrowAway, Isolation::default()).await
    }

    /// One whose transactions see of each other what they should not, or not.
    pub(crate) async fn isolated(isolation: Isolation) -> Self {
        Self::with(Durability::ThrowAway, isolation).await
    }

    /// A warehouse that can be killed and started again.
    pub(crate) async fn durable() -> Self {
        Self::with(Durability::Durable, Isolation::default()).await
    }

    async fn with(durability: Durability, isolation: Isolation) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::Builder::new()
            .permissions(std::fs::Permissions::from_mode(0o755))
            .tempdir_in("/tmp")
            .unwrap();
        let cluster = start(folder.path().join("pg"), durability);
        cluster.create_database_if_absent("dev").await.unwrap();
        let objects = Arc::new(Objects::default());
        let (warehouse, events) = open(&cluster, isolation, Arc::clone(&objects)).await;
        Self {
            cluster: Some(cluster),
            warehouse,
            objects,
            events,
            folder,
        }
    }

    /// Kills the server as a power cut would, and starts everything on the same files.
    pub(crate) async fn crash_and_restart(&mut self) {
        use nix::sys::signal::{Signal, kill};
        let cluster = self.cluster.take().unwrap();
        kill(nix::unistd::Pid::from_raw(cluster.process_id()), Signal::SIGKILL).unwrap();
        self.warehouse.shutdown().await;
        drop(cluster);
        let cluster = start(self.folder.path().join("pg"), Durability::Durable);
        (self.warehouse, self.events) = open(&cluster, Isolation::default(), Arc::clone(&self.objects)).await;
        self.cluster = Some(cluster);
    }

    /// Puts an object into bucket `b`.
    pub(crate) fn put(&self, key: &str, bytes: impl AsRef<[u8]>) {
        self.objects
            .0
            .lock()
            .unwrap()
            .insert(key.to_owned(), bytes.as_ref().to_vec());
    }

    /// One call for database `dev`.
    pub(crate) async fn call(&self, operation: &str, mut fields: Value) -> Result<Value, ApiError> {
        if !matches!(
            operation,
            "DescribeStatement"
                | "GetStatementResult"
                | "CancelStatement"
                | "ListStatements"
                | "ListSessions"
        ) {
            fields["ClusterIdentifier"] = json!("local");
            fields["Database"] = json!("dev");
        }
        self.warehouse.handle(operation, fields).await
    }

    /// Submits a statement and returns its id.
    pub(crate) async fn submit(&self, sql: &str) -> String {
        let answer = self
            .call("ExecuteStatement", json!({ "Sql": sql }))
            .await
            .unwrap();
        answer["Id"].as_str().unwrap().to_owned()
    }

    /// Describes a statement once it has ended.
    pub(crate) async fn end_of(&self, id: &str) -> Value {
        loop {
            let request = json!({ "Id": id, "WaitTimeSeconds": 30 });
            let described = self.call("DescribeStatement", request).await.unwrap();
            if !matches!(
                described["Status"].as_str(),
                Some("SUBMITTED" | "PICKED" | "STARTED")
            ) {
                return described;
            }
        }
    }

    /// Runs a statement to its end.
    pub(crate) async fn execute(&self, sql: &str) -> Value {
        let id = self.submit(sql).await;
        self.end_of(&id).await
    }

    /// Runs a statement that must succeed.
    pub(crate) async fn run(&self, sql: &str) -> Value {
        let described = self.execute(sql).await;
        assert_eq!(described["Status"], "FINISHED", "{sql}: {}", described["Error"]);
        described
    }

    /// Runs a statement that must fail, and returns its error.
    pub(crate) async fn error(&self, sql: &str) -> String {
        let described = self.execute(sql).await;
        assert_eq!(described["Status"], "FAILED", "{sql} did not fail");
        described["Error"].as_str().unwrap().to_owned()
    }

    /// Runs a batch to its end.
    pub(crate) async fn batch(&self, sqls: &[&str]) -> Value {
        let answer = self
            .call("BatchExecuteStatement", json!({ "Sqls": sqls }))
            .await
            .unwrap();
        self.end_of(answer["Id"].as_str().unwrap()).await
    }

    /// The rows of a query: fields joined by `|`, null as `-`.
    pub(crate) async fn rows(&self, sql: &str) -> Vec<String> {
        let described = self.run(sql).await;
        let result = self
            .call("GetStatementResult", json!({ "Id": described["Id"] }))
            .await
            .unwrap();
        let records = result["Records"].as_array().unwrap();
        records
            .iter()
            .map(|record| {
                record
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(field)
                    .collect::<Vec<_>>()
                    .join("|")
            })
            .collect()
    }

    /// COPY into `table` with these options.
    pub(crate) async fn copy(&self, table: &str, source: &str, options: &str) -> Value {
        self.execute(&format!(
            "copy {table} from 's3://b/{source}' iam_role 'arn:aws:iam::1:role/r' {options}"
        ))
        .await
    }
}

fn field(field: &Value) -> String {
    let (kind, value) = field.as_object().unwrap().iter().next().unwrap();
    match (kind.as_str(), value) {
        ("isNull", _) => "-".to_owned(),
        (_, Value::String(text)) => text.trim_end().to_owned(),
        (_, other) => other.to_string(),
    }
}

fn start(data_dir: PathBuf, durability: Durability) -> Cluster {
    Cluster::start(ClusterOptions {
        durability,
        ..ClusterOptions::at(data_dir)
    })
    .unwrap()
}

async fn open(
    cluster: &Cluster,
    isolation: Isolation,
    objects: Arc<Objects>,
) -> (Warehouse, mpsc::UnboundedReceiver<StatementEvent>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let options = WarehouseOptions {
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
        clusters: vec![ClusterEndpoint {
            identifier: "local".to_owned(),
            workgroup: Some("group".to_owned()),
            postgres: cluster.config("postgres"),
        }],
    };
    let warehouse = Warehouse::open_isolated(options, isolation, objects, Arc::new(Events(sender)))
        .await
        .unwrap();
    (warehouse, receiver)
}
