//! Bulk loads of many files.

use longshore_app::{BulkLoad, BulkRun, BulkTarget, Operator};
use longshore_domain::object::WatchedPrefix;
use longshore_domain::target::TableName;

use crate::support::bench::Bench;
use crate::support::rules::Rule;

/// As many as are looked at and put on the ledger at once.
const AT_ONCE: usize = 16;

#[tokio::test]
async fn the_files_of_a_bulk_load_are_looked_at_side_by_side() {
    const FILES: usize = 120;
    // Its feed is the one that the bulk load's rule gets.
    let bench = Bench::with(&[Rule::new(1, "701", "price")]).await;
    let world = bench.world();
    for file in 0..FILES {
        world.land(&format!("lake/prices/{file:03}.csv"), &format!("plum|{file}\n"));
    }
    world.pace.slow_down();
    let load = BulkLoad {
        path: WatchedPrefix::parse("s3://landing/lake/prices/").unwrap(),
        table: TableName::new("s", "price"),
        format: Some("csv".to_owned()),
        extension: None,
        columns: vec!["item".to_owned(), "amount".to_owned()],
        merge_key: None,
        merge_order: None,
        target: BulkTarget::Own,
        fields: vec!["delimiter=|".to_owned()],
    };
    let operator = Operator {
        name: "ann".to_owned(),
        reason: "a test".to_owned(),
    };
    let invocation = world.invocation("bulk");
    let bulk = BulkRun {
        app: &world.app,
        invocation: &invocation,
        operator: &operator,
    };
    let plan = Box::pin(bulk.judge(&load)).await.unwrap().unwrap();
    let report = Box::pin(bulk.carry_out(&plan)).await.unwrap().unwrap();

    assert_eq!((report.files, report.recorded), (FILES as u64, FILES as u64));
    assert!(report.is_through && report.errors.is_empty(), "{report:?}");
    assert_eq!(world.pace.most_heads(), AT_ONCE);
    let again = Box::pin(bulk.judge(&load)).await.unwrap().unwrap();
    let report = Box::pin(bulk.carry_out(&again)).await.unwrap().unwrap();
    assert_eq!((report.recorded, report.under_way), (0, FILES as u64));

    // Another rule: what the first one does with the files is nothing to it.
    let other = BulkLoad {
        columns: vec!["amount".to_owned(), "item".to_owned()],
        ..load
    };
    let plan = Box::pin(bulk.judge(&other)).await.unwrap().unwrap();
    let report = Box::pin(bulk.carry_out(&plan)).await.unwrap().unwrap();
    assert_eq!((report.recorded, report.under_way), (FILES as u64, FILES as u64));
}
