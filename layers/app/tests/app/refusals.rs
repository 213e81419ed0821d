//! Files that are refused: why, where they go, and what else must not happen.

use longshore_app::UnpackLimit;
use longshore_domain::load::LoadState;
use longshore_domain::object::Sequencer;
use longshore_preprocess::{Memory, OutputCompression, OutputFormat, Pipeline, PipelineSpec};
use rstest::rstest;

use crate::support::bench::Bench;
use crate::support::rules::Rule;
use crate::support::world::World;

const PLAIN: Rule = Rule::new(1, "701", "price");

/// The code of an object's refusal, and whether its file stays.
async fn refused(world: &World, key: &str, text: &str) -> (String, bool) {
    let object = world.land(key, text);
    world.announce(&object, "prepare").await.done();
    let load = world.load_of(&object).await;
    assert_eq!(load.state, LoadState::Rejected);
    assert!(load.finished_at.is_some());
    let stays = world.files.get(key).is_some();
    assert_eq!(world.files.keys_in("archive/error").is_empty(), stays);
    assert_eq!(world.topic.told(), ["rejected"]);
    assert!(world.warehouse.handed().is_empty());
    (load.error_code.unwrap(), stays)
}

fn stays(code: &str) -> (String, bool) {
    (code.to_owned(), true)
}

fn moves(code: &str) -> (String, bool) {
    (code.to_owned(), false)
}

#[tokio::test]
async fn a_target_that_is_missing_keeps_the_file_and_makes_no_table() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    world.warehouse.drop_table(r#""s"."price""#);
    let found = refused(&world, "in/plain_701.txt", "plum|1\n").await;
    assert_eq!(found, stays("target_missing"));
    assert!(world.warehouse.tables().markers.is_empty());

    world.warehouse.create_table(r#""s"."price""#);
    let mut again = world.land("in/plain_701.txt", "plum|1\n");
    again.sequencer = Some(Sequencer::new("0055AED6DCD90281E6"));
    assert_eq!(world.load(&again).await.state, LoadState::Complete);
}

#[tokio::test]
async fn a_target_that_is_dropped_after_its_first_load_moves_one_file_and_keeps_the_next() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let first = world.land("in/plain_701.txt", "plum|1\n");
    assert_eq!(world.load(&first).await.state, LoadState::Complete);
    world.warehouse.drop_table(r#""s"."price""#);
    let second = world.land("in/second_701.txt", "plum|2\n");
    let load = world.load(&second).await;
    assert_eq!(
        (load.state, load.error_code.as_deref()),
        (LoadState::Failed, Some("target_missing"))
    );
    let third = world.land("in/third_701.txt", "plum|3\n");
    let load = world.load(&third).await;
    assert_eq!(
        (load.state, load.error_code.as_deref()),
        (LoadState::Rejected, Some("target_missing"))
    );
    assert!(world.files.get("in/third_701.txt").is_some());
}

#[rstest]
#[case::its_trailer("trailer_flag = 'Y', trailer_tag = 'T|'", "plum,1\nfig,2\nT,2\n")]
#[case::its_header("header_flag = 'Y', header_policy = 'names'", "item,amount\nplum,1\n")]
#[case::the_warehouse("", "plum,1\nfig,2\n")]
#[tokio::test]
async fn a_wrong_delimiter_is_named_whatever_else_would_be_wrong_with_it(
    #[case] with: &'static str,
    #[case] text: &str,
) {
    let bench = Bench::with(&[PLAIN.with(with)]).await;
    let world = bench.world();
    assert_eq!(
        refused(&world, "in/plain_701.txt", text).await,
        moves("delimiter_differs")
    );
    let message = world.topic.messages().remove(0);
    let said = "expected 2 fields by '|', found 1; it looks like ',' (2 fields)";
    assert!(message.email.contains(said), "{}", message.email);
}

#[rstest]
#[case::is_filled("copy_options = 'FILLRECORD'")]
#[case::is_let_pass("copy_options = 'MAXERROR 10'")]
#[tokio::test]
async fn a_record_of_one_field_that_copy_would_take_is_no_sign_of_a_wrong_delimiter(
    #[case] with: &'static str,
) {
    let bench = Bench::with(&[PLAIN.with(with)]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum, ripe\nfig|2\n");
    world.announce(&object, "prepare").await.done();
    assert_eq!(world.load_of(&object).await.error_code, None);
}

fn gzipped(text: &[u8]) -> Vec<u8> {
    let compression = OutputCompression::Gzip { level: 9 };
    let spec = PipelineSpec {
        output: Some(OutputFormat {
            compression,
            ..OutputFormat::default()
        }),
        ..PipelineSpec::default()
    };
    let mut outputs = Memory::default();
    let mut pipeline = Pipeline::new(spec).unwrap();
    pipeline.push_all(text, &mut outputs).unwrap();
    pipeline.finish(&mut outputs).unwrap();
    outputs.only().to_vec()
}

#[rstest]
#[case::that_is_only_checked("compression = 'gzip'", "")]
#[case::that_is_written_anew("compression = 'gzip', trailer_flag = 'Y', trailer_tag = 'T|'", "T|70000\n")]
#[tokio::test]
async fn a_file_may_unpack_to_the_limit_and_not_to_one_byte_more(
    #[case] with: &'static str,
    #[case] trailer: &str,
) {
    let bench = Bench::with(&[PLAIN.with(with)]).await;
    let text = "plum|1\n".repeat(70_000) + trailer;
    let length = text.len() as u64;
    let file = gzipped(text.as_bytes());
    assert!(file.len() as u64 * UnpackLimit::TIMES < length);

    let world = bench.world().with_unpacked_bytes(length);
    let object = world.land_bytes("in/plain_701.txt", &file);
    world.announce(&object, "prepare").await.done();
    assert_eq!(world.load_of(&object).await.error_code, None);

    let world = bench.world().with_unpacked_bytes(length - 1);
    let object = world.land_bytes("in/bomb_701.txt", &file);
    world.announce(&object, "prepare").await.done();
    let load = world.load_of(&object).await;
    assert_eq!(load.error_code.as_deref(), Some("decompressed_too_large"));
    assert_eq!(world.files.keys_in("processing"), Vec::<String>::new());
    let said = load.error.unwrap();
    assert!(
        said.contains(&format!("unpacks to more than {} bytes", length - 1))
            && said.contains("LONGSHORE_MAX_UNPACKED_BYTES"),
        "{said}"
    );
}

#[rstest]
#[case::whole("", "plum|1\n")]
#[case::without_its_trailer("trailer_flag = 'Y', trailer_tag = 'T|'", "plum|1\nT|1\n")]
#[tokio::test]
async fn a_file_refused_after_it_was_prepared_leaves_no_work_behind(
    #[case] with: &'static str,
    #[case] text: &str,
) {
    let bench = Bench::with(&[PLAIN.with(with)]).await;
    let world = bench.world();
    world.warehouse.drop_table(r#""s"."price""#);
    let found = refused(&world, "in/plain_701.txt", text).await;
    assert_eq!(found, stays("target_missing"));
    assert_eq!(world.files.keys_in("processing"), Vec::<String>::new());
}

#[tokio::test]
async fn a_file_whose_header_is_refused_after_its_trailer_was_cut_leaves_no_work_behind() {
    let with = "trailer_flag = 'Y', trailer_tag = 'T|', header_flag = 'Y', header_policy = 'names'";
    let bench = Bench::with(&[PLAIN.with(with)]).await;
    let world = bench.world();
    let found = refused(&world, "in/plain_701.txt", "item|price\nplum|1\nT|1\n").await;
    assert_eq!(found, moves("header_differs"));
    assert_eq!(world.files.keys_in("processing"), Vec::<String>::new());
}

#[rstest]
#[case::too_long(&"x".repeat(128))]
#[case::with_a_control_character("a\u{7}b")]
#[tokio::test]
async fn a_name_from_the_key_that_no_table_can_have_asks_the_warehouse_nothing(#[case] table: &str) {
    let rule = Rule::new(1, "-", "{t}").with(r"key_regex = '^in/(?<t>.+)-day\.txt$'");
    let bench = Bench::with(&[rule]).await;
    let world = bench.world();
    let found = refused(&world, &format!("in/{table}-day.txt"), "plum|1\n").await;
    assert_eq!(found, moves("target_name_invalid"));
    assert!(world.warehouse.ran().is_empty());
}

#[tokio::test]
async fn a_rule_with_a_broken_matcher_keeps_the_files_that_no_other_rule_takes() {
    let broken = Rule::new(2, "-", "price").with("key_regex = 'in/(.*'");
    let bench = Bench::with(&[PLAIN, broken]).await;
    let world = bench.world();
    let found = refused(&world, "in/plain_702.txt", "plum|1\n").await;
    assert_eq!(found, stays("rule_invalid"));
    let message = world.topic.messages().remove(0);
    assert!(message.email.contains("key_regex"), "{}", message.email);

    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    assert_eq!(world.load(&object).await.state, LoadState::Complete);
}

#[tokio::test]
async fn two_rules_that_match_equally_are_both_named_and_the_file_stays() {
    let bench = Bench::with(&[PLAIN, Rule::new(2, "701", "head")]).await;
    let world = bench.world();
    let found = refused(&world, "in/plain_701.txt", "plum|1\n").await;
    assert_eq!(found, stays("rule_ambiguous"));
    let message = world.topic.messages().remove(0);
    assert!(
        message.email.contains("rules 1 and 2 match equally"),
        "{}",
        message.email
    );
}

#[tokio::test]
async fn a_file_without_a_rule_is_told_and_has_no_audit_row() {
    let bench = Bench::with(&[PLAIN]).await;
    let world = bench.world();
    let found = refused(&world, "in/plain_999.txt", "plum|1\n").await;
    assert_eq!(found, moves("no_rule"));
    let rows = bench
        .client
        .query("SELECT FROM rdscnfg.ext_file_audit", &[])
        .await;
    assert!(rows.unwrap().is_empty());
}

#[tokio::test]
async fn a_header_with_a_nul_in_it_is_refused_like_any_other() {
    let bench = Bench::with(&[PLAIN.with("header_flag = 'Y', header_policy = 'names'")]).await;
    let world = bench.world();
    let found = refused(&world, "in/plain_701.txt", "item|am\0ount\nplum|1\n").await;
    assert_eq!(found, moves("header_differs"));
}

#[rstest]
#[case::an_underscore("H_")]
#[case::a_dot_within("H.X")]
#[case::a_dot_at_the_end("H.")]
#[case::a_slash("H/")]
#[tokio::test]
async fn a_record_type_may_hold(#[case] prefix: &'static str) {
    let whole = Rule::splitting(1, "703", "split_file_flag = 'Y'");
    let bench = Bench::with(&[whole, Rule::new(2, "703-x", "head")]).await;
    bench
        .run(&format!(
            "UPDATE rdscnfg.ext_file_config SET split_prefix = '{prefix}' WHERE ext_file_config_sid = 1;
             UPDATE rdscnfg.ext_file_config SET file_prefix = '703-{prefix}.' WHERE ext_file_config_sid = 2"
        ))
        .await;
    let world = bench.world();
    let object = world.land("in/split_703.txt", &format!("{prefix}|1\n"));
    world.load(&object).await;
    assert_eq!(world.warehouse.rows(r#""s"."head""#), [format!("{prefix}|1")]);
    assert_eq!(world.files.keys_in("processing"), Vec::<String>::new());
}

#[tokio::test]
async fn an_object_that_its_rule_passes_over_stays_and_is_told_to_nobody() {
    let rule = Rule::new(1, "-", "price")
        .with(r"key_pattern = 'in', name_filter = '.*\.txt', ignore_names = '*, _temporary/'");
    let bench = Bench::with(&[rule]).await;
    let world = bench.world();
    for key in ["in/_SUCCESS", "in/_temporary/plain.txt"] {
        let object = world.land(key, "plum|1\n");
        for _ in 0..2 {
            world.announce(&object, "prepare").await.done();
        }
        let load = world.load_of(&object).await;
        assert_eq!(load.state, LoadState::Skipped);
        assert!(load.finished_at.is_some() && load.archived_key.is_none());
        assert!(
            load.remarks[0].contains("rule 1 passes it over"),
            "{:?}",
            load.remarks
        );
        assert!(world.files.get(key).is_some());
    }
    assert_eq!(world.topic.told(), Vec::<&str>::new());
    let object = world.land("in/day/plain.txt", "plum|1\n");
    assert_eq!(world.load(&object).await.state, LoadState::Complete);
}

#[tokio::test]
async fn a_rule_takes_files_of_its_bucket_alone() {
    let elsewhere = PLAIN.with("bucket = 'elsewhere-*'");
    let bench = Bench::with(&[elsewhere]).await;
    let world = bench.world();
    let found = refused(&world, "in/plain_701.txt", "plum|1\n").await;
    assert_eq!(found, moves("no_rule"));

    let here = Rule::new(2, "701", "price").with("bucket = 'landing'");
    let bench = Bench::with(&[Rule::new(1, "701", "head"), here]).await;
    let world = bench.world();
    let object = world.land("in/plain_701.txt", "plum|1\n");
    assert_eq!(object.bucket.as_str(), "landing");
    let load = world.load(&object).await;
    assert_eq!(load.rule.map(|rule| rule.0), Some(2));
}

#[rstest]
#[case::without_an_extension("none", "in/plain_701")]
#[case::with_any("any", "in/plain_701.dat")]
#[tokio::test]
async fn a_file_is_taken_whatever_its_rule_says_of_extensions(#[case] said: &str, #[case] key: &str) {
    let with = match said {
        "none" => "file_type = 'none'",
        _ => "file_type = 'any'",
    };
    let bench = Bench::with(&[PLAIN.with(with)]).await;
    let world = bench.world();
    let object = world.land(key, "plum|1\n");
    assert_eq!(world.load(&object).await.state, LoadState::Complete);
}
