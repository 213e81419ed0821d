//! From a statement's end to audit, archive, follow-up and message.

mod batch;
mod beside;
mod cancel;
mod conclude;
mod failure;
mod follow_up;
mod gone;
mod load;
mod marker_table;
mod next;
mod outcome;
mod row_errors;
mod rows;

pub(crate) use gone::OBJECT_GONE;

use std::time::Duration;

use chrono::TimeDelta;
use longshore_domain::load::LoadId;
use longshore_domain::statement::{Attempt, StatementKind};
use longshore_store::{Claim, Lease, LeaseStep, Load, Statement};
use tracing::{Instrument, warn};

pub(crate) use cancel::{CANCELLED, cancelled_by_hand};

use crate::ports::{StatementReport, StatementRun};
use crate::process::ProcessObject;
use crate::{App, AppError, Invocation, notify, submit, trace};

/// How long an invocation waits for another one that is finishing the same load.
const LEASE_PATIENCE: TimeDelta = TimeDelta::seconds(5);
const LEASE_POLL: Duration = Duration::from_millis(100);

/// A "Redshift Data Statement Status Change", as far as it is believed: the ids. Everything else is asked of the service.
#[derive(Debug, Clone)]
pub struct StatementStatus {
    /// The Data API's id.
    pub statement_id: String,
    /// The name that we gave it, when the event carries one.
    pub statement_name: Option<String>,
}

/// What became of a status event.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum FinishedAs {
    /// The load is settled as far as this statement goes.
    Settled {
        /// The load.
        load_id: LoadId,
        /// The state it is in now.
        state: longshore_domain::load::LoadState,
    },
    /// The load was settled before; the event is a repetition.
    AlreadySettled {
        /// The load.
        load_id: LoadId,
    },
    /// No statement of ours.
    Foreign,
}

/// The use case.
#[derive(Clone, Copy)]
pub struct FinishStatement<'a> {
    /// What to work with.
    pub app: &'a App,
    /// Who works.
    pub invocation: &'a Invocation,
}

impl FinishStatement<'_> {
    /// Settles the load that a statement belongs to.
    pub async fn run(&self, status: StatementStatus) -> Result<FinishedAs, AppError> {
        let Some(attempt) = self.attempt_of(&status).await? else {
            warn!(
                statement.id = status.statement_id,
                "ignored statement {}, which is not ours", status.statement_id
            );
            return Ok(FinishedAs::Foreign);
        };
        let load = match self.claim(attempt.load).await? {
            Some(load) => load,
            None => {
                self.process().take_up_held_beside(attempt.load).await;
                notify::send_pending(self.app, attempt.load, self.actor()).await?;
                return Ok(FinishedAs::AlreadySettled {
                    load_id: attempt.load,
                });
            }
        };
        trace::name_load(&load);
        if was_seen_to(&load, &attempt) {
            // Before the next in line is let in: who was let in then comes first.
            self.process().take_up_held_beside(load.id).await;
        }
        let span = trace::span_of(&load, self.actor());
        self.settle(load, &attempt, &status.statement_id)
            .instrument(span)
            .await
    }

    /// Concludes a load that failed before the warehouse had it. The caller holds its lease.
    pub(crate) async fn conclude_unsent(&self, load: Load) -> Result<Load, AppError> {
        let statements = self.app.store.statements(load.id).await?;
        let newest = submit::newest(&statements, StatementKind::Load);
        let attempt = newest.map_or_else(
            || Attempt {
                load: load.id,
                kind: StatementKind::Load,
                number: 1,
            },
            Statement::as_attempt,
        );
        self.conclude_failed(load, &attempt).await
    }

    async fn settle(
        &self,
        load: Load,
        attempt: &Attempt,
        statement_id: &str,
    ) -> Result<FinishedAs, AppError> {
        let id = load.id;
        let settled = match attempt.kind {
            StatementKind::Load => Box::pin(self.settle_load(load, attempt, statement_id)).await,
            StatementKind::FollowUp => Box::pin(self.settle_follow_up(load, attempt, statement_id)).await,
        };
        // Also when it failed: whoever tries next need not wait for the lease to run out.
        if settled.is_err() {
            self.app.store.release(id, self.actor()).await?;
        }
        let load = settled?;
        let told = notify::release_and_send_pending(self.app, load.id, self.actor()).await;
        if attempt.kind == StatementKind::Load {
            self.let_next_in(attempt).await;
        }
        told?;
        self.tell_of_carried(&load).await?;
        if load.finished_at.is_some() && (load.is_delivery() || load.is_batch()) {
            self.process().settle_files_of(load.id).await;
        }
        if let Some(buffer) = load
            .buffer
            .filter(|_| load.is_batch() && load.finished_at.is_some())
        {
            self.go_on_with(buffer).await;
        }
        Ok(FinishedAs::Settled {
            load_id: load.id,
            state: load.state,
        })
    }

    /// The attempt by its name, else by its statement id; `None` for a statement that the ledger does not know.
    async fn attempt_of(&self, status: &StatementStatus) -> Result<Option<Attempt>, AppError> {
        let named = status
            .statement_name
            .as_deref()
            .and_then(|name| Attempt::parse_statement_name(&self.app.config.statement_prefix, name));
        match named {
            Some(attempt) => Ok(self.app.store.statement(&attempt).await?.map(|_| attempt)),
            None => self.attempt_by_id(&status.statement_id).await,
        }
    }

    async fn attempt_by_id(&self, statement_id: &str) -> Result<Option<Attempt>, AppError> {
        let Some(load) = self.app.store.load_by_statement_id(statement_id).await? else {
            return Ok(None);
        };
        let statements = self.app.store.statements(load.id).await?;
        let found = statements
            .iter()
            .find(|statement| statement.statement_id.as_deref() == Some(statement_id));
        Ok(found.map(Statement::as_attempt))
    }

    /// The walk of a file, for the loads that go on with this one's end.
    fn process(&self) -> ProcessObject<'_> {
        ProcessObject {
            app: self.app,
            invocation: self.invocation,
        }
    }

    fn actor(&self) -> &str {
        &self.invocation.request_id
    }

    async fn claim(&self, load: LoadId) -> Result<Option<Load>, AppError> {
        let lease = Lease {
            owner: self.invocation.request_id.clone(),
            step: LeaseStep::Finish,
            until: self.invocation.deadline,
        };
        let waits_until = self.app.clock.now() + LEASE_PATIENCE;
        loop {
            match self
                .app
                .store
                .claim_for_finish(load, &lease, self.app.clock.now())
                .await?
            {
                Some(Claim::New(load) | Claim::Resumed(load)) => return Ok(Some(load)),
                Some(Claim::Done(_)) | None => return Ok(None),
                // Not a repetition to be dropped: it may be another statement's event, the follow-up's, which a short
                // follow-up sends while the invocation that submitted it is still putting its lease down.
                Some(Claim::Busy { load, owner, .. }) if self.app.clock.now() > waits_until => {
                    return Err(AppError::FinishedElsewhere { load: load.id, owner });
                }
                Some(Claim::Busy { .. }) => tokio::time::sleep(LEASE_POLL).await,
            }
        }
    }

    async fn ended(&self, statement_id: &str) -> Result<StatementReport, AppError> {
        let report = self.app.warehouse.describe(statement_id).await?;
        if report.run == StatementRun::Running {
            return Err(AppError::StatementStillRunning {
                statement_id: statement_id.to_owned(),
            });
        }
        Ok(report)
    }
}

/// Whether an event of a load's statement came before, and the load goes on by another statement since: its follow-up's, or that of
/// its next attempt.
fn was_seen_to(load: &Load, attempt: &Attempt) -> bool {
    let is_behind = load.loaded_at.is_some() || load.retry.failed_attempt >= attempt.number;
    attempt.kind == StatementKind::Load && is_behind
}
