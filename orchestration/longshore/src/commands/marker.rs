//! `marker list`, `marker adopt` and `marker forget`.

use std::collections::BTreeSet;

use longshore_app::SettleDifference;
use longshore_domain::load::LoadId;
use longshore_store::{DifferenceKind, MarkerDifference, SettledAs};
use serde_json::json;

use super::cells::{moment, number};
use crate::cli::{IdArgument, MarkerCommand, SettleArguments};
use crate::deployment::Deployment;
use crate::exit::{ExitStatus, input};
use crate::output::Output;

/// Carries out a `marker` command.
pub(crate) async fn run(
    command: MarkerCommand,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    match command {
        MarkerCommand::List { all } => list(all, deployment, output).await,
        MarkerCommand::Adopt(arguments) => settle(Word::Adopt, arguments, deployment, output).await,
        MarkerCommand::Forget(arguments) => settle(Word::Forget, arguments, deployment, output).await,
    }
}

#[derive(Debug, Clone, Copy)]
enum Word {
    Adopt,
    Forget,
}

impl Word {
    fn done(self) -> &'static str {
        match self {
            Self::Adopt => "adopted",
            Self::Forget => "forgotten",
        }
    }
}

async fn list(all: bool, deployment: &Deployment, output: Output) -> anyhow::Result<ExitStatus> {
    let differences = deployment.store().await?.differences(all).await?;
    match output.is_json() {
        true => output.json(&differences)?,
        false => show(&differences, output)?,
    }
    Ok(ExitStatus::Done)
}

/// The differences as a table, each with what settles it.
pub(crate) fn show(differences: &[MarkerDifference], output: Output) -> anyhow::Result<()> {
    let rows = differences
        .iter()
        .map(|difference| {
            vec![
                difference.load.to_string(),
                meaning(difference.kind).to_owned(),
                difference.table.to_string(),
                number(difference.row_count),
                difference.object_url.clone(),
                moment(difference.found_at),
                remedy(difference),
            ]
        })
        .collect();
    output.table(
        &[
            "load",
            "what",
            "table",
            "rows",
            "object",
            "found",
            "settled, or by",
        ],
        rows,
    )
}

fn meaning(kind: DifferenceKind) -> &'static str {
    match kind {
        DifferenceKind::MarkerWithoutLoad => "in the warehouse, not on the ledger",
        DifferenceKind::LoadWithoutMarker => "on the ledger, not in the warehouse",
        DifferenceKind::FailedAndLoaded => "failed on the ledger, loaded in the warehouse",
    }
}

fn remedy(difference: &MarkerDifference) -> String {
    if let Some(settled) = &difference.settled {
        let note = settled.note.as_deref().map(|note| format!(": {note}"));
        let how = match settled.settled_as {
            SettledAs::Replayed => {
                let how = settled.note.as_deref().unwrap_or_default();
                return format!("replayed {how}");
            }
            SettledAs::Adopted => "adopted",
            SettledAs::Forgotten => "forgotten",
            SettledAs::Gone => "settled itself",
        };
        return format!("{how} by {}{}", settled.by, note.unwrap_or_default());
    }
    let id = difference.load;
    let again = match difference.is_batch {
        true => "batch reprocess",
        false => "load replay",
    };
    match difference.kind {
        DifferenceKind::MarkerWithoutLoad | DifferenceKind::FailedAndLoaded => {
            format!("longshore marker adopt {id} --why …")
        }
        DifferenceKind::LoadWithoutMarker => {
            format!(
                "longshore marker adopt {id} --why … if the rows are there, else longshore {again} {id} --why …"
            )
        }
    }
}

async fn settle(
    word: Word,
    arguments: SettleArguments,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let app = deployment.app().await?;
    let SettleArguments { loads, hand } = arguments;
    let open = app.store.differences(false).await?;
    let loads: Vec<LoadId> = loads
        .iter()
        .map(|id| open_load(&open, id))
        .collect::<anyhow::Result<_>>()?;
    if !hand.yes {
        return propose(word, &loads, output);
    }
    let settle = SettleDifference {
        app: &app,
        by: &hand.operator,
        why: &hand.why,
    };
    let (mut done, mut overtaken) = (Vec::new(), Vec::new());
    for load in loads {
        let is_ours = match word {
            Word::Adopt => settle.adopt(load).await?,
            Word::Forget => settle.forget(load).await?,
        };
        match is_ours {
            true => done.push(load),
            false => overtaken.push(load),
        }
    }
    told(word, &done, &overtaken, output)
}

/// The load that is meant, of those about which something is open. The ledger need not know it.
fn open_load(open: &[MarkerDifference], id: &IdArgument) -> anyhow::Result<LoadId> {
    let meant: BTreeSet<LoadId> = open
        .iter()
        .map(|difference| difference.load)
        .filter(|load| id.means(load.as_uuid()))
        .collect();
    let named: Vec<_> = meant.iter().map(ToString::to_string).collect();
    match meant.first() {
        Some(load) if meant.len() == 1 => Ok(*load),
        Some(_) => Err(input(format!(
            "several ids begin with {}; type more of the one that is meant: {}",
            id.text,
            named.join(", ")
        ))),
        None => Err(input(format!(
            "nothing about load {} is open; see: longshore marker list --all",
            id.text
        ))),
    }
}

fn propose(word: Word, loads: &[LoadId], output: Output) -> anyhow::Result<ExitStatus> {
    let done = word.done();
    if output.is_json() {
        output.json(&json!({ "as": done, "loads": loads, "done": false }))?;
        return Ok(ExitStatus::Done);
    }
    for load in loads {
        match word {
            Word::Adopt => output.line(format!("{load} would be {done}; say so with --yes"))?,
            Word::Forget => output.line(format!(
                "{load} would be {done}, so that it may happen again; if its rows are out of the table, say so with --yes"
            ))?,
        }
    }
    Ok(ExitStatus::Done)
}

/// Those that are settled by this word, and those that somebody else settled after they were looked at.
fn told(word: Word, loads: &[LoadId], overtaken: &[LoadId], output: Output) -> anyhow::Result<ExitStatus> {
    let done = word.done();
    match output.is_json() {
        true => {
            output.json(&json!({ "as": done, "loads": loads, "done": true, "settled_before": overtaken }))?
        }
        false => {
            for load in loads {
                output.line(format!("{load} is {done}"))?;
            }
            for load in overtaken {
                output.line(format!(
                    "{load} was settled by somebody else just now; see how: longshore marker list --all"
                ))?;
            }
        }
    }
    Ok(ExitStatus::Done)
}
