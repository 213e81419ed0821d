//! Waiting until nothing is left to do, on the product's own reconciler alone. Only the clock is helped along.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::support::World;

use super::books::{Entry, ledger};

const POLL: Duration = Duration::from_millis(250);
/// When nothing moved for this long, what is left waits for a time of its own, up to a quarter of an hour.
const LULL: Duration = Duration::from_secs(3);
/// How long a standstill may last, and how long a load must have stood still for the reconciler to take it up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Not for all of it: how fast many files go is the machine's affair.
    pub(crate) standstill: Duration,
    pub(crate) idle_seconds: u32,
}

/// Runs the reconciler until each of `files` has a load and every load is done with. Gives how long that took.
pub(crate) async fn settle(world: &World, files: usize, patience: Patience) -> anyhow::Result<Duration> {
    let (began, mut moved) = (Instant::now(), Instant::now());
    let mut before = Vec::new();
    loop {
        let loads = ledger(world).await?;
        if loads != before {
            moved = Instant::now();
        }
        let whole = loads.iter().filter(|load| load.parent.is_none()).count();
        let open: Vec<_> = loads.iter().filter(|load| !load.is_settled()).collect();
        if whole >= files && open.is_empty() {
            return Ok(began.elapsed());
        }
        if moved.elapsed() > patience.standstill {
            bail!(
                "nothing moved for {:?}; there are {whole} loads of {files} files, and these are not done with: {}",
                patience.standstill,
                told(&open)
            );
        }
        before = loads;
        if moved.elapsed() > LULL {
            world.let_time_pass().await?;
        }
        reconcile_once(world, patience.idle_seconds).await?;
        tokio::time::sleep(POLL).await;
    }
}

/// Waits until the ledger holds what `look` looks for. There is hope for as long as the ledger moves.
pub(crate) async fn wait_for<T>(
    world: &World,
    standstill: Duration,
    look: impl Fn(&[Entry]) -> Option<T>,
) -> anyhow::Result<T> {
    let (mut moved, mut before) = (Instant::now(), Vec::new());
    loop {
        let loads = ledger(world).await?;
        if let Some(found) = look(&loads) {
            return Ok(found);
        }
        if loads != before {
            moved = Instant::now();
        }
        if moved.elapsed() > standstill {
            let open: Vec<_> = loads.iter().filter(|load| !load.is_settled()).collect();
            bail!(
                "nothing moved for {standstill:?}; these are not done with: {}",
                told(&open)
            );
        }
        before = loads;
        tokio::time::sleep(POLL).await;
    }
}

fn told(open: &[&Entry]) -> String {
    let told: Vec<_> = open
        .iter()
        .map(|load| format!("\n    {} ({}) {}", load.id, load.state, load.key))
        .collect();
    told.concat()
}

/// One run of `longshore reconcile`. It answers with a failure when a load could not be carried on, which the next run may.
async fn reconcile_once(world: &World, idle_seconds: u32) -> anyhow::Result<()> {
    let idle = idle_seconds.to_string();
    let command = world.stack.local.command(&["reconcile", "--idle", &idle])?;
    tokio::process::Command::from(command)
        .kill_on_drop(true)
        .output()
        .await
        .context("run reconcile")?;
    Ok(())
}
