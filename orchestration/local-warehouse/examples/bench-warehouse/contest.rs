//! A server, a warehouse on it, and one load at a time.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use longshore_local_postgres::{Cluster, ClusterOptions, Durability};
use longshore_local_warehouse::{
    ClusterEndpoint, ObjectBody, ObjectReader, ObjectSummary, StatementEvent, StatementEvents, Warehouse,
    WarehouseOptions,
};
use serde_json::json;
use tokio::io::AsyncReadExt;

use crate::{Failure, rows, usage};

/// What `local-stack` reads of an object at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// What a load took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    pub(crate) wall_seconds: f64,
    pub(crate) cpu_seconds: f64,
    /// Of PostgreSQL's backends.
    pub(crate) server_seconds: f64,
}

impl Outcome {
    /// What the machine spent on the load.
    pub(crate) fn machine_seconds(&self) -> f64 {
        self.cpu_seconds + self.server_seconds
    }
}

/// What the contestants share.
pub(crate) struct Contest {
    folder: PathBuf,
    warehouse: Warehouse,
    cluster: Cluster,
}

impl Contest {
    pub(crate) async fn start(folder: &Path) -> Result<Self, Failure> {
        let cluster = Cluster::start(ClusterOptions {
            durability: Durability::ThrowAway,
            ..ClusterOptions::at(folder.join("pg"))
        })?;
        cluster.create_database_if_absent("dev").await?;
        let options = WarehouseOptions {
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
            clusters: vec![ClusterEndpoint {
                identifier: "local".to_owned(),
                workgroup: None,
                postgres: cluster.config("postgres"),
            }],
        };
        let objects = Arc::new(Folder(folder.to_owned()));
        let warehouse = Warehouse::open(options, objects, Arc::new(Nobody)).await?;
        Ok(Self {
            folder: folder.to_owned(),
            warehouse,
            cluster,
        })
    }

    /// `psql \copy` of the one file.
    pub(crate) async fn psql(&self) -> Result<Outcome, Failure> {
        self.fresh_table().await?;
        let copy = format!(
            "\\copy t from '{}' with (delimiter '|')",
            self.folder.join("one.txt").display()
        );
        let (_, before) = usage::cpu_seconds()?;
        let server_before = self.server_seconds()?;
        let started = Instant::now();
        let status = tokio::process::Command::new("psql")
            .args([
                "--quiet",
                "--no-psqlrc",
                "--set",
                "ON_ERROR_STOP=1",
                "--command",
                &copy,
            ])
            .arg(self.cluster.url("dev"))
            .status()
            .await?;
        let wall_seconds = started.elapsed().as_secs_f64();
        if !status.success() {
            return Err("psql failed".into());
        }
        Ok(Outcome {
            wall_seconds,
            cpu_seconds: usage::cpu_seconds()?.1 - before,
            server_seconds: self.server_seconds()? - server_before,
        })
    }

    /// COPY of the objects whose key begins with `prefix`.
    pub(crate) async fn copy(&self, prefix: &str, options: &str, rows: i64) -> Result<Outcome, Failure> {
        self.fresh_table().await?;
        let (before, _) = usage::cpu_seconds()?;
        let server_before = self.server_seconds()?;
        let started = Instant::now();
        let loaded = self
            .run(&format!(
                "copy t from 's3://b/{prefix}' iam_role default {options}"
            ))
            .await?;
        let wall_seconds = started.elapsed().as_secs_f64();
        if loaded != rows {
            return Err(format!("{prefix}: {loaded} rows of {rows}").into());
        }
        Ok(Outcome {
            wall_seconds,
            cpu_seconds: usage::cpu_seconds()?.0 - before,
            server_seconds: self.server_seconds()? - server_before,
        })
    }

    fn server_seconds(&self) -> Result<f64, Failure> {
        usage::backend_seconds(self.cluster.process_id())
    }

    async fn fresh_table(&self) -> Result<(), Failure> {
        self.run("drop table if exists t").await?;
        self.run(&format!("create table t ({})", rows::COLUMNS)).await?;
        let client = self.cluster.connect("dev").await?;
        client.batch_execute("CHECKPOINT").await?;
        Ok(())
    }

    async fn run(&self, sql: &str) -> Result<i64, Failure> {
        let request = json!({ "ClusterIdentifier": "local", "Database": "dev", "Sql": sql });
        let id = self.warehouse.handle("ExecuteStatement", request).await?["Id"].clone();
        loop {
            let request = json!({ "Id": id, "WaitTimeSeconds": 30 });
            let described = self.warehouse.handle("DescribeStatement", request).await?;
            match described["Status"].as_str() {
                Some("FINISHED") => return Ok(described["ResultRows"].as_i64().unwrap_or(-1)),
                Some("FAILED" | "ABORTED") => return Err(format!("{sql}: {}", described["Error"]).into()),
                _ => {}
            }
        }
    }
}

/// A folder as a bucket.
struct Folder(PathBuf);

#[async_trait]
impl ObjectReader for Folder {
    async fn open(&self, _bucket: &str, key: &str) -> io::Result<Option<ObjectBody>> {
        let file = tokio::fs::File::open(self.0.join(key)).await?;
        let size = file.metadata().await?.len();
        let mut file = file;
        file.set_max_buf_size(CHUNK_BYTES);
        let chunks = stream::try_unfold(file, async |mut file| {
            let mut chunk = BytesMut::with_capacity(CHUNK_BYTES);
            let count = file.read_buf(&mut chunk).await?;
            Ok::<Option<(Bytes, _)>, io::Error>((count > 0).then(|| (chunk.freeze(), file)))
        });
        Ok(Some(ObjectBody {
            size,
            metadata: Vec::new(),
            chunks: Box::pin(chunks),
        }))
    }

    async fn list(&self, _bucket: &str, prefix: &str) -> io::Result<Vec<ObjectSummary>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.0)? {
            let entry = entry?;
            let key = entry.file_name().to_string_lossy().into_owned();
            if key.starts_with(prefix) && entry.file_type()?.is_file() {
                found.push(ObjectSummary {
                    key,
                    size: entry.metadata()?.len(),
                });
            }
        }
        found.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(found)
    }
}

/// Nobody waits for events here.
struct Nobody;

#[async_trait]
impl StatementEvents for Nobody {
    async fn status_changed(&self, _event: StatementEvent) {}
}
