//! Fields of text formats: delimited, CSV and fixed width.

use super::fields::{FieldKind, FieldReader, Fields, Uncut};
use super::report::RowError;

/// DELIMITER, with ESCAPE and REMOVEQUOTES.
pub(super) struct Delimited {
    pub(super) delimiter: u8,
    pub(super) escape: bool,
    pub(super) remove_quotes: bool,
}

impl FieldReader for Delimited {
    fn read(&mut self, record: &[u8], fields: &mut Fields) -> Result<(), Uncut> {
        fields.begin(record);
        if !self.escape && !self.remove_quotes {
            self.read_plain(record, fields);
            return Ok(());
        }
        // With ESCAPE a NUL ends the record: the manual says that the rest is cut off.
        let end = memchr::memchr(0, record).filter(|_| self.escape);
        self.read_marked(&record[..end.unwrap_or(record.len())], fields)
    }
}

impl Delimited {
    fn read_plain(&self, record: &[u8], fields: &mut Fields) {
        let mut start = 0;
        for end in memchr::memchr_iter(self.delimiter, record) {
            fields.push_range(start..end);
            start = end + 1;
        }
        fields.push_range(start..record.len());
    }

    fn read_marked(&self, record: &[u8], fields: &mut Fields) -> Result<(), Uncut> {
        let mut at = 0;
        loop {
            let start = at;
            let quote = record
                .get(at)
                .copied()
                .filter(|byte| self.remove_quotes && matches!(byte, b'"' | b'\''));
            at += usize::from(quote.is_some());
            at = self.read_value(record, at, quote, fields, start)?;
            match record.get(at) {
                Some(_) => at += 1,
                None => return Ok(()),
            }
        }
    }

    /// Reads a value from `at` to its delimiter, and returns where that stands.
    fn read_value(
        &self,
        record: &[u8],
        mut at: usize,
        quote: Option<u8>,
        fields: &mut Fields,
        start: usize,
    ) -> Result<usize, Uncut> {
        let mut is_open = quote.is_some();
        let mut is_null_marker = false;
        while let Some(&byte) = record.get(at) {
            match byte {
                b'\\' if self.escape => {
                    let next = record.get(at + 1).copied();
                    is_null_marker = at == start && next == Some(b'N') && self.ends_at(record, at + 2);
                    if is_null_marker {
                        fields.push_byte(b'\\');
                    }
                    if let Some(next) = next {
                        fields.push_byte(next);
                    }
                    at += 2;
                    continue;
                }
                // Any other quote is part of the value.
                byte if is_open && Some(byte) == quote && self.ends_at(record, at + 1) => is_open = false,
                byte if !is_open && byte == self.delimiter => break,
                byte => fields.push_byte(byte),
            }
            at += 1;
        }
        let is_plain = quote.is_none() || is_null_marker;
        fields.end(
            if is_plain {
                FieldKind::Plain
            } else {
                FieldKind::Quoted
            },
            start,
        );
        if is_open {
            return Err(Uncut::LastField(RowError::unclosed_quote()));
        }
        Ok(at.min(record.len()))
    }

    /// Whether a value ends before `at`.
    fn ends_at(&self, record: &[u8], at: usize) -> bool {
        record.get(at).is_none_or(|after| *after == self.delimiter)
    }
}

/// CSV with QUOTE.
pub(super) struct Csv {
    pub(super) delimiter: u8,
    pub(super) quote: u8,
}

impl FieldReader for Csv {
    fn read(&mut self, record: &[u8], fields: &mut Fields) -> Result<(), Uncut> {
        fields.begin(record);
        let mut at = 0;
        loop {
            let open = at + blanks(&record[at..], self.delimiter);
            at = if record.get(open) == Some(&self.quote) {
                self.read_quoted(record, open, fields)?
            } else {
                self.read_unquoted(record, at, fields)?
            };
            if at >= record.len() {
                return Ok(());
            }
            at += 1;
        }
    }
}

impl Csv {
    /// A quote within a field needs quotes around the field, and is doubled there.
    fn read_unquoted(&self, record: &[u8], start: usize, fields: &mut Fields) -> Result<usize, Uncut> {
        let found = memchr::memchr2(self.delimiter, self.quote, &record[start..]);
        let end = found.map_or(record.len(), |found| start + found);
        fields.push_range(start..end);
        match record.get(end) {
            Some(byte) if *byte != self.delimiter => Err(Uncut::LastField(RowError::bad_quote())),
            _ => Ok(end),
        }
    }

    fn read_quoted(&self, record: &[u8], start: usize, fields: &mut Fields) -> Result<usize, Uncut> {
        let mut at = start + 1;
        loop {
            let Some(found) = memchr::memchr(self.quote, &record[at..]) else {
                fields.buffer().extend_from_slice(&record[at..]);
                fields.end(FieldKind::Quoted, start);
                return Err(Uncut::LastField(RowError::unclosed_quote()));
            };
            fields.buffer().extend_from_slice(&record[at..at + found]);
            at += found + 1;
            match record.get(at) {
                Some(byte) if *byte == self.quote => {
                    fields.push_byte(self.quote);
                    at += 1;
                }
                _ => break,
            }
        }
        fields.end(FieldKind::Quoted, start);
        at += blanks(&record[at..], self.delimiter);
        match record.get(at) {
            Some(byte) if *byte != self.delimiter => Err(Uncut::LastField(RowError::bad_quote())),
            _ => Ok(at),
        }
    }
}

/// White space between a delimiter and a quote is ignored; a delimiter that is white space is none.
fn blanks(bytes: &[u8], delimiter: u8) -> usize {
    let is_blank = |byte: &&u8| byte.is_ascii_whitespace() && **byte != delimiter;
    bytes.iter().take_while(is_blank).count()
}

/// FIXEDWIDTH: widths count characters.
pub(super) struct FixedWidth {
    pub(super) widths: Vec<usize>,
}

impl FieldReader for FixedWidth {
    fn read(&mut self, record: &[u8], fields: &mut Fields) -> Result<(), Uncut> {
        fields.begin(record);
        let mut at = 0;
        for width in &self.widths {
            if at >= record.len() {
                return Ok(());
            }
            let length = characters(&record[at..], *width);
            fields.push_range(at..at + length);
            at += length;
        }
        if record[at..].iter().any(|byte| *byte != b' ') {
            fields.push_range(at..record.len());
        }
        Ok(())
    }
}

/// The bytes that `count` characters take; a byte that continues no character counts as one.
fn characters(bytes: &[u8], count: usize) -> usize {
    let starts = bytes.iter().enumerate().filter(|(_, byte)| **byte & 0xC0 != 0x80);
    starts.map(|(at, _)| at).nth(count).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(reader: &mut dyn FieldReader, record: &str) -> Result<Vec<String>, Uncut> {
        let mut fields = Fields::default();
        reader.read(record.as_bytes(), &mut fields)?;
        Ok((0..fields.len())
            .map(|index| {
                String::from_utf8_lossy(fields.get(record.as_bytes(), index).unwrap().bytes).into_owned()
            })
            .collect())
    }

    #[test]
    fn delimited_records_are_cut_with_and_without_marks() {
        for (escape, remove_quotes, record, expected) in [
            (false, false, "a||c", vec!["a", "", "c"]),
            (false, false, "\"a|b\"", vec!["\"a", "b\""]),
            (true, false, "a\\|b|c\\\\|\\N", vec!["a|b", "c\\", "\\N"]),
            (false, true, "\"a|b\"|'c'|d", vec!["a|b", "c", "d"]),
            (false, true, "'a'b'|c'd|''|'|'", vec!["a'b", "c'd", "", "|"]),
            (true, true, "'a'\\|b'|c", vec!["a'|b", "c"]),
            (true, false, "a|", vec!["a", ""]),
            (true, false, "a\0b|c", vec!["a"]),
        ] {
            let mut reader = Delimited {
                delimiter: b'|',
                escape,
                remove_quotes,
            };
            assert_eq!(values(&mut reader, record).unwrap(), expected, "{record}");
        }
        let mut reader = Delimited {
            delimiter: b'|',
            escape: false,
            remove_quotes: true,
        };
        for record in ["\"a|b", "'a'b|c", "'a\"|b", "'"] {
            assert!(values(&mut reader, record).is_err(), "{record}");
        }
    }

    #[test]
    fn csv_records_are_cut() {
        let mut reader = Csv {
            delimiter: b',',
            quote: b'"',
        };
        assert_eq!(
            values(&mut reader, "a,\"b,\"\"c\"\"\",,\"\"").unwrap(),
            ["a", "b,\"c\"", "", ""]
        );
        assert_eq!(
            values(&mut reader, " \"a\" , b ,\t\"c\"").unwrap(),
            ["a", " b ", "c"]
        );
        assert!(values(&mut reader, "\"a\"b,c").is_err());
        assert!(values(&mut reader, "\"a,c").is_err());
        for record in ["1,a\"b", "1,a\"\"b", "1,a\""] {
            assert!(values(&mut reader, record).is_err(), "{record}");
        }
    }

    #[test]
    fn fixed_widths_count_characters() {
        let mut reader = FixedWidth { widths: vec![2, 3] };
        assert_eq!(values(&mut reader, "äöabc").unwrap(), ["äö", "abc"]);
        assert_eq!(values(&mut reader, "abcd").unwrap(), ["ab", "cd"]);
        assert_eq!(values(&mut reader, "ab").unwrap(), ["ab"]);
        assert_eq!(values(&mut reader, "abcdex").unwrap(), ["ab", "cde", "x"]);
    }
}
