//! `backfill`: what lies in a bucket under a rule and was never loaded.

use chrono::{TimeDelta, Utc};
use longshore_app::{Backfill, BackfillMode, BackfillReport, Invocation};
use longshore_domain::rule::RuleId;

use super::dry_run::Earnest;
use crate::cli::BackfillArguments;
use crate::deployment::Deployment;
use crate::exit::{ExitStatus, input};
use crate::output::{Output, Progress, note};

/// The operator's own pass has no other end than that of the listing.
const PATIENCE: TimeDelta = TimeDelta::days(1);

/// Looks for the files of a rule that were never loaded, and with `--yes` puts them on the ledger.
pub(crate) async fn run(
    arguments: BackfillArguments,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let hand = arguments.hand;
    let earnest = Earnest::of(&hand);
    let mode = match earnest {
        Earnest::Done => BackfillMode::Record,
        Earnest::Told => BackfillMode::Look,
    };
    let backfill = Backfill {
        rule: RuleId(arguments.rule),
        place: arguments.prefix,
        since: arguments.since,
        until: arguments.until,
        file_type: None,
        limit: arguments.limit,
        why: hand.why,
    };
    let invocation = Invocation {
        request_id: format!("backfill by {}", hand.operator),
        deadline: Utc::now() + PATIENCE,
        trace: None,
    };
    let app = deployment.app().await?;
    let progress = Progress::start(&format!("looking through {}", backfill.place));
    let report = backfill.run(&app, &invocation, mode).await?.map_err(input)?;
    drop(progress);
    match output.is_json() {
        true => output.json(&report)?,
        false => show(&report, mode, output)?,
    }
    earnest.close();
    if earnest.is_done() && report.recorded > 0 {
        note("The reconciler takes them up from now on; at once: longshore reconcile --idle 0");
    }
    Ok(match report.errors.is_empty() {
        true => ExitStatus::Done,
        false => ExitStatus::Failure,
    })
}

fn show(report: &BackfillReport, mode: BackfillMode, output: Output) -> anyhow::Result<()> {
    let recorded = (mode == BackfillMode::Record).then(|| report.recorded.to_string());
    let more = (!report.is_through).then(|| "yes; raise --limit, or do it again afterwards".to_owned());
    output.facts(&[
        ("objects seen", Some(report.seen.to_string())),
        ("never loaded", Some(report.missing.to_string())),
        ("their bytes", Some(report.bytes.to_string())),
        ("put on the ledger", recorded),
        ("perhaps more", more),
    ])?;
    for key in &report.first_keys {
        output.line(format!("  {key}"))?;
    }
    let named = report.first_keys.len() as u64;
    if report.missing > named {
        output.line(format!("  … and {} more", report.missing - named))?;
    }
    for error in &report.errors {
        note(error);
    }
    Ok(())
}
