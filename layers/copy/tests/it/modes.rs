//! What becomes of the rows that the target has, and the operator's SQL around it.

use longshore_copy::TransactionError;
use longshore_domain::rule::{FileRule, LoadMode, RuleRow};
use longshore_domain::statement::LoadStep;

use crate::arrange::{Load, column, rule, set, spec_of};

const DAY: &str = r"in/.*_(?<day>\d{8})?_701\.txt";

fn merging(row: &mut RuleRow) {
    row.load_mode = set("merge");
    row.merge_keys = set("ndc,Region");
    row.merge_order = set("changed_at");
    row.columns = vec![
        column("ndc", None),
        column("region", None),
        column("unit_price", None),
        column("changed_at", None),
    ];
}

fn replacing(row: &mut RuleRow) {
    row.load_mode = set("replace_period");
    row.key_regex = set(DAY);
    row.period_column = set("Business_Date");
    row.period_value = set("{day}");
}

/// A load of a file whose key gave its day.
fn dated(rule: &FileRule) -> Load {
    let mut load = Load::of(rule);
    load.captures.insert("day".to_owned(), "20261121".to_owned());
    load
}

/// The steps between the count, or the COPY where nobody counted, and the marker.
fn steps(load: &Load) -> Vec<LoadStep> {
    let steps = load.render().unwrap().steps;
    let fixed = [LoadStep::Lock, LoadStep::Guard, LoadStep::Stage, LoadStep::Copy];
    assert_eq!(steps[..4], fixed);
    assert_eq!(steps.last(), Some(&LoadStep::Marker));
    steps[4..steps.len() - 1].to_vec()
}

fn statements(load: &Load) -> String {
    let statements = load.render().unwrap().statements;
    statements[4..].join(";\n")
}

fn problems(change: impl FnOnce(&mut RuleRow)) -> String {
    let faults = spec_of(&rule(change)).unwrap_err().faults;
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[test]
fn truncate_deletes_every_row_and_wants_at_least_one_new_one() {
    let load = Load::of(&rule(|row| row.load_mode = set("truncate")));
    assert_eq!(
        steps(&load),
        [LoadStep::Count, LoadStep::Replace, LoadStep::Insert]
    );
    insta::assert_snapshot!(statements(&load), @r#"
    SELECT 1 / (CASE WHEN COUNT(*) >= 1 THEN 1 ELSE 0 END) FROM "longshore_stage_00000000000000000000000000000007";
    DELETE FROM "rdsftetl"."pharmacy_price";
    INSERT INTO "rdsftetl"."pharmacy_price" ("ndc", "unit_price", "file_name")
    SELECT "ndc", "unit_price", 'PROD_PRICES_701.txt'
    FROM "longshore_stage_00000000000000000000000000000007";
    INSERT INTO "longshore"."rdsftetl$pharmacy_price" (load_id, object_url, row_count, loaded_at)
    SELECT '00000000-0000-0000-0000-000000000007', 's3://landing/in/PROD_PRICES_701.txt', COUNT(*), GETDATE()
    FROM "longshore_stage_00000000000000000000000000000007"
    "#);
}

#[test]
fn rows_that_copy_may_leave_out_are_never_all_of_them_where_old_ones_go() {
    let truncating = |options: &str| {
        let mut load = Load::of(&rule(|row| {
            row.load_mode = set("truncate");
            row.copy_options = set(options);
        }));
        load.rows_expected = Some(12);
        statements(&load)
    };
    assert!(truncating("MAXERROR 100").contains("COUNT(*) BETWEEN 1 AND 12 "));
    assert!(truncating("MAXERROR 2").contains("COUNT(*) BETWEEN 10 AND 12 "));
    assert!(truncating("IGNOREALLERRORS").contains("COUNT(*) >= 1 "));
}

#[test]
fn a_period_that_the_file_brings_is_checked_and_replaced() {
    let load = dated(&rule(|row| {
        replacing(row);
        row.columns.push(column("business_date", None));
    }));
    assert_eq!(
        steps(&load),
        [
            LoadStep::Count,
            LoadStep::Period,
            LoadStep::Replace,
            LoadStep::Insert
        ]
    );
    insta::assert_snapshot!(statements(&load), @r#"
    SELECT 1 / (CASE WHEN COUNT(*) >= 1 THEN 1 ELSE 0 END) FROM "longshore_stage_00000000000000000000000000000007";
    SELECT 1 / (CASE WHEN COUNT(*) = 0 THEN 1 ELSE 0 END) FROM "longshore_stage_00000000000000000000000000000007" WHERE "business_date" <> '20261121' OR "business_date" IS NULL;
    DELETE FROM "rdsftetl"."pharmacy_price"
    WHERE "business_date" = '20261121';
    INSERT INTO "rdsftetl"."pharmacy_price" ("ndc", "unit_price", "business_date", "file_name")
    SELECT "ndc", "unit_price", "business_date", 'PROD_PRICES_701.txt'
    FROM "longshore_stage_00000000000000000000000000000007";
    INSERT INTO "longshore"."rdsftetl$pharmacy_price" (load_id, object_url, row_count, loaded_at)
    SELECT '00000000-0000-0000-0000-000000000007', 's3://landing/in/PROD_PRICES_701.txt', COUNT(*), GETDATE()
    FROM "longshore_stage_00000000000000000000000000000007"
    "#);
}

#[test]
fn a_period_that_only_the_key_tells_is_filled_in() {
    let load = dated(&rule(replacing));
    assert_eq!(
        steps(&load),
        [LoadStep::Count, LoadStep::Replace, LoadStep::Insert]
    );
    let transaction = load.render().unwrap();
    insta::assert_snapshot!(transaction.statements[6], @r#"
    INSERT INTO "rdsftetl"."pharmacy_price" ("ndc", "unit_price", "file_name", "business_date")
    SELECT "ndc", "unit_price", 'PROD_PRICES_701.txt', '20261121'
    FROM "longshore_stage_00000000000000000000000000000007"
    "#);
}

#[test]
fn a_rule_without_columns_brings_its_period_in_the_file() {
    let load = dated(&rule(|row| {
        replacing(row);
        row.file_format = "json".to_owned();
        row.columns.clear();
    }));
    let steps = steps(&load);
    assert!(steps.contains(&LoadStep::Period), "{steps:?}");
    assert!(
        !statements(&load).contains("'20261121')"),
        "{}",
        statements(&load)
    );
}

#[test]
fn a_period_may_be_a_span() {
    let mut load = Load::of(&rule(|row| {
        row.rule_kind = set("snapshot");
        row.queue_name = set("snapshot-1");
        row.load_mode = set("replace_period");
        row.period_column = set("ndc");
        row.period_value = set("{period_start}");
        row.period_end = set("{period_end}");
    }));
    load.captures
        .insert("period_start".to_owned(), "2026-11-26".to_owned());
    let missing = TransactionError::NotInTheKey {
        column: "period_end",
        placeholder: "period_end".to_owned(),
    };
    assert_eq!(load.render(), Err(missing));
    load.captures
        .insert("period_end".to_owned(), "2026-11-27'".to_owned());
    let statements = statements(&load);
    for says in [
        r#"WHERE "ndc" < '2026-11-26' OR "ndc" >= '2026-11-27''' OR "ndc" IS NULL"#,
        r#"WHERE "ndc" >= '2026-11-26' AND "ndc" < '2026-11-27'''"#,
    ] {
        assert!(statements.contains(says), "{statements}");
    }
}

#[test]
fn a_period_that_the_key_leaves_blank_is_not_guessed() {
    let refused = Load::of(&rule(replacing)).render();
    let placeholder = TransactionError::NotInTheKey {
        column: "period_value",
        placeholder: "day".to_owned(),
    };
    assert_eq!(refused, Err(placeholder));
}

#[test]
fn a_merge_moves_the_newest_row_of_each_key_where_the_table_has_none_as_new() {
    let load = Load::of(&rule(merging));
    assert_eq!(
        steps(&load),
        [
            LoadStep::KeysPresent,
            LoadStep::Newest,
            LoadStep::Outdated,
            LoadStep::Replace,
            LoadStep::Insert
        ]
    );
    insta::assert_snapshot!(statements(&load), @r#"
    SELECT 1 / (CASE WHEN COUNT(*) = 0 THEN 1 ELSE 0 END) FROM "longshore_stage_00000000000000000000000000000007" WHERE "ndc" IS NULL OR "region" IS NULL;
    CREATE TEMP TABLE "longshore_newest_00000000000000000000000000000007" AS SELECT "ndc", "region", "unit_price", "changed_at"
    FROM (
        SELECT "ndc", "region", "unit_price", "changed_at", ROW_NUMBER() OVER (
            PARTITION BY "ndc", "region"
            ORDER BY "changed_at" DESC NULLS LAST, "unit_price" DESC NULLS LAST
        ) AS "longshore$rank"
        FROM "longshore_stage_00000000000000000000000000000007"
    ) AS ranked
    WHERE "longshore$rank" = 1;
    DELETE FROM "longshore_newest_00000000000000000000000000000007"
    USING "rdsftetl"."pharmacy_price"
    WHERE "pharmacy_price"."ndc" = "longshore_newest_00000000000000000000000000000007"."ndc"
        AND "pharmacy_price"."region" = "longshore_newest_00000000000000000000000000000007"."region"
        AND ("longshore_newest_00000000000000000000000000000007"."changed_at" IS NULL OR "pharmacy_price"."changed_at" >= "longshore_newest_00000000000000000000000000000007"."changed_at");
    DELETE FROM "rdsftetl"."pharmacy_price"
    USING "longshore_newest_00000000000000000000000000000007"
    WHERE "pharmacy_price"."ndc" = "longshore_newest_00000000000000000000000000000007"."ndc"
        AND "pharmacy_price"."region" = "longshore_newest_00000000000000000000000000000007"."region";
    INSERT INTO "rdsftetl"."pharmacy_price" ("ndc", "region", "unit_price", "changed_at", "file_name")
    SELECT "ndc", "region", "unit_price", "changed_at", 'PROD_PRICES_701.txt'
    FROM "longshore_newest_00000000000000000000000000000007";
    INSERT INTO "longshore"."rdsftetl$pharmacy_price" (load_id, object_url, row_count, loaded_at)
    SELECT '00000000-0000-0000-0000-000000000007', 's3://landing/in/PROD_PRICES_701.txt', COUNT(*), GETDATE()
    FROM "longshore_newest_00000000000000000000000000000007"
    "#);
}

#[test]
fn a_merge_by_several_columns_compares_the_first_that_differs() {
    let load = Load::of(&rule(|row| {
        merging(row);
        row.merge_keys = set("ndc");
        row.merge_order = set("changed_at,region,unit_price");
    }));
    insta::assert_snapshot!(load.render().unwrap().statements[6], @r#"
    DELETE FROM "longshore_newest_00000000000000000000000000000007"
    USING "rdsftetl"."pharmacy_price"
    WHERE "pharmacy_price"."ndc" = "longshore_newest_00000000000000000000000000000007"."ndc"
        AND (("pharmacy_price"."changed_at" > "longshore_newest_00000000000000000000000000000007"."changed_at" OR ("longshore_newest_00000000000000000000000000000007"."changed_at" IS NULL AND "pharmacy_price"."changed_at" IS NOT NULL))
        OR (("pharmacy_price"."changed_at" = "longshore_newest_00000000000000000000000000000007"."changed_at" OR ("longshore_newest_00000000000000000000000000000007"."changed_at" IS NULL AND "pharmacy_price"."changed_at" IS NULL))
        AND (("pharmacy_price"."region" > "longshore_newest_00000000000000000000000000000007"."region" OR ("longshore_newest_00000000000000000000000000000007"."region" IS NULL AND "pharmacy_price"."region" IS NOT NULL))
        OR (("pharmacy_price"."region" = "longshore_newest_00000000000000000000000000000007"."region" OR ("longshore_newest_00000000000000000000000000000007"."region" IS NULL AND "pharmacy_price"."region" IS NULL))
        AND ("longshore_newest_00000000000000000000000000000007"."unit_price" IS NULL OR "pharmacy_price"."unit_price" >= "longshore_newest_00000000000000000000000000000007"."unit_price")))))
    "#);
}

#[test]
fn a_merge_without_an_order_wants_each_key_once_and_lets_the_incoming_row_win() {
    let load = Load::of(&rule(|row| {
        merging(row);
        row.merge_order = None;
    }));
    assert_eq!(
        steps(&load),
        [
            LoadStep::KeysPresent,
            LoadStep::KeysUnique,
            LoadStep::Replace,
            LoadStep::Insert
        ]
    );
    let transaction = load.render().unwrap();
    insta::assert_snapshot!(transaction.statements[5..7].join(";\n"), @r#"
    SELECT 1 / (CASE WHEN COUNT(*) = 0 THEN 1 ELSE 0 END)
    FROM (SELECT "ndc", "region" FROM "longshore_stage_00000000000000000000000000000007" GROUP BY "ndc", "region" HAVING COUNT(*) > 1) AS repeated;
    DELETE FROM "rdsftetl"."pharmacy_price"
    USING "longshore_stage_00000000000000000000000000000007"
    WHERE "pharmacy_price"."ndc" = "longshore_stage_00000000000000000000000000000007"."ndc"
        AND "pharmacy_price"."region" = "longshore_stage_00000000000000000000000000000007"."region"
    "#);
}

#[test]
fn a_merge_without_columns_is_not_rendered() {
    let mut load = Load::of(&rule(merging));
    load.columns.clear();
    assert_eq!(load.render(), Err(TransactionError::NothingToMergeBy));
}

#[test]
fn the_operators_sql_stands_around_what_moves_the_rows() {
    let load = dated(&rule(|row| {
        row.key_regex = set(DAY);
        row.load_mode = set("truncate");
        row.pre_sql = set("DELETE FROM a WHERE d = {day}; DELETE FROM b;");
        row.post_sql = set("-- keep\nINSERT INTO c SELECT ';', {day}");
    }));
    assert_eq!(
        steps(&load),
        [
            LoadStep::Count,
            LoadStep::PreSql,
            LoadStep::PreSql,
            LoadStep::Replace,
            LoadStep::Insert,
            LoadStep::PostSql
        ]
    );
    let statements = load.render().unwrap().statements;
    assert_eq!(
        statements[5..7],
        ["DELETE FROM a WHERE d = '20261121'", "DELETE FROM b"]
    );
    assert_eq!(statements[9], "INSERT INTO c SELECT ';', '20261121'");
}

#[test]
fn sql_that_would_leave_the_transaction_is_the_rules_fault_statement_by_statement() {
    let problems = problems(|row| {
        row.pre_sql = set("DELETE FROM a; TRUNCATE b; COMMIT");
        row.post_sql = set("VACUUM");
    });
    insta::assert_snapshot!(problems, @r"
    pre_sql: statement 2: TRUNCATE commits, and half of the load with it; write DELETE FROM
    pre_sql: statement 3: the load is one transaction, which begins and ends by itself; take it out
    post_sql: VACUUM cannot run within a transaction; take it out
    ");
}

#[test]
fn placeholders_that_are_not_filled_are_the_rules_fault() {
    let problems = problems(|row| {
        row.key_regex = set(DAY);
        row.pre_sql = set("DELETE FROM a WHERE d = '{day}'; DELETE FROM a WHERE d = {zone}; SELECT {");
        row.post_sql = set(r"SELECT '\' || {day}");
    });
    insta::assert_snapshot!(problems, @r"
    pre_sql: statement 1: {day} stands in quotes, where it is not filled; write it without, as it brings quotes of its own
    pre_sql: statement 2: the key does not give {zone}: key_regex has no group (?<zone>…); name one so
    pre_sql: statement 3: a brace outside of quotes begins a placeholder, such as {business_date}, and one here does not
    post_sql: a backslash may not stand beside a placeholder; write CHR(92)
    ");
}

#[test]
fn empty_or_endless_sql_is_the_rules_fault() {
    let problems = problems(|row| {
        row.pre_sql = set("-- nothing");
        row.post_sql = set(&"SELECT 1;".repeat(11));
    });
    insta::assert_snapshot!(problems, @r"
    pre_sql: holds no statement; write one or leave it NULL
    post_sql: holds 11 statements, and at most 10 may stand in one load
    ");
}

#[test]
fn the_longest_transaction_fits_into_one_batch() {
    let ten = "DELETE FROM a;".repeat(10);
    let mut load = Load::of(&rule(|row| {
        merging(row);
        row.pre_sql = set(&ten);
        row.post_sql = set(&ten);
    }));
    load.rows_expected = Some(3);
    assert!(matches!(load.mode, LoadMode::Merge(_)));
    let count = load.render().unwrap().statements.len();
    assert!(count <= 33, "{count} statements");
}

#[test]
fn nothing_but_the_operators_sql_says_what_does_not_stay_within_the_transaction() {
    for change in [merging, replacing, |row: &mut RuleRow| {
        row.load_mode = set("truncate");
    }] {
        for statement in dated(&rule(change)).render().unwrap().statements {
            let first = statement.split_whitespace().next().unwrap();
            assert!(
                ["LOCK", "SELECT", "CREATE", "COPY", "DELETE", "INSERT"].contains(&first),
                "{statement}"
            );
            assert!(!statement.contains(';'), "{statement}");
        }
    }
}
