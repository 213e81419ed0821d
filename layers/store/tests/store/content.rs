//! Loads of one content: one at a time, and what each has to do with the earlier ones.

use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::object::{Object, Sequencer};
use longshore_domain::target::{Compute, Login, TableName, Warehouse};
use longshore_store::{
    Admission, Announced, ChildOf, Claim, Destination, Forgotten, LeaseStep, Load, NewChild, SameContent,
};
use rstest::rstest;

use crate::support::{ACTOR, Bench, at, lease, matched, object, prepared, split_facts};

const KEY: &str = "in/A_701.txt";

/// The same bytes under one key, sent for the n-th time.
fn sent(number: u32) -> Object {
    Object {
        sequencer: Some(Sequencer::new(format!("0055AED6DCD9028{number}"))),
        ..object(KEY)
    }
}

async fn announced(bench: &Bench, object: &Object) -> Load {
    let lease = lease("first", LeaseStep::Prepare, 60);
    match bench
        .store
        .claim_load(object, &Announced::default(), &lease, at(0))
        .await
        .unwrap()
    {
        Claim::New(load) => {
            bench.store.record_match(load.id, &matched()).await.unwrap();
            load
        }
        other => unreachable!("{other:?}"),
    }
}

async fn known(bench: &Bench, load: LoadId) -> Load {
    bench.store.load(load).await.unwrap().unwrap()
}

async fn waits_for(bench: &Bench, load: LoadId) -> Option<LoadId> {
    match bench.store.admit(load, at(1)).await.unwrap() {
        Admission::Waits { until_done } => Some(until_done),
        Admission::Admitted { .. } => None,
    }
}

async fn others(bench: &Bench, load: LoadId) -> Vec<SameContent> {
    match bench.store.admit(load, at(1)).await.unwrap() {
        Admission::Admitted { others } => others,
        Admission::Waits { until_done } => unreachable!("{load} waits for {until_done}"),
    }
}

#[tokio::test]
async fn a_load_waits_until_the_one_of_the_same_content_is_done() {
    let bench = Bench::new().await;
    let first = announced(&bench, &sent(1)).await.id;
    let second = announced(&bench, &sent(2)).await.id;
    assert_eq!(waits_for(&bench, first).await, None);
    assert_eq!(waits_for(&bench, second).await, Some(first));
    assert_eq!(waits_for(&bench, first).await, None, "asked again");

    bench.bring(first, LoadState::Complete).await;
    let others = others(&bench, second).await;
    assert_eq!(others.len(), 1);
    assert!(others[0].has_rows && !others[0].is_under_way, "{others:?}");
}

#[tokio::test]
async fn of_twenty_of_one_content_that_ask_at_once_one_begins() {
    let bench = Bench::new().await;
    let mut tasks = Vec::new();
    for number in 0..20 {
        let load = announced(&bench, &sent(number)).await.id;
        let store = bench.store.clone();
        tasks.push(tokio::spawn(async move { store.admit(load, at(1)).await }));
    }
    let mut admitted = 0;
    for task in tasks {
        let admission = task.await.unwrap().unwrap();
        admitted += usize::from(matches!(admission, Admission::Admitted { .. }));
    }
    assert_eq!(admitted, 1);
}

#[tokio::test]
async fn other_bytes_another_length_and_another_key_are_another_content() {
    let bench = Bench::new().await;
    let first = announced(&bench, &sent(1)).await.id;
    assert_eq!(waits_for(&bench, first).await, None);
    let different = [
        Object {
            etag: Some("e2".to_owned()),
            ..sent(2)
        },
        Object {
            size_bytes: 101,
            ..sent(3)
        },
        Object {
            sequencer: sent(4).sequencer,
            ..object("in/B_701.txt")
        },
        Object {
            etag: None,
            ..sent(5)
        },
    ];
    for object in different {
        let load = announced(&bench, &object).await.id;
        assert_eq!(waits_for(&bench, load).await, None, "{object:?}");
    }
}

#[tokio::test]
async fn a_failed_or_rejected_load_brought_no_rows() {
    for state in [LoadState::Failed, LoadState::Rejected] {
        let bench = Bench::new().await;
        let first = announced(&bench, &sent(1)).await.id;
        bench.bring(first, state).await;
        let sql =
            "UPDATE rdscnfg.ext_file_load SET concluded_at = now(), finished_at = now() WHERE load_id = $1";
        bench.run(sql, &[&first.as_uuid()]).await.unwrap();
        let second = announced(&bench, &sent(2)).await.id;
        let others = others(&bench, second).await;
        assert!(!others[0].has_rows, "{state}");
        assert_eq!(bench.store.replaceable(second).await.unwrap(), []);
    }
}

#[tokio::test]
async fn rows_that_were_replaced_once_are_not_replaced_again() {
    let bench = Bench::new().await;
    let first = announced(&bench, &sent(1)).await.id;
    bench.bring(first, LoadState::TransformFailed).await;
    let second = announced(&bench, &sent(2)).await.id;
    let replaceable = bench.store.replaceable(second).await.unwrap();
    assert_eq!(replaceable.len(), 1);
    assert_eq!(replaceable[0].load, first);
    assert_eq!(replaceable[0].destination.table, matched().table);
    let prepared = longshore_store::Prepared {
        replaces: vec![first],
        ..prepared()
    };
    let moved = bench.store.mark_prepared(second, &prepared, at(1), ACTOR).await;
    assert_eq!(moved.unwrap().into_load().replaces, [first]);

    let third = announced(&bench, &sent(3)).await.id;
    let ids = |loads: Vec<longshore_store::Replaceable>| -> Vec<_> {
        loads.into_iter().map(|earlier| earlier.load).collect()
    };
    assert_eq!(ids(bench.store.replaceable(third).await.unwrap()), [first]);
    for state in [LoadState::Queued, LoadState::Submitted, LoadState::Loaded] {
        bench.take(second, state).await;
    }
    assert_eq!(ids(bench.store.replaceable(third).await.unwrap()), [second]);
}

/// A file cut into the parts `HD` and `DT`, put away.
async fn split(bench: &Bench, number: u32) -> (LoadId, [LoadId; 2]) {
    let whole = announced(bench, &sent(number)).await.id;
    let parts = ["HD", "DT"];
    for record_type in parts {
        let child = NewChild {
            id: whole.child(record_type),
            what: ChildOf::RecordType(record_type.to_owned()),
            object: object(&format!("processing/{whole}/{record_type}")),
            file_name: "A_701.txt".to_owned(),
            rows_expected: Some(3),
        };
        let lease = lease("first", LeaseStep::Prepare, 60);
        bench
            .store
            .claim_child(whole, &child, &lease, at(0))
            .await
            .unwrap();
        bench.store.record_match(child.id, &matched()).await.unwrap();
    }
    bench
        .store
        .mark_split(whole, &split_facts(), at(1), ACTOR)
        .await
        .unwrap();
    let sql = "UPDATE rdscnfg.ext_file_load SET concluded_at = now(), finished_at = now() WHERE load_id = $1";
    bench.run(sql, &[&whole.as_uuid()]).await.unwrap();
    (whole, parts.map(|record_type| whole.child(record_type)))
}

#[tokio::test]
async fn a_split_file_is_under_way_until_its_last_part_is_done_and_loaded_when_all_are() {
    let bench = Bench::new().await;
    let (whole, [head, detail]) = split(&bench, 1).await;
    let second = announced(&bench, &sent(2)).await.id;
    assert_eq!(waits_for(&bench, second).await, Some(whole));
    bench.bring(head, LoadState::Complete).await;
    assert_eq!(waits_for(&bench, second).await, Some(whole));
    bench.bring(detail, LoadState::Failed).await;
    let sql = "UPDATE rdscnfg.ext_file_load SET concluded_at = now(), finished_at = now() WHERE load_id = $1";
    bench.run(sql, &[&detail.as_uuid()]).await.unwrap();
    assert!(!others(&bench, second).await[0].has_rows, "a part has none");

    let sql = "UPDATE rdscnfg.ext_file_load SET concluded_at = now(), finished_at = now(), state = 'skipped' WHERE load_id = $1";
    bench.run(sql, &[&second.as_uuid()]).await.unwrap();
    let (_, [head_again, detail_again]) = split(&bench, 3).await;
    let earlier = bench.store.replaceable(head_again).await.unwrap();
    assert_eq!(earlier.len(), 1);
    assert_eq!(earlier[0].load, head);
    assert_eq!(bench.store.replaceable(detail_again).await.unwrap(), []);
    bench.bring(detail_again, LoadState::Complete).await;
    let first = bench.store.same_content(second).await.unwrap();
    let whole = first.iter().find(|other| other.load == whole).unwrap();
    assert!(whole.has_rows, "each part has rows, from one file or the other");
}

#[tokio::test]
async fn what_an_operator_forgot_neither_keeps_a_file_back_nor_is_replaced() {
    let bench = Bench::new().await;
    let operator = longshore_store::Operator {
        name: "ann".to_owned(),
        reason: "the table was emptied".to_owned(),
    };
    let first = announced(&bench, &sent(1)).await.id;
    bench.bring(first, LoadState::Complete).await;
    let second = announced(&bench, &sent(2)).await.id;
    assert!(others(&bench, second).await[0].has_rows);
    assert_eq!(bench.store.replaceable(second).await.unwrap().len(), 1);

    // Under way: what becomes of it is not known.
    assert_eq!(waits_for(&bench, second).await, None);
    let busy = bench.store.forget(first, &operator, at(20)).await.unwrap();
    assert_eq!(busy, Forgotten::Busy(second));
    bench.bring(second, LoadState::Complete).await;

    let forgotten = bench.store.forget(second, &operator, at(30)).await.unwrap();
    assert_eq!(forgotten, Forgotten::Loads(vec![second, first]));
    let again = bench.store.forget(second, &operator, at(31)).await.unwrap();
    assert_eq!(again, Forgotten::Loads(vec![]));
    let third = announced(&bench, &sent(3)).await.id;
    assert!(others(&bench, third).await.iter().all(|other| !other.has_rows));
    assert_eq!(bench.store.replaceable(third).await.unwrap(), []);
    for load in [first, second] {
        let load = known(&bench, load).await;
        assert_eq!(load.forgotten_at, Some(at(30)));
        let operations = bench.store.operations(load.id).await.unwrap();
        assert_eq!(operations[0].operation, longshore_store::OperationKind::Forget);
    }
}

#[tokio::test]
async fn what_another_rule_loaded_into_another_table_is_not_the_same() {
    let bench = Bench::new().await;
    let first = announced(&bench, &sent(1)).await.id;
    bench.bring(first, LoadState::Complete).await;
    let second = announced(&bench, &sent(2)).await.id;
    let elsewhere = longshore_store::MatchedRule {
        rule: longshore_domain::rule::RuleId(72),
        table: Some(TableName::new("rdsftetl", "another")),
        ..matched()
    };
    bench.store.record_match(second, &elsewhere).await.unwrap();
    bench.bring(second, LoadState::Complete).await;

    let own = bench
        .store
        .destination(&known(&bench, first).await)
        .await
        .unwrap();
    let others = bench.store.same_content(first).await.unwrap();
    assert!(
        others[0].has_rows && !others[0].destination.is_that_of(&own),
        "{others:?}"
    );
}

fn destination(rule: i32, table: &str, cluster: Option<&str>) -> Destination {
    Destination {
        rule: Some(longshore_domain::rule::RuleId(rule)),
        table: (!table.is_empty()).then(|| TableName::new("s", table)),
        warehouse: cluster.map(|cluster| Warehouse {
            compute: Compute::Cluster(cluster.to_owned()),
            database: "dev".to_owned(),
            login: Login::CallerIdentity,
            iam_role: "default".to_owned(),
            region: "eu-west-1".to_owned(),
        }),
    }
}

#[rstest]
#[case::the_same(1, "a", Some("x"), true)]
#[case::one_rule_whose_table_was_renamed(1, "b", Some("x"), true)]
#[case::two_rules_into_one_table_written_otherwise(2, "A", Some("x"), true)]
#[case::two_rules_into_one_table(2, "a", Some("x"), true)]
#[case::two_rules_into_two_tables(2, "b", Some("x"), false)]
#[case::two_rules_into_two_warehouses(2, "a", Some("y"), false)]
#[case::two_rules_and_a_warehouse_that_is_not_known(2, "a", None, true)]
#[case::two_rules_that_cut_the_file(2, "", Some("x"), false)]
fn content_comes_twice_into_one_table_or_by_one_rule(
    #[case] rule: i32,
    #[case] table: &str,
    #[case] cluster: Option<&str>,
    #[case] expected: bool,
) {
    let first = destination(1, "a", Some("x"));
    let second = destination(rule, table, cluster);
    assert_eq!(first.is_that_of(&second), expected);
    assert_eq!(second.is_that_of(&first), expected);
}
