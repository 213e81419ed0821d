//! A migrated database, a clock that stands still, and loads brought to where a test begins.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use std::time::Duration;

use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::matching::Captures;
use longshore_domain::notification::{Message, Outcome};
use longshore_domain::object::{Bucket, Object, ObjectKey, Sequencer};
use longshore_domain::reject::RejectReason;
use longshore_domain::rule::{Interface, RuleId};
use longshore_domain::statement::{Attempt, LoadStep, StatementKind};
use longshore_domain::target::TableName;
use longshore_store::{
    Announced, AttemptRecord, AuditRow, AuditStatus, BufferId, BufferLimits, ChildOf, Claim, Conclusion,
    ConnectOptions, DeliveryFacts, FollowUpEnd, Joining, Lease, LeaseStep, Load, LoadFailure, LoadedFacts,
    MatchedRule, Moved, NewChild, Operator, OutboxNotice, Password, Prepared, Source, SplitFacts, Store, Tls,
};
use longshore_testkit::TestDatabase;
use tokio_postgres::types::ToSql;

pub(crate) const ACTOR: &str = "test";
pub(crate) const TOPIC: &str = "arn:aws:sns:ap-south-1:1:files";

pub(crate) struct Bench {
    pub(crate) store: Store,
    pub(crate) database: TestDatabase,
}

pub(crate) fn options(database: &TestDatabase) -> ConnectOptions {
    let server = database.server();
    ConnectOptions {
        host: server.host(),
        port: server.port(),
        user: server.user().to_owned(),
        password: Password::new(server.password().unwrap_or_default()),
        database: database.name().to_owned(),
        tls: Tls::Off,
        schema: "rdscnfg".to_owned(),
        max_connections: 8,
        application_name: "store tests".to_owned(),
    }
}

/// Noon and so many seconds.
pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_262_400, 0).unwrap() + TimeDelta::seconds(seconds)
}

/// Who does something by hand.
pub(crate) fn operator() -> Operator {
    Operator {
        name: "ann".to_owned(),
        reason: "a test".to_owned(),
    }
}

pub(crate) fn local(seconds: i64) -> NaiveDateTime {
    at(seconds).naive_utc()
}

pub(crate) fn object(key: &str) -> Object {
    Object {
        bucket: Bucket::new("landing"),
        key: ObjectKey::new(key),
        version: None,
        etag: Some("e1".to_owned()),
        size_bytes: 100,
        sequencer: Some(Sequencer::new("0055AED6DCD90281E5")),
    }
}

pub(crate) fn lease(owner: &str, step: LeaseStep, until: i64) -> Lease {
    Lease {
        owner: owner.to_owned(),
        step,
        until: at(until),
    }
}

pub(crate) fn attempt(load: LoadId, kind: StatementKind, number: u32) -> Attempt {
    Attempt { load, kind, number }
}

pub(crate) fn record(attempt: &Attempt) -> AttemptRecord {
    let steps = match attempt.kind {
        StatementKind::Load => vec![LoadStep::Lock, LoadStep::Guard, LoadStep::Copy],
        StatementKind::FollowUp => vec![LoadStep::FollowUp],
    };
    AttemptRecord {
        client_token: attempt.client_token(),
        statement_name: attempt.statement_name("longshore/test", None),
        steps,
        warehouse: "cluster c/d".to_owned(),
        chain_step: None,
        places: None,
    }
}

pub(crate) fn matched() -> MatchedRule {
    MatchedRule {
        version: None,
        rule: RuleId(71),
        interface: Interface {
            id: "701".to_owned(),
            name: "PHARMACY_PRICE".to_owned(),
        },
        table: Some(TableName::new("rdsftetl", "pharmacy_price")),
        place: longshore_domain::rule::FilePlace::Archive,
        captures: Captures::from([("region".to_owned(), "emea".to_owned())]),
    }
}

pub(crate) fn prepared() -> Prepared {
    Prepared {
        rows_expected: Some(3),
        sources: vec![Source {
            key: ObjectKey::new("processing/x/data"),
            size_bytes: 90,
        }],
        prepared: true,
        manifest_key: ObjectKey::new("processing/manifests/x.manifest"),
        plan: serde_json::json!({"sql": ["COPY …"]}),
        remarks: vec!["2 records of no listed type".to_owned()],
        duration: Duration::from_millis(1_500),
        replaces: vec![],
    }
}

pub(crate) fn failure() -> LoadFailure {
    LoadFailure {
        code: "copy_failed".to_owned(),
        error: "the warehouse refused 2 rows".to_owned(),
        rows_rejected: Some(2),
    }
}

pub(crate) fn split_facts() -> SplitFacts {
    SplitFacts {
        rows_expected: Some(9),
        remarks: vec![],
        duration: Duration::ZERO,
        plan: serde_json::json!({}),
    }
}

pub(crate) fn delivery_facts() -> DeliveryFacts {
    DeliveryFacts {
        rows_expected: Some(9),
        remarks: vec![],
        plan: serde_json::json!({}),
        deliveries: 2,
        duration: Duration::ZERO,
    }
}

pub(crate) fn reason() -> RejectReason {
    RejectReason::BelowThreshold {
        size_bytes: 1,
        threshold_bytes: 50,
    }
}

pub(crate) fn facts() -> LoadedFacts {
    LoadedFacts {
        statement_id: "s-1".to_owned(),
        rows_loaded: Some(3),
        rows_rejected: Some(0),
    }
}

pub(crate) fn audit(status: AuditStatus) -> AuditRow {
    AuditRow {
        status,
        process_date: local(30),
        start_time: local(0),
        end_time: local(20),
        merge_query: Some("call p();".to_owned()),
        escape_char: None,
        statement_id: None,
        load_duration: Some(Duration::from_secs(2)),
    }
}

pub(crate) fn notice(outcome: Outcome) -> OutboxNotice {
    OutboxNotice {
        outcome,
        topic_arn: TOPIC.to_owned(),
        message: Message {
            subject: "subject".to_owned(),
            default: "{}".to_owned(),
            email: "email".to_owned(),
            sms: "sms".to_owned(),
            attributes: vec![("status".to_owned(), outcome.as_str().to_owned())],
        },
    }
}

pub(crate) fn conclusion(status: AuditStatus, outcome: Outcome) -> Conclusion {
    Conclusion {
        audit: Some(audit(status)),
        notices: vec![notice(outcome)],
        ..Conclusion::default()
    }
}

pub(crate) fn follow_up_end(status: AuditStatus) -> FollowUpEnd {
    let (error, notices) = match status {
        AuditStatus::Finished => (None, vec![]),
        AuditStatus::Failed | AuditStatus::Aborted | AuditStatus::Skipped => (
            Some("no such table".to_owned()),
            vec![notice(Outcome::FollowUpFailed)],
        ),
    };
    FollowUpEnd {
        status,
        error,
        statement_id: Some("s-2".to_owned()),
        duration: Some(Duration::from_secs(7)),
        process_date: local(60),
        notices,
        steps: vec![],
    }
}

impl Bench {
    /// Puts the deliveries of a file to two warehouses on record.
    pub(crate) async fn deliveries(&self, file: &Load, seconds: i64) -> [LoadId; 2] {
        let targets = ["own", "mart"];
        for target in targets {
            let child = NewChild {
                id: file.id.delivery(target),
                what: ChildOf::Target(target.to_owned()),
                object: file.object.clone(),
                file_name: file.file_name.clone(),
                rows_expected: Some(9),
            };
            let lease = lease(target, LeaseStep::Prepare, 60);
            let claimed = self.store.claim_child(file.id, &child, &lease, at(seconds));
            claimed.await.unwrap();
            self.store.record_match(child.id, &matched()).await.unwrap();
        }
        targets.map(|target| file.id.delivery(target))
    }

    pub(crate) async fn new() -> Self {
        let database = TestDatabase::create().await.unwrap();
        let store = Store::connect(options(&database)).unwrap();
        store.migrate().await.unwrap();
        Self { store, database }
    }

    /// Runs SQL as superuser, beside the store.
    pub(crate) async fn run(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, tokio_postgres::Error> {
        self.database
            .client()
            .await
            .unwrap()
            .execute(sql, parameters)
            .await
    }

    /// A time at which one of three files came, by hand.
    pub(crate) async fn late_period(&self) {
        let sql = "INSERT INTO rdscnfg.ext_file_late
                (ext_file_config_sid, ext_interface_cid, interface_name, expected_at, expected_timezone, grace_until,
                 awaited_until, expected_files, arrived_files, follows_missed, found_at)
            VALUES (71, 701, 'PRICES', $1, 'UTC', $2, $3, 3, 1, false, $2)";
        self.run(sql, &[&at(0), &at(60), &at(3_600)]).await.unwrap();
    }

    /// The one number that a query gives.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        self.database
            .client()
            .await
            .unwrap()
            .query_one(sql, &[])
            .await
            .unwrap()
            .get(0)
    }

    pub(crate) async fn claim(&self, key: &str, owner: &str, now: i64) -> Claim {
        let lease = lease(owner, LeaseStep::Prepare, now + 60);
        self.store
            .claim_load(&object(key), &Announced::default(), &lease, at(now))
            .await
            .unwrap()
    }

    /// A load as it is after its first delivery.
    pub(crate) async fn received(&self, key: &str) -> Load {
        match self.claim(key, "first", 0).await {
            Claim::New(load) => load,
            other => unreachable!("{other:?}"),
        }
    }

    /// A load in `state`, brought there by the store's own steps wherever the store has one.
    pub(crate) async fn load_in(&self, state: LoadState) -> Load {
        self.load_of(&format!("in/{state}_701.txt"), state).await
    }

    /// The same of a file with this key.
    pub(crate) async fn load_of(&self, key: &str, state: LoadState) -> Load {
        let load = self.received(key).await;
        self.store.record_match(load.id, &matched()).await.unwrap();
        self.bring(load.id, state).await;
        let load = self.store.load(load.id).await.unwrap().unwrap();
        assert_eq!(load.state, state);
        load
    }

    pub(crate) async fn bring(&self, load: LoadId, state: LoadState) {
        for step in path_to(state) {
            self.take(load, *step).await;
        }
    }

    pub(crate) async fn take(&self, load: LoadId, state: LoadState) {
        let store = &self.store;
        let moved = match state {
            LoadState::Received => return,
            LoadState::Skipped => store.mark_skipped(load, "loaded before", at(1), ACTOR).await,
            LoadState::Rejected => store.mark_rejected(load, &reason(), at(1), ACTOR).await,
            LoadState::Split => store.mark_split(load, &split_facts(), at(1), ACTOR).await,
            LoadState::Delivering => store.mark_delivering(load, &delivery_facts(), at(1), ACTOR).await,
            LoadState::Batched => store.join_buffer(load, &joining(1), at(1), ACTOR).await,
            LoadState::Prepared => store.mark_prepared(load, &prepared(), at(1), ACTOR).await,
            LoadState::Queued => {
                let attempt = attempt(load, StatementKind::Load, 1);
                store
                    .record_attempt(&attempt, &record(&attempt), at(2), ACTOR)
                    .await
            }
            LoadState::Submitted => {
                let attempt = attempt(load, StatementKind::Load, 1);
                store
                    .mark_submitted(&attempt, &format!("s-{load}"), at(3), ACTOR)
                    .await
            }
            LoadState::Loaded => store.mark_loaded(load, &facts(), at(4), ACTOR).await,
            LoadState::Failed => store.mark_failed(load, &failure(), at(4), ACTOR).await,
            LoadState::Transforming => {
                let conclusion = conclusion(AuditStatus::Finished, Outcome::Loaded);
                store.conclude(load, &conclusion, at(5), ACTOR).await.unwrap();
                let attempt = attempt(load, StatementKind::FollowUp, 1);
                store
                    .record_attempt(&attempt, &record(&attempt), at(6), ACTOR)
                    .await
            }
            LoadState::Complete => {
                let end = follow_up_end(AuditStatus::Finished);
                store.finish_follow_up(load, &end, at(7), ACTOR).await
            }
            LoadState::TransformFailed => {
                let end = follow_up_end(AuditStatus::Failed);
                store.finish_follow_up(load, &end, at(7), ACTOR).await
            }
        };
        assert!(moved.unwrap().has_moved(), "{load} did not become {state}");
    }
}

/// The states on the way, the last one included.
fn path_to(state: LoadState) -> &'static [LoadState] {
    use LoadState::*;
    match state {
        Received => &[],
        Rejected => &[Rejected],
        Split => &[Split],
        Delivering => &[Delivering],
        Skipped => &[Skipped],
        Batched => &[Batched],
        Prepared => &[Prepared],
        Queued => &[Prepared, Queued],
        Submitted => &[Prepared, Queued, Submitted],
        Loaded => &[Prepared, Queued, Submitted, Loaded],
        Failed => &[Prepared, Queued, Submitted, Failed],
        Transforming => &[Prepared, Queued, Submitted, Loaded, Transforming],
        Complete => &[Prepared, Queued, Submitted, Loaded, Transforming, Complete],
        TransformFailed => &[Prepared, Queued, Submitted, Loaded, Transforming, TransformFailed],
    }
}

/// A file for the buffer of this number: it holds up to three, for a minute.
pub(crate) fn joining(buffer: u32) -> Joining {
    let recipe = serde_json::json!({ "recipe": buffer });
    Joining {
        buffer: BufferId::of(&object("in/any").bucket, &recipe),
        recipe,
        warehouse: "cluster etl/dev".to_owned(),
        limits: BufferLimits {
            max_files: 3,
            max_bytes: None,
            max_age: Duration::from_secs(60),
            one_at_a_time: false,
        },
        order: None,
        rows_expected: Some(2),
        sources: prepared().sources,
        prepared: true,
        remarks: vec![],
        duration: Duration::from_millis(5),
    }
}

/// What a step that must not move anything gave.
pub(crate) fn unmoved(moved: Moved) -> Load {
    match moved {
        Moved::No(load) => load,
        Moved::Yes(load) => unreachable!("load {} moved to {}", load.id, load.state),
    }
}
