//! `load list`, `load show` and `load timeline`; what is done by hand is in [`by_hand`].

use chrono::{DateTime, Utc};
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::rule::RuleId;
use longshore_store::{FollowUpStep, Load, LoadFilter, StatementState, Store, follow_up_steps};
use serde_json::json;

use super::by_hand;
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
    let store = || deployment.store();
    match command {
        LoadCommand::List { state, rule, limit } => {
            let filter = LoadFilter {
                state,
                rule: rule.map(RuleId),
                limit,
                ..LoadFilter::default()
            };
            list(&store().await?.list_loads(&filter).await?, output)
        }
        LoadCommand::Show { id } => show(&store().await?, id, output).await,
        LoadCommand::Timeline { id } => timeline(&store().await?, id, output).await,
        LoadCommand::Replay(arguments) => by_hand::replay(arguments, deployment, output).await,
        LoadCommand::Cancel(arguments) => by_hand::cancel(arguments, deployment, output).await,
        LoadCommand::Release(arguments) => by_hand::release(arguments, deployment, output).await,
        LoadCommand::Skip(arguments) => by_hand::skip(arguments, deployment, output).await,
        LoadCommand::FollowUp(arguments) => by_hand::follow_up(arguments, deployment, output).await,
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

/// The file's name, and the record type of a part or the target of a delivery.
pub(crate) fn file(load: &Load) -> String {
    match (&load.record_type, &load.target) {
        (Some(record_type), _) => format!("{} [{record_type}]", load.file_name),
        (None, Some(target)) => format!("{} → {target}", load.file_name),
        (None, None) => load.file_name.clone(),
    }
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

/// A count, or nothing.
pub(crate) fn number(count: Option<u64>) -> String {
    count.map(|count| count.to_string()).unwrap_or_default()
}

/// A moment to the millisecond, in UTC.
pub(crate) fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

/// A load that the operator named.
pub(crate) async fn find(store: &Store, id: LoadId) -> anyhow::Result<Load> {
    let load = store.load(id).await?;
    load.ok_or_else(|| input(format!("there is no load {id}; see: longshore load list")))
}

/// Everything about a load.
pub(crate) async fn show(store: &Store, id: LoadId, output: Output) -> anyhow::Result<ExitStatus> {
    let load = find(store, id).await?;
    let statements = store.statements(id).await?;
    let steps = follow_up_steps(&statements);
    let row_errors = store.row_errors(id).await?;
    let notices = store.notices(id).await?;
    let parts = store.children(id).await?;
    let operations = store.operations(id).await?;
    if output.is_json() {
        output.json(&json!({
            "load": load, "statements": statements, "row_errors": row_errors, "notices": notices, "parts": parts,
            "operations": operations, "follow_up_steps": steps,
        }))?;
        return Ok(ExitStatus::Done);
    }
    output.facts(&facts(&load))?;
    if !parts.is_empty() {
        output.line(match load.deliveries {
            Some(_) => "\ndeliveries",
            None => "\nparts",
        })?;
        list(&parts, output)?;
    }
    if !statements.is_empty() {
        output.line("\nstatements")?;
        let rows = statements
            .iter()
            .map(|statement| {
                let kind = statement.kind;
                vec![
                    statement
                        .chain_step
                        .map_or_else(|| kind.to_string(), |step| format!("{kind} step {step}")),
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
    if !steps.is_empty() {
        output.line("\nsteps of the follow-up")?;
        let rows = steps.iter().map(step_row).collect();
        output.table(&["step", "state", "tries", "rows", "took", "error"], rows)?;
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
    if !operations.is_empty() {
        output.line("\nby hand")?;
        let rows = operations
            .iter()
            .map(|done| {
                vec![
                    moment(done.at),
                    done.operation.as_str().to_owned(),
                    done.operator.clone(),
                    done.reason.clone(),
                    done.note.clone().unwrap_or_default(),
                ]
            })
            .collect();
        output.table(&["at", "what", "by", "why", "note"], rows)?;
    }
    Ok(ExitStatus::Done)
}

fn facts(load: &Load) -> Vec<(&'static str, Option<String>)> {
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

/// Until when a load waits, and for what.
fn waiting(load: &Load) -> String {
    let until = load.due_at.map(moment).unwrap_or_default();
    match &load.waits_for {
        Some(rule) if rule.starts_with("rule ") => format!("{rule} is resumed"),
        Some(table) if table.starts_with("table ") => {
            format!("{until}, or until fewer loads of {table} are under way")
        }
        Some(warehouse) => format!("{until}, or until {warehouse} is back"),
        None => until,
    }
}

async fn timeline(store: &Store, id: LoadId, output: Output) -> anyhow::Result<ExitStatus> {
    let load = find(store, id).await?;
    let history = store.history(id).await?;
    let operations = store.operations(id).await?;
    if output.is_json() {
        let changes = history.iter().map(|change| (change.at, json!(change)));
        let by_hand = operations.iter().map(|done| (done.at, json!(done)));
        let mut all: Vec<_> = changes.chain(by_hand).collect();
        all.sort_by_key(|(at, _)| *at);
        let all: Vec<_> = all.into_iter().map(|(_, entry)| entry).collect();
        output.json(&all)?;
        return Ok(ExitStatus::Done);
    }
    let changes = history.iter().map(|change| {
        let note = change.note.clone().unwrap_or_default();
        (change.at, change.to.to_string(), note, change.actor.clone())
    });
    let by_hand = operations.iter().map(|done| {
        let what = format!("({})", done.operation.as_str());
        (done.at, what, done.reason.clone(), done.operator.clone())
    });
    let mut all: Vec<_> = changes.chain(by_hand).collect();
    all.sort_by_key(|(at, ..)| *at);
    let mut before = all.first().map(|(at, ..)| *at).unwrap_or_default();
    let mut rows = Vec::with_capacity(all.len());
    for (at, what, note, by) in all {
        let after = at - before;
        rows.push(vec![
            moment(at),
            format!("+{} ms", after.num_milliseconds()),
            what,
            note,
            by,
        ]);
        before = at;
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
