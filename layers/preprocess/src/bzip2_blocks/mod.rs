//! bzip2 by several threads.
//!
//! A bzip2 stream is a header, blocks and a footer. Each block is a text of its own, compressed by itself, and begins with a magic
//! number, though at any bit. So the blocks can be found without decoding what stands before them, and be decoded side by side.
//!
//! That a magic was found proves nothing: the same bits can be data. So everything beyond what is read is a guess, and nothing that
//! is guessed is handed out. [`Bzip2Blocks`] reads the stream in order, as one decoder would: the header, then the block right
//! behind it, then what stands right where that block ended. A block that a thread has decoded ahead is taken only if it begins at
//! this very bit. Where a magic within a block made two of it, the block's decoder comes over to the caller's thread and is given
//! what follows; the caller's thread never waits for another one then, which might be waiting for it.
//!
//! ```text
//! input ─► Window ─► Scanner ─► candidates ─► Workers ─┐ pieces of each block
//!             │             (Lookahead)                ▼
//!             └── headers, footers, joined blocks ─► Bzip2Blocks ─► blocks of 64 KiB, in order
//! ```

mod block_reader;
mod lookahead;
mod magic;
mod scanner;
mod segment;
mod stream_header;
#[cfg(test)]
mod tests;
mod window;
mod workers;

use std::mem;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::mpsc::TryRecvError;

use self::block_reader::{BlockDecoder, BlockReader, DecoderError, Outcome};
use self::lookahead::{AtEnd, Claim, Decoding, Lookahead};
use self::magic::Magic;
use self::segment::{Reach, SegmentEnd};
use self::stream_header::{HEADER_BYTES, LEVEL_BYTES, StreamHeader};
use self::workers::{Job, Piece};
use crate::compression::Compression;
use crate::decompressor::Step;
use crate::error::PrepareError;
use crate::pipeline::BLOCK_BYTES;

/// Reads bzip2 streams whose blocks are decoded ahead by threads.
pub(crate) struct Bzip2Blocks {
    state: State,
    /// Complete streams so far.
    streams: u64,
    stream: Stream,
    /// What was decoded last.
    piece: Vec<u8>,
    /// How much of it has been handed out.
    given: usize,
    input: Input,
    /// After the state, because a thread that waits to hand on a piece ends only when nobody can fetch it.
    lookahead: Lookahead,
}

/// The stream that is read.
#[derive(Clone, Copy, Default)]
struct Stream {
    /// The digit of its level.
    level: u8,
    /// The CRCs of its blocks so far, combined as its footer has it.
    crc: u32,
}

/// Whether more input comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    Open,
    /// No more comes, but what came is not read.
    Ended,
    /// All is read that can be.
    Drained,
}

/// Where the reading stands.
enum State {
    /// Where a stream begins or the file ends: at this byte.
    Header(u64),
    /// In the block that begins at this bit.
    Block(u64, Source),
    /// At the bit where the blocks of a stream are over.
    Footer(u64),
    /// Behind an error.
    Spent,
}

/// Who decodes a block.
enum Source {
    /// That is not settled.
    Unclaimed,
    /// A thread.
    Thread(Decoding),
    /// The caller's thread, what is here of it.
    Here(BlockReader, Reach),
    /// The caller's thread, once what stands at this bit has come.
    Open(BlockDecoder, u64),
}

/// What one turn of the reading came to.
enum Turn {
    Next(State),
    /// It cannot go on yet.
    Wait(State),
}

/// Whether to wait for a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    Wait,
    Look,
}

impl Bzip2Blocks {
    /// A reader with so many threads, or fewer if no more can be had; `None` if none can.
    pub(crate) fn start(threads: NonZeroUsize) -> Option<Self> {
        Self::start_with(threads, workers::decode)
    }

    fn start_with(threads: NonZeroUsize, work: fn(Job)) -> Option<Self> {
        Some(Self {
            state: State::Header(0),
            streams: 0,
            stream: Stream::default(),
            piece: Vec::new(),
            given: 0,
            input: Input::Open,
            lookahead: Lookahead::start(threads, work)?,
        })
    }

    /// As [`Decompressor::step`](crate::decompressor::Decompressor::step). While there is room for more input, it waits for no
    /// thread.
    pub(crate) fn step(&mut self, input: &[u8]) -> Result<Step<'_>, PrepareError> {
        let consumed = self.lookahead.take(input);
        if self.given == self.piece.len() {
            self.next_piece()?;
        }
        let from = self.given;
        self.given = self.piece.len().min(from + BLOCK_BYTES);
        Ok(Step {
            consumed,
            pending: self.is_pending(),
            decoded: &self.piece[from..self.given],
        })
    }

    /// Says that no more input comes.
    pub(crate) fn end_input(&mut self) {
        if self.input == Input::Open {
            self.input = Input::Ended;
        }
    }

    /// Whether everything read so far is complete streams, at least one.
    pub(crate) fn is_complete(&self) -> bool {
        match self.state {
            State::Header(at) => self.streams > 0 && at == self.lookahead.window().end(),
            State::Block(..) | State::Footer(_) | State::Spent => false,
        }
    }

    fn is_pending(&self) -> bool {
        match self.input {
            Input::Open => self.given < self.piece.len() || self.lookahead.is_full(),
            Input::Ended => true,
            Input::Drained => false,
        }
    }

    /// Reads on until there is a piece that is not empty, or until it cannot go on.
    fn next_piece(&mut self) -> Result<(), PrepareError> {
        self.piece = Vec::new();
        self.given = 0;
        while self.piece.is_empty() {
            self.lookahead.dispatch();
            match self.turn()? {
                Turn::Next(state) => self.state = state,
                Turn::Wait(state) => {
                    self.state = state;
                    return self.wait();
                }
            }
        }
        Ok(())
    }

    fn wait(&mut self) -> Result<(), PrepareError> {
        match self.input {
            Input::Ended => self.input = Input::Drained,
            // It cannot be: what fills the room can be read. Otherwise the caller would ask for ever.
            Input::Open if self.lookahead.is_full() => {
                return Err(corrupt(
                    self.lookahead.window().end(),
                    "the decoder makes no progress".into(),
                ));
            }
            Input::Open | Input::Drained => {}
        }
        Ok(())
    }

    fn turn(&mut self) -> Result<Turn, PrepareError> {
        match mem::replace(&mut self.state, State::Spent) {
            State::Header(at) => self.read_header(at),
            State::Block(at, Source::Unclaimed) => self.claim(at),
            State::Block(at, Source::Thread(decoding)) => self.fetch(at, decoding),
            State::Block(at, Source::Here(reader, reach)) => self.decode(at, reader, reach),
            State::Block(at, Source::Open(decoder, from)) => Ok(self.go_on(at, decoder, from)),
            State::Footer(at) => self.read_footer(at),
            State::Spent => Ok(Turn::Wait(State::Spent)),
        }
    }

    fn read_header(&mut self, at: u64) -> Result<Turn, PrepareError> {
        self.lookahead.pass(at * 8);
        let bytes = self.lookahead.window().bytes_from(at);
        match StreamHeader::read(&bytes[..bytes.len().min(HEADER_BYTES)]) {
            StreamHeader::Whole { level, magic } => {
                self.stream = Stream { level, crc: 0 };
                Ok(Turn::Next(State::at_magic((at + LEVEL_BYTES as u64) * 8, magic)))
            }
            StreamHeader::Partial => Ok(Turn::Wait(State::Header(at))),
            StreamHeader::Damaged => Err(corrupt(at, bzip2::Error::Data.into())),
            StreamHeader::Foreign if self.streams == 0 => Err(corrupt(at, bzip2::Error::DataMagic.into())),
            StreamHeader::Foreign => Err(PrepareError::TrailingBytes {
                compression: Compression::Bzip2,
                offset: at,
            }),
        }
    }

    fn read_footer(&mut self, at: u64) -> Result<Turn, PrepareError> {
        let crc_at = at + Magic::BITS;
        let Some(crc) = self.lookahead.window().bits(crc_at, u32::BITS) else {
            return Ok(Turn::Wait(State::Footer(at)));
        };
        if crc != u64::from(self.stream.crc) {
            return Err(corrupt(
                at / 8,
                "the checksum of the stream is not that of its blocks".into(),
            ));
        }
        self.streams += 1;
        let end = crc_at + u64::from(u32::BITS);
        Ok(Turn::Next(State::Header(end.div_ceil(8))))
    }

    fn claim(&mut self, at: u64) -> Result<Turn, PrepareError> {
        let at_end = self.at_end();
        match self.lookahead.claim(at, self.stream.level, at_end) {
            Claim::Decoding(decoding) => Ok(Turn::Next(State::Block(at, Source::Thread(decoding)))),
            Claim::Unseen => Ok(Turn::Wait(State::Block(at, Source::Unclaimed))),
            Claim::Unclaimed => {
                let decoder =
                    BlockDecoder::new(self.stream.level).map_err(|source| corrupt(at / 8, source))?;
                Ok(Turn::Next(State::Block(at, Source::Open(decoder, at))))
            }
        }
    }

    fn fetch(&mut self, at: u64, mut decoding: Decoding) -> Result<Turn, PrepareError> {
        let piece = match self.patience() {
            Patience::Wait => decoding.pieces.wait().map_err(TryRecvError::from),
            Patience::Look => decoding.pieces.look(),
        };
        match piece {
            Ok(Piece { bytes, outcome: None }) => {
                self.piece = bytes;
                Ok(Turn::Next(State::Block(at, Source::Thread(decoding))))
            }
            Ok(Piece {
                bytes,
                outcome: Some(outcome),
            }) => {
                self.piece = bytes;
                self.lookahead.fetched();
                self.settle(at, outcome, decoding.reach)
            }
            Err(TryRecvError::Empty) => Ok(Turn::Wait(State::Block(at, Source::Thread(decoding)))),
            Err(TryRecvError::Disconnected) => Err(corrupt(
                at / 8,
                "the thread that decodes the block ended before it".into(),
            )),
        }
    }

    fn decode(&mut self, at: u64, reader: BlockReader, reach: Reach) -> Result<Turn, PrepareError> {
        let (bytes, next) = reader.read();
        self.piece = bytes;
        match next {
            ControlFlow::Continue(reader) => Ok(Turn::Next(State::Block(at, Source::Here(reader, reach)))),
            ControlFlow::Break(outcome) => self.settle(at, outcome, reach),
        }
    }

    fn go_on(&mut self, at: u64, decoder: BlockDecoder, from: u64) -> Turn {
        match self.lookahead.segment(from, self.at_end()) {
            Some(segment) => {
                let reach = segment.reach;
                let reader = BlockReader::new(decoder, segment);
                Turn::Next(State::Block(at, Source::Here(reader, reach)))
            }
            None => Turn::Wait(State::Block(at, Source::Open(decoder, from))),
        }
    }

    fn settle(&mut self, at: u64, outcome: Outcome, reach: Reach) -> Result<Turn, PrepareError> {
        match (outcome, reach.end) {
            (Outcome::Ended { crc }, SegmentEnd::Magic(end, magic)) => {
                self.stream.crc = self.stream.crc.rotate_left(1) ^ crc;
                Ok(Turn::Next(State::at_magic(end, magic)))
            }
            (Outcome::Open(decoder), SegmentEnd::Magic(..)) => {
                self.lookahead.give_up_first();
                self.lookahead.pass(reach.open_at);
                Ok(Turn::Next(State::Block(at, Source::Open(decoder, reach.open_at))))
            }
            (Outcome::Open(decoder), SegmentEnd::Cut) => {
                self.lookahead.pass(reach.open_at);
                Ok(Turn::Next(State::Block(at, Source::Open(decoder, reach.open_at))))
            }
            (Outcome::Ended { .. }, SegmentEnd::Cut) => Err(corrupt(at / 8, "the block has no end".into())),
            (Outcome::Failed(source), _) => Err(corrupt(at / 8, source)),
        }
    }

    /// A thread is waited for when no input can be taken meanwhile.
    fn patience(&self) -> Patience {
        match self.input {
            Input::Open if !self.lookahead.is_full() => Patience::Look,
            Input::Open | Input::Ended | Input::Drained => Patience::Wait,
        }
    }

    fn at_end(&self) -> AtEnd {
        match self.input {
            Input::Open => AtEnd::Wait,
            Input::Ended | Input::Drained => AtEnd::Cut,
        }
    }
}

impl State {
    fn at_magic(at: u64, magic: Magic) -> Self {
        match magic {
            Magic::Block => Self::Block(at, Source::Unclaimed),
            Magic::End => Self::Footer(at),
        }
    }
}

fn corrupt(offset: u64, source: DecoderError) -> PrepareError {
    PrepareError::CompressedInputCorrupt {
        compression: Compression::Bzip2,
        offset,
        source,
    }
}
