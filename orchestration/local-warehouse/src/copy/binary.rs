//! Values in PostgreSQL's binary format: four bytes that say how long the value is, then the value.
//!
//! <https://www.postgresql.org/docs/current/sql-copy.html> describes the file, and the `recv` function of each type its values.

use super::digits::leading_number;

/// PostgreSQL counts the digits of a DECIMAL in groups of four.
const GROUP: usize = 4;
const GROUP_VALUE: u64 = 10_000;
/// What so many zeros on the right of a group multiply it by.
const SHIFTS: [u64; GROUP] = [1, 10, 100, 1000];
const NEGATIVE: u16 = 0x4000;
/// Groups that [`ShortDecimal`] can have before and after its point: 18 digits are up to five groups.
const MOST_GROUPS: usize = 10;

pub(super) fn write_null(out: &mut Vec<u8>) {
    out.extend_from_slice(&(-1_i32).to_be_bytes());
}

pub(super) fn write_bytes(value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&length_of(value.len()));
    out.extend_from_slice(value);
}

pub(super) fn write_boolean(value: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(&[0, 0, 0, 1, u8::from(value)]);
}

/// SMALLINT, INTEGER or BIGINT by their bytes; None when it does not fit.
pub(super) fn write_integer(value: i64, width: u8, out: &mut Vec<u8>) -> Option<()> {
    match width {
        2 => write_fixed(i16::try_from(value).ok()?.to_be_bytes(), out),
        4 => write_fixed(i32::try_from(value).ok()?.to_be_bytes(), out),
        _ => write_fixed(value.to_be_bytes(), out),
    }
    Some(())
}

/// A value whose bytes are as many as its type has.
pub(super) fn write_fixed<const LENGTH: usize>(value: [u8; LENGTH], out: &mut Vec<u8>) {
    out.extend_from_slice(&length_of(LENGTH));
    out.extend_from_slice(&value);
}

/// A value cannot be longer than a record, which has 4 MB.
fn length_of(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

/// A DECIMAL whose digits before the point, and those after it, fit a word each.
#[derive(Debug, Clone, Copy)]
pub(super) struct ShortDecimal {
    is_negative: bool,
    whole: u64,
    pub(super) whole_digits: usize,
    fraction: u64,
    pub(super) fraction_digits: usize,
    /// How long its text is.
    pub(super) length: usize,
}

impl ShortDecimal {
    /// Reads `[-]digits[.digits]` from the beginning of a text.
    pub(super) fn leading(text: &[u8]) -> Option<Self> {
        let unsigned = text.strip_prefix(b"-").unwrap_or(text);
        let (whole, whole_digits) = leading_number(unsigned)?;
        let (fraction, fraction_digits) = match unsigned[whole_digits..].strip_prefix(b".") {
            Some(rest) => leading_number(rest)?,
            None => (0, 0),
        };
        let sign = text.len() - unsigned.len();
        Some(Self {
            is_negative: sign > 0,
            whole,
            whole_digits,
            fraction,
            fraction_digits,
            length: sign + whole_digits + usize::from(fraction_digits > 0) + fraction_digits,
        })
    }

    /// Adds it to `out`. Groups of zeros at both ends are PostgreSQL's to drop.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        let mut groups = [0; MOST_GROUPS];
        let before = self.whole_digits.div_ceil(GROUP);
        let after = self.fraction_digits.div_ceil(GROUP);
        let missing = after * GROUP - self.fraction_digits;
        fill(&mut groups[..before], self.whole);
        fill_fraction(&mut groups[before..before + after], self.fraction, missing);
        write_numeric(
            self.is_negative,
            before,
            self.fraction_digits,
            &groups[..before + after],
            out,
        );
    }
}

/// The groups of a number, the last one first.
fn fill(groups: &mut [u16], number: u64) {
    let mut rest = number;
    for group in groups.iter_mut().rev() {
        *group = low_group(rest);
        rest /= GROUP_VALUE;
    }
}

/// The last group of a fraction is filled up with zeros on its right.
fn fill_fraction(groups: &mut [u16], number: u64, missing: usize) {
    let Some((last, others)) = groups.split_last_mut() else {
        return;
    };
    let (unit, shift) = (GROUP_VALUE / SHIFTS[missing], SHIFTS[missing]);
    *last = low_group(number % unit * shift);
    fill(others, number / unit);
}

fn low_group(number: u64) -> u16 {
    u16::try_from(number % GROUP_VALUE).unwrap_or_default()
}

/// Adds a DECIMAL of any length; None when the text is no `[-]digits[.digits]`.
pub(super) fn write_decimal(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    if let Some(short) = ShortDecimal::leading(text).filter(|short| short.length == text.len()) {
        short.write(out);
        return Some(());
    }
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let point = memchr::memchr(b'.', unsigned).unwrap_or(unsigned.len());
    let (whole, fraction) = (&unsigned[..point], unsigned.get(point + 1..).unwrap_or_default());
    let is_number = whole.iter().chain(fraction).all(u8::is_ascii_digit);
    if !is_number || whole.is_empty() {
        return None;
    }
    let zeros = |count: usize| std::iter::repeat_n(&b'0', count);
    let before = whole.len().div_ceil(GROUP);
    let after = fraction.len().div_ceil(GROUP);
    let digits: Vec<u8> = zeros(before * GROUP - whole.len())
        .chain(whole)
        .chain(fraction)
        .chain(zeros(after * GROUP - fraction.len()))
        .map(|digit| digit - b'0')
        .collect();
    let group = |group: &[u8]| {
        group
            .iter()
            .fold(0, |number, digit| number * 10 + u16::from(*digit))
    };
    let groups: Vec<u16> = digits.chunks(GROUP).map(group).collect();
    write_numeric(unsigned.len() < text.len(), before, fraction.len(), &groups, out);
    Some(())
}

/// Digits: groups in all, groups before the point less one, sign, digits after the point, the groups.
fn write_numeric(is_negative: bool, before: usize, scale: usize, groups: &[u16], out: &mut Vec<u8>) {
    let short = |number: usize| u16::try_from(number).unwrap_or(u16::MAX).to_be_bytes();
    out.extend_from_slice(&length_of(8 + 2 * groups.len()));
    out.extend_from_slice(&short(groups.len()));
    out.extend_from_slice(&short(before - 1));
    out.extend_from_slice(&(if is_negative { NEGATIVE } else { 0 }).to_be_bytes());
    out.extend_from_slice(&short(scale));
    for group in groups {
        out.extend_from_slice(&group.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The groups that a text becomes, before which stand the length, the weight, the sign and the scale.
    fn numeric(text: &str) -> Option<Vec<u16>> {
        let mut out = Vec::new();
        write_decimal(text.as_bytes(), &mut out)?;
        assert_eq!(out[..4], length_of(out.len() - 4));
        Some(
            out[4..]
                .chunks(2)
                .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
                .collect(),
        )
    }

    #[test]
    fn decimals_are_groups_of_four_digits_around_their_point() {
        for (text, expected) in [
            ("0", vec![1, 0, 0, 0, 0]),
            ("7.5", vec![2, 0, 0, 1, 7, 5000]),
            ("-12345.67", vec![3, 1, NEGATIVE, 2, 1, 2345, 6700]),
            ("10000.00005", vec![4, 1, 0, 5, 1, 0, 0, 5000]),
            ("5.", vec![1, 0, 0, 0, 5]),
            (
                "1234567890123456789.12345678901234567890",
                vec![
                    10, 4, 0, 20, 123, 4567, 8901, 2345, 6789, 1234, 5678, 9012, 3456, 7890,
                ],
            ),
        ] {
            assert_eq!(numeric(text), Some(expected), "{text}");
        }
        for text in ["", "-", ".5", "1e5", "1.2.3", "+1", " 1"] {
            assert_eq!(numeric(text), None, "{text}");
        }
    }

    #[test]
    fn integers_have_the_width_of_their_type() {
        let mut out = Vec::new();
        assert_eq!(write_integer(-2, 2, &mut out), Some(()));
        assert_eq!(out, [0, 0, 0, 2, 0xFF, 0xFE]);
        assert_eq!(write_integer(40_000, 2, &mut out), None);
        assert_eq!(write_integer(i64::from(i32::MAX) + 1, 4, &mut out), None);
    }
}
