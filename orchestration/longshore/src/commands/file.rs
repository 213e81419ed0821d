//! `file status`: everything that the ledger knows of one key. What is done to it by hand is in [`by_hand`].

use longshore_app::ports::ObjectHead;
use longshore_domain::object::{Bucket, ObjectKey, parse_s3_url};
use longshore_store::{Load, Operation, Store};
use serde::Serialize;

use super::cells::{moment, number};
use super::load::Sequels;
use super::{by_hand, file_check, file_prepare, file_split};
use crate::cli::FileCommand;
use crate::deployment::Deployment;
use crate::exit::{ExitStatus, input};
use crate::output::Output;

/// Carries out a `file` command.
pub(crate) async fn run(
    command: FileCommand,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    match command {
        FileCommand::Status { url } => status(&url, deployment, output).await,
        FileCommand::Forget(arguments) => by_hand::forget(arguments, deployment, output).await,
        FileCommand::Reprocess {
            accept_duplicates,
            arguments,
        } => by_hand::reprocess(arguments, accept_duplicates, deployment, output).await,
        FileCommand::Prepare(arguments) => file_prepare::run(arguments, deployment, output).await,
        FileCommand::Check(arguments) => file_check::run(arguments, deployment, output).await,
        FileCommand::Split(arguments) => file_split::run(arguments, deployment, output).await,
    }
}

/// A key's loads, and whether something lies there now.
#[derive(Debug, Serialize)]
struct FileStatus {
    bucket: Bucket,
    key: ObjectKey,
    /// The entity tag of what lies there now.
    #[serde(skip_serializing_if = "Option::is_none")]
    lies_there: Option<LiesThere>,
    /// Its loads, the newest first.
    loads: Vec<Journey>,
}

#[derive(Debug, Serialize)]
struct LiesThere {
    etag: Option<String>,
    version: Option<String>,
    size_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Journey {
    load: Load,
    /// What came of it, if it failed.
    outcome: Option<String>,
    parts: Vec<Load>,
    operations: Vec<Operation>,
}

/// The place that a URL names.
pub(super) fn place(url: &str) -> anyhow::Result<(Bucket, ObjectKey)> {
    parse_s3_url(url).ok_or_else(|| input(format!("{url:?} names no object; write s3://bucket/key")))
}

/// The loads of a key, the newest first; an error when there is none.
pub(super) async fn loads_of(store: &Store, url: &str) -> anyhow::Result<Vec<Load>> {
    let (bucket, key) = place(url)?;
    let loads = store.loads_of_key(&bucket, &key).await?;
    match loads.is_empty() {
        true => Err(input(format!(
            "the ledger knows no load of {url}; what lies there and was never announced is found by: longshore backfill \
             --rule ID --prefix s3://BUCKET/PREFIX --since TIME --why TEXT"
        ))),
        false => Ok(loads),
    }
}

async fn status(url: &str, deployment: &Deployment, output: Output) -> anyhow::Result<ExitStatus> {
    let (bucket, key) = place(url)?;
    let app = deployment.app().await?;
    let lies_there = app.objects.head(&bucket, &key).await?.map(
        |ObjectHead {
             etag,
             version,
             size_bytes,
             ..
         }| LiesThere {
            etag,
            version,
            size_bytes,
        },
    );
    let mut loads = Vec::new();
    let of_key = app.store.loads_of_key(&bucket, &key).await?;
    let sequels = Sequels::of(&of_key, &app.store).await?;
    for load in of_key {
        loads.push(Journey {
            outcome: sequels.outcome(&load),
            parts: app.store.children(load.id).await?,
            operations: app.store.operations(load.id).await?,
            load,
        });
    }
    let status = FileStatus {
        bucket,
        key,
        lies_there,
        loads,
    };
    match output.is_json() {
        true => output.json(&status)?,
        false => show(&status, output)?,
    }
    Ok(ExitStatus::Done)
}

fn show(status: &FileStatus, output: Output) -> anyhow::Result<()> {
    let there = match &status.lies_there {
        Some(there) => format!(
            "{} bytes with entity tag {}",
            there.size_bytes,
            there.etag.as_deref().unwrap_or("unknown")
        ),
        None => "nothing".to_owned(),
    };
    output.facts(&[("lies there now", Some(there))])?;
    let mut rows = Vec::new();
    for journey in &status.loads {
        rows.push(row(&journey.load, journey.outcome.as_ref(), &journey.operations));
        rows.extend(journey.parts.iter().map(|part| row(part, None, &[])));
    }
    if rows.is_empty() {
        return output.line("the ledger knows no load of it");
    }
    let header = [
        "load", "part", "etag", "state", "rows", "received", "now at", "remarks",
    ];
    output.table(&header, rows)
}

fn row(load: &Load, outcome: Option<&String>, operations: &[Operation]) -> Vec<String> {
    let mut remarks: Vec<String> = load.error.iter().chain(outcome).cloned().collect();
    remarks.extend(load.forgotten_at.map(|at| format!("forgotten at {}", moment(at))));
    remarks.extend(load.replays.map(|replayed| format!("replays {replayed}")));
    remarks.extend(
        operations
            .iter()
            .map(|operation| format!("{} by {}", operation.operation.as_str(), operation.operator)),
    );
    vec![
        load.id.to_string(),
        load.record_type
            .clone()
            .or_else(|| load.target.as_ref().map(|target| format!("→ {target}")))
            .unwrap_or_default(),
        load.object.etag.clone().unwrap_or_default(),
        load.state.to_string(),
        number(load.rows_loaded),
        moment(load.received_at),
        load.archived_key
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        remarks.join("; "),
    ]
}
