//! From the row to the rule, collecting faults on the way.

use super::fault::Collector;
use super::{
    ColumnPlace, ColumnRow, Compression, DataFormat, Delimited, Encoding, Escaping, FieldQuoting, FilePlace,
    FileRule, HeaderPolicy, Interface, InvalidBytes, LoadMode, Paths, ResendPolicy, RuleColumn, RuleFault,
    RuleFaults, RuleId, RuleRow, RuleTopics, TargetRow, Trailer,
};
use super::{attempts, batch, drift, group, mode, scheduled, targets, together};
use crate::matching::{self, Matcher};
use crate::target::{Compute, Login, TableName, Warehouse};

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
    let format = faults.keep(format(row));
    let compression = faults.keep(compression(row));
    let header = faults.keep(header(row));
    let trailer = faults.keep(trailer(row));
    let split = faults.keep(split(row));
    let encoding = faults.keep(word(
        "encoding",
        &row.encoding,
        "UTF8",
        Encoding::parse,
        "UTF8, UTF16, UTF16LE, UTF16BE or ISO88591",
    ));
    let invalid_bytes = faults.keep(word(
        "invalid_bytes",
        &row.invalid_bytes,
        "reject",
        parse_invalid_bytes,
        "reject or replace",
    ));
    let mode = mode::mode(row, &mut faults);
    let usual_resend = mode
        .as_ref()
        .map_or(ResendPolicy::default(), LoadMode::usual_resend);
    if matcher.is_some() {
        faults.keep(matching::queue_of(row));
    }
    let resend = faults.keep(word(
        "resend_policy",
        &row.resend_policy,
        usual_resend.as_str(),
        ResendPolicy::parse,
        "skip, reload or accept",
    ));
    let warehouse = faults.keep(row.target.as_ref().map(warehouse).transpose());
    let columns = columns(row, &mut faults);
    let table = table(row, &mut faults);
    let prepared_compression = prepared_compression(row, compression, &mut faults);
    let retry = attempts::retry(row, &mut faults);
    let follow_up_repeats = attempts::follow_up_repeats(row, &mut faults);
    let archives = row.archive_flag.as_deref().filter(|flag| !flag.trim().is_empty());
    faults.keep(archives.map(|flag| is_yes("archive_flag", flag)).transpose());
    let batch = batch::batch(row, &mut faults);
    let vacuum_rows = vacuum_rows(row, &mut faults);
    let drift_policy = drift::drift(row, &mut faults);
    let group = group::group(row, &mut faults);
    let topics = RuleTopics::read(row, &mut faults);
    let deliveries = targets::deliveries(row, &mut faults);

    let parts = (
        matcher,
        format,
        compression,
        header,
        trailer,
        split,
        encoding,
        invalid_bytes,
        resend,
        warehouse,
        mode,
    );
    if let (
        Some(matcher),
        Some(format),
        Some(compression),
        Some(header),
        Some(trailer),
        Some(split),
        Some(encoding),
        Some(invalid_bytes),
        Some(resend),
        Some(warehouse),
        Some(mode),
    ) = parts
    {
        let rule = FileRule {
            id: RuleId(row.ext_file_config_sid),
            interface: Interface {
                id: row.ext_interface_cid.clone(),
                name: row.interface_name.clone(),
            },
            matcher,
            token: row.file_prefix.trim().trim_end_matches('.').to_owned(),
            extension: row.file_type.trim().trim_start_matches('.').to_ascii_lowercase(),
            table,
            warehouse,
            deliveries,
            columns,
            format,
            compression,
            encoding,
            invalid_bytes,
            header,
            trailer,
            split,
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
            resend,
            place: FilePlace::of(row),
            encryption_secret: non_blank(&row.encryption_secret),
            batch,
            group,
            mode,
            pre_sql: non_blank(&row.pre_sql),
            post_sql: non_blank(&row.post_sql),
            vacuum_rows,
            drift: drift_policy,
            topics,
        };
        if matches!(rule.matcher, Matcher::Snapshot(_)) && rule.batch.is_some() {
            faults.add(
                "batch_files",
                "is set, and rule_kind is snapshot: each is about a date of its own and is loaded by itself; leave it NULL",
            );
        }
        together::check(&rule, &mut faults);
        drift::check(&rule, &mut faults);
        if faults.list.is_empty() {
            return Ok(rule);
        }
    }
    Err(RuleFaults {
        rule: RuleId(row.ext_file_config_sid),
        faults: faults.list,
    })
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

pub(super) fn non_blank(text: &Option<String>) -> Option<String> {
    text.as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

fn format(row: &RuleRow) -> Result<DataFormat, RuleFault> {
    let name = row.file_format.trim().to_ascii_lowercase();
    match name.as_str() {
        "json" => Ok(DataFormat::Json(paths(row)?)),
        "avro" => Ok(DataFormat::Avro(paths(row)?)),
        "parquet" => Ok(DataFormat::Parquet),
        "orc" => Ok(DataFormat::Orc),
        "fixed_width" | "fixedwidth" => {
            escaping(row)?;
            Ok(DataFormat::FixedWidth)
        }
        "csv" if escape(row) != Some(b'\\') => Ok(DataFormat::Delimited(Delimited {
            delimiter: delimiter(row, Some(b','))?,
            quoting: FieldQuoting::Csv { quote: quote(row)? },
        })),
        "txt" | "csv" | "delimited" | "dat" | "gz" | "gzip" | "bz2" | "bzip2" | "lzo" | "lzop" | "zst"
        | "zstd" => plain_or_quoted(row),
        _ => Err(RuleFault::new(
            "file_format",
            format!(
                "{:?} is no format; write txt, csv, fixed_width, json, avro, parquet or orc \
                 (gz, bz2, lzo and zst mean compressed delimited text)",
                row.file_format
            ),
        )),
    }
}

/// Delimited text is plain unless the rule names a quote.
fn plain_or_quoted(row: &RuleRow) -> Result<DataFormat, RuleFault> {
    let quoting = match non_blank(&row.quote_char) {
        Some(_) => FieldQuoting::Csv { quote: quote(row)? },
        None => FieldQuoting::Plain {
            escaping: escaping(row)?,
        },
    };
    Ok(DataFormat::Delimited(Delimited {
        delimiter: delimiter(row, None)?,
        quoting,
    }))
}

fn paths(row: &RuleRow) -> Result<Paths, RuleFault> {
    let text = non_blank(&row.json_paths).unwrap_or_else(|| "auto".to_owned());
    match text.to_ascii_lowercase().as_str() {
        "auto" => Ok(Paths::Auto),
        "auto ignorecase" => Ok(Paths::AutoIgnoreCase),
        "noshred" => Ok(Paths::NoShred),
        _ if text.starts_with("s3://") => Ok(Paths::File(text)),
        _ => Err(RuleFault::new(
            "json_paths",
            format!(
                "{text:?} is neither auto, auto ignorecase, noshred nor an s3:// address of a paths file"
            ),
        )),
    }
}

fn escape(row: &RuleRow) -> Option<u8> {
    non_blank(&row.escape_char).and_then(|text| match text.as_bytes() {
        [byte] => Some(*byte),
        [b'\\', b'\\'] => Some(b'\\'),
        _ => None,
    })
}

fn escaping(row: &RuleRow) -> Result<Escaping, RuleFault> {
    match (non_blank(&row.escape_char), escape(row)) {
        (None, _) => Ok(Escaping::None),
        (Some(_), Some(b'\\')) => Ok(Escaping::Backslash),
        (Some(_), Some(b'"' | b'\'')) => Ok(Escaping::RemoveQuotes),
        (Some(text), _) => Err(RuleFault::new(
            "escape_char",
            format!(
                "{text:?} is no escape character; write \\ (ESCAPE) or \" (REMOVEQUOTES), or leave it NULL"
            ),
        )),
    }
}

/// One ASCII character, or the octal `\ddd` and `\t` that COPY knows too.
fn delimiter(row: &RuleRow, default: Option<u8>) -> Result<u8, RuleFault> {
    let Some(text) = row.delimiter.as_deref().filter(|text| !text.is_empty()) else {
        return default.ok_or_else(|| {
            RuleFault::new(
                "delimiter",
                "is not set, and delimited text needs one; write for example | or , or \\t",
            )
        });
    };
    one_character(text).ok_or_else(|| {
        RuleFault::new(
            "delimiter",
            format!(
                "{text:?} is not one ASCII character; write the character itself, \\t, or \\ddd in octal"
            ),
        )
    })
}

fn quote(row: &RuleRow) -> Result<u8, RuleFault> {
    let Some(text) = non_blank(&row.quote_char) else {
        return Ok(b'"');
    };
    one_character(&text)
        .ok_or_else(|| RuleFault::new("quote_char", format!("{text:?} is not one ASCII character")))
}

fn one_character(text: &str) -> Option<u8> {
    let trimmed = if text.trim().is_empty() { text } else { text.trim() };
    let byte = match trimmed.as_bytes() {
        [byte] => *byte,
        [b'\\', b't'] => b'\t',
        [b'\\', octal @ ..] if octal.len() == 3 => {
            u8::from_str_radix(std::str::from_utf8(octal).ok()?, 8).ok()?
        }
        _ => return None,
    };
    (byte.is_ascii() && byte != 0 && byte != b'\n' && byte != b'\r').then_some(byte)
}

/// What the rule says, else what the format's or the file type's name says.
fn compression(row: &RuleRow) -> Result<Compression, RuleFault> {
    if let Some(word) = non_blank(&row.compression) {
        return Compression::parse(&word).ok_or_else(|| {
            RuleFault::new(
                "compression",
                format!("{word:?} is none of none, gzip, bzip2, lzop, zstd"),
            )
        });
    }
    let from_names = [&row.file_format, &row.file_type]
        .into_iter()
        .find_map(|word| Compression::parse(word.trim().trim_start_matches('.')));
    Ok(from_names.unwrap_or(Compression::None))
}

fn prepared_compression(row: &RuleRow, input: Option<Compression>, faults: &mut Collector) -> Compression {
    let Some(word) = non_blank(&row.prepared_compression) else {
        return input.unwrap_or(Compression::None);
    };
    match Compression::parse(&word) {
        Some(compression) if compression != Compression::Lzop => compression,
        _ => {
            faults.add(
                "prepared_compression",
                format!("{word:?} is none of none, gzip, bzip2, zstd"),
            );
            Compression::None
        }
    }
}

fn is_yes(column: &str, flag: &str) -> Result<bool, RuleFault> {
    match flag.trim() {
        "Y" | "y" => Ok(true),
        "N" | "n" => Ok(false),
        other => Err(RuleFault::new(column, format!("{other:?} is neither Y nor N"))),
    }
}

fn header(row: &RuleRow) -> Result<HeaderPolicy, RuleFault> {
    if !is_yes("header_flag", &row.header_flag)? {
        return Ok(HeaderPolicy::Absent);
    }
    let parse = |word: &str| match word {
        "ignore" => Some(HeaderPolicy::Ignore),
        "names" => Some(HeaderPolicy::Names),
        "names_and_order" => Some(HeaderPolicy::NamesAndOrder),
        _ => None,
    };
    word(
        "header_policy",
        &row.header_policy,
        "ignore",
        parse,
        "ignore, names or names_and_order",
    )
}

fn trailer(row: &RuleRow) -> Result<Option<Trailer>, RuleFault> {
    if !is_yes("trailer_flag", &row.trailer_flag)? {
        return Ok(None);
    }
    match (non_blank(&row.trailer_pstn), non_blank(&row.trailer_tag)) {
        (Some(_), Some(_)) => Err(RuleFault::new(
            "trailer_tag",
            "trailer_pstn is set too; the count is found by one of them, so clear the other",
        )),
        (Some(position), None) => Trailer::parse_position(&position)
            .map(Some)
            .map_err(|problem| RuleFault::new("trailer_pstn", problem)),
        (None, Some(tag)) => Ok(Some(Trailer::AfterTag(tag))),
        (None, None) => Err(RuleFault::new(
            "trailer_pstn",
            "is not set, though trailer_flag is Y; write where the count stands, for example 4:10, \
             or the text before it in trailer_tag",
        )),
    }
}

/// Each record type is an upload of its own, and S3 wants parts of 5 MiB.
const MOST_RECORD_TYPES: usize = 100;

fn split(row: &RuleRow) -> Result<Option<Vec<String>>, RuleFault> {
    if !is_yes("split_file_flag", &row.split_file_flag)? {
        return Ok(None);
    }
    let prefixes: Vec<String> = row
        .split_prefix
        .as_deref()
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|prefix| !prefix.is_empty())
        .map(str::to_owned)
        .collect();
    if prefixes.len() > MOST_RECORD_TYPES {
        return Err(RuleFault::new(
            "split_prefix",
            format!(
                "lists {} record types; each takes 5 MiB of memory while the file is cut, so at most \
                 {MOST_RECORD_TYPES} are taken",
                prefixes.len()
            ),
        ));
    }
    let repeated = prefixes
        .iter()
        .enumerate()
        .find(|(index, prefix)| prefixes[..*index].contains(prefix));
    match (prefixes.is_empty(), repeated) {
        (true, _) => Err(RuleFault::new(
            "split_prefix",
            "is not set, though split_file_flag is Y; list the prefixes of the record types, for example HD,DT",
        )),
        (false, Some((_, prefix))) => Err(RuleFault::new(
            "split_prefix",
            format!("{prefix:?} is listed twice"),
        )),
        (false, None) => Ok(Some(prefixes)),
    }
}

fn parse_invalid_bytes(word: &str) -> Option<InvalidBytes> {
    match word {
        "reject" => Some(InvalidBytes::Reject),
        "replace" => Some(InvalidBytes::Replace),
        _ => None,
    }
}

fn word<T>(
    column: &str,
    text: &Option<String>,
    default: &str,
    parse: impl Fn(&str) -> Option<T>,
    choices: &str,
) -> Result<T, RuleFault> {
    let text = non_blank(text).unwrap_or_else(|| default.to_owned());
    parse(&text).ok_or_else(|| RuleFault::new(column, format!("{text:?} is none of {choices}")))
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

fn table(row: &RuleRow, faults: &mut Collector) -> Option<TableName> {
    match (non_blank(&row.tgt_schema_name), non_blank(&row.tgt_table_name)) {
        (Some(schema), Some(table)) => Some(TableName { schema, table }),
        (None, None) => None,
        (None, Some(_)) => {
            faults.add("tgt_schema_name", "is not set, though tgt_table_name is");
            None
        }
        (Some(_), None) => {
            faults.add("tgt_table_name", "is not set, though tgt_schema_name is");
            None
        }
    }
}

pub(super) fn warehouse(target: &TargetRow) -> Result<Warehouse, RuleFault> {
    let compute = match (
        non_blank(&target.cluster_identifier),
        non_blank(&target.workgroup_name),
    ) {
        (Some(cluster), None) => Compute::Cluster(cluster),
        (None, Some(workgroup)) => Compute::Workgroup(workgroup),
        _ => {
            return Err(RuleFault::new(
                "ext_target.cluster_identifier",
                format!(
                    "target {} names both or neither of a cluster and a workgroup; set one",
                    target.target_name
                ),
            ));
        }
    };
    let login = match (
        non_blank(&target.secret_arn),
        non_blank(&target.database_user),
        &compute,
    ) {
        (Some(_), Some(_), _) => {
            return Err(RuleFault::new(
                "ext_target.database_user",
                format!(
                    "target {} names a secret and a database user; set one",
                    target.target_name
                ),
            ));
        }
        (None, Some(_), Compute::Workgroup(_)) => {
            return Err(RuleFault::new(
                "ext_target.database_user",
                format!(
                    "target {} is serverless, which takes a secret or the caller's identity",
                    target.target_name
                ),
            ));
        }
        (Some(secret), None, _) => Login::Secret(secret),
        (None, Some(user), Compute::Cluster(_)) => Login::DatabaseUser(user),
        (None, None, _) => Login::CallerIdentity,
    };
    Ok(Warehouse {
        compute,
        database: target.database_name.clone(),
        login,
        iam_role: target.iam_role.clone(),
        region: target.region.clone(),
    })
}
