//! `query run`: a chain of queries, one after the other.

mod display;
pub(crate) mod document;

use std::sync::Arc;

use anyhow::anyhow;
use longshore_app::{ChainError, ChainReport, QueryOutcome, RunChain, with_causes};
use longshore_copy::transaction::count_statements;
use longshore_domain::chain::{ChainDefaults, ChainFaults, ChainQuery, Pace, StatementRequest, check};
use longshore_domain::target::{Compute, Login, Warehouse};
use tokio::sync::watch;
use uuid::Uuid;

use self::display::Display;
use super::local::stop_signal;
use crate::cli::{QueryCommand, QueryRunArguments};
use crate::deployment::Deployment;
use crate::exit::{ExitStatus, input};
use crate::output::Output;

/// Begins the names of a chain's statements. Not with the prefix of a load's: no event of them concerns a load.
const STATEMENT_PREFIX: &str = "longshore-chain";
/// Shorter waits than the state machine's: somebody sits before this.
const PACE: Pace = Pace {
    initial_wait: 1.0,
    base_wait: 2.0,
    wait_multiplier: 1.5,
    max_wait: 30.0,
};
const MAX_RETRIES: u32 = 10;

/// Carries out a `query` command.
pub(crate) async fn run(
    command: QueryCommand,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    match command {
        QueryCommand::Run(arguments) => run_chain(&arguments, deployment, output).await,
    }
}

async fn run_chain(
    arguments: &QueryRunArguments,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    // Listening first: nothing may be left running by a Ctrl-C that comes early.
    let stop = stop_when_told()?;
    let document = document::read(&arguments.chain)?;
    let (clients, warehouse) = deployment.warehouse().await?;
    let queries = check(&document, &defaults(&warehouse))
        .and_then(one_statement_each)
        .map_err(|faults| input(format!("{}: {faults}", document::name(&arguments.chain))))?;
    check_start(arguments.from, &queries)?;
    let display = Arc::new(Display::new(arguments.watch, &queries, arguments.from));
    let name = format!("{STATEMENT_PREFIX}/{}", Uuid::new_v4());
    let chain = RunChain::new(Arc::new(clients.warehouse), display.clone(), name, stop);
    let report = chain.run(&queries, arguments.from).await;
    display.close();
    show(&report.done, &queries, output)?;
    end(report)
}

/// Turns true with Ctrl-C or SIGTERM.
fn stop_when_told() -> anyhow::Result<watch::Receiver<bool>> {
    let signal = stop_signal()?;
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        signal.await;
        sender.send_replace(true);
        // Kept, so that whoever waits sees a stop and not a sender that is gone.
        sender.closed().await;
    });
    Ok(receiver)
}

/// Queries run where and as whom loads do, unless they say otherwise.
fn defaults(warehouse: &Warehouse) -> ChainDefaults {
    let mut request = StatementRequest {
        database: Some(warehouse.database.clone()),
        ..StatementRequest::default()
    };
    match &warehouse.compute {
        Compute::Cluster(identifier) => request.cluster_identifier = Some(identifier.clone()),
        Compute::Workgroup(name) => request.workgroup_name = Some(name.clone()),
    }
    match &warehouse.login {
        Login::Secret(secret) => request.secret_arn = Some(secret.clone()),
        Login::DatabaseUser(user) => request.db_user = Some(user.clone()),
        Login::CallerIdentity => {}
    }
    ChainDefaults {
        request,
        pace: PACE,
        max_retries: MAX_RETRIES,
    }
}

/// The Data API takes no text of two statements, and would say so only once the chain had come so far.
fn one_statement_each(queries: Vec<ChainQuery>) -> Result<Vec<ChainQuery>, ChainFaults> {
    let counts = queries.iter().map(|query| count_statements(&query.request.sql));
    let faults: Vec<_> = counts
        .enumerate()
        .filter(|(_, count)| *count > 1)
        .map(|(index, count)| {
            format!(
                "query {}: holds {count} statements, and the Data API runs one at a time; make a query of each",
                index + 1
            )
        })
        .collect();
    match faults.is_empty() {
        true => Ok(queries),
        false => Err(ChainFaults(faults)),
    }
}

fn check_start(from: usize, queries: &[ChainQuery]) -> anyhow::Result<()> {
    if (1..=queries.len()).contains(&from) {
        return Ok(());
    }
    Err(input(format!(
        "--from {from}: the chain has the queries 1 to {}",
        queries.len()
    )))
}

fn show(done: &[QueryOutcome], queries: &[ChainQuery], output: Output) -> anyhow::Result<()> {
    if output.is_json() {
        return output.json(&done);
    }
    if done.is_empty() {
        return Ok(());
    }
    let rows = done.iter().map(|outcome| row(outcome, queries)).collect();
    output.table(
        &[
            "query",
            "state",
            "rows",
            "seconds",
            "tries",
            "statement id",
            "sql",
        ],
        rows,
    )
}

fn row(outcome: &QueryOutcome, queries: &[ChainQuery]) -> Vec<String> {
    let sql = queries
        .get(outcome.query - 1)
        .map(|query| display::headline(&query.request.sql));
    vec![
        outcome.query.to_string(),
        outcome.status.to_lowercase(),
        super::cells::number(outcome.rows),
        format!("{:.3}", outcome.seconds),
        outcome.attempts.to_string(),
        outcome.statement_id.clone(),
        sql.unwrap_or_default(),
    ]
}

fn end(report: ChainReport) -> anyhow::Result<ExitStatus> {
    let Some((query, error)) = report.stop else {
        return Ok(ExitStatus::Done);
    };
    let advice = match &error {
        ChainError::Interrupted { .. } => format!("go on with --from {query}"),
        ChainError::Stopped(_) | ChainError::CallFailed { .. } => {
            format!("once that is mended, go on with --from {query}")
        }
    };
    Err(anyhow!("{}; {advice}", with_causes(&error)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn defaults() -> ChainDefaults {
        ChainDefaults {
            request: StatementRequest {
                database: Some("dev".to_owned()),
                workgroup_name: Some("w".to_owned()),
                ..StatementRequest::default()
            },
            pace: PACE,
            max_retries: MAX_RETRIES,
        }
    }

    fn judged(chain: &serde_json::Value) -> Result<usize, String> {
        let checked = check(chain, &defaults()).and_then(one_statement_each);
        checked
            .map(|queries| queries.len())
            .map_err(|faults| faults.to_string())
    }

    #[test]
    fn every_query_of_several_statements_is_named_before_anything_runs() {
        let chain = json!([
            "SELECT 1",
            "DELETE FROM a; DELETE FROM b",
            "SELECT ';'; -- done\n",
            "a; b; c"
        ]);
        assert_eq!(
            judged(&chain).unwrap_err(),
            "nothing was run: query 2: holds 2 statements, and the Data API runs one at a time; make a query of each; query 4: \
             holds 3 statements, and the Data API runs one at a time; make a query of each"
        );
        assert_eq!(judged(&json!(["SELECT 1;", "SELECT 'it\\'s; done'"])), Ok(2));
    }
}
