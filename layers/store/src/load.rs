//! A load as the ledger holds it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::matching::Captures;
use longshore_domain::object::{Bucket, Object, ObjectKey, Sequencer};
use longshore_domain::queue::QueueName;
use longshore_domain::reject::RejectReason;
use longshore_domain::rule::{Interface, ResendPolicy, RuleId};
use longshore_domain::target::TableName;
use longshore_domain::trace::TraceId;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::buffer::BufferId;
use crate::queries::Query;
use crate::read::{Reader, bounded};
use crate::store::Parameters;
use crate::transaction::{Answer, Transaction};
use crate::{Store, StoreError};

const TABLE: &str = "ext_file_load";

/// One row of the ledger.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Load {
    /// Its id.
    pub id: LoadId,
    /// The load whose file it was cut from.
    pub parent: Option<LoadId>,
    /// The prefix of the records that it holds, when it was cut from a file.
    pub record_type: Option<String>,
    /// The target that it delivers its file to, when that goes to several.
    pub target: Option<String>,
    /// To how many targets its file is delivered, each by a load of its own.
    pub deliveries: Option<u32>,
    /// The object; of a part, the prepared copy that holds its records.
    pub object: Object,
    /// The name that the lineage column takes.
    pub file_name: String,
    /// Where it stands.
    pub state: LoadState,
    /// Its rule, once matched.
    pub rule: Option<RuleId>,
    /// The version of the rule that it runs under.
    pub rule_version: Option<i32>,
    /// Its feed, once matched.
    pub interface: Option<Interface>,
    /// Its table with the placeholders filled, once matched.
    pub table: Option<TableName>,
    /// What the rule picked out of the key.
    pub captures: Captures,
    /// Records counted in the file.
    pub rows_expected: Option<u64>,
    /// Rows that the warehouse took.
    pub rows_loaded: Option<u64>,
    /// Rows that the warehouse refused and the rule let pass.
    pub rows_rejected: Option<u64>,
    /// What COPY reads; empty before it is prepared.
    pub sources: Vec<Source>,
    /// Whether the sources are our own copies.
    pub prepared: bool,
    /// The manifest that COPY reads.
    pub manifest_key: Option<ObjectKey>,
    /// What is submitted and where, once it is prepared.
    pub plan: Option<serde_json::Value>,
    /// Where the file goes, or lies.
    pub archived_key: Option<ObjectKey>,
    /// The warehouse's id of the statement whose transaction loaded the rows.
    pub statement_id: Option<String>,
    /// The stable word for what went wrong.
    pub error_code: Option<String>,
    /// What was expected and what was found.
    pub error: Option<String>,
    /// The reason for a rejection in full.
    pub reject: Option<RejectReason>,
    /// Further facts worth a line in a message.
    pub remarks: Vec<String>,
    /// How long it took to prepare.
    pub prepare_duration: Option<Duration>,
    /// The queue that announced its object.
    pub queue: Option<QueueName>,
    /// Since when its rows no longer keep its file from being loaded again.
    pub forgotten_at: Option<DateTime<Utc>>,
    /// The load of the file that was put in the place of its own before that was loaded.
    pub superseded_by: Option<LoadId>,
    /// Since when it is the one load of its content that is under way.
    pub admitted_at: Option<DateTime<Utc>>,
    /// Where its bytes are read, when not at its object's key: a copy that was put away.
    pub read_key: Option<ObjectKey>,
    /// The loads whose rows its own replace.
    pub replaces: Vec<LoadId>,
    /// The load that an operator let happen again by this one.
    pub replays: Option<LoadId>,
    /// The one record type that is loaded again, when not all are.
    pub only_record_type: Option<String>,
    /// What the operator said about rows that are there already.
    pub resend: Option<ResendPolicy>,
    /// Whether its file stays where it landed.
    pub file_stays: bool,
    /// Where it gathered with others for a batch; of a batch, where its files came from.
    pub buffer: Option<BufferId>,
    /// The batch that carries it.
    pub batch: Option<LoadId>,
    /// How many files it carries; `None`: it is the load of a file.
    pub batch_files: Option<u32>,
    /// With how many files at most a batch may carry it, itself among them.
    pub batch_share: Option<u32>,
    /// How often it was claimed: 1 and the repeats; 0 for a replay that nobody has taken up yet.
    pub claims: u32,
    /// How many invocations took it up in this state and never gave it back.
    pub deaths: u32,
    /// How many invocations ran out of time over it in this state.
    pub handovers: u32,
    /// Nobody takes it up before then.
    pub due_at: Option<DateTime<Utc>>,
    /// The paused warehouse or rule, or the place at its crowded table, that it waits for.
    pub waits_for: Option<String>,
    /// What became of its statements that failed for reasons that pass.
    pub retry: Retry,
    /// Who works on it.
    pub lease: Option<Lease>,
    /// When it was first announced.
    pub received_at: DateTime<Utc>,
    /// When it was prepared.
    pub prepared_at: Option<DateTime<Utc>>,
    /// When the newest attempt was submitted.
    pub submitted_at: Option<DateTime<Utc>>,
    /// When its rows were in the warehouse.
    pub loaded_at: Option<DateTime<Utc>>,
    /// When its outcome was put on record.
    pub concluded_at: Option<DateTime<Utc>>,
    /// When there was nothing left to do.
    pub finished_at: Option<DateTime<Utc>>,
    /// What it is followed by, from its announcement to its follow-up; none for loads of before it was kept.
    pub trace: Option<TraceId>,
}

/// An object that COPY reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its key, in the bucket of the load's object.
    pub key: ObjectKey,
    /// Its length in bytes; a manifest must say it exactly for columnar files.
    pub size_bytes: u64,
}

/// What is kept of statements that failed for reasons that pass: the load transaction's, and once that has committed the
/// follow-up's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Retry {
    /// How many of them count as tries.
    pub tries: u32,
    /// The newest attempt among them.
    pub failed_attempt: u32,
    /// When the first of them failed.
    pub since: Option<DateTime<Utc>>,
    /// What the last of them said.
    pub error: Option<String>,
}

/// The right to work on a load until some time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lease {
    /// The invocation; a retry of it has the same.
    pub owner: String,
    /// What it does.
    pub step: LeaseStep,
    /// When the right ends by itself, should the owner die.
    pub until: DateTime<Utc>,
}

/// What a lease is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaseStep {
    /// From the object to the submitted transaction.
    Prepare,
    /// From the outcome to the archived file.
    Finish,
}

impl LeaseStep {
    /// The word stored in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Finish => "finish",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Prepare, Self::Finish]
            .into_iter()
            .find(|step| step.as_str() == word)
    }
}

/// Which loads to list. What is None lets everything pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadFilter {
    /// Only those in this state.
    pub state: Option<LoadState>,
    /// Only those under this rule.
    pub rule: Option<RuleId>,
    /// Only those received at this time or later.
    pub since: Option<DateTime<Utc>>,
    /// Only those received before this time.
    pub until: Option<DateTime<Utc>>,
    /// Only those of files that are called so.
    pub file: Option<FileBeginning>,
    /// Only those with this error.
    pub code: Option<String>,
    /// Those that somebody has to see to alone, or all.
    pub mending: Mending,
    /// At most so many, and never more than [`crate::LIST_LIMIT`].
    pub limit: u32,
}

/// Whether it counts for a list what came of a load.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mending {
    /// All are listed.
    #[default]
    Whatever,
    /// Only those that were refused or failed, and that nothing came of ([`crate::Sequel::is_open`]).
    Open,
}

/// How a file's name, or its key, begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileBeginning {
    /// The name; of a part the name of its file.
    Name(String),
    /// The key. A part was no object of its own, and is not found by one.
    Key {
        /// In this bucket; None: in whichever.
        bucket: Option<Bucket>,
        /// The beginning.
        key: String,
    },
}

impl Load {
    /// Whether it carries the files of others.
    pub fn is_batch(&self) -> bool {
        self.batch_files.is_some()
    }

    /// Whether it brings a file to one of several targets. The file is its parent's, to put away.
    pub fn is_delivery(&self) -> bool {
        self.parent.is_some() && self.target.is_some()
    }
}

impl Store {
    /// One load; None when there is none of that id.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn load(&self, load: LoadId) -> Result<Option<Load>, StoreError> {
        let rows = self.rows(Query::LoadFind, &[&load.as_uuid()]).await?;
        rows.first().map(read_load).transpose()
    }

    /// The load that a statement of the warehouse belongs to.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn load_by_statement_id(&self, statement_id: &str) -> Result<Option<Load>, StoreError> {
        let rows = self.rows(Query::StatementFindLoadById, &[&statement_id]).await?;
        match rows.first() {
            Some(row) => {
                let id = Reader::new(row, "ext_statement").get("load_id")?;
                self.load(LoadId::from_uuid(id)).await
            }
            None => Ok(None),
        }
    }

    /// The parts that a load was cut into, by record type, or its deliveries by target.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn children(&self, parent: LoadId) -> Result<Vec<Load>, StoreError> {
        let rows = self.rows(Query::LoadListChildren, &[&parent.as_uuid()]).await?;
        rows.iter().map(read_load).collect()
    }

    /// The files of which each delivery has ended, and whose own load has not: among this load, the file that it is a delivery
    /// of, and those of the deliveries that it carries as a batch.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn delivered(&self, load: LoadId) -> Result<Vec<LoadId>, StoreError> {
        self.load_ids(Query::LoadListDelivered, &[&load.as_uuid()]).await
    }

    /// The loads that `owner` was preparing beside this one when it died, if it is a repetition of who moved this one.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn held_beside(&self, load: LoadId, owner: &str) -> Result<Vec<LoadId>, StoreError> {
        self.load_ids(Query::LoadListHeld, &[&owner, &load.as_uuid()])
            .await
    }

    async fn load_ids(&self, query: Query, parameters: Parameters<'_>) -> Result<Vec<LoadId>, StoreError> {
        let rows = self.rows(query, parameters).await?;
        rows.iter()
            .map(|row| Ok(LoadId::from_uuid(Reader::new(row, TABLE).get("load_id")?)))
            .collect()
    }

    /// The next load that stands still and that nobody holds a lease on, for one look at it; None when every such load had
    /// its look since `since`. What moved within the last `idle` is left alone, what was looked at in vain for longer each
    /// time, and what waits until it is due. What is still to be prepared is given only to who is `preparing`.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn take_unsettled(
        &self,
        idle: TimeDelta,
        since: DateTime<Utc>,
        now: DateTime<Utc>,
        preparing: bool,
    ) -> Result<Option<Load>, StoreError> {
        let idle_seconds = idle.as_seconds_f64();
        let parameters: Parameters<'_> = &[&now, &since, &idle_seconds, &preparing];
        let rows = self.rows(Query::LoadTakeUnsettled, parameters).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let id = LoadId::from_uuid(Reader::new(row, TABLE).get("load_id")?);
        self.load(id).await
    }

    /// The newest loads that pass the filter, newest first.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn list_loads(&self, filter: &LoadFilter) -> Result<Vec<Load>, StoreError> {
        let state = filter.state.map(LoadState::as_str);
        let rule = filter.rule.map(|rule| rule.0);
        let limit = bounded(filter.limit);
        let (name, key, bucket) = match &filter.file {
            Some(FileBeginning::Name(name)) => (Some(beginning_with(name)), None, None),
            Some(FileBeginning::Key { bucket, key }) => (
                None,
                Some(beginning_with(key)),
                bucket.as_ref().map(Bucket::as_str),
            ),
            None => (None, None, None),
        };
        let parameters: Parameters<'_> = &[
            &state,
            &rule,
            &filter.since,
            &filter.until,
            &limit,
            &name,
            &key,
            &bucket,
            &filter.code,
            &(filter.mending == Mending::Open),
        ];
        let rows = self.rows(Query::LoadList, parameters).await?;
        rows.iter().map(read_load).collect()
    }
}

/// The pattern of LIKE for what begins with a text, in which nothing else stands for more than itself.
fn beginning_with(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 1);
    for one in text.chars() {
        if matches!(one, '\\' | '%' | '_') {
            pattern.push('\\');
        }
        pattern.push(one);
    }
    pattern.push('%');
    pattern
}

/// A load within a transaction: what its own changes made of it.
pub(crate) async fn find_load(
    transaction: &Transaction<'_>,
    action: &'static str,
    load: LoadId,
) -> Result<Load, StoreError> {
    let [found] = transaction
        .together([(Query::LoadFind, &[&load.as_uuid()])])
        .await?;
    found_load(action, load, &found)
}

/// The load in what came of `load_find`.
pub(crate) fn found_load(action: &'static str, load: LoadId, found: &Answer) -> Result<Load, StoreError> {
    let row = found.rows.first().ok_or_else(|| no_such_load(action, load))?;
    read_load(row)
}

pub(crate) fn no_such_load(action: &'static str, load: LoadId) -> StoreError {
    StoreError::NotFound {
        action,
        what: format!("load {load}"),
    }
}

fn read_load(row: &Row) -> Result<Load, StoreError> {
    let reader = Reader::new(row, TABLE);
    let key = |column| -> Result<Option<ObjectKey>, StoreError> {
        Ok(reader.get::<Option<String>>(column)?.map(ObjectKey::new))
    };
    Ok(Load {
        id: LoadId::from_uuid(reader.get("load_id")?),
        parent: reader.get::<Option<_>>("parent_load_id")?.map(LoadId::from_uuid),
        record_type: reader.get("record_type")?,
        target: reader.get("target_name")?,
        deliveries: reader.optional_small_count("deliveries")?,
        object: read_object(&reader)?,
        file_name: reader.get("file_name")?,
        state: reader.word("state", LoadState::parse)?,
        rule: reader.get::<Option<i32>>("ext_file_config_sid")?.map(RuleId),
        rule_version: reader.get("rule_version")?,
        interface: read_interface(&reader)?,
        table: read_table(&reader)?,
        captures: reader.json("captures")?,
        rows_expected: reader.optional_count("rows_expected")?,
        rows_loaded: reader.optional_count("rows_loaded")?,
        rows_rejected: reader.optional_count("rows_rejected")?,
        sources: reader.json("sources")?,
        prepared: reader.get("prepared")?,
        manifest_key: key("manifest_key")?,
        plan: reader.optional_json("plan")?,
        archived_key: key("archived_key")?,
        statement_id: reader.get("statement_id")?,
        error_code: reader.get("error_code")?,
        error: reader.get("error")?,
        reject: reader.optional_json("reject")?,
        remarks: reader.json("remarks")?,
        prepare_duration: reader.duration("prepare_duration_ms")?,
        queue: reader.get::<Option<String>>("queue_name")?.map(QueueName::stored),
        forgotten_at: reader.get("forgotten_at")?,
        superseded_by: reader.get::<Option<_>>("superseded_by")?.map(LoadId::from_uuid),
        admitted_at: reader.get("admitted_at")?,
        read_key: key("read_key")?,
        replaces: reader
            .get::<Vec<Uuid>>("replaces")?
            .into_iter()
            .map(LoadId::from_uuid)
            .collect(),
        replays: reader.get::<Option<_>>("replays_load_id")?.map(LoadId::from_uuid),
        only_record_type: reader.get("only_record_type")?,
        resend: reader.optional_word("resend_policy", ResendPolicy::parse)?,
        file_stays: reader.get("file_stays")?,
        buffer: reader.get::<Option<_>>("buffer_id")?.map(BufferId::from_uuid),
        batch: reader.get::<Option<_>>("batch_id")?.map(LoadId::from_uuid),
        batch_files: reader.optional_small_count("batch_files")?,
        batch_share: reader.optional_small_count("batch_share")?,
        claims: reader.small_count("claims")?,
        deaths: reader.small_count("deaths")?,
        handovers: reader.small_count("handovers")?,
        due_at: reader.get("due_at")?,
        waits_for: reader.get("waits_for")?,
        retry: Retry {
            tries: reader.small_count("tries")?,
            failed_attempt: reader.small_count("failed_attempt")?,
            since: reader.get("retry_since")?,
            error: reader.get("retry_error")?,
        },
        lease: read_lease(&reader)?,
        received_at: reader.get("received_at")?,
        prepared_at: reader.get("prepared_at")?,
        submitted_at: reader.get("submitted_at")?,
        loaded_at: reader.get("loaded_at")?,
        concluded_at: reader.get("concluded_at")?,
        finished_at: reader.get("finished_at")?,
        trace: reader.optional_word("trace_id", TraceId::parse)?,
    })
}

fn read_object(reader: &Reader<'_>) -> Result<Object, StoreError> {
    Ok(Object {
        bucket: Bucket::new(reader.get::<String>("bucket_name")?),
        key: ObjectKey::new(reader.get::<String>("object_key")?),
        version: reader.get("object_version")?,
        etag: reader.get("etag")?,
        size_bytes: reader.count("size_bytes")?,
        sequencer: reader.get::<Option<String>>("sequencer")?.map(Sequencer::new),
    })
}

fn read_interface(reader: &Reader<'_>) -> Result<Option<Interface>, StoreError> {
    let Some(id) = reader.get("ext_interface_cid")? else {
        return Ok(None);
    };
    Ok(Some(Interface {
        id,
        name: reader.get("interface_name")?,
    }))
}

pub(crate) fn read_table(reader: &Reader<'_>) -> Result<Option<TableName>, StoreError> {
    let Some(schema) = reader.get::<Option<String>>("tgt_schema_name")? else {
        return Ok(None);
    };
    Ok(Some(TableName::new(
        schema,
        reader.get::<String>("tgt_table_name")?,
    )))
}

fn read_lease(reader: &Reader<'_>) -> Result<Option<Lease>, StoreError> {
    let Some(owner) = reader.get("lease_owner")? else {
        return Ok(None);
    };
    Ok(Some(Lease {
        owner,
        step: reader.word("lease_step", LeaseStep::parse)?,
        until: reader.get("lease_until")?,
    }))
}
