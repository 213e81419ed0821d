//! Everything at once: files of every kind land, some of them again with other content, while events are lost, repeated, late
//! and out of order, services throttle and break, connections close before and after the effect, bodies end early, workers are
//! killed, and the way to PostgreSQL hangs, resets and slows down. Two workers and two reconcilers work all the while. Then the
//! weather clears, and in the end everything must be as if nothing had been.
//!
//! One seed decides the files and the weather; which call meets which fault depends on the machine as well.

mod weather;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use longshore_testkit::LocalStackOptions;
use serde_json::{Value, json};

use crate::proof::{Kind, Landed, Landings, Patience, ledger, seed, wish};
use crate::support::{Stack, World};
use weather::Weather;

const RECONCILE: &str = "external-file-reconcile";
const RECONCILERS: usize = 2;
/// What a dead worker holds is free again after this time.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(40);
/// A load that stood still this long is the reconcilers'.
const IDLE_SECONDS: u32 = 4;
const BETWEEN_RECONCILES: Duration = Duration::from_secs(2);
const SETTLES: Patience = Patience {
    standstill: Duration::from_secs(240),
    idle_seconds: IDLE_SECONDS,
};
/// Files that are under way at most.
const MOST_OPEN: usize = 60;
/// The weather lasts until all but one file in so many are done with, but not for ever.
const STAYS_FOR: usize = 5;
const LONGEST_STAY: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(200);
/// One file in so many is another one under the name of an earlier file.
const RESENT: usize = 12;

/// What `make test` has, in minutes.
const SHORT: f64 = 0.25;

/// How much of it.
#[derive(Debug, Clone, Copy)]
struct Size {
    seed: u64,
    files: usize,
    /// Files land over at least this time.
    at_least: Duration,
}

impl Size {
    fn wished() -> anyhow::Result<Self> {
        let minutes: f64 = wish("MINUTES")?.unwrap_or(SHORT);
        Ok(Self {
            seed: seed()?,
            files: wish("FILES")?.unwrap_or(100),
            at_least: Duration::from_secs_f64(minutes * 60.0),
        })
    }

    /// What repeats the run.
    fn command(&self) -> String {
        let minutes = self.at_least.as_secs_f64() / 60.0;
        format!(
            "make chaos SEED={} FILES={} MINUTES={minutes}",
            self.seed, self.files
        )
    }
}

/// Lands the files, each when there is room for it.
async fn land(world: &World, landings: &mut Landings, size: Size) -> anyhow::Result<()> {
    let mut chance = fastrand::Rng::with_seed(size.seed);
    let pause = size.at_least.div_f64(size.files.max(1) as f64);
    let mut again: Vec<(Kind, Landed)> = Vec::new();
    for number in 1..=size.files {
        let kind = *chance.choice(&Kind::ALL).context("there are kinds")?;
        match again.first() {
            Some((kind, earlier)) if number.is_multiple_of(RESENT) && is_put_away(world, earlier).await? => {
                let successor = landings.feeds.successor(*kind, earlier)?;
                again.remove(0);
                landings.put(world, successor).await?;
            }
            _ => again.push((kind, landings.land(world, kind).await?)),
        }
        tokio::time::sleep(pause).await;
        wait_for_room(world).await?;
    }
    stay_out(world, size.files).await
}

/// Lets the weather last until most of the work was done in it, or for a while.
async fn stay_out(world: &World, files: usize) -> anyhow::Result<()> {
    let until = Instant::now() + LONGEST_STAY;
    while open_loads(world).await? > files / STAYS_FOR && Instant::now() < until {
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

async fn open_loads(world: &World) -> anyhow::Result<usize> {
    let loads = ledger(world).await?;
    Ok(loads.iter().filter(|load| !load.is_settled()).count())
}

/// Whether the name of a file is free again.
async fn is_put_away(world: &World, file: &Landed) -> anyhow::Result<bool> {
    let key = world.input_key(&file.file_name);
    let loads = ledger(world).await?;
    let of_key = loads.iter().filter(|load| load.key == key);
    Ok(of_key.clone().count() > 0 && of_key.clone().all(|load| load.is_settled()))
}

async fn wait_for_room(world: &World) -> anyhow::Result<()> {
    while open_loads(world).await? >= MOST_OPEN {
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// Invokes the function again and again, whatever it answers: it may well have been killed.
async fn keep_reconciling(world: &World) -> anyhow::Result<()> {
    let event = json!({ "idle_seconds": IDLE_SECONDS, "loads": 50 });
    loop {
        world.invoke(RECONCILE, &event).await?;
        tokio::time::sleep(BETWEEN_RECONCILES).await;
    }
}

fn faults_by_kind(report: &Value) -> String {
    let kinds = report["injected"].as_object().into_iter().flatten();
    let told: Vec<String> = kinds.map(|(kind, count)| format!("{kind} {count}")).collect();
    told.join(", ")
}

#[tokio::test]
async fn whatever_goes_wrong_at_once_every_file_is_loaded_once_and_told() -> anyhow::Result<()> {
    let size = Size::wished()?;
    println!("{}", size.command());
    let stack = Stack::start(LocalStackOptions {
        faults: Some(json!({ "seed": size.seed }).to_string()),
        function_timeout: Some(FUNCTION_TIMEOUT),
        ..LocalStackOptions::default()
    })?;
    let world = World::on(Arc::new(stack)).await?;
    let mut landings = Landings::new(&world).await?;
    let began = Instant::now();
    {
        let weather = Weather::new(size.seed).keep_changing(&world);
        let reconcilers =
            futures_util::future::try_join_all((0..RECONCILERS).map(|_| keep_reconciling(&world)));
        tokio::select! {
            landed = land(&world, &mut landings, size) => landed?,
            ended = weather => ended.context("change the weather")?,
            ended = reconcilers => ended.map(|_| ()).context("reconcile")?,
        }
    }
    let landed_in = began.elapsed();
    world.lift_faults().await?;
    let injected = faults_by_kind(&world.faults().await?);
    let cleared = Instant::now();
    let account = landings.account_for(&world, SETTLES).await;
    println!("faults: {injected}");
    println!(
        "files landed in {landed_in:.1?}; settled {:.1?} after the last fault",
        cleared.elapsed()
    );
    let reckoning = account.with_context(|| format!("repeat it with: {}", size.command()))?;
    println!("{reckoning}");
    Ok(())
}
