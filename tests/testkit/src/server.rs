//! A server for tests: one that runs already, or a throw-away one of this process.

use std::fs::{self, DirEntry, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::Context;
use longshore_local_postgres::{Cluster, ClusterOptions, Durability};
use tempfile::TempDir;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// Names a server that runs already: `postgresql://superuser@host:port/postgres`, or a socket folder in place of the host.
pub const DATABASE_URL_VARIABLE: &str = "LONGSHORE_TEST_DATABASE_URL";

/// A server that tests may make databases on.
#[derive(Debug, Clone)]
pub struct TestServer {
    config: Config,
}

/// Never dropped: the server ends by itself when this process does, and takes its data along.
static OWN_SERVER: Mutex<Option<ThrowAwayServer>> = Mutex::new(None);

/// Where servers lie.
const SERVERS: &str = "/tmp";
/// How the folders of servers begin.
const FOLDER_PREFIX: &str = "longshore-test-";
/// A folder this old whose lock nobody holds was left behind by a test process.
const LEFT_BEHIND: Duration = Duration::from_secs(600);

impl TestServer {
    /// The server that the environment names, else this process's own, started when first asked for.
    ///
    /// # Errors
    /// When PostgreSQL is not installed (the message says the command) or does not start.
    pub fn shared() -> anyhow::Result<Self> {
        #[expect(
            clippy::disallowed_methods,
            reason = "settings are the product's; this names a server for tests"
        )]
        let url = std::env::var(DATABASE_URL_VARIABLE);
        match url {
            Ok(url) => Self::at(&url),
            Err(_) => Self::own(),
        }
    }

    /// A server that runs already.
    ///
    /// # Errors
    /// When the URL cannot be read.
    pub fn at(url: &str) -> anyhow::Result<Self> {
        let config = url
            .parse()
            .with_context(|| format!("read {DATABASE_URL_VARIABLE}"))?;
        Ok(Self { config })
    }

    /// The throw-away server of this process, started when first asked for.
    ///
    /// # Errors
    /// When PostgreSQL is not installed (the message says the command) or does not start.
    pub fn own() -> anyhow::Result<Self> {
        let mut own = OWN_SERVER
            .lock()
            .map_err(|_| anyhow::anyhow!("another test's server did not start"))?;
        let server = match own.take() {
            Some(server) => server,
            None => ThrowAwayServer::start()?,
        };
        let config = server.cluster.config("postgres");
        *own = Some(server);
        Ok(Self { config })
    }

    /// The host name or socket folder.
    pub fn host(&self) -> String {
        match self.config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            Some(Host::Unix(folder)) => folder.to_string_lossy().into_owned(),
            None => "127.0.0.1".to_owned(),
        }
    }

    /// The port, also in the name of a socket.
    pub fn port(&self) -> u16 {
        self.config.get_ports().first().copied().unwrap_or(5432)
    }

    /// The superuser.
    pub fn user(&self) -> &str {
        self.config.get_user().unwrap_or("postgres")
    }

    /// The superuser's password, where the server asks for one.
    pub fn password(&self) -> Option<String> {
        let bytes = self.config.get_password()?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    }

    /// How tokio-postgres reaches a database of it.
    pub fn config(&self, database: &str) -> Config {
        let mut config = self.config.clone();
        config.dbname(database);
        config
    }
}

/// A server that ends when it is dropped, or when this process ends.
#[derive(Debug)]
pub struct ThrowAwayServer {
    // Dropped in this order.
    cluster: Cluster,
    _folder: TempDir,
}

impl ThrowAwayServer {
    /// Starts a server without durability.
    ///
    /// # Errors
    /// When PostgreSQL is not installed (the message says the command) or does not start.
    pub fn start() -> anyhow::Result<Self> {
        sweep();
        let folder = reachable_folder()?;
        let cluster = Cluster::start(ClusterOptions {
            durability: Durability::ThrowAway,
            max_connections: 200,
            ..ClusterOptions::at(folder.path().join("pg"))
        })
        .context("start PostgreSQL for tests")?;
        Ok(Self {
            cluster,
            _folder: folder,
        })
    }

    /// What [`DATABASE_URL_VARIABLE`] takes.
    pub fn url(&self) -> String {
        self.cluster.url("postgres")
    }
}

/// A folder through which the server's user may pass, also when the temporary folder of this user is closed to others.
fn reachable_folder() -> anyhow::Result<TempDir> {
    tempfile::Builder::new()
        .prefix(FOLDER_PREFIX)
        .permissions(Permissions::from_mode(0o755))
        .tempdir_in(SERVERS)
        .with_context(|| format!("create a folder in {SERVERS}"))
}

/// A process that ends drops no statics, so its server's lock and log stay: the next one tidies up. What cannot be removed
/// is left to the one after.
fn sweep() {
    let folders = fs::read_dir(SERVERS).into_iter().flatten().flatten();
    for folder in folders {
        if is_left_behind(&folder).unwrap_or(false) {
            fs::remove_dir_all(folder.path()).ok();
        }
    }
}

fn is_left_behind(folder: &DirEntry) -> io::Result<bool> {
    let is_ours = folder.file_name().to_string_lossy().starts_with(FOLDER_PREFIX);
    if !is_ours || folder.metadata()?.modified()?.elapsed().unwrap_or_default() < LEFT_BEHIND {
        return Ok(false);
    }
    let lock = File::open(folder.path().join("pg.lock"))?;
    Ok(lock.try_lock().is_ok())
}
