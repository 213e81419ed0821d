//! Rules that expect files: their standing follows them, what came is counted once, and what was missed is on record once.

use chrono::{DateTime, Utc};
use longshore_domain::load::LoadState;
use longshore_domain::notification::Outcome;
use longshore_domain::rule::{ExpectedPeriod, ExpectedProgress, RuleId};
use longshore_store::{Advance, Expectation, LateState, MissedPeriod};

use crate::support::{Bench, at, notice};

const RULE: RuleId = RuleId(71);

impl Bench {
    async fn with_expectation() -> Self {
        let bench = Self::new().await;
        let feed =
            "INSERT INTO rdscnfg.ext_interface (ext_interface_cid, interface_name) VALUES (701, 'prices')";
        bench.run(feed, &[]).await.unwrap();
        let rule = "INSERT INTO rdscnfg.ext_file_config
                (ext_file_config_sid, ext_interface_cid, file_format, expected_schedule, tgt_schema_name, tgt_table_name)
            VALUES (71, 701, 'txt', '0 6 * * *', 'etl', 'price')";
        bench.run(rule, &[]).await.unwrap();
        bench
    }

    async fn change(&self, table: &str, set: &str) {
        let sql = format!("UPDATE rdscnfg.{table} SET {set}");
        self.run(&sql, &[]).await.unwrap();
    }

    async fn expectation(&self) -> Option<Expectation> {
        self.store.expectations(Some(RULE), 10).await.unwrap().pop()
    }

    async fn due(&self) -> Option<Expectation> {
        self.store.due_expectations(at(0), 10).await.unwrap().pop()
    }

    async fn advance(&self, judged: &Expectation, to: &Advance, missed: &[MissedPeriod]) -> bool {
        let advanced = self.store.advance_expectation(judged, to, missed, at(0));
        advanced.await.unwrap()
    }

    async fn arrivals(&self) -> Vec<DateTime<Utc>> {
        let arrivals = self.store.arrivals(RULE, (at(-1), at(1_000)), 100);
        arrivals.await.unwrap()
    }

    async fn messages(&self) -> i64 {
        self.number("SELECT count(*) FROM rdscnfg.ext_outbox WHERE late_id IS NOT NULL")
            .await
    }
}

/// Judged up to then; the next time is a minute later.
fn until(seconds: i64) -> Advance {
    Advance {
        progress: Some(ExpectedProgress {
            counted_until: at(seconds),
            next_at: at(seconds + 60),
            missed_last: false,
        }),
        due_at: at(seconds + 60),
    }
}

fn missed(seconds: i64) -> MissedPeriod {
    MissedPeriod {
        period: ExpectedPeriod {
            after: at(seconds - 60),
            at: at(seconds - 10),
            until: at(seconds),
            awaited_until: at(seconds + 30),
        },
        timezone: "UTC",
        expected_files: 1,
        arrived_files: 0,
        newest: None,
        follows_missed: false,
        arrived_at: None,
        is_settled: false,
        notice: Some(notice(Outcome::Late)),
    }
}

#[tokio::test]
async fn what_is_expected_follows_its_rule_its_feed_and_its_target() {
    let bench = Bench::with_expectation().await;
    let fresh = bench.due().await.unwrap();
    assert_eq!(
        (fresh.progress, fresh.table.as_deref()),
        (None, Some("etl.price"))
    );
    assert!(bench.advance(&fresh, &until(0), &[]).await);
    assert_eq!(bench.due().await, None, "it is due in a minute");

    for (table, rests, again) in [
        ("ext_file_config", "paused = true", "paused = false"),
        ("ext_file_config", "oprtnl_flag = 'I'", "oprtnl_flag = 'A'"),
        ("ext_interface", "oprtnl_flag = 'I'", "oprtnl_flag = 'A'"),
    ] {
        bench.change(table, rests).await;
        assert_eq!(bench.due().await, None, "{rests}");
        bench.change(table, again).await;
        let begun = bench.due().await.unwrap();
        assert_eq!(begun.progress, None, "{again}");
        assert!(bench.advance(&begun, &until(0), &[]).await);
    }

    bench
        .run(
            "INSERT INTO rdscnfg.ext_target (ext_target_sid, target_name, database_name, iam_role, region)
             VALUES (1, 't', 'd', 'r', 'e')",
            &[],
        )
        .await
        .unwrap();
    bench.change("ext_file_config", "ext_target_sid = 1").await;
    assert_eq!(bench.due().await, None, "nothing that is expected has changed");
    bench.change("ext_target", "oprtnl_flag = 'I'").await;
    assert!(!bench.expectation().await.unwrap().in_operation);

    bench.change("ext_file_config", "expected_schedule = NULL").await;
    assert_eq!(bench.expectation().await, None);
}

#[tokio::test]
async fn a_change_of_what_is_expected_begins_anew_and_no_other_one() {
    let bench = Bench::with_expectation().await;
    let fresh = bench.due().await.unwrap();
    assert!(bench.advance(&fresh, &until(0), &[]).await);
    bench.change("ext_file_config", "delimiter = ';'").await;
    assert_eq!(bench.due().await, None);
    for change in [
        "expected_schedule = '0 7 * * *'",
        "expected_timezone = 'Europe/Berlin'",
        "expected_grace_minutes = 5",
        "expected_files = 2",
    ] {
        bench.change("ext_file_config", change).await;
        let begun = bench.due().await.unwrap();
        assert_eq!(begun.progress, None, "{change}");
        assert!(bench.advance(&begun, &until(0), &[]).await);
    }
}

#[tokio::test]
async fn of_two_who_judge_one_writes_and_none_does_when_it_began_anew() {
    let bench = Bench::with_expectation().await;
    let fresh = bench.due().await.unwrap();
    assert!(bench.advance(&fresh, &until(-60), &[]).await);
    let judged = bench.due().await.unwrap();
    bench.change("ext_file_config", "expected_files = 2").await;
    bench.change("ext_file_config", "expected_files = 1").await;
    assert!(!bench.advance(&judged, &until(0), &[missed(0)]).await);
    assert_eq!(bench.store.late_periods(Some(RULE), 10).await.unwrap(), []);

    let fresh = bench.due().await.unwrap();
    assert!(bench.advance(&fresh, &until(-60), &[]).await);
    let judged = bench.due().await.unwrap();
    assert!(bench.advance(&judged, &until(0), &[missed(0)]).await);
    assert!(!bench.advance(&judged, &until(0), &[missed(0)]).await);
    let late = bench.store.late_periods(None, 10).await.unwrap();
    assert_eq!(late.len(), 1);
    assert_eq!(
        (late[0].expected_at, late[0].state),
        (at(-10), LateState::Awaited)
    );
    assert_eq!(bench.messages().await, 1);
    let sent = bench
        .store
        .claim_notices(None, 10, "sender", at(10), at(70))
        .await
        .unwrap();
    assert_eq!((sent[0].load, sent[0].outcome), (None, Outcome::Late));
}

#[tokio::test]
async fn what_came_counts_once_each_key_and_not_what_had_come_before() {
    let bench = Bench::with_expectation().await;
    assert_eq!(bench.store.newest_arrival(RULE).await.unwrap(), None);
    bench.load_of("in/a_701.txt", LoadState::Complete).await;
    bench.load_of("in/b_701.txt", LoadState::Rejected).await;
    bench.load_of("in/c_701.txt", LoadState::Skipped).await;
    let split = bench.load_of("in/d_701.txt", LoadState::Delivering).await;
    bench.deliveries(&split, 5).await;
    assert_eq!(bench.arrivals().await, [at(0); 3]);
    let newest = bench.store.newest_arrival(RULE).await.unwrap().unwrap();
    assert!(newest.name.ends_with("_701.txt"), "{newest:?}");

    let copy = |key: &str, column: &str, value: &str| {
        format!(
            "INSERT INTO rdscnfg.ext_file_load
                 (load_id, bucket_name, object_key, etag, sequencer, size_bytes, file_name, state_at, state_actor,
                  received_at, ext_file_config_sid, ext_interface_cid, interface_name, {column})
             SELECT gen_random_uuid(), bucket_name, object_key, etag, gen_random_uuid(), 1, file_name, state_at, 'x',
                 received_at + interval '10 s', 71, 701, 'prices', {value}
             FROM rdscnfg.ext_file_load WHERE object_key = '{key}' AND parent_load_id IS NULL"
        )
    };
    // The same key again is one file, and neither a replay nor a refused file that is listed again is a further one.
    let again = copy("in/a_701.txt", "claims", "1");
    bench.run(&again, &[]).await.unwrap();
    bench
        .run(&copy("in/b_701.txt", "listed_at", "now()"), &[])
        .await
        .unwrap();
    bench
        .run(&copy("in/b_701.txt", "replays_load_id", "load_id"), &[])
        .await
        .unwrap();
    assert_eq!(bench.arrivals().await, [at(0); 3]);
    let later = bench.store.arrivals(RULE, (at(0), at(1_000)), 100).await.unwrap();
    assert_eq!(later, [at(10)], "and of those alone that counts which came again");
}

#[tokio::test]
async fn what_came_late_is_on_record_once_and_counts_no_more() {
    let bench = Bench::with_expectation().await;
    let fresh = bench.due().await.unwrap();
    assert!(bench.advance(&fresh, &until(-60), &[]).await);
    let judged = bench.due().await.unwrap();
    assert!(bench.advance(&judged, &until(-20), &[missed(-20)]).await);
    let to_settle = |now: i64| bench.store.late_periods_to_settle(at(now), at(now), 10);
    assert_eq!(to_settle(0).await.unwrap(), [], "it is awaited");
    bench.load_of("in/a_701.txt", LoadState::Complete).await;
    let settled = to_settle(0).await.unwrap().remove(0);
    assert_eq!(settled.arrived_at, Some(at(0)));
    for _ in 0..2 {
        let notice = notice(Outcome::ArrivedLate);
        let settle = bench.store.settle_late_period(&settled, Some(&notice), at(1));
        settle.await.unwrap();
    }
    assert_eq!(bench.messages().await, 2);
    assert_eq!(to_settle(100).await.unwrap(), []);
    let progress = bench.expectation().await.unwrap().progress.unwrap();
    assert_eq!(progress.counted_until, at(0));
    let late = bench.store.late_periods(Some(RULE), 10).await.unwrap();
    assert_eq!(late[0].state, LateState::ArrivedLate);
}

#[tokio::test]
async fn what_did_not_come_in_time_to_be_late_is_missing_and_not_told_again() {
    let bench = Bench::with_expectation().await;
    let fresh = bench.due().await.unwrap();
    assert!(bench.advance(&fresh, &until(-60), &[]).await);
    let judged = bench.due().await.unwrap();
    assert!(bench.advance(&judged, &until(-40), &[missed(-40)]).await);
    // One that comes after it was awaited is of another time.
    bench.load_of("in/a_701.txt", LoadState::Complete).await;
    let settled = bench
        .store
        .late_periods_to_settle(at(0), at(0), 10)
        .await
        .unwrap()
        .remove(0);
    assert_eq!(settled.arrived_at, None);
    bench
        .store
        .settle_late_period(&settled, None, at(1))
        .await
        .unwrap();
    let late = bench.store.late_periods(Some(RULE), 10).await.unwrap();
    assert_eq!(late[0].state, LateState::Missing);
    assert_eq!(bench.messages().await, 1);
    let progress = bench.expectation().await.unwrap().progress.unwrap();
    assert_eq!(progress.counted_until, at(-40));
}
