//! `snapshot list`: the tables of snapshot rules with a schedule.

use chrono::Utc;
use longshore_domain::rule::RuleId;
use longshore_domain::snapshot::DataDate;
use longshore_store::{SnapshotOutcome, SnapshotStanding};

use crate::cli::SnapshotListArguments;
use crate::commands::cells::moment;
use crate::deployment::Deployment;
use crate::exit::ExitStatus;
use crate::output::Output;

/// Carries out `snapshot list`.
pub(super) async fn run(
    arguments: &SnapshotListArguments,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let store = deployment.store().await?;
    let standings = store
        .snapshot_standings(arguments.rule.map(RuleId), arguments.limit)
        .await?;
    match output.is_json() {
        true => output.json(&standings)?,
        false => show(&standings, output)?,
    }
    Ok(ExitStatus::Done)
}

/// How tables stand, as a table.
pub(in crate::commands) fn show(standings: &[SnapshotStanding], output: Output) -> anyhow::Result<()> {
    let row = |standing: &SnapshotStanding| {
        vec![
            standing.rule.to_string(),
            standing.table.clone(),
            standing.schedule.clone(),
            next(standing),
            standing.ended_at.map(moment).unwrap_or_default(),
            outcome(standing),
            standing
                .data_date
                .map(|date| DataDate::of(date).to_string())
                .unwrap_or_default(),
            standing.load.map(|load| load.to_string()).unwrap_or_default(),
            standing.error.clone().unwrap_or_default(),
        ]
    };
    output.table(
        &[
            "rule",
            "table",
            "schedule",
            "next run",
            "last run",
            "came of it",
            "newest data",
            "last load",
            "error",
        ],
        standings.iter().map(row).collect(),
    )
}

fn next(standing: &SnapshotStanding) -> String {
    if !standing.in_operation {
        "none: the rule is paused or off".to_owned()
    } else if standing.due_at <= Utc::now() {
        "within a minute".to_owned()
    } else {
        moment(standing.due_at)
    }
}

fn outcome(standing: &SnapshotStanding) -> String {
    match standing.outcome {
        None => String::new(),
        Some(SnapshotOutcome::NothingNew) => "nothing new".to_owned(),
        Some(SnapshotOutcome::Failed) => format!("failed, {} in a row", standing.failures),
        Some(SnapshotOutcome::Started) => match standing.load_state {
            Some(state) => format!("load {state}"),
            None => "load started".to_owned(),
        },
    }
}
