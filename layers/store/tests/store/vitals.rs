//! What counts as under way for too long: not what waits as it was told to.

use longshore_domain::load::LoadState;
use longshore_domain::object::{Bucket, ObjectKey};
use longshore_domain::statement::StatementKind;
use longshore_store::{Conclusion, JoiningSet, MadeBatch, NewBatch, Operator, batch_id, set_id};

use crate::support::{ACTOR, Bench, at, attempt, joining, matched, operator, prepared, record};

impl Bench {
    async fn oldest(&self, now: i64) -> Option<f64> {
        self.store
            .vitals(at(now))
            .await
            .unwrap()
            .oldest_unfinished_seconds
    }
}

#[tokio::test]
async fn the_oldest_load_is_as_old_as_its_file_is_here() {
    let bench = Bench::new().await;
    assert_eq!(bench.oldest(0).await, None);
    let load = bench.load_in(LoadState::Submitted).await;
    bench.claim("in/B_701.txt", "first", 50).await;
    assert_eq!(bench.oldest(90).await, Some(90.0));
    let sql =
        "UPDATE rdscnfg.ext_file_load SET waits_for = 'rule 71', due_at = received_at WHERE load_id = $1";
    bench.run(sql, &[&load.id.as_uuid()]).await.unwrap();
    assert_eq!(bench.oldest(90).await, Some(40.0), "its rule is paused");
}

#[tokio::test]
async fn what_waits_in_a_buffer_counts_from_when_it_is_due_and_then_as_its_batch() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Batched).await.id;
    // Since the first second, for a minute.
    assert_eq!(bench.oldest(60).await, None);
    assert_eq!(bench.oldest(70).await, Some(9.0));
    let buffer = joining(1).buffer;
    bench
        .store
        .flush_buffer(buffer, &operator(), at(30))
        .await
        .unwrap();
    assert_eq!(bench.oldest(29).await, None);
    assert_eq!(bench.oldest(40).await, Some(10.0));
    let loads = vec![load];
    let batch = NewBatch {
        id: batch_id(&loads),
        buffer,
        loads,
        size_bytes: 100,
        rows_expected: None,
        manifest_key: ObjectKey::new("processing/manifests/b.manifest"),
        plan: serde_json::json!({}),
        failure: None,
    };
    let made = bench.store.make_batch(&batch, at(500), ACTOR).await.unwrap();
    assert!(matches!(made, MadeBatch::Made(_)), "{made:?}");
    assert_eq!(bench.oldest(507).await, Some(7.0));
}

#[tokio::test]
async fn a_set_that_lacks_files_waits_as_it_was_told_to() {
    let bench = Bench::new().await;
    let load = bench.received("in/day/F_701.txt").await.id;
    bench.store.record_match(load, &matched()).await.unwrap();
    let set = JoiningSet {
        group: "sales".to_owned(),
        set: "in/day".to_owned(),
        buffer: set_id(&Bucket::new("landing"), "sales", "in/day"),
        part: serde_json::json!({"is": "sentinel"}),
        rows_expected: None,
        sources: prepared().sources,
        prepared: false,
        duration: std::time::Duration::ZERO,
    };
    let joined = bench.store.join_set(load, &set, at(1), ACTOR).await.unwrap();
    assert!(joined.has_moved());
    assert_eq!(bench.oldest(80_000).await, None);
    bench
        .store
        .flush_buffer(set.buffer, &operator(), at(80_000))
        .await
        .unwrap();
    assert_eq!(bench.oldest(80_005).await, Some(5.0));
}

#[tokio::test]
async fn a_file_that_is_delivered_is_as_old_as_its_deliveries_then_as_their_end() {
    let bench = Bench::new().await;
    let store = &bench.store;
    let file = bench.load_in(LoadState::Delivering).await;
    assert_eq!(bench.oldest(5).await, Some(5.0), "none is on record yet");
    let [own, mart] = bench.deliveries(&file, 10).await;
    assert_eq!(bench.oldest(15).await, Some(5.0));
    bench.bring(own, LoadState::Complete).await;
    bench.bring(mart, LoadState::Batched).await;
    assert_eq!(bench.oldest(20).await, None, "the other waits in a buffer");

    let operator = Operator {
        name: "ann".to_owned(),
        reason: "not there".to_owned(),
    };
    store.skip_by_hand(mart, &operator, at(99)).await.unwrap();
    store
        .conclude(mart, &Conclusion::default(), at(100), ACTOR)
        .await
        .unwrap();
    assert_eq!(bench.oldest(130).await, Some(30.0), "it is not put away");
}

#[tokio::test]
async fn a_load_whose_follow_up_is_run_again_is_as_old_as_that() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::TransformFailed).await.id;
    assert_eq!(bench.oldest(90_000).await, None);
    let attempt = attempt(load, StatementKind::FollowUp, 2);
    let operator = Operator {
        name: "ann".to_owned(),
        reason: "mended".to_owned(),
    };
    let again = bench
        .store
        .follow_up_again(&attempt, &record(&attempt), &operator, at(90_000))
        .await
        .unwrap();
    assert!(again.has_moved());
    assert_eq!(bench.oldest(90_060).await, Some(60.0));
}
