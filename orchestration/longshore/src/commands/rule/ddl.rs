//! `rule ddl`: the statements that make the tables of a rule.

use anyhow::Context;
use longshore_app::table_columns;
use longshore_copy::ddl::{Contract, ContractColumn};
use longshore_domain::rule::{FileRule, RuleColumn};
use longshore_domain::snapshot::{ColumnType, TableColumn};
use longshore_domain::target::TableName;

use super::no_such_rule;
use crate::deployment::Deployment;
use crate::exit::{ExitStatus, input};
use crate::infer::Tables;
use crate::output::Output;

/// A column of which nobody knows how long its texts are.
const UNKNOWN_BYTES: u32 = 256;
/// A character takes so many bytes at most, and VARCHAR counts bytes.
const MOST_BYTES_OF_A_CHARACTER: u32 = 4;
/// The longest VARCHAR.
const MOST_BYTES: u32 = 65_535;

pub(super) async fn run(rule: i32, deployment: &Deployment, output: Output) -> anyhow::Result<ExitStatus> {
    let app = deployment.app().await?;
    let rows = app.store.all_rules().await?;
    let row = rows
        .iter()
        .find(|row| row.ext_file_config_sid == rule)
        .ok_or_else(|| no_such_rule(rule))?;
    let read = FileRule::from_row(row).map_err(|faults| input(faults.to_string()))?;
    let table = table(&read)?;
    let warehouse = read.warehouse.as_ref().unwrap_or(&app.config.warehouse);
    let existing = table_columns(&app, warehouse, table)
        .await
        .with_context(|| format!("look at {table} in {warehouse}"))?;
    let columns = columns(&read, existing.as_deref())?;
    let tables = Tables::of(&Contract {
        table,
        columns: &columns,
        file_name_column: read.file_name_column.as_deref(),
        load_id_column: read.load_id_column.as_deref(),
    })
    .context("name the tables")?;
    if output.is_json() {
        output.json(&tables.json())?;
        return Ok(ExitStatus::Done);
    }
    if existing.is_none() {
        output.line(format!(
            "-- The warehouse has no table {table}: types are texts of a length that is guessed. rule infer proposes types from samples."
        ))?;
    }
    output.line(tables.sql())?;
    Ok(ExitStatus::Done)
}

fn table(rule: &FileRule) -> anyhow::Result<&TableName> {
    let id = rule.id;
    if rule.names_its_table_from_the_key() {
        return Err(input(format!(
            "rule {id} takes the name of its table from each file's key, so it has no tables of its own to print"
        )));
    }
    rule.table.as_ref().ok_or_else(|| {
        input(format!(
            "rule {id} fills no table: where it splits its files, ask for the rules of its record types; see: longshore rule list"
        ))
    })
}

/// The rule's columns with the types of the table that is there; those that it lacks are texts.
fn columns(rule: &FileRule, existing: Option<&[TableColumn]>) -> anyhow::Result<Vec<ContractColumn>> {
    if rule.columns.is_empty() {
        let existing = existing.ok_or_else(|| {
            input(format!(
                "rule {} lists no columns, and there is no table to read them from",
                rule.id
            ))
        })?;
        return Ok(existing
            .iter()
            .filter(|column| !is_lineage(rule, &column.name))
            .map(typed)
            .collect());
    }
    let known = |column: &RuleColumn| {
        existing
            .into_iter()
            .flatten()
            .find(|existing| existing.name.eq_ignore_ascii_case(&column.name))
    };
    Ok(rule
        .columns
        .iter()
        .map(|column| known(column).map_or_else(|| untyped(column), typed))
        .collect())
}

fn is_lineage(rule: &FileRule, name: &str) -> bool {
    [&rule.file_name_column, &rule.load_id_column]
        .into_iter()
        .flatten()
        .any(|lineage| lineage.eq_ignore_ascii_case(name))
}

fn typed(column: &TableColumn) -> ContractColumn {
    ContractColumn {
        name: column.name.clone(),
        kind: column.kind.clone(),
    }
}

fn untyped(column: &RuleColumn) -> ContractColumn {
    let bytes = column.width.map_or(UNKNOWN_BYTES, |width| {
        width.saturating_mul(MOST_BYTES_OF_A_CHARACTER).min(MOST_BYTES)
    });
    ContractColumn {
        name: column.name.clone(),
        kind: ColumnType::Varchar(bytes).to_string(),
    }
}
