//! Sets: what gathers of the files of a group's rules until it is whole, in a buffer of its own.

use std::time::Duration;

use chrono::{DateTime, Utc};
use longshore_domain::load::LoadId;
use longshore_domain::matching::Captures;
use longshore_domain::object::{Bucket, ObjectKey};
use longshore_domain::rule::{Interface, RuleId, SetKey};
use longshore_domain::target::TableName;
use serde::Serialize;
use serde_json::{Value, json};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::batch::{MadeBatch, fail_in};
use crate::buffer::{BufferId, Recount, count_buffer, lock_buffer};
use crate::load::{Source, find_load};
use crate::queries::Query;
use crate::read::{Reader, bigint, bounded, integer, milliseconds, optional_bigint, text};
use crate::store::Parameters;
use crate::transaction::Transaction;
use crate::transition::{LoadFailure, Moved, commit_moved, moved};
use crate::{LIST_LIMIT, Store, StoreError};

/// What a load brings into a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoiningSet {
    /// The group's name.
    pub group: String,
    /// What tells the set from others of the group.
    pub set: String,
    /// The set's buffer: [`set_id`].
    pub buffer: BufferId,
    /// How the file is loaded, or what it says of the set.
    pub part: Value,
    /// Records counted.
    pub rows_expected: Option<u64>,
    /// What COPY will read of it; of a file that is not loaded, itself.
    pub sources: Vec<Source>,
    /// Whether that is a copy of ours.
    pub prepared: bool,
    /// How long it took to prepare.
    pub duration: Duration,
}

/// A set and how much of it waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WaitingSet {
    /// Its buffer.
    pub id: BufferId,
    /// The bucket of its files.
    pub bucket: Bucket,
    /// Its group.
    pub group: String,
    /// What tells it from others of the group.
    pub set: String,
    /// How many files wait.
    pub files: u32,
    /// Their bytes.
    pub bytes: u64,
    /// Since when the first of them waits.
    pub first_at: Option<DateTime<Utc>>,
    /// Since when an operator no longer wants to wait for what it lacks.
    pub flush_at: Option<DateTime<Utc>>,
}

/// A load that waits in a set.
#[derive(Debug, Clone, PartialEq)]
pub struct SetMember {
    /// Its id.
    pub load: LoadId,
    /// Its rule.
    pub rule: RuleId,
    /// Its feed.
    pub interface: Interface,
    /// The bucket of its file.
    pub bucket: Bucket,
    /// The key of its file.
    pub key: ObjectKey,
    /// The name that the lineage column takes.
    pub file_name: String,
    /// Its file's length.
    pub size_bytes: u64,
    /// What COPY reads.
    pub sources: Vec<Source>,
    /// Records counted.
    pub rows_expected: Option<u64>,
    /// How the file is loaded, or what it says of the set.
    pub part: Value,
}

/// A file of a group's rules that was refused before it could join its set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedMember {
    /// Its rule.
    pub rule: RuleId,
    /// Its key.
    pub key: ObjectKey,
    /// What its key gives.
    pub captures: Captures,
    /// Why, in a sentence.
    pub error: String,
}

/// A set that is to be loaded, or to fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSet {
    /// [`crate::batch_id`] of its loads.
    pub id: LoadId,
    /// Where they wait.
    pub buffer: BufferId,
    /// They; never empty.
    pub loads: Vec<LoadId>,
    /// The rule that it stands under.
    pub rule: RuleId,
    /// The feed of that rule.
    pub interface: Interface,
    /// The first of its tables.
    pub table: TableName,
    /// The set in words.
    pub name: String,
    /// Its files' bytes.
    pub size_bytes: u64,
    /// Its records, where all were counted.
    pub rows_expected: Option<u64>,
    /// The manifest of the first section.
    pub manifest_key: ObjectKey,
    /// The manifests of the others.
    pub manifests: Vec<Source>,
    /// What is submitted and where.
    pub plan: Value,
    /// Why it is not to be loaded; `None`: it is.
    pub failure: Option<LoadFailure>,
}

/// Why a load leaves the set or the buffer that it waits in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving<'a> {
    /// Its file was replaced, and what waits has been waiting for no shorter time.
    Replaced {
        /// Why, in a sentence.
        note: &'a str,
        /// The load of the file that is in its place, where that is known.
        by: Option<LoadId>,
    },
    /// It counts for no set: what still waits there has begun one when it came.
    Repeated {
        /// Why, in a sentence.
        note: &'a str,
    },
}

impl<'a> Leaving<'a> {
    /// Why, in a sentence.
    pub fn note(self) -> &'a str {
        match self {
            Self::Replaced { note, .. } | Self::Repeated { note } => note,
        }
    }

    fn by(self) -> Option<LoadId> {
        match self {
            Self::Replaced { by, .. } => by,
            Self::Repeated { .. } => None,
        }
    }

    fn recount(self) -> Recount {
        match self {
            Self::Replaced { .. } => Recount::Replaced,
            Self::Repeated { .. } => Recount::Left,
        }
    }
}

/// The buffer of a set: the same for whoever asks.
pub fn set_id(bucket: &Bucket, group: &str, set: &str) -> BufferId {
    BufferId::of(bucket, &json!({"group": group, "set": set}))
}

impl Store {
    /// `received` to `batched`: the load joins its set. Of two that join at once each is counted.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or any of a write.
    pub async fn join_set(
        &self,
        load: LoadId,
        joining: &JoiningSet,
        now: DateTime<Utc>,
        actor: &str,
    ) -> Result<Moved, StoreError> {
        const QUERY: Query = Query::LoadBatch;
        let (id, buffer) = (load.as_uuid(), joining.buffer.as_uuid());
        let mut client = self.client(QUERY.name()).await?;
        let transaction = Transaction::begin(self, &mut client);
        let parameters: Parameters<'_> = &[&id, &buffer, &joining.group, &joining.set, &now];
        transaction.execute(Query::SetJoin, parameters).await?;
        let parameters: Parameters<'_> = &[
            &id,
            &optional_bigint(QUERY.name(), "rows_expected", joining.rows_expected)?,
            &crate::read::json(&joining.sources),
            &joining.prepared,
            &crate::read::json::<[(); 0]>(&[]),
            &milliseconds(QUERY.name(), "prepare_duration_ms", Some(joining.duration))?,
            &now,
            &actor,
            &buffer,
            &None::<&str>,
            &Some(&joining.part),
        ];
        let changed = transaction.execute(QUERY, parameters).await?;
        let moved = moved(&transaction, QUERY, load, changed).await?;
        // Somebody else brought it further: then it is not to be counted either.
        if moved.has_moved() {
            transaction.commit().await?;
        }
        Ok(moved)
    }

    /// One set; None when the buffer is none.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn waiting_set(&self, set: BufferId) -> Result<Option<WaitingSet>, StoreError> {
        let rows = self.rows(Query::SetFind, &[&set.as_uuid()]).await?;
        rows.first().map(read_set).transpose()
    }

    /// The sets of which files wait, all or those of one group, the one that was not looked at for longest first.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn waiting_sets(&self, group: Option<&str>) -> Result<Vec<WaitingSet>, StoreError> {
        let rows = self.rows(Query::SetList, &[&group, &bounded(LIST_LIMIT)]).await?;
        rows.iter().map(read_set).collect()
    }

    /// The loads that wait in a set, in the order in which they came.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn set_members(&self, set: BufferId, limit: u32) -> Result<Vec<SetMember>, StoreError> {
        let parameters: Parameters<'_> = &[&set.as_uuid(), &i64::from(limit)];
        let rows = self.rows(Query::SetListMembers, parameters).await?;
        rows.iter().map(read_member).collect()
    }

    /// The files of a group's rules that were refused since a time and do not wait in a set either, the newest first: which set
    /// each would have joined, its key says.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn set_rejected(
        &self,
        bucket: &Bucket,
        rules: &[RuleId],
        since: DateTime<Utc>,
    ) -> Result<Vec<RejectedMember>, StoreError> {
        let rules: Vec<i32> = rules.iter().map(|rule| rule.0).collect();
        let parameters: Parameters<'_> = &[&bucket.as_str(), &rules, &since, &bounded(LIST_LIMIT)];
        let rows = self.rows(Query::SetListRejected, parameters).await?;
        rows.iter().map(read_rejected).collect()
    }

    /// `batched` and not yet in a batch, to `skipped`: the load leaves its set or its buffer, with the note why.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or any of a write.
    pub async fn leave_buffer(
        &self,
        load: LoadId,
        buffer: BufferId,
        leaving: Leaving<'_>,
        now: DateTime<Utc>,
        actor: &str,
    ) -> Result<Moved, StoreError> {
        const QUERY: Query = Query::BufferLeave;
        let mut client = self.client(QUERY.name()).await?;
        let transaction = Transaction::begin(self, &mut client);
        lock_buffer(&transaction, buffer).await?;
        let parameters: Parameters<'_> = &[
            &load.as_uuid(),
            &text(leaving.note()),
            &now,
            &actor,
            &buffer.as_uuid(),
            &leaving.by().map(|by| by.as_uuid()),
        ];
        let changed = transaction.execute(QUERY, parameters).await?;
        if changed > 0 {
            count_buffer(&transaction, buffer, leaving.recount()).await?;
        }
        commit_moved(transaction, QUERY, load, changed).await
    }

    /// Whether a file of these rules is on the ledger that has not come into its set yet: of the rules of a group, which tell its sets
    /// apart by `key`.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn awaits(&self, set: &WaitingSet, rules: &[RuleId], key: &SetKey) -> Result<bool, StoreError> {
        let rules: Vec<i32> = rules.iter().map(|rule| rule.0).collect();
        let capture = match key {
            SetKey::Folder => None,
            SetKey::Capture(name) => Some(name),
        };
        let buffer = set.id.as_uuid();
        let parameters: Parameters<'_> = &[&set.bucket.as_str(), &rules, &set.set, &capture, &buffer];
        let rows = self.rows(Query::SetAwait, parameters).await?;
        Ok(!rows.is_empty())
    }

    /// A set was looked at and is not whole.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn looked_at_set(&self, set: BufferId, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.execute(Query::SetLook, &[&set.as_uuid(), &now]).await?;
        Ok(())
    }

    /// Puts the load that carries a set on the ledger and its files into it, all of them or none. One that is not to be loaded is
    /// `failed` at once.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or any of a write.
    pub async fn make_set(
        &self,
        set: &NewSet,
        now: DateTime<Utc>,
        actor: &str,
    ) -> Result<MadeBatch, StoreError> {
        const QUERY: Query = Query::SetInsert;
        let mut client = self.client(QUERY.name()).await?;
        let transaction = Transaction::begin(self, &mut client);
        lock_buffer(&transaction, set.buffer).await?;
        if !insert(&transaction, set, now, actor).await? {
            return Ok(MadeBatch::Overtaken);
        }
        count_buffer(&transaction, set.buffer, Recount::OfTheNext).await?;
        if let Some(failure) = &set.failure {
            fail_in(&transaction, set.id, failure, now, actor).await?;
        }
        let load = find_load(&transaction, QUERY.name(), set.id).await?;
        transaction.commit().await?;
        Ok(MadeBatch::Made(Box::new(load)))
    }
}

/// False when one of the loads is no longer to be had, or the set is made; then nothing may be committed.
async fn insert(
    transaction: &Transaction<'_>,
    set: &NewSet,
    now: DateTime<Utc>,
    actor: &str,
) -> Result<bool, StoreError> {
    const QUERY: Query = Query::SetInsert;
    let (id, buffer) = (set.id.as_uuid(), set.buffer.as_uuid());
    let loads: Vec<Uuid> = set.loads.iter().map(LoadId::as_uuid).collect();
    let files = u32::try_from(loads.len()).unwrap_or(u32::MAX);
    let parameters: Parameters<'_> = &[
        &buffer,
        &id,
        &set.manifest_key.as_str(),
        &bigint(QUERY.name(), "size_bytes", set.size_bytes)?,
        &set.name,
        &set.rule.0,
        &set.interface.id,
        &set.interface.name,
        &set.table.schema,
        &set.table.table,
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
        &optional_bigint(QUERY.name(), "rows_expected", set.rows_expected)?,
        &crate::read::json(&set.manifests),
        &true,
        &set.manifest_key.as_str(),
        &set.plan,
        &crate::read::json::<[(); 0]>(&[]),
        &milliseconds(QUERY.name(), "prepare_duration_ms", Some(Duration::ZERO))?,
        &now,
        &actor,
        &replaces,
    ];
    Ok(transaction.execute(Query::LoadPrepare, parameters).await? == 1)
}

fn read_set(row: &Row) -> Result<WaitingSet, StoreError> {
    let reader = Reader::new(row, "ext_load_buffer");
    Ok(WaitingSet {
        id: BufferId::from_uuid(reader.get("buffer_id")?),
        bucket: Bucket::new(reader.get::<String>("bucket_name")?),
        group: reader.get("group_name")?,
        set: reader.get("group_set")?,
        files: reader.small_count("files")?,
        bytes: reader.count("bytes")?,
        first_at: reader.get("first_at")?,
        flush_at: reader.get("flush_at")?,
    })
}

fn read_rejected(row: &Row) -> Result<RejectedMember, StoreError> {
    let reader = Reader::new(row, "ext_file_load");
    Ok(RejectedMember {
        rule: RuleId(reader.get("ext_file_config_sid")?),
        key: ObjectKey::new(reader.get::<String>("object_key")?),
        captures: reader.json("captures")?,
        error: reader.get("error")?,
    })
}

fn read_member(row: &Row) -> Result<SetMember, StoreError> {
    let reader = Reader::new(row, "ext_file_load");
    Ok(SetMember {
        load: LoadId::from_uuid(reader.get("load_id")?),
        rule: RuleId(reader.get("ext_file_config_sid")?),
        interface: Interface {
            id: reader.get("ext_interface_cid")?,
            name: reader.get("interface_name")?,
        },
        bucket: Bucket::new(reader.get::<String>("bucket_name")?),
        key: ObjectKey::new(reader.get::<String>("object_key")?),
        file_name: reader.get("file_name")?,
        size_bytes: reader.count("size_bytes")?,
        sources: reader.json("sources")?,
        rows_expected: reader.optional_count("rows_expected")?,
        part: reader.get("set_part")?,
    })
}
