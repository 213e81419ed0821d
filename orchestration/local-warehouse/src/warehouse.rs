//! The warehouse as its owner sees it.

use std::sync::Arc;

use serde_json::Value;

use crate::{ApiError, ObjectReader, OpenError, StatementEvents};

/// What the warehouse is opened with.
#[derive(Debug, Clone)]
pub struct WarehouseOptions {
    /// The account in ARNs and events.
    pub account: String,
    /// The region in ARNs and events.
    pub region: String,
    /// The clusters that statements can be sent to.
    pub clusters: Vec<ClusterEndpoint>,
}

/// A cluster, or a serverless workgroup, and the PostgreSQL server behind it.
#[derive(Debug, Clone)]
pub struct ClusterEndpoint {
    /// The `ClusterIdentifier` of requests.
    pub identifier: String,
    /// The `WorkgroupName` under which the same databases answer too.
    pub workgroup: Option<String>,
    /// How to reach the server as superuser; the database is filled in.
    pub postgres: tokio_postgres::Config,
}

/// The Redshift Data API; cheap to clone.
#[derive(Clone)]
pub struct Warehouse {
    _inner: Arc<(WarehouseOptions, Arc<dyn ObjectReader>, Arc<dyn StatementEvents>)>,
}

impl Warehouse {
    /// Prepares every database of the clusters that exists and resumes the statements that a crash interrupted.
    ///
    /// # Errors
    /// [`OpenError`] when a server does not answer or is too old.
    pub async fn open(
        options: WarehouseOptions,
        objects: Arc<dyn ObjectReader>,
        events: Arc<dyn StatementEvents>,
    ) -> Result<Self, OpenError> {
        Ok(Self { _inner: Arc::new((options, objects, events)) })
    }

    /// Answers one call of the Data API: the operation's name and the body as JSON.
    ///
    /// # Errors
    /// [`ApiError`], an exception of the service model.
    pub async fn handle(&self, operation: &str, _request: Value) -> Result<Value, ApiError> {
        Err(ApiError::unknown_operation(operation))
    }

    /// Installs in a database what Redshift has and PostgreSQL has not; may be repeated.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn prepare_database(&self, _cluster: &str, _database: &str) -> Result<(), OpenError> {
        Ok(())
    }

    /// Stops taking statements and leaves what runs to the next [`Warehouse::open`].
    pub async fn shutdown(&self) {}
}
