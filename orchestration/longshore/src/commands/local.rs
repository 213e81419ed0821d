//! `local up`.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use longshore_local_stack::{FaultPlan, Isolation};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{IsolationLevel, LocalUpArguments};
use crate::exit::{ExitStatus, input};
use crate::local::{DataFolder, LocalDeployment, LocalOptions, ReadyFile};
use crate::output::{Output, Progress, note};

/// Starts a local stack and keeps it running until it is told to stop.
pub(crate) async fn up(arguments: LocalUpArguments, output: Output) -> anyhow::Result<ExitStatus> {
    // Listening first: a signal that comes while things start must stop them too.
    let stop = stop_signal()?;
    let options = LocalOptions {
        data: DataFolder::new(arguments.data_dir)?,
        port: arguments.port,
        samples: arguments.samples,
        isolation: isolation(arguments.isolation),
        faults: faults(arguments.faults.as_deref())?,
        function_timeout: Duration::from_secs(arguments.function_timeout.into()),
        function_settings: arguments.function_settings,
    };
    let progress = Progress::start("starting");
    let deployment = LocalDeployment::start(options, &progress).await?;
    drop(progress);
    if let Some(path) = &arguments.ready_file {
        deployment.ready.write(path)?;
    }
    show(&deployment.ready, output)?;
    stop.await;
    note("stopping");
    deployment.stop().await?;
    if let Some(path) = &arguments.ready_file {
        std::fs::remove_file(path).with_context(|| format!("remove {}", path.display()))?;
    }
    Ok(ExitStatus::Done)
}

fn isolation(level: IsolationLevel) -> Isolation {
    match level {
        IsolationLevel::Snapshot => Isolation::Snapshot,
        IsolationLevel::Serializable => Isolation::Serializable,
    }
}

fn faults(path: Option<&Path>) -> anyhow::Result<FaultPlan> {
    let Some(path) = path else {
        return Ok(FaultPlan::default());
    };
    let text = std::fs::read_to_string(path).map_err(|error| {
        input(format!(
            "the fault plan {} cannot be read: {error}",
            path.display()
        ))
    })?;
    FaultPlan::from_json(&text).map_err(|error| input(format!("the fault plan {}: {error}", path.display())))
}

/// Comes true with Ctrl-C or SIGTERM.
pub(crate) fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for Ctrl-C")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Prints where everything is, and the commands that a person would try first.
pub(crate) fn show(ready: &ReadyFile, output: Output) -> anyhow::Result<()> {
    if output.is_json() {
        return output.json(ready);
    }
    let some = |value: &str| Some(value.to_owned());
    output.facts(&[
        ("AWS endpoint", some(&ready.endpoint_url)),
        ("access key id", some(&ready.access_key_id)),
        ("secret access key", some(&ready.secret_access_key)),
        ("region", some(&ready.region)),
        (
            "land files in",
            Some(format!("s3://{}/{}", ready.bucket, ready.input_prefix)),
        ),
        ("control database", some(&ready.control_database_url)),
        (
            "warehouse",
            Some(format!(
                "{} as cluster {}",
                ready.warehouse_database_url, ready.cluster_identifier
            )),
        ),
        ("notifications", some(&ready.notifications_queue_url)),
        ("data", some(&ready.data_dir)),
    ])?;
    output.line("\nReady. Ctrl-C stops it.")
}
