//! Files that are loaded together: when, in which order, and what becomes of the good ones when one is bad.

use chrono::{TimeDelta, Utc};
use longshore_app::ObjectOutcome;
use longshore_domain::fault::WarehouseFault;
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::object::Object;
use longshore_store::{Chain, Load};
use rstest::rstest;
use serde_json::json;

use crate::support::bench::Bench;
use crate::support::calls::{Aim, Fault, Tried};
use crate::support::rules::Rule;
use crate::support::warehouse::Mishap;
use crate::support::world::World;

const PRICE: &str = r#""s"."price""#;
const THREE: Rule = Rule::new(1, "701", "price").with("file_name_column = NULL, batch_files = 3");
const FOLLOWED: Rule = Rule::new(1, "701", "price")
    .with("file_name_column = NULL, batch_files = 3, query = 'call s.follow_up()'");
const ONE_AT_A_TIME: Rule =
    Rule::new(1, "701", "price").with("file_name_column = NULL, batch_concurrency = 'one'");
const IN_ORDER: Rule = Rule::new(1, "701", "price").with(
    "file_name_column = NULL, key_pattern = 'in/day=*', batch_concurrency = 'one', batch_order = 'day', batch_files = 2",
);

impl World {
    /// Files of one line each, announced one after the other.
    async fn announce_lines(&self, lines: &[&str]) -> Vec<Object> {
        let mut objects = Vec::new();
        for line in lines {
            let name = line.replace('|', "_");
            objects.push(self.announce_file(&format!("in/{name}_701.txt"), line).await);
        }
        objects
    }

    async fn announce_file(&self, key: &str, line: &str) -> Object {
        let object = self.land(key, &format!("{line}\n"));
        let outcome = self.announce(&object, key).await.done();
        assert!(matches!(outcome, ObjectOutcome::Batched { .. }), "{outcome:?}");
        self.clock.advance(TimeDelta::seconds(1));
        object
    }

    async fn loads_of(&self, objects: &[Object]) -> Vec<Load> {
        let mut loads = Vec::new();
        for object in objects {
            loads.push(self.load_of(object).await);
        }
        loads
    }

    async fn states_of(&self, objects: &[Object]) -> Vec<LoadState> {
        let loads = self.loads_of(objects).await;
        loads.into_iter().map(|load| load.state).collect()
    }

    fn sorted_rows(&self) -> Vec<String> {
        let mut rows = self.warehouse.rows(PRICE);
        rows.sort();
        rows
    }
}

impl Bench {
    async fn number(&self, sql: &str) -> i64 {
        self.client.query_one(sql, &[]).await.unwrap().get(0)
    }
}

#[tokio::test]
async fn files_wait_for_each_other_and_go_through_one_transaction() {
    let bench = Bench::with(&[THREE]).await;
    let world = bench.world();
    let first = world.announce_lines(&["plum|1", "fig|2"]).await;
    assert!(world.warehouse.handed().is_empty(), "two do not make a batch");
    assert_eq!(world.states_of(&first).await, [LoadState::Batched; 2]);
    let last = world.announce_lines(&["pear|3"]).await;
    assert_eq!(world.warehouse.handed().len(), 1);
    world.deliver_events().await.unwrap();
    let all = [first, last].concat();
    assert_eq!(world.states_of(&all).await, [LoadState::Complete; 3]);
    assert_eq!(world.sorted_rows(), ["fig|2", "pear|3", "plum|1"]);
    assert_eq!(world.topic.told(), ["loaded"], "once for all of them");
    assert_eq!(world.files.keys_in("archive/700").len(), 3);
    assert!(world.files.keys_in("processing").is_empty());
    assert!(world.files.keys_in("in").is_empty());
    let audited =
        "SELECT count(*) FROM rdscnfg.ext_file_audit WHERE file_prcsd_flag = 'Y' AND rows_loaded = 1";
    assert_eq!(bench.number(audited).await, 3);
}

#[tokio::test]
async fn a_batch_that_is_not_full_is_made_when_its_first_file_has_waited_long_enough() {
    let rule =
        Rule::new(1, "701", "price").with("file_name_column = NULL, batch_files = 100, batch_seconds = 300");
    let bench = Bench::with(&[rule]).await;
    let world = bench.world();
    let files = world.announce_lines(&["plum|1", "fig|2"]).await;
    world.pass_time(TimeDelta::seconds(200)).await;
    assert_eq!(world.states_of(&files).await, [LoadState::Batched; 2]);
    world.pass_time(TimeDelta::seconds(100)).await;
    assert_eq!(world.states_of(&files).await, [LoadState::Complete; 2]);
    assert_eq!(world.warehouse.handed().len(), 1);
}

#[tokio::test]
async fn a_second_announcement_of_a_file_that_waits_is_a_repetition() {
    let bench = Bench::with(&[THREE]).await;
    let world = bench.world();
    let files = world.announce_lines(&["plum|1", "fig|2"]).await;
    let again = world.announce(&files[0], "again").await.done();
    assert!(matches!(again, ObjectOutcome::AlreadyDone { .. }), "{again:?}");
    assert_eq!(
        bench
            .number("SELECT files::bigint FROM rdscnfg.ext_load_buffer")
            .await,
        2
    );
}

#[tokio::test]
async fn a_bad_file_fails_alone_and_the_good_ones_are_loaded() {
    let rule = Rule::new(1, "701", "price").with("file_name_column = NULL, batch_files = 7");
    let bench = Bench::with(&[rule]).await;
    let world = bench.world();
    let lines = ["a|1", "b|2", "c|3", "BAD|4", "e|5", "f|6", "g|7"];
    let files = world.announce_lines(&lines).await;
    world.deliver_events().await.unwrap();
    let loads = world.loads_of(&files).await;
    for (index, load) in loads.iter().enumerate() {
        let expected = if index == 3 {
            LoadState::Failed
        } else {
            LoadState::Complete
        };
        assert_eq!(load.state, expected, "{}", lines[index]);
    }
    assert_eq!(world.sorted_rows(), ["a|1", "b|2", "c|3", "e|5", "f|6", "g|7"]);
    assert_eq!(loads[3].error_code.as_deref(), Some("copy_failed"));
    assert_eq!(
        loads[3].error.as_deref(),
        Some("line 1, column amount: Invalid digit")
    );
    assert_eq!(world.files.keys_in("archive/error").len(), 1);
    assert!(world.files.keys_in("processing").is_empty());
    let failures = world
        .topic
        .told()
        .into_iter()
        .filter(|told| told == "failed")
        .count();
    assert_eq!(failures, 1, "of the bad file alone");
}

#[tokio::test]
async fn a_rule_may_let_all_files_of_a_bad_batch_fail() {
    let rule = Rule::new(1, "701", "price")
        .with("file_name_column = NULL, batch_files = 3, batch_divide_flag = 'N'");
    let bench = Bench::with(&[rule]).await;
    let world = bench.world();
    let files = world.announce_lines(&["a|1", "BAD|2", "c|3"]).await;
    world.deliver_events().await.unwrap();
    assert_eq!(world.states_of(&files).await, [LoadState::Failed; 3]);
    assert!(world.warehouse.rows(PRICE).is_empty());
    assert_eq!(world.topic.told(), ["failed"], "once for all of them");
    assert_eq!(world.files.keys_in("archive/error").len(), 3);
}

/// What COPY says of a manifest of which an entry is not there.
const NO_SUCH_KEY: Mishap = Mishap::FailsAs(WarehouseFault::Transient, "ERROR: error NoSuchKey");

#[tokio::test]
async fn a_file_that_is_gone_fails_at_once_and_the_others_of_its_batch_are_loaded() {
    let bench = Bench::with(&[THREE]).await;
    let world = bench.world();
    let mut files = world.announce_lines(&["a|1", "b|2"]).await;
    world.files.remove(files[1].key.as_str());
    world.warehouse.mishap("COPY", NO_SUCH_KEY);
    files.extend(world.announce_lines(&["c|3"]).await);
    world.deliver_events().await.unwrap();
    let loads = world.loads_of(&files).await;
    let states: Vec<_> = loads.iter().map(|load| load.state).collect();
    assert_eq!(
        states,
        [LoadState::Complete, LoadState::Failed, LoadState::Complete]
    );
    assert_eq!(loads[1].error_code.as_deref(), Some("object_gone"));
    let error = loads[1].error.as_deref().unwrap_or_default();
    assert!(
        error.starts_with("s3://landing/in/b_2_701.txt is gone: deleted or moved after it was checked"),
        "{error}"
    );
    assert_eq!(world.sorted_rows(), ["a|1", "c|3"]);
    assert_eq!(
        world.warehouse.handed().len(),
        2,
        "the gone one is not asked for again"
    );
    let mut told = world.topic.told();
    told.sort();
    assert_eq!(told, ["failed", "loaded"]);
}

#[tokio::test]
async fn of_coalesced_files_one_that_is_gone_fails_at_once_and_the_others_are_loaded() {
    let bench = Bench::with(&[ONE_AT_A_TIME]).await;
    let world = bench.world();
    let files = world.announce_lines(&["a|1", "b|2", "c|3", "d|4"]).await;
    world.files.remove(files[2].key.as_str());
    let first = world.warehouse.handed().remove(0);
    world.warehouse.mishap("COPY", NO_SUCH_KEY);
    world.deliver_until_done(&first, "first").await.unwrap();
    world.deliver_events().await.unwrap();
    let states = world.states_of(&files).await;
    assert_eq!(states[2], LoadState::Failed);
    assert_eq!([states[0], states[1], states[3]], [LoadState::Complete; 3]);
    assert_eq!(world.warehouse.rows(PRICE), ["a|1", "b|2", "d|4"]);
    assert_eq!(world.warehouse.handed().len(), 3);
}

#[tokio::test]
async fn a_file_that_is_replaced_while_it_waits_ends_in_silence_and_its_successor_is_loaded_once() {
    let bench = Bench::with(&[THREE]).await;
    let world = bench.world();
    let first = world.announce_file("in/a_701.txt", "a|1").await;
    let second = world.land_again(&first, "a|2\na|3\n");
    world.announce(&second, "again").await.done();
    let third = world.announce_file("in/c_701.txt", "c|4").await;
    world.pass_time(TimeDelta::hours(1)).await;
    let states = world.states_of(&[first.clone(), second.clone(), third]).await;
    assert_eq!(
        states,
        [LoadState::Skipped, LoadState::Complete, LoadState::Complete]
    );
    assert_eq!(world.sorted_rows(), ["a|2", "a|3", "c|4"]);
    let gone = world.load_of(&first).await;
    assert_eq!(gone.superseded_by, Some(LoadId::of(&second)));
    assert!(gone.finished_at.is_some() && world.files.keys_in("in").is_empty());
    assert_eq!(world.topic.told(), ["loaded"]);
}

#[tokio::test]
async fn a_file_whose_replacement_is_undone_is_the_one_that_is_loaded() {
    let bench = Bench::with(&[THREE]).await;
    let world = bench.world();
    let first = world.announce_file("in/a_701.txt", "a|1").await;
    let second = world.land_again(&first, "a|2\n");
    world.announce(&second, "again").await.done();
    let third = world.land_again(&second, "a|1\n");
    assert!(
        matches!(world.announce(&third, "undone").await, Tried::Failed(_)),
        "it waits its turn"
    );
    world.pass_time(TimeDelta::hours(1)).await;
    let states = world.states_of(&[first, second]).await;
    assert_eq!(states, [LoadState::Complete, LoadState::Skipped]);
    assert_eq!(world.sorted_rows(), ["a|1"]);
}

#[tokio::test]
async fn of_two_files_of_one_key_whose_events_come_in_the_wrong_order_the_one_that_lies_there_is_loaded() {
    let unread =
        THREE.with("file_name_column = NULL, batch_files = 3, file_format = 'orc', file_type = 'txt'");
    let bench = Bench::with(&[unread]).await;
    let world = bench.world();
    let older = world.land("in/a_701.txt", "a|1\n");
    let newer = world.land_again(&older, "a|2\n");
    world.announce(&newer, "newer").await.done();
    let late = world.announce(&older, "older").await.done();
    world.pass_time(TimeDelta::hours(1)).await;
    assert_eq!(world.load_of(&newer).await.state, LoadState::Complete);
    let lost = world.load_of(&older).await;
    assert_eq!(lost.superseded_by, Some(LoadId::of(&newer)), "{late:?}");
    assert_eq!(world.sorted_rows(), ["a|2"]);
}

#[tokio::test]
async fn copies_of_two_files_of_one_key_are_both_loaded() {
    const COPIED: Rule = Rule::new(1, "701", "price")
        .with("file_name_column = NULL, batch_files = 3, trailer_flag = 'Y', trailer_tag = 'T|'");
    let bench = Bench::with(&[COPIED]).await;
    let world = bench.world();
    let first = world.announce_file("in/a_701.txt", "a|1\nT|1").await;
    let second = world.land_again(&first, "a|2\nT|1\n");
    world.announce(&second, "again").await.done();
    world.pass_time(TimeDelta::hours(1)).await;
    assert_eq!(world.states_of(&[first, second]).await, [LoadState::Complete; 2]);
    assert_eq!(world.sorted_rows(), ["a|1", "a|2"]);
}

#[tokio::test]
async fn a_batch_of_which_all_files_are_gone_fails_and_is_told_once() {
    let bench = Bench::with(&[THREE]).await;
    let world = bench.world();
    let mut files = world.announce_lines(&["a|1", "b|2"]).await;
    let last = world.land("in/c_3_701.txt", "c|3\n");
    world.warehouse.mishap("COPY", NO_SUCH_KEY);
    world.announce(&last, "last").await.done();
    files.push(last);
    for file in &files {
        world.files.remove(file.key.as_str());
    }
    world.deliver_events().await.unwrap();
    assert_eq!(world.states_of(&files).await, [LoadState::Failed; 3]);
    let loads = world.loads_of(&files).await;
    assert!(
        loads
            .iter()
            .all(|load| load.error_code.as_deref() == Some("object_gone"))
    );
    assert_eq!(world.topic.told(), ["failed"]);
    let message = world.topic.messages().remove(0);
    let named =
        "Files: 3: s3://landing/in/a_1_701.txt, s3://landing/in/b_2_701.txt, s3://landing/in/c_3_701.txt\n";
    assert!(message.email.contains(named), "{}", message.email);
    assert!(message.email.contains("Rule: 1\n"), "{}", message.email);
    assert_eq!(world.warehouse.handed().len(), 1);
}

#[tokio::test]
async fn a_file_of_its_own_that_is_gone_fails_at_once() {
    let rule = Rule::new(1, "701", "price").with("file_name_column = NULL");
    let bench = Bench::with(&[rule]).await;
    let world = bench.world();
    let file = world.land("in/a_701.txt", "a|1\n");
    world.warehouse.mishap("COPY", NO_SUCH_KEY);
    world.announce(&file, "announced").await.done();
    world.files.remove(file.key.as_str());
    world.deliver_events().await.unwrap();
    let load = world.load_of(&file).await;
    assert_eq!(load.state, LoadState::Failed);
    assert_eq!(load.error_code.as_deref(), Some("object_gone"));
    assert_eq!(world.warehouse.handed().len(), 1);
}

#[tokio::test]
async fn a_file_that_copy_did_not_find_and_that_is_there_is_tried_again() {
    let bench = Bench::with(&[THREE]).await;
    let world = bench.world();
    world.warehouse.mishap("COPY", NO_SUCH_KEY);
    let files = world.announce_lines(&["a|1", "b|2", "c|3"]).await;
    world.deliver_events().await.unwrap();
    assert_eq!(world.states_of(&files).await, [LoadState::Batched; 3]);
    world.pass_time(TimeDelta::minutes(16)).await;
    assert_eq!(world.states_of(&files).await, [LoadState::Complete; 3]);
}

#[tokio::test]
async fn a_batch_has_one_follow_up_and_its_files_end_with_it() {
    let bench = Bench::with(&[FOLLOWED]).await;
    let world = bench.world();
    let files = world.announce_lines(&["a|1", "b|2", "c|3"]).await;
    world.deliver_events().await.unwrap();
    assert_eq!(world.warehouse.follow_ups(), ["call s.follow_up()"]);
    assert_eq!(world.states_of(&files).await, [LoadState::Complete; 3]);

    world
        .warehouse
        .mishap("call s.follow_up()", Mishap::Fails("ERROR: relation is gone"));
    let files = world.announce_lines(&["d|4", "e|5", "f|6"]).await;
    world.deliver_events().await.unwrap();
    assert_eq!(world.states_of(&files).await, [LoadState::TransformFailed; 3]);
}

#[tokio::test]
async fn what_arrives_while_a_table_is_busy_goes_together_into_the_next_batch() {
    let bench = Bench::with(&[ONE_AT_A_TIME]).await;
    let world = bench.world();
    let files = world.announce_lines(&["a|1", "b|2", "c|3", "d|4"]).await;
    assert_eq!(world.warehouse.handed().len(), 1, "the first at once, by itself");
    world.deliver_events().await.unwrap();
    assert_eq!(world.warehouse.handed().len(), 2, "the others together");
    assert_eq!(world.states_of(&files).await, [LoadState::Complete; 4]);
    assert_eq!(world.warehouse.rows(PRICE), ["a|1", "b|2", "c|3", "d|4"]);
}

#[tokio::test]
async fn files_are_loaded_in_the_order_of_what_the_rule_names() {
    let bench = Bench::with(&[IN_ORDER]).await;
    let world = bench.world();
    for (day, line) in [(3, "c|3"), (9, "i|9"), (2, "b|2"), (8, "h|8"), (5, "e|5")] {
        world
            .announce_file(&format!("in/day=2026-11-0{day}/f.txt"), line)
            .await;
    }
    world.pass_time(TimeDelta::hours(1)).await;
    world.pass_time(TimeDelta::hours(1)).await;
    assert_eq!(world.warehouse.rows(PRICE), ["c|3", "i|9", "b|2", "e|5", "h|8"]);
    assert_eq!(world.warehouse.handed().len(), 3);
}

#[tokio::test]
async fn a_restored_ledger_puts_no_file_of_a_batch_into_the_warehouse_twice() {
    let bench = Bench::with(&[THREE]).await;
    let world = bench.world();
    world.announce_lines(&["a|1", "b|2", "c|3"]).await;
    world.deliver_events().await.unwrap();
    let restored = Bench::with(&[THREE]).await;
    let world = world.on(restored.store.clone());
    // Another company than before.
    let files = world.announce_lines(&["b|2", "d|4", "c|3"]).await;
    world.deliver_events().await.unwrap();
    world.pass_time(TimeDelta::hours(1)).await;
    assert_eq!(world.states_of(&files).await, [LoadState::Complete; 3]);
    assert_eq!(world.sorted_rows(), ["a|1", "b|2", "c|3", "d|4"]);
    assert!(world.files.keys_in("processing").is_empty());
    // The batch before, and each of the two that were there by itself, which no batch tells of; then the batch of the other one.
    assert_eq!(world.topic.told(), ["loaded"; 4]);
    let messages = world.topic.messages();
    for (file, message) in [&files[0], &files[2]].into_iter().zip(&messages[1..]) {
        assert!(message.default.contains(file.key.as_str()), "{}", message.default);
    }
}

#[tokio::test]
async fn a_batch_is_tried_again_as_a_whole_when_its_failure_passes() {
    let bench = Bench::with(&[THREE]).await;
    let world = bench.world();
    world
        .warehouse
        .mishap("COPY", Mishap::FailsAs(WarehouseFault::Transient, "ERROR: 1023"));
    let files = world.announce_lines(&["a|1", "b|2", "c|3"]).await;
    world.deliver_events().await.unwrap();
    assert_eq!(world.states_of(&files).await, [LoadState::Batched; 3]);
    world.pass_time(TimeDelta::minutes(16)).await;
    assert_eq!(world.states_of(&files).await, [LoadState::Complete; 3]);
    assert_eq!(world.warehouse.handed().len(), 2);
}

/// The third file makes the batch. Whatever call goes wrong, when it is announced or when its event comes, all files are
/// loaded once and nothing is left.
async fn ends_well(rule: Rule, lines: [&str; 3], rows: &[&str]) {
    let calls = {
        let bench = Bench::with(&[rule]).await;
        let world = bench.world();
        world.announce_lines(&lines[..2]).await;
        let before = world.calls.made().len();
        world.announce_lines(&lines[2..]).await;
        world.deliver_events().await.unwrap();
        world.calls.made().split_off(before)
    };
    let bench = Bench::with(&[rule]).await;
    for (number, call) in calls.iter().enumerate() {
        for fault in Fault::of(call) {
            bench
                .run("TRUNCATE rdscnfg.ext_interface, rdscnfg.ext_file_load, rdscnfg.ext_load_buffer CASCADE")
                .await;
            rule.insert(&bench.client).await;
            let world = bench.world();
            strike_and_settle(&world, &lines, number, *fault).await;
            let at = format!("call {number} ({call}) {fault:?}");
            assert!(world.calls.are_struck(), "{at}");
            assert_eq!(world.sorted_rows(), rows, "{at}");
            assert_eq!(world.files.keys_in("processing"), Vec::<String>::new(), "{at}");
            assert_eq!(world.files.keys_in("in"), Vec::<String>::new(), "{at}");
            let open = "SELECT count(*) FROM rdscnfg.ext_file_load WHERE finished_at IS NULL";
            assert_eq!(bench.number(open).await, 0, "{at}");
            let audited = "SELECT count(*) FROM rdscnfg.ext_file_audit";
            assert_eq!(bench.number(audited).await, 3, "{at}");
        }
    }
}

async fn strike_and_settle(world: &World, lines: &[&str; 3], number: usize, fault: Fault) {
    world.announce_lines(&lines[..2]).await;
    let before = world.calls.made().len();
    world.calls.strike(Aim::Number(before + number), fault);
    let key = format!("in/{}_701.txt", lines[2].replace('|', "_"));
    let object = world.land(&key, &format!("{}\n", lines[2]));
    if !matches!(world.announce(&object, "third").await, Tried::Done(_)) {
        world.clock.advance(TimeDelta::minutes(1));
        world.announce_until_done(&object, "third").await.unwrap();
    }
    for _ in 0..4 {
        world.deliver_events().await.unwrap();
        world.clock.advance(TimeDelta::minutes(16));
        // A run that is struck is followed by the next.
        drop(world.try_reconcile().await);
    }
    world.deliver_events().await.unwrap();
}

#[tokio::test]
async fn a_batch_ends_well_whatever_call_goes_wrong() {
    ends_well(FOLLOWED, ["a|1", "b|2", "c|3"], &["a|1", "b|2", "c|3"]).await;
}

#[tokio::test]
async fn a_divided_batch_ends_well_whatever_call_goes_wrong() {
    ends_well(THREE, ["a|1", "BAD|2", "c|3"], &["a|1", "c|3"]).await;
}

/// The second of three files goes while their batch is being loaded. Whatever call of what follows goes wrong, the others are
/// loaded once and the one that is gone fails once.
#[tokio::test]
async fn a_batch_with_a_file_that_is_gone_ends_well_whatever_call_goes_wrong() {
    async fn begin(world: &World) -> Vec<Object> {
        let mut files = world.announce_lines(&["a|1", "b|2"]).await;
        world.files.remove(files[1].key.as_str());
        world.warehouse.mishap("COPY", NO_SUCH_KEY);
        files.extend(world.announce_lines(&["c|3"]).await);
        files
    }
    let bench = Bench::with(&[THREE]).await;
    let calls = {
        let world = bench.world();
        begin(&world).await;
        let before = world.calls.made().len();
        world.deliver_events().await.unwrap();
        world.calls.made().split_off(before)
    };
    for (number, call) in calls.iter().enumerate() {
        for fault in Fault::of(call) {
            bench
                .run("TRUNCATE rdscnfg.ext_interface, rdscnfg.ext_file_load, rdscnfg.ext_load_buffer CASCADE")
                .await;
            THREE.insert(&bench.client).await;
            let world = bench.world();
            let files = begin(&world).await;
            let before = world.calls.made().len();
            world.calls.strike(Aim::Number(before + number), *fault);
            for _ in 0..3 {
                world.deliver_events().await.unwrap();
                world.clock.advance(TimeDelta::minutes(16));
                drop(world.try_reconcile().await);
            }
            let at = format!("call {number} ({call}) {fault:?}");
            assert!(world.calls.are_struck(), "{at}");
            let states = world.states_of(&files).await;
            assert_eq!(
                states,
                [LoadState::Complete, LoadState::Failed, LoadState::Complete],
                "{at}"
            );
            assert_eq!(world.sorted_rows(), ["a|1", "c|3"], "{at}");
            let open = "SELECT count(*) FROM rdscnfg.ext_file_load WHERE finished_at IS NULL";
            assert_eq!(bench.number(open).await, 0, "{at}");
            let audited = "SELECT count(*) FROM rdscnfg.ext_file_audit";
            assert_eq!(bench.number(audited).await, 3, "{at}");
            assert_eq!(world.files.keys_in("processing"), Vec::<String>::new(), "{at}");
        }
    }
}

const NAMED: Rule = Rule::new(1, "701", "price")
    .with("file_name_column = NULL, batch_files = 3, batch_seconds = 300, query = 'chain:totals'");

/// What keeps a batch from being made once its first file waits, and what people are told of it.
#[rstest]
#[case::its_chain_is_gone("DELETE FROM rdscnfg.ext_chain", "there is no chain \"totals\"")]
#[case::its_chain_is_broken(
    "UPDATE rdscnfg.ext_chain SET queries = '[\"\"]'",
    "chain totals, query 1: holds no SQL"
)]
#[case::its_recipe_does_not_read(
    "UPDATE rdscnfg.ext_load_buffer SET recipe = recipe - 'columns'",
    "what was kept of its rule does not read: missing field `columns`"
)]
#[tokio::test]
async fn files_of_which_no_batch_can_be_made_fail_and_are_told(#[case] change: &str, #[case] problem: &str) {
    let bench = Bench::with(&[NAMED]).await;
    let chain = Chain::new("totals", json!(["call s.one()"]), Utc::now());
    bench.store.write_chain(&chain).await.unwrap();
    let world = bench.world();
    let files = world.announce_lines(&["plum|1", "fig|2"]).await;
    bench.run(change).await;
    world.pass_time(TimeDelta::minutes(5)).await;
    for load in world.loads_of(&files).await {
        assert_eq!(load.state, LoadState::Failed);
        assert_eq!(load.error_code.as_deref(), Some("batch_invalid"));
        let error = load.error.unwrap();
        assert!(error.contains(problem), "{error}");
        assert!(error.contains("longshore batch reprocess "), "{error}");
        assert!(load.finished_at.is_some());
    }
    assert_eq!(world.topic.told(), ["failed"], "once for both of them");
    assert!(world.warehouse.handed().is_empty());
    assert_eq!(world.files.keys_in("archive/error").len(), 2);
    assert!(world.reconcile().await.buffers_failed.is_empty());
}
