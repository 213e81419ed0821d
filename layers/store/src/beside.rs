//! Rows that stand beside those of a load although both came in files of one key.

use std::collections::HashMap;

use longshore_domain::load::LoadId;
use longshore_domain::statement::Attempt;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::attempt::{Statement, read_statement};
use crate::queries::Query;
use crate::read::{Reader, integer};
use crate::store::Parameters;
use crate::{Store, StoreError};

/// A load of another file under the same key, whose rows are in the same table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beside {
    /// Its id.
    pub load: LoadId,
    /// The batch that carried it: then its rows have that one's id.
    pub batch: Option<LoadId>,
    /// The column that tells its rows from others, when they have one.
    pub load_id_column: Option<String>,
    /// Whether there are further ones from before.
    pub are_more: bool,
}

impl Store {
    /// Of these loads those that have such rows beside theirs, each with the newest load of the kind.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn beside(&self, loads: &[LoadId]) -> Result<HashMap<LoadId, Beside>, StoreError> {
        let ids: Vec<Uuid> = loads.iter().map(LoadId::as_uuid).collect();
        let rows = self.rows(Query::LoadListBeside, &[&ids]).await?;
        rows.iter().map(read_beside).collect()
    }

    /// One attempt at a load, and the same of that load alone.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn statement_and_beside(
        &self,
        attempt: &Attempt,
    ) -> Result<(Option<Statement>, Option<Beside>), StoreError> {
        let id = attempt.load.as_uuid();
        let number = integer("statement_find", "attempt", attempt.number)?;
        let one: Parameters<'_> = &[&id, &attempt.kind.as_str(), &number];
        let ids = vec![id];
        let [statement, beside] = self
            .side_by_side([(Query::StatementFind, one), (Query::LoadListBeside, &[&ids])])
            .await?;
        let statement = statement.rows.first().map(read_statement).transpose()?;
        let beside = beside.rows.first().map(read_beside).transpose()?;
        Ok((statement, beside.map(|(_, beside)| beside)))
    }
}

fn read_beside(row: &Row) -> Result<(LoadId, Beside), StoreError> {
    let reader = Reader::new(row, "ext_file_load");
    let beside = Beside {
        load: LoadId::from_uuid(reader.get("beside_load_id")?),
        batch: reader.get::<Option<_>>("batch_id")?.map(LoadId::from_uuid),
        load_id_column: reader.get("load_id_column")?,
        are_more: reader.get("are_more")?,
    };
    Ok((LoadId::from_uuid(reader.get("load_id")?), beside))
}
