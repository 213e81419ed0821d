//! Decompression by itself, for callers who let it run beside the rest, by as many threads as the format lets work.

use std::mem;
use std::num::NonZeroUsize;

use crate::compression::Compression;
use crate::decompressor::Decompressor;
use crate::error::PrepareError;

/// Decompresses one file, for a pipeline that is driven elsewhere: on another thread, which checks and compresses one piece while the
/// next is made here. That pipeline's input is what comes of it, [`Compression::None`].
///
/// ```
/// use std::num::NonZeroUsize;
/// use longshore_preprocess::{Compression, Decoder, Pipeline, PipelineSpec, Discard};
/// # fn files() -> [&'static [u8]; 1] { [&[
/// #     0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x33, 0xe4, 2, 0, 0x53, 0xfc, 0x51, 0x67, 2, 0, 0, 0,
/// # ]] }
///
/// let mut decoder = Decoder::new(Compression::Gzip, NonZeroUsize::MIN);
/// let mut pipeline = Pipeline::new(PipelineSpec::default())?;
/// for chunk in files() {
///     decoder.decode(chunk, |piece| drop(pipeline.push_all(&piece, &mut Discard)))?;
/// }
/// let bytes_read = decoder.finish(|piece| drop(pipeline.push_all(&piece, &mut Discard)))?;
/// let report = pipeline.finish(&mut Discard)?;
/// assert_eq!((bytes_read, report.records), (22, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Decoder {
    decompressor: Decompressor,
    piece: Vec<u8>,
}

impl Decoder {
    /// The length from which a piece is handed out: 256 KiB. It may go over by a block.
    pub const PIECE_BYTES: usize = 256 * 1024;

    /// A decoder for one file. With more than one thread bzip2, whose blocks stand for themselves, is decoded by so many beside
    /// the caller's. They end with the decoder; each has some 15 MB at most.
    pub fn new(compression: Compression, threads: NonZeroUsize) -> Self {
        Self {
            decompressor: Decompressor::new(compression, threads),
            piece: Vec::new(),
        }
    }

    /// The same, of which no more than so many bytes come; `None` for any number.
    pub fn limited_to(self, limit_bytes: Option<u64>) -> Self {
        Self {
            decompressor: self.decompressor.limited_to(limit_bytes),
            ..self
        }
    }

    /// Takes all of `input`, and hands out the pieces that are full by then.
    ///
    /// # Errors
    /// The input is not what such a compression gives, or more comes of it than the limit. What was decoded before is handed out first.
    pub fn decode(&mut self, input: &[u8], mut give: impl FnMut(Vec<u8>)) -> Result<(), PrepareError> {
        let mut rest = input;
        loop {
            let step = match self.decompressor.step(rest) {
                Ok(step) => step,
                Err(error) => {
                    self.give_rest(give);
                    return Err(error);
                }
            };
            rest = &rest[step.consumed..];
            self.piece.extend_from_slice(step.decoded);
            let is_pending = step.pending;
            if self.piece.len() >= Self::PIECE_BYTES {
                let next = Vec::with_capacity(self.piece.capacity());
                give(mem::replace(&mut self.piece, next));
            }
            if rest.is_empty() && !is_pending {
                return Ok(());
            }
        }
    }

    /// Takes the end of the file, and hands out what is left; gives the length of the file in bytes.
    ///
    /// # Errors
    /// The file ends where no stream does.
    pub fn finish(mut self, mut give: impl FnMut(Vec<u8>)) -> Result<u64, PrepareError> {
        self.decompressor.end_input();
        self.decode(&[], &mut give)?;
        self.give_rest(give);
        self.decompressor.finish()?;
        Ok(self.decompressor.offset())
    }

    fn give_rest(&mut self, mut give: impl FnMut(Vec<u8>)) {
        if !self.piece.is_empty() {
            give(mem::take(&mut self.piece));
        }
    }
}
