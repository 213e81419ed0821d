//! The COPY statement of each format.

use longshore_domain::statement::LoadStep;

use crate::arrange::{Load, column, rule, set, spec_of, statement};

fn copy(rule: &longshore_domain::rule::FileRule) -> String {
    statement(&Load::of(rule), LoadStep::Copy).unwrap()
}

/// What follows the clauses that every COPY has.
fn options(rule: &longshore_domain::rule::FileRule) -> String {
    let copy = copy(rule);
    let after_manifest = copy.split_once("MANIFEST\n").unwrap().1.to_owned();
    after_manifest.replace('\n', " ")
}

#[test]
fn delimited_text_is_read_as_the_older_framework_read_it() {
    insta::assert_snapshot!(copy(&rule(|_| {})), @r#"
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
    STATUPDATE OFF
    "#);
}

#[test]
fn gzipped_csv_with_a_header() {
    let csv = rule(|row| {
        row.file_format = "csv".to_owned();
        row.file_type = "gz".to_owned();
        row.delimiter = set(",");
        row.header_flag = "Y".to_owned();
        row.compression = set("gzip");
    });
    insta::assert_snapshot!(options(&csv), @r#"REGION 'us-east-1' CSV QUOTE AS '"' DELIMITER ',' GZIP IGNOREHEADER 1 DATEFORMAT 'auto' TIMEFORMAT 'auto' IGNOREBLANKLINES COMPUPDATE OFF STATUPDATE OFF"#);
}

#[test]
fn fixed_width_text_lists_its_columns_by_safe_labels() {
    let fixed = rule(|row| {
        row.file_format = "fixed_width".to_owned();
        row.delimiter = None;
        row.columns = vec![column("NDC", Some("11")), column("Unit price, '$'", Some("8"))];
    });
    insta::assert_snapshot!(options(&fixed), @r#"REGION 'us-east-1' FIXEDWIDTH 'ndc:11,column_2:8' DATEFORMAT 'auto' TIMEFORMAT 'auto' IGNOREBLANKLINES COMPUPDATE OFF STATUPDATE OFF"#);
}

#[test]
fn json_by_name_and_by_paths_file() {
    let json = rule(|row| row.file_format = "json".to_owned());
    insta::assert_snapshot!(options(&json), @r#"REGION 'us-east-1' FORMAT AS JSON 'auto' DATEFORMAT 'auto' TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF"#);
    let paths = rule(|row| {
        row.file_format = "json".to_owned();
        row.json_paths = set("s3://landing/paths/it's.json");
        row.compression = set("zstd");
    });
    insta::assert_snapshot!(options(&paths), @r#"REGION 'us-east-1' FORMAT AS JSON 's3://landing/paths/it''s.json' ZSTD DATEFORMAT 'auto' TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF"#);
}

#[test]
fn avro_by_name() {
    let avro = rule(|row| {
        row.file_format = "avro".to_owned();
        row.json_paths = set("auto ignorecase");
    });
    insta::assert_snapshot!(options(&avro), @r#"REGION 'us-east-1' FORMAT AS AVRO 'auto ignorecase' DATEFORMAT 'auto' TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF"#);
}

#[test]
fn parquet_and_orc_take_neither_a_region_nor_a_list_of_columns() {
    let parquet = rule(|row| row.file_format = "parquet".to_owned());
    insta::assert_snapshot!(copy(&parquet), @r#"
    COPY "longshore_stage_00000000000000000000000000000007"
    FROM 's3://landing/processing/7/manifest'
    IAM_ROLE 'arn:aws:iam::123456789012:role/copy'
    MANIFEST
    FORMAT AS PARQUET
    STATUPDATE OFF
    "#);
    let orc = rule(|row| {
        row.file_format = "orc".to_owned();
        row.copy_options = set("FILLRECORD");
        row.invalid_bytes = set("replace");
    });
    insta::assert_snapshot!(options(&orc), @r#"FORMAT AS ORC ACCEPTINVCHARS STATUPDATE OFF FILLRECORD"#);
}

#[test]
fn every_column_of_the_rule_shows_in_its_option() {
    let everything = rule(|row| {
        row.delimiter = set(r"\001");
        row.escape_char = set("\\");
        row.header_flag = "Y".to_owned();
        row.encoding = set("UTF16LE");
        row.invalid_bytes = set("replace");
        row.null_as = set("N/A");
        row.date_format = set("MM/DD/YYYY");
        row.time_format = set("epochsecs");
        row.compression = set("bz2");
        row.copy_options = set(
            "maxerror as 10, TRUNCATECOLUMNS EMPTYASNULL ACCEPTINVCHARS AS '^' COMPUPDATE ON STATUPDATE TRUE ROUNDEC",
        );
    });
    insta::assert_snapshot!(options(&everything), @r#"REGION 'us-east-1' DELIMITER '\001' ESCAPE BZIP2 ENCODING UTF16LE IGNOREHEADER 1 NULL AS 'N/A' DATEFORMAT 'MM/DD/YYYY' TIMEFORMAT 'epochsecs' IGNOREBLANKLINES MAXERROR 10 TRUNCATECOLUMNS EMPTYASNULL ACCEPTINVCHARS AS '^' COMPUPDATE ON STATUPDATE ON ROUNDEC"#);
    assert_eq!(spec_of(&everything).unwrap().max_errors(), Some(10));
}

#[test]
fn as_many_records_are_left_out_as_the_header_has() {
    let titled = rule(|row| {
        row.header_flag = "Y".to_owned();
        row.header_records = Some(3);
    });
    assert!(
        options(&titled).contains(" IGNOREHEADER 3 "),
        "{}",
        options(&titled)
    );
}

#[test]
fn quotes_are_removed_when_the_escape_character_is_a_quote() {
    let quoted = rule(|row| row.escape_char = set("\""));
    insta::assert_snapshot!(options(&quoted), @r#"REGION 'us-east-1' DELIMITER '|' REMOVEQUOTES DATEFORMAT 'auto' TIMEFORMAT 'auto' IGNOREBLANKLINES COMPUPDATE OFF STATUPDATE OFF"#);
}

#[test]
fn encrypted_files_are_read_with_a_key_that_comes_in_later() {
    let encrypted = rule(|row| row.encryption_secret = Some("partner".to_owned()));
    assert!(options(&encrypted).contains(&format!(" ENCRYPTED {} ", longshore_copy::KEY_PLACEHOLDER)));
    assert!(!copy(&encrypted).contains("partner"));
}

#[test]
fn lzop_is_left_to_the_warehouse() {
    let lzop = rule(|row| row.compression = set("lzop"));
    assert!(options(&lzop).contains(" LZOP "));
}

#[test]
fn the_null_text_that_copy_has_by_default_is_not_said() {
    let by_column = rule(|row| row.null_as = set(r"\N"));
    let by_option = rule(|row| row.copy_options = set(r"NULL AS '\N'"));
    assert_eq!(options(&by_column), options(&rule(|_| {})));
    assert_eq!(options(&by_option), options(&rule(|_| {})));
    let nul = rule(|row| row.null_as = set(r"\0"));
    assert!(options(&nul).contains(r"NULL AS '\000'"));
}

#[test]
fn rows_at_fault_are_counted_by_maxerror_and_not_at_all_by_ignoreallerrors() {
    let max_errors = |options: &str| {
        spec_of(&rule(|row| row.copy_options = set(options)))
            .unwrap()
            .max_errors()
    };
    assert_eq!(max_errors(""), Some(0));
    assert_eq!(max_errors("MAXERROR 100000"), Some(100_000));
    assert_eq!(max_errors("IGNOREALLERRORS"), None);
}
