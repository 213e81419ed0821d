//! Text of a file: its encoding and its length in bytes.

use std::borrow::Cow;

use super::fields::Field;
use super::report::RowError;
use super::statement::Conversion;

/// A value for VARCHAR(`most`).
pub(super) fn convert_varchar<'a>(
    field: &Field<'a>,
    most: usize,
    conversion: &Conversion,
) -> Result<Cow<'a, [u8]>, RowError> {
    let bytes = if conversion.trim_blanks {
        field.bytes.trim_ascii_end()
    } else {
        field.bytes
    };
    if field.is_clean {
        return fit(Cow::Borrowed(bytes), most, conversion);
    }
    check_null_terminator(bytes, conversion)?;
    let value = valid_utf8(bytes, conversion.replace_invalid)?;
    fit(value, most, conversion)
}

/// A value for CHAR(`most`), which holds single-byte characters alone.
pub(super) fn convert_char<'a>(
    field: &Field<'a>,
    most: usize,
    conversion: &Conversion,
) -> Result<Cow<'a, [u8]>, RowError> {
    let bytes = field.bytes;
    check_null_terminator(bytes, conversion)?;
    if let Some(at) = bytes.iter().position(|byte| !byte.is_ascii()) {
        let reason = "Multibyte character not supported for CHAR (Hint: Try using VARCHAR). Invalid char:";
        let shown: Vec<String> = bytes[at..]
            .iter()
            .take(4)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        return Err(RowError::new(1220, format!("{reason} {}", shown.join(" "))));
    }
    let value = valid_utf8(bytes, None)?;
    // CHAR is blank-padded, so blanks at the end are no surplus.
    if value.len() > most && value.trim_ascii_end().len() <= most {
        let cut = value[..most].to_vec();
        return Ok(Cow::Owned(cut));
    }
    fit(value, most, conversion)
}

/// Lengths are counted in bytes; a cut never splits a character.
fn fit<'a>(value: Cow<'a, [u8]>, most: usize, conversion: &Conversion) -> Result<Cow<'a, [u8]>, RowError> {
    if value.len() <= most {
        return Ok(value);
    }
    if !conversion.truncate_columns {
        return Err(RowError::new(1204, "String length exceeds DDL length"));
    }
    let mut end = most;
    while end > 0 && value[end] & 0xC0 == 0x80 {
        end -= 1;
    }
    Ok(match value {
        Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[..end]),
        Cow::Owned(mut bytes) => {
            bytes.truncate(end);
            Cow::Owned(bytes)
        }
    })
}

/// With `NULL AS '\0'` a NUL stands alone in its field.
fn check_null_terminator(bytes: &[u8], conversion: &Conversion) -> Result<(), RowError> {
    if conversion.null_as == [0] && memchr::memchr(0, bytes).is_some() {
        return Err(RowError::new(
            1218,
            "Field contains a null terminator (NUL) and more than one byte",
        ));
    }
    Ok(())
}

fn valid_utf8(bytes: &[u8], replacement: Option<u8>) -> Result<Cow<'_, [u8]>, RowError> {
    let checked = std::str::from_utf8(bytes);
    let has_nul = memchr::memchr(0, bytes).is_some();
    match (checked, replacement) {
        (Ok(text), _) if !has_nul && (replacement.is_none() || text.chars().all(is_character)) => {
            Ok(Cow::Borrowed(bytes))
        }
        (_, Some(replacement)) => Ok(Cow::Owned(replace_invalid(bytes, replacement))),
        (Ok(_), None) => Err(RowError::nul()),
        (Err(error), None) => Err(RowError::invalid_utf8(bytes, &error)),
    }
}

pub(super) const INVALID: &str =
    "String contains invalid or unsupported UTF8 codepoints. Bad UTF8 hex sequence:";

/// False for NUL and for the code points that Unicode gives to no character; ACCEPTINVCHARS replaces those too.
fn is_character(character: char) -> bool {
    let code = u32::from(character);
    code != 0 && !(0xFDD0..=0xFDEF).contains(&code) && code & 0xFFFE != 0xFFFE
}

/// Each invalid byte becomes one replacement, so the length stays.
pub(super) fn replace_invalid(bytes: &[u8], replacement: u8) -> Vec<u8> {
    let mut valid = Vec::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if is_character(character) {
                valid.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                valid.resize(valid.len() + character.len_utf8(), replacement);
            }
        }
        valid.extend(chunk.invalid().iter().map(|_| replacement));
    }
    valid
}

#[cfg(test)]
mod tests {
    use super::super::fields::FieldKind;
    use super::*;

    fn field(bytes: &[u8]) -> Field<'_> {
        Field {
            bytes,
            kind: FieldKind::Plain,
            position: 0,
            is_clean: false,
        }
    }

    #[test]
    fn lengths_count_bytes() {
        let strict = Conversion::default();
        assert_eq!(
            &*convert_varchar(&field("äö".as_bytes()), 4, &strict).unwrap(),
            "äö".as_bytes()
        );
        let error = convert_varchar(&field("äöü".as_bytes()), 5, &strict).unwrap_err();
        assert_eq!(
            (error.code, error.reason.as_str()),
            (1204, "String length exceeds DDL length")
        );
        let cutting = Conversion {
            truncate_columns: true,
            ..Conversion::default()
        };
        assert_eq!(
            &*convert_varchar(&field("äöü".as_bytes()), 5, &cutting).unwrap(),
            "äö".as_bytes()
        );
    }

    #[test]
    fn invalid_text_is_named_or_replaced() {
        let error = convert_varchar(&field(b"a\xE9b"), 9, &Conversion::default()).unwrap_err();
        assert_eq!(error.code, 1220);
        assert!(
            error.reason.contains("Bad UTF8 hex sequence: e9"),
            "{}",
            error.reason
        );
        let replacing = Conversion {
            replace_invalid: Some(b'^'),
            ..Conversion::default()
        };
        assert_eq!(
            &*convert_varchar(&field(b"a\xE9\xE9b"), 9, &replacing).unwrap(),
            b"a^^b"
        );
        assert_eq!(
            &*convert_varchar(&field("a\u{FDD0}b".as_bytes()), 9, &replacing).unwrap(),
            b"a^^^b"
        );
        assert!(
            convert_char(&field("ä".as_bytes()), 9, &Conversion::default())
                .unwrap_err()
                .reason
                .contains("c3 a4")
        );
    }
}
