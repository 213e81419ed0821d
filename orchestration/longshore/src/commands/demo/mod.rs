//! `demo`: a newcomer's first look. It starts a local stack, lands files, shows what happens to each, and stops.

mod files;
mod show;
mod verify;
mod watch;

use bytes::Bytes;
use longshore_domain::object::{Bucket, ObjectKey};
use longshore_local_stack::{FaultPlan, Isolation};

use super::local::stop_signal;
use crate::cli::DemoArguments;
use crate::exit::ExitStatus;
use crate::local::{DataFolder, FUNCTION_TIMEOUT, LocalDeployment, LocalOptions};
use crate::output::{Output, Progress, note};

/// Runs the demo. Ends with failure when anything differs from what it should be.
pub(crate) async fn run(arguments: DemoArguments, output: Output) -> anyhow::Result<ExitStatus> {
    let stop = stop_signal()?;
    let options = LocalOptions {
        data: DataFolder::new(None)?,
        port: 0,
        samples: true,
        isolation: Isolation::default(),
        faults: FaultPlan::default(),
        function_timeout: FUNCTION_TIMEOUT,
        function_settings: vec![],
    };
    let progress = Progress::start("starting");
    let mut deployment = LocalDeployment::start(options, &progress).await?;
    let told = tell(&deployment, output, &progress).await;
    drop(progress);
    if arguments.keep && told.is_ok() {
        super::local::show(&deployment.ready, output)?;
        stop.await;
    }
    if told.is_err() {
        deployment.keep_data();
    }
    deployment.stop().await?;
    let differences = told?;
    if differences.is_empty() {
        note("Everything is as it should be.");
        return Ok(ExitStatus::Done);
    }
    for difference in &differences {
        note(format!("differs: {difference}"));
    }
    Ok(ExitStatus::Failure)
}

async fn tell(
    deployment: &LocalDeployment,
    output: Output,
    progress: &Progress,
) -> anyhow::Result<Vec<String>> {
    let samples = files::all();
    progress.step("landing files");
    for sample in &samples {
        land(deployment, sample.name, sample.bytes).await?;
    }
    progress.step("waiting for the loads to end");
    let story = watch::until_settled(deployment, &samples).await?;
    progress.suspend(|| show::story(deployment, &samples, &story, output))?;
    Ok(verify::differences(&samples, &story))
}

async fn land(deployment: &LocalDeployment, name: &str, bytes: &'static [u8]) -> anyhow::Result<()> {
    let bucket = Bucket::new(&deployment.ready.bucket);
    let key = ObjectKey::new(format!("{}{name}", deployment.ready.input_prefix));
    deployment
        .app
        .objects
        .put(&bucket, &key, Bytes::from_static(bytes))
        .await?;
    Ok(())
}
