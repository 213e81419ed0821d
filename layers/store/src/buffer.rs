//! Buffers: where loads gather until a batch takes them.
//!
//! Everywhere a buffer's row is locked before the rows of its loads, so that two transactions cannot wait for each other.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use longshore_domain::load::LoadId;
use longshore_domain::object::{Bucket, ObjectKey, s3_url};
use longshore_domain::rule::RuleId;
use longshore_domain::target::TableName;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::load::Source;
use crate::operation::Operator;
use crate::queries::Query;
use crate::read::{Reader, bounded, integer, json, milliseconds, optional_bigint, text};
use crate::store::Parameters;
use crate::transaction::Transaction;
use crate::transition::{Moved, moved};
use crate::{LIST_LIMIT, Store, StoreError};

const TABLE: &str = "ext_load_buffer";

/// Identifies a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BufferId(Uuid);

impl BufferId {
    /// The buffer of what is loaded by one recipe from one bucket: the same for whoever asks.
    pub fn of(bucket: &Bucket, recipe: &Value) -> Self {
        let name = format!("{}\n{recipe}", bucket.as_str());
        Self(Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()))
    }

    /// Wraps a stored id.
    pub fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The bare id.
    pub fn as_uuid(&self) -> Uuid {
        self.0
    }
}

impl fmt::Display for BufferId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

/// When a batch is made of what waits in a buffer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BufferLimits {
    /// As soon as so many files wait; no batch has more.
    pub max_files: u32,
    /// As soon as they have so many bytes.
    pub max_bytes: Option<u64>,
    /// As soon as the first of them has waited so long; whole seconds.
    pub max_age: Duration,
    /// Whether a batch waits for the one before it on the same table.
    pub one_at_a_time: bool,
}

/// What a load brings into a buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joining {
    /// Where it goes.
    pub buffer: BufferId,
    /// How the buffer's loads are loaded; makes the buffer if there is none.
    pub recipe: Value,
    /// The warehouse by name.
    pub warehouse: String,
    /// When a batch is made there. Part of the recipe.
    pub limits: BufferLimits,
    /// What the rule picked out of the key under this name decides the order.
    pub order: Option<String>,
    /// Records counted; None where the engine cannot count.
    pub rows_expected: Option<u64>,
    /// What COPY will read of it.
    pub sources: Vec<Source>,
    /// Whether that is a copy of ours.
    pub prepared: bool,
    /// Further facts worth a line in a message.
    pub remarks: Vec<String>,
    /// How long it took to prepare.
    pub duration: Duration,
}

/// A buffer and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Buffer {
    /// Its id.
    pub id: BufferId,
    /// The bucket of its files.
    pub bucket: Bucket,
    /// Their rule.
    pub rule: RuleId,
    /// Where their rows go.
    pub table: TableName,
    /// The warehouse by name.
    pub warehouse: String,
    /// How they are loaded.
    #[serde(skip)]
    pub recipe: Value,
    /// When a batch is made.
    pub limits: BufferLimits,
    /// How many wait.
    pub files: u32,
    /// Their bytes.
    pub bytes: u64,
    /// Since when the first of them waits.
    pub first_at: Option<DateTime<Utc>>,
    /// Since when all of them are due.
    pub flush_at: Option<DateTime<Utc>>,
}

/// A load that waits in a buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its id.
    pub load: LoadId,
    /// `s3://bucket/key` of its object.
    pub object_url: String,
    /// Its object's length.
    pub size_bytes: u64,
    /// What COPY reads.
    pub sources: Vec<Source>,
    /// Records counted.
    pub rows_expected: Option<u64>,
    /// With how many files at most a batch may carry it.
    pub share: Option<u32>,
}

/// A load that waits, and another one of another content under its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Superseded {
    /// Its id.
    pub load: LoadId,
    /// The bucket of its file.
    pub bucket: Bucket,
    /// The key of both files.
    pub key: ObjectKey,
    /// The entity tag of its file.
    pub etag: Option<String>,
    /// The other one.
    pub by: LoadId,
}

impl Store {
    /// `received` to `batched`: the load joins its buffer. Of two that join at once each is counted.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or any of a write.
    pub async fn join_buffer(
        &self,
        load: LoadId,
        joining: &Joining,
        now: DateTime<Utc>,
        actor: &str,
    ) -> Result<Moved, StoreError> {
        const QUERY: Query = Query::LoadBatch;
        let id = load.as_uuid();
        let buffer = joining.buffer.as_uuid();
        let mut client = self.client(QUERY.name()).await?;
        let transaction = Transaction::begin(self, &mut client);
        join(&transaction, load, joining, now).await?;
        let parameters: Parameters<'_> = &[
            &id,
            &optional_bigint(QUERY.name(), "rows_expected", joining.rows_expected)?,
            &json(&joining.sources),
            &joining.prepared,
            &json(&joining.remarks),
            &milliseconds(QUERY.name(), "prepare_duration_ms", Some(joining.duration))?,
            &now,
            &actor,
            &buffer,
            &joining.order,
            &None::<Value>,
        ];
        let changed = transaction.execute(QUERY, parameters).await?;
        let moved = moved(&transaction, QUERY, load, changed).await?;
        // Somebody else brought it further: then it is not to be counted either.
        if moved.has_moved() {
            transaction.commit().await?;
        }
        Ok(moved)
    }

    /// One buffer; None when there is none of that id.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn buffer(&self, buffer: BufferId) -> Result<Option<Buffer>, StoreError> {
        let rows = self.rows(Query::BufferFind, &[&buffer.as_uuid()]).await?;
        rows.first().map(read_buffer).transpose()
    }

    /// The buffers in which loads wait, all or those of one rule, the one that waits longest first.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn buffers(&self, rule: Option<RuleId>) -> Result<Vec<Buffer>, StoreError> {
        let rule = rule.map(|rule| rule.0);
        let rows = self
            .rows(Query::BufferList, &[&rule, &bounded(LIST_LIMIT)])
            .await?;
        rows.iter().map(read_buffer).collect()
    }

    /// The buffers of which a batch is to be made now.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn buffers_due(&self, now: DateTime<Utc>) -> Result<Vec<BufferId>, StoreError> {
        let parameters: Parameters<'_> = &[&now, &None::<Uuid>, &bounded(LIST_LIMIT)];
        let rows = self.rows(Query::BufferListDue, parameters).await?;
        rows.iter()
            .map(|row| Ok(BufferId(Reader::new(row, TABLE).get("buffer_id")?)))
            .collect()
    }

    /// The first loads that wait in a buffer, in the order in which they are loaded.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn waiting(&self, buffer: BufferId, limit: u32) -> Result<Vec<Waiting>, StoreError> {
        let parameters: Parameters<'_> = &[&buffer.as_uuid(), &i64::from(limit)];
        let rows = self.rows(Query::BufferListWaiting, parameters).await?;
        rows.iter().map(read_waiting).collect()
    }

    /// The first loads that wait in a buffer of which a batch is to be made now; none where it is not due.
    ///
    /// Both are asked of one moment. Of two moments, the load that makes a batch due, or those that made it, would not be among
    /// the loads: what is left out then waits for others that need not come.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn waiting_if_due(
        &self,
        buffer: BufferId,
        limit: u32,
        now: DateTime<Utc>,
    ) -> Result<Vec<Waiting>, StoreError> {
        const QUERY: Query = Query::BufferListWaiting;
        let id = buffer.as_uuid();
        let mut client = self.client(QUERY.name()).await?;
        let moment = Transaction::of_one_moment(self, &mut client);
        let due = moment
            .rows(Query::BufferListDue, &[&now, &Some(id), &1_i64])
            .await?;
        if due.is_empty() {
            return Ok(vec![]);
        }
        let rows = moment.rows(QUERY, &[&id, &i64::from(limit)]).await?;
        rows.iter().map(read_waiting).collect()
    }

    /// Of these loads, which wait in a buffer, those whose files may have been replaced meanwhile, in the order in which they came.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn superseded(
        &self,
        buffer: BufferId,
        loads: &[LoadId],
    ) -> Result<Vec<Superseded>, StoreError> {
        let loads: Vec<Uuid> = loads.iter().map(LoadId::as_uuid).collect();
        let parameters: Parameters<'_> = &[&buffer.as_uuid(), &loads];
        let rows = self.rows(Query::BufferListSuperseded, parameters).await?;
        rows.iter().map(read_superseded).collect()
    }

    /// Makes all that waits in a buffer due, with a record of it at each file; false when nothing waits.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn flush_buffer(
        &self,
        buffer: BufferId,
        operator: &Operator,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let id = buffer.as_uuid();
        let mut client = self.client(Query::BufferFlush.name()).await?;
        let transaction = Transaction::begin(self, &mut client);
        let changed = transaction.execute(Query::BufferFlush, &[&id, &now]).await?;
        if changed > 0 {
            let parameters: Parameters<'_> = &[&id, &operator.name, &text(&operator.reason), &now];
            transaction
                .execute(Query::OperationInsertWaiting, parameters)
                .await?;
        }
        transaction.commit().await?;
        Ok(changed > 0)
    }
}

async fn join(
    transaction: &Transaction<'_>,
    load: LoadId,
    joining: &Joining,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    const QUERY: Query = Query::BufferJoin;
    let limits = &joining.limits;
    let seconds = u32::try_from(limits.max_age.as_secs()).unwrap_or(u32::MAX);
    let parameters: Parameters<'_> = &[
        &load.as_uuid(),
        &joining.buffer.as_uuid(),
        &joining.warehouse,
        &joining.recipe,
        &integer(QUERY.name(), "max_files", limits.max_files)?,
        &optional_bigint(QUERY.name(), "max_bytes", limits.max_bytes)?,
        &integer(QUERY.name(), "max_seconds", seconds)?,
        &limits.one_at_a_time,
        &now,
    ];
    transaction.execute(QUERY, parameters).await?;
    Ok(())
}

/// Locks a buffer; how many loads wait in it is then certain.
pub(crate) async fn lock_buffer(transaction: &Transaction<'_>, buffer: BufferId) -> Result<(), StoreError> {
    transaction.rows(Query::BufferLock, &[&buffer.as_uuid()]).await?;
    Ok(())
}

/// Why what waits in a buffer is counted anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recount {
    /// Loads left it, each for its own sake.
    Left,
    /// Loads came back, and all of it is due since then.
    Back(DateTime<Utc>),
    /// A load left it for one that waits in its place: what waits has been waiting as long as before.
    Replaced,
    /// A load was made of the set that it was: what is left is the next one, of which nobody said that it need not be waited for.
    OfTheNext,
}

/// Counts anew what waits in a locked buffer.
pub(crate) async fn count_buffer(
    transaction: &Transaction<'_>,
    buffer: BufferId,
    recount: Recount,
) -> Result<(), StoreError> {
    let due_since = match recount {
        Recount::Back(since) => Some(since),
        Recount::Left | Recount::Replaced | Recount::OfTheNext => None,
    };
    let parameters: Parameters<'_> = &[
        &buffer.as_uuid(),
        &due_since,
        &(recount == Recount::Replaced),
        &(recount == Recount::OfTheNext),
    ];
    transaction.execute(Query::BufferCount, parameters).await?;
    Ok(())
}

fn read_buffer(row: &Row) -> Result<Buffer, StoreError> {
    let reader = Reader::new(row, TABLE);
    Ok(Buffer {
        id: BufferId(reader.get("buffer_id")?),
        bucket: Bucket::new(reader.get::<String>("bucket_name")?),
        rule: RuleId(reader.get("ext_file_config_sid")?),
        table: TableName::new(
            reader.get::<String>("tgt_schema_name")?,
            reader.get::<String>("tgt_table_name")?,
        ),
        warehouse: reader.get("warehouse")?,
        recipe: reader.get("recipe")?,
        limits: BufferLimits {
            max_files: reader.small_count("max_files")?,
            max_bytes: reader.optional_count("max_bytes")?,
            max_age: Duration::from_secs(reader.small_count("max_seconds")?.into()),
            one_at_a_time: reader.get("one_at_a_time")?,
        },
        files: reader.small_count("files")?,
        bytes: reader.count("bytes")?,
        first_at: reader.get("first_at")?,
        flush_at: reader.get("flush_at")?,
    })
}

fn read_superseded(row: &Row) -> Result<Superseded, StoreError> {
    let reader = Reader::new(row, "ext_file_load");
    Ok(Superseded {
        load: LoadId::from_uuid(reader.get("load_id")?),
        bucket: Bucket::new(reader.get::<String>("bucket_name")?),
        key: ObjectKey::new(reader.get::<String>("object_key")?),
        etag: reader.get("etag")?,
        by: LoadId::from_uuid(reader.get("superseded_by")?),
    })
}

fn read_waiting(row: &Row) -> Result<Waiting, StoreError> {
    let reader = Reader::new(row, "ext_file_load");
    let bucket = Bucket::new(reader.get::<String>("bucket_name")?);
    let key = ObjectKey::new(reader.get::<String>("object_key")?);
    Ok(Waiting {
        load: LoadId::from_uuid(reader.get("load_id")?),
        object_url: s3_url(&bucket, &key),
        size_bytes: reader.count("size_bytes")?,
        sources: reader.json("sources")?,
        rows_expected: reader.optional_count("rows_expected")?,
        share: reader.optional_small_count("batch_share")?,
    })
}
