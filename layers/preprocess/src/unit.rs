//! Code units: where an ASCII character stands in one-byte and two-byte encodings.

use memchr::{memchr, memchr2, memchr3};

/// How one code unit is laid out in bytes.
///
/// Positions are byte positions and always multiples of [`Unit::width`] from the start of the slice, so a
/// slice must start on a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// One byte, ASCII-compatible.
    One,
    /// Two bytes, low byte first.
    TwoLittle,
    /// Two bytes, high byte first.
    TwoBig,
}

impl Unit {
    /// Bytes per unit.
    pub(crate) fn width(self) -> usize {
        match self {
            Self::One => 1,
            Self::TwoLittle | Self::TwoBig => 2,
        }
    }

    /// The bytes of an ASCII character.
    pub(crate) fn encode(self, ascii: u8) -> Vec<u8> {
        match self {
            Self::One => vec![ascii],
            Self::TwoLittle => vec![ascii, 0],
            Self::TwoBig => vec![0, ascii],
        }
    }

    /// Whether the unit at `position` is this ASCII character; false beyond the end.
    #[inline]
    pub(crate) fn is_at(self, bytes: &[u8], position: usize, ascii: u8) -> bool {
        match self {
            Self::One => bytes.get(position) == Some(&ascii),
            Self::TwoLittle => bytes.get(position..position + 2) == Some(&[ascii, 0]),
            Self::TwoBig => bytes.get(position..position + 2) == Some(&[0, ascii]),
        }
    }

    /// Whether `bytes` ends with this ASCII character.
    #[inline]
    pub(crate) fn ends_with(self, bytes: &[u8], ascii: u8) -> bool {
        bytes.len() >= self.width() && self.is_at(bytes, bytes.len() - self.width(), ascii)
    }

    /// The position of the first `needle` at or after `from`.
    #[inline]
    pub(crate) fn find(self, needle: u8, bytes: &[u8], from: usize) -> Option<usize> {
        self.search(bytes, from, |rest| memchr(needle, rest))
    }

    /// The position of the first of two characters at or after `from`.
    #[inline]
    pub(crate) fn find2(self, first: u8, second: u8, bytes: &[u8], from: usize) -> Option<usize> {
        self.search(bytes, from, |rest| memchr2(first, second, rest))
    }

    /// The position of the first of three characters at or after `from`.
    #[inline]
    pub(crate) fn find3(self, needles: [u8; 3], bytes: &[u8], from: usize) -> Option<usize> {
        self.search(bytes, from, |rest| {
            memchr3(needles[0], needles[1], needles[2], rest)
        })
    }

    #[inline]
    fn search(self, bytes: &[u8], from: usize, find: impl Fn(&[u8]) -> Option<usize>) -> Option<usize> {
        let mut at = from;
        loop {
            let hit = at + find(bytes.get(at..)?)?;
            match self {
                Self::One => return Some(hit),
                Self::TwoLittle if hit.is_multiple_of(2) && bytes.get(hit + 1) == Some(&0) => {
                    return Some(hit);
                }
                Self::TwoBig if !hit.is_multiple_of(2) && bytes.get(hit - 1) == Some(&0) => {
                    return Some(hit - 1);
                }
                Self::TwoLittle | Self::TwoBig => at = hit + 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Unit;

    #[test]
    fn a_newline_byte_inside_a_two_byte_character_is_not_a_newline() {
        // U+0A0A, U+010A, then a real newline.
        let little = [0x0A, 0x0A, 0x0A, 0x01, 0x0A, 0x00];
        let big = [0x0A, 0x0A, 0x01, 0x0A, 0x00, 0x0A];
        assert_eq!(Unit::TwoLittle.find(b'\n', &little, 0), Some(4));
        assert_eq!(Unit::TwoBig.find(b'\n', &big, 0), Some(4));
    }

    #[test]
    fn a_low_byte_beside_a_foreign_zero_is_not_a_newline() {
        // U+000A would need the zero on the other side: U+0A00 then U+0100.
        assert_eq!(Unit::TwoLittle.find(b'\n', &[0x00, 0x0A, 0x00, 0x01], 0), None);
        assert_eq!(Unit::TwoBig.find(b'\n', &[0x0A, 0x00, 0x01, 0x00], 0), None);
    }
}
