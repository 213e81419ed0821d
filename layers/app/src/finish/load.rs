//! Settling a load transaction.

use longshore_domain::archive::ArchiveShelf;
use longshore_domain::fault::WarehouseFault;
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::notification::Outcome;
use longshore_domain::object::ObjectKey;
use longshore_domain::statement::{Attempt, LoadStep, StatementKind};
use longshore_store::{
    AuditStatus, Conclusion, Load, LoadFailure, LoadedFacts, OutboxNotice, Statement, StatementOutcome,
    StatementState,
};
use tracing::{info, warn};

use super::cancel::{CANCELLED, cancelled_by_hand};
use super::failure::{explained, failure_code};
use super::outcome::{self, LoadOutcome};
use super::{FinishStatement, rows};
use crate::archive::PutAway;
use crate::plan::LoadPlan;
use crate::ports::{StatementReport, WarehouseError};
use crate::retry::{self, Afterwards, FailedStatement, Sent};
use crate::{AppError, archive, audit, maintain, notify, submit};

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
        let end = StatementOutcome {
            statement_id: Some(statement_id.to_owned()),
            state: StatementState::Failed,
            error: Some("the Data API no longer knows the statement, and its marker is not there".to_owned()),
            failed_step: None,
            result_rows: None,
            query_id: None,
            duration: None,
        };
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
        let now = self.app.clock.now();
        let end = StatementOutcome {
            statement_id: Some(statement_id.to_owned()),
            state: statement_state(&outcome),
            error: report.error.clone(),
            failed_step: match &outcome {
                LoadOutcome::Failed { step, .. } => *step,
                LoadOutcome::GuardFailed { .. } => Some(LoadStep::Guard),
                LoadOutcome::Committed { .. } | LoadOutcome::Aborted { .. } => None,
            },
            result_rows: report.rows,
            query_id: outcome.copy_query_id(),
            duration: Some(report.duration),
        };
        if !fault_of(&outcome).is_some_and(WarehouseFault::is_of_the_warehouse) {
            retry::ran(self.app, &load, &plan.warehouse, attempt).await?;
        }
        self.app.store.finish_statement(attempt, &end, now).await?;
        match outcome {
            LoadOutcome::Committed { rows_loaded, .. } => {
                // Before its end is on record: whoever tells it again leaves nothing twice.
                maintain::queue(self.app, &load, &plan, report).await?;
                self.committed(load, &plan, statement_id, rows_loaded).await
            }
            LoadOutcome::GuardFailed { error, fault } => match self.rows_by_marker(&load, &plan).await? {
                Some(rows_loaded) => {
                    warn!(
                        "the warehouse had {} already; nothing was loaded twice",
                        load.object.key
                    );
                    self.committed(load, &plan, statement_id, rows_loaded).await
                }
                None => {
                    if !plan.sections.is_empty()
                        && let Some(error) = self.parts_loaded_before(&plan).await?
                    {
                        return self.failed(load, "partly_loaded", error).await;
                    }
                    if load.is_batch()
                        && plan.sections.is_empty()
                        && let Some(load) = self.part_company(&load, &plan, &error).await?
                    {
                        return Ok(load);
                    }
                    let failed = FailedStatement {
                        attempt,
                        step: Some(LoadStep::Guard),
                        fault,
                        error: &error,
                    };
                    self.failed_or_again(load, &plan, &failed).await
                }
            },
            LoadOutcome::Failed {
                step, error, fault, ..
            } => {
                let error = explained(step, fault, error, &load, &plan);
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
                self.failed(self.reload(id).await?, failure_code(failed.step), error)
                    .await
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

    /// Archives, writes the audit row and the message, and starts the follow-up.
    async fn conclude_loaded(&self, load: Load, attempt: &Attempt) -> Result<Load, AppError> {
        let plan = LoadPlan::of(&load)?;
        let load = match load.concluded_at {
            Some(_) => load,
            None => self.conclude_success(load, &plan, attempt).await?,
        };
        match plan.follow_up.as_ref() {
            Some(_) => self.start_follow_up(load, &plan).await,
            None => Ok(load),
        }
    }

    async fn conclude_success(
        &self,
        load: Load,
        plan: &LoadPlan,
        attempt: &Attempt,
    ) -> Result<Load, AppError> {
        let statement = self.app.store.statement(attempt).await?;
        if plan.max_errors != Some(0) {
            self.collect_row_errors(&load, plan, statement.as_ref()).await;
        }
        if load.is_batch() {
            self.conclude_carried_loaded(&load, plan, statement.as_ref())
                .await?;
            return self.conclude_loaded_batch(load, plan).await;
        }
        let end = LoadedFile {
            remarks: rows::remark(&load, &plan.mode).into_iter().collect(),
            next: after_loading(plan),
            is_told: true,
        };
        self.conclude_loaded_file(load, statement.as_ref(), end).await
    }

    /// A batch has no file, and its files have audit rows of their own; people are told once, of the batch.
    async fn conclude_loaded_batch(&self, load: Load, plan: &LoadPlan) -> Result<Load, AppError> {
        let remarks: Vec<_> = rows::remark(&load, &plan.mode).into_iter().collect();
        archive::clear_work(self.app, &load).await?;
        let load = Load {
            remarks: [load.remarks, remarks.clone()].concat(),
            ..load
        };
        let conclusion = Conclusion {
            remarks,
            notices: vec![notify::notice(self.app, &load, Outcome::Loaded).await?],
            next: after_loading(plan),
            ..Conclusion::default()
        };
        self.conclude(load, &conclusion).await
    }

    /// Puts a file away whose rows are in the warehouse.
    pub(super) async fn conclude_loaded_file(
        &self,
        load: Load,
        statement: Option<&Statement>,
        end: LoadedFile,
    ) -> Result<Load, AppError> {
        let (archived_key, found) = self.put_away_loaded(&load).await?;
        archive::clear_work(self.app, &load).await?;
        let remarks = [end.remarks, found].concat();
        let load = Load {
            archived_key,
            remarks: [load.remarks, remarks.clone()].concat(),
            ..load
        };
        let notices = self.notices_if(end.is_told, &load, Outcome::Loaded).await?;
        let conclusion = Conclusion {
            audit: audit::row(self.app, &load, AuditStatus::Finished, statement).await?,
            notices,
            archived_key: load.archived_key.clone(),
            error: None,
            remarks,
            next: end.next,
        };
        self.conclude(load, &conclusion).await
    }

    /// Archives the file of a load whose rows are in the warehouse. A part has no file of its own: the whole one was
    /// archived when it was cut, and that of a delivery is put away with the last one.
    async fn put_away_loaded(&self, load: &Load) -> Result<(Option<ObjectKey>, Vec<String>), AppError> {
        if load.parent.is_some() {
            return Ok((None, vec![]));
        }
        let shelf = match &load.interface {
            Some(interface) => ArchiveShelf::Interface(&interface.id),
            None => ArchiveShelf::Error,
        };
        let put_away = archive::put_away(self.app, load, shelf, self.invocation.deadline).await?;
        let was_replaced = put_away == PutAway::Gone && !load.prepared;
        let remarks = was_replaced.then(|| archive::REPLACED.to_owned());
        Ok((put_away.key(), remarks.into_iter().collect()))
    }

    pub(super) async fn conclude_failed(&self, load: Load, attempt: &Attempt) -> Result<Load, AppError> {
        // Whoever else worked on it may have come further.
        if load.concluded_at.is_some() || load.state != LoadState::Failed {
            return Ok(load);
        }
        let plan = LoadPlan::of(&load)?;
        let statement = self.app.store.statement(attempt).await?;
        let row_error = match statement.as_ref().and_then(|statement| statement.failed_step) {
            Some(LoadStep::Copy) => self.collect_row_errors(&load, &plan, statement.as_ref()).await,
            _ => None,
        };
        let error = match (row_error, load.error) {
            // Whose file it was is said there.
            (Some(row), Some(error)) if !plan.sections.is_empty() => Some(format!("{error}: {row}")),
            (row, error) => row.or(error),
        };
        let load = Load { error, ..load };
        if load.is_batch() {
            self.conclude_carried_failed(&load, statement.as_ref()).await?;
            return self.conclude_failed_batch(load).await;
        }
        self.conclude_failed_file(load, statement.as_ref(), true).await
    }

    async fn conclude_failed_batch(&self, load: Load) -> Result<Load, AppError> {
        archive::clear_work(self.app, &load).await?;
        // One file alone was told of by its own name.
        let is_told = load.batch_files != Some(1);
        let conclusion = Conclusion {
            notices: self.notices_if(is_told, &load, Outcome::Failed).await?,
            error: load.error.clone(),
            ..Conclusion::default()
        };
        self.conclude(load, &conclusion).await
    }

    pub(super) async fn conclude_failed_file(
        &self,
        load: Load,
        statement: Option<&Statement>,
        is_told: bool,
    ) -> Result<Load, AppError> {
        let archived_key = archive::put_away(self.app, &load, ArchiveShelf::Error, self.invocation.deadline)
            .await?
            .key();
        archive::clear_work(self.app, &load).await?;
        let load = Load { archived_key, ..load };
        let status = match statement.map(|statement| statement.state) {
            Some(StatementState::Aborted) => AuditStatus::Aborted,
            _ => AuditStatus::Failed,
        };
        let notices = self.notices_if(is_told, &load, Outcome::Failed).await?;
        let conclusion = Conclusion {
            audit: audit::row(self.app, &load, status, statement).await?,
            notices,
            archived_key: load.archived_key.clone(),
            error: load.error.clone(),
            remarks: vec![],
            next: None,
        };
        self.conclude(load, &conclusion).await
    }

    async fn notices_if(
        &self,
        is_told: bool,
        load: &Load,
        outcome: Outcome,
    ) -> Result<Vec<OutboxNotice>, AppError> {
        match is_told {
            true => Ok(vec![notify::notice(self.app, load, outcome).await?]),
            false => Ok(vec![]),
        }
    }

    async fn conclude(&self, load: Load, conclusion: &Conclusion) -> Result<Load, AppError> {
        let moved = self
            .app
            .store
            .conclude(load.id, conclusion, self.app.clock.now(), self.actor())
            .await?;
        Ok(moved.into_load())
    }
}

/// How a file ends whose rows are in the warehouse.
pub(super) struct LoadedFile {
    /// What a person should know.
    pub(super) remarks: Vec<String>,
    /// `Complete`, unless a follow-up is still to run for it.
    pub(super) next: Option<LoadState>,
    /// Whether there is a message about it by itself.
    pub(super) is_told: bool,
}

/// What a load whose rows are in the warehouse is next; `None` while its follow-up is to run.
pub(super) fn after_loading(plan: &LoadPlan) -> Option<LoadState> {
    plan.follow_up.is_none().then_some(LoadState::Complete)
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
