//! Files that were replaced by others under their key before they were loaded.

use chrono::{DateTime, Utc};
use longshore_domain::load::LoadId;
use longshore_domain::object::Sequencer;
use tokio_postgres::Row;

use crate::queries::Query;
use crate::read::{Reader, bounded, text};
use crate::store::Parameters;
use crate::transaction::Transaction;
use crate::transition::{Moved, commit_moved};
use crate::{LIST_LIMIT, Store, StoreError};

/// A load of a file of another content under the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherContent {
    /// Its id.
    pub load: LoadId,
    /// What its event said of its place among those of the key.
    pub sequencer: Option<Sequencer>,
    /// When it was announced.
    pub received_at: DateTime<Utc>,
}

impl Store {
    /// The loads of files of another content under the key of a load, the newest first.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn other_contents(&self, load: LoadId) -> Result<Vec<OtherContent>, StoreError> {
        let parameters: Parameters<'_> = &[&load.as_uuid(), &bounded(LIST_LIMIT)];
        let rows = self.rows(Query::LoadListOfOtherContents, parameters).await?;
        rows.iter().map(read_other).collect()
    }

    /// `received`, `prepared` or `queued` to `skipped`, since the file of `by` lies in its place. It does not move while an attempt at
    /// it may be with the warehouse.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or any of a write.
    pub async fn mark_superseded(
        &self,
        load: LoadId,
        by: LoadId,
        note: &str,
        now: DateTime<Utc>,
        actor: &str,
    ) -> Result<Moved, StoreError> {
        const QUERY: Query = Query::LoadSupersede;
        let id = load.as_uuid();
        let mut client = self.client(QUERY.name()).await?;
        let transaction = Transaction::begin(self, &mut client);
        let parameters: Parameters<'_> = &[&id, &by.as_uuid(), &text(note), &now, &actor];
        // Locked first: an attempt that is put on record meanwhile is then seen.
        let [_, step] = transaction
            .together([(Query::LoadLock, &[&id]), (QUERY, parameters)])
            .await?;
        commit_moved(transaction, QUERY, load, step.changed).await
    }
}

fn read_other(row: &Row) -> Result<OtherContent, StoreError> {
    let reader = Reader::new(row, "ext_file_load");
    Ok(OtherContent {
        load: LoadId::from_uuid(reader.get("load_id")?),
        sequencer: reader.get::<Option<String>>("sequencer")?.map(Sequencer::new),
        received_at: reader.get("received_at")?,
    })
}
