//! What is recorded and told when a statement ends, and when that cannot be found out.

use chrono::TimeDelta;
use longshore_app::ports::StatementRun;
use longshore_app::{AppError, FinishedAs};
use longshore_domain::disposition::Disposition;
use longshore_domain::load::LoadState;
use rstest::rstest;

use crate::support::bench::Bench;
use crate::support::calls::{Aim, Fault};
use crate::support::files::OPEN;
use crate::support::picture::picture;
use crate::support::rules::Rule;
use crate::support::warehouse::{Handed, Mishap, SUBMIT};

const PLAIN: Rule = Rule::new(1, "701", "price");
const FOLLOWED: Rule = Rule::new(1, "701", "price").with("query = 'call s.follow_up()'");
const PRICE: &str = r#""s"."price""#;
const GUARD: &str = "CASE WHEN COUNT(*) = 0";

#[tokio::test]
async fn a_guard_that_fails_for_another_reason_is_no_success() {
    let bench = Bench::with(&[FOLLOWED]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.warehouse.mishap(GUARD, Mishap::Fails("ERROR: disk full"));
    let load = world.load(&object).await;
    assert_eq!(load.state, LoadState::Failed);
    assert_eq!(load.error_code.as_deref(), Some("guard_failed"));
    assert_eq!(load.error.as_deref(), Some("ERROR: disk full"));
    assert_eq!(world.topic.told(), ["failed"]);
    assert!(world.warehouse.rows(PRICE).is_empty());
    assert!(world.warehouse.follow_ups().is_empty());
    assert_eq!(world.files.keys_in("archive/error").len(), 1);
}

#[rstest]
#[case::whose_token_the_service_remembers(false)]
#[case::whose_token_the_service_forgot(true)]
#[tokio::test]
async fn a_restored_ledger_loads_no_file_twice(#[case] forgets: bool) {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let text = "plum|1\nfig|2\n";
    let object = world.land("in/plain_701.txt", text);
    world.load(&object).await;
    if forgets {
        world.warehouse.forget_tokens();
    }
    let restored = Bench::with(&[PLAIN]).await;
    let world = world.on(restored.store.clone());
    let again = world.land("in/plain_701.txt", text);
    let load = world.load(&again).await;
    assert_eq!(load.state, LoadState::Complete);
    assert_eq!(load.rows_loaded, Some(2));
    assert_eq!(world.warehouse.rows(PRICE), ["plum|1", "fig|2"]);
    let failed = |handed: &Handed| handed.run() == StatementRun::Failed;
    assert_eq!(
        world
            .warehouse
            .handed()
            .iter()
            .filter(|handed| failed(handed))
            .count(),
        usize::from(forgets)
    );
}

#[tokio::test]
async fn a_follow_up_whose_submission_fails_once_runs_once() {
    let bench = Bench::with(&[FOLLOWED]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.announce(&object, "prepare").await.done();
    world.calls.strike(Aim::Next(SUBMIT), Fault::NotReached);
    let statement = world.warehouse.handed().remove(0);
    world.deliver(&statement, "finish").await.done();
    assert!(world.load_of(&object).await.due_at.is_some());
    world.pass_time(TimeDelta::minutes(16)).await;
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
    assert_eq!(world.warehouse.follow_ups(), ["call s.follow_up()"]);
    assert_eq!(world.topic.told(), ["loaded"]);
}

#[tokio::test]
async fn a_follow_up_that_the_service_refuses_for_good_is_told_as_failed() {
    let bench = Bench::with(&[FOLLOWED]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.warehouse.mishap("call s.follow_up()", Mishap::Refused);
    world.load(&object).await;
    insta::assert_snapshot!(picture(&bench, &world, &object).await, @r#"
    load transform_failed rows 1 1 []
    audit FINISHED Y rows 1 1 0 follow-up FAILED
    notice follow_up_failed sent
    notice loaded sent
    told follow_up_failed
    told loaded
    file archive/700/plain_701.txt: plum|1
    row "s"."price": plum|1
    "#);
}

/// The end of the try is on record, and the control database goes away before that of the load is.
#[rstest]
#[case::refused(false)]
#[case::of_which_there_is_no_trace(true)]
#[tokio::test]
async fn a_follow_up_whose_end_is_half_on_record_is_told_all_the_same(#[case] is_lost: bool) {
    let bench = Bench::with(&[FOLLOWED]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.announce(&object, "prepare").await.done();
    let statement = world.warehouse.handed().remove(0);
    if is_lost {
        world.calls.strike(Aim::Next(SUBMIT), Fault::DiesBefore);
        world.deliver(&statement, "finish").await;
        world.clock.advance(TimeDelta::hours(9));
    } else {
        world.warehouse.mishap("call s.follow_up()", Mishap::Refused);
    }
    bench
        .run(
            "CREATE FUNCTION rdscnfg.strike() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN RAISE EXCEPTION 'struck'; END $$;
             CREATE TRIGGER strike BEFORE UPDATE ON rdscnfg.ext_file_load
                 FOR EACH ROW WHEN (NEW.state = 'transform_failed') EXECUTE FUNCTION rdscnfg.strike()",
        )
        .await;
    world.deliver(&statement, "finish").await.failed();
    bench.run("DROP TRIGGER strike ON rdscnfg.ext_file_load").await;

    world.pass_time(TimeDelta::minutes(16)).await;
    assert_eq!(world.load_of(&object).await.state, LoadState::TransformFailed);
    assert_eq!(world.topic.told(), ["loaded", "follow_up_failed"]);
    assert!(world.warehouse.follow_ups().is_empty());
}

#[tokio::test]
async fn a_follow_up_that_fails_leaves_its_rows_and_is_told() {
    let bench = Bench::with(&[FOLLOWED]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    let mishap = Mishap::Fails("ERROR: serializable isolation violation");
    world.warehouse.mishap("call s.follow_up()", mishap);
    let load = world.load(&object).await;
    assert_eq!(load.state, LoadState::TransformFailed);
    assert_eq!(world.topic.told(), ["loaded", "follow_up_failed"]);
    assert_eq!(world.warehouse.rows(PRICE), ["plum|1"]);
}

#[tokio::test]
async fn a_refused_line_with_a_nul_in_it_is_recorded() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = world.land("in/nul_701.txt", "plum|1\nfig\0|BAD\n");
    let load = world.load(&object).await;
    assert_eq!(load.state, LoadState::Failed);
    let errors = bench.store.row_errors(load.id).await.unwrap();
    let lines: Vec<_> = errors.iter().map(|error| error.raw_line.as_deref()).collect();
    assert_eq!(lines, [Some("fig\u{fffd}|BAD")]);
}

#[rstest]
#[case::because_the_view_may_not_be_read(Mishap::Fails("ERROR: permission denied"))]
#[case::because_the_view_takes_too_long(Mishap::TooSlow)]
#[case::because_the_service_refuses(Mishap::Refused)]
#[tokio::test]
async fn a_failure_that_cannot_be_diagnosed_is_recorded_all_the_same(#[case] mishap: Mishap) {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = world.land("in/bad_701.txt", "plum|1\nfig|BAD\n");
    world.warehouse.mishap("sys_load_error_detail", mishap);
    let load = world.load(&object).await;
    assert_eq!(load.state, LoadState::Failed);
    let error = "ERROR: Load into table failed. Check 'sys_load_error_detail'";
    assert_eq!(load.error.as_deref(), Some(error));
    assert_eq!(world.topic.told(), ["failed"]);
    assert_eq!(world.files.keys_in("archive/error").len(), 1);
}

#[tokio::test]
async fn rows_that_were_let_pass_are_kept_and_cannot_hold_up_a_success() {
    let rule = PLAIN.with("copy_options = 'MAXERROR 5'");
    let bench = Bench::with(&[rule]).await;
    let world = bench.world();
    let object = world.land("in/bad_701.txt", "plum|1\nfig|BAD\n");
    world.announce(&object, "prepare").await.done();
    world.calls.strike(Aim::Next(OPEN), Fault::NotReached);
    world.deliver_events().await.unwrap();
    let load = world.load_of(&object).await;
    assert_eq!(load.state, LoadState::Complete);
    assert_eq!((load.rows_loaded, load.rows_rejected), (Some(1), Some(1)));
    let errors = bench.store.row_errors(load.id).await.unwrap();
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].raw_line, None);
}

#[tokio::test]
async fn a_cancelled_transaction_is_aborted_in_the_audit() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.warehouse.mishap("COPY", Mishap::Cancelled);
    world.load(&object).await;
    insta::assert_snapshot!(picture(&bench, &world, &object).await, @"
    load failed aborted rows 1 []
    audit ABORTED N rows 1 follow-up the warehouse gave no reason
    notice failed sent
    told failed
    file archive/error/plain_701.txt: plum|1
    ");
}

#[tokio::test]
async fn a_count_that_differs_is_explained() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\nfig|2\n");
    let mishap = Mishap::Fails("ERROR: division by zero");
    world.warehouse.mishap("COUNT(*) = 2", mishap);
    let load = world.load(&object).await;
    assert_eq!(load.error_code.as_deref(), Some("row_count_differs"));
    let error = load.error.unwrap();
    assert!(
        error.contains("as many rows from the file as were counted in it (2)"),
        "{error}"
    );
}

#[tokio::test]
async fn a_file_that_was_replaced_while_it_was_loaded_is_remarked_on_and_its_successor_stays() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.announce(&object, "prepare").await.done();
    world.land("in/plain_701.txt", "fig|2\n");
    world.deliver_events().await.unwrap();
    let load = world.load_of(&object).await;
    assert_eq!(load.state, LoadState::Complete);
    assert_eq!(load.archived_key, None);
    assert!(
        load.remarks[0].contains("replaced or removed while it was loaded"),
        "{:?}",
        load.remarks
    );
    let message = world.topic.messages().remove(0);
    assert!(message.email.contains("replaced or removed"), "{}", message.email);
    assert!(world.files.get("in/plain_701.txt").is_some());
}

#[tokio::test]
async fn a_corrected_file_under_the_same_key_is_remarked_on_with_how_the_rows_of_the_first_are_taken_out() {
    let traced = Rule::new(1, "701", "price").with("load_id_column = 'load_id'");
    for (rule, out) in [(traced, "DELETE FROM"), (PLAIN, "hold no load id")] {
        let bench = Bench::with(&[rule]).await;
        let world = bench.world();
        let first = world.load(&world.land("in/plain_701.txt", "plum|1\n")).await;
        assert_eq!(first.remarks, Vec::<String>::new());
        let corrected = world.land_again(&first.object, "plum|2\n");
        let second = world.load(&corrected).await;
        assert_eq!(second.state, LoadState::Complete);
        let remark = second.remarks.concat();
        assert!(
            remark.contains(&format!("the rows of load {} of another file", first.id))
                && remark.contains(out),
            "{remark}"
        );
        let message = world.topic.messages().remove(1);
        assert!(message.email.contains(&first.id.to_string()), "{}", message.email);

        // The same file once more is another matter: it is skipped.
        let again = world.load(&world.land_again(&corrected, "plum|2\n")).await;
        assert_eq!(again.state, LoadState::Skipped);
    }
}

#[tokio::test]
async fn a_file_of_another_key_or_in_another_mode_is_not_remarked_on() {
    let truncating = Rule::new(1, "701", "price").with("load_mode = 'truncate'");
    for (rule, second) in [(PLAIN, "in/other_701.txt"), (truncating, "in/plain_701.txt")] {
        let bench = Bench::with(&[rule]).await;
        let world = bench.world();
        world.load(&world.land("in/plain_701.txt", "plum|1\n")).await;
        let load = world.load(&world.land(second, "plum|2\n")).await;
        assert_eq!((load.state, load.remarks), (LoadState::Complete, vec![]));
    }
}

#[tokio::test]
async fn an_event_that_comes_before_the_end_is_seen_is_tried_again() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.announce(&object, "prepare").await.done();
    world.warehouse.seem_slow(true);
    let statement = world.warehouse.handed().remove(0);
    let error = world.deliver(&statement, "finish").await.failed();
    assert!(matches!(error, AppError::StatementStillRunning { .. }), "{error}");
    assert_eq!(error.disposition(), Disposition::Retry);
    world.warehouse.seem_slow(false);
    world.deliver(&statement, "finish").await.done();
    assert_eq!(world.load_of(&object).await.state, LoadState::Complete);
}

#[tokio::test]
async fn an_event_of_somebody_elses_statement_changes_nothing() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    world.announce(&object, "prepare").await.done();
    for name in ["nightly report", "longshore/test/not-a-load"] {
        let statement = Handed::named(name);
        assert_eq!(
            world.deliver(&statement, "finish").await.done(),
            FinishedAs::Foreign
        );
    }
    assert_eq!(world.load_of(&object).await.state, LoadState::Submitted);
}
