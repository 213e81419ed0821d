//! What a stream begins with.

use super::magic::Magic;

/// `BZh` and the level's digit.
pub(super) const LEVEL_BYTES: usize = 4;

/// The same, and the magic behind it.
pub(super) const HEADER_BYTES: usize = 10;

/// What the first bytes of a stream tell.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum StreamHeader {
    /// A stream begins.
    Whole {
        /// The digit of its level.
        level: u8,
        /// Whether it has a block.
        magic: Magic,
    },
    /// So far it could be one.
    Partial,
    /// One begins, and what follows is neither a block nor its end.
    Damaged,
    /// It is none.
    Foreign,
}

impl StreamHeader {
    /// Reads what there is of a header.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let (start, rest) = bytes.split_at(bytes.len().min(LEVEL_BYTES));
        if !begins_stream(start) {
            return Self::Foreign;
        }
        let rest = &rest[..rest.len().min(HEADER_BYTES - LEVEL_BYTES)];
        let magic = Magic::ALL
            .into_iter()
            .find(|magic| magic.value().to_be_bytes()[2..].starts_with(rest));
        match (magic, start.last()) {
            (None, _) => Self::Damaged,
            (Some(magic), Some(&level)) if start.len() + rest.len() == HEADER_BYTES => {
                Self::Whole { level, magic }
            }
            (Some(_), _) => Self::Partial,
        }
    }
}

/// The level that these four bytes give the stream that they begin.
pub(super) fn level(bytes: &[u8]) -> Option<u8> {
    match bytes {
        &[b'B', b'Z', b'h', level @ b'1'..=b'9'] => Some(level),
        _ => None,
    }
}

/// Whether up to four bytes can begin a stream.
fn begins_stream(bytes: &[u8]) -> bool {
    match bytes.len() {
        LEVEL_BYTES => level(bytes).is_some(),
        _ => b"BZh".starts_with(bytes),
    }
}
