//! Starting and settling a follow-up: a single statement, or steps one after the other.
//!
//! Where a chain stands is nowhere written down but in its statements: the newest says which step it is a try at and how far that is. So
//! whoever comes by - the event of a step, a repeated one, the reconciler - finds the same next thing to do, and the attempt's
//! number keeps two of them from doing it twice.

use std::time::Duration;

use chrono::{DateTime, Utc};
use longshore_domain::chain::Verdict;
use longshore_domain::fault::WarehouseFault;
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::notification::Outcome;
use longshore_domain::retry::pause;
use longshore_domain::statement::{Attempt, LoadStep, StatementKind};
use longshore_store::{
    AuditStatus, FollowUpEnd, FollowUpStep, Load, Operation, OperationKind, OutboxNotice, Statement,
    StatementOutcome, StatementState, follow_up_steps,
};
use tracing::{info, warn};

use super::FinishStatement;
use crate::error::with_causes;
use crate::plan::{FollowUpPart, LoadPlan};
use crate::ports::{StatementReport, StatementRun, WarehouseError};
use crate::retry::{self, Afterwards, Again, FailedStatement, Sent};
use crate::submit::{FollowUpSent, REMEMBERED};
use crate::{AppError, notify, submit};

impl FinishStatement<'_> {
    /// Hands the follow-up over, unless that was done before or it is not due. A try that died after recording the attempt left
    /// it without a statement id; the same token makes it safe to call again.
    pub(super) async fn start_follow_up(&self, load: Load, plan: &LoadPlan) -> Result<Load, AppError> {
        let now = self.app.clock.now();
        if load.due_at.is_some_and(|due_at| due_at > now) {
            return Ok(load);
        }
        let statements = self.app.store.statements(load.id).await?;
        let newest = submit::newest(&statements, StatementKind::FollowUp);
        if let Some(unsent) = newest.filter(|newest| has_ended_unsent(&load, newest)) {
            let error = unsent.error.clone().unwrap_or_default();
            let attempt = unsent.as_attempt();
            return self
                .record_follow_up(load, &attempt, Ended::before_it_began(error))
                .await;
        }
        let Some(part) = next_part(&load, plan, newest) else {
            return Ok(load);
        };
        let id = load.id;
        match submit::submit_follow_up(self.app, load, plan, part, self.actor()).await? {
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
        // The late event of an earlier try, or step, says nothing about the one that is under way, but that one may be on record and not
        // sent; that of a failure that was counted, or of a step that was done, is a repetition.
        let step = place_of(&statements, attempt);
        let is_last = plan.follow_up_at(step + 1).is_none();
        if !is_newest
            || load.retry.failed_attempt >= attempt.number
            || (is_finished(&statements, attempt) && !is_last)
        {
            return self.start_follow_up(load, &plan).await;
        }
        let report = match self.ended(statement_id).await {
            Ok(report) => report,
            Err(AppError::Warehouse(forgotten @ WarehouseError::UnknownStatement { .. }))
                if is_forgotten(&statements, attempt, self.app.clock.now()) =>
            {
                return self
                    .record_unknown_end(load, attempt, Some(statement_id), &with_causes(&forgotten))
                    .await;
            }
            Err(AppError::Warehouse(WarehouseError::UnknownStatement { statement_id })) => {
                return Err(AppError::StatementNotShown { statement_id });
            }
            Err(error) => return Err(error),
        };
        let fault = report.fault.unwrap_or(WarehouseFault::Unknown);
        if report.run != StatementRun::Failed || !fault.is_of_the_warehouse() {
            retry::ran(self.app, &load, &plan.warehouse, Some(attempt)).await?;
        }
        let ended = Ended::of(statement_id, report);
        match &ended.error {
            Some(error) if ended.state == StatementState::Failed => {
                let error = error.clone();
                self.again_or_told(load, &plan, attempt, ended, (fault, error))
                    .await
            }
            None if !is_last => {
                let now = self.app.clock.now();
                self.app
                    .store
                    .finish_statement(attempt, &ended.as_outcome(), now)
                    .await?;
                self.start_follow_up(load, &plan).await
            }
            _ => self.record_follow_up(load, attempt, ended).await,
        }
    }

    /// What failed is run again where its step says so; else as its load would be, if it left nothing behind.
    async fn again_or_told(
        &self,
        load: Load,
        plan: &LoadPlan,
        attempt: &Attempt,
        ended: Ended,
        (fault, error): (WarehouseFault, String),
    ) -> Result<Load, AppError> {
        let id = load.id;
        let statements = self.app.store.statements(id).await?;
        let since = self.first_by_hand(id, &statements).await?;
        let tries = tries_at_step(&statements, attempt, since);
        let Some(part) = plan.follow_up_at(place_of(&statements, attempt)) else {
            return self.record_follow_up(load, attempt, ended).await;
        };
        let by_its_step = part
            .query
            // What a warehouse that is down could not do uses up no try, where its rule may try again.
            .filter(|_| !(fault.is_of_the_warehouse() && part.repeats))
            .filter(|query| query.judge(tries, &error) == Verdict::TryAgain);
        if by_its_step.is_none() && !part.repeats {
            return self.record_follow_up(load, attempt, ended).await;
        }
        let shown = fault.without_values(&error);
        let failed = FailedStatement {
            attempt,
            step: Some(LoadStep::FollowUp),
            fault,
            error: &shown,
        };
        let outcome = ended.as_outcome();
        let now = self.app.clock.now();
        self.app.store.finish_statement(attempt, &outcome, now).await?;
        if let Some(query) = by_its_step {
            let first = attempt.number + 1 - tries;
            let again = Again {
                wait: pause(&query.pace, id, first..=attempt.number),
                uses_a_try: false,
            };
            return retry::try_again(self.app, load, &plan.warehouse, &failed, again, self.actor()).await;
        }
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

    /// The number of the attempt with which an operator had the follow-up run again, the last time; 1 where nobody did.
    async fn first_by_hand(&self, load: LoadId, statements: &[Statement]) -> Result<u32, AppError> {
        let operations = self.app.store.operations(load).await?;
        let is_follow_up = |operation: &&Operation| operation.operation == OperationKind::FollowUp;
        let Some(last) = operations.iter().rfind(is_follow_up) else {
            return Ok(1);
        };
        let attempts = || {
            let follow_ups = statements.iter();
            follow_ups.filter(|statement| statement.kind == StatementKind::FollowUp)
        };
        // It went on record with the operation and has its time, unless its token counted anew since.
        let with_it = attempts().filter(|statement| statement.recorded_at == last.at);
        let after_it = attempts().filter(|statement| statement.recorded_at > last.at);
        let number = |statement: &Statement| statement.attempt;
        Ok(with_it
            .map(number)
            .max()
            .or(after_it.map(number).min())
            .unwrap_or(1))
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
            report,
        } = ended;
        self.app.store.finish_statement(attempt, &outcome, now).await?;
        let statements = self.app.store.statements(load.id).await?;
        let plan = LoadPlan::of(&load)?;
        let steps: Vec<_> = all_steps(&plan, &statements)
            .into_iter()
            .map(without_values)
            .collect();
        let duration = match steps.is_empty() {
            true => outcome.duration,
            false => Some(
                steps
                    .iter()
                    .filter_map(|step| step.duration_ms)
                    .map(Duration::from_millis)
                    .sum(),
            ),
        };
        let fault = report.and_then(|report| report.fault);
        let error = error.map(|error| fault.map_or(error.clone(), |fault| fault.without_values(&error)));
        let error = error.map(|error| match steps.len() {
            0 => error,
            count => format!("step {} of {count}: {error}", place_of(&statements, attempt)),
        });
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
            steps,
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

/// What is to be sent next: the first step, the one whose try is on record and not sent, or failed and is due again, or the one after the
/// newest that is done. None while a try is under way, when its end is to be judged, and after the last.
fn next_part<'a>(load: &Load, plan: &'a LoadPlan, newest: Option<&Statement>) -> Option<FollowUpPart<'a>> {
    let Some(newest) = newest else {
        return plan.follow_up_at(1);
    };
    let place = newest.chain_step.unwrap_or(1);
    if newest.state == StatementState::Finished {
        return plan.follow_up_at(place + 1);
    }
    let is_counted = load.retry.failed_attempt >= newest.attempt;
    let is_under_way = newest.statement_id.is_some() || newest.finished_at.is_some();
    match is_under_way && !is_counted {
        true => None,
        false => plan.follow_up_at(place),
    }
}

/// Whether a try ended before the warehouse had it, and whoever put that on record died before the load's end was: no event of it will
/// come.
fn has_ended_unsent(load: &Load, newest: &Statement) -> bool {
    let is_counted = load.retry.failed_attempt >= newest.attempt;
    newest.state == StatementState::Failed && newest.statement_id.is_none() && !is_counted
}

/// The place of an attempt in its follow-up, from 1.
fn place_of(statements: &[Statement], attempt: &Attempt) -> u32 {
    let found = find(statements, attempt);
    found.and_then(|statement| statement.chain_step).unwrap_or(1)
}

fn is_finished(statements: &[Statement], attempt: &Attempt) -> bool {
    find(statements, attempt).is_some_and(|statement| statement.state == StatementState::Finished)
}

fn find<'a>(statements: &'a [Statement], attempt: &Attempt) -> Option<&'a Statement> {
    statements
        .iter()
        .find(|statement| statement.as_attempt() == *attempt)
}

/// Whether the service may no longer know a statement: it keeps it for a day. Until then, one that it does not show is another's.
fn is_forgotten(statements: &[Statement], attempt: &Attempt, now: DateTime<Utc>) -> bool {
    let since =
        find(statements, attempt).map(|statement| statement.submitted_at.unwrap_or(statement.recorded_at));
    since.is_none_or(|since| now - since > REMEMBERED)
}

/// How many tries there were at the step of this attempt, itself included, from the attempt `since` on.
fn tries_at_step(statements: &[Statement], attempt: &Attempt, since: u32) -> u32 {
    let place = place_of(statements, attempt);
    let tries = statements.iter().filter(|statement| {
        statement.kind == StatementKind::FollowUp
            && statement.chain_step.unwrap_or(1) == place
            && (since..=attempt.number).contains(&statement.attempt)
    });
    u32::try_from(tries.count()).unwrap_or(u32::MAX)
}

/// Every step of a follow-up that is a chain, those that were not come to among them; none where it is a single statement.
fn all_steps(plan: &LoadPlan, statements: &[Statement]) -> Vec<FollowUpStep> {
    let run = follow_up_steps(statements);
    let places = (1..).zip(&plan.follow_up_steps).map(|(place, _)| place);
    places
        .map(|place| {
            let known = run.iter().find(|step| step.step == place);
            known.cloned().unwrap_or_else(|| FollowUpStep::not_run(place))
        })
        .collect()
}

/// A step as the audit may have it: of what sort its failure was is not kept.
fn without_values(step: FollowUpStep) -> FollowUpStep {
    let error = step
        .error
        .map(|error| WarehouseFault::Unknown.without_values(&error));
    FollowUpStep { error, ..step }
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
