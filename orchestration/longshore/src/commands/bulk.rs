//! `bulk load`: what lies below a prefix, into a table, once.

use chrono::{TimeDelta, Utc};
use longshore_app::{BulkLoad, BulkPlan, BulkReport, BulkRun, BulkTarget, Invocation};
use longshore_domain::rule::FileType;

use super::dry_run::Earnest;
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
    let earnest = Earnest::of(&hand);
    let operator = hand.operator();
    let invocation = Invocation {
        request_id: format!("bulk load by {}", hand.operator),
        deadline: Utc::now() + PATIENCE,
        trace: None,
    };
    let app = deployment.app().await?;
    let run = BulkRun {
        app: &app,
        invocation: &invocation,
        operator: &operator,
    };
    let progress = Progress::start(&format!("looking through {}", load.path));
    let plan = run.judge(&load).await?.map_err(input)?;
    if plan.is_empty() {
        let found = match plan.file_type() {
            FileType::Any => "lies there".to_owned(),
            FileType::None => "has a name without an extension".to_owned(),
            FileType::Extension(extension) => format!("ends with .{extension}"),
        };
        return Err(input(format!(
            "nothing below {} {found}; say with --extension what the files' names end with",
            load.path
        )));
    }
    let report = match earnest {
        Earnest::Done => run.carry_out(&plan).await?.map_err(input)?,
        Earnest::Told => run.look(&plan).await?,
    };
    drop(progress);
    report.errors.iter().for_each(note);
    show(&plan, &report, earnest, output)
}

fn wanted(arguments: BulkLoadArguments) -> (BulkLoad, HandArguments) {
    let load = BulkLoad {
        path: arguments.path,
        table: arguments.table,
        format: Some(arguments.format),
        extension: arguments.extension,
        columns: arguments.columns,
        merge_key: arguments.merge_key,
        merge_order: arguments.merge_order,
        target: arguments.target.map_or(BulkTarget::Own, BulkTarget::Numbered),
        fields: arguments.fields,
    };
    (load, arguments.hand)
}

fn show(
    plan: &BulkPlan,
    report: &BulkReport,
    earnest: Earnest,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    if output.is_json() {
        output.json(report)?;
        return Ok(ExitStatus::Done);
    }
    if !plan.steps.is_empty() {
        let rows = plan.steps.iter().flat_map(lines).collect();
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
        ("loaded", Some(report.loaded.to_string())),
        ("under way", Some(report.under_way.to_string())),
        ("failed", Some(report.failed.to_string())),
    ])?;
    if report.done {
        note(
            "The reconciler loads them from now on; at once: longshore reconcile --idle 0. See: longshore batch list",
        );
    }
    earnest.close();
    Ok(ExitStatus::Done)
}
