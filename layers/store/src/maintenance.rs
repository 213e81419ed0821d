//! VACUUM and ANALYZE that loads left to be done.

use chrono::{DateTime, Utc};
use longshore_domain::load::LoadId;
use longshore_domain::target::{TableName, Warehouse};
use serde::Serialize;
use tokio_postgres::Row;

use crate::queries::Query;
use crate::read::{Reader, bigint, bounded, json};
use crate::store::Parameters;
use crate::{Store, StoreError};

/// What puts a table in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MaintenanceKind {
    /// Takes the space of deleted rows back and sorts the others.
    Vacuum,
    /// Counts anew what the planner goes by.
    Analyze,
}

impl MaintenanceKind {
    /// The word stored in the table and used in the statement's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vacuum => "vacuum",
            Self::Analyze => "analyze",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Vacuum, Self::Analyze]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MaintenanceState {
    /// It waits for its turn.
    Queued,
    /// The warehouse has it.
    Submitted,
    /// It is done.
    Finished,
    /// It failed for good; nothing but the table's speed depends on it.
    Failed,
}

impl MaintenanceState {
    /// The word stored in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Submitted => "submitted",
            Self::Finished => "finished",
            Self::Failed => "failed",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Queued, Self::Submitted, Self::Finished, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

/// A statement that puts a table in order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Maintenance {
    /// Its number.
    pub id: i64,
    /// The load that left it.
    pub load: LoadId,
    /// What it is.
    pub kind: MaintenanceKind,
    /// Where it runs.
    #[serde(skip)]
    pub warehouse: Warehouse,
    /// The table.
    pub table: TableName,
    /// How many rows the load deleted.
    pub rows_deleted: u64,
    /// How far it is.
    pub state: MaintenanceState,
    /// How often it was submitted.
    pub attempt: u32,
    /// The newest submission's statement.
    pub statement_id: Option<String>,
    /// Why it failed, or was put off.
    pub error: Option<String>,
    /// When it was queued.
    pub queued_at: DateTime<Utc>,
    /// When it was submitted last.
    pub submitted_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub finished_at: Option<DateTime<Utc>>,
}

impl Store {
    /// Queues a vacuum and an analysis of a load's table, once.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn queue_maintenance(
        &self,
        load: LoadId,
        (warehouse, table): (&Warehouse, &TableName),
        rows_deleted: u64,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        const QUERY: Query = Query::MaintenanceQueue;
        let rows_deleted = bigint(QUERY.name(), "rows_deleted", rows_deleted)?;
        let parameters: Parameters<'_> = &[
            &load.as_uuid(),
            &warehouse.to_string(),
            &table.schema,
            &table.table,
            &rows_deleted,
            &json(warehouse),
            &now,
        ];
        self.execute(QUERY, parameters).await?;
        Ok(())
    }

    /// Takes the next one whose turn it is, and keeps others from it until `held_until`.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn take_maintenance(
        &self,
        now: DateTime<Utc>,
        held_until: DateTime<Utc>,
    ) -> Result<Option<Maintenance>, StoreError> {
        let rows = self.rows(Query::MaintenanceTake, &[&now, &held_until]).await?;
        rows.first().map(read_maintenance).transpose()
    }

    /// Puts a submission on record, before it is made. Gives the attempt's number; none when another vacuum runs in the
    /// warehouse by now, or it is queued no more.
    ///
    /// # Errors
    /// Any other [`StoreError`] of a write.
    pub async fn submit_maintenance(
        &self,
        id: i64,
        now: DateTime<Utc>,
        held_until: DateTime<Utc>,
    ) -> Result<Option<u32>, StoreError> {
        match self
            .rows(Query::MaintenanceSubmit, &[&id, &now, &held_until])
            .await
        {
            Ok(rows) => rows
                .first()
                .map(|row| Reader::new(row, "ext_maintenance").small_count("attempt"))
                .transpose(),
            Err(StoreError::ConstraintViolated { constraint, .. })
                if constraint == "ext_maintenance_one_vacuum" =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Puts the statement id of an attempt on record.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn record_maintenance(
        &self,
        id: i64,
        attempt: u32,
        statement_id: &str,
        look_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let attempt = crate::read::integer(Query::MaintenanceRecord.name(), "attempt", attempt)?;
        self.execute(
            Query::MaintenanceRecord,
            &[&id, &attempt, &statement_id, &look_at],
        )
        .await?;
        Ok(())
    }

    /// Puts it back into the queue, to be begun again at `due_at`.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn postpone_maintenance(
        &self,
        id: i64,
        why: &str,
        due_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.execute(Query::MaintenancePostpone, &[&id, &why, &due_at])
            .await?;
        Ok(())
    }

    /// How it ended.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn finish_maintenance(
        &self,
        id: i64,
        error: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let state = match error {
            Some(_) => MaintenanceState::Failed,
            None => MaintenanceState::Finished,
        };
        self.execute(Query::MaintenanceFinish, &[&id, &state.as_str(), &error, &now])
            .await?;
        Ok(())
    }

    /// What loads left to be done, of one or of all, the newest first.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn list_maintenance(
        &self,
        load: Option<LoadId>,
        limit: u32,
    ) -> Result<Vec<Maintenance>, StoreError> {
        let load = load.map(|load| load.as_uuid());
        let rows = self
            .rows(Query::MaintenanceList, &[&load, &bounded(limit)])
            .await?;
        rows.iter().map(read_maintenance).collect()
    }
}

fn read_maintenance(row: &Row) -> Result<Maintenance, StoreError> {
    let reader = Reader::new(row, "ext_maintenance");
    Ok(Maintenance {
        id: reader.get("maintenance_id")?,
        load: LoadId::from_uuid(reader.get("load_id")?),
        kind: reader.word("kind", MaintenanceKind::parse)?,
        warehouse: reader.json("place")?,
        table: TableName {
            schema: reader.get("tgt_schema_name")?,
            table: reader.get("tgt_table_name")?,
        },
        rows_deleted: reader.count("rows_deleted")?,
        state: reader.word("state", MaintenanceState::parse)?,
        attempt: reader.small_count("attempt")?,
        statement_id: reader.get("statement_id")?,
        error: reader.get("error")?,
        queued_at: reader.get("queued_at")?,
        submitted_at: reader.get("submitted_at")?,
        finished_at: reader.get("finished_at")?,
    })
}
