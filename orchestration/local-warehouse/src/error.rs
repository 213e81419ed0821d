//! The two ways the warehouse says no: to a caller of the API, and to its owner.

use std::fmt;

/// What the Data API answers instead of a result: an exception of its service model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// The exception's name, such as `ValidationException`.
    pub code: &'static str,
    /// The sentence for the caller.
    pub message: String,
    /// The HTTP status that goes with it.
    pub status: u16,
}

impl ApiError {
    /// The request makes no sense; sending it again will not help.
    pub(crate) fn validation(message: impl fmt::Display) -> Self {
        Self {
            code: "ValidationException",
            message: message.to_string(),
            status: 400,
        }
    }

    /// A value is none of those that the service model knows.
    pub(crate) fn not_in_enum(field: &str, value: &str, known: &[&str]) -> Self {
        Self::validation(format!(
            "Value '{value}' at '{field}' failed to satisfy constraint: Member must satisfy enum value set: {known:?}"
        ))
    }

    /// There is no such statement, table or database.
    pub(crate) fn not_found(message: impl fmt::Display) -> Self {
        Self {
            code: "ResourceNotFoundException",
            message: message.to_string(),
            status: 400,
        }
    }

    /// Too many statements are under way.
    pub(crate) fn too_many_statements(limit: usize) -> Self {
        let message = format!("Active statements exceeded the allowed quota ({limit}).");
        Self {
            code: "ActiveStatementsExceededException",
            message,
            status: 400,
        }
    }

    /// Too many sessions are open.
    pub(crate) fn too_many_sessions(limit: usize) -> Self {
        let message = format!("Active sessions exceeded the allowed quota ({limit}).");
        Self {
            code: "ActiveSessionsExceededException",
            message,
            status: 400,
        }
    }

    /// Too many calls wait for the same statement to end.
    pub(crate) fn too_many_waiting_requests(limit: usize) -> Self {
        let message = format!("Active waiting requests exceeded the allowed quota ({limit}).");
        Self {
            code: "ActiveWaitingRequestsExceededException",
            message,
            status: 400,
        }
    }

    /// The operation does not exist, or not here.
    pub(crate) fn unknown_operation(operation: &str) -> Self {
        let message = format!("Operation {operation} is not supported by the local warehouse");
        Self {
            code: "UnknownOperationException",
            message,
            status: 404,
        }
    }

    /// A synchronous statement of ours on the database failed; it may work again later.
    pub(crate) fn internal(error: &dyn std::error::Error) -> Self {
        Self {
            code: "InternalServerException",
            message: error_chain(error),
            status: 500,
        }
    }

    /// The database refused what the caller asked to see.
    pub(crate) fn database(error: &dyn std::error::Error) -> Self {
        Self {
            code: "DatabaseConnectionException",
            message: error_chain(error),
            status: 500,
        }
    }
}

/// Why the warehouse could not be opened, or a database not be prepared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no cluster of that name among the options.
    #[error("there is no cluster {cluster}")]
    ClusterUnknown {
        /// The name asked for.
        cluster: String,
    },
    /// A database of a cluster does not answer.
    #[error("connect to database {database} of cluster {cluster}")]
    DatabaseUnreachable {
        /// The cluster.
        cluster: String,
        /// The database.
        database: String,
        /// The cause.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The server cannot do what Redshift does.
    #[error("cluster {cluster} runs PostgreSQL {found}, and MERGE needs 15 or newer")]
    ServerTooOld {
        /// The cluster.
        cluster: String,
        /// `server_version_num`.
        found: i32,
    },
    /// The functions, casts, views and tables of the warehouse could not be installed.
    #[error("prepare database {database} of cluster {cluster}: {step}")]
    PreparationFailed {
        /// The cluster.
        cluster: String,
        /// The database.
        database: String,
        /// The script, or the statement, that failed.
        step: &'static str,
        /// The cause.
        #[source]
        source: tokio_postgres::Error,
    },
}

/// An error with its causes, for the edge where it is printed.
pub(crate) fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text.push_str(": ");
        text.push_str(&source.to_string());
        cause = source.source();
    }
    text
}
