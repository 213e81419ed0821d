//! What a cell of the tables says, whatever column it is in.

use super::RuleFault;

pub(super) fn non_blank(text: &Option<String>) -> Option<String> {
    text.as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

/// What a cell that holds Y or N says; `None` when it holds neither.
pub(super) fn flag(text: &str) -> Option<bool> {
    match text.trim() {
        "Y" | "y" => Some(true),
        "N" | "n" => Some(false),
        _ => None,
    }
}

/// A flag that must be there.
pub(super) fn is_yes(column: &str, text: &str) -> Result<bool, RuleFault> {
    flag(text).ok_or_else(|| RuleFault::new(column, format!("{:?} is neither Y nor N", text.trim())))
}

/// A flag that may be missing.
pub(super) fn optional_flag(column: &str, text: &Option<String>) -> Result<Option<bool>, RuleFault> {
    let text = non_blank(text);
    text.map(|text| is_yes(column, &text)).transpose()
}

pub(super) fn word<T>(
    column: &str,
    text: &Option<String>,
    default: &str,
    parse: impl Fn(&str) -> Option<T>,
    choices: &str,
) -> Result<T, RuleFault> {
    let text = non_blank(text).unwrap_or_else(|| default.to_owned());
    parse(&text).ok_or_else(|| RuleFault::new(column, format!("{text:?} is none of {choices}")))
}

pub(super) fn one_character(text: &str) -> Option<u8> {
    let trimmed = if text.trim().is_empty() { text } else { text.trim() };
    let byte = match trimmed.as_bytes() {
        [byte] => *byte,
        [b'\\', b't'] => b'\t',
        [b'\\', octal @ ..] if octal.len() == 3 => {
            u8::from_str_radix(std::str::from_utf8(octal).ok()?, 8).ok()?
        }
        _ => return None,
    };
    (byte.is_ascii() && byte != 0 && byte != b'\n' && byte != b'\r').then_some(byte)
}
