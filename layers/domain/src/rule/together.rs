//! What is right part by part and wrong together.

use super::fault::Collector;
use super::{
    Compression, DataFormat, EmptyFilePolicy, Encoding, FileRule, GroupPart, HeaderPolicy, ResendPolicy,
};
use super::{group, mode, targets};

/// Judges the parts of a rule against each other.
pub(super) fn check(rule: &FileRule, faults: &mut Collector) {
    if rule.file_type.is_blank() {
        faults.add(
            "file_type",
            "is blank; write the extension of the file's name, for example txt, none where it has none, or any where it does not matter",
        );
    }
    let is_loaded = rule.group.as_ref().is_none_or(GroupPart::is_data);
    if rule.split.is_none() && is_loaded {
        check_target(rule, faults);
        check_resends(rule, faults);
    }
    check_batches(rule, faults);
    group::check(rule, faults);
    targets::check(rule, faults);
    if matches!(rule.format, DataFormat::FixedWidth) {
        check_fixed_width(rule, faults);
    }
    check_what_the_engine_must_read(rule, faults);
    check_columnar(rule, faults);
    check_empty_files(rule, faults);
    mode::check(rule, faults);
}

fn check_target(rule: &FileRule, faults: &mut Collector) {
    if rule.table.is_none() {
        faults.add(
            "tgt_table_name",
            "is not set, and only a rule that splits its file can do without a table",
        );
    }
    if rule.columns.is_empty() && matches!(rule.format, DataFormat::Delimited(_)) {
        faults.add(
            "ext_file_config_dtl.column_name",
            "no column is active for this rule; list the file's columns",
        );
    }
    for lineage in [&rule.file_name_column, &rule.load_id_column]
        .into_iter()
        .flatten()
    {
        if rule
            .columns
            .iter()
            .any(|column| column.name.eq_ignore_ascii_case(lineage))
        {
            faults.add(
                "ext_file_config_dtl.column_name",
                format!("{lineage:?} is filled by the loader and cannot come from the file too"),
            );
        }
    }
}

/// Of a file that is cut by record type, the parts' own rules name the column; that is looked at when they are loaded.
fn check_resends(rule: &FileRule, faults: &mut Collector) {
    if rule.resend == ResendPolicy::Reload && rule.mode.is_append() && rule.load_id_column.is_none() {
        faults.add(
            "load_id_column",
            "is not set, and resend_policy reload finds the rows to replace by it; name the column that takes the \
             load's id, or write skip or accept",
        );
    }
}

/// One COPY reads all files of a batch, and does not say which row came from which.
fn check_batches(rule: &FileRule, faults: &mut Collector) {
    let Some(batch) = &rule.batch else { return };
    if rule.split.is_some() {
        faults.add(
            "split_file_flag",
            "is Y, and the rule has batches; batches are for the rules of its record types to have",
        );
        return;
    }
    if let Some(column) = &rule.file_name_column {
        faults.add(
            "file_name_column",
            format!(
                "{column:?} cannot be filled in a batch, because one COPY reads all of its files; leave it empty, and name a \
                 load_id_column if rows are to be traced: it takes the batch's id"
            ),
        );
    }
    if rule.resend == ResendPolicy::Reload && rule.mode.is_append() {
        faults.add(
            "resend_policy",
            "reload finds a file's rows by its load's id, and the rows of a batch have the batch's; write skip or accept",
        );
    }
    let order = batch.order.as_deref();
    if let Some(Err(problem)) = order.map(|name| rule.matcher.check_capture(name)) {
        faults.add("batch_order", problem);
    }
}

fn check_fixed_width(rule: &FileRule, faults: &mut Collector) {
    if rule.split.is_none() && rule.columns.is_empty() {
        faults.add(
            "ext_file_config_dtl.column_name",
            "no column is active for this rule; list the file's columns",
        );
    }
    for column in rule.columns.iter().filter(|column| column.width.is_none()) {
        faults.add(
            "ext_file_config_dtl.column_width_fixed",
            format!("is not set for column {:?}", column.name),
        );
    }
    if rule.encoding != Encoding::Utf8 {
        faults.add(
            "encoding",
            "must be UTF8, because COPY reads fixed width in UTF-8 only",
        );
    }
    if matches!(rule.header, HeaderPolicy::Names | HeaderPolicy::NamesAndOrder) {
        faults.add(
            "header_policy",
            "must be ignore, because the fields of a fixed-width header have no names to compare",
        );
    }
}

/// Trailers, splits and header checks need records that we can read.
fn check_what_the_engine_must_read(rule: &FileRule, faults: &mut Collector) {
    if rule.is_record_oriented() {
        return;
    }
    let obstacle = match rule.compression {
        _ if rule.encryption_secret.is_some() => {
            "encrypted, and only the warehouse can read it (encryption_secret)"
        }
        Compression::Lzop => "lzop, which only the warehouse can read",
        _ => rule.format.name(),
    };
    if rule.trailer.is_some() {
        faults.add(
            "trailer_flag",
            format!("must be N, because the file is {obstacle}"),
        );
    }
    if rule.split.is_some() {
        faults.add(
            "split_file_flag",
            format!("must be N, because the file is {obstacle}"),
        );
    }
    if matches!(rule.header, HeaderPolicy::Names | HeaderPolicy::NamesAndOrder) {
        faults.add(
            "header_policy",
            format!("must be ignore, because the file is {obstacle}"),
        );
    }
}

/// Of a file that is cut, each part is loaded by itself, and one without records has none.
fn check_empty_files(rule: &FileRule, faults: &mut Collector) {
    if rule.empty_files == EmptyFilePolicy::Accept && rule.split.is_some() {
        faults.add(
            "empty_file_policy",
            "must be refuse, because the file is cut by record type and one without records has no part to load",
        );
    }
}

fn check_columnar(rule: &FileRule, faults: &mut Collector) {
    let self_describing = !matches!(rule.format, DataFormat::Delimited(_) | DataFormat::FixedWidth);
    if self_describing && rule.header.has_header() {
        faults.add(
            "header_flag",
            format!("must be N, because {} has no header record", rule.format.name()),
        );
    }
    let columnar = matches!(rule.format, DataFormat::Parquet | DataFormat::Orc);
    if columnar && rule.encryption_secret.is_some() {
        faults.add(
            "encryption_secret",
            format!(
                "must be NULL, because COPY reads no {} that is encrypted by its sender",
                rule.format.name()
            ),
        );
    }
    if columnar && rule.compression != Compression::None {
        faults.add(
            "compression",
            format!(
                "must be none, because {} compresses within itself",
                rule.format.name()
            ),
        );
    }
}
