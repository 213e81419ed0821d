//! From the text of a rule's `copy_options` to options, collecting faults on the way.
//!
//! Quoted texts are never repeated in a fault: an operator may have pasted credentials there.

use longshore_domain::rule::RuleFault;

use crate::keyword::{Keyword, OptionWord};
use crate::literal::OptionText;
use crate::option::{CompressionUpdate, CopyOption, NullText, Switch};
use crate::token::{Token, TokenKind, tokens};

const COLUMN: &str = "copy_options";
const MAX_ERRORS: u64 = 100_000;
const COMPRESSION_ROWS: std::ops::RangeInclusive<u64> = 1_000..=2_147_483_647;

/// What a rule's `copy_options` asks for, and what is wrong with it.
#[derive(Debug, Default)]
pub(crate) struct ParsedOptions {
    pub(crate) options: Vec<CopyOption>,
    /// Words of COPY that another column of the rule says, with that column.
    pub(crate) owned: Vec<(String, &'static str)>,
    pub(crate) faults: Vec<RuleFault>,
}

/// Reads the whole text; a fault in one option does not hide the next one's.
pub(crate) fn parse_options(text: &str) -> ParsedOptions {
    let mut parser = Parser {
        tokens: tokens(text),
        next: 0,
        parsed: ParsedOptions::default(),
    };
    while let Some(token) = parser.take() {
        parser.option(token);
    }
    parser.parsed
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    parsed: ParsedOptions,
}

impl Parser {
    fn take(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.next).cloned();
        self.next += usize::from(token.is_some());
        token
    }

    fn fault(&mut self, problem: String) {
        self.parsed.faults.push(RuleFault::new(COLUMN, problem));
    }

    fn option(&mut self, token: Token) {
        let position = token.position;
        let word = match token.kind {
            TokenKind::Word(word) => word,
            TokenKind::Number(number) => {
                return self.fault(format!("{number} at character {position} belongs to no option"));
            }
            TokenKind::Text(_) => {
                return self.fault(format!(
                    "the quoted text at character {position} belongs to no option"
                ));
            }
            TokenKind::OpenText => {
                return self.fault(format!("the quote at character {position} is never closed"));
            }
            TokenKind::Symbol(symbol) => {
                return self.fault(format!(
                    "{symbol:?} at character {position} is no part of an option"
                ));
            }
        };
        match Keyword::find(&word) {
            Some(Keyword::Option(option)) => self.known(option, &word),
            Some(Keyword::OwnedByColumn(column)) => {
                self.parsed.owned.push((word.to_ascii_uppercase(), column));
                self.skip_arguments();
            }
            Some(Keyword::SetByLoader) => {
                self.fault(format!(
                    "{} at character {position} is set by the loader; take it out",
                    word.to_ascii_uppercase()
                ));
                self.skip_arguments();
            }
            Some(Keyword::Refused(reason)) => {
                self.fault(format!("{} is refused: {reason}", word.to_ascii_uppercase()));
                self.skip_arguments();
            }
            None => {
                self.fault(unknown(&word, position));
                self.skip_arguments();
            }
        }
    }

    fn known(&mut self, word: OptionWord, spelt: &str) {
        match self.read(word) {
            Ok(option) if self.has(&option) => self.fault(format!("{} is given twice", option.keyword())),
            Ok(option) => self.parsed.options.push(option),
            Err(problem) => {
                self.fault(format!("{} {problem}", spelt.to_ascii_uppercase()));
                self.skip_arguments();
            }
        }
    }

    fn has(&self, option: &CopyOption) -> bool {
        self.parsed
            .options
            .iter()
            .any(|known| known.keyword() == option.keyword())
    }

    fn read(&mut self, word: OptionWord) -> Result<CopyOption, String> {
        Ok(match word {
            OptionWord::AcceptAnyDate => CopyOption::AcceptAnyDate,
            OptionWord::AcceptInvalidCharacters => {
                CopyOption::AcceptInvalidCharacters(self.replacement_character()?)
            }
            OptionWord::BlanksAsNull => CopyOption::BlanksAsNull,
            OptionWord::CompressionRows => CopyOption::CompressionRows(self.number(COMPRESSION_ROWS)?),
            OptionWord::CompressionUpdate => CopyOption::CompressionUpdate(self.compression_update()),
            OptionWord::EmptyAsNull => CopyOption::EmptyAsNull,
            OptionWord::FillRecord => CopyOption::FillRecord,
            OptionWord::IgnoreAllErrors => CopyOption::IgnoreAllErrors,
            OptionWord::IgnoreBlankLines => CopyOption::IgnoreBlankLines,
            OptionWord::MaxErrors => CopyOption::MaxErrors(self.number(0..=MAX_ERRORS)?),
            OptionWord::NullAs => CopyOption::NullAs(self.null_text()?),
            OptionWord::RoundDecimals => CopyOption::RoundDecimals,
            OptionWord::StatisticsUpdate => CopyOption::StatisticsUpdate(self.switch()),
            OptionWord::TrimBlanks => CopyOption::TrimBlanks,
            OptionWord::TruncateColumns => CopyOption::TruncateColumns,
        })
    }

    fn peek(&self) -> Option<&TokenKind> {
        self.tokens.get(self.next).map(|token| &token.kind)
    }

    fn peek_word(&self) -> Option<String> {
        match self.peek() {
            Some(TokenKind::Word(word)) => Some(word.to_ascii_uppercase()),
            _ => None,
        }
    }

    fn skip_as(&mut self) {
        self.next += usize::from(self.peek_word().as_deref() == Some("AS"));
    }

    fn number(&mut self, range: std::ops::RangeInclusive<u64>) -> Result<u64, String> {
        self.skip_as();
        let needs = format!("needs a number from {} to {}", range.start(), range.end());
        let Some(TokenKind::Number(digits)) = self.peek().cloned() else {
            return Err(needs);
        };
        self.next += 1;
        match digits.parse() {
            Ok(number) if range.contains(&number) => Ok(number),
            _ => Err(format!("{needs}, not {digits}")),
        }
    }

    fn text(&mut self) -> Option<String> {
        self.skip_as();
        let Some(TokenKind::Text(text)) = self.peek().cloned() else {
            return None;
        };
        self.next += 1;
        Some(text)
    }

    fn null_text(&mut self) -> Result<NullText, String> {
        let text = self
            .text()
            .ok_or("needs AS and a quoted text, for example NULL AS 'NA'")?;
        NullText::parse(&text).map_err(|problem| format!("AS {problem}"))
    }

    fn replacement_character(&mut self) -> Result<Option<OptionText>, String> {
        let Some(text) = self.text() else {
            return Ok(None);
        };
        let one_character = text.len() == 1 && text.is_ascii();
        OptionText::new(text)
            .ok()
            .filter(|_| one_character)
            .map(Some)
            .ok_or_else(|| "takes one ASCII character that is no backslash".to_owned())
    }

    fn compression_update(&mut self) -> CompressionUpdate {
        let update = match self.peek_word().as_deref() {
            Some("PRESET") => CompressionUpdate::Preset,
            Some("ON" | "TRUE") => CompressionUpdate::On,
            Some("OFF" | "FALSE") => CompressionUpdate::Off,
            _ => return CompressionUpdate::On,
        };
        self.next += 1;
        update
    }

    fn switch(&mut self) -> Switch {
        let switch = match self.peek_word().as_deref() {
            Some("ON" | "TRUE") => Switch::On,
            Some("OFF" | "FALSE") => Switch::Off,
            _ => return Switch::On,
        };
        self.next += 1;
        switch
    }

    /// Passes over what belongs to an option that was refused, so that its arguments are not faults of their own.
    fn skip_arguments(&mut self) {
        loop {
            match self.peek() {
                Some(TokenKind::Number(_) | TokenKind::Text(_) | TokenKind::Symbol(_)) => self.next += 1,
                Some(TokenKind::Word(word))
                    if ["AS", "DEFAULT", "ON", "OFF"]
                        .iter()
                        .any(|filler| filler.eq_ignore_ascii_case(word)) =>
                {
                    self.next += 1;
                }
                _ => return,
            }
        }
    }
}

fn unknown(word: &str, position: usize) -> String {
    let word = word.to_ascii_uppercase();
    match Keyword::nearest(&word) {
        Some(nearest) => format!("{word} at character {position} is no COPY option; did you mean {nearest}?"),
        None => format!("{word} at character {position} is no COPY option"),
    }
}
