//! The load transaction as a whole.

use longshore_copy::TransactionError;
use longshore_domain::load::LoadId;
use longshore_domain::statement::LoadStep;

use crate::arrange::{Load, column, rule, set, statement};

#[test]
fn a_load_is_one_transaction_that_locks_first_and_marks_last() {
    let mut load = Load::of(&rule(|row| row.load_id_column = set("load_id")));
    load.rows_expected = Some(12);
    let transaction = load.render().unwrap();
    assert_eq!(
        transaction.steps,
        [
            LoadStep::Lock,
            LoadStep::Guard,
            LoadStep::Stage,
            LoadStep::Copy,
            LoadStep::Count,
            LoadStep::Insert,
            LoadStep::Marker,
        ]
    );
    insta::assert_snapshot!(transaction.statements.join(";\n"), @r#"
    LOCK TABLE "longshore"."rdsftetl$pharmacy_price";
    SELECT 1 / (CASE WHEN COUNT(*) = 0 THEN 1 ELSE 0 END) FROM "longshore"."rdsftetl$pharmacy_price" WHERE load_id = '00000000-0000-0000-0000-000000000007';
    CREATE TEMP TABLE "longshore_stage_00000000000000000000000000000007" AS SELECT "ndc", "unit_price" FROM "rdsftetl"."pharmacy_price" WHERE 1 = 0;
    COPY "longshore_stage_00000000000000000000000000000007" ("ndc", "unit_price")
    FROM 's3://landing/processing/7/manifest'
    IAM_ROLE 'arn:aws:iam::123456789012:role/copy'
    MANIFEST
    REGION 'us-east-1'
    DELIMITER '|'
    DATEFORMAT 'auto'
    TIMEFORMAT 'auto'
    IGNOREBLANKLINES
    COMPUPDATE OFF
    STATUPDATE OFF;
    SELECT 1 / (CASE WHEN COUNT(*) = 12 THEN 1 ELSE 0 END) FROM "longshore_stage_00000000000000000000000000000007";
    INSERT INTO "rdsftetl"."pharmacy_price" ("ndc", "unit_price", "file_name", "load_id")
    SELECT "ndc", "unit_price", 'PROD_PRICES_701.txt', '00000000-0000-0000-0000-000000000007'
    FROM "longshore_stage_00000000000000000000000000000007";
    INSERT INTO "longshore"."rdsftetl$pharmacy_price" (load_id, object_url, row_count, loaded_at)
    SELECT '00000000-0000-0000-0000-000000000007', 's3://landing/in/PROD_PRICES_701.txt', COUNT(*), GETDATE()
    FROM "longshore_stage_00000000000000000000000000000007"
    "#);
}

#[test]
fn the_rows_of_earlier_loads_are_deleted_by_their_ids_right_before_the_new_ones_come() {
    let mut load = Load::of(&rule(|row| row.load_id_column = set("load_id")));
    load.rows_expected = Some(12);
    load.replaces = [5, 6]
        .map(|number| LoadId::from_uuid(uuid::Uuid::from_u128(number)))
        .to_vec();
    let transaction = load.render().unwrap();
    assert_eq!(
        transaction.steps[4..],
        [
            LoadStep::Count,
            LoadStep::Replace,
            LoadStep::Insert,
            LoadStep::Marker
        ]
    );
    insta::assert_snapshot!(transaction.statements[5], @r#"
    DELETE FROM "rdsftetl"."pharmacy_price"
    WHERE "load_id" IN ('00000000-0000-0000-0000-000000000005', '00000000-0000-0000-0000-000000000006')
    "#);
}

#[test]
fn rows_that_nothing_tells_apart_are_not_replaced() {
    let mut load = Load::of(&rule(|_| {}));
    load.replaces = vec![LoadId::from_uuid(uuid::Uuid::from_u128(5))];
    assert_eq!(load.render(), Err(TransactionError::NothingToFindRowsBy));
}

#[test]
fn the_same_load_renders_the_same_text() {
    let load = Load::of(&rule(|_| {}));
    assert_eq!(load.render(), load.render());
}

#[test]
fn rows_are_not_checked_when_nobody_counted_or_any_number_may_be_left_out() {
    let mut load = Load::of(&rule(|_| {}));
    assert_eq!(statement(&load, LoadStep::Count), None);
    load = Load::of(&rule(|row| row.copy_options = set("IGNOREALLERRORS")));
    load.rows_expected = Some(12);
    assert_eq!(statement(&load, LoadStep::Count), None);
}

#[test]
fn rows_may_be_fewer_by_what_maxerror_allows() {
    let mut load = Load::of(&rule(|row| row.copy_options = set("MAXERROR 10")));
    load.rows_expected = Some(12);
    assert!(
        statement(&load, LoadStep::Count)
            .unwrap()
            .contains("COUNT(*) BETWEEN 2 AND 12")
    );
    load.rows_expected = Some(3);
    assert!(
        statement(&load, LoadStep::Count)
            .unwrap()
            .contains("COUNT(*) BETWEEN 0 AND 3")
    );
}

#[test]
fn a_rule_without_columns_fills_all_and_gets_its_lineage_in_the_stage() {
    let json = rule(|row| {
        row.file_format = "json".to_owned();
        row.columns = Vec::new();
    });
    let transaction = Load::of(&json).render().unwrap();
    assert_eq!(
        transaction.steps[4..],
        [LoadStep::Insert, LoadStep::Insert, LoadStep::Marker]
    );
    insta::assert_snapshot!(transaction.statements[2..6].join(";\n"), @r#"
    CREATE TEMP TABLE "longshore_stage_00000000000000000000000000000007" (LIKE "rdsftetl"."pharmacy_price" INCLUDING DEFAULTS);
    COPY "longshore_stage_00000000000000000000000000000007"
    FROM 's3://landing/processing/7/manifest'
    IAM_ROLE 'arn:aws:iam::123456789012:role/copy'
    MANIFEST
    REGION 'us-east-1'
    FORMAT AS JSON 'auto'
    DATEFORMAT 'auto'
    TIMEFORMAT 'auto'
    COMPUPDATE OFF
    STATUPDATE OFF;
    UPDATE "longshore_stage_00000000000000000000000000000007" SET "file_name" = 'PROD_PRICES_701.txt', "target_transaction_timestamp" = DEFAULT;
    INSERT INTO "rdsftetl"."pharmacy_price" SELECT * FROM "longshore_stage_00000000000000000000000000000007"
    "#);
}

#[test]
fn a_rule_without_columns_and_lineage_moves_the_stage_as_it_is() {
    let parquet = rule(|row| {
        row.file_format = "parquet".to_owned();
        row.columns = Vec::new();
        row.file_name_column = None;
    });
    let transaction = Load::of(&parquet).render().unwrap();
    assert_eq!(transaction.steps.len(), 6);
    assert!(
        statement(&Load::of(&parquet), LoadStep::Insert)
            .unwrap()
            .starts_with("INSERT INTO")
    );
}

#[test]
fn a_time_of_load_is_asked_for_only_beside_a_file_name_that_copy_looked_for_by_name() {
    let avro_by_load_id = rule(|row| {
        row.file_format = "avro".to_owned();
        row.columns = Vec::new();
        row.file_name_column = None;
        row.load_id_column = set("load_id");
    });
    let listed = rule(|row| row.file_format = "json".to_owned());
    for rule in [avro_by_load_id, listed] {
        for statement in Load::of(&rule).render().unwrap().statements {
            assert!(!statement.contains("target_transaction_timestamp"), "{statement}");
        }
    }
}

#[test]
fn the_default_role_of_the_cluster_is_a_word() {
    let mut load = Load::of(&rule(|_| {}));
    load.warehouse.iam_role = "default".to_owned();
    assert!(
        statement(&load, LoadStep::Copy)
            .unwrap()
            .contains("\nIAM_ROLE default\n")
    );
}

#[test]
fn nothing_in_it_commits_by_itself() {
    let mut load = Load::of(&rule(|row| row.load_id_column = set("load_id")));
    load.rows_expected = Some(1);
    for statement in load.render().unwrap().statements {
        let first = statement.split_whitespace().next().unwrap();
        assert!(
            ["LOCK", "SELECT", "CREATE", "COPY", "INSERT"].contains(&first),
            "{statement}"
        );
        assert!(!statement.contains(';'), "{statement}");
    }
}

#[test]
fn a_statement_beyond_what_the_data_api_takes_is_refused_by_its_step() {
    let wide = rule(|row| {
        row.columns = (0..1_600)
            .map(|index| column(&format!("{index:0>100}"), None))
            .collect();
    });
    let error = Load::of(&wide).render().unwrap_err();
    assert!(
        matches!(
            error,
            TransactionError::StatementTooLong {
                step: LoadStep::Stage,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn what_cannot_stand_in_sql_is_named() {
    let mut load = Load::of(&rule(|_| {}));
    load.manifest_url = r"s3://landing/a\b".to_owned();
    let refused = load.render().unwrap_err().to_string();
    insta::assert_snapshot!(refused, @"the manifest's address cannot be written in SQL");

    let mut load = Load::of(&rule(|_| {}));
    load.file_name_column = set(&"x".repeat(128));
    let refused = load.render().unwrap_err();
    assert!(matches!(
        refused,
        TransactionError::NotAName {
            part: "file_name_column",
            ..
        }
    ));
}
