//! Outcomes: audit row, messages and ledger in one transaction, once.

use std::time::Duration;

use longshore_domain::load::LoadState;
use longshore_domain::notification::Outcome;
use longshore_domain::object::ObjectKey;
use longshore_store::{AuditEntry, AuditFilter, AuditStatus, Conclusion, DeliveriesEnd, StoreError};
use rstest::rstest;

use crate::support::{ACTOR, Bench, at, audit, conclusion, follow_up_end, local, notice, unmoved};

async fn audit_of(bench: &Bench, load: longshore_domain::load::LoadId) -> AuditEntry {
    let filter = AuditFilter {
        load: Some(load),
        limit: 10,
        ..AuditFilter::default()
    };
    let mut rows = bench.store.audit_rows(&filter).await.unwrap();
    assert_eq!(rows.len(), 1);
    rows.remove(0)
}

#[tokio::test]
async fn concluding_twice_leaves_one_audit_row_and_one_message() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Loaded).await.id;
    let conclusion = Conclusion {
        next: Some(LoadState::Complete),
        ..conclusion(AuditStatus::Finished, Outcome::Loaded)
    };
    let first = bench
        .store
        .conclude(load, &conclusion, at(30), ACTOR)
        .await
        .unwrap();
    assert!(first.has_moved());
    assert_eq!(first.load().state, LoadState::Complete);
    assert_eq!(first.load().finished_at, Some(at(30)));
    let again = bench
        .store
        .conclude(load, &conclusion, at(99), ACTOR)
        .await
        .unwrap();
    assert_eq!(unmoved(again).concluded_at, Some(at(30)));

    audit_of(&bench, load).await;
    assert_eq!(bench.store.notices(load).await.unwrap().len(), 1);
}

#[tokio::test]
async fn of_ten_that_conclude_at_once_one_does() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Loaded).await.id;
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let store = bench.store.clone();
            let conclusion = conclusion(AuditStatus::Finished, Outcome::Loaded);
            tokio::spawn(async move { store.conclude(load, &conclusion, at(30), ACTOR).await })
        })
        .collect();
    let mut moved = 0;
    for task in tasks {
        moved += usize::from(task.await.unwrap().unwrap().has_moved());
    }
    assert_eq!(moved, 1);
    audit_of(&bench, load).await;
}

#[tokio::test]
async fn the_audit_row_says_what_the_ledger_says() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Loaded).await;
    let key = ObjectKey::new("archive/701/x");
    bench
        .store
        .plan_archive(load.id, &ObjectKey::new("archive/701/planned"))
        .await
        .unwrap();
    let conclusion = Conclusion {
        archived_key: Some(key),
        ..conclusion(AuditStatus::Finished, Outcome::Loaded)
    };
    bench
        .store
        .conclude(load.id, &conclusion, at(30), ACTOR)
        .await
        .unwrap();
    let row = audit_of(&bench, load.id).await;
    assert_eq!(row.interface_id.as_deref(), Some("701"));
    assert_eq!(row.tgt_schema_name.as_deref(), Some("rdsftetl"));
    assert_eq!(row.tgt_table_name.as_deref(), Some("pharmacy_price"));
    assert_eq!(row.file_process_status.as_deref(), Some("FINISHED"));
    assert_eq!(row.file_prcsd_flag.as_deref(), Some("Y"));
    assert_eq!(row.file_process_date, Some(local(30)));
    assert_eq!((row.start_time, row.end_time), (Some(local(0)), Some(local(20))));
    assert_eq!(row.merge_query.as_deref(), Some("call p();"));
    assert_eq!(row.error_msg, None);
    assert_eq!(row.object_key.as_deref(), Some(load.object.key.as_str()));
    assert_eq!(row.archived_key.as_deref(), Some("archive/701/x"));
    assert_eq!(row.size_bytes, Some(100));
    assert_eq!(
        (row.rows_expected, row.rows_loaded, row.rows_rejected),
        (Some(3), Some(3), Some(0))
    );
    assert_eq!(row.statement_id.as_deref(), Some("s-1"));
    assert_eq!(row.prepare_duration, Some(Duration::from_millis(1_500)));
    assert_eq!(row.load_duration, Some(Duration::from_secs(2)));
    assert_eq!(row.processed_at, Some(at(30)));
    assert_eq!(row.followup_status, None);
}

#[rstest]
#[case(LoadState::Rejected, AuditStatus::Failed, Outcome::Rejected)]
#[case(LoadState::Failed, AuditStatus::Failed, Outcome::Failed)]
#[case(LoadState::Failed, AuditStatus::Aborted, Outcome::Failed)]
#[tokio::test]
async fn a_failure_is_finished_when_it_is_concluded(
    #[case] state: LoadState,
    #[case] status: AuditStatus,
    #[case] outcome: Outcome,
) {
    let bench = Bench::new().await;
    let load = bench.load_in(state).await;
    let moved = bench
        .store
        .conclude(load.id, &conclusion(status, outcome), at(30), ACTOR)
        .await;
    let concluded = moved.unwrap().into_load();
    assert_eq!(concluded.finished_at, Some(at(30)));
    let row = audit_of(&bench, load.id).await;
    assert_eq!(row.file_process_status.as_deref(), Some(status.as_str()));
    assert_eq!(row.file_prcsd_flag.as_deref(), Some("N"));
    assert_eq!(row.error_msg, load.error);
}

#[tokio::test]
async fn an_outcome_without_a_known_feed_has_a_message_and_no_audit_row() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Split).await.id;
    let conclusion = Conclusion {
        audit: None,
        notices: vec![notice(Outcome::Split)],
        ..Conclusion::default()
    };
    assert!(
        bench
            .store
            .conclude(load, &conclusion, at(30), ACTOR)
            .await
            .unwrap()
            .has_moved()
    );
    assert_eq!(
        bench.number("SELECT count(*) FROM rdscnfg.ext_file_audit").await,
        0
    );
    assert_eq!(
        bench.store.notices(load).await.unwrap()[0].outcome,
        Outcome::Split
    );
}

#[tokio::test]
async fn a_file_ends_once_and_only_with_the_last_of_its_deliveries() {
    let bench = Bench::new().await;
    let store = &bench.store;
    let file = bench.load_in(LoadState::Delivering).await;
    let deliveries = bench.deliveries(&file, 1).await;
    let end = DeliveriesEnd {
        error: Some(("not_delivered".to_owned(), "1 of 2 warehouses have it".to_owned())),
        audit: Some(audit(AuditStatus::Failed)),
        notices: vec![notice(Outcome::PartlyLoaded)],
        archived_key: None,
        remarks: vec![],
    };
    bench.bring(deliveries[0], LoadState::Complete).await;
    unmoved(store.end_deliveries(file.id, &end, at(30), ACTOR).await.unwrap());
    assert_eq!(store.delivered(deliveries[0]).await.unwrap(), []);

    bench.bring(deliveries[1], LoadState::Failed).await;
    let failed = conclusion(AuditStatus::Failed, Outcome::Failed);
    store
        .conclude(deliveries[1], &failed, at(20), ACTOR)
        .await
        .unwrap();
    for load in [file.id, deliveries[0], deliveries[1]] {
        assert_eq!(store.delivered(load).await.unwrap(), [file.id]);
    }
    let ended = store
        .end_deliveries(file.id, &end, at(30), ACTOR)
        .await
        .unwrap()
        .into_load();
    assert_eq!(
        (ended.state, ended.finished_at),
        (LoadState::Failed, Some(at(30)))
    );
    unmoved(store.end_deliveries(file.id, &end, at(31), ACTOR).await.unwrap());
    assert_eq!(store.notices(file.id).await.unwrap().len(), 1);
    assert_eq!(audit_of(&bench, file.id).await.error_msg, ended.error);
    assert_eq!(store.delivered(file.id).await.unwrap(), []);
}

#[rstest]
#[case(LoadState::Received)]
#[case(LoadState::Prepared)]
#[case(LoadState::Queued)]
#[case(LoadState::Submitted)]
#[tokio::test]
async fn a_load_without_outcome_is_not_concluded(#[case] state: LoadState) {
    let bench = Bench::new().await;
    let load = bench.load_in(state).await.id;
    let conclusion = conclusion(AuditStatus::Finished, Outcome::Loaded);
    unmoved(
        bench
            .store
            .conclude(load, &conclusion, at(30), ACTOR)
            .await
            .unwrap(),
    );
    assert_eq!(
        bench.number("SELECT count(*) FROM rdscnfg.ext_file_audit").await,
        0
    );
    assert_eq!(bench.store.notices(load).await.unwrap(), []);
}

#[rstest]
#[case(AuditStatus::Finished, LoadState::Complete, 1)]
#[case(AuditStatus::Failed, LoadState::TransformFailed, 2)]
#[case(AuditStatus::Aborted, LoadState::TransformFailed, 2)]
#[tokio::test]
async fn a_follow_up_ends_once_beside_the_outcome_of_its_load(
    #[case] status: AuditStatus,
    #[case] state: LoadState,
    #[case] messages: usize,
) {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Transforming).await.id;
    let end = follow_up_end(status);
    let moved = bench
        .store
        .finish_follow_up(load, &end, at(60), ACTOR)
        .await
        .unwrap();
    assert!(moved.has_moved());
    assert_eq!(
        (moved.load().state, moved.load().finished_at),
        (state, Some(at(60)))
    );
    unmoved(
        bench
            .store
            .finish_follow_up(load, &end, at(61), ACTOR)
            .await
            .unwrap(),
    );

    let row = audit_of(&bench, load).await;
    assert_eq!(row.file_process_status.as_deref(), Some("FINISHED"));
    assert_eq!(row.followup_status.as_deref(), Some(status.as_str()));
    assert_eq!(row.followup_error, end.error);
    assert_eq!(row.followup_statement_id.as_deref(), Some("s-2"));
    assert_eq!(row.followup_duration, Some(Duration::from_secs(7)));
    assert_eq!(bench.store.notices(load).await.unwrap().len(), messages);
}

#[tokio::test]
async fn a_conclusion_that_cannot_be_written_in_full_is_not_written_at_all() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Loaded).await.id;
    let sql = "ALTER TABLE rdscnfg.ext_outbox ADD CONSTRAINT broken CHECK (topic_arn = '')";
    bench.run(sql, &[]).await.unwrap();
    let conclusion = conclusion(AuditStatus::Finished, Outcome::Loaded);
    let error = bench
        .store
        .conclude(load, &conclusion, at(30), ACTOR)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, StoreError::ConstraintViolated { constraint, .. } if constraint == "broken"),
        "{error:?}"
    );
    assert_eq!(
        bench.number("SELECT count(*) FROM rdscnfg.ext_file_audit").await,
        0
    );
    let load = bench.store.load(load).await.unwrap().unwrap();
    assert_eq!((load.state, load.concluded_at), (LoadState::Loaded, None));
}

#[tokio::test]
async fn an_audit_of_one_feed_leaves_the_others_out() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Rejected).await.id;
    let conclusion = conclusion(AuditStatus::Failed, Outcome::Rejected);
    bench
        .store
        .conclude(load, &conclusion, at(30), ACTOR)
        .await
        .unwrap();
    let rows = async |interface_id: &str, since: i64| {
        let filter = AuditFilter {
            interface_id: Some(interface_id.to_owned()),
            since: Some(at(since)),
            limit: 10,
            ..AuditFilter::default()
        };
        bench.store.audit_rows(&filter).await.unwrap().len()
    };
    assert_eq!(rows("701", 30).await, 1);
    assert_eq!(rows("702", 30).await, 0);
    assert_eq!(rows("701", 31).await, 0);
}
