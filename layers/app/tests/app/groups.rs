//! Files of several rules that form a set: all of it is loaded by one transaction, once, or nothing of it.

use chrono::TimeDelta;
use futures_util::future::join_all;
use longshore_app::ObjectOutcome;
use longshore_domain::fault::WarehouseFault;
use longshore_domain::load::LoadState;
use longshore_domain::object::Object;
use longshore_store::Load;

use crate::support::bench::Bench;
use crate::support::by_hand;
use crate::support::calls::{Aim, Fault, Tried};
use crate::support::rules::Rule;
use crate::support::warehouse::Mishap;
use crate::support::world::World;

const PRICES: Rule = Rule::new(1, "701", "price").with("file_name_column = NULL, load_group = 'sales'");
const HEADS: Rule = Rule::new(2, "702", "head").with(
    "file_name_column = NULL, load_group = 'sales', trailer_flag = 'Y', trailer_tag = 'T|', group_seconds = 3600, \
     query = 'call s.follow_up()'",
);
const SENTINEL: Rule = Rule::splitting(3, "703", "load_group = 'sales', group_role = 'sentinel'");
const RULES: [Rule; 3] = [PRICES, HEADS, SENTINEL];

/// The files of a set in the folder `in/day`, the sentinel first.
const SET: [(&str, &str); 3] = [
    ("in/day/done_703.txt", ""),
    ("in/day/p_701.txt", "plum|1\nfig|2\n"),
    ("in/day/h_702.txt", "HD|1\nT|1\n"),
];

impl World {
    /// A file that comes to wait in its set.
    async fn gather(&self, key: &str, text: &str) -> Object {
        let object = self.land(key, text);
        let outcome = self.announce(&object, key).await.done();
        assert!(matches!(outcome, ObjectOutcome::Batched { .. }), "{outcome:?}");
        self.clock.advance(TimeDelta::seconds(1));
        object
    }

    async fn gather_set(&self) -> Vec<Object> {
        let mut objects = Vec::new();
        for (key, text) in SET {
            objects.push(self.gather(key, text).await);
        }
        objects
    }

    async fn ends_of(&self, objects: &[Object]) -> Vec<LoadState> {
        let mut states = Vec::new();
        for object in objects {
            states.push(self.load_of(object).await.state);
        }
        states
    }

    /// The message of a topic that one could read of a file twice.
    fn told_sorted(&self) -> Vec<String> {
        let mut told = self.topic.told();
        told.sort();
        told
    }
}

impl Bench {
    async fn count(&self, sql: &str) -> i64 {
        self.client.query_one(sql, &[]).await.unwrap().get(0)
    }

    async fn forget_everything(&self) {
        self.run("TRUNCATE rdscnfg.ext_interface, rdscnfg.ext_file_load, rdscnfg.ext_load_buffer CASCADE")
            .await;
        for rule in &RULES {
            rule.insert(&self.client).await;
        }
    }
}

fn text(load: &Load) -> &str {
    load.error.as_deref().unwrap_or_default()
}

#[tokio::test]
async fn a_set_goes_through_one_transaction_with_one_follow_up() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world();
    let objects = world.gather_set().await;
    assert_eq!(world.warehouse.handed().len(), 1);
    world.deliver_events().await.unwrap();
    assert_eq!(world.ends_of(&objects).await, [LoadState::Complete; 3]);
    assert_eq!(world.warehouse.rows(r#""s"."price""#), ["plum|1", "fig|2"]);
    assert_eq!(world.warehouse.rows(r#""s"."head""#), ["HD|1"]);
    assert_eq!(world.warehouse.follow_ups(), ["call s.follow_up()"]);
    assert_eq!(world.told_sorted(), ["loaded"], "once for all of them");
}

#[tokio::test]
async fn a_set_is_on_record_under_the_table_that_has_its_marker_whichever_file_came_first() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world();
    let mut objects = Vec::new();
    for (key, text) in [SET[2], SET[1], SET[0]] {
        objects.push(world.gather(key, text).await);
    }
    world.deliver_events().await.unwrap();
    assert_eq!(world.ends_of(&objects).await, [LoadState::Complete; 3]);
    let carrier = world.load_of(&objects[0]).await.batch.unwrap();
    let carrier = bench.store.load(carrier).await.unwrap().unwrap();
    assert_eq!(carrier.table.unwrap().to_string(), "s.price");
}

#[tokio::test]
async fn a_sentinel_that_is_sent_again_after_its_set_was_loaded_is_skipped_and_fails_nothing() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world();
    let objects = world.gather_set().await;
    world.deliver_events().await.unwrap();

    let (key, text) = SET[0];
    world.land(key, text);
    let again = world.land_again(&objects[0], text);
    world.announce(&again, "again").await.done();
    world.pass_time(TimeDelta::minutes(30)).await;
    assert_eq!(
        world.load_of(&again).await.state,
        LoadState::Batched,
        "more of a set may come"
    );
    world.pass_time(TimeDelta::minutes(31)).await;

    let load = world.load_of(&again).await;
    assert_eq!(load.state, LoadState::Skipped);
    assert!(load.finished_at.is_some(), "it is told and put away");
    assert!(
        load.remarks[0].starts_with("the same content was loaded before, as load "),
        "{:?}",
        load.remarks
    );
    assert_eq!(world.told_sorted(), ["loaded", "skipped"]);
    assert!(world.files.keys_in("in").is_empty());
    let waiting = "SELECT coalesce(sum(files), 0) FROM rdscnfg.ext_load_buffer";
    assert_eq!(bench.count(waiting).await, 0);
    let failed = "SELECT count(*) FROM rdscnfg.ext_file_load WHERE state = 'failed'";
    assert_eq!(bench.count(failed).await, 0);
}

#[tokio::test]
async fn the_next_set_of_the_same_folder_is_loaded_with_a_sentinel_of_the_same_content() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world();
    let first = world.gather_set().await;
    world.deliver_events().await.unwrap();

    world.land(SET[0].0, SET[0].1);
    let sentinel = world.land_again(&first[0], SET[0].1);
    world.announce(&sentinel, "again").await.done();
    let rest = [
        world.gather("in/day/p2_701.txt", "pear|3\n").await,
        world.gather("in/day/h2_702.txt", "HD|2\nT|1\n").await,
    ];
    world.deliver_events().await.unwrap();

    assert_eq!(world.load_of(&sentinel).await.state, LoadState::Complete);
    assert_eq!(world.ends_of(&rest).await, [LoadState::Complete; 2]);
    assert_eq!(
        world.warehouse.rows(r#""s"."price""#),
        ["plum|1", "fig|2", "pear|3"]
    );
}

#[tokio::test]
async fn a_rule_may_say_that_a_sentinel_counts_whenever_it_comes() {
    let accepting = Rule::splitting(
        3,
        "703",
        "load_group = 'sales', group_role = 'sentinel', resend_policy = 'accept'",
    );
    let bench = Bench::with(&[PRICES, HEADS, accepting]).await;
    let world = bench.world();
    let objects = world.gather_set().await;
    world.deliver_events().await.unwrap();
    world.land(SET[0].0, SET[0].1);
    let again = world.land_again(&objects[0], SET[0].1);
    world.announce(&again, "again").await.done();
    world.pass_time(TimeDelta::minutes(61)).await;
    let load = world.load_of(&again).await;
    assert_eq!(load.state, LoadState::Failed);
    assert_eq!(load.error_code.as_deref(), Some("set_incomplete"));
}

#[tokio::test]
async fn a_set_that_lacks_a_file_because_it_was_rejected_names_it_and_its_fault() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world();
    // It comes first, and so does one of another set.
    let bad = world.land("in/day/h_702.txt", "HD|1\nT|9\n");
    world.announce(&bad, "bad").await.done();
    let other = world.land("in/tomorrow/h_702.txt", "HD|1\nT|8\n");
    world.announce(&other, "other").await.done();
    let files = [
        world.gather(SET[0].0, SET[0].1).await,
        world.gather(SET[1].0, SET[1].1).await,
    ];
    world.pass_time(TimeDelta::minutes(61)).await;

    assert_eq!(world.ends_of(&files).await, [LoadState::Failed; 2]);
    let load = world.load_of(&files[1]).await;
    let fault = text(&world.load_of(&bad).await).to_owned();
    assert!(fault.contains('9'), "{fault}");
    let named = format!("in/day/h_702.txt of rule 2, which was rejected ({fault})");
    assert!(
        text(&load).contains("it lacks 1 of 1 files of rule 2; "),
        "{}",
        text(&load)
    );
    assert!(text(&load).contains(&named), "{}", text(&load));
    assert!(!text(&load).contains("tomorrow"), "{}", text(&load));
}

#[tokio::test]
async fn a_set_is_loaded_when_the_file_that_was_rejected_comes_mended() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world();
    let bad = world.land("in/day/h_702.txt", "HD|1\nT|9\n");
    world.announce(&bad, "bad").await.done();
    world.clock.advance(TimeDelta::seconds(1));
    let objects = world.gather_set().await;
    world.deliver_events().await.unwrap();
    assert_eq!(world.ends_of(&objects).await, [LoadState::Complete; 3]);
}

#[tokio::test]
async fn a_set_of_which_a_file_is_gone_fails_at_once_and_names_it() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world();
    world.warehouse.mishap(
        "COPY",
        Mishap::FailsAs(WarehouseFault::Transient, "ERROR: error NoSuchKey"),
    );
    let objects = world.gather_set().await;
    world.files.remove(SET[1].0);
    world.deliver_events().await.unwrap();
    assert_eq!(world.ends_of(&objects).await, [LoadState::Failed; 3]);
    let load = world.load_of(&objects[2]).await;
    assert_eq!(load.error_code.as_deref(), Some("object_gone"));
    assert!(
        text(&load).starts_with("s3://landing/in/day/p_701.txt is gone: "),
        "{}",
        text(&load)
    );
    assert_eq!(world.warehouse.handed().len(), 1);
}

/// Each round the last two files of a set come at the same time, and two workers find it whole.
#[tokio::test]
async fn of_two_workers_that_complete_a_set_at_once_one_loads_it() {
    const ROUNDS: usize = 12;
    let bench = Bench::with(&RULES).await;
    let world = bench.world();
    for round in 0..ROUNDS {
        let key = |name: &str| format!("in/{round}/{name}");
        world.gather(&key("done_703.txt"), "").await;
        let last = [
            world.land(&key("p_701.txt"), "plum|1\n"),
            world.land(&key("h_702.txt"), "HD|1\nT|1\n"),
        ];
        let (one, other) = (format!("one {round}"), format!("other {round}"));
        let announced = [world.announce(&last[0], &one), world.announce(&last[1], &other)];
        for outcome in join_all(announced).await {
            let outcome = outcome.done();
            assert!(matches!(outcome, ObjectOutcome::Batched { .. }), "{outcome:?}");
        }
        // When both looked before the other had joined, nobody saw the set whole: then it is the reconciler's.
        world.pass_time(TimeDelta::minutes(1)).await;
        assert_eq!(
            world.ends_of(&last).await,
            [LoadState::Complete; 2],
            "round {round}"
        );
    }
    assert_eq!(world.warehouse.rows(r#""s"."price""#).len(), ROUNDS);
    assert_eq!(world.warehouse.rows(r#""s"."head""#).len(), ROUNDS);
    let sets = "SELECT count(*) FROM rdscnfg.ext_file_load WHERE batch_files = 3 AND state = 'complete'";
    assert_eq!(bench.count(sets).await, ROUNDS as i64);
}

/// The way of the last file of a set, and then of the set.
async fn last_file_and_events(world: &World) {
    let (key, text) = SET[2];
    let object = world.land(key, text);
    if !matches!(world.announce(&object, "last").await, Tried::Done(_)) {
        world.clock.advance(TimeDelta::minutes(1));
        world.announce_until_done(&object, "last").await.unwrap();
    }
    for _ in 0..4 {
        world.deliver_events().await.unwrap();
        world.clock.advance(TimeDelta::minutes(16));
        // A run that is struck is followed by the next.
        drop(world.try_reconcile().await);
    }
    world.deliver_events().await.unwrap();
}

async fn first_two(world: &World) {
    for (key, text) in &SET[..2] {
        world.gather(key, text).await;
    }
}

#[tokio::test]
async fn a_set_ends_well_whatever_call_goes_wrong() {
    let bench = Bench::with(&RULES).await;
    let calls = {
        let world = bench.world();
        first_two(&world).await;
        let before = world.calls.made().len();
        world.gather(SET[2].0, SET[2].1).await;
        world.deliver_events().await.unwrap();
        world.calls.made().split_off(before)
    };
    let mut runs = 0;
    for (number, call) in calls.iter().enumerate() {
        for fault in Fault::of(call) {
            bench.forget_everything().await;
            let world = bench.world();
            first_two(&world).await;
            let before = world.calls.made().len();
            world.calls.strike(Aim::Number(before + number), *fault);
            last_file_and_events(&world).await;
            let at = format!("call {number} ({call}) {fault:?}");
            assert!(world.calls.are_struck(), "{at}");
            assert_eq!(
                world.warehouse.rows(r#""s"."price""#),
                ["plum|1", "fig|2"],
                "{at}"
            );
            assert_eq!(world.warehouse.rows(r#""s"."head""#), ["HD|1"], "{at}");
            assert_eq!(world.warehouse.follow_ups(), ["call s.follow_up()"], "{at}");
            assert_eq!(world.files.keys_in("processing"), Vec::<String>::new(), "{at}");
            assert_eq!(world.files.keys_in("in"), Vec::<String>::new(), "{at}");
            let open =
                "SELECT count(*) FROM rdscnfg.ext_file_load WHERE finished_at IS NULL OR state <> 'complete'";
            assert_eq!(bench.count(open).await, 0, "{at}");
            let audited = "SELECT count(*) FROM rdscnfg.ext_file_audit WHERE file_prcsd_flag = 'Y'";
            assert_eq!(bench.count(audited).await, 3, "{at}");
            runs += 1;
        }
    }
    assert!(runs > calls.len(), "{runs} runs");
}

#[tokio::test]
async fn of_two_versions_of_a_file_in_a_set_the_newer_is_loaded_and_the_older_skipped() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world();
    let [(done, _), (prices, rows), (heads, first_text)] = SET;
    let first = world.gather(heads, first_text).await;
    let mended = world.land_again(&first, "HD|2\nT|1\n");
    world.announce(&mended, "again").await.done();
    world.gather(prices, rows).await;
    world.gather(done, "").await;
    world.deliver_events().await.unwrap();
    assert_eq!(
        world.ends_of(&[first, mended]).await,
        [LoadState::Skipped, LoadState::Complete]
    );
    assert_eq!(world.warehouse.rows(r#""s"."head""#), ["HD|2"]);
    assert_eq!(
        world.told_sorted(),
        ["loaded"],
        "what was replaced while it waited ends in silence"
    );
    let waiting = "SELECT coalesce(sum(files), 0) FROM rdscnfg.ext_load_buffer";
    assert_eq!(bench.count(waiting).await, 0);
    assert!(world.files.keys_in("processing").is_empty());
}

#[tokio::test]
async fn a_file_that_is_replaced_where_it_waits_for_its_set_is_loaded_once() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world();
    let [(done, _), (prices, rows), (heads, text)] = SET;
    let first = world.gather(prices, rows).await;
    let mended = world.land_again(&first, "pear|9\n");
    world.announce(&mended, "again").await.done();
    world.gather(heads, text).await;
    world.gather(done, "").await;
    world.deliver_events().await.unwrap();
    assert_eq!(
        world.ends_of(&[first, mended]).await,
        [LoadState::Skipped, LoadState::Complete]
    );
    assert_eq!(world.warehouse.rows(r#""s"."price""#), ["pear|9"]);
    assert_eq!(world.told_sorted(), ["loaded"], "nobody misses the older file");
}

#[tokio::test]
async fn a_set_that_waited_for_a_paused_rule_goes_on_when_it_is_resumed() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world();
    bench
        .run("UPDATE rdscnfg.ext_file_config SET paused = true WHERE ext_file_config_sid = 2")
        .await;
    let [(done, _), (prices, rows), (heads, text)] = SET;
    let mut objects = vec![world.gather(done, "").await, world.gather(prices, rows).await];
    let late = world.land(heads, text);
    let outcome = world.announce(&late, "late").await.done();
    assert!(matches!(outcome, ObjectOutcome::Waiting { .. }), "{outcome:?}");
    objects.push(late);
    world.pass_time(TimeDelta::hours(2)).await;
    bench
        .run("UPDATE rdscnfg.ext_file_config SET paused = false")
        .await;
    world.pass_time(TimeDelta::minutes(3)).await;
    world.pass_time(TimeDelta::minutes(3)).await;
    assert_eq!(world.ends_of(&objects).await, [LoadState::Complete; 3]);
    assert_eq!(world.told_sorted(), ["loaded"]);
}

#[tokio::test]
async fn a_control_file_that_is_replaced_before_it_is_read_is_refused_at_once() {
    const CONTROL: Rule = Rule::splitting(3, "703", "load_group = 'sales', group_role = 'control'");
    const LISTED: Rule = Rule::new(1, "701", "price").with("file_name_column = NULL, load_group = 'sales'");
    let bench = Bench::with(&[LISTED, CONTROL]).await;
    let world = bench.world();
    let first = world.land("in/day/ctl_703.txt", "a_701.txt\n");
    let second = world.land_again(&first, "p_701.txt\n");
    let outcome = world.announce(&first, "first").await.done();
    assert!(
        matches!(&outcome, ObjectOutcome::Rejected { code, .. } if code == "object_gone"),
        "{outcome:?}"
    );
    let prices = world.gather(SET[1].0, SET[1].1).await;
    world.announce(&second, "second").await.done();
    world.deliver_events().await.unwrap();
    assert_eq!(world.ends_of(&[second, prices]).await, [LoadState::Complete; 2]);
}

#[tokio::test]
async fn a_set_of_which_a_kept_file_does_not_read_fails_and_is_told() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world();
    let [(done, _), (prices, rows), (heads, text)] = SET;
    let mut objects = vec![world.gather(prices, rows).await, world.gather(heads, text).await];
    bench
        .run(
            "UPDATE rdscnfg.ext_file_load SET set_part = '{\"is\": \"older\"}' WHERE ext_file_config_sid = 1",
        )
        .await;
    objects.push(world.gather(done, "").await);
    assert_eq!(world.ends_of(&objects).await, [LoadState::Failed; 3]);
    let load = world.load_of(&objects[0]).await;
    assert!(
        self::text(&load).contains("what was kept of in/day/p_701.txt does not read"),
        "{}",
        self::text(&load)
    );
    assert!(world.warehouse.handed().is_empty());
    assert_eq!(world.told_sorted(), ["failed"]);
}

#[tokio::test]
async fn a_set_does_not_wait_for_a_file_that_waits_for_it() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world();
    let [_, (prices, rows), (heads, text)] = SET;
    let mut objects = vec![world.gather(prices, rows).await, world.gather(heads, text).await];
    let again = world.land_again(&objects[0], rows);
    let outcome = world.announce(&again, "again").await;
    assert!(matches!(outcome, Tried::Failed(_)), "its content is under way");
    world.pass_time(TimeDelta::hours(2)).await;
    assert_eq!(world.ends_of(&objects).await, [LoadState::Failed; 2]);
    objects.push(again);
    let load = world.load_of(&objects[0]).await;
    assert_eq!(load.error_code.as_deref(), Some("set_incomplete"));
}

#[tokio::test]
async fn a_control_file_is_read_from_the_archive_when_its_set_is_loaded_again() {
    const CONTROL: Rule = Rule::splitting(
        3,
        "703",
        "load_group = 'sales', group_role = 'control', group_seconds = 3600",
    );
    let bench = Bench::with(&[PRICES, CONTROL]).await;
    let world = bench.world();
    let control = world.gather("in/day/ctl_703.txt", "p_701.txt\n").await;
    world.pass_time(TimeDelta::hours(2)).await;
    let failed = world.load_of(&control).await;
    assert_eq!(failed.state, LoadState::Failed);
    assert!(
        world.files.get("in/day/ctl_703.txt").is_none(),
        "it is in the archive"
    );

    let replay = by_hand::replay(&world, failed.id).await;
    world.pass_time(TimeDelta::minutes(3)).await;
    let prices = world.gather(SET[1].0, SET[1].1).await;
    world.deliver_events().await.unwrap();
    let replay = world.app.store.load(replay).await.unwrap().unwrap();
    assert_eq!(replay.state, LoadState::Complete, "{replay:?}");
    assert_eq!(world.load_of(&prices).await.state, LoadState::Complete);
}
