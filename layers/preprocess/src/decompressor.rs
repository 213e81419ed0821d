//! Decompression in steps: each step takes some input and gives at most one block.

use std::error::Error;
use std::num::NonZeroUsize;

use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::raw::{Decoder, Operation};
use zstd::zstd_safe::DParameter;

use crate::bzip2_blocks::Bzip2Blocks;
use crate::compression::Compression;
use crate::error::PrepareError;
use crate::pipeline::BLOCK_BYTES;

/// The largest window of a Zstandard frame, as a power of two: 128 MiB, what the `zstd` command accepts by itself.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// The gzip window, as a power of two.
const GZIP_WINDOW_BITS: u8 = 15;

/// The longest of what streams begin with.
const MOST_MAGIC_BYTES: usize = 4;

/// Turns the compressed stream into blocks of at most [`BLOCK_BYTES`].
pub(crate) struct Decompressor {
    compression: Compression,
    codec: Codec,
    block: Box<[u8]>,
    phase: Phase,
    /// Compressed bytes taken so far.
    offset: u64,
    /// Complete streams so far.
    streams: u64,
    /// Where the current stream began in the compressed input.
    stream_offset: u64,
    /// Its first bytes.
    stream_start: Vec<u8>,
    /// Decompressed bytes given so far.
    decoded: u64,
    /// The most that may be given; `None` for any number.
    limit: Option<u64>,
}

enum Codec {
    None,
    Gzip(Decompress),
    Bzip2(bzip2::Decompress),
    /// bzip2 by several threads. It counts its streams itself.
    Bzip2Blocks(Box<Bzip2Blocks>),
    Zstd(Decoder<'static>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Before the first stream or between two.
    Between,
    /// Inside a stream.
    Inside,
    /// In the zeros after the last gzip member.
    Padding,
}

/// What one step did.
pub(crate) struct Step<'a> {
    /// Bytes of the input that are used up.
    pub(crate) consumed: usize,
    /// Decompressed bytes, perhaps none.
    pub(crate) decoded: &'a [u8],
    /// Whether the decoder may hold more output for the input that it has already taken.
    pub(crate) pending: bool,
}

struct Decoded {
    consumed: usize,
    produced: usize,
    stream_ended: bool,
}

type DecoderError = Box<dyn Error + Send + Sync>;

impl Decompressor {
    /// With more than one thread bzip2 is decoded by so many, all else on the caller's.
    pub(crate) fn new(compression: Compression, threads: NonZeroUsize) -> Self {
        let codec = Codec::new(compression, threads);
        let block_bytes = match codec {
            Codec::None | Codec::Bzip2Blocks(_) => 0,
            Codec::Gzip(_) | Codec::Bzip2(_) | Codec::Zstd(_) => BLOCK_BYTES,
        };
        Self {
            compression,
            codec,
            block: vec![0; block_bytes].into_boxed_slice(),
            phase: Phase::Between,
            offset: 0,
            streams: 0,
            stream_offset: 0,
            stream_start: Vec::with_capacity(MOST_MAGIC_BYTES),
            decoded: 0,
            limit: None,
        }
    }

    /// The same, which gives no more than so many bytes. What is not compressed is as long as it is.
    pub(crate) fn limited_to(self, limit: Option<u64>) -> Self {
        Self { limit, ..self }
    }

    /// Compressed bytes taken so far.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Takes some of `input` and gives the next block; an empty input only drains what is pending.
    pub(crate) fn step<'a>(&'a mut self, input: &'a [u8]) -> Result<Step<'a>, PrepareError> {
        match self.codec {
            Codec::None => {
                let consumed = input.len().min(BLOCK_BYTES);
                self.offset += consumed as u64;
                Ok(Step {
                    consumed,
                    decoded: &input[..consumed],
                    pending: false,
                })
            }
            Codec::Bzip2Blocks(ref mut blocks) => {
                let step = blocks.step(input)?;
                self.offset += step.consumed as u64;
                self.decoded += step.decoded.len() as u64;
                check_limit(self.compression, self.limit, self.decoded, self.offset)?;
                Ok(step)
            }
            Codec::Gzip(_) | Codec::Bzip2(_) | Codec::Zstd(_) => self.step_in_stream(input),
        }
    }

    /// Says that no more input comes. What threads are still at is pending from then on.
    pub(crate) fn end_input(&mut self) {
        match &mut self.codec {
            Codec::Bzip2Blocks(blocks) => blocks.end_input(),
            Codec::None | Codec::Gzip(_) | Codec::Bzip2(_) | Codec::Zstd(_) => {}
        }
    }

    fn step_in_stream<'a>(&'a mut self, input: &'a [u8]) -> Result<Step<'a>, PrepareError> {
        match (self.phase, input.first()) {
            (Phase::Between | Phase::Padding, None) => Ok(Step {
                consumed: 0,
                decoded: &[],
                pending: false,
            }),
            (Phase::Padding, Some(_)) => self.skip_padding(input),
            (Phase::Between, Some(0)) if self.compression == Compression::Gzip && self.streams > 0 => {
                self.phase = Phase::Padding;
                self.skip_padding(input)
            }
            (Phase::Between, Some(_)) => {
                self.begin_stream();
                self.decode(input)
            }
            (Phase::Inside, _) => self.decode(input),
        }
    }

    /// Confirms that the input ended where a stream ended.
    pub(crate) fn finish(&self) -> Result<(), PrepareError> {
        let complete = match &self.codec {
            Codec::None => true,
            Codec::Bzip2Blocks(blocks) => blocks.is_complete(),
            Codec::Gzip(_) | Codec::Bzip2(_) | Codec::Zstd(_) => {
                self.streams > 0 && self.phase != Phase::Inside
            }
        };
        if complete {
            return Ok(());
        }
        Err(PrepareError::CompressedInputTruncated {
            compression: self.compression,
            offset: self.offset,
        })
    }

    fn begin_stream(&mut self) {
        if self.streams > 0 {
            self.codec.restart();
        }
        self.phase = Phase::Inside;
        self.stream_offset = self.offset;
        self.stream_start.clear();
    }

    fn skip_padding<'a>(&mut self, input: &[u8]) -> Result<Step<'a>, PrepareError> {
        let zeros = input.iter().take_while(|&&byte| byte == 0).count();
        self.offset += zeros as u64;
        if zeros < input.len() {
            return Err(PrepareError::TrailingBytes {
                compression: self.compression,
                offset: self.offset,
            });
        }
        Ok(Step {
            consumed: zeros,
            decoded: &[],
            pending: false,
        })
    }

    fn decode(&mut self, input: &[u8]) -> Result<Step<'_>, PrepareError> {
        self.see_start(input);
        let decoded = match self.codec.decode(input, &mut self.block) {
            Ok(decoded) => decoded,
            Err(source) => return Err(self.failure(source)),
        };
        if !input.is_empty() && decoded.consumed == 0 && decoded.produced == 0 && !decoded.stream_ended {
            return Err(self.failure("the decoder makes no progress".into()));
        }
        self.offset += decoded.consumed as u64;
        self.decoded += decoded.produced as u64;
        check_limit(self.compression, self.limit, self.decoded, self.offset)?;
        if decoded.stream_ended {
            self.streams += 1;
            self.phase = Phase::Between;
        }
        Ok(Step {
            consumed: decoded.consumed,
            decoded: &self.block[..decoded.produced],
            pending: !decoded.stream_ended && decoded.produced == BLOCK_BYTES,
        })
    }

    /// Keeps the first bytes of a stream. What a decoder leaves is offered to it again, and is seen once.
    fn see_start(&mut self, input: &[u8]) {
        let behind_start = self.offset - self.stream_offset;
        if behind_start < MOST_MAGIC_BYTES as u64 {
            let seen = self.stream_start.len() - usize::try_from(behind_start).unwrap_or_default();
            let missing = MOST_MAGIC_BYTES - self.stream_start.len();
            let new = input.iter().skip(seen).take(missing);
            self.stream_start.extend(new);
        }
    }

    /// What begins as a stream does and goes wrong is a damaged one, and its records are missing; what does not is none.
    fn failure(&self, source: DecoderError) -> PrepareError {
        let compression = self.compression;
        if self.streams > 0 && !begins_stream(compression, &self.stream_start) {
            return PrepareError::TrailingBytes {
                compression,
                offset: self.stream_offset,
            };
        }
        PrepareError::CompressedInputCorrupt {
            compression,
            offset: self.offset,
            source,
        }
    }
}

/// Whether bytes begin a stream of their kind: a member of gzip that is deflated, which is all there are, a stream of bzip2, a frame of
/// Zstandard or what its readers skip.
fn begins_stream(compression: Compression, bytes: &[u8]) -> bool {
    match compression {
        Compression::None => false,
        Compression::Gzip => bytes.starts_with(&[0x1F, 0x8B, 8]),
        Compression::Bzip2 => matches!(bytes, [b'B', b'Z', b'h', b'1'..=b'9', ..]),
        Compression::Zstd => {
            matches!(
                bytes,
                [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..]
            )
        }
    }
}

/// Refuses what a few bytes could otherwise be made to give for hours.
fn check_limit(
    compression: Compression,
    limit: Option<u64>,
    decoded: u64,
    offset: u64,
) -> Result<(), PrepareError> {
    match limit {
        Some(limit) if decoded > limit => Err(PrepareError::DecompressedTooLarge {
            compression,
            offset,
            limit,
        }),
        Some(_) | None => Ok(()),
    }
}

impl Codec {
    fn new(compression: Compression, threads: NonZeroUsize) -> Self {
        match compression {
            Compression::None => Self::None,
            Compression::Gzip => Self::Gzip(Decompress::new_gzip(GZIP_WINDOW_BITS)),
            Compression::Bzip2 => Self::bzip2(threads),
            Compression::Zstd => Self::Zstd(zstd_decoder()),
        }
    }

    /// Where the system gives no threads, the caller's must do.
    fn bzip2(threads: NonZeroUsize) -> Self {
        let blocks = match threads {
            NonZeroUsize::MIN => None,
            _ => Bzip2Blocks::start(threads),
        };
        match blocks {
            Some(blocks) => Self::Bzip2Blocks(Box::new(blocks)),
            None => Self::Bzip2(bzip2::Decompress::new(false)),
        }
    }

    /// Makes ready for the next stream. Zstandard's decoder does so by itself.
    fn restart(&mut self) {
        match self {
            Self::None | Self::Bzip2Blocks(_) | Self::Zstd(_) => {}
            Self::Gzip(decoder) => *decoder = Decompress::new_gzip(GZIP_WINDOW_BITS),
            Self::Bzip2(decoder) => *decoder = bzip2::Decompress::new(false),
        }
    }

    fn decode(&mut self, input: &[u8], block: &mut [u8]) -> Result<Decoded, DecoderError> {
        match self {
            Self::None | Self::Bzip2Blocks(_) => Ok(Decoded {
                consumed: 0,
                produced: 0,
                stream_ended: false,
            }),
            Self::Gzip(decoder) => decode_gzip(decoder, input, block),
            Self::Bzip2(decoder) => decode_bzip2(decoder, input, block),
            Self::Zstd(decoder) => {
                let status = decoder.run_on_buffers(input, block)?;
                Ok(Decoded {
                    consumed: status.bytes_read,
                    produced: status.bytes_written,
                    stream_ended: status.remaining == 0,
                })
            }
        }
    }
}

fn zstd_decoder() -> Decoder<'static> {
    let mut decoder = Decoder::new().expect("a decoder without a dictionary can always be made");
    decoder
        .set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX))
        .expect("the largest window is within what the library allows");
    decoder
}

fn decode_gzip(decoder: &mut Decompress, input: &[u8], block: &mut [u8]) -> Result<Decoded, DecoderError> {
    let (taken, given) = (decoder.total_in(), decoder.total_out());
    let status = decoder.decompress(input, block, FlushDecompress::None)?;
    Ok(Decoded {
        consumed: difference(decoder.total_in(), taken),
        produced: difference(decoder.total_out(), given),
        stream_ended: status == Status::StreamEnd,
    })
}

fn decode_bzip2(
    decoder: &mut bzip2::Decompress,
    input: &[u8],
    block: &mut [u8],
) -> Result<Decoded, DecoderError> {
    let (taken, given) = (decoder.total_in(), decoder.total_out());
    let status = decoder.decompress(input, block)?;
    Ok(Decoded {
        consumed: difference(decoder.total_in(), taken),
        produced: difference(decoder.total_out(), given),
        stream_ended: status == bzip2::Status::StreamEnd,
    })
}

fn difference(now: u64, before: u64) -> usize {
    usize::try_from(now - before).expect("one step moves no more than its slices hold")
}
