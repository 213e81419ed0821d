//! `YYYY-MM-DD` and `YYYY-MM-DD HH:MI:SS[.ffffff]`: what most files have, and what every other form becomes.
//!
//! Time counts from 2000-01-01, as PostgreSQL has it.

use super::digits::{digits_like, leading_number};

const DATE_LENGTH: usize = 10;
const SECOND_LENGTH: usize = 19;
const MICROS_PER_SECOND: u64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400_000_000;
/// Days from 1 March of the year 0 to 2000-01-01.
const FIRST_DAY: i32 = 730_425;
/// Enough for every year before Christ that Redshift knows.
const MOVED_YEARS: u32 = 4800;
const MOVED_DAYS: i32 = 12 * 146_097;

/// The day that a text begins with.
pub(super) fn leading_date(text: &[u8]) -> Option<i32> {
    let digits = digits_like(text, *b"0000-00-")?.map(u32::from);
    let [ten, one] = *text[8..].first_chunk::<2>()?;
    if !ten.is_ascii_digit() || !one.is_ascii_digit() {
        return None;
    }
    let year = digits[0] * 1000 + digits[1] * 100 + digits[2] * 10 + digits[3];
    let month = digits[5] * 10 + digits[6];
    let day = u32::from(ten - b'0') * 10 + u32::from(one - b'0');
    let is_day = year > 0 && (1..=12).contains(&month) && day > 0 && day <= days_of(month, year);
    is_day.then(|| day_number(year, month, day))
}

/// The day that a text is.
pub(super) fn date(text: &[u8]) -> Option<i32> {
    leading_date(text).filter(|_| text.len() == DATE_LENGTH)
}

/// The microsecond that a text begins with, and how long it is there.
pub(super) fn leading_timestamp(text: &[u8]) -> Option<(i64, usize)> {
    let day = leading_date(text)?;
    let time = text[DATE_LENGTH..].strip_prefix(b" ")?;
    let digits = digits_like(time, *b"00:00:00")?.map(u64::from);
    let (hour, minute) = (digits[0] * 10 + digits[1], digits[3] * 10 + digits[4]);
    let second = digits[6] * 10 + digits[7];
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (fraction, length) = leading_fraction(&text[SECOND_LENGTH..])?;
    let micros = ((hour * 60 + minute) * 60 + second) * MICROS_PER_SECOND + fraction;
    let micros = i64::from(day) * MICROS_PER_DAY + i64::try_from(micros).ok()?;
    Some((micros, SECOND_LENGTH + length))
}

/// The microsecond that a text is.
pub(super) fn timestamp(text: &[u8]) -> Option<i64> {
    let (micros, length) = leading_timestamp(text)?;
    (length == text.len()).then_some(micros)
}

/// The day that a text with ` BC` behind it is.
pub(super) fn date_before_christ(text: &[u8]) -> Option<i32> {
    Some(date(&moved_to_our_era(text)?)? - MOVED_DAYS)
}

/// The microsecond that a text with ` BC` behind it is.
pub(super) fn timestamp_before_christ(text: &[u8]) -> Option<i64> {
    Some(timestamp(&moved_to_our_era(text)?)? - i64::from(MOVED_DAYS) * MICROS_PER_DAY)
}

/// The same moment [`MOVED_YEARS`] later: the calendar repeats itself every 400 years.
fn moved_to_our_era(text: &[u8]) -> Option<Vec<u8>> {
    let (year, rest) = text.strip_suffix(b" BC")?.split_at_checked(4)?;
    let year: u32 = std::str::from_utf8(year).ok()?.parse().ok()?;
    // No year is 0: the year 1 is the one before it.
    let year = (MOVED_YEARS + 1).checked_sub(year)?;
    Some([format!("{year:04}").as_bytes(), rest].concat())
}

/// Whether a text is `HH:MI:SS[.ffffff]`.
pub(super) fn is_time(text: &[u8]) -> bool {
    let Some(digits) = digits_like(text, *b"00:00:00") else {
        return false;
    };
    let is_in_range = digits[0] * 10 + digits[1] < 24 && digits[3] < 6 && digits[6] < 6;
    is_in_range && leading_fraction(&text[8..]).is_some_and(|(_, length)| length == text.len() - 8)
}

/// Microseconds, and how long they are with their point; none are no fault.
fn leading_fraction(text: &[u8]) -> Option<(u64, usize)> {
    let Some(text) = text.strip_prefix(b".") else {
        return Some((0, 0));
    };
    let (number, length) = leading_number(text)?;
    let missing = u32::try_from(6_usize.checked_sub(length)?).ok()?;
    Some((number * 10_u64.pow(missing), 1 + length))
}

fn days_of(month: u32, year: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Years that begin in March have their leap day at the end, so that months need no table.
fn day_number(year: u32, month: u32, day: u32) -> i32 {
    let (year, month) = if month < 3 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    i32::try_from(days).unwrap_or(i32::MAX) - FIRST_DAY
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;

    #[test]
    fn days_have_the_numbers_that_the_calendar_gives_them() {
        let first = NaiveDate::from_ymd_opt(2000, 1, 1).unwrap();
        let mut day = NaiveDate::from_ymd_opt(1, 1, 1).unwrap();
        while day <= NaiveDate::from_ymd_opt(9999, 12, 31).unwrap() {
            let text = day.format("%Y-%m-%d").to_string();
            let expected = i32::try_from((day - first).num_days()).unwrap();
            assert_eq!(date(text.as_bytes()), Some(expected), "{text}");
            day = day.checked_add_days(chrono::Days::new(11)).unwrap();
        }
    }

    #[test]
    fn days_before_christ_have_the_numbers_that_the_calendar_gives_them() {
        let first = NaiveDate::from_ymd_opt(2000, 1, 1).unwrap();
        for (text, year, month, day) in [
            ("0001-12-31 BC", 0, 12, 31),
            ("0001-02-29 BC", 0, 2, 29),
            ("0095-01-08 BC", -94, 1, 8),
            ("4713-01-01 BC", -4712, 1, 1),
        ] {
            let day = NaiveDate::from_ymd_opt(year, month, day).unwrap();
            let expected = i32::try_from((day - first).num_days()).unwrap();
            assert_eq!(date_before_christ(text.as_bytes()), Some(expected), "{text}");
        }
        for text in ["0001-12-31", "0002-02-29 BC", "9999-01-01 BC", "x BC", " BC"] {
            assert_eq!(date_before_christ(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_day_is_none() {
        for text in [
            "2015-02-29",
            "1900-02-29",
            "2015-13-01",
            "2015-00-01",
            "2015-01-00",
            "2015-04-31",
            "0000-01-01",
            "2015-1-01",
            "2015-01-1",
            "2015-01-1x",
            "2015/01/01",
            "2015-01-011",
            "",
        ] {
            assert_eq!(date(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn times_are_within_a_day() {
        for (text, expected) in [
            ("00:00:00", true),
            ("23:59:59", true),
            ("23:59:59.999999", true),
            ("24:00:00", false),
            ("00:60:00", false),
            ("00:00:60", false),
            ("00:00:00.", false),
            ("00:00:00.1234567", false),
            ("00:00:00+00", false),
            ("0:00:00", false),
        ] {
            assert_eq!(is_time(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn moments_count_microseconds() {
        for (text, expected) in [
            ("2000-01-01 00:00:00", Some(0)),
            ("2000-01-02 00:00:01.5", Some(86_401_500_000)),
            ("1999-12-31 23:59:59.999999", Some(-1)),
            ("2000-01-01 24:00:00", None),
            ("2000-01-01 00:60:00", None),
            ("2000-01-01 00:00:60", None),
            ("2000-01-01T00:00:00", None),
            ("2000-01-01 00:00:00.", None),
            ("2000-01-01 00:00:00.1234567", None),
            ("2000-01-01 00:00:00+00", None),
            ("2000-01-01", None),
        ] {
            assert_eq!(timestamp(text.as_bytes()), expected, "{text}");
        }
    }
}
