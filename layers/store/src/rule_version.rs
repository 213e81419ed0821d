//! What a rule said at other times.

use chrono::{DateTime, Utc};
use longshore_domain::rule::RuleId;
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::Row;

use crate::queries::Query;
use crate::read::{Reader, bounded};
use crate::{LIST_LIMIT, Store, StoreError};

/// A version of a rule.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuleVersion {
    /// Counted from 1.
    pub version: u32,
    /// The rule's row without what is empty, and its columns.
    pub content: Value,
    /// Since when it said so.
    pub since: DateTime<Utc>,
    /// Who changed it.
    pub changed_by: String,
    /// Why, where that was said.
    pub reason: Option<String>,
}

impl Store {
    /// The versions of a rule, the newest first; none when there never was such a rule.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn rule_versions(&self, rule: RuleId) -> Result<Vec<RuleVersion>, StoreError> {
        let rows = self
            .rows(Query::RuleVersionList, &[&rule.0, &bounded(LIST_LIMIT)])
            .await?;
        rows.iter().map(read_version).collect()
    }

    /// One version of a rule, if there was one of that number.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn rule_version(&self, rule: RuleId, version: i32) -> Result<Option<RuleVersion>, StoreError> {
        let rows = self.rows(Query::RuleVersionFind, &[&rule.0, &version]).await?;
        rows.first().map(read_version).transpose()
    }
}

fn read_version(row: &Row) -> Result<RuleVersion, StoreError> {
    let reader = Reader::new(row, "ext_file_config_version");
    Ok(RuleVersion {
        version: reader.small_count("version")?,
        content: reader.get("content")?,
        since: reader.get("since")?,
        changed_by: reader.get("changed_by")?,
        reason: reader.get("reason")?,
    })
}
