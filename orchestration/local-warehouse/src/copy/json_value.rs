//! Values of SUPER columns: JSON within the limits of the type, and of what keeps it here.

use std::borrow::Cow;

use super::fields::{Field, FieldKind};
use super::number::check_float;
use super::report::RowError;

/// Arrays and objects may stand in each other so deep: <https://docs.aws.amazon.com/redshift/latest/dg/limitations-super.html>.
const MOST_LEVELS: usize = 1000;
/// A number that is no longer, and has no exponent, is within every limit.
const SHORT_NUMBER: usize = 300;
/// PostgreSQL keeps no more digits after the point.
const MOST_FRACTION_DIGITS: i64 = 16_383;
/// Nor more before it, not even of a zero.
const MOST_EXPONENT: i64 = 131_071;

/// JSON stays JSON; any other text becomes a JSON string.
pub(super) fn convert_super<'v>(field: &Field<'v>) -> Result<Cow<'v, [u8]>, RowError> {
    if field.kind == FieldKind::Json {
        check_values(field.bytes)?;
        return Ok(Cow::Borrowed(field.bytes));
    }
    let text =
        std::str::from_utf8(field.bytes).map_err(|error| RowError::invalid_utf8(field.bytes, &error))?;
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
        check_values(field.bytes)?;
        return Ok(Cow::Borrowed(field.bytes));
    }
    let looks_like_json = text.trim_start().starts_with(['{', '[']);
    if looks_like_json {
        return Err(ill_formed());
    }
    if memchr::memchr(0, field.bytes).is_some() {
        return Err(RowError::nul());
    }
    Ok(Cow::Owned(serde_json::Value::from(text).to_string().into_bytes()))
}

fn ill_formed() -> RowError {
    RowError::new(
        1224,
        "Input data is not a well-formed JSON document for the SUPER type",
    )
}

/// Looks at what a grammar of JSON lets pass; `json` is known to follow it.
fn check_values(json: &[u8]) -> Result<(), RowError> {
    let (mut at, mut level) = (0, 0_usize);
    while let Some(&byte) = json.get(at) {
        at += match byte {
            b'"' => string_length(&json[at..])?,
            b'-' | b'0'..=b'9' => number_length(&json[at..])?,
            _ => 1,
        };
        match byte {
            b'[' | b'{' => level += 1,
            b']' | b'}' => level = level.saturating_sub(1),
            _ => {}
        }
        if level > MOST_LEVELS {
            return Err(ill_formed());
        }
    }
    Ok(())
}

/// How long the string is that a text begins with. Its escapes may name characters that no text has: NUL, and half of a pair.
fn string_length(text: &[u8]) -> Result<usize, RowError> {
    let mut at = 1;
    while let Some(found) = memchr::memchr2(b'"', b'\\', &text[at..]) {
        at += found;
        if text[at] == b'"' {
            return Ok(at + 1);
        }
        at += match code_unit(&text[at..]) {
            None => 2,
            Some(0) => return Err(RowError::nul()),
            Some(0xD800..=0xDBFF) if matches!(code_unit(&text[at + 6..]), Some(0xDC00..=0xDFFF)) => 12,
            Some(unit @ 0xD800..=0xDFFF) => return Err(RowError::lone_surrogate(unit)),
            Some(_) => 6,
        };
    }
    Ok(text.len())
}

/// The unit of UTF-16 that `\u` and four digits name.
fn code_unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// How long the number is that a text begins with. What is no integer and no DECIMAL is a DOUBLE PRECISION.
fn number_length(text: &[u8]) -> Result<usize, RowError> {
    let is_part = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    let length = text.iter().take_while(is_part).count();
    let number = &text[..length];
    let exponent_at = memchr::memchr2(b'e', b'E', number);
    if exponent_at.is_none() && length <= SHORT_NUMBER {
        return Ok(length);
    }
    check_float(number, 8)?;
    let (digits, exponent) = number.split_at(exponent_at.unwrap_or(length));
    let exponent = std::str::from_utf8(exponent.get(1..).unwrap_or_default()).unwrap_or_default();
    let point = memchr::memchr(b'.', digits).map_or(digits.len(), |point| point + 1);
    let fraction_digits = i64::try_from(digits.len() - point).unwrap_or(i64::MAX);
    let exponent: i64 = if exponent.is_empty() {
        0
    } else {
        exponent.parse().unwrap_or(i64::MIN)
    };
    if exponent > MOST_EXPONENT {
        return Err(RowError::new(1204, "Overflow, Column type: Double"));
    }
    if fraction_digits.saturating_sub(exponent) > MOST_FRACTION_DIGITS {
        return Err(RowError::new(1204, "Underflow, Column type: Double"));
    }
    Ok(length)
}
