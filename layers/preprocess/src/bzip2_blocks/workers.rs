//! The threads that decode blocks.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvError, Sender, SyncSender, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::block_reader::{BlockDecoder, BlockReader, Outcome};
use super::segment::Segment;

/// Pieces of a block that wait to be fetched. A thread that has one more stops, so a block that comes to much needs no memory for
/// it, and one that fits into a piece does not keep its thread.
const PIECES_WAITING: usize = 1;

/// A block to decode.
pub(super) struct Job {
    segment: Segment,
    level: u8,
    pieces: SyncSender<Piece>,
}

/// What was decoded of a block.
pub(super) struct Piece {
    /// Perhaps none.
    pub(super) bytes: Vec<u8>,
    /// What became of the segment, with its last piece.
    pub(super) outcome: Option<Outcome>,
}

/// The pieces of one block, in order. The lock is never waited for: it lets what holds this be shared as other pipelines can be.
pub(super) struct Pieces(Mutex<Receiver<Piece>>);

impl Pieces {
    /// The next piece, when it comes; an error if the thread ended before it gave the last.
    pub(super) fn wait(&mut self) -> Result<Piece, RecvError> {
        self.receiver().recv()
    }

    /// The next piece if it is there.
    pub(super) fn look(&mut self) -> Result<Piece, TryRecvError> {
        self.receiver().try_recv()
    }

    fn receiver(&mut self) -> &mut Receiver<Piece> {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Threads that live as long as this does.
pub(super) struct Workers {
    /// `None` once no more is to come.
    queue: Option<Sender<Job>>,
    /// Whether nobody wants the blocks that are still queued.
    is_closing: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// As many threads as there are to be had; `None` if there are none.
    pub(super) fn start(count: NonZeroUsize, work: fn(Job)) -> Option<Self> {
        let (queue, jobs) = mpsc::channel();
        let jobs = Arc::new(Mutex::new(jobs));
        let is_closing = Arc::new(AtomicBool::new(false));
        let threads: Vec<_> = (0..count.get())
            .map_while(|_| {
                let (jobs, is_closing) = (Arc::clone(&jobs), Arc::clone(&is_closing));
                let work_all = move || work_until_closing(&jobs, &is_closing, work);
                thread::Builder::new()
                    .name("bzip2-block".to_owned())
                    .spawn(work_all)
                    .ok()
            })
            .collect();
        (!threads.is_empty()).then_some(Self {
            queue: Some(queue),
            is_closing,
            threads,
        })
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.threads.len()
    }

    /// Has a block decoded; what is queued first is begun first. Whoever drops the pieces wants no more of it.
    pub(super) fn decode(&self, segment: Segment, level: u8) -> Pieces {
        let (pieces, receiver) = mpsc::sync_channel(PIECES_WAITING);
        let job = Job {
            segment,
            level,
            pieces,
        };
        if let Some(queue) = &self.queue {
            // Fails only when every thread has panicked: then the job is dropped, and the receiver tells.
            queue.send(job).ok();
        }
        Pieces(Mutex::new(receiver))
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.is_closing.store(true, Ordering::Relaxed);
        self.queue = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has been told of where its block was waited for.
            thread.join().ok();
        }
    }
}

fn work_until_closing(jobs: &Mutex<Receiver<Job>>, is_closing: &AtomicBool, work: fn(Job)) {
    while let Some(job) = next_job(jobs) {
        if is_closing.load(Ordering::Relaxed) {
            return;
        }
        work(job);
    }
}

/// The thread that holds the lock waits for the next job, the others for the lock.
fn next_job(jobs: &Mutex<Receiver<Job>>) -> Option<Job> {
    jobs.lock().ok()?.recv().ok()
}

/// Decodes a block until it ends or nobody wants it.
pub(super) fn decode(job: Job) {
    let mut reader = match BlockDecoder::new(job.level) {
        Ok(decoder) => BlockReader::new(decoder, job.segment),
        Err(source) => {
            hand_on(&job.pieces, Vec::new(), Some(Outcome::Failed(source)));
            return;
        }
    };
    loop {
        let (bytes, next) = reader.read();
        let (outcome, rest) = match next {
            ControlFlow::Continue(reader) => (None, Some(reader)),
            ControlFlow::Break(outcome) => (Some(outcome), None),
        };
        let is_wanted = hand_on(&job.pieces, bytes, outcome);
        reader = match rest {
            Some(reader) if is_wanted => reader,
            Some(_) | None => return,
        };
    }
}

/// Waits until there is room; whether anybody wants more.
fn hand_on(pieces: &SyncSender<Piece>, bytes: Vec<u8>, outcome: Option<Outcome>) -> bool {
    pieces.send(Piece { bytes, outcome }).is_ok()
}
