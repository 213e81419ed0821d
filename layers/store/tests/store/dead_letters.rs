//! What operators do to dead letters is on record.

use longshore_store::{DeadLetter, DeadLetterDeed};

use crate::support::{Bench, at, operator};

#[tokio::test]
async fn what_was_done_to_dead_letters_is_told_the_newest_first() {
    let bench = Bench::new().await;
    let letter = |id: &str| DeadLetter {
        queue_url: "https://sqs/undelivered".to_owned(),
        message_id: id.to_owned(),
        about: "s3://landing/in/a\0.txt".to_owned(),
    };
    let redrive = DeadLetterDeed::Redrive {
        sent_to: "https://sqs/intake".to_owned(),
    };
    for (id, deed, second) in [("one", &redrive, 1), ("two", &DeadLetterDeed::Delete, 2)] {
        let (letter, operator) = (letter(id), operator());
        let recorded = bench
            .store
            .record_dead_letter(&letter, deed, &operator, at(second));
        recorded.await.unwrap();
    }
    let done = bench.store.dead_letter_operations(10).await.unwrap();
    let told: Vec<_> = done
        .iter()
        .map(|done| (done.letter.message_id.as_str(), &done.deed, done.at))
        .collect();
    assert_eq!(
        told,
        [("two", &DeadLetterDeed::Delete, at(2)), ("one", &redrive, at(1))]
    );
    assert_eq!(done[0].letter.about, "s3://landing/in/a\u{fffd}.txt");
    assert_eq!(
        (done[0].operator.as_str(), done[0].reason.as_str()),
        ("ann", "a test")
    );
    assert_eq!(bench.store.dead_letter_operations(1).await.unwrap().len(), 1);
}
