//! Fields between delimiters of several bytes, such as `|~|`.

use memchr::memmem;

use super::fields::{FieldKind, FieldReader, Fields, Uncut};

/// DELIMITER of several bytes, with ESCAPE.
pub(super) struct Separated {
    pub(super) delimiter: Vec<u8>,
    pub(super) escape: bool,
}

impl FieldReader for Separated {
    fn read(&mut self, record: &[u8], fields: &mut Fields) -> Result<(), Uncut> {
        fields.begin(record);
        if self.escape {
            // A NUL ends the record: the manual says that the rest is cut off.
            let end = memchr::memchr(0, record).unwrap_or(record.len());
            self.read_escaped(&record[..end], fields);
            return Ok(());
        }
        let mut start = 0;
        for end in memmem::find_iter(record, &self.delimiter) {
            fields.push_range(start..end);
            start = end + self.delimiter.len();
        }
        fields.push_range(start..record.len());
        Ok(())
    }
}

impl Separated {
    fn read_escaped(&self, record: &[u8], fields: &mut Fields) {
        let (mut at, mut start) = (0, 0);
        while let Some(&byte) = record.get(at) {
            if record[at..].starts_with(&self.delimiter) {
                fields.end(FieldKind::Plain, start);
                at += self.delimiter.len();
                start = at;
            } else if byte == b'\\' {
                // `\N` is the null marker, and no escape of a letter.
                if at == start && self.is_null_marker(&record[at..]) {
                    fields.push_byte(b'\\');
                }
                if let Some(next) = record.get(at + 1) {
                    fields.push_byte(*next);
                }
                at += 2;
            } else {
                fields.push_byte(byte);
                at += 1;
            }
        }
        fields.end(FieldKind::Plain, start);
    }

    fn is_null_marker(&self, value: &[u8]) -> bool {
        let after = value.strip_prefix(b"\\N");
        after.is_some_and(|after| after.is_empty() || after.starts_with(&self.delimiter))
    }
}
