//! Decompression on a thread of its own, so that one core decodes what comes next while another checks, counts and compresses;
//! of bzip2 on all of them.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;

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
    /// that is at fault or brings more than the limit, or soon after either side is dropped.
    pub(super) fn begin(compression: Compression, limit_bytes: Option<u64>) -> (Sender<Bytes>, Self) {
        // Of this machine, which for a function goes by its memory.
        let threads = available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let (chunk_sender, chunks) = mpsc::channel(CHUNKS_AHEAD);
        let (piece_sender, pieces) = mpsc::channel(PIECES_AHEAD);
        let decoder = Decoder::new(compression, threads).limited_to(limit_bytes);
        let thread = spawn_blocking(move || decode(decoder, chunks, &piece_sender));
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
    mut decoder: Decoder,
    mut chunks: Receiver<Bytes>,
    pieces: &Sender<Vec<u8>>,
) -> Result<u64, PrepareError> {
    // That nobody takes the piece is noticed before the next chunk.
    let give = |piece| drop(pieces.blocking_send(piece));
    while let Some(chunk) = chunks.blocking_recv() {
        decoder.decode(&chunk, give)?;
        if pieces.is_closed() {
            break;
        }
    }
    decoder.finish(give)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use longshore_preprocess::{Memory, OutputCompression, OutputFormat, Pipeline, PipelineSpec};
    use tokio::time::timeout;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn text() -> Vec<u8> {
        (0..200_000)
            .flat_map(|number| format!("plum|{number}\n").into_bytes())
            .collect()
    }

    fn gzipped(text: &[u8]) -> Vec<u8> {
        let compression = OutputCompression::Gzip { level: 1 };
        let output = OutputFormat {
            compression,
            ..OutputFormat::default()
        };
        let spec = PipelineSpec {
            output: Some(output),
            ..PipelineSpec::default()
        };
        let mut outputs = Memory::default();
        let mut pipeline = Pipeline::new(spec).unwrap();
        pipeline.push_all(text, &mut outputs).unwrap();
        pipeline.finish(&mut outputs).unwrap();
        outputs.only().to_vec()
    }

    /// What comes of a file, and how it ends.
    async fn decoded(file: Vec<u8>) -> (Vec<u8>, Result<u64, Stop>) {
        let (chunks, mut decoding) = Decoding::begin(Compression::Gzip, None);
        let sending = tokio::spawn(async move {
            for chunk in file.chunks(1_000) {
                if chunks.send(Bytes::copy_from_slice(chunk)).await.is_err() {
                    return;
                }
            }
        });
        let mut text = Vec::new();
        while let Some(piece) = decoding.next().await {
            text.extend_from_slice(&piece);
        }
        sending.await.unwrap();
        (text, decoding.end().await)
    }

    fn is_at_fault(ended: &Result<u64, Stop>) -> bool {
        matches!(ended, Err(Stop::File(_)))
    }

    #[tokio::test]
    async fn a_file_comes_out_whole_and_in_its_order() {
        let file = gzipped(&text());
        let length = file.len() as u64;
        let (decoded, ended) = decoded(file).await;
        assert!(decoded == text());
        assert!(matches!(ended, Ok(bytes) if bytes == length));
    }

    #[tokio::test]
    async fn what_was_decoded_before_a_fault_comes_before_it() {
        let mut file = gzipped(&text());
        let middle = file.len() / 2;
        file.truncate(middle);
        let (cut, ended) = decoded(file.clone()).await;
        assert!(is_at_fault(&ended) && !cut.is_empty() && text().starts_with(&cut));
        file.extend([0xff; 100_000]);
        let (damaged, ended) = decoded(file).await;
        assert!(is_at_fault(&ended) && damaged.starts_with(&cut[..cut.len() / 2]));
    }

    #[tokio::test]
    async fn nobody_waits_for_a_decoding_that_nobody_takes_from() {
        let (chunks, decoding) = Decoding::begin(Compression::Gzip, None);
        let file = gzipped(&text());
        let sending = tokio::spawn(async move {
            for chunk in file.chunks(100_000) {
                if chunks.send(Bytes::copy_from_slice(chunk)).await.is_err() {
                    return;
                }
            }
            chunks.closed().await;
        });
        drop(decoding);
        timeout(PATIENCE, sending).await.unwrap().unwrap();
    }
}
