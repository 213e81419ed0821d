//! `load show`: everything about a load.

use chrono::{DateTime, Utc};
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::rule::RuleId;
use longshore_store::{
    FollowUpStep, Load, Notice, Operation, RowError, Statement, StatementState, Store, follow_up_steps,
};
use serde_json::json;

use super::super::cells::{fault, file, moment, number, waiting};
use super::{Sequels, find};
use crate::exit::ExitStatus;
use crate::output::Output;

/// Prints a load with all that hangs on it.
pub(crate) async fn show(store: &Store, id: LoadId, output: Output) -> anyhow::Result<ExitStatus> {
    let load = find(store, id).await?;
    let statements = store.statements(id).await?;
    let steps = follow_up_steps(&statements);
    let row_errors = store.row_errors(id).await?;
    let notices = store.notices(id).await?;
    let parts = store.children(id).await?;
    let operations = store.operations(id).await?;
    let own = Sequels::of(std::slice::from_ref(&load), store).await?;
    let sequels = Sequels::of(&parts, store).await?;
    if output.is_json() {
        output.json(&json!({
            "load": load, "fault": fault(&load), "outcome": own.get(&load), "statements": statements, "row_errors": row_errors,
            "notices": notices, "parts": sequels.told(&parts), "operations": operations, "follow_up_steps": steps,
        }))?;
        return Ok(ExitStatus::Done);
    }
    let children = match load.deliveries {
        Some(_) => "deliveries",
        None => "parts",
    };
    output.facts(&facts(&load, own.outcome(&load)))?;
    output.section(children, &super::HEADER, sequels.rows(&parts))?;
    output.section(
        "statements",
        &["for", "try", "state", "statement id", "failed step", "error"],
        statements
            .iter()
            .map(|statement| statement_row(statement, &statements))
            .collect(),
    )?;
    output.section(
        "steps of the follow-up",
        &["step", "state", "tries", "rows", "took", "error"],
        steps.iter().map(step_row).collect(),
    )?;
    output.section(
        "rows that the warehouse refused",
        &["file", "line", "column", "error", "the line"],
        row_errors.iter().map(refused_row).collect(),
    )?;
    output.section(
        "messages",
        &["subject", "sent", "tries"],
        notices.iter().map(notice_row).collect(),
    )?;
    output.section(
        "by hand",
        &["at", "what", "by", "why", "note"],
        operations.iter().map(operation_row).collect(),
    )?;
    Ok(ExitStatus::Done)
}

/// How often what it does was tried by then. Attempts are counted over all steps of a chain, tries of each by itself.
fn tries(statement: &Statement, all: &[Statement]) -> usize {
    let is_earlier = |other: &&Statement| {
        (other.kind, other.chain_step) == (statement.kind, statement.chain_step)
            && other.attempt <= statement.attempt
    };
    all.iter().filter(is_earlier).count()
}

fn statement_row(statement: &Statement, all: &[Statement]) -> Vec<String> {
    let kind = statement.kind;
    let step = statement.failed_step;
    vec![
        statement
            .chain_step
            .map_or_else(|| kind.to_string(), |step| format!("{kind} step {step}")),
        tries(statement, all).to_string(),
        statement.state.as_str().to_owned(),
        statement.statement_id.clone().unwrap_or_default(),
        step.map(|step| step.to_string()).unwrap_or_default(),
        statement.error.clone().unwrap_or_default(),
    ]
}

fn step_row(step: &FollowUpStep) -> Vec<String> {
    let state = step.state.map_or("not_run", StatementState::as_str);
    let took = step.duration_ms.map(|took| format!("{took} ms"));
    vec![
        step.step.to_string(),
        state.to_owned(),
        step.attempts.to_string(),
        number(step.rows),
        took.unwrap_or_default(),
        step.error.clone().unwrap_or_default(),
    ]
}

fn refused_row(error: &RowError) -> Vec<String> {
    vec![
        error.file_name.clone(),
        error.line_number.to_string(),
        error.column_name.clone(),
        error.error_message.clone(),
        error.raw_line.clone().unwrap_or_default(),
    ]
}

fn notice_row(notice: &Notice) -> Vec<String> {
    let sent = notice.sent_at.map_or_else(|| "not yet".to_owned(), moment);
    vec![notice.message.subject.clone(), sent, notice.attempts.to_string()]
}

fn operation_row(done: &Operation) -> Vec<String> {
    vec![
        moment(done.at),
        done.operation.as_str().to_owned(),
        done.operator.clone(),
        done.reason.clone(),
        done.note.clone().unwrap_or_default(),
    ]
}

fn facts(load: &Load, outcome: Option<String>) -> Vec<(&'static str, Option<String>)> {
    let count = |count: Option<u64>| count.map(|count| count.to_string());
    let at = |at: Option<DateTime<Utc>>| at.map(moment);
    vec![
        ("load", Some(load.id.to_string())),
        ("trace", load.trace.as_ref().map(ToString::to_string)),
        ("part of", load.parent.map(|parent| parent.to_string())),
        ("target", load.target.clone()),
        ("batch", load.batch.map(|batch| batch.to_string())),
        (
            "waits in buffer",
            load.buffer
                .filter(|_| is_waiting(load))
                .map(|buffer| buffer.to_string()),
        ),
        ("carries", load.batch_files.map(|_| file(load))),
        ("replays", load.replays.map(|replayed| replayed.to_string())),
        ("replaces", listed(&load.replaces)),
        ("state", Some(load.state.to_string())),
        ("outcome", outcome),
        ("file", Some(file(load))),
        ("object", Some(load.object.url())),
        ("version", load.object.version.clone()),
        ("bytes", Some(load.object.size_bytes.to_string())),
        (
            "interface",
            load.interface
                .as_ref()
                .map(|interface| format!("{} ({})", interface.name, interface.id)),
        ),
        ("rule", load.rule.map(|rule| under(rule, load.rule_version))),
        ("table", load.table.as_ref().map(ToString::to_string)),
        ("records in the file", count(load.rows_expected)),
        ("rows loaded", count(load.rows_loaded)),
        ("rows rejected", count(load.rows_rejected)),
        ("read from", load.read_key.as_ref().map(ToString::to_string)),
        ("archived as", load.archived_key.as_ref().map(ToString::to_string)),
        ("error", fault(load)),
        (
            "remarks",
            (!load.remarks.is_empty()).then(|| load.remarks.join("; ")),
        ),
        ("waits until", load.due_at.map(|_| waiting(load))),
        (
            "failed tries",
            (load.retry.tries > 0).then(|| load.retry.tries.to_string()),
        ),
        (
            "last failure",
            load.retry.error.clone().filter(|_| load.finished_at.is_none()),
        ),
        ("received", Some(moment(load.received_at))),
        ("prepared", at(load.prepared_at)),
        ("submitted", at(load.submitted_at)),
        ("loaded", at(load.loaded_at)),
        ("concluded", at(load.concluded_at)),
    ]
}

fn is_waiting(load: &Load) -> bool {
    load.state == LoadState::Batched && load.batch.is_none()
}

/// A rule and the version of it that counted.
fn under(rule: RuleId, version: Option<i32>) -> String {
    match version {
        Some(version) => format!("{rule}, version {version}"),
        None => rule.to_string(),
    }
}

fn listed(loads: &[LoadId]) -> Option<String> {
    let loads: Vec<_> = loads.iter().map(ToString::to_string).collect();
    (!loads.is_empty()).then(|| loads.join(", "))
}
