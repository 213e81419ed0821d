//! What stands after the name of an option of COPY.

use super::options::refused;
use super::statement::{Encoding, JsonFields, TimeFormat};
use super::time_scan::pattern_field;
use crate::sql::{Cursor, SqlError, TokenKind, string_value};

/// MAXERROR may be at most this.
const MOST_ERRORS: u64 = 100_000;

/// A text, perhaps after AS.
pub(super) fn text(cursor: &mut Cursor<'_>) -> Result<String, SqlError> {
    cursor.accept(&["as"]);
    Ok(string_value(&cursor.expect_string()?))
}

/// A whole number, perhaps after AS.
pub(super) fn number(cursor: &mut Cursor<'_>) -> Result<u64, SqlError> {
    cursor.accept(&["as"]);
    let error = cursor.error();
    let token = cursor.next().filter(|token| token.kind == TokenKind::Number);
    token.and_then(|token| token.text.parse().ok()).ok_or(error)
}

/// A number that need not be there.
pub(super) fn optional_number(cursor: &mut Cursor<'_>) {
    if cursor.peek().is_some_and(|token| token.kind == TokenKind::Number) {
        cursor.next();
    }
}

/// The number of MAXERROR.
pub(super) fn max_error(cursor: &mut Cursor<'_>) -> Result<u64, SqlError> {
    let count = number(cursor)?;
    within("MAXERROR", count, 0, MOST_ERRORS)?;
    Ok(count)
}

/// Refuses what is no name of an AWS Region, such as `us-gov-west-1`. More cannot be known: a bucket of this machine is in none.
pub(super) fn check_region(name: &str) -> Result<(), SqlError> {
    let is_all = |part: &str, kind: fn(&u8) -> bool| !part.is_empty() && part.bytes().all(|byte| kind(&byte));
    let parts: Vec<&str> = name.split('-').collect();
    match parts.as_slice() {
        [words @ .., number]
            if words.len() > 1
                && words.iter().all(|word| is_all(word, u8::is_ascii_lowercase))
                && is_all(number, u8::is_ascii_digit) =>
        {
            Ok(())
        }
        _ => Err(refused(format!(
            "Invalid REGION '{name}': it is no name of an AWS Region"
        ))),
    }
}

/// Refuses a number that is out of its bounds.
pub(super) fn within(name: &str, number: u64, least: u64, most: u64) -> Result<(), SqlError> {
    if (least..=most).contains(&number) {
        return Ok(());
    }
    Err(refused(format!(
        "{name} {number} is outside of {least} to {most}"
    )))
}

/// One character or several, of which octal digits give the bytes in UTF-8.
pub(super) fn delimiter(cursor: &mut Cursor<'_>) -> Result<Vec<u8>, SqlError> {
    let value = text(cursor)?;
    if value.is_empty() {
        return Err(refused("COPY DELIMITER must not be empty"));
    }
    if value.contains(['\n', '\r', char::REPLACEMENT_CHARACTER]) {
        return Err(refused("COPY DELIMITER must be UTF-8 without line breaks"));
    }
    Ok(value.into_bytes())
}

/// One ASCII character, as itself, as `\t` or as `\ddd`.
pub(super) fn one_character(name: &str, cursor: &mut Cursor<'_>) -> Result<u8, SqlError> {
    let value = text(cursor)?;
    match value.as_bytes() {
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err(refused(format!("COPY {name} must be a single ASCII character"))),
    }
}

/// The replacement must be one ASCII character other than NUL; `?` when none is given.
pub(super) fn replacement(cursor: &mut Cursor<'_>) -> Result<u8, SqlError> {
    let has_value =
        cursor.looks_at(&["as"]) || cursor.peek().is_some_and(|token| token.kind == TokenKind::String);
    if !has_value {
        return Ok(b'?');
    }
    match one_character("ACCEPTINVCHARS", cursor)? {
        0 => Err(refused("COPY ACCEPTINVCHARS must not be NULL")),
        byte => Ok(byte),
    }
}

/// `'label:width,label:width'`.
pub(super) fn widths(cursor: &mut Cursor<'_>) -> Result<Vec<(String, usize)>, SqlError> {
    let specification = text(cursor)?;
    let column = |part: &str| {
        let (label, width) = part.rsplit_once(':')?;
        let width = width.trim().parse().ok().filter(|width| *width > 0)?;
        let label = label.trim();
        (!label.is_empty()).then(|| (label.to_owned(), width))
    };
    let columns: Option<Vec<_>> = specification.split(',').map(column).collect();
    columns.ok_or_else(|| refused(format!("Invalid fixed width specification '{specification}'")))
}

/// `'auto'`, `'noshred'` or a paths file.
pub(super) fn json_fields(option: &str, cursor: &mut Cursor<'_>) -> Result<JsonFields, SqlError> {
    cursor.accept(&["as"]);
    if !cursor.peek().is_some_and(|token| token.kind == TokenKind::String) {
        return Ok(JsonFields::Auto);
    }
    let value = text(cursor)?;
    match value.to_ascii_lowercase().as_str() {
        "auto" => Ok(JsonFields::Auto),
        "auto ignorecase" => Ok(JsonFields::AutoIgnoreCase),
        "noshred" if option == "JSON" => Ok(JsonFields::NoShred),
        path if path.starts_with("s3://") => Ok(JsonFields::Paths(value)),
        _ => Err(refused(format!(
            "Invalid {option} option '{value}': expected 'auto', 'auto ignorecase', 's3://…' or, for JSON, 'noshred'"
        ))),
    }
}

/// The name of an encoding, in quotes or not.
pub(super) fn encoding(cursor: &mut Cursor<'_>) -> Result<Encoding, SqlError> {
    cursor.accept(&["as"]);
    let error = cursor.error();
    let Some(token) = cursor.next() else {
        return Err(error);
    };
    let name = if token.kind == TokenKind::String {
        string_value(&token)
    } else {
        token.text.to_owned()
    };
    match name.to_ascii_uppercase().as_str() {
        "UTF8" => Ok(Encoding::Utf8),
        "UTF16" => Ok(Encoding::Utf16),
        "UTF16LE" => Ok(Encoding::Utf16LittleEndian),
        "UTF16BE" => Ok(Encoding::Utf16BigEndian),
        "ISO88591" => Ok(Encoding::Latin1),
        _ => Err(error),
    }
}

/// `'\N'` is the null marker and not the letter N, so only escapes that name a byte are resolved.
pub(super) fn null_string(cursor: &mut Cursor<'_>) -> Result<Vec<u8>, SqlError> {
    cursor.accept(&["as"]);
    let token = cursor.expect_string()?;
    let is_marker = matches!(token.text, r"'\N'" | r"'\\N'");
    Ok(if is_marker {
        b"\\N".to_vec()
    } else {
        string_value(&token).into_bytes()
    })
}

/// The text of DATEFORMAT or TIMEFORMAT.
pub(super) fn time_format(option: &str, text: String) -> Result<TimeFormat, SqlError> {
    match text.as_str() {
        "auto" => Ok(TimeFormat::Auto),
        "epochsecs" => Ok(TimeFormat::EpochSeconds),
        "epochmillisecs" => Ok(TimeFormat::EpochMilliseconds),
        pattern => match pattern_fault(pattern) {
            Some(fault) => Err(refused(format!("COPY {option} '{pattern}' {fault}"))),
            None => Ok(TimeFormat::Pattern(text)),
        },
    }
}

/// What no pattern may have: <https://docs.aws.amazon.com/redshift/latest/dg/r_DATEFORMAT_and_TIMEFORMAT_strings.html>.
fn pattern_fault(pattern: &str) -> Option<String> {
    const ZONES: [&str; 2] = ["OF", "TZ"];
    let upper = pattern.to_ascii_uppercase();
    let mut rest = upper.as_str();
    let mut seen: Vec<&'static str> = Vec::new();
    while let Some(first) = rest.chars().next() {
        let Some(name) = pattern_field(rest) else {
            if let Some(zone) = ZONES.into_iter().find(|zone| rest.starts_with(zone)) {
                return Some(format!("has the time zone specifier {zone}: use 'auto'"));
            }
            rest = &rest[first.len_utf8()..];
            continue;
        };
        if let Some(other) = seen.iter().find(|other| is_same_part(other, name)) {
            return Some(format!("has {name} beside {other}"));
        }
        seen.push(name);
        rest = &rest[name.len()..];
    }
    seen.is_empty().then(|| "has no field".to_owned())
}

/// Whether two fields of a pattern are the same part of a moment.
fn is_same_part(one: &str, other: &str) -> bool {
    const PARTS: [&[&str]; 4] = [
        &["YYYY", "YY"],
        &["MONTH", "MON", "MM"],
        &["HH24", "HH12", "HH"],
        &["AM", "PM"],
    ];
    one == other
        || PARTS
            .iter()
            .any(|part| part.contains(&one) && part.contains(&other))
}
