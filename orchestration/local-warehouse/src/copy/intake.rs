//! What goes from record to record of one COPY: rows to send, errors to report.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::SinkExt;
use tokio_postgres::CopyInSink;

use super::column::Target;
use super::fields::{FieldReader, Fields, Uncut};
use super::frame::{Frame, MOST_BYTES};
use super::report::{BadRow, Report, RowError};
use super::row::RowWriter;
use super::statement::{CopyStatement, Format, Tolerance};
use super::text::replace_invalid;
use crate::engine::StatementError;

/// What is handed to PostgreSQL at once: larger pieces are no faster.
pub(super) const SEND_BYTES: usize = 64 * 1024;

/// PostgreSQL's end of a COPY; None when NOLOAD sends nothing.
pub(super) type Sink = Option<Pin<Box<CopyInSink<Bytes>>>>;

/// As many errors as the COPY tolerates were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooManyErrors;

/// Takes records, or rows, of one file after the other.
pub(super) struct Intake<'a> {
    pub(super) copy: &'a CopyStatement,
    pub(super) target: &'a Target,
    pub(super) report: &'a mut Report,
    pub(super) writer: RowWriter<'a>,
    pub(super) fields: Fields,
    pub(super) out: Vec<u8>,
    /// The file that is read.
    pub(super) file: String,
    /// Records of this file so far.
    pub(super) lines: u64,
}

impl Intake<'_> {
    /// Begins with another file.
    pub(super) fn begin_file(&mut self, url: &str) {
        url.clone_into(&mut self.file);
        self.lines = 0;
    }

    /// Takes one record: it becomes a row to send or an error to report.
    pub(super) fn record(
        &mut self,
        reader: &mut dyn FieldReader,
        frame: Frame<'_>,
    ) -> Result<(), TooManyErrors> {
        match self.row(reader, frame) {
            Ok(()) => {
                self.report.loaded_rows += 1;
                Ok(())
            }
            Err(row) => self.refuse(row, frame),
        }
    }

    fn row(&mut self, reader: &mut dyn FieldReader, frame: Frame<'_>) -> Result<(), BadRow> {
        let replaced = self.replaced_json(frame.bytes);
        let bytes = replaced.as_deref().unwrap_or(frame.bytes);
        if frame.is_too_long {
            let reason = format!("Input line is not valid: it is longer than {MOST_BYTES} bytes");
            return Err(BadRow::of_line(RowError::new(1216, reason), 0));
        }
        if frame.bytes.is_empty() && self.target.columns.len() > 1 {
            return Err(BadRow::of_line(
                RowError::new(1211, "Input line contained no data"),
                0,
            ));
        }
        reader
            .read(bytes, &mut self.fields)
            .map_err(|uncut| self.uncut_row(uncut, bytes))?;
        self.writer.write(bytes, &self.fields, &mut self.out)
    }

    /// ACCEPTINVCHARS: in JSON the whole record must be UTF-8 before a value can be found in it.
    fn replaced_json(&self, record: &[u8]) -> Option<Vec<u8>> {
        let replacement = self.copy.conversion.replace_invalid?;
        let is_json = matches!(self.copy.format, Format::Json(_));
        let is_invalid = is_json && std::str::from_utf8(record).is_err();
        is_invalid.then(|| replace_invalid(record, replacement))
    }

    fn uncut_row(&self, uncut: Uncut, record: &[u8]) -> BadRow {
        let error = match uncut {
            Uncut::Record(error) => return BadRow::of_line(error, 0),
            Uncut::LastField(error) => error,
        };
        let index = self.fields.len().saturating_sub(1);
        let (position, value) = self
            .fields
            .get(record, index)
            .map_or((0, &b""[..]), |field| (field.position, field.bytes));
        match self.target.columns.get(index) {
            Some(column) => BadRow::of_column(error, column, position, value),
            None => BadRow::of_line(error, position),
        }
    }

    /// Reports a record that cannot be a row; the record before it stays.
    pub(super) fn refuse(&mut self, row: BadRow, frame: Frame<'_>) -> Result<(), TooManyErrors> {
        self.report
            .refuse(row, &self.file, frame.line, frame.offset, frame.bytes);
        match self.copy.tolerance {
            Tolerance::MaxError(most) if self.report.error_count >= most.max(1) => Err(TooManyErrors),
            _ => Ok(()),
        }
    }

    /// The failure of the load when too many rows are bad.
    pub(super) fn failure(&self) -> StatementError {
        StatementError::new(format!(
            "Load into table '{}' failed.  Check 'sys_load_error_detail' system table for details.",
            self.target.name
        ))
    }

    /// Hands rows to PostgreSQL once there are more than `threshold` bytes of them.
    pub(super) async fn send(&mut self, sink: &mut Sink, threshold: usize) -> Result<(), StatementError> {
        if self.out.len() <= threshold {
            return Ok(());
        }
        let rows = std::mem::replace(&mut self.out, Vec::with_capacity(2 * SEND_BYTES));
        match sink {
            Some(sink) => sink
                .send(Bytes::from(rows))
                .await
                .map_err(|error| StatementError::of_database(&error)),
            None => Ok(()),
        }
    }
}
