//! The pool of connections, and how statements run on it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts,
};
use tokio_postgres::config::SslMode;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config, IsolationLevel, NoTls, Row};

use crate::error::{Place, StoreError};
use crate::queries::{Query, Statements};
use crate::tls::{Tls, connector};

/// How long we wait for a connection, new or used.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// How long a peer may leave what we sent unanswered by its network before it counts as gone.
const SILENCE_PATIENCE: Duration = Duration::from_secs(20);
/// Nothing the store asks takes long; what does, waits for a lock that somebody forgot. Each statement is planned for the
/// parameters that it has: a filter that may be left out has no index in a plan that must suit both. A server that takes no writes is
/// not the one that we mean: after a failover its name may lead to the one that was demoted, for as long as resolvers remember.
const SESSION_SETTINGS: &str = "
    SET statement_timeout = '30s';
    SET lock_timeout = '15s';
    SET idle_in_transaction_session_timeout = '60s';
    SET plan_cache_mode = force_custom_plan;
    SET TimeZone = 'UTC';
    DO $body$
    BEGIN
        IF current_setting('transaction_read_only')::boolean THEN
            RAISE read_only_sql_transaction USING MESSAGE = 'the server takes no writes: it is a reader, or was made one';
        END IF;
    END
    $body$";

/// A password that no log shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Wraps a password.
    pub fn new(password: impl Into<String>) -> Self {
        Self(password.into())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password(not shown)")
    }
}

/// Where the control database is and as whom we come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectOptions {
    /// A host name, or the folder of a unix socket when it begins with `/`.
    pub host: String,
    /// The TCP port, or the port in the socket's name.
    pub port: u16,
    /// The user.
    pub user: String,
    /// Its password; empty where the server asks for none.
    pub password: Password,
    /// The database.
    pub database: String,
    /// How the connection is protected.
    pub tls: Tls,
    /// The schema of the tables, as the catalog spells it (a name written without quotes is in lower case there).
    pub schema: String,
    /// The most connections held at a time; no call of the store holds more than one.
    pub max_connections: usize,
    /// What the server's own views call us.
    pub application_name: String,
}

/// The control database. Cheap to clone; connects when first asked something.
#[derive(Clone)]
pub struct Store {
    pool: Pool,
    statements: Arc<Statements>,
    place: Arc<Place>,
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Store")
            .field("database", &self.place.database)
            .field("schema", &self.place.schema)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Prepares the pool; nothing is sent yet.
    ///
    /// # Errors
    /// [`StoreError::CertificatesUnreadable`].
    pub fn connect(options: ConnectOptions) -> Result<Self, StoreError> {
        let manager = manager(&options)?;
        let pool = Pool::builder(manager)
            .max_size(options.max_connections.max(1))
            .timeouts(Timeouts {
                wait: Some(CONNECT_PATIENCE),
                create: Some(CONNECT_PATIENCE),
                recycle: Some(CONNECT_PATIENCE),
            })
            .runtime(Runtime::Tokio1)
            .post_create(Hook::async_fn(|client, _| {
                Box::pin(async move {
                    client
                        .batch_execute(SESSION_SETTINGS)
                        .await
                        .map_err(HookError::Backend)
                })
            }))
            .build()
            .expect("a pool with timeouts has a runtime");
        Ok(Self {
            pool,
            statements: Arc::new(Statements::for_schema(&options.schema)),
            place: Arc::new(Place {
                schema: options.schema,
                database: options.database,
                user: options.user,
                tls: options.tls,
            }),
        })
    }

    /// The schema of the tables.
    pub fn schema(&self) -> &str {
        &self.place.schema
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) async fn client(&self, action: &'static str) -> Result<Object, StoreError> {
        self.pool
            .get()
            .await
            .map_err(|error| self.place.pool_error(action, error))
    }

    /// Rows of one statement, outside a transaction.
    pub(crate) async fn rows(
        &self,
        query: Query,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        let client = self.client(query.name()).await?;
        let refused = |error| self.place.error(query.name(), error);
        let statement = client
            .prepare_cached(self.statements.get(query))
            .await
            .map_err(refused)?;
        client.query(&statement, parameters).await.map_err(refused)
    }

    /// The number of rows that one statement changed, outside a transaction.
    pub(crate) async fn execute(&self, query: Query, parameters: Parameters<'_>) -> Result<u64, StoreError> {
        let client = self.client(query.name()).await?;
        let refused = |error| self.place.error(query.name(), error);
        let statement = client
            .prepare_cached(self.statements.get(query))
            .await
            .map_err(refused)?;
        client.execute(&statement, parameters).await.map_err(refused)
    }
}

/// The parameters of a statement, in order.
pub(crate) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// One transaction; dropped without a commit it is rolled back.
pub(crate) struct Transaction<'client> {
    inner: deadpool_postgres::Transaction<'client>,
    store: &'client Store,
}

impl<'client> Transaction<'client> {
    pub(crate) async fn begin(
        store: &'client Store,
        client: &'client mut Object,
    ) -> Result<Self, StoreError> {
        let inner = client
            .transaction()
            .await
            .map_err(|error| store.place.error("begin", error))?;
        Ok(Self { inner, store })
    }

    /// One that only reads, and whose statements all see what the first one saw.
    pub(crate) async fn of_one_moment(
        store: &'client Store,
        client: &'client mut Object,
    ) -> Result<Self, StoreError> {
        let inner = client
            .build_transaction()
            .isolation_level(IsolationLevel::RepeatableRead)
            .read_only(true)
            .start()
            .await
            .map_err(|error| store.place.error("begin", error))?;
        Ok(Self { inner, store })
    }

    pub(crate) async fn rows(
        &self,
        query: Query,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        let refused = |error| self.store.place.error(query.name(), error);
        let text = self.store.statements.get(query);
        let statement = self.inner.prepare_cached(text).await.map_err(refused)?;
        self.inner.query(&statement, parameters).await.map_err(refused)
    }

    pub(crate) async fn execute(&self, query: Query, parameters: Parameters<'_>) -> Result<u64, StoreError> {
        let refused = |error| self.store.place.error(query.name(), error);
        let text = self.store.statements.get(query);
        let statement = self.inner.prepare_cached(text).await.map_err(refused)?;
        self.inner.execute(&statement, parameters).await.map_err(refused)
    }

    /// Statements without parameters, in order.
    pub(crate) async fn batch(&self, action: &'static str, sql: &str) -> Result<(), StoreError> {
        self.inner
            .batch_execute(sql)
            .await
            .map_err(|error| self.store.place.error(action, error))
    }

    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        let place = &self.store.place;
        self.inner
            .commit()
            .await
            .map_err(|error| place.error("commit", error))
    }
}

fn manager(options: &ConnectOptions) -> Result<Manager, StoreError> {
    let mut config = Config::new();
    config
        .host(&options.host)
        .port(options.port)
        .user(&options.user)
        .dbname(&options.database)
        .application_name(&options.application_name)
        .connect_timeout(CONNECT_PATIENCE)
        .tcp_user_timeout(SILENCE_PATIENCE)
        .keepalives_idle(SILENCE_PATIENCE);
    if !options.password.0.is_empty() {
        config.password(&options.password.0);
    }
    // A frozen function thaws with connections that died meanwhile, and its driver has not noticed: ask before each use.
    let recycling = ManagerConfig {
        recycling_method: RecyclingMethod::Verified,
    };
    match &options.tls {
        Tls::Off => {
            config.ssl_mode(SslMode::Disable);
            Ok(Manager::from_config(config, NoTls, recycling))
        }
        Tls::Required { ca_pem } => {
            config.ssl_mode(SslMode::Require);
            let connector = connector(ca_pem.as_deref())?;
            Ok(Manager::from_config(config, connector, recycling))
        }
    }
}
