//! The warehouse as its owner sees it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::api;
use crate::connection::Endpoint;
use crate::live::Live;
use crate::runner::Run;
use crate::session::Sessions;
use crate::store::{self, Submission};
use crate::{ApiError, ObjectReader, OpenError, StatementEvents};

/// Statements of one cluster that run side by side; the others wait in the order they came.
const SIDE_BY_SIDE: usize = 20;

/// Statements of one cluster that may be SUBMITTED, PICKED or STARTED: <https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html>.
pub(crate) const MOST_ACTIVE: usize = 500;

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
    /// How to reach the server as superuser; the database is filled in. It needs 30 connections, and one for each session that is kept alive.
    pub postgres: tokio_postgres::Config,
}

/// What transactions see of each other: the isolation level of a Redshift database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// SNAPSHOT: only two writers of one row disturb each other.
    #[default]
    Snapshot,
    /// SERIALIZABLE: transactions end as if one ran after the other, and one of those that cannot fails with 1023.
    Serializable,
}

impl Isolation {
    /// How PostgreSQL begins a transaction of this level. Its snapshot is taken at the first statement that reads: a LOCK before it sees what
    /// others committed while it waited. The setting tells `longshore_local.caught` that a transaction is held.
    pub(crate) fn begin(self) -> &'static str {
        match self {
            Self::Snapshot => {
                "BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL longshore.transaction = 'held'"
            }
            Self::Serializable => {
                "BEGIN ISOLATION LEVEL SERIALIZABLE; SET LOCAL longshore.transaction = 'held'"
            }
        }
    }

    /// The level of transactions that a procedure begins by ending one.
    pub(crate) fn session(self) -> &'static str {
        match self {
            Self::Snapshot => "SET default_transaction_isolation = 'repeatable read'",
            Self::Serializable => "SET default_transaction_isolation = 'serializable'",
        }
    }
}

/// The Redshift Data API; cheap to clone.
#[derive(Clone)]
pub struct Warehouse {
    inner: Arc<Inner>,
}

/// Where a statement lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The index of the cluster.
    pub(crate) cluster: usize,
    /// The database.
    pub(crate) database: String,
}

/// A cluster and what is counted of its statements.
struct Cluster {
    endpoint: Endpoint,
    /// One permit per statement that runs.
    turns: Semaphore,
    /// One permit per statement that was accepted and has not ended.
    active: Arc<Semaphore>,
}

impl Cluster {
    fn new(options: ClusterEndpoint) -> Self {
        Self {
            endpoint: Endpoint::new(options),
            turns: Semaphore::new(SIDE_BY_SIDE),
            active: Arc::new(Semaphore::new(MOST_ACTIVE)),
        }
    }
}

/// What all clones of a warehouse share.
pub(crate) struct Inner {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) isolation: Isolation,
    pub(crate) sessions: Sessions,
    pub(crate) objects: Arc<dyn ObjectReader>,
    pub(crate) events: Arc<dyn StatementEvents>,
    clusters: Vec<Cluster>,
    places: Mutex<HashMap<Uuid, Place>>,
    live: Mutex<HashMap<Uuid, Arc<Live>>>,
    runs: Mutex<Option<JoinSet<()>>>,
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
        Self::open_isolated(options, Isolation::default(), objects, events).await
    }

    /// The same with an isolation level other than the default.
    ///
    /// # Errors
    /// [`OpenError`] when a server does not answer or is too old.
    pub async fn open_isolated(
        options: WarehouseOptions,
        isolation: Isolation,
        objects: Arc<dyn ObjectReader>,
        events: Arc<dyn StatementEvents>,
    ) -> Result<Self, OpenError> {
        let inner = Arc::new(Inner {
            account: options.account,
            region: options.region,
            isolation,
            sessions: Sessions::default(),
            objects,
            events,
            clusters: options.clusters.into_iter().map(Cluster::new).collect(),
            places: Mutex::default(),
            live: Mutex::default(),
            runs: Mutex::new(Some(JoinSet::new())),
        });
        for (cluster, Cluster { endpoint, .. }) in inner.clusters.iter().enumerate() {
            for database in endpoint.databases().await? {
                if endpoint.serves(&database).await? {
                    inner.resume(Place { cluster, database }).await?;
                }
            }
        }
        Ok(Self { inner })
    }

    /// Answers one call of the Data API: the operation's name and the body as JSON.
    ///
    /// # Errors
    /// [`ApiError`], an exception of the service model.
    pub async fn handle(&self, operation: &str, request: Value) -> Result<Value, ApiError> {
        api::handle(&self.inner, operation, &request).await
    }

    /// Installs in a database what Redshift has and PostgreSQL has not; may be repeated.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn prepare_database(&self, cluster: &str, database: &str) -> Result<(), OpenError> {
        let found = self
            .inner
            .endpoints()
            .find(|endpoint| endpoint.options.identifier == cluster);
        let Some(endpoint) = found else {
            return Err(OpenError::ClusterUnknown {
                cluster: cluster.to_owned(),
            });
        };
        endpoint.bookkeeping(database).await.map(|_| ())
    }

    /// Stops at once. What runs is rolled back, and runs again after the next [`Warehouse::open`].
    pub async fn shutdown(&self) {
        let runs = self
            .inner
            .runs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(mut runs) = runs {
            runs.shutdown().await;
        }
    }
}

impl Inner {
    /// The cluster of a place.
    pub(crate) fn endpoint(&self, place: &Place) -> &Endpoint {
        &self.clusters[place.cluster].endpoint
    }

    /// The turns of a place's cluster.
    pub(crate) fn turns(&self, place: &Place) -> &Semaphore {
        &self.clusters[place.cluster].turns
    }

    /// Lets one more statement be active on a place's cluster until the permit is dropped; None when there are [`MOST_ACTIVE`].
    pub(crate) fn activate(&self, place: &Place) -> Option<OwnedSemaphorePermit> {
        let active = Arc::clone(&self.clusters[place.cluster].active);
        active.try_acquire_owned().ok()
    }

    /// All clusters.
    pub(crate) fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.clusters.iter().map(|cluster| &cluster.endpoint)
    }

    /// The connection for our own statements on a place.
    pub(crate) async fn bookkeeping(&self, place: &Place) -> Result<Arc<Client>, OpenError> {
        self.endpoint(place).bookkeeping(&place.database).await
    }

    /// Where a statement is kept.
    pub(crate) fn place_of(&self, id: Uuid) -> Option<Place> {
        self.places
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .cloned()
    }

    /// Notes where a statement is kept: the answer to a repeated call may come before its statement is started.
    pub(crate) fn remember_place(&self, id: Uuid, place: &Place) {
        self.places
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, place.clone());
    }

    /// A statement that is under way.
    pub(crate) fn live(&self, id: Uuid) -> Option<Arc<Live>> {
        self.live
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .map(Arc::clone)
    }

    /// Notes that a statement's outcome is in the database.
    pub(crate) fn forget(&self, id: Uuid) {
        self.live
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&id);
    }

    /// Lets a written submission run.
    pub(crate) fn start(
        self: &Arc<Self>,
        place: Place,
        submission: Submission,
        active: OwnedSemaphorePermit,
    ) {
        let run = self.run(place, submission, Some(active));
        self.spawn(run.finish());
    }

    fn run(
        self: &Arc<Self>,
        place: Place,
        submission: Submission,
        active: Option<OwnedSemaphorePermit>,
    ) -> Run {
        let live = Arc::new(Live::new());
        let id = submission.id;
        self.places
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, place.clone());
        self.live
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, Arc::clone(&live));
        Run {
            inner: Arc::clone(self),
            place,
            submission,
            live,
            active,
        }
    }

    /// Runs something beside the callers; a shutdown ends it.
    pub(crate) fn spawn(&self, run: impl Future<Output = ()> + Send + 'static) {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        // After a shutdown the submission stays in the database and runs at the next open.
        if let Some(runs) = runs.as_mut() {
            while runs.try_join_next().is_some() {}
            runs.spawn(run);
        }
    }

    async fn resume(self: &Arc<Self>, place: Place) -> Result<(), OpenError> {
        let client = self.bookkeeping(&place).await?;
        let failed = |source| OpenError::PreparationFailed {
            cluster: self.endpoint(&place).options.identifier.clone(),
            database: place.database.clone(),
            step: "resume interrupted statements",
            source,
        };
        for (id, _) in store::ids(&client).await.map_err(failed)? {
            let Some(record) = store::find(&client, id).await.map_err(failed)? else {
                continue;
            };
            let has_ended = record.outcome.is_some();
            let active = if has_ended { None } else { self.activate(&place) };
            let run = self.run(place.clone(), record.submission, active);
            if has_ended {
                run.live.end();
                self.forget(id);
                self.spawn(async move { run.deliver_event().await });
            } else if store::is_partly_committed(&client, id).await.map_err(failed)? {
                self.spawn(run.end_half_committed());
            } else {
                self.spawn(run.finish());
            }
        }
        Ok(())
    }
}
