//! Counting a text in chunks: each is scanned once, by itself and in any order, and the results are joined in order.
//!
//! A chunk cut anywhere is three things: what ends a record of an earlier chunk, whole records, and the beginning of a record.
//! Whole records are counted as they come; where two chunks meet, what was cut is put together and counted by the same code. So
//! no byte is looked at twice but those few, none is kept but those, and every record, character and fault is found as if the
//! text had come in one piece.
//!
//! In CSV a chunk does not show for certain where its first record begins: it depends on every quote before. It is guessed by the
//! chunk's own quotes, and the records are counted from there. When what lies before that place is joined to what the earlier
//! chunks left open, the engine is between two records there, or it is not: only then the chunk is scanned once more, which may
//! mean that it is fetched once more.

use crate::cut::ends::ChunkEnds;
use crate::cut::scan::{ChunkScan, Records, Rest, ScannedChunk};
use crate::error::PrepareError;
use crate::spec::{Header, PipelineSpec};

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

impl RecordCounter {
    /// `None` when chunks of the text say nothing by themselves: it is compressed, of two-byte units, or not cut into records.
    pub fn new(spec: &PipelineSpec) -> Option<Self> {
        let ends = ChunkEnds::of(spec)?;
        let spec = PipelineSpec {
            header: Header::default(),
            // A chunk begins anywhere.
            fields: None,
            trailer: None,
            split: None,
            output: None,
            minimum_records: 0,
            ..spec.clone()
        };
        Some(Self { spec, ends })
    }

    /// All that its counts depend on besides the text, as one line. Counts that were kept are taken up again by its equal alone.
    pub fn basis(&self) -> String {
        format!("{:?}", self.spec)
    }

    /// Begins to scan a chunk by itself. `is_start` says that it begins with a record.
    pub fn scan(&self, is_start: bool) -> ChunkScan<'_> {
        ChunkScan::new(&self.spec, self.ends, is_start)
    }

    /// Counts whole records; the last one of the text may lack its line end.
    fn count(&self, text: &[u8]) -> Result<Tally, PrepareError> {
        let mut records = Records::new(&self.spec);
        records.take(text)?;
        records.finish(text.len() as u64)
    }

    /// Counts the records that end in a text; what comes behind them is looked at too, as far as it shows what is wrong with it.
    fn settle(&self, text: &[u8]) -> Result<Rest, PrepareError> {
        let mut records = Records::new(&self.spec);
        records.take(text)?;
        Ok(records.settle())
    }
}

/// What a join did with a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a chunk that was misread must be scanned again"]
pub enum Joined {
    /// It is counted.
    Taken,
    /// Where its first record begins was guessed wrong. What lies before this place in it is taken; the bytes from there on must be
    /// given to [`TallyJoin::again`].
    Misread {
        /// The place, from the chunk's first byte.
        from: u64,
    },
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
    pub fn join(&mut self, scanned: ScannedChunk) -> Result<Joined, PrepareError> {
        match self.counter.ends {
            ChunkEnds::Local(_) => self.join_local(scanned),
            ChunkEnds::Quoted(_) => self.join_quoted(scanned),
        }
    }

    /// Begins to scan what is left of a chunk that was misread; it follows what is open, so it begins within a known record.
    pub fn again(&mut self) -> ChunkScan<'_> {
        let mut scan = self.counter.scan(true);
        scan.take(&std::mem::take(&mut self.open));
        scan
    }

    fn join_quoted(&mut self, scanned: ScannedChunk) -> Result<Joined, PrepareError> {
        let from = scanned.before.len() as u64;
        self.open.extend_from_slice(&scanned.before);
        if !self.open.is_empty() {
            let settled = self.counter.settle(&self.open);
            let Rest { whole, open } = settled.map_err(|error| self.placed(error))?;
            self.tally.add(whole);
            self.open = open;
        }
        match scanned.rest {
            None => Ok(Joined::Taken),
            Some(_) if !self.open.is_empty() => Ok(Joined::Misread { from }),
            Some(rest) => self.take_rest(rest),
        }
    }

    fn join_local(&mut self, scanned: ScannedChunk) -> Result<Joined, PrepareError> {
        self.open.extend_from_slice(&scanned.before);
        let Some(rest) = scanned.rest else {
            self.check_open()?;
            return Ok(Joined::Taken);
        };
        self.close_open()?;
        self.take_rest(rest)
    }

    /// Takes what was counted from where the text so far ends.
    fn take_rest(&mut self, rest: Result<Rest, PrepareError>) -> Result<Joined, PrepareError> {
        let Rest { whole, open } = rest.map_err(|error| self.placed(error))?;
        self.tally.add(whole);
        self.open = open;
        Ok(Joined::Taken)
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
        let looked = self.counter.settle(&self.open);
        looked.map(|_| ()).map_err(|error| self.placed(error))
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
