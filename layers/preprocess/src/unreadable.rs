//! What stands where a trailer should have its count, said without showing it: when a file is cut short, it is a data row.

use std::fmt;
use std::ops::Range;

/// Why a text is no count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnreadableCount {
    /// Nothing is there, or blanks alone.
    Blank,
    /// A character is in the way.
    Stray {
        /// What kind of character it is.
        kind: CharacterKind,
        /// Its place in the trailer, in characters from 1.
        character: usize,
    },
    /// There are digits alone, and more than a count can have.
    TooLarge,
}

/// A kind of character that is no digit from 0 to 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CharacterKind {
    /// A letter of any script.
    Letter,
    /// A blank between digits.
    Blank,
    /// A control character.
    Control,
    /// A digit of another script, or a number that is one character.
    OtherNumber,
    /// Punctuation, a sign, anything else.
    Sign,
}

impl UnreadableCount {
    /// Says what is wrong with the text at `place`, a range of bytes, which is known not to be a count.
    pub(crate) fn find(text: &str, place: Range<usize>) -> Self {
        let before = text[..place.start].chars().count();
        let field = text[place].trim_end();
        let leading_blanks = field.chars().take_while(|symbol| symbol.is_whitespace()).count();
        let mut symbols = field.chars().enumerate().skip(leading_blanks);
        if field.is_empty() {
            return Self::Blank;
        }
        match symbols.find(|(_, symbol)| !symbol.is_ascii_digit()) {
            Some((index, symbol)) => Self::Stray {
                kind: CharacterKind::of(symbol),
                character: before + index + 1,
            },
            None => Self::TooLarge,
        }
    }
}

impl CharacterKind {
    fn of(symbol: char) -> Self {
        match symbol {
            _ if symbol.is_whitespace() => Self::Blank,
            _ if symbol.is_control() => Self::Control,
            _ if symbol.is_alphabetic() => Self::Letter,
            _ if symbol.is_numeric() => Self::OtherNumber,
            _ => Self::Sign,
        }
    }
}

impl fmt::Display for UnreadableCount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blank => formatter.write_str("nothing but blanks"),
            Self::Stray { kind, character } => write!(formatter, "{kind} at character {character}"),
            Self::TooLarge => formatter.write_str("a number of too many digits"),
        }
    }
}

impl fmt::Display for CharacterKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Letter => "a letter",
            Self::Blank => "a blank between digits",
            Self::Control => "a control character",
            Self::OtherNumber => "a digit other than 0 to 9",
            Self::Sign => "a sign that is no digit",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{CharacterKind, UnreadableCount};

    fn stray(kind: CharacterKind, character: usize) -> UnreadableCount {
        UnreadableCount::Stray { kind, character }
    }

    #[test]
    fn the_first_character_in_the_way_is_named_by_kind_and_place() {
        for (text, found) in [
            ("é|12a4", stray(CharacterKind::Letter, 5)),
            ("é|-123", stray(CharacterKind::Sign, 3)),
            ("é|  1 34", stray(CharacterKind::Blank, 6)),
            ("é|1\u{1}", stray(CharacterKind::Control, 4)),
            ("é|１２", stray(CharacterKind::OtherNumber, 3)),
            ("é|    ", UnreadableCount::Blank),
            ("é|", UnreadableCount::Blank),
            ("é| 99999999999999999999 ", UnreadableCount::TooLarge),
        ] {
            assert_eq!(UnreadableCount::find(text, 3..text.len()), found, "{text:?}");
        }
    }
}
