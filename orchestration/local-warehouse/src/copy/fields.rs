//! The fields of one record, in buffers that are used again.

use std::ops::Range;

use super::report::RowError;

/// How a value stood in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldKind {
    /// As it is.
    Plain,
    /// In quotes, so it cannot be the null marker.
    Quoted,
    /// A JSON value as it is written, for a SUPER column.
    Json,
    /// Null without being text: JSON's null, or a key that is not there.
    Null,
}

/// One value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field<'a> {
    /// Its bytes, unescaped.
    pub(super) bytes: &'a [u8],
    /// How it stood in the file.
    pub(super) kind: FieldKind,
    /// Where it began in the record.
    pub(super) position: usize,
    /// Whether it is known to be ASCII without anything that PostgreSQL's text format escapes.
    pub(super) is_clean: bool,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    start: usize,
    end: usize,
    kind: FieldKind,
    position: usize,
    /// Whether the range is one of the record, else it is one of the buffer.
    is_in_record: bool,
}

/// The values of one record: ranges of the record where they stand there as they are, else copies.
#[derive(Debug, Default)]
pub(super) struct Fields {
    buffer: Vec<u8>,
    /// Where the value that is being read begins in the buffer.
    open: usize,
    spans: Vec<Span>,
    /// Whether all of the record is clean: looked at once per record, which is much cheaper than once per value.
    record_is_clean: bool,
}

impl Fields {
    /// Forgets the record before.
    pub(super) fn clear(&mut self) {
        self.buffer.clear();
        self.open = 0;
        self.spans.clear();
        self.record_is_clean = false;
    }

    /// Forgets the record before and looks at the bytes of a new one, whose ranges will be pushed.
    pub(super) fn begin(&mut self, record: &[u8]) {
        self.clear();
        self.record_is_clean = is_clean(record);
    }

    /// Adds a value that stands in the record as it is.
    pub(super) fn push_range(&mut self, range: Range<usize>) {
        self.spans.push(Span {
            start: range.start,
            end: range.end,
            kind: FieldKind::Plain,
            position: range.start,
            is_in_record: true,
        });
    }

    /// Adds a value that is known whole.
    pub(super) fn push(&mut self, bytes: &[u8], kind: FieldKind, position: usize) {
        self.buffer.extend_from_slice(bytes);
        self.end(kind, position);
    }

    /// Adds a byte to the value that is being read.
    pub(super) fn push_byte(&mut self, byte: u8) {
        self.buffer.push(byte);
    }

    /// Where the value that is being read is put together.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Ends the value that is being read.
    pub(super) fn end(&mut self, kind: FieldKind, position: usize) {
        self.spans.push(Span {
            start: self.open,
            end: self.buffer.len(),
            kind,
            position,
            is_in_record: false,
        });
        self.open = self.buffer.len();
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// One of them; `record` is the one that was read last.
    pub(super) fn get<'a>(&'a self, record: &'a [u8], index: usize) -> Option<Field<'a>> {
        let span = self.spans.get(index)?;
        let source = if span.is_in_record { record } else { &self.buffer };
        Some(Field {
            bytes: &source[span.start..span.end],
            kind: span.kind,
            position: span.position,
            is_clean: span.is_in_record && self.record_is_clean,
        })
    }
}

/// A loop without branches, which the compiler turns into vector instructions.
fn is_clean(bytes: &[u8]) -> bool {
    let dirty = bytes.iter().fold(false, |dirty, &byte| {
        dirty
            | (byte >= 0x80)
            | (byte == 0)
            | (byte == b'\\')
            | (byte == b'\t')
            | (byte == b'\r')
            | (byte == b'\n')
    });
    !dirty
}

/// Why a record has no fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Uncut {
    /// It is nothing that its format knows.
    Record(RowError),
    /// The last of the fields that were read is at fault; as much of it is there as was read.
    LastField(RowError),
}

impl From<RowError> for Uncut {
    fn from(error: RowError) -> Self {
        Self::Record(error)
    }
}

/// Cuts a record into its fields.
pub(super) trait FieldReader: Send {
    /// Replaces what is in `fields` by the fields of `record`.
    ///
    /// # Errors
    /// When the record cannot be cut.
    fn read(&mut self, record: &[u8], fields: &mut Fields) -> Result<(), Uncut>;
}
