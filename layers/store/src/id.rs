//! Loads, batches and buffers by the beginnings of their ids.

use longshore_domain::load::LoadState;
use serde::Serialize;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::queries::Query;
use crate::read::Reader;
use crate::{Store, StoreError};

/// What has an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IdKind {
    /// A load of a file.
    Load,
    /// A load that carries the files of others.
    Batch,
    /// Where files wait for each other: a buffer, or a set.
    Buffer,
}

impl IdKind {
    const ALL: [Self; 3] = [Self::Load, Self::Batch, Self::Buffer];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Batch => "batch",
            Self::Buffer => "buffer",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Something with an id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Identified {
    /// The id.
    pub id: Uuid,
    /// What has it.
    pub kind: IdKind,
    /// What that is called.
    pub name: String,
    /// How it stands; None of a buffer.
    pub state: Option<LoadState>,
}

impl Store {
    /// The loads, batches and buffers whose ids lie between two, at most so many of loads and of buffers, in the order of their ids.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn identified(&self, from: Uuid, to: Uuid, limit: u32) -> Result<Vec<Identified>, StoreError> {
        let rows = self.rows(Query::IdList, &[&from, &to, &i64::from(limit)]).await?;
        let mut found: Vec<_> = rows.iter().map(read_identified).collect::<Result<_, _>>()?;
        found.sort_by_key(|found| found.id);
        Ok(found)
    }
}

fn read_identified(row: &Row) -> Result<Identified, StoreError> {
    let reader = Reader::new(row, "ext_file_load");
    Ok(Identified {
        id: reader.get("id")?,
        kind: reader.word("kind", IdKind::parse)?,
        name: reader.get::<Option<String>>("name")?.unwrap_or_default(),
        state: reader.optional_word("state", LoadState::parse)?,
    })
}
