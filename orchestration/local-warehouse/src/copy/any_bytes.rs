//! Any bytes through the grammar of COPY and the readers of its records, and what must hold of whatever comes out.

use std::fmt;

use super::column::{Column, ColumnType, Identity, Target};
use super::decode::FileDecoder;
use super::delimited::{Csv, Delimited, FixedWidth};
use super::delimiter::Delimiter;
use super::fields::{FieldReader, Fields};
use super::intake::Intake;
use super::json::{JsonByKey, JsonByPath, JsonColumn};
use super::parse;
use super::records::{Records, Stop};
use super::report::Report;
use super::row::{RowWriter, TrailingDelimiter};
use super::statement::{CopyStatement, Encoding, Format, JsonFields};
use super::wire::Wire;

/// What a load of bytes came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The file was read to its end.
    Read,
    /// The statement failed, and PostgreSQL keeps none of its rows.
    Failed,
}

/// The load of one file into a table that is not there.
#[derive(Debug, PartialEq, Eq)]
struct Load {
    end: End,
    /// Records that were found.
    records: u64,
    rows: u64,
    errors: u64,
    /// What PostgreSQL would get.
    sent: Vec<u8>,
}

/// Loads a file as a COPY with these options says; an error is a promise that was broken.
pub(crate) fn check_any_bytes(options: &str, file: &[u8], step: usize) -> Result<(), String> {
    let Ok(copy) = parse(&format!("copy t from 's3://b/k' iam_role default {options}")) else {
        return Ok(());
    };
    // A JSONPaths file is another object: here it is the first line.
    let (paths, file) = match copy.format {
        Format::Json(JsonFields::Paths(_)) => first_line(file),
        _ => (&[][..], file),
    };
    for columns in [columns_of_the_usual_types(), columns_that_are_sent_as_text()] {
        let target = Target {
            table_id: 1,
            name: "t".to_owned(),
            columns,
        };
        let Some(whole) = load(&copy, &target, (paths, file), file.len().max(1)) else {
            return Ok(());
        };
        nothing_is_lost(&copy, &target, file, &whole)?;
        let pieces = load(&copy, &target, (paths, file), step.max(1));
        let is_same = pieces
            .as_ref()
            .is_some_and(|pieces| *pieces == whole || pieces.end == End::Failed && whole.end == End::Failed);
        if !is_same {
            return Err(format!("whole: {whole:?}, in pieces of {step}: {pieces:?}"));
        }
    }
    Ok(())
}

/// Every record became a row or an error, and every row is on its way.
fn nothing_is_lost(copy: &CopyStatement, target: &Target, file: &[u8], load: &Load) -> Result<(), String> {
    let header = match copy.format {
        Format::Json(_) => 0,
        _ => copy.ignore_header.min(load.records),
    };
    let accounted = load.rows + load.errors + header;
    if accounted > load.records || accounted < load.records && !copy.ignore_blank_lines {
        return broken("records are neither rows nor errors", load);
    }
    if rows_in(&load.sent, Wire::of(&target.columns), target.columns.len()) != Some(load.rows) {
        return broken("PostgreSQL gets other rows than were counted", load);
    }
    let is_by_line = match copy.format {
        Format::Delimited {
            escape,
            remove_quotes,
            ..
        } => !escape && !remove_quotes,
        Format::FixedWidth(_) => true,
        _ => false,
    };
    let is_plain = copy.compression.is_none() && copy.encoding == Encoding::Utf8;
    if load.end == End::Read && is_by_line && is_plain && load.records != lines_in(file) {
        return broken("lines are no records", load);
    }
    Ok(())
}

fn broken(promise: impl fmt::Display, load: &Load) -> Result<(), String> {
    Err(format!("{promise}: {load:?}"))
}

/// Lines as anybody counts them, after the byte order mark.
fn lines_in(file: &[u8]) -> u64 {
    let file = file.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(file);
    let lines = file.split_inclusive(|byte| *byte == b'\n').count();
    u64::try_from(lines).unwrap_or(u64::MAX)
}

/// The rows in what is sent; None when it is cut or has another number of values.
fn rows_in(sent: &[u8], wire: Wire, values: usize) -> Option<u64> {
    if wire == Wire::Text {
        let is_ended = sent.is_empty() || sent.ends_with(b"\n");
        return is_ended.then(|| lines_in(sent));
    }
    let (mut rest, mut rows) = (sent, 0);
    while let Some((count, tail)) = rest.split_first_chunk() {
        if usize::try_from(i16::from_be_bytes(*count)).ok()? != values {
            return None;
        }
        rest = tail;
        for _ in 0..values {
            let (length, tail) = rest.split_first_chunk()?;
            // A null has the length -1, and no bytes.
            let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
            rest = tail.get(length..)?;
        }
        rows += 1;
    }
    rest.is_empty().then_some(rows)
}

fn first_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(bytes.len());
    (&bytes[..end], bytes.get(end + 1..).unwrap_or_default())
}

/// None for formats whose readers need a file on disk, and for paths that are refused.
fn load(copy: &CopyStatement, target: &Target, (paths, file): (&[u8], &[u8]), step: usize) -> Option<Load> {
    let mut reader = reader(&copy.format, target, paths)?;
    let decoder = FileDecoder::new(copy.compression, copy.encoding).ok()?;
    let mut report = Report::new(1, 1, 1);
    let mut intake = Intake {
        copy,
        target,
        report: &mut report,
        writer: RowWriter {
            wire: Wire::of(&target.columns),
            columns: &target.columns,
            conversion: &copy.conversion,
            trailing_delimiter: TrailingDelimiter::of(&copy.format),
        },
        fields: Fields::default(),
        out: Vec::new(),
        file: "f".to_owned(),
        lines: 0,
    };
    let ended = read(decoder, &mut Records::new(&mut intake, &mut *reader), file, step);
    let (records, sent) = (intake.lines, intake.out);
    Some(Load {
        end: if ended.is_ok() { End::Read } else { End::Failed },
        records,
        rows: report.loaded_rows,
        errors: report.error_count,
        sent,
    })
}

fn read(
    mut decoder: FileDecoder,
    records: &mut Records<'_, '_>,
    file: &[u8],
    step: usize,
) -> Result<(), Stop> {
    for piece in file.chunks(step) {
        decoder.push(piece, |text| records.push(text))?;
    }
    decoder.finish(|text| records.push(text))?;
    records.finish()
}

fn reader(format: &Format, target: &Target, paths: &[u8]) -> Option<Box<dyn FieldReader>> {
    Some(match format {
        Format::Delimited {
            delimiter,
            escape,
            remove_quotes,
        } => Box::new(Delimited {
            delimiter: Delimiter::new(delimiter),
            escape: *escape,
            remove_quotes: *remove_quotes,
        }),
        Format::Csv { delimiter, quote } => Box::new(Csv {
            delimiter: Delimiter::new(delimiter),
            quote: *quote,
        }),
        Format::FixedWidth(widths) => Box::new(FixedWidth {
            widths: widths.iter().map(|(_, width)| *width).collect(),
        }),
        Format::Json(JsonFields::Auto | JsonFields::AutoIgnoreCase) => Box::new(JsonByKey {
            columns: target.columns.iter().map(json_column).collect(),
            ignores_case: *format == Format::Json(JsonFields::AutoIgnoreCase),
        }),
        Format::Json(JsonFields::Paths(_)) => {
            let columns = target.columns.iter().map(json_column).collect();
            let reader = JsonByPath::parse(paths, columns).ok()??;
            (reader.len() == target.columns.len()).then(|| Box::new(reader))?
        }
        Format::Json(_) | Format::Avro(_) | Format::Parquet | Format::Orc => return None,
    })
}

fn json_column(column: &Column) -> JsonColumn {
    JsonColumn {
        name: column.name.clone(),
        is_super: column.kind == ColumnType::Super,
    }
}

fn columns_of_the_usual_types() -> Vec<Column> {
    vec![
        column("a", ColumnType::Integer(4), false),
        column("b", ColumnType::Varchar(5), false),
        column("c", ColumnType::Timestamp, false),
        column("d", ColumnType::Decimal(5, 2), false),
        column("e", ColumnType::Char(2), true),
        column("f", ColumnType::Boolean, false),
        column("g", ColumnType::Date, false),
    ]
}

fn columns_that_are_sent_as_text() -> Vec<Column> {
    vec![
        column("a", ColumnType::Float(4), false),
        column("b", ColumnType::Varchar(5), false),
        column("c", ColumnType::TimestampWithZone, false),
        column("d", ColumnType::Super, false),
        column("e", ColumnType::Varbyte(4), false),
    ]
}

fn column(name: &str, kind: ColumnType, is_not_null: bool) -> Column {
    Column {
        name: name.to_owned(),
        kind,
        type_name: String::new(),
        length: String::new(),
        is_not_null,
        identity: Identity::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &[u8] = b"1|ab|2024-01-01 01:02:03|1.5|xy|t|2024-02-29\n2|abcdef|||xy||\n3||||xy||";

    fn loaded() -> (CopyStatement, Target, Load) {
        let copy = parse("copy t from 's3://b/k' iam_role default ignoreallerrors").unwrap();
        let target = Target {
            table_id: 1,
            name: "t".to_owned(),
            columns: columns_of_the_usual_types(),
        };
        let load = load(&copy, &target, (b"", FILE), 7).unwrap();
        (copy, target, load)
    }

    #[test]
    fn rows_and_errors_are_counted() {
        let (copy, target, load) = loaded();
        assert_eq!(
            (load.end, load.records, load.rows, load.errors),
            (End::Read, 3, 2, 1)
        );
        assert_eq!(nothing_is_lost(&copy, &target, FILE, &load), Ok(()));
    }

    #[test]
    fn paths_come_before_the_documents() {
        let copy =
            parse("copy t from 's3://b/k' iam_role default json 's3://b/paths' ignoreallerrors").unwrap();
        let target = Target {
            table_id: 1,
            name: "t".to_owned(),
            columns: columns_that_are_sent_as_text(),
        };
        let paths = br#"{"jsonpaths": ["$.a", "$.b", "$.c", "$.d", "$.e"]}"#;
        let documents = br#"{"a": 1, "b": "x", "d": [1]} {"a": "no number"}"#;
        let load = load(&copy, &target, (paths, documents), 3).unwrap();
        assert_eq!((load.rows, load.errors), (1, 1));
    }

    #[test]
    fn a_row_or_a_record_that_is_missing_is_noticed() {
        let (copy, target, load) = loaded();
        let lost_row = Load { rows: 1, ..load };
        assert!(nothing_is_lost(&copy, &target, FILE, &lost_row).is_err());
        let (_, _, mut unsent) = loaded();
        unsent.sent.pop();
        assert!(nothing_is_lost(&copy, &target, FILE, &unsent).is_err());
        let (_, _, whole) = loaded();
        let longer_file = [FILE, b"\n4||||xy||"].concat();
        assert!(nothing_is_lost(&copy, &target, &longer_file, &whole).is_err());
    }
}
