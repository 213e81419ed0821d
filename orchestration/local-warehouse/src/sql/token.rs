//! A lossless lexer: the tokens of a text, put together again, are the text.
//!
//! Redshift's strings take backslash escapes, as PostgreSQL's did in version 8, from which it stems.

use super::SqlError;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A keyword or a plain name.
    Word,
    /// `"a name"`.
    QuotedName,
    /// `'text'`, with its prefix if it has one.
    String,
    /// `$tag$ … $tag$`.
    DollarString,
    /// A number without sign.
    Number,
    /// `:name`, a parameter of the Data API.
    Parameter,
    /// An operator or a punctuation mark.
    Symbol,
    /// Blanks and line breaks.
    Space,
    /// `-- …` or `/* … */`.
    Comment,
}

/// A piece of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    /// What it is.
    pub(crate) kind: TokenKind,
    /// Its text as written.
    pub(crate) text: &'a str,
    /// Its byte offset.
    pub(crate) start: usize,
}

impl Token<'_> {
    /// The byte offset after it.
    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether it is this keyword, in any case.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.kind == TokenKind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// Whether it is this punctuation mark.
    pub(crate) fn is_symbol(&self, symbol: &str) -> bool {
        self.kind == TokenKind::Symbol && self.text == symbol
    }

    /// Whether it means anything to the grammar.
    pub(crate) fn is_significant(&self) -> bool {
        !matches!(self.kind, TokenKind::Space | TokenKind::Comment)
    }
}

/// Cuts a text into tokens that cover it without a gap.
///
/// # Errors
/// [`SqlError::Syntax`] when a string, a quoted name or a comment does not end.
pub(crate) fn tokenize(text: &str) -> Result<Vec<Token<'_>>, SqlError> {
    let mut tokens = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let (kind, length) = next_token(text, start, tokens.last())?;
        tokens.push(Token {
            kind,
            text: &text[start..start + length],
            start,
        });
        start += length;
    }
    Ok(tokens)
}

fn next_token(
    text: &str,
    start: usize,
    previous: Option<&Token<'_>>,
) -> Result<(TokenKind, usize), SqlError> {
    let rest = &text[start..];
    let bytes = rest.as_bytes();
    let first = bytes[0];
    let second = bytes.get(1).copied().unwrap_or(0);
    let token = match first {
        byte if byte.is_ascii_whitespace() => {
            (TokenKind::Space, count_while(rest, |c| c.is_ascii_whitespace()))
        }
        b'-' if second == b'-' => (TokenKind::Comment, rest.find('\n').unwrap_or(rest.len())),
        b'/' if second == b'*' => (TokenKind::Comment, block_comment(rest, start)?),
        b'\'' => (TokenKind::String, quoted(rest, 0, start)?),
        b'e' | b'E' | b'n' | b'N' | b'b' | b'B' | b'x' | b'X' if second == b'\'' => {
            (TokenKind::String, quoted(rest, 1, start)?)
        }
        b'"' => (TokenKind::QuotedName, quoted_name(rest, start)?),
        b'$' => dollar(rest, start)?,
        b'0'..=b'9' => (TokenKind::Number, number(rest)),
        b'.' if second.is_ascii_digit() => (TokenKind::Number, number(rest)),
        b':' if is_parameter(second, previous) => (
            TokenKind::Parameter,
            1 + count_while(&rest[1..], |c| c.is_ascii_alphanumeric() || c == '_'),
        ),
        b':' if second == b':' => (TokenKind::Symbol, 2),
        byte if byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80 => {
            (TokenKind::Word, count_while(rest, is_name_character))
        }
        _ => (TokenKind::Symbol, 1),
    };
    Ok(token)
}

/// `:name`, but not the second half of `a[1:n]` or `x::name`.
fn is_parameter(second: u8, previous: Option<&Token<'_>>) -> bool {
    let after_operand = previous.is_some_and(|token| {
        matches!(
            token.kind,
            TokenKind::Number | TokenKind::Word | TokenKind::QuotedName
        ) || token.is_symbol("]")
            || token.is_symbol("[")
    });
    (second.is_ascii_alphanumeric() || second == b'_') && !after_operand
}

fn is_name_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '$') || !character.is_ascii()
}

fn count_while(text: &str, accept: impl Fn(char) -> bool) -> usize {
    text.find(|character| !accept(character)).unwrap_or(text.len())
}

fn number(text: &str) -> usize {
    let mut length = count_while(text, |c| c.is_ascii_digit() || c == '.');
    let exponent = text[length..].strip_prefix(['e', 'E']);
    if let Some(exponent) = exponent {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if digits.starts_with(|c: char| c.is_ascii_digit()) {
            length = text.len() - digits.len() + count_while(digits, |c| c.is_ascii_digit());
        }
    }
    length
}

fn block_comment(text: &str, start: usize) -> Result<usize, SqlError> {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0_usize, 0);
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" if depth == 1 => return Ok(at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    Err(unterminated("/* comment", start))
}

/// A string whose opening quote is at `open`: `''` and `\'` stay inside.
fn quoted(text: &str, open: usize, start: usize) -> Result<usize, SqlError> {
    let bytes = text.as_bytes();
    let mut at = open + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'\'' if bytes.get(at + 1) == Some(&b'\'') => at += 2,
            b'\'' => return Ok(at + 1),
            _ => at += 1,
        }
    }
    Err(unterminated("quoted string", start))
}

fn quoted_name(text: &str, start: usize) -> Result<usize, SqlError> {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'"' if bytes.get(at + 1) == Some(&b'"') => at += 2,
            b'"' => return Ok(at + 1),
            _ => at += 1,
        }
    }
    Err(unterminated("quoted identifier", start))
}

/// `$tag$ … $tag$`, `$1`, or a lone dollar sign.
fn dollar(text: &str, start: usize) -> Result<(TokenKind, usize), SqlError> {
    let digits = count_while(&text[1..], |c| c.is_ascii_digit());
    if digits > 0 {
        return Ok((TokenKind::Symbol, 1 + digits));
    }
    let tag = count_while(&text[1..], |c| c.is_alphanumeric() || c == '_');
    if !text[1 + tag..].starts_with('$') {
        return Ok((TokenKind::Symbol, 1));
    }
    let delimiter = &text[..tag + 2];
    match text[delimiter.len()..].find(delimiter) {
        Some(body) => Ok((TokenKind::DollarString, body + 2 * delimiter.len())),
        None => Err(unterminated("dollar-quoted string", start)),
    }
}

fn unterminated(what: &str, offset: usize) -> SqlError {
    SqlError::Syntax {
        message: format!("unterminated {what}"),
        offset,
    }
}

/// The one statement in a text, without its final semicolon; None when there are two or none.
pub(crate) fn single_statement(text: &str) -> Result<Option<&str>, SqlError> {
    let tokens = tokenize(text)?;
    let mut end = None;
    let mut has_content = false;
    for token in tokens.iter().filter(|token| token.is_significant()) {
        if token.is_symbol(";") {
            end = end.or(has_content.then_some(token.start));
        } else if end.is_some() {
            return Ok(None);
        } else {
            has_content = true;
        }
    }
    Ok(has_content.then(|| &text[..end.unwrap_or(text.len())]))
}

/// What a string token means, its escapes resolved.
pub(crate) fn string_value(token: &Token<'_>) -> String {
    if token.kind == TokenKind::DollarString {
        let tag = token.text[1..].find('$').map_or(0, |at| at + 2);
        return token.text[tag..token.text.len() - tag].to_owned();
    }
    let body = token.text.trim_start_matches(|c: char| c != '\'');
    let body = body.get(1..body.len().saturating_sub(1)).unwrap_or_default();
    let mut bytes = Vec::with_capacity(body.len());
    let mut rest = body.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = match first {
            b'\'' => {
                bytes.push(b'\'');
                tail.strip_prefix(b"'").unwrap_or(tail)
            }
            b'\\' => unescape(tail, &mut bytes),
            other => {
                bytes.push(other);
                tail
            }
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Resolves what stands after a backslash, and returns what stands after that.
fn unescape<'a>(text: &'a [u8], bytes: &mut Vec<u8>) -> &'a [u8] {
    let Some((&first, tail)) = text.split_first() else {
        bytes.push(b'\\');
        return text;
    };
    let octal = text
        .iter()
        .take(3)
        .take_while(|byte| (b'0'..=b'7').contains(byte))
        .count();
    if octal > 0 {
        let value = text[..octal]
            .iter()
            .fold(0_u32, |value, digit| value * 8 + u32::from(digit - b'0'));
        bytes.push(u8::try_from(value & 0xff).unwrap_or_default());
        return &text[octal..];
    }
    match first {
        b't' => bytes.push(b'\t'),
        b'n' => bytes.push(b'\n'),
        b'r' => bytes.push(b'\r'),
        b'b' => bytes.push(8),
        b'f' => bytes.push(12),
        other => bytes.push(other),
    }
    tail
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(TokenKind, &str)> {
        let tokens = tokenize(text).unwrap();
        let whole: String = tokens.iter().map(|token| token.text).collect();
        assert_eq!(whole, text, "the tokens cover the text");
        tokens
            .iter()
            .filter(|token| token.is_significant())
            .map(|token| (token.kind, token.text))
            .collect()
    }

    #[test]
    fn each_kind_of_token_is_recognised() {
        use TokenKind::*;
        let cases: [(&str, &[(TokenKind, &str)]); 12] = [
            ("select 1.5e-3", &[(Word, "select"), (Number, "1.5e-3")]),
            ("'it''s'", &[(String, "'it''s'")]),
            (r"'it\'s'x", &[(String, r"'it\'s'"), (Word, "x")]),
            (r"E'a\\'", &[(String, r"E'a\\'")]),
            ("'us-east-1'gzip", &[(String, "'us-east-1'"), (Word, "gzip")]),
            (r#""A ""b""" c"#, &[(QuotedName, r#""A ""b""""#), (Word, "c")]),
            (
                "$$ ' ; $$ $a$ $$ $a$",
                &[(DollarString, "$$ ' ; $$"), (DollarString, "$a$ $$ $a$")],
            ),
            ("$1+$2", &[(Symbol, "$1"), (Symbol, "+"), (Symbol, "$2")]),
            ("/* a /* b */ */ x -- c", &[(Word, "x")]),
            ("a::int", &[(Word, "a"), (Symbol, "::"), (Word, "int")]),
            ("= :id)", &[(Symbol, "="), (Parameter, ":id"), (Symbol, ")")]),
            ("größe", &[(Word, "größe")]),
        ];
        for (text, expected) in cases {
            assert_eq!(kinds(text), expected, "{text}");
        }
    }

    #[test]
    fn what_does_not_end_is_reported_where_it_begins() {
        for (text, offset) in [("select 'x", 7), ("\"x", 0), ("a /* b", 2), ("a $x$ b", 2)] {
            let Err(SqlError::Syntax { offset: found, .. }) = tokenize(text) else {
                panic!("{text} was accepted");
            };
            assert_eq!(found, offset, "{text}");
        }
    }

    #[test]
    fn a_single_statement_is_told_from_two() {
        assert_eq!(single_statement("select 1;  -- done").unwrap(), Some("select 1"));
        assert_eq!(single_statement("select ';'").unwrap(), Some("select ';'"));
        assert_eq!(single_statement("select 1; select 2").unwrap(), None);
        assert_eq!(single_statement(" ; -- nothing").unwrap(), None);
    }

    #[test]
    fn escapes_in_strings_are_resolved() {
        for (text, value) in [
            (r"'\t'", "\t"),
            (r"'\001'", "\u{1}"),
            (r"'a''b\\'", r"a'b\"),
            ("$$x'$$", "x'"),
        ] {
            assert_eq!(string_value(&tokenize(text).unwrap()[0]), value, "{text}");
        }
    }
}
