//! Drift: rules against the tables that they fill.

use std::collections::{BTreeMap, BTreeSet};

use longshore_app::ports::WarehouseClient;
use longshore_app::with_causes;
use longshore_copy::standing::columns_query;
use longshore_domain::rule::{FileRule, RuleRow};
use longshore_domain::target::{TableName, Warehouse};

use super::finding::Finding;
use super::warehouse::PATIENCE;

const TABLES: &str = "tables of rules";
/// Of one question.
const MOST_TABLES: usize = 50;

type Columns = BTreeMap<TableName, BTreeSet<String>>;

/// A sound rule as it applies to one of its warehouses.
pub(super) struct Filling {
    rule: FileRule,
    /// What the warehouse is called among targets.
    target: String,
}

impl Filling {
    /// The warehouse; `None` for the deployment's own.
    pub(super) fn warehouse(&self) -> Option<&Warehouse> {
        self.rule.warehouse.as_ref()
    }

    pub(super) fn target(&self) -> &str {
        &self.target
    }
}

/// Every sound rule, once for each warehouse that its files go to.
pub(super) fn fillings(rows: &[RuleRow]) -> Vec<Filling> {
    rows.iter().flat_map(fillings_of).collect()
}

fn fillings_of(row: &RuleRow) -> Vec<Filling> {
    let Ok(rule) = FileRule::from_row(row) else {
        return Vec::new();
    };
    if rule.deliveries.is_empty() {
        let target = row.own_target().to_owned();
        return vec![Filling { rule, target }];
    }
    let delivered = rule.deliveries.into_iter().filter_map(|delivery| {
        let rule = FileRule::from_row(&row.delivered_to(&delivery.target)?).ok()?;
        let target = delivery.target;
        Some(Filling { rule, target })
    });
    delivered.collect()
}

/// Compares rules with their tables in a warehouse. Those whose table the file's name decides are left out. `of_target` says, behind
/// the name of a check, which warehouse it is; it is empty for the deployment's own.
pub(super) async fn examine(
    client: &dyn WarehouseClient,
    warehouse: &Warehouse,
    fillings: &[&Filling],
    of_target: &str,
) -> Vec<Finding> {
    let tables = format!("{TABLES}{of_target}");
    let filled: Vec<(&FileRule, TableName)> = fillings
        .iter()
        .filter_map(|filling| Some((&filling.rule, fixed_table(&filling.rule)?)))
        .collect();
    let there = match columns(client, warehouse, &filled).await {
        Ok(there) => there,
        Err(problem) => {
            let mend = "grant the user that logs in there SELECT on svv_columns";
            return vec![Finding::fault(tables, problem, mend)];
        }
    };
    let faults: Vec<Finding> = filled
        .iter()
        .filter_map(|(rule, table)| drift(rule, table, &there, of_target))
        .collect();
    if !faults.is_empty() || filled.is_empty() {
        return faults;
    }
    vec![Finding::sound(
        tables,
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
        for row in rows.map_err(|error| with_causes(&error))? {
            if let [Some(schema), Some(table), Some(column)] = row.as_slice() {
                let table = TableName::new(schema, table);
                there.entry(table).or_default().insert(column.clone());
            }
        }
    }
    Ok(there)
}

/// What the rule fills that is not there.
fn drift(rule: &FileRule, table: &TableName, there: &Columns, of_target: &str) -> Option<Finding> {
    let check = format!("table of rule {}{of_target}", rule.id.0);
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
