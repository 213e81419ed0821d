//! One record against the target: checked, converted, and written as PostgreSQL's COPY reads it.

use std::borrow::Cow;

use super::column::{Column, ColumnType};
use super::datetime::{convert_date, convert_time, convert_timestamp};
use super::fields::{Field, FieldKind, Fields};
use super::json_value::convert_super;
use super::number::{check_float, check_integer, convert_boolean, convert_decimal};
use super::report::{BadRow, RowError};
use super::statement::{Conversion, Format};
use super::text::{convert_char, convert_varchar};
use super::wire::Wire;

/// Whether a delimiter after the last field is part of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TrailingDelimiter {
    /// `a|b|` has two fields.
    Allowed,
    /// It begins another field.
    Refused,
}

impl TrailingDelimiter {
    /// What a format says of it.
    pub(super) fn of(format: &Format) -> Self {
        match format {
            Format::Delimited { .. } => Self::Allowed,
            _ => Self::Refused,
        }
    }
}

/// What rows of one COPY go through.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowWriter<'a> {
    pub(super) columns: &'a [Column],
    pub(super) conversion: &'a Conversion,
    pub(super) trailing_delimiter: TrailingDelimiter,
    pub(super) wire: Wire,
}

impl RowWriter<'_> {
    /// Adds the row to `out`, or leaves `out` as it was.
    pub(super) fn write(&self, record: &[u8], fields: &Fields, out: &mut Vec<u8>) -> Result<(), BadRow> {
        let before = out.len();
        let written = self
            .check_count(record, fields)
            .and_then(|()| self.write_all(record, fields, out));
        if written.is_err() {
            out.truncate(before);
        }
        written
    }

    fn check_count(&self, record: &[u8], fields: &Fields) -> Result<(), BadRow> {
        let (found, expected) = (fields.len(), self.columns.len());
        let is_end_mark = self.trailing_delimiter == TrailingDelimiter::Allowed
            && found == expected + 1
            && fields
                .get(record, expected)
                .is_some_and(|field| field.bytes.is_empty());
        if found > expected && !is_end_mark {
            let position = fields.get(record, expected).map_or(0, |field| field.position);
            return Err(BadRow::of_line(
                RowError::new(1202, "Extra column(s) found"),
                position,
            ));
        }
        if found < expected && !self.conversion.fill_record {
            let position = fields
                .get(record, found.saturating_sub(1))
                .map_or(0, |field| field.position);
            let error = RowError::new(1214, "Delimiter not found");
            return Err(BadRow::of_column(error, &self.columns[found], position, b""));
        }
        Ok(())
    }

    fn write_all(&self, record: &[u8], fields: &Fields, out: &mut Vec<u8>) -> Result<(), BadRow> {
        self.wire.begin_row(self.columns.len(), out);
        for (index, column) in self.columns.iter().enumerate() {
            if index > 0 {
                self.wire.separate(out);
            }
            let field = fields.get(record, index);
            self.write_value(field.as_ref(), column, out).map_err(|error| {
                let (position, bytes) = field.map_or((0, &b""[..]), |field| (field.position, field.bytes));
                BadRow::of_column(error, column, position, bytes)
            })?;
        }
        self.wire.end_row(out);
        Ok(())
    }

    /// Adds one value, which is None where the record ended before it.
    pub(super) fn write_value(
        &self,
        field: Option<&Field<'_>>,
        column: &Column,
        out: &mut Vec<u8>,
    ) -> Result<(), RowError> {
        let value = match field {
            Some(field) => self.convert(field, column)?,
            None => self.filled(column),
        };
        if value.is_none() && column.is_not_null {
            return Err(RowError::new(1213, "Missing data for not-null field"));
        }
        self.wire
            .write(value.as_deref(), column, is_clean(field, column), out)
    }

    /// FILLRECORD: text is empty, anything else null.
    fn filled(&self, column: &Column) -> Option<Cow<'static, [u8]>> {
        let is_text = matches!(column.kind, ColumnType::Varchar(_));
        (is_text && !self.conversion.empty_as_null).then_some(Cow::Borrowed(b""))
    }

    fn convert<'v>(&self, field: &Field<'v>, column: &Column) -> Result<Option<Cow<'v, [u8]>>, RowError> {
        if self.is_null(field, column) {
            return Ok(None);
        }
        let bytes = field.bytes;
        let conversion = self.conversion;
        let value = match column.kind {
            ColumnType::Integer(width) => {
                check_integer(bytes, width)?;
                Cow::Borrowed(bytes.trim_ascii())
            }
            ColumnType::Decimal(precision, scale) => {
                convert_decimal(bytes, precision, scale, conversion.round_decimals)?
            }
            ColumnType::Float(width) => {
                check_float(bytes, width)?;
                Cow::Borrowed(bytes.trim_ascii())
            }
            ColumnType::Boolean => Cow::Borrowed(convert_boolean(bytes)?.as_bytes()),
            ColumnType::Char(most) => convert_char(field, most, conversion)?,
            ColumnType::Varchar(most) => convert_varchar(field, most, conversion)?,
            ColumnType::Date => {
                return self.any_date(convert_date(bytes, &conversion.date_format));
            }
            ColumnType::Timestamp | ColumnType::TimestampWithZone => {
                let with_zone = column.kind == ColumnType::TimestampWithZone;
                return self.any_date(convert_timestamp(bytes, &conversion.time_format, with_zone));
            }
            ColumnType::Super => convert_super(field)?,
            ColumnType::Time | ColumnType::TimeWithZone => {
                convert_time(bytes, column.kind == ColumnType::TimeWithZone)?
            }
            ColumnType::Varbyte(most) => varbyte_value(bytes, most)?,
            ColumnType::Other => convert_varchar(field, usize::MAX, conversion)?,
        };
        Ok(Some(value))
    }

    /// ACCEPTANYDATE makes what cannot be read null.
    fn any_date<'v>(
        &self,
        value: Result<Cow<'v, [u8]>, RowError>,
    ) -> Result<Option<Cow<'v, [u8]>>, RowError> {
        match value {
            Err(_) if self.conversion.accept_any_date => Ok(None),
            other => other.map(Some),
        }
    }

    fn is_null(&self, field: &Field<'_>, column: &Column) -> bool {
        let conversion = self.conversion;
        if field.kind == FieldKind::Null
            || (field.kind == FieldKind::Plain && field.bytes == conversion.null_as)
        {
            return true;
        }
        let is_text = matches!(column.kind, ColumnType::Char(_) | ColumnType::Varchar(_));
        if field.bytes.is_empty() {
            return !is_text || conversion.empty_as_null;
        }
        (!is_text || conversion.blanks_as_null) && field.bytes.iter().all(u8::is_ascii_whitespace)
    }
}

/// Numbers and times are written with marks that need no escape.
fn is_clean(field: Option<&Field<'_>>, column: &Column) -> bool {
    match column.kind {
        ColumnType::Integer(_)
        | ColumnType::Decimal(..)
        | ColumnType::Float(_)
        | ColumnType::Boolean
        | ColumnType::Date
        | ColumnType::Timestamp
        | ColumnType::TimestampWithZone => true,
        ColumnType::Char(_) | ColumnType::Varchar(_) => field.is_none_or(|field| field.is_clean),
        _ => false,
    }
}

/// Hexadecimal digits, two for a byte: <https://docs.aws.amazon.com/redshift/latest/dg/copy-usage-varbyte.html>.
fn varbyte_value(bytes: &[u8], most: usize) -> Result<Cow<'_, [u8]>, RowError> {
    let is_hexadecimal = bytes.len().is_multiple_of(2) && bytes.iter().all(u8::is_ascii_hexdigit);
    if is_hexadecimal && bytes.len() / 2 > most {
        return Err(RowError::new(1204, "Binary length exceeds DDL length"));
    }
    if is_hexadecimal {
        return Ok(Cow::Owned([b"\\x", bytes].concat()));
    }
    Err(RowError::new(1223, "Invalid hexadecimal value for VARBYTE"))
}

#[cfg(test)]
mod tests {
    use super::super::column::Identity;
    use super::*;

    fn column(name: &str, kind: ColumnType) -> Column {
        Column {
            name: name.to_owned(),
            kind,
            type_name: "x".to_owned(),
            length: "0".to_owned(),
            is_not_null: false,
            identity: Identity::None,
        }
    }

    fn written(conversion: &Conversion, values: &[&str]) -> Result<String, BadRow> {
        let columns = [
            column("a", ColumnType::Integer(4)),
            column("b", ColumnType::Varchar(5)),
            column("c", ColumnType::Date),
        ];
        let mut fields = Fields::default();
        for value in values {
            fields.push(value.as_bytes(), FieldKind::Plain, 0);
        }
        let writer = RowWriter {
            columns: &columns,
            conversion,
            trailing_delimiter: TrailingDelimiter::Allowed,
            wire: Wire::Text,
        };
        let mut out = Vec::new();
        writer
            .write(b"", &fields, &mut out)
            .map(|()| String::from_utf8(out).unwrap())
    }

    #[test]
    fn empty_and_blank_fields_follow_their_type_and_the_options() {
        let plain = Conversion::default();
        assert_eq!(written(&plain, &["", "", ""]).unwrap(), "\\N\t\t\\N\n");
        assert_eq!(
            written(&plain, &["1", "\\N", "2015-10-15"]).unwrap(),
            "1\t\\N\t2015-10-15\n"
        );
        let empty = Conversion {
            empty_as_null: true,
            ..Conversion::default()
        };
        assert_eq!(written(&empty, &["1", "", ""]).unwrap(), "1\t\\N\t\\N\n");
        let blank = Conversion {
            blanks_as_null: true,
            ..Conversion::default()
        };
        assert_eq!(written(&blank, &["1", "  ", ""]).unwrap(), "1\t\\N\t\\N\n");
        let trim = Conversion {
            trim_blanks: true,
            ..Conversion::default()
        };
        assert_eq!(written(&trim, &["1", " x  ", ""]).unwrap(), "1\t x\t\\N\n");
    }

    #[test]
    fn rows_with_too_few_and_too_many_fields_are_refused() {
        let plain = Conversion::default();
        assert_eq!(written(&plain, &["1", "x"]).unwrap_err().error.code, 1214);
        assert_eq!(
            written(&plain, &["1", "x", "", "y"]).unwrap_err().error.code,
            1202
        );
        assert_eq!(written(&plain, &["1", "x", "", ""]).unwrap(), "1\tx\t\\N\n");
        let fill = Conversion {
            fill_record: true,
            ..Conversion::default()
        };
        assert_eq!(written(&fill, &["1"]).unwrap(), "1\t\t\\N\n");
    }

    #[test]
    fn marks_of_the_wire_are_escaped() {
        assert_eq!(
            written(&Conversion::default(), &["1", "\t\\\n", ""]).unwrap(),
            "1\t\\t\\\\\\n\t\\N\n"
        );
    }

    #[test]
    fn accepted_impossible_dates_become_null() {
        let any = Conversion {
            accept_any_date: true,
            ..Conversion::default()
        };
        assert_eq!(written(&any, &["1", "x", "00/00/00"]).unwrap(), "1\tx\t\\N\n");
    }
}
