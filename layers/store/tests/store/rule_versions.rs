//! Every version of a rule is kept, whoever changes it and however; loads know theirs.

use longshore_domain::rule::RuleId;
use longshore_store::{MatchedRule, RuleVersion};
use rstest::rstest;

use crate::support::{Bench, matched};

const RULE: RuleId = RuleId(71);

async fn with_samples() -> Bench {
    let bench = Bench::new().await;
    bench.store.apply_samples().await.unwrap();
    bench
}

async fn versions(bench: &Bench) -> Vec<RuleVersion> {
    bench.store.rule_versions(RULE).await.unwrap()
}

async fn newest(bench: &Bench) -> RuleVersion {
    versions(bench).await.remove(0)
}

fn columns(version: &RuleVersion) -> Vec<&str> {
    let columns = version.content["columns"].as_array().unwrap().iter();
    columns
        .map(|column| column["column_name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_rule_and_its_columns_that_are_inserted_together_are_one_version() {
    let bench = with_samples().await;
    let versions = versions(&bench).await;
    assert_eq!(versions.len(), 1);
    assert_eq!(versions[0].version, 1);
    assert_eq!(versions[0].content["tgt_table_name"], "pharmacy_price");
    assert_eq!(columns(&versions[0]).len(), 5);
}

#[rstest]
#[case("UPDATE rdscnfg.ext_file_config SET delimiter = ';' WHERE ext_file_config_sid = 71")]
#[case("UPDATE rdscnfg.ext_file_config_dtl SET oprtnl_flag = 'I' WHERE ext_file_config_dtl_sid = 7101")]
#[case("DELETE FROM rdscnfg.ext_file_config_dtl WHERE ext_file_config_dtl_sid = 7101")]
#[case(
    "INSERT INTO rdscnfg.ext_file_config_dtl
    (ext_file_config_dtl_sid, ext_file_config_sid, column_name, column_order_sqnc) VALUES (1, 71, 'x', 9)"
)]
#[tokio::test]
async fn a_change_by_hand_is_a_version_of_whoever_made_it(#[case] sql: &str) {
    let bench = with_samples().await;
    bench.run(sql, &[]).await.unwrap();
    let versions = versions(&bench).await;
    assert_eq!(versions.len(), 2, "{versions:?}");
    assert_ne!(versions[0].content, versions[1].content);
    assert_eq!(versions[0].version, 2);
    assert_eq!(versions[0].changed_by, bench.database.server().user());
    assert_eq!(versions[0].reason, None);
    assert_eq!(
        bench.store.rule_version(RULE, 1).await.unwrap().as_ref(),
        versions.get(1)
    );
}

#[rstest]
#[case(
    "UPDATE rdscnfg.ext_file_config SET delimiter = '|', modified_date = now() WHERE ext_file_config_sid = 71"
)]
#[case("UPDATE rdscnfg.ext_file_config_dtl SET column_name = column_name")]
#[case("UPDATE rdscnfg.ext_file_config SET delimiter = ';' WHERE ext_file_config_sid = 999")]
#[tokio::test]
async fn a_statement_that_changes_nothing_makes_no_version(#[case] sql: &str) {
    let bench = with_samples().await;
    bench.run(sql, &[]).await.unwrap();
    assert_eq!(versions(&bench).await.len(), 1);
}

#[tokio::test]
async fn a_column_that_moves_to_another_rule_changes_both() {
    let bench = with_samples().await;
    let sql = "UPDATE rdscnfg.ext_file_config_dtl SET ext_file_config_sid = 75 WHERE ext_file_config_dtl_sid = 7101";
    bench.run(sql, &[]).await.unwrap();
    assert_eq!(columns(&newest(&bench).await).len(), 4);
    let other = bench.store.rule_versions(RuleId(75)).await.unwrap();
    assert!(columns(&other[0]).contains(&"ndc"), "{other:?}");
}

#[tokio::test]
async fn whoever_changes_a_rule_while_another_does_counts_on_from_there() {
    let bench = with_samples().await;
    let mut first = bench.database.client().await.unwrap();
    let second = bench.database.client().await.unwrap();
    let transaction = first.transaction().await.unwrap();
    transaction
        .execute(
            "UPDATE rdscnfg.ext_file_config_dtl SET oprtnl_flag = 'I' WHERE ext_file_config_dtl_sid = 7101",
            &[],
        )
        .await
        .unwrap();
    let other = tokio::spawn(async move {
        let sql =
            "UPDATE rdscnfg.ext_file_config_dtl SET oprtnl_flag = 'I' WHERE ext_file_config_dtl_sid = 7102";
        second.execute(sql, &[]).await.unwrap();
    });
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted";
    while bench.number(waits).await == 0 {
        tokio::task::yield_now().await;
    }
    transaction.commit().await.unwrap();
    other.await.unwrap();
    let versions = versions(&bench).await;
    let switched_off = |version: &RuleVersion| {
        let columns = version.content["columns"].as_array().unwrap().iter();
        columns.filter(|column| column["oprtnl_flag"] == "I").count()
    };
    let counts: Vec<_> = versions
        .iter()
        .map(|version| (version.version, switched_off(version)))
        .collect();
    assert_eq!(counts, [(3, 2), (2, 1), (1, 0)]);
}

#[tokio::test]
async fn whoever_may_write_rules_needs_no_right_to_their_versions() {
    let bench = with_samples().await;
    let client = bench.database.client().await.unwrap();
    let name = format!("scribe_{}", bench.database.name());
    client
        .batch_execute(&format!(
            "CREATE ROLE \"{name}\"; GRANT USAGE ON SCHEMA rdscnfg TO \"{name}\";
             GRANT SELECT, UPDATE ON rdscnfg.ext_file_config TO \"{name}\";
             GRANT SELECT, UPDATE, DELETE ON rdscnfg.ext_file_config_dtl TO \"{name}\"; SET ROLE \"{name}\";
             UPDATE rdscnfg.ext_file_config SET delimiter = ';', paused = true WHERE ext_file_config_sid = 71;
             UPDATE rdscnfg.ext_file_config SET paused = false WHERE ext_file_config_sid = 71;
             UPDATE rdscnfg.ext_file_config_dtl SET oprtnl_flag = 'I' WHERE ext_file_config_sid = 71;
             DELETE FROM rdscnfg.ext_file_config_dtl WHERE ext_file_config_sid = 71;
             RESET ROLE; DROP OWNED BY \"{name}\"; DROP ROLE \"{name}\";"
        ))
        .await
        .unwrap();
    assert_eq!(versions(&bench).await.len(), 2);
}

/// On a table of one's own a trigger function would do with our rows what that table's say.
#[tokio::test]
async fn what_acts_with_its_owners_rights_is_for_our_triggers_alone() {
    let bench = with_samples().await;
    let open = "SELECT count(*) FROM pg_proc AS function
                WHERE function.prosecdef
                    AND function.pronamespace = 'rdscnfg'::regnamespace
                    AND EXISTS (
                        SELECT FROM aclexplode(coalesce(function.proacl, acldefault('f', function.proowner))) AS entry
                        WHERE entry.grantee = 0
                    )";
    assert_eq!(bench.number(open).await, 0);
    let client = bench.database.client().await.unwrap();
    let name = format!("stranger_{}", bench.database.name());
    client
        .batch_execute(&format!(
            "CREATE ROLE \"{name}\"; GRANT USAGE ON SCHEMA rdscnfg TO \"{name}\"; SET ROLE \"{name}\";
             CREATE TEMP TABLE own (ext_file_config_sid integer)"
        ))
        .await
        .unwrap();
    for sql in [
        "SELECT rdscnfg.ext_file_config_keep_version(ARRAY[71])",
        "CREATE TRIGGER wake AFTER INSERT ON own FOR EACH ROW EXECUTE FUNCTION rdscnfg.ext_file_config_wake_loads()",
    ] {
        let refused = client.batch_execute(sql).await.unwrap_err();
        let code = refused.code();
        assert_eq!(
            code,
            Some(&tokio_postgres::error::SqlState::INSUFFICIENT_PRIVILEGE),
            "{sql}"
        );
    }
    client
        .batch_execute(&format!(
            "RESET ROLE; DROP OWNED BY \"{name}\"; DROP ROLE \"{name}\";"
        ))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_load_keeps_the_version_that_it_was_matched_under() {
    let bench = with_samples().await;
    bench
        .run(
            "UPDATE rdscnfg.ext_file_config SET delimiter = ';' WHERE ext_file_config_sid = 71",
            &[],
        )
        .await
        .unwrap();
    let row = bench.store.rule(RULE).await.unwrap().unwrap();
    assert_eq!(row.rule_version, Some(2));
    let load = bench.received("in/prices_701.txt").await;
    let matched = MatchedRule {
        rule: RULE,
        version: row.rule_version,
        ..matched()
    };
    bench.store.record_match(load.id, &matched).await.unwrap();
    bench
        .run(
            "UPDATE rdscnfg.ext_file_config SET delimiter = ',' WHERE ext_file_config_sid = 71",
            &[],
        )
        .await
        .unwrap();
    let load = bench.store.load(load.id).await.unwrap().unwrap();
    assert_eq!(load.rule_version, Some(2));
}

/// Of a hundred thousand rules one is changed and one is looked up: neither reads them all.
#[tokio::test]
async fn a_change_of_one_rule_among_many_reads_no_other() {
    let bench = with_samples().await;
    let client = bench.database.client().await.unwrap();
    client
        .batch_execute(
            "INSERT INTO rdscnfg.ext_file_config
                 (ext_file_config_sid, ext_interface_cid, file_prefix, file_format, file_type)
             SELECT number, 701, 'many' || number, 'txt', 'txt' FROM generate_series(1000, 20999) AS number;
             ANALYZE rdscnfg.ext_file_config; ANALYZE rdscnfg.ext_file_config_version; ANALYZE rdscnfg.ext_file_config_dtl",
        )
        .await
        .unwrap();
    let scans = "SELECT sum(seq_tup_read)::bigint FROM pg_stat_xact_user_tables
        WHERE relname IN ('ext_file_config', 'ext_file_config_version')";
    client.batch_execute("BEGIN").await.unwrap();
    client
        .execute(
            "UPDATE rdscnfg.ext_file_config SET delimiter = ';' WHERE ext_file_config_sid = 15000",
            &[],
        )
        .await
        .unwrap();
    let read: i64 = client.query_one(scans, &[]).await.unwrap().get(0);
    client.batch_execute("COMMIT").await.unwrap();
    assert!(read < 100, "{read} rows were read one after the other");
    let versions = bench.store.rule_versions(RuleId(15000)).await.unwrap();
    assert_eq!(versions.len(), 2);
}

#[tokio::test]
async fn a_paused_rule_is_known_with_who_paused_it_and_since_when_whatever_is_changed_meanwhile() {
    let bench = with_samples().await;
    assert_eq!(bench.store.paused_rules().await.unwrap(), []);
    let client = bench.database.client().await.unwrap();
    for (who, change) in [
        ("ann", "paused = true"),
        ("ann", "paused = false"),
        ("ben", "paused = true, paused_note = 'the sender mends his files'"),
        ("cyd", "delimiter = ';'"),
    ] {
        let sql = format!(
            "SET longshore.operator = '{who}'; UPDATE rdscnfg.ext_file_config SET {change} WHERE ext_file_config_sid = 71"
        );
        client.batch_execute(&sql).await.unwrap();
    }
    let load = bench.received("in/A_701.txt").await;
    let sql = "UPDATE rdscnfg.ext_file_load SET waits_for = 'rule 71', due_at = now() WHERE load_id = $1";
    bench.run(sql, &[&load.id.as_uuid()]).await.unwrap();

    let paused = bench.store.paused_rules().await.unwrap();
    let versions = versions(&bench).await;
    assert_eq!(paused.len(), 1);
    assert_eq!((paused[0].rule, paused[0].waiting), (RULE, 1));
    assert_eq!(paused[0].by.as_deref(), Some("ben"));
    assert_eq!(paused[0].why.as_deref(), Some("the sender mends his files"));
    assert_eq!(paused[0].since, Some(versions[1].since), "{versions:?}");
}
