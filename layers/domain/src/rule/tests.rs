//! What rows of the tables mean, and what is said about rows that make no sense.

use super::*;
use crate::target::{Compute, Login};

fn column(name: &str, width: Option<&str>) -> ColumnRow {
    ColumnRow {
        column_name: name.to_owned(),
        column_width_fixed: width.map(str::to_owned),
    }
}

/// A pipe-delimited feed, as operators of the older framework wrote theirs.
pub(super) fn row() -> RuleRow {
    RuleRow {
        ext_file_config_sid: 4,
        ext_interface_cid: "527".to_owned(),
        interface_name: "FLAVORS".to_owned(),
        tgt_schema_name: Some("rdsftetl".to_owned()),
        tgt_table_name: Some("flavor".to_owned()),
        file_prefix: "527.".to_owned(),
        file_format: "txt".to_owned(),
        file_type: "txt".to_owned(),
        delimiter: Some("|".to_owned()),
        header_flag: "N".to_owned(),
        trailer_flag: "N".to_owned(),
        split_file_flag: "N".to_owned(),
        file_name_column: Some("file_name".to_owned()),
        columns: vec![column("code", None), column("name", None)],
        ..RuleRow::default()
    }
}

fn faults(row: &RuleRow) -> String {
    FileRule::from_row(row)
        .map(|_| String::new())
        .unwrap_or_else(|faults| {
            faults
                .faults
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n")
        })
}

#[test]
fn what_reads_a_file_cannot_stand_with_its_encryption() {
    let encrypted = RuleRow {
        encryption_secret: set("partner"),
        ..row()
    };
    assert_eq!(faults(&encrypted), "");
    assert!(
        !FileRule::from_row(&encrypted)
            .expect("a rule")
            .is_record_oriented()
    );
    let ignored = RuleRow {
        header_flag: "Y".to_owned(),
        header_policy: set("ignore"),
        ..encrypted.clone()
    };
    assert_eq!(faults(&ignored), "", "COPY passes over a header by itself");
    let read = RuleRow {
        trailer_flag: "Y".to_owned(),
        trailer_pstn: set("5:13"),
        split_file_flag: "Y".to_owned(),
        split_prefix: set("HD,DT"),
        header_policy: set("names"),
        ..ignored
    };
    insta::assert_snapshot!(faults(&read), @r"
    trailer_flag: must be N, because the file is encrypted, and only the warehouse can read it (encryption_secret)
    split_file_flag: must be N, because the file is encrypted, and only the warehouse can read it (encryption_secret)
    header_policy: must be ignore, because the file is encrypted, and only the warehouse can read it (encryption_secret)
    ");
    let parquet = RuleRow {
        file_format: "parquet".to_owned(),
        file_type: "parquet".to_owned(),
        ..encrypted
    };
    insta::assert_snapshot!(faults(&parquet), @"encryption_secret: must be NULL, because COPY reads no Parquet that is encrypted by its sender");
}

fn set(value: &str) -> Option<String> {
    Some(value.to_owned())
}

#[test]
fn a_row_of_the_older_framework_is_sound_as_it_is() {
    let rule = FileRule::from_row(&row()).unwrap();
    assert_eq!(
        rule.format,
        DataFormat::Delimited(Delimited {
            delimiter: b'|',
            quoting: FieldQuoting::Plain {
                escaping: Escaping::None
            }
        })
    );
    assert_eq!(
        (rule.compression, rule.encoding, rule.header),
        (Compression::None, Encoding::Utf8, HeaderPolicy::Absent)
    );
    assert_eq!(
        (rule.date_format.as_str(), rule.time_format.as_str()),
        ("auto", "auto")
    );
    assert_eq!(rule.file_name_column.as_deref(), Some("file_name"));
}

#[test]
fn a_gz_format_means_compressed_delimited_text() {
    let gz = RuleRow {
        file_format: "gz".to_owned(),
        file_type: "gz".to_owned(),
        delimiter: set(","),
        ..row()
    };
    let rule = FileRule::from_row(&gz).unwrap();
    assert_eq!(rule.compression, Compression::Gzip);
    assert_eq!(rule.format.name(), "delimited text");
}

#[test]
fn csv_has_quotes_and_a_default_delimiter() {
    let csv = RuleRow {
        file_format: "csv".to_owned(),
        delimiter: None,
        ..row()
    };
    let rule = FileRule::from_row(&csv).unwrap();
    assert_eq!(
        rule.format,
        DataFormat::Delimited(Delimited {
            delimiter: b',',
            quoting: FieldQuoting::Csv { quote: b'"' }
        })
    );
}

#[test]
fn delimiters_may_be_octal_or_a_tab() {
    for (text, byte) in [
        ("\\001", 1),
        ("\\t", b'\t'),
        ("\t", b'\t'),
        (";", b';'),
        ("\\174", b'|'),
        (" ", b' '),
    ] {
        let rule = FileRule::from_row(&RuleRow {
            delimiter: set(text),
            ..row()
        })
        .unwrap();
        let DataFormat::Delimited(delimited) = rule.format else {
            panic!("not delimited")
        };
        assert_eq!(delimited.delimiter, byte, "{text:?}");
    }
    for text in ["||", "é", "\\400", "\\n", "\\012"] {
        assert!(
            faults(&RuleRow {
                delimiter: set(text),
                ..row()
            })
            .contains("is not one ASCII character"),
            "{text:?}"
        );
    }
}

#[test]
fn every_fault_of_a_row_is_named_at_once() {
    let broken = RuleRow {
        file_format: "xml".to_owned(),
        header_flag: "yes".to_owned(),
        trailer_flag: "Y".to_owned(),
        split_file_flag: "Y".to_owned(),
        encoding: set("LATIN9"),
        tgt_schema_name: None,
        columns: vec![column("code", None), column("CODE", Some("0"))],
        ..row()
    };
    insta::assert_snapshot!(faults(&broken), @r#"
    file_format: "xml" is no format; write txt, csv, fixed_width, json, avro, parquet or orc (gz, bz2, lzo and zst mean compressed delimited text)
    header_flag: "yes" is neither Y nor N
    trailer_pstn: is not set, though trailer_flag is Y; write where the count stands, for example 4:10, or the text before it in trailer_tag
    split_prefix: is not set, though split_file_flag is Y; list the prefixes of the record types, for example HD,DT
    encoding: "LATIN9" is none of UTF8, UTF16, UTF16LE, UTF16BE or ISO88591
    ext_file_config_dtl.column_name: "CODE" is listed twice
    ext_file_config_dtl.column_width_fixed: 0 of column "CODE" is no width in characters
    tgt_schema_name: is not set, though tgt_table_name is
    "#);
}

#[test]
fn what_is_right_alone_may_be_wrong_together() {
    let fixed = RuleRow {
        file_format: "fixed_width".to_owned(),
        encoding: set("UTF16"),
        ..row()
    };
    insta::assert_snapshot!(faults(&fixed), @r#"
    ext_file_config_dtl.column_width_fixed: is not set for column "code"
    ext_file_config_dtl.column_width_fixed: is not set for column "name"
    encoding: must be UTF8, because COPY reads fixed width in UTF-8 only
    "#);
    let parquet = RuleRow {
        file_format: "parquet".to_owned(),
        header_flag: "Y".to_owned(),
        trailer_flag: "Y".to_owned(),
        trailer_tag: set("TRL"),
        ..row()
    };
    insta::assert_snapshot!(faults(&parquet), @r"
    trailer_flag: must be N, because the file is Parquet
    header_flag: must be N, because Parquet has no header record
    ");
    let lineage = RuleRow {
        columns: vec![column("File_Name", None)],
        ..row()
    };
    insta::assert_snapshot!(faults(&lineage), @r#"ext_file_config_dtl.column_name: "file_name" is filled by the loader and cannot come from the file too"#);
}

#[test]
fn a_split_needs_no_table_and_lists_prefixes_of_any_length() {
    let split = RuleRow {
        split_file_flag: "Y".to_owned(),
        split_prefix: set(" HD, DTL ,T"),
        tgt_schema_name: None,
        tgt_table_name: None,
        columns: vec![],
        ..row()
    };
    assert_eq!(
        FileRule::from_row(&split).unwrap().split.unwrap(),
        ["HD", "DTL", "T"]
    );
    let twice = RuleRow {
        split_prefix: set("HD,HD"),
        ..split
    };
    assert!(faults(&twice).contains("\"HD\" is listed twice"));
}

#[test]
fn a_trailer_position_is_read_and_a_wrong_one_explained() {
    let trailer = |position: &str| RuleRow {
        trailer_flag: "Y".to_owned(),
        trailer_pstn: set(position),
        ..row()
    };
    let rule = FileRule::from_row(&trailer("4:10")).unwrap();
    assert_eq!(rule.trailer, Some(Trailer::Position { start: 4, end: 10 }));
    for position in ["0:4", "5:5", "5", "a:b", "9:4"] {
        assert!(
            faults(&trailer(position)).contains("is no position"),
            "{position}"
        );
    }
}

#[test]
fn a_target_is_a_cluster_or_a_workgroup_and_one_login() {
    let target = TargetRow {
        target_name: "eu".to_owned(),
        workgroup_name: set("wg"),
        database_name: "dev".to_owned(),
        iam_role: "arn:aws:iam::1:role/r".to_owned(),
        region: "eu-west-1".to_owned(),
        ..TargetRow::default()
    };
    let with = |target: TargetRow| RuleRow {
        target: Some(target),
        ..row()
    };
    let warehouse = FileRule::from_row(&with(target.clone()))
        .unwrap()
        .warehouse
        .unwrap();
    assert_eq!(
        (warehouse.compute, warehouse.login),
        (Compute::Workgroup("wg".to_owned()), Login::CallerIdentity)
    );
    let both = TargetRow {
        cluster_identifier: set("c"),
        ..target.clone()
    };
    assert!(faults(&with(both)).contains("names both or neither of a cluster and a workgroup"));
    let user = TargetRow {
        database_user: set("loader"),
        ..target
    };
    assert!(faults(&with(user)).contains("is serverless"));
}

#[test]
fn a_rule_without_attempts_of_its_own_has_the_usual_ones() {
    let rule = FileRule::from_row(&row()).unwrap();
    assert_eq!(rule.retry, RetryPolicy::default());
    assert_eq!(rule.follow_up_repeats, None);
    let rule = RuleRow {
        max_attempts: Some(3),
        retry_minutes: Some(0),
        query_retry_flag: set("Y"),
        ..row()
    };
    let rule = FileRule::from_row(&rule).unwrap();
    assert_eq!((rule.retry.max_attempts, rule.retry.minutes), (3, 0));
    assert_eq!(rule.follow_up_repeats, Some(true));
}

#[test]
fn attempts_out_of_bounds_are_named() {
    let row = RuleRow {
        max_attempts: Some(0),
        retry_minutes: Some(-1),
        query_retry_flag: set("maybe"),
        ..row()
    };
    insta::assert_snapshot!(faults(&row), @r#"
    max_attempts: 0 is not between 1 and 100
    retry_minutes: -1 is not between 0 and 10080
    query_retry_flag: "maybe" is neither Y nor N
    "#);
}

#[test]
fn a_file_that_comes_again_is_skipped_unless_the_rule_says_otherwise() {
    let policy = |word: Option<&str>| {
        let row = RuleRow {
            resend_policy: word.map(str::to_owned),
            load_id_column: set("load_id"),
            ..row()
        };
        FileRule::from_row(&row).unwrap().resend
    };
    assert_eq!(policy(None), ResendPolicy::Skip);
    assert_eq!(policy(Some(" ")), ResendPolicy::Skip);
    assert_eq!(policy(Some("reload")), ResendPolicy::Reload);
    assert_eq!(policy(Some("accept")), ResendPolicy::Accept);
}

#[test]
fn a_policy_for_resends_is_one_of_three_and_reload_needs_the_loads_id() {
    let row = |word: &str| RuleRow {
        resend_policy: set(word),
        ..row()
    };
    insta::assert_snapshot!(faults(&row("replace")), @r#"resend_policy: "replace" is none of skip, reload or accept"#);
    insta::assert_snapshot!(faults(&row("reload")), @"load_id_column: is not set, and resend_policy reload finds the rows to replace by it; name the column that takes the load's id, or write skip or accept");
    let splitting = RuleRow {
        split_file_flag: "Y".to_owned(),
        split_prefix: set("HD,DT"),
        ..row("reload")
    };
    assert_eq!(faults(&splitting), "", "the parts' rules name the column");
}

/// A row that merges by its `code`.
fn merging() -> RuleRow {
    RuleRow {
        load_mode: set("merge"),
        merge_keys: set("code"),
        columns: vec![
            column("code", None),
            column("name", None),
            column("changed_at", None),
        ],
        ..row()
    }
}

/// A row that replaces the business date in the key.
fn replacing() -> RuleRow {
    RuleRow {
        load_mode: set("replace_period"),
        key_regex: set(r"in/sales_(?<business_date>\d{8})\.txt"),
        period_column: set("business_date"),
        period_value: set("{business_date}"),
        ..row()
    }
}

fn mode_of(row: &RuleRow) -> LoadMode {
    FileRule::from_row(row).unwrap().mode
}

#[test]
fn a_rule_appends_unless_it_names_another_mode() {
    let mode = |word: Option<&str>| RuleRow {
        load_mode: word.map(str::to_owned),
        ..row()
    };
    for word in [None, Some(" "), Some("append")] {
        assert_eq!(mode_of(&mode(word)), LoadMode::Append);
    }
    assert_eq!(mode_of(&mode(Some("truncate"))), LoadMode::Truncate);
    let by = MergeBy {
        keys: vec!["code".to_owned(), "name".to_owned()],
        order: vec!["changed_at".to_owned()],
    };
    let row = RuleRow {
        merge_keys: set(" code, name ,"),
        merge_order: set("changed_at"),
        ..merging()
    };
    assert_eq!(mode_of(&row), LoadMode::Merge(by));
    let period = Period {
        column: "business_date".to_owned(),
        value: "{business_date}".to_owned(),
        end: None,
    };
    assert_eq!(mode_of(&replacing()), LoadMode::ReplacePeriod(period));
}

#[test]
fn what_belongs_to_a_mode_is_missing_or_stands_where_it_means_nothing() {
    let stray = RuleRow {
        merge_keys: set("code"),
        merge_order: set("name"),
        period_column: set("code"),
        period_value: set("1"),
        ..row()
    };
    insta::assert_snapshot!(faults(&stray), @r"
    merge_keys: is set, and load_mode is append; write load_mode merge or clear it
    merge_order: is set, and load_mode is append; write load_mode merge or clear it
    period_column: is set, and load_mode is append; write load_mode replace_period or clear it
    period_value: is set, and load_mode is append; write load_mode replace_period or clear it
    ");
    let keyless = RuleRow {
        merge_keys: set(" , "),
        merge_order: set("name,NAME"),
        ..merging()
    };
    insta::assert_snapshot!(faults(&keyless), @r#"
    merge_order: "NAME" is listed twice
    merge_keys: is not set, and load_mode merge finds the rows to replace by it; list the columns that tell a row from any other, for example id,region
    "#);
    let timeless = RuleRow {
        period_column: None,
        period_value: None,
        ..replacing()
    };
    insta::assert_snapshot!(faults(&timeless), @r"
    period_column: is not set, and load_mode replace_period finds the rows to replace by it; name the column that tells a row's period, for example business_date
    period_value: is not set, and load_mode replace_period needs the period of each file; write what key_regex or key_pattern captures, for example {business_date}
    ");
    let unknown = RuleRow {
        load_mode: set("upsert"),
        ..row()
    };
    insta::assert_snapshot!(faults(&unknown), @r#"load_mode: "upsert" is none of append, truncate, merge or replace_period"#);
}

#[test]
fn a_merge_compares_columns_that_its_files_have() {
    let unlisted = RuleRow {
        merge_keys: set("code,region"),
        merge_order: set("CODE,version"),
        ..merging()
    };
    insta::assert_snapshot!(faults(&unlisted), @r#"
    merge_keys: "region" is not among the columns of the rule's files; list it in ext_file_config_dtl or take it out
    merge_order: "version" is not among the columns of the rule's files; list it in ext_file_config_dtl or take it out
    merge_order: "CODE" is in merge_keys too, so that rows of one key never differ in it; take it out of one
    "#);
    let columnless = RuleRow {
        file_format: "parquet".to_owned(),
        columns: vec![],
        ..merging()
    };
    insta::assert_snapshot!(faults(&columnless), @"ext_file_config_dtl.column_name: no column is active for this rule, and load_mode merge compares rows column by column; list the file's columns");
    let shapeless = RuleRow {
        file_format: "json".to_owned(),
        json_paths: set("noshred"),
        ..merging()
    };
    insta::assert_snapshot!(faults(&shapeless), @"json_paths: is noshred, which fills one SUPER column, and load_mode merge needs columns to compare; write auto or a paths file");
}

#[test]
fn a_period_is_what_the_key_can_give() {
    let value = |value: &str, row: RuleRow| RuleRow {
        period_value: set(value),
        ..row
    };
    let by_token = RuleRow {
        key_regex: None,
        ..replacing()
    };
    let by_folder = RuleRow {
        key_regex: None,
        key_pattern: set("sales/yyyy=*/mm=*"),
        ..replacing()
    };
    assert_eq!(faults(&value("{yyyy}-{mm}-01", by_folder.clone())), "");
    assert_eq!(faults(&value("2026", by_token.clone())), "");
    insta::assert_snapshot!(faults(&value("{day}", replacing())), @"period_value: the key does not give {day}: key_regex has no group (?<day>…); name one so");
    insta::assert_snapshot!(faults(&value("{yyyy}{day}", by_folder)), @"period_value: the key does not give {day}: key_pattern has no folder day=*; write one, or a group (?<day>…) in name_filter");
    insta::assert_snapshot!(faults(&by_token), @"period_value: the key does not give {business_date}: the rule finds its files by file_prefix, which captures nothing; find them by a key_regex with (?<business_date>…)");
    insta::assert_snapshot!(faults(&value("{business_date", replacing())), @r#"period_value: the brace before "business_date" is never closed; write for example {business_date}"#);
    let lineage = RuleRow {
        period_column: set("FILE_NAME"),
        ..replacing()
    };
    insta::assert_snapshot!(faults(&lineage), @r#"period_column: is "FILE_NAME", and so is file_name_column; one column cannot hold both"#);
}

#[test]
fn a_file_that_is_cut_leaves_its_modes_to_the_rules_of_its_record_types() {
    let split = RuleRow {
        split_file_flag: "Y".to_owned(),
        split_prefix: set("HD,DT"),
        pre_sql: set("DELETE FROM a"),
        post_sql: set("DELETE FROM b"),
        ..merging()
    };
    insta::assert_snapshot!(faults(&split), @r"
    load_mode: is set, and split_file_flag is Y; set it in the rules of the record types, which say where their rows go
    pre_sql: is set, and split_file_flag is Y; set it in the rules of the record types, which say where their rows go
    post_sql: is set, and split_file_flag is Y; set it in the rules of the record types, which say where their rows go
    ");
}

#[test]
fn where_a_mode_says_which_rows_go_a_file_is_loaded_again_and_reload_means_nothing() {
    let again = |row: RuleRow, word: Option<&str>| RuleRow {
        resend_policy: word.map(str::to_owned),
        load_id_column: set("load_id"),
        ..row
    };
    let truncating = RuleRow {
        load_mode: set("truncate"),
        ..row()
    };
    for row in [truncating, merging(), replacing()] {
        let resend = |word| FileRule::from_row(&again(row.clone(), word)).unwrap().resend;
        assert_eq!(resend(None), ResendPolicy::Accept);
        assert_eq!(resend(Some("skip")), ResendPolicy::Skip);
        assert_eq!(resend(Some("accept")), ResendPolicy::Accept);
        let refused = faults(&again(row.clone(), Some("reload")));
        assert!(refused.starts_with("resend_policy: is reload"), "{refused}");
    }
    insta::assert_snapshot!(faults(&again(merging(), Some("reload"))), @"resend_policy: is reload, which deletes the rows of an earlier load by its id, and load_mode merge says itself which rows go; leave it NULL, or write skip or accept");
}

fn snapshot() -> RuleRow {
    RuleRow {
        rule_kind: set("snapshot"),
        queue_name: set("snapshot-1"),
        file_type: "none".to_owned(),
        load_mode: set("replace_period"),
        period_column: set("code"),
        period_value: set("{period_start}"),
        period_end: set("{period_end}"),
        ..row()
    }
}

fn snapshot_faults(row: &RuleRow) -> String {
    FileRule::from_row(row).map_or_else(|faults| faults.to_string(), |_| String::new())
}

#[test]
fn a_snapshot_has_a_date_a_period_and_need_not_have_an_extension() {
    assert_eq!(snapshot_faults(&snapshot()), "");
    let rule = FileRule::from_row(&snapshot()).unwrap();
    assert!(rule.ends_with_a_date() && !rule.takes_manifests());
    let LoadMode::ReplacePeriod(period) = rule.mode else {
        panic!("{:?}", rule.mode)
    };
    assert_eq!(period.end.as_deref(), Some("{period_end}"));
}

#[rstest::rstest]
#[case(RuleRow { rule_kind: set("snap"), ..snapshot() }, "rule_kind: \"snap\" is no kind of rule")]
#[case(RuleRow { file_type: String::new(), ..snapshot() }, "file_type: is blank")]
#[case(RuleRow { queue_name: None, ..snapshot() }, "queue_name: is not set")]
#[case(RuleRow { batch_files: Some(10), ..snapshot() }, "batch_files: is set, and rule_kind is snapshot")]
#[case(RuleRow { vacuum_rows: Some(0), ..snapshot() }, "vacuum_rows: is 0; write 1 or more")]
#[case(RuleRow { period_column: set("elsewhere"), ..snapshot() }, "period_end: is set, and \"elsewhere\" is not among")]
#[case(RuleRow { period_end: set("{until}"), ..snapshot() }, "period_end: the key does not give {until}")]
#[case(RuleRow { period_end: set("x"), load_mode: None, period_column: None, period_value: None, ..snapshot() }, "period_end: is set, and load_mode is append")]
fn a_snapshot_rule_at_fault_says_so(#[case] row: RuleRow, #[case] says: &str) {
    let found = snapshot_faults(&row);
    assert!(found.contains(says), "{found}");
}

fn with_header(flag: &str, records: Option<i32>) -> RuleRow {
    RuleRow {
        header_flag: flag.to_owned(),
        header_records: records,
        ..row()
    }
}

#[rstest::rstest]
#[case("N", None, 0)]
#[case("Y", None, 1)]
#[case("Y", Some(3), 3)]
fn a_header_has_as_many_records_as_the_rule_says(
    #[case] flag: &str,
    #[case] records: Option<i32>,
    #[case] length: u32,
) {
    let rule = FileRule::from_row(&with_header(flag, records)).unwrap();
    assert_eq!(rule.header_length(), length);
}

#[rstest::rstest]
#[case(
    with_header("Y", Some(0)),
    "header_records: is 0; write how many records the header has, 1 to 100"
)]
#[case(with_header("N", Some(2)), "header_records: is set, and header_flag is N")]
#[case(RuleRow { empty_file_policy: set("skip"), ..row() }, "empty_file_policy: \"skip\" is none of refuse or accept")]
#[case(
    RuleRow { empty_file_policy: set("accept"), split_file_flag: "Y".to_owned(), split_prefix: set("HD"), ..row() },
    "empty_file_policy: must be refuse, because the file is cut by record type"
)]
#[case(RuleRow { file_type: " ".to_owned(), ..row() }, "any where it does not matter")]
fn headers_and_empty_files_at_fault_are_named(#[case] row: RuleRow, #[case] says: &str) {
    let found = faults(&row);
    assert!(found.contains(says), "{found}");
}
