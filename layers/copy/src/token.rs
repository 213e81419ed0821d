//! The tokens of a rule's `copy_options`.

/// A token and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// The first character's position, counted from 1.
    pub(crate) position: usize,
    pub(crate) kind: TokenKind,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// Letters, digits and `_`, not beginning with a digit.
    Word(String),
    /// Digits.
    Number(String),
    /// A quoted text, its doubled quotes undone.
    Text(String),
    /// A quoted text whose closing quote is missing.
    OpenText,
    /// Anything else.
    Symbol(char),
}

/// Cuts a text into tokens. Blanks and commas, which COPY's grammar allows between options, only part them.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let characters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut next = 0;
    while let Some(character) = characters.get(next).copied() {
        let start = next;
        let kind = match character {
            _ if character.is_whitespace() || character == ',' || character == ';' => {
                next += 1;
                continue;
            }
            '\'' => quoted(&characters, &mut next),
            '0'..='9' => TokenKind::Number(run(&characters, &mut next, |c| c.is_ascii_digit())),
            _ if is_word(character) => TokenKind::Word(run(&characters, &mut next, is_word)),
            other => {
                next += 1;
                TokenKind::Symbol(other)
            }
        };
        tokens.push(Token {
            position: start + 1,
            kind,
        });
    }
    tokens
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn run(characters: &[char], next: &mut usize, belongs: impl Fn(char) -> bool) -> String {
    let start = *next;
    while characters.get(*next).is_some_and(|character| belongs(*character)) {
        *next += 1;
    }
    characters[start..*next].iter().collect()
}

fn quoted(characters: &[char], next: &mut usize) -> TokenKind {
    let mut text = String::new();
    *next += 1;
    loop {
        match (characters.get(*next), characters.get(*next + 1)) {
            (Some('\''), Some('\'')) => {
                text.push('\'');
                *next += 2;
            }
            (Some('\''), _) => {
                *next += 1;
                return TokenKind::Text(text);
            }
            (Some(character), _) => {
                text.push(*character);
                *next += 1;
            }
            (None, _) => return TokenKind::OpenText,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_numbers_and_texts_are_told_apart_with_their_places() {
        let kinds: Vec<(usize, TokenKind)> = tokens("MAXERROR 10, NULL AS 'it''s' =")
            .into_iter()
            .map(|token| (token.position, token.kind))
            .collect();
        assert_eq!(
            kinds,
            [
                (1, TokenKind::Word("MAXERROR".into())),
                (10, TokenKind::Number("10".into())),
                (14, TokenKind::Word("NULL".into())),
                (19, TokenKind::Word("AS".into())),
                (22, TokenKind::Text("it's".into())),
                (30, TokenKind::Symbol('=')),
            ]
        );
    }

    #[test]
    fn a_text_without_its_closing_quote_is_noticed() {
        assert_eq!(
            tokens("'abc''").pop().map(|token| token.kind),
            Some(TokenKind::OpenText)
        );
    }
}
