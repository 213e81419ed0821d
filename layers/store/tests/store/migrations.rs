//! Migrations: twice, side by side, on the older framework's tables, in another schema.

use longshore_domain::disposition::Disposition;
use longshore_store::{ConnectOptions, Store, StoreError, sample_sql};
use longshore_testkit::TestDatabase;

use crate::support::{Bench, options};

/// The older framework's tables as an operator may have them, with a row in each.
const OLDER_TABLES: &str = "
CREATE SCHEMA rdscnfg;
CREATE TABLE rdscnfg.ext_interface (
    ext_interface_cid numeric(30) PRIMARY KEY, interface_name varchar(100), interface_desc varchar(200),
    oprtnl_flag char(1) DEFAULT 'A', created_date timestamp NOT NULL, modified_date timestamp NOT NULL
);
CREATE TABLE rdscnfg.ext_file_config (
    ext_file_config_sid int PRIMARY KEY, ext_interface_cid numeric(30) REFERENCES rdscnfg.ext_interface,
    tgt_schema_name varchar(50) NOT NULL, tgt_table_name varchar(50) NOT NULL, file_prefix varchar(50) NOT NULL,
    file_format varchar(10) NOT NULL, file_type varchar(10) NOT NULL, delimiter varchar(5),
    header_flag char(1) NOT NULL, trailer_flag char(1) NOT NULL, query varchar(4000),
    split_file_flag char(1) NOT NULL, split_prefix varchar(50), escape_char varchar(5), trailer_pstn varchar(10),
    oprtnl_flag char(1) DEFAULT 'A', created_date timestamp NOT NULL, modified_date timestamp NOT NULL
);
CREATE TABLE rdscnfg.ext_file_config_dtl (
    ext_file_config_dtl_sid int PRIMARY KEY, ext_file_config_sid int REFERENCES rdscnfg.ext_file_config,
    column_name varchar(100) NOT NULL, column_width_fixed numeric, column_order_sqnc numeric(5, 2) NOT NULL,
    oprtnl_flag char(1) DEFAULT 'A', created_date timestamp NOT NULL, modified_date timestamp NOT NULL
);
CREATE TABLE rdscnfg.ext_file_audit (
    ext_file_audit_sid int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, ext_interface_cid numeric(30) NOT NULL,
    tgt_schema_name varchar(50) NOT NULL, tgt_table_name varchar(50) NOT NULL, file_process_status varchar(20),
    file_process_date timestamp, file_prcsd_flag char(1), merge_query varchar(4000), error_msg varchar(100),
    start_time timestamp, end_time timestamp, update_query varchar(4000), escape_char varchar(5),
    created_date timestamp NOT NULL, modified_date timestamp NOT NULL
);
INSERT INTO rdscnfg.ext_interface VALUES (527, 'PA_TYPE', NULL, 'A', now(), now());
INSERT INTO rdscnfg.ext_file_config VALUES
    (1, 527, 's', 't', '527.', 'txt', 'txt', '|', 'N', 'N', NULL, 'N', NULL, NULL, NULL, 'A', now(), now());
INSERT INTO rdscnfg.ext_file_config_dtl VALUES (1, 1, 'id', 10, 1, 'A', now(), now());
INSERT INTO rdscnfg.ext_file_audit
    (ext_interface_cid, tgt_schema_name, tgt_table_name, file_process_status, created_date, modified_date)
VALUES (527, 's', 't', 'FINISHED', now(), now());
";

#[tokio::test]
async fn a_second_migration_finds_nothing_to_do() {
    let database = TestDatabase::create().await.unwrap();
    let store = Store::connect(options(&database)).unwrap();
    let first = store.migrate().await.unwrap();
    let last = first.applied.last().cloned().unwrap_or_default();
    assert_eq!(first.applied.iter().filter(|name| **name == last).count(), 1);
    assert!(last.starts_with(&format!("V{}__", first.version)), "{last}");
    let second = store.migrate().await.unwrap();
    assert_eq!(second.applied, Vec::<String>::new());
}

#[tokio::test]
async fn of_programs_that_migrate_side_by_side_one_works() {
    let database = TestDatabase::create().await.unwrap();
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let store = Store::connect(options(&database)).unwrap();
            tokio::spawn(async move { store.migrate().await })
        })
        .collect();
    let mut worked = 0;
    for task in tasks {
        let report = task.await.unwrap().unwrap();
        worked += usize::from(!report.applied.is_empty());
    }
    assert_eq!(worked, 1);
}

#[tokio::test]
async fn the_older_frameworks_rows_stay_and_its_rules_work() {
    let database = TestDatabase::create().await.unwrap();
    database
        .client()
        .await
        .unwrap()
        .batch_execute(OLDER_TABLES)
        .await
        .unwrap();
    let store = Store::connect(options(&database)).unwrap();
    store.migrate().await.unwrap();

    let rules = store.rules_of_token("527").await.unwrap();
    assert_eq!(rules.len(), 1);
    assert_eq!(rules[0].interface_name, "PA_TYPE");
    assert_eq!(rules[0].columns[0].column_width_fixed.as_deref(), Some("10"));
    assert_eq!(rules[0].file_name_column.as_deref(), Some("file_name"));

    let audit = store
        .audit_rows(&longshore_store::AuditFilter {
            limit: 10,
            ..Default::default()
        })
        .await
        .unwrap();
    assert_eq!(audit.len(), 1);
    assert_eq!(audit[0].file_process_status.as_deref(), Some("FINISHED"));
    assert_eq!(audit[0].load, None);
}

#[tokio::test]
async fn an_error_longer_than_the_older_column_is_audited_in_full() {
    use crate::support::{ACTOR, at, audit, matched};
    use longshore_domain::reject::RejectReason;
    use longshore_store::{AuditFilter, AuditStatus, Conclusion};

    let database = TestDatabase::create().await.unwrap();
    let client = database.client().await.unwrap();
    client.batch_execute(OLDER_TABLES).await.unwrap();
    let store = Store::connect(options(&database)).unwrap();
    store.migrate().await.unwrap();
    let bench = Bench { store, database };
    let load = bench.received("in/A_527.txt").await;
    bench.store.record_match(load.id, &matched()).await.unwrap();
    let reason = RejectReason::Content {
        fault: "quote_unbalanced".to_owned(),
        message: "x".repeat(3_000),
        line: None,
        byte: None,
    };
    bench
        .store
        .mark_rejected(load.id, &reason, at(1), ACTOR)
        .await
        .unwrap();
    let conclusion = Conclusion {
        audit: Some(audit(AuditStatus::Failed)),
        notices: vec![],
        ..Conclusion::default()
    };
    bench
        .store
        .conclude(load.id, &conclusion, at(2), ACTOR)
        .await
        .unwrap();
    let filter = AuditFilter {
        load: Some(load.id),
        limit: 1,
        ..AuditFilter::default()
    };
    let rows = bench.store.audit_rows(&filter).await.unwrap();
    assert_eq!(rows[0].error_msg.as_ref().map(String::len), Some(3_000));
}

#[tokio::test]
async fn another_schema_holds_all_of_it_even_one_that_needs_quotes() {
    let database = TestDatabase::create().await.unwrap();
    let store = Store::connect(ConnectOptions {
        schema: "My \"odd\" schema".to_owned(),
        ..options(&database)
    })
    .unwrap();
    store.migrate().await.unwrap();
    store.apply_samples().await.unwrap();
    assert_eq!(store.rules_of_token("701").await.unwrap().len(), 1);
    let bench = Bench { store, database };
    bench.received("in/A_701.txt").await;
    let strays = bench
        .number("SELECT count(*) FROM pg_namespace WHERE nspname = 'rdscnfg'")
        .await;
    assert_eq!(strays, 0);
}

#[tokio::test]
async fn a_database_that_was_not_migrated_says_the_command() {
    let database = TestDatabase::create().await.unwrap();
    let store = Store::connect(options(&database)).unwrap();
    let error = store.all_rules().await.unwrap_err();
    assert!(matches!(error, StoreError::SchemaMissing { .. }), "{error:?}");
    assert!(error.to_string().contains("longshore migrate"), "{error}");
    assert_eq!(error.disposition(), Disposition::Misconfigured);
}

#[tokio::test]
async fn a_schema_that_a_newer_program_migrated_is_refused() {
    let bench = Bench::new().await;
    let sql = "INSERT INTO rdscnfg.longshore_migration VALUES (99, 'later', '2026-11-21T00:00:00Z', '1')";
    bench.run(sql, &[]).await.unwrap();
    let error = bench.store.migrate().await.unwrap_err();
    assert!(error.to_string().contains("newer program"), "{error}");
}

#[tokio::test]
async fn the_samples_may_be_inserted_twice_and_an_operator_may_have_them_as_they_are() {
    let bench = Bench::new().await;
    bench.store.apply_samples().await.unwrap();
    bench.store.apply_samples().await.unwrap();
    let client = bench.database.client().await.unwrap();
    for (name, sql) in sample_sql() {
        client
            .batch_execute(sql)
            .await
            .unwrap_or_else(|error| unreachable!("{name}: {error}"));
    }
    assert_eq!(bench.store.all_rules().await.unwrap().len(), 5);
}
