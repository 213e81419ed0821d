//! The pool of connections, and how statements run on it.

use std::fmt;
use std::sync::Arc;

use deadpool_postgres::{Object, Pool};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::error::{Place, StoreError};
use crate::pool::{Woken, pool};
use crate::queries::{Query, Statements};
use crate::tls::Tls;
use crate::transaction::{Answer, Asked, asking, in_order, last, prepared};

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

    /// What a statement says.
    pub(crate) fn text_of(&self, query: Query) -> &str {
        self.statements.get(query)
    }

    /// Rows of one statement, outside a transaction.
    pub(crate) async fn rows(
        &self,
        query: Query,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        let [answer] = self.side_by_side([(query, parameters)]).await?;
        Ok(answer.rows)
    }

    /// The number of rows that one statement changed, outside a transaction.
    pub(crate) async fn execute(&self, query: Query, parameters: Parameters<'_>) -> Result<u64, StoreError> {
        let [answer] = self.side_by_side([(query, parameters)]).await?;
        Ok(answer.changed)
    }

    /// Statements that have nothing to do with each other, each a transaction of its own, in one round trip. They are carried
    /// out in their order, also when one of them fails.
    pub(crate) async fn side_by_side<const N: usize>(
        &self,
        asked: [Asked<'_>; N],
    ) -> Result<[Answer; N], StoreError> {
        let action = asked.first().map_or("nothing", |(query, _)| query.name());
        let client = self.client(action).await?;
        let statements = prepared(self, &client, &asked).await?;
        let sent = asking(self, &client, &asked, &statements).collect();
        Ok(last(in_order(sent).await?))
    }
}

/// The parameters of a statement, in order.
pub(crate) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

#[cfg(test)]
impl Store {
    /// A migrated schema of a test's database.
    pub(crate) async fn for_tests(
        database: &longshore_testkit::TestDatabase,
        schema: &str,
        max_connections: usize,
    ) -> Self {
        let server = database.server();
        let store = Self::connect(ConnectOptions {
            host: server.host(),
            port: server.port(),
            user: server.user().to_owned(),
            password: Password::new(server.password().unwrap_or_default()),
            database: database.name().to_owned(),
            tls: Tls::Off,
            schema: schema.to_owned(),
            max_connections,
            application_name: "store tests".to_owned(),
        });
        let store = store.expect("a connection without certificates");
        store.migrate().await.expect("a schema that is new");
        store
    }
}
