//! Buffers and batches: a load is counted once, is in one batch at most, and comes back when that fails.

use std::collections::BTreeSet;

use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::notification::Outcome;
use longshore_domain::object::ObjectKey;
use longshore_domain::statement::StatementKind;
use longshore_store::{
    AuditStatus, Buffer, BufferLimits, Claim, Conclusion, Joining, Load, LoadFailure, LoadFilter, MadeBatch,
    NewBatch, OperationKind, Operator, Return, batch_id,
};

use crate::support::{
    ACTOR, Bench, at, attempt, conclusion, facts, failure, follow_up_end, joining, matched, operator, record,
};

impl Bench {
    /// So many files that wait in the buffer, received second by second.
    async fn waiting(&self, files: usize, joining: &Joining) -> Vec<LoadId> {
        let mut loads = Vec::new();
        for file in 0..files {
            let second = i64::try_from(file).unwrap();
            let Claim::New(load) = self
                .claim(&format!("in/F{file:03}_701.txt"), "first", second)
                .await
            else {
                unreachable!("each is announced once");
            };
            self.store.record_match(load.id, &matched()).await.unwrap();
            self.join(load.id, joining, second).await;
            loads.push(load.id);
        }
        loads
    }

    async fn join(&self, load: LoadId, joining: &Joining, now: i64) {
        let joined = self.store.join_buffer(load, joining, at(now), ACTOR).await;
        assert!(joined.unwrap().has_moved());
    }

    async fn buffer(&self, joining: &Joining) -> Buffer {
        self.store.buffer(joining.buffer).await.unwrap().unwrap()
    }

    async fn make(&self, joining: &Joining, loads: &[LoadId], now: i64) -> MadeBatch {
        let batch = NewBatch {
            id: batch_id(loads),
            buffer: joining.buffer,
            loads: loads.to_vec(),
            size_bytes: 200,
            rows_expected: Some(4),
            manifest_key: ObjectKey::new(format!("processing/manifests/{}.manifest", batch_id(loads))),
            plan: serde_json::json!({ "sql": ["COPY …"] }),
            failure: None,
        };
        self.store.make_batch(&batch, at(now), ACTOR).await.unwrap()
    }

    async fn made(&self, joining: &Joining, loads: &[LoadId], now: i64) -> Load {
        match self.make(joining, loads, now).await {
            MadeBatch::Made(load) => *load,
            other => unreachable!("{other:?}"),
        }
    }

    async fn states(&self, loads: &[LoadId]) -> Vec<LoadState> {
        let mut states = Vec::new();
        for load in loads {
            states.push(self.store.load(*load).await.unwrap().unwrap().state);
        }
        states
    }

    async fn is_due(&self, joining: &Joining, now: i64) -> bool {
        let due = self.store.waiting_if_due(joining.buffer, 1, at(now)).await;
        !due.unwrap().is_empty()
    }
}

fn failed() -> LoadFailure {
    LoadFailure {
        code: "divided".to_owned(),
        ..failure()
    }
}

#[tokio::test]
async fn a_buffer_counts_what_waits_in_it() {
    let bench = Bench::new().await;
    let joining = joining(1);
    let loads = bench.waiting(2, &joining).await;
    let buffer = bench.buffer(&joining).await;
    assert_eq!((buffer.files, buffer.bytes), (2, 200));
    assert_eq!(buffer.first_at, Some(at(0)));
    let again = bench
        .store
        .join_buffer(loads[0], &joining, at(9), ACTOR)
        .await
        .unwrap();
    assert!(!again.has_moved(), "it is there already");
    assert_eq!(bench.buffer(&joining).await.files, 2);
    let waiting = bench.store.waiting(joining.buffer, 10).await.unwrap();
    assert_eq!(waiting.iter().map(|load| load.load).collect::<Vec<_>>(), loads);
}

#[tokio::test]
async fn of_many_that_join_at_once_every_one_is_counted() {
    let bench = Bench::new().await;
    let joining = joining(1);
    let mut loads = Vec::new();
    for file in 0..30 {
        let load = bench.received(&format!("in/F{file}_701.txt")).await;
        bench.store.record_match(load.id, &matched()).await.unwrap();
        loads.push(load.id);
    }
    let joins = loads
        .iter()
        .map(|load| bench.store.join_buffer(*load, &joining, at(1), ACTOR));
    for joined in futures_util::future::join_all(joins).await {
        assert!(joined.unwrap().has_moved());
    }
    let buffer = bench.buffer(&joining).await;
    assert_eq!((buffer.files, buffer.bytes), (30, 3_000));
}

#[tokio::test]
async fn a_buffer_is_due_by_files_by_bytes_by_age_and_by_hand() {
    let bench = Bench::new().await;
    let by_files = joining(1);
    bench.waiting(2, &by_files).await;
    assert!(!bench.is_due(&by_files, 59).await);
    assert!(bench.is_due(&by_files, 60).await, "the first waits for a minute");
    assert!(
        bench
            .store
            .flush_buffer(by_files.buffer, &operator(), at(5))
            .await
            .unwrap()
    );
    assert!(bench.is_due(&by_files, 5).await, "somebody wants it flushed");
    for waiting in bench.store.waiting(by_files.buffer, 10).await.unwrap() {
        let done = bench.store.operations(waiting.load).await.unwrap();
        assert_eq!(
            (
                done[0].operation,
                done[0].operator.as_str(),
                done[0].reason.as_str()
            ),
            (OperationKind::Flush, "ann", "a test")
        );
    }

    let bench = Bench::new().await;
    bench.waiting(3, &by_files).await;
    assert!(bench.is_due(&by_files, 3).await, "three files");

    let bench = Bench::new().await;
    let by_bytes = Joining {
        limits: BufferLimits {
            max_bytes: Some(200),
            ..by_files.limits.clone()
        },
        ..by_files
    };
    bench.waiting(1, &by_bytes).await;
    assert!(!bench.is_due(&by_bytes, 3).await);
    let bench = Bench::new().await;
    bench.waiting(2, &by_bytes).await;
    assert!(bench.is_due(&by_bytes, 3).await, "200 bytes");
}

#[tokio::test]
async fn an_empty_buffer_is_neither_due_nor_flushed() {
    let bench = Bench::new().await;
    let joining = joining(1);
    let loads = bench.waiting(1, &joining).await;
    bench
        .store
        .flush_buffer(joining.buffer, &operator(), at(1))
        .await
        .unwrap();
    bench.made(&joining, &loads, 2).await;
    assert!(!bench.is_due(&joining, 1_000).await);
    assert!(
        !bench
            .store
            .flush_buffer(joining.buffer, &operator(), at(3))
            .await
            .unwrap()
    );
    let buffer = bench.buffer(&joining).await;
    assert_eq!((buffer.files, buffer.bytes), (0, 0));
    assert_eq!((buffer.first_at, buffer.flush_at), (None, None));
}

#[tokio::test]
async fn a_batch_takes_its_loads_and_leaves_the_others() {
    let bench = Bench::new().await;
    let joining = joining(1);
    let loads = bench.waiting(3, &joining).await;
    let batch = bench.made(&joining, &loads[..2], 5).await;
    assert_eq!(batch.state, LoadState::Prepared);
    assert_eq!((batch.batch_files, batch.rows_expected), (Some(2), Some(4)));
    assert_eq!(bench.store.carried(batch.id).await.unwrap(), loads[..2]);
    let buffer = bench.buffer(&joining).await;
    assert_eq!(
        (buffer.files, buffer.bytes, buffer.first_at),
        (1, 100, Some(at(2)))
    );
    assert_eq!(bench.states(&loads).await, [LoadState::Batched; 3]);
}

#[tokio::test]
async fn a_load_is_in_one_batch_however_many_are_made_at_once() {
    let bench = Bench::new().await;
    let joining = joining(1);
    let loads = bench.waiting(9, &joining).await;
    // Overlapping choices, some of them the same.
    let choices: Vec<Vec<LoadId>> = (0..8)
        .map(|start| loads[start / 2..start / 2 + 3].to_vec())
        .collect();
    let makers = choices.iter().map(|choice| bench.make(&joining, choice, 20));
    let mut carried = Vec::new();
    for made in futures_util::future::join_all(makers).await {
        match made {
            MadeBatch::Made(batch) => carried.extend(bench.store.carried(batch.id).await.unwrap()),
            MadeBatch::Overtaken => {}
            MadeBatch::Waits { .. } => unreachable!("they may be made side by side"),
        }
    }
    assert!(!carried.is_empty());
    let distinct: BTreeSet<_> = carried.iter().collect();
    assert_eq!(distinct.len(), carried.len(), "none twice");
    let buffer = bench.buffer(&joining).await;
    assert_eq!(usize::try_from(buffer.files).unwrap(), 9 - carried.len());
}

#[tokio::test]
async fn what_is_due_is_seen_with_the_load_that_made_it_so() {
    let bench = Bench::new().await;
    let joining = Joining {
        limits: BufferLimits {
            max_files: 2,
            ..joining(1).limits
        },
        ..joining(1)
    };
    let mut looks = 0;
    for round in 0..60 {
        let mut pair = Vec::new();
        for file in 0..2 {
            let key = format!("in/R{round:03}{file}_701.txt");
            let Claim::New(load) = bench.claim(&key, "first", round).await else {
                unreachable!("each is announced once");
            };
            bench.store.record_match(load.id, &matched()).await.unwrap();
            pair.push(load.id);
        }
        bench.join(pair[0], &joining, round).await;
        let look = async {
            loop {
                let seen = bench
                    .store
                    .waiting_if_due(joining.buffer, 2, at(round))
                    .await
                    .unwrap();
                looks += 1;
                assert_ne!(seen.len(), 1, "one of two, which alone is not due");
                if !seen.is_empty() {
                    return;
                }
            }
        };
        futures_util::future::join(bench.join(pair[1], &joining, round), look).await;
        bench.made(&joining, &pair, round).await;
    }
    assert!(looks > 60, "nobody looked before the second came");
}

#[tokio::test]
async fn one_batch_of_a_table_is_under_way_where_the_rule_says_so() {
    let bench = Bench::new().await;
    let joining = Joining {
        limits: BufferLimits {
            one_at_a_time: true,
            ..joining(1).limits
        },
        ..joining(1)
    };
    let loads = bench.waiting(4, &joining).await;
    assert!(bench.is_due(&joining, 4).await);
    let first = bench.made(&joining, &loads[..2], 5).await;
    assert!(!bench.is_due(&joining, 400).await, "the table is busy");
    let second = bench.make(&joining, &loads[2..], 6).await;
    assert_eq!(second, MadeBatch::Waits { until_done: first.id });
    let store = &bench.store;
    store
        .mark_failed(first.id, &failure(), at(7), ACTOR)
        .await
        .unwrap();
    store
        .conclude(first.id, &Conclusion::default(), at(8), ACTOR)
        .await
        .unwrap();
    assert!(bench.is_due(&joining, 400).await);
    bench.made(&joining, &loads[2..], 9).await;
}

#[tokio::test]
async fn two_batches_of_a_table_made_at_once_are_one_after_the_other() {
    let bench = Bench::new().await;
    let one = |number| Joining {
        limits: BufferLimits {
            one_at_a_time: true,
            ..joining(number).limits
        },
        ..joining(number)
    };
    let (left, right) = (one(1), one(2));
    let loads = bench.waiting(2, &left).await;
    let other = bench.received("in/other_701.txt").await;
    bench.store.record_match(other.id, &matched()).await.unwrap();
    bench
        .store
        .join_buffer(other.id, &right, at(1), ACTOR)
        .await
        .unwrap();
    let others = [other.id];
    let (first, second) = tokio::join!(bench.make(&left, &loads, 5), bench.make(&right, &others, 5));
    let made = [&first, &second].map(|made| matches!(made, MadeBatch::Made(_)));
    assert_eq!(
        made.iter().filter(|made| **made).count(),
        1,
        "{first:?} {second:?}"
    );
}

#[tokio::test]
async fn the_loads_of_a_batch_that_committed_are_loaded_with_what_was_counted_in_them() {
    let bench = Bench::new().await;
    let joining = joining(1);
    let loads = bench.waiting(2, &joining).await;
    let batch = bench.made(&joining, &loads, 5).await;
    let store = &bench.store;
    store
        .mark_carried_loaded(batch.id, Some(&loads[..1]), &facts(), true, at(6), ACTOR)
        .await
        .unwrap();
    assert_eq!(
        bench.states(&loads).await,
        [LoadState::Loaded, LoadState::Batched]
    );
    store
        .mark_carried_loaded(batch.id, None, &facts(), false, at(7), ACTOR)
        .await
        .unwrap();
    let first = store.load(loads[0]).await.unwrap().unwrap();
    assert_eq!((first.rows_loaded, first.rows_rejected), (Some(2), Some(0)));
    assert_eq!(first.loaded_at, Some(at(6)), "the second call is a repetition");
    let second = store.load(loads[1]).await.unwrap().unwrap();
    assert_eq!((second.rows_loaded, second.rows_rejected), (None, None));
}

#[tokio::test]
async fn the_loads_of_a_batch_that_failed_are_failed_as_it_is() {
    let bench = Bench::new().await;
    let joining = joining(1);
    let loads = bench.waiting(2, &joining).await;
    let batch = bench.made(&joining, &loads, 5).await;
    let store = &bench.store;
    store
        .mark_carried_failed(batch.id, None, &failure(), at(6), ACTOR)
        .await
        .unwrap();
    assert_eq!(bench.states(&loads).await, [LoadState::Failed; 2]);
    let load = store.load(loads[0]).await.unwrap().unwrap();
    assert_eq!(load.error_code, Some(failure().code));
}

#[tokio::test]
async fn of_a_batch_some_may_fail_and_the_others_wait_again() {
    let bench = Bench::new().await;
    let joining = joining(1);
    let loads = bench.waiting(3, &joining).await;
    let batch = bench.made(&joining, &loads, 5).await;
    let store = &bench.store;
    store
        .mark_carried_failed(batch.id, Some(&loads[1..2]), &failure(), at(6), ACTOR)
        .await
        .unwrap();
    let back = Return {
        failure: failed(),
        share: 3,
    };
    store.return_carried(&batch, &back, at(7), ACTOR).await.unwrap();
    assert_eq!(bench.states(&loads[1..2]).await, [LoadState::Failed]);
    let waiting = store.waiting(joining.buffer, 10).await.unwrap();
    let waiting: Vec<_> = waiting.iter().map(|waiting| waiting.load).collect();
    assert_eq!(waiting, [loads[0], loads[2]]);
}

#[tokio::test]
async fn loads_that_are_given_back_wait_again_in_smaller_company() {
    let bench = Bench::new().await;
    let joining = joining(1);
    let loads = bench.waiting(3, &joining).await;
    let batch = bench.made(&joining, &loads, 5).await;
    let back = Return {
        failure: failed(),
        share: 2,
    };
    let moved = bench
        .store
        .return_carried(&batch, &back, at(6), ACTOR)
        .await
        .unwrap();
    assert!(moved.has_moved());
    let failed = moved.into_load();
    assert_eq!(failed.state, LoadState::Failed);
    assert_eq!(failed.finished_at, Some(at(6)), "nothing is left to do about it");
    let buffer = bench.buffer(&joining).await;
    assert_eq!((buffer.files, buffer.first_at), (3, Some(at(0))));
    assert!(bench.is_due(&joining, 6).await, "at once");
    let waiting = bench.store.waiting(joining.buffer, 10).await.unwrap();
    let shares: Vec<_> = waiting.iter().map(|load| load.share).collect();
    assert_eq!(shares, [Some(2); 3]);
    let again = bench
        .store
        .return_carried(&batch, &back, at(7), ACTOR)
        .await
        .unwrap();
    assert!(!again.has_moved());
    assert_eq!(
        bench.store.history(loads[0]).await.unwrap().len(),
        2,
        "received and batched"
    );
}

#[tokio::test]
async fn what_a_batch_carries_ends_as_its_follow_up_does() {
    let bench = Bench::new().await;
    let joining = joining(1);
    let loads = bench.waiting(2, &joining).await;
    let batch = bench.made(&joining, &loads, 5).await;
    let store = &bench.store;
    for state in [LoadState::Queued, LoadState::Submitted, LoadState::Loaded] {
        bench.take(batch.id, state).await;
    }
    store
        .mark_carried_loaded(batch.id, None, &facts(), true, at(6), ACTOR)
        .await
        .unwrap();
    for load in &loads {
        let conclusion = conclusion(AuditStatus::Finished, Outcome::Loaded);
        store.conclude(*load, &conclusion, at(7), ACTOR).await.unwrap();
    }
    store
        .conclude(batch.id, &Conclusion::default(), at(8), ACTOR)
        .await
        .unwrap();
    let attempt = attempt(batch.id, StatementKind::FollowUp, 1);
    store
        .record_attempt(&attempt, &record(&attempt), at(9), ACTOR)
        .await
        .unwrap();
    assert_eq!(bench.states(&loads).await, [LoadState::Loaded; 2]);
    let end = follow_up_end(AuditStatus::Failed);
    store
        .finish_follow_up(batch.id, &end, at(10), ACTOR)
        .await
        .unwrap();
    assert_eq!(bench.states(&loads).await, [LoadState::TransformFailed; 2]);
    let told = "SELECT count(*) FROM rdscnfg.ext_file_audit WHERE followup_status = 'FAILED'";
    assert_eq!(bench.number(told).await, 2, "each file's audit row says so");
}

#[tokio::test]
async fn the_reconciler_leaves_to_a_batch_what_is_in_it_and_takes_the_batch() {
    let bench = Bench::new().await;
    let joining = joining(1);
    let loads = bench.waiting(2, &joining).await;
    let batch = bench.made(&joining, &loads[..1], 5).await;
    let idle = chrono::TimeDelta::minutes(2);
    let mut taken = Vec::new();
    while let Some(load) = bench
        .store
        .take_unsettled(idle, at(9_000), at(9_000), true)
        .await
        .unwrap()
    {
        taken.push(load.id);
    }
    assert_eq!(taken, [batch.id]);
}

#[tokio::test]
async fn batches_are_listed_newest_first_with_how_they_stand() {
    let bench = Bench::new().await;
    let joining = joining(1);
    let loads = bench.waiting(2, &joining).await;
    let first = bench.made(&joining, &loads[..1], 5).await;
    let second = bench.made(&joining, &loads[1..], 6).await;
    bench
        .store
        .mark_failed(first.id, &failure(), at(7), ACTOR)
        .await
        .unwrap();
    let filter = LoadFilter {
        limit: 10,
        ..LoadFilter::default()
    };
    let listed = bench.store.batches(&filter).await.unwrap();
    let ids: Vec<_> = listed.iter().map(|batch| batch.batch).collect();
    assert_eq!(ids, [second.id, first.id]);
    assert_eq!((listed[0].files, listed[0].state), (1, LoadState::Prepared));
    let failed = LoadFilter {
        state: Some(LoadState::Failed),
        ..filter
    };
    assert_eq!(bench.store.batches(&failed).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_file_that_waits_can_be_put_aside_and_one_that_is_carried_cannot() {
    let bench = Bench::new().await;
    let joining = joining(1);
    let loads = bench.waiting(2, &joining).await;
    bench.made(&joining, &loads[..1], 5).await;
    let operator = Operator {
        name: "ada".to_owned(),
        reason: "a test file".to_owned(),
    };
    let moved = bench
        .store
        .skip_by_hand(loads[0], &operator, at(6))
        .await
        .unwrap();
    assert!(!moved.has_moved(), "a batch carries it");
    let moved = bench
        .store
        .skip_by_hand(loads[1], &operator, at(6))
        .await
        .unwrap();
    assert!(moved.has_moved());
    assert_eq!(bench.buffer(&joining).await.files, 0);
}
