//! `migrate`.

use serde_json::json;

use crate::cli::MigrateArguments;
use crate::deployment::Deployment;
use crate::exit::ExitStatus;
use crate::output::{Output, Progress};

/// Brings both databases up to date.
pub(crate) async fn run(
    arguments: MigrateArguments,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let progress = Progress::start("control database");
    let control = deployment.migrate_control(arguments.samples).await?;
    let mut scripts = Vec::new();
    if !arguments.control_only {
        progress.step("warehouse");
        scripts = deployment.migrate_warehouse(arguments.samples).await?;
    }
    drop(progress);
    if output.is_json() {
        output.json(&json!({ "control_database": control, "warehouse": scripts }))?;
        return Ok(ExitStatus::Done);
    }
    match control.as_slice() {
        [] => output.line("control database: up to date")?,
        applied => output.line(format!("control database: applied {}", applied.join(", ")))?,
    }
    if !scripts.is_empty() {
        output.line(format!("warehouse: ran {}", scripts.join(", ")))?;
    }
    Ok(ExitStatus::Done)
}
