//! `load list`, `load show` and `load timeline`; what is done by hand is in [`by_hand`].

mod show;
mod timeline;

use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::notification::Outcome;
use longshore_domain::rule::RuleId;
use longshore_store::{Load, LoadFilter, Store};

use super::by_hand;
use super::cells::{file, moment, number, trouble};
use crate::cli::{LoadCommand, LoadListArguments};
use crate::deployment::Deployment;
use crate::exit::{ExitStatus, input};
use crate::output::Output;
pub(super) use show::show;
use timeline::timeline;

/// What is said of each load of a list.
const HEADER: [&str; 7] = ["load", "file", "state", "rows", "table", "received", "error"];

/// Carries out a `load` command.
pub(crate) async fn run(
    command: LoadCommand,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let store = || deployment.store();
    match command {
        LoadCommand::List(arguments) => {
            let filter = filter(arguments)?;
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

fn filter(arguments: LoadListArguments) -> anyhow::Result<LoadFilter> {
    let LoadListArguments { state, code, .. } = arguments;
    let (state, code) = match code {
        // Their code is one for messages: on the ledger they are known by their state.
        Some(code) if code == Outcome::FollowUpFailed.as_str() => match state {
            None | Some(LoadState::TransformFailed) => (Some(LoadState::TransformFailed), None),
            Some(state) => {
                return Err(input(format!(
                    "what has the code {code} is {}, and never {state}",
                    LoadState::TransformFailed
                )));
            }
        },
        code => (state, code),
    };
    Ok(LoadFilter {
        state,
        rule: arguments.rule.map(RuleId),
        since: arguments.since,
        until: arguments.until,
        file: arguments.file,
        code,
        limit: arguments.limit,
    })
}

fn list(loads: &[Load], output: Output) -> anyhow::Result<ExitStatus> {
    if output.is_json() {
        output.json(&loads)?;
        return Ok(ExitStatus::Done);
    }
    output.table(&HEADER, loads.iter().map(row).collect())?;
    Ok(ExitStatus::Done)
}

fn row(load: &Load) -> Vec<String> {
    vec![
        load.id.to_string(),
        file(load),
        load.state.to_string(),
        number(load.rows_loaded),
        load.table.as_ref().map(ToString::to_string).unwrap_or_default(),
        moment(load.received_at),
        trouble(load),
    ]
}

/// A load that the operator named.
pub(crate) async fn find(store: &Store, id: LoadId) -> anyhow::Result<Load> {
    let load = store.load(id).await?;
    load.ok_or_else(|| input(format!("there is no load {id}; see: longshore load list")))
}
