//! Where the value stands.

use std::fmt;
use std::str::FromStr;

/// The bytes of a record that say where it goes, written `FROM:TO`: the first byte is 1, and `TO` is the last one.
///
/// ```
/// use longshore_preprocess::KeyPlace;
///
/// let place: KeyPlace = "1:2".parse()?;
/// assert_eq!(place.of(b"HD|2026\r\n"), b"HD");
/// assert_eq!(place.of(b"H\r\n"), b"H");
/// # Ok::<(), longshore_preprocess::KeyPlaceError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPlace {
    /// The first byte, from 0.
    from: usize,
    /// Just after the last one.
    to: usize,
}

/// Why a text is no [`KeyPlace`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyPlaceError {
    /// Not two numbers with a colon between.
    #[error("expected the first and the last byte as FROM:TO, such as 1:2, found {text:?}")]
    NotARange {
        /// The text.
        text: String,
    },
    /// Byte 0, or a last byte before the first.
    #[error("{text:?} holds no byte; the first byte of a record is 1, and TO is at least FROM")]
    Empty {
        /// The text.
        text: String,
    },
    /// More bytes than the name of a file can be made of.
    #[error("{text:?} is more than {limit} bytes; name those that tell one type from another")]
    TooWide {
        /// The text.
        text: String,
        /// The limit.
        limit: usize,
    },
    /// Farther than anybody looks for a type.
    #[error("{text:?} ends behind byte {limit}; a record's type stands nearer to its start")]
    TooFar {
        /// The text.
        text: String,
        /// The limit.
        limit: usize,
    },
}

impl KeyPlace {
    /// The most bytes of a value. Escaped, each becomes three characters of a file's name, which may have 255.
    pub const WIDEST: usize = 80;
    /// The last byte that a value may have: what is kept of a record until its value is known.
    pub const FARTHEST: usize = 64 * 1024;

    /// The value of a record, which may have its line end: the bytes from the first to the last, or as many of them as there are.
    #[inline]
    pub fn of(self, record: &[u8]) -> &[u8] {
        let content = match record.strip_suffix(b"\n") {
            Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
            None => record,
        };
        let to = self.to.min(content.len());
        &content[self.from.min(to)..to]
    }

    /// The first byte, from 0.
    pub(super) fn from(self) -> usize {
        self.from
    }

    /// Just after the last byte.
    pub(super) fn to(self) -> usize {
        self.to
    }
}

impl FromStr for KeyPlace {
    type Err = KeyPlaceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |part: &str| {
            let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| part.parse::<usize>().ok()).flatten()
        };
        let range = text
            .split_once(':')
            .and_then(|(from, to)| Some((number(from)?, number(to)?)));
        let text = || text.to_owned();
        match range {
            None => Err(KeyPlaceError::NotARange { text: text() }),
            Some((0, _)) => Err(KeyPlaceError::Empty { text: text() }),
            Some((from, to)) if to < from => Err(KeyPlaceError::Empty { text: text() }),
            Some((from, to)) if to - from >= Self::WIDEST => Err(KeyPlaceError::TooWide {
                text: text(),
                limit: Self::WIDEST,
            }),
            Some((_, to)) if to > Self::FARTHEST => Err(KeyPlaceError::TooFar {
                text: text(),
                limit: Self::FARTHEST,
            }),
            Some((from, to)) => Ok(Self { from: from - 1, to }),
        }
    }
}

impl fmt::Display for KeyPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.from + 1, self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::{KeyPlace, KeyPlaceError};

    fn place(text: &str) -> Result<KeyPlace, KeyPlaceError> {
        text.parse()
    }

    #[test]
    fn a_value_is_what_there_is_of_it_without_the_line_end() {
        let place = place("2:3").unwrap();
        for (record, value) in [
            ("abcd\n", "bc"),
            ("abc", "bc"),
            ("ab\r\n", "b"),
            ("ab\r", "b\r"),
            ("a\n", ""),
            ("\r\n", ""),
            ("", ""),
        ] {
            assert_eq!(place.of(record.as_bytes()), value.as_bytes(), "{record:?}");
        }
    }

    #[test]
    fn what_is_no_place_says_what_would_be() {
        for text in ["", "1", "a:2", "1:", "-1:2", "1:2:3", " 1:2"] {
            assert!(
                matches!(place(text), Err(KeyPlaceError::NotARange { .. })),
                "{text:?}"
            );
        }
        assert!(matches!(place("0:2"), Err(KeyPlaceError::Empty { .. })));
        assert!(matches!(place("3:2"), Err(KeyPlaceError::Empty { .. })));
        assert!(matches!(place("1:81"), Err(KeyPlaceError::TooWide { .. })));
        assert!(matches!(place("65530:65537"), Err(KeyPlaceError::TooFar { .. })));
        assert_eq!(
            place("2:81").map(|place| place.to_string()),
            Ok("2:81".to_owned())
        );
    }
}
