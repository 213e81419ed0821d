//! Texts as YAML writes them, so that any reader of YAML reads the same text and nothing else.

use longshore_domain::one_line::one_line;

/// Words that are more than texts to some reader.
const WORDS: [&str; 12] = [
    "null", "true", "false", "yes", "no", "on", "off", "y", "n", "~", "nan", "inf",
];

/// A text as the value of a field that is indented by so much; begins where the value begins and ends without a line break.
pub fn scalar(text: &str, indent: usize) -> String {
    if is_plain(text) {
        text.to_owned()
    } else if is_block(text) {
        let margin = " ".repeat(indent + 2);
        let lines: Vec<_> = text
            .split('\n')
            .map(|line| match line {
                "" => String::new(),
                line => format!("{margin}{line}"),
            })
            .collect();
        format!("|-\n{}", lines.join("\n"))
    } else {
        quoted(text)
    }
}

/// A line of comment, with its line break. What it says may be the name of a file or a piece of one: it ends nowhere but there.
pub fn comment(text: &str) -> String {
    format!("# {}\n", one_line(text))
}

fn is_plain(text: &str) -> bool {
    let begins = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let is_word = WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    let is_tame =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.' | '/');
    begins && !is_word && text.chars().all(is_tame)
}

/// Lines that a block keeps as they are, and that people want to read as lines.
fn is_block(text: &str) -> bool {
    let mut lines = text.split('\n');
    let first = lines.clone().next().unwrap_or_default();
    let last = lines.clone().next_back().unwrap_or_default();
    let is_edge = |line: &str| !line.trim().is_empty();
    let is_kept = |line: &str| {
        let is_blank = line.trim().is_empty();
        (!is_blank || line.is_empty()) && !line.chars().any(is_odd)
    };
    text.contains('\n')
        && is_edge(first)
        && !first.starts_with([' ', '\t'])
        && is_edge(last)
        && lines.all(is_kept)
}

fn is_odd(character: char) -> bool {
    character.is_control() || matches!(character, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            odd if is_odd(odd) => quoted.push_str(&format!("\\u{:04X}", u32::from(odd))),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tree::{Content, read};
    use super::*;

    fn read_back(written: &str) -> Content {
        let document = format!("rules:\n  - before: a\n    field: {written}\n    after: b\n");
        let node = read(&document).unwrap_or_else(|fault| panic!("{fault:?} in\n{document}"));
        let Content::Map(fields) = node.content else {
            panic!("{document}")
        };
        let Content::List(items) = &fields[0].1.content else {
            panic!("{document}")
        };
        let Content::Map(fields) = &items[0].content else {
            panic!("{document}")
        };
        assert_eq!(fields.len(), 3, "{document}");
        fields[1].1.content.clone()
    }

    #[test]
    fn what_some_reader_takes_for_something_else_is_quoted() {
        for text in [
            "701.", "N", "", "no", "null", "|", ", ", "1e3", "- a", "a: b", "#x", "C:\\x",
        ] {
            assert_eq!(scalar(text, 4), quoted(text), "{text}");
        }
        for text in ["rdsftetl", "s3-prefix/a_b.csv", "_x"] {
            assert_eq!(scalar(text, 4), text);
        }
    }

    #[test]
    fn statements_of_several_lines_stay_lines() {
        assert_eq!(
            scalar("SELECT 1\n\n  FROM t", 4),
            "|-\n      SELECT 1\n\n        FROM t"
        );
    }

    proptest! {
        #[test]
        fn every_text_is_read_back_as_it_was(text in "\\PC*|[ -~\n\t]{0,40}|[a\n \t:#'\"-]{0,12}|\\u{85}?[\u{0}-\u{1f}a]{0,5}") {
            prop_assert_eq!(read_back(&scalar(&text, 4)), Content::Text(text));
        }
    }
}
