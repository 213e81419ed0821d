//! From the row to the rule, collecting faults on the way.

use super::cells::{non_blank, optional_flag, word};
use super::fault::Collector;
use super::{
    ColumnPlace, ColumnRow, FilePlace, FileRule, FileType, Interface, LoadMode, ResendPolicy, RuleColumn,
    RuleFaults, RuleId, RuleRow, RuleTopics,
};
use super::{
    attempts, batch, destination, drift, expected, group, layout, mode, records, scheduled, targets, together,
};
use crate::matching::{self, BucketPattern, IgnoredNames, Matcher};

/// Reads a row. Every part is read even when an earlier one was at fault, so that all faults are named together.
pub(super) fn interpret(row: &RuleRow) -> Result<FileRule, RuleFaults> {
    let mut faults = Collector::default();
    if matching::is_scheduled(row) {
        faults.add(
            "schedule",
            "is set, and a snapshot rule with a schedule takes no file: it looks for its data itself",
        );
        return Err(RuleFaults {
            rule: RuleId(row.ext_file_config_sid),
            faults: faults.list,
        });
    }
    scheduled::check_unscheduled(row, &mut faults);

    let matcher = faults.keep(Matcher::of(row));
    let format = faults.keep(layout::format(row));
    let compression = faults.keep(layout::compression(row));
    let header = faults.keep(records::header(row));
    let header_records = faults.keep(records::header_records(row));
    let empty_files = faults.keep(records::empty_file_policy(row));
    let trailer = faults.keep(records::trailer(row));
    let split = faults.keep(records::split(row));
    let encoding = faults.keep(layout::encoding(row));
    let invalid_bytes = faults.keep(layout::invalid_bytes(row));
    let mode = mode::mode(row, &mut faults);
    let usual_resend = mode
        .as_ref()
        .map_or(ResendPolicy::default(), LoadMode::usual_resend);
    if matcher.is_some() {
        faults.keep(matching::queue_of(row));
    }
    faults.keep(BucketPattern::of(row));
    faults.keep(IgnoredNames::of(row));
    let resend = faults.keep(word(
        "resend_policy",
        &row.resend_policy,
        usual_resend.as_str(),
        ResendPolicy::parse,
        "skip, reload or accept",
    ));
    let warehouse = faults.keep(row.target.as_ref().map(destination::warehouse).transpose());
    let columns = columns(row, &mut faults);
    let table = destination::table(row, &mut faults);
    let prepared_compression = layout::prepared_compression(row, compression, &mut faults);
    let retry = attempts::retry(row, &mut faults);
    let follow_up_repeats = attempts::follow_up_repeats(row, &mut faults);
    faults.keep(optional_flag("archive_flag", &row.archive_flag));
    let batch = batch::batch(row, &mut faults);
    let vacuum_rows = vacuum_rows(row, &mut faults);
    // The rule itself has no use for it: whoever looks for late files reads it from the row.
    expected::read(row, &mut faults);
    let drift_policy = drift::drift(row, &mut faults);
    let group = group::group(row, &mut faults);
    let topics = RuleTopics::read(row, &mut faults);
    let deliveries = targets::deliveries(row, &mut faults);

    // What could not be read is missing, and its fault is noted.
    let assemble = || {
        Some(FileRule {
            id: RuleId(row.ext_file_config_sid),
            interface: Interface {
                id: row.ext_interface_cid.clone(),
                name: row.interface_name.clone(),
            },
            matcher: matcher?,
            token: row.file_prefix.trim().trim_end_matches('.').to_owned(),
            file_type: FileType::parse(&row.file_type),
            table,
            warehouse: warehouse?,
            deliveries,
            columns,
            format: format?,
            compression: compression?,
            encoding: encoding?,
            invalid_bytes: invalid_bytes?,
            header: header?,
            header_records: header_records?,
            empty_files: empty_files?,
            trailer: trailer?,
            split: split?,
            null_as: row.null_as.clone(),
            date_format: row.date_format.clone().unwrap_or_else(|| "auto".to_owned()),
            time_format: row.time_format.clone().unwrap_or_else(|| "auto".to_owned()),
            copy_options: row.copy_options.clone().unwrap_or_default(),
            prepared_compression,
            file_name_column: non_blank(&row.file_name_column),
            load_id_column: non_blank(&row.load_id_column),
            follow_up: non_blank(&row.query),
            follow_up_repeats,
            retry,
            resend: resend?,
            place: FilePlace::of(row),
            encryption_secret: non_blank(&row.encryption_secret),
            batch,
            group,
            mode: mode?,
            pre_sql: non_blank(&row.pre_sql),
            post_sql: non_blank(&row.post_sql),
            vacuum_rows,
            drift: drift_policy,
            topics,
        })
    };
    let rule = assemble();
    if let Some(rule) = &rule {
        check(rule, &mut faults);
    }
    match rule {
        Some(rule) if faults.list.is_empty() => Ok(rule),
        _ => Err(RuleFaults {
            rule: RuleId(row.ext_file_config_sid),
            faults: faults.list,
        }),
    }
}

/// What only the parts together can get wrong.
fn check(rule: &FileRule, faults: &mut Collector) {
    if matches!(rule.matcher, Matcher::Snapshot(_)) && rule.batch.is_some() {
        faults.add(
            "batch_files",
            "is set, and rule_kind is snapshot: each is about a date of its own and is loaded by itself; leave it NULL",
        );
    }
    together::check(rule, faults);
    drift::check(rule, faults);
}

/// None of them is no reason to put a table in order.
pub(super) fn vacuum_rows(row: &RuleRow, faults: &mut Collector) -> Option<u64> {
    let rows = row.vacuum_rows?;
    let positive = u64::try_from(rows).ok().filter(|rows| *rows > 0);
    if positive.is_none() {
        faults.add(
            "vacuum_rows",
            format!("is {rows}; write 1 or more, or leave it NULL"),
        );
    }
    positive
}

fn columns(row: &RuleRow, faults: &mut Collector) -> Vec<RuleColumn> {
    let mut columns: Vec<RuleColumn> = Vec::with_capacity(row.columns.len());
    for ColumnRow {
        column_name,
        column_width_fixed,
    } in &row.columns
    {
        let name = column_name.trim().to_owned();
        if columns
            .iter()
            .any(|column| column.name.eq_ignore_ascii_case(&name))
        {
            faults.add(
                "ext_file_config_dtl.column_name",
                format!("{name:?} is listed twice"),
            );
        }
        let width = column_width_fixed
            .as_deref()
            .map(|digits| (digits, digits.trim().parse::<u32>()));
        let width = match width {
            None => None,
            Some((_, Ok(width))) if width > 0 => Some(width),
            Some((digits, _)) => {
                faults.add(
                    "ext_file_config_dtl.column_width_fixed",
                    format!("{digits} of column {name:?} is no width in characters"),
                );
                None
            }
        };
        columns.push(RuleColumn {
            name,
            width,
            place: ColumnPlace::Own,
        });
    }
    columns
}
