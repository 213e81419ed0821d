//! What came of loads that were refused or failed.

use std::collections::HashMap;

use longshore_domain::load::{LoadId, LoadState};
use serde::Serialize;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::queries::Query;
use crate::read::Reader;
use crate::{Store, StoreError};

/// What came of a load that was refused or failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sequel {
    /// The newest load by which an operator let it happen again.
    pub replayed_as: Option<ReplayedAs>,
    /// The newest load that is done of a later version of its file, or of the same one sent again.
    pub replaced_by: Option<LoadId>,
    /// Whether somebody has to see to it still: nothing came of it, nor of what it carries.
    pub is_open: bool,
}

/// A replay, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplayedAs {
    /// The load.
    pub load: LoadId,
    /// Where it stands.
    pub state: LoadState,
}

impl Store {
    /// What came of these loads; nothing is said of those that were neither refused nor failed.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn sequels(&self, loads: &[LoadId]) -> Result<HashMap<LoadId, Sequel>, StoreError> {
        let ids: Vec<Uuid> = loads.iter().map(LoadId::as_uuid).collect();
        let rows = self.rows(Query::LoadListSequels, &[&ids]).await?;
        rows.iter().map(read_sequel).collect()
    }
}

fn read_sequel(row: &Row) -> Result<(LoadId, Sequel), StoreError> {
    let reader = Reader::new(row, "ext_file_load_sequel");
    let id = |name| Ok::<_, StoreError>(reader.get::<Option<Uuid>>(name)?.map(LoadId::from_uuid));
    let state = reader.optional_word("replay_state", LoadState::parse)?;
    let replayed_as = id("replayed_as")?
        .zip(state)
        .map(|(load, state)| ReplayedAs { load, state });
    let sequel = Sequel {
        replayed_as,
        replaced_by: id("replaced_by")?,
        is_open: reader.get("is_open")?,
    };
    Ok((LoadId::from_uuid(reader.get("load_id")?), sequel))
}
