//! Bulk loads of many files.

use chrono::{DateTime, Utc};
use longshore_app::{Backfill, BackfillMode, BulkLoad, BulkRun, BulkTarget, Operator};
use longshore_domain::object::WatchedPrefix;
use longshore_domain::rule::RuleId;
use longshore_domain::target::TableName;

use crate::support::bench::Bench;
use crate::support::rules::Rule;

/// As many as are looked at and put on the ledger at once.
const AT_ONCE: usize = 16;

/// The files below a prefix, in a format, into the table of prices.
fn prices(format: &str) -> BulkLoad {
    BulkLoad {
        path: WatchedPrefix::parse("s3://landing/lake/prices/").unwrap(),
        table: TableName::new("s", "price"),
        format: Some(format.to_owned()),
        extension: None,
        columns: vec!["item".to_owned(), "amount".to_owned()],
        merge_key: None,
        merge_order: None,
        target: BulkTarget::Own,
        fields: vec!["delimiter=|".to_owned()],
    }
}

fn ann() -> Operator {
    Operator {
        name: "ann".to_owned(),
        reason: "a test".to_owned(),
    }
}

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
    let load = prices("csv");
    let operator = ann();
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

#[tokio::test]
async fn a_bulk_load_takes_files_of_any_name_but_for_those_that_it_is_told_to_ignore() {
    let bench = Bench::with(&[Rule::new(1, "701", "price")]).await;
    let world = bench.world();
    for key in [
        "lake/prices/0000_part_00",
        "lake/prices/0001_part_00.dat",
        "lake/prices/_SUCCESS",
    ] {
        world.land(key, "plum|1\n");
    }
    let mut load = prices("txt");
    load.extension = Some(String::new());
    load.fields.push("ignore_names=_SUCCESS".to_owned());
    let operator = ann();
    let invocation = world.invocation("bulk");
    let bulk = BulkRun {
        app: &world.app,
        invocation: &invocation,
        operator: &operator,
    };
    let plan = Box::pin(bulk.judge(&load)).await.unwrap().unwrap();
    let report = Box::pin(bulk.carry_out(&plan)).await.unwrap().unwrap();
    assert_eq!((report.files, report.recorded), (3, 2), "{report:?}");
}

#[tokio::test]
async fn a_backfill_finds_nothing_in_a_bucket_that_is_not_the_rules() {
    let elsewhere = Rule::new(1, "701", "price").with("bucket = 'elsewhere'");
    let here = Rule::new(2, "702", "price").with("bucket = 'land*'");
    let bench = Bench::with(&[elsewhere, here]).await;
    let world = bench.world();
    world.land("in/plain_701.txt", "plum|1\n");
    world.land("in/plain_702.txt", "plum|1\n");
    for (rule, missing) in [(1, 0), (2, 1)] {
        let backfill = Backfill {
            rule: RuleId(rule),
            place: WatchedPrefix::parse("s3://landing/in/").unwrap(),
            since: DateTime::<Utc>::UNIX_EPOCH,
            until: None,
            file_type: None,
            limit: 10,
            why: "to see".to_owned(),
        };
        let invocation = world.invocation("backfill");
        let found = Box::pin(backfill.run(&world.app, &invocation, BackfillMode::Look)).await;
        let report = found.unwrap().unwrap();
        assert_eq!((report.seen, report.missing), (2, missing), "rule {rule}");
    }
}
