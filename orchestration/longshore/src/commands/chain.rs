//! `chain list`, `chain show` and `chain apply`.

use std::path::Path;

use anyhow::Context;
use chrono::Utc;
use longshore_app::check_chain;
use longshore_store::{Chain, Store};
use serde_json::json;

use super::cells::moment;
use super::query::document;
use crate::cli::{ChainCommand, HandArguments};
use crate::deployment::Deployment;
use crate::exit::{ExitStatus, input};
use crate::output::Output;

/// Carries out a `chain` command.
pub(crate) async fn run(
    command: ChainCommand,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let store = deployment.store().await?;
    match command {
        ChainCommand::List => list(&store, output).await,
        ChainCommand::Show { name } => show(&store, &name, output).await,
        ChainCommand::Apply { name, chain, hand } => apply(&store, name, &chain, hand, output).await,
    }
}

async fn list(store: &Store, output: Output) -> anyhow::Result<ExitStatus> {
    let chains = store.chains().await?;
    if output.is_json() {
        output.json(&chains)?;
        return Ok(ExitStatus::Done);
    }
    let rows = chains
        .iter()
        .map(|chain| {
            vec![
                chain.name.clone(),
                condition(chain),
                moment(chain.modified_at),
                chain.modified_by.clone().unwrap_or_default(),
                chain.modified_reason.clone().unwrap_or_default(),
            ]
        })
        .collect();
    output.table(&["chain", "steps", "written", "by", "why"], rows)?;
    Ok(ExitStatus::Done)
}

/// How many steps it has, or what keeps it from running: others than this command may have written it.
fn condition(chain: &Chain) -> String {
    match check_chain(&chain.queries) {
        Ok(steps) => steps.to_string(),
        Err(faults) => format!("cannot run: {}", faults.join("; ")),
    }
}

/// Prints the chain as it was written, so that it can be changed and applied again.
async fn show(store: &Store, name: &str, output: Output) -> anyhow::Result<ExitStatus> {
    let chain = store.chain(name).await?;
    let chain =
        chain.ok_or_else(|| input(format!("there is no chain {name:?}; see: longshore chain list")))?;
    match output.is_json() {
        true => output.json(&chain)?,
        false => output.line(&serde_json::to_string_pretty(&chain.queries)?)?,
    }
    Ok(ExitStatus::Done)
}

async fn apply(
    store: &Store,
    name: String,
    file: &Path,
    hand: HandArguments,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let queries = document::read(file)?;
    let steps = check_chain(&queries).map_err(|faults| {
        input(format!(
            "{}: nothing was written: {}",
            document::name(file),
            faults.join("; ")
        ))
    })?;
    let chain = Chain {
        modified_by: Some(hand.operator),
        modified_reason: Some(hand.why),
        ..Chain::new(name, queries, Utc::now())
    };
    let name = &chain.name;
    if hand.yes {
        let written = store.write_chain(&chain).await;
        written.with_context(|| format!("write chain {name}"))?;
    }
    match (output.is_json(), hand.yes) {
        (true, _) => output.json(&json!({ "chain": name, "steps": steps, "done": hand.yes }))?,
        (false, true) => output.line(format!("chain {name} is written, with {steps} steps"))?,
        (false, false) => output.line(format!(
            "chain {name} would be written, with {steps} steps; say so with --yes"
        ))?,
    }
    Ok(ExitStatus::Done)
}
