//! Chains on record, and the steps of a follow-up.

use longshore_domain::load::LoadState;
use longshore_domain::statement::StatementKind;
use longshore_store::{
    AttemptRecord, AuditFilter, AuditStatus, Chain, FollowUpStep, StatementOutcome, StatementState,
    follow_up_steps,
};
use serde_json::json;

use crate::support::{ACTOR, Bench, at, attempt, follow_up_end, record};

#[tokio::test]
async fn a_chain_is_there_as_it_was_written_last() {
    let bench = Bench::new().await;
    let store = &bench.store;
    let first = Chain {
        modified_by: Some("ann".to_owned()),
        modified_reason: Some("the first".to_owned()),
        ..Chain::new("b", json!(["SELECT 1"]), at(1))
    };
    store.write_chain(&first).await.unwrap();
    assert_eq!(store.chain("b").await.unwrap(), Some(first));
    let other = Chain::new("a", json!(["SELECT 2"]), at(2));
    store.write_chain(&other).await.unwrap();
    let last = Chain {
        modified_by: Some("bea".to_owned()),
        modified_reason: Some("the second".to_owned()),
        ..Chain::new("b", json!(["SELECT 3"]), at(3))
    };
    store.write_chain(&last).await.unwrap();
    let names: Vec<_> = store
        .chains()
        .await
        .unwrap()
        .into_iter()
        .map(|chain| chain.name)
        .collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(store.chain("b").await.unwrap(), Some(last));
    assert_eq!(store.chain("c").await.unwrap(), None);
}

#[tokio::test]
async fn a_further_step_counts_its_failures_from_none_and_is_recorded_once() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Loaded).await.id;
    let store = &bench.store;
    for (number, step, tries) in [(1, 1, 0), (2, 1, 4), (3, 2, 0)] {
        let try_at = attempt(load, StatementKind::FollowUp, number);
        let record = AttemptRecord {
            chain_step: Some(step),
            places: None,
            ..record(&try_at)
        };
        let moved = store
            .record_attempt(&try_at, &record, at(10), ACTOR)
            .await
            .unwrap();
        assert!(moved.has_moved());
        assert_eq!(moved.load().retry.tries, tries, "attempt {number}");
        bench
            .run("UPDATE rdscnfg.ext_file_load SET tries = 4", &[])
            .await
            .unwrap();
        let again = store
            .record_attempt(&try_at, &record, at(11), ACTOR)
            .await
            .unwrap();
        assert!(!again.has_moved());
        assert_eq!(again.load().retry.tries, 4, "recording it again forgets nothing");
        let outcome = StatementOutcome {
            statement_id: Some(format!("s-{number}")),
            state: StatementState::Finished,
            error: None,
            failed_step: None,
            result_rows: Some(7),
            query_id: None,
            duration: None,
        };
        store.finish_statement(&try_at, &outcome, at(12)).await.unwrap();
    }
    let steps = follow_up_steps(&store.statements(load).await.unwrap());
    let seen: Vec<_> = steps
        .iter()
        .map(|step| (step.step, step.attempts, step.rows))
        .collect();
    assert_eq!(seen, [(1, 2, Some(7)), (2, 1, Some(7))]);
}

#[tokio::test]
async fn the_audit_keeps_the_steps_of_a_follow_up() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Transforming).await.id;
    let end = longshore_store::FollowUpEnd {
        steps: vec![FollowUpStep::not_run(1)],
        ..follow_up_end(AuditStatus::Finished)
    };
    bench
        .store
        .finish_follow_up(load, &end, at(60), ACTOR)
        .await
        .unwrap();
    let filter = AuditFilter {
        load: Some(load),
        limit: 1,
        ..AuditFilter::default()
    };
    let row = bench.store.audit_rows(&filter).await.unwrap().remove(0);
    assert_eq!(row.followup_steps.unwrap()[0]["state"], json!(null));
}
