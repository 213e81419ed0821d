//! What a statement does: the plan that it was carried out by, what that read, and how long it took.

use serde_json::Value;
use tokio_postgres::{Client, Error};

use super::hot::Hot;

/// The tables that grow.
const GROWING: [&str; 6] = [
    "ext_file_load",
    "ext_statement",
    "ext_outbox",
    "ext_file_config",
    "ext_file_config_dtl",
    "ext_file_load_history",
];

/// One execution of a statement.
#[derive(Debug, Default, Clone)]
pub(crate) struct Execution {
    /// Milliseconds, of planning and of execution.
    pub(crate) milliseconds: f64,
    /// Blocks that were read, from memory or from disk.
    pub(crate) blocks: u64,
    /// Rows of growing tables that were looked at, passed over ones included.
    pub(crate) rows: u64,
    /// How each growing table was read: `Index Scan ext_file_load_turn`.
    pub(crate) reads: Vec<String>,
}

impl Execution {
    /// The growing tables that were read from end to end.
    pub(crate) fn whole_tables(&self) -> impl Iterator<Item = &String> {
        self.reads.iter().filter(|read| read.starts_with("Seq Scan"))
    }
}

/// Carries a statement out as the store does, and takes back what it changed.
pub(crate) async fn execute(client: &Client, hot: &Hot) -> Result<Execution, Error> {
    client
        .batch_execute("SET plan_cache_mode = force_custom_plan; BEGIN")
        .await?;
    let executed = explain(client, hot).await;
    client.batch_execute("ROLLBACK; DEALLOCATE ALL").await?;
    executed
}

async fn explain(client: &Client, hot: &Hot) -> Result<Execution, Error> {
    client
        .batch_execute(&format!("PREPARE hot AS {}", hot.sql))
        .await?;
    let sql = format!(
        "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE hot({})",
        hot.parameters.join(", ")
    );
    let row = client.query_one(&sql, &[]).await?;
    let Value::Array(answers) = row.get::<_, Value>(0) else {
        return Ok(Execution::default());
    };
    let mut execution = Execution::default();
    for answer in answers {
        let number = |name: &str| answer[name].as_f64().unwrap_or_default();
        execution.milliseconds += number("Planning Time") + number("Execution Time");
        let plan = &answer["Plan"];
        execution.blocks += count(plan, "Shared Hit Blocks") + count(plan, "Shared Read Blocks");
        look(plan, &mut execution);
    }
    Ok(execution)
}

fn count(node: &Value, name: &str) -> u64 {
    node[name].as_u64().unwrap_or_default()
}

fn look(node: &Value, execution: &mut Execution) {
    let kind = node["Node Type"].as_str().unwrap_or_default();
    let table = node["Relation Name"].as_str();
    let index = node["Index Name"].as_str();
    let loops = count(node, "Actual Loops");
    if let Some(read) = index.or(table.filter(|table| GROWING.contains(table)))
        && kind.ends_with("Scan")
        && kind != "Bitmap Heap Scan"
    {
        let line = format!("{kind} {read}");
        let is_growing = table.is_none_or(|table| GROWING.contains(&table));
        if is_growing && !execution.reads.contains(&line) {
            execution.reads.push(line);
        }
    }
    if kind.ends_with("Scan")
        && kind != "Bitmap Index Scan"
        && table.is_some_and(|table| GROWING.contains(&table))
    {
        let seen = count(node, "Actual Rows")
            + count(node, "Rows Removed by Filter")
            + count(node, "Rows Removed by Index Recheck");
        execution.rows += seen * loops.max(1);
    }
    for child in node["Plans"].as_array().into_iter().flatten() {
        look(child, execution);
    }
}
