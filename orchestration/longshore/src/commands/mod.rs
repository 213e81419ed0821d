//! One module per command.

mod backfill;
mod batch;
mod bulk;
mod by_hand;
mod cells;
mod chain;
mod demo;
mod dlq;
mod doctor;
mod dry_run;
mod file;
mod file_check;
mod file_prepare;
mod file_split;
mod ids;
mod import;
mod late;
mod load;
mod local;
mod local_sql;
mod marker;
mod migrate;
mod notify;
mod query;
mod reconcile;
mod rule;
mod secret;
mod snapshot;
mod warehouse;

use crate::cli::{Cli, Command, LocalCommand};
use crate::deployment::Deployment;
use crate::exit::ExitStatus;
use crate::output::Output;

/// Carries out a command.
pub(crate) async fn run(cli: Cli) -> anyhow::Result<ExitStatus> {
    let output = Output::new(cli.json);
    let deployment = Deployment::new(cli.local);
    match cli.command {
        Command::Local(LocalCommand::Up(arguments)) => local::up(arguments, output).await,
        Command::Local(LocalCommand::Sql(arguments)) => local_sql::run(arguments, &deployment, output).await,
        Command::Demo(arguments) => demo::run(arguments, output).await,
        Command::Migrate(arguments) => migrate::run(arguments, &deployment, output).await,
        Command::Rule(command) => rule::run(command, &deployment, output).await,
        Command::Load(command) => load::run(command, &deployment, output).await,
        Command::Batch(command) => batch::run(command, &deployment, output).await,
        Command::File(command) => file::run(command, &deployment, output).await,
        Command::Backfill(arguments) => backfill::run(arguments, &deployment, output).await,
        Command::Snapshot(command) => Box::pin(snapshot::run(command, &deployment, output)).await,
        Command::Bulk(command) => bulk::run(command, &deployment, output).await,
        Command::Late(command) => late::run(command, &deployment, output).await,
        Command::Marker(command) => marker::run(command, &deployment, output).await,
        Command::Warehouse(command) => warehouse::run(command, &deployment, output).await,
        Command::Dlq(command) => dlq::run(command, &deployment, output).await,
        Command::Chain(command) => chain::run(command, &deployment, output).await,
        Command::Query(command) => query::run(command, &deployment, output).await,
        Command::Import(command) => import::run(command, output),
        Command::Secret(command) => secret::run(command, &deployment, output).await,
        Command::Notify(command) => notify::run(command, &deployment, output).await,
        Command::Doctor(arguments) => doctor::run(&arguments, &deployment, output).await,
        Command::Reconcile(arguments) => reconcile::run(arguments, &deployment, output).await,
    }
}
