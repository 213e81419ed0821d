//! Every outgoing call of a file's whole way goes wrong once, in every manner, and the file ends as if nothing had.
//!
//! The answer of a topic may get lost, or the note of it: then its message is sent twice, which the product states. Nothing
//! else may differ.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::TimeDelta;
use futures_util::future::join_all;
use longshore_domain::fault::WarehouseFault;
use longshore_domain::load::LoadState;
use longshore_domain::object::Object;

use crate::support::bench::Bench;
use crate::support::calls::{Aim, CLOCK, Fault, Tried};
use crate::support::files::{BEGIN_UPLOAD, COPY_RANGE, HEAD, OPEN};
use crate::support::notifier::PUBLISH;
use crate::support::picture::picture;
use crate::support::rules::Rule;
use crate::support::warehouse::{Mishap, RUN, SUBMIT};
use crate::support::world::World;

const RULES: [Rule; 19] = [
    Rule::new(1, "701", "price").with("query = 'call s.follow_up()'"),
    Rule::new(2, "702", "price").with("trailer_flag = 'Y', trailer_tag = 'T|'"),
    Rule::splitting(3, "703", "split_file_flag = 'Y', split_prefix = 'HD,DT'"),
    Rule::new(4, "703-HD", "head"),
    Rule::new(5, "703-DT", "detail"),
    Rule::splitting(6, "704", "split_file_flag = 'Y', split_prefix = 'HD,DT'"),
    Rule::new(7, "704-HD", "head"),
    Rule::new(8, "705", "price").with("resend_policy = 'reload', load_id_column = 'load_id'"),
    Rule::new(9, "706", "price").with("resend_policy = 'accept', trailer_flag = 'Y', trailer_tag = 'T|'"),
    Rule::splitting(
        10,
        "707",
        "split_file_flag = 'Y', split_prefix = 'HD,DT', resend_policy = 'reload'",
    ),
    Rule::new(11, "707-HD", "head").with("load_id_column = 'load_id'"),
    Rule::new(12, "707-DT", "detail").with("load_id_column = 'load_id'"),
    Rule::new(13, "708", "price").with("query = 'DELETE FROM s.old'"),
    Rule::new(14, "709", "price").with("load_mode = 'truncate'"),
    Rule::new(15, "710", "price").with(
        r#"query = '["call s.one()", {"ExecuteStatementParameters": "call s.two()", "MaxRetries": 1}, "DELETE FROM s.old"]'"#,
    ),
    Rule::new(16, "711", "price").with("further_targets = 'mart=s.head', trailer_flag = 'Y', trailer_tag = 'T|'"),
    Rule::new(17, "712", "price").with("further_targets = 'mart=s.nowhere'"),
    Rule::new(18, "713", "price")
        .with("header_flag = 'Y', header_policy = 'names', drift_policy = 'add_column'"),
    Rule::new(19, "714", "price")
        .with("file_format = 'fixed_width', delimiter = NULL, trailer_flag = 'Y', trailer_tag = 'T'"),
];

/// Another warehouse, which has the tables of the first one.
const TARGET: &str = "INSERT INTO rdscnfg.ext_target
        (ext_target_sid, target_name, cluster_identifier, database_name, iam_role, region)
    VALUES (1, 'mart', 'model', 'mart', 'default', 'ap-south-1')
    ON CONFLICT DO NOTHING";
/// The columns of the rule of fixed width.
const WIDTHS: &str =
    "UPDATE rdscnfg.ext_file_config_dtl SET column_width_fixed = 4 WHERE ext_file_config_sid = 19";
/// It has the same name in every world, and each world's begins without marker tables.
const FORGET: &str = "DELETE FROM rdscnfg.ext_marker_table WHERE warehouse = 'cluster model/mart'";

/// A load waits so often at most: for its own mishap, and for the fault.
const MOST_WAITS: usize = 4;
/// Runs side by side. Each has a control database of its own, since a reconciler takes up whatever is on it.
const LANES: usize = 4;

/// A file and what became of it when nothing went wrong.
struct Walk {
    name: &'static str,
    text: &'static str,
    /// What the warehouse does to it once, whatever else goes wrong.
    mishap: Option<(&'static str, Mishap)>,
    /// Whether the same content was loaded under its key before.
    comes_again: bool,
    /// How it ends.
    picture: String,
    /// Whether it is read and cut by tiny ranges.
    by_ranges: bool,
    /// The calls on the way.
    calls: Vec<&'static str>,
    /// How many of them the announcement made.
    announcing: usize,
    runs: AtomicUsize,
}

/// What goes wrong in one run, and what AWS does first when the announcement failed of it.
#[derive(Debug, Clone, Copy)]
struct Case {
    number: usize,
    call: &'static str,
    fault: Fault,
    next: Next,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// It tries again.
    Retry,
    /// It delivers the status events of what was submitted.
    Events,
}

impl Walk {
    async fn without_fault(name: &'static str, text: &'static str) -> Self {
        Self::of(name, text, false, None, false).await
    }

    /// The walk of a file that counts as long: it is read and cut by ranges.
    async fn by_ranges_without_fault(name: &'static str, text: &'static str) -> Self {
        Self::of(name, text, false, None, true).await
    }

    /// The walk of a file whose content was loaded before.
    async fn again_without_fault(name: &'static str, text: &'static str) -> Self {
        Self::of(name, text, true, None, false).await
    }

    /// The walk of a file that the warehouse does something to.
    async fn with_mishap(name: &'static str, text: &'static str, mishap: (&'static str, Mishap)) -> Self {
        Self::of(name, text, false, Some(mishap), false).await
    }

    async fn of(
        name: &'static str,
        text: &'static str,
        comes_again: bool,
        mishap: Option<(&'static str, Mishap)>,
        by_ranges: bool,
    ) -> Self {
        let bench = Bench::with(&RULES).await;
        bench.run(TARGET).await;
        bench.run(WIDTHS).await;
        let world = world(&bench, by_ranges);
        let object = land(&world, &format!("in/{name}"), text, comes_again).await;
        meet(&world, mishap.as_ref());
        let before = world.calls.made().len();
        world.announce(&object, "prepare").await.done();
        let announcing = world.calls.made().len() - before;
        settle(&world, &object).await.unwrap();
        Self {
            name,
            text,
            mishap,
            comes_again,
            picture: picture(&bench, &world, &object).await,
            by_ranges,
            calls: world.calls.made().split_off(before),
            announcing,
            runs: AtomicUsize::new(0),
        }
    }

    /// Gives how many runs it took.
    async fn with_every_fault(&self) -> usize {
        let cases = &self.cases();
        let lane = |lane| async move {
            let bench = Bench::with(&RULES).await;
            bench.run(TARGET).await;
            bench.run(WIDTHS).await;
            for case in cases.iter().skip(lane).step_by(LANES) {
                Box::pin(self.with_fault(&bench, *case)).await;
            }
        };
        join_all((0..LANES).map(lane)).await;
        self.runs.load(Ordering::Relaxed)
    }

    fn cases(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        for (number, call) in self.calls.iter().copied().enumerate() {
            for fault in Fault::of(call).iter().copied() {
                let case = |next| Case {
                    number,
                    call,
                    fault,
                    next,
                };
                cases.push(case(Next::Retry));
                // Before a submission there are no events to come first.
                if number < self.announcing && self.calls[..=number].contains(&SUBMIT) {
                    cases.push(case(Next::Events));
                }
            }
        }
        cases
    }

    async fn with_fault(&self, bench: &Bench, case: Case) {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        bench.run(FORGET).await;
        let world = world(bench, self.by_ranges);
        let key = format!("in/{run}/{}", self.name);
        let object = land(&world, &key, self.text, self.comes_again).await;
        meet(&world, self.mishap.as_ref());
        let before = world.calls.made().len();
        let told_before = world.topic.told().len();
        world.calls.strike(Aim::Number(before + case.number), case.fault);
        if let Err(problem) = way(&world, &object, case.next).await {
            panic!("{case:?}: {problem}");
        }
        assert!(world.calls.are_struck(), "{case:?}: it was never made");
        let found = picture(bench, &world, &object).await;
        if self.may_lack_its_diagnosis(case) {
            assert_eq!(undiagnosed(&found), undiagnosed(&self.picture), "{case:?}");
        } else {
            assert_eq!(found, self.picture, "{case:?}");
        }
        let allowed = usize::from(self.may_tell_twice(case));
        let told = world.topic.told().split_off(told_before);
        assert!(told_twice(&told) <= allowed, "{case:?}: told {told:?}");
    }

    /// The answer, or the note of it, is what was lost.
    fn may_tell_twice(&self, case: Case) -> bool {
        let was_told = |number: usize| self.calls.get(number) == Some(&PUBLISH);
        match case.call {
            PUBLISH => case.fault.takes_effect(),
            CLOCK => case.number.checked_sub(1).is_some_and(was_told),
            _ => false,
        }
    }

    /// What the warehouse says of refused rows is asked once, after the outcome is on record.
    fn may_lack_its_diagnosis(&self, case: Case) -> bool {
        case.number >= self.announcing
            && [RUN, HEAD, OPEN].contains(&case.call)
            && [Fault::NotReached, Fault::AnswerLost].contains(&case.fault)
    }
}

fn world(bench: &Bench, by_ranges: bool) -> World {
    match by_ranges {
        true => bench.world().with_tiny_ranges(),
        false => bench.world(),
    }
}

/// Lets a file land; one that comes again was loaded before, without a fault.
async fn land(world: &World, key: &str, text: &str, comes_again: bool) -> Object {
    let object = world.land(key, text);
    if !comes_again {
        return object;
    }
    world.load(&object).await;
    world.land_again(&object, text)
}

/// The whole way of a file, whatever goes wrong with its announcement.
async fn way(world: &World, object: &Object, next: Next) -> Result<(), String> {
    let first = world.announce(object, "prepare").await;
    if !matches!(first, Tried::Done(_)) {
        if next == Next::Events {
            world.deliver_events().await?;
        }
        world.clock.advance(TimeDelta::minutes(1));
        world.announce_until_done(object, "prepare").await?;
    }
    settle(world, object).await
}

/// Every event is delivered, then every event again in reverse, then the file is announced again, and again when it is due as
/// long as it waits.
async fn settle(world: &World, object: &Object) -> Result<(), String> {
    world.deliver_events().await?;
    for statement in world.warehouse.handed().iter().rev() {
        world.deliver_until_done(statement, "finish again").await?;
    }
    world.announce_until_done(object, "prepare again").await?;
    for _ in 0..MOST_WAITS {
        if world.is_done(object).await {
            break;
        }
        world.clock.advance(TimeDelta::minutes(16));
        world.announce_until_done(object, "prepare again").await?;
        if [LoadState::Split, LoadState::Delivering].contains(&world.load_of(object).await.state) {
            world.try_reconcile().await;
        }
        world.deliver_events().await?;
    }
    Ok(())
}

fn meet(world: &World, mishap: Option<&(&'static str, Mishap)>) {
    if let Some((text, mishap)) = mishap {
        world.warehouse.mishap(text, mishap.clone());
    }
}

fn told_twice(told: &[String]) -> usize {
    told.len() - told.iter().collect::<BTreeSet<_>>().len()
}

/// A picture without what is only known when the warehouse could be asked about refused rows.
fn undiagnosed(picture: &str) -> String {
    let lines = picture.lines().filter(|line| !line.starts_with("row error"));
    let outcomes = lines.map(|line| match line.starts_with("audit") {
        true => line.split(" follow-up").next().unwrap_or_default(),
        false => line,
    });
    outcomes.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_plain_file_with_a_follow_up_ends_alike_whatever_call_goes_wrong() {
    let walk = Walk::without_fault("plain_701.txt", "plum|1\nfig|2\n").await;
    insta::assert_snapshot!(walk.picture, @r#"
    load complete rows 2 2 []
    audit FINISHED Y rows 2 2 0 follow-up FINISHED
    notice loaded sent
    told loaded
    file archive/700/plain_701.txt: plum|1 fig|2
    row "s"."price": plum|1
    row "s"."price": fig|2
    follow-up call s.follow_up()
    "#);
    let runs = walk.with_every_fault().await;
    assert!(runs > walk.calls.len(), "{runs} runs");
}

#[tokio::test]
async fn a_file_that_brings_columns_to_its_table_ends_alike_whatever_call_goes_wrong() {
    let walk = Walk::without_fault(
        "wider_713.txt",
        "item|amount|colour|size\nplum|1|red|9\nfig|2|blue|8\n",
    )
    .await;
    insta::assert_snapshot!(walk.picture, @r#"
    load complete rows 2 2 ["columns of the header that the rule does not list are columns of the table by their names (drift_policy add_column): colour, size"]
    audit FINISHED Y rows 2 2 0 follow-up
    notice loaded sent
    told loaded
    file archive/700/wider_713.txt: item|amount|colour|size plum|1|red|9 fig|2|blue|8
    column "s"."price": colour
    column "s"."price": size
    row "s"."price": plum|1|red|9
    row "s"."price": fig|2|blue|8
    "#);
    let runs = walk.with_every_fault().await;
    assert!(runs > walk.calls.len(), "{runs} runs");
}

#[tokio::test]
async fn a_file_whose_trailer_is_cut_off_ends_alike_whatever_call_goes_wrong() {
    let walk = Walk::without_fault("trailer_702.txt", "plum|1\nfig|2\nT|2\n").await;
    insta::assert_snapshot!(walk.picture, @r#"
    load complete rows 2 2 []
    audit FINISHED Y rows 2 2 0 follow-up
    notice loaded sent
    told loaded
    file archive/700/trailer_702.txt: plum|1 fig|2 T|2
    row "s"."price": plum|1
    row "s"."price": fig|2
    "#);
    let runs = walk.with_every_fault().await;
    assert!(runs > walk.calls.len(), "{runs} runs");
}

#[tokio::test]
async fn a_long_file_whose_trailer_is_cut_off_by_ranges_ends_alike_whatever_call_goes_wrong() {
    let walk = Walk::by_ranges_without_fault("trailer_702.txt", "plum|1\nfig|2\nT|2\n").await;
    insta::assert_snapshot!(walk.picture, @r#"
    load complete rows 2 2 []
    audit FINISHED Y rows 2 2 0 follow-up
    notice loaded sent
    told loaded
    file archive/700/trailer_702.txt: plum|1 fig|2 T|2
    row "s"."price": plum|1
    row "s"."price": fig|2
    "#);
    assert!(walk.calls.contains(&COPY_RANGE), "{:?}", walk.calls);
    let runs = walk.with_every_fault().await;
    assert!(runs > walk.calls.len(), "{runs} runs");
}

#[tokio::test]
async fn a_file_whose_copy_is_in_parts_ends_alike_whatever_call_goes_wrong() {
    let walk = Walk::without_fault("wide_714.txt", "plum   1\nfig    2\npear   3\nT3\n").await;
    insta::assert_snapshot!(walk.picture, @r#"
    load complete rows 3 3 []
    audit FINISHED Y rows 3 3 0 follow-up
    notice loaded sent
    told loaded
    file archive/700/wide_714.txt: plum   1 fig    2 pear   3 T3
    row "s"."price": plum   1
    row "s"."price": fig    2
    row "s"."price": pear   3
    "#);
    let uploads = walk.calls.iter().filter(|call| **call == BEGIN_UPLOAD);
    assert_eq!(uploads.count(), 3, "{:?}", walk.calls);
    let runs = walk.with_every_fault().await;
    assert!(runs > walk.calls.len(), "{runs} runs");
}

#[tokio::test]
async fn a_file_whose_copy_in_parts_is_refused_leaves_none_of_them_whatever_call_goes_wrong() {
    let walk = Walk::without_fault("wide_714.txt", "plum   1\nfig    2\npear   3\nT9\n").await;
    insta::assert_snapshot!(walk.picture, @"
    load rejected trailer_count_mismatch rows []
    audit FAILED N rows follow-up
    notice rejected sent
    told rejected
    file archive/error/wide_714.txt: plum   1 fig    2 pear   3 T9
    ");
    let runs = walk.with_every_fault().await;
    assert!(runs > walk.calls.len(), "{runs} runs");
}

#[tokio::test]
async fn a_file_that_is_split_in_two_ends_alike_whatever_call_goes_wrong() {
    let walk = Walk::without_fault("split_703.txt", "HD|1\nDT|2\nDT|3\n").await;
    insta::assert_snapshot!(walk.picture, @r#"
    load split rows 3 []
    load DT complete rows 2 2 []
    load HD complete rows 1 1 []
    audit FINISHED Y rows 3 follow-up
    audit DT FINISHED Y rows 2 2 0 follow-up
    audit HD FINISHED Y rows 1 1 0 follow-up
    notice split sent
    notice DT loaded sent
    notice HD loaded sent
    told loaded DT
    told loaded HD
    told split
    file archive/700/split_703.txt: HD|1 DT|2 DT|3
    row "s"."detail": DT|2
    row "s"."detail": DT|3
    row "s"."head": HD|1
    "#);
    let runs = walk.with_every_fault().await;
    assert!(runs > walk.calls.len(), "{runs} runs");
}

#[tokio::test]
async fn a_split_file_with_a_part_that_has_no_rule_ends_alike_whatever_call_goes_wrong() {
    let walk = Walk::without_fault("half_704.txt", "HD|1\nDT|2\n").await;
    insta::assert_snapshot!(walk.picture, @r#"
    load split rows 2 []
    load DT rejected no_rule rows 1 []
    load HD complete rows 1 1 []
    audit FINISHED Y rows 2 follow-up
    audit HD FINISHED Y rows 1 1 0 follow-up
    notice split sent
    notice DT rejected sent
    notice HD loaded sent
    told loaded HD
    told rejected DT
    told split
    file archive/700/half_704.txt: HD|1 DT|2
    file archive/error/half_704.txt.DT: DT|2
    row "s"."head": HD|1
    "#);
    let runs = walk.with_every_fault().await;
    assert!(runs > walk.calls.len(), "{runs} runs");
}

#[tokio::test]
async fn a_file_for_two_warehouses_ends_alike_whatever_call_goes_wrong() {
    let walk = Walk::without_fault("both_711.txt", "plum|1\nfig|2\nT|2\n").await;
    insta::assert_snapshot!(walk.picture, @r#"
    load complete rows 2 ["mart has it: 2 rows in s.head", "own has it: 2 rows in s.price"]
    load mart complete rows 2 2 []
    load own complete rows 2 2 []
    audit FINISHED Y rows 2 follow-up
    audit mart FINISHED Y rows 2 2 0 follow-up
    audit own FINISHED Y rows 2 2 0 follow-up
    notice loaded sent
    notice mart loaded sent
    notice own loaded sent
    told loaded
    told loaded mart
    told loaded own
    file archive/700/both_711.txt: plum|1 fig|2 T|2
    row "s"."head": plum|1
    row "s"."head": fig|2
    row "s"."price": plum|1
    row "s"."price": fig|2
    "#);
    let runs = walk.with_every_fault().await;
    assert!(runs > walk.calls.len(), "{runs} runs");
}

#[tokio::test]
async fn a_file_that_one_of_two_warehouses_refuses_ends_alike_whatever_call_goes_wrong() {
    let walk = Walk::without_fault("half_712.txt", "plum|1\n").await;
    insta::assert_snapshot!(walk.picture, @r#"
    load failed not_delivered rows 1 ["own has it: 1 rows in s.price"]
    load mart rejected target_missing rows 1 []
    load own complete rows 1 1 []
    audit FAILED N rows 1 follow-up 1 of 2 warehouses have it; mart: the table s.nowhere cannot be read: ERROR: relation "s"."nowhere" does not exist; create it, then: longshore load replay ID --why TEXT (a file that still lies in a watched folder is loaded by itself within half an hour); once that is mended: longshore load replay <id> --why TEXT
    audit mart FAILED N rows 1 follow-up
    audit own FINISHED Y rows 1 1 0 follow-up
    notice partly_loaded sent
    notice mart rejected sent
    notice own loaded sent
    told loaded own
    told partly_loaded
    told rejected mart
    file archive/error/half_712.txt: plum|1
    row "s"."price": plum|1
    "#);
    let runs = walk.with_every_fault().await;
    assert!(runs > walk.calls.len(), "{runs} runs");
}

#[tokio::test]
async fn a_rejected_file_ends_alike_whatever_call_goes_wrong() {
    let walk = Walk::without_fault("short_702.txt", "plum|1\nT|2\n").await;
    insta::assert_snapshot!(walk.picture, @r#"
    load rejected trailer_count_mismatch rows []
    audit FAILED N rows follow-up
    notice rejected sent
    told rejected
    file archive/error/short_702.txt: plum|1 T|2
    "#);
    let runs = walk.with_every_fault().await;
    assert!(runs > walk.calls.len(), "{runs} runs");
}

#[tokio::test]
async fn a_file_that_copy_refuses_ends_alike_whatever_call_goes_wrong() {
    let walk = Walk::without_fault("bad_701.txt", "plum|1\nfig|BAD\n").await;
    insta::assert_snapshot!(walk.picture, @r#"
    load failed copy_failed rows 2 []
    audit FAILED N rows 2 follow-up line 2, column amount: Invalid digit
    notice failed sent
    row error 2 amount Invalid digit fig|BAD
    told failed
    file archive/error/bad_701.txt: plum|1 fig|BAD
    "#);
    let runs = walk.with_every_fault().await;
    assert!(runs > walk.calls.len(), "{runs} runs");
}

#[tokio::test]
async fn a_file_that_comes_again_is_skipped_alike_whatever_call_goes_wrong() {
    let walk = Walk::again_without_fault("plain_701.txt", "plum|1\nfig|2\n").await;
    insta::assert_snapshot!(walk.picture, @r#"
    load skipped rows ["the same content was loaded before, as load <id>"]
    audit SKIPPED N rows follow-up
    notice skipped sent
    told loaded
    told skipped
    file archive/700/plain_701.txt: plum|1 fig|2
    file archive/700/plain_701.txt: plum|1 fig|2
    row "s"."price": plum|1
    row "s"."price": fig|2
    follow-up call s.follow_up()
    "#);
    let runs = walk.with_every_fault().await;
    assert!(runs > walk.calls.len(), "{runs} runs");
}

#[tokio::test]
async fn a_file_that_comes_again_replaces_its_rows_alike_whatever_call_goes_wrong() {
    let walk = Walk::again_without_fault("again_705.txt", "plum|1\nfig|2\n").await;
    insta::assert_snapshot!(walk.picture, @r#"
    load complete rows 2 2 []
    audit FINISHED Y rows 2 2 0 follow-up
    notice loaded sent
    told loaded
    file archive/700/again_705.txt: plum|1 fig|2
    file archive/700/again_705.txt: plum|1 fig|2
    row "s"."price": plum|1
    row "s"."price": fig|2
    "#);
    let runs = walk.with_every_fault().await;
    assert!(runs > walk.calls.len(), "{runs} runs");
}

#[tokio::test]
async fn a_file_that_comes_again_is_loaded_beside_its_rows_alike_whatever_call_goes_wrong() {
    let walk = Walk::again_without_fault("again_706.txt", "plum|1\nfig|2\nT|2\n").await;
    insta::assert_snapshot!(walk.picture, @r#"
    load complete rows 2 2 []
    audit FINISHED Y rows 2 2 0 follow-up
    notice loaded sent
    told loaded
    file archive/700/again_706.txt: plum|1 fig|2 T|2
    file archive/700/again_706.txt: plum|1 fig|2 T|2
    row "s"."price": plum|1
    row "s"."price": fig|2
    row "s"."price": plum|1
    row "s"."price": fig|2
    "#);
    let runs = walk.with_every_fault().await;
    assert!(runs > walk.calls.len(), "{runs} runs");
}

#[tokio::test]
async fn a_file_that_truncates_its_table_again_ends_alike_whatever_call_goes_wrong() {
    let walk = Walk::again_without_fault("again_709.txt", "plum|1\nfig|2\n").await;
    insta::assert_snapshot!(walk.picture, @r#"
    load complete rows 2 2 []
    audit FINISHED Y rows 2 2 0 follow-up
    notice loaded sent
    told loaded
    file archive/700/again_709.txt: plum|1 fig|2
    file archive/700/again_709.txt: plum|1 fig|2
    row "s"."price": plum|1
    row "s"."price": fig|2
    "#);
    let runs = walk.with_every_fault().await;
    assert!(runs > walk.calls.len(), "{runs} runs");
}

#[tokio::test]
async fn a_split_file_that_comes_again_replaces_the_rows_of_its_parts_alike_whatever_call_goes_wrong() {
    let walk = Walk::again_without_fault("split_707.txt", "HD|1\nDT|2\nDT|3\n").await;
    insta::assert_snapshot!(walk.picture, @r#"
    load split rows 3 []
    load DT complete rows 2 2 []
    load HD complete rows 1 1 []
    audit FINISHED Y rows 3 follow-up
    audit DT FINISHED Y rows 2 2 0 follow-up
    audit HD FINISHED Y rows 1 1 0 follow-up
    notice split sent
    notice DT loaded sent
    notice HD loaded sent
    told loaded DT
    told loaded HD
    told split
    file archive/700/split_707.txt: HD|1 DT|2 DT|3
    file archive/700/split_707.txt: HD|1 DT|2 DT|3
    row "s"."detail": DT|2
    row "s"."detail": DT|3
    row "s"."head": HD|1
    "#);
    let runs = walk.with_every_fault().await;
    assert!(runs > walk.calls.len(), "{runs} runs");
}

#[tokio::test]
async fn a_file_whose_transaction_fails_in_passing_ends_alike_whatever_call_goes_wrong() {
    let conflict = Mishap::FailsAs(WarehouseFault::Transient, "ERROR: 1023");
    let walk = Walk::with_mishap("again_701.txt", "plum|1\nfig|2\n", ("COPY", conflict)).await;
    insta::assert_snapshot!(walk.picture, @r#"
    load complete rows 2 2 []
    audit FINISHED Y rows 2 2 0 follow-up FINISHED
    notice loaded sent
    told loaded
    file archive/700/again_701.txt: plum|1 fig|2
    row "s"."price": plum|1
    row "s"."price": fig|2
    follow-up call s.follow_up()
    "#);
    let runs = walk.with_every_fault().await;
    assert!(runs > walk.calls.len(), "{runs} runs");
}

#[tokio::test]
async fn a_file_whose_follow_up_fails_in_passing_ends_alike_whatever_call_goes_wrong() {
    let conflict = Mishap::FailsAs(WarehouseFault::Transient, "ERROR: 1023");
    let walk = Walk::with_mishap("after_708.txt", "plum|1\n", ("s.old", conflict)).await;
    insta::assert_snapshot!(walk.picture, @r#"
    load complete rows 1 1 []
    audit FINISHED Y rows 1 1 0 follow-up FINISHED
    notice loaded sent
    told loaded
    file archive/700/after_708.txt: plum|1
    row "s"."price": plum|1
    follow-up DELETE FROM s.old
    "#);
    let runs = walk.with_every_fault().await;
    assert!(runs > walk.calls.len(), "{runs} runs");
}

/// The second step fails in passing: then every step has run once, and all of them in their order.
#[tokio::test]
async fn a_file_whose_follow_up_has_steps_ends_alike_whatever_call_goes_wrong() {
    let walk = Walk::with_mishap(
        "steps_710.txt",
        "plum|1\n",
        ("s.two", Mishap::Fails("ERROR: locked")),
    )
    .await;
    insta::assert_snapshot!(walk.picture, @r#"
    load complete rows 1 1 []
    audit FINISHED Y rows 1 1 0 follow-up FINISHED
    notice loaded sent
    told loaded
    file archive/700/steps_710.txt: plum|1
    row "s"."price": plum|1
    follow-up call s.one()
    follow-up call s.two()
    follow-up DELETE FROM s.old
    "#);
    let runs = walk.with_every_fault().await;
    assert!(runs > walk.calls.len(), "{runs} runs");
}
