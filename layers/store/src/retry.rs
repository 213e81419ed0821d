//! Loads that wait for a better time, and warehouses that are given a rest.
//!
//! Everywhere a load's row is locked before a warehouse's, so that two transactions cannot wait for each other.

use std::time::Duration;

use chrono::{DateTime, Utc};
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::rule::RuleId;
use longshore_domain::statement::{Attempt, StatementKind};
use serde::Serialize;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::conclude::{OutboxNotice, insert_notices};
use crate::operation::Operator;
use crate::queries::Query;
use crate::read::{Reader, bounded, integer, optional_text, text};
use crate::rule_book::waits_for;
use crate::store::Parameters;
use crate::transaction::{Answer, Transaction};
use crate::transition::{Moved, commit_moved};
use crate::{LIST_LIMIT, Store, StoreError};

/// Why and until when a load waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Postponement {
    /// The state that the caller saw it in.
    pub from: LoadState,
    /// When it is taken up again.
    pub due_at: DateTime<Utc>,
    /// The statement that failed; None when none was run.
    pub failed: Option<FailedAttempt>,
    /// What was said against it, if anything was.
    pub error: Option<String>,
    /// Whether the time that the rule allows runs from now on, if it does not run already.
    pub starts_clock: bool,
    /// A word for the history, when its state changes.
    pub note: String,
    /// What it says about the warehouse.
    pub trouble: Option<WarehouseTrouble>,
}

/// A statement that failed for a reason that passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedAttempt {
    /// Which.
    pub attempt: Attempt,
    /// Whether it uses up one of the load's tries.
    pub uses_a_try: bool,
}

/// A failure that was the warehouse's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarehouseTrouble {
    /// The warehouse.
    pub warehouse: String,
    /// What it or the service said.
    pub error: String,
    /// At how many failures in a row it is paused.
    pub pause_after: u32,
    /// How soon after that it is tried again.
    pub first_probe: Duration,
    /// The longest wait between two probes.
    pub longest_probe: Duration,
    /// What people are told if this failure pauses it.
    pub notice: OutboxNotice,
}

/// Whether a statement may be sent to a warehouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing is known against it.
    Open,
    /// It is paused, and this one is let through to see whether it is back.
    Probe,
    /// It is paused; the next one is let through at this time.
    Paused {
        /// When.
        until: DateTime<Utc>,
    },
}

/// How a warehouse stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WarehouseStanding {
    /// The warehouse.
    pub warehouse: String,
    /// Failures in a row that were its own.
    pub failures: u32,
    /// Since when nothing is sent there.
    pub paused_at: Option<DateTime<Utc>>,
    /// The load whose failure was the last straw.
    pub paused_by: Option<LoadId>,
    /// When it is next tried.
    pub probe_at: Option<DateTime<Utc>>,
    /// What its last failure said.
    pub last_error: Option<String>,
    /// When that was.
    pub last_failed_at: Option<DateTime<Utc>>,
    /// When it was last found to be back.
    pub last_succeeded_at: Option<DateTime<Utc>>,
    /// Loads that wait for it.
    pub waiting: u64,
    /// When an operator last had it tried by hand.
    pub resumed: Option<Resumed>,
}

/// That an operator had a paused warehouse tried at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Resumed {
    /// Who.
    pub operator: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// What came of having a warehouse tried at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbedNow {
    /// It is not paused, and nothing was done.
    InUse,
    /// This load is due, and tries it.
    By(LoadId),
    /// No load waits for it that nobody works on; the next one that comes tries it.
    ByTheNext,
}

impl Store {
    /// Lets a load wait, and counts what it says about the warehouse, both once. A load that was submitted or prepared is
    /// `queued` from then on. `Moved::No` when the load is elsewhere by now or the failure was counted before.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or any of a write.
    pub async fn postpone(
        &self,
        load: LoadId,
        postponement: &Postponement,
        now: DateTime<Utc>,
        actor: &str,
    ) -> Result<Moved, StoreError> {
        const QUERY: Query = Query::LoadPostpone;
        let id = load.as_uuid();
        let failed = postponement.failed.as_ref();
        let kind = failed.map_or(StatementKind::Load, |failed| failed.attempt.kind);
        let attempt = failed.map_or(0, |failed| failed.attempt.number);
        let tries = i32::from(failed.is_some_and(|failed| failed.uses_a_try));
        let parameters: Parameters<'_> = &[
            &id,
            &postponement.from.as_str(),
            &postponement.due_at,
            &kind.as_str(),
            &integer(QUERY.name(), "failed_attempt", attempt)?,
            &optional_text(postponement.error.as_deref()),
            &tries,
            &text(&postponement.note),
            &now,
            &actor,
            &postponement.starts_clock,
        ];
        let mut client = self.client(QUERY.name()).await?;
        let transaction = Transaction::begin(self, &mut client);
        let changed = transaction.execute(QUERY, parameters).await?;
        if let Some(trouble) = postponement.trouble.as_ref().filter(|_| changed > 0) {
            blame(&transaction, load, trouble, now).await?;
        }
        commit_moved(transaction, QUERY, load, changed).await
    }

    /// Lets a load wait for a paused warehouse. No try is used up, and nothing is counted. `Moved::No` when the load is
    /// elsewhere by now.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or any of a write.
    pub async fn wait_for_warehouse(
        &self,
        load: LoadId,
        from: LoadState,
        warehouse: &str,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
        actor: &str,
    ) -> Result<Moved, StoreError> {
        const QUERY: Query = Query::LoadPostpone;
        let id = load.as_uuid();
        let note = format!("waits for {warehouse}");
        let parameters: Parameters<'_> = &[
            &id,
            &from.as_str(),
            &until,
            &StatementKind::Load.as_str(),
            &0_i32,
            &None::<&str>,
            &0_i32,
            &note,
            &now,
            &actor,
            &false,
        ];
        let mut client = self.client(QUERY.name()).await?;
        let transaction = Transaction::begin(self, &mut client);
        let changed = transaction.execute(QUERY, parameters).await?;
        if changed > 0 {
            let parameters: Parameters<'_> = &[&id, &warehouse, &until];
            transaction.execute(Query::LoadWait, parameters).await?;
        }
        commit_moved(transaction, QUERY, load, changed).await
    }

    /// Whether a statement may be sent to a warehouse now. Of any number of askers at once, one is the probe of a paused
    /// warehouse; the next one is not let through before `next_probe_at`, should the probe never come back.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn access(
        &self,
        warehouse: &str,
        now: DateTime<Utc>,
        next_probe_at: DateTime<Utc>,
    ) -> Result<Access, StoreError> {
        let [paused] = self.side_by_side([(Query::WarehouseFind, &[&warehouse])]).await?;
        self.access_of(warehouse, &paused, now, next_probe_at).await
    }

    /// The same, when it is known since when the warehouse is paused.
    pub(crate) async fn access_of(
        &self,
        warehouse: &str,
        paused: &Answer,
        now: DateTime<Utc>,
        next_probe_at: DateTime<Utc>,
    ) -> Result<Access, StoreError> {
        let Some(row) = paused.rows.first() else {
            return Ok(Access::Open);
        };
        let until: DateTime<Utc> = Reader::new(row, "ext_warehouse").get("probe_at")?;
        if until > now {
            return Ok(Access::Paused { until });
        }
        let probed = self
            .execute(Query::WarehouseProbe, &[&warehouse, &now, &next_probe_at])
            .await?;
        Ok(match probed {
            0 => Access::Paused { until: next_probe_at },
            _ => Access::Probe,
        })
    }

    /// Has a paused warehouse tried at once, by the load that would be let through next; the pause stays until a statement ran there.
    /// On record with who and why.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn probe_now(
        &self,
        warehouse: &str,
        operator: &Operator,
        now: DateTime<Utc>,
    ) -> Result<ProbedNow, StoreError> {
        const QUERY: Query = Query::WarehouseProbeNow;
        let mut client = self.client(QUERY.name()).await?;
        let transaction = Transaction::begin(self, &mut client);
        let parameters: Parameters<'_> = &[&warehouse, &now];
        let probing = transaction.rows(Query::LoadProbeNow, parameters).await?;
        let probe = match probing.first() {
            Some(row) => Some(Reader::new(row, "ext_file_load").get::<Uuid>("load_id")?),
            None => None,
        };
        if transaction.rows(QUERY, parameters).await?.is_empty() {
            return Ok(ProbedNow::InUse);
        }
        let parameters: Parameters<'_> = &[&warehouse, &operator.name, &text(&operator.reason), &probe, &now];
        transaction
            .execute(Query::WarehouseOperationInsert, parameters)
            .await?;
        transaction.commit().await?;
        Ok(probe.map_or(ProbedNow::ByTheNext, |load| {
            ProbedNow::By(LoadId::from_uuid(load))
        }))
    }

    /// Says that a warehouse ran a statement for a load, whatever came of it. When it was paused before that was submitted,
    /// `notice` is told, and every load that waited for it is due. Without an attempt, it is known to have run after the pause.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn resume_warehouse(
        &self,
        warehouse: &str,
        load: LoadId,
        statement: Option<&Attempt>,
        notice: &OutboxNotice,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        const QUERY: Query = Query::WarehouseResume;
        let attempt = statement
            .map(|statement| integer(QUERY.name(), "attempt", statement.number))
            .transpose()?;
        let id = statement.map(|statement| statement.load.as_uuid());
        let kind = statement.map(|statement| statement.kind.as_str());
        let parameters: Parameters<'_> = &[&warehouse, &now, &id, &kind, &attempt];
        let mut client = self.client(QUERY.name()).await?;
        let transaction = Transaction::begin(self, &mut client);
        let rows = transaction.rows(QUERY, parameters).await?;
        let paused_at: Option<DateTime<Utc>> = match rows.first() {
            Some(row) => Reader::new(row, "ext_warehouse").get("paused_at")?,
            None => None,
        };
        if paused_at.is_some() {
            insert_notices(&transaction, load, std::slice::from_ref(notice), now).await?;
        }
        transaction.commit().await?;
        // Afterwards, because a transaction that holds a load's row may be waiting for the warehouse's. Should this not come
        // about, the loads are due when the next probe would have been.
        if paused_at.is_some() {
            drop(client);
            self.execute(Query::LoadWake, &[&warehouse, &now]).await?;
        }
        Ok(paused_at.is_some())
    }

    /// Lets a load wait until its rule is resumed, or until `until` should nobody tell. `Moved::No` when the rule is not paused
    /// any more, or the load is elsewhere.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or any of a write.
    pub async fn wait_for_rule(
        &self,
        load: LoadId,
        rule: RuleId,
        until: DateTime<Utc>,
    ) -> Result<Moved, StoreError> {
        const QUERY: Query = Query::LoadWaitForRule;
        let parameters: Parameters<'_> = &[&load.as_uuid(), &rule.0, &waits_for(rule), &until];
        let mut client = self.client(QUERY.name()).await?;
        let transaction = Transaction::begin(self, &mut client);
        let changed = transaction.execute(QUERY, parameters).await?;
        commit_moved(transaction, QUERY, load, changed).await
    }

    /// Every warehouse that was ever used or ever failed.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn warehouses(&self) -> Result<Vec<WarehouseStanding>, StoreError> {
        let rows = self.rows(Query::WarehouseList, &[&bounded(LIST_LIMIT)]).await?;
        rows.iter().map(read_standing).collect()
    }
}

/// Counts a failure against its warehouse. The load that pauses it tells people so, and waits with the others.
async fn blame(
    transaction: &Transaction<'_>,
    load: LoadId,
    trouble: &WarehouseTrouble,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    const QUERY: Query = Query::WarehouseFail;
    let id = load.as_uuid();
    let parameters: Parameters<'_> = &[
        &trouble.warehouse,
        &text(&trouble.error),
        &now,
        &id,
        &integer(QUERY.name(), "failures", trouble.pause_after)?,
        &trouble.first_probe.as_secs_f64(),
        &trouble.longest_probe.as_secs_f64(),
    ];
    let rows = transaction.rows(QUERY, parameters).await?;
    let row = rows
        .first()
        .expect("INSERT … ON CONFLICT DO UPDATE without WHERE returns a row");
    let reader = Reader::new(row, "ext_warehouse");
    let Some(probe_at) = reader.get::<Option<DateTime<Utc>>>("probe_at")? else {
        return Ok(());
    };
    let parameters: Parameters<'_> = &[&id, &trouble.warehouse, &probe_at];
    transaction.execute(Query::LoadWait, parameters).await?;
    if reader.get("pauses")? {
        insert_notices(transaction, load, std::slice::from_ref(&trouble.notice), now).await?;
    }
    Ok(())
}

fn read_standing(row: &Row) -> Result<WarehouseStanding, StoreError> {
    let reader = Reader::new(row, "ext_warehouse");
    Ok(WarehouseStanding {
        warehouse: reader.get("warehouse")?,
        failures: reader.small_count("failures")?,
        paused_at: reader.get("paused_at")?,
        paused_by: reader.get::<Option<_>>("paused_by")?.map(LoadId::from_uuid),
        probe_at: reader.get("probe_at")?,
        last_error: reader.get("last_error")?,
        last_failed_at: reader.get("last_failed_at")?,
        last_succeeded_at: reader.get("last_succeeded_at")?,
        waiting: reader.count("waiting")?,
        resumed: read_resumed(&reader)?,
    })
}

fn read_resumed(reader: &Reader<'_>) -> Result<Option<Resumed>, StoreError> {
    let Some(operator) = reader.get("resumed_by")? else {
        return Ok(None);
    };
    Ok(Some(Resumed {
        operator,
        reason: reader.get("resume_reason")?,
        at: reader.get("resumed_at")?,
    }))
}
