//! Settling a load transaction.

use std::time::Duration;

use longshore_copy::marker;
use longshore_domain::archive::ArchiveShelf;
use longshore_domain::load::LoadState;
use longshore_domain::notification::Outcome;
use longshore_domain::statement::{Attempt, LoadStep};
use longshore_store::{
    AuditStatus, Conclusion, Load, LoadFailure, LoadedFacts, StatementOutcome, StatementState,
};
use tracing::{info, warn};

use super::FinishStatement;
use super::outcome::{self, LoadOutcome};
use crate::plan::LoadPlan;
use crate::ports::{StatementReport, StatementRun};
use crate::{AppError, archive, audit, notify, submit};

/// How long a look at the marker may take.
const LOOK_PATIENCE: Duration = Duration::from_secs(60);

impl FinishStatement<'_> {
    /// From the transaction's end to everything that hangs on it. Each step is skipped when an earlier try took it.
    pub(super) async fn settle_load(
        &self,
        load: Load,
        attempt: &Attempt,
        statement_id: &str,
        report: &StatementReport,
    ) -> Result<Load, AppError> {
        let load = match load.state {
            LoadState::Queued | LoadState::Submitted => {
                self.decide(load, attempt, statement_id, report).await?
            }
            _ => load,
        };
        match load.state {
            LoadState::Loaded => self.conclude_loaded(load, report).await,
            LoadState::Failed => self.conclude_failed(load, statement_id, report).await,
            _ => Ok(load),
        }
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
                LoadOutcome::AlreadyThere => Some(LoadStep::Guard),
                LoadOutcome::Committed { .. } | LoadOutcome::Aborted { .. } => None,
            },
            result_rows: report.rows,
            query_id: report.query_id,
            duration: Some(report.duration),
        };
        self.app.store.finish_statement(attempt, &end, now).await?;
        match outcome {
            LoadOutcome::Committed {
                rows_loaded,
                copy_query_id,
            } => {
                self.committed(load, &plan, statement_id, rows_loaded, copy_query_id)
                    .await
            }
            LoadOutcome::AlreadyThere => {
                warn!(
                    "the warehouse had {} already; nothing was loaded twice",
                    load.object.key
                );
                let rows = self.rows_by_marker(&load, &plan).await?;
                self.committed(load, &plan, statement_id, rows, None).await
            }
            LoadOutcome::Failed {
                step,
                error,
                copy_query_id,
            } => {
                let error = match copy_query_id {
                    Some(query_id) => self
                        .collect_row_errors(&load, &plan, query_id)
                        .await?
                        .unwrap_or(error),
                    None => error,
                };
                info!(
                    step = step.map(LoadStep::as_str),
                    "failed to load {}", load.object.key
                );
                let error = explained(step, &error, &load);
                self.failed(load, failure_code(step), error).await
            }
            LoadOutcome::Aborted { error } => {
                info!("the load of {} was cancelled", load.object.key);
                self.failed(load, "aborted", error).await
            }
        }
    }

    async fn failed(&self, load: Load, code: &str, error: String) -> Result<Load, AppError> {
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
        copy_query_id: Option<i64>,
    ) -> Result<Load, AppError> {
        if let (1.., Some(query_id)) = (plan.max_errors, copy_query_id) {
            self.collect_row_errors(&load, plan, query_id).await?;
        }
        let rows_rejected = match (load.rows_expected, rows_loaded) {
            (Some(expected), Some(loaded)) => Some(expected.saturating_sub(loaded)),
            _ => None,
        };
        let facts = LoadedFacts {
            statement_id: statement_id.to_owned(),
            rows_loaded,
            rows_rejected,
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

    async fn rows_by_marker(&self, load: &Load, plan: &LoadPlan) -> Result<Option<u64>, AppError> {
        let sql =
            marker::row_count_query(&plan.table, load.id).map_err(|error| AppError::Engine(error.into()))?;
        let rows = self
            .app
            .warehouse
            .run(&plan.warehouse, &sql, LOOK_PATIENCE)
            .await?;
        Ok(rows.first().and_then(|row| row.first()?.as_deref()?.parse().ok()))
    }

    /// Archives, writes the audit row and the message, and starts the follow-up.
    async fn conclude_loaded(&self, load: Load, report: &StatementReport) -> Result<Load, AppError> {
        let plan = LoadPlan::of(&load)?;
        let load = match load.concluded_at {
            Some(_) => load,
            None => self.conclude_success(load, &plan, report).await?,
        };
        let Some(sql) = plan.follow_up.filter(|_| load.state == LoadState::Loaded) else {
            return Ok(load);
        };
        submit::submit_follow_up(self.app, &load, sql, self.actor()).await?;
        Ok(Load {
            state: LoadState::Transforming,
            ..load
        })
    }

    async fn conclude_success(
        &self,
        load: Load,
        plan: &LoadPlan,
        report: &StatementReport,
    ) -> Result<Load, AppError> {
        let archived_key = match &load.record_type {
            // The whole file is archived already; the part was only ever a copy.
            Some(_) => None,
            None => {
                let shelf = match &load.interface {
                    Some(interface) => ArchiveShelf::Interface(&interface.id),
                    None => ArchiveShelf::Error,
                };
                archive::put_away(self.app, &load, shelf).await?
            }
        };
        archive::clear_work(self.app, &load).await?;
        let load = Load { archived_key, ..load };
        let conclusion = Conclusion {
            audit: audit::row(self.app, &load, AuditStatus::Finished, Some(report.duration)).await?,
            notices: vec![notify::notice(self.app, &load, Outcome::Loaded)],
            next: plan.follow_up.is_none().then_some(LoadState::Complete),
        };
        self.conclude(load, &conclusion).await
    }

    async fn conclude_failed(
        &self,
        load: Load,
        statement_id: &str,
        report: &StatementReport,
    ) -> Result<Load, AppError> {
        if load.concluded_at.is_some() {
            return Ok(load);
        }
        let archived_key = archive::put_away(self.app, &load, ArchiveShelf::Error).await?;
        archive::clear_work(self.app, &load).await?;
        let load = Load {
            archived_key,
            statement_id: Some(statement_id.to_owned()),
            ..load
        };
        let status = match report.run {
            StatementRun::Aborted => AuditStatus::Aborted,
            StatementRun::Failed | StatementRun::Finished | StatementRun::Running => AuditStatus::Failed,
        };
        let conclusion = Conclusion {
            audit: audit::row(self.app, &load, status, Some(report.duration)).await?,
            notices: vec![notify::notice(self.app, &load, Outcome::Failed)],
            next: None,
        };
        self.conclude(load, &conclusion).await
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

fn statement_state(outcome: &LoadOutcome) -> StatementState {
    match outcome {
        LoadOutcome::Committed { .. } => StatementState::Finished,
        LoadOutcome::AlreadyThere | LoadOutcome::Failed { .. } => StatementState::Failed,
        LoadOutcome::Aborted { .. } => StatementState::Aborted,
    }
}

/// The stable word for a failure: the step that it happened in.
fn failure_code(step: Option<LoadStep>) -> &'static str {
    match step {
        Some(LoadStep::Lock) => "marker_lock_failed",
        Some(LoadStep::Guard) => "already_loaded",
        Some(LoadStep::Stage) => "stage_failed",
        Some(LoadStep::Copy) => "copy_failed",
        Some(LoadStep::Count) => "row_count_differs",
        Some(LoadStep::Insert) => "insert_failed",
        Some(LoadStep::Marker) => "marker_failed",
        Some(LoadStep::FollowUp) => "follow_up_failed",
        None => "statement_failed",
    }
}

/// The count check can only divide by zero; say what that means.
fn explained(step: Option<LoadStep>, error: &str, load: &Load) -> String {
    match (step, load.rows_expected) {
        (Some(LoadStep::Count), Some(expected)) => format!(
            "the warehouse did not read as many rows from the file as were counted in it ({expected}); \
             nothing was loaded. Check delimiter, quoting and escape_char of the rule"
        ),
        _ => error.to_owned(),
    }
}
