//! Decoding one block by itself.

use std::error::Error;
use std::ops::ControlFlow;

use bzip2::{Decompress, Status};

use super::segment::{Segment, SegmentEnd};

/// What is decoded of a block before it is handed on. A block of level 9 holds 900,000 bytes, and fits unless it is full of
/// runs: then it may come to 46 MB.
pub(super) const PIECE_BYTES: usize = 2 * 1024 * 1024;

/// A block's magic and its CRC.
const BLOCK_HEADER_BYTES: usize = 10;

pub(super) type DecoderError = Box<dyn Error + Send + Sync>;

/// A decoder in the midst of a block.
pub(super) struct BlockDecoder {
    decoder: Decompress,
    /// The first bytes that it was given of the block.
    header: Vec<u8>,
}

/// A decoder and what it is to be given next.
pub(super) struct BlockReader {
    decoder: BlockDecoder,
    segment: Segment,
    /// Bytes of the segment that the decoder has taken.
    taken: usize,
}

/// What became of a segment.
pub(super) enum Outcome {
    /// The block ended at the magic.
    Ended {
        /// Its CRC, which was right.
        crc: u32,
    },
    /// It goes on behind the segment.
    Open(BlockDecoder),
    /// It is damaged.
    Failed(DecoderError),
}

impl BlockDecoder {
    /// A decoder for a block of a stream of this level, a digit.
    pub(super) fn new(level: u8) -> Result<Self, DecoderError> {
        let mut decoder = Decompress::new(false);
        decoder.decompress(&[b'B', b'Z', b'h', level], &mut [])?;
        Ok(Self {
            decoder,
            header: Vec::with_capacity(BLOCK_HEADER_BYTES),
        })
    }

    /// Takes some of `input` and appends to `piece`, until one is used up or the other full.
    fn decode(&mut self, input: &[u8], piece: &mut Vec<u8>) -> Result<usize, DecoderError> {
        let before = self.decoder.total_in();
        let status = self.decoder.decompress_vec(input, piece)?;
        let taken =
            usize::try_from(self.decoder.total_in() - before).expect("no more is taken than was given");
        let missing = BLOCK_HEADER_BYTES - self.header.len();
        self.header.extend_from_slice(&input[..taken.min(missing)]);
        let is_stuck = taken < input.len() && piece.len() < piece.capacity();
        match status {
            Status::MemNeeded => Err("there is no memory for the block".into()),
            Status::Ok if !is_stuck => Ok(taken),
            _ => Err("the decoder makes no progress".into()),
        }
    }

    fn has_output(&self) -> bool {
        self.decoder.total_out() > 0
    }

    fn crc(&self) -> u32 {
        self.header[6..]
            .iter()
            .fold(0, |crc, &byte| crc << 8 | u32::from(byte))
    }
}

impl BlockReader {
    /// A reader of what the segment adds to what the decoder has.
    pub(super) fn new(decoder: BlockDecoder, segment: Segment) -> Self {
        Self {
            decoder,
            segment,
            taken: 0,
        }
    }

    /// Decodes at most [`PIECE_BYTES`]: the piece, perhaps empty, and how it goes on.
    pub(super) fn read(mut self) -> (Vec<u8>, ControlFlow<Outcome, Self>) {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        let next = match self.fill(&mut piece) {
            Ok(Filled::Full) => ControlFlow::Continue(self),
            Ok(Filled::Ended) => ControlFlow::Break(Outcome::Ended {
                crc: self.decoder.crc(),
            }),
            Ok(Filled::Open) => ControlFlow::Break(Outcome::Open(self.decoder)),
            Err(source) => ControlFlow::Break(Outcome::Failed(source)),
        };
        (piece, next)
    }

    /// The decoder is given nothing but what stands in the file, so what it says of a block is what it would say had it come
    /// there by itself: an error is an error, and no magic that is there by chance can make one.
    ///
    /// Whether the magic is the block's end shows thus. A decoder gives output once it has all bits of a block. If it has none
    /// to give when it has been given the byte in which the magic begins, the block goes on. If it has some, the block ends
    /// in that byte or before. It then demands a magic exactly where the block ended, and there is none but this one: before it
    /// the scanner would have seen it, and less than a byte behind its first bit none can begin.
    fn fill(&mut self, piece: &mut Vec<u8>) -> Result<Filled, DecoderError> {
        if !self.give(self.segment.block_bytes, piece)? {
            return Ok(Filled::Full);
        }
        if self.segment.reach.end == SegmentEnd::Cut || !self.decoder.has_output() {
            return Ok(Filled::Open);
        }
        if self.give(self.segment.bytes.len(), piece)? {
            Ok(Filled::Ended)
        } else {
            Ok(Filled::Full)
        }
    }

    /// Gives the decoder the segment up to this byte; whether it took all and has no more to say to it.
    fn give(&mut self, end: usize, piece: &mut Vec<u8>) -> Result<bool, DecoderError> {
        let input = &self.segment.bytes[self.taken..end.max(self.taken)];
        self.taken += self.decoder.decode(input, piece)?;
        Ok(piece.len() < piece.capacity())
    }
}

enum Filled {
    Full,
    Ended,
    Open,
}
