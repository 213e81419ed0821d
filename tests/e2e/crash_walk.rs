//! Killing a worker at every outgoing call in turn, before and after the call took effect.
//!
//! The calls are found by counting: a file of each kind is loaded once, and the stack says how many calls each function made
//! for it, those of its start included. Then many files go side by side, each with a fault of its own that aims at its own
//! worker, and in the end every one of them must be loaded once, archived once and told once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use longshore_testkit::LocalStackOptions;
use serde_json::{Value, json};

use crate::proof::{Entry, Kind, Landings, Patience, Reckoning, seed, wait_for, wish};
use crate::support::{PATIENCE, Stack, World};

const PROCESS: &str = "external-file-process";
const LOGGING: &str = "external-file-process-logging";
const RECONCILE: &str = "external-file-reconcile";
const MOMENTS: [&str; 2] = ["before_effect", "after_effect"];
/// What a worker holds is free again after this time when it and all its repetitions died.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(45);
/// Loads go on by themselves: a killed invocation is repeated. The reconciler takes up what stood still this long.
const SETTLES: Patience = Patience {
    standstill: Duration::from_secs(240),
    idle_seconds: 10,
};
/// Files side by side.
const BATCH: usize = 120;
/// Of the kinds that take much the same way as the first one, `make test` walks this many calls each.
const SAMPLE: usize = 4;

/// How often an invocation is attempted; one that dies each time is given up, and the reconciler takes its load up.
const ATTEMPTS: u64 = 3;
/// A worker makes a call more or less, as things happen to meet: who outlives an aim is aimed at again, so often.
const ROUNDS: usize = 4;
/// Loads whose every attempt dies at the same call.
const HOPELESS: usize = 8;

/// A worker's death at one call, and the file that it is at work on.
#[derive(Debug, Clone)]
struct Aim {
    kind: Kind,
    function: &'static str,
    /// What the worker's event is about: a file's name, or a statement's.
    about: About,
    call: u64,
    moment: &'static str,
    /// How many of its attempts die.
    times: u64,
    /// Whether every such worker makes that many calls. Of two deliveries the one that ends last makes more.
    is_sure: bool,
}

/// What a batch came to.
struct Deaths {
    /// Whether each aim struck.
    struck: Vec<bool>,
    reckoning: Reckoning,
}

impl Deaths {
    /// The sure aims whose workers made fewer calls than were counted, and lived.
    fn survivors(&self, aims: &[Aim]) -> Vec<Aim> {
        let lived = aims
            .iter()
            .zip(&self.struck)
            .filter(|(aim, struck)| aim.is_sure && !**struck);
        lived.map(|(aim, _)| aim.clone()).collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    File,
    Load,
    FollowUp,
}

impl Aim {
    fn rule(&self, event_contains: &str) -> Value {
        json!({
            "service": "lambda",
            "operation": "OutgoingCall",
            "match": { "function": self.function, "event_contains": event_contains },
            "when": { "call": self.call },
            "times": self.times,
            "fault": { "kill": { "moment": self.moment } },
        })
    }
}

async fn world() -> anyhow::Result<World> {
    let stack = Stack::start(LocalStackOptions {
        faults: Some(r#"{ "cold_starts": true }"#.to_owned()),
        function_timeout: Some(FUNCTION_TIMEOUT),
        // Many loads of a table are submitted before the first of them ends.
        function_settings: vec!["LONGSHORE_LOADS_PER_TABLE=500".to_owned()],
        ..LocalStackOptions::default()
    })?;
    World::on(Arc::new(stack)).await
}

/// How many outgoing calls a function made in each of its invocations since the plan was put in place.
async fn counted(world: &World, function: &str) -> anyhow::Result<Vec<u64>> {
    let report = world.faults().await?;
    let invocations = report["invocations"].as_array().into_iter().flatten();
    let of_function = invocations.filter(|invocation| invocation["function"] == function);
    Ok(of_function
        .filter_map(|invocation| invocation["outgoingCalls"].as_u64())
        .collect())
}

/// Runs the job once for a kind of file and gives the deaths of its workers, one for each call and moment.
async fn aims(world: &World, landings: &mut Landings, kind: Kind) -> anyhow::Result<Vec<Aim>> {
    world.set_faults(&json!({ "cold_starts": true })).await?;
    let file = landings.land(world, kind).await?;
    world.story(&world.input_key(&file.file_name)).await?;
    let mut aims = Vec::new();
    let mut add = |function, about, calls: u64, sure: u64| {
        for call in 1..=calls {
            aims.extend(MOMENTS.map(|moment| Aim {
                kind,
                function,
                about,
                call,
                moment,
                times: 1,
                is_sure: call <= sure,
            }));
        }
    };
    let processed = counted(world, PROCESS).await?;
    let calls = processed.into_iter().max().unwrap_or_default();
    add(PROCESS, About::File, calls, calls);
    let finished = counted(world, LOGGING).await?;
    match kind {
        Kind::Delivered => {
            let (least, most) = (finished.iter().min(), finished.iter().max());
            let (least, most) = least.zip(most).context("a delivery has a status event")?;
            add(LOGGING, About::Load, *most, *least);
        }
        _ => {
            if let Some(calls) = finished.first() {
                add(LOGGING, About::Load, *calls, *calls);
            }
        }
    }
    if matches!(kind, Kind::FollowUp | Kind::FollowUpFails) {
        let calls = finished.last().context("a follow-up has a status event")?;
        add(LOGGING, About::FollowUp, *calls, *calls);
    }
    Ok(aims)
}

/// All of the first kind; of the others a few, unless all are asked for.
fn chosen(mut aims: Vec<Aim>, kind: Kind, chance: &mut fastrand::Rng, all: bool) -> Vec<Aim> {
    if all || kind == Kind::ALL[0] {
        return aims;
    }
    chance.shuffle(&mut aims);
    let mut kept: Vec<Aim> = Vec::new();
    for aim in aims {
        let alike = kept
            .iter()
            .filter(|other| other.function == aim.function && other.about == aim.about);
        if alike.count() < SAMPLE {
            kept.push(aim);
        }
    }
    kept
}

/// Lands a file for each aim, whose worker is killed while it prepares the file.
async fn kill_preparing(world: &World, landings: &mut Landings, aims: &[Aim]) -> anyhow::Result<Deaths> {
    let mut files = Vec::new();
    for aim in aims {
        files.push(landings.feeds.file(aim.kind)?);
    }
    let rules: Vec<Value> = aims
        .iter()
        .zip(&files)
        .map(|(aim, file)| aim.rule(&file.file_name))
        .collect();
    world
        .set_faults(&json!({ "cold_starts": true, "rules": rules }))
        .await?;
    for file in files {
        landings.put(world, file).await?;
    }
    finish(world, landings).await
}

/// Lands a file for each aim and holds back the status events until each load has an id to aim at; then the worker that
/// finishes it is killed.
async fn kill_finishing(world: &World, landings: &mut Landings, aims: &[Aim]) -> anyhow::Result<Deaths> {
    let hold = json!({ "reorder": { "after": 1_000_000, "at_most_milliseconds": 3_600_000 } });
    world
        .set_faults(&json!({ "rules": [{ "service": "events", "operation": "Deliver", "fault": hold }] }))
        .await?;
    let mut keys = Vec::new();
    for aim in aims {
        let file = landings.land(world, aim.kind).await?;
        keys.push(world.input_key(&file.file_name));
    }
    let submitted = |loads: &[Entry]| keys.iter().map(|key| submitted_load(loads, key)).collect();
    let loads: Vec<String> = wait_for(world, SETTLES.standstill, submitted).await?;
    let rules: Vec<Value> = aims
        .iter()
        .zip(&loads)
        .map(|(aim, load)| {
            let kind = if aim.about == About::FollowUp {
                "follow_up"
            } else {
                "load"
            };
            aim.rule(&format!("{load}/{kind}/"))
        })
        .collect();
    world
        .set_faults(&json!({ "cold_starts": true, "rules": rules }))
        .await?;
    finish(world, landings).await
}

/// The load of a key, or a part of it, once the warehouse has it.
fn submitted_load(loads: &[Entry], key: &str) -> Option<String> {
    let whole = loads
        .iter()
        .find(|load| load.parent.is_none() && load.key == key)?;
    let part = loads
        .iter()
        .find(|load| load.parent.as_deref() == Some(whole.id.as_str()));
    let submitted = part.unwrap_or(whole);
    (submitted.state == "submitted").then(|| submitted.id.clone())
}

/// Loads whose statement has ended and whose status event was lost: the reconciler's work.
async fn leave_to_the_reconciler(world: &World, landings: &mut Landings, files: usize) -> anyhow::Result<()> {
    world.set_faults(&json!({ "rules": [lost_events()] })).await?;
    for _ in 0..files {
        landings.land(world, Kind::Trailer).await?;
    }
    let submitted = |load: &&Entry| load.state == "submitted";
    let are_left = |loads: &[Entry]| (loads.iter().filter(submitted).count() >= files).then_some(());
    wait_for(world, SETTLES.standstill, are_left).await?;
    let deadline = Instant::now() + PATIENCE;
    while world.faults().await?["rules"][0]["injected"].as_u64() < Some(files as u64) {
        ensure!(
            Instant::now() < deadline,
            "{files} statements did not all end within {PATIENCE:?}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

fn lost_events() -> Value {
    json!({ "service": "events", "operation": "Deliver", "fault": "drop" })
}

/// Every pass over a prefix or a marker table is due, and what a dead reconciler held is free again.
const PASSES_ARE_DUE: &str = "
    UPDATE rdscnfg.ext_watched_prefix
    SET pass_began_at = '2026-01-01', resume_after = NULL, lister = NULL, list_until = NULL, try_after = NULL;
    UPDATE rdscnfg.ext_marker_table
    SET pass_began_at = '2026-01-01', compared_after = NULL, comparer = NULL, compare_until = NULL";

/// Has the reconciler carry on the load that stood still longest, and kills it at a call; false when it did not make that many.
async fn kill_reconciling(world: &World, call: u64, moment: &str) -> anyhow::Result<bool> {
    let kill = json!({
        "service": "lambda",
        "operation": "OutgoingCall",
        // Not the run of the schedule, which may come in between.
        "match": { "function": RECONCILE, "event_contains": "idle_seconds" },
        "when": { "call": call },
        "times": 1,
        "fault": { "kill": { "moment": moment } },
    });
    world
        .set_faults(&json!({ "cold_starts": true, "rules": [lost_events(), kill] }))
        .await?;
    world.control.batch_execute(PASSES_ARE_DUE).await?;
    let answer = world
        .invoke(RECONCILE, &json!({ "idle_seconds": 0, "loads": 1 }))
        .await?;
    Ok(answer.is_error)
}

/// Waits for the end of everything, compares, and gives how many workers died.
async fn finish(world: &World, landings: &Landings) -> anyhow::Result<Deaths> {
    let reckoning = landings.account_for(world, SETTLES).await?;
    let report = world.faults().await?;
    let rules = report["rules"].as_array().into_iter().flatten();
    let kills = rules.filter(|rule| !rule["rule"]["fault"]["kill"].is_null());
    Ok(Deaths {
        struck: kills.map(|rule| rule["injected"].as_u64() > Some(0)).collect(),
        reckoning,
    })
}

#[tokio::test]
async fn a_worker_that_dies_at_any_outgoing_call_loses_nothing_and_does_nothing_twice() -> anyhow::Result<()>
{
    let all = wish::<String>("WALK")?.is_some_and(|walk| walk == "all");
    let seed = seed()?;
    println!("seed {seed}: make crash-walk SEED={seed}");
    let mut chance = fastrand::Rng::with_seed(seed);
    let world = world().await?;
    let mut landings = Landings::new(&world).await?;
    let mut walk = Vec::new();
    for kind in Kind::ALL {
        // The first file of a table makes its marker table; the second one shows the usual way.
        aims(&world, &mut landings, kind).await?;
        let found = aims(&world, &mut landings, kind).await?;
        println!("{}: {} ways to die", kind.name(), found.len());
        walk.extend(chosen(found, kind, &mut chance, all));
    }
    let (mut preparing, mut finishing): (Vec<Aim>, Vec<Aim>) =
        walk.into_iter().partition(|aim| aim.about == About::File);
    let hopeless = chance.choose_multiple(finishing.clone(), HOPELESS);
    finishing.extend(hopeless.into_iter().map(|aim| Aim {
        times: ATTEMPTS,
        ..aim
    }));
    for round in 1..=ROUNDS {
        let mut lived = (vec![], vec![]);
        for batch in preparing.chunks(BATCH) {
            let deaths = kill_preparing(&world, &mut landings, batch).await?;
            println!(
                "round {round}, {} killed preparing: {}",
                batch.len(),
                deaths.reckoning
            );
            lived.0.extend(deaths.survivors(batch));
        }
        for batch in finishing.chunks(BATCH) {
            let deaths = kill_finishing(&world, &mut landings, batch).await?;
            println!(
                "round {round}, {} killed finishing: {}",
                batch.len(),
                deaths.reckoning
            );
            lived.1.extend(deaths.survivors(batch));
        }
        (preparing, finishing) = lived;
    }
    ensure!(
        preparing.is_empty() && finishing.is_empty(),
        "outlived every aim: {preparing:?} {finishing:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_reconciler_that_dies_at_any_outgoing_call_loses_nothing_and_does_nothing_twice()
-> anyhow::Result<()> {
    let step = if wish::<String>("WALK")?.is_some_and(|walk| walk == "all") {
        1
    } else {
        SAMPLE
    };
    let world = world().await?;
    let mut landings = Landings::new(&world).await?;
    leave_to_the_reconciler(&world, &mut landings, 1).await?;
    world
        .set_faults(&json!({ "cold_starts": true, "rules": [lost_events()] }))
        .await?;
    let answer = world
        .invoke(RECONCILE, &json!({ "idle_seconds": 0, "loads": 1 }))
        .await?;
    ensure!(!answer.is_error, "{answer:?}");
    let counted = counted(&world, RECONCILE).await?;
    let calls = counted.into_iter().max().unwrap_or_default();
    let seed = seed()?;
    println!("{calls} calls, every {step}. of them, seed {seed}: make crash-walk SEED={seed}");
    let walk: Vec<u64> = (1 + seed % step as u64..=calls).step_by(step).collect();
    leave_to_the_reconciler(&world, &mut landings, walk.len() * MOMENTS.len()).await?;
    let mut killed = 0;
    for call in &walk {
        for moment in MOMENTS {
            killed += usize::from(kill_reconciling(&world, *call, moment).await?);
        }
    }
    // The last calls of the counted run are not those of every run.
    let most = walk.len() * MOMENTS.len();
    ensure!(killed * 10 >= most * 9, "{killed} of {most} reconcilers died");
    // What the dead ones held is free again when their time is over.
    let died = finish(&world, &landings).await?;
    println!("{}", died.reckoning);
    Ok(())
}
