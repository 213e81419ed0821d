//! Sets: each file that joins is counted, and of two that put one on the ledger one does.

use futures_util::future::join_all;
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::object::{Bucket, ObjectKey};
use longshore_domain::rule::{Interface, RuleId};
use longshore_domain::target::TableName;
use longshore_store::{
    BufferId, Claim, JoiningSet, Leaving, LoadFailure, MadeBatch, NewSet, Source, WaitingSet, batch_id,
    set_id,
};

use crate::support::{ACTOR, Bench, at, matched, operator, reason};

const FOLDER: &str = "in/day";

fn set() -> BufferId {
    set_id(&Bucket::new("landing"), "sales", FOLDER)
}

fn joining(key: &str) -> JoiningSet {
    JoiningSet {
        group: "sales".to_owned(),
        set: FOLDER.to_owned(),
        buffer: set(),
        part: serde_json::json!({"is": "sentinel"}),
        rows_expected: None,
        sources: vec![Source {
            key: ObjectKey::new(key),
            size_bytes: 100,
        }],
        prepared: false,
        duration: std::time::Duration::ZERO,
    }
}

fn new_set(loads: &[LoadId]) -> NewSet {
    NewSet {
        id: batch_id(loads),
        buffer: set(),
        loads: loads.to_vec(),
        rule: RuleId(71),
        interface: Interface {
            id: "701".to_owned(),
            name: "PHARMACY_PRICE".to_owned(),
        },
        table: TableName::new("s", "t"),
        name: "set in/day of group sales".to_owned(),
        size_bytes: 200,
        rows_expected: None,
        manifest_key: ObjectKey::new(format!("processing/manifests/{}.manifest", batch_id(loads))),
        manifests: vec![],
        plan: serde_json::json!({}),
        failure: None,
    }
}

impl Bench {
    async fn found(&self, key: &str) -> LoadId {
        let Claim::New(load) = self.claim(key, "first", 0).await else {
            unreachable!("each is announced once");
        };
        self.store.record_match(load.id, &matched()).await.unwrap();
        load.id
    }

    async fn joined(&self, files: usize) -> Vec<LoadId> {
        let mut loads = Vec::new();
        for file in 0..files {
            loads.push(self.found(&format!("{FOLDER}/F{file:03}_701.txt")).await);
        }
        let join = |load: &LoadId| {
            let (store, load) = (self.store.clone(), *load);
            async move { store.join_set(load, &joining("in/F"), at(1), ACTOR).await }
        };
        for moved in join_all(loads.iter().map(join)).await {
            assert!(moved.unwrap().has_moved());
        }
        loads
    }

    async fn standing(&self) -> WaitingSet {
        self.store.waiting_set(set()).await.unwrap().unwrap()
    }

    async fn state(&self, load: LoadId) -> LoadState {
        self.store.load(load).await.unwrap().unwrap().state
    }
}

#[tokio::test]
async fn files_that_join_a_set_at_once_are_all_counted() {
    let bench = Bench::new().await;
    bench.joined(8).await;
    let standing = bench.standing().await;
    assert_eq!((standing.files, standing.bytes), (8, 800));
    assert_eq!(bench.store.set_members(set(), 100).await.unwrap().len(), 8);
}

#[tokio::test]
async fn of_two_that_put_a_set_on_the_ledger_at_once_one_does() {
    let bench = Bench::new().await;
    let loads = bench.joined(2).await;
    let (one, all) = (new_set(&loads), new_set(&loads));
    let made = join_all([
        bench.store.make_set(&one, at(2), "one"),
        bench.store.make_set(&all, at(2), "other"),
    ])
    .await;
    let made: Vec<_> = made.into_iter().map(Result::unwrap).collect();
    let is_made = |made: &&MadeBatch| matches!(made, MadeBatch::Made(_));
    assert_eq!(made.iter().filter(is_made).count(), 1, "{made:?}");
    assert!(made.contains(&MadeBatch::Overtaken), "{made:?}");
    assert_eq!(bench.standing().await.files, 0);
}

#[tokio::test]
async fn a_set_that_wants_a_file_of_which_another_one_was_made_is_not_made() {
    let bench = Bench::new().await;
    let loads = bench.joined(3).await;
    let failed = NewSet {
        failure: Some(LoadFailure {
            code: "set_incomplete".to_owned(),
            error: "it lacks a file".to_owned(),
            rows_rejected: None,
        }),
        ..new_set(&loads[..2])
    };
    let made = bench.store.make_set(&failed, at(2), ACTOR).await.unwrap();
    assert!(matches!(made, MadeBatch::Made(load) if load.state == LoadState::Failed));
    let overlapping = bench.store.make_set(&new_set(&loads[1..]), at(2), ACTOR).await;
    assert_eq!(overlapping.unwrap(), MadeBatch::Overtaken);
    assert_eq!(bench.standing().await.files, 1);
}

#[tokio::test]
async fn a_wish_not_to_wait_for_a_set_ends_with_the_load_that_is_made_of_it() {
    let bench = Bench::new().await;
    let loads = bench.joined(3).await;
    assert!(bench.store.flush_buffer(set(), &operator(), at(2)).await.unwrap());
    let made = bench.store.make_set(&new_set(&loads[..2]), at(3), ACTOR).await;
    assert!(matches!(made.unwrap(), MadeBatch::Made(_)));
    let rest = bench.standing().await;
    assert_eq!(
        (rest.files, rest.flush_at),
        (1, None),
        "it is the beginning of the next set"
    );
}

#[tokio::test]
async fn a_set_whose_first_file_is_sent_again_is_as_old_as_before() {
    let bench = Bench::new().await;
    let first = bench.joined(1).await.remove(0);
    let again = bench.found(&format!("{FOLDER}/G_701.txt")).await;
    let moved = bench.store.join_set(again, &joining("in/G"), at(60), ACTOR).await;
    assert!(moved.unwrap().has_moved());
    let leave = |load, leaving| bench.store.leave_buffer(load, set(), leaving, at(61), ACTOR);
    leave(
        first,
        Leaving::Replaced {
            note: "sent again",
            by: None,
        },
    )
    .await
    .unwrap();
    let standing = bench.standing().await;
    assert_eq!((standing.files, standing.first_at), (1, Some(at(1))));
    leave(
        again,
        Leaving::Replaced {
            note: "sent again",
            by: None,
        },
    )
    .await
    .unwrap();
    assert_eq!(bench.standing().await.first_at, None);
}

#[tokio::test]
async fn a_set_whose_first_file_is_not_counted_begins_with_the_next_one() {
    let bench = Bench::new().await;
    let first = bench.joined(1).await.remove(0);
    let next = bench.found(&format!("{FOLDER}/G_701.txt")).await;
    let moved = bench.store.join_set(next, &joining("in/G"), at(60), ACTOR).await;
    assert!(moved.unwrap().has_moved());
    let left = bench.store.leave_buffer(
        first,
        set(),
        Leaving::Repeated {
            note: "loaded before",
        },
        at(61),
        ACTOR,
    );
    assert!(left.await.unwrap().has_moved());
    assert_eq!(bench.standing().await.first_at, Some(at(60)));
}

#[tokio::test]
async fn a_file_leaves_its_set_once_and_only_while_it_waits() {
    let bench = Bench::new().await;
    let loads = bench.joined(3).await;
    let leave = |load| {
        bench.store.leave_buffer(
            load,
            set(),
            Leaving::Replaced {
                note: "sent twice",
                by: None,
            },
            at(2),
            ACTOR,
        )
    };
    assert!(leave(loads[0]).await.unwrap().has_moved());
    assert!(!leave(loads[0]).await.unwrap().has_moved());
    assert_eq!(bench.state(loads[0]).await, LoadState::Skipped);
    assert_eq!(bench.standing().await.files, 2);
    bench
        .store
        .make_set(&new_set(&loads[1..]), at(3), ACTOR)
        .await
        .unwrap();
    assert!(!leave(loads[1]).await.unwrap().has_moved(), "a set carries it");
    assert_eq!(bench.state(loads[1]).await, LoadState::Batched);
}

#[tokio::test]
async fn a_refused_file_is_told_of_until_another_one_of_its_key_is_there() {
    let bench = Bench::new().await;
    let key = format!("{FOLDER}/bad_701.txt");
    let load = bench.found(&key).await;
    bench
        .store
        .mark_rejected(load, &reason(), at(1), ACTOR)
        .await
        .unwrap();
    let bucket = Bucket::new("landing");
    let refused = |rule, since| {
        let (store, bucket) = (bench.store.clone(), bucket.clone());
        async move {
            store
                .set_rejected(&bucket, &[RuleId(rule)], at(since))
                .await
                .unwrap()
        }
    };
    let told = refused(71, -10).await;
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].key.as_str(), told[0].rule), (key.as_str(), RuleId(71)));
    assert_eq!(told[0].captures["region"], "emea");
    assert!(refused(72, -10).await.is_empty(), "of another rule");
    assert!(refused(71, 10).await.is_empty(), "before that time");
}
