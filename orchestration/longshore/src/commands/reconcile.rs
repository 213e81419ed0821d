//! `reconcile`.

use chrono::{DateTime, TimeDelta, Utc};
use longshore_app::{App, Invocation, Reconcile, ReconcileLimits, ReconcileReport};
use uuid::Uuid;

use super::marker;
use crate::cli::ReconcileArguments;
use crate::deployment::Deployment;
use crate::exit::ExitStatus;
use crate::output::{Output, Progress};

/// Leases taken by a person end by themselves after this long.
const PATIENCE: TimeDelta = TimeDelta::minutes(15);
/// Ids that a line of the table shows.
const SHOWN: usize = 5;

/// Carries on what stands still until nothing is left to do, or one slice of it, and says what became of it.
pub(crate) async fn run(
    arguments: ReconcileArguments,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let app = deployment.app().await?;
    let limits = limits(&arguments, Utc::now());
    let progress = Progress::start("looking at what stands still");
    let mut report = slice(&app, limits).await?;
    let mut moved = report.moved_something();
    while moved && !arguments.once {
        progress.step(format!("carried {} loads on so far", report.carried_on.len()));
        let next = slice(&app, limits).await?;
        moved = next.moved_something();
        report.add(next);
    }
    drop(progress);
    if output.is_json() {
        output.json(&report)?;
    } else {
        show(&report, output)?;
    }
    Ok(if report.is_well() {
        ExitStatus::Done
    } else {
        ExitStatus::Failure
    })
}

fn limits(arguments: &ReconcileArguments, began: DateTime<Utc>) -> ReconcileLimits {
    let usual = ReconcileLimits::default();
    let idle = |usual| {
        arguments
            .idle
            .map_or(usual, |seconds| TimeDelta::seconds(seconds.into()))
    };
    ReconcileLimits {
        idle: idle(usual.idle),
        unannounced_after: idle(usual.unannounced_after),
        loads: arguments.limit,
        passes_since: Some(began),
        ..usual
    }
}

async fn slice(app: &App, limits: ReconcileLimits) -> anyhow::Result<ReconcileReport> {
    let invocation = Invocation {
        request_id: format!("longshore/{}", Uuid::now_v7()),
        deadline: Utc::now() + PATIENCE,
        trace: None,
    };
    let reconcile = Reconcile {
        app,
        invocation: &invocation,
        limits,
    };
    Ok(reconcile.run().await?)
}

fn show(report: &ReconcileReport, output: Output) -> anyhow::Result<()> {
    let mut rows = vec![];
    rows.extend(of_snapshots(report));
    rows.extend(of_loads(report));
    rows.extend(of_late_files(report));
    rows.extend(of_messages(report));
    rows.extend(of_listings(report));
    rows.extend(of_comparisons(report));
    output.table(&["what", "how many", "which, or why"], rows)?;
    if report.differences.is_empty() {
        return Ok(());
    }
    output.line("\nwhere the ledger and the markers differ")?;
    marker::show(&report.differences, output)
}

fn of_snapshots(report: &ReconcileReport) -> Vec<Vec<String>> {
    let line = |run: &longshore_app::SnapshotRun| {
        let place = format!("{} of rule {}", run.table, run.rule);
        match (&run.load, &run.error) {
            (Some(load), _) => row("snapshot started", 1, format!("{place}: load {load}")),
            (None, Some(error)) => row("snapshot in vain", 1, format!("{place}: {error}")),
            (None, None) => row("snapshot looked for", 1, format!("{place}: nothing new")),
        }
    };
    report.snapshots.iter().map(line).collect()
}

fn of_loads(report: &ReconcileReport) -> Vec<Vec<String>> {
    let mut rows = vec![
        row("batches made", report.batches_made, String::new()),
        row(
            "loads carried on",
            report.carried_on.len(),
            some(&report.carried_on),
        ),
        row(
            "loads whose statement is running",
            report.running.len(),
            some(&report.running),
        ),
    ];
    if !report.waiting.is_empty() {
        rows.push(row(
            "loads that wait",
            report.waiting.len(),
            some(&report.waiting),
        ));
    }
    if !report.elsewhere.is_empty() {
        rows.push(row(
            "loads at work elsewhere",
            report.elsewhere.len(),
            some(&report.elsewhere),
        ));
    }
    for (buffer, why) in &report.buffers_failed {
        rows.push(row("batch in vain", 1, format!("buffer {buffer}: {why}")));
    }
    for (load, why) in &report.failed {
        rows.push(row("load in vain", 1, format!("{load}: {why}")));
    }
    rows
}

fn of_late_files(report: &ReconcileReport) -> Vec<Vec<String>> {
    let lines = [
        ("times without their files", report.late),
        ("times whose files came late", report.arrived_late),
    ];
    let found = lines.into_iter().filter(|(_, how_many)| *how_many > 0);
    found
        .map(|(what, how_many)| row(what, how_many, "longshore late list".to_owned()))
        .collect()
}

fn of_messages(report: &ReconcileReport) -> Vec<Vec<String>> {
    let mut rows = vec![row("messages sent late", report.notices_sent, String::new())];
    for unsent in &report.unsent {
        let why = format!(
            "to {} since {}: {}",
            unsent.topic_arn, unsent.since, unsent.last_error
        );
        rows.push(row("messages that wait", unsent.messages, why));
    }
    rows
}

fn of_listings(report: &ReconcileReport) -> Vec<Vec<String>> {
    let mut rows = vec![];
    for listing in &report.listings {
        let extent = if listing.is_through { "all of" } else { "part of" };
        rows.push(row(
            "objects listed",
            listing.seen,
            format!("{extent} {}", listing.prefix),
        ));
        rows.push(row(
            "objects that no event announced",
            listing.announced,
            listing.prefix.clone(),
        ));
        if listing.tried_again > 0 {
            let why = "of them refused before; their rules are mended".to_owned();
            rows.push(row("objects tried again", listing.tried_again, why));
        }
        if listing.unreadable > 0 {
            let why = "their keys hold U+0000, which the ledger cannot; rename them".to_owned();
            rows.push(row("objects passed over", listing.unreadable, why));
        }
        for error in &listing.errors {
            rows.push(row("objects not listed", "", error.clone()));
        }
    }
    rows
}

fn of_comparisons(report: &ReconcileReport) -> Vec<Vec<String>> {
    let line = |comparison: &longshore_app::ComparisonReport| {
        let extent = if comparison.is_through {
            "all of"
        } else {
            "part of"
        };
        let why = match &comparison.error {
            Some(error) => format!("{}: {error}", comparison.table),
            None => format!("{extent} {}", comparison.table),
        };
        row("markers compared", comparison.compared, why)
    };
    report.comparisons.iter().map(line).collect()
}

fn row(what: &str, how_many: impl ToString, which: String) -> Vec<String> {
    vec![what.to_owned(), how_many.to_string(), which]
}

/// The first few ids.
fn some(loads: &[impl ToString]) -> String {
    let shown: Vec<String> = loads.iter().take(SHOWN).map(ToString::to_string).collect();
    let more = if loads.len() > SHOWN { " …" } else { "" };
    format!("{}{more}", shown.join(" "))
}
