//! Handing statements over so that no statement is handed over twice.
//!
//! The attempt and its token are on the ledger before the call. If the answer is lost, the same token brings the same
//! statement back for eight hours; after that the marker in the warehouse keeps a second run from loading anything.

use std::time::Duration;

use longshore_copy::{IdentifierError, marker};
use longshore_domain::reject::RejectReason;
use longshore_domain::statement::{Attempt, LoadStep, StatementKind};
use longshore_domain::target::Warehouse;
use longshore_store::{AttemptRecord, Load, Statement};
use tracing::info;

use crate::plan::LoadPlan;
use crate::ports::{Submission, SubmissionSql, WarehouseError};
use crate::{App, AppError};

/// How long the making of a marker table may take: it happens once per table.
const MARKER_PATIENCE: Duration = Duration::from_secs(120);

/// Submits the load transaction of a prepared load, or the same again when an earlier try did not learn its outcome.
pub(crate) async fn submit_load(app: &App, load: Load, actor: &str) -> Result<(), AppError> {
    let plan = LoadPlan::of(&load)?;
    let statements = app.store.statements(load.id).await?;
    let attempt = Attempt {
        load: load.id,
        kind: StatementKind::Load,
        number: match newest(&statements, StatementKind::Load) {
            None => 1,
            // It ended without deciding the load, or this would not be asked for.
            Some(statement) if statement.finished_at.is_some() => statement.attempt + 1,
            Some(statement) => statement.attempt,
        },
    };
    let sql = SubmissionSql::Transaction(plan.statements);
    submit(app, &attempt, &plan.warehouse, &plan.steps, sql, actor).await?;
    info!("submitted {} to {}", load.object.key, plan.warehouse);
    Ok(())
}

/// The newest try at a kind of statement.
pub(crate) fn newest(statements: &[Statement], kind: StatementKind) -> Option<&Statement> {
    statements
        .iter()
        .filter(|statement| statement.kind == kind)
        .max_by_key(|statement| statement.attempt)
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

/// Whether the attempt was on the ledger before does not matter: the token makes the second call harmless, and a load that is
/// further on already stays where it is.
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

/// Makes sure of a plan's target, and makes its marker table, once per target: `LOCK` must be the first statement of the load
/// transaction, so the marker table has to be there before it begins. The target comes first, or the names of files could
/// make tables. Gives the reason to refuse the file when there is no such target.
pub(crate) async fn ensure_tables(app: &App, plan: &LoadPlan) -> Result<Option<RejectReason>, AppError> {
    let warehouse_name = plan.warehouse.to_string();
    if app.store.marker_known(&warehouse_name, &plan.table).await? {
        return Ok(None);
    }
    let not_named = |error: IdentifierError| AppError::Engine(error.into());
    let look = marker::target_query(&plan.table).map_err(not_named)?;
    match app.warehouse.run(&plan.warehouse, &look, MARKER_PATIENCE).await {
        Ok(_) => {}
        Err(WarehouseError::StatementFailed { message }) => {
            return Ok(Some(RejectReason::TargetMissing {
                table: plan.table.to_string(),
                // The first line says it; further ones point into the SQL.
                problem: message.lines().next().unwrap_or_default().to_owned(),
            }));
        }
        Err(error) => return Err(error.into()),
    }
    for statement in marker::create_statements(&plan.table).map_err(not_named)? {
        app.warehouse
            .run(&plan.warehouse, &statement, MARKER_PATIENCE)
            .await?;
    }
    app.store
        .remember_marker(&warehouse_name, &plan.table, app.clock.now())
        .await?;
    Ok(None)
}
