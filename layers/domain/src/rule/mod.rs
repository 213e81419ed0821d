//! A rule: how files of one name are checked, prepared and loaded.
//!
//! [`RuleRow`] is what the tables hold, text by text; [`FileRule`] is what it means. [`FileRule::from_row`] goes from one
//! to the other and names every fault of the row at once, because an operator mends a table in one sitting.

mod attempts;
mod batch;
mod cells;
mod destination;
mod drift;
mod expected;
mod fault;
mod file_type;
mod format;
mod group;
mod interpret;
mod layout;
mod mode;
mod records;
mod resend;
mod row;
mod scheduled;
mod targets;
#[cfg(test)]
mod tests;
mod together;
mod topics;
mod trailer;

pub use batch::{BatchPolicy, Concurrency, MOST_BATCH_FILES, OnBadFile};
pub use drift::{DriftPolicy, drift_remark};
pub use expected::{DuePeriods, ExpectedFiles, ExpectedPeriod, ExpectedProgress, JUDGED_AFTER, Judgement};
pub use fault::{RuleFault, RuleFaults};
pub use file_type::FileType;
pub use format::{Compression, DataFormat, Delimited, Encoding, Escaping, FieldQuoting, InvalidBytes, Paths};
pub use group::{GroupPart, GroupRole, MOST_IN_A_SET, SetKey};
pub use mode::{LoadMode, MergeBy, Period};
pub use resend::ResendPolicy;
pub use row::{ColumnRow, RuleRow, TargetRow, fingerprint};
pub use scheduled::ScheduledSnapshots;
pub use targets::{Delivery, KnownTarget, OWN, of_a_part as targets_of_a_part, same_place};
pub use topics::{RuleTopics, is_topic_arn};
pub use trailer::Trailer;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::matching::Matcher;
use crate::retry::RetryPolicy;
use crate::target::{TableName, Warehouse};

/// The primary key of `ext_file_config`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RuleId(pub i32);

impl fmt::Display for RuleId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

/// A feed of files from one source. Its id is `numeric(30)` in the table, wider than any machine integer: hence text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Interface {
    /// The primary key of `ext_interface`, in digits.
    pub id: String,
    /// Its name for people.
    pub name: String,
}

/// What is done about the first records of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HeaderPolicy {
    /// The file has no header.
    Absent,
    /// The header is skipped, whatever it says.
    Ignore,
    /// The header must name the rule's columns, in any order; the file's order is then the order of loading.
    Names,
    /// The header must name the rule's columns in their order.
    NamesAndOrder,
}

impl HeaderPolicy {
    /// Whether the file begins with a header record.
    pub fn has_header(self) -> bool {
        !matches!(self, Self::Absent)
    }
}

/// What is done about a file that is whole and has no records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum EmptyFilePolicy {
    /// It is refused.
    #[default]
    Refuse,
    /// It is loaded like any other: its sender had nothing to say.
    Accept,
}

/// Where a file is once everything about it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FilePlace {
    /// In the archive, or among those that were refused.
    Archive,
    /// Where it landed.
    Stays,
}

impl FilePlace {
    /// What a row says, sound or not: a rule with faults keeps its files too.
    pub fn of(row: &RuleRow) -> Self {
        match row.archive_flag.as_deref().and_then(cells::flag) {
            Some(false) => Self::Stays,
            Some(true) | None => Self::Archive,
        }
    }
}

/// A column that the file fills.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleColumn {
    /// The column's name in the target table.
    pub name: String,
    /// Its width in characters, when the file is of fixed width.
    pub width: Option<u32>,
    /// Where its values go.
    #[serde(default, skip_serializing_if = "ColumnPlace::is_own")]
    pub place: ColumnPlace,
}

/// Where the values of a column of the file go.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ColumnPlace {
    /// Into the column of this name, which the rule lists.
    #[default]
    Own,
    /// Into the column of this name, which the table gets for it.
    Added,
    /// Nowhere: COPY reads them, and they are left behind.
    Dropped,
    /// Into this SUPER column, by name.
    Kept(String),
}

impl ColumnPlace {
    /// Whether it is the rule's.
    pub fn is_own(&self) -> bool {
        *self == Self::Own
    }

    /// Whether the table has a column for it.
    pub fn is_of_the_table(&self) -> bool {
        matches!(self, Self::Own | Self::Added)
    }
}

/// What a rule row means, once nothing is wrong with it.
#[derive(Debug, Clone)]
pub struct FileRule {
    /// The row's key.
    pub id: RuleId,
    /// The feed it belongs to.
    pub interface: Interface,
    /// Which objects fall under it.
    pub matcher: Matcher,
    /// Its `file_prefix` without the dot: what the tokens of its record types' rules begin with.
    pub token: String,
    /// What a file's name must end with.
    pub file_type: FileType,
    /// The table its rows go to, with `{capture}` placeholders still in it. Absent only when the file is split.
    pub table: Option<TableName>,
    /// The warehouse of that table, when it is not the deployment's own.
    pub warehouse: Option<Warehouse>,
    /// Where its files go when that is to several warehouses, that of its own first; else empty.
    pub deliveries: Vec<Delivery>,
    /// The columns that the file fills, in order. Empty only when the file is split, or for columnar and
    /// self-describing formats, where it means all of the table's.
    pub columns: Vec<RuleColumn>,
    /// How records and fields are told apart.
    pub format: DataFormat,
    /// How the file is compressed.
    pub compression: Compression,
    /// How its characters are coded.
    pub encoding: Encoding,
    /// What is done about bytes that are no characters in that encoding.
    pub invalid_bytes: InvalidBytes,
    /// What is done about its header.
    pub header: HeaderPolicy,
    /// How many records the header has, where there is one; the last of them names the columns.
    pub header_records: u32,
    /// What is done about a file without records.
    pub empty_files: EmptyFilePolicy,
    /// Where its last record says how many there are.
    pub trailer: Option<Trailer>,
    /// The prefixes of the record types that it is split by.
    pub split: Option<Vec<String>>,
    /// The text that stands for NULL.
    pub null_as: Option<String>,
    /// COPY's DATEFORMAT.
    pub date_format: String,
    /// COPY's TIMEFORMAT.
    pub time_format: String,
    /// Further COPY options as the operator wrote them; `longshore-copy` reads and checks them.
    pub copy_options: String,
    /// How prepared copies are compressed.
    pub prepared_compression: Compression,
    /// The column that takes the file's name.
    pub file_name_column: Option<String>,
    /// The column that takes the load's id.
    pub load_id_column: Option<String>,
    /// The transformation SQL that runs after a load.
    pub follow_up: Option<String>,
    /// Whether that SQL may run again after a run that failed in passing; where the rule says nothing, what it is decides.
    pub follow_up_repeats: Option<bool>,
    /// How long its loads are tried.
    pub retry: RetryPolicy,
    /// What is done about a file that was loaded before.
    pub resend: ResendPolicy,
    /// Where its files are in the end.
    pub place: FilePlace,
    /// The secret with the key that its files are encrypted with before they are sent. Only the warehouse reads them then.
    pub encryption_secret: Option<String>,
    /// How its files are gathered into batches; `None`: each is loaded by itself.
    pub batch: Option<BatchPolicy>,
    /// The group whose rules load their files together.
    pub group: Option<GroupPart>,
    /// What becomes of the rows that its table has.
    pub mode: LoadMode,
    /// The operator's SQL that runs in the load's transaction before the rows are moved; `longshore-copy` reads and checks it.
    pub pre_sql: Option<String>,
    /// The same, after they are moved.
    pub post_sql: Option<String>,
    /// A load that deletes so many rows or more has its table vacuumed and analyzed afterwards.
    pub vacuum_rows: Option<u64>,
    /// What is done about columns that its files bring and it does not list.
    pub drift: DriftPolicy,
    /// Whom its outcomes are told to, when not the deployment's topic.
    pub topics: RuleTopics,
}

impl TargetRow {
    /// The warehouse that a row of `ext_target` names.
    ///
    /// # Errors
    /// What is wrong with the row.
    pub fn warehouse(&self) -> Result<Warehouse, RuleFault> {
        destination::warehouse(self)
    }
}

impl FileRule {
    /// Reads a row, or names everything that is wrong with it.
    pub fn from_row(row: &RuleRow) -> Result<Self, RuleFaults> {
        interpret::interpret(row)
    }

    /// Whether the table depends on the key, so that a name which no table can have is the file's fault.
    pub fn names_its_table_from_the_key(&self) -> bool {
        self.table
            .as_ref()
            .is_some_and(|table| table.schema.contains('{') || table.table.contains('{'))
    }

    /// Whether its files are lists of the files that COPY reads.
    pub fn takes_manifests(&self) -> bool {
        matches!(self.matcher, Matcher::Snapshot(_)) && self.file_type.is("manifest")
    }

    /// Whether its files' names end with their date, so that there is nothing to compare with: `file_type` `none` of snapshots.
    pub fn ends_with_a_date(&self) -> bool {
        matches!(self.matcher, Matcher::Snapshot(_)) && self.file_type == FileType::None
    }

    /// How many records come before the first row.
    pub fn header_length(&self) -> u32 {
        match self.header.has_header() {
            true => self.header_records,
            false => 0,
        }
    }

    /// Whether the engine reads the file record by record. What it cannot read it loads on the warehouse's word.
    pub fn is_record_oriented(&self) -> bool {
        matches!(self.format, DataFormat::Delimited(_) | DataFormat::FixedWidth)
            && self.compression != Compression::Lzop
            && self.encryption_secret.is_none()
    }
}
