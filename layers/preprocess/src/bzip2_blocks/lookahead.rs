//! Finding blocks ahead of where the stream is read, and having them decoded.

use std::collections::VecDeque;
use std::num::NonZeroUsize;

use super::magic::Magic;
use super::scanner::Scanner;
use super::segment::{Reach, Segment, SegmentEnd};
use super::stream_header::{self, LEVEL_BYTES};
use super::window::Window;
use super::workers::{Job, Pieces, Workers};

/// Blocks that are given to a thread and not yet passed, for each thread: one that it decodes and one that it can go on with.
const BLOCKS_PER_THREAD: usize = 2;

/// The most that is kept of a block before it is given to a decoder: 1 MiB. A block of level 9 holds 900,000 bytes, and comes to
/// little more if they cannot be compressed. One that was made to be longer is decoded where it stands.
const SEGMENT_BITS: u64 = 1024 * 1024 * 8;

/// The most magics that are kept before no more is taken in. Only a file that was made of them has so many.
const CANDIDATES: usize = 1024;

/// The most that is taken in between two looks at whether there is room: 64 KiB.
const INTAKE_BYTES: usize = 64 * 1024;

/// The part of the input that is seen but not yet read.
pub(super) struct Lookahead {
    window: Window,
    scanner: Scanner,
    /// The magics found, in order; some may be there by chance.
    candidates: VecDeque<Candidate>,
    /// How many of them, from the front, need no thread any more or have one.
    dispatched: usize,
    /// Blocks that are with the threads, and the one that is fetched from a thread.
    in_flight: usize,
    /// The level that the last stream seems to have, as a digit.
    level: u8,
    /// After the candidates, because a thread that waits to hand on a piece ends only when nobody can fetch it.
    workers: Workers,
}

/// A magic that may be one.
struct Candidate {
    at: u64,
    magic: Magic,
    decoding: Option<Decoding>,
}

/// A block in the hands of a thread.
pub(super) struct Decoding {
    pub(super) pieces: Pieces,
    pub(super) reach: Reach,
    level: u8,
}

/// What is known ahead of a block that is to be read.
pub(super) enum Claim {
    /// A thread decodes it.
    Decoding(Decoding),
    /// Nobody does, though all is there that it takes.
    Unclaimed,
    /// It is not all there.
    Unseen,
}

impl Lookahead {
    /// `None` if no thread can be started.
    pub(super) fn start(threads: NonZeroUsize, work: fn(Job)) -> Option<Self> {
        Some(Self {
            window: Window::default(),
            scanner: Scanner::default(),
            candidates: VecDeque::new(),
            dispatched: 0,
            in_flight: 0,
            level: b'9',
            workers: Workers::start(threads, work)?,
        })
    }

    /// The bytes before which the next reading will not look.
    pub(super) fn window(&self) -> &Window {
        &self.window
    }

    /// Takes as much of the input as there is room for.
    pub(super) fn take(&mut self, input: &[u8]) -> usize {
        let mut taken = 0;
        while taken < input.len() && !self.is_full() {
            let end = input.len().min(taken + INTAKE_BYTES);
            self.window.append(&input[taken..end]);
            self.scan();
            self.dispatch();
            taken = end;
        }
        taken
    }

    /// Whether nothing more is taken before something is passed.
    pub(super) fn is_full(&self) -> bool {
        self.in_flight >= self.most_in_flight()
            || self.candidates.len() >= CANDIDATES
            || self.window.len() as u64 >= (self.most_in_flight() as u64 + 2) * SEGMENT_BITS / 8
    }

    /// Blocks that are with the threads, and the one that is fetched from a thread.
    #[cfg(test)]
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    fn most_in_flight(&self) -> usize {
        BLOCKS_PER_THREAD * self.workers.count()
    }

    /// Gives the threads what they have room for.
    pub(super) fn dispatch(&mut self) {
        while self.in_flight < self.most_in_flight() {
            let Some(&Candidate { at, magic, .. }) = self.candidates.get(self.dispatched) else {
                return;
            };
            if magic == Magic::Block {
                let next = self.candidates.get(self.dispatched + 1);
                let Some(segment) = self.segment_before(at, next, AtEnd::Wait) else {
                    return;
                };
                self.candidates[self.dispatched].decoding = Some(self.decode(at, segment));
                self.in_flight += 1;
            }
            self.dispatched += 1;
        }
    }

    /// Gives up what stands before this bit.
    pub(super) fn pass(&mut self, at: u64) {
        while self.candidates.front().is_some_and(|candidate| candidate.at < at) {
            self.give_up_first();
        }
        self.window.release(at / 8);
    }

    /// Gives up the first candidate, which is there by chance, and what a thread makes of the bits behind it.
    pub(super) fn give_up_first(&mut self) {
        if self.pop().is_some() {
            self.in_flight -= 1;
        }
    }

    /// Makes room where a block was that has been claimed and fetched.
    pub(super) fn fetched(&mut self) {
        self.in_flight -= 1;
    }

    fn pop(&mut self) -> Option<Decoding> {
        self.dispatched = self.dispatched.saturating_sub(1);
        self.candidates.pop_front()?.decoding
    }

    /// Takes over the block at this bit, of a stream of this level.
    pub(super) fn claim(&mut self, at: u64, level: u8, at_end: AtEnd) -> Claim {
        self.pass(at);
        let is_found = self.candidates.front().is_some_and(|front| front.at == at);
        let is_dispatched = is_found && self.dispatched > 0;
        if !is_dispatched && at_end == AtEnd::Wait {
            self.level = level;
            return Claim::Unseen;
        }
        match self.pop_at(at) {
            Some(decoding) if decoding.level == level => Claim::Decoding(decoding),
            Some(_) => {
                // What looked like a header was data, so the level was wrong.
                self.level = level;
                self.in_flight -= 1;
                Claim::Unclaimed
            }
            None => Claim::Unclaimed,
        }
    }

    fn pop_at(&mut self, at: u64) -> Option<Decoding> {
        match self.candidates.front() {
            Some(front) if front.at == at => self.pop(),
            Some(_) | None => None,
        }
    }

    /// What goes on at this bit, up to the first candidate; `None` if more must come.
    pub(super) fn segment(&self, from: u64, at_end: AtEnd) -> Option<Segment> {
        self.segment_before(from, self.candidates.front(), at_end)
    }

    fn segment_before(&self, from: u64, next: Option<&Candidate>, at_end: AtEnd) -> Option<Segment> {
        if let Some(next) = next {
            return Some(self.segment_to_magic(from, next));
        }
        let seen = self.window.end() * 8;
        let until = match at_end {
            AtEnd::Wait => self.scanner.frontier().min(from + SEGMENT_BITS),
            AtEnd::Cut => seen.min(from + SEGMENT_BITS),
        };
        let bits = until.saturating_sub(from) / 8 * 8;
        match at_end {
            AtEnd::Wait if bits < SEGMENT_BITS => None,
            AtEnd::Cut if bits == 0 => None,
            AtEnd::Wait | AtEnd::Cut => {
                let bytes = self.window.aligned(from, from + bits);
                Some(Segment {
                    block_bytes: bytes.len(),
                    bytes,
                    reach: Reach {
                        open_at: from + bits,
                        end: SegmentEnd::Cut,
                    },
                })
            }
        }
    }

    fn segment_to_magic(&self, from: u64, next: &Candidate) -> Segment {
        let bytes = (next.at - from).div_ceil(8);
        Segment {
            bytes: self.window.aligned(from, next.at + Magic::BITS),
            block_bytes: usize::try_from(bytes).expect("what is in memory has a length that fits"),
            reach: Reach {
                open_at: from + bytes * 8,
                end: SegmentEnd::Magic(next.at, next.magic),
            },
        }
    }

    fn scan(&mut self) {
        let candidates = &mut self.candidates;
        self.scanner.scan(&self.window, |at, magic| {
            candidates.push_back(Candidate {
                at,
                magic,
                decoding: None,
            });
        });
    }

    fn decode(&mut self, at: u64, segment: Segment) -> Decoding {
        self.level = self.level_before(at).unwrap_or(self.level);
        Decoding {
            reach: segment.reach,
            pieces: self.workers.decode(segment, self.level),
            level: self.level,
        }
    }

    /// The level of the stream that seems to begin with the block at this bit.
    fn level_before(&self, at: u64) -> Option<u8> {
        let start = (at / 8).checked_sub(LEVEL_BYTES as u64)?;
        match at % 8 {
            0 => stream_header::level(self.window.bytes_from(start).get(..LEVEL_BYTES)?),
            _ => None,
        }
    }
}

/// What to do about a block of which neither the end nor [`SEGMENT_BITS`] are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AtEnd {
    /// Wait for more.
    Wait,
    /// Take it as it is: nothing more comes.
    Cut,
}
