//! Marker tables that are there no more: the ledger remembers that they were made, and the warehouse was restored to a time before.

use std::time::Duration;

use longshore_copy::marker;
use longshore_domain::fault::WarehouseFault;
use longshore_domain::statement::{LoadStep, StatementKind};
use longshore_domain::target::TableName;
use longshore_store::Load;
use tracing::warn;

use super::FinishStatement;
use crate::error::with_causes;
use crate::plan::LoadPlan;
use crate::ports::WarehouseError;
use crate::retry::{self, Again, FailedStatement};
use crate::{AppError, tables};

/// How long a look at the marker may take.
const LOOK_PATIENCE: Duration = Duration::from_secs(60);

impl FinishStatement<'_> {
    /// How many rows the load brought, by its marker; the outer `None` when the marker is not there.
    pub(super) async fn rows_by_marker(
        &self,
        load: &Load,
        plan: &LoadPlan,
    ) -> Result<Option<Option<u64>>, AppError> {
        let sql =
            marker::row_count_query(&plan.table, load.id).map_err(|error| AppError::Engine(error.into()))?;
        let rows = match self.app.warehouse.run(&plan.warehouse, &sql, LOOK_PATIENCE).await {
            Ok(rows) => rows,
            // The warehouse was restored to a time before the table's first load, and what this one brought is gone with its marker.
            Err(error) if error.names_what_is_missing() => vec![],
            Err(error) => return Err(error.into()),
        };
        Ok(rows.first().map(|row| row.first()?.as_deref()?.parse().ok()))
    }

    /// Makes the marker tables of a load again that could not lock them, and lets it go once more, which uses up none of its tries.
    /// `None` when the failure was another, or the load failed like this before.
    pub(super) async fn with_marker_tables_again(
        &self,
        load: &Load,
        plan: &LoadPlan,
        failed: &FailedStatement<'_>,
    ) -> Result<Option<Load>, AppError> {
        // Nothing is locked but these: whatever is to be mended is to be mended at them.
        let may_be_gone =
            failed.step == Some(LoadStep::Lock) && failed.fault == WarehouseFault::Configuration;
        if !may_be_gone || self.could_not_lock_before(load, failed).await? {
            return Ok(None);
        }
        for table in tables_of(plan) {
            match tables::make_marker_table(self.app, &plan.warehouse, table).await {
                Ok(()) => {}
                Err(AppError::Warehouse(error)) if is_for_people(&error) => {
                    warn!(
                        "could not make the marker table of {table} again: {}",
                        with_causes(&error)
                    );
                    return Ok(None);
                }
                // The statement's end is asked for again, and brings us here.
                Err(error) => return Err(error),
            }
        }
        warn!(
            "made the marker table of {} again, which the ledger took to be there: {}",
            plan.table, failed.error
        );
        let again = Again {
            wait: Duration::ZERO,
            uses_a_try: false,
        };
        let load = load.clone();
        retry::try_again(self.app, load, &plan.warehouse, failed, again, self.actor())
            .await
            .map(Some)
    }

    /// Whether a load failed because its target is there no more, which was there before. The ledger forgets then that it was,
    /// so that the files after this one are told and left where they are.
    pub(super) async fn target_is_gone(
        &self,
        plan: &LoadPlan,
        failed: &FailedStatement<'_>,
    ) -> Result<bool, AppError> {
        if failed.step != Some(LoadStep::Stage) {
            return Ok(false);
        }
        let warehouse = plan.warehouse.to_string();
        let mut is_gone = false;
        for table in tables_of(plan) {
            let sql = marker::target_query(table).map_err(|error| AppError::Engine(error.into()))?;
            match self.app.warehouse.run(&plan.warehouse, &sql, LOOK_PATIENCE).await {
                Err(error) if error.names_what_is_missing() => {
                    self.app.store.forget_marker(&warehouse, table).await?;
                    is_gone = true;
                }
                // What else is wrong with it, the failure says.
                Ok(_) | Err(_) => {}
            }
        }
        Ok(is_gone)
    }

    async fn could_not_lock_before(
        &self,
        load: &Load,
        failed: &FailedStatement<'_>,
    ) -> Result<bool, AppError> {
        let statements = self.app.store.statements(load.id).await?;
        Ok(statements.iter().any(|statement| {
            statement.kind == StatementKind::Load
                && statement.attempt < failed.attempt.number
                && statement.failed_step == Some(LoadStep::Lock)
                && statement.error.as_deref() == Some(failed.error)
        }))
    }
}

/// The tables whose marker tables a transaction locks: of a set, those of all its files.
fn tables_of(plan: &LoadPlan) -> Vec<&TableName> {
    match plan.sections.as_slice() {
        [] => vec![&plan.table],
        sections => sections.iter().map(|section| &section.table).collect(),
    }
}

/// Whether a statement ran and will not pass until somebody mends something.
fn is_for_people(error: &WarehouseError) -> bool {
    matches!(error, WarehouseError::StatementFailed { fault, .. } if fault.tries_at(None).is_some())
}
