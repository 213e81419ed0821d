//! What can go wrong between "start a server" and a server.

use std::io;
use std::path::PathBuf;

/// Why there is no server, or why it did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresError {
    /// No server binaries of a usable version are installed.
    #[error(
        "PostgreSQL server binaries (initdb and postgres) of version {needed} or newer were not found{found}; install them with `{install}`"
    )]
    BinariesMissing {
        /// The oldest major version that would do.
        needed: u32,
        /// What was found instead, as the tail of the sentence; empty when nothing was.
        found: String,
        /// The command that installs them on this kind of machine.
        install: &'static str,
    },
    /// The data folder was written by a major version that is not installed.
    #[error(
        "data folder {} was written by PostgreSQL {written_by}, and that version is not installed; install it, or start with an empty folder",
        data_dir.display()
    )]
    DataFolderOfOtherVersion {
        /// The folder.
        data_dir: PathBuf,
        /// The major version in its `PG_VERSION`.
        written_by: u32,
    },
    /// A living process of ours runs a server on this folder.
    #[error("data folder {} is in use by another process; stop that one or choose another folder", data_dir.display())]
    DataFolderInUse {
        /// The folder.
        data_dir: PathBuf,
    },
    /// A throw-away server deletes its folder when it ends, so it may only have an empty one.
    #[error("data folder {} is not empty; a throw-away server needs a folder of its own", data_dir.display())]
    DataFolderNotEmpty {
        /// The folder.
        data_dir: PathBuf,
    },
    /// The server's user cannot reach the data folder.
    #[error(
        "user {user}, as whom the server runs, may not pass through {}; `chmod o+x` it or choose a data folder elsewhere",
        folder.display()
    )]
    DataFolderUnreachable {
        /// The first folder on the way that is closed.
        folder: PathBuf,
        /// The server's user.
        user: String,
    },
    /// We are root, and there is no user as whom the server could run.
    #[error(
        "PostgreSQL refuses to run as root and there is no user `postgres`; create it with `useradd --system postgres`"
    )]
    ServerUserMissing,
    /// A server that nobody owns any more would not stop.
    #[error("process {process_id} still serves data folder {} and does not stop", data_dir.display())]
    OldServerStays {
        /// The folder.
        data_dir: PathBuf,
        /// Its postmaster.
        process_id: i32,
    },
    /// `initdb` failed.
    #[error("initdb of {} failed: {output}", data_dir.display())]
    InitialisationFailed {
        /// The folder.
        data_dir: PathBuf,
        /// What initdb wrote.
        output: String,
    },
    /// The server ended, or did not accept connections in time.
    #[error("the server on {} did not start: {log}", data_dir.display())]
    NotStarted {
        /// The folder.
        data_dir: PathBuf,
        /// The last lines of the server's log.
        log: String,
    },
    /// The file system or the process table refused.
    #[error("{action} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The server refused a connection or a statement.
    #[error("{action} on database {database}")]
    Refused {
        /// What was tried, as a verb.
        action: &'static str,
        /// Where.
        database: String,
        /// The cause.
        #[source]
        source: tokio_postgres::Error,
    },
}

impl PostgresError {
    /// Wraps an I/O error with what was done to what.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
