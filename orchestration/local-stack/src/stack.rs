//! Starting and stopping everything in the right order.

use std::fs::{self, File, Permissions};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use longshore_local_warehouse::{Warehouse, WarehouseOptions};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::endpoint::Endpoint;
use crate::error::StackError;
use crate::events::{EventBus, Schedule};
use crate::faults::{Deliveries, FaultPlan, FaultProxy, Faults, change_plan};
use crate::http::{Disconnect, Keys, serve};
use crate::iam::Roles;
use crate::index::{Index, IndexError};
use crate::lambda::{Functions, Gateway, HostEnvironment, Invocations, QueueFeed};
use crate::options::{FunctionOptions, StackOptions};
use crate::s3::{Storage, ensure_bucket};
use crate::secrets::Secrets;
use crate::sns::Topics;
use crate::sqs::Queues;

/// A running stack. [`LocalStack::stop`] ends it in order; dropping it ends it too, less gently.
pub struct LocalStack {
    endpoint_url: String,
    secrets: Arc<Secrets>,
    topics: Arc<Topics>,
    queues: Arc<Queues>,
    functions: Arc<Functions>,
    index: Arc<Index>,
    warehouse: Warehouse,
    faults: Arc<Faults>,
    closes: DropGuard,
    _stops_functions: DropGuard,
    server: JoinHandle<()>,
    _lock: FolderLock,
}

impl LocalStack {
    /// Starts the AWS endpoint with everything the options name. Events are taken and kept, but no function runs until
    /// [`LocalStack::start_functions`]: the caller can prepare databases in between.
    ///
    /// # Errors
    /// [`StackError`], which names the folder, the port or the option that is to blame.
    pub async fn start(options: StackOptions) -> Result<Self, StackError> {
        options.faults.check().map_err(StackError::Faults)?;
        let lock = lock_data_folder(&options.data_dir)?;
        let index = open_index(&options.data_dir)?;
        let listener = listen(options.port).await?;
        let address = listener.local_addr().map_err(|source| StackError::Listen {
            address: loopback(0),
            source,
        })?;
        let endpoint_url = format!("http://{address}");
        let services = Services::open(&options, index, endpoint_url).await?;
        services.create_what_is_named(&options).await?;
        let (secrets, topics, queues) = (
            Arc::clone(&services.secrets),
            Arc::clone(&services.topics),
            Arc::clone(&services.queues),
        );
        let (functions, warehouse) = (Arc::clone(&services.functions), services.warehouse.clone());
        let endpoint_url = services.endpoint_url.clone();
        let index = Arc::clone(&services.index);
        let (faults, gateway) = (Arc::clone(&services.faults), services.gateway.clone());
        let endpoint = Arc::new(services.into_endpoint(&options));
        let behind_doors = Arc::downgrade(&endpoint);
        gateway.lead_to(move |request, caller| {
            let endpoint = behind_doors.upgrade();
            Box::pin(async move {
                let endpoint = endpoint.ok_or(Disconnect)?;
                endpoint.handle(request, Some(&caller)).await
            })
        });
        let closing = CancellationToken::new();
        let server = tokio::spawn(serve(listener, closing.clone(), move |request| {
            let endpoint = Arc::clone(&endpoint);
            async move { endpoint.handle(request, None).await }
        }));
        Ok(Self {
            endpoint_url,
            secrets,
            topics,
            queues,
            _stops_functions: functions.stopping().drop_guard(),
            functions,
            index,
            warehouse,
            faults,
            closes: closing.drop_guard(),
            server,
            _lock: lock,
        })
    }

    /// Serves functions and begins to deliver events to them, those of earlier runs first.
    ///
    /// # Errors
    /// [`StackError::Option`] when an executable is not there.
    pub async fn start_functions(&self, functions: Vec<FunctionOptions>) -> Result<(), StackError> {
        for mut function in functions {
            function.executable =
                fs::canonicalize(&function.executable).map_err(|error| StackError::Option {
                    option: format!("functions.{}.executable", function.name),
                    reason: format!(
                        "cannot find {}: {error}; build it first",
                        function.executable.display()
                    ),
                })?;
            let name = function.name.clone();
            let served = self.functions.serve(function).await;
            served.map_err(|source| StackError::DataFolder {
                path: PathBuf::from(format!("logs/{name}.log")),
                source,
            })?;
        }
        Ok(())
    }

    /// Invokes a function every `period` from now on, as a schedule does. A run is not stored before its time, so it must be
    /// asked for at every start.
    pub fn invoke_every(&self, function: &str, period: Duration) {
        let schedule = Schedule {
            function: function.to_owned(),
            period,
            index: Arc::clone(&self.index),
            invocations: Arc::clone(self.functions.invocations()),
        };
        tokio::spawn(schedule.run(self.functions.stopping()));
    }

    /// Invokes a function with what a queue brings, from now on, as an event source mapping with `ReportBatchItemFailures` does.
    pub fn feed_from_queue(&self, queue: &str, function: &str) {
        let feed = QueueFeed {
            queue: queue.to_owned(),
            function: function.to_owned(),
            queues: Arc::clone(&self.queues),
            functions: Arc::clone(&self.functions),
        };
        tokio::spawn(feed.run(self.functions.stopping()));
    }

    /// Where every AWS client is to be pointed: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn endpoint_url(&self) -> &str {
        &self.endpoint_url
    }

    /// Gives a secret a value; the same value again changes nothing.
    ///
    /// # Errors
    /// [`StackError::Store`] when it cannot be written down.
    pub async fn put_secret(&self, name: &str, json: &str) -> Result<(), StackError> {
        let stored = self.secrets.put(name.to_owned(), json.to_owned()).await;
        stored.map_err(|source| StackError::Store {
            what: format!("secret {name}"),
            source,
        })
    }

    /// Installs in a database of the warehouse what Redshift has and PostgreSQL has not.
    ///
    /// # Errors
    /// [`StackError::Warehouse`] when the cluster is unknown or the database does not answer.
    pub async fn prepare_database(&self, cluster: &str, database: &str) -> Result<(), StackError> {
        self.warehouse
            .prepare_database(cluster, database)
            .await
            .map_err(|error| warehouse_error(&error))
    }

    /// Replaces what goes wrong on purpose. The rules count from the beginning, what was injected stays counted by kind, and
    /// deliveries that the old plan held back go.
    ///
    /// # Errors
    /// [`StackError::Faults`] when the plan makes no sense; the one in force stays.
    pub fn set_faults(&self, plan: FaultPlan) -> Result<(), StackError> {
        change_plan(&self.faults, self.functions.invocations(), plan).map_err(StackError::Faults)
    }

    /// The plan in force, what it did, and the outgoing calls of the functions: what `GET /_local/faults` shows.
    #[must_use]
    pub fn faults_report(&self) -> Value {
        self.faults.report()
    }

    /// Opens a proxy before a PostgreSQL server (`host:port`) that follows this stack's fault plan. Its calls belong to
    /// no function: processes have proxies of their own by [`StackOptions::proxied_secrets`].
    ///
    /// # Errors
    /// [`StackError::Listen`] when no port can be opened.
    pub async fn proxy_to(&self, target: impl Into<String>) -> Result<FaultProxy, StackError> {
        FaultProxy::of_stack(target.into(), Arc::clone(&self.faults))
            .await
            .map_err(|source| StackError::Listen {
                address: loopback(0),
                source,
            })
    }

    /// The ARN of a topic by its name.
    #[must_use]
    pub fn topic_arn(&self, name: &str) -> String {
        self.topics.arn(name)
    }

    /// The URL of a queue by its name.
    #[must_use]
    pub fn queue_url(&self, name: &str) -> String {
        self.queues.url(name)
    }

    /// Stops delivery, the functions' processes, the warehouse and the endpoint. What was confirmed is in the data folder;
    /// invocations that were under way are delivered again at the next start.
    pub async fn stop(self) {
        self.functions.stop().await;
        self.warehouse.shutdown().await;
        drop(self.closes);
        if self.server.await.is_err() {
            tracing::warn!("the endpoint ended by a panic");
        }
    }
}

struct Services {
    endpoint_url: String,
    index: Arc<Index>,
    storage: Storage,
    secrets: Arc<Secrets>,
    topics: Arc<Topics>,
    queues: Arc<Queues>,
    bus: Arc<EventBus>,
    functions: Arc<Functions>,
    invocations: Arc<Invocations>,
    warehouse: Warehouse,
    faults: Arc<Faults>,
    gateway: Gateway,
}

impl Services {
    async fn open(
        options: &StackOptions,
        index: Arc<Index>,
        endpoint_url: String,
    ) -> Result<Self, StackError> {
        let store = |what: &str| {
            let what = what.to_owned();
            move |source| StackError::Store { what, source }
        };
        let (region, account) = (options.region.as_str(), options.account.as_str());
        let invocations = Invocations::open(Arc::clone(&index), options.retry_delays.clone())
            .map_err(store("pending invocations"))?;
        let faults = Faults::new(options.faults.clone());
        let deliveries = Arc::new(Deliveries {
            invocations: Arc::clone(&invocations),
            faults: Arc::clone(&faults),
        });
        let gateway = Gateway::default();
        let queues = Queues::new(Arc::clone(&index), region, account, &endpoint_url);
        let storage = Storage::open(
            &options.data_dir,
            Arc::clone(&index),
            Arc::clone(&deliveries),
            Arc::clone(&queues),
            options,
        )
        .map_err(|source| StackError::DataFolder {
            path: options.data_dir.join("blobs"),
            source,
        })?;
        let topics = Topics::new(
            Arc::clone(&index),
            Arc::clone(&queues),
            region,
            account,
            &endpoint_url,
        );
        let bus = EventBus::new(
            Arc::clone(&index),
            deliveries,
            &options.event_rules,
            region,
            account,
        )
        .map_err(|(position, error)| StackError::Option {
            option: format!("event_rules[{position}].pattern"),
            reason: error.to_string(),
        })?;
        let bus = Arc::new(bus);
        let host = HostEnvironment {
            endpoint_url: endpoint_url.clone(),
            gateway: gateway.clone(),
            faults: Arc::clone(&faults),
            region: options.region.clone(),
            account: options.account.clone(),
            access_key_id: options.access_key_id.clone(),
            secret_access_key: options.secret_access_key.clone(),
            log_folder: options.data_dir.join("logs"),
        };
        let warehouse_options = WarehouseOptions {
            account: options.account.clone(),
            region: options.region.clone(),
            clusters: options.clusters.clone(),
        };
        let warehouse = Warehouse::open_isolated(
            warehouse_options,
            options.isolation,
            Arc::new(storage.clone()),
            Arc::clone(&bus) as Arc<_>,
        )
        .await
        .map_err(|error| warehouse_error(&error))?;
        Ok(Self {
            endpoint_url,
            secrets: Arc::new(Secrets::new(Arc::clone(&index), region, account)),
            topics: Arc::new(topics),
            functions: Functions::new(host, Arc::clone(&invocations)),
            index,
            storage,
            queues,
            bus,
            invocations,
            warehouse,
            faults,
            gateway,
        })
    }

    async fn create_what_is_named(&self, options: &StackOptions) -> Result<(), StackError> {
        for bucket in &options.buckets {
            stored(
                format!("bucket {bucket}"),
                ensure_bucket(&self.index, bucket.clone()).await,
            )?;
        }
        for (name, json) in &options.secrets {
            stored(
                format!("secret {name}"),
                self.secrets.put(name.clone(), json.clone()).await,
            )?;
        }
        for topic in &options.topics {
            stored(format!("topic {topic}"), self.topics.ensure(topic).await)?;
        }
        for queue in &options.queues {
            stored(
                format!("queue {}", queue.name),
                self.queues
                    .ensure(queue.name.clone(), queue.dead_letters.as_ref())
                    .await,
            )?;
            for topic in &queue.subscriptions {
                let what = format!("subscription of {} to {topic}", queue.name);
                stored(what, self.topics.ensure_subscription(topic, &queue.name).await)?;
            }
        }
        Ok(())
    }

    fn into_endpoint(self, options: &StackOptions) -> Endpoint {
        Endpoint {
            keys: Keys {
                access_key_id: options.access_key_id.clone(),
                secret_access_key: options.secret_access_key.clone(),
            },
            account: options.account.clone(),
            index: self.index,
            s3: self.storage.into_service(options),
            secrets: self.secrets,
            topics: self.topics,
            queues: self.queues,
            bus: self.bus,
            roles: Roles::new(&options.roles),
            functions: self.functions,
            invocations: self.invocations,
            warehouse: self.warehouse,
            faults: self.faults,
            proxied_secrets: options.proxied_secrets.clone(),
        }
    }
}

/// The data folder as this process's own. The kernel gives it back when the process ends, however it ends.
struct FolderLock(File);

impl Drop for FolderLock {
    /// Given back by word: a child that is being started just now has the file open too until it runs its own program, and the
    /// lock would last as long.
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "the lock of the data folder was not given back");
        }
    }
}

fn lock_data_folder(folder: &Path) -> Result<FolderLock, StackError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| StackError::DataFolder { path, source }
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    // Objects and secrets lie in it.
    fs::set_permissions(folder, Permissions::from_mode(0o700)).map_err(failed(folder))?;
    let path = folder.join("stack.lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(failed(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(FolderLock(file)),
        Err(fs::TryLockError::WouldBlock) => Err(StackError::DataFolderInUse {
            path: folder.to_owned(),
        }),
        Err(fs::TryLockError::Error(source)) => Err(StackError::DataFolder { path, source }),
    }
}

fn open_index(folder: &Path) -> Result<Arc<Index>, StackError> {
    let path = folder.join("index.redb");
    Index::open(&path).map_err(|error| StackError::Index {
        path,
        source: IndexError::from(error),
    })
}

async fn listen(port: u16) -> Result<TcpListener, StackError> {
    let address = loopback(port);
    TcpListener::bind(address)
        .await
        .map_err(|source| StackError::Listen { address, source })
}

/// The stack has no business with other machines: it listens on loopback alone.
fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

fn stored(what: String, outcome: Result<(), IndexError>) -> Result<(), StackError> {
    outcome.map_err(|source| StackError::Store { what, source })
}

fn warehouse_error(error: &dyn std::error::Error) -> StackError {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        reason.push_str(": ");
        reason.push_str(&source.to_string());
        cause = source.source();
    }
    StackError::Warehouse { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_given_back_though_a_child_that_is_being_started_has_the_lock_open() {
        let folder = tempfile::tempdir().unwrap();
        let lock = lock_data_folder(folder.path()).unwrap();
        let of_a_child = lock.0.try_clone().unwrap();
        let taken = lock_data_folder(folder.path());
        assert!(matches!(taken, Err(StackError::DataFolderInUse { .. })));
        drop(lock);
        lock_data_folder(folder.path()).unwrap();
        drop(of_a_child);
    }
}
