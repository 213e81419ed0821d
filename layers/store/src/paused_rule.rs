//! Rules that are paused: since when, by whom and why.

use chrono::{DateTime, Utc};
use longshore_domain::rule::RuleId;
use serde::Serialize;
use tokio_postgres::Row;

use crate::queries::Query;
use crate::read::{Reader, bounded};
use crate::{LIST_LIMIT, Store, StoreError};

/// A rule whose files wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PausedRule {
    /// The rule.
    pub rule: RuleId,
    /// Since when, without a break; None where that was before versions were kept.
    pub since: Option<DateTime<Utc>>,
    /// Who paused it.
    pub by: Option<String>,
    /// Why, where that was said.
    pub why: Option<String>,
    /// How many loads wait for it.
    pub waiting: u64,
}

impl Store {
    /// The rules in operation that are paused.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn paused_rules(&self) -> Result<Vec<PausedRule>, StoreError> {
        let rows = self.rows(Query::RuleListPaused, &[&bounded(LIST_LIMIT)]).await?;
        rows.iter().map(read_paused).collect()
    }
}

fn read_paused(row: &Row) -> Result<PausedRule, StoreError> {
    let reader = Reader::new(row, "ext_file_config");
    Ok(PausedRule {
        rule: RuleId(reader.get("ext_file_config_sid")?),
        since: reader.get("since")?,
        by: reader.get("changed_by")?,
        why: reader.get("paused_note")?,
        waiting: reader.count("waiting")?,
    })
}
