//! `late list`: times at which too few files had come, and whether they came after all.

use chrono::{DateTime, Utc};
use longshore_domain::rule::RuleId;
use longshore_domain::time_zone::TimeZone;
use longshore_store::{Expectation, LatePeriod};

use crate::cli::{LateCommand, LateListArguments};
use crate::commands::cells::moment;
use crate::deployment::Deployment;
use crate::exit::ExitStatus;
use crate::output::Output;

/// Carries out a `late` command.
pub(crate) async fn run(
    command: LateCommand,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let LateCommand::List(LateListArguments { rule, limit }) = command;
    let store = deployment.store().await?;
    let late = store.late_periods(rule.map(RuleId), limit).await?;
    match output.is_json() {
        true => output.json(&late)?,
        false => show(&late, output)?,
    }
    Ok(ExitStatus::Done)
}

/// Late times, as a table.
pub(super) fn show(late: &[LatePeriod], output: Output) -> anyhow::Result<()> {
    let row = |late: &LatePeriod| {
        vec![
            late.rule.to_string(),
            format!("{} ({})", late.interface_name, late.interface_id),
            told(late.expected_at, late.zone),
            told(late.grace_until, late.zone),
            format!("{} of {}", late.arrived_files, late.expected_files),
            late.state.as_str().to_owned(),
            late.arrived_at.map(|at| told(at, late.zone)).unwrap_or_default(),
            newest(late),
        ]
    };
    output.table(
        &[
            "rule",
            "interface",
            "expected by",
            "waited until",
            "came",
            "state",
            "since",
            "newest file then",
        ],
        late.iter().map(row).collect(),
    )
}

/// When files of a rule are expected, and when it is looked next whether they came.
pub(super) fn next(expectation: &Expectation) -> String {
    let by = format!(
        "{} ({})",
        expectation.schedule,
        expectation.timezone.as_deref().unwrap_or("UTC")
    );
    match expectation.next_at {
        _ if !expectation.in_operation => format!("{by}; the rule is paused or off"),
        Some(next_at) => format!("{by}; judged next: {}", moment(next_at)),
        None => format!("{by}; it begins within a minute"),
    }
}

fn told(at: DateTime<Utc>, zone: TimeZone) -> String {
    format!("{} {zone}", at.with_timezone(&zone).format("%Y-%m-%d %H:%M"))
}

fn newest(late: &LatePeriod) -> String {
    let newest = late.newest();
    newest
        .map(|newest| format!("{}, {}", newest.name, told(newest.at, late.zone)))
        .unwrap_or_default()
}
