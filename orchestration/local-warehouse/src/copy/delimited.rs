//! Fields of text formats: delimited, CSV and fixed width.

use super::delimiter::Delimiter;
use super::fields::{FieldKind, FieldReader, Fields, Uncut};
use super::report::RowError;

/// DELIMITER, with ESCAPE and REMOVEQUOTES.
pub(super) struct Delimited {
    pub(super) delimiter: Delimiter,
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
        while let Some(length) = self.delimiter.find(&record[start..]) {
            fields.push_range(start..start + length);
            start += length + self.delimiter.len();
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
                Some(_) => at += self.delimiter.len(),
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
                _ if !is_open && self.delimiter.begins(&record[at..]) => break,
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
        record
            .get(at..)
            .is_none_or(|rest| rest.is_empty() || self.delimiter.begins(rest))
    }
}

/// CSV with QUOTE.
pub(super) struct Csv {
    pub(super) delimiter: Delimiter,
    pub(super) quote: u8,
}

impl FieldReader for Csv {
    fn read(&mut self, record: &[u8], fields: &mut Fields) -> Result<(), Uncut> {
        fields.begin(record);
        let mut at = 0;
        loop {
            let open = at + self.blanks(&record[at..]);
            at = if record.get(open) == Some(&self.quote) {
                self.read_quoted(record, open, fields)?
            } else {
                self.read_unquoted(record, at, fields)?
            };
            if at >= record.len() {
                return Ok(());
            }
            at += self.delimiter.len();
        }
    }
}

impl Csv {
    /// A quote within a field needs quotes around the field, and is doubled there.
    fn read_unquoted(&self, record: &[u8], start: usize, fields: &mut Fields) -> Result<usize, Uncut> {
        let found = self.delimiter.find_or_quote(self.quote, &record[start..]);
        let end = found.map_or(record.len(), |found| start + found);
        fields.push_range(start..end);
        self.expect_end(record, end)
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
        at += self.blanks(&record[at..]);
        self.expect_end(record, at)
    }

    /// A field ends at a delimiter, or with the record.
    fn expect_end(&self, record: &[u8], at: usize) -> Result<usize, Uncut> {
        let rest = &record[at..];
        if rest.is_empty() || self.delimiter.begins(rest) {
            return Ok(at);
        }
        Err(Uncut::LastField(RowError::bad_quote()))
    }

    /// White space between a delimiter and a quote is ignored; a delimiter that is white space is none.
    fn blanks(&self, bytes: &[u8]) -> usize {
        let is_blank = |at: &usize| bytes[*at].is_ascii_whitespace() && !self.delimiter.begins(&bytes[*at..]);
        (0..bytes.len()).take_while(is_blank).count()
    }
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

    fn delimited(delimiter: &str, escape: bool, remove_quotes: bool) -> Delimited {
        Delimited {
            delimiter: Delimiter::new(delimiter.as_bytes()),
            escape,
            remove_quotes,
        }
    }

    fn csv(delimiter: &str) -> Csv {
        Csv {
            delimiter: Delimiter::new(delimiter.as_bytes()),
            quote: b'"',
        }
    }

    /// Each record with its delimiter `|` is also one whose delimiter is `|~|`.
    #[test]
    fn delimited_records_are_cut_with_and_without_marks() {
        for (escape, remove_quotes, record, expected) in [
            (false, false, "a||c", vec!["a", "", "c"]),
            (false, false, "\"a|b\"", vec!["\"a", "b\""]),
            (true, false, "ab|c\\\\|\\N", vec!["ab", "c\\", "\\N"]),
            (false, true, "\"a|b\"|'c'|d", vec!["a|b", "c", "d"]),
            (false, true, "'a'b'|c'd|''|'|'", vec!["a'b", "c'd", "", "|"]),
            (true, true, "'a'\\|b'|c", vec!["a'|b", "c"]),
            (true, false, "a|", vec!["a", ""]),
            (true, false, "a\0b|c", vec!["a"]),
        ] {
            let found = values(&mut delimited("|", escape, remove_quotes), record);
            assert_eq!(found.unwrap(), expected, "{record}");
            let (record, expected) = (
                record.replace('|', "|~|"),
                expected.join("\n").replace('|', "|~|"),
            );
            let found = values(&mut delimited("|~|", escape, remove_quotes), &record);
            assert_eq!(found.unwrap().join("\n"), expected, "{record}");
        }
        for record in ["\"a|b", "'a'b|c", "'a\"|b", "'"] {
            assert!(
                values(&mut delimited("|", false, true), record).is_err(),
                "{record}"
            );
            let record = record.replace('|', "|~|");
            assert!(
                values(&mut delimited("|~|", false, true), &record).is_err(),
                "{record}"
            );
        }
        let escaped = values(&mut delimited("|~|", true, false), "a\\|~|b|~|c|~").unwrap();
        assert_eq!(escaped, ["a|~|b", "c|~"]);
    }

    #[test]
    fn csv_records_are_cut() {
        for (record, expected) in [
            ("a,\"b,\"\"c\"\"\",,\"\"", ["a", "b,\"c\"", "", ""].as_slice()),
            (" \"a\" , b ,\t\"c\"", &["a", " b ", "c"]),
        ] {
            assert_eq!(values(&mut csv(","), record).unwrap(), expected);
            let expected = expected.join("\n").replace(',', ", ,");
            let found = values(&mut csv(", ,"), &record.replace(',', ", ,")).unwrap();
            assert_eq!(found.join("\n"), expected);
        }
        for record in ["\"a\"b,c", "\"a,c", "1,a\"b", "1,a\"\"b", "1,a\""] {
            assert!(values(&mut csv(","), record).is_err(), "{record}");
            let record = record.replace(',', "::");
            assert!(values(&mut csv("::"), &record).is_err(), "{record}");
        }
        assert_eq!(values(&mut csv("\t\t"), "\"a\"\t\t\t\"b\"").unwrap(), ["a", "b"]);
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
