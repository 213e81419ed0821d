//! `bulk load`: what lies below a prefix, into a table, once.

use chrono::{TimeDelta, Utc};
use longshore_app::rules::change::Meant;
use longshore_app::{BulkLoad, BulkReport, BulkRun, Invocation};
use longshore_store::Operator;

use super::rule::change::lines;
use crate::cli::{BulkCommand, BulkLoadArguments, HandArguments};
use crate::deployment::Deployment;
use crate::exit::{ExitStatus, input};
use crate::output::{Output, Progress, note};

/// The pass through the prefix has no other end than that of the listing.
const PATIENCE: TimeDelta = TimeDelta::days(1);

/// Carries out a `bulk` command.
pub(crate) async fn run(
    command: BulkCommand,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let BulkCommand::Load(arguments) = command;
    let (load, hand) = wanted(arguments);
    let operator = Operator {
        name: hand.operator.clone(),
        reason: hand.why.clone(),
    };
    let invocation = Invocation {
        request_id: format!("bulk load by {}", hand.operator),
        deadline: Utc::now() + PATIENCE,
    };
    let app = deployment.app().await?;
    let run = BulkRun {
        app: &app,
        invocation: &invocation,
        operator: &operator,
        meant: match hand.yes {
            true => Meant::ToStay,
            false => Meant::ToBeSeen,
        },
    };
    let progress = Progress::start(&format!("looking through {}", load.path));
    let report = run.run(&load).await?.map_err(input)?;
    drop(progress);
    report.errors.iter().for_each(note);
    show(&report, output)
}

fn wanted(arguments: BulkLoadArguments) -> (BulkLoad, HandArguments) {
    let load = BulkLoad {
        path: arguments.path,
        table: arguments.table,
        format: arguments.format,
        extension: arguments.extension,
        columns: arguments.columns,
        merge_key: arguments.merge_key,
        merge_order: arguments.merge_order,
        target: arguments.target,
        fields: arguments.fields,
    };
    (load, arguments.hand)
}

fn show(report: &BulkReport, output: Output) -> anyhow::Result<ExitStatus> {
    if output.is_json() {
        output.json(report)?;
        return Ok(ExitStatus::Done);
    }
    if !report.steps.is_empty() {
        let rows = report.steps.iter().flat_map(lines).collect();
        output.table(&["what", "is", "field", "from", "to"], rows)?;
    }
    let count = |count: u64| report.done.then(|| count.to_string());
    output.facts(&[
        ("rule", report.rule.map(|rule| rule.to_string())),
        ("files", Some(report.files.to_string())),
        ("bytes", Some(report.bytes.to_string())),
        ("batches", Some(report.batches.to_string())),
        ("put on the ledger", count(report.recorded)),
        ("tried again", count(report.again)),
    ])?;
    match report.done {
        true => note(
            "The reconciler loads them from now on; at once: longshore reconcile. See: longshore batch list",
        ),
        false => note("Nothing was done; say --yes to do it."),
    }
    Ok(ExitStatus::Done)
}
