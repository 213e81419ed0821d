//! A migrated control database with rules in it, for one test.

use std::sync::atomic::{AtomicUsize, Ordering};

use longshore_store::{ConnectOptions, Password, Store, Tls};
use longshore_testkit::TestDatabase;
use tokio_postgres::Client;

use super::rules::Rule;
use super::world::World;

pub(crate) struct Bench {
    pub(crate) store: Store,
    /// Beside the store, as superuser.
    pub(crate) client: Client,
    /// Dropped last.
    database: TestDatabase,
    worlds: AtomicUsize,
}

impl Bench {
    pub(crate) async fn with(rules: &[Rule]) -> Self {
        let database = TestDatabase::create().await.unwrap();
        let store = Store::connect(options(&database)).unwrap();
        store.migrate().await.unwrap();
        let client = database.client().await.unwrap();
        for rule in rules {
            rule.insert(&client).await;
        }
        Self {
            store,
            client,
            database,
            worlds: AtomicUsize::new(0),
        }
    }

    /// A new world on this control database: an empty bucket, and a warehouse that was never loaded into.
    pub(crate) fn world(&self) -> World {
        let number = self.worlds.fetch_add(1, Ordering::Relaxed);
        World::new(self.store.clone(), number)
    }

    pub(crate) fn database(&self) -> &TestDatabase {
        &self.database
    }

    /// The same of a world that reaches the control database by another port, over one connection.
    pub(crate) fn world_on(&self, port: u16) -> World {
        let store = Store::connect(ConnectOptions {
            host: "127.0.0.1".to_owned(),
            port,
            max_connections: 1,
            ..options(&self.database)
        });
        self.world().on(store.unwrap())
    }

    /// Runs SQL beside the store.
    pub(crate) async fn run(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap();
    }
}

fn options(database: &TestDatabase) -> ConnectOptions {
    let server = database.server();
    ConnectOptions {
        host: server.host(),
        port: server.port(),
        user: server.user().to_owned(),
        password: Password::new(server.password().unwrap_or_default()),
        database: database.name().to_owned(),
        tls: Tls::Off,
        schema: "rdscnfg".to_owned(),
        max_connections: 8,
        application_name: "app tests".to_owned(),
    }
}
