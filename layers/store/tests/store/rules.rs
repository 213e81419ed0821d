//! Which rows count, and what is read from them.

use longshore_domain::matching::{Match, find};
use longshore_domain::object::ObjectKey;
use longshore_domain::rule::{FileRule, RuleId};
use rstest::rstest;

use crate::support::Bench;

async fn with_samples() -> Bench {
    let bench = Bench::new().await;
    bench.store.apply_samples().await.unwrap();
    bench
}

async fn candidates(bench: &Bench, key: &str) -> Vec<i32> {
    let rules = bench
        .store
        .candidate_rules(&ObjectKey::new(key), None)
        .await
        .unwrap();
    rules.iter().map(|rule| rule.ext_file_config_sid).collect()
}

async fn tokens_found(bench: &Bench, token: &str) -> Vec<i32> {
    candidates(bench, &format!("in/a_{token}.txt")).await
}

#[tokio::test]
async fn every_sample_rule_is_without_fault() {
    let bench = with_samples().await;
    for row in bench.store.all_rules().await.unwrap() {
        let rule = FileRule::from_row(&row);
        assert!(rule.is_ok(), "{}", rule.unwrap_err());
    }
}

#[rstest]
#[case("in/prices_701.txt", 71)]
#[case("in/shipments_702.txt", 72)]
#[case("in/shipments_702-HD.txt", 73)]
#[case("in/shipments_702-DT.txt", 74)]
#[case("in/products_703.csv.gz", 75)]
#[tokio::test]
async fn a_sample_file_finds_its_rule(#[case] key: &str, #[case] expected: i32) {
    let bench = with_samples().await;
    let key = ObjectKey::new(key);
    let rules = bench.store.candidate_rules(&key, None).await.unwrap();
    let Match::One { row, .. } = find(&rules, None, &key) else {
        unreachable!("{key} does not match one rule of {rules:?}");
    };
    assert_eq!(row.ext_file_config_sid, expected);
}

#[tokio::test]
async fn columns_come_in_their_order_with_widths_in_digits() {
    let bench = with_samples().await;
    bench
        .run(
            "INSERT INTO rdscnfg.ext_file_config_dtl
                 (ext_file_config_dtl_sid, ext_file_config_sid, column_name, column_width_fixed, column_order_sqnc)
             VALUES (1, 71, 'between', 12.0, 1.5), (2, 71, 'last', NULL, 99)",
            &[],
        )
        .await
        .unwrap();
    let rule = bench.store.rule(RuleId(71)).await.unwrap().unwrap();
    let columns: Vec<(&str, Option<&str>)> = rule
        .columns
        .iter()
        .map(|column| (column.column_name.as_str(), column.column_width_fixed.as_deref()))
        .collect();
    assert_eq!(columns[..2], [("ndc", None), ("between", Some("12"))]);
    assert_eq!(columns.last(), Some(&("last", None)));
}

#[rstest]
#[case("UPDATE rdscnfg.ext_file_config SET oprtnl_flag = 'I' WHERE ext_file_config_sid = 71")]
#[case("UPDATE rdscnfg.ext_file_config SET oprtnl_flag = NULL WHERE ext_file_config_sid = 71")]
#[case("UPDATE rdscnfg.ext_interface SET oprtnl_flag = 'I' WHERE ext_interface_cid = 701")]
#[tokio::test]
async fn a_rule_or_interface_that_is_switched_off_does_not_count(#[case] sql: &str) {
    let bench = with_samples().await;
    assert_eq!(tokens_found(&bench, "701").await, [71]);
    bench.run(sql, &[]).await.unwrap();
    assert_eq!(tokens_found(&bench, "701").await, Vec::<i32>::new());
    assert_eq!(bench.store.rule(RuleId(71)).await.unwrap(), None);
    assert_eq!(tokens_found(&bench, "702").await, [72]);
}

#[tokio::test]
async fn a_column_that_is_switched_off_is_left_out() {
    let bench = with_samples().await;
    let sql = "UPDATE rdscnfg.ext_file_config_dtl SET oprtnl_flag = 'I' WHERE column_name = 'unit_price'";
    bench.run(sql, &[]).await.unwrap();
    let rule = bench.store.rule(RuleId(71)).await.unwrap().unwrap();
    assert_eq!(rule.columns.len(), 4);
    assert!(
        rule.columns
            .iter()
            .all(|column| column.column_name != "unit_price")
    );
}

#[tokio::test]
async fn a_rule_whose_target_is_switched_off_does_not_fall_back_on_another_warehouse() {
    let bench = with_samples().await;
    let sql = "INSERT INTO rdscnfg.ext_target
                   (ext_target_sid, target_name, workgroup_name, database_name, iam_role, region)
               VALUES (1, 'second', 'wg', 'dev', 'default', 'eu-west-1')";
    bench.run(sql, &[]).await.unwrap();
    let sql = "UPDATE rdscnfg.ext_file_config SET ext_target_sid = 1 WHERE ext_file_config_sid = 71";
    bench.run(sql, &[]).await.unwrap();
    let rule = bench.store.rule(RuleId(71)).await.unwrap().unwrap();
    assert_eq!(rule.target.unwrap().workgroup_name.as_deref(), Some("wg"));

    let sql = "UPDATE rdscnfg.ext_target SET oprtnl_flag = 'I'";
    bench.run(sql, &[]).await.unwrap();
    assert_eq!(bench.store.rule(RuleId(71)).await.unwrap(), None);
}

#[tokio::test]
async fn rules_that_look_at_the_whole_key_are_candidates_for_keys_that_begin_as_theirs_do() {
    let bench = with_samples().await;
    let sql = "UPDATE rdscnfg.ext_file_config SET key_pattern = 'data/*' WHERE ext_file_config_sid = 75";
    bench.run(sql, &[]).await.unwrap();
    let sql = "UPDATE rdscnfg.ext_file_config SET key_regex = 'x.*' WHERE ext_file_config_sid = 74";
    bench.run(sql, &[]).await.unwrap();
    assert_eq!(candidates(&bench, "data/a_701.txt").await, [71, 75]);
    assert_eq!(candidates(&bench, "xylophone").await, [74]);
    assert_eq!(candidates(&bench, "database").await, Vec::<i32>::new());
}

#[rstest]
#[case("527.", "527", true)]
#[case("527", "527", true)]
#[case(" 527. ", "527", true)]
#[case("5%.", "527", false)]
#[case("5_7.", "527", false)]
#[case("527-HD.", "527", false)]
#[tokio::test]
async fn a_token_is_compared_exactly(#[case] prefix: &str, #[case] token: &str, #[case] found: bool) {
    let bench = with_samples().await;
    let sql = "UPDATE rdscnfg.ext_file_config SET file_prefix = $1 WHERE ext_file_config_sid = 71";
    bench.run(sql, &[&prefix]).await.unwrap();
    assert_eq!(tokens_found(&bench, token).await == [71], found);
}

#[tokio::test]
async fn an_interface_number_wider_than_any_machine_integer_is_kept() {
    let bench = with_samples().await;
    let sql = "INSERT INTO rdscnfg.ext_interface (ext_interface_cid, interface_name)
               VALUES (123456789012345678901234567890, 'WIDE')";
    bench.run(sql, &[]).await.unwrap();
    let sql = "UPDATE rdscnfg.ext_file_config SET ext_interface_cid = 123456789012345678901234567890
               WHERE ext_file_config_sid = 71";
    bench.run(sql, &[]).await.unwrap();
    let rule = bench.store.rule(RuleId(71)).await.unwrap().unwrap();
    assert_eq!(rule.ext_interface_cid, "123456789012345678901234567890");
}
