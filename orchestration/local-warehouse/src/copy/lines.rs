//! Lines that become rows at once: cut, checked and written in one pass.
//!
//! Most lines of most files have no quote, no escape and no fault, and most values are in the usual form of their type. Where something is not,
//! nothing of its line is kept, and the careful way (frame ► fields ► row) reads the line again: it alone knows errors. Both ways write the same
//! bytes for the same line, which `records.rs` tests with random files.

use std::ops::Range;

use memchr::{memchr, memchr2, memchr3, memrchr};

use super::binary::{ShortDecimal, write_boolean, write_bytes, write_fixed, write_integer};
use super::column::{Column, ColumnType};
use super::datetime::{takes_iso_date, takes_iso_timestamp};
use super::digits::leading_number;
use super::fields::{Field, FieldKind};
use super::frame::MOST_BYTES;
use super::iso::{leading_date, leading_timestamp};
use super::number::most_digits;
use super::row::{RowWriter, TrailingDelimiter};
use super::statement::{Conversion, Format};
use super::wire::Wire;

/// What turns the lines of one COPY into rows.
#[derive(Debug)]
pub(super) struct LineWriter<'a> {
    writer: RowWriter<'a>,
    plans: Vec<Plan>,
    delimiter: u8,
    marks: Marks,
}

/// How the usual form of a column's values is taken: decided once per COPY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    Integer {
        width: u8,
        most_digits: usize,
    },
    Decimal {
        most_whole: usize,
        most_fraction: usize,
    },
    Boolean,
    Date,
    Timestamp,
    Varchar {
        most_bytes: usize,
    },
    /// By the conversions of the careful way.
    Converted,
}

/// Bytes that only the careful way understands; a NUL is always one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marks {
    Nul,
    And(u8),
    AndBoth(u8, u8),
}

/// The whole lines of a piece of text, taken one after the other.
#[derive(Debug)]
pub(super) struct Lines<'t> {
    text: &'t [u8],
    /// Where the line begins that is next.
    at: usize,
    /// After the last line break.
    end: usize,
    marks: Marks,
    /// Where the first mark at or after `at` stands, or `end`.
    mark: usize,
    /// Whether a line must be ASCII: something in the text is no UTF-8, or ACCEPTINVCHARS has to look at it.
    needs_ascii: bool,
}

/// What was taken at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

impl<'a> LineWriter<'a> {
    /// None where no line can be taken without the careful way.
    pub(super) fn new(writer: RowWriter<'a>, format: &Format) -> Option<Self> {
        let (delimiter, marks) = match format {
            Format::Delimited {
                delimiter,
                escape,
                remove_quotes,
            } => (delimiter, marks_of(*escape, *remove_quotes)?),
            Format::Csv { delimiter, quote } => (delimiter, Marks::And(*quote)),
            _ => return None,
        };
        let [delimiter] = delimiter[..] else {
            return None;
        };
        let is_possible = writer.wire == Wire::Binary && !writer.columns.is_empty() && is_usual(delimiter);
        let plan = |column: &Column| Plan::of(column.kind, writer.conversion);
        is_possible.then(|| Self {
            plans: writer.columns.iter().map(plan).collect(),
            writer,
            delimiter,
            marks,
        })
    }

    /// The lines of a text.
    pub(super) fn lines<'t>(&self, text: &'t [u8]) -> Lines<'t> {
        let end = memrchr(b'\n', text).map_or(0, |at| at + 1);
        let whole = &text[..end];
        let looks_closely = self.writer.conversion.replace_invalid.is_some();
        Lines {
            text,
            at: 0,
            end,
            marks: self.marks,
            mark: self.marks.find(whole).unwrap_or(end),
            needs_ascii: !whole.is_ascii() && (looks_closely || simdutf8::basic::from_utf8(whole).is_err()),
        }
    }

    /// Adds a row to `out` for each line, up to one that needs the careful way.
    pub(super) fn write(&self, lines: &mut Lines<'_>, out: &mut Vec<u8>) -> Taken {
        let (first, mut rows) = (lines.at, 0);
        while let Some(length) = lines.usual_length() {
            let before = out.len();
            let text = &lines.text[lines.at..lines.end];
            if self.row(text, length, out).is_none() {
                out.truncate(before);
                break;
            }
            lines.at += length + 1;
            rows += 1;
        }
        Taken {
            rows,
            bytes: u64::try_from(lines.at - first).unwrap_or(u64::MAX),
        }
    }

    /// Adds the row of the line that `text` begins with; its line break stands at `length`.
    fn row(&self, text: &[u8], length: usize, out: &mut Vec<u8>) -> Option<()> {
        let end = length - usize::from(text[..length].ends_with(b"\r"));
        let mut at = 0;
        self.writer.wire.begin_row(self.plans.len(), out);
        for (index, (plan, column)) in self.plans.iter().zip(self.writer.columns).enumerate() {
            if index > 0 {
                // The value before ended at a delimiter, or with the line.
                at = (at < end).then_some(at + 1)?;
            }
            at = self.value(*plan, column, text, at..end, out)?;
        }
        let is_end_mark = self.writer.trailing_delimiter == TrailingDelimiter::Allowed && at + 1 == end;
        (end > 0 && (at == end || is_end_mark)).then_some(())
    }

    /// Adds the value that begins where the range begins, and returns where it ends.
    fn value(
        &self,
        plan: Plan,
        column: &Column,
        text: &[u8],
        range: Range<usize>,
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        let before = out.len();
        // Numbers are read beyond the line, eight bytes at a time; a line break is no digit, so they end within it.
        if let Some(length) = plan.take(&text[range.start..], out) {
            let end = range.start + length;
            if end == range.end || text.get(end) == Some(&self.delimiter) {
                return Some(end);
            }
            out.truncate(before);
        }
        let rest = &text[range.clone()];
        let bytes = &rest[..memchr(self.delimiter, rest).unwrap_or(rest.len())];
        match plan {
            Plan::Varchar { most_bytes }
                if bytes.len() <= most_bytes && bytes != self.writer.conversion.null_as =>
            {
                write_bytes(bytes, out);
            }
            _ => self.convert(bytes, column, out)?,
        }
        Some(range.start + bytes.len())
    }

    fn convert(&self, bytes: &[u8], column: &Column, out: &mut Vec<u8>) -> Option<()> {
        let field = Field {
            bytes,
            kind: FieldKind::Plain,
            position: 0,
            // UTF-8 without NUL, and ASCII where ACCEPTINVCHARS would look closer.
            is_clean: true,
        };
        self.writer.write_value(Some(&field), column, out).ok()
    }
}

fn marks_of(escape: bool, remove_quotes: bool) -> Option<Marks> {
    match (escape, remove_quotes) {
        (false, false) => Some(Marks::Nul),
        (true, false) => Some(Marks::And(b'\\')),
        (false, true) => Some(Marks::AndBoth(b'"', b'\'')),
        (true, true) => None,
    }
}

/// Whether a delimiter is no part of a number, a date, a truth value, a line break or a character.
fn is_usual(delimiter: u8) -> bool {
    delimiter.is_ascii() && !delimiter.is_ascii_alphanumeric() && !b"-.: \r\n\0".contains(&delimiter)
}

impl Plan {
    fn of(kind: ColumnType, conversion: &Conversion) -> Self {
        let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let looks_usual = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
        let null_is_unusual = !conversion.null_as.first().is_some_and(looks_usual);
        let changes_text = conversion.empty_as_null || conversion.blanks_as_null || conversion.trim_blanks;
        match kind {
            ColumnType::Varchar(most_bytes) if !changes_text => Self::Varchar { most_bytes },
            ColumnType::Integer(width) if null_is_unusual => Self::Integer {
                width,
                most_digits: most_digits(width),
            },
            ColumnType::Decimal(precision, scale) if null_is_unusual => Self::Decimal {
                most_whole: size(precision.saturating_sub(scale)),
                most_fraction: size(scale),
            },
            ColumnType::Boolean if null_is_unusual => Self::Boolean,
            ColumnType::Date if null_is_unusual && takes_iso_date(&conversion.date_format) => Self::Date,
            ColumnType::Timestamp if null_is_unusual && takes_iso_timestamp(&conversion.time_format) => {
                Self::Timestamp
            }
            _ => Self::Converted,
        }
    }

    /// Adds the value that a text begins with, if it has the usual form, and returns how long it is there.
    fn take(self, text: &[u8], out: &mut Vec<u8>) -> Option<usize> {
        match self {
            Self::Integer { width, most_digits } => take_integer(text, width, most_digits, out),
            Self::Decimal {
                most_whole,
                most_fraction,
            } => {
                let number = ShortDecimal::leading(text)?;
                let fits = number.whole_digits <= most_whole && number.fraction_digits <= most_fraction;
                fits.then(|| {
                    number.write(out);
                    number.length
                })
            }
            Self::Boolean => {
                let is_true = match text.first()? {
                    b't' => true,
                    b'f' => false,
                    _ => return None,
                };
                write_boolean(is_true, out);
                Some(1)
            }
            Self::Date => {
                write_fixed(leading_date(text)?.to_be_bytes(), out);
                Some(10)
            }
            Self::Timestamp => {
                let (micros, length) = leading_timestamp(text)?;
                write_fixed(micros.to_be_bytes(), out);
                Some(length)
            }
            Self::Varchar { .. } | Self::Converted => None,
        }
    }
}

fn take_integer(text: &[u8], width: u8, most_digits: usize, out: &mut Vec<u8>) -> Option<usize> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let (number, length) = leading_number(digits).filter(|(_, length)| *length <= most_digits)?;
    let number = i64::try_from(number).ok()?;
    let sign = text.len() - digits.len();
    write_integer(if sign > 0 { -number } else { number }, width, out)?;
    Some(sign + length)
}

impl Marks {
    fn find(self, text: &[u8]) -> Option<usize> {
        match self {
            Self::Nul => memchr(0, text),
            Self::And(mark) => memchr2(0, mark, text),
            Self::AndBoth(mark, other) => memchr3(0, mark, other, text),
        }
    }
}

impl<'t> Lines<'t> {
    /// How long the next line is without its line break, if it is there whole and has nothing unusual.
    fn usual_length(&mut self) -> Option<usize> {
        let rest = &self.text[self.at..self.end];
        if self.mark < self.at {
            self.mark = self.marks.find(rest).map_or(self.end, |found| self.at + found);
        }
        let length = memchr(b'\n', rest)?;
        let is_usual = length < MOST_BYTES
            && self.at + length <= self.mark
            && (!self.needs_ascii || rest[..length].is_ascii());
        is_usual.then_some(length)
    }

    /// The next line with its line break, or what is after the last one.
    pub(super) fn next_line(&mut self) -> Option<&'t [u8]> {
        let rest = &self.text[self.at..];
        let length = memchr(b'\n', rest).map_or(rest.len(), |found| found + 1);
        self.at += length;
        (length > 0).then(|| &rest[..length])
    }
}
