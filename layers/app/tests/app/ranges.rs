//! Long files are read and cut by ranges: what comes of them is what comes of a file that is read from end to end.

use chrono::TimeDelta;
use longshore_app::{AppError, ObjectOutcome};
use longshore_domain::load::LoadState;
use longshore_domain::object::Object;

use crate::support::bench::Bench;
use crate::support::calls::{Aim, Fault};
use crate::support::files::{BEGIN_UPLOAD, COPY_RANGE, OPEN, READ_RANGE};
use crate::support::rules::Rule;
use crate::support::world::World;

const RULES: [Rule; 8] = [
    Rule::new(1, "701", "price"),
    Rule::new(2, "702", "price").with("trailer_flag = 'Y', trailer_tag = 'T|'"),
    Rule::new(3, "703", "price")
        .with("trailer_flag = 'Y', trailer_tag = 'T|', header_flag = 'Y', header_policy = 'names'"),
    Rule::new(4, "704", "price").with("trailer_flag = 'Y', trailer_tag = 'T|', escape_char = '\\'"),
    Rule::new(5, "705", "price")
        .with("trailer_flag = 'Y', trailer_tag = 'T|', file_format = 'csv', quote_char = '\"'"),
    Rule::new(6, "706", "price").with("trailer_flag = 'Y', trailer_tag = 'T|', invalid_bytes = 'replace'"),
    Rule::new(7, "707", "price").with("file_format = 'csv', quote_char = '\"'"),
    Rule::new(8, "708", "price").with(
        "trailer_flag = 'Y', trailer_tag = 'T|', header_flag = 'Y', header_records = 2, header_policy = 'names', \
         empty_file_policy = 'accept'",
    ),
];

/// Files of every rule, sound and not.
const FILES: [(&str, &[u8]); 38] = [
    ("701", b"plum|1\nfig|2\n"),
    ("701", b"plum|1\r\nfig|2"),
    ("701", b"\xEF\xBB\xBFplum|1\nfig|2\n"),
    ("701", b"\xEF\xBB\xBFplum|1\nfig|2"),
    ("701", b"plum|1\n\nfig|\xC3\xA9\xC3\xA9\xC3\xA9\n\n"),
    ("701", b"plum|1\nfig|2\npear|\xC3(\n"),
    ("701", b"\n\n\n"),
    ("702", b"plum|1\nfig|2\nT|2\n"),
    ("702", b"plum|1\r\nfig|2\r\nT|2"),
    ("702", b"plum|1\nfig|2\n\n\nT|002\n\n\r\n"),
    ("702", b"plum|1\n\nfig|2\nT|2\n"),
    ("702", b"\xEF\xBB\xBFplum|1\nfig|2\nT|2\n"),
    ("702", b"plum|1\nfig|2\nT|3\n"),
    ("702", b"plum|1\nfig|2\nT|x\n"),
    ("702", b"plum|1\nfig|2\n"),
    ("702", b"plum|1\n\xFF\nT|2\n"),
    ("702", b"T|0\n"),
    (
        "702",
        b"a record that is much longer than a chunk and a window|1\nT|1\n",
    ),
    ("703", b"item|amount\nplum|1\nT|1\n"),
    ("703", b"amount|item\r\n1|plum\r\nT|1\r\n"),
    ("703", b"itme|amount\nplum|1\nT|1\n"),
    ("708", b"prices of today\nitem|amount\nplum|1\nfig|2\nT|2\n"),
    ("708", b"prices of today\r\namount|item\r\n1|plum\r\nT|1\r\n"),
    ("708", b"item|amount\nplum|1\nfig|2\nT|1\n"),
    ("708", b"prices of today\nitem|amount\nT|0\n"),
    ("708", b"prices of today\n\n\nplum|1\nT|1\n"),
    ("704", b"plu\\\nm|1\nfig\\\\|2\nT|2\n"),
    ("705", b"\"plum\nT|9\n\"|1\n\"fi\"\"g\"|2\nT|2\n"),
    ("705", b"plum|1\n\nfig|2\nT|2\n"),
    ("705", b"\"plum|1\nfig|2\nT|2\n"),
    ("705", b"\"a\nb\nc\"|1\n\"d|\"\"e\"\"\nT|1\"|2\nf\"g|3\nT|3\n"),
    ("705", b"plum|1\n\"fi\nT|1\n\n\"|2\nT|2\n\n"),
    ("705", b"plum|1\n\"fig|2\nT|1\n\"\n"),
    ("705", b"plum|1\nT|\"1\"\n"),
    ("705", b"\xEF\xBB\xBF\"plum\n\"|1\nT|1\n"),
    ("706", b"plum|1\nfig\xFF|2\nT|2\n"),
    ("707", b"\"plum\n\"\"\"|1\nfig|2"),
    ("707", b"\"plum\n|1\nfig|2\n"),
];

/// What is there to see of a file that was announced: its load, what COPY reads, what it is to find there.
async fn fate(world: &World, object: &Object) -> String {
    let outcome = world.announce(object, "prepare").await;
    let load = world.load_of(object).await;
    let copies = world.files.keys_in("processing").into_iter();
    let copies: Vec<_> = copies
        .filter(|key| !key.ends_with(".manifest"))
        .map(|key| world.files.get(&key).unwrap().bytes)
        .collect();
    let rows = world.warehouse.rows(r#""s"."price""#);
    format!(
        "{} {:?} {:?} {:?} {:?} copies {copies:?} rows {rows:?} {}",
        load.state,
        load.error_code,
        load.error,
        load.rows_expected,
        load.prepared,
        matches!(outcome, crate::support::calls::Tried::Done(_)),
    )
}

#[tokio::test]
async fn every_file_has_the_fate_that_it_has_when_it_is_read_from_end_to_end() {
    let bench = Bench::with(&RULES).await;
    let mut copied = 0;
    for (number, (token, bytes)) in FILES.into_iter().enumerate() {
        let streamed = bench.world();
        let ranged = bench.world().with_tiny_ranges();
        let expected = fate(
            &streamed,
            &streamed.land_bytes(&format!("in/a{number}/x_{token}.txt"), bytes),
        )
        .await;
        let found = fate(
            &ranged,
            &ranged.land_bytes(&format!("in/b{number}/x_{token}.txt"), bytes),
        )
        .await;
        assert_eq!(found, expected, "{token} {:?}", String::from_utf8_lossy(bytes));
        copied += usize::from(ranged.calls.made().contains(&COPY_RANGE));
    }
    assert!(copied >= 8, "only {copied} files were cut on the server's side");
}

#[tokio::test]
async fn no_byte_of_a_long_file_goes_up_and_each_comes_down_once() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world().with_tiny_ranges();
    let object = world.land("in/trailer_702.txt", "plum|1\nfig|2\npear|3\nT|3\n");
    world.announce(&object, "prepare").await.done();
    let made = world.calls.made();
    let count = |name| made.iter().filter(|call| **call == name).count();
    assert_eq!((count(COPY_RANGE), count(OPEN), count(BEGIN_UPLOAD)), (1, 0, 0));
    // The head, the tail twice as it grows, and four chunks of 5 bytes for the 20 before the trailer.
    assert_eq!(count(READ_RANGE), 1 + 2 + 4);
}

#[tokio::test]
async fn a_file_that_is_replaced_before_it_is_copied_is_gone_and_its_successor_is_loaded() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world().with_tiny_ranges();
    let object = world.land("in/trailer_702.txt", "plum|1\nfig|2\nT|2\n");
    world.calls.strike(Aim::Next(COPY_RANGE), Fault::NotReached);
    world.announce(&object, "first").await.failed();
    let successor = world.land("in/trailer_702.txt", "plum|1\nfig|2\npear|3\nT|3\n");
    let outcome = world.announce(&object, "first").await.done();
    assert!(
        matches!(&outcome, ObjectOutcome::Rejected { code, .. } if code == "object_gone"),
        "{outcome:?}"
    );
    world.load(&successor).await;
    assert_eq!(
        world.warehouse.rows(r#""s"."price""#),
        ["plum|1", "fig|2", "pear|3"]
    );
}

#[tokio::test]
async fn a_count_that_takes_several_invocations_is_taken_up_where_each_stopped() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world().with_tiny_ranges();
    let records: String = (0..40).map(|number| format!("plum{number}|1\n")).collect();
    let object = world.land("in/trailer_702.txt", &format!("{records}T|40\n"));
    world.clock.step_at_each_look(TimeDelta::seconds(10));
    let mut invocations = 0;
    loop {
        invocations += 1;
        let tried = world
            .announce_within(&object, "count", TimeDelta::seconds(200))
            .await;
        let load = world.load_of(&object).await;
        if load.state == LoadState::Submitted {
            break;
        }
        let error = tried.failed();
        assert!(matches!(error, AppError::OutOfTime { .. }), "{error}");
        assert_eq!((load.handovers, load.deaths, load.lease), (1, 0, None));
        assert!(invocations < 40, "it gets nowhere");
    }
    assert!(invocations > 4, "{invocations} invocations");
    let reads = world
        .calls
        .made()
        .iter()
        .filter(|call| **call == READ_RANGE)
        .count();
    let chunks = records.len().div_ceil(5);
    // Of each invocation the head and the tail, and what was on its way when it stopped.
    assert!(
        reads <= chunks + invocations * 8,
        "{reads} reads of {chunks} chunks"
    );
    let load = world.load_of(&object).await;
    assert_eq!(load.rows_expected, Some(40));
}

#[tokio::test]
async fn a_count_that_gets_nowhere_is_refused_and_says_what_to_do() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world().with_tiny_ranges();
    // The first chunks that an invocation has time for hold no record end.
    let object = world.land("in/plain_701.txt", &format!("{}|1\n", "plum".repeat(20)));
    world.clock.step_at_each_look(TimeDelta::seconds(10));
    for _ in 0..2 {
        let error = world
            .announce_within(&object, "count", TimeDelta::seconds(60))
            .await
            .failed();
        assert!(matches!(error, AppError::OutOfTime { .. }), "{error}");
    }
    let outcome = world
        .announce_within(&object, "count", TimeDelta::seconds(60))
        .await
        .done();
    assert!(
        matches!(&outcome, ObjectOutcome::Rejected { code, .. } if code == "too_long_to_prepare"),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_count_is_taken_up_under_the_rule_alone_that_it_was_made_by() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world().with_tiny_ranges();
    // Between bars each record is two lines with a quote in the midst of a field, between semicolons one line with a quoted one.
    let records = "plum;\"1\n2\"\n".repeat(40);
    let object = world.land("in/bars_705.txt", &format!("{records}T|40\n"));
    world.clock.step_at_each_look(TimeDelta::seconds(10));
    let partly = world
        .announce_within(&object, "count", TimeDelta::seconds(200))
        .await
        .failed();
    assert!(matches!(partly, AppError::OutOfTime { .. }), "{partly}");
    world.clock.step_at_each_look(TimeDelta::zero());
    let semicolons = "UPDATE rdscnfg.ext_file_config SET delimiter = ';' WHERE ext_file_config_sid = 5";
    bench.client.execute(semicolons, &[]).await.unwrap();
    world.announce(&object, "count").await.done();
    let load = world.load_of(&object).await;
    assert_eq!((load.state, load.rows_expected), (LoadState::Submitted, Some(40)));
}

#[tokio::test]
async fn a_file_with_a_blank_line_is_not_counted_on_by_ranges() {
    let bench = Bench::with(&RULES).await;
    let world = bench.world().with_tiny_ranges();
    let records = "plum|1\n".repeat(40);
    let object = world.land("in/blank_702.txt", &format!("plum|1\n\n{records}T|41\n"));
    world.announce(&object, "prepare").await.done();
    let made = world.calls.made();
    let count = |name| made.iter().filter(|call| **call == name).count();
    assert_eq!((count(COPY_RANGE), count(OPEN)), (0, 1), "a pass leaves it out");
    // The head, the tail, and what was on its way when the blank line came up.
    assert!(count(READ_RANGE) < 12, "{} reads", count(READ_RANGE));
}
