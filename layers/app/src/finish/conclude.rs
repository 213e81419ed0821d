//! What hangs on the end of a load transaction: files put away, audit rows, messages, and the follow-up's start.

use longshore_domain::archive::ArchiveShelf;
use longshore_domain::load::LoadState;
use longshore_domain::notification::Outcome;
use longshore_domain::object::ObjectKey;
use longshore_domain::statement::{Attempt, LoadStep};
use longshore_store::{AuditStatus, Conclusion, Load, OutboxNotice, Statement, StatementState};

use super::{FinishStatement, rows};
use crate::archive::PutAway;
use crate::plan::LoadPlan;
use crate::{AppError, archive, audit, notify};

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

impl FinishStatement<'_> {
    /// Archives, writes the audit row and the message, and starts the follow-up.
    pub(super) async fn conclude_loaded(&self, load: Load, attempt: &Attempt) -> Result<Load, AppError> {
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
        let (statement, beside) = self.app.store.statement_and_beside(attempt).await?;
        if plan.max_errors != Some(0) {
            self.collect_row_errors(&load, plan, statement.as_ref()).await;
        }
        if load.is_batch() {
            self.conclude_carried_loaded(&load, plan, statement.as_ref())
                .await?;
            return self.conclude_loaded_batch(load, plan).await;
        }
        let beside = self.remark_beside(&load, plan, beside.as_ref())?;
        let end = LoadedFile {
            remarks: rows::remark(&load, &plan.mode)
                .into_iter()
                .chain(beside)
                .collect(),
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
