//! How bytes are compressed, on the way in and on the way out.

use std::fmt;

/// The compression of the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not compressed: blocks are read where they lie.
    #[default]
    None,
    /// gzip, one member or several in a row, zero padding allowed at the end.
    Gzip,
    /// bzip2, one stream or several in a row.
    Bzip2,
    /// Zstandard, one frame or several in a row, with windows of up to 128 MiB.
    Zstd,
}

impl fmt::Display for Compression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::None => "uncompressed",
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Zstd => "zstd",
        })
    }
}

/// The compression of an output, with its level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutputCompression {
    /// Plain bytes.
    #[default]
    None,
    /// One gzip member without name or time, so that a retry writes the same bytes.
    Gzip {
        /// 0 (stored) to 9; larger numbers count as 9.
        level: u32,
    },
    /// One bzip2 stream. Each open output costs about 8 MB at level 9.
    Bzip2 {
        /// 1 to 9, the block size in units of 100 kB; numbers outside count as the nearest.
        level: u32,
    },
    /// One Zstandard frame.
    Zstd {
        /// 1 to 19; level 1 is gzip -6's size for a tenth of its CPU.
        level: i32,
    },
}
