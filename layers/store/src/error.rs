//! Why the control database did not do what was asked.

use std::error::Error;
use std::io;

use deadpool_postgres::{HookError, PoolError};
use longshore_domain::disposition::Disposition;
use tokio_postgres::error::{DbError, SqlState};

use crate::tls::Tls;

/// The cause of a [`StoreError`], for the chain that is printed once at the edge.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Why the control database did not do what was asked. `action` names the query or the step, which is the log's and not the reader's affair.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No connection, or it broke: starting up, failing over, a network in between.
    #[error("the control database cannot be reached")]
    Unreachable {
        /// What was tried.
        action: &'static str,
        /// The cause.
        #[source]
        source: Cause,
    },
    /// No answer in time, or no connection free in time.
    #[error("the control database did not answer in time")]
    Timeout {
        /// What was tried.
        action: &'static str,
        /// The cause.
        #[source]
        source: Cause,
    },
    /// Another transaction was in the way; the same call succeeds once it is over.
    #[error("another transaction was in the way")]
    Conflict {
        /// What was tried.
        action: &'static str,
        /// The cause.
        #[source]
        source: Cause,
    },
    /// The database has no room: connections, memory or disk.
    #[error("the control database is out of connections, memory or disk")]
    Exhausted {
        /// What was tried.
        action: &'static str,
        /// The cause.
        #[source]
        source: Cause,
    },
    /// A table, column or function is missing.
    #[error("schema {schema} is missing or older than this program; run: longshore migrate")]
    SchemaMissing {
        /// What was tried.
        action: &'static str,
        /// The schema that was looked in.
        schema: String,
        /// The cause.
        #[source]
        source: Cause,
    },
    /// The database of the settings does not exist.
    #[error("database {database:?} does not exist on that server; create it or mend the secret")]
    DatabaseMissing {
        /// What was tried.
        action: &'static str,
        /// The database.
        database: String,
        /// The cause.
        #[source]
        source: Cause,
    },
    /// Wrong user or password, or a right that the user lacks.
    #[error("user {user:?} is refused; mend the secret or grant the right")]
    Denied {
        /// What was tried.
        action: &'static str,
        /// As whom we came.
        user: String,
        /// The cause.
        #[source]
        source: Cause,
    },
    /// The server's certificate, or the want of TLS on either side.
    #[error("no trusted TLS connection to the control database")]
    TlsRefused {
        /// What was tried.
        action: &'static str,
        /// The cause.
        #[source]
        source: Cause,
    },
    /// The certificates to trust cannot be read.
    #[error("the certificates to trust cannot be read: {problem}")]
    CertificatesUnreadable {
        /// What is wrong with which.
        problem: String,
    },
    /// The database refused a row that could not have come about.
    #[error("the control database refuses the row by {constraint}")]
    ConstraintViolated {
        /// What was tried.
        action: &'static str,
        /// The constraint's name, or the column that may not be empty.
        constraint: String,
        /// The cause.
        #[source]
        source: Cause,
    },
    /// What was asked about is not there.
    #[error("there is no {what} on the ledger")]
    NotFound {
        /// What was tried.
        action: &'static str,
        /// What is missing, with its id.
        what: String,
    },
    /// A number that the database cannot hold.
    #[error("{column} = {value} is beyond what the control database can count")]
    CountTooLarge {
        /// What was tried.
        action: &'static str,
        /// The column.
        column: &'static str,
        /// The number.
        value: u128,
    },
    /// A row that we cannot read.
    #[error("{table}.{column} holds what this program cannot read: {problem}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// What it holds.
        problem: String,
    },
    /// The migrations that the database had do not fit this program's, or one of them failed.
    #[error("migrate schema {schema}: {problem}")]
    MigrationRefused {
        /// The schema.
        schema: String,
        /// What does not fit.
        problem: String,
        /// The cause.
        #[source]
        source: Cause,
    },
    /// The database refused for a reason that we did not foresee.
    #[error("the control database refused")]
    Refused {
        /// What was tried.
        action: &'static str,
        /// The cause.
        #[source]
        source: Cause,
    },
}

impl StoreError {
    /// The query or the step that it came of, for a log.
    pub fn action(&self) -> Option<&'static str> {
        match self {
            Self::Unreachable { action, .. }
            | Self::Timeout { action, .. }
            | Self::Conflict { action, .. }
            | Self::Exhausted { action, .. }
            | Self::SchemaMissing { action, .. }
            | Self::DatabaseMissing { action, .. }
            | Self::Denied { action, .. }
            | Self::TlsRefused { action, .. }
            | Self::ConstraintViolated { action, .. }
            | Self::NotFound { action, .. }
            | Self::CountTooLarge { action, .. }
            | Self::Refused { action, .. } => Some(action),
            Self::CertificatesUnreadable { .. } | Self::Corrupt { .. } | Self::MigrationRefused { .. } => {
                None
            }
        }
    }

    /// What is to be done about it.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::Conflict { .. }
            | Self::Exhausted { .. } => Disposition::Retry,
            Self::SchemaMissing { .. }
            | Self::DatabaseMissing { .. }
            | Self::Denied { .. }
            | Self::TlsRefused { .. }
            | Self::CertificatesUnreadable { .. }
            | Self::MigrationRefused { .. } => Disposition::Misconfigured,
            Self::ConstraintViolated { .. }
            | Self::NotFound { .. }
            | Self::CountTooLarge { .. }
            | Self::Corrupt { .. }
            | Self::Refused { .. } => Disposition::Bug,
        }
    }
}

/// What an error message says beyond the error itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) schema: String,
    pub(crate) database: String,
    pub(crate) user: String,
    pub(crate) tls: Tls,
}

impl Place {
    /// Reads an error of the driver by its SQLSTATE, never by its text.
    pub(crate) fn error(&self, action: &'static str, error: tokio_postgres::Error) -> StoreError {
        let Some(refusal) = error.as_db_error() else {
            return without_sqlstate(action, error);
        };
        let constraint = constraint_of(refusal);
        let state = refusal.code().clone();
        let source: Cause = Box::new(error);
        match state {
            SqlState::INVALID_CATALOG_NAME => StoreError::DatabaseMissing {
                action,
                database: self.database.clone(),
                source,
            },
            // A database that takes no connections for now: it is being restored, renamed or copied.
            SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE => StoreError::Unreachable { action, source },
            // One that takes no writes: after a failover we are still at the one that was demoted. And a session that the server
            // ended while a frozen function had a transaction open.
            SqlState::READ_ONLY_SQL_TRANSACTION | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => {
                StoreError::Unreachable { action, source }
            }
            SqlState::QUERY_CANCELED | SqlState::LOCK_NOT_AVAILABLE => StoreError::Timeout { action, source },
            SqlState::INSUFFICIENT_PRIVILEGE => self.denied(action, source),
            SqlState::UNDEFINED_TABLE
            | SqlState::UNDEFINED_COLUMN
            | SqlState::UNDEFINED_FUNCTION
            | SqlState::INVALID_SCHEMA_NAME => StoreError::SchemaMissing {
                action,
                schema: self.schema.clone(),
                source,
            },
            state => match &state.code()[..2] {
                "08" | "57" => StoreError::Unreachable { action, source },
                "28" => self.denied(action, source),
                "40" => StoreError::Conflict { action, source },
                "53" => StoreError::Exhausted { action, source },
                "23" => StoreError::ConstraintViolated {
                    action,
                    constraint,
                    source,
                },
                _ => StoreError::Refused { action, source },
            },
        }
    }

    /// Reads an error of the pool.
    pub(crate) fn pool_error(&self, action: &'static str, error: PoolError) -> StoreError {
        match error {
            PoolError::Backend(error) => self.connect_error(action, error),
            PoolError::PostCreateHook(HookError::Backend(error)) => self.error(action, error),
            PoolError::Timeout(_) => StoreError::Timeout {
                action,
                source: Box::new(error),
            },
            PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
                StoreError::Refused {
                    action,
                    source: Box::new(error),
                }
            }
        }
    }

    /// While connecting, what neither the server nor the network said comes from the handshake: a certificate that we do not
    /// trust, or a server that speaks no TLS.
    fn connect_error(&self, action: &'static str, error: tokio_postgres::Error) -> StoreError {
        match self.error(action, error) {
            StoreError::Refused { action, source } if self.tls != Tls::Off => {
                StoreError::TlsRefused { action, source }
            }
            other => other,
        }
    }

    fn denied(&self, action: &'static str, source: Cause) -> StoreError {
        StoreError::Denied {
            action,
            user: self.user.clone(),
            source,
        }
    }
}

fn constraint_of(refusal: &DbError) -> String {
    refusal
        .constraint()
        .or(refusal.column())
        .unwrap_or("an unnamed constraint")
        .to_owned()
}

/// The server said nothing: the connection is at fault, or what we sent or read was of the wrong type.
fn without_sqlstate(action: &'static str, error: tokio_postgres::Error) -> StoreError {
    let is_tls = causes(&error).any(is_tls_error);
    let is_io = causes(&error).any(|cause| cause.is::<io::Error>());
    let is_connection = error.is_closed() || is_io;
    let source: Cause = Box::new(error);
    if is_tls {
        return StoreError::TlsRefused { action, source };
    }
    if is_connection {
        return StoreError::Unreachable { action, source };
    }
    StoreError::Refused { action, source }
}

fn causes(error: &tokio_postgres::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}

/// An `io::Error` gives its inner error's source as its own, and so hides the inner error itself.
fn is_tls_error(cause: &(dyn Error + 'static)) -> bool {
    let inner = cause
        .downcast_ref::<io::Error>()
        .and_then(|error| error.get_ref());
    cause.is::<rustls::Error>() || inner.is_some_and(|inner| inner.is::<rustls::Error>())
}
