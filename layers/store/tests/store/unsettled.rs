//! Whose turn it is: loads that stand still, one look at a time.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use longshore_domain::load::{LoadId, LoadState};
use longshore_store::{Conclusion, LeaseStep, Store};

use crate::support::{ACTOR, Bench, at, lease};

const IDLE: TimeDelta = TimeDelta::seconds(100);

async fn take(store: &Store, since: i64, now: i64) -> Option<LoadId> {
    let taken = store
        .take_unsettled(IDLE, at(since), at(now), true)
        .await
        .unwrap();
    taken.map(|load| load.id)
}

/// Loads whose first worker let go of them, the first one standing still for longest.
async fn standing_still(bench: &Bench, count: usize) -> Vec<LoadId> {
    let mut loads = Vec::new();
    for number in 0..count {
        let load = bench.received(&format!("in/{number}_701.txt")).await.id;
        bench.store.release(load, "first").await.unwrap();
        let sql = "UPDATE rdscnfg.ext_file_load SET state_at = $2 WHERE load_id = $1";
        let number = i64::try_from(number).unwrap();
        bench.run(sql, &[&load.as_uuid(), &at(number)]).await.unwrap();
        loads.push(load);
    }
    loads
}

#[tokio::test]
async fn a_load_that_stands_still_is_given_until_it_is_done_or_somebody_has_it() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Loaded).await.id;
    assert_eq!(take(&bench.store, 10, 10).await, None, "its worker lives");
    bench.store.release(load, "first").await.unwrap();
    assert_eq!(take(&bench.store, 50, 50).await, None, "it moved just now");
    assert_eq!(take(&bench.store, 200, 200).await, Some(load));
    let finisher = lease("finisher", LeaseStep::Finish, 900);
    bench
        .store
        .claim_for_finish(load, &finisher, at(500))
        .await
        .unwrap();
    assert_eq!(take(&bench.store, 800, 800).await, None, "somebody has it");
    let conclusion = Conclusion {
        next: Some(LoadState::Complete),
        ..Conclusion::default()
    };
    bench
        .store
        .conclude(load, &conclusion, at(801), ACTOR)
        .await
        .unwrap();
    assert_eq!(take(&bench.store, 2_000, 2_000).await, None, "it is done");
}

#[tokio::test]
async fn every_load_gets_one_look_in_a_run_the_longest_waiting_first() {
    let bench = Bench::new().await;
    let loads = standing_still(&bench, 3).await;
    let mut taken = Vec::new();
    while let Some(load) = take(&bench.store, 1_000, 1_000).await {
        taken.push(load);
    }
    assert_eq!(taken, loads);
}

#[tokio::test]
async fn a_load_that_fails_each_time_goes_to_the_back_and_waits_longer() {
    let bench = Bench::new().await;
    let loads = standing_still(&bench, 2).await;
    assert_eq!(take(&bench.store, 1_000, 1_000).await, Some(loads[0]));
    assert_eq!(take(&bench.store, 1_001, 1_001).await, Some(loads[1]));
    assert_eq!(take(&bench.store, 1_099, 1_099).await, None);
    assert_eq!(take(&bench.store, 1_100, 1_100).await, Some(loads[0]));
    // The second look was in vain too: now it waits for twice as long, and the other comes first.
    assert_eq!(take(&bench.store, 1_101, 1_101).await, Some(loads[1]));
    assert_eq!(take(&bench.store, 1_250, 1_250).await, None);
    assert_eq!(take(&bench.store, 1_300, 1_300).await, Some(loads[0]));
}

#[tokio::test]
async fn each_look_in_vain_makes_the_wait_longer_up_to_eight_times() {
    let bench = Bench::new().await;
    let load = standing_still(&bench, 1).await[0];
    let mut now = 1_000;
    assert_eq!(take(&bench.store, now, now).await, Some(load));
    for wait in [100, 200, 400, 800, 800] {
        let early = now + wait - 1;
        assert_eq!(
            take(&bench.store, early, early).await,
            None,
            "after {wait} s less one"
        );
        now += wait;
        assert_eq!(take(&bench.store, now, now).await, Some(load), "after {wait} s");
    }
    let sql = "UPDATE rdscnfg.ext_file_load SET state_at = $1";
    bench.run(sql, &[&at(now + 1)]).await.unwrap();
    now += 101;
    assert_eq!(take(&bench.store, now, now).await, Some(load), "it had moved");
    now += 100;
    assert_eq!(
        take(&bench.store, now, now).await,
        Some(load),
        "as for the first time"
    );
}

#[tokio::test]
async fn two_reconcilers_at_once_never_get_the_same_load() {
    let bench = Bench::new().await;
    let loads = standing_still(&bench, 40).await;
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let store = bench.store.clone();
            tokio::spawn(async move {
                let mut taken = Vec::new();
                while let Some(load) = take(&store, 1_000, 1_000).await {
                    taken.push(load);
                }
                taken
            })
        })
        .collect();
    let mut taken = Vec::new();
    for task in tasks {
        taken.extend(task.await.unwrap());
    }
    assert_eq!(taken.len(), 40);
    assert_eq!(BTreeSet::from_iter(taken), BTreeSet::from_iter(loads));
}
