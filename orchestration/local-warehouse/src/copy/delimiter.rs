//! What stands between fields: one byte, or several such as `|~|`.

use memchr::memmem::Finder;

/// Looks for a delimiter; made once per COPY.
#[derive(Debug)]
pub(super) enum Delimiter {
    /// One byte, by far the usual case.
    Byte(u8),
    /// Several.
    Bytes(Box<Finder<'static>>),
}

impl Delimiter {
    /// DELIMITER as it was given.
    pub(super) fn new(bytes: &[u8]) -> Self {
        match bytes {
            [byte] => Self::Byte(*byte),
            bytes => Self::Bytes(Box::new(Finder::new(bytes).into_owned())),
        }
    }

    /// How many bytes it has.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Byte(_) => 1,
            Self::Bytes(finder) => finder.needle().len(),
        }
    }

    /// Whether a text begins with it.
    pub(super) fn begins(&self, text: &[u8]) -> bool {
        match self {
            Self::Byte(byte) => text.first() == Some(byte),
            Self::Bytes(finder) => text.starts_with(finder.needle()),
        }
    }

    /// Where it stands first.
    pub(super) fn find(&self, text: &[u8]) -> Option<usize> {
        match self {
            Self::Byte(byte) => memchr::memchr(*byte, text),
            Self::Bytes(finder) => finder.find(text),
        }
    }

    /// Where it, or a quote, stands first.
    pub(super) fn find_or_quote(&self, quote: u8, text: &[u8]) -> Option<usize> {
        match self {
            Self::Byte(byte) => memchr::memchr2(*byte, quote, text),
            Self::Bytes(_) => {
                let before = &text[..memchr::memchr(quote, text).unwrap_or(text.len())];
                let found = self.find(before).unwrap_or(before.len());
                (found < text.len()).then_some(found)
            }
        }
    }
}
