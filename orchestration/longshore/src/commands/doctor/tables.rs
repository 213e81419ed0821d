//! Drift: rules against the tables that they fill.

use std::collections::{BTreeMap, BTreeSet};

use longshore_app::chain;
use longshore_app::ports::WarehouseClient;
use longshore_copy::standing::columns_query;
use longshore_domain::rule::{FileRule, RuleRow};
use longshore_domain::target::{TableName, Warehouse};

use super::finding::Finding;
use super::warehouse::PATIENCE;

const TABLES: &str = "tables of rules";
/// Of one question.
const MOST_TABLES: usize = 50;

type Columns = BTreeMap<TableName, BTreeSet<String>>;

/// Compares every sound rule with its table. Those of another warehouse, and those whose table the file's name decides, are
/// left out.
pub(super) async fn examine(
    client: &dyn WarehouseClient,
    warehouse: &Warehouse,
    rows: &[RuleRow],
) -> Vec<Finding> {
    let rules: Vec<FileRule> = rows
        .iter()
        .filter_map(|row| FileRule::from_row(row).ok())
        .collect();
    let filled: Vec<(&FileRule, TableName)> = rules
        .iter()
        .filter(|rule| rule.warehouse.as_ref().is_none_or(|other| other == warehouse))
        .filter_map(|rule| Some((rule, fixed_table(rule)?)))
        .collect();
    let there = match columns(client, warehouse, &filled).await {
        Ok(there) => there,
        Err(problem) => {
            return vec![Finding::fault(
                TABLES,
                problem,
                "grant the secret's user SELECT on svv_columns",
            )];
        }
    };
    let faults: Vec<Finding> = filled
        .iter()
        .filter_map(|(rule, table)| drift(rule, table, &there))
        .collect();
    if !faults.is_empty() || filled.is_empty() {
        return faults;
    }
    vec![Finding::sound(
        TABLES,
        format!("{} rules and their tables agree", filled.len()),
    )]
}

/// The rule's table in lower case, as the catalog has it, where it is the same for every file.
fn fixed_table(rule: &FileRule) -> Option<TableName> {
    let table = rule.table.as_ref()?;
    let is_fixed = !table.schema.contains('{') && !table.table.contains('{');
    is_fixed.then(|| TableName::new(table.schema.to_lowercase(), table.table.to_lowercase()))
}

async fn columns(
    client: &dyn WarehouseClient,
    warehouse: &Warehouse,
    filled: &[(&FileRule, TableName)],
) -> Result<Columns, String> {
    let tables: BTreeSet<&TableName> = filled.iter().map(|(_, table)| table).collect();
    let tables: Vec<TableName> = tables.into_iter().cloned().collect();
    let mut there = Columns::new();
    for some in tables.chunks(MOST_TABLES) {
        let Some(query) = columns_query(some).map_err(|error| error.to_string())? else {
            continue;
        };
        let rows = client.run(warehouse, &query, PATIENCE).await;
        for row in rows.map_err(|error| chain(&error))? {
            if let [Some(schema), Some(table), Some(column)] = row.as_slice() {
                let table = TableName::new(schema, table);
                there.entry(table).or_default().insert(column.clone());
            }
        }
    }
    Ok(there)
}

/// What the rule fills that is not there.
fn drift(rule: &FileRule, table: &TableName, there: &Columns) -> Option<Finding> {
    let check = format!("table of rule {}", rule.id.0);
    let Some(columns) = there.get(table) else {
        let mend = format!(
            "CREATE TABLE {table} (…) in the warehouse, or mend tgt_schema_name and tgt_table_name of the rule"
        );
        return Some(Finding::fault(check, format!("there is no table {table}"), mend));
    };
    let own = rule.columns.iter().map(|column| &column.name);
    let named = own.chain(&rule.file_name_column).chain(&rule.load_id_column);
    let missing: Vec<&str> = named
        .filter(|name| !columns.contains(&name.to_lowercase()))
        .map(String::as_str)
        .collect();
    let first = missing.first()?;
    let mend =
        format!("ALTER TABLE {table} ADD COLUMN {first} …, or mend the rule's rows in ext_file_config_dtl");
    Some(Finding::fault(
        check,
        format!("{table} has no column {}", missing.join(", ")),
        mend,
    ))
}
