//! What happened to a load, step by step.

use chrono::{DateTime, Utc};
use longshore_domain::load::{LoadId, LoadState};
use serde::Serialize;
use tokio_postgres::Row;

use crate::queries::Query;
use crate::read::{Reader, bounded};
use crate::store::Parameters;
use crate::{LIST_LIMIT, Store, StoreError};

/// One change of state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HistoryEntry {
    /// When.
    pub at: DateTime<Utc>,
    /// From which state; None for the beginning.
    pub from: Option<LoadState>,
    /// To which.
    pub to: LoadState,
    /// By whom.
    pub actor: String,
    /// A word about it: the attempt, the statement, the error's code.
    pub note: Option<String>,
}

impl Store {
    /// Every state that a load was in, oldest first. The database writes it with each change, so none is missing.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn history(&self, load: LoadId) -> Result<Vec<HistoryEntry>, StoreError> {
        let parameters: Parameters<'_> = &[&load.as_uuid(), &bounded(LIST_LIMIT)];
        let rows = self.rows(Query::HistoryList, parameters).await?;
        rows.iter().map(read_entry).collect()
    }
}

fn read_entry(row: &Row) -> Result<HistoryEntry, StoreError> {
    let reader = Reader::new(row, "ext_file_load_history");
    Ok(HistoryEntry {
        at: reader.get("at")?,
        from: reader.optional_word("from_state", LoadState::parse)?,
        to: reader.word("to_state", LoadState::parse)?,
        actor: reader.get("actor")?,
        note: reader.get("note")?,
    })
}
