//! The outbox: each message once while its sender lives.

use std::collections::BTreeSet;

use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::notification::Outcome;
use longshore_store::{AuditStatus, Conclusion};

use crate::support::{ACTOR, Bench, at, conclusion, notice, reason};

async fn with_notices(count: usize) -> (Bench, Vec<LoadId>) {
    let bench = Bench::new().await;
    let mut loads = Vec::new();
    for number in 0..count {
        let load = bench.received(&format!("in/{number}_701.txt")).await.id;
        bench
            .store
            .mark_rejected(load, &reason(), at(1), ACTOR)
            .await
            .unwrap();
        let conclusion = Conclusion {
            audit: None,
            notices: vec![notice(Outcome::Rejected)],
            ..Conclusion::default()
        };
        bench
            .store
            .conclude(load, &conclusion, at(2), ACTOR)
            .await
            .unwrap();
        loads.push(load);
    }
    (bench, loads)
}

#[tokio::test]
async fn two_senders_at_once_never_get_the_same_message() {
    let (bench, _) = with_notices(20).await;
    let senders: Vec<_> = (0..4)
        .map(|number| {
            let store = bench.store.clone();
            let sender = format!("sender {number}");
            tokio::spawn(async move { store.claim_notices(None, 10, &sender, at(10), at(70)).await })
        })
        .collect();
    let mut claimed = Vec::new();
    for sender in senders {
        claimed.extend(sender.await.unwrap().unwrap().iter().map(|notice| notice.id));
    }
    let distinct: BTreeSet<i64> = claimed.iter().copied().collect();
    assert_eq!(distinct.len(), claimed.len());
    // Skipping what another has locked may leave some for the next round, and never loses any.
    let rest = bench
        .store
        .claim_notices(None, 100, "sender", at(10), at(70))
        .await
        .unwrap();
    assert_eq!(claimed.len() + rest.len(), 20);
}

#[tokio::test]
async fn a_sent_message_is_not_claimed_again() {
    let (bench, loads) = with_notices(1).await;
    let claimed = bench
        .store
        .claim_notices(Some(loads[0]), 10, "sender", at(10), at(70))
        .await
        .unwrap();
    assert_eq!(claimed[0].message, notice(Outcome::Rejected).message);
    bench
        .store
        .notice_sent(claimed[0].id, "m-1", at(11))
        .await
        .unwrap();
    bench
        .store
        .notice_sent(claimed[0].id, "m-2", at(12))
        .await
        .unwrap();
    assert_eq!(
        bench
            .store
            .claim_notices(None, 10, "sender", at(500), at(600))
            .await
            .unwrap(),
        []
    );
    let stored = &bench.store.notices(loads[0]).await.unwrap()[0];
    assert_eq!(
        (stored.sent_at, stored.message_id.as_deref()),
        (Some(at(11)), Some("m-1"))
    );
}

#[tokio::test]
async fn a_message_whose_sender_died_is_free_when_its_time_is_up() {
    let (bench, _) = with_notices(1).await;
    let claim = async |now: i64| {
        let claimed = bench
            .store
            .claim_notices(None, 10, &format!("sender at {now}"), at(now), at(now + 60))
            .await
            .unwrap();
        claimed.iter().map(|notice| notice.attempts).collect::<Vec<_>>()
    };
    assert_eq!(claim(10).await, [1]);
    assert_eq!(claim(69).await, Vec::<u32>::new());
    assert_eq!(claim(70).await, [2]);
}

#[tokio::test]
async fn a_sender_that_died_and_is_tried_again_takes_up_its_messages_at_once() {
    let (bench, _) = with_notices(1).await;
    for attempts in [1, 2] {
        let claimed = bench
            .store
            .claim_notices(None, 10, "request", at(10), at(70))
            .await
            .unwrap();
        assert_eq!(
            claimed.iter().map(|notice| notice.attempts).collect::<Vec<_>>(),
            [attempts]
        );
    }
    assert_eq!(
        bench
            .store
            .claim_notices(None, 10, "another", at(10), at(70))
            .await
            .unwrap(),
        []
    );
}

#[tokio::test]
async fn a_message_that_could_not_be_sent_says_why_and_waits_longer_each_time() {
    let (bench, loads) = with_notices(1).await;
    let claimed = bench
        .store
        .claim_notices(None, 10, "sender", at(10), at(70))
        .await
        .unwrap();
    bench
        .store
        .notice_failed(claimed[0].id, "the topic is gone", at(20))
        .await
        .unwrap();
    let due = async |load: Option<LoadId>, now| {
        let claimed = bench.store.claim_notices(load, 10, "sender", at(now), at(now));
        claimed.await.unwrap()
    };
    assert_eq!(due(None, 79).await, []);
    let again = due(None, 80).await;
    assert_eq!(again[0].last_error.as_deref(), Some("the topic is gone"));
    assert_eq!(again[0].attempts, 2);
    bench
        .store
        .notice_failed(again[0].id, "still", at(80))
        .await
        .unwrap();
    assert_eq!(due(None, 199).await, []);
    assert_eq!(due(None, 200).await.len(), 1);
    // Whoever settles the load itself need not wait.
    bench
        .store
        .notice_failed(again[0].id, "still", at(200))
        .await
        .unwrap();
    assert_eq!(due(Some(loads[0]), 201).await.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_sent_is_seen_by_its_topic() {
    let (bench, _) = with_notices(3).await;
    assert_eq!(bench.store.unsent_notices().await.unwrap(), []);
    let claimed = bench
        .store
        .claim_notices(None, 2, "sender", at(10), at(70))
        .await
        .unwrap();
    for notice in &claimed {
        bench
            .store
            .notice_failed(notice.id, "no such topic", at(20))
            .await
            .unwrap();
    }
    let unsent = bench.store.unsent_notices().await.unwrap();
    assert_eq!(unsent.len(), 1);
    assert_eq!(
        (unsent[0].messages, unsent[0].last_error.as_str()),
        (2, "no such topic")
    );
    assert_eq!(unsent[0].next_try, Some(at(80)));
}

#[tokio::test]
async fn a_sender_for_one_load_leaves_the_others() {
    let (bench, loads) = with_notices(3).await;
    let claimed = bench
        .store
        .claim_notices(Some(loads[1]), 10, "sender", at(10), at(70))
        .await
        .unwrap();
    assert_eq!(
        claimed.iter().map(|notice| notice.load).collect::<Vec<_>>(),
        [Some(loads[1])]
    );
    let rest = bench
        .store
        .claim_notices(None, 1, "sender", at(10), at(70))
        .await
        .unwrap();
    assert_eq!(
        rest.iter().map(|notice| notice.load).collect::<Vec<_>>(),
        [Some(loads[0])]
    );
}

#[tokio::test]
async fn a_second_message_about_one_outcome_is_not_made() {
    let bench = Bench::new().await;
    let load = bench.load_in(LoadState::Loaded).await.id;
    let mut twice = conclusion(AuditStatus::Finished, Outcome::Loaded);
    twice.notices.push(notice(Outcome::Loaded));
    bench.store.conclude(load, &twice, at(5), ACTOR).await.unwrap();
    assert_eq!(bench.store.notices(load).await.unwrap().len(), 1);
}
