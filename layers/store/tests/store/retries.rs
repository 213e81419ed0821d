//! Loads that wait, failures that count once, and warehouses that are given a rest.

use std::time::Duration;

use chrono::TimeDelta;
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::notification::Outcome;
use longshore_domain::statement::StatementKind;
use longshore_store::{Access, FailedAttempt, Load, Operator, Postponement, ProbedNow, WarehouseTrouble};

use crate::support::{ACTOR, Bench, at, attempt, notice, record, unmoved};

const HOUSE: &str = "cluster house/dev";

fn failed(load: &Load, number: u32, due: i64) -> Postponement {
    Postponement {
        from: load.state,
        due_at: at(due),
        failed: Some(FailedAttempt {
            attempt: attempt(load.id, StatementKind::Load, number),
            uses_a_try: true,
        }),
        error: Some("ERROR: 1023".to_owned()),
        starts_clock: true,
        note: "attempt 1 failed".to_owned(),
        trouble: None,
    }
}

fn down(load: &Load, due: i64) -> Postponement {
    Postponement {
        failed: None,
        trouble: Some(WarehouseTrouble {
            warehouse: HOUSE.to_owned(),
            error: "the cluster is paused".to_owned(),
            pause_after: 3,
            first_probe: Duration::from_secs(60),
            longest_probe: Duration::from_secs(200),
            notice: notice(Outcome::WarehousePaused),
        }),
        ..failed(load, 1, due)
    }
}

/// A load that nobody holds a lease on.
async fn free(bench: &Bench, key: &str, state: LoadState) -> Load {
    let load = bench.load_of(key, state).await;
    bench.store.release(load.id, "first").await.unwrap();
    load
}

/// Three loads in `queued`, whose failures pause the warehouse one after the other.
async fn paused(bench: &Bench) -> Vec<Load> {
    let mut loads = Vec::new();
    for second in 10..13 {
        let load = free(bench, &format!("in/{second}_701.txt"), LoadState::Queued).await;
        let moved = bench
            .store
            .postpone(load.id, &down(&load, second + 20), at(second), ACTOR)
            .await;
        loads.push(moved.unwrap().into_load());
    }
    loads
}

/// The loads whose turn it is, of those that nobody but the reconciler would take up.
async fn due(bench: &Bench, now: i64) -> Vec<LoadId> {
    let mut due = Vec::new();
    let idle = TimeDelta::seconds(100_000);
    while let Some(load) = bench
        .store
        .take_unsettled(idle, at(now), at(now), true)
        .await
        .unwrap()
    {
        due.push(load.id);
    }
    due
}

#[tokio::test]
async fn a_failure_is_counted_once_and_the_load_is_queued_until_it_is_due() {
    let bench = Bench::new().await;
    let load = free(&bench, "in/plain_701.txt", LoadState::Submitted).await;
    let postponement = failed(&load, 1, 50);
    let moved = bench.store.postpone(load.id, &postponement, at(20), ACTOR).await;
    let waiting = moved.unwrap().into_load();
    assert_eq!(waiting.state, LoadState::Queued);
    assert_eq!((waiting.due_at, waiting.retry.tries), (Some(at(50)), 1));
    assert_eq!(waiting.retry.since, Some(at(20)));
    let again = Postponement {
        from: LoadState::Queued,
        ..postponement
    };
    unmoved(
        bench
            .store
            .postpone(load.id, &again, at(30), ACTOR)
            .await
            .unwrap(),
    );
    assert!(due(&bench, 49).await.is_empty());
    assert_eq!(due(&bench, 50).await, [load.id]);
    let history = bench.store.history(load.id).await.unwrap();
    assert_eq!(history.last().unwrap().note.as_deref(), Some("attempt 1 failed"));
}

#[tokio::test]
async fn the_failure_of_an_earlier_attempt_says_nothing_once_there_is_a_newer_one() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Submitted).await;
    let second = attempt(load.id, StatementKind::Load, 2);
    bench
        .store
        .record_attempt(&second, &record(&second), at(20), ACTOR)
        .await
        .unwrap();
    let late = Postponement {
        from: LoadState::Queued,
        ..failed(&load, 1, 50)
    };
    unmoved(bench.store.postpone(load.id, &late, at(30), ACTOR).await.unwrap());
}

#[tokio::test]
async fn a_new_attempt_takes_the_due_time_away() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Submitted).await;
    bench
        .store
        .postpone(load.id, &failed(&load, 1, 50), at(20), ACTOR)
        .await
        .unwrap();
    let second = attempt(load.id, StatementKind::Load, 2);
    let moved = bench
        .store
        .record_attempt(&second, &record(&second), at(50), ACTOR)
        .await;
    let load = moved.unwrap().into_load();
    assert_eq!((load.due_at, load.retry.tries), (None, 1));
}

#[tokio::test]
async fn whatever_moves_a_load_takes_its_due_time_away() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Queued).await;
    bench
        .store
        .postpone(load.id, &failed(&load, 1, 50), at(20), ACTOR)
        .await
        .unwrap();
    bench
        .run(
            "UPDATE rdscnfg.ext_file_load SET state = 'failed', error_code = 'cancelled', error = 'by hand'",
            &[],
        )
        .await
        .unwrap();
    let load = bench.store.load(load.id).await.unwrap().unwrap();
    assert_eq!(load.due_at, None);
}

#[tokio::test]
async fn failures_in_a_row_pause_a_warehouse_and_it_is_told_once() {
    let bench = Bench::new().await;
    let loads = paused(&bench).await;
    assert_eq!(loads[1].waits_for, None);
    assert_eq!(loads[2].waits_for.as_deref(), Some(HOUSE));
    assert_eq!(loads[2].due_at, Some(at(72)));
    bench
        .store
        .postpone(loads[2].id, &down(&loads[2], 90), at(80), ACTOR)
        .await
        .unwrap();
    let told = "SELECT count(*) FROM rdscnfg.ext_outbox WHERE outcome = 'warehouse_paused'";
    assert_eq!(bench.number(told).await, 1);
    let standing = bench.store.warehouses().await.unwrap().remove(0);
    assert_eq!((standing.failures, standing.waiting), (4, 1));
    assert_eq!(standing.paused_by, Some(loads[2].id));
    assert_eq!(standing.probe_at, Some(at(80 + 120)));
}

#[tokio::test]
async fn of_those_who_ask_at_once_one_is_the_probe() {
    let bench = Bench::new().await;
    let asked = |now| bench.store.access(HOUSE, at(now), at(now + 60));
    assert_eq!(asked(0).await.unwrap(), Access::Open);
    paused(&bench).await;
    assert_eq!(asked(71).await.unwrap(), Access::Paused { until: at(72) });
    let (first, second) = tokio::join!(asked(72), asked(72));
    let admitted = [first.unwrap(), second.unwrap()];
    assert!(admitted.contains(&Access::Probe), "{admitted:?}");
    assert!(
        admitted.contains(&Access::Paused { until: at(132) }),
        "{admitted:?}"
    );
}

#[tokio::test]
async fn of_the_loads_that_wait_for_a_paused_warehouse_one_is_due_at_a_time() {
    let bench = Bench::new().await;
    let loads = paused(&bench).await;
    for load in &loads[..2] {
        bench
            .store
            .wait_for_warehouse(load.id, load.state, HOUSE, at(72), at(13), ACTOR)
            .await
            .unwrap();
    }
    assert!(due(&bench, 71).await.is_empty());
    assert_eq!(due(&bench, 72).await.len(), 1);
    bench.store.access(HOUSE, at(72), at(132)).await.unwrap();
    assert!(due(&bench, 100).await.is_empty());
}

#[tokio::test]
async fn a_warehouse_that_is_back_is_told_once_and_wakes_every_load() {
    let bench = Bench::new().await;
    let loads = paused(&bench).await;
    let resumed = notice(Outcome::WarehouseResumed);
    let statement = attempt(loads[0].id, StatementKind::Load, 1);
    let resume = || {
        bench
            .store
            .resume_warehouse(HOUSE, loads[0].id, Some(&statement), &resumed, at(75))
    };
    let (first, second) = tokio::join!(resume(), resume());
    assert_eq!(usize::from(first.unwrap()) + usize::from(second.unwrap()), 1);
    assert_eq!(due(&bench, 75).await.len(), 3);
    let told = "SELECT count(*) FROM rdscnfg.ext_outbox WHERE outcome = 'warehouse_resumed'";
    assert_eq!(bench.number(told).await, 1);
    assert_eq!(
        bench.store.access(HOUSE, at(76), at(80)).await.unwrap(),
        Access::Open
    );
}

#[tokio::test]
async fn what_was_submitted_before_a_pause_does_not_end_it() {
    let bench = Bench::new().await;
    let load = bench.load_of("in/early_701.txt", LoadState::Submitted).await;
    let statement = attempt(load.id, StatementKind::Load, 1);
    let submitted_at = |second| {
        let sql = "UPDATE rdscnfg.ext_statement SET submitted_at = $1";
        let bench = &bench;
        async move { bench.run(sql, &[&at(second)]).await.unwrap() }
    };
    paused(&bench).await;
    let resumed = notice(Outcome::WarehouseResumed);
    let resume = |statement| {
        bench
            .store
            .resume_warehouse(HOUSE, load.id, statement, &resumed, at(75))
    };
    submitted_at(11).await;
    assert!(!resume(Some(&statement)).await.unwrap(), "the pause began at 12");
    submitted_at(13).await;
    assert!(resume(Some(&statement)).await.unwrap());
    assert!(!resume(None).await.unwrap(), "it is back by now");
}

#[tokio::test]
async fn a_success_between_failures_begins_their_row_anew() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Queued).await;
    let resumed = notice(Outcome::WarehouseResumed);
    for second in [10, 20, 30, 40] {
        let moved = bench
            .store
            .postpone(load.id, &down(&load, second), at(second), ACTOR)
            .await;
        assert_eq!(moved.unwrap().load().waits_for, None);
        let was_paused = bench
            .store
            .resume_warehouse(
                HOUSE,
                load.id,
                Some(&attempt(load.id, StatementKind::Load, 1)),
                &resumed,
                at(second),
            )
            .await;
        assert!(!was_paused.unwrap());
    }
    assert_eq!(bench.number("SELECT count(*) FROM rdscnfg.ext_outbox").await, 0);
}

#[tokio::test]
async fn every_outcome_can_be_told() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Queued).await;
    bench.late_period().await;
    for outcome in Outcome::ALL {
        let (column, about) = match outcome {
            Outcome::Late | Outcome::ArrivedLate => ("late_id", "1".to_owned()),
            _ => ("load_id", load.id.to_string()),
        };
        let sql = format!(
            "INSERT INTO rdscnfg.ext_outbox ({column}, outcome, topic_arn, message, created_at)
             VALUES ('{about}', '{}', 'topic', '{{}}', now())",
            outcome.as_str()
        );
        bench.run(&sql, &[]).await.unwrap();
    }
}

#[tokio::test]
async fn a_paused_warehouse_is_tried_at_once_when_an_operator_says_so() {
    let bench = Bench::new().await;
    let loads = paused(&bench).await;
    let ann = Operator {
        name: "ann".to_owned(),
        reason: "the cluster is up again".to_owned(),
    };
    let probe_now = async |now| bench.store.probe_now(HOUSE, &ann, at(now)).await.unwrap();
    assert!(due(&bench, 20).await.is_empty());

    assert_eq!(probe_now(20).await, ProbedNow::By(loads[2].id));
    assert_eq!(due(&bench, 20).await, [loads[2].id]);
    let access = bench.store.access(HOUSE, at(20), at(80)).await.unwrap();
    assert_eq!(access, Access::Probe);
    let standing = bench.store.warehouses().await.unwrap().remove(0);
    assert!(
        standing.paused_at.is_some(),
        "it is in use once something ran there"
    );
    let resumed = standing.resumed.unwrap();
    assert_eq!(
        (resumed.operator, resumed.reason, resumed.at),
        (ann.name.clone(), ann.reason.clone(), at(20))
    );

    bench
        .store
        .resume_warehouse(
            HOUSE,
            loads[2].id,
            None,
            &notice(Outcome::WarehouseResumed),
            at(21),
        )
        .await
        .unwrap();
    assert_eq!(probe_now(22).await, ProbedNow::InUse);
    let operations = "SELECT count(*) FROM rdscnfg.ext_warehouse_operation";
    assert_eq!(bench.number(operations).await, 1);
}

#[tokio::test]
async fn a_paused_warehouse_that_nobody_waits_for_is_tried_by_the_next_load() {
    let bench = Bench::new().await;
    paused(&bench).await;
    bench
        .run(
            "UPDATE rdscnfg.ext_file_load SET waits_for = NULL, due_at = NULL",
            &[],
        )
        .await
        .unwrap();
    let ann = Operator {
        name: "ann".to_owned(),
        reason: "it is up again".to_owned(),
    };
    let probed = bench.store.probe_now(HOUSE, &ann, at(20)).await.unwrap();
    assert_eq!(probed, ProbedNow::ByTheNext);
    let access = bench.store.access(HOUSE, at(20), at(80)).await.unwrap();
    assert_eq!(access, Access::Probe);
}
