//! Connections to the databases of a cluster.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio_postgres::{Client, NoTls};

use crate::{ClusterEndpoint, OpenError};

/// `server_version_num` of 15, which has MERGE.
const OLDEST_SERVER: i32 = 150_000;

/// How Redshift reads strings, and where it keeps time.
const SESSION: &str = "SET standard_conforming_strings = off; SET escape_string_warning = off; \
                       SET backslash_quote = on; SET timezone = 'UTC'; SET client_min_messages = warning";

const SCRIPTS: [(&str, &str); 7] = [
    ("bookkeeping.sql", include_str!("prepare/bookkeeping.sql")),
    ("times.sql", include_str!("prepare/times.sql")),
    ("super.sql", include_str!("prepare/super.sql")),
    ("functions.sql", include_str!("prepare/functions.sql")),
    ("casts.sql", include_str!("prepare/casts.sql")),
    ("texts.sql", include_str!("prepare/texts.sql")),
    ("views.sql", include_str!("prepare/views.sql")),
];

/// One server and what we hold open to it.
pub(crate) struct Endpoint {
    /// As whom and where it answers.
    pub(crate) options: ClusterEndpoint,
    /// One connection per database for our own short statements; they are pipelined.
    bookkeeping: Mutex<HashMap<String, Arc<Client>>>,
}

impl Endpoint {
    /// An endpoint to which nothing is open yet.
    pub(crate) fn new(options: ClusterEndpoint) -> Self {
        Self {
            options,
            bookkeeping: Mutex::new(HashMap::new()),
        }
    }

    /// A connection of its own for a statement: its temporary tables die with it.
    pub(crate) async fn connect(&self, database: &str) -> Result<Client, tokio_postgres::Error> {
        let client = self.connect_plainly(database).await?;
        client.batch_execute(SESSION).await?;
        Ok(client)
    }

    /// The connection for our own statements on a database, which is prepared first if it is new.
    pub(crate) async fn bookkeeping(&self, database: &str) -> Result<Arc<Client>, OpenError> {
        let mut clients = self.bookkeeping.lock().await;
        let known = clients.get(database);
        if let Some(client) = known.filter(|client| !client.is_closed()) {
            return Ok(Arc::clone(client));
        }
        let client =
            self.connect_plainly(database)
                .await
                .map_err(|source| OpenError::DatabaseUnreachable {
                    cluster: self.options.identifier.clone(),
                    database: database.to_owned(),
                    source,
                })?;
        if known.is_none() {
            self.prepare(&client, database).await?;
        }
        let client = Arc::new(client);
        clients.insert(database.to_owned(), Arc::clone(&client));
        Ok(client)
    }

    /// The databases that people can connect to.
    pub(crate) async fn databases(&self) -> Result<Vec<String>, OpenError> {
        let failed = |source| OpenError::DatabaseUnreachable {
            cluster: self.options.identifier.clone(),
            database: "postgres".to_owned(),
            source,
        };
        let client = self.connect_plainly("postgres").await.map_err(failed)?;
        let query = "SELECT datname::text FROM pg_catalog.pg_database \
                     WHERE datallowconn AND NOT datistemplate AND datname <> 'postgres' ORDER BY datname";
        let rows = client.query(query, &[]).await.map_err(failed)?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// The databases that were asked for by name, or in which statements ran before: those that are prepared.
    pub(crate) async fn opened_databases(&self) -> Vec<String> {
        let mut names: Vec<String> = self.bookkeeping.lock().await.keys().cloned().collect();
        names.sort();
        names
    }

    /// Whether a database is for this warehouse. A server may have others, such as that of the loader's rules, and what `prepare` does to
    /// comparisons and casts is not for them.
    pub(crate) async fn serves(&self, database: &str) -> Result<bool, OpenError> {
        if self.options.postgres.get_dbname() == Some(database) {
            return Ok(true);
        }
        let failed = |source| OpenError::DatabaseUnreachable {
            cluster: self.options.identifier.clone(),
            database: database.to_owned(),
            source,
        };
        let client = self.connect_plainly(database).await.map_err(failed)?;
        for question in [
            "SELECT to_regclass('longshore_local.statement') IS NOT NULL",
            "SELECT EXISTS (SELECT FROM longshore_local.statement)",
        ] {
            let answer = client.query_one(question, &[]).await.map_err(failed)?;
            if !answer.get::<_, bool>(0) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The ARN that stands in events.
    pub(crate) fn arn(&self, region: &str, account: &str) -> String {
        format!(
            "arn:aws:redshift:{region}:{account}:cluster:{}",
            self.options.identifier
        )
    }

    async fn connect_plainly(&self, database: &str) -> Result<Client, tokio_postgres::Error> {
        let mut config = self.options.postgres.clone();
        config
            .dbname(database)
            .application_name("longshore-local-warehouse");
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the warehouse ended");
            }
        });
        Ok(client)
    }

    async fn prepare(&self, client: &Client, database: &str) -> Result<(), OpenError> {
        let failed = |step| {
            move |source| OpenError::PreparationFailed {
                cluster: self.options.identifier.clone(),
                database: database.to_owned(),
                step,
                source,
            }
        };
        let version = client
            .query_one("SELECT current_setting('server_version_num')::integer", &[])
            .await
            .map_err(failed("read the server's version"))?
            .get(0);
        if version < OLDEST_SERVER {
            return Err(OpenError::ServerTooOld {
                cluster: self.options.identifier.clone(),
                found: version,
            });
        }
        let begin = "BEGIN; SET LOCAL allow_system_table_mods = on; SET LOCAL client_min_messages = warning; \
                     SELECT pg_advisory_xact_lock(7301120)";
        client.batch_execute(begin).await.map_err(failed("begin"))?;
        for (name, script) in SCRIPTS {
            client.batch_execute(script).await.map_err(failed(name))?;
        }
        client.batch_execute("COMMIT").await.map_err(failed("commit"))
    }
}
