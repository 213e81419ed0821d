//! Columns that a file brings and its rule does not list: what each policy makes of them in SQL.

use longshore_copy::LoadTransaction;
use longshore_domain::rule::{ColumnPlace, RuleColumn, RuleRow};

use crate::arrange::{Load, column, rule, set};

/// Whose file brings `colour` and `size` besides.
fn drifting(place: ColumnPlace, change: impl FnOnce(&mut RuleRow)) -> LoadTransaction {
    let mut load = Load::of(&rule(change));
    let extra = |name: &str| RuleColumn {
        name: name.to_owned(),
        width: None,
        place: place.clone(),
    };
    load.columns.extend([extra("colour"), extra("size")]);
    load.render().unwrap()
}

/// The stage, the columns that COPY names, and how the rows come into the table.
fn told(transaction: &LoadTransaction) -> String {
    let told = transaction.statements.iter().filter_map(|sql| {
        if sql.starts_with("CREATE TEMP TABLE") || sql.contains("\"rdsftetl\".\"pharmacy_price\" (") {
            return Some(sql.as_str());
        }
        sql.starts_with("COPY").then(|| sql.lines().next()).flatten()
    });
    told.collect::<Vec<_>>().join(";\n")
}

#[test]
fn columns_that_are_left_out_are_texts_in_the_stage_and_go_nowhere() {
    let transaction = drifting(ColumnPlace::Dropped, |_| {});
    insta::assert_snapshot!(told(&transaction), @r#"
    CREATE TEMP TABLE "longshore_stage_00000000000000000000000000000007" AS SELECT "ndc", "unit_price", CAST(NULL AS character varying(65535)) AS "colour", CAST(NULL AS character varying(65535)) AS "size" FROM "rdsftetl"."pharmacy_price" WHERE 1 = 0;
    COPY "longshore_stage_00000000000000000000000000000007" ("ndc", "unit_price", "colour", "size");
    INSERT INTO "rdsftetl"."pharmacy_price" ("ndc", "unit_price", "file_name")
    SELECT "ndc", "unit_price", 'PROD_PRICES_701.txt'
    FROM "longshore_stage_00000000000000000000000000000007"
    "#);
}

#[test]
fn columns_that_the_table_got_are_columns_like_any() {
    let transaction = drifting(ColumnPlace::Added, |_| {});
    insta::assert_snapshot!(told(&transaction), @r#"
    CREATE TEMP TABLE "longshore_stage_00000000000000000000000000000007" AS SELECT "ndc", "unit_price", "colour", "size" FROM "rdsftetl"."pharmacy_price" WHERE 1 = 0;
    COPY "longshore_stage_00000000000000000000000000000007" ("ndc", "unit_price", "colour", "size");
    INSERT INTO "rdsftetl"."pharmacy_price" ("ndc", "unit_price", "colour", "size", "file_name")
    SELECT "ndc", "unit_price", "colour", "size", 'PROD_PRICES_701.txt'
    FROM "longshore_stage_00000000000000000000000000000007"
    "#);
}

#[test]
fn columns_that_are_kept_go_by_name_into_the_one_that_takes_them() {
    let transaction = drifting(ColumnPlace::Kept("more".to_owned()), |_| {});
    insta::assert_snapshot!(told(&transaction), @r#"
    CREATE TEMP TABLE "longshore_stage_00000000000000000000000000000007" AS SELECT "ndc", "unit_price", CAST(NULL AS character varying(65535)) AS "colour", CAST(NULL AS character varying(65535)) AS "size" FROM "rdsftetl"."pharmacy_price" WHERE 1 = 0;
    COPY "longshore_stage_00000000000000000000000000000007" ("ndc", "unit_price", "colour", "size");
    INSERT INTO "rdsftetl"."pharmacy_price" ("ndc", "unit_price", "more", "file_name")
    SELECT "ndc", "unit_price", OBJECT('colour', "colour", 'size', "size"), 'PROD_PRICES_701.txt'
    FROM "longshore_stage_00000000000000000000000000000007"
    "#);
}

#[test]
fn a_file_that_brings_no_others_is_loaded_as_if_there_were_no_policy() {
    let plain = Load::of(&rule(|_| {})).render().unwrap();
    for policy in ["ignore_extra", "add_column", "keep_extra"] {
        let drifting = rule(|row| {
            row.header_flag = "Y".to_owned();
            row.header_policy = set("names");
            row.drift_policy = set(policy);
            row.extra_column = (policy == "keep_extra").then(|| "more".to_owned());
        });
        let transaction = Load::of(&drifting).render().unwrap();
        assert_eq!(told(&transaction), told(&plain), "{policy}");
    }
}

#[test]
fn the_newest_rows_are_picked_out_with_the_columns_that_the_table_got() {
    let merging = |row: &mut RuleRow| {
        row.load_mode = set("merge");
        row.merge_keys = set("ndc");
        row.merge_order = set("unit_price");
        row.columns = vec![column("ndc", None), column("unit_price", None)];
    };
    let added = drifting(ColumnPlace::Added, merging).statements.join(";\n");
    let picked = added.lines().filter(|line| line.contains("colour")).count();
    assert!(
        picked >= 4,
        "stage, COPY, picked rows and INSERT name it:\n{added}"
    );
    let kept = drifting(ColumnPlace::Kept("more".to_owned()), merging)
        .statements
        .join(";\n");
    assert!(
        kept.contains("OBJECT('colour', \"colour\", 'size', \"size\")"),
        "{kept}"
    );
}

#[test]
fn a_name_that_no_column_can_have_is_refused_by_its_name() {
    let mut load = Load::of(&rule(|_| {}));
    load.columns.push(RuleColumn {
        name: "colour\0".to_owned(),
        width: None,
        place: ColumnPlace::Added,
    });
    let error = load.render().unwrap_err().to_string();
    assert!(error.contains("column"), "{error}");
}
