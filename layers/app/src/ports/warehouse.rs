//! The warehouse's Data API, as far as a loader needs it.

use std::time::Duration;

use async_trait::async_trait;
use longshore_domain::disposition::Disposition;
use longshore_domain::fault::WarehouseFault;
use longshore_domain::target::Warehouse;

use super::BoxError;

/// Runs SQL in warehouses without holding a connection.
#[async_trait]
pub trait WarehouseClient: Send + Sync {
    /// Hands a statement over, with status events on. Gives the service's statement id. The same token within eight
    /// hours gives the first call's id and runs nothing again.
    async fn submit(&self, warehouse: &Warehouse, submission: &Submission) -> Result<String, WarehouseError>;

    /// The id of the statement that was handed over under this very name, whatever became of it: how a submission whose answer
    /// was lost is found again. The service remembers statements for a day.
    async fn find(&self, warehouse: &Warehouse, name: &str) -> Result<Option<String>, WarehouseError>;

    /// How a statement stands.
    async fn describe(&self, statement_id: &str) -> Result<StatementReport, WarehouseError>;

    /// Asks to stop a statement. How it ends, or had ended already, [`describe`](Self::describe) says.
    async fn cancel(&self, statement_id: &str) -> Result<(), WarehouseError>;

    /// Runs one short statement without events and waits for its end, at most `patience`. Gives its rows as text, `None`
    /// for NULL; no rows for a statement that returns none.
    async fn run(
        &self,
        warehouse: &Warehouse,
        sql: &str,
        patience: Duration,
    ) -> Result<Vec<Vec<Option<String>>>, WarehouseError>;
}

/// A statement to hand over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The opaque name; the event rule filters on its prefix.
    pub name: String,
    /// Makes the call idempotent.
    pub client_token: String,
    /// The key of encrypted files, to be put in at the last moment: nothing that is kept, logged or told ever holds it.
    pub sealed: Option<Sealed>,
    /// What to run.
    pub sql: SubmissionSql,
}

/// A key that is named by its secret, and where it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The secret, by name or ARN.
    pub secret_id: String,
    /// The statement of the transaction, from 0.
    pub statement: usize,
    /// What stands there for the whole clause.
    pub placeholder: &'static str,
}

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubmissionSql {
    /// 1 to 40 statements as one transaction.
    Transaction(Vec<String>),
    /// One statement on its own, which may commit by itself.
    Single(String),
}

/// How far a statement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementRun {
    /// Submitted, picked or started.
    Running,
    /// Done, committed.
    Finished,
    /// Failed, rolled back.
    Failed,
    /// Cancelled, rolled back.
    Aborted,
}

/// How a statement stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementReport {
    /// How far it is.
    pub run: StatementRun,
    /// The warehouse's error text.
    pub error: Option<String>,
    /// What that text means, where there is one.
    pub fault: Option<WarehouseFault>,
    /// How long it ran.
    pub duration: Duration,
    /// Rows returned or affected; `None` where the service says -1.
    pub rows: Option<u64>,
    /// The warehouse's own query id; absent on the parent of a transaction.
    pub query_id: Option<i64>,
    /// The statements of a transaction, in order. Empty for a single statement.
    pub steps: Vec<StepReport>,
}

/// How one statement of a transaction stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepReport {
    /// How far it is.
    pub run: StatementRun,
    /// The warehouse's error text.
    pub error: Option<String>,
    /// What that text means, where there is one.
    pub fault: Option<WarehouseFault>,
    /// Rows returned or affected.
    pub rows: Option<u64>,
    /// The warehouse's own query id.
    pub query_id: Option<i64>,
}

/// Why the warehouse did not do as it was asked.
#[derive(Debug, thiserror::Error)]
pub enum WarehouseError {
    /// The service knows no such statement (they are forgotten after 24 hours, and only the role that ran one sees it).
    #[error("the Data API knows no statement {statement_id}")]
    UnknownStatement {
        /// The id asked for.
        statement_id: String,
    },
    /// Too many statements or sessions at once, or throttled.
    #[error("{warehouse} is busy ({operation})")]
    Busy {
        /// The warehouse.
        warehouse: String,
        /// What was being done.
        operation: &'static str,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// The service did not answer or broke off. Whether the call took effect is unknown.
    #[error("{warehouse} could not be reached ({operation})")]
    Unavailable {
        /// The warehouse.
        warehouse: String,
        /// What was being done.
        operation: &'static str,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// No permission, no such cluster, workgroup, database or secret.
    #[error(
        "{warehouse} refused the call ({operation}); check its identifier, database, secret and the role's permissions"
    )]
    Refused {
        /// Whether it is the warehouse, the deployment or the statement.
        fault: WarehouseFault,
        /// The warehouse.
        warehouse: String,
        /// What was being done.
        operation: &'static str,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// The key of encrypted files could not be had.
    #[error("the key of the encrypted files could not be had")]
    KeyUnavailable {
        /// Whether that passes.
        fault: WarehouseFault,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// A statement that [`WarehouseClient::run`] waited for failed.
    #[error("the warehouse failed a statement: {message}")]
    StatementFailed {
        /// What the text means.
        fault: WarehouseFault,
        /// The warehouse's error text.
        message: String,
    },
    /// A statement that [`WarehouseClient::run`] waited for took too long.
    #[error("{warehouse} did not finish a statement within {} s", patience.as_secs())]
    TooSlow {
        /// The warehouse.
        warehouse: String,
        /// How long we waited.
        patience: Duration,
    },
}

impl WarehouseError {
    /// What to do about it.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Busy { .. } | Self::Unavailable { .. } | Self::TooSlow { .. } => Disposition::Retry,
            Self::Refused { fault, .. }
            | Self::StatementFailed { fault, .. }
            | Self::KeyUnavailable { fault, .. } => match fault {
                WarehouseFault::Transient
                | WarehouseFault::Busy
                | WarehouseFault::Down
                | WarehouseFault::Full => Disposition::Retry,
                WarehouseFault::Data | WarehouseFault::Configuration | WarehouseFault::Unknown => {
                    Disposition::Misconfigured
                }
            },
            Self::UnknownStatement { .. } => Disposition::Reject,
        }
    }

    /// Whether a statement failed because a table, or its schema, is not there.
    pub fn names_what_is_missing(&self) -> bool {
        matches!(self, Self::StatementFailed { message, .. } if message.contains("does not exist"))
    }

    /// Whether the service answered that it does not do what it was asked: then it did not.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Busy { .. } | Self::Refused { .. } | Self::KeyUnavailable { .. }
        )
    }

    /// What it says about trying again.
    pub fn fault(&self) -> WarehouseFault {
        match self {
            Self::Busy { .. } => WarehouseFault::Busy,
            Self::Unavailable { .. } | Self::TooSlow { .. } => WarehouseFault::Down,
            Self::Refused { fault, .. }
            | Self::StatementFailed { fault, .. }
            | Self::KeyUnavailable { fault, .. } => *fault,
            Self::UnknownStatement { .. } => WarehouseFault::Unknown,
        }
    }
}
