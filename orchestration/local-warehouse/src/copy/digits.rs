//! Decimal digits, read eight at a time: most bytes of most files are digits.
//!
//! A word holds eight characters, the first one in its lowest byte. No step depends on how many of them are digits, so that the processor has
//! nothing to guess.

const ONES: u64 = 0x0101_0101_0101_0101;
const POWERS: [u64; 9] = [
    1,
    10,
    100,
    1000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
];
/// More digits than these need not fit a word.
pub(super) const MOST_DIGITS: usize = 18;

/// The number that a text begins with, and how many digits it has: from 1 to [`MOST_DIGITS`], else None.
pub(super) fn leading_number(text: &[u8]) -> Option<(u64, usize)> {
    let (mut number, mut length) = up_to_eight(text);
    let mut found = length;
    while found == 8 {
        let (next, count) = up_to_eight(&text[length..]);
        length += count;
        if length > MOST_DIGITS {
            return None;
        }
        number = number * POWERS[count] + next;
        found = count;
    }
    (length > 0).then_some((number, length))
}

/// The digits of a text that looks like `template`, which has a zero for each digit and any other mark for itself.
pub(super) fn digits_like(text: &[u8], template: [u8; 8]) -> Option<[u8; 8]> {
    let difference = u64::from_le_bytes(*text.first_chunk()?) ^ u64::from_le_bytes(template);
    let marks = template.map(|mark| if mark == b'0' { 0 } else { 0xFF });
    let is_like = above_nine(difference) == 0 && difference & u64::from_le_bytes(marks) == 0;
    is_like.then(|| difference.to_le_bytes())
}

/// The number of at most eight digits that a text begins with, and how many they are.
fn up_to_eight(text: &[u8]) -> (u64, usize) {
    let values = word(text) ^ (ONES * u64::from(b'0'));
    let length = above_nine(values).trailing_zeros() / 8;
    // Zeros go in front of the digits, and what is no digit goes out.
    let number = values.checked_shl(64 - 8 * length).map_or(0, number_of_eight);
    (number, usize::try_from(length).unwrap_or_default())
}

/// The first eight characters; what is not there is no digit.
fn word(text: &[u8]) -> u64 {
    if let Some(eight) = text.first_chunk() {
        return u64::from_le_bytes(*eight);
    }
    let mut eight = [0; 8];
    eight[..text.len()].copy_from_slice(text);
    u64::from_le_bytes(eight)
}

/// The highest bit of each byte that is more than nine.
fn above_nine(values: u64) -> u64 {
    let low = values & (ONES * 0x7F);
    ((low + ONES * (0x80 - 10)) | values) & (ONES * 0x80)
}

/// Neighbours are joined: digits to pairs, pairs to fours, fours to the number.
fn number_of_eight(values: u64) -> u64 {
    let pairs = (values.wrapping_mul(10) + (values >> 8)) & 0x00FF_00FF_00FF_00FF;
    let fours = (pairs.wrapping_mul(100) + (pairs >> 16)) & 0x0000_FFFF_0000_FFFF;
    (fours.wrapping_mul(10_000) + (fours >> 32)) & 0xFFFF_FFFF
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_end_at_the_first_other_character() {
        for (text, expected) in [
            ("", None),
            ("x", None),
            ("0", Some((0, 1))),
            ("7|8", Some((7, 1))),
            ("0012/", Some((12, 4))),
            ("12345678", Some((12_345_678, 8))),
            ("123456789:", Some((123_456_789, 9))),
            ("1234567890123456\n", Some((1_234_567_890_123_456, 16))),
            ("999999999999999999", Some((999_999_999_999_999_999, 18))),
            ("1234567890123456789", None),
            ("12345678901234567890123456", None),
            ("1\u{b1}2", Some((1, 1))),
        ] {
            assert_eq!(leading_number(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn templates_take_digits_alone() {
        let like = |text: &str| digits_like(text.as_bytes(), *b"00:00:00");
        assert_eq!(like("12:34:59 x"), Some([1, 2, 0, 3, 4, 0, 5, 9]));
        for text in [
            "12:34:5",
            "12-34:59",
            "1a:34:59",
            "12:34:5/",
            "12:34:5:",
            "12:34:\u{e9}",
        ] {
            assert_eq!(like(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_number_is_what_its_digits_say(digits in "[0-9]{0,20}", rest in "[^0-9].*") {
            let expected = digits.parse::<u64>().ok().filter(|_| digits.len() <= MOST_DIGITS);
            let found = leading_number(format!("{digits}{rest}").as_bytes());
            proptest::prop_assert_eq!(found, expected.map(|number| (number, digits.len())));
            let found = leading_number(digits.as_bytes());
            proptest::prop_assert_eq!(found, expected.map(|number| (number, digits.len())));
        }
    }
}
