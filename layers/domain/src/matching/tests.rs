//! Which rule is found, in all the ways of finding one.

use rstest::rstest;

use super::*;

mod places;

fn token(sid: i32, file_prefix: &str) -> RuleRow {
    RuleRow {
        ext_file_config_sid: sid,
        file_prefix: file_prefix.to_owned(),
        ..RuleRow::default()
    }
}

fn pattern(sid: i32, pattern: &str) -> RuleRow {
    RuleRow {
        key_pattern: Some(pattern.to_owned()),
        ..token(sid, "-")
    }
}

fn regex(sid: i32, regex: &str) -> RuleRow {
    RuleRow {
        key_regex: Some(regex.to_owned()),
        ..token(sid, "-")
    }
}

fn found(rows: &[RuleRow], key: &str) -> Result<Option<i32>, Vec<i32>> {
    match find(rows, None, &ObjectKey::new(key)) {
        Match::One { row, .. } => Ok(Some(row.ext_file_config_sid)),
        Match::None | Match::Ignored(_) | Match::Unreadable(_) => Ok(None),
        Match::Several(rules) => Err(rules.into_iter().map(|rule| rule.0).collect()),
    }
}

#[test]
fn a_token_is_compared_exactly() {
    let rows = [token(1, "527."), token(2, "5."), token(3, "527-HD.")];
    assert_eq!(found(&rows, "in/A_527.txt"), Ok(Some(1)));
    assert_eq!(found(&rows, "in/A_527-HD.txt"), Ok(Some(3)));
    assert_eq!(found(&rows, "in/A_52.txt"), Ok(None));
    assert_eq!(found(&rows, "in/A_1527.txt"), Ok(None));
}

#[test]
fn a_wildcard_in_a_token_is_no_wildcard() {
    assert_eq!(
        found(&[token(1, "5%."), token(2, "5_7.")], "in/A_527.txt"),
        Ok(None)
    );
}

#[test]
fn two_rules_with_one_token_are_both_named() {
    assert_eq!(
        found(&[token(1, "527."), token(2, "527.")], "in/A_527.txt"),
        Err(vec![1, 2])
    );
}

#[test]
fn the_longest_literal_prefix_wins() {
    let rows = [
        pattern(1, "data/*"),
        pattern(2, "data/orders/yyyy=*"),
        pattern(3, "data/orders"),
    ];
    assert_eq!(found(&rows, "data/orders/yyyy=2015/f.csv"), Ok(Some(2)));
    assert_eq!(found(&rows, "data/orders/f.csv"), Ok(Some(3)));
    assert_eq!(found(&rows, "data/items/f.csv"), Ok(Some(1)));
}

#[test]
fn a_pattern_is_before_an_expression_and_an_expression_before_a_token() {
    let rows = [token(1, "527."), regex(2, "in/.*"), pattern(3, "in")];
    assert_eq!(found(&rows, "in/A_527.txt"), Ok(Some(3)));
    assert_eq!(found(&rows[..2], "in/A_527.txt"), Ok(Some(2)));
}

#[rstest]
#[case("data/orders/yyyy=*/mm=*", "data/orders/yyyy=2015/mm=01/f.csv", Some(&[("mm", "01"), ("yyyy", "2015")][..]))]
#[case("data/orders/yyyy=*/mm=*", "data/orders/yyyy=2015/f.csv", None)]
#[case("data/orders/yyyy=*", "data/orders/yyyy=/f.csv", Some(&[("yyyy", "")][..]))]
#[case("data/*/x*y*z", "data/q/x1y2z/f", Some(&[][..]))]
#[case("data/*/x*y*z", "data/q/xz/f", None)]
#[case("data", "database/f", None)]
#[case("data", "data", None)]
#[case("a*a", "a/f", None)]
fn a_pattern_names_what_its_wildcards_stand_for(
    #[case] text: &str,
    #[case] key: &str,
    #[case] expected: Option<&[(&str, &str)]>,
) {
    let pattern = KeyPattern::parse(text).unwrap();
    let expected = expected.map(|pairs| {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect::<Captures>()
    });
    assert_eq!(pattern.matches(&ObjectKey::new(key)), expected);
}

#[test]
fn an_expression_covers_the_whole_key_and_names_its_groups() {
    let rows = [regex(1, r"in/(?<region>[a-z]+)_(?<business_date>\d{8})\.csv")];
    let Match::One { captures, .. } = find(&rows, None, &ObjectKey::new("in/emea_20261121.csv")) else {
        panic!("no match");
    };
    assert_eq!(captures["region"], "emea");
    assert_eq!(captures["business_date"], "20261121");
    assert_eq!(found(&rows, "in/emea_20261121.csv.bak"), Ok(None));
}

#[test]
fn a_record_types_rule_is_found_by_its_token_alone() {
    let rows = [
        regex(1, ".*"),
        pattern(2, "*"),
        token(3, "702-H_."),
        token(4, "702-D/T."),
    ];
    assert!(matches!(find_by_token(&rows, "702-H_"), Match::One { row, .. } if row.ext_file_config_sid == 3));
    assert!(
        matches!(find_by_token(&rows, "702-D/T"), Match::One { row, .. } if row.ext_file_config_sid == 4)
    );
    assert_eq!(find_by_token(&rows, "702"), Match::None);
}

fn of_queue(sid: i32, queue: &str, file_prefix: &str) -> RuleRow {
    RuleRow {
        queue_name: Some(queue.to_owned()),
        ..token(sid, file_prefix)
    }
}

fn announced(rows: &[RuleRow], key: &str, queue: Option<&str>) -> Result<Option<i32>, Vec<i32>> {
    let queue = queue.map(QueueName::stored);
    match find_announced(rows, None, &ObjectKey::new(key), queue.as_ref()) {
        Match::One { row, .. } => Ok(Some(row.ext_file_config_sid)),
        Match::None | Match::Ignored(_) | Match::Unreadable(_) => Ok(None),
        Match::Several(rules) => Err(rules.into_iter().map(|rule| rule.0).collect()),
    }
}

#[test]
fn what_a_queue_brings_falls_under_its_rule_whatever_it_is_called() {
    let rows = [
        pattern(1, "in"),
        of_queue(2, "orders", ""),
        of_queue(3, " items ", "703."),
    ];
    assert_eq!(announced(&rows, "in/a.csv", Some("orders")), Ok(Some(2)));
    assert_eq!(announced(&rows, "in/a.csv", Some("items")), Ok(Some(3)));
    assert_eq!(announced(&rows, "in/a.csv", Some("others")), Ok(Some(1)));
    assert_eq!(announced(&rows, "in/a.csv", None), Ok(Some(1)));
    assert_eq!(announced(&rows[1..], "in/a_703.csv", None), Ok(Some(3)));
    assert_eq!(announced(&rows[1..], "in/a.csv", None), Ok(None));
}

#[test]
fn two_rules_of_one_queue_are_both_named() {
    let rows = [
        of_queue(1, "orders", "1."),
        of_queue(2, "orders", "2."),
        token(3, "3."),
    ];
    assert_eq!(announced(&rows, "in/a_3.csv", Some("orders")), Err(vec![1, 2]));
}

#[test]
fn a_rule_of_a_queue_has_what_its_expression_picks_out_of_the_key() {
    let row = RuleRow {
        queue_name: Some("orders".to_owned()),
        ..regex(1, "in/(?<region>[a-z]+)/.*")
    };
    let queue = QueueName::stored("orders");
    let rows = [row];
    let captures = |key: &str| match find_announced(&rows, None, &ObjectKey::new(key), Some(&queue)) {
        Match::One { captures, .. } => captures,
        other => panic!("{other:?}"),
    };
    assert_eq!(captures("in/emea/a.csv")["region"], "emea");
    assert!(captures("out/a.csv").is_empty());
}

#[test]
fn a_file_that_no_rule_takes_may_belong_to_one_that_cannot_be_read() {
    let rows = [regex(1, "in/("), token(2, "527.")];
    assert_eq!(
        find(&rows, None, &ObjectKey::new("in/A_528.txt")),
        Match::Unreadable(&rows[0])
    );
}

#[test]
fn an_expression_is_explained_as_it_is_written() {
    let rows = [regex(1, r"in/(?<day>\d+)\.csv"), regex(2, "in/\u{1b}2J")];
    let said: Vec<_> = explain(&rows, None, &ObjectKey::new("in/a.txt"), None)
        .into_iter()
        .map(|verdict| verdict.reason)
        .collect();
    assert_eq!(
        said,
        [
            r#"key expression "in/(?<day>\d+)\.csv" does not match the key"#,
            r#"key expression "in/\u{1b}2J" does not match the key"#,
        ]
    );
}

#[test]
fn a_broken_expression_matches_nothing_and_is_explained() {
    let rows = [regex(1, "in/("), token(2, "527.")];
    assert_eq!(found(&rows, "in/A_527.txt"), Ok(Some(2)));
    let verdicts = explain(&rows, None, &ObjectKey::new("in/A_528.txt"), None);
    assert!(
        verdicts[0].reason.contains("is no regular expression"),
        "{}",
        verdicts[0].reason
    );
    assert_eq!(verdicts[1].reason, r#"token "527" is not the name's token "528""#);
}

#[test]
fn of_what_a_queue_brings_its_rule_takes_all_and_the_others_are_not_asked() {
    let queue = QueueName::parse("orders").unwrap();
    let of_queue = RuleRow {
        queue_name: Some("arn:aws:sqs:eu-west-1:1:orders".to_owned()),
        ..token(2, "-")
    };
    let rows = [token(1, "528."), of_queue];
    let key = ObjectKey::new("in/A_528.txt");
    let said = |queue| {
        let verdicts = explain(&rows, None, &key, queue).into_iter();
        verdicts
            .map(|verdict| format!("{} {}", verdict.matches, verdict.reason))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        said(Some(&queue)),
        [
            r#"false token "528" is not asked, as the queue has a rule"#,
            "true it takes all that queue orders brings"
        ]
    );
    let other = QueueName::parse("prices").unwrap();
    assert_eq!(
        said(Some(&other)),
        said(None),
        "a queue without a rule says nothing"
    );
}

#[test]
fn placeholders_are_filled_from_captures() {
    let captures = Captures::from([("region".to_owned(), "emea".to_owned())]);
    assert_eq!(
        fill_placeholders("orders_{region}", &captures),
        Ok("orders_emea".to_owned())
    );
    assert_eq!(
        fill_placeholders("orders_{zone}", &captures),
        Err("zone".to_owned())
    );
    assert_eq!(fill_placeholders("orders", &captures), Ok("orders".to_owned()));
}

#[rstest]
#[case::the_same("data/orders/yyyy=*", "data/orders/yyyy=*", true)]
#[case::wildcards_that_take_texts_of_each_other("data/*a*b", "data/*b*b", true)]
#[case::one_longer_in_its_beginning("data/*-a", "data/b-*", false)]
#[case::another_folder("data/*-a", "date/b-*", false)]
#[case::another_end("data/*-aa", "data/*-ab", false)]
#[case::one_more_specific("data/*-a", "data/*-ab", false)]
#[case::wildcards_in_other_segments("d/*/ab", "d/*b/a", false)]
#[case::wildcards_that_meet("d/*/*b", "d/*b/*", true)]
#[case::one_with_fewer_segments("d/*bc", "d/*/c", true)]
fn patterns_are_ambiguous_where_one_key_matches_both_equally(
    #[case] one: &str,
    #[case] other: &str,
    #[case] expected: bool,
) {
    let rows = [pattern(1, one), pattern(2, other)];
    let found = ambiguities(&rows);
    assert_eq!(found == [(RuleId(1), RuleId(2))], expected, "{found:?}");
}

#[test]
fn tokens_and_expressions_are_ambiguous_when_they_are_written_alike() {
    let regex = |sid, text: &str| RuleRow {
        ext_file_config_sid: sid,
        key_regex: Some(text.to_owned()),
        ..RuleRow::default()
    };
    let rows = [
        token(1, "527."),
        token(2, "527"),
        token(3, "528."),
        regex(4, "a.*"),
        regex(5, "a.*"),
    ];
    assert_eq!(
        ambiguities(&rows),
        [(RuleId(1), RuleId(2)), (RuleId(4), RuleId(5))]
    );
}
