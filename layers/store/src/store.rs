//! The pool of connections, and how statements run on it.

use std::fmt;
use std::sync::Arc;

use deadpool_postgres::{Object, Pool};
use tokio_postgres::types::ToSql;
use tokio_postgres::{IsolationLevel, Row};

use crate::error::{Place, StoreError};
use crate::pool::{Woken, pool};
use crate::queries::{Query, Statements};
use crate::tls::Tls;

/// A password that no log shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub(crate) String);

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
    woken: Arc<Woken>,
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
        let woken = Arc::new(Woken::default());
        let pool = pool(&options, Arc::clone(&woken))?;
        Ok(Self {
            pool,
            woken,
            statements: Arc::new(Statements::for_schema(&options.schema)),
            place: Arc::new(Place {
                schema: options.schema,
                database: options.database,
                user: options.user,
                tls: options.tls,
            }),
        })
    }

    /// Says that time may have passed unseen, as it has for a function at the beginning of each invocation: it was frozen, and
    /// its connections may have died meanwhile. Each of them is asked whether it lives before it is used again; until the next
    /// call of this, only those that lay idle for some seconds are.
    pub fn wake(&self) {
        self.woken.now();
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
