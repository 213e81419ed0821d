//! The control database: rules, the ledger of loads, statements, the audit and the outbox, on PostgreSQL.
//!
//! Every change of a load is a compare-and-set in one transaction that says whether it moved, so that any number of
//! workers may try the same step and one of them does it. The crate must not decide what a load does next, call anything
//! but PostgreSQL, or build SQL from text: statements are files in `sql/config-db/queries`. It reads no clock: time comes
//! in as a parameter.
//!
//! ```no_run
//! use longshore_store::{ConnectOptions, Password, Store, Tls};
//!
//! # async fn example() -> Result<(), longshore_store::StoreError> {
//! let store = Store::connect(ConnectOptions {
//!     host: "/var/run/postgresql".to_owned(),
//!     port: 5432,
//!     user: "longshore".to_owned(),
//!     password: Password::new("secret"),
//!     database: "control".to_owned(),
//!     tls: Tls::Off,
//!     schema: "rdscnfg".to_owned(),
//!     max_connections: 4,
//!     application_name: "example".to_owned(),
//! })?;
//! store.migrate().await?;
//! for rule in store.rules_of_token("527").await? {
//!     assert_eq!(rule.file_prefix, "527.");
//! }
//! # Ok(())
//! # }
//! ```

mod archive;
mod attempt;
mod audit;
mod batch;
mod beside;
mod buffer;
mod chain;
mod claim;
mod conclude;
mod content;
mod dead_letter;
mod error;
mod expectation;
mod file;
mod history;
mod id;
mod late;
mod listing;
mod load;
mod maintenance;
mod marker_difference;
mod marker_table;
mod migrate;
mod operation;
mod outbox;
mod paused_rule;
mod pool;
mod queries;
mod read;
mod retry;
mod row_error;
mod rule_book;
mod rule_version;
mod rules;
mod samples;
mod sequel;
mod set;
mod snapshot;
mod standing;
mod store;
mod supersede;
mod tally;
mod tls;
mod transaction;
mod transition;
mod vitals;

pub use attempt::{AttemptRecord, Statement, StatementOutcome, StatementState};
pub use audit::{AuditEntry, AuditFilter, AuditRow, AuditStatus};
pub use batch::{BatchStanding, MadeBatch, NewBatch, Return, batch_id};
pub use beside::Beside;
pub use buffer::{Buffer, BufferId, BufferLimits, Joining, Superseded, Waiting};
pub use chain::{Chain, FollowUpStep, follow_up_steps};
pub use claim::{Announced, ChildOf, Claim, NewChild};
pub use conclude::{Conclusion, DeliveriesEnd, FollowUpEnd, OutboxNotice};
pub use content::{Admission, Destination, Replaceable, SameContent};
pub use dead_letter::{DeadLetter, DeadLetterDeed, DeadLetterOperation};
pub use error::{Cause, StoreError};
pub use expectation::{Advance, Expectation, MissedPeriod};
pub use file::Forgotten;
pub use history::HistoryEntry;
pub use id::{IdKind, Identified};
pub use late::{LatePeriod, LateState};
pub use listing::{ComparedPage, ListedLoad, Lister, Refusal, Sighting, Unaccounted, WantedFor};
pub use load::{FileBeginning, Lease, LeaseStep, Load, LoadFilter, Mending, Retry, Source};
pub use maintenance::{Maintenance, MaintenanceKind, MaintenanceState};
pub use marker_difference::{
    DifferenceKind, MarkerDifference, MarkerSlice, MarkerTable, SettledAs, Settlement,
};
pub use migrate::MigrationReport;
pub use operation::{NewReplay, Operation, OperationKind, Operator, Replayed};
pub use outbox::{Notice, UnsentNotices};
pub use paused_rule::PausedRule;
pub use retry::{
    Access, FailedAttempt, Postponement, ProbedNow, Resumed, WarehouseStanding, WarehouseTrouble,
};
pub use row_error::RowError;
pub use rule_book::{
    Changed, FieldKind, Preset, Record, RuleBook, RuleChange, RuleRecord, Sheet, SheetColumn, Verdict,
};
pub use rule_version::RuleVersion;
pub use rules::EncryptionSecret;
pub use samples::sample_sql;
pub use sequel::{ReplayedAs, Sequel};
pub use set::{JoiningSet, Leaving, NewSet, RejectedMember, SetMember, WaitingSet, set_id};
pub use snapshot::{
    SnapshotEnd, SnapshotOutcome, SnapshotResult, SnapshotRunner, SnapshotStanding, Telling, UntoldSnapshot,
};
pub use standing::DatabaseStanding;
pub use store::{ConnectOptions, Password, Store};
pub use supersede::OtherContent;
pub use tally::NotedTally;
pub use tls::Tls;
pub use transition::{DeliveryFacts, LoadFailure, LoadedFacts, MatchedRule, Moved, Prepared, SplitFacts};
pub use vitals::{Minute, Vitals};

/// The most rows that any list gives, however many are asked for.
pub const LIST_LIMIT: u32 = 1_000;
