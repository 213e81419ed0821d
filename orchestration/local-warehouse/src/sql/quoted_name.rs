//! Quoted names, which Redshift folds to lower case like plain ones: <https://docs.aws.amazon.com/redshift/latest/dg/r_names.html>.

use super::{Token, TokenKind, tokenize};

/// The text with the ASCII letters of its quoted names in lower case; every character stays at its place.
///
/// A text that cannot be cut into tokens is left as it is, for whoever refuses it.
pub(crate) fn fold_quoted_names(text: &str) -> String {
    let Ok(tokens) = tokenize(text) else {
        return text.to_owned();
    };
    let mut folded = String::with_capacity(text.len());
    let mut previous: Option<&Token<'_>> = None;
    for token in &tokens {
        let is_body =
            token.kind == TokenKind::DollarString && previous.is_some_and(|previous| previous.is_word("as"));
        match token.kind {
            TokenKind::QuotedName => folded.push_str(&token.text.to_ascii_lowercase()),
            _ if is_body => folded.push_str(&fold_body(token.text)),
            _ => folded.push_str(token.text),
        }
        if token.is_significant() {
            previous = Some(token);
        }
    }
    folded
}

/// The body of a routine, within its `$tag$`s.
fn fold_body(text: &str) -> String {
    let tag = text[1..].find('$').map_or(0, |at| at + 2);
    let inside = &text[tag..text.len() - tag];
    [
        &text[..tag],
        &fold_quoted_names(inside),
        &text[text.len() - tag..],
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_names_lose_their_capitals_and_nothing_else_does() {
        for (text, folded) in [
            ("select \"AbC \"\"D\"\"\", Abc", "select \"abc \"\"d\"\"\", Abc"),
            (
                "select '\"Abc\"' as \"Größe Ä\" -- \"X\"",
                "select '\"Abc\"' as \"größe Ä\" -- \"X\"",
            ),
            ("select $$ \"Abc\" $$", "select $$ \"Abc\" $$"),
            (
                "create procedure \"P\"() as /* x */ $A$ begin v := '\"V\"' || \"T\".\"A\"; end $A$ language plpgsql",
                "create procedure \"p\"() as /* x */ $A$ begin v := '\"V\"' || \"t\".\"a\"; end $A$ language plpgsql",
            ),
            ("select \"Abc\", 'x", "select \"Abc\", 'x"),
        ] {
            assert_eq!(fold_quoted_names(text), folded);
        }
    }
}
