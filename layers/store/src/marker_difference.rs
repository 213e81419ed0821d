//! The ledger and the markers of a warehouse, compared slice by slice, and where they differ.

use chrono::{DateTime, Utc};
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::target::TableName;
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::queries::Query;
use crate::read::{Reader, bounded, optional_bigint, text};
use crate::store::Parameters;
use crate::{LIST_LIMIT, Store, StoreError};

const TABLE: &str = "ext_marker_difference";

/// In which way the ledger and a marker differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// The warehouse says that a load happened which the ledger does not know: the ledger was lost, or restored.
    MarkerWithoutLoad,
    /// The ledger says that a load happened which the warehouse does not know: the warehouse was restored, or the marker
    /// deleted.
    LoadWithoutMarker,
    /// The ledger says that the load failed, the warehouse that it happened.
    FailedAndLoaded,
}

impl DifferenceKind {
    const ALL: [Self; 3] = [
        Self::MarkerWithoutLoad,
        Self::LoadWithoutMarker,
        Self::FailedAndLoaded,
    ];

    /// The word stored in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MarkerWithoutLoad => "marker_without_load",
            Self::LoadWithoutMarker => "load_without_marker",
            Self::FailedAndLoaded => "failed_and_loaded",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// How a difference was settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SettledAs {
    /// What the warehouse holds counts.
    Adopted,
    /// The marker was deleted.
    Forgotten,
    /// The next comparison found no difference any more.
    Gone,
    /// The load, or each file of the batch, was loaded again.
    Replayed,
}

impl SettledAs {
    const ALL: [Self; 4] = [Self::Adopted, Self::Forgotten, Self::Gone, Self::Replayed];

    /// The word stored in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Adopted => "adopted",
            Self::Forgotten => "forgotten",
            Self::Gone => "gone",
            Self::Replayed => "replayed",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|settled| settled.as_str() == word)
    }
}

/// A difference that a comparison found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MarkerDifference {
    /// The load.
    pub load: LoadId,
    /// Whether that carries the files of others.
    pub is_batch: bool,
    /// In which way.
    pub kind: DifferenceKind,
    /// The warehouse, as people read it.
    pub warehouse: String,
    /// The table that the load went to.
    pub table: TableName,
    /// The object that was loaded.
    pub object_url: String,
    /// How many rows it brought, by the marker or else by the ledger.
    pub row_count: Option<u64>,
    /// When it was found.
    pub found_at: DateTime<Utc>,
    /// How it was settled.
    pub settled: Option<Settlement>,
}

/// How, by whom and why a difference was settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Settlement {
    /// How.
    pub settled_as: SettledAs,
    /// By whom.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Why, in the operator's words.
    pub note: Option<String>,
}

/// A stretch of a marker table: load ids after one and up to another, each open at its end when it is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarkerSlice {
    /// The last id before it.
    pub after: Option<LoadId>,
    /// Its last id.
    pub upto: Option<LoadId>,
}

/// A marker table, taken for a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct MarkerTable {
    /// The warehouse, as people read it.
    pub warehouse: String,
    /// The target whose markers they are.
    pub table: TableName,
    /// The last load id that was compared in the pass under way.
    pub compared_after: Option<LoadId>,
    /// The plan of a load into it, which says how the warehouse is reached; None when the ledger has none.
    pub plan: Option<Value>,
}

impl Store {
    /// Takes the next marker table whose comparison is due, for `comparer` alone until `until`.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn take_marker_table(
        &self,
        comparer: &str,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
        due_before: DateTime<Utc>,
    ) -> Result<Option<MarkerTable>, StoreError> {
        let parameters: Parameters<'_> = &[&comparer, &until, &now, &due_before];
        let rows = self.rows(Query::MarkerTableTake, parameters).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let mut table = read_table(row)?;
        table.plan = self.plan_into(&table.warehouse, &table.table).await?;
        Ok(Some(table))
    }

    /// The plan of a load into a table of a warehouse; None when the ledger has none.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn plan_into(&self, warehouse: &str, table: &TableName) -> Result<Option<Value>, StoreError> {
        let parameters: Parameters<'_> = &[&warehouse, &table.schema, &table.table];
        let rows = self.rows(Query::LoadFindPlan, parameters).await?;
        let plan = rows
            .first()
            .map(|row| Reader::new(row, "ext_file_load").get("plan"));
        plan.transpose()
    }

    /// Says how far a marker table is compared, `None` for to its end, or why it could not be.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn release_marker_table(
        &self,
        table: &MarkerTable,
        comparer: &str,
        compared: Result<Option<LoadId>, &str>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let upto = compared.ok().flatten().map(|load| load.as_uuid());
        let error = compared.err().map(text);
        let name = &table.table;
        let parameters: Parameters<'_> = &[
            &table.warehouse,
            &name.schema,
            &name.table,
            &comparer,
            &upto,
            &error,
            &now,
        ];
        self.execute(Query::MarkerTableRelease, parameters).await?;
        Ok(())
    }

    /// The next loads whose rows are on record as loaded into a table of a warehouse, by id.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn loaded_into(&self, table: &MarkerTable) -> Result<Vec<LoadId>, StoreError> {
        let after = table.compared_after.map(|load| load.as_uuid());
        let name = &table.table;
        let limit = bounded(LIST_LIMIT);
        let parameters: Parameters<'_> = &[&table.warehouse, &name.schema, &name.table, &after, &limit];
        let rows = self.rows(Query::LoadListLoadedInto, parameters).await?;
        let id = |row: &Row| {
            Reader::new(row, "ext_file_load")
                .get("load_id")
                .map(LoadId::from_uuid)
        };
        rows.iter().map(id).collect()
    }

    /// How the ledger sees the loads of a page of markers; no state for one that it does not know.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn states_of(&self, loads: &[LoadId]) -> Result<Vec<(LoadId, Option<LoadState>)>, StoreError> {
        let ids: Vec<Uuid> = loads.iter().map(LoadId::as_uuid).collect();
        let rows = self.rows(Query::LoadListOfMarkers, &[&ids]).await?;
        rows.iter()
            .map(|row| {
                let reader = Reader::new(row, "ext_file_load");
                let state = reader.optional_word("state", LoadState::parse)?;
                Ok((LoadId::from_uuid(reader.get("load_id")?), state))
            })
            .collect()
    }

    /// Puts a difference on record. Whether it is news.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn record_difference(&self, difference: &MarkerDifference) -> Result<bool, StoreError> {
        let rows_loaded = optional_bigint("marker_difference_record", "row_count", difference.row_count)?;
        let parameters: Parameters<'_> = &[
            &difference.load.as_uuid(),
            &difference.kind.as_str(),
            &difference.warehouse,
            &difference.table.schema,
            &difference.table.table,
            &text(&difference.object_url),
            &rows_loaded,
            &difference.found_at,
        ];
        let rows = self.rows(Query::MarkerDifferenceRecord, parameters).await?;
        Ok(!rows.is_empty())
    }

    /// Settles the open differences of a slice that are not among those found in it. Gives how many.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn clear_differences(
        &self,
        table: &MarkerTable,
        slice: MarkerSlice,
        found: &[LoadId],
        cleared: (&str, DateTime<Utc>),
    ) -> Result<u64, StoreError> {
        let uuid = |load: LoadId| load.as_uuid();
        let found: Vec<Uuid> = found.iter().map(LoadId::as_uuid).collect();
        let name = &table.table;
        let (actor, now) = cleared;
        let parameters: Parameters<'_> = &[
            &table.warehouse,
            &name.schema,
            &name.table,
            &slice.after.map(uuid),
            &slice.upto.map(uuid),
            &found,
            &now,
            &actor,
        ];
        self.execute(Query::MarkerDifferenceClear, parameters).await
    }

    /// The newest differences, newest first; with `settled` those that are settled too.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn differences(&self, settled: bool) -> Result<Vec<MarkerDifference>, StoreError> {
        let rows = self
            .rows(Query::MarkerDifferenceList, &[&settled, &bounded(LIST_LIMIT)])
            .await?;
        rows.iter().map(read_difference).collect()
    }

    /// The differences that were found of some loads, settled or not.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn differences_of(&self, loads: &[LoadId]) -> Result<Vec<MarkerDifference>, StoreError> {
        let ids: Vec<Uuid> = loads.iter().map(LoadId::as_uuid).collect();
        let rows = self.rows(Query::MarkerDifferenceFind, &[&ids]).await?;
        rows.iter().map(read_difference).collect()
    }

    /// Settles the open differences of what lacks its marker and was loaded again since. Gives how many.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn settle_replayed_differences(
        &self,
        now: DateTime<Utc>,
        actor: &str,
    ) -> Result<u64, StoreError> {
        self.execute(Query::MarkerDifferenceSettleReplayed, &[&now, &actor])
            .await
    }

    /// Settles the open differences of a load by an operator's word. Whether there were any.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn settle_difference(&self, load: LoadId, settlement: &Settlement) -> Result<bool, StoreError> {
        let note = settlement.note.as_deref().map(text);
        let parameters: Parameters<'_> = &[
            &load.as_uuid(),
            &settlement.at,
            &settlement.by,
            &settlement.settled_as.as_str(),
            &note,
        ];
        Ok(self.execute(Query::MarkerDifferenceSettle, parameters).await? > 0)
    }
}

fn read_table(row: &Row) -> Result<MarkerTable, StoreError> {
    let reader = Reader::new(row, "ext_marker_table");
    Ok(MarkerTable {
        warehouse: reader.get("warehouse")?,
        table: table_name(&reader)?,
        compared_after: reader.get::<Option<_>>("compared_after")?.map(LoadId::from_uuid),
        plan: None,
    })
}

fn read_difference(row: &Row) -> Result<MarkerDifference, StoreError> {
    let reader = Reader::new(row, TABLE);
    Ok(MarkerDifference {
        load: LoadId::from_uuid(reader.get("load_id")?),
        is_batch: reader.get("is_batch")?,
        kind: reader.word("kind", DifferenceKind::parse)?,
        warehouse: reader.get("warehouse")?,
        table: table_name(&reader)?,
        object_url: reader.get("object_url")?,
        row_count: reader.optional_count("row_count")?,
        found_at: reader.get("found_at")?,
        settled: read_settlement(&reader)?,
    })
}

fn read_settlement(reader: &Reader<'_>) -> Result<Option<Settlement>, StoreError> {
    let Some(at) = reader.get("settled_at")? else {
        return Ok(None);
    };
    Ok(Some(Settlement {
        settled_as: reader.word("settled_as", SettledAs::parse)?,
        by: reader.get("settled_by")?,
        at,
        note: reader.get("note")?,
    }))
}

fn table_name(reader: &Reader<'_>) -> Result<TableName, StoreError> {
    Ok(TableName::new(
        reader.get::<String>("schema_name")?,
        reader.get::<String>("table_name")?,
    ))
}
