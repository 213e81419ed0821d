//! The trailer: where its count stands and whether it is right.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use crate::error::PrepareError;
use crate::framer::Position;
use crate::unreadable::UnreadableCount;

/// That the last record which is not blank is a trailer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trailer {
    /// Where the number of data records stands in it; `None` strips the trailer unread.
    pub count: Option<TrailerCount>,
}

/// Where the number of data records stands in a trailer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrailerCount {
    /// Between two characters.
    Position(TrailerPosition),
    /// After a text that the trailer begins with; delimiters and blanks between are skipped.
    AfterTag {
        /// The text.
        tag: String,
    },
}

/// A range of characters, written `start:end`: the first character is 1, the end is exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrailerPosition {
    start: usize,
    end: usize,
}

/// Why a text is no [`TrailerPosition`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrailerPositionError {
    /// Not two numbers with a colon between.
    #[error("expected the trailer position as start:end, such as 10:20, found {text:?}")]
    NotARange {
        /// The text.
        text: String,
    },
    /// A start of 0.
    #[error("the trailer position {text:?} starts at 0; the first character is 1")]
    StartsAtZero {
        /// The text.
        text: String,
    },
    /// A range without a character.
    #[error(
        "the trailer position {text:?} holds no character; its end is exclusive and must be greater than its start"
    )]
    Empty {
        /// The text.
        text: String,
    },
}

impl TrailerPosition {
    /// The range from the character `start`, counted from 1, to the one before `end`.
    ///
    /// # Errors
    /// A range that starts at 0 or holds no character.
    pub fn new(start: usize, end: usize) -> Result<Self, TrailerPositionError> {
        let text = || format!("{start}:{end}");
        match start {
            0 => Err(TrailerPositionError::StartsAtZero { text: text() }),
            _ if end <= start => Err(TrailerPositionError::Empty { text: text() }),
            _ => Ok(Self { start, end }),
        }
    }

    /// The first character of the count, from 1.
    pub fn start(self) -> usize {
        self.start
    }

    /// The character after the count.
    pub fn end(self) -> usize {
        self.end
    }
}

impl FromStr for TrailerPosition {
    type Err = TrailerPositionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |part: &str| {
            let part = part.trim();
            let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| part.parse::<usize>().ok()).flatten()
        };
        let range = text
            .split_once(':')
            .and_then(|(start, end)| Some((number(start)?, number(end)?)));
        let (start, end) = range.ok_or_else(|| TrailerPositionError::NotARange {
            text: text.to_owned(),
        })?;
        Self::new(start, end)
    }
}

impl fmt::Display for TrailerPosition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.start, self.end)
    }
}

impl TrailerCount {
    /// Reads the count from the trailer's text.
    pub(crate) fn read(&self, text: &str, at: Position, delimiter: Option<u8>) -> Result<u64, PrepareError> {
        let place = match self {
            Self::Position(position) => position.place(text, at)?,
            Self::AfterTag { tag } => after_tag(text, tag, at, delimiter)?,
        };
        let digits = text[place.clone()].trim();
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number
            .then(|| digits.parse().ok())
            .flatten()
            .ok_or_else(|| PrepareError::TrailerCountUnreadable {
                line: at.line,
                byte: at.byte,
                start: text[..place.start].chars().count() + 1,
                length: text[place.clone()].chars().count(),
                found: UnreadableCount::find(text, place),
            })
    }
}

impl TrailerPosition {
    /// The bytes at the position. Only its start must lie within the trailer: a count without leading zeros is as wide as
    /// it is, and a rule gives it room to grow.
    fn place(self, text: &str, at: Position) -> Result<Range<usize>, PrepareError> {
        let length = text.chars().count();
        if self.start > length {
            return Err(PrepareError::TrailerPositionOutside {
                line: at.line,
                byte: at.byte,
                start: self.start,
                end: self.end,
                length,
            });
        }
        let boundary = |character: usize| {
            text.char_indices()
                .nth(character - 1)
                .map_or(text.len(), |(at, _)| at)
        };
        Ok(boundary(self.start)..boundary(self.end))
    }
}

/// The bytes of the field after the tag: from the first character that is neither delimiter nor blank to the next that is one.
fn after_tag(
    text: &str,
    tag: &str,
    at: Position,
    delimiter: Option<u8>,
) -> Result<Range<usize>, PrepareError> {
    let Some(rest) = text.strip_prefix(tag) else {
        return Err(PrepareError::TrailerTagMissing {
            line: at.line,
            byte: at.byte,
            tag: tag.to_owned(),
            length: text.chars().count(),
        });
    };
    let separates =
        |symbol: char| matches!(symbol, ' ' | '\t' | '"') || delimiter.map(char::from) == Some(symbol);
    let field = rest.trim_start_matches(separates);
    let start = text.len() - field.len();
    let length = field.find(separates).unwrap_or(field.len());
    Ok(start..start + length)
}

/// Compares what the trailer says with what was counted. Where a file must have records, none is not what it may say.
pub(crate) fn verify_count(
    expected: u64,
    found: u64,
    minimum_records: u64,
    at: Position,
) -> Result<(), PrepareError> {
    let Position { line, byte } = at;
    match expected {
        0 if found > 0 || minimum_records > 0 => Err(PrepareError::TrailerSaysZero { line, byte, found }),
        _ if expected != found => Err(PrepareError::TrailerCountMismatch {
            line,
            byte,
            expected,
            found,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{TrailerCount, TrailerPosition, TrailerPositionError};
    use crate::error::PrepareError;
    use crate::framer::Position;

    const AT: Position = Position { line: 9, byte: 70 };

    fn at_position(text: &str, position: &str) -> Result<u64, PrepareError> {
        let position = position.parse().expect("a position");
        TrailerCount::Position(position).read(text, AT, None)
    }

    fn after_tag(text: &str, tag: &str) -> Result<u64, PrepareError> {
        TrailerCount::AfterTag { tag: tag.to_owned() }.read(text, AT, Some(b'|'))
    }

    #[test]
    fn a_position_counts_characters_from_one_and_leaves_out_its_end() {
        assert_eq!(at_position("T|0000123|x", "3:10").ok(), Some(123));
        assert_eq!(at_position("é€123", "3:6").ok(), Some(123));
        assert_eq!(at_position("7", "1:2").ok(), Some(7));
    }

    #[test]
    fn blanks_and_zeros_before_the_count_do_not_matter() {
        assert_eq!(at_position("T    12", "2:8").ok(), Some(12));
        assert_eq!(at_position("T00012  ", "2:9").ok(), Some(12));
        assert_eq!(after_tag("TRL| 0012 |20240101", "TRL").ok(), Some(12));
        assert_eq!(after_tag("TRL0012", "TRL").ok(), Some(12));
    }

    #[test]
    fn a_position_beyond_the_trailer_is_named() {
        let error = at_position("T|12", "10:20").expect_err("the trailer is short");
        assert_eq!(
            error.to_string(),
            "line 9, byte 70: expected the trailer's count at 10:20 (first character is 1, end exclusive), \
             found a trailer of 4 characters; correct the rule's trailer position or the file"
        );
        assert!(matches!(
            at_position("T|12", "5:6"),
            Err(PrepareError::TrailerPositionOutside { .. })
        ));
    }

    #[test]
    fn a_position_may_leave_the_count_room_to_grow() {
        assert_eq!(at_position("T|12", "3:20").ok(), Some(12));
        assert_eq!(at_position("T|12", "4:20").ok(), Some(2));
    }

    #[test]
    fn what_is_no_number_is_described_and_not_shown() {
        for text in ["T|12a4", "T|    ", "T|-123", "T|1 34"] {
            let found = at_position(text, "3:7");
            assert!(
                matches!(found, Err(PrepareError::TrailerCountUnreadable { .. })),
                "{text}: {found:?}"
            );
        }
        assert_eq!(
            at_position("T|12a4", "3:7")
                .expect_err("there is a letter")
                .to_string(),
            "line 9, byte 70: expected the number of records at character 3 of the trailer, within 4 characters, \
             found a letter at character 5; correct the rule's trailer position or the file"
        );
        let huge = format!("T{}", "9".repeat(90));
        assert!(matches!(
            at_position(&huge, "2:92"),
            Err(PrepareError::TrailerCountUnreadable {
                start: 2,
                length: 90,
                ..
            })
        ));
        assert!(matches!(
            after_tag("TRL|x", "TRL"),
            Err(PrepareError::TrailerCountUnreadable { .. })
        ));
        assert!(matches!(
            after_tag("TRL", "TRL"),
            Err(PrepareError::TrailerCountUnreadable { .. })
        ));
    }

    #[test]
    fn a_record_without_the_tag_is_no_trailer() {
        assert!(matches!(
            after_tag("1|plum", "TRL"),
            Err(PrepareError::TrailerTagMissing { .. })
        ));
    }

    #[test]
    fn a_position_is_parsed_or_its_fault_is_said() {
        assert_eq!(
            "10:20"
                .parse::<TrailerPosition>()
                .map(|at| (at.start(), at.end())),
            Ok((10, 20))
        );
        assert_eq!(
            " 1 : 2 ".parse::<TrailerPosition>().map(|at| at.to_string()),
            Ok("1:2".to_owned())
        );
        for text in [
            "",
            "10",
            "10:",
            ":20",
            "a:b",
            "1:2:3",
            "-1:2",
            "+1:2",
            "99999999999999999999999:2",
        ] {
            let error = text.parse::<TrailerPosition>();
            assert!(
                matches!(error, Err(TrailerPositionError::NotARange { .. })),
                "{text}: {error:?}"
            );
        }
        assert!(matches!(
            "0:5".parse::<TrailerPosition>(),
            Err(TrailerPositionError::StartsAtZero { .. })
        ));
        assert!(matches!(
            "5:5".parse::<TrailerPosition>(),
            Err(TrailerPositionError::Empty { .. })
        ));
    }
}
