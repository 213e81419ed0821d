//! A database for one test.

use anyhow::Context;
use tokio_postgres::{Client, Config, NoTls};
use uuid::Uuid;

use crate::TestServer;

/// An empty database of its own; dropped with the value, whoever is still connected.
#[derive(Debug)]
pub struct TestDatabase {
    server: TestServer,
    name: String,
}

impl TestDatabase {
    /// Makes a database on the shared server.
    ///
    /// # Errors
    /// When there is no server, or it refuses.
    pub async fn create() -> anyhow::Result<Self> {
        Self::create_on(TestServer::shared()?).await
    }

    /// Makes a database on a server.
    ///
    /// # Errors
    /// When the server cannot be reached, or refuses.
    pub async fn create_on(server: TestServer) -> anyhow::Result<Self> {
        let name = format!("longshore_test_{}", Uuid::new_v4().simple());
        // template0: nobody connects to it, and a template in use cannot be copied.
        let sql = format!("CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy");
        connect(&server.config("postgres"))
            .await?
            .batch_execute(&sql)
            .await
            .context("create a database for the test")?;
        Ok(Self { server, name })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server that it is on.
    pub fn server(&self) -> &TestServer {
        &self.server
    }

    /// How tokio-postgres reaches it.
    pub fn config(&self) -> Config {
        self.server.config(&self.name)
    }

    /// A connection as superuser, driven by a task of the current runtime.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn client(&self) -> anyhow::Result<Client> {
        connect(&self.config()).await
    }
}

impl Drop for TestDatabase {
    /// Dropping is not async, and the test's runtime may be ending: a thread with a runtime of its own does it. A database
    /// that cannot be dropped is left to whoever runs the server; a throw-away one takes it along.
    fn drop(&mut self) {
        let config = self.server.config("postgres");
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let dropper = std::thread::spawn(move || -> anyhow::Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async { Ok(connect(&config).await?.batch_execute(&sql).await?) })
        });
        drop(dropper.join());
    }
}

async fn connect(config: &Config) -> anyhow::Result<Client> {
    let (client, connection) = config
        .connect(NoTls)
        .await
        .context("connect to the test server")?;
    // Its end is the end of the client, and a test that cares sees it there.
    tokio::spawn(async move { connection.await.ok() });
    Ok(client)
}
