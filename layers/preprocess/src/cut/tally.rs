//! Counting a text in chunks: each is scanned once, by itself and in any order, and the results are joined in order.
//!
//! A chunk cut anywhere is three things: what ends a record of an earlier chunk, whole records, and the beginning of a record.
//! Whole records are counted at once; where two chunks meet, what was cut is put together and counted by the same code. So no
//! byte is looked at twice but those few, and every record, character and fault is found as if the text had come in one
//! piece.
//!
//! In CSV a chunk does not show for certain where its first record begins: it depends on every quote before. It is guessed by the
//! chunk's own quotes, and the records are counted from there. When what lies before that place is joined to what the earlier
//! chunks left open, the engine is between two records there, or it is not: only then the chunk is counted once more.

use std::ops::Range;

use bytes::Bytes;

use crate::cut::LocalEnds;
use crate::cut::ends::{ChunkEnds, guess_first_end};
use crate::encoding::Resolved;
use crate::error::PrepareError;
use crate::outputs::Discard;
use crate::pipeline::BLOCK_BYTES;
use crate::sinks::{Exits, Sinks};
use crate::spec::{Header, PipelineSpec};
use crate::sweep::Quoting;
use crate::text::TextStage;

/// What a stretch of whole records came to. Sums of neighbours are those of both together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Its length.
    pub bytes: u64,
    /// Data records: those that are not blank.
    pub records: u64,
    /// Records of nothing but a line end.
    pub blank_records: u64,
    /// Physical lines.
    pub lines: u64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.records += other.records;
        self.blank_records += other.blank_records;
        self.lines += other.lines;
    }
}

/// Counts data records in chunks of a text: its header and its trailer are not among them.
#[derive(Clone, Debug)]
pub struct RecordCounter {
    spec: PipelineSpec,
    ends: ChunkEnds,
}

/// A chunk that was scanned by itself.
#[derive(Debug)]
pub struct ScannedChunk {
    chunk: Bytes,
    /// Where its whole records begin and end; the same place where a single record end is. `None`: it has no record end.
    whole: Option<Range<usize>>,
    counted: Result<Tally, PrepareError>,
}

impl RecordCounter {
    /// `None` when chunks of the text say nothing by themselves: it is compressed, of two-byte units, or not cut into records.
    pub fn new(spec: &PipelineSpec) -> Option<Self> {
        let ends = ChunkEnds::of(spec)?;
        let spec = PipelineSpec {
            header: Header::default(),
            trailer: None,
            split: None,
            output: None,
            minimum_records: 0,
            ..spec.clone()
        };
        Some(Self { spec, ends })
    }

    /// Scans a chunk by itself. `is_start` says that it begins with a record.
    pub fn scan(&self, chunk: Bytes, is_start: bool) -> ScannedChunk {
        match self.ends {
            ChunkEnds::Local(ends) => self.scan_local(ends, chunk, is_start),
            ChunkEnds::Quoted(quoting) => self.scan_quoted(quoting, chunk, is_start),
        }
    }

    fn scan_quoted(&self, quoting: Quoting, chunk: Bytes, is_start: bool) -> ScannedChunk {
        let from = match is_start {
            true => Some(0),
            false => guess_first_end(&chunk, quoting),
        };
        let counted = from.map_or(Ok(Tally::default()), |from| self.settle(&chunk[from..]));
        let length = |tally: &Tally| usize::try_from(tally.bytes).unwrap_or(usize::MAX);
        let whole = from.map(|from| match &counted {
            Ok(tally) => from..from + length(tally),
            Err(_) => from..chunk.len(),
        });
        ScannedChunk {
            chunk,
            whole,
            counted,
        }
    }

    fn scan_local(&self, ends: LocalEnds, chunk: Bytes, is_start: bool) -> ScannedChunk {
        let from = if is_start {
            Some(0)
        } else {
            ends.first(&chunk, false)
        };
        let to = ends.last(&chunk, is_start);
        let whole = from.zip(to).map(|(from, to)| from..to);
        let records = whole.clone().map_or(&[][..], |whole| &chunk[whole]);
        ScannedChunk {
            counted: self.count(records),
            whole,
            chunk,
        }
    }

    /// Counts whole records; the last one of the text may lack its line end.
    fn count(&self, records: &[u8]) -> Result<Tally, PrepareError> {
        if records.is_empty() {
            return Ok(Tally::default());
        }
        let counts = self.look_at(records, TextStage::finish)?;
        Ok(Tally {
            bytes: records.len() as u64,
            records: counts.records,
            blank_records: counts.blank_records,
            lines: counts.lines,
        })
    }

    /// Counts the records that end in a text; what comes behind them is looked at too, as far as it shows what is wrong with it.
    fn settle(&self, text: &[u8]) -> Result<Tally, PrepareError> {
        self.look_at(text, |stage, _| Ok(stage.settled()))
    }

    /// Looks for what is wrong with the beginning of a record, as far as it shows before the record ends.
    fn check(&self, beginning: &[u8]) -> Result<(), PrepareError> {
        self.look_at(beginning, |_, _| Ok(()))
    }

    fn look_at<T>(
        &self,
        records: &[u8],
        end: impl FnOnce(TextStage, &mut Exits<'_>) -> Result<T, PrepareError>,
    ) -> Result<T, PrepareError> {
        // The stage begins behind where a byte order mark could be: in the midst of a text the same bytes are a character.
        let resolved = Resolved {
            encoding: self.spec.encoding,
            mark_bytes: 0,
        };
        let mut sinks = Sinks::new(&self.spec, self.spec.encoding);
        let mut exits = Exits {
            sinks: &mut sinks,
            outputs: &mut Discard,
        };
        let mut text = TextStage::new(&self.spec, resolved);
        // Each block is checked and counted while it is in the nearest cache.
        for block in records.chunks(BLOCK_BYTES) {
            text.accept(block, &mut exits)?;
        }
        end(text, &mut exits)
    }
}

/// Joins chunks that follow each other.
#[derive(Debug)]
pub struct TallyJoin {
    counter: RecordCounter,
    /// Lines and bytes of the file before the text.
    before: (u64, u64),
    tally: Tally,
    /// The beginning of a record that has not ended.
    open: Vec<u8>,
}

impl TallyJoin {
    /// A join of chunks that begin where `so_far` ends, in a text that begins behind so many lines and bytes of its file.
    pub fn new(counter: RecordCounter, lines_before: u64, bytes_before: u64, so_far: Tally) -> Self {
        Self {
            counter,
            before: (lines_before, bytes_before),
            tally: so_far,
            open: Vec::new(),
        }
    }

    /// What is counted: whole records. Counting may be taken up again where they end.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Takes the next chunk.
    ///
    /// # Errors
    /// The first thing that is wrong with the text, at its place in the file.
    pub fn join(&mut self, scanned: ScannedChunk) -> Result<(), PrepareError> {
        match self.counter.ends {
            ChunkEnds::Local(_) => self.join_local(scanned),
            ChunkEnds::Quoted(_) => self.join_quoted(scanned),
        }
    }

    fn join_quoted(&mut self, scanned: ScannedChunk) -> Result<(), PrepareError> {
        let ScannedChunk {
            chunk,
            whole,
            counted,
        } = scanned;
        let whole = whole.unwrap_or(chunk.len()..chunk.len());
        self.open.extend_from_slice(&chunk[..whole.start]);
        self.settle_open()?;
        if !self.open.is_empty() {
            self.open.extend_from_slice(&chunk[whole.start..]);
            return match whole.start == chunk.len() {
                true => Ok(()),
                false => self.settle_open(),
            };
        }
        let counted = counted.map_err(|error| self.placed(error))?;
        self.tally.add(counted);
        self.open.extend_from_slice(&chunk[whole.end..]);
        Ok(())
    }

    /// Counts what has ended of what was cut.
    fn settle_open(&mut self) -> Result<(), PrepareError> {
        if self.open.is_empty() {
            return Ok(());
        }
        let counted = self
            .counter
            .settle(&self.open)
            .map_err(|error| self.placed(error))?;
        self.tally.add(counted);
        self.open.drain(
            ..usize::try_from(counted.bytes)
                .unwrap_or(usize::MAX)
                .min(self.open.len()),
        );
        Ok(())
    }

    fn join_local(&mut self, scanned: ScannedChunk) -> Result<(), PrepareError> {
        let ScannedChunk {
            chunk,
            whole,
            counted,
        } = scanned;
        let Some(whole) = whole else {
            self.open.extend_from_slice(&chunk);
            return self.check_open();
        };
        self.open.extend_from_slice(&chunk[..whole.start]);
        self.close_open()?;
        let counted = counted.map_err(|error| self.placed(error))?;
        self.tally.add(counted);
        self.open.extend_from_slice(&chunk[whole.end..]);
        Ok(())
    }

    /// Takes the end of the text.
    ///
    /// # Errors
    /// As [`Self::join`].
    pub fn finish(mut self) -> Result<Tally, PrepareError> {
        self.close_open()?;
        Ok(self.tally)
    }

    /// Counts what was cut, now that it has ended.
    fn close_open(&mut self) -> Result<(), PrepareError> {
        let open = std::mem::take(&mut self.open);
        let counted = self.counter.count(&open).map_err(|error| self.placed(error))?;
        self.tally.add(counted);
        Ok(())
    }

    /// A record that does not end is refused before it has filled the memory.
    fn check_open(&self) -> Result<(), PrepareError> {
        if self.open.len() <= self.counter.spec.record_limit_bytes {
            return Ok(());
        }
        self.counter.check(&self.open).map_err(|error| self.placed(error))
    }

    /// An error of what comes next, at its place in the file.
    fn placed(&self, error: PrepareError) -> PrepareError {
        let lines = self.before.0 + self.tally.lines;
        let bytes = self.before.1 + self.tally.bytes;
        match error {
            PrepareError::InvalidEncoding { line, byte, encoding } => PrepareError::InvalidEncoding {
                line: lines + line,
                byte: bytes + byte,
                encoding,
            },
            PrepareError::RecordTooLong { line, byte, limit } => PrepareError::RecordTooLong {
                line: lines + line,
                byte: bytes + byte,
                limit,
            },
            PrepareError::UnbalancedQuotes { line, byte } => PrepareError::UnbalancedQuotes {
                line: lines + line,
                byte: bytes + byte,
            },
            other => other,
        }
    }
}
