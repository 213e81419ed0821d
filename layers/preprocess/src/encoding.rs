//! Character encodings that Redshift's COPY reads.

use std::fmt;

use encoding_rs::{UTF_8, UTF_16BE, UTF_16LE};

use crate::unit::Unit;

/// The character encoding of the decompressed input, as COPY's ENCODING names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// UTF-8.
    #[default]
    Utf8,
    /// UTF-16 whose byte order mark says the byte order. Redshift demands the mark, so its absence is an error.
    Utf16,
    /// UTF-16, low byte first, with or without a byte order mark.
    Utf16Le,
    /// UTF-16, high byte first, with or without a byte order mark.
    Utf16Be,
    /// ISO 8859-1: each byte is the code point of the same number, so no byte is invalid.
    Iso88591,
}

impl fmt::Display for Encoding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16 => "UTF-16",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
            Self::Iso88591 => "ISO-8859-1",
        })
    }
}

/// What to do about bytes that the encoding does not allow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InvalidBytes {
    /// Stop with the line and the byte.
    #[default]
    Reject,
    /// Let them pass as they are, for a COPY with ACCEPTINVCHARS. An odd last byte in UTF-16 is still an error.
    Accept,
}

/// The encoding of what is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutputEncoding {
    /// Records leave byte for byte as they came. UTF-16 outputs carry no byte order mark, so name the byte
    /// order to COPY by [`Report::encoding`](crate::Report::encoding).
    #[default]
    AsInput,
    /// Everything is written as UTF-8; accepted invalid sequences become U+FFFD.
    Utf8,
}

/// An encoding after the byte order mark has been looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resolved {
    /// Never [`Encoding::Utf16`].
    pub(crate) encoding: Encoding,
    /// Bytes taken by the byte order mark; 0 if there is none.
    pub(crate) mark_bytes: usize,
}

/// The longest byte order mark, in bytes.
pub(crate) const LONGEST_MARK_BYTES: usize = 3;

impl Encoding {
    /// Settles the byte order from the first bytes of the stream; `None` if a mark is needed and missing.
    pub(crate) fn resolve(self, head: &[u8]) -> Option<Resolved> {
        let little = head.starts_with(&[0xFF, 0xFE]);
        let big = head.starts_with(&[0xFE, 0xFF]);
        let (encoding, mark_bytes) = match self {
            Self::Utf8 => (
                self,
                if head.starts_with(&[0xEF, 0xBB, 0xBF]) {
                    3
                } else {
                    0
                },
            ),
            Self::Utf16 if little || head.is_empty() => (Self::Utf16Le, head.len().min(2)),
            Self::Utf16 if big => (Self::Utf16Be, 2),
            Self::Utf16 => return None,
            Self::Utf16Le => (self, if little { 2 } else { 0 }),
            Self::Utf16Be => (self, if big { 2 } else { 0 }),
            Self::Iso88591 => (self, 0),
        };
        Some(Resolved { encoding, mark_bytes })
    }

    /// The code unit in which newlines, quotes and delimiters are written.
    pub(crate) fn unit(self) -> Unit {
        match self {
            Self::Utf8 | Self::Iso88591 => Unit::One,
            Self::Utf16 | Self::Utf16Le => Unit::TwoLittle,
            Self::Utf16Be => Unit::TwoBig,
        }
    }

    /// The text of `bytes`, with U+FFFD for what is invalid.
    pub(crate) fn decode_lossy(self, bytes: &[u8]) -> String {
        match self {
            Self::Iso88591 => bytes.iter().map(|&byte| char::from(byte)).collect(),
            Self::Utf8 => UTF_8.decode_without_bom_handling(bytes).0.into_owned(),
            Self::Utf16 | Self::Utf16Le => UTF_16LE.decode_without_bom_handling(bytes).0.into_owned(),
            Self::Utf16Be => UTF_16BE.decode_without_bom_handling(bytes).0.into_owned(),
        }
    }

    /// `text` in this encoding; characters that ISO 8859-1 lacks become `?`.
    pub(crate) fn encode(self, text: &str) -> Vec<u8> {
        match self {
            Self::Utf8 => text.as_bytes().to_vec(),
            Self::Iso88591 => text
                .chars()
                .map(|symbol| u8::try_from(symbol).unwrap_or(b'?'))
                .collect(),
            Self::Utf16 | Self::Utf16Le => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            Self::Utf16Be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        }
    }
}
