//! `batch list`, `batch show` and `batch flush`; the other commands do to files what the `load` commands do.

use anyhow::Context;
use chrono::{DateTime, Utc};
use longshore_app::{App, set_lacks};
use longshore_domain::load::LoadId;
use longshore_domain::rule::RuleId;
use longshore_store::{BatchStanding, Buffer, BufferId, Load, LoadFilter, Store, WaitingSet};
use serde::Serialize;
use serde_json::json;

use super::by_hand;
use super::cells::{coded, fault, file, moment, number};
use super::dry_run::Earnest;
use super::ids::batch_id;
use super::load::Sequels;
use crate::cli::{
    BatchCommand, BatchListArguments, ByHandArguments, DeleteArguments, FlushArguments, IdArgument,
    ReplayArguments, ReprocessArguments,
};
use crate::deployment::Deployment;
use crate::exit::{ExitStatus, input};
use crate::output::{Output, note};

/// More waiting files than this are not listed.
const MOST_WAITING: u32 = 10_000;

/// Carries out a `batch` command.
pub(crate) async fn run(
    command: BatchCommand,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    match command {
        BatchCommand::List(arguments) => list(&deployment.app().await?, &arguments, output).await,
        BatchCommand::Show { id } => show(&deployment.store().await?, &id, output).await,
        BatchCommand::Flush(arguments) => flush(&deployment.store().await?, &arguments, output).await,
        BatchCommand::Release(arguments) => by_hand::release(arguments, deployment, output).await,
        BatchCommand::Reprocess(arguments) => reprocess(arguments, deployment, output).await,
        BatchCommand::Delete(arguments) => delete(arguments, deployment, output).await,
    }
}

async fn list(app: &App, arguments: &BatchListArguments, output: Output) -> anyhow::Result<ExitStatus> {
    let store = &app.store;
    let rule = arguments.rule.map(RuleId);
    let waiting = store.buffers(rule).await?;
    let sets = match rule {
        None => sets(app).await?,
        // A set is of several rules.
        Some(_) => vec![],
    };
    let filter = LoadFilter {
        state: arguments.state,
        rule,
        since: arguments.since,
        until: arguments.until,
        limit: arguments.limit,
        ..LoadFilter::default()
    };
    let batches = store.batches(&filter).await?;
    if output.is_json() {
        output.json(&json!({ "waiting": waiting, "sets": sets, "batches": batches }))?;
        return Ok(ExitStatus::Done);
    }
    if !waiting.is_empty() {
        output.line("waiting")?;
        list_waiting(&waiting, output)?;
        output.line("")?;
    }
    if !sets.is_empty() {
        output.line("sets that are not whole")?;
        let rows = sets.iter().map(Set::row).collect();
        output.table(&["buffer", "group", "set", "files", "since", "lacks"], rows)?;
        output.line("")?;
    }
    if !waiting.is_empty() || !sets.is_empty() {
        output.line("batches")?;
    }
    let rows = batches.iter().map(row).collect();
    output.table(
        &[
            "batch", "state", "rule", "table", "files", "rows", "made", "error",
        ],
        rows,
    )?;
    Ok(ExitStatus::Done)
}

/// A set that waits for files.
#[derive(Serialize)]
struct Set {
    buffer: BufferId,
    group: String,
    set: String,
    files: u32,
    since: Option<DateTime<Utc>>,
    lacks: Vec<String>,
}

impl Set {
    fn row(&self) -> Vec<String> {
        vec![
            self.buffer.to_string(),
            self.group.clone(),
            self.set.clone(),
            self.files.to_string(),
            self.since.map(moment).unwrap_or_default(),
            self.lacks.join("; "),
        ]
    }
}

async fn sets(app: &App) -> anyhow::Result<Vec<Set>> {
    let mut sets = Vec::new();
    for set in app.store.waiting_sets(None).await? {
        let lacks = set_lacks(app, &set).await?;
        sets.push(Set {
            buffer: set.id,
            group: set.group,
            set: set.set,
            files: set.files,
            since: set.first_at,
            lacks,
        });
    }
    Ok(sets)
}

fn list_waiting(buffers: &[Buffer], output: Output) -> anyhow::Result<()> {
    let rows = buffers
        .iter()
        .map(|buffer| {
            vec![
                buffer.id.to_string(),
                buffer.rule.to_string(),
                buffer.table.to_string(),
                buffer.files.to_string(),
                buffer.bytes.to_string(),
                buffer.first_at.map(moment).unwrap_or_default(),
                due(buffer),
            ]
        })
        .collect();
    output.table(
        &["buffer", "rule", "table", "files", "bytes", "since", "due"],
        rows,
    )
}

fn list_sets(sets: &[WaitingSet], output: Output) -> anyhow::Result<()> {
    let rows = sets
        .iter()
        .map(|set| {
            vec![
                set.id.to_string(),
                set.group.clone(),
                set.set.clone(),
                set.files.to_string(),
                set.first_at.map(moment).unwrap_or_default(),
            ]
        })
        .collect();
    output.table(&["buffer", "group", "set", "files", "since"], rows)
}

/// When a batch is made of what waits in a buffer.
fn due(buffer: &Buffer) -> String {
    let limits = &buffer.limits;
    if buffer.flush_at.is_some() {
        return "now".to_owned();
    }
    let by_age = buffer.first_at.map(|first_at| first_at + limits.max_age);
    let mut reasons = vec![format!("at {} files", limits.max_files)];
    reasons.extend(limits.max_bytes.map(|bytes| format!("{bytes} bytes")));
    reasons.extend(by_age.map(moment));
    reasons.join(" or ")
}

fn row(batch: &BatchStanding) -> Vec<String> {
    vec![
        batch.batch.to_string(),
        batch.state.to_string(),
        batch.rule.to_string(),
        batch.table.to_string(),
        batch.files.to_string(),
        number(batch.rows_loaded),
        moment(batch.made_at),
        coded(batch.error_code.as_deref(), batch.error.as_deref()).unwrap_or_default(),
    ]
}

/// A buffer, a set or a batch, whichever has the id.
enum Found {
    Waiting(Box<Buffer>),
    Set(Box<WaitingSet>),
    Batch(Box<Load>),
}

async fn find(store: &Store, id: &IdArgument) -> anyhow::Result<Found> {
    let id = batch_id(store, id).await?;
    if let Some(buffer) = store.buffer(BufferId::from_uuid(id)).await? {
        return Ok(Found::Waiting(Box::new(buffer)));
    }
    if let Some(set) = store.waiting_set(BufferId::from_uuid(id)).await? {
        return Ok(Found::Set(Box::new(set)));
    }
    let load = store.load(LoadId::from_uuid(id)).await?;
    match load.filter(Load::is_batch) {
        Some(batch) => Ok(Found::Batch(Box::new(batch))),
        None => Err(input(format!(
            "{id} is neither a batch nor a buffer nor a set; see: longshore batch list"
        ))),
    }
}

async fn show(store: &Store, id: &IdArgument, output: Output) -> anyhow::Result<ExitStatus> {
    match find(store, id).await? {
        Found::Waiting(buffer) => {
            let files = waiting(store, buffer.id).await?;
            if output.is_json() {
                output.json(&json!({ "buffer": buffer, "files": files }))?;
                return Ok(ExitStatus::Done);
            }
            list_waiting(&[*buffer], output)?;
            output.line("\nfiles that wait, in the order in which they are loaded")?;
            list_files(&files, store, output).await?;
        }
        Found::Set(set) => {
            let files = waiting(store, set.id).await?;
            if output.is_json() {
                output.json(&json!({ "set": set, "files": files }))?;
                return Ok(ExitStatus::Done);
            }
            list_sets(&[*set], output)?;
            output.line("\nfiles that wait for the others of the set")?;
            list_files(&files, store, output).await?;
        }
        Found::Batch(batch) => {
            let files = loads(store, &store.carried(batch.id).await?).await?;
            if output.is_json() {
                let statements = store.statements(batch.id).await?;
                let row_errors = store.row_errors(batch.id).await?;
                let sequels = Sequels::of(&files, store).await?;
                let files = sequels.told(&files);
                output.json(&json!({
                    "batch": batch, "files": files, "statements": statements, "row_errors": row_errors,
                }))?;
                return Ok(ExitStatus::Done);
            }
            super::load::show(store, batch.id, output).await?;
            output.line("\nfiles")?;
            list_files(&files, store, output).await?;
        }
    }
    Ok(ExitStatus::Done)
}

async fn list_files(files: &[Load], store: &Store, output: Output) -> anyhow::Result<()> {
    let sequels = Sequels::of(files, store).await?;
    let rows = files
        .iter()
        .map(|load| {
            vec![
                load.id.to_string(),
                file(load),
                load.state.to_string(),
                sequels.outcome(load).unwrap_or_default(),
                number(load.rows_expected),
                load.object.size_bytes.to_string(),
                fault(load).unwrap_or_default(),
            ]
        })
        .collect();
    output.table(
        &["load", "file", "state", "outcome", "records", "bytes", "error"],
        rows,
    )
}

async fn waiting(store: &Store, buffer: BufferId) -> anyhow::Result<Vec<Load>> {
    let ids: Vec<_> = store
        .waiting(buffer, MOST_WAITING)
        .await?
        .into_iter()
        .map(|waiting| waiting.load)
        .collect();
    loads(store, &ids).await
}

async fn loads(store: &Store, ids: &[LoadId]) -> anyhow::Result<Vec<Load>> {
    let mut loads = Vec::with_capacity(ids.len());
    for id in ids {
        let load = store.load(*id).await?;
        loads.push(load.with_context(|| format!("load {id} is gone from the ledger"))?);
    }
    Ok(loads)
}

async fn flush(store: &Store, arguments: &FlushArguments, output: Output) -> anyhow::Result<ExitStatus> {
    let mut buffers = Vec::new();
    let mut sets = Vec::new();
    for id in &arguments.ids {
        match find(store, id).await? {
            Found::Waiting(buffer) => buffers.push(*buffer),
            Found::Set(set) => sets.push(*set),
            Found::Batch(batch) => {
                return Err(input(format!(
                    "{} is made already and {}; see: longshore batch show {}",
                    batch.id, batch.state, batch.id
                )));
            }
        }
    }
    if arguments.ids.is_empty() {
        buffers = store.buffers(arguments.rule.map(RuleId)).await?;
    }
    let earnest = Earnest::of(&arguments.hand);
    if earnest.is_done() {
        let operator = arguments.hand.operator();
        let ids = buffers.iter().map(|buffer| buffer.id);
        for id in ids.chain(sets.iter().map(|set| set.id)) {
            store.flush_buffer(id, &operator, Utc::now()).await?;
        }
    }
    if output.is_json() {
        output.json(&json!({ "flushed": earnest.is_done(), "buffers": buffers, "sets": sets }))?;
        return Ok(ExitStatus::Done);
    }
    if !buffers.is_empty() || sets.is_empty() {
        list_waiting(&buffers, output)?;
    }
    if !sets.is_empty() {
        list_sets(&sets, output)?;
        note(
            "A set that is not whole waits no longer for what it lacks: it fails, and nothing of it is loaded.",
        );
    }
    if earnest.is_done() {
        note("The reconciler makes batches of them within a minute; at once: longshore reconcile --idle 0");
    }
    earnest.close();
    Ok(ExitStatus::Done)
}

async fn reprocess(
    arguments: ReprocessArguments,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let store = deployment.store().await?;
    let mut ids = Vec::new();
    for id in &arguments.ids {
        let buffer = match find(&store, id).await? {
            Found::Batch(batch) => {
                ids.extend(store.carried(batch.id).await?);
                continue;
            }
            Found::Waiting(buffer) => buffer.id,
            Found::Set(set) => set.id,
        };
        return Err(input(format!(
            "{buffer} is a buffer: its files were not loaded yet; have a batch made with: longshore batch flush {buffer} --why TEXT"
        )));
    }
    if ids.is_empty() {
        return Err(input(
            "no file is left in them: they were divided, and their files went into other batches",
        ));
    }
    let arguments = ReplayArguments {
        ids: ids.into_iter().map(IdArgument::from).collect(),
        rule: None,
        since: None,
        until: None,
        state: None,
        accept_duplicates: arguments.accept_duplicates,
        hand: arguments.hand,
    };
    by_hand::replay(arguments, deployment, output).await
}

async fn delete(
    arguments: DeleteArguments,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let store = deployment.store().await?;
    let mut files = Vec::new();
    for id in &arguments.ids {
        match find(&store, id).await? {
            Found::Waiting(buffer) => files.extend(waiting(&store, buffer.id).await?),
            Found::Set(set) => files.extend(waiting(&store, set.id).await?),
            Found::Batch(batch) => {
                return Err(input(format!(
                    "{} is {} and stays on record; stop it with: longshore load cancel {} --why TEXT",
                    batch.id, batch.state, batch.id
                )));
            }
        }
    }
    if files.is_empty() {
        return Err(input("nothing waits there; see: longshore batch list"));
    }
    // Whole, so that what is put aside by mistake can be told again.
    note(serde_json::to_string_pretty(&files).context("encode json")?);
    let arguments = ByHandArguments {
        ids: files.iter().map(|load| load.id.into()).collect(),
        hand: arguments.hand,
    };
    by_hand::skip(arguments, deployment, output).await
}
