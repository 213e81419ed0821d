//! How rows go to PostgreSQL: in its binary format, which halves its work, where we can write every type of the table; else as text.

use super::binary;
use super::column::{Column, ColumnType};
use super::iso;
use super::report::RowError;

/// What a binary COPY begins with: a mark, no flags, no extension.
const HEADER: &[u8; 19] = b"PGCOPY\n\xFF\r\n\0\0\0\0\0\0\0\0\0";
/// What it ends with, in the place of a row.
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// The format of one COPY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    /// PostgreSQL reads each value as if someone had typed it.
    Text,
    /// PostgreSQL takes each value as it is.
    Binary,
}

impl Wire {
    /// The fastest that can carry the columns.
    pub(super) fn of(columns: &[Column]) -> Self {
        let is_known = columns.iter().all(|column| is_binary(column.kind));
        if is_known && i16::try_from(columns.len()).is_ok() {
            Self::Binary
        } else {
            Self::Text
        }
    }

    /// What the COPY statement says of it.
    pub(super) fn options(self) -> &'static str {
        match self {
            Self::Text => "",
            Self::Binary => " WITH (FORMAT binary)",
        }
    }

    /// What stands before the first row.
    pub(super) fn header(self) -> &'static [u8] {
        match self {
            Self::Text => b"",
            Self::Binary => HEADER,
        }
    }

    /// What stands after the last row.
    pub(super) fn trailer(self) -> &'static [u8] {
        match self {
            Self::Text => b"",
            Self::Binary => &TRAILER,
        }
    }

    /// Begins a row of so many values.
    pub(super) fn begin_row(self, values: usize, out: &mut Vec<u8>) {
        if self == Self::Binary {
            out.extend_from_slice(&i16::try_from(values).unwrap_or(i16::MAX).to_be_bytes());
        }
    }

    /// Adds a value in the form that its type has after its conversion; `is_clean` when it has nothing that text escapes.
    pub(super) fn write(
        self,
        value: Option<&[u8]>,
        column: &Column,
        is_clean: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), RowError> {
        match (self, value) {
            (Self::Binary, None) => binary::write_null(out),
            (Self::Binary, Some(value)) => return write_binary(value, column, out),
            (Self::Text, None) => out.extend_from_slice(b"\\N"),
            (Self::Text, Some(value)) if is_clean => out.extend_from_slice(value),
            (Self::Text, Some(value)) => write_escaped(value, out),
        }
        Ok(())
    }

    /// Stands between two values.
    pub(super) fn separate(self, out: &mut Vec<u8>) {
        if self == Self::Text {
            out.push(b'\t');
        }
    }

    /// Ends a row.
    pub(super) fn end_row(self, out: &mut Vec<u8>) {
        if self == Self::Text {
            out.push(b'\n');
        }
    }
}

/// Types whose converted values mean the same in every setting of the session, and whose every value we can write.
fn is_binary(kind: ColumnType) -> bool {
    match kind {
        ColumnType::Integer(_)
        | ColumnType::Decimal(..)
        | ColumnType::Boolean
        | ColumnType::Char(_)
        | ColumnType::Varchar(_)
        | ColumnType::Date
        | ColumnType::Timestamp => true,
        // Without an offset it is a time of the session's zone, which PostgreSQL knows and we do not.
        ColumnType::TimestampWithZone => false,
        // PostgreSQL's own limits and spellings of these decide what is an error.
        ColumnType::Float(_)
        | ColumnType::Super
        | ColumnType::Time
        | ColumnType::TimeWithZone
        | ColumnType::Varbyte(_)
        | ColumnType::Other => false,
    }
}

fn write_binary(value: &[u8], column: &Column, out: &mut Vec<u8>) -> Result<(), RowError> {
    let written = match column.kind {
        ColumnType::Integer(width) => {
            parsed(value).and_then(|value| binary::write_integer(value, width, out))
        }
        ColumnType::Decimal(..) => binary::write_decimal(value, out),
        ColumnType::Boolean => {
            binary::write_boolean(value == b"t", out);
            Some(())
        }
        ColumnType::Date => iso::date(value)
            .or_else(|| iso::date_before_christ(value))
            .map(|day| binary::write_fixed(day.to_be_bytes(), out)),
        ColumnType::Timestamp => iso::timestamp(value)
            .or_else(|| iso::timestamp_before_christ(value))
            .map(|time| binary::write_fixed(time.to_be_bytes(), out)),
        _ => {
            binary::write_bytes(value, out);
            Some(())
        }
    };
    // Whatever was converted is in the range of its type.
    written.ok_or_else(|| RowError::new(1206, "Invalid timestamp format or value [YYYY-MM-DD HH24:MI:SS]"))
}

fn parsed(value: &[u8]) -> Option<i64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// PostgreSQL's text format escapes its own marks alone.
fn write_escaped(value: &[u8], out: &mut Vec<u8>) {
    let mut rest = value;
    while let Some(at) = rest
        .iter()
        .position(|byte| matches!(byte, b'\\' | b'\n' | b'\r' | b'\t'))
    {
        out.extend_from_slice(&rest[..at]);
        out.push(b'\\');
        out.push(match rest[at] {
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            other => other,
        });
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}
