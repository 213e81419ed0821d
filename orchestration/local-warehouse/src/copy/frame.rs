//! Cuts text into records: where one ends is the format's business, not only the line break's.

/// A record may have 4 MB.
pub(super) const MOST_BYTES: usize = 4 * 1024 * 1024;

/// Which rules say where a record ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing<'f> {
    /// At each line break.
    Lines,
    /// At a line break that no backslash precedes and that stands in no quotes (REMOVEQUOTES).
    Marked {
        /// Whether a backslash protects the next character.
        escape: bool,
        /// Whether quotes at the beginning of a field protect what is in them.
        quotes: bool,
        /// What separates fields.
        delimiter: &'f [u8],
    },
    /// At a line break outside of quoted fields.
    Csv {
        /// What separates fields.
        delimiter: &'f [u8],
        /// The quote.
        quote: u8,
    },
    /// After each value at the top.
    Json,
}

/// One record as it stands in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    /// Its bytes, without the line break.
    pub(super) bytes: &'a [u8],
    /// The line on which it begins, from 1; for JSON the one on which it ends, as the manual has it.
    pub(super) line: u64,
    /// Where it begins in the (decoded) file.
    pub(super) offset: u64,
    /// Whether it was longer than a record may be; then only its beginning is here.
    pub(super) is_too_long: bool,
}

/// Cuts the text of one file, pushed in pieces.
#[derive(Debug)]
pub(super) struct Framer<'f> {
    framing: Framing<'f>,
    pending: Vec<u8>,
    /// How much of `pending` was looked at.
    scanned: usize,
    state: State,
    line: u64,
    offset: u64,
    /// A record that was too long is skipped to the next line break.
    is_skipping: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    quote: Option<u8>,
    is_escaped: bool,
    /// Whether something of the field was read.
    is_in_field: bool,
    /// Bytes since the field began, or a backslash protected one: what was read before is no part of a delimiter.
    run: usize,
    /// Bytes from the last quote on, in a field in quotes (REMOVEQUOTES): it closes right before a delimiter or a line break alone.
    after_quote: Option<usize>,
    depth: usize,
    has_begun: bool,
}

impl<'f> Framer<'f> {
    /// At the beginning of a file.
    pub(super) fn new(framing: Framing<'f>) -> Self {
        Self::after_lines(framing, 0)
    }

    /// At the beginning of what follows so many lines that were skipped.
    pub(super) fn after_lines(framing: Framing<'f>, lines: u64) -> Self {
        Self {
            framing,
            pending: Vec::new(),
            scanned: 0,
            state: State::default(),
            line: lines + 1,
            offset: 0,
            is_skipping: false,
        }
    }

    /// Adds a piece of the file; `record` is called with each record that is complete.
    pub(super) fn push<E>(
        &mut self,
        text: &[u8],
        mut record: impl FnMut(Frame<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.pending.extend_from_slice(text);
        let mut start = 0;
        while let Some(end) = self.find_end(start) {
            self.emit(start, end, end - start > MOST_BYTES, &mut record)?;
            start = end;
        }
        if self.pending.len() - start > MOST_BYTES {
            self.emit(start, self.pending.len(), true, &mut record)?;
            start = self.pending.len();
            self.is_skipping = true;
        }
        self.pending.drain(..start);
        self.scanned -= start;
        Ok(())
    }

    /// Whether the next byte begins a record.
    pub(super) fn is_between_records(&self) -> bool {
        self.pending.is_empty() && !self.is_skipping
    }

    /// Records were taken without it, each of them one line.
    pub(super) fn pass(&mut self, lines: u64, bytes: u64) {
        self.line += lines;
        self.offset += bytes;
    }

    /// Ends the file; what is left is the last record.
    pub(super) fn finish<E>(mut self, mut record: impl FnMut(Frame<'_>) -> Result<(), E>) -> Result<(), E> {
        let is_blank = self.framing == Framing::Json && self.pending.trim_ascii().is_empty();
        if self.pending.is_empty() || self.is_skipping || is_blank {
            return Ok(());
        }
        let end = self.pending.len();
        self.emit(0, end, false, &mut record)
    }

    fn emit<E>(
        &mut self,
        start: usize,
        end: usize,
        is_too_long: bool,
        record: &mut impl FnMut(Frame<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let raw = &self.pending[start..end];
        let blanks = if self.framing == Framing::Json {
            raw.len() - raw.trim_ascii_start().len()
        } else {
            0
        };
        let lines_before_end = if self.framing == Framing::Json {
            count_lines(raw.trim_ascii_end())
        } else {
            0
        };
        let bytes = match self.framing {
            Framing::Json => raw.trim_ascii(),
            _ => {
                let line = raw.strip_suffix(b"\n").unwrap_or(raw);
                line.strip_suffix(b"\r").unwrap_or(line)
            }
        };
        if !self.is_skipping {
            let offset = self.offset + to_u64(blanks);
            record(Frame {
                bytes,
                line: self.line + lines_before_end,
                offset,
                is_too_long,
            })?;
        }
        self.line += match self.framing {
            // Its one line break is where it ended.
            Framing::Lines => 1,
            _ => count_lines(raw),
        };
        self.offset += to_u64(raw.len());
        self.scanned = end;
        self.state = State::default();
        self.is_skipping = false;
        Ok(())
    }

    /// The end of the record that begins at `start`, after its line break.
    fn find_end(&mut self, start: usize) -> Option<usize> {
        self.scanned = self.scanned.max(start);
        if self.framing == Framing::Lines || self.is_skipping {
            let found = memchr::memchr(b'\n', &self.pending[self.scanned..]).map(|at| self.scanned + at + 1);
            self.scanned = found.unwrap_or(self.pending.len());
            return found;
        }
        if let Framing::Csv { quote, .. } = self.framing
            && self.scanned == start
            && let Some(found) = self.unquoted_end(start, quote)
        {
            self.scanned = found;
            return Some(found);
        }
        while self.scanned < self.pending.len() {
            self.scanned += 1;
            if self.state.ends_with(&self.pending[..self.scanned], self.framing) {
                return Some(self.scanned);
            }
        }
        None
    }

    /// The end of the line if no quote stands before it: most lines of a CSV need no look at every byte.
    fn unquoted_end(&self, start: usize, quote: u8) -> Option<usize> {
        let rest = &self.pending[start..];
        let end = memchr::memchr(b'\n', rest)?;
        memchr::memchr(quote, &rest[..end])
            .is_none()
            .then_some(start + end + 1)
    }
}

impl State {
    /// Whether the record ends with the last byte of what was read.
    fn ends_with(&mut self, read: &[u8], framing: Framing<'_>) -> bool {
        let Some(&byte) = read.last() else {
            return false;
        };
        match framing {
            Framing::Lines => byte == b'\n',
            Framing::Csv { delimiter, quote } => {
                let is_delimiter = self.is_delimiter(read, delimiter);
                self.quoted(byte, is_delimiter, quote)
            }
            Framing::Marked {
                escape,
                quotes,
                delimiter,
            } => {
                if escape && std::mem::take(&mut self.is_escaped) {
                    (self.is_in_field, self.run, self.after_quote) = (true, 0, None);
                    return false;
                }
                if escape && byte == b'\\' {
                    (self.is_escaped, self.after_quote) = (true, None);
                    return false;
                }
                let is_delimiter = self.is_delimiter(read, delimiter);
                let opens = quotes && matches!(byte, b'"' | b'\'');
                self.surrounded(read, delimiter.len(), is_delimiter, opens)
            }
            Framing::Json => self.json(byte),
        }
    }

    /// Whether a delimiter ends with what was read.
    fn is_delimiter(&mut self, read: &[u8], delimiter: &[u8]) -> bool {
        self.run += 1;
        read.last() == delimiter.last() && self.run >= delimiter.len() && read.ends_with(delimiter)
    }

    fn end_field(&mut self) {
        *self = Self::default();
    }

    /// A quote opens at the beginning of a field alone, after white space; a doubled one closes and opens again.
    fn quoted(&mut self, byte: u8, is_delimiter: bool, quote: u8) -> bool {
        match self.quote {
            Some(quote) if byte == quote => self.quote = None,
            Some(_) => {}
            None if byte == b'\n' => return true,
            None if is_delimiter => self.end_field(),
            None if byte == quote && (!self.is_in_field || self.has_begun) => {
                self.quote = Some(byte);
                (self.is_in_field, self.has_begun) = (true, true);
            }
            None if byte.is_ascii_whitespace() && !self.is_in_field => {}
            None => (self.is_in_field, self.has_begun) = (true, false),
        }
        false
    }

    /// A quote opens at the beginning of a field alone; one within is part of the field.
    fn surrounded(&mut self, read: &[u8], delimiter_bytes: usize, is_delimiter: bool, opens: bool) -> bool {
        let (byte, before) = match read {
            [.., before, byte] => (*byte, Some(*before)),
            [byte] => (*byte, None),
            [] => return false,
        };
        let since_quote = self.after_quote;
        self.after_quote = since_quote.map(|bytes| bytes + 1);
        let is_closed = |bytes: usize| self.quote.is_none() || since_quote == Some(bytes);
        if byte == b'\n' && (is_closed(1) || before == Some(b'\r') && is_closed(2)) {
            return true;
        }
        if is_delimiter && is_closed(delimiter_bytes) {
            self.end_field();
        } else if self.quote == Some(byte) {
            self.after_quote = Some(1);
        } else if self.quote.is_none() {
            self.quote = Some(byte).filter(|_| opens && !self.is_in_field);
            self.is_in_field = true;
        }
        false
    }

    fn json(&mut self, byte: u8) -> bool {
        if self.quote.is_some() {
            if std::mem::take(&mut self.is_escaped) {
                return false;
            }
            match byte {
                b'\\' => self.is_escaped = true,
                b'"' => self.quote = None,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.quote = Some(b'"'),
            b'{' | b'[' => {
                self.depth += 1;
                self.has_begun = true;
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            // Something that is no object and no array ends with its line, so that the next one is found again.
            b'\n' => return self.depth == 0 && self.is_in_field,
            byte if self.depth == 0 && !byte.is_ascii_whitespace() => self.is_in_field = true,
            _ => {}
        }
        false
    }
}

fn count_lines(bytes: &[u8]) -> u64 {
    to_u64(memchr::memchr_iter(b'\n', bytes).count())
}

fn to_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(text: &str, framing: Framing<'_>, step: usize) -> Vec<(String, u64)> {
        let mut found = Vec::new();
        let mut framer = Framer::new(framing);
        let mut keep = |frame: Frame<'_>| {
            found.push((String::from_utf8_lossy(frame.bytes).into_owned(), frame.line));
            Ok::<(), ()>(())
        };
        for chunk in text.as_bytes().chunks(step) {
            framer.push(chunk, &mut keep).unwrap();
        }
        framer.finish(&mut keep).unwrap();
        found
    }

    #[test]
    fn records_end_where_their_format_says_whole_and_in_single_bytes() {
        let csv = Framing::Csv {
            delimiter: b",",
            quote: b'"',
        };
        let marked = Framing::Marked {
            escape: true,
            quotes: true,
            delimiter: b"|",
        };
        let marked_by_two = Framing::Marked {
            escape: true,
            quotes: true,
            delimiter: b"||",
        };
        let csv_by_tabs = Framing::Csv {
            delimiter: b"\t\t",
            quote: b'"',
        };
        type Expected<'a> = &'a [(&'a str, u64)];
        let cases: [(&str, Framing<'_>, Expected<'_>); 15] = [
            ("a|b\r\nc|d", Framing::Lines, &[("a|b", 1), ("c|d", 2)]),
            ("a\n\nb\n", Framing::Lines, &[("a", 1), ("", 2), ("b", 3)]),
            (
                "a,\"x\ny\"\nb,\"\"\"\n\"\n",
                csv,
                &[("a,\"x\ny\"", 1), ("b,\"\"\"\n\"", 3)],
            ),
            ("a\"b,c\nd\n", csv, &[("a\"b,c", 1), ("d", 2)]),
            ("a, \"x\ny\" \nb\n", csv, &[("a, \"x\ny\" ", 1), ("b", 3)]),
            (
                "a\\\nb|c\n'x\ny'|z\n",
                marked,
                &[("a\\\nb|c", 1), ("'x\ny'|z", 3)],
            ),
            (
                "'O'Neil'\r\n'x'\ny'|'z\\'\n'\n",
                marked,
                &[("'O'Neil'", 1), ("'x'", 2), ("y'|'z\\'\n'", 3)],
            ),
            ("'a'\r|b\n'|c\n", marked, &[("'a'\r|b\n'|c", 1)]),
            (
                "'a'|b\n'||'c'\n'd'||e\n",
                marked_by_two,
                &[("'a'|b\n'||'c'", 1), ("'d'||e", 3)],
            ),
            // The backslash protects the first half of the first delimiter, so the quote is none that opens.
            ("a\\||'b\nc'\n", marked_by_two, &[("a\\||'b", 1), ("c'", 2)]),
            ("a|||'b\nc'\n", marked_by_two, &[("a|||'b", 1), ("c'", 2)]),
            (
                "a\t\t\t\"x\ny\"\t\t\"z\n\"\nb\n",
                csv_by_tabs,
                &[("a\t\t\t\"x\ny\"\t\t\"z\n\"", 1), ("b", 4)],
            ),
            ("a\t\"b\t\t\nc\n", csv_by_tabs, &[("a\t\"b\t\t", 1), ("c", 2)]),
            (
                "{\"a\": \"}\"}\n\n{\n\"b\":1}{\"c\":[]}",
                Framing::Json,
                &[("{\"a\": \"}\"}", 1), ("{\n\"b\":1}", 4), ("{\"c\":[]}", 4)],
            ),
            (
                "nonsense\n{\"a\":1}\n",
                Framing::Json,
                &[("nonsense", 1), ("{\"a\":1}", 2)],
            ),
        ];
        for (text, framing, expected) in cases {
            let expected: Vec<(String, u64)> = expected
                .iter()
                .map(|(text, line)| ((*text).to_owned(), *line))
                .collect();
            for step in [1, 3, 10_000] {
                assert_eq!(
                    frames(text, framing, step),
                    expected,
                    "{text:?} in steps of {step}"
                );
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_the_same_records_whole_and_in_pieces(
            bytes in proptest::collection::vec(
                proptest::sample::select(vec!['a', '|', ',', '"', '\'', '\\', '\n', '\r', '{', '}', '[', ' ', ':']),
                0..60,
            ),
            step in 1..9_usize,
        ) {
            let text: String = bytes.into_iter().collect();
            let marked = |escape, quotes, delimiter| Framing::Marked { escape, quotes, delimiter };
            let csv = |delimiter| Framing::Csv { delimiter, quote: b'"' };
            for framing in [
                Framing::Lines,
                marked(true, true, b"|"),
                marked(false, true, b"|"),
                marked(true, true, b"||"),
                marked(false, true, b"|:|"),
                csv(b","),
                csv(b", "),
                Framing::Json,
            ] {
                proptest::prop_assert_eq!(frames(&text, framing, 1000), frames(&text, framing, step), "{:?}", framing);
            }
        }
    }

    #[test]
    fn a_record_that_never_ends_is_cut_and_the_next_one_found() {
        let mut text = "x".repeat(MOST_BYTES + 10);
        text.push_str("\nb|c\n");
        let mut lengths = Vec::new();
        let mut framer = Framer::new(Framing::Lines);
        for chunk in text.as_bytes().chunks(100_000) {
            framer
                .push(chunk, |frame| {
                    lengths.push((frame.bytes.len() > 3, frame.is_too_long));
                    Ok::<(), ()>(())
                })
                .unwrap();
        }
        assert_eq!(lengths, [(true, true), (false, false)]);
    }
}
