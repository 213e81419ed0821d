//! What happens when nothing happens: lost events.

use std::sync::Arc;

use anyhow::{Context, ensure};
use longshore_testkit::LocalStackOptions;
use serde_json::json;

use crate::support::{Stack, World};

/// Far more runs than it takes: one for the load, while its statement may still be running.
const MOST_RUNS: usize = 200;

#[tokio::test]
async fn a_load_whose_status_event_is_lost_is_settled_by_the_reconciler() -> anyhow::Result<()> {
    let stack = Stack::start(LocalStackOptions::default())?;
    let world = World::on(Arc::new(stack)).await?;
    world
        .set_faults(&json!({ "rules": [{ "service": "events", "operation": "Deliver", "fault": "drop" }] }))
        .await?;
    let feed = world.feed().create().await?;
    let key = world.input_key(&feed.file_name());
    world.put(&key, "1|a\n2|b\n").await?;

    for run in 1.. {
        let output = world
            .stack
            .local
            .command(&["reconcile", "--idle", "0"])?
            .output()
            .context("run reconcile")?;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
        let loads = world.loads_of(&key).await?;
        if loads.first().is_some_and(|load| load.state() == "complete") {
            break;
        }
        ensure!(
            run < MOST_RUNS,
            "after {run} runs the load is {:?}",
            loads.first().map(|load| load.state().to_owned())
        );
    }
    world.story(&key).await?.assert_loaded(2);
    Ok(())
}
