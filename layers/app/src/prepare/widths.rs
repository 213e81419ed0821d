//! Records of fixed width against the widths of their columns: what COPY would refuse of them, told before anything is loaded.
//!
//! COPY cuts a record by the widths of its columns, in characters. One that ends before a column begins lacks it, unless
//! FILLRECORD fills it; one that goes on behind the last column with anything but blanks has a column too many.

use std::cmp::Reverse;
use std::fmt;

use longshore_domain::rule::{Encoding, FileRule, RuleId};
use longshore_preprocess::RECORD_LIMIT_BYTES;
use memchr::memchr;

/// Faults that are kept with their places; further ones are counted.
const MOST_TOLD: usize = 20;

/// The widths that the records of one type have.
pub(super) struct Widths {
    /// What they begin with; empty when there is one type alone.
    pub(super) record_type: String,
    rule: RuleId,
    /// The columns and the characters before each of them.
    columns: Vec<(String, usize)>,
    /// The characters of all of them.
    total: usize,
    fills: bool,
}

/// A record that COPY would refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordFault {
    /// The physical line, from 1.
    pub line: u64,
    /// The record's type; empty where the rule has one alone.
    pub record_type: String,
    /// The rule whose columns it does not fit.
    pub rule: RuleId,
    /// The column that it lacks, or the last one, behind which it goes on.
    pub column: String,
    /// What is wrong, and what mends it.
    pub what: String,
}

impl fmt::Display for RecordFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "line {}, column {}, rule {}",
            self.line, self.column, self.rule
        )?;
        if !self.record_type.is_empty() {
            write!(formatter, " (type {})", self.record_type)?;
        }
        write!(formatter, ": {}", self.what)
    }
}

/// Those that were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordFaults {
    /// The first of them.
    pub first: Vec<RecordFault>,
    /// How many there are.
    pub count: u64,
}

impl Widths {
    /// Those of a rule; `None` where its columns have none.
    pub(super) fn of(record_type: &str, rule: &FileRule) -> Option<Self> {
        let mut total = 0;
        let mut columns = Vec::new();
        for column in &rule.columns {
            columns.push((column.name.clone(), total));
            total += usize::try_from(column.width?).ok()?;
        }
        let words = rule.copy_options.split_whitespace();
        Some(Self {
            record_type: record_type.to_owned(),
            rule: rule.id,
            columns,
            total,
            fills: words.clone().any(|word| word.eq_ignore_ascii_case("FILLRECORD")),
        })
    }

    fn fault(&self, record: &[u8], encoding: Encoding) -> Option<(String, String)> {
        // What nearly every record is.
        if record.len() == self.total && record.is_ascii() {
            return None;
        }
        let length = characters(record, encoding);
        let lacks = self.columns.iter().find(|(_, begins)| *begins >= length);
        if let Some((column, begins)) = lacks.filter(|_| !self.fills) {
            let what = format!(
                "the record ends after {length} characters, and the column begins at character {}; ask the sender for whole \
                 records, or say FILLRECORD in copy_options to load it as NULL",
                begins + 1
            );
            return Some((column.clone(), what));
        }
        let behind = behind(record, self.total, encoding);
        let (last, _) = self.columns.last()?;
        (length > self.total && behind.iter().any(|byte| *byte != b' ')).then(|| {
            let what = format!(
                "the record has {length} characters, and the columns end at {}; mend column_width_fixed in \
                 ext_file_config_dtl, or ask the sender",
                self.total
            );
            (last.clone(), what)
        })
    }
}

/// Measures every record of a file, whose decompressed text is pushed in.
pub(super) struct WidthCheck {
    /// The longest first: of those that a record begins with, it counts.
    types: Vec<Widths>,
    encoding: Encoding,
    header_lines: u64,
    has_trailer: bool,
    /// The line that the next block goes on with.
    begun: Vec<u8>,
    /// Lines that have ended, blank ones too.
    line: u64,
    /// The last record's fault: it counts once another record follows, since the last of all may be the trailer.
    held: Option<RecordFault>,
    faults: RecordFaults,
}

impl WidthCheck {
    /// `None` where bytes are no characters before they are transcoded.
    pub(super) fn begin(rule: &FileRule, types: Vec<Widths>) -> Option<Self> {
        if !matches!(rule.encoding, Encoding::Utf8 | Encoding::Iso88591) || types.is_empty() {
            return None;
        }
        let has_trailer = rule.trailer.is_some();
        Some(Self::new(types, rule.encoding, rule.header_length(), has_trailer))
    }

    fn new(mut types: Vec<Widths>, encoding: Encoding, header_lines: u32, has_trailer: bool) -> Self {
        types.sort_by_key(|widths| Reverse(widths.record_type.len()));
        Self {
            types,
            encoding,
            header_lines: header_lines.into(),
            has_trailer,
            begun: Vec::new(),
            line: 0,
            held: None,
            faults: RecordFaults::default(),
        }
    }

    /// Takes the next bytes of the text, cut anywhere.
    pub(super) fn take(&mut self, text: &[u8]) {
        let mut rest = text;
        while let Some(end) = memchr(b'\n', rest) {
            let (line, later) = rest.split_at(end);
            if self.begun.is_empty() {
                self.end_line(line);
            } else {
                let mut begun = std::mem::take(&mut self.begun);
                begun.extend_from_slice(line);
                self.end_line(&begun);
            }
            rest = &later[1..];
        }
        // The other check refuses a record that is longer than any; this one keeps no more of it than that.
        let room = RECORD_LIMIT_BYTES.saturating_sub(self.begun.len());
        self.begun.extend_from_slice(&rest[..rest.len().min(room)]);
    }

    /// Takes note of the text's end.
    pub(super) fn finish(mut self) -> RecordFaults {
        let last = std::mem::take(&mut self.begun);
        if !last.is_empty() {
            self.end_line(&last);
        }
        if !self.has_trailer {
            self.keep_held();
        }
        self.faults
    }

    fn end_line(&mut self, line: &[u8]) {
        self.line += 1;
        let record = line.strip_suffix(b"\r").unwrap_or(line);
        let record = match self.line {
            1 => record.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(record),
            _ => record,
        };
        if record.is_empty() || self.line <= self.header_lines {
            return;
        }
        self.keep_held();
        self.held = self.fault(record);
    }

    fn fault(&self, record: &[u8]) -> Option<RecordFault> {
        let of_type = |widths: &&Widths| record.starts_with(widths.record_type.as_bytes());
        let widths = self.types.iter().find(of_type)?;
        let (column, what) = widths.fault(record, self.encoding)?;
        Some(RecordFault {
            line: self.line,
            record_type: widths.record_type.clone(),
            rule: widths.rule,
            column,
            what,
        })
    }

    fn keep_held(&mut self) {
        if let Some(fault) = self.held.take() {
            self.faults.count += 1;
            if self.faults.first.len() < MOST_TOLD {
                self.faults.first.push(fault);
            }
        }
    }
}

/// Whether a byte begins a character.
fn begins(byte: u8, encoding: Encoding) -> bool {
    encoding == Encoding::Iso88591 || byte & 0xC0 != 0x80
}

fn characters(record: &[u8], encoding: Encoding) -> usize {
    record.iter().filter(|byte| begins(**byte, encoding)).count()
}

/// What follows so many characters.
fn behind(record: &[u8], count: usize, encoding: Encoding) -> &[u8] {
    let starts = record.iter().enumerate();
    let mut starts = starts.filter(|(_, byte)| begins(**byte, encoding));
    starts.nth(count).map_or(&[], |(at, _)| &record[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn widths(record_type: &str, columns: &[(&str, usize)], fills: bool) -> Widths {
        let mut total = 0;
        let mut begins = Vec::new();
        for (name, width) in columns {
            begins.push(((*name).to_owned(), total));
            total += width;
        }
        Widths {
            record_type: record_type.to_owned(),
            rule: RuleId(7),
            columns: begins,
            total,
            fills,
        }
    }

    fn column_at_fault(record: &str, fills: bool) -> Option<String> {
        let widths = widths("HD", &[("kind", 2), ("id", 3), ("name", 4)], fills);
        widths
            .fault(record.as_bytes(), Encoding::Utf8)
            .map(|(column, _)| column)
    }

    #[test]
    fn a_record_lacks_a_column_that_begins_behind_its_end_and_has_one_too_many_behind_the_last() {
        for (record, expected) in [
            ("HD001plum", None),
            ("HD001p", None),
            ("HD001plum   ", None),
            ("HD001äöüß", None),
            ("HD001", Some("name")),
            ("HD", Some("id")),
            ("HD001plums", Some("name")),
            ("HD001äöüß1", Some("name")),
        ] {
            assert_eq!(column_at_fault(record, false).as_deref(), expected, "{record:?}");
        }
        assert_eq!(column_at_fault("HD", true), None);
        assert_eq!(column_at_fault("HD001plums", true).as_deref(), Some("name"));
    }

    #[test]
    fn lines_are_measured_by_their_type_whole_and_byte_by_byte_and_neither_header_nor_trailer_is() {
        let text = b"header\nHD1\r\n\nDT22\nDT22x\nHDX\nXX?????\nHDAB9\nT|5\n".to_vec();
        let found = |cut: usize| {
            let types = vec![
                widths("HD", &[("kind", 2), ("id", 1)], false),
                widths("DT", &[("kind", 2), ("qty", 2)], false),
                widths("T", &[("trailer", 1)], false),
            ];
            let mut check = WidthCheck::new(types, Encoding::Utf8, 1, true);
            for bytes in text.chunks(cut) {
                check.take(bytes);
            }
            check.finish()
        };
        let whole = found(text.len());
        let places: Vec<_> = whole
            .first
            .iter()
            .map(|fault| (fault.line, fault.column.as_str()))
            .collect();
        assert_eq!(places, [(5, "qty"), (8, "id")]);
        assert_eq!(whole.count, 2);
        assert_eq!(found(1), whole);
        assert_eq!(
            whole.first[0].to_string(),
            "line 5, column qty, rule 7 (type DT): the record has 5 characters, and the columns end at 4; mend \
             column_width_fixed in ext_file_config_dtl, or ask the sender"
        );
    }
}
