//! Compression of one output.

use std::io::{self, Write};

use bzip2::write::BzEncoder;
use flate2::write::GzEncoder;

use crate::compression::OutputCompression;

/// Compresses into a buffer of its own, which the owner empties.
pub(crate) enum Encoder {
    Plain(Vec<u8>),
    Gzip(GzEncoder<Vec<u8>>),
    Bzip2(BzEncoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Encoder {
    pub(crate) fn new(compression: OutputCompression) -> io::Result<Self> {
        Ok(match compression {
            OutputCompression::None => Self::Plain(Vec::new()),
            OutputCompression::Gzip { level } => {
                Self::Gzip(GzEncoder::new(Vec::new(), flate2::Compression::new(level.min(9))))
            }
            OutputCompression::Bzip2 { level } => Self::Bzip2(BzEncoder::new(
                Vec::new(),
                bzip2::Compression::new(level.clamp(1, 9)),
            )),
            OutputCompression::Zstd { level } => {
                Self::Zstd(zstd::stream::write::Encoder::new(Vec::new(), level)?)
            }
        })
    }

    /// Compresses `bytes`; what comes of it is in [`Encoder::buffer`] sooner or later.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(buffer) => {
                buffer.extend_from_slice(bytes);
                Ok(())
            }
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::Bzip2(encoder) => encoder.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
        }
    }

    /// Compressed bytes ready to be taken; the owner clears it.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Plain(buffer) => buffer,
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Bzip2(encoder) => encoder.get_mut(),
            Self::Zstd(encoder) => encoder.get_mut(),
        }
    }

    /// Completes the stream and gives what is left of it.
    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Plain(buffer) => Ok(buffer),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Bzip2(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}
