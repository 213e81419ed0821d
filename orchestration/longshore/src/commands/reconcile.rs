//! `reconcile`.

use chrono::{TimeDelta, Utc};
use longshore_app::{Invocation, Reconcile, ReconcileLimits};
use uuid::Uuid;

use crate::cli::ReconcileArguments;
use crate::deployment::Deployment;
use crate::exit::ExitStatus;
use crate::output::{Output, Progress};

/// A person waits at most this long; the next run goes on.
const PATIENCE: TimeDelta = TimeDelta::minutes(15);

/// Carries on what stands still, and says what became of it.
pub(crate) async fn run(
    arguments: ReconcileArguments,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let app = deployment.app().await?;
    let invocation = Invocation {
        request_id: format!("longshore/{}", Uuid::now_v7()),
        deadline: Utc::now() + PATIENCE,
    };
    let limits = ReconcileLimits {
        idle: TimeDelta::seconds(arguments.idle.into()),
        loads: arguments.limit,
    };
    let progress = Progress::start("looking at what stands still");
    let report = Reconcile {
        app: &app,
        invocation: &invocation,
        limits,
    }
    .run()
    .await?;
    drop(progress);
    if output.is_json() {
        output.json(&report)?;
    } else {
        output.line(format!(
            "{} stood still: {} carried on, {} still running, {} in vain; {} messages sent",
            report.looked_at,
            report.carried_on.len(),
            report.running.len(),
            report.failed.len(),
            report.notices_sent
        ))?;
        for (load, why) in &report.failed {
            output.line(format!("    {load}: {why}"))?;
        }
    }
    Ok(if report.failed.is_empty() {
        ExitStatus::Done
    } else {
        ExitStatus::Failure
    })
}
