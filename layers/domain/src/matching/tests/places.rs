//! Buckets, filters below a folder, and objects that are passed over.

use rstest::rstest;

use super::*;

fn set(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn filtered(sid: i32, folder: &str, filter: &str) -> RuleRow {
    RuleRow {
        name_filter: set(filter),
        ..pattern(sid, folder)
    }
}

fn ignoring(names: &str, row: RuleRow) -> RuleRow {
    RuleRow {
        ignore_names: set(names),
        ..row
    }
}

fn of_bucket(bucket: &str, row: RuleRow) -> RuleRow {
    RuleRow {
        bucket: set(bucket),
        ..row
    }
}

/// What becomes of an object: the number of the rule that takes it, or a word.
fn fate(rows: &[RuleRow], bucket: &str, key: &str) -> String {
    match find(rows, Some(&Bucket::new(bucket)), &ObjectKey::new(key)) {
        Match::One { row, .. } => row.ext_file_config_sid.to_string(),
        Match::Ignored(row) => format!("ignored by {}", row.ext_file_config_sid),
        Match::Several(rules) => format!("several {rules:?}"),
        Match::None => "none".to_owned(),
        Match::Unreadable(row) => format!("unreadable {}", row.ext_file_config_sid),
    }
}

#[test]
fn a_filter_leaves_the_folder_its_place_among_the_others() {
    let rows = [
        pattern(1, "in"),
        filtered(2, "in/orders", r".*\.csv"),
        regex(3, "in/.*"),
    ];
    assert_eq!(fate(&rows, "b", "in/orders/a.csv"), "2");
    assert_eq!(fate(&rows, "b", "in/orders/2026/a.csv"), "2");
    assert_eq!(fate(&rows, "b", "in/orders/a.txt"), "1");
    assert_eq!(fate(&rows[1..2], "b", "in/orders/a.txt"), "none");
}

#[test]
fn within_one_folder_a_rule_with_a_filter_comes_before_one_without() {
    let rows = [pattern(1, "in"), filtered(2, "in", r"a_.*")];
    assert_eq!(fate(&rows, "b", "in/a_1.csv"), "2");
    assert_eq!(fate(&rows, "b", "in/b_1.csv"), "1");
    let rows = [filtered(1, "in", ".*1.*"), filtered(2, "in", "a_.*")];
    assert_eq!(fate(&rows, "b", "in/a_1.csv"), "several [RuleId(1), RuleId(2)]");
}

#[test]
fn the_groups_of_a_filter_are_captured_beside_the_folders() {
    let row = filtered(1, "in/yyyy=*", r"(?<region>[a-z]+)_.*");
    let key = ObjectKey::new("in/yyyy=2026/eu_1.csv");
    let Match::One { captures, .. } = find(std::slice::from_ref(&row), None, &key) else {
        panic!("no rule takes it")
    };
    assert_eq!((&captures["yyyy"][..], &captures["region"][..]), ("2026", "eu"));
    let matcher = Matcher::of(&row).unwrap();
    assert_eq!(matcher.check_capture("region"), Ok(()));
    assert!(
        matcher
            .check_capture("day")
            .unwrap_err()
            .contains("in name_filter")
    );
}

#[rstest]
#[case("in/_SUCCESS", "ignored by 1")]
#[case("in/day=1/_SUCCESS", "ignored by 1")]
#[case("in/.a.csv.crc", "ignored by 1")]
#[case("in/_temporary/0/a.csv", "ignored by 1")]
#[case("in/_temporary", "1")]
#[case("in/a.csv", "1")]
#[case("other/_SUCCESS", "none")]
fn names_and_folders_are_passed_over(#[case] key: &str, #[case] expected: &str) {
    let rows = [ignoring("_SUCCESS, .*.crc, _temporary/", pattern(1, "in"))];
    assert_eq!(fate(&rows, "b", key), expected);
}

#[test]
fn what_a_filter_leaves_is_passed_over_by_a_star() {
    let rows = [
        pattern(1, "in"),
        ignoring("*, _temporary/", filtered(2, "in/orders", r".*\.csv")),
    ];
    assert_eq!(fate(&rows, "b", "in/orders/a.csv"), "2");
    assert_eq!(fate(&rows, "b", "in/orders/a.txt"), "ignored by 2");
    assert_eq!(fate(&rows, "b", "in/orders/_temporary/a.csv"), "ignored by 2");
    assert_eq!(fate(&rows, "b", "in/a.txt"), "1");
}

#[test]
fn of_equally_specific_rules_one_that_takes_it_comes_before_one_that_passes_it_over() {
    let rows = [
        ignoring("*", filtered(1, "in", r".*\.csv")),
        ignoring("*", filtered(2, "in", r".*\.json")),
    ];
    assert_eq!(fate(&rows, "b", "in/a.csv"), "1");
    assert_eq!(fate(&rows, "b", "in/a.json"), "2");
    assert_eq!(fate(&rows, "b", "in/a.txt"), "ignored by 1");
    let rows = [pattern(3, "in"), rows[0].clone()];
    assert_eq!(fate(&rows, "b", "in/a.txt"), "3");
}

#[test]
fn a_rule_that_names_the_bucket_comes_before_those_that_do_not() {
    let rows = [
        pattern(1, "in/orders"),
        of_bucket("landing-*", pattern(2, "in")),
        of_bucket("landing-eu", regex(3, "in/.*")),
    ];
    assert_eq!(fate(&rows, "landing-eu", "in/orders/a.csv"), "3");
    assert_eq!(fate(&rows, "landing-us", "in/orders/a.csv"), "2");
    assert_eq!(fate(&rows, "other", "in/orders/a.csv"), "1");
    assert_eq!(fate(&rows[1..], "other", "in/orders/a.csv"), "none");
}

#[test]
fn a_queue_brings_files_of_the_rules_bucket_alone_and_what_it_ignores_is_passed_over() {
    let row = RuleRow {
        queue_name: set("q"),
        ..token(1, "")
    };
    let rows = [of_bucket("landing", ignoring("_SUCCESS", row))];
    let queue = QueueName::parse("q").unwrap();
    let announced = |bucket: &str, key: &str| {
        let (bucket, key) = (Bucket::new(bucket), ObjectKey::new(key));
        match find_announced(&rows, Some(&bucket), &key, Some(&queue)) {
            Match::One { .. } => "taken",
            Match::Ignored(_) => "ignored",
            Match::None | Match::Unreadable(_) | Match::Several(_) => "none",
        }
    };
    assert_eq!(announced("landing", "x/a.csv"), "taken");
    assert_eq!(announced("landing", "x/_SUCCESS"), "ignored");
    assert_eq!(announced("other", "x/a.csv"), "none");
}

#[rstest]
#[case(RuleRow { name_filter: set("x"), ..token(1, "1.") }, "name_filter: is set, and key_pattern is not")]
#[case(filtered(1, "in", "("), "name_filter: \"(\" is no regular expression")]
#[case(
    ignoring("*", pattern(1, "in")),
    "ignore_names: \"*\" is all that name_filter leaves"
)]
#[case(ignoring("a/b", pattern(1, "in")), "ignore_names: \"a/b\" has a slash within")]
#[case(ignoring("/", pattern(1, "in")), "ignore_names: \"/\" is no folder")]
#[case(of_bucket("s3://b", pattern(1, "in")), "bucket: \"s3://b\" is no bucket")]
fn what_cannot_be_read_is_said(#[case] row: RuleRow, #[case] says: &str) {
    let found = crate::rule::FileRule::from_row(&row).unwrap_err().to_string();
    assert!(found.contains(says), "{found}");
}

fn overlapping(rows: &[RuleRow]) -> Vec<(i32, i32)> {
    overlaps(rows)
        .into_iter()
        .map(|(one, other)| (one.0, other.0))
        .collect()
}

#[rstest]
#[case("in/.*", r"in/orders_.*\.csv", true)]
#[case(r"in/orders.*\.csv", r"in/.*\.csv", true)]
#[case(r"in/.*\.csv", r"in/.*\.json", false)]
#[case("in/orders_.*", "in/prices_.*", false)]
#[case(r".*_71\.csv", "in/.*", true)]
#[case("in/(a|b).*", "in/.*", true)]
fn expressions_that_leave_room_for_the_same_file_are_named(
    #[case] one: &str,
    #[case] other: &str,
    #[case] overlap: bool,
) {
    for (one, other) in [(one, other), (other, one)] {
        assert_eq!(
            !overlapping(&[regex(1, one), regex(2, other)]).is_empty(),
            overlap
        );
        let rows = [filtered(1, "d", one), filtered(2, "d", other)];
        assert_eq!(!overlapping(&rows).is_empty(), overlap);
    }
}

#[test]
fn rules_of_different_buckets_or_folders_take_nothing_together() {
    let (one, other) = (regex(1, "in/.*"), regex(2, "in/a.*"));
    assert_eq!(
        overlapping(&[of_bucket("a", one.clone()), of_bucket("b", other.clone())]),
        []
    );
    assert_eq!(overlapping(&[of_bucket("a", one.clone()), other.clone()]), []);
    assert_eq!(
        overlapping(&[of_bucket("a-*", one), of_bucket("*-b", other)]),
        [(1, 2)]
    );
    assert_eq!(
        overlapping(&[filtered(1, "in", ".*"), filtered(2, "on", "a.*")]),
        []
    );
    let alike = [of_bucket("a", pattern(1, "in")), of_bucket("b", pattern(2, "in"))];
    assert_eq!(ambiguities(&alike), []);
    let alike = [of_bucket("a", pattern(1, "in")), of_bucket("a", pattern(2, "in"))];
    assert_eq!(ambiguities(&alike).len(), 1);
    let alike = [filtered(1, "in", "a.*"), filtered(2, "in", "a.*")];
    assert_eq!((ambiguities(&alike).len(), overlapping(&alike).len()), (1, 0));
}

#[test]
fn a_rule_says_why_it_does_not_take_an_object() {
    let rows = [
        of_bucket("landing", pattern(1, "in")),
        filtered(2, "in", r".*\.csv"),
        ignoring("*.txt", pattern(3, "in")),
    ];
    let bucket = Bucket::new("other");
    let said: Vec<_> = explain(&rows, Some(&bucket), &ObjectKey::new("in/a.txt"), None)
        .into_iter()
        .map(|verdict| format!("{}: {}", verdict.matches, verdict.reason))
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    false: it takes files of bucket "landing" alone
    false: key pattern "in" with filter ".*\.csv" holds the folder, and the filter does not match
    false: key pattern "in": it ignores this (ignore_names)
    "#);
}
