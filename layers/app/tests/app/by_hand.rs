//! What an operator may not do, because rows would come twice.

use chrono::TimeDelta;
use longshore_domain::load::LoadState;
use longshore_domain::target::TableName;
use longshore_store::{DifferenceKind, MarkerDifference, SettledAs, Settlement};
use rstest::rstest;

use crate::support::bench::Bench;
use crate::support::by_hand::{judge_cancel, judge_replay};
use crate::support::calls::{Aim, Fault};
use crate::support::rules::Rule;
use crate::support::warehouse::SUBMIT;

const PLAIN: Rule = Rule::new(1, "701", "price");

/// The service shows a statement to the role that ran it alone, and forgets it after a day: that the operator does not see it says
/// nothing.
#[rstest]
#[case::may_be_running(TimeDelta::minutes(1), "may have it")]
#[case::left_its_marker(TimeDelta::hours(25), "its rows are in the warehouse")]
#[tokio::test]
async fn a_load_whose_submission_arrived_unanswered_is_not_stopped_as_if_it_had_not(
    #[case] later: TimeDelta,
    #[case] why: &str,
) {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.calls.strike(Aim::Next(SUBMIT), Fault::AnswerLost);
    world.announce(&object, "prepare").await;
    world.warehouse.forget_statements();
    world.clock.advance(later);
    let load = world.load_of(&object).await;
    assert_eq!(load.state, LoadState::Queued);
    let refused = judge_cancel(&world, load.id).await.unwrap_err();
    assert!(refused.contains(why), "{refused}");

    // It is sent again, and its guard finds the marker.
    world.pass_time_quietly(TimeDelta::minutes(16)).await;
    world.deliver_events_known().await;
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
    assert_eq!(world.warehouse.rows(r#""s"."price""#), ["plum|1"]);
}

#[rstest]
#[case::open(None, false)]
#[case::adopted(Some(SettledAs::Adopted), false)]
#[case::its_marker_was_deleted(Some(SettledAs::Forgotten), true)]
#[tokio::test]
async fn a_load_that_failed_and_is_in_the_warehouse_is_not_replayed_until_its_rows_are_out(
    #[case] settled_as: Option<SettledAs>,
    #[case] is_replayed: bool,
) {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "BAD|1\n");
    let load = world.load(&object).await;
    assert_eq!(load.state, LoadState::Failed);
    let difference = MarkerDifference {
        load: load.id,
        kind: DifferenceKind::FailedAndLoaded,
        warehouse: world.app.config.warehouse.to_string(),
        table: TableName::new("s", "price"),
        object_url: object.url(),
        row_count: Some(1),
        found_at: world.clock.reads(),
        settled: None,
        is_batch: false,
    };
    bench.store.record_difference(&difference).await.unwrap();
    if let Some(settled_as) = settled_as {
        let settlement = Settlement {
            settled_as,
            by: "ann".to_owned(),
            at: world.clock.reads(),
            note: None,
        };
        bench.store.settle_difference(load.id, &settlement).await.unwrap();
    }
    let judged = judge_replay(&world, load.id).await;
    let refused = judged.err().unwrap_or_default();
    assert_eq!(
        refused.contains("its rows are in s.price"),
        !is_replayed,
        "{refused}"
    );
}
