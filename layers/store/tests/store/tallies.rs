//! How far a count has come, kept from one invocation to the next.

use longshore_store::{LeaseStep, NotedTally};

use crate::support::{Bench, at};

const LINES: &str = "lines 0..900";

fn tally(counted_as: &str, bytes: u64) -> NotedTally {
    NotedTally {
        counted_as: counted_as.to_owned(),
        bytes,
        records: bytes / 10,
        blank_records: 1,
        lines: bytes / 10 + 1,
    }
}

#[tokio::test]
async fn what_is_counted_only_grows_unless_it_is_counted_in_another_way() {
    let bench = Bench::new().await;
    let load = bench.received("in/A_701.txt").await.id;
    let store = &bench.store;
    assert_eq!(store.tally(load, LINES).await.unwrap(), None);
    for (bytes, kept) in [(100, 100), (300, 300), (200, 300)] {
        store.note_tally(load, &tally(LINES, bytes), at(1)).await.unwrap();
        assert_eq!(store.tally(load, LINES).await.unwrap(), Some(tally(LINES, kept)));
    }
    assert_eq!(store.tally(load, "escaped 0..900").await.unwrap(), None);
    let other = tally("escaped 0..900", 50);
    store.note_tally(load, &other, at(2)).await.unwrap();
    assert_eq!(store.tally(load, LINES).await.unwrap(), None);
    assert_eq!(store.tally(load, "escaped 0..900").await.unwrap(), Some(other));
}

#[tokio::test]
async fn whoever_came_further_begins_the_count_of_hand_overs_anew() {
    let bench = Bench::new().await;
    let load = bench.received("in/A_701.txt").await;
    let owner = load.lease.as_ref().map(|lease| lease.owner.clone()).unwrap();
    assert_eq!(load.lease.map(|lease| lease.step), Some(LeaseStep::Prepare));
    let handovers = async || bench.store.load(load.id).await.unwrap().unwrap().handovers;
    bench.store.hand_over(load.id, &owner, at(1)).await.unwrap();
    assert_eq!(handovers().await, 1);
    bench
        .store
        .note_tally(load.id, &tally(LINES, 100), at(2))
        .await
        .unwrap();
    assert_eq!(handovers().await, 0);
    let sql = "UPDATE rdscnfg.ext_file_load SET handovers = 2";
    bench.run(sql, &[]).await.unwrap();
    bench
        .store
        .note_tally(load.id, &tally(LINES, 100), at(3))
        .await
        .unwrap();
    assert_eq!(handovers().await, 2, "it came no further");
}
