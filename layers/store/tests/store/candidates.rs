//! Rules are looked up by what their keys begin with. The look-up is held to the matcher: it may offer too many rules, and must
//! never leave one out that takes the file.

use longshore_domain::matching::{Match, Matcher, find, find_announced};
use longshore_domain::object::ObjectKey;
use longshore_domain::queue::QueueName;
use longshore_domain::rule::RuleRow;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rstest::rstest;

use crate::support::Bench;

const EXPRESSIONS: usize = 4_000;
const KEYS: usize = 150;

/// Texts of a strategy, the same in every run.
fn samples(strategy: &impl Strategy<Value = String>, count: usize) -> Vec<String> {
    let mut runner = TestRunner::deterministic();
    (0..count)
        .map(|_| strategy.new_tree(&mut runner).unwrap().current())
        .collect()
}

/// Texts of these pieces, in any order.
fn of_pieces(pieces: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(pieces), 1..=most).prop_map(|pieces| pieces.concat())
}

const PIECES_OF_EXPRESSIONS: &[&str] = &[
    "a", "b", "/", ".", "|", "(", ")", "(?:", "(?i)", "(?x)", "(?<n>", "[", "[^", "]", "[a]", "[]b]",
    "[a[b]]", "*", "+", "?", "{2}", "{0,1}", "^", "$", r"\.", r"\|", r"\(", r"\[", r"\b", r"\d", r"\x61",
    r"\\", "-", "a|b", "(a|b)", "# (", "\n", " ",
];
const PIECES_OF_PATTERNS: &[&str] = &["a", "b", "/", "*", "=", " ", "\u{a0}", "\t", "s3:", "."];
const PIECES_OF_KEYS: &[&str] = &["a", "b", "A", "/", ".", "|", "(", "[", "-", "=", " ", "\\", "a/b"];

/// Every key of up to four letters of a small alphabet, and some stranger ones.
fn keys() -> Vec<ObjectKey> {
    let mut keys = vec![String::new()];
    let mut longer = keys.clone();
    for _ in 0..4 {
        longer = longer
            .iter()
            .flat_map(|key| ["a", "b", "/"].map(|letter| format!("{key}{letter}")))
            .collect();
        keys.extend(longer.iter().cloned());
    }
    keys.extend(samples(&of_pieces(PIECES_OF_KEYS, 5), KEYS));
    keys.into_iter().map(ObjectKey::new).collect()
}

fn row(sid: i32, key_pattern: Option<&str>, key_regex: Option<&str>) -> RuleRow {
    RuleRow {
        ext_file_config_sid: sid,
        file_prefix: "none.".to_owned(),
        key_pattern: key_pattern.map(str::to_owned),
        key_regex: key_regex.map(str::to_owned),
        ..RuleRow::default()
    }
}

async fn prefixes(bench: &Bench, column: &str, texts: &[String]) -> Vec<Option<String>> {
    let sql = format!(
        "SELECT rdscnfg.ext_rule_key_prefix({column} => given.rule, {other} => NULL)
         FROM unnest($1::text[]) WITH ORDINALITY AS given (rule, place)
         ORDER BY given.place",
        other = if column == "key_regex" {
            "key_pattern"
        } else {
            "key_regex"
        },
    );
    let client = bench.database.client().await.unwrap();
    let rows = client.query(&sql, &[&texts]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// How many of the texts took some key, and how many of them say something about how a key begins.
async fn assert_no_key_is_missed(column: &str, texts: &[String]) -> (usize, usize) {
    let bench = Bench::new().await;
    let keys = keys();
    let (mut taking, mut telling) = (0, 0);
    for (text, prefix) in texts.iter().zip(prefixes(&bench, column, texts).await) {
        let row = match column {
            "key_regex" => row(1, None, Some(text)),
            _ => row(1, Some(text), None),
        };
        let Ok(matcher) = Matcher::of(&row) else { continue };
        let taken: Vec<_> = keys.iter().filter(|key| matcher.matches(key).is_some()).collect();
        let Some(prefix) = prefix else {
            assert!(
                matches!(matcher, Matcher::Token(_)),
                "{text:?} is found by its token alone"
            );
            continue;
        };
        for key in &taken {
            assert!(
                key.as_str().starts_with(&prefix),
                "{column} {text:?} takes {key}, which does not begin with {prefix:?}"
            );
        }
        taking += usize::from(!taken.is_empty());
        telling += usize::from(!taken.is_empty() && !prefix.is_empty());
    }
    (taking, telling)
}

#[tokio::test]
async fn whatever_an_expression_takes_begins_as_its_prefix_says() {
    let texts = samples(&of_pieces(PIECES_OF_EXPRESSIONS, 7), EXPRESSIONS);
    let (taking, telling) = assert_no_key_is_missed("key_regex", &texts).await;
    assert!(
        taking > 250 && telling > 50,
        "{taking} took a key, {telling} of them with a prefix"
    );
}

#[tokio::test]
async fn whatever_a_pattern_takes_begins_as_its_prefix_says() {
    let texts = samples(&of_pieces(PIECES_OF_PATTERNS, 6), 4_000);
    let (taking, telling) = assert_no_key_is_missed("key_pattern", &texts).await;
    assert!(
        taking > 200 && telling > 100,
        "{taking} took a key, {telling} of them with a prefix"
    );
}

#[rstest]
#[case(Some(" /data/orders/yyyy=*/mm=* "), None, Some("data/orders/yyyy="))]
#[case(Some("data//orders"), None, Some(""))]
#[case(Some("data"), Some("data"), Some(""))]
#[case(Some(" \u{a0} "), None, None)]
#[case(None, Some(r"^in/emea_(?<day>\d{8})\.csv$"), Some("in/emea_"))]
#[case(None, Some(r"in/(orders|items)_\d+\.csv"), Some("in/"))]
#[case(None, Some(r"in\.a/b"), Some("in.a/b"))]
#[case(None, Some("in/ab?c"), Some("in/a"))]
#[case(None, Some("in/[(|]a(b|c)"), Some("in/"))]
#[case(None, Some("in/a|b"), Some(""))]
#[case(None, Some(".*/orders"), Some(""))]
#[case(None, Some("(?i)in/a"), Some(""))]
#[case(None, None, None)]
#[tokio::test]
async fn a_prefix_is_as_long_as_is_certain(
    #[case] pattern: Option<&str>,
    #[case] regex: Option<&str>,
    #[case] expected: Option<&str>,
) {
    let bench = Bench::new().await;
    let client = bench.database.client().await.unwrap();
    let sql = "SELECT rdscnfg.ext_rule_key_prefix($1::text, $2::text)";
    let prefix: Option<String> = client.query_one(sql, &[&pattern, &regex]).await.unwrap().get(0);
    assert_eq!(prefix.as_deref(), expected);
}

/// A database with these rules, all in operation.
async fn with_rules(rules: &[RuleRow]) -> Bench {
    let bench = Bench::new().await;
    let feed = "INSERT INTO rdscnfg.ext_interface (ext_interface_cid, interface_name) VALUES (1, 'FEED')";
    bench.run(feed, &[]).await.unwrap();
    for rule in rules {
        let sql = "INSERT INTO rdscnfg.ext_file_config (
                       ext_file_config_sid, ext_interface_cid, file_prefix, file_format, file_type, header_flag,
                       trailer_flag, split_file_flag, key_pattern, key_regex, queue_name
                   )
                   VALUES ($1, 1, $2, 'txt', 'txt', 'N', 'N', 'N', $3, $4, $5)";
        let parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)] = &[
            &rule.ext_file_config_sid,
            &rule.file_prefix,
            &rule.key_pattern,
            &rule.key_regex,
            &rule.queue_name,
        ];
        bench.run(sql, parameters).await.unwrap();
    }
    bench
}

#[tokio::test]
async fn the_candidates_of_a_key_give_the_rule_that_all_rules_give() {
    let mut rules: Vec<RuleRow> = Vec::new();
    for text in samples(&of_pieces(PIECES_OF_EXPRESSIONS, 5), 60) {
        rules.push(row(0, None, Some(&text)));
    }
    for text in samples(&of_pieces(PIECES_OF_PATTERNS, 4), 60) {
        rules.push(row(0, Some(&text), None));
    }
    for token in ["a", "b", "A", "-"] {
        rules.push(RuleRow {
            file_prefix: format!(" {token}. "),
            ..row(0, None, None)
        });
    }
    for (sid, rule) in (1..).zip(&mut rules) {
        rule.ext_file_config_sid = sid;
    }
    let bench = with_rules(&rules).await;
    let all = bench.store.all_rules().await.unwrap();
    assert_eq!(all.len(), rules.len());
    let (mut ones, mut severals) = (0, 0);
    for key in samples(&of_pieces(PIECES_OF_KEYS, 5), KEYS) {
        let key = ObjectKey::new(key);
        let candidates = bench.store.candidate_rules(&key, None).await.unwrap();
        match (find(&all, None, &key), find(&candidates, None, &key)) {
            (
                Match::One {
                    row: of_all,
                    captures,
                },
                found,
            ) => {
                ones += 1;
                let expected = Match::One {
                    row: of_all,
                    captures,
                };
                assert_eq!(found, expected, "{key}");
            }
            (Match::Several(of_all), found) => {
                severals += 1;
                assert_eq!(found, Match::Several(of_all), "{key}");
            }
            (Match::Ignored(of_all), found) => assert_eq!(found, Match::Ignored(of_all), "{key}"),
            // A rule that cannot be read, and whose beginning shows that the key is none of its, is not named for it.
            (Match::Unreadable(_) | Match::None, found) => {
                assert!(
                    matches!(found, Match::Unreadable(_) | Match::None),
                    "{key}: {found:?}"
                );
            }
        }
    }
    assert!(
        ones > 10 && severals > 10,
        "{ones} keys had one rule, {severals} several"
    );
}

#[tokio::test]
async fn a_rule_is_found_by_its_queue_by_name_or_by_arn() {
    let of_queue = |sid, queue: &str| RuleRow {
        queue_name: Some(queue.to_owned()),
        ..row(sid, None, None)
    };
    let rules = [
        of_queue(1, " orders "),
        of_queue(2, "arn:aws:sqs:eu-west-1:1:items"),
        of_queue(3, "others"),
    ];
    let bench = with_rules(&rules).await;
    for (queue, expected) in [("orders", 1), ("items", 2)] {
        let (key, queue) = (ObjectKey::new("in/x.csv"), QueueName::stored(queue));
        let rows = bench.store.candidate_rules(&key, Some(&queue)).await.unwrap();
        let Match::One { row, .. } = find_announced(&rows, None, &key, Some(&queue)) else {
            unreachable!("{rows:?}");
        };
        assert_eq!((rows.len(), row.ext_file_config_sid), (1, expected));
        assert_eq!(bench.store.candidate_rules(&key, None).await.unwrap(), []);
    }
}
