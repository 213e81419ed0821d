//! How far the count of a long file has come.

use chrono::{DateTime, Utc};
use longshore_domain::load::LoadId;
use tokio_postgres::Row;

use crate::queries::Query;
use crate::read::{Reader, bigint};
use crate::store::Parameters;
use crate::{Store, StoreError};

/// What is counted of a file so far: whole records, from the beginning of its data on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedTally {
    /// What the count depends on besides the object.
    pub counted_as: String,
    /// How many bytes it covers.
    pub bytes: u64,
    /// Data records.
    pub records: u64,
    /// Records of nothing but a line end.
    pub blank_records: u64,
    /// Physical lines.
    pub lines: u64,
}

impl Store {
    /// Keeps what is counted, unless as much was kept before. Those that ran out of time over the load are counted anew.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn note_tally(
        &self,
        load: LoadId,
        tally: &NotedTally,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        const QUERY: Query = Query::TallyNote;
        let number = |column, value| bigint(QUERY.name(), column, value);
        let parameters: Parameters<'_> = &[
            &load.as_uuid(),
            &tally.counted_as,
            &number("counted_bytes", tally.bytes)?,
            &number("records", tally.records)?,
            &number("blank_records", tally.blank_records)?,
            &number("lines", tally.lines)?,
            &now,
        ];
        self.execute(QUERY, parameters).await?;
        Ok(())
    }

    /// What was kept of a load's file, counted in this way; `None` if nothing was.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn tally(&self, load: LoadId, counted_as: &str) -> Result<Option<NotedTally>, StoreError> {
        let parameters: Parameters<'_> = &[&load.as_uuid(), &counted_as];
        let rows = self.rows(Query::TallyFind, parameters).await?;
        rows.first().map(read_tally).transpose()
    }
}

fn read_tally(row: &Row) -> Result<NotedTally, StoreError> {
    let reader = Reader::new(row, "ext_load_tally");
    Ok(NotedTally {
        counted_as: reader.get("counted_as")?,
        bytes: reader.count("counted_bytes")?,
        records: reader.count("records")?,
        blank_records: reader.count("blank_records")?,
        lines: reader.count("lines")?,
    })
}
