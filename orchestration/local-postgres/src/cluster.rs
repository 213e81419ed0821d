//! A cluster: one data folder, one server, the databases in it.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use tokio_postgres::error::SqlState;

use crate::data_dir::{DataDir, SOCKET_PARENT, SOCKET_PREFIX, give_to};
use crate::server::{Launch, Server, as_server_user};
use crate::{Binaries, PostgresError, password};

/// The superuser of every cluster of ours. Its password is made with the cluster: whoever else uses this machine reaches the port and the
/// socket as well as we do, and a superuser runs programs.
pub const SUPERUSER: &str = "longshore";

/// The port in the name of the socket file when nothing listens on TCP.
const SOCKET_PORT: u16 = 5432;

/// Whether what was committed must survive a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// fsync on: what was committed survives a power cut.
    Durable,
    /// fsync off, and **the data folder is removed when the server ends**. It must not exist or be empty before.
    ThrowAway,
}

/// What a cluster is started with.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// The folder of the cluster; `<data_dir>.lock`, `<data_dir>.log` and `<data_dir>.password` are put beside it.
    pub data_dir: PathBuf,
    /// Whether it survives.
    pub durability: Durability,
    /// `max_connections` of the server.
    pub max_connections: u32,
    /// Further server settings, name and value, applied after ours.
    pub settings: Vec<(String, String)>,
    /// The port on 127.0.0.1; 0 takes a free one. None: only the unix socket.
    pub listen_port: Option<u16>,
}

impl ClusterOptions {
    /// A durable cluster with 100 connections that listens on its socket alone.
    pub fn at(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            durability: Durability::Durable,
            max_connections: 100,
            settings: Vec::new(),
            listen_port: None,
        }
    }
}

/// A running server; dropping it stops it.
#[derive(Debug)]
pub struct Cluster {
    server: Option<Server>,
    data_dir: DataDir,
    socket_folder: TempDir,
    port: u16,
    listens_on_tcp: bool,
    /// None of a folder that was made before there were any.
    password: Option<String>,
}

impl Cluster {
    /// Initialises the folder if it is empty, starts the server, and returns once it accepts connections.
    ///
    /// Blocks for about 50 ms, and another 0.5 s for a new folder. A server that a killed process of ours left on the folder is
    /// stopped first; one whose owner is alive is not touched.
    ///
    /// # Errors
    /// Any [`PostgresError`] but `Refused`; each says what to do about it.
    pub fn start(options: ClusterOptions) -> Result<Self, PostgresError> {
        let data_dir = DataDir::claim(&options.data_dir)?;
        let binaries = data_dir.binaries()?;
        if data_dir.is_empty() {
            password::make(&data_dir)?;
            initialise(&binaries, &data_dir, options.durability)?;
        } else if options.durability == Durability::ThrowAway {
            return Err(PostgresError::DataFolderNotEmpty {
                data_dir: data_dir.path().to_path_buf(),
            });
        }
        let password = password::read(&data_dir)?;
        let socket_folder = socket_folder(&data_dir)?;
        let port = match options.listen_port {
            Some(0) => free_port()?,
            Some(port) => port,
            None => SOCKET_PORT,
        };
        let server = Server::start(&Launch {
            binaries: &binaries,
            data_dir: &data_dir,
            socket_folder: socket_folder.path(),
            port,
            settings: &server_settings(&options),
            removes_data: options.durability == Durability::ThrowAway,
        })?;
        let listens_on_tcp = options.listen_port.is_some();
        Ok(Self {
            server: Some(server),
            data_dir,
            socket_folder,
            port,
            listens_on_tcp,
            password,
        })
    }

    /// The superuser's password.
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// The folder of the server's unix socket.
    pub fn socket_dir(&self) -> &Path {
        self.socket_folder.path()
    }

    /// The TCP port, or the port in the socket's name when nothing listens on TCP.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id of the postmaster.
    pub fn process_id(&self) -> i32 {
        self.server.as_ref().map_or(0, Server::process_id)
    }

    /// A URL that psql, psycopg and tokio-postgres accept. The password is in it: it belongs on no command line.
    pub fn url(&self, database: &str) -> String {
        let database = percent_encode(database);
        let password = self.password().map(|password| format!(":{password}"));
        let user = format!("{SUPERUSER}{}", password.unwrap_or_default());
        if self.listens_on_tcp {
            return format!("postgresql://{user}@127.0.0.1:{}/{database}", self.port);
        }
        let folder = percent_encode(&self.socket_dir().to_string_lossy());
        format!("postgresql://{user}@{folder}:{}/{database}", self.port)
    }

    /// How tokio-postgres reaches a database here: through the socket, which needs no TLS.
    pub fn config(&self, database: &str) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        config
            .host_path(self.socket_dir())
            .port(self.port)
            .user(SUPERUSER)
            .dbname(database);
        if let Some(password) = self.password() {
            config.password(password);
        }
        config
    }

    /// A connection, driven by a task of the current runtime.
    ///
    /// # Errors
    /// [`PostgresError::Refused`].
    pub async fn connect(&self, database: &str) -> Result<tokio_postgres::Client, PostgresError> {
        let (client, connection) = self
            .config(database)
            .connect(tokio_postgres::NoTls)
            .await
            .map_err(refused("connect", database))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended");
            }
        });
        Ok(client)
    }

    /// Creates a database; true when it was not there before. Two at once for one name are no error.
    ///
    /// # Errors
    /// [`PostgresError::Refused`].
    pub async fn create_database_if_absent(&self, name: &str) -> Result<bool, PostgresError> {
        let client = self.connect("postgres").await?;
        let known = client
            .query_opt(
                "SELECT 1 FROM pg_catalog.pg_database WHERE datname = $1",
                &[&name],
            )
            .await
            .map_err(refused("look for a database", name))?;
        if known.is_some() {
            return Ok(false);
        }
        let quoted = name.replace('"', "\"\"");
        match client
            .batch_execute(&format!("CREATE DATABASE \"{quoted}\""))
            .await
        {
            Ok(()) => Ok(true),
            Err(error) if is_duplicate(&error) => Ok(false),
            Err(error) => Err(refused("create database", name)(error)),
        }
    }

    /// Fast shutdown: open transactions are rolled back, and what was committed is on disk.
    ///
    /// # Errors
    /// [`PostgresError::Io`] when the process cannot be waited for.
    pub fn stop(mut self) -> Result<(), PostgresError> {
        match self.server.take() {
            Some(mut server) => server.stop(self.data_dir.path()),
            None => Ok(()),
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let Some(mut server) = self.server.take() else {
            return;
        };
        if let Err(error) = server.stop(self.data_dir.path()) {
            tracing::warn!(%error, "could not stop the server");
        }
    }
}

fn initialise(binaries: &Binaries, data_dir: &DataDir, durability: Durability) -> Result<(), PostgresError> {
    data_dir.create()?;
    let program = binaries.program("initdb");
    let mut command = as_server_user(Command::new(&program), data_dir);
    command.args([
        "--auth=scram-sha-256",
        "--username",
        SUPERUSER,
        "--encoding=UTF8",
        "--locale=C.UTF-8",
    ]);
    command.arg("--pwfile").arg(password::file_of(data_dir));
    if durability == Durability::ThrowAway {
        command.arg("--no-sync");
    }
    let output = command
        .arg("-D")
        .arg(data_dir.path())
        .output()
        .map_err(PostgresError::io("run", &program))?;
    if output.status.success() {
        return Ok(());
    }
    Err(PostgresError::InitialisationFailed {
        data_dir: data_dir.path().to_path_buf(),
        output: String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; "),
    })
}

/// A folder with a short path: the path of a socket has 107 bytes at most.
fn socket_folder(data_dir: &DataDir) -> Result<TempDir, PostgresError> {
    let folder = tempfile::Builder::new()
        .prefix(SOCKET_PREFIX)
        .permissions(std::fs::Permissions::from_mode(0o755))
        .tempdir_in(SOCKET_PARENT)
        .map_err(PostgresError::io("create a socket folder in", SOCKET_PARENT))?;
    give_to(folder.path(), data_dir.server_user())?;
    Ok(folder)
}

/// Free now; somebody else may take it before the server does, and then the server says so.
fn free_port() -> Result<u16, PostgresError> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(PostgresError::io("find a free port on", "127.0.0.1"))
}

fn server_settings(options: &ClusterOptions) -> Vec<(String, String)> {
    let listen = if options.listen_port.is_some() {
        "127.0.0.1"
    } else {
        ""
    };
    let connections = options.max_connections.to_string();
    let mut settings = vec![
        ("listen_addresses", listen),
        ("max_connections", &connections),
        ("timezone", "UTC"),
        ("log_timezone", "UTC"),
        ("max_wal_size", "4GB"),
    ];
    if options.durability == Durability::ThrowAway {
        settings.extend([
            ("fsync", "off"),
            ("synchronous_commit", "off"),
            ("full_page_writes", "off"),
            ("wal_level", "minimal"),
            ("max_wal_senders", "0"),
        ]);
    }
    let ours = settings
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    ours.chain(options.settings.iter().cloned()).collect()
}

fn refused(action: &'static str, database: &str) -> impl FnOnce(tokio_postgres::Error) -> PostgresError {
    let database = database.to_owned();
    move |source| PostgresError::Refused {
        action,
        database,
        source,
    }
}

/// Somebody created it between our look and our CREATE; PostgreSQL says it in either of two ways.
fn is_duplicate(error: &tokio_postgres::Error) -> bool {
    matches!(error.code(), Some(code) if *code == SqlState::DUPLICATE_DATABASE || *code == SqlState::UNIQUE_VIOLATION)
}

fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
