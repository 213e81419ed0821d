//! Loading a dated snapshot: the newest file, the table made to fit, the load.
//!
//! A snapshot is a load like any other. [`SnapshotLoad`] finds its file, compares its date with the table's, makes the table fit
//! its description, and says under which rule it is loaded; then it puts the file on the ledger with its date and period and
//! carries the load on until it is done. So retries, markers, audit and messages are those of every load, and a load that was
//! left behind is carried on by the reconciler.

mod carry;
mod check;
mod find;
mod rule;
mod scheduled;
mod table;

pub(crate) use scheduled::ScheduledRun;

use chrono::{DateTime, NaiveDateTime, Utc};
use longshore_domain::matching::Captures;
use longshore_domain::object::{Bucket, Object};
use longshore_domain::rule::RuleRow;
use longshore_domain::snapshot::{DataDate, Description, Granularity, Layout, Span, Suffix, TableColumn};
pub use longshore_domain::snapshot::{Freshness, Replaces, TableChanges};
use longshore_domain::target::{TableName, Warehouse};
use longshore_domain::time_zone::TimeZone;

use crate::operate::Judged;
use crate::rules::Faults;
use crate::{App, AppError};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct SnapshotInput {
    /// The table.
    pub table: TableName,
    /// The bucket of its snapshots.
    pub bucket: Bucket,
    /// How their keys are written.
    pub layout: Layout,
    /// The date that is wanted.
    pub date: WantedDate,
    /// How much of the table a snapshot replaces.
    pub granularity: Granularity,
    /// By whose clocks.
    pub zone: TimeZone,
    /// The warehouse of the table.
    pub warehouse: Warehouse,
    /// Its number in `ext_target`, when it is not the deployment's own.
    pub target: Option<i32>,
    /// The feed that the loads belong to, when it is not that of all snapshots.
    pub feed: Option<String>,
    /// Whether the table is made to fit.
    pub table_changes: TableChanges,
    /// What else counts.
    pub rule: SnapshotRule,
    /// Who asks, and so by which names what was said is known.
    pub asked: Asked,
}

/// The date of the data that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WantedDate {
    /// This one.
    Of(DataDate),
    /// The newest.
    Newest,
    /// The newest, of which it is known that there is data of this date.
    NewestSince(DataDate),
}

/// Who asks for a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The command line, by its flags.
    ByHand,
    /// A rule with a schedule, by its fields.
    BySchedule,
}

impl Asked {
    /// A wish as whoever asked would say it.
    fn to_say(self, flag: &'static str, field: &'static str) -> &'static str {
        match self {
            Self::ByHand => flag,
            Self::BySchedule => field,
        }
    }
}

/// What of a wish is in the rule that the snapshot is loaded under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotRule {
    /// Whether older data may take the place of newer.
    pub freshness: Freshness,
    /// What is deleted.
    pub replaces: Replaces,
    /// Whether files are compressed whose names do not say so.
    pub compressed: bool,
    /// What separates fields; none: they are JSON.
    pub delimiter: Option<String>,
    /// From how many deleted rows on the table is put in order afterwards.
    pub vacuum_rows: Option<u64>,
    /// What a rule with a schedule says of the loads themselves.
    pub loads: SnapshotLoads,
}

/// Fields of a rule with a schedule that count for its loads as they count for any other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SnapshotLoads {
    /// `query`.
    pub query: Option<String>,
    /// `query_retry_flag`.
    pub query_retry_flag: Option<String>,
    /// `max_attempts`.
    pub max_attempts: Option<i32>,
    /// `retry_minutes`.
    pub retry_minutes: Option<i32>,
    /// `success_topic_arn`.
    pub success_topic_arn: Option<String>,
    /// `failure_topic_arn`.
    pub failure_topic_arn: Option<String>,
}

/// A snapshot that is there.
#[derive(Debug, Clone)]
pub struct FoundSnapshot {
    /// The file.
    pub object: Object,
    /// The date of its data.
    pub date: DataDate,
    /// What its name ends with.
    pub suffix: Suffix,
}

/// A snapshot that may be loaded, and all that it takes.
#[derive(Debug, Clone)]
pub struct CheckedSnapshot {
    /// The file.
    pub found: FoundSnapshot,
    /// The table as it is to be.
    pub description: Description,
    /// What makes the table fit; empty where it does.
    pub ddl: Vec<String>,
    /// The newest date of the table, by its own clocks.
    pub newest: Option<NaiveDateTime>,
    /// The period that it stands for, as the table's column holds it.
    pub period: (String, String),
    /// The rule that it is loaded under.
    pub row: RuleRow,
}

/// The use case.
#[derive(Clone, Copy)]
pub struct SnapshotLoad<'a> {
    /// What to work with.
    pub app: &'a App,
    /// Who works.
    pub actor: &'a str,
    /// What is wanted.
    pub input: &'a SnapshotInput,
    /// Until when it may take.
    pub until: DateTime<Utc>,
}

/// The columns of a table in order, as the warehouse has them; `None` where there is no such table.
///
/// # Errors
/// What the warehouse answers.
pub async fn table_columns(
    app: &App,
    warehouse: &Warehouse,
    table: &TableName,
) -> Result<Option<Vec<TableColumn>>, AppError> {
    table::columns(app, warehouse, table).await
}

/// What a description says of a table, or every fault of it with its place; `name` is what it is called in them.
///
/// # Errors
/// The faults.
pub fn description_of(name: String, text: &str, table: &TableName) -> Judged<Description> {
    Description::read(text, table).map_err(|list| Faults { name, list }.to_string())
}

impl SnapshotLoad<'_> {
    fn captures(&self, checked: &CheckedSnapshot) -> Captures {
        let (start, end) = checked.period.clone();
        Captures::from([
            ("data_date".to_owned(), checked.found.date.to_string()),
            ("period_start".to_owned(), start),
            ("period_end".to_owned(), end),
        ])
    }

    /// The period of a date, for people.
    pub fn span(&self, date: DataDate) -> Span {
        self.input.granularity.span(date, self.input.zone)
    }
}
