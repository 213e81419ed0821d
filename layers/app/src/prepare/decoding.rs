//! Decompression on a thread of its own, so that one core decodes what comes next while another checks, counts and compresses.

use bytes::Bytes;
use longshore_preprocess::{Compression, Decoder, PrepareError};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::{JoinHandle, spawn_blocking};

use super::pass::Stop;
use crate::AppError;

/// Chunks of the file that wait to be decoded. S3's come in some tens of KiB.
const CHUNKS_AHEAD: usize = 16;
/// Decoded pieces that wait to be taken, of 256 KiB each.
const PIECES_AHEAD: usize = 2;

/// What comes of a compressed file, piece by piece.
pub(super) struct Decoding {
    pieces: Receiver<Vec<u8>>,
    thread: JoinHandle<Result<u64, PrepareError>>,
}

impl Decoding {
    /// A decoding, and where the file's chunks go. It ends when all of them are taken and the sender is dropped, with the first
    /// that is at fault, or soon after either side is dropped.
    pub(super) fn begin(compression: Compression) -> (Sender<Bytes>, Self) {
        let (chunk_sender, chunks) = mpsc::channel(CHUNKS_AHEAD);
        let (piece_sender, pieces) = mpsc::channel(PIECES_AHEAD);
        let thread = spawn_blocking(move || decode(compression, chunks, &piece_sender));
        (chunk_sender, Self { pieces, thread })
    }

    /// The next piece; None when there are no more, for whatever reason.
    pub(super) async fn next(&mut self) -> Option<Vec<u8>> {
        self.pieces.recv().await
    }

    /// Why there are no more: the file is at its end, and this long, or it is at fault.
    pub(super) async fn end(self) -> Result<u64, Stop> {
        drop(self.pieces);
        let ended = self.thread.await;
        Ok(ended.map_err(|panic| AppError::Engine(panic.into()))??)
    }
}

fn decode(
    compression: Compression,
    mut chunks: Receiver<Bytes>,
    pieces: &Sender<Vec<u8>>,
) -> Result<u64, PrepareError> {
    // That nobody takes the piece is noticed before the next chunk.
    let give = |piece| drop(pieces.blocking_send(piece));
    let mut decoder = Decoder::new(compression);
    while let Some(chunk) = chunks.blocking_recv() {
        decoder.decode(&chunk, give)?;
        if pieces.is_closed() {
            break;
        }
    }
    decoder.finish(give)
}
