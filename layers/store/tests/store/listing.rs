//! Objects that a listing found, and the events that come after all.

use chrono::{DateTime, TimeDelta, Utc};
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::notification::Outcome;
use longshore_domain::object::{Object, ObjectKey, Sequencer, WatchedPrefix};
use longshore_domain::queue::QueueName;
use longshore_domain::rule::RuleId;
use longshore_store::{
    Announced, AuditStatus, Claim, ComparedPage, LeaseStep, ListedLoad, Lister, Sighting, Store, Unaccounted,
    WantedFor,
};
use rstest::rstest;

use crate::support::{ACTOR, Bench, at, conclusion, lease, matched, object, reason};

const KEY: &str = "in/A_701.txt";

/// The object under [`KEY`] as a listing finds it, written at `written`.
fn listed(written: i64) -> ListedLoad {
    let object = Object {
        sequencer: Some(Sequencer::listed(at(written))),
        ..object(KEY)
    };
    ListedLoad {
        id: LoadId::of(&object),
        object,
        modified_at: at(written),
        seen_at: at(1_000),
        retried_under: None,
        wanted: None,
    }
}

fn sighting(key: &str, written: i64) -> Sighting {
    Sighting {
        key: ObjectKey::new(key),
        etag: Some("e1".to_owned()),
        modified_at: at(written),
    }
}

async fn record(store: &Store, listed: &ListedLoad, now: i64) -> bool {
    store
        .record_listed(listed, "lister", at(now))
        .await
        .unwrap()
        .is_some()
}

fn announced_at(at: Option<DateTime<Utc>>) -> Announced {
    Announced {
        at,
        ..Announced::default()
    }
}

/// An event about the object under [`KEY`], with a sequencer and a time of its own.
async fn announce(store: &Store, sequencer: &str, event_at: Option<i64>, now: i64) -> Claim {
    let announced = Object {
        sequencer: Some(Sequencer::new(sequencer)),
        ..object(KEY)
    };
    let lease = lease("event", LeaseStep::Prepare, now + 60);
    store
        .claim_load(&announced, &announced_at(event_at.map(at)), &lease, at(now))
        .await
        .unwrap()
}

fn load_of(claim: Claim) -> LoadId {
    match claim {
        Claim::New(load) | Claim::Resumed(load) | Claim::Done(load) | Claim::Busy { load, .. } => load.id,
    }
}

async fn loads(bench: &Bench) -> i64 {
    bench.number("SELECT count(*) FROM rdscnfg.ext_file_load").await
}

async fn compare(bench: &Bench, sightings: &[Sighting]) -> Vec<Unaccounted> {
    compare_for(bench, sightings, None).await
}

async fn compare_for(bench: &Bench, sightings: &[Sighting], wanted: Option<&WantedFor>) -> Vec<Unaccounted> {
    let bucket = object(KEY).bucket;
    bench
        .store
        .compare_listed(&bucket, sightings, wanted)
        .await
        .unwrap()
}

fn wanted(rule: i32, queue: Option<&str>) -> WantedFor {
    WantedFor {
        why: "the feed began before the rule".to_owned(),
        rule: RuleId(rule),
        queue: queue.map(QueueName::stored),
    }
}

/// The object under [`KEY`] as a listing finds it on behalf of a rule.
fn listed_for(written: i64, wanted: &WantedFor) -> ListedLoad {
    let object = Object {
        sequencer: Some(Sequencer::listed_for(at(written), wanted.rule)),
        ..object(KEY)
    };
    ListedLoad {
        id: LoadId::of(&object),
        object,
        wanted: Some(wanted.clone()),
        ..listed(written)
    }
}

/// The event of the object, by a queue, and the same again.
async fn announce_twice(bench: &Bench, queue: Option<&str>) {
    let lease = lease("event", LeaseStep::Prepare, 2_000);
    let announced = Announced {
        queue: queue.map(QueueName::stored),
        ..announced_at(Some(at(0)))
    };
    for _ in 0..2 {
        bench
            .store
            .claim_load(&object(KEY), &announced, &lease, at(1_100))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_late_event_takes_over_the_load_that_a_listing_made() {
    let bench = Bench::new().await;
    assert!(record(&bench.store, &listed(0), 1_000).await);
    let late = announce(&bench.store, "00A1", Some(0), 1_010).await;
    assert!(matches!(late, Claim::Resumed(_)), "{late:?}");
    assert_eq!(load_of(late), listed(0).id);
    let repeated = announce(&bench.store, "00A1", Some(0), 1_100).await;
    assert_eq!(load_of(repeated), listed(0).id);
    assert_eq!(loads(&bench).await, 1);
}

#[rstest]
#[case::written_before_the_listing(Some(900), 1)]
#[case::clocks_that_differ(Some(1_059), 1)]
#[case::without_a_time(None, 1)]
#[case::written_after_the_listing(Some(1_061), 2)]
#[tokio::test]
async fn an_event_of_a_later_write_of_the_same_bytes_is_a_load_of_its_own(
    #[case] event_at: Option<i64>,
    #[case] expected: i64,
) {
    let bench = Bench::new().await;
    record(&bench.store, &listed(0), 1_000).await;
    announce(&bench.store, "00A1", event_at, 1_100).await;
    assert_eq!(loads(&bench).await, expected);
}

#[tokio::test]
async fn only_the_first_event_takes_a_listed_load_over() {
    let bench = Bench::new().await;
    record(&bench.store, &listed(0), 1_000).await;
    let first = load_of(announce(&bench.store, "00A1", Some(0), 1_010).await);
    let second = load_of(announce(&bench.store, "00B2", Some(0), 1_020).await);
    assert_eq!(first, listed(0).id);
    assert_ne!(second, first);
    assert_eq!(loads(&bench).await, 2);
}

#[rstest]
#[case::the_same(Some("v1"), Some("v1"), 1)]
#[case::another(Some("v1"), Some("v2"), 2)]
#[case::versions_are_suspended(Some("null"), None, 1)]
#[tokio::test]
async fn where_there_are_versions_they_tell_a_repeat_from_a_new_write(
    #[case] of_listing: Option<&str>,
    #[case] of_event: Option<&str>,
    #[case] expected: i64,
) {
    let bench = Bench::new().await;
    let mut found = listed(0);
    found.object.version = of_listing.map(str::to_owned);
    found.id = LoadId::of(&found.object);
    record(&bench.store, &found, 1_000).await;
    let announced = Object {
        version: of_event.map(str::to_owned),
        ..object(KEY)
    };
    for owner in ["one", "two"] {
        let lease = lease(owner, LeaseStep::Prepare, 2_000);
        bench
            .store
            .claim_load(&announced, &announced_at(Some(at(0))), &lease, at(1_100))
            .await
            .unwrap();
    }
    assert_eq!(loads(&bench).await, expected);
}

#[tokio::test]
async fn an_event_without_a_sequencer_takes_a_listed_load_over_too() {
    let bench = Bench::new().await;
    record(&bench.store, &listed(0), 1_000).await;
    let announced = Object {
        sequencer: None,
        ..object(KEY)
    };
    let lease = lease("event", LeaseStep::Prepare, 2_000);
    for _ in 0..2 {
        let claim = bench
            .store
            .claim_load(&announced, &Announced::default(), &lease, at(1_100))
            .await;
        assert_eq!(load_of(claim.unwrap()), listed(0).id);
    }
    assert_eq!(loads(&bench).await, 1);
}

#[tokio::test]
async fn a_listing_leaves_an_object_alone_whose_event_is_at_work() {
    let bench = Bench::new().await;
    announce(&bench.store, "00A1", Some(0), 10).await;
    assert!(!record(&bench.store, &listed(0), 1_000).await);
    assert_eq!(compare(&bench, &[sighting(KEY, 0)]).await, []);
    assert_eq!(loads(&bench).await, 1);
}

#[tokio::test]
async fn of_listings_and_events_at_once_one_load_comes() {
    for round in 0..10 {
        let bench = Bench::new().await;
        let tasks: Vec<_> = (0..12)
            .map(|number| {
                let store = bench.store.clone();
                tokio::spawn(async move {
                    match (number + round) % 3 {
                        0 => {
                            announce(&store, "00A1", Some(0), 1_000).await;
                        }
                        _ => {
                            record(&store, &listed(0), 1_000).await;
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(loads(&bench).await, 1, "round {round}");
        announce(&bench.store, "00A1", Some(0), 2_000).await;
        record(&bench.store, &listed(0), 2_000).await;
        assert_eq!(loads(&bench).await, 1, "round {round}");
    }
}

#[tokio::test]
async fn a_listed_load_is_free_for_the_reconciler_at_once() {
    let bench = Bench::new().await;
    record(&bench.store, &listed(0), 1_000).await;
    let idle = TimeDelta::minutes(2);
    let taken = bench
        .store
        .take_unsettled(idle, at(1_001), at(1_001), true)
        .await
        .unwrap();
    assert_eq!(taken.map(|load| load.id), Some(listed(0).id));
    let lease = lease("reconciler", LeaseStep::Prepare, 2_000);
    let claim = bench.store.claim_again(listed(0).id, &lease, at(1_002)).await;
    assert!(matches!(claim, Ok(Some(Claim::Resumed(_)))), "{claim:?}");
}

/// Brings the load under [`KEY`] to an end: archived, or refused and left where it is.
async fn end(bench: &Bench, load: LoadId, archived: bool, now: DateTime<Utc>) {
    let mut conclusion = conclusion(AuditStatus::Failed, Outcome::Rejected);
    conclusion.archived_key = archived.then(|| ObjectKey::new("archive/error/A"));
    bench
        .store
        .mark_rejected(load, &reason(), now, ACTOR)
        .await
        .unwrap();
    bench.store.conclude(load, &conclusion, now, ACTOR).await.unwrap();
}

#[tokio::test]
async fn an_object_that_lies_where_its_load_archived_it_from_came_later() {
    let bench = Bench::new().await;
    let load = load_of(announce(&bench.store, "00A1", Some(0), 10).await);
    end(&bench, load, true, at(20)).await;
    // However close: the clocks of the two need not agree.
    assert_eq!(
        compare(&bench, &[sighting(KEY, 15)]).await,
        [Unaccounted {
            place: 0,
            refusal: None
        }]
    );
    assert!(record(&bench.store, &listed(15), 1_000).await);
    assert_eq!(loads(&bench).await, 2);
}

#[tokio::test]
async fn a_refused_file_that_stays_is_given_with_its_refusal_and_not_recorded_again() {
    let bench = Bench::new().await;
    let load = load_of(announce(&bench.store, "00A1", Some(0), 10).await);
    end(&bench, load, false, at(20)).await;
    let found = compare(&bench, &[sighting("in/B_701.txt", 0), sighting(KEY, 0)]).await;
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].refusal, None);
    let refusal = found[1].refusal.clone().unwrap();
    assert_eq!((refusal.load, refusal.rules_seen), (load, None));
    assert!(!record(&bench.store, &listed(0), 1_000).await);

    let again = ListedLoad {
        id: LoadId::from_uuid(uuid::Uuid::from_u128(7)),
        object: Object {
            sequencer: Some(Sequencer::listed(at(0)).after(load)),
            ..object(KEY)
        },
        retried_under: Some("these rules".to_owned()),
        ..listed(0)
    };
    assert!(record(&bench.store, &again, 1_000).await);
    assert!(!record(&bench.store, &again, 1_001).await);
    end(&bench, again.id, false, at(1_010)).await;
    let found = compare(&bench, &[sighting(KEY, 0)]).await;
    let refusal = found[0].refusal.clone().unwrap();
    assert_eq!(refusal.load, again.id);
    assert_eq!(refusal.rules_seen.as_deref(), Some("these rules"));
}

/// The listing saw the file, then its event came, and the file is loaded and gone when the listing's load is to be made.
#[rstest]
#[case::seen_long_after(900, true)]
#[case::seen_within_what_clocks_differ_by(996, false)]
#[case::seen_before(1_010, false)]
#[tokio::test]
async fn what_was_put_away_since_it_was_seen_is_no_new_file(#[case] put_away: i64, #[case] made: bool) {
    let bench = Bench::new().await;
    let load = load_of(announce(&bench.store, "00A1", Some(0), 10).await);
    end(&bench, load, true, at(put_away)).await;
    assert_eq!(record(&bench.store, &listed(0), 1_020).await, made);
}

#[tokio::test]
async fn a_refused_file_that_is_put_again_is_a_new_one() {
    let bench = Bench::new().await;
    let load = load_of(announce(&bench.store, "00A1", Some(0), 10).await);
    end(&bench, load, false, at(20)).await;
    let found = compare(&bench, &[sighting(KEY, 100)]).await;
    assert_eq!(
        found,
        [Unaccounted {
            place: 0,
            refusal: None
        }]
    );
}

fn lister(owner: &str, until: i64) -> Lister {
    Lister {
        owner: owner.to_owned(),
        until: at(until),
    }
}

#[tokio::test]
async fn a_listing_goes_on_where_the_last_run_stopped_and_has_one_lister() {
    let bench = Bench::new().await;
    let store = &bench.store;
    let watched = WatchedPrefix::parse("s3://landing/in/").unwrap();
    let (one, two) = (lister("one", 60), lister("two", 60));
    assert_eq!(
        store.take_listing(&watched, &one, at(0), at(0)).await.unwrap(),
        Some(None)
    );
    assert_eq!(
        store.take_listing(&watched, &two, at(1), at(1)).await.unwrap(),
        None
    );
    let key = ObjectKey::new("in/k");
    let page = ComparedPage {
        resume_after: Some(&key),
        seen: 1_000,
        announced: 1,
    };
    assert!(store.advance_listing(&watched, &one, page, at(2)).await.unwrap());
    assert!(!store.advance_listing(&watched, &two, page, at(2)).await.unwrap());

    // The first one dies. What it had compared is not compared again.
    let taken = store.take_listing(&watched, &two, at(61), at(0)).await.unwrap();
    assert_eq!(taken, Some(Some(key.clone())));
    let last = ComparedPage {
        resume_after: None,
        ..page
    };
    assert!(store.advance_listing(&watched, &two, last, at(62)).await.unwrap());
    store.release_listing(&watched, &two, None, at(62)).await.unwrap();
    assert_eq!(
        store.take_listing(&watched, &one, at(63), at(-1)).await.unwrap(),
        None
    );
    assert_eq!(
        store.take_listing(&watched, &one, at(63), at(0)).await.unwrap(),
        Some(None)
    );
}

#[tokio::test]
async fn a_listing_that_failed_waits_longer_each_time() {
    let bench = Bench::new().await;
    let store = &bench.store;
    let watched = WatchedPrefix::parse("s3://landing/in/").unwrap();
    let one = lister("one", 100_000);
    let mut now = 0;
    for minutes in [1, 2, 4] {
        assert_eq!(
            store
                .take_listing(&watched, &one, at(now), at(now))
                .await
                .unwrap(),
            Some(None)
        );
        store
            .release_listing(&watched, &one, Some("denied"), at(now))
            .await
            .unwrap();
        let early = store
            .take_listing(&watched, &one, at(now + minutes * 60 - 1), at(now))
            .await;
        assert_eq!(early.unwrap(), None);
        now += minutes * 60;
    }
}

#[tokio::test]
async fn a_page_is_compared_by_an_index_however_many_loads_there_are() {
    let bench = Bench::new().await;
    fill(&bench).await;
    let client = bench.database.client().await.unwrap();
    let sql = include_str!("../../../../sql/config-db/queries/load_compare_listed.sql");
    let keys: Vec<String> = (1..=1000).map(|n| format!("in/{n}_701.txt")).collect();
    let etags = vec![Some("e1".to_owned()); keys.len()];
    let times = vec![at(0); keys.len()];
    let plan: Vec<String> = client
        .query(
            &format!("EXPLAIN {sql}"),
            &[&"landing", &keys, &etags, &times, &Some(701), &Some("orders")],
        )
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    let plan = plan.join("\n");
    // Three indexes begin with the key, with or without its bucket; any of them finds it.
    let by_key = plan
        .lines()
        .any(|line| line.contains("Index Cond") && line.contains("object_key = listed.object_key)"));
    assert!(by_key, "{plan}");
    assert!(!plan.contains("Seq Scan on ext_file_load"), "{plan}");
}

#[tokio::test]
async fn the_next_load_that_stands_still_is_found_by_an_index() {
    let bench = Bench::new().await;
    fill(&bench).await;
    let client = bench.database.client().await.unwrap();
    let sql = include_str!("../../../../sql/config-db/queries/load_take_unsettled.sql");
    let plan: Vec<String> = client
        .query(
            &format!("EXPLAIN {sql}"),
            &[&at(1_000), &at(1_000), &120.0_f64, &true],
        )
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    let plan = plan.join("\n");
    assert!(plan.contains("ext_file_load_turn"), "{plan}");
    assert!(!plan.contains("Seq Scan on ext_file_load"), "{plan}");
}

/// A ledger of a hundred thousand loads, a thousand of which are not done.
async fn fill(bench: &Bench) {
    let client = bench.database.client().await.unwrap();
    client
        .batch_execute(
            "ALTER TABLE rdscnfg.ext_file_load DISABLE TRIGGER USER;
             INSERT INTO rdscnfg.ext_file_load (
                 load_id, bucket_name, object_key, etag, sequencer, size_bytes, file_name, state, state_at,
                 state_actor, received_at, error_code, error, reject, concluded_at, finished_at
             )
             SELECT
                 gen_random_uuid(), 'landing', 'in/' || n || '_701.txt', 'e1', to_hex(n), 1, n || '_701.txt',
                 'rejected', now(), 'test', now(), 'no_rule', 'none', '{}',
                 CASE WHEN n % 100 > 0 THEN now() END, CASE WHEN n % 100 > 0 THEN now() END
             FROM generate_series(1, 100000) AS n;
             ALTER TABLE rdscnfg.ext_file_load ENABLE TRIGGER USER;
             ANALYZE rdscnfg.ext_file_load;",
        )
        .await
        .unwrap();
}

#[tokio::test]
async fn a_stand_in_for_a_sequencer_is_only_for_listed_objects() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Received).await;
    let sql = "UPDATE rdscnfg.ext_file_load SET sequencer = 'listed-x' WHERE load_id = $1";
    let refused = bench.run(sql, &[&load.id.as_uuid()]).await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn a_load_that_an_event_takes_over_has_its_queue() {
    let bench = Bench::new().await;
    record(&bench.store, &listed(0), 1_000).await;
    let lease = lease("event", LeaseStep::Prepare, 2_000);
    let announced = Announced {
        at: Some(at(0)),
        queue: Some(QueueName::stored("orders")),
        ..Announced::default()
    };
    let claim = bench
        .store
        .claim_load(&object(KEY), &announced, &lease, at(1_100))
        .await
        .unwrap();
    let load = bench.store.load(load_of(claim)).await.unwrap().unwrap();
    assert_eq!((load.id, load.queue), (listed(0).id, announced.queue));
}

/// What the load of an event says of the object that a rule wants: `matched` is rule 71.
#[rstest]
#[case::of_the_rule(true, None, wanted(71, None), true)]
#[case::of_the_rule_by_another_queue(true, Some("any"), wanted(71, Some("orders")), true)]
#[case::of_another_rule(true, None, wanted(72, None), false)]
#[case::of_another_rule_by_the_same_queue(true, Some("orders"), wanted(72, Some("orders")), false)]
#[case::of_no_rule_yet(false, None, wanted(72, None), true)]
#[case::of_no_rule_yet_by_some_queue(false, Some("landing"), wanted(72, None), true)]
#[case::of_no_rule_yet_by_the_queue(false, Some("orders"), wanted(72, Some("orders")), true)]
#[case::of_no_rule_yet_by_another_queue(false, Some("landing"), wanted(72, Some("orders")), false)]
#[tokio::test]
async fn where_one_rule_wants_an_object_only_loads_that_are_or_may_be_its_own_account_for_it(
    #[case] is_matched: bool,
    #[case] queue: Option<&str>,
    #[case] wanted: WantedFor,
    #[case] is_accounted_for: bool,
) {
    let bench = Bench::new().await;
    let lease = lease("event", LeaseStep::Prepare, 2_000);
    let announced = Announced {
        queue: queue.map(QueueName::stored),
        ..announced_at(Some(at(0)))
    };
    let claim = bench
        .store
        .claim_load(&object(KEY), &announced, &lease, at(10))
        .await
        .unwrap();
    if is_matched {
        bench
            .store
            .record_match(load_of(claim), &matched())
            .await
            .unwrap();
    }
    let sightings = [sighting(KEY, 0)];
    assert_eq!(compare(&bench, &sightings).await, [], "for whoever takes it");
    let unaccounted = compare_for(&bench, &sightings, Some(&wanted)).await;
    assert_eq!(unaccounted.is_empty(), is_accounted_for);
    let listed = listed_for(0, &wanted);
    assert_eq!(record(&bench.store, &listed, 1_000).await, !is_accounted_for);
    assert!(!record(&bench.store, &listed, 1_001).await, "a second time");
}

#[rstest]
#[case::without_a_queue(None, None, 1)]
#[case::by_a_queue_for_all(None, Some("landing"), 1)]
#[case::by_the_queue(Some("orders"), Some("orders"), 1)]
#[case::by_another_queue(Some("orders"), Some("landing"), 2)]
#[case::by_no_queue(Some("orders"), None, 2)]
#[tokio::test]
async fn an_event_takes_over_no_load_that_was_made_for_the_rule_of_another_queue(
    #[case] of_listing: Option<&str>,
    #[case] of_event: Option<&str>,
    #[case] expected: i64,
) {
    let bench = Bench::new().await;
    record(&bench.store, &listed_for(0, &wanted(72, of_listing)), 1_000).await;
    announce_twice(&bench, of_event).await;
    assert_eq!(loads(&bench).await, expected);
}

/// Rule 73 is in operation and takes what its queue brings, before any rule that takes files by their keys.
#[rstest]
#[case::found_for_a_rule(Some(wanted(72, None)), "orders", 2)]
#[case::found_for_a_rule_by_a_queue_for_all(Some(wanted(72, None)), "landing", 1)]
#[case::found_in_place_of_its_event(None, "orders", 1)]
#[tokio::test]
async fn an_event_by_a_rules_own_queue_takes_over_no_load_that_was_made_for_another_rule(
    #[case] wanted: Option<WantedFor>,
    #[case] of_event: &str,
    #[case] expected: i64,
) {
    let bench = Bench::new().await;
    let feed = "INSERT INTO rdscnfg.ext_interface (ext_interface_cid, interface_name) VALUES (1, 'FEED')";
    bench.run(feed, &[]).await.unwrap();
    let rule = "INSERT INTO rdscnfg.ext_file_config (
                    ext_file_config_sid, ext_interface_cid, file_prefix, file_format, file_type, header_flag,
                    trailer_flag, split_file_flag, queue_name
                )
                VALUES (73, 1, '', 'txt', 'txt', 'N', 'N', 'N', 'arn:aws:sqs:eu-west-1:1:orders')";
    bench.run(rule, &[]).await.unwrap();
    let found = wanted.map_or_else(|| listed(0), |wanted| listed_for(0, &wanted));
    assert!(record(&bench.store, &found, 1_000).await);
    announce_twice(&bench, Some(of_event)).await;
    assert_eq!(loads(&bench).await, expected);
}

#[tokio::test]
async fn how_a_load_was_found_is_on_record() {
    let bench = Bench::new().await;
    for (found, expected) in [
        (listed(0), "found by listing"),
        (
            listed_for(0, &wanted(72, Some("orders"))),
            "found by backfill: the feed began before the rule",
        ),
    ] {
        assert!(record(&bench.store, &found, 1_000).await);
        let history = bench.store.history(found.id).await.unwrap();
        assert_eq!(history[0].note.as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn a_snapshot_leaves_what_a_listing_found_to_other_rules() {
    let bench = Bench::new().await;
    record(&bench.store, &listed(0), 1_000).await;
    let queue = QueueName::of_snapshot(uuid::Uuid::from_u128(7));
    let file = Object {
        sequencer: Some(Sequencer::of_snapshot(&queue, 0)),
        ..object(KEY)
    };
    let lease = lease("snapshot", LeaseStep::Prepare, 2_000);
    let announced = Announced {
        queue: Some(queue),
        ..Announced::default()
    };
    for _ in 0..2 {
        let claim = bench.store.claim_load(&file, &announced, &lease, at(1_100)).await;
        assert_ne!(load_of(claim.unwrap()), listed(0).id);
    }
    assert_eq!(loads(&bench).await, 2);
}
