//! Settling the loads that a batch carries: its outcome is theirs, unless it can be divided.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use longshore_copy::marker;
use longshore_domain::fault::WarehouseFault;
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::rule::{LoadMode, OnBadFile};
use longshore_domain::statement::LoadStep;
use longshore_domain::target::TableName;
use longshore_store::{BufferId, Load, LoadFailure, LoadedFacts, Return, Statement};
use tracing::{Instrument, info, warn};

use super::FinishStatement;
use super::conclude::{LoadedFile, after_loading};
use crate::error::with_causes;
use crate::plan::LoadPlan;
use crate::retry::FailedStatement;
use crate::{AppError, archive, notify, trace};

/// Files of a batch that are put away at the same time.
pub(super) const FILES_AT_ONCE: usize = 8;
/// How long a look at the markers may take.
const LOOK_PATIENCE: Duration = Duration::from_secs(60);

impl FinishStatement<'_> {
    /// Makes the next batches of a buffer when one of its batches is done: those that waited for it, and those that it was
    /// divided into. When this fails the reconciler does it.
    pub(super) async fn go_on_with(&self, buffer: BufferId) {
        if let Err(error) = Box::pin(self.process().flush(buffer, self.invocation.deadline)).await {
            warn!(
                "could not hand over what is due of buffer {buffer}: {}",
                with_causes(&error)
            );
        }
    }

    /// Puts away and audits every file of a batch whose rows are in the warehouse.
    pub(super) async fn conclude_carried_loaded(
        &self,
        batch: &Load,
        plan: &LoadPlan,
        statement: Option<&Statement>,
    ) -> Result<(), AppError> {
        self.carried_loaded(batch, plan, None).await?;
        let beside = self.beside_carried(batch, plan).await?;
        let beside = &beside;
        self.conclude_carried(batch, |load| async move {
            let remark = self.remark_beside(&load, plan, beside.get(&load.id))?;
            let end = LoadedFile {
                remarks: remark.into_iter().collect(),
                next: after_loading(plan),
                is_told: false,
            };
            self.conclude_loaded_file(load, statement, end).await
        })
        .await
    }

    /// Puts away and audits every file of a batch that failed. One file alone is told of by its own name.
    pub(super) async fn conclude_carried_failed(
        &self,
        batch: &Load,
        statement: Option<&Statement>,
    ) -> Result<(), AppError> {
        let failure = LoadFailure {
            code: batch.error_code.clone().unwrap_or_default(),
            error: batch.error.clone().unwrap_or_default(),
            rows_rejected: None,
        };
        let now = self.app.clock.now();
        self.app
            .store
            .mark_carried_failed(batch.id, None, &failure, now, self.actor())
            .await?;
        self.conclude_carried(batch, |load| {
            self.conclude_failed_file(load, statement, batch.batch_files == Some(1))
        })
        .await
    }

    /// What is done with each file of a batch that it was not done with yet.
    pub(super) async fn conclude_carried<F>(
        &self,
        batch: &Load,
        conclude: impl Fn(Load) -> F,
    ) -> Result<(), AppError>
    where
        F: Future<Output = Result<Load, AppError>>,
    {
        let carried = self.app.store.carried(batch.id).await?;
        let conclude = &conclude;
        stream::iter(carried)
            .map(|id| async move {
                let load = self.reload(id).await?;
                let is_settled = matches!(load.state, LoadState::Loaded | LoadState::Failed);
                if is_settled && load.concluded_at.is_none() {
                    let span = trace::span_of(&load, self.actor());
                    conclude(load).instrument(span).await?;
                }
                Ok(())
            })
            .buffer_unordered(FILES_AT_ONCE)
            .try_collect()
            .await
    }

    async fn carried_loaded(
        &self,
        batch: &Load,
        plan: &LoadPlan,
        only: Option<&[LoadId]>,
    ) -> Result<(), AppError> {
        let facts = LoadedFacts {
            statement_id: batch.statement_id.clone().unwrap_or_default(),
            rows_loaded: None,
            rows_rejected: None,
        };
        // A merge moves fewer rows than it reads, and does not say of which file.
        let counts_hold = plan.max_errors == Some(0) && !matches!(plan.mode, LoadMode::Merge(_));
        let now = self.app.clock.now();
        self.app
            .store
            .mark_carried_loaded(batch.id, only, &facts, counts_hold, now, self.actor())
            .await?;
        Ok(())
    }

    /// Gives the files of a batch back to where they waited, to be loaded in smaller company, if that can help. `None` when it
    /// cannot: then the batch is tried again or fails like any load.
    pub(super) async fn divide(
        &self,
        batch: &Load,
        plan: &LoadPlan,
        failed: &FailedStatement<'_>,
    ) -> Result<Option<Load>, AppError> {
        let files = batch.batch_files.unwrap_or(1);
        if files < 2 || plan.on_bad_file == OnBadFile::FailAll || !reads_files(failed.step) {
            return Ok(None);
        }
        let back = match failed.fault {
            WarehouseFault::Data | WarehouseFault::Unknown => Return {
                failure: divided(files, failed.error),
                share: files.div_ceil(2),
            },
            WarehouseFault::Transient
            | WarehouseFault::Busy
            | WarehouseFault::Down
            | WarehouseFault::Full
            | WarehouseFault::Configuration => return Ok(None),
        };
        self.give_back(batch, &back).await.map(Some)
    }

    /// A guard that failed found a marker: of the batch, or of one of its files, which another batch or an earlier life of the
    /// ledger loaded. Those are loaded; the others wait again. `None` when no file has a marker.
    pub(super) async fn part_company(
        &self,
        batch: &Load,
        plan: &LoadPlan,
        error: &str,
    ) -> Result<Option<Load>, AppError> {
        let carried = self.app.store.carried(batch.id).await?;
        let loaded = self.with_marker(plan, &plan.table, &carried).await?;
        if loaded.is_empty() {
            return Ok(None);
        }
        warn!(
            "the warehouse had {} files of batch {} already; nothing was loaded twice",
            loaded.len(),
            batch.id
        );
        self.carried_loaded(batch, plan, Some(&loaded)).await?;
        self.conclude_carried(batch, |load| {
            // A follow-up takes what it finds: that of the others' batch finds these rows too.
            let end = LoadedFile {
                remarks: vec!["the warehouse had it already".to_owned()],
                next: Some(LoadState::Complete),
                // The batch ends in silence, and the one that carries the others does not tell of these.
                is_told: true,
            };
            self.conclude_loaded_file(load, None, end)
        })
        .await?;
        for load in &loaded {
            notify::send_pending(self.app, *load, self.actor()).await?;
        }
        let files = batch.batch_files.unwrap_or(1);
        let back = Return {
            failure: LoadFailure {
                code: "partly_loaded".to_owned(),
                error: format!(
                    "{} of its {files} files were in the warehouse already; the others wait for another batch ({error})",
                    loaded.len()
                ),
                rows_rejected: None,
            },
            share: files,
        };
        self.give_back(batch, &back).await.map(Some)
    }

    pub(super) async fn give_back(&self, batch: &Load, back: &Return) -> Result<Load, AppError> {
        info!(
            code = back.failure.code,
            "gave the files of batch {} back: {}", batch.id, back.failure.error
        );
        // Before the batch is done with: afterwards nobody would look after what it left.
        archive::clear_work(self.app, batch).await?;
        let now = self.app.clock.now();
        let moved = self
            .app
            .store
            .return_carried(batch, back, now, self.actor())
            .await?;
        Ok(moved.into_load())
    }

    /// Sends what there is to tell of the file of a batch of one.
    pub(super) async fn tell_of_carried(&self, batch: &Load) -> Result<(), AppError> {
        if batch.batch_files != Some(1) {
            return Ok(());
        }
        for load in self.app.store.carried(batch.id).await? {
            notify::send_pending(self.app, load, self.actor()).await?;
        }
        Ok(())
    }

    /// Of a set whose own marker is not there, which of its files the warehouse has all the same: none may be loaded without the
    /// others, and these must not be loaded twice.
    pub(super) async fn parts_loaded_before(&self, plan: &LoadPlan) -> Result<Option<String>, AppError> {
        let mut found = Vec::new();
        for section in &plan.sections {
            for id in self.with_marker(plan, &section.table, &section.loads).await? {
                let key = self.reload(id).await?.object.key;
                found.push(format!("{key} (rule {}, load {id})", section.rule));
            }
        }
        Ok((!found.is_empty()).then(|| {
            format!(
                "the warehouse has files of the set already: {}; nothing of it was loaded. Send the others without them, or \
                 undo what these brought and replay the set",
                found.join(", ")
            )
        }))
    }

    async fn with_marker(
        &self,
        plan: &LoadPlan,
        table: &TableName,
        loads: &[LoadId],
    ) -> Result<Vec<LoadId>, AppError> {
        let sql = marker::present_query(table, loads).map_err(|error| AppError::Engine(error.into()))?;
        let rows = self
            .app
            .warehouse
            .run(&plan.warehouse, &sql, LOOK_PATIENCE)
            .await?;
        Ok(rows
            .iter()
            .filter_map(|row| LoadId::parse(row.first()?.as_deref()?.trim()))
            .collect())
    }
}

/// Whether what fails at a step may be the fault of a file. Where it is not told, it may.
fn reads_files(step: Option<LoadStep>) -> bool {
    match step {
        Some(
            LoadStep::Lock
            | LoadStep::Guard
            | LoadStep::Stage
            | LoadStep::PreSql
            | LoadStep::Marker
            | LoadStep::FollowUp,
        ) => false,
        Some(
            LoadStep::Copy
            | LoadStep::Count
            | LoadStep::KeysPresent
            | LoadStep::KeysUnique
            | LoadStep::Period
            | LoadStep::Newest
            | LoadStep::Outdated
            | LoadStep::Replace
            | LoadStep::Insert
            | LoadStep::PostSql,
        )
        | None => true,
    }
}

fn divided(files: u32, error: &str) -> LoadFailure {
    LoadFailure {
        code: "divided".to_owned(),
        error: format!("its {files} files go into smaller batches, so that the bad one fails alone: {error}"),
        rows_rejected: None,
    }
}
