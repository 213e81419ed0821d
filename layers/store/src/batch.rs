//! Batches: loads that carry the files of others through one transaction.

use std::time::Duration;

use chrono::{DateTime, Utc};
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::object::ObjectKey;
use longshore_domain::rule::RuleId;
use longshore_domain::target::TableName;
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::buffer::{BufferId, Recount, count_buffer, lock_buffer};
use crate::load::{LoadFilter, find_load};
use crate::queries::Query;
use crate::read::{Reader, bigint, bounded, integer, json, milliseconds, optional_bigint, text};
use crate::store::Parameters;
use crate::transaction::Transaction;
use crate::transition::{LoadFailure, LoadedFacts, Moved, moved};
use crate::{LIST_LIMIT, Load, Store, StoreError};

/// A batch to be made of loads that wait in a buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBatch {
    /// [`batch_id`] of its loads.
    pub id: LoadId,
    /// Where they wait.
    pub buffer: BufferId,
    /// They, in the order of loading; never empty.
    pub loads: Vec<LoadId>,
    /// Their files' bytes.
    pub size_bytes: u64,
    /// Their records, where all were counted.
    pub rows_expected: Option<u64>,
    /// The manifest that names their files. It must be there already.
    pub manifest_key: ObjectKey,
    /// What is submitted and where.
    pub plan: Value,
    /// Why it fails as soon as it is made, where no transaction could be made of its files.
    pub failure: Option<LoadFailure>,
}

/// What came of making a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum MadeBatch {
    /// It is on the ledger, `prepared` or already `failed`, and nobody works on it yet.
    Made(Box<Load>),
    /// Somebody else took one of its loads first; nothing changed.
    Overtaken,
    /// Of the table's batches one is to be under way at a time, and this one is; nothing changed.
    Waits {
        /// That batch.
        until_done: LoadId,
    },
}

/// Why the loads of a batch wait in their buffer again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Return {
    /// Why the batch failed.
    pub failure: LoadFailure,
    /// With how many files each may be carried from now on.
    pub share: u32,
}

/// How a batch stands, for a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BatchStanding {
    /// Its id: that of the load that carries its files.
    pub batch: LoadId,
    /// Where its files came from.
    pub buffer: BufferId,
    /// Where it stands.
    pub state: LoadState,
    /// Its rule.
    pub rule: RuleId,
    /// Its table.
    pub table: TableName,
    /// How many files it carries.
    pub files: u32,
    /// Their bytes.
    pub bytes: u64,
    /// Records counted in them.
    pub rows_expected: Option<u64>,
    /// Rows that the warehouse took.
    pub rows_loaded: Option<u64>,
    /// The stable word for what went wrong.
    pub error_code: Option<String>,
    /// What was expected and what was found.
    pub error: Option<String>,
    /// When it was made.
    pub made_at: DateTime<Utc>,
    /// When there was nothing left to do.
    pub finished_at: Option<DateTime<Utc>>,
}

/// The id of the batch of these loads: the same for whoever takes the same ones.
pub fn batch_id(loads: &[LoadId]) -> LoadId {
    let mut ids: Vec<_> = loads.iter().map(LoadId::as_uuid).collect();
    ids.sort_unstable();
    let name: Vec<u8> = ids.iter().flat_map(|id| *id.as_bytes()).collect();
    LoadId::from_uuid(Uuid::new_v5(&Uuid::NAMESPACE_OID, &name))
}

impl Store {
    /// Makes a batch of loads that wait, all of them or none. A load is in one batch at most, however many are made at once.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or any of a write.
    pub async fn make_batch(
        &self,
        batch: &NewBatch,
        now: DateTime<Utc>,
        actor: &str,
    ) -> Result<MadeBatch, StoreError> {
        const QUERY: Query = Query::BatchInsert;
        let mut client = self.client(QUERY.name()).await?;
        let transaction = Transaction::begin(self, &mut client);
        lock_buffer(&transaction, batch.buffer).await?;
        if let Some(until_done) = under_way(&transaction, batch.buffer).await? {
            return Ok(MadeBatch::Waits { until_done });
        }
        if !insert(&transaction, batch, now, actor).await? {
            return Ok(MadeBatch::Overtaken);
        }
        count_buffer(&transaction, batch.buffer, Recount::Left).await?;
        if let Some(failure) = &batch.failure {
            fail_in(&transaction, batch.id, failure, now, actor).await?;
        }
        let load = find_load(&transaction, QUERY.name(), batch.id).await?;
        transaction.commit().await?;
        Ok(MadeBatch::Made(Box::new(load)))
    }

    /// The loads that a batch carries or carried, in the order of loading. Not bounded: one left out would never end.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn carried(&self, batch: LoadId) -> Result<Vec<LoadId>, StoreError> {
        let rows = self.rows(Query::BatchListCarried, &[&batch.as_uuid()]).await?;
        rows.iter()
            .map(|row| {
                Ok(LoadId::from_uuid(
                    Reader::new(row, "ext_file_load").get("load_id")?,
                ))
            })
            .collect()
    }

    /// The loads of a batch whose transaction committed are `loaded`; with `only`, those. With `counts_hold` each brought as many
    /// rows as were counted in it.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn mark_carried_loaded(
        &self,
        batch: LoadId,
        only: Option<&[LoadId]>,
        facts: &LoadedFacts,
        counts_hold: bool,
        now: DateTime<Utc>,
        actor: &str,
    ) -> Result<(), StoreError> {
        let only: Option<Vec<Uuid>> = only.map(|loads| loads.iter().map(LoadId::as_uuid).collect());
        let parameters: Parameters<'_> = &[
            &batch.as_uuid(),
            &only,
            &counts_hold,
            &facts.statement_id,
            &now,
            &actor,
        ];
        self.execute(Query::BatchSucceed, parameters).await?;
        Ok(())
    }

    /// The keys of the first files that a batch carries or carried, in the order in which it took them.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn first_keys(&self, batch: LoadId, limit: u32) -> Result<Vec<ObjectKey>, StoreError> {
        let parameters: Parameters<'_> = &[&batch.as_uuid(), &bounded(limit)];
        let rows = self.rows(Query::BatchListFirstKeys, parameters).await?;
        rows.iter()
            .map(|row| {
                Ok(ObjectKey::new(
                    Reader::new(row, "ext_file_load").get::<String>("object_key")?,
                ))
            })
            .collect()
    }

    /// The loads of a batch that failed for good, or `only` those of them, are `failed`.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn mark_carried_failed(
        &self,
        batch: LoadId,
        only: Option<&[LoadId]>,
        failure: &LoadFailure,
        now: DateTime<Utc>,
        actor: &str,
    ) -> Result<(), StoreError> {
        let only: Option<Vec<Uuid>> = only.map(|loads| loads.iter().map(LoadId::as_uuid).collect());
        let parameters: Parameters<'_> = &[
            &batch.as_uuid(),
            &failure.code,
            &text(&failure.error),
            &now,
            &actor,
            &only,
        ];
        self.execute(Query::BatchFail, parameters).await?;
        Ok(())
    }

    /// Ends a batch that did not come about, and puts its loads back to where they waited; they are due at once. Nothing is told.
    /// `Moved::No` when the batch is elsewhere by now.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or any of a write.
    pub async fn return_carried(
        &self,
        batch: &Load,
        back: &Return,
        now: DateTime<Utc>,
        actor: &str,
    ) -> Result<Moved, StoreError> {
        const QUERY: Query = Query::BatchReturn;
        let id = batch.id.as_uuid();
        let mut client = self.client(QUERY.name()).await?;
        let transaction = Transaction::begin(self, &mut client);
        if let Some(buffer) = batch.buffer {
            lock_buffer(&transaction, buffer).await?;
        }
        let changed = fail_quietly(&transaction, batch.id, &back.failure, now, actor).await?;
        if changed > 0 {
            let share = integer(QUERY.name(), "batch_share", back.share)?;
            transaction.execute(QUERY, &[&id, &share]).await?;
            if let Some(buffer) = batch.buffer {
                count_buffer(&transaction, buffer, Recount::Back(now)).await?;
            }
        }
        let moved = moved(&transaction, QUERY, batch.id, changed).await?;
        transaction.commit().await?;
        Ok(moved)
    }

    /// The newest batches that pass the filter, newest first.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn batches(&self, filter: &LoadFilter) -> Result<Vec<BatchStanding>, StoreError> {
        let state = filter.state.map(LoadState::as_str);
        let rule = filter.rule.map(|rule| rule.0);
        let limit = bounded(filter.limit.min(LIST_LIMIT));
        let parameters: Parameters<'_> = &[&state, &rule, &filter.since, &filter.until, &limit];
        let rows = self.rows(Query::BatchList, parameters).await?;
        rows.iter().map(read_standing).collect()
    }
}

async fn under_way(transaction: &Transaction<'_>, buffer: BufferId) -> Result<Option<LoadId>, StoreError> {
    let rows = transaction
        .rows(Query::BatchFindUnderWay, &[&buffer.as_uuid()])
        .await?;
    rows.first()
        .map(|row| {
            Ok(LoadId::from_uuid(
                Reader::new(row, "ext_file_load").get("load_id")?,
            ))
        })
        .transpose()
}

/// False when one of the loads is no longer to be had, or the batch is made; then nothing may be committed.
async fn insert(
    transaction: &Transaction<'_>,
    batch: &NewBatch,
    now: DateTime<Utc>,
    actor: &str,
) -> Result<bool, StoreError> {
    const QUERY: Query = Query::BatchInsert;
    let (id, buffer) = (batch.id.as_uuid(), batch.buffer.as_uuid());
    let loads: Vec<Uuid> = batch.loads.iter().map(LoadId::as_uuid).collect();
    let files = u32::try_from(loads.len()).unwrap_or(u32::MAX);
    let noun = if files == 1 { "file" } else { "files" };
    let parameters: Parameters<'_> = &[
        &buffer,
        &id,
        &batch.manifest_key.as_str(),
        &bigint(QUERY.name(), "size_bytes", batch.size_bytes)?,
        &format!("{files} {noun}"),
        &integer(QUERY.name(), "batch_files", files)?,
        &now,
        &actor,
    ];
    if transaction.execute(QUERY, parameters).await? == 0 {
        return Ok(false);
    }
    let taken = transaction
        .execute(Query::BatchTake, &[&id, &loads, &buffer])
        .await?;
    if taken != u64::from(files) {
        return Ok(false);
    }
    let replaces: Vec<Uuid> = Vec::new();
    let parameters: Parameters<'_> = &[
        &id,
        &optional_bigint(QUERY.name(), "rows_expected", batch.rows_expected)?,
        &json::<[(); 0]>(&[]),
        &false,
        &batch.manifest_key.as_str(),
        &batch.plan,
        &json::<[(); 0]>(&[]),
        &milliseconds(QUERY.name(), "prepare_duration_ms", Some(Duration::ZERO))?,
        &now,
        &actor,
        &replaces,
    ];
    Ok(transaction.execute(Query::LoadPrepare, parameters).await? == 1)
}

/// Fails and concludes a load of which nobody is told.
async fn fail_quietly(
    transaction: &Transaction<'_>,
    load: LoadId,
    failure: &LoadFailure,
    now: DateTime<Utc>,
    actor: &str,
) -> Result<u64, StoreError> {
    let id = load.as_uuid();
    let changed = fail_in(transaction, load, failure, now, actor).await?;
    let none = None::<&str>;
    let parameters: Parameters<'_> = &[&id, &none, &now, &actor, &none, &none, &json::<[(); 0]>(&[])];
    if changed > 0 {
        transaction.execute(Query::LoadConclude, parameters).await?;
    }
    Ok(changed)
}

/// Fails a load within a transaction.
pub(crate) async fn fail_in(
    transaction: &Transaction<'_>,
    load: LoadId,
    failure: &LoadFailure,
    now: DateTime<Utc>,
    actor: &str,
) -> Result<u64, StoreError> {
    let parameters: Parameters<'_> = &[
        &load.as_uuid(),
        &failure.code,
        &text(&failure.error),
        &None::<i64>,
        &now,
        &actor,
    ];
    transaction.execute(Query::LoadFail, parameters).await
}

fn read_standing(row: &Row) -> Result<BatchStanding, StoreError> {
    let reader = Reader::new(row, "ext_file_load");
    Ok(BatchStanding {
        batch: LoadId::from_uuid(reader.get("load_id")?),
        buffer: BufferId::from_uuid(reader.get("buffer_id")?),
        state: reader.word("state", LoadState::parse)?,
        rule: RuleId(reader.get("ext_file_config_sid")?),
        table: TableName::new(
            reader.get::<String>("tgt_schema_name")?,
            reader.get::<String>("tgt_table_name")?,
        ),
        files: reader.small_count("batch_files")?,
        bytes: reader.count("size_bytes")?,
        rows_expected: reader.optional_count("rows_expected")?,
        rows_loaded: reader.optional_count("rows_loaded")?,
        error_code: reader.get("error_code")?,
        error: reader.get("error")?,
        made_at: reader.get("received_at")?,
        finished_at: reader.get("finished_at")?,
    })
}
