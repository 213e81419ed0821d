//! Rules that Redshift would refuse, refused with the column to mend.

use longshore_domain::rule::{FileRule, RuleRow};
use rstest::rstest;

use crate::arrange::{rule, set, spec_of};

/// Every fault as `column: problem`.
fn faults(rule: &FileRule) -> Vec<String> {
    match spec_of(rule) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.faults.iter().map(ToString::to_string).collect(),
    }
}

fn format(name: &str) -> impl FnOnce(&mut RuleRow) + use<> {
    let name = name.to_owned();
    move |row| {
        if name == "fixed_width" {
            row.columns = vec![crate::arrange::column("ndc", Some("11"))];
        }
        row.file_format = name;
    }
}

#[rstest]
#[case::csv("csv", "ESCAPE", "ESCAPE cannot stand with CSV")]
#[case::csv("csv", "REMOVEQUOTES", "REMOVEQUOTES cannot stand with CSV")]
#[case::csv("csv", "FIXEDWIDTH 'a:1'", "FIXEDWIDTH cannot stand with CSV")]
#[case::quote("txt", "QUOTE AS '%'", "QUOTE cannot stand with delimited text")]
#[case::fixed("fixed_width", "DELIMITER ','", "DELIMITER cannot stand with fixed width")]
#[case::fixed("fixed_width", "CSV", "CSV cannot stand with fixed width")]
#[case::fixed("fixed_width", "ESCAPE", "ESCAPE cannot stand with fixed width")]
#[case::json("json", "CSV", "CSV cannot stand with JSON")]
#[case::json("json", "DELIMITER ','", "DELIMITER cannot stand with JSON")]
#[case::json("json", "ESCAPE", "ESCAPE cannot stand with JSON")]
#[case::json("json", "FILLRECORD", "FILLRECORD cannot stand with JSON")]
#[case::json("json", "FIXEDWIDTH 'a:1'", "FIXEDWIDTH cannot stand with JSON")]
#[case::json("json", "IGNOREBLANKLINES", "IGNOREBLANKLINES cannot stand with JSON")]
#[case::json("json", "NULL AS 'x'", "NULL AS cannot stand with JSON")]
#[case::json("json", "REMOVEQUOTES", "REMOVEQUOTES cannot stand with JSON")]
#[case::avro("avro", "FILLRECORD", "FILLRECORD cannot stand with Avro")]
#[case::parquet("parquet", "MAXERROR 1", "MAXERROR cannot stand with Parquet")]
#[case::parquet("parquet", "ACCEPTANYDATE", "ACCEPTANYDATE cannot stand with Parquet")]
#[case::parquet("parquet", "COMPUPDATE ON", "COMPUPDATE cannot stand with Parquet")]
#[case::parquet("parquet", "IGNOREALLERRORS", "IGNOREALLERRORS cannot stand with Parquet")]
#[case::parquet("parquet", "GZIP", "GZIP cannot stand with Parquet")]
#[case::orc("orc", "TRUNCATECOLUMNS", "TRUNCATECOLUMNS cannot stand with ORC")]
#[case::orc("orc", "ROUNDEC", "ROUNDEC cannot stand with ORC")]
#[case::both(
    "txt",
    "MAXERROR 1 IGNOREALLERRORS",
    "MAXERROR and IGNOREALLERRORS cannot stand together"
)]
#[case::low(
    "txt",
    "COMPROWS 999",
    "COMPROWS needs a number from 1000 to 2147483647, not 999"
)]
#[case::high(
    "txt",
    "MAXERROR 100001",
    "MAXERROR needs a number from 0 to 100000, not 100001"
)]
#[case::missing("txt", "MAXERROR", "MAXERROR needs a number from 0 to 100000")]
#[case::identity(
    "txt",
    "EXPLICIT_IDS",
    "EXPLICIT_IDS is refused: rows pass through a stage table"
)]
#[case::no_load("txt", "NOLOAD", "NOLOAD is refused: it checks a file and loads nothing")]
#[case::encrypted("txt", "ENCRYPTED", "ENCRYPTED is said by the column encryption_secret")]
#[case::loader("txt", "IAM_ROLE 'arn:x'", "IAM_ROLE at character 1 is set by the loader")]
#[case::loader("txt", "iam_role default", "IAM_ROLE at character 1 is set by the loader")]
#[case::loader("txt", "REGION AS 'x'", "REGION at character 1 is set by the loader")]
#[case::loader("txt", "MANIFEST", "MANIFEST at character 1 is set by the loader")]
#[case::loader("txt", "FROM 's3://b/k'", "FROM at character 1 is set by the loader")]
#[case::column("txt", "DELIMITER ','", "DELIMITER is said by the column delimiter")]
#[case::column("txt", "DATEFORMAT 'auto'", "DATEFORMAT is said by the column date_format")]
#[case::column("txt", "ESCAPE", "ESCAPE is said by the column escape_char")]
#[case::unknown("txt", "TRUNCATECOLUMN", "did you mean TRUNCATECOLUMNS?")]
#[case::unknown("txt", "FROBNICATE", "FROBNICATE at character 1 is no COPY option")]
#[case::twice("txt", "TRIMBLANKS TRIMBLANKS", "TRIMBLANKS is given twice")]
#[case::open("txt", "NULL AS 'x", "NULL needs AS and a quoted text")]
#[case::stray("txt", "'x'", "the quoted text at character 1 belongs to no option")]
#[case::semicolon("txt", "TRIMBLANKS) FROM", "')' at character 11 is no part of an option")]
#[case::backslash("txt", r"NULL AS 'a\b'", "the text holds a backslash")]
#[case::line_break("txt", "NULL AS '\n'", "is a line break")]
fn an_option_that_cannot_stand_is_refused(
    #[case] file_format: &str,
    #[case] options: &str,
    #[case] expected: &str,
) {
    let rule = rule(|row| {
        format(file_format)(row);
        row.copy_options = set(options);
    });
    let faults = faults(&rule);
    assert!(
        faults
            .iter()
            .any(|fault| fault.starts_with("copy_options: ") && fault.contains(expected)),
        "{faults:#?}"
    );
}

type Change = fn(&mut RuleRow);

#[rstest]
#[case::json_null("json", |row: &mut RuleRow| row.null_as = set("x"), "null_as: must not be set, because JSON")]
#[case::parquet_null("parquet", |row: &mut RuleRow| row.null_as = set("x"), "null_as: names a NULL text, but Parquet")]
#[case::parquet_dates("parquet", |row: &mut RuleRow| row.date_format = set("YYYY"), "date_format: names a date format")]
#[case::orc_times("orc", |row: &mut RuleRow| row.time_format = set("epochsecs"), "time_format: names a time format")]
#[case::orc_encoding("orc", |row: &mut RuleRow| row.encoding = set("UTF16"), "encoding: names an encoding, but ORC")]
#[case::parquet_lineage("parquet", |row: &mut RuleRow| row.columns = Vec::new(), "ext_file_config_dtl.column_name: lists no column")]
#[case::no_shred("json", |row: &mut RuleRow| row.json_paths = set("noshred"), "json_paths: is noshred, which fills one SUPER column")]
#[case::avro_no_shred("avro", |row: &mut RuleRow| row.json_paths = set("noshred"), "json_paths: is noshred, which COPY knows for JSON")]
#[case::quote("csv", |row: &mut RuleRow| row.quote_char = set("|"), "quote_char: is the delimiter too")]
#[case::escape("txt", |row: &mut RuleRow| { row.delimiter = set("\\"); row.escape_char = set("\\"); }, "delimiter: is a backslash")]
#[case::reject("txt", |row: &mut RuleRow| row.copy_options = set("ACCEPTINVCHARS"), "invalid_bytes: is reject, which ACCEPTINVCHARS")]
#[case::null_twice("txt", |row: &mut RuleRow| { row.null_as = set("x"); row.copy_options = set("NULL AS 'y'"); }, "copy_options: NULL AS is given though")]
#[case::lineage("txt", |row: &mut RuleRow| row.load_id_column = set("FILE_NAME"), "load_id_column: is \"FILE_NAME\"")]
#[case::null_text("txt", |row: &mut RuleRow| row.null_as = set(r"a\b"), r#"null_as: "a\\b": the text holds a backslash"#)]
#[case::date_text("txt", |row: &mut RuleRow| row.date_format = set(r"YYYY\MM"), "date_format: \"YYYY\\\\MM\": the text holds a backslash")]
fn a_column_that_cannot_stand_is_named(
    #[case] file_format: &str,
    #[case] change: Change,
    #[case] expected: &str,
) {
    let rule = rule(|row| {
        format(file_format)(row);
        change(row);
    });
    let faults = faults(&rule);
    assert!(faults.iter().any(|fault| fault.contains(expected)), "{faults:#?}");
}

#[test]
fn all_faults_are_named_at_once() {
    let rule = rule(|row| {
        row.copy_options =
            set("MAXEROR 5, NOLOAD MAXERROR x DELIMITER ',' CREDENTIALS 'aws_secret=hush' TRIMBLANKS");
        row.null_as = set("\n");
    });
    let faults = faults(&rule).join("\n");
    insta::assert_snapshot!(faults, @r#"
    copy_options: DELIMITER is said by the column delimiter; take it out here and set delimiter
    copy_options: MAXEROR at character 1 is no COPY option; did you mean MAXERROR?
    copy_options: NOLOAD is refused: it checks a file and loads nothing, and the load would count as done
    copy_options: MAXERROR needs a number from 0 to 100000
    copy_options: X at character 28 is no COPY option
    copy_options: CREDENTIALS at character 44 is set by the loader; take it out
    null_as: is a line break, which COPY keeps for the end of a record; choose another text
    "#);
    assert!(!faults.contains("hush"));
}

#[test]
fn options_may_stand_in_any_case_with_commas_or_without() {
    let rule =
        rule(|row| row.copy_options = set(" trimblanks,\nMaxError AS 5  CompUpdate preset, FillRecord;"));
    assert_eq!(faults(&rule), Vec::<String>::new());
}
