//! Attempts at a statement: on record before the call, with the warehouse's id after it, and how each ended.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use longshore_domain::load::LoadId;
use longshore_domain::statement::{Attempt, LoadStep, StatementKind};
use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::queries::Query;
use crate::read::{Reader, bounded, integer, milliseconds, optional_bigint, optional_text};
use crate::store::Parameters;
use crate::transaction::{Answer, Transaction};
use crate::transition::{Moved, moved_to};
use crate::{Access, LIST_LIMIT, Store, StoreError};

const TABLE: &str = "ext_statement";
/// When a load that waits for a place is looked at should nobody let it in: rarely, since thousands may wait.
const MOST_PATIENCE: TimeDelta = TimeDelta::hours(1);

/// What is known of an attempt before its call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRecord {
    /// [`Attempt::client_token`].
    pub client_token: String,
    /// [`Attempt::statement_name`] under the deployment's prefix.
    pub statement_name: String,
    /// The steps of the transaction in order; never empty.
    pub steps: Vec<LoadStep>,
    /// Where it is sent, for people and for finding it again.
    pub warehouse: String,
    /// Which step of a follow-up that is a chain, from 1.
    pub chain_step: Option<u32>,
    /// How many load transactions of one table may be with its warehouse at a time; None where it does not matter.
    pub places: Option<u32>,
}

/// Where a statement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StatementState {
    /// On record; whether the call was made is not known.
    Recorded,
    /// The warehouse has it.
    Submitted,
    /// It committed.
    Finished,
    /// It failed.
    Failed,
    /// Somebody stopped it.
    Aborted,
}

impl StatementState {
    const ALL: [Self; 5] = [
        Self::Recorded,
        Self::Submitted,
        Self::Finished,
        Self::Failed,
        Self::Aborted,
    ];

    /// The word stored in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Submitted => "submitted",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Aborted => "aborted",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementOutcome {
    /// The warehouse's id; None when the call itself was refused.
    pub statement_id: Option<String>,
    /// `Finished`, `Failed` or `Aborted`.
    pub state: StatementState,
    /// What the warehouse said.
    pub error: Option<String>,
    /// The step that failed.
    pub failed_step: Option<LoadStep>,
    /// Rows that it touched, where the warehouse says.
    pub result_rows: Option<u64>,
    /// The warehouse's id of the query, where it says.
    pub query_id: Option<i64>,
    /// How long it ran.
    pub duration: Option<Duration>,
}

impl StatementOutcome {
    /// The end of an attempt of which the warehouse knows nothing any more.
    pub fn of_the_unknown(statement_id: Option<&str>, error: &str) -> Self {
        Self {
            statement_id: statement_id.map(str::to_owned),
            state: StatementState::Failed,
            error: Some(error.to_owned()),
            failed_step: None,
            result_rows: None,
            query_id: None,
            duration: None,
        }
    }
}

/// One row of `ext_statement`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Statement {
    /// The load it belongs to.
    pub load: LoadId,
    /// What it is for.
    pub kind: StatementKind,
    /// 1 for the first try.
    pub attempt: u32,
    /// Its name at the warehouse.
    pub statement_name: String,
    /// Its idempotency token.
    pub client_token: String,
    /// Its steps in order.
    pub steps: Vec<LoadStep>,
    /// Where it was sent.
    pub warehouse: String,
    /// The warehouse's id, once known.
    pub statement_id: Option<String>,
    /// Where it stands.
    pub state: StatementState,
    /// What the warehouse said against it.
    pub error: Option<String>,
    /// The step that failed.
    pub failed_step: Option<LoadStep>,
    /// Rows that it touched.
    pub result_rows: Option<u64>,
    /// The warehouse's id of the query.
    pub query_id: Option<i64>,
    /// How long it ran.
    pub duration: Option<Duration>,
    /// When it went on record.
    pub recorded_at: DateTime<Utc>,
    /// When the service last refused its call, where it refused every one before, or when the attempt was recorded by hand and not called
    /// yet; None while a call may have taken effect.
    pub refused_at: Option<DateTime<Utc>>,
    /// When the call was answered.
    pub submitted_at: Option<DateTime<Utc>>,
    /// When its end was known.
    pub finished_at: Option<DateTime<Utc>>,
    /// Which step of a follow-up that is a chain, from 1.
    pub chain_step: Option<u32>,
}

impl Statement {
    /// The attempt that it is.
    pub fn as_attempt(&self) -> Attempt {
        Attempt {
            load: self.load,
            kind: self.kind,
            number: self.attempt,
        }
    }
}

impl Store {
    /// Puts an attempt on record before its call, and moves the load: to `queued` for the load transaction (from `prepared`,
    /// or from `submitted` for a retry), to `transforming` for the follow-up (from `loaded`, or again for a retry). Recording an attempt again
    /// changes nothing, and an attempt that the load is not ready for is not recorded.
    ///
    /// Nor is one for which there is no place at the load's table: then the load is `queued` and waits for one (`waits_for`).
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or any of a write.
    pub async fn record_attempt(
        &self,
        attempt: &Attempt,
        record: &AttemptRecord,
        now: DateTime<Utc>,
        actor: &str,
    ) -> Result<Moved, StoreError> {
        let entry = Entry::new(attempt, record, now)?;
        let Entry {
            load: id,
            number,
            chain_step,
            ..
        } = entry;
        let note = chain_step.map_or_else(
            || format!("attempt {number}"),
            |step| format!("attempt {number}, step {step}"),
        );
        let mut client = self.client("statement_record").await?;
        let transaction = Transaction::begin(self, &mut client);
        let lock: Parameters<'_> = &[&id];
        let (places, until) = (record.places.map(i64::from), now + MOST_PATIENCE);
        let queue: Parameters<'_> = &[
            &id,
            &number,
            &now,
            &actor,
            &note,
            &record.warehouse,
            &places,
            &until,
        ];
        let transform: Parameters<'_> = &[&id, &number, &now, &actor, &note, &chain_step];
        let (query, parameters) = match attempt.kind {
            StatementKind::Load => (Query::LoadQueue, queue),
            StatementKind::FollowUp => (Query::LoadTransform, transform),
        };
        let [_, step] = transaction
            .together([(Query::LoadLock, lock), (query, parameters)])
            .await?;
        let find = (Query::LoadFind, lock);
        let found = if step.changed > 0 && !has_to_wait(&step)? {
            let parameters = entry.parameters();
            let [_, found] = transaction
                .commit_with([(Query::StatementRecord, &parameters), find])
                .await?;
            found
        } else {
            let [found] = transaction.commit_with([find]).await?;
            found
        };
        moved_to(query, attempt.load, step.changed, &found)
    }

    /// Lets in the load that came first of those that wait for a place at the table of an attempt that has ended: it is due, and
    /// here it is. None when nobody waits who can be let in.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn let_next_in(
        &self,
        ended: &Attempt,
        now: DateTime<Utc>,
    ) -> Result<Option<LoadId>, StoreError> {
        const QUERY: Query = Query::LoadLetIn;
        let number = integer(QUERY.name(), "attempt", ended.number)?;
        let rows = self.rows(QUERY, &[&ended.load.as_uuid(), &number, &now]).await?;
        let read = |row: &Row| Reader::new(row, "ext_file_load").get("load_id");
        Ok(rows.first().map(read).transpose()?.map(LoadId::from_uuid))
    }

    /// Lets in all for whom there is a place at their table by now, those first that came first: they are due.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn let_in(&self, places: u32, now: DateTime<Utc>) -> Result<u64, StoreError> {
        self.execute(Query::LoadLetInAll, &[&now, &i64::from(places)])
            .await
    }

    /// Puts the warehouse's id on record, and moves a load from `queued` to `submitted`. When the status event was faster,
    /// the id is kept where it is missing and the load stays where it is. A follow-up moves no load.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or any of a write.
    pub async fn mark_submitted(
        &self,
        attempt: &Attempt,
        statement_id: &str,
        now: DateTime<Utc>,
        actor: &str,
    ) -> Result<Moved, StoreError> {
        let id = attempt.load.as_uuid();
        let number = integer("statement_submit", "attempt", attempt.number)?;
        let mut client = self.client("statement_submit").await?;
        let transaction = Transaction::begin(self, &mut client);
        // The load before the statement, as everywhere: two transactions that lock in one order cannot deadlock.
        let lock: Parameters<'_> = &[&id];
        let submit: Parameters<'_> = &[&id, &number, &now, &actor, &statement_id];
        let parameters: Parameters<'_> = &[&id, &attempt.kind.as_str(), &number, &statement_id, &now];
        let (lock, find) = ((Query::LoadLock, lock), (Query::LoadFind, lock));
        let statement = (Query::StatementSubmit, parameters);
        let (step, found) = match attempt.kind {
            StatementKind::Load => {
                let submit = (Query::LoadSubmit, submit);
                let [_, step, _, found] = transaction.commit_with([lock, submit, statement, find]).await?;
                (step, found)
            }
            StatementKind::FollowUp => {
                let [_, step, found] = transaction.commit_with([lock, statement, find]).await?;
                (step, found)
            }
        };
        moved_to(Query::StatementSubmit, attempt.load, step.changed, &found)
    }

    /// Puts on record that the service refused the call of an attempt, as it did every call of it before. An attempt that was submitted, or
    /// has ended, stays as it is.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn refuse_attempt(&self, attempt: &Attempt, now: DateTime<Utc>) -> Result<(), StoreError> {
        const QUERY: Query = Query::StatementRefuse;
        let number = integer(QUERY.name(), "attempt", attempt.number)?;
        let parameters: Parameters<'_> = &[&attempt.load.as_uuid(), &attempt.kind.as_str(), &number, &now];
        self.execute(QUERY, parameters).await.map(drop)
    }

    /// Puts on record, before the call, that an attempt whose calls were all refused is called again. With `anew`, its token counts as new
    /// from then on.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn call_attempt_again(
        &self,
        attempt: &Attempt,
        anew: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        const QUERY: Query = Query::StatementCallAgain;
        let number = integer(QUERY.name(), "attempt", attempt.number)?;
        let parameters: Parameters<'_> = &[&attempt.load.as_uuid(), &attempt.kind.as_str(), &number, &anew];
        self.execute(QUERY, parameters).await.map(drop)
    }

    /// Puts the end of an attempt on record; true when this call did. The first end stays.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn finish_statement(
        &self,
        attempt: &Attempt,
        outcome: &StatementOutcome,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        const QUERY: Query = Query::StatementFinish;
        let parameters: Parameters<'_> = &[
            &attempt.load.as_uuid(),
            &attempt.kind.as_str(),
            &integer(QUERY.name(), "attempt", attempt.number)?,
            &outcome.statement_id,
            &outcome.state.as_str(),
            &optional_text(outcome.error.as_deref()),
            &outcome.failed_step.map(LoadStep::as_str),
            &optional_bigint(QUERY.name(), "result_rows", outcome.result_rows)?,
            &outcome.query_id,
            &milliseconds(QUERY.name(), "duration_ms", outcome.duration)?,
            &now,
        ];
        Ok(self.execute(QUERY, parameters).await? > 0)
    }

    /// One attempt; None when it is not on record.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn statement(&self, attempt: &Attempt) -> Result<Option<Statement>, StoreError> {
        let number = integer("statement_find", "attempt", attempt.number)?;
        let parameters: Parameters<'_> = &[&attempt.load.as_uuid(), &attempt.kind.as_str(), &number];
        let rows = self.rows(Query::StatementFind, parameters).await?;
        rows.first().map(read_statement).transpose()
    }

    /// Every attempt of a load: the load transaction's, then the follow-up's.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn statements(&self, load: LoadId) -> Result<Vec<Statement>, StoreError> {
        let parameters: Parameters<'_> = &[&load.as_uuid(), &bounded(LIST_LIMIT)];
        let rows = self.rows(Query::StatementList, parameters).await?;
        rows.iter().map(read_statement).collect()
    }

    /// [`Store::access`] and [`Store::statements`], which whoever sends a statement asks both.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn access_and_statements(
        &self,
        load: LoadId,
        warehouse: &str,
        now: DateTime<Utc>,
        next_probe_at: DateTime<Utc>,
    ) -> Result<(Access, Vec<Statement>), StoreError> {
        let parameters: Parameters<'_> = &[&load.as_uuid(), &bounded(LIST_LIMIT)];
        let [paused, listed] = self
            .side_by_side([
                (Query::WarehouseFind, &[&warehouse]),
                (Query::StatementList, parameters),
            ])
            .await?;
        let access = self.access_of(warehouse, &paused, now, next_probe_at).await?;
        let statements: Result<_, _> = listed.rows.iter().map(read_statement).collect();
        Ok((access, statements?))
    }
}

/// Whether a load was queued to wait for a place at its table.
fn has_to_wait(queued: &Answer) -> Result<bool, StoreError> {
    let Some(row) = queued.rows.first() else {
        return Ok(false);
    };
    let place: Option<String> = Reader::new(row, "ext_file_load").get("waits_for")?;
    Ok(place.is_some())
}

pub(crate) fn read_statement(row: &Row) -> Result<Statement, StoreError> {
    let reader = Reader::new(row, TABLE);
    Ok(Statement {
        load: LoadId::from_uuid(reader.get("load_id")?),
        kind: reader.word("kind", StatementKind::parse)?,
        attempt: reader.small_count("attempt")?,
        statement_name: reader.get("statement_name")?,
        client_token: reader.get("client_token")?,
        steps: read_steps(&reader)?,
        warehouse: reader.get("warehouse")?,
        statement_id: reader.get("statement_id")?,
        state: reader.word("state", StatementState::parse)?,
        error: reader.get("error")?,
        failed_step: reader.optional_word("failed_step", LoadStep::parse)?,
        result_rows: reader.optional_count("result_rows")?,
        query_id: reader.get("query_id")?,
        duration: reader.duration("duration_ms")?,
        recorded_at: reader.get("recorded_at")?,
        refused_at: reader.get("refused_at")?,
        submitted_at: reader.get("submitted_at")?,
        finished_at: reader.get("finished_at")?,
        chain_step: reader.optional_small_count("chain_step")?,
    })
}

fn read_steps(reader: &Reader<'_>) -> Result<Vec<LoadStep>, StoreError> {
    let words: Vec<&str> = reader.get("steps")?;
    let step = |word: &&str| {
        LoadStep::parse(word).ok_or_else(|| reader.corrupt("steps", format!("{word:?} is no step")))
    };
    words.iter().map(step).collect()
}

/// An attempt goes on record, within the transaction that moves its load.
pub(crate) async fn insert_attempt(
    transaction: &Transaction<'_>,
    attempt: &Attempt,
    record: &AttemptRecord,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let entry = Entry::new(attempt, record, now)?;
    transaction
        .execute(Query::StatementRecord, &entry.parameters())
        .await?;
    Ok(())
}

/// The same as [`Store::refuse_attempt`] within a transaction.
pub(crate) async fn refuse(
    transaction: &Transaction<'_>,
    attempt: &Attempt,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    const QUERY: Query = Query::StatementRefuse;
    let number = integer(QUERY.name(), "attempt", attempt.number)?;
    let parameters: Parameters<'_> = &[&attempt.load.as_uuid(), &attempt.kind.as_str(), &number, &now];
    transaction.execute(QUERY, parameters).await?;
    Ok(())
}

/// An attempt as `statement_record` takes it.
struct Entry<'a> {
    load: Uuid,
    kind: &'static str,
    number: i32,
    record: &'a AttemptRecord,
    steps: Vec<&'static str>,
    chain_step: Option<i32>,
    now: DateTime<Utc>,
}

impl<'a> Entry<'a> {
    fn new(attempt: &Attempt, record: &'a AttemptRecord, now: DateTime<Utc>) -> Result<Self, StoreError> {
        const QUERY: Query = Query::StatementRecord;
        let chain_step = record.chain_step;
        Ok(Self {
            load: attempt.load.as_uuid(),
            kind: attempt.kind.as_str(),
            number: integer(QUERY.name(), "attempt", attempt.number)?,
            record,
            steps: record.steps.iter().map(|step| step.as_str()).collect(),
            chain_step: chain_step
                .map(|step| integer(QUERY.name(), "chain_step", step))
                .transpose()?,
            now,
        })
    }

    fn parameters(&self) -> [&(dyn ToSql + Sync); 9] {
        [
            &self.load,
            &self.kind,
            &self.number,
            &self.record.statement_name,
            &self.record.client_token,
            &self.steps,
            &self.record.warehouse,
            &self.now,
            &self.chain_step,
        ]
    }
}
