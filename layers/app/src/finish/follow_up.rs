//! Starting and settling a follow-up statement.

use longshore_domain::load::LoadState;
use longshore_domain::notification::Outcome;
use longshore_domain::statement::{Attempt, LoadStep, StatementKind};
use longshore_store::{AuditStatus, FollowUpEnd, Load, OutboxNotice, StatementOutcome, StatementState};
use tracing::{info, warn};

use super::FinishStatement;
use crate::error::chain;
use crate::ports::{StatementReport, StatementRun, WarehouseError};
use crate::{AppError, notify, submit};

impl FinishStatement<'_> {
    /// Hands the follow-up over, unless that was done before. A try that died after recording the attempt left it without
    /// a statement id; the same token makes it safe to call again.
    pub(super) async fn start_follow_up(&self, load: Load, sql: String) -> Result<Load, AppError> {
        let attempt = Attempt {
            load: load.id,
            kind: StatementKind::FollowUp,
            number: 1,
        };
        let recorded = self.app.store.statement(&attempt).await?;
        if recorded
            .is_some_and(|statement| statement.statement_id.is_some() || statement.finished_at.is_some())
        {
            return Ok(load);
        }
        match submit::submit_follow_up(self.app, &load, sql, self.actor()).await {
            Ok(()) => Ok(Load {
                state: LoadState::Transforming,
                ..load
            }),
            // The service will not take it, now or later: that is how it ended.
            Err(AppError::Warehouse(refusal @ WarehouseError::Refused { .. })) => {
                warn!(
                    "the follow-up of {} was refused: {}",
                    load.object.key,
                    chain(&refusal)
                );
                let end = Ended {
                    state: StatementState::Failed,
                    error: Some(chain(&refusal)),
                    statement_id: None,
                    report: None,
                };
                self.record_follow_up(load, &attempt, end).await
            }
            Err(error) => Err(error),
        }
    }

    /// The audit row learns how the follow-up ended; a failure is told, since the success of the load was told before.
    pub(super) async fn settle_follow_up(
        &self,
        load: Load,
        attempt: &Attempt,
        statement_id: &str,
    ) -> Result<Load, AppError> {
        // The event may be faster than the note that the follow-up was submitted, never faster than the attempt's.
        if load.state != LoadState::Transforming {
            return Ok(load);
        }
        let report = match self.ended(statement_id).await {
            Ok(report) => report,
            Err(AppError::Warehouse(forgotten @ WarehouseError::UnknownStatement { .. })) => {
                return self
                    .record_unknown_end(load, attempt, statement_id, &chain(&forgotten))
                    .await;
            }
            Err(error) => return Err(error),
        };
        let state = match report.run {
            StatementRun::Finished => StatementState::Finished,
            StatementRun::Aborted => StatementState::Aborted,
            StatementRun::Failed | StatementRun::Running => StatementState::Failed,
        };
        let error = (state != StatementState::Finished).then(|| {
            report
                .error
                .clone()
                .unwrap_or_else(|| "the warehouse gave no reason".to_owned())
        });
        let end = Ended {
            state,
            error,
            statement_id: Some(statement_id.to_owned()),
            report: Some(report),
        };
        self.record_follow_up(load, attempt, end).await
    }

    /// The service forgets statements after a day, and a follow-up leaves no marker: a person must look.
    async fn record_unknown_end(
        &self,
        load: Load,
        attempt: &Attempt,
        statement_id: &str,
        error: &str,
    ) -> Result<Load, AppError> {
        let end = Ended {
            state: StatementState::Failed,
            error: Some(format!(
                "{error}; whether the follow-up ran is not known: look at its tables, then run it by hand"
            )),
            statement_id: Some(statement_id.to_owned()),
            report: None,
        };
        self.record_follow_up(load, attempt, end).await
    }

    async fn record_follow_up(&self, load: Load, attempt: &Attempt, ended: Ended) -> Result<Load, AppError> {
        let now = self.app.clock.now();
        let Ended {
            state,
            error,
            statement_id,
            report,
        } = ended;
        let duration = report.as_ref().map(|report| report.duration);
        let outcome = StatementOutcome {
            statement_id: statement_id.clone(),
            state,
            error: error.clone(),
            failed_step: error.as_ref().map(|_| LoadStep::FollowUp),
            result_rows: report.as_ref().and_then(|report| report.rows),
            query_id: report.as_ref().and_then(|report| report.query_id),
            duration,
        };
        self.app.store.finish_statement(attempt, &outcome, now).await?;
        let end = FollowUpEnd {
            status: match state {
                StatementState::Finished => AuditStatus::Finished,
                StatementState::Aborted => AuditStatus::Aborted,
                StatementState::Recorded | StatementState::Submitted | StatementState::Failed => {
                    AuditStatus::Failed
                }
            },
            notices: error
                .as_ref()
                .map(|error| self.failure_notice(&load, error))
                .into_iter()
                .collect(),
            error,
            statement_id,
            duration,
            process_date: self.app.config.local_time(now),
        };
        let moved = self
            .app
            .store
            .finish_follow_up(load.id, &end, now, self.actor())
            .await?;
        info!(end = state.as_str(), "the follow-up of {} ended", load.object.key);
        Ok(moved.into_load())
    }

    fn failure_notice(&self, load: &Load, error: &str) -> OutboxNotice {
        let told = Load {
            error: Some(error.to_owned()),
            error_code: Some("follow_up_failed".to_owned()),
            ..load.clone()
        };
        notify::notice(self.app, &told, Outcome::FollowUpFailed)
    }
}

/// How a follow-up ended, in the warehouse or before it.
struct Ended {
    state: StatementState,
    error: Option<String>,
    statement_id: Option<String>,
    report: Option<StatementReport>,
}
