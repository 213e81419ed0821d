//! Compression of one output.

use std::io::{self, Write};

use bzip2::write::BzEncoder;
use flate2::write::GzEncoder;

use crate::compression::OutputCompression;

use crate::pipeline::BLOCK_BYTES;

/// Compresses into a buffer of its own, which the owner empties.
///
/// Codecs are fed blocks of one size: what deflate makes of a text depends on how it is cut, and a retry must
/// write the same bytes again.
pub(crate) struct Encoder {
    /// Text that does not make a block yet; not used without compression.
    text: Vec<u8>,
    codec: Codec,
}

enum Codec {
    Plain(Vec<u8>),
    Gzip(GzEncoder<Vec<u8>>),
    Bzip2(BzEncoder<Vec<u8>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Encoder {
    pub(crate) fn new(compression: OutputCompression) -> io::Result<Self> {
        let codec = match compression {
            OutputCompression::None => Codec::Plain(Vec::new()),
            OutputCompression::Gzip { level } => {
                Codec::Gzip(GzEncoder::new(Vec::new(), flate2::Compression::new(level.min(9))))
            }
            OutputCompression::Bzip2 { level } => Codec::Bzip2(BzEncoder::new(
                Vec::new(),
                bzip2::Compression::new(level.clamp(1, 9)),
            )),
            OutputCompression::Zstd { level } => {
                Codec::Zstd(zstd::stream::write::Encoder::new(Vec::new(), level)?)
            }
        };
        Ok(Self {
            text: Vec::new(),
            codec,
        })
    }

    /// Whether bytes leave as they come.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.codec, Codec::Plain(_))
    }

    /// Compresses `bytes`; what comes of it is in [`Encoder::buffer`] sooner or later.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.is_plain() {
            return self.codec.write(bytes);
        }
        let mut rest = bytes;
        while self.text.len() + rest.len() >= BLOCK_BYTES {
            let (block, after) = rest.split_at(BLOCK_BYTES - self.text.len());
            if self.text.is_empty() {
                self.codec.write(block)?;
            } else {
                self.text.extend_from_slice(block);
                self.codec.write(&self.text)?;
                self.text.clear();
            }
            rest = after;
        }
        self.text.extend_from_slice(rest);
        Ok(())
    }

    /// Compressed bytes ready to be taken; the owner clears it.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        match &mut self.codec {
            Codec::Plain(buffer) => buffer,
            Codec::Gzip(encoder) => encoder.get_mut(),
            Codec::Bzip2(encoder) => encoder.get_mut(),
            Codec::Zstd(encoder) => encoder.get_mut(),
        }
    }

    /// Completes the stream and gives what is left of it.
    pub(crate) fn finish(mut self) -> io::Result<Vec<u8>> {
        self.codec.write(&self.text)?;
        match self.codec {
            Codec::Plain(buffer) => Ok(buffer),
            Codec::Gzip(encoder) => encoder.finish(),
            Codec::Bzip2(encoder) => encoder.finish(),
            Codec::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl Codec {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
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
}
