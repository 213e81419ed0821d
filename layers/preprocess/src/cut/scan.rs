//! One chunk of a text, scanned as its bytes come: none of them is kept but what its neighbours have to complete.

use crate::cut::Tally;
use crate::cut::ends::{ChunkEnds, guess_first_end};
use crate::encoding::Resolved;
use crate::error::PrepareError;
use crate::outputs::Discard;
use crate::pipeline::BLOCK_BYTES;
use crate::sinks::{Exits, Sinks};
use crate::spec::PipelineSpec;
use crate::text::TextStage;

/// A chunk that is being scanned by itself.
pub struct ChunkScan<'a> {
    spec: &'a PipelineSpec,
    ends: ChunkEnds,
    /// What lies before the first record end.
    before: Vec<u8>,
    /// Of it, what was searched in vain.
    searched: usize,
    records: Option<Records>,
    wrong: Option<PrepareError>,
}

/// A chunk that was scanned by itself.
#[derive(Debug)]
pub struct ScannedChunk {
    /// What lies before its first record end, and that one.
    pub(super) before: Vec<u8>,
    /// What comes behind it; `None` when it has no record end.
    pub(super) rest: Option<Result<Rest, PrepareError>>,
}

/// Whole records, and the beginning of one.
#[derive(Debug)]
pub(super) struct Rest {
    pub(super) whole: Tally,
    pub(super) open: Vec<u8>,
}

/// Records of a text that begins with one.
pub(super) struct Records {
    stage: TextStage,
    sinks: Sinks,
}

impl Records {
    pub(super) fn new(spec: &PipelineSpec) -> Self {
        // The stage begins behind where a byte order mark could be: in the midst of a text the same bytes are a character.
        let resolved = Resolved {
            encoding: spec.encoding,
            mark_bytes: 0,
        };
        Self {
            stage: TextStage::new(spec, resolved),
            sinks: Sinks::new(spec, spec.encoding),
        }
    }

    /// Takes the next bytes. Each block is checked and counted while it is in the nearest cache.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(), PrepareError> {
        let mut exits = Exits {
            sinks: &mut self.sinks,
            outputs: &mut Discard,
        };
        let mut blocks = bytes.chunks(BLOCK_BYTES);
        blocks.try_for_each(|block| self.stage.accept(block, &mut exits))
    }

    /// What the records that have ended came to, and the beginning of the one that has not.
    pub(super) fn settle(self) -> Rest {
        Rest {
            whole: self.stage.settled(),
            open: self.stage.into_open(),
        }
    }

    /// Takes the end of the text; its last record may lack its line end.
    pub(super) fn finish(mut self, bytes: u64) -> Result<Tally, PrepareError> {
        let counts = self.stage.finish(&mut Exits {
            sinks: &mut self.sinks,
            outputs: &mut Discard,
        })?;
        Ok(Tally {
            bytes,
            records: counts.records,
            blank_records: counts.blank_records,
            lines: counts.lines,
        })
    }
}

impl<'a> ChunkScan<'a> {
    /// A scan of a chunk, which begins with a record (`is_start`) or anywhere.
    pub(super) fn new(spec: &'a PipelineSpec, ends: ChunkEnds, is_start: bool) -> Self {
        Self {
            spec,
            ends,
            before: Vec::new(),
            searched: 0,
            records: is_start.then(|| Records::new(spec)),
            wrong: None,
        }
    }

    /// Takes the next bytes of the chunk, cut anywhere.
    pub fn take(&mut self, bytes: &[u8]) {
        let mut blocks = bytes.chunks(BLOCK_BYTES);
        while self.records.is_none()
            && let Some(block) = blocks.next()
        {
            self.before.extend_from_slice(block);
            if self.is_worth_a_search() {
                self.search();
            }
        }
        blocks.for_each(|block| self.count(block));
    }

    /// Takes the end of the chunk.
    pub fn finish(mut self) -> ScannedChunk {
        if self.records.is_none() {
            self.search();
        }
        let rest = match self.wrong {
            Some(error) => Some(Err(error)),
            None => self.records.map(|records| Ok(records.settle())),
        };
        ScannedChunk {
            before: self.before,
            rest,
        }
    }

    fn count(&mut self, bytes: &[u8]) {
        if let (Some(records), None) = (&mut self.records, &self.wrong) {
            self.wrong = records.take(bytes).err();
        }
    }

    /// A guess is made once there is enough to judge by, and again when that has doubled: a chunk is searched twice at most.
    fn is_worth_a_search(&self) -> bool {
        match self.ends {
            ChunkEnds::Local(_) => true,
            ChunkEnds::Quoted(_) => self.before.len() >= BLOCK_BYTES.max(2 * self.searched),
        }
    }

    /// Looks for the first record end; what lies behind it are records.
    fn search(&mut self) {
        let end = match self.ends {
            ChunkEnds::Local(ends) => ends.next(&self.before, self.searched, false),
            ChunkEnds::Quoted(quoting) => guess_first_end(&self.before, quoting),
        };
        self.searched = self.before.len();
        if let Some(end) = end {
            let behind = self.before.split_off(end);
            self.records = Some(Records::new(self.spec));
            self.count(&behind);
        }
    }
}
