//! Texts within SQL, quoted by type.
//!
//! Redshift reads a backslash in an ordinary literal as an escape, as PostgreSQL did before
//! `standard_conforming_strings`; PostgreSQL 15 reads it as itself. The manual shows it in passing, where LIKE wants its
//! escape character written twice (<https://docs.aws.amazon.com/redshift/latest/dg/r_patternmatching_condition_like.html>),
//! and jOOQ (issue 10628) and sqlparser-rs (pull request 1801) found it by trying. Doubling quotes alone would let
//! `\'` end a literal; doubling backslashes too would store two of them on PostgreSQL. So no literal of ours holds a
//! backslash: in expressions it is `CHR(92)`, and in COPY options, which take no expressions, it is refused.

use std::fmt;

/// A text for use in an expression: `'it''s'`, or `('a' || CHR(92) || 'b')` for a text with a backslash.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Literal(String);

impl Literal {
    /// Takes any text but one with a NUL, which no warehouse text can hold.
    pub fn new(text: impl Into<String>) -> Result<Self, LiteralError> {
        let text = text.into();
        if text.contains('\0') {
            return Err(LiteralError::Nul);
        }
        Ok(Self(text))
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.contains('\\') {
            return write_quoted(formatter, &self.0);
        }
        formatter.write_str("(")?;
        for (index, part) in self.0.split('\\').enumerate() {
            if index > 0 {
                formatter.write_str(" || CHR(92) || ")?;
            }
            write_quoted(formatter, part)?;
        }
        formatter.write_str(")")
    }
}

/// A text as the argument of a COPY option, where only a plain literal may stand.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OptionText(String);

impl OptionText {
    /// Takes any text but one with a NUL or a backslash.
    pub fn new(text: impl Into<String>) -> Result<Self, LiteralError> {
        let text = text.into();
        if text.contains('\0') {
            return Err(LiteralError::Nul);
        }
        if text.contains('\\') {
            return Err(LiteralError::Backslash);
        }
        Ok(Self(text))
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OptionText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_quoted(formatter, &self.0)
    }
}

/// The delimiter of delimited text. COPY knows the octal `\ddd` for what does not print, so a lexer that takes it for an
/// escape and one that hands it on to COPY come to the same byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct DelimiterText(pub(crate) u8);

impl fmt::Display for DelimiterText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            b'\t' => formatter.write_str(r"'\t'"),
            b'\'' | b'\\' => write!(formatter, r"'\{:03o}'", self.0),
            byte if byte == b' ' || byte.is_ascii_graphic() => write!(formatter, "'{}'", char::from(byte)),
            byte => write!(formatter, r"'\{byte:03o}'"),
        }
    }
}

fn write_quoted(formatter: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    write!(formatter, "'{}'", text.replace('\'', "''"))
}

/// Why a text cannot stand in SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LiteralError {
    /// It holds a NUL character.
    #[error("the text holds a NUL character, which no warehouse text can hold")]
    Nul,
    /// It holds a backslash, which engines read in different ways.
    #[error("the text holds a backslash, which is no safe character in a COPY option; leave it out")]
    Backslash,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_doubled() {
        assert_eq!(Literal::new("it's").unwrap().to_string(), "'it''s'");
    }

    #[test]
    fn a_backslash_becomes_an_expression_that_every_engine_reads_alike() {
        let literal = Literal::new(r"a\'b\").unwrap();
        assert_eq!(literal.to_string(), "('a' || CHR(92) || '''b' || CHR(92) || '')");
    }

    #[test]
    fn a_nul_is_refused() {
        assert_eq!(Literal::new("a\0b"), Err(LiteralError::Nul));
        assert_eq!(OptionText::new("a\0b"), Err(LiteralError::Nul));
    }

    #[test]
    fn an_option_takes_no_backslash() {
        assert_eq!(OptionText::new(r"\x"), Err(LiteralError::Backslash));
        assert_eq!(OptionText::new("it's").unwrap().to_string(), "'it''s'");
    }

    #[test]
    fn a_delimiter_that_does_not_print_is_octal() {
        let rendered: Vec<String> = [b'|', b',', b' ', b'\t', 1, 0x7f, b'\'', b'\\']
            .into_iter()
            .map(|byte| DelimiterText(byte).to_string())
            .collect();
        assert_eq!(
            rendered,
            [
                "'|'", "','", "' '", r"'\t'", r"'\001'", r"'\177'", r"'\047'", r"'\134'"
            ]
        );
    }
}
