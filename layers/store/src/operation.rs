//! What operators do to loads by hand: each on record with who, when and why, in the transaction that does it.

use chrono::{DateTime, Utc};
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::object::{Object, ObjectKey, Sequencer};
use longshore_domain::rule::ResendPolicy;
use longshore_domain::statement::Attempt;
use serde::Serialize;
use tokio_postgres::Row;

use crate::attempt::{AttemptRecord, insert_attempt, refuse};
use crate::buffer::{Recount, count_buffer, lock_buffer};
use crate::content::lock_content;
use crate::load::{Lease, Load, find_load};
use crate::queries::Query;
use crate::read::{Reader, bounded, text};
use crate::store::Parameters;
use crate::transaction::Transaction;
use crate::transition::{Moved, commit_moved};
use crate::{LIST_LIMIT, Store, StoreError};

/// What is done to a load by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// It happens again, as a load of its own.
    Replay,
    /// It is stopped before its rows are in the warehouse.
    Cancel,
    /// A dead worker's lease is taken away.
    Release,
    /// It is put aside before it began.
    Skip,
    /// Its rows no longer keep its file from being loaded again.
    Forget,
    /// Its follow-up, which failed, is run again.
    FollowUp,
    /// The batch that it waits for is made before its time.
    Flush,
}

impl OperationKind {
    const ALL: [Self; 7] = [
        Self::Replay,
        Self::Cancel,
        Self::Release,
        Self::Skip,
        Self::Forget,
        Self::FollowUp,
        Self::Flush,
    ];

    /// The word on the ledger and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Cancel => "cancel",
            Self::Release => "release",
            Self::Skip => "skip",
            Self::Forget => "forget",
            Self::FollowUp => "follow_up",
            Self::Flush => "flush",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Who does something by hand, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// The person; not blank.
    pub name: String,
    /// The person's reason; not blank.
    pub reason: String,
}

/// One thing that was done by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Operation {
    /// What.
    pub operation: OperationKind,
    /// By whom.
    pub operator: String,
    /// Why.
    pub reason: String,
    /// What came of it.
    pub note: Option<String>,
    /// When.
    pub at: DateTime<Utc>,
}

/// How a file is to happen again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReplay {
    /// What was announced then.
    pub object: Object,
    /// The load of the whole file.
    pub whole: LoadId,
    /// The load that happens again: the whole file's, or a part's.
    pub replays: LoadId,
    /// That part's record type.
    pub only_record_type: Option<String>,
    /// The one target that it is for, of several.
    pub target: Option<String>,
    /// Where the bytes are, when not where they were announced.
    pub read_key: Option<ObjectKey>,
    /// What is done about rows that are there.
    pub resend: ResendPolicy,
}

/// Whether a replay was made.
#[derive(Debug, Clone, PartialEq)]
pub enum Replayed {
    /// It waits for whoever prepares next.
    Made(Box<Load>),
    /// Another load of the same content is under way, or waits.
    Busy(LoadId),
}

impl Store {
    /// Makes a load that lets a file happen again, unless another one of its content is under way or waits. Of two who ask at
    /// once one is told of the other's.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn replay(
        &self,
        replay: &NewReplay,
        operator: &Operator,
        now: DateTime<Utc>,
    ) -> Result<Replayed, StoreError> {
        const QUERY: Query = Query::LoadReplay;
        let whole = replay.whole.as_uuid();
        let mut client = self.client(QUERY.name()).await?;
        let transaction = Transaction::begin(self, &mut client);
        let others = lock_content(&transaction, replay.whole).await?;
        let is_busy = |state: LoadState, is_under_way: bool| is_under_way || state == LoadState::Received;
        if let Some(other) = others
            .iter()
            .find(|other| is_busy(other.state, other.is_under_way))
        {
            return Ok(Replayed::Busy(other.load));
        }
        let rows = transaction.rows(Query::LoadCountReplays, &[&whole]).await?;
        let earlier = rows
            .first()
            .map_or(Ok(0), |row| Reader::new(row, TABLE).count("replays"))?;
        let sequencer = Sequencer::of_replay(earlier + 1);
        let id = LoadId::of(&Object {
            sequencer: Some(sequencer.clone()),
            ..replay.object.clone()
        });
        let note = format!("replays load {}: {}", replay.replays, operator.reason);
        let parameters: Parameters<'_> = &[
            &whole,
            &id.as_uuid(),
            &sequencer.as_str(),
            &replay.read_key.as_ref().map(ObjectKey::as_str),
            &replay.replays.as_uuid(),
            &replay.only_record_type,
            &replay.resend.as_str(),
            &operator.name,
            &now,
            &text(&note),
            &replay.target,
        ];
        transaction.execute(QUERY, parameters).await?;
        let note = format!("as load {id}");
        insert_operation(
            &transaction,
            replay.replays,
            OperationKind::Replay,
            operator,
            Some(&note),
            now,
        )
        .await?;
        let load = find_load(&transaction, QUERY.name(), id).await?;
        transaction.commit().await?;
        Ok(Replayed::Made(Box::new(load)))
    }

    /// Puts on record that a load is to be stopped. How it ends is for the warehouse to say.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn record_cancel(
        &self,
        load: LoadId,
        operator: &Operator,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut client = self.client(Query::OperationInsert.name()).await?;
        let transaction = Transaction::begin(self, &mut client);
        insert_operation(&transaction, load, OperationKind::Cancel, operator, None, now).await?;
        transaction.commit().await
    }

    /// Takes a lease away from the owner that the operator was shown; true when it was still that one's.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn take_lease_away(
        &self,
        load: LoadId,
        lease: &Lease,
        operator: &Operator,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        const QUERY: Query = Query::LoadTakeLeaseAway;
        let mut client = self.client(QUERY.name()).await?;
        let transaction = Transaction::begin(self, &mut client);
        let taken = transaction
            .execute(QUERY, &[&load.as_uuid(), &lease.owner])
            .await?
            > 0;
        if taken {
            let note = format!("it was held by {} until {}", lease.owner, lease.until);
            insert_operation(
                &transaction,
                load,
                OperationKind::Release,
                operator,
                Some(&note),
                now,
            )
            .await?;
        }
        transaction.commit().await?;
        Ok(taken)
    }

    /// `received`, or `batched` and not yet in a batch, to `skipped` by hand, with the operator's reason as its note.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or any of a write.
    pub async fn skip_by_hand(
        &self,
        load: LoadId,
        operator: &Operator,
        now: DateTime<Utc>,
    ) -> Result<Moved, StoreError> {
        const QUERY: Query = Query::LoadSkipByHand;
        let mut client = self.client(QUERY.name()).await?;
        let transaction = Transaction::begin(self, &mut client);
        let note = format!("{} put it aside: {}", operator.name, operator.reason);
        let buffer = find_load(&transaction, QUERY.name(), load).await?.buffer;
        if let Some(buffer) = buffer {
            lock_buffer(&transaction, buffer).await?;
        }
        let parameters: Parameters<'_> = &[&load.as_uuid(), &text(&note), &now, &operator.name];
        let changed = transaction.execute(QUERY, parameters).await?;
        if changed > 0 {
            if let Some(buffer) = buffer {
                count_buffer(&transaction, buffer, Recount::Left).await?;
            }
            insert_operation(&transaction, load, OperationKind::Skip, operator, None, now).await?;
        }
        commit_moved(transaction, QUERY, load, changed).await
    }

    /// `transform_failed` to `transforming` by hand, with the next try at the follow-up on record: whoever settles the load sends it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or any of a write.
    pub async fn follow_up_again(
        &self,
        attempt: &Attempt,
        record: &AttemptRecord,
        operator: &Operator,
        now: DateTime<Utc>,
    ) -> Result<Moved, StoreError> {
        const QUERY: Query = Query::LoadFollowUpAgain;
        let id = attempt.load.as_uuid();
        let step = record
            .chain_step
            .map_or_else(String::new, |step| format!(", step {step}"));
        let note = format!("attempt {}{step}, by hand: {}", attempt.number, operator.reason);
        let mut client = self.client(QUERY.name()).await?;
        let transaction = Transaction::begin(self, &mut client);
        transaction.execute(Query::LoadLock, &[&id]).await?;
        let parameters: Parameters<'_> = &[&id, &now, &operator.name, &text(&note)];
        let changed = transaction.execute(QUERY, parameters).await?;
        if changed > 0 {
            insert_attempt(&transaction, attempt, record, now).await?;
            // It may be hours until the warehouse lets it in. Until then "every call of it was refused" is true of none as well.
            refuse(&transaction, attempt, now).await?;
            let note = format!("attempt {}{step}", attempt.number);
            insert_operation(
                &transaction,
                attempt.load,
                OperationKind::FollowUp,
                operator,
                Some(&note),
                now,
            )
            .await?;
        }
        commit_moved(transaction, QUERY, attempt.load, changed).await
    }

    /// What operators did to a load, oldest first.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn operations(&self, load: LoadId) -> Result<Vec<Operation>, StoreError> {
        let parameters: Parameters<'_> = &[&load.as_uuid(), &bounded(LIST_LIMIT)];
        let rows = self.rows(Query::OperationList, parameters).await?;
        rows.iter().map(read_operation).collect()
    }
}

const TABLE: &str = "ext_load_operation";

pub(crate) async fn insert_operation(
    transaction: &Transaction<'_>,
    load: LoadId,
    kind: OperationKind,
    operator: &Operator,
    note: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let parameters: Parameters<'_> = &[
        &load.as_uuid(),
        &kind.as_str(),
        &operator.name,
        &text(&operator.reason),
        &note,
        &now,
    ];
    transaction.execute(Query::OperationInsert, parameters).await?;
    Ok(())
}

fn read_operation(row: &Row) -> Result<Operation, StoreError> {
    let reader = Reader::new(row, TABLE);
    Ok(Operation {
        operation: reader.word("operation", OperationKind::parse)?,
        operator: reader.get("operator")?,
        reason: reader.get("reason")?,
        note: reader.get("note")?,
        at: reader.get("at")?,
    })
}
