//! `warehouse list`.

use longshore_store::WarehouseStanding;

use super::cells::moment;
use crate::cli::WarehouseCommand;
use crate::deployment::Deployment;
use crate::exit::ExitStatus;
use crate::output::Output;

/// Carries out a `warehouse` command.
pub(crate) async fn run(
    command: WarehouseCommand,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    match command {
        WarehouseCommand::List => {
            let store = deployment.store().await?;
            list(&store.warehouses().await?, output)
        }
    }
}

fn list(warehouses: &[WarehouseStanding], output: Output) -> anyhow::Result<ExitStatus> {
    if output.is_json() {
        output.json(&warehouses)?;
        return Ok(ExitStatus::Done);
    }
    let rows = warehouses.iter().map(row).collect();
    output.table(
        &[
            "warehouse",
            "is",
            "failures",
            "next try",
            "waiting",
            "last failed",
            "error",
        ],
        rows,
    )?;
    Ok(ExitStatus::Done)
}

fn row(standing: &WarehouseStanding) -> Vec<String> {
    let is = match standing.paused_at {
        Some(paused_at) => format!("paused since {}", moment(paused_at)),
        None => "in use".to_owned(),
    };
    let at = |at: Option<_>| at.map(moment).unwrap_or_default();
    vec![
        standing.warehouse.clone(),
        is,
        standing.failures.to_string(),
        at(standing.probe_at),
        standing.waiting.to_string(),
        at(standing.last_failed_at),
        standing.last_error.clone().unwrap_or_default(),
    ]
}
