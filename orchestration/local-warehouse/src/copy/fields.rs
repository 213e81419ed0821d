//! The fields of one record, in buffers that are used again.

use super::report::RowError;

/// How a value stood in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldKind {
    /// As it is.
    Plain,
    /// In quotes, so it cannot be the null marker.
    Quoted,
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
}

#[derive(Debug, Clone, Copy)]
struct Span {
    start: usize,
    end: usize,
    kind: FieldKind,
    position: usize,
}

/// The values of one record.
#[derive(Debug, Default)]
pub(super) struct Fields {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

impl Fields {
    /// Forgets the record before.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
    }

    /// Adds a value that is known whole.
    pub(super) fn push(&mut self, bytes: &[u8], kind: FieldKind, position: usize) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.spans.push(Span {
            start,
            end: self.bytes.len(),
            kind,
            position,
        });
    }

    /// Adds a byte to the value that is being read.
    pub(super) fn push_byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// Ends the value that is being read.
    pub(super) fn end(&mut self, kind: FieldKind, position: usize) {
        let start = self.spans.last().map_or(0, |span| span.end);
        self.spans.push(Span {
            start,
            end: self.bytes.len(),
            kind,
            position,
        });
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// One of them.
    pub(super) fn get(&self, index: usize) -> Option<Field<'_>> {
        let span = self.spans.get(index)?;
        Some(Field {
            bytes: &self.bytes[span.start..span.end],
            kind: span.kind,
            position: span.position,
        })
    }
}

/// Cuts a record into its fields.
pub(super) trait FieldReader: Send {
    /// Replaces what is in `fields` by the fields of `record`.
    ///
    /// # Errors
    /// When the record cannot be cut.
    fn read(&mut self, record: &[u8], fields: &mut Fields) -> Result<(), RowError>;
}
