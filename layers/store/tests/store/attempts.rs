//! Attempts: on record before the call, answers lost, status events that were faster.

use std::time::Duration;

use longshore_domain::load::LoadState;
use longshore_domain::statement::{LoadStep, StatementKind};
use longshore_domain::target::TableName;
use longshore_store::{AttemptRecord, OperationKind, Operator, RowError, StatementOutcome, StatementState};

use crate::support::{ACTOR, Bench, at, attempt, facts, record, unmoved};

fn finished(statement_id: &str) -> StatementOutcome {
    StatementOutcome {
        statement_id: Some(statement_id.to_owned()),
        state: StatementState::Finished,
        error: None,
        failed_step: None,
        result_rows: Some(3),
        query_id: Some(77),
        duration: Some(Duration::from_millis(1_234)),
    }
}

#[tokio::test]
async fn an_attempt_is_on_record_before_its_call_and_recording_it_again_changes_nothing() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Prepared).await;
    let first = attempt(load.id, StatementKind::Load, 1);
    let moved = bench
        .store
        .record_attempt(&first, &record(&first), at(2), ACTOR)
        .await;
    assert_eq!(moved.unwrap().load().state, LoadState::Queued);
    let again = bench
        .store
        .record_attempt(&first, &record(&first), at(9), ACTOR)
        .await;
    unmoved(again.unwrap());

    let statement = bench.store.statement(&first).await.unwrap().unwrap();
    assert_eq!(statement.state, StatementState::Recorded);
    assert_eq!(statement.recorded_at, at(2));
    assert_eq!(statement.steps, [LoadStep::Lock, LoadStep::Guard, LoadStep::Copy]);
    assert_eq!(statement.as_attempt(), first);
}

#[tokio::test]
async fn an_attempt_that_the_load_is_not_ready_for_is_not_recorded() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Received).await;
    for kind in [StatementKind::Load, StatementKind::FollowUp] {
        let early = attempt(load.id, kind, 1);
        unmoved(
            bench
                .store
                .record_attempt(&early, &record(&early), at(2), ACTOR)
                .await
                .unwrap(),
        );
        assert_eq!(bench.store.statement(&early).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_submitted_load_is_found_by_the_warehouses_id() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Submitted).await;
    assert_eq!(load.submitted_at, Some(at(3)));
    let found = bench.store.load_by_statement_id(&format!("s-{}", load.id)).await;
    assert_eq!(found.unwrap().unwrap().id, load.id);
    assert_eq!(bench.store.load_by_statement_id("nobody's").await.unwrap(), None);
}

#[tokio::test]
async fn a_status_event_that_is_faster_than_the_answer_is_not_undone_by_it() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Queued).await;
    let first = attempt(load.id, StatementKind::Load, 1);
    assert!(
        bench
            .store
            .finish_statement(&first, &finished("s-9"), at(3))
            .await
            .unwrap()
    );
    let loaded = bench
        .store
        .mark_loaded(load.id, &facts(), at(3), ACTOR)
        .await
        .unwrap();
    assert!(loaded.has_moved());

    let late = unmoved(
        bench
            .store
            .mark_submitted(&first, "s-9", at(4), ACTOR)
            .await
            .unwrap(),
    );
    assert_eq!(late.state, LoadState::Loaded);
    let statement = bench.store.statement(&first).await.unwrap().unwrap();
    assert_eq!(statement.state, StatementState::Finished);
    assert_eq!(statement.statement_id.as_deref(), Some("s-9"));
    assert_eq!(statement.submitted_at, Some(at(4)));
}

#[tokio::test]
async fn an_attempt_is_refused_until_it_is_called_again() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Queued).await;
    let first = attempt(load.id, StatementKind::Load, 1);
    let refused = async || {
        let statement = bench.store.statement(&first).await.unwrap().unwrap();
        (statement.refused_at, statement.recorded_at)
    };
    let (never, recorded_at) = refused().await;
    assert_eq!(never, None);
    bench.store.refuse_attempt(&first, at(4)).await.unwrap();
    assert_eq!(refused().await, (Some(at(4)), recorded_at));
    bench.store.call_attempt_again(&first, None).await.unwrap();
    assert_eq!(refused().await, (None, recorded_at));
    // What may have taken effect is not made new.
    bench.store.call_attempt_again(&first, Some(at(6))).await.unwrap();
    assert_eq!(refused().await, (None, recorded_at));
    bench.store.refuse_attempt(&first, at(7)).await.unwrap();
    bench.store.call_attempt_again(&first, Some(at(8))).await.unwrap();
    assert_eq!(refused().await, (None, at(8)));

    bench.store.refuse_attempt(&first, at(9)).await.unwrap();
    let submitted = bench.store.mark_submitted(&first, "s-9", at(9), ACTOR).await;
    assert!(submitted.unwrap().has_moved());
    bench.store.refuse_attempt(&first, at(10)).await.unwrap();
    assert_eq!(refused().await.0, None, "it was found");
}

#[tokio::test]
async fn the_first_end_of_a_statement_stays() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Submitted).await;
    let first = attempt(load.id, StatementKind::Load, 1);
    let failed = StatementOutcome {
        state: StatementState::Failed,
        error: Some("ERROR: x".to_owned()),
        failed_step: Some(LoadStep::Copy),
        result_rows: None,
        ..finished("s-9")
    };
    assert!(
        bench
            .store
            .finish_statement(&first, &failed, at(5))
            .await
            .unwrap()
    );
    assert!(
        !bench
            .store
            .finish_statement(&first, &finished("s-9"), at(6))
            .await
            .unwrap()
    );
    let statement = bench.store.statement(&first).await.unwrap().unwrap();
    assert_eq!(statement.state, StatementState::Failed);
    assert_eq!(statement.failed_step, Some(LoadStep::Copy));
    assert_eq!(statement.finished_at, Some(at(5)));
    assert_eq!(statement.duration, Some(Duration::from_millis(1_234)));
    assert_eq!(statement.statement_id, Some(format!("s-{}", load.id)));
}

#[tokio::test]
async fn a_retry_is_a_new_attempt_and_a_late_answer_to_the_old_one_moves_nothing() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Submitted).await;
    let first = attempt(load.id, StatementKind::Load, 1);
    let second = attempt(load.id, StatementKind::Load, 2);
    unmoved(
        bench
            .store
            .record_attempt(&first, &record(&first), at(9), ACTOR)
            .await
            .unwrap(),
    );
    let retried = bench
        .store
        .record_attempt(&second, &record(&second), at(10), ACTOR)
        .await;
    let retried = retried.unwrap().into_load();
    assert_eq!((retried.state, retried.submitted_at), (LoadState::Queued, None));

    unmoved(
        bench
            .store
            .mark_submitted(&first, "s-old", at(11), ACTOR)
            .await
            .unwrap(),
    );
    let moved = bench.store.mark_submitted(&second, "s-new", at(12), ACTOR).await;
    assert_eq!(moved.unwrap().load().state, LoadState::Submitted);
    let statements = bench.store.statements(load.id).await.unwrap();
    assert_eq!(
        statements
            .iter()
            .map(|statement| statement.attempt)
            .collect::<Vec<_>>(),
        [1, 2]
    );
}

/// Ends a transaction once two others wait for what it holds.
async fn let_go_when_two_wait(bench: &Bench, holder: tokio_postgres::Client) {
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while bench.number(waiting).await < 2 {
        tokio::task::yield_now().await;
    }
    holder.batch_execute("COMMIT").await.unwrap();
}

#[tokio::test]
async fn two_invocations_that_waited_for_the_load_record_one_attempt_once() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Prepared).await;
    let first = attempt(load.id, StatementKind::Load, 1);
    let record = record(&first);
    let holder = bench.database.client().await.unwrap();
    let hold = "BEGIN; SELECT FROM rdscnfg.ext_file_load FOR UPDATE";
    holder.batch_execute(hold).await.unwrap();

    let (one, two, ()) = tokio::join!(
        bench.store.record_attempt(&first, &record, at(2), "one"),
        bench.store.record_attempt(&first, &record, at(2), "two"),
        let_go_when_two_wait(&bench, holder),
    );

    let moved = [one.unwrap().has_moved(), two.unwrap().has_moved()];
    assert_eq!(moved.iter().filter(|moved| **moved).count(), 1, "{moved:?}");
}

#[tokio::test]
async fn of_two_invocations_that_record_one_attempt_at_once_one_does() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Prepared).await;
    let first = attempt(load.id, StatementKind::Load, 1);
    let record = record(&first);
    let (one, two) = tokio::join!(
        bench.store.record_attempt(&first, &record, at(2), "one"),
        bench.store.record_attempt(&first, &record, at(2), "two"),
    );
    assert!(one.unwrap().has_moved() ^ two.unwrap().has_moved());
    assert_eq!(bench.store.statements(load.id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_follow_up_is_submitted_without_moving_the_load() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Transforming).await;
    let follow_up = attempt(load.id, StatementKind::FollowUp, 1);
    let moved = bench
        .store
        .mark_submitted(&follow_up, "s-f", at(8), ACTOR)
        .await
        .unwrap();
    assert!(moved.has_moved());
    assert_eq!(moved.load().state, LoadState::Transforming);
    let kinds: Vec<StatementKind> = bench
        .store
        .statements(load.id)
        .await
        .unwrap()
        .iter()
        .map(|statement| statement.kind)
        .collect();
    assert_eq!(kinds, [StatementKind::Load, StatementKind::FollowUp]);
}

#[tokio::test]
async fn refused_rows_are_recorded_once() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Failed).await;
    let refused = |line_number, column_name: &str| RowError {
        file_name: "data".to_owned(),
        line_number,
        column_name: column_name.to_owned(),
        column_type: Some("date".to_owned()),
        error_code: Some(1_206),
        error_message: "invalid date".to_owned(),
        raw_line: Some("a|secret|c".to_owned()),
    };
    let errors = [refused(7, "ship_date"), refused(2, "")];
    bench.store.add_row_errors(load.id, &errors).await.unwrap();
    bench.store.add_row_errors(load.id, &errors).await.unwrap();
    bench.store.add_row_errors(load.id, &[]).await.unwrap();
    let stored = bench.store.row_errors(load.id).await.unwrap();
    assert_eq!(stored, [errors[1].clone(), errors[0].clone()]);
    assert!(!format!("{stored:?}").contains("secret"));
}

#[tokio::test]
async fn a_marker_table_is_known_once_it_is_remembered() {
    let bench = Bench::new().await;
    let table = TableName::new("rdsftetl", "product");
    let store = &bench.store;
    assert!(!store.marker_known("cluster c/d", &table).await.unwrap());
    store.remember_marker("cluster c/d", &table, at(0)).await.unwrap();
    store.remember_marker("cluster c/d", &table, at(1)).await.unwrap();
    assert!(store.marker_known("cluster c/d", &table).await.unwrap());
    assert!(!store.marker_known("cluster c/e", &table).await.unwrap());
    store.forget_marker("cluster c/e", &table).await.unwrap();
    assert!(store.marker_known("cluster c/d", &table).await.unwrap());
    store.forget_marker("cluster c/d", &table).await.unwrap();
    assert!(!store.marker_known("cluster c/d", &table).await.unwrap());
}

#[tokio::test]
async fn a_follow_up_that_failed_is_put_on_its_way_again_once_and_on_record_with_who() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::TransformFailed).await;
    let attempt = attempt(load.id, StatementKind::FollowUp, 2);
    let again = AttemptRecord {
        chain_step: Some(3),
        ..record(&attempt)
    };
    let operator = Operator {
        name: "ann".to_owned(),
        reason: "mended".to_owned(),
    };
    let moved = bench
        .store
        .follow_up_again(&attempt, &again, &operator, at(900))
        .await
        .unwrap();
    assert!(moved.has_moved());
    let load = moved.into_load();
    assert_eq!((load.state, load.finished_at), (LoadState::Transforming, None));
    let statements = bench.store.statements(load.id).await.unwrap();
    let newest = statements
        .iter()
        .max_by_key(|statement| statement.attempt)
        .unwrap();
    assert_eq!((newest.attempt, newest.chain_step), (2, Some(3)));
    assert_eq!(newest.statement_id, None);
    assert_eq!(newest.refused_at, Some(at(900)), "no call of it took effect");

    let repeated = bench
        .store
        .follow_up_again(&attempt, &again, &operator, at(901))
        .await
        .unwrap();
    assert!(!repeated.has_moved());
    let operations = bench.store.operations(load.id).await.unwrap();
    let told: Vec<_> = operations
        .iter()
        .map(|done| (done.operation, done.operator.as_str(), done.note.as_deref()))
        .collect();
    assert_eq!(
        told,
        [(OperationKind::FollowUp, "ann", Some("attempt 2, step 3"))]
    );
}
