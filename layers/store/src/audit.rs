//! The audit: one row per load, in the older framework's table, so that its queries keep working.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use longshore_domain::load::LoadId;
use serde::Serialize;
use tokio_postgres::Row;

use crate::queries::Query;
use crate::read::{Reader, bounded, milliseconds};
use crate::store::Parameters;
use crate::transaction::Transaction;
use crate::{Store, StoreError};

const TABLE: &str = "ext_file_audit";

/// How a load, or its follow-up, came out, in the older framework's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum AuditStatus {
    /// The rows are in the warehouse.
    Finished,
    /// They are not: refused before the warehouse or by it.
    Failed,
    /// Somebody stopped the statement.
    Aborted,
    /// The file was loaded before, or an operator put it aside.
    Skipped,
}

impl AuditStatus {
    /// The word stored in the audit.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Finished => "FINISHED",
            Self::Failed => "FAILED",
            Self::Aborted => "ABORTED",
            Self::Skipped => "SKIPPED",
        }
    }

    /// `file_prcsd_flag`: whether the rows are in the warehouse.
    fn processed_flag(self) -> &'static str {
        match self {
            Self::Finished => "Y",
            Self::Failed | Self::Aborted | Self::Skipped => "N",
        }
    }
}

/// What the audit says beyond the ledger. Object, counts, target, error and archived key are taken from the ledger's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// How the load came out.
    pub status: AuditStatus,
    /// When the outcome was known, in the deployment's local time.
    pub process_date: NaiveDateTime,
    /// When the file was received, in the deployment's local time.
    pub start_time: NaiveDateTime,
    /// When the warehouse was done with it, or the check was, in the deployment's local time.
    pub end_time: NaiveDateTime,
    /// The follow-up SQL of the rule.
    pub merge_query: Option<String>,
    /// The rule's escape character.
    pub escape_char: Option<String>,
    /// The statement, where the ledger does not say it because the load failed.
    pub statement_id: Option<String>,
    /// How long the load transaction ran.
    pub load_duration: Option<Duration>,
}

/// One row of `ext_file_audit`. Rows of the older framework have no load and none of what came with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(
    missing_docs,
    reason = "the fields are the columns, and the columns are described where the table is"
)]
pub struct AuditEntry {
    pub ext_file_audit_sid: i64,
    pub interface_id: Option<String>,
    pub tgt_schema_name: Option<String>,
    pub tgt_table_name: Option<String>,
    pub file_process_status: Option<String>,
    pub file_process_date: Option<NaiveDateTime>,
    pub file_prcsd_flag: Option<String>,
    pub merge_query: Option<String>,
    pub error_msg: Option<String>,
    pub start_time: Option<NaiveDateTime>,
    pub end_time: Option<NaiveDateTime>,
    pub escape_char: Option<String>,
    pub load: Option<LoadId>,
    pub bucket_name: Option<String>,
    pub object_key: Option<String>,
    pub object_version: Option<String>,
    pub archived_key: Option<String>,
    pub size_bytes: Option<u64>,
    pub rows_expected: Option<u64>,
    pub rows_loaded: Option<u64>,
    pub rows_rejected: Option<u64>,
    pub statement_id: Option<String>,
    pub followup_status: Option<String>,
    pub followup_error: Option<String>,
    pub followup_statement_id: Option<String>,
    pub prepare_duration: Option<Duration>,
    pub load_duration: Option<Duration>,
    pub followup_duration: Option<Duration>,
    pub processed_at: Option<DateTime<Utc>>,
    pub replays: Option<LoadId>,
    pub followup_steps: Option<serde_json::Value>,
}

/// Which audit rows to list. What is None lets everything pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only that of this load.
    pub load: Option<LoadId>,
    /// Only those of this feed, by its id in digits.
    pub interface_id: Option<String>,
    /// Only those recorded at this time or later; leaves out the older framework's.
    pub since: Option<DateTime<Utc>>,
    /// Only those recorded before this time; leaves out the older framework's.
    pub until: Option<DateTime<Utc>>,
    /// At most so many, and never more than [`crate::LIST_LIMIT`].
    pub limit: u32,
}

impl Store {
    /// The newest audit rows that pass the filter, newest first.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn audit_rows(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>, StoreError> {
        let parameters: Parameters<'_> = &[
            &filter.load.map(|load| load.as_uuid()),
            &filter.interface_id,
            &filter.since,
            &filter.until,
            &bounded(filter.limit),
        ];
        let rows = self.rows(Query::AuditList, parameters).await?;
        rows.iter().map(read_entry).collect()
    }
}

/// Writes the audit row of a load within the transaction that concludes it.
pub(crate) async fn insert_audit(
    transaction: &Transaction<'_>,
    load: LoadId,
    audit: &AuditRow,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    const QUERY: Query = Query::AuditInsert;
    let parameters: Parameters<'_> = &[
        &load.as_uuid(),
        &audit.status.as_str(),
        &audit.process_date,
        &audit.status.processed_flag(),
        &audit.merge_query,
        &audit.start_time,
        &audit.end_time,
        &audit.escape_char,
        &audit.statement_id,
        &milliseconds(QUERY.name(), "load_duration_ms", audit.load_duration)?,
        &now,
    ];
    transaction.execute(QUERY, parameters).await?;
    Ok(())
}

fn read_entry(row: &Row) -> Result<AuditEntry, StoreError> {
    let reader = Reader::new(row, TABLE);
    Ok(AuditEntry {
        ext_file_audit_sid: reader.get("ext_file_audit_sid")?,
        interface_id: reader.get("ext_interface_cid")?,
        tgt_schema_name: reader.get("tgt_schema_name")?,
        tgt_table_name: reader.get("tgt_table_name")?,
        file_process_status: reader.get("file_process_status")?,
        file_process_date: reader.get("file_process_date")?,
        file_prcsd_flag: reader.get("file_prcsd_flag")?,
        merge_query: reader.get("merge_query")?,
        error_msg: reader.get("error_msg")?,
        start_time: reader.get("start_time")?,
        end_time: reader.get("end_time")?,
        escape_char: reader.get("escape_char")?,
        load: reader.get::<Option<_>>("load_id")?.map(LoadId::from_uuid),
        bucket_name: reader.get("bucket_name")?,
        object_key: reader.get("object_key")?,
        object_version: reader.get("object_version")?,
        archived_key: reader.get("archived_key")?,
        size_bytes: reader.optional_count("size_bytes")?,
        rows_expected: reader.optional_count("rows_expected")?,
        rows_loaded: reader.optional_count("rows_loaded")?,
        rows_rejected: reader.optional_count("rows_rejected")?,
        statement_id: reader.get("statement_id")?,
        followup_status: reader.get("followup_status")?,
        followup_error: reader.get("followup_error")?,
        followup_statement_id: reader.get("followup_statement_id")?,
        prepare_duration: reader.duration("prepare_duration_ms")?,
        load_duration: reader.duration("load_duration_ms")?,
        followup_duration: reader.duration("followup_duration_ms")?,
        processed_at: reader.get("processed_at")?,
        replays: reader.get::<Option<_>>("replays_load_id")?.map(LoadId::from_uuid),
        followup_steps: reader.get("followup_steps")?,
    })
}
