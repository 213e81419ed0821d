//! What the hot statements read: an index's worth, however many loads and rules there are. Not how long they take, which is for
//! `make bench-ledger` to show.

#[path = "../../examples/bench-ledger/explain.rs"]
mod explain;
#[path = "../../examples/bench-ledger/fill.rs"]
mod fill;
#[path = "../../examples/bench-ledger/hot.rs"]
mod hot;

use hot::Ledger;

use crate::support::Bench;

const LEDGER: Ledger = Ledger {
    loads: 20_000,
    rules: 20_000,
};
/// A page of a thousand, and the five hundred loads that are under way, some of them twice.
const MOST_ROWS: u64 = 2_500;

#[tokio::test]
async fn no_hot_statement_reads_all_loads_or_all_rules() {
    let bench = Bench::new().await;
    let client = bench.database.client().await.unwrap();
    fill::rules(&client, LEDGER.rules).await.unwrap();
    fill::ledger(&client, LEDGER.loads, LEDGER.rules).await.unwrap();
    let mut faults = Vec::new();
    for hot in LEDGER.questions() {
        let execution = explain::execute(&client, &hot).await;
        let execution = execution.unwrap_or_else(|error| unreachable!("{}: {error:?}", hot.what));
        let is_whole = execution.whole_tables().next().is_some();
        if is_whole || execution.rows > MOST_ROWS {
            faults.push(format!("{}: {execution:?}", hot.what));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
