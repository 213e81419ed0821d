//! The use cases of Longshore, told in order.
//!
//! [`ProcessObject`] takes an announced object from claim to submission; [`FinishStatement`] takes a statement's outcome
//! to audit, archive, follow-up and message; [`Reconcile`] carries on what stands still; [`Operate`] is the operator's hand; [`BulkRun`] loads what lies
//! below a prefix; [`RunChain`] runs queries one after the other; [`PrepareFile`] does to one file what a function does to a file before it is loaded. What we
//! cannot own (S3, the warehouse, SNS, the clock) is behind
//! [`ports`]; PostgreSQL is used as it is, through `longshore-store`, because a ledger behind a mock proves nothing.
//!
//! This crate must not name an AWS type, read the environment, or write SQL.

mod archive;
mod audit;
mod batch;
mod bulk;
mod chain;
mod config;
mod deletion;
mod error;
mod finish;
mod follow_up;
mod group;
mod lint;
mod maintain;
mod notify;
mod operate;
mod plan;
pub mod ports;
mod prepare;
mod process;
mod reconcile;
mod retry;
pub mod rules;
mod snapshot;
mod submit;
mod superseded;
mod tables;
mod trace;

pub use bulk::{BulkLoad, BulkPlan, BulkReport, BulkRun, BulkTarget};
pub use chain::{ChainError, ChainEvent, ChainObserver, ChainReport, QueryOutcome, RunChain};
pub use config::{AppConfig, LeasePace, PLACES_PER_TABLE, RangeLimits, ReportedFailures, UnpackLimit};
pub use error::{AppError, with_causes};
pub use finish::{FinishStatement, FinishedAs, StatementStatus};
pub use follow_up::check_chain;
pub use group::set_lacks;
pub use lint::{doubts, lint};
pub use maintain::Maintain;
pub use operate::{CancelPlan, FollowUpAgain, Judged, Operate, ReplayChoice, ReplayPlan};
pub use prepare::{
    CheckFault, CheckReach, CheckedFile, Counting, FileCheck, FilePreparation, FileWish, LocalFile,
    PrepareFile, PreparedFile, PreparedPart, RecordFault, RecordFaults, Way,
};
pub use process::{Announcement, ObjectOutcome, ProcessObject};
pub use reconcile::{
    Backfill, BackfillMode, BackfillReport, ComparisonReport, ListingReport, Reconcile, ReconcileLimits,
    ReconcileReport, SettleDifference, SnapshotRun,
};

pub use longshore_store::Operator;
pub use snapshot::{
    Asked, CheckedSnapshot, FoundSnapshot, Freshness, Replaces, SnapshotInput, SnapshotLoad, SnapshotLoads,
    SnapshotRule, TableChanges, WantedDate, description_of, table_columns,
};

use std::sync::Arc;

use longshore_domain::trace::TraceId;
use longshore_store::Store;

/// Everything a use case works with. Cheap to clone; built once per process.
#[derive(Clone)]
pub struct App {
    /// What the deployment says.
    pub config: Arc<AppConfig>,
    /// The control database.
    pub store: Store,
    /// S3.
    pub objects: Arc<dyn ports::ObjectStore>,
    /// The Redshift Data API.
    pub warehouse: Arc<dyn ports::WarehouseClient>,
    /// SNS.
    pub notifier: Arc<dyn ports::Notifier>,
    /// What time it is.
    pub clock: Arc<dyn ports::Clock>,
}

/// One invocation of a function: who it is and until when it may work.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The request id. Lambda keeps it when it retries an asynchronous invocation, which is how a retry knows the lease
    /// of the try that died as its own.
    pub request_id: String,
    /// When the invocation is stopped.
    pub deadline: chrono::DateTime<chrono::Utc>,
    /// Its trace, when it has one: what it claims first is followed by that.
    pub trace: Option<TraceId>,
}
