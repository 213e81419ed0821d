//! Loads that stand still: their event was lost, their worker died, or their answer never came.

use chrono::{DateTime, Utc};
use longshore_domain::load::LoadState;
use longshore_domain::statement::StatementKind;
use longshore_store::{Load, Statement};
use tracing::{Instrument, warn};

use super::{Reconcile, ReconcileReport, Slice};
use crate::AppError;
use crate::error::with_causes;
use crate::finish::{FinishStatement, StatementStatus};
use crate::process::ProcessObject;
use crate::submit::newest;
use crate::trace;

impl Reconcile<'_> {
    /// Gives every load that stands still its look, the one that was left alone longest first. One that cannot be carried
    /// on keeps none of the others waiting, now or in the next run: each look in vain makes the wait for the next longer.
    pub(super) async fn carry_loads_on(
        &self,
        slice: &Slice,
        report: &mut ReconcileReport,
    ) -> Result<(), AppError> {
        let places = self.app.config.places_per_table;
        self.app.store.let_in(places, self.app.clock.now()).await?;
        for _ in 0..self.limits.loads {
            if self.is_over(slice) {
                break;
            }
            let now = self.app.clock.now();
            let taken = self
                .app
                .store
                .take_unsettled(self.limits.idle, slice.began, now, self.may_prepare(slice, now))
                .await?;
            let Some(load) = taken else { break };
            report.looked_at += 1;
            self.look_at(load, report).await?;
        }
        Ok(())
    }

    /// What may take the whole of an invocation is not begun with the rest of one: it would be counted as too long.
    fn may_prepare(&self, slice: &Slice, now: DateTime<Utc>) -> bool {
        now - slice.began <= self.invocation.deadline - now
    }

    /// One step with one load. What cannot go on now is left for the next look.
    pub(crate) async fn look_once(&self, load: Load) -> Result<(), AppError> {
        let mut report = ReconcileReport::default();
        self.look_at(load, &mut report).await
    }

    pub(super) async fn look_at(&self, load: Load, report: &mut ReconcileReport) -> Result<(), AppError> {
        let span = trace::span_of(&load, self.actor());
        self.look(load, report).instrument(span).await
    }

    async fn look(&self, load: Load, report: &mut ReconcileReport) -> Result<(), AppError> {
        let id = load.id;
        let before = progress(&load);
        match self.carry_on(load).await {
            Ok(()) => {
                let after = self.app.store.load(id).await?;
                match after.is_some_and(|load| progress(&load) == before) {
                    true => report.waiting.push(id),
                    false => report.carried_on.push(id),
                }
            }
            Err(AppError::StatementStillRunning { .. } | AppError::SameContentUnderWay { .. }) => {
                report.running.push(id);
            }
            Err(AppError::PreparedElsewhere { .. } | AppError::FinishedElsewhere { .. }) => {
                report.elsewhere.push(id);
            }
            Err(error) => {
                warn!("could not carry on load {id}: {}", with_causes(&error));
                report.failed.push((id, with_causes(&error)));
            }
        }
        Ok(())
    }

    async fn carry_on(&self, load: Load) -> Result<(), AppError> {
        match load.state {
            LoadState::Received
            | LoadState::Prepared
            | LoadState::Queued
            | LoadState::Rejected
            | LoadState::Skipped
            | LoadState::Split
            | LoadState::Delivering => self.prepare(load).await,
            LoadState::Submitted | LoadState::Loaded | LoadState::Failed | LoadState::Transforming => {
                self.finish(load).await
            }
            // What is in a batch goes on with that, and is not taken.
            LoadState::Batched | LoadState::Complete | LoadState::TransformFailed => Ok(()),
        }
    }

    async fn prepare(&self, load: Load) -> Result<(), AppError> {
        let process = ProcessObject {
            app: self.app,
            invocation: self.invocation,
        };
        process.carry_on_again(load).await
    }

    async fn finish(&self, load: Load) -> Result<(), AppError> {
        let statements = self.app.store.statements(load.id).await?;
        let Some(statement) = deciding(&load, &statements) else {
            return match load.state {
                // It failed, or was stopped, before the warehouse had it, and whoever was to tell died.
                LoadState::Failed => self.prepare(load).await,
                _ => Err(AppError::Inconsistent {
                    load: load.id,
                    what: format!("it is {} and no statement of it has an id", load.state),
                }),
            };
        };
        let status = StatementStatus {
            statement_id: statement.statement_id.clone().unwrap_or_default(),
            statement_name: Some(statement.statement_name.clone()),
        };
        let finish = FinishStatement {
            app: self.app,
            invocation: self.invocation,
        };
        Box::pin(finish.run(status)).await.map(|_| ())
    }
}

/// How far a load is.
fn progress(load: &Load) -> (LoadState, Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
    (
        load.state,
        load.submitted_at.or(load.concluded_at),
        load.finished_at,
    )
}

/// The statement whose end decides what is next: the follow-up's once the warehouse has it, else the load's.
fn deciding<'a>(load: &Load, statements: &'a [Statement]) -> Option<&'a Statement> {
    let submitted = |kind| newest(statements, kind).filter(|statement| statement.statement_id.is_some());
    match load.state {
        LoadState::Transforming => {
            submitted(StatementKind::FollowUp).or_else(|| submitted(StatementKind::Load))
        }
        _ => submitted(StatementKind::Load),
    }
}
