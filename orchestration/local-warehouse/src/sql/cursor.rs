//! A walk over the tokens that mean something.

use super::{SqlError, Token, TokenKind};

/// A position among the significant tokens of a text.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
    end: usize,
}

impl<'a> Cursor<'a> {
    /// At the first significant token.
    pub(crate) fn new(tokens: &[Token<'a>]) -> Self {
        let end = tokens.last().map_or(0, Token::end);
        let tokens = tokens.iter().copied().filter(Token::is_significant).collect();
        Self { tokens, at: 0, end }
    }

    /// The token here.
    pub(crate) fn peek(&self) -> Option<&Token<'a>> {
        self.tokens.get(self.at)
    }

    /// The token `distance` after this one.
    pub(crate) fn peek_at(&self, distance: usize) -> Option<&Token<'a>> {
        self.tokens.get(self.at + distance)
    }

    /// The token here; moves on.
    pub(crate) fn next(&mut self) -> Option<Token<'a>> {
        let token = self.tokens.get(self.at).copied();
        self.at += usize::from(token.is_some());
        token
    }

    /// Whether the words that follow are these.
    pub(crate) fn looks_at(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(distance, word)| {
            self.peek_at(distance)
                .is_some_and(|token| token.is_word(word) || token.is_symbol(word))
        })
    }

    /// Moves over these words if they follow.
    pub(crate) fn accept(&mut self, words: &[&str]) -> bool {
        let found = self.looks_at(words);
        if found {
            self.at += words.len();
        }
        found
    }

    /// Moves over one word or mark, or says that it is missing.
    pub(crate) fn expect(&mut self, word: &str) -> Result<(), SqlError> {
        if self.accept(&[word]) {
            Ok(())
        } else {
            Err(self.error())
        }
    }

    /// A string literal.
    pub(crate) fn expect_string(&mut self) -> Result<Token<'a>, SqlError> {
        match self.peek() {
            Some(token) if matches!(token.kind, TokenKind::String | TokenKind::DollarString) => {
                let token = *token;
                self.at += 1;
                Ok(token)
            }
            _ => Err(self.error()),
        }
    }

    /// A syntax error at this token.
    pub(crate) fn error(&self) -> SqlError {
        SqlError::near(self.peek(), self.end)
    }

    /// With the cursor at `(`: moves after the matching `)` and returns its token.
    pub(crate) fn skip_parentheses(&mut self) -> Result<Token<'a>, SqlError> {
        if !self.peek().is_some_and(|token| token.is_symbol("(")) {
            return Err(self.error());
        }
        let mut depth = 0_usize;
        while let Some(token) = self.next() {
            match token.text {
                "(" if token.kind == TokenKind::Symbol => depth += 1,
                ")" if token.kind == TokenKind::Symbol => {
                    depth -= 1;
                    if depth == 0 {
                        return Ok(token);
                    }
                }
                _ => {}
            }
        }
        Err(self.error())
    }

    /// A name of up to three parts, as written.
    pub(crate) fn qualified_name(&mut self) -> Result<String, SqlError> {
        let mut name = self.name()?;
        while self.accept(&["."]) {
            name.push('.');
            name.push_str(&self.name()?);
        }
        Ok(name)
    }

    /// One plain or quoted name, as written.
    pub(crate) fn name(&mut self) -> Result<String, SqlError> {
        match self.peek() {
            Some(token) if matches!(token.kind, TokenKind::Word | TokenKind::QuotedName) => {
                let text = token.text.to_owned();
                self.at += 1;
                Ok(text)
            }
            _ => Err(self.error()),
        }
    }

    /// The byte offset of the token here, or of the end.
    pub(crate) fn offset(&self) -> usize {
        self.peek().map_or(self.end, |token| token.start)
    }
}
