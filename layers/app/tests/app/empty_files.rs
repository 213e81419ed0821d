//! Files without records, of rules that take such, and headers of several records.

use longshore_domain::load::LoadState;
use longshore_store::Load;
use rstest::rstest;

use crate::support::bench::Bench;
use crate::support::rules::Rule;
use crate::support::world::World;

const PRICE: &str = r#""s"."price""#;
const PLAIN: Rule = Rule::new(1, "701", "price");

async fn loaded(world: &World, text: &str) -> Load {
    let object = world.land("in/plain_701.txt", text);
    world.load(&object).await
}

#[rstest]
#[case::of_no_bytes("empty_file_policy = 'accept'", "")]
#[case::of_a_header(
    "empty_file_policy = 'accept', header_flag = 'Y', header_policy = 'names'",
    "item|amount\n"
)]
#[case::of_a_trailer(
    "empty_file_policy = 'accept', trailer_flag = 'Y', trailer_tag = 'T|'",
    "T|0\n"
)]
#[case::of_both(
    "empty_file_policy = 'accept', header_flag = 'Y', trailer_flag = 'Y', trailer_tag = 'T|'",
    "item|amount\nT|0\n"
)]
#[case::that_is_written_anew("empty_file_policy = 'accept', prepared_compression = 'gzip'", "")]
#[tokio::test]
async fn a_file_without_records_is_loaded_as_no_rows_and_told_as_such(
    #[case] with: &'static str,
    #[case] text: &str,
) {
    let bench = Bench::with(&[PLAIN.with(with)]).await;
    let world = bench.world();
    let load = loaded(&world, text).await;
    assert_eq!(load.state, LoadState::Complete, "{:?}", load.error);
    assert_eq!((load.rows_expected, load.rows_loaded), (Some(0), Some(0)));
    assert_eq!(load.remarks, ["the file has no records"]);
    assert!(world.warehouse.rows(PRICE).is_empty());
    assert_eq!(world.topic.told(), ["loaded"]);
    assert_eq!(world.files.keys_in("processing"), Vec::<String>::new());
}

#[rstest]
#[case::another_header(
    "header_flag = 'Y', header_policy = 'names'",
    "itme|amount\n",
    "header_differs"
)]
#[case::no_header("header_flag = 'Y', header_policy = 'names'", "", "header_missing")]
#[case::a_trailer_that_counts("trailer_flag = 'Y', trailer_tag = 'T|'", "T|1\n", "trailer_count_mismatch")]
#[tokio::test]
async fn of_a_file_without_records_header_and_trailer_are_looked_at_all_the_same(
    #[case] with: &str,
    #[case] text: &str,
    #[case] code: &str,
) {
    let bench = Bench::with(&[PLAIN.with("empty_file_policy = 'accept'")]).await;
    let sql = format!("UPDATE rdscnfg.ext_file_config SET {with}");
    bench.client.execute(&sql, &[]).await.unwrap();
    let world = bench.world();
    let load = loaded(&world, text).await;
    assert_eq!(load.state, LoadState::Rejected);
    assert_eq!(load.error_code.as_deref(), Some(code));
}

#[tokio::test]
async fn a_file_without_records_is_refused_where_nobody_says_otherwise() {
    let bench = Bench::with(&[PLAIN]).await;
    let load = loaded(&bench.world(), "\n\n").await;
    assert_eq!(load.error_code.as_deref(), Some("no_records"));
}

#[tokio::test]
async fn a_file_without_records_completes_a_set() {
    let grouped = "file_name_column = NULL, load_group = 'sales', group_files = 1, empty_file_policy = 'accept', \
                   trailer_flag = 'Y', trailer_tag = 'T|'";
    let rules = [PLAIN.with(grouped), Rule::new(2, "702", "head").with(grouped)];
    let bench = Bench::with(&rules).await;
    let world = bench.world();
    let nothing = world.land("in/day/p_701.txt", "T|0\n");
    world.announce(&nothing, "first").await.done();
    let something = world.land("in/day/h_702.txt", "HD|1\nT|1\n");
    assert_eq!(world.load(&something).await.state, LoadState::Complete);
    let load = world.load_of(&nothing).await;
    assert_eq!((load.state, load.rows_loaded), (LoadState::Complete, Some(0)));
    assert_eq!(world.warehouse.rows(r#""s"."head""#), ["HD|1"]);
}

#[tokio::test]
async fn a_file_without_records_completes_a_batch() {
    let batched = PLAIN.with("file_name_column = NULL, batch_files = 2, empty_file_policy = 'accept'");
    let bench = Bench::with(&[batched]).await;
    let world = bench.world();
    let nothing = world.land("in/none_701.txt", "");
    world.announce(&nothing, "first").await.done();
    let something = world.land("in/some_701.txt", "plum|1\n");
    assert_eq!(world.load(&something).await.state, LoadState::Complete);
    let load = world.load_of(&nothing).await;
    assert_eq!(load.state, LoadState::Complete);
    assert_eq!(world.warehouse.rows(PRICE), ["plum|1"]);
}

#[rstest]
#[case::as_it_lies(
    "header_flag = 'Y', header_records = 2, header_policy = 'names'",
    "prices\namount|item\n1|plum\n"
)]
#[case::written_anew(
    "header_flag = 'Y', header_records = 2, header_policy = 'names', trailer_flag = 'Y', trailer_tag = 'T|'",
    "prices\namount|item\n1|plum\nT|1\n"
)]
#[tokio::test]
async fn the_last_record_of_a_header_names_the_columns(#[case] with: &'static str, #[case] text: &str) {
    let bench = Bench::with(&[PLAIN.with(with)]).await;
    let world = bench.world();
    let load = loaded(&world, text).await;
    assert_eq!(load.state, LoadState::Complete, "{:?}", load.error);
    assert_eq!(load.rows_loaded, Some(1));
    assert_eq!(world.warehouse.rows(PRICE), ["1|plum"]);

    let load = loaded(&bench.world(), "prices\n1|plum\n2|fig\nT|1\n").await;
    let error = load.error.unwrap();
    assert!(
        error.contains("its record 2 names none of the columns"),
        "{error}"
    );
}
