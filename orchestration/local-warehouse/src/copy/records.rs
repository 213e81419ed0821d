//! From decoded text to rows.

use std::io;

use super::fields::FieldReader;
use super::frame::{Frame, Framer};
use super::intake::{Intake, TooManyErrors};
use super::lines::{LineWriter, Lines};
use super::readers::framing;
use super::statement::Format;
use super::text_file::problem;
use crate::engine::StatementError;

/// Why the records of a file are not read on.
pub(super) enum Stop {
    /// As many rows were bad as the COPY tolerates.
    TooManyErrors,
    /// The file is not packed or encoded as the COPY says.
    Undecodable(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Undecodable(error)
    }
}

impl From<TooManyErrors> for Stop {
    fn from(_: TooManyErrors) -> Self {
        Self::TooManyErrors
    }
}

/// The records of one file.
pub(super) struct Records<'a, 'b> {
    pub(super) intake: &'a mut Intake<'b>,
    reader: &'a mut dyn FieldReader,
    framer: Framer<'b>,
    /// What takes most lines without the framer and the reader.
    line_writer: Option<LineWriter<'b>>,
    /// Lines of JSON that IGNOREHEADER still skips: it counts lines, and a record may have many.
    lines_to_skip: u64,
}

impl<'a, 'b> Records<'a, 'b> {
    pub(super) fn new(intake: &'a mut Intake<'b>, reader: &'a mut dyn FieldReader) -> Self {
        let lines_to_skip = match intake.copy.format {
            Format::Json(_) => intake.copy.ignore_header,
            _ => 0,
        };
        Self {
            framer: Framer::after_lines(framing(&intake.copy.format), lines_to_skip),
            line_writer: LineWriter::new(intake.writer, &intake.copy.format),
            intake,
            reader,
            lines_to_skip,
        }
    }

    /// Takes a piece of the file.
    pub(super) fn push(&mut self, text: &[u8]) -> Result<(), Stop> {
        let mut text = text;
        while self.lines_to_skip > 0 {
            let Some(end) = memchr::memchr(b'\n', text) else {
                return Ok(());
            };
            text = &text[end + 1..];
            self.lines_to_skip -= 1;
        }
        let Some(line_writer) = &self.line_writer else {
            return self.push_carefully(text);
        };
        let mut lines = line_writer.lines(text);
        loop {
            self.take_lines(&mut lines);
            match lines.next_line() {
                Some(line) => self.push_carefully(line)?,
                None => return Ok(()),
            }
        }
    }

    /// Takes as many lines as are rows at once; none within a record or a header.
    fn take_lines(&mut self, lines: &mut Lines<'_>) {
        let is_in_header = self.intake.lines < self.intake.copy.ignore_header;
        let Some(line_writer) = self
            .line_writer
            .as_ref()
            .filter(|_| !is_in_header && self.framer.is_between_records())
        else {
            return;
        };
        let taken = line_writer.write(lines, &mut self.intake.out);
        self.framer.pass(taken.rows, taken.bytes);
        self.intake.lines += taken.rows;
        self.intake.report.loaded_rows += taken.rows;
    }

    fn push_carefully(&mut self, text: &[u8]) -> Result<(), Stop> {
        let (intake, reader) = (&mut *self.intake, &mut *self.reader);
        self.framer.push(text, |frame| record(intake, reader, frame))
    }

    /// Ends the file; what is left is its last record.
    pub(super) fn finish(&mut self) -> Result<(), Stop> {
        let framer = std::mem::replace(&mut self.framer, Framer::new(framing(&self.intake.copy.format)));
        let (intake, reader) = (&mut *self.intake, &mut *self.reader);
        framer.finish(|frame| record(intake, reader, frame))
    }

    /// What the caller of the COPY is told.
    pub(super) fn explain(&self, stop: Stop, url: &str) -> StatementError {
        match stop {
            Stop::TooManyErrors => self.intake.failure(),
            Stop::Undecodable(error) => problem(url, &error),
        }
    }
}

fn record(intake: &mut Intake<'_>, reader: &mut dyn FieldReader, frame: Frame<'_>) -> Result<(), Stop> {
    intake.lines += 1;
    let is_json = matches!(intake.copy.format, Format::Json(_));
    let is_header = !is_json && intake.lines <= intake.copy.ignore_header;
    let is_blank = frame.bytes.is_empty() && intake.copy.ignore_blank_lines;
    if is_header || is_blank {
        return Ok(());
    }
    Ok(intake.record(reader, frame)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::column::{Column, ColumnType, Identity, Target};
    use super::super::delimited::{Csv, Delimited};
    use super::super::delimiter::Delimiter;
    use super::super::fields::Fields;
    use super::super::parse;
    use super::super::report::Report;
    use super::super::row::{RowWriter, TrailingDelimiter};
    use super::super::statement::CopyStatement;
    use super::super::wire::Wire;
    use super::*;

    const OPTIONS: [&str; 22] = [
        "",
        "escape",
        "removequotes",
        "escape removequotes",
        "csv delimiter '|'",
        "csv quote as '''' delimiter '|'",
        "null as '7'",
        "null as 't'",
        "null as 'x'",
        "null as '\\0'",
        "trimblanks",
        "emptyasnull",
        "blanksasnull",
        "fillrecord",
        "truncatecolumns",
        "acceptinvchars",
        "acceptanydate",
        "roundec",
        "ignoreheader 2",
        "ignoreblanklines",
        "dateformat 'auto' timeformat 'auto'",
        "dateformat 'DD-MM-YYYY' timeformat 'epochsecs'",
    ];
    const VALUES: [&[u8]; 50] = [
        b"",
        b" ",
        b"0",
        b"7",
        b"-7",
        b"+7",
        b" 7 ",
        b"-",
        b"32767",
        b"32768",
        b"999999999",
        b"9999999999",
        b"00000000000000000001",
        b"9223372036854775807",
        b"9223372036854775808",
        b"1.5",
        b"-1.50",
        b"1.",
        b".5",
        b"123.456",
        b"1234.5",
        b"-0.00",
        b"1e5",
        b"t",
        b"f",
        b"true",
        b"NO",
        b"tt",
        b"2015-10-15",
        b"2015-02-29",
        b"2015-10-15 ",
        b"2015-10-1",
        b"15-10-2015",
        b"2015-10-15 23:59:59",
        b"2015-10-15 23:59:59.123456",
        b"2015-10-15 24:00:00",
        b"2015-10-15T01:02:03",
        b"1444921750",
        b"99999999999999",
        b"x",
        b"  x ",
        b"abcde",
        b"abcdef",
        b"\xC3\xA4\xC3\xB6",
        b"\xEF\xB7\x90",
        b"\xE9",
        b"\\N",
        b"a\\b",
        b"a\tb\rc",
        b"\0",
    ];

    fn columns() -> Vec<Column> {
        let column = |kind: ColumnType, is_not_null: bool| Column {
            name: format!("{kind:?}"),
            kind,
            type_name: "x".to_owned(),
            length: "0".to_owned(),
            is_not_null,
            identity: Identity::None,
        };
        vec![
            column(ColumnType::Integer(2), false),
            column(ColumnType::Varchar(5), true),
            column(ColumnType::Integer(8), true),
            column(ColumnType::Decimal(5, 2), false),
            column(ColumnType::Date, false),
            column(ColumnType::Timestamp, false),
            column(ColumnType::Boolean, false),
            column(ColumnType::Char(4), false),
            column(ColumnType::Varchar(5), false),
        ]
    }

    fn usual_form(kind: ColumnType) -> &'static [u8] {
        match kind {
            ColumnType::Date => b"2016-02-29",
            ColumnType::Timestamp => b"2016-02-29 01:02:03.5",
            ColumnType::Boolean => b"f",
            _ => b"12",
        }
    }

    /// A file: most values are in their type's usual form, so that some lines are rows.
    fn file() -> impl Strategy<Value = Vec<u8>> {
        let value = prop_oneof![12 => Just(None), 1 => prop::sample::select(VALUES.to_vec()).prop_map(Some),
            1 => prop::collection::vec(prop::sample::select(b"|,\"'\\\n\r\t 0-.:t\x80".to_vec()), 0..3).prop_map(|bytes| Some(&*bytes.leak()))];
        let count = prop_oneof![9 => Just(9_usize), 1 => 0..11_usize];
        let ending = prop::sample::select(vec!["\n", "\n", "\r\n", "|\n", "\n\n"]);
        let line = (prop::collection::vec(value, 11), count, ending).prop_map(|(values, count, ending)| {
            let columns = columns();
            let usual =
                |at: usize| usual_form(columns.get(at).map_or(ColumnType::Other, |column| column.kind));
            let values = values
                .iter()
                .enumerate()
                .map(|(at, value)| value.unwrap_or_else(|| usual(at)));
            let mut line = values.take(count).collect::<Vec<_>>().join(&b'|');
            line.extend_from_slice(ending.as_bytes());
            line
        });
        (prop::collection::vec(line, 0..12), 0..3_usize).prop_map(|(lines, cut)| {
            let mut file = lines.concat();
            file.truncate(file.len().saturating_sub(cut));
            file
        })
    }

    /// The bytes for PostgreSQL, the counts, and the errors with everything that the system views tell of them.
    fn load(copy: &CopyStatement, file: &[u8], step: usize, is_careful: bool) -> (Vec<u8>, u64, u64, String) {
        let target = Target {
            table_id: 1,
            name: "t".to_owned(),
            columns: columns(),
        };
        let mut report = Report::new(1, 1, 1);
        let mut intake = Intake {
            copy,
            target: &target,
            report: &mut report,
            writer: RowWriter {
                columns: &target.columns,
                conversion: &copy.conversion,
                trailing_delimiter: TrailingDelimiter::of(&copy.format),
                wire: Wire::of(&target.columns),
            },
            fields: Fields::default(),
            out: Vec::new(),
            file: "f".to_owned(),
            lines: 0,
        };
        let mut reader: Box<dyn FieldReader> = match &copy.format {
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
            _ => panic!("no other format is cut into lines"),
        };
        let mut records = Records::new(&mut intake, &mut *reader);
        if is_careful {
            records.line_writer = None;
        }
        let mut pieces = file.chunks(step);
        let _is_stopped = pieces.any(|piece| records.push(piece).is_err()) || records.finish().is_err();
        let (out, lines) = (std::mem::take(&mut intake.out), intake.lines);
        let errors = format!("{report:?}").split_once("errors:").unwrap().1.to_owned();
        (out, lines, report.loaded_rows, errors)
    }

    fn statement(options: &str, tolerance: &str) -> CopyStatement {
        parse(&format!(
            "copy t from 's3://b/k' iam_role default {options} {tolerance}"
        ))
        .unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn lines_taken_at_once_are_what_the_careful_way_makes_of_them(
            file in file(),
            options in prop::sample::select(OPTIONS.to_vec()),
            tolerance in prop::sample::select(vec!["", "maxerror 3", "ignoreallerrors"]),
            step in prop_oneof![1..80_usize, Just(10_000)],
        ) {
            let copy = statement(options, tolerance);
            let careful = load(&copy, &file, 10_000, true);
            prop_assert_eq!(load(&copy, &file, step, false), careful, "{} {:?}", options, String::from_utf8_lossy(&file));
        }
    }

    #[test]
    fn lines_in_the_usual_form_need_no_careful_way() {
        let line = columns()
            .iter()
            .map(|column| usual_form(column.kind))
            .collect::<Vec<_>>()
            .join(&b'|');
        let file = [&line[..], b"\r\n", &line, b"|\n", &line, b"\n"].concat();
        for options in [
            "",
            "escape",
            "removequotes",
            "csv delimiter '|'",
            "acceptinvchars",
        ] {
            let copy = statement(options, "");
            let columns = columns();
            let writer = RowWriter {
                columns: &columns,
                conversion: &copy.conversion,
                trailing_delimiter: TrailingDelimiter::Allowed,
                wire: Wire::Binary,
            };
            let line_writer = LineWriter::new(writer, &copy.format).unwrap();
            let mut out = Vec::new();
            let taken = line_writer.write(&mut line_writer.lines(&file), &mut out);
            assert_eq!(
                (taken.rows, taken.bytes),
                (3, u64::try_from(file.len()).unwrap()),
                "{options}"
            );
        }
    }
}
