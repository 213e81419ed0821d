//! Texts that others wrote, such as the names of their files, where people read them line by line.
//!
//! ```
//! use longshore_domain::one_line::one_line;
//!
//! assert_eq!(one_line("a.txt\nError: none"), r"a.txt\nError: none");
//! ```

use std::borrow::Cow;

/// Whether a screen does something with a character instead of showing it: control characters, line breaks of every kind, and
/// what turns the direction of writing round.
pub fn is_acted_on(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}')
        || is_turning(character)
}

/// Whether a character changes the direction of writing.
pub fn is_turning(character: char) -> bool {
    matches!(
        character,
        '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

/// The text on one line, in which nothing is left that is not shown as it is: it can neither end its line and begin one that says
/// what its writer likes, nor be read backwards.
pub fn one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(is_acted_on) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for one in text.chars() {
        match is_acted_on(one) {
            true => shown.extend(one.escape_default()),
            false => shown.push(one),
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_screen_would_do_is_shown_instead() {
        for (text, expected) in [
            ("plain é \u{1f600}\\", "plain é \u{1f600}\\"),
            ("a\r\nb\tc", r"a\r\nb\tc"),
            ("a\u{1b}[2Jb\u{7f}\u{85}\u{9b}", r"a\u{1b}[2Jb\u{7f}\u{85}\u{9b}"),
            ("a\u{2028}b\u{2029}c\u{feff}", r"a\u{2028}b\u{2029}c\u{feff}"),
            ("x\u{202e}txt.exe", r"x\u{202e}txt.exe"),
        ] {
            assert_eq!(one_line(text), expected);
        }
    }
}
