//! Who works on a load: first deliveries, repeats, workers that died, and the finishing function.

use std::collections::BTreeMap;

use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::object::{Object, Sequencer};
use longshore_domain::queue::QueueName;
use longshore_domain::trace::TraceId;
use longshore_store::{Announced, ChildOf, Claim, IdKind, LeaseStep, LoadFilter, NewChild};
use rstest::rstest;
use uuid::Uuid;

use crate::support::{ACTOR, Bench, at, conclusion, lease, object};

fn name(claim: &Claim) -> &'static str {
    match claim {
        Claim::New(_) => "new",
        Claim::Resumed(_) => "resumed",
        Claim::Busy { .. } => "busy",
        Claim::Done(_) => "done",
    }
}

#[tokio::test]
async fn of_twenty_claims_at_once_one_is_new() {
    let bench = Bench::new().await;
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let store = bench.store.clone();
            let lease = lease(&format!("worker {number}"), LeaseStep::Prepare, 60);
            tokio::spawn(async move {
                store
                    .claim_load(&object("in/A_701.txt"), &Announced::default(), &lease, at(0))
                    .await
            })
        })
        .collect();
    let mut names = BTreeMap::new();
    for task in tasks {
        *names.entry(name(&task.await.unwrap().unwrap())).or_insert(0) += 1;
    }
    assert_eq!(names, BTreeMap::from([("busy", 19), ("new", 1)]));
    let loads = bench
        .store
        .list_loads(&LoadFilter {
            limit: 10,
            ..LoadFilter::default()
        })
        .await
        .unwrap();
    assert_eq!(loads.len(), 1);
    assert_eq!(loads[0].claims, 20);
}

/// Whoever looks for a row without a snapshot, as INSERT … ON CONFLICT does, may look at each version of it while it is the other
/// one that lives.
#[tokio::test]
async fn a_claim_meets_its_load_whatever_is_written_to_it_meanwhile() {
    // An indexed column, so that each version has entries of its own in every index.
    const WRITE: &str = "
        DO $body$
        BEGIN
            FOR time IN 1..5000 LOOP
                UPDATE rdscnfg.ext_file_load SET received_at = received_at + interval '1 microsecond';
                COMMIT;
            END LOOP;
        END
        $body$";
    let bench = Bench::new().await;
    let load = bench.received("in/A_701.txt").await;
    let writer = bench.database.client().await.unwrap();
    let writing = tokio::spawn(async move { writer.batch_execute(WRITE).await });
    let lease = lease("second", LeaseStep::Prepare, 60);
    let mut claims = 1;
    while !writing.is_finished() {
        let claim = bench
            .store
            .claim_load(&load.object, &Announced::default(), &lease, at(1))
            .await;
        assert_eq!(name(&claim.unwrap()), "busy");
        claims += 1;
    }
    writing.await.unwrap().unwrap();
    let load = bench.store.load(load.id).await.unwrap().unwrap();
    assert_eq!(load.claims, claims);
}

#[tokio::test]
async fn a_new_load_is_the_object_that_was_claimed() {
    let bench = Bench::new().await;
    let load = bench.received("in/ünï +%_701.txt").await;
    assert_eq!(load.object, object("in/ünï +%_701.txt"));
    assert_eq!(load.file_name, "ünï +%_701.txt");
    assert_eq!(load.state, LoadState::Received);
    assert_eq!(load.lease, Some(lease("first", LeaseStep::Prepare, 60)));
    assert_eq!(load.received_at, at(0));
    assert_eq!(bench.store.load(load.id).await.unwrap(), Some(load));
}

#[rstest]
#[case::another_sequencer(Object { sequencer: Some(Sequencer::new("0055AED6DCD90281E6")), ..object("in/A_701.txt") })]
#[case::another_etag(Object { etag: Some("e2".to_owned()), ..object("in/A_701.txt") })]
#[case::a_version(Object { version: Some("v1".to_owned()), ..object("in/A_701.txt") })]
#[case::another_key(object("in/B_701.txt"))]
#[tokio::test]
async fn what_differs_in_identity_is_another_load(#[case] other: Object) {
    let bench = Bench::new().await;
    bench.received("in/A_701.txt").await;
    let lease = lease("second", LeaseStep::Prepare, 60);
    let claim = bench
        .store
        .claim_load(&other, &Announced::default(), &lease, at(1))
        .await
        .unwrap();
    assert_eq!(name(&claim), "new");
}

/// The first claim is by "first" at 0 until 60.
#[rstest]
#[case::another_while_it_lives("second", 59, "busy")]
#[case::another_when_it_has_run_out("second", 60, "resumed")]
#[case::the_same_invocation_retried("first", 10, "resumed")]
#[tokio::test]
async fn a_repeat_takes_the_lease_only_when_it_may(
    #[case] owner: &str,
    #[case] now: i64,
    #[case] expected: &str,
) {
    let bench = Bench::new().await;
    let first = bench.received("in/A_701.txt").await;
    let claim = bench.claim("in/A_701.txt", owner, now).await;
    assert_eq!(name(&claim), expected);
    let load = bench.store.load(first.id).await.unwrap().unwrap();
    let holder = if expected == "busy" { "first" } else { owner };
    let until = if expected == "busy" { 60 } else { now + 60 };
    assert_eq!(load.lease, Some(lease(holder, LeaseStep::Prepare, until)));
}

#[tokio::test]
async fn a_busy_load_says_who_has_it_and_how_long() {
    let bench = Bench::new().await;
    let first = bench.received("in/A_701.txt").await;
    let Claim::Busy { load, owner, until } = bench.claim("in/A_701.txt", "second", 1).await else {
        unreachable!("the lease lives");
    };
    assert_eq!((load.id, owner.as_str(), until), (first.id, "first", at(60)));
}

#[tokio::test]
async fn a_released_load_is_free_and_nobody_releases_anothers() {
    let bench = Bench::new().await;
    let load = bench.received("in/A_701.txt").await;
    bench.store.release(load.id, "second").await.unwrap();
    assert_eq!(name(&bench.claim("in/A_701.txt", "second", 1).await), "busy");
    bench.store.release(load.id, "first").await.unwrap();
    assert_eq!(name(&bench.claim("in/A_701.txt", "second", 1).await), "resumed");
}

#[rstest]
#[case(LoadState::Received, "resumed")]
#[case(LoadState::Prepared, "resumed")]
#[case(LoadState::Queued, "resumed")]
#[case(LoadState::Rejected, "resumed")]
#[case(LoadState::Split, "resumed")]
#[case(LoadState::Skipped, "resumed")]
#[case(LoadState::Failed, "resumed")]
#[case(LoadState::Submitted, "done")]
#[case(LoadState::Loaded, "done")]
#[case(LoadState::Transforming, "done")]
#[case(LoadState::Complete, "done")]
#[case(LoadState::TransformFailed, "done")]
#[tokio::test]
async fn a_repeat_resumes_what_has_preparing_left(#[case] state: LoadState, #[case] expected: &str) {
    let bench = Bench::new().await;
    let load = bench.load_in(state).await;
    bench.store.release(load.id, "first").await.unwrap();
    let claim = bench.claim(load.object.key.as_str(), "second", 100).await;
    assert_eq!(name(&claim), expected);
    let held = bench.store.load(load.id).await.unwrap().unwrap().lease;
    assert_eq!(held.is_some(), expected == "resumed");
}

#[tokio::test]
async fn an_outcome_on_record_is_done() {
    use longshore_domain::notification::Outcome;
    use longshore_store::AuditStatus;

    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Rejected).await;
    let conclusion = conclusion(AuditStatus::Failed, Outcome::Rejected);
    bench
        .store
        .conclude(load.id, &conclusion, at(2), ACTOR)
        .await
        .unwrap();
    let claim = bench.claim(load.object.key.as_str(), "first", 3).await;
    assert_eq!(name(&claim), "done");
}

/// The finishing function comes at 30.
#[rstest]
#[case::free(None, "resumed")]
#[case::a_preparing_one_that_lives(Some(("p", LeaseStep::Prepare, 60)), "resumed")]
#[case::a_finishing_one_that_lives(Some(("f", LeaseStep::Finish, 31)), "busy")]
#[case::a_finishing_one_that_has_run_out(Some(("f", LeaseStep::Finish, 30)), "resumed")]
#[case::its_own(Some(("me", LeaseStep::Finish, 60)), "resumed")]
#[tokio::test]
async fn the_finishing_function_takes_the_lease_unless_another_finishes(
    #[case] held: Option<(&str, LeaseStep, i64)>,
    #[case] expected: &str,
) {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Submitted).await;
    bench.store.release(load.id, "first").await.unwrap();
    if let Some((owner, step, until)) = held {
        let sql = "UPDATE rdscnfg.ext_file_load
                   SET lease_owner = $1, lease_step = $2, lease_until = $3";
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
            [&owner, &step.as_str(), &at(until)];
        bench.run(sql, &parameters).await.unwrap();
    }
    let lease = lease("me", LeaseStep::Finish, 90);
    let claim = bench.store.claim_for_finish(load.id, &lease, at(30)).await;
    assert_eq!(name(&claim.unwrap().unwrap()), expected);
}

#[tokio::test]
async fn of_two_finishing_functions_at_once_one_gets_the_load() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Submitted).await;
    let (one, two) = (
        lease("one", LeaseStep::Finish, 60),
        lease("two", LeaseStep::Finish, 60),
    );
    let (first, second) = tokio::join!(
        bench.store.claim_for_finish(load.id, &one, at(30)),
        bench.store.claim_for_finish(load.id, &two, at(30)),
    );
    let mut names = [name(&first.unwrap().unwrap()), name(&second.unwrap().unwrap())];
    names.sort_unstable();
    assert_eq!(names, ["busy", "resumed"]);
}

#[tokio::test]
async fn there_is_nothing_to_finish_on_a_finished_load_or_an_unknown_one() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Complete).await;
    let lease = lease("me", LeaseStep::Finish, 90);
    let claim = bench.store.claim_for_finish(load.id, &lease, at(30)).await;
    assert_eq!(name(&claim.unwrap().unwrap()), "done");
    let unknown = bench
        .store
        .claim_for_finish(LoadId::from_uuid(uuid::Uuid::new_v4()), &lease, at(30))
        .await;
    assert_eq!(unknown.unwrap(), None);
}

/// Many rounds, as it is a matter of moments: before the row was locked, forty were enough each time.
#[tokio::test]
async fn a_lease_that_is_given_back_meanwhile_is_no_load_that_is_done() {
    const ROUNDS: usize = 200;
    let bench = Bench::new().await;
    let load = bench.received("in/A_701.txt").await;
    let (one, two) = (
        lease("one", LeaseStep::Finish, 60),
        lease("two", LeaseStep::Finish, 60),
    );
    for round in 0..ROUNDS {
        bench.store.release(load.id, &two.owner).await.unwrap();
        let held = bench.store.claim_for_finish(load.id, &one, at(30)).await;
        assert_eq!(name(&held.unwrap().unwrap()), "resumed");
        let (released, claim) = tokio::join!(
            bench.store.release(load.id, &one.owner),
            bench.store.claim_for_finish(load.id, &two, at(30))
        );
        released.unwrap();
        assert_ne!(name(&claim.unwrap().unwrap()), "done", "in round {round}");
    }
}

fn child(parent: LoadId, record_type: &str) -> NewChild {
    NewChild {
        id: parent.child(record_type),
        what: ChildOf::RecordType(record_type.to_owned()),
        object: Object {
            sequencer: None,
            ..object("processing/x/HD")
        },
        file_name: "S_702.txt".to_owned(),
        rows_expected: Some(4),
    }
}

#[tokio::test]
async fn every_try_at_splitting_claims_the_same_children() {
    let bench = Bench::new().await;
    let parent = bench.received("in/S_702.txt").await.id;
    let claim = async |record_type: &str, owner: &str, now: i64| {
        let lease = lease(owner, LeaseStep::Prepare, now + 60);
        let child = child(parent, record_type);
        let claim = bench.store.claim_child(parent, &child, &lease, at(now)).await;
        name(&claim.unwrap())
    };
    assert_eq!(claim("HD", "one", 0).await, "new");
    assert_eq!(claim("DT", "one", 0).await, "new");
    assert_eq!(claim("HD", "one", 5).await, "resumed");
    assert_eq!(claim("HD", "two", 6).await, "busy");
    assert_eq!(claim("HD", "two", 70).await, "resumed");

    let children = bench.store.children(parent).await.unwrap();
    let types: Vec<_> = children
        .iter()
        .map(|child| child.record_type.as_deref().unwrap())
        .collect();
    assert_eq!(types, ["DT", "HD"]);
    assert_eq!(children[0].parent, Some(parent));
    assert_eq!(children[0].rows_expected, Some(4));
}

#[tokio::test]
async fn of_twenty_tries_at_one_child_one_is_new() {
    let bench = Bench::new().await;
    let parent = bench.received("in/S_702.txt").await.id;
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let store = bench.store.clone();
            let lease = lease(&format!("worker {number}"), LeaseStep::Prepare, 60);
            tokio::spawn(async move {
                store
                    .claim_child(parent, &child(parent, "HD"), &lease, at(0))
                    .await
            })
        })
        .collect();
    let mut names = BTreeMap::new();
    for task in tasks {
        *names.entry(name(&task.await.unwrap().unwrap())).or_insert(0) += 1;
    }
    assert_eq!(names, BTreeMap::from([("busy", 19), ("new", 1)]));
}

#[tokio::test]
async fn a_part_that_is_on_the_ledger_can_be_claimed_from_it() {
    let bench = Bench::new().await;
    let parent = bench.received("in/S_702.txt").await;
    let wanted = child(parent.id, "HD");
    let lease = lease("one", LeaseStep::Prepare, 60);
    bench
        .store
        .claim_child(parent.id, &wanted, &lease, at(0))
        .await
        .unwrap();
    let children = bench.store.children(parent.id).await.unwrap();
    assert_eq!(NewChild::of(&children[0]), Some((parent.id, wanted)));
    assert_eq!(NewChild::of(&parent), None);
}

#[tokio::test]
async fn the_ledger_keeps_the_queue_that_announced_an_object() {
    let bench = Bench::new().await;
    let lease = lease("w", LeaseStep::Prepare, 60);
    let announced = |queue: Option<&str>| Announced {
        at: Some(at(0)),
        queue: queue.map(QueueName::stored),
        ..Announced::default()
    };
    let claim = bench
        .store
        .claim_load(&object("in/A_701.txt"), &announced(Some("orders")), &lease, at(0))
        .await
        .unwrap();
    let Claim::New(load) = claim else {
        unreachable!("{claim:?}")
    };
    assert_eq!(load.queue, Some(QueueName::stored("orders")));
    // A repetition by another way changes nothing: the rule stays the same.
    let claim = bench
        .store
        .claim_load(&object("in/A_701.txt"), &announced(Some("others")), &lease, at(1))
        .await
        .unwrap();
    let Claim::Resumed(load) = claim else {
        unreachable!("{claim:?}")
    };
    assert_eq!(load.queue, Some(QueueName::stored("orders")));
}

#[tokio::test]
async fn a_load_keeps_the_trace_of_the_invocation_that_claimed_it_first() {
    let bench = Bench::new().await;
    let trace = |unique: char| TraceId::parse(&format!("1-5759e988-{}", unique.to_string().repeat(24)));
    let announced = |unique| Announced {
        trace: trace(unique),
        ..Announced::default()
    };
    let object = object("traced.txt");
    let first = bench
        .store
        .claim_load(
            &object,
            &announced('a'),
            &lease("one", LeaseStep::Prepare, 60),
            at(0),
        )
        .await
        .unwrap();
    assert_eq!(first.load().trace, trace('a'));
    let again = bench
        .store
        .claim_load(
            &object,
            &announced('b'),
            &lease("two", LeaseStep::Prepare, 600),
            at(300),
        )
        .await
        .unwrap();
    assert_eq!(again.load().trace, trace('a'));

    let part = NewChild {
        id: first.load().id.child("HD"),
        what: ChildOf::RecordType("HD".to_owned()),
        object: object.clone(),
        file_name: "traced.txt".to_owned(),
        rows_expected: None,
    };
    let part = bench
        .store
        .claim_child(
            first.load().id,
            &part,
            &lease("two", LeaseStep::Prepare, 600),
            at(300),
        )
        .await
        .unwrap();
    assert_eq!(part.load().trace, trace('a'), "a part is followed with its file");
}

#[tokio::test]
async fn a_load_without_an_invocation_gets_a_trace_of_its_own_id() {
    let bench = Bench::new().await;
    let claimed = bench
        .store
        .claim_load(
            &object("own.txt"),
            &Announced::default(),
            &lease("one", LeaseStep::Prepare, 60),
            at(0),
        )
        .await
        .unwrap();
    let load = claimed.load();
    let unique: String = load.id.to_string().replace('-', "").chars().take(24).collect();
    let made = format!("1-{:08x}-{unique}", load.received_at.timestamp());
    assert_eq!(load.trace.as_ref().map(TraceId::as_str), Some(made.as_str()));
}

#[tokio::test]
async fn loads_batches_and_buffers_are_found_between_two_ids() {
    let bench = Bench::new().await;
    let (batch, files) = bench.batch_of_two(None).await;
    let all = bench
        .store
        .identified(Uuid::nil(), Uuid::max(), 10)
        .await
        .unwrap();
    assert!(all.is_sorted_by_key(|found| found.id));
    let of = |kind| all.iter().filter(|found| found.kind == kind).count();
    assert_eq!(
        (of(IdKind::Load), of(IdKind::Batch), of(IdKind::Buffer)),
        (2, 1, 1)
    );
    for load in files.into_iter().chain([batch]) {
        let id = load.as_uuid();
        let found = bench.store.identified(id, id, 10).await.unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
    }
}
