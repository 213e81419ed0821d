//! How the control database stands: what a doctor asks.

use chrono::{DateTime, Utc};

use crate::migrate::newest_version;
use crate::queries::Query;
use crate::read::Reader;
use crate::{Store, StoreError};

/// How the control database stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseStanding {
    /// PostgreSQL's version: 150004 is 15.4.
    pub server_version: i32,
    /// What its clock shows.
    pub now: DateTime<Utc>,
    /// The number of the last migration that was applied.
    pub migration: Option<u32>,
    /// The number of the last migration that this program knows.
    pub newest_migration: u32,
}

impl Store {
    /// How the control database stands.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read; [`StoreError::SchemaMissing`] where no migration ever ran.
    pub async fn standing(&self) -> Result<DatabaseStanding, StoreError> {
        let rows = self.rows(Query::DatabaseStanding, &[]).await?;
        let row = rows.first().expect("an aggregate returns a row");
        let reader = Reader::new(row, "longshore_migration");
        let migration: Option<i32> = reader.get("migration")?;
        Ok(DatabaseStanding {
            server_version: reader.get("server_version")?,
            now: reader.get("now")?,
            migration: migration.and_then(|number| u32::try_from(number).ok()),
            newest_migration: newest_version(),
        })
    }
}
