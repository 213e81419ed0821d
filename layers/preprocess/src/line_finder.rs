//! Pulls lines out of a file, to show what load errors are about.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use crate::compression::Compression;
use crate::decompressor::Decompressor;
use crate::encoding::{Encoding, LONGEST_MARK_BYTES};
use crate::error::PrepareError;
use crate::unit::Unit;

/// The most of a line that is kept: 4 KiB.
const LINE_LIMIT_BYTES: usize = 4096;

/// Finds physical lines of a file that is pushed in, by their numbers from 1, and keeps at most the first 4 KiB of each.
///
/// ```
/// use longshore_preprocess::{Compression, Encoding, LineFinder, LineSearch};
///
/// let mut finder = LineFinder::new(Compression::None, Encoding::Utf8, [2]);
/// assert_eq!(finder.push(b"1|plum\n2|f")?, LineSearch::NeedMore);
/// assert_eq!(finder.push(b"ig\n3|pear\n")?, LineSearch::Done);
/// assert_eq!(finder.found()[&2], "2|fig");
/// # Ok::<(), longshore_preprocess::PrepareError>(())
/// ```
pub struct LineFinder {
    decompressor: Decompressor,
    search: Search,
}

struct Search {
    encoding: Encoding,
    /// The first bytes of the stream, until the byte order is settled.
    head: Option<Vec<u8>>,
    odd: Option<u8>,
    /// Numbers of lines not found yet.
    wanted: BTreeSet<u64>,
    found: BTreeMap<u64, String>,
    /// The number of the line that is read.
    at: u64,
    /// What is kept of it, if it is wanted.
    line: Vec<u8>,
}

/// What a push to a [`LineFinder`] brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineSearch {
    /// All lines are found: nothing more needs to be pushed.
    Done,
    /// Some line has not ended yet.
    NeedMore,
}

impl LineFinder {
    /// A finder of the lines with these numbers, counted from 1; there is no line 0.
    pub fn new(compression: Compression, encoding: Encoding, lines: impl IntoIterator<Item = u64>) -> Self {
        Self {
            decompressor: Decompressor::new(compression, NonZeroUsize::MIN),
            search: Search {
                encoding,
                head: Some(Vec::new()),
                odd: None,
                wanted: lines.into_iter().collect(),
                found: BTreeMap::new(),
                at: 1,
                line: Vec::new(),
            },
        }
    }

    /// Takes the next bytes of the file.
    ///
    /// # Errors
    /// Only what is wrong with the compression.
    pub fn push(&mut self, input: &[u8]) -> Result<LineSearch, PrepareError> {
        let mut rest = input;
        while !self.search.wanted.is_empty() {
            let step = self.decompressor.step(rest)?;
            rest = &rest[step.consumed..];
            self.search.accept(step.decoded);
            if rest.is_empty() && !step.pending && !self.search.wanted.is_empty() {
                return Ok(LineSearch::NeedMore);
            }
        }
        Ok(LineSearch::Done)
    }

    /// The lines that were found so far, without their ends, U+FFFD for bytes that are not valid.
    pub fn found(self) -> BTreeMap<u64, String> {
        self.search.found
    }

    /// The lines that were found in what was the whole file, whose last line may lack its end.
    pub fn finish(mut self) -> BTreeMap<u64, String> {
        self.search.settle();
        if !self.search.line.is_empty() {
            self.search.keep_line();
        }
        self.search.found
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
        while let Some(&next) = self.wanted.first() {
            let newline = unit.find(b'\n', block, from);
            if self.at == next {
                let end = newline.unwrap_or(block.len());
                let room = (LINE_LIMIT_BYTES - self.line.len()).min(end - from);
                self.line.extend_from_slice(&block[from..from + room]);
                if newline.is_some() || self.line.len() == LINE_LIMIT_BYTES {
                    self.keep_line();
                }
            }
            let Some(newline) = newline else { return };
            self.at += 1;
            from = newline + unit.width();
        }
    }

    fn keep_line(&mut self) {
        let unit = self.encoding.unit();
        let ends_in_return = unit.ends_with(&self.line, b'\r');
        let end = self.line.len() - if ends_in_return { unit.width() } else { 0 };
        let text = self.encoding.decode_lossy(&self.line[..end]);
        self.line.clear();
        self.wanted.remove(&self.at);
        self.found.insert(self.at, text);
    }
}
