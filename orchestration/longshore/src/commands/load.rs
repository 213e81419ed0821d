//! `load list`, `load show` and `load timeline`.

use chrono::{DateTime, Utc};
use longshore_domain::load::LoadId;
use longshore_domain::rule::RuleId;
use longshore_store::{Load, LoadFilter, Store};
use serde_json::json;

use crate::cli::LoadCommand;
use crate::deployment::Deployment;
use crate::exit::{ExitStatus, input};
use crate::output::Output;

/// Carries out a `load` command.
pub(crate) async fn run(
    command: LoadCommand,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let store = deployment.store().await?;
    match command {
        LoadCommand::List { state, rule, limit } => {
            let filter = LoadFilter {
                state,
                rule: rule.map(RuleId),
                limit,
                ..LoadFilter::default()
            };
            list(&store.list_loads(&filter).await?, output)
        }
        LoadCommand::Show { id } => show(&store, id, output).await,
        LoadCommand::Timeline { id } => timeline(&store, id, output).await,
    }
}

fn list(loads: &[Load], output: Output) -> anyhow::Result<ExitStatus> {
    if output.is_json() {
        output.json(&loads)?;
        return Ok(ExitStatus::Done);
    }
    let rows = loads
        .iter()
        .map(|load| {
            vec![
                load.id.to_string(),
                file(load),
                load.state.to_string(),
                number(load.rows_loaded),
                load.table.as_ref().map(ToString::to_string).unwrap_or_default(),
                moment(load.received_at),
                load.error.clone().unwrap_or_default(),
            ]
        })
        .collect();
    output.table(
        &["load", "file", "state", "rows", "table", "received", "error"],
        rows,
    )?;
    Ok(ExitStatus::Done)
}

/// The file's name, and the record type of a part.
pub(crate) fn file(load: &Load) -> String {
    match &load.record_type {
        Some(record_type) => format!("{} [{record_type}]", load.file_name),
        None => load.file_name.clone(),
    }
}

/// A count, or nothing.
pub(crate) fn number(count: Option<u64>) -> String {
    count.map(|count| count.to_string()).unwrap_or_default()
}

/// A moment to the millisecond, in UTC.
pub(crate) fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

async fn find(store: &Store, id: LoadId) -> anyhow::Result<Load> {
    let load = store.load(id).await?;
    load.ok_or_else(|| input(format!("there is no load {id}; see: longshore load list")))
}

async fn show(store: &Store, id: LoadId, output: Output) -> anyhow::Result<ExitStatus> {
    let load = find(store, id).await?;
    let statements = store.statements(id).await?;
    let row_errors = store.row_errors(id).await?;
    let notices = store.notices(id).await?;
    let parts = store.children(id).await?;
    if output.is_json() {
        output.json(&json!({
            "load": load, "statements": statements, "row_errors": row_errors, "notices": notices, "parts": parts,
        }))?;
        return Ok(ExitStatus::Done);
    }
    output.facts(&facts(&load))?;
    if !parts.is_empty() {
        output.line("\nparts")?;
        list(&parts, output)?;
    }
    if !statements.is_empty() {
        output.line("\nstatements")?;
        let rows = statements
            .iter()
            .map(|statement| {
                vec![
                    statement.kind.to_string(),
                    statement.attempt.to_string(),
                    statement.state.as_str().to_owned(),
                    statement.statement_id.clone().unwrap_or_default(),
                    statement
                        .failed_step
                        .map(|step| step.to_string())
                        .unwrap_or_default(),
                    statement.error.clone().unwrap_or_default(),
                ]
            })
            .collect();
        output.table(
            &["for", "try", "state", "statement id", "failed step", "error"],
            rows,
        )?;
    }
    if !row_errors.is_empty() {
        output.line("\nrows that the warehouse refused")?;
        let rows = row_errors
            .iter()
            .map(|error| {
                vec![
                    error.line_number.to_string(),
                    error.column_name.clone(),
                    error.error_message.clone(),
                    error.raw_line.clone().unwrap_or_default(),
                ]
            })
            .collect();
        output.table(&["line", "column", "error", "the line"], rows)?;
    }
    if !notices.is_empty() {
        output.line("\nmessages")?;
        let rows = notices
            .iter()
            .map(|notice| {
                let sent = notice.sent_at.map_or_else(|| "not yet".to_owned(), moment);
                vec![notice.message.subject.clone(), sent, notice.attempts.to_string()]
            })
            .collect();
        output.table(&["subject", "sent", "tries"], rows)?;
    }
    Ok(ExitStatus::Done)
}

fn facts(load: &Load) -> Vec<(&'static str, Option<String>)> {
    let count = |count: Option<u64>| count.map(|count| count.to_string());
    let at = |at: Option<DateTime<Utc>>| at.map(moment);
    vec![
        ("load", Some(load.id.to_string())),
        ("part of", load.parent.map(|parent| parent.to_string())),
        ("state", Some(load.state.to_string())),
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
        ("rule", load.rule.map(|rule| rule.to_string())),
        ("table", load.table.as_ref().map(ToString::to_string)),
        ("records in the file", count(load.rows_expected)),
        ("rows loaded", count(load.rows_loaded)),
        ("rows rejected", count(load.rows_rejected)),
        ("archived as", load.archived_key.as_ref().map(ToString::to_string)),
        (
            "error",
            load.error
                .as_ref()
                .map(|error| format!("{}: {error}", load.error_code.as_deref().unwrap_or_default())),
        ),
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

/// Until when a load waits, and for what.
fn waiting(load: &Load) -> String {
    let until = load.due_at.map(moment).unwrap_or_default();
    match &load.waits_for {
        Some(warehouse) => format!("{until}, or until {warehouse} is back"),
        None => until,
    }
}

async fn timeline(store: &Store, id: LoadId, output: Output) -> anyhow::Result<ExitStatus> {
    let load = find(store, id).await?;
    let history = store.history(id).await?;
    if output.is_json() {
        output.json(&history)?;
        return Ok(ExitStatus::Done);
    }
    let mut before = history.first().map(|change| change.at).unwrap_or_default();
    let mut rows = Vec::with_capacity(history.len());
    for change in &history {
        let after = change.at - before;
        rows.push(vec![
            moment(change.at),
            format!("+{} ms", after.num_milliseconds()),
            change.to.to_string(),
            change.note.clone().unwrap_or_default(),
            change.actor.clone(),
        ]);
        before = change.at;
    }
    if load.due_at.is_some() {
        let note = load.retry.error.clone().unwrap_or_default();
        rows.push(vec![
            waiting(&load),
            String::new(),
            "due".to_owned(),
            note,
            String::new(),
        ]);
    }
    output.table(&["at", "after", "state", "note", "by"], rows)?;
    Ok(ExitStatus::Done)
}
