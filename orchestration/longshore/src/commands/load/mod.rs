//! `load list`, `load show` and `load timeline`; what is done by hand is in [`by_hand`].

mod sequels;
mod show;
mod timeline;

use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::notification::Outcome;
use longshore_domain::rule::RuleId;
use longshore_store::{Load, LoadFilter, Mending, Store};

use super::by_hand;
use super::ids::load_id;
use crate::cli::{LoadCommand, LoadListArguments};
use crate::deployment::Deployment;
use crate::exit::{ExitStatus, input};
use crate::output::Output;
pub(super) use sequels::Sequels;
pub(super) use show::show;
use timeline::timeline;

/// What is said of each load of a list.
const HEADER: [&str; 8] = [
    "load", "file", "state", "outcome", "rows", "table", "received", "error",
];

/// Carries out a `load` command.
pub(crate) async fn run(
    command: LoadCommand,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let store = || deployment.store();
    match command {
        LoadCommand::List(arguments) => {
            let (filter, store) = (filter(arguments)?, store().await?);
            list(&store.list_loads(&filter).await?, &store, output).await
        }
        LoadCommand::Show { id } => {
            let store = store().await?;
            show(&store, load_id(&store, &id).await?, output).await
        }
        LoadCommand::Timeline { id } => {
            let store = store().await?;
            timeline(&store, load_id(&store, &id).await?, output).await
        }
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
        mending: match arguments.open {
            true => Mending::Open,
            false => Mending::Whatever,
        },
        limit: arguments.limit,
    })
}

async fn list(loads: &[Load], store: &Store, output: Output) -> anyhow::Result<ExitStatus> {
    let sequels = Sequels::of(loads, store).await?;
    if output.is_json() {
        output.json(&sequels.told(loads))?;
        return Ok(ExitStatus::Done);
    }
    output.table(&HEADER, sequels.rows(loads))?;
    Ok(ExitStatus::Done)
}

/// A load that the operator named.
pub(crate) async fn find(store: &Store, id: LoadId) -> anyhow::Result<Load> {
    let load = store.load(id).await?;
    load.ok_or_else(|| input(format!("there is no load {id}; see: longshore load list")))
}
