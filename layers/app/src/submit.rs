//! Handing statements over so that no statement is handed over twice.
//!
//! The attempt and its token are on the ledger before the call. If the answer is lost, the same token brings the same
//! statement back for eight hours; after that the marker in the warehouse keeps a second run from loading anything.

use std::time::Duration;

use longshore_copy::marker;
use longshore_domain::statement::{Attempt, LoadStep, StatementKind};
use longshore_domain::target::{TableName, Warehouse};
use longshore_store::{AttemptRecord, Load};
use tracing::info;

use crate::plan::LoadPlan;
use crate::ports::{Submission, SubmissionSql};
use crate::{App, AppError};

/// How long the making of a marker table may take: it happens once per table.
const MARKER_PATIENCE: Duration = Duration::from_secs(120);

/// Submits the load transaction of a prepared load, or the same again when an earlier try did not learn its outcome.
pub(crate) async fn submit_load(app: &App, load: Load, actor: &str) -> Result<(), AppError> {
    let plan = LoadPlan::of(&load)?;
    ensure_marker(app, &plan.warehouse, &plan.table).await?;
    let attempt = Attempt {
        load: load.id,
        kind: StatementKind::Load,
        number: 1,
    };
    let sql = SubmissionSql::Transaction(plan.statements);
    submit(app, &attempt, &plan.warehouse, &plan.steps, sql, actor).await?;
    info!("submitted {} to {}", load.object.key, plan.warehouse);
    Ok(())
}

/// Submits the follow-up of a load: a statement of its own, so that it may commit as it likes.
pub(crate) async fn submit_follow_up(
    app: &App,
    load: &Load,
    sql: String,
    actor: &str,
) -> Result<(), AppError> {
    let plan = LoadPlan::of(load)?;
    let attempt = Attempt {
        load: load.id,
        kind: StatementKind::FollowUp,
        number: 1,
    };
    let sql = SubmissionSql::Single(sql);
    submit(app, &attempt, &plan.warehouse, &[LoadStep::FollowUp], sql, actor).await?;
    info!(
        "submitted the follow-up of {} to {}",
        load.object.key, plan.warehouse
    );
    Ok(())
}

async fn submit(
    app: &App,
    attempt: &Attempt,
    warehouse: &Warehouse,
    steps: &[LoadStep],
    sql: SubmissionSql,
    actor: &str,
) -> Result<(), AppError> {
    let record = AttemptRecord {
        client_token: attempt.client_token(),
        statement_name: attempt.statement_name(&app.config.statement_prefix),
        steps: steps.to_vec(),
        warehouse: warehouse.to_string(),
    };
    app.store
        .record_attempt(attempt, &record, app.clock.now(), actor)
        .await?;
    let submission = Submission {
        name: record.statement_name,
        client_token: record.client_token,
        sql,
    };
    let statement_id = app.warehouse.submit(warehouse, &submission).await?;
    app.store
        .mark_submitted(attempt, &statement_id, app.clock.now(), actor)
        .await?;
    Ok(())
}

/// Makes the marker table of a target, once: `LOCK` must be the first statement of the load transaction, so the table
/// has to be there before it begins.
async fn ensure_marker(app: &App, warehouse: &Warehouse, table: &TableName) -> Result<(), AppError> {
    let warehouse_name = warehouse.to_string();
    if app.store.marker_known(&warehouse_name, table).await? {
        return Ok(());
    }
    let statements = marker::create_statements(table).map_err(|error| AppError::Engine(error.into()))?;
    for statement in statements {
        app.warehouse.run(warehouse, &statement, MARKER_PATIENCE).await?;
    }
    app.store
        .remember_marker(&warehouse_name, table, app.clock.now())
        .await?;
    Ok(())
}
