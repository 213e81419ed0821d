//! `local sql`.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::Duration;

use longshore_app::ports::WarehouseError;
use longshore_app::with_causes;
use serde_json::{Map, Value, json};

use crate::cli::LocalSqlArguments;
use crate::deployment::Deployment;
use crate::exit::{ExitStatus, input};
use crate::local::ReadyFile;
use crate::output::Output;

/// As long as the Data API lets a statement run.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);
/// As the Data API's own connections are set: strings take backslashes, times are UTC.
const PSQL_OPTIONS: &str =
    "-c standard_conforming_strings=off -c escape_string_warning=off -c backslash_quote=on -c timezone=UTC";
/// How an empty field and a null are told apart in a table for people.
const NULL: &str = "NULL";

/// Opens psql on the local warehouse, or runs one statement there.
pub(crate) async fn run(
    arguments: LocalSqlArguments,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let ready = deployment.local_stack()?;
    match arguments.statement {
        Some(statement) => execute(&statement, deployment, output).await,
        None => Err(open_psql(&ready)),
    }
}

/// Gives this process to psql; comes back only when there is none.
fn open_psql(ready: &ReadyFile) -> anyhow::Error {
    let (url, password) = without_password(&ready.warehouse_database_url);
    let mut psql = Command::new("psql");
    psql.arg(url).env("PGOPTIONS", PSQL_OPTIONS);
    if let Some(password) = password {
        psql.env("PGPASSWORD", password);
    }
    let error = psql.exec();
    match error.kind() {
        ErrorKind::NotFound => input(
            "psql is not installed: apt-get install postgresql-client, or brew install libpq; \
             without it, longshore local sql -c \"SELECT 1\" runs one statement",
        ),
        _ => anyhow::Error::new(error).context("start psql"),
    }
}

/// Everybody on the machine sees a command line.
fn without_password(url: &str) -> (String, Option<&str>) {
    let parted = url.split_once("://").and_then(|(scheme, rest)| {
        let (login, place) = rest.split_once('@')?;
        let (user, password) = login.split_once(':')?;
        Some((format!("{scheme}://{user}@{place}"), Some(password)))
    });
    parted.unwrap_or_else(|| (url.to_owned(), None))
}

async fn execute(statement: &str, deployment: &Deployment, output: Output) -> anyhow::Result<ExitStatus> {
    let (clients, warehouse) = deployment.warehouse().await?;
    let table = clients
        .warehouse
        .table(&warehouse, statement, PATIENCE)
        .await
        .map_err(explain)?;
    if output.is_json() {
        let rows = json_rows(&table.columns, table.rows);
        output.json(&json!({ "rows": rows, "row_count": table.row_count }))?;
        return Ok(ExitStatus::Done);
    }
    if !table.columns.is_empty() {
        let header: Vec<&str> = table.columns.iter().map(String::as_str).collect();
        let text = |field: Option<String>| field.unwrap_or_else(|| NULL.to_owned());
        let rows = table
            .rows
            .into_iter()
            .map(|row| row.into_iter().map(text).collect());
        output.table(&header, rows.collect())?;
    }
    output.line(told(table.row_count))?;
    Ok(ExitStatus::Done)
}

/// What the warehouse refuses is the input's fault, in the warehouse's words.
fn explain(error: WarehouseError) -> anyhow::Error {
    match error {
        WarehouseError::StatementFailed { message, .. } => input(message),
        refused @ WarehouseError::Refused { .. } => input(with_causes(&refused)),
        other => anyhow::Error::new(other).context("run the statement"),
    }
}

fn told(row_count: Option<u64>) -> String {
    match row_count {
        None => "done".to_owned(),
        Some(1) => "1 row".to_owned(),
        Some(count) => format!("{count} rows"),
    }
}

/// Each row as an object. Columns of one name would hide each other, so then each row is a list.
fn json_rows(columns: &[String], rows: Vec<Vec<Option<String>>>) -> Vec<Value> {
    let names: HashSet<&String> = columns.iter().collect();
    rows.into_iter()
        .map(|row| {
            if names.len() < columns.len() {
                return json!(row);
            }
            let fields = columns
                .iter()
                .cloned()
                .zip(row.into_iter().map(|field| json!(field)));
            Value::Object(Map::from_iter(fields))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_one_name_do_not_hide_each_other() {
        let columns = ["a".to_owned(), "a".to_owned()];
        let row = vec![Some("1".to_owned()), None];
        assert_eq!(json_rows(&columns, vec![row.clone()]), [json!(["1", null])]);
        assert_eq!(json_rows(&columns[..1], vec![row]), [json!({ "a": "1" })]);
    }
}
