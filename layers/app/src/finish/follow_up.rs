//! Starting and settling a follow-up statement.

use longshore_domain::fault::WarehouseFault;
use longshore_domain::load::LoadState;
use longshore_domain::notification::Outcome;
use longshore_domain::statement::{Attempt, LoadStep, StatementKind};
use longshore_store::{
    AuditStatus, FollowUpEnd, Load, OutboxNotice, Statement, StatementOutcome, StatementState,
};
use tracing::{info, warn};

use super::FinishStatement;
use crate::error::chain;
use crate::plan::LoadPlan;
use crate::ports::{StatementReport, StatementRun, WarehouseError};
use crate::retry::{self, Afterwards, FailedStatement, Sent};
use crate::submit::FollowUpSent;
use crate::{AppError, notify, submit};

impl FinishStatement<'_> {
    /// Hands the follow-up over, unless that was done before or it is not due. A try that died after recording the attempt left
    /// it without a statement id; the same token makes it safe to call again.
    pub(super) async fn start_follow_up(&self, load: Load, plan: &LoadPlan) -> Result<Load, AppError> {
        let Some(sql) = plan.follow_up.clone() else {
            return Ok(load);
        };
        let now = self.app.clock.now();
        if load.due_at.is_some_and(|due_at| due_at > now) {
            return Ok(load);
        }
        let statements = self.app.store.statements(load.id).await?;
        if let Some(newest) = submit::newest(&statements, StatementKind::FollowUp) {
            let is_counted = load.retry.failed_attempt >= newest.attempt;
            let is_under_way = newest.statement_id.is_some() || newest.finished_at.is_some();
            if is_under_way && !is_counted {
                return Ok(load);
            }
        }
        let id = load.id;
        match submit::submit_follow_up(self.app, load, plan, sql, self.actor()).await? {
            FollowUpSent::Sent(Sent::Submitted | Sent::Waits { .. }) => self.reload(id).await,
            // The service will not take it, now or later: that is how it ended.
            FollowUpSent::Sent(Sent::Refused { error }) => {
                let load = self.reload(id).await?;
                warn!("the follow-up of {} was refused: {error}", load.object.key);
                let statements = self.app.store.statements(id).await?;
                let newest = submit::newest(&statements, StatementKind::FollowUp);
                let attempt = newest
                    .map(Statement::as_attempt)
                    .ok_or_else(|| AppError::Inconsistent {
                        load: id,
                        what: "its follow-up was refused before it was on record".to_owned(),
                    })?;
                self.record_follow_up(load, &attempt, Ended::before_it_began(error))
                    .await
            }
            FollowUpSent::Lost(attempt) => {
                let load = self.reload(id).await?;
                let error =
                    "the answer to its submission was lost, and the Data API knows no statement of its name";
                self.record_unknown_end(load, &attempt, None, error).await
            }
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
        let plan = LoadPlan::of(&load)?;
        let statements = self.app.store.statements(load.id).await?;
        let is_newest = submit::newest(&statements, StatementKind::FollowUp)
            .is_none_or(|newest| newest.attempt <= attempt.number);
        // The late event of an earlier try says nothing about the one that is under way; that of a failure that was counted
        // is a repetition.
        if !is_newest {
            return Ok(load);
        }
        if load.retry.failed_attempt >= attempt.number {
            return self.start_follow_up(load, &plan).await;
        }
        let report = match self.ended(statement_id).await {
            Ok(report) => report,
            Err(AppError::Warehouse(forgotten @ WarehouseError::UnknownStatement { .. })) => {
                return self
                    .record_unknown_end(load, attempt, Some(statement_id), &chain(&forgotten))
                    .await;
            }
            Err(error) => return Err(error),
        };
        let fault = report.fault.unwrap_or(WarehouseFault::Unknown);
        if report.run != StatementRun::Failed || !fault.is_of_the_warehouse() {
            retry::ran(self.app, &load, &plan.warehouse, attempt).await?;
        }
        let ended = Ended::of(statement_id, report);
        let error = match &ended.error {
            Some(error) if ended.state == StatementState::Failed && plan.follow_up_repeats => error.clone(),
            _ => return self.record_follow_up(load, attempt, ended).await,
        };
        self.again_or_told(load, &plan, attempt, ended, (fault, error))
            .await
    }

    /// A follow-up that failed and left nothing behind is run again, as its load would be.
    async fn again_or_told(
        &self,
        load: Load,
        plan: &LoadPlan,
        attempt: &Attempt,
        ended: Ended,
        (fault, error): (WarehouseFault, String),
    ) -> Result<Load, AppError> {
        let id = load.id;
        let failed = FailedStatement {
            attempt,
            step: Some(LoadStep::FollowUp),
            fault,
            error: &error,
        };
        let outcome = ended.as_outcome();
        let now = self.app.clock.now();
        self.app.store.finish_statement(attempt, &outcome, now).await?;
        match retry::after_failure(
            self.app,
            load,
            &plan.warehouse,
            &plan.retry,
            &failed,
            self.actor(),
        )
        .await?
        {
            Afterwards::Waits(load) => Ok(*load),
            Afterwards::GivenUp(error) => {
                let ended = Ended {
                    error: Some(error),
                    ..ended
                };
                self.record_follow_up(self.reload(id).await?, attempt, ended)
                    .await
            }
        }
    }

    /// The service forgets statements after a day, and a follow-up leaves no marker: a person must look.
    async fn record_unknown_end(
        &self,
        load: Load,
        attempt: &Attempt,
        statement_id: Option<&str>,
        error: &str,
    ) -> Result<Load, AppError> {
        let end = Ended {
            state: StatementState::Failed,
            error: Some(format!(
                "{error}; whether the follow-up ran is not known: look at its tables, then run it by hand"
            )),
            statement_id: statement_id.map(str::to_owned),
            report: None,
        };
        self.record_follow_up(load, attempt, end).await
    }

    async fn record_follow_up(&self, load: Load, attempt: &Attempt, ended: Ended) -> Result<Load, AppError> {
        let now = self.app.clock.now();
        let outcome = ended.as_outcome();
        let Ended {
            state,
            error,
            statement_id,
            ..
        } = ended;
        let duration = outcome.duration;
        self.app.store.finish_statement(attempt, &outcome, now).await?;
        let end = FollowUpEnd {
            status: match state {
                StatementState::Finished => AuditStatus::Finished,
                StatementState::Aborted => AuditStatus::Aborted,
                StatementState::Recorded | StatementState::Submitted | StatementState::Failed => {
                    AuditStatus::Failed
                }
            },
            notices: match &error {
                Some(error) => vec![self.failure_notice(&load, error).await?],
                None => vec![],
            },
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

    async fn failure_notice(&self, load: &Load, error: &str) -> Result<OutboxNotice, AppError> {
        let told = Load {
            error: Some(error.to_owned()),
            error_code: Some("follow_up_failed".to_owned()),
            ..load.clone()
        };
        notify::notice(self.app, &told, Outcome::FollowUpFailed).await
    }
}

/// How a follow-up ended, in the warehouse or before it.
struct Ended {
    state: StatementState,
    error: Option<String>,
    statement_id: Option<String>,
    report: Option<StatementReport>,
}

impl Ended {
    fn of(statement_id: &str, report: StatementReport) -> Self {
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
        Self {
            state,
            error,
            statement_id: Some(statement_id.to_owned()),
            report: Some(report),
        }
    }

    fn before_it_began(error: String) -> Self {
        Self {
            state: StatementState::Failed,
            error: Some(error),
            statement_id: None,
            report: None,
        }
    }

    fn as_outcome(&self) -> StatementOutcome {
        let report = self.report.as_ref();
        StatementOutcome {
            statement_id: self.statement_id.clone(),
            state: self.state,
            error: self.error.clone(),
            failed_step: self.error.as_ref().map(|_| LoadStep::FollowUp),
            result_rows: report.and_then(|report| report.rows),
            query_id: report.and_then(|report| report.query_id),
            duration: report.map(|report| report.duration),
        }
    }
}
