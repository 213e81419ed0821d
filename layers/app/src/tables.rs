//! The tables that a load needs: its target, the columns that its file brings, and the target's marker table.

use std::time::Duration;

use chrono::{DateTime, Utc};
use longshore_copy::snapshot::add_text_column;
use longshore_copy::{IdentifierError, marker};
use longshore_domain::reject::RejectReason;
use longshore_domain::rule::{ColumnPlace, RuleColumn};
use longshore_domain::target::{TableName, Warehouse};
use longshore_store::{Access, Load};
use tracing::info;

use crate::plan::LoadPlan;
use crate::ports::WarehouseError;
use crate::retry::{self, Sent};
use crate::snapshot::table_columns;
use crate::{App, AppError};

/// How long the making of a marker table may take: it happens once per table.
const MARKER_PATIENCE: Duration = Duration::from_secs(120);

/// What became of making sure of a target.
pub(crate) enum Tables {
    /// It is there, with its marker table.
    Ready,
    /// There is no such target.
    Missing(RejectReason),
    /// The load waits until then.
    Waits(DateTime<Utc>),
}

/// Makes sure of a plan's target, and makes its marker table, once per target: `LOCK` must be the first statement of the load
/// transaction, so the marker table has to be there before it begins. The target comes first, or the names of files could
/// make tables.
pub(crate) async fn ensure_tables(
    app: &App,
    load: &Load,
    plan: &LoadPlan,
    actor: &str,
) -> Result<Tables, AppError> {
    let warehouse_name = plan.warehouse.to_string();
    if app.store.marker_known(&warehouse_name, &plan.table).await? {
        return Ok(Tables::Ready);
    }
    let access = retry::wait_while_paused(app, load, &plan.warehouse, actor).await?;
    if let Access::Paused { until } = access {
        return Ok(Tables::Waits(until));
    }
    match make_marker_table(app, &plan.warehouse, &plan.table).await {
        Ok(()) => {}
        Err(AppError::Warehouse(error)) => return tables_failed(app, load, plan, error, actor).await,
        Err(error) => return Err(error),
    }
    app.store
        .remember_marker(&warehouse_name, &plan.table, app.clock.now())
        .await?;
    if access == Access::Probe {
        // The warehouse is back, and this load must not wait for the next probe.
        retry::ran(app, load, &plan.warehouse, None).await?;
    }
    Ok(Tables::Ready)
}

/// Makes sure that a plan's target has the columns that its rule's policy adds for this file. It is safe to do twice, and beside
/// another that does the same: the catalogue is asked first, and again when the warehouse refuses.
pub(crate) async fn ensure_columns(
    app: &App,
    load: &Load,
    plan: &LoadPlan,
    columns: &[RuleColumn],
    actor: &str,
) -> Result<Tables, AppError> {
    let added: Vec<&str> = columns
        .iter()
        .filter(|column| column.place == ColumnPlace::Added)
        .map(|column| column.name.as_str())
        .collect();
    if added.is_empty() {
        return Ok(Tables::Ready);
    }
    match add_columns(app, plan, &added).await {
        Ok(()) => Ok(Tables::Ready),
        Err(AppError::Warehouse(error)) => tables_failed(app, load, plan, error, actor).await,
        Err(error) => Err(error),
    }
}

async fn add_columns(app: &App, plan: &LoadPlan, added: &[&str]) -> Result<(), AppError> {
    let not_named = |error: IdentifierError| AppError::Engine(error.into());
    for column in added {
        if has_column(app, plan, column).await? {
            continue;
        }
        let sql = add_text_column(&plan.table, column).map_err(not_named)?;
        match app.warehouse.run(&plan.warehouse, &sql, MARKER_PATIENCE).await {
            Ok(_) => {
                info!(column, table = %plan.table, "added the column {column} to {}, which a file brings", plan.table)
            }
            Err(WarehouseError::StatementFailed { .. }) if has_column(app, plan, column).await? => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

async fn has_column(app: &App, plan: &LoadPlan, name: &str) -> Result<bool, AppError> {
    let columns = table_columns(app, &plan.warehouse, &plan.table).await?;
    Ok(columns
        .into_iter()
        .flatten()
        .any(|column| column.name.eq_ignore_ascii_case(name)))
}

/// Makes the marker table of a target that is there. It is safe to do twice.
pub(crate) async fn make_marker_table(
    app: &App,
    warehouse: &Warehouse,
    table: &TableName,
) -> Result<(), AppError> {
    let not_named = |error: IdentifierError| AppError::Engine(error.into());
    let run = async |sql: &str| app.warehouse.run(warehouse, sql, MARKER_PATIENCE).await;
    run(&marker::target_query(table).map_err(not_named)?).await?;
    for create in marker::create_statements(table).map_err(not_named)? {
        match run(&create).await {
            Ok(_) => {}
            // A load that makes the same table this very moment fails this one, whatever IF NOT EXISTS says: then it is there.
            Err(WarehouseError::StatementFailed { .. }) => run(&create).await.map(drop)?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

async fn tables_failed(
    app: &App,
    load: &Load,
    plan: &LoadPlan,
    error: WarehouseError,
    actor: &str,
) -> Result<Tables, AppError> {
    // What it says of a statement that ran and will not pass is about that table, and not about the warehouse.
    if let WarehouseError::StatementFailed { fault, message } = &error
        && fault.tries_at(None).is_some()
    {
        return Ok(Tables::Missing(RejectReason::TargetMissing {
            table: plan.table.to_string(),
            // The first line says it; further ones point into the SQL.
            problem: message.lines().next().unwrap_or_default().to_owned(),
        }));
    }
    match retry::not_sent(app, load, &plan.warehouse, error, actor).await? {
        Sent::Waits { until } => Ok(Tables::Waits(until)),
        Sent::Refused { error } => Ok(Tables::Missing(RejectReason::TargetMissing {
            table: plan.table.to_string(),
            problem: error,
        })),
        Sent::Submitted => Ok(Tables::Ready),
    }
}
