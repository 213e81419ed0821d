//! What the preparation of a file costs, printed.

use longshore_domain::matching::Match;
use longshore_domain::preparation::{InvocationsNeeded, Preparation, PreparationPlan, plan as plan_of};
use longshore_domain::rule::FileRule;
use serde_json::{Value, json};

use crate::output::Output;

/// The plan for a file of this length, when a sound rule takes it.
pub(super) fn plan(found: &Match<'_>, size_bytes: u64) -> Option<PreparationPlan> {
    let Match::One { row, .. } = found else {
        return None;
    };
    FileRule::from_row(row)
        .ok()
        .map(|rule| plan_of(&rule, size_bytes))
}

pub(super) fn json(plan: &PreparationPlan) -> Value {
    json!({
        "way": plan.way,
        "because": plan.because,
        "steps": plan.steps,
        "memory_bytes": plan.memory_bytes,
        "seconds": plan.seconds(),
        "dollars": plan.dollars(),
        "invocations": plan.invocations(),
        "redshift_splits_it": plan.redshift_splits_it,
        "parts": plan.parts,
    })
}

pub(super) fn show(plan: &PreparationPlan, output: Output) -> anyhow::Result<()> {
    let way = match plan.way {
        Preparation::AsItLies => "left where it lies, unread",
        Preparation::Checked => "read and counted, and loaded where it lies",
        Preparation::CutByRanges => "read and counted, and rewritten on the server's side",
        Preparation::Streamed => "read, and written again",
    };
    output.line(format!("It is {way}: {}.", plan.because))?;
    let rows: Vec<_> = plan
        .steps
        .iter()
        .map(|step| {
            vec![
                step.what.to_owned(),
                (step.reads + step.writes).to_string(),
                step.bytes_down.to_string(),
                step.bytes_up.to_string(),
                format!("{:.1}", step.seconds),
            ]
        })
        .collect();
    if !rows.is_empty() {
        output.table(&["step", "requests", "bytes down", "bytes up", "seconds"], rows)?;
    }
    output.line(format!(
        "{} {:.1} s, {} MiB of memory and ${:.6}.",
        match plan.way {
            Preparation::Streamed => "Side by side, about",
            Preparation::AsItLies | Preparation::Checked | Preparation::CutByRanges => "About",
        },
        plan.seconds(),
        plan.memory_bytes >> 20,
        plan.dollars()
    ))?;
    match plan.invocations() {
        InvocationsNeeded::One => {}
        InvocationsNeeded::Several => output.line(
            "That is longer than an invocation of a function may take (15 minutes): what is counted is kept, and the next one goes on.",
        )?,
        InvocationsNeeded::TooLong => output.line(
            "That is longer than an invocation of a function may take (15 minutes), and the next one would begin anew: the file would be refused. Ask for it in several files, or prepare it with longshore file prepare.",
        )?,
    }
    output.line(match (plan.redshift_splits_it, plan.parts) {
        (true, _) => "Redshift reads it by several slices at once: cutting it into parts would speed up nothing.".to_owned(),
        (false, 0 | 1) => "Redshift reads each such file by one slice: several would be loaded side by side.".to_owned(),
        (false, parts) => format!(
            "Redshift reads each such file by one slice, so its copy is cut into some {parts} parts, which are loaded side by side."
        ),
    })
}
