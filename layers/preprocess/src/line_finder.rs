//! Pulls one line out of a file, to show what a load error is about.

use std::num::NonZeroUsize;

use crate::compression::Compression;
use crate::decompressor::Decompressor;
use crate::encoding::{Encoding, LONGEST_MARK_BYTES};
use crate::error::PrepareError;
use crate::unit::Unit;

/// The most of a line that is kept: 4 KiB.
const LINE_LIMIT_BYTES: usize = 4096;

/// Finds the n-th physical line of a file that is pushed in, and keeps at most its first 4 KiB.
///
/// ```
/// use longshore_preprocess::{Compression, Encoding, LineFinder, LineSearch};
///
/// let mut finder = LineFinder::new(Compression::None, Encoding::Utf8, 2);
/// assert_eq!(finder.push(b"1|plum\n2|f")?, LineSearch::NeedMore);
/// assert_eq!(finder.push(b"ig\n3|pear\n")?, LineSearch::Found("2|fig".to_owned()));
/// # Ok::<(), longshore_preprocess::PrepareError>(())
/// ```
pub struct LineFinder {
    decompressor: Decompressor,
    search: Search,
}

struct Search {
    encoding: Encoding,
    /// Line ends still to pass before the line begins.
    newlines_left: u64,
    /// The first bytes of the stream, until the byte order is settled.
    head: Option<Vec<u8>>,
    odd: Option<u8>,
    line: Vec<u8>,
    is_found: bool,
}

/// What a push to a [`LineFinder`] brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineSearch {
    /// The line, without its end, U+FFFD for bytes that are not valid. It stays found.
    Found(String),
    /// The line has not ended yet.
    NeedMore,
}

impl LineFinder {
    /// A finder of the line with this number, counted from 1; 0 is taken for 1.
    pub fn new(compression: Compression, encoding: Encoding, line: u64) -> Self {
        Self {
            decompressor: Decompressor::new(compression, NonZeroUsize::MIN),
            search: Search {
                encoding,
                newlines_left: line.saturating_sub(1),
                head: Some(Vec::new()),
                odd: None,
                line: Vec::new(),
                is_found: false,
            },
        }
    }

    /// Takes the next bytes of the file.
    ///
    /// # Errors
    /// Only what is wrong with the compression.
    pub fn push(&mut self, input: &[u8]) -> Result<LineSearch, PrepareError> {
        let mut rest = input;
        loop {
            if self.search.is_found {
                return Ok(LineSearch::Found(self.search.text()));
            }
            let step = self.decompressor.step(rest)?;
            rest = &rest[step.consumed..];
            self.search.accept(step.decoded);
            if rest.is_empty() && !step.pending && !self.search.is_found {
                return Ok(LineSearch::NeedMore);
            }
        }
    }

    /// Takes the end of the file: the line if it is the last and lacks its end, `None` if the file has no such line.
    pub fn finish(mut self) -> Option<String> {
        self.search.settle();
        let is_last = self.search.newlines_left == 0 && !self.search.line.is_empty();
        (self.search.is_found || is_last).then(|| self.search.text())
    }
}

impl Search {
    fn accept(&mut self, block: &[u8]) {
        let Some(head) = &mut self.head else {
            return self.accept_bytes(block);
        };
        let missing = (LONGEST_MARK_BYTES - head.len()).min(block.len());
        head.extend_from_slice(&block[..missing]);
        if head.len() == LONGEST_MARK_BYTES {
            self.settle();
            self.accept_bytes(&block[missing..]);
        }
    }

    /// Settles the byte order; without the mark that UTF-16 should have, low byte first.
    fn settle(&mut self) {
        let Some(head) = self.head.take() else { return };
        let text = match self.encoding.resolve(&head) {
            Some(resolved) => {
                self.encoding = resolved.encoding;
                &head[resolved.mark_bytes..]
            }
            None => &head[..],
        };
        self.accept_bytes(text);
    }

    fn accept_bytes(&mut self, block: &[u8]) {
        if self.encoding.unit() == Unit::One {
            return self.accept_units(block);
        }
        let mut rest = block;
        if let (Some(first), Some((&second, after))) = (self.odd, block.split_first()) {
            self.odd = None;
            self.accept_units(&[first, second]);
            rest = after;
        }
        let whole = rest.len() - rest.len() % 2;
        self.odd = rest.get(whole).copied().or(self.odd);
        self.accept_units(&rest[..whole]);
    }

    fn accept_units(&mut self, block: &[u8]) {
        let unit = self.encoding.unit();
        let mut from = 0;
        while !self.is_found {
            let newline = unit.find(b'\n', block, from);
            if self.newlines_left == 0 {
                let end = newline.unwrap_or(block.len());
                let room = (LINE_LIMIT_BYTES - self.line.len()).min(end - from);
                self.line.extend_from_slice(&block[from..from + room]);
                self.is_found = newline.is_some() || self.line.len() == LINE_LIMIT_BYTES;
                return;
            }
            let Some(newline) = newline else { return };
            self.newlines_left -= 1;
            from = newline + unit.width();
        }
    }

    fn text(&self) -> String {
        let unit = self.encoding.unit();
        let ends_in_return = unit.ends_with(&self.line, b'\r');
        let end = self.line.len() - if ends_in_return { unit.width() } else { 0 };
        self.encoding.decode_lossy(&self.line[..end])
    }
}
