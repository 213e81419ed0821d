//! Settling a load transaction.

use longshore_domain::fault::WarehouseFault;
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::statement::{Attempt, LoadStep, StatementKind};
use longshore_store::{Load, LoadFailure, LoadedFacts, StatementOutcome, StatementState};
use tracing::{info, warn};

use super::cancel::{CANCELLED, cancelled_by_hand};
use super::failure::{explained, failure_code};
use super::outcome::{self, LoadOutcome};
use super::{FinishStatement, rows};
use crate::plan::LoadPlan;
use crate::ports::{StatementReport, WarehouseError};
use crate::retry::{self, Afterwards, FailedStatement, Sent};
use crate::{AppError, maintain, submit};

/// The stable word for it, the same as where it is found before.
const TARGET_MISSING: &str = "target_missing";

impl FinishStatement<'_> {
    /// From the transaction's end to everything that hangs on it. Each step is skipped when an earlier try took it.
    pub(super) async fn settle_load(
        &self,
        load: Load,
        attempt: &Attempt,
        statement_id: &str,
    ) -> Result<Load, AppError> {
        let load = match load.state {
            LoadState::Queued | LoadState::Submitted => {
                self.learn_outcome(load, attempt, statement_id).await?
            }
            _ => load,
        };
        match load.state {
            LoadState::Loaded | LoadState::Transforming => self.conclude_loaded(load, attempt).await,
            LoadState::Failed => self.conclude_failed(load, attempt).await,
            _ => Ok(load),
        }
    }

    async fn learn_outcome(
        &self,
        load: Load,
        attempt: &Attempt,
        statement_id: &str,
    ) -> Result<Load, AppError> {
        let statements = self.app.store.statements(load.id).await?;
        // The late event of an earlier try says nothing about the one that is under way.
        if submit::newest(&statements, StatementKind::Load)
            .is_some_and(|newest| newest.attempt > attempt.number)
        {
            return Ok(load);
        }
        // Its failure was counted, and the load waits for the next attempt: the event is a repetition.
        if load.retry.failed_attempt >= attempt.number {
            return Ok(load);
        }
        match self.ended(statement_id).await {
            Ok(report) => self.decide(load, attempt, statement_id, &report).await,
            Err(AppError::Warehouse(WarehouseError::UnknownStatement { .. })) => {
                self.decide_by_marker(load, attempt, statement_id).await
            }
            Err(error) => Err(error),
        }
    }

    /// The service forgets statements after a day. The marker does not: it is there exactly if the transaction committed, and
    /// without it the transaction may run again.
    async fn decide_by_marker(
        &self,
        load: Load,
        attempt: &Attempt,
        statement_id: &str,
    ) -> Result<Load, AppError> {
        let plan = LoadPlan::of(&load)?;
        if let Some(rows_loaded) = self.rows_by_marker(&load, &plan).await? {
            return self.committed(load, &plan, statement_id, rows_loaded).await;
        }
        warn!(
            "the Data API forgot statement {statement_id}, which loaded nothing; submitting {} again",
            load.object.key
        );
        let end = StatementOutcome::of_the_unknown(
            Some(statement_id),
            "the Data API no longer knows the statement, and its marker is not there",
        );
        self.app
            .store
            .finish_statement(attempt, &end, self.app.clock.now())
            .await?;
        let id = load.id;
        if let Some(sentence) = cancelled_by_hand(self.app, id).await? {
            return self.failed(load, CANCELLED, sentence).await;
        }
        match submit::submit_load(self.app, load, self.actor()).await? {
            Sent::Submitted | Sent::Waits { .. } => self.reload(id).await,
            Sent::Refused { error } => {
                self.failed(self.reload(id).await?, "submission_refused", error)
                    .await
            }
        }
    }

    pub(super) async fn reload(&self, load: LoadId) -> Result<Load, AppError> {
        let found = self.app.store.load(load).await?;
        found.ok_or_else(|| AppError::Inconsistent {
            load,
            what: "it was there a moment ago and is gone".to_owned(),
        })
    }

    async fn decide(
        &self,
        load: Load,
        attempt: &Attempt,
        statement_id: &str,
        report: &StatementReport,
    ) -> Result<Load, AppError> {
        let plan = LoadPlan::of(&load)?;
        let outcome = outcome::of(report, &plan);
        if !fault_of(&outcome).is_some_and(WarehouseFault::is_of_the_warehouse) {
            retry::ran(self.app, &load, &plan.warehouse, Some(attempt)).await?;
        }
        let end = statement_end(statement_id, report, &outcome);
        let now = self.app.clock.now();
        self.app.store.finish_statement(attempt, &end, now).await?;
        match outcome {
            LoadOutcome::Committed { rows_loaded, .. } => {
                // Before its end is on record: whoever tells it again leaves nothing twice.
                maintain::queue(self.app, &load, &plan, report).await?;
                self.committed(load, &plan, statement_id, rows_loaded).await
            }
            LoadOutcome::GuardFailed { error, fault } => {
                let failed = FailedStatement {
                    attempt,
                    step: Some(LoadStep::Guard),
                    fault,
                    error: &error,
                };
                self.kept_out(load, &plan, statement_id, &failed).await
            }
            LoadOutcome::Failed {
                step, error, fault, ..
            } => {
                let error = explained(step, fault, fault.without_values(&error), &load, &plan);
                let failed = FailedStatement {
                    attempt,
                    step,
                    fault,
                    error: &error,
                };
                self.failed_or_again(load, &plan, &failed).await
            }
            LoadOutcome::Aborted { error } => match cancelled_by_hand(self.app, load.id).await? {
                Some(sentence) => self.failed(load, CANCELLED, sentence).await,
                None => self.failed(load, "aborted", error).await,
            },
        }
    }

    /// The guard found a marker, of the load or of one that it carries: what is there already is not loaded again.
    async fn kept_out(
        &self,
        load: Load,
        plan: &LoadPlan,
        statement_id: &str,
        failed: &FailedStatement<'_>,
    ) -> Result<Load, AppError> {
        if let Some(rows_loaded) = self.rows_by_marker(&load, plan).await? {
            warn!(
                "the warehouse had {} already; nothing was loaded twice",
                load.object.key
            );
            return self.committed(load, plan, statement_id, rows_loaded).await;
        }
        let is_set = !plan.sections.is_empty();
        if is_set && let Some(error) = self.parts_loaded_before(plan).await? {
            return self.failed(load, "partly_loaded", error).await;
        }
        if load.is_batch()
            && !is_set
            && let Some(load) = self.part_company(&load, plan, failed.error).await?
        {
            return Ok(load);
        }
        self.failed_or_again(load, plan, failed).await
    }

    async fn failed_or_again(
        &self,
        load: Load,
        plan: &LoadPlan,
        failed: &FailedStatement<'_>,
    ) -> Result<Load, AppError> {
        let id = load.id;
        // However its end reads: what somebody stopped is not begun again.
        if let Some(sentence) = cancelled_by_hand(self.app, id).await? {
            return self.failed(load, CANCELLED, sentence).await;
        }
        if let Some(load) = Box::pin(self.without_the_gone(&load, plan, failed)).await? {
            return Ok(load);
        }
        if let Some(load) = Box::pin(self.with_marker_tables_again(&load, plan, failed)).await? {
            return Ok(load);
        }
        if let Some(load) = self.divide(&load, plan, failed).await? {
            return Ok(load);
        }
        match retry::after_failure(self.app, load, &plan.warehouse, &plan.retry, failed, self.actor()).await?
        {
            Afterwards::Waits(load) => Ok(*load),
            Afterwards::GivenUp(error) => {
                let code = match self.target_is_gone(plan, failed).await? {
                    true => TARGET_MISSING,
                    false => failure_code(failed.step),
                };
                self.failed(self.reload(id).await?, code, error).await
            }
        }
    }

    pub(super) async fn failed(&self, load: Load, code: &str, error: String) -> Result<Load, AppError> {
        info!(code, "failed to load {}", load.object.key);
        let failure = LoadFailure {
            code: code.to_owned(),
            error,
            rows_rejected: None,
        };
        let moved = self
            .app
            .store
            .mark_failed(load.id, &failure, self.app.clock.now(), self.actor())
            .await?;
        Ok(moved.into_load())
    }

    async fn committed(
        &self,
        load: Load,
        plan: &LoadPlan,
        statement_id: &str,
        rows_loaded: Option<u64>,
    ) -> Result<Load, AppError> {
        let facts = LoadedFacts {
            statement_id: statement_id.to_owned(),
            rows_loaded,
            rows_rejected: rows::rejected(load.rows_expected, rows_loaded, plan),
        };
        let moved = self
            .app
            .store
            .mark_loaded(load.id, &facts, self.app.clock.now(), self.actor())
            .await?;
        info!(
            rows = rows_loaded,
            "loaded {} into {}", load.object.key, plan.table
        );
        Ok(moved.into_load())
    }
}

/// What is put on record of a load transaction's end.
fn statement_end(statement_id: &str, report: &StatementReport, outcome: &LoadOutcome) -> StatementOutcome {
    StatementOutcome {
        statement_id: Some(statement_id.to_owned()),
        state: statement_state(outcome),
        error: report.error.clone(),
        failed_step: match outcome {
            LoadOutcome::Failed { step, .. } => *step,
            LoadOutcome::GuardFailed { .. } => Some(LoadStep::Guard),
            LoadOutcome::Committed { .. } | LoadOutcome::Aborted { .. } => None,
        },
        result_rows: report.rows,
        query_id: outcome.copy_query_id(),
        duration: Some(report.duration),
    }
}

fn fault_of(outcome: &LoadOutcome) -> Option<WarehouseFault> {
    match outcome {
        LoadOutcome::GuardFailed { fault, .. } | LoadOutcome::Failed { fault, .. } => Some(*fault),
        LoadOutcome::Committed { .. } | LoadOutcome::Aborted { .. } => None,
    }
}

fn statement_state(outcome: &LoadOutcome) -> StatementState {
    match outcome {
        LoadOutcome::Committed { .. } => StatementState::Finished,
        LoadOutcome::GuardFailed { .. } | LoadOutcome::Failed { .. } => StatementState::Failed,
        LoadOutcome::Aborted { .. } => StatementState::Aborted,
    }
}
