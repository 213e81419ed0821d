//! Steps of a load up to its outcome, each a compare-and-set that says whether it moved.

use std::time::Duration;

use chrono::{DateTime, Utc};
use longshore_domain::load::LoadId;
use longshore_domain::matching::Captures;
use longshore_domain::object::ObjectKey;
use longshore_domain::reject::RejectReason;
use longshore_domain::rule::{FilePlace, Interface, RuleId};
use longshore_domain::target::TableName;

use crate::load::{Load, Source, found_load};
use crate::queries::Query;
use crate::read::{integer, json, milliseconds, optional_bigint, text};
use crate::store::Parameters;
use crate::transaction::{Answer, Transaction};
use crate::{Store, StoreError};

/// Whether a step changed the load, and the load as it is now.
#[derive(Debug, Clone, PartialEq)]
pub enum Moved {
    /// This call did it.
    Yes(Load),
    /// It was done before, or the load is elsewhere; nothing changed.
    No(Load),
}

impl Moved {
    /// The load as it is now.
    pub fn load(&self) -> &Load {
        match self {
            Self::Yes(load) | Self::No(load) => load,
        }
    }

    /// The load as it is now.
    pub fn into_load(self) -> Load {
        match self {
            Self::Yes(load) | Self::No(load) => load,
        }
    }

    /// Whether this call did it.
    pub fn has_moved(&self) -> bool {
        matches!(self, Self::Yes(_))
    }
}

/// The rule that an object falls under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchedRule {
    /// The rule.
    pub rule: RuleId,
    /// The version of it that was read.
    pub version: Option<i32>,
    /// Its feed.
    pub interface: Interface,
    /// Where the rows go, placeholders filled; None when the file is split.
    pub table: Option<TableName>,
    /// What the rule picked out of the key.
    pub captures: Captures,
    /// Where its file is in the end.
    pub place: FilePlace,
}

/// What preparation made of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// Records counted; None where the engine cannot count.
    pub rows_expected: Option<u64>,
    /// What COPY reads; never empty.
    pub sources: Vec<Source>,
    /// Whether the sources are our own copies.
    pub prepared: bool,
    /// The manifest that names them.
    pub manifest_key: ObjectKey,
    /// What is submitted and where, kept so that a retry submits the very same.
    pub plan: serde_json::Value,
    /// Further facts worth a line in a message.
    pub remarks: Vec<String>,
    /// How long it took.
    pub duration: Duration,
    /// The loads whose rows the plan deletes.
    pub replaces: Vec<LoadId>,
}

/// What cutting made of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitFacts {
    /// Records counted in the whole file.
    pub rows_expected: Option<u64>,
    /// Further facts worth a line in a message, such as records of no listed type.
    pub remarks: Vec<String>,
    /// What the parts need to know of the whole, kept so that a change of its rule cannot change what was cut.
    pub plan: serde_json::Value,
    /// How long it took.
    pub duration: Duration,
}

/// What preparing made of a file that goes to several targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryFacts {
    /// Records counted in the file.
    pub rows_expected: Option<u64>,
    /// Further facts worth a line in a message.
    pub remarks: Vec<String>,
    /// What the deliveries need to know of the file, kept so that a change of its rule cannot change where it goes.
    pub plan: serde_json::Value,
    /// How many they are.
    pub deliveries: u32,
    /// How long it took.
    pub duration: Duration,
}

/// What a transaction that committed did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedFacts {
    /// The warehouse's id of the statement.
    pub statement_id: String,
    /// Rows that the warehouse took; None where it does not say.
    pub rows_loaded: Option<u64>,
    /// Rows that it refused and the rule let pass; None where it does not say.
    pub rows_rejected: Option<u64>,
}

/// Why a load failed for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadFailure {
    /// The stable word for it.
    pub code: String,
    /// What was expected and what was found.
    pub error: String,
    /// Rows that the warehouse refused, where it says.
    pub rows_rejected: Option<u64>,
}

impl Store {
    /// Puts the rule of a load on record while it is `received`; the state stays.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or any of a write.
    pub async fn record_match(&self, load: LoadId, matched: &MatchedRule) -> Result<Moved, StoreError> {
        let table = matched.table.as_ref();
        let parameters: Parameters<'_> = &[
            &load.as_uuid(),
            &matched.rule.0,
            &matched.interface.id,
            &matched.interface.name,
            &table.map(|table| &table.schema),
            &table.map(|table| &table.table),
            &json(&matched.captures),
            &(matched.place == FilePlace::Stays),
            &matched.version,
        ];
        self.step(Query::LoadRecordMatch, load, parameters).await
    }

    /// `received` to `prepared`. Its rule and table must be on record.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or any of a write.
    pub async fn mark_prepared(
        &self,
        load: LoadId,
        prepared: &Prepared,
        now: DateTime<Utc>,
        actor: &str,
    ) -> Result<Moved, StoreError> {
        const QUERY: Query = Query::LoadPrepare;
        let replaces: Vec<_> = prepared.replaces.iter().map(LoadId::as_uuid).collect();
        let parameters: Parameters<'_> = &[
            &load.as_uuid(),
            &optional_bigint(QUERY.name(), "rows_expected", prepared.rows_expected)?,
            &json(&prepared.sources),
            &prepared.prepared,
            &prepared.manifest_key.as_str(),
            &json(&prepared.plan),
            &json(&prepared.remarks),
            &milliseconds(QUERY.name(), "prepare_duration_ms", Some(prepared.duration))?,
            &now,
            &actor,
            &replaces,
        ];
        self.step(QUERY, load, parameters).await
    }

    /// `received` to `split`. Its rule must be on record.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or any of a write.
    pub async fn mark_split(
        &self,
        load: LoadId,
        split: &SplitFacts,
        now: DateTime<Utc>,
        actor: &str,
    ) -> Result<Moved, StoreError> {
        const QUERY: Query = Query::LoadSplit;
        let parameters: Parameters<'_> = &[
            &load.as_uuid(),
            &optional_bigint(QUERY.name(), "rows_expected", split.rows_expected)?,
            &json(&split.remarks),
            &json(&split.plan),
            &milliseconds(QUERY.name(), "prepare_duration_ms", Some(split.duration))?,
            &now,
            &actor,
        ];
        self.step(QUERY, load, parameters).await
    }

    /// `received` to `delivering`. Its rule must be on record.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or any of a write.
    pub async fn mark_delivering(
        &self,
        load: LoadId,
        facts: &DeliveryFacts,
        now: DateTime<Utc>,
        actor: &str,
    ) -> Result<Moved, StoreError> {
        const QUERY: Query = Query::LoadDeliver;
        let parameters: Parameters<'_> = &[
            &load.as_uuid(),
            &optional_bigint(QUERY.name(), "rows_expected", facts.rows_expected)?,
            &json(&facts.remarks),
            &json(&facts.plan),
            &milliseconds(QUERY.name(), "prepare_duration_ms", Some(facts.duration))?,
            &integer(QUERY.name(), "deliveries", facts.deliveries)?,
            &now,
            &actor,
        ];
        self.step(QUERY, load, parameters).await
    }

    /// `received` to `rejected`; the first reason stays.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or any of a write.
    pub async fn mark_rejected(
        &self,
        load: LoadId,
        reason: &RejectReason,
        now: DateTime<Utc>,
        actor: &str,
    ) -> Result<Moved, StoreError> {
        let sentence = reason.to_string();
        let parameters: Parameters<'_> = &[
            &load.as_uuid(),
            &reason.code(),
            &text(&sentence),
            &json(reason),
            &now,
            &actor,
        ];
        self.step(Query::LoadReject, load, parameters).await
    }

    /// `received` to `skipped`; the first note stays. It is told as a remark too.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or any of a write.
    pub async fn mark_skipped(
        &self,
        load: LoadId,
        note: &str,
        now: DateTime<Utc>,
        actor: &str,
    ) -> Result<Moved, StoreError> {
        let parameters: Parameters<'_> = &[&load.as_uuid(), &text(note), &now, &actor];
        self.step(Query::LoadSkip, load, parameters).await
    }

    /// `received` to `skipped` for an object that its rule passes over: its outcome is on record with it, and there is neither an
    /// audit row nor a message.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or any of a write.
    pub async fn mark_ignored(
        &self,
        load: LoadId,
        note: &str,
        now: DateTime<Utc>,
        actor: &str,
    ) -> Result<Moved, StoreError> {
        let parameters: Parameters<'_> = &[&load.as_uuid(), &text(note), &now, &actor];
        self.step(Query::LoadIgnore, load, parameters).await
    }

    /// Puts on record where the bytes of a load are read, while it is `received`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or any of a write.
    pub async fn record_source(&self, load: LoadId, key: &ObjectKey) -> Result<Moved, StoreError> {
        self.step(Query::LoadRecordSource, load, &[&load.as_uuid(), &key.as_str()])
            .await
    }

    /// `queued` or `submitted` to `loaded`: a status event may be faster than the answer to the submission.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or any of a write.
    pub async fn mark_loaded(
        &self,
        load: LoadId,
        facts: &LoadedFacts,
        now: DateTime<Utc>,
        actor: &str,
    ) -> Result<Moved, StoreError> {
        const QUERY: Query = Query::LoadSucceed;
        let parameters: Parameters<'_> = &[
            &load.as_uuid(),
            &optional_bigint(QUERY.name(), "rows_loaded", facts.rows_loaded)?,
            &optional_bigint(QUERY.name(), "rows_rejected", facts.rows_rejected)?,
            &facts.statement_id,
            &now,
            &actor,
        ];
        self.step(QUERY, load, parameters).await
    }

    /// `prepared`, `queued` or `submitted` to `failed`; the first error stays.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or any of a write.
    pub async fn mark_failed(
        &self,
        load: LoadId,
        failure: &LoadFailure,
        now: DateTime<Utc>,
        actor: &str,
    ) -> Result<Moved, StoreError> {
        const QUERY: Query = Query::LoadFail;
        let parameters: Parameters<'_> = &[
            &load.as_uuid(),
            &failure.code,
            &text(&failure.error),
            &optional_bigint(QUERY.name(), "rows_rejected", failure.rows_rejected)?,
            &now,
            &actor,
        ];
        self.step(QUERY, load, parameters).await
    }

    async fn step(
        &self,
        query: Query,
        load: LoadId,
        parameters: Parameters<'_>,
    ) -> Result<Moved, StoreError> {
        let mut client = self.client(query.name()).await?;
        let transaction = Transaction::begin(self, &mut client);
        let id = load.as_uuid();
        let [step, found] = transaction
            .commit_with([(query, parameters), (Query::LoadFind, &[&id])])
            .await?;
        moved_to(query, load, step.changed, &found)
    }
}

/// What came of a step, by what it changed and what `load_find` found afterwards.
pub(crate) fn moved_to(
    query: Query,
    load: LoadId,
    changed: u64,
    found: &Answer,
) -> Result<Moved, StoreError> {
    let load = found_load(query.name(), load, found)?;
    Ok(match changed {
        0 => Moved::No(load),
        _ => Moved::Yes(load),
    })
}

/// The load after a step within the same transaction.
pub(crate) async fn moved(
    transaction: &Transaction<'_>,
    query: Query,
    load: LoadId,
    changed: u64,
) -> Result<Moved, StoreError> {
    let [found] = transaction
        .together([(Query::LoadFind, &[&load.as_uuid()])])
        .await?;
    moved_to(query, load, changed, &found)
}

/// The same where nothing is left to do but to commit.
pub(crate) async fn commit_moved(
    transaction: Transaction<'_>,
    query: Query,
    load: LoadId,
    changed: u64,
) -> Result<Moved, StoreError> {
    let [found] = transaction
        .commit_with([(Query::LoadFind, &[&load.as_uuid()])])
        .await?;
    moved_to(query, load, changed, &found)
}
