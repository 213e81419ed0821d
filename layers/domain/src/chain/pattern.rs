//! `RetryErrorMatch`: which errors are worth another try.
//!
//! Of regular expressions it takes what matching an error text needs: text, `.*`, alternatives, groups, `?`, `^`, `$`, and `\`
//! before punctuation. Everything else is refused with its place, because the state machine could not follow it: the JSONata of Step Functions
//! makes no expression out of a text. What is taken means what it means anywhere, except that `.*` passes line breaks too.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Stands for `.*` while a pattern is taken apart.
const GAP: char = '\u{1}';
/// An error is compared between these two, which makes `^` and `$` characters like any other.
const START: char = '\u{2}';
const END: char = '\u{3}';
/// More alternatives than anybody writes; groups multiply.
const MOST_ALTERNATIVES: usize = 64;

/// Which errors are worth another try: those that hold one of the alternatives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ErrorPattern {
    alternatives: Vec<Alternative>,
}

/// Texts that an error holds in this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Alternative {
    pieces: Vec<String>,
}

/// What is wrong with a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct PatternFault {
    /// The character, from 1.
    pub at: usize,
    /// What is wrong with it, and what would be right.
    pub problem: String,
}

impl fmt::Display for PatternFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "character {}: {}", self.at, self.problem)
    }
}

impl ErrorPattern {
    /// Reads a pattern. The empty one fits every error.
    pub fn parse(text: &str) -> Result<Self, PatternFault> {
        let mut parser = Parser::new(text);
        while let Some(character) = parser.next() {
            parser.step(character)?;
            parser.stay_within_bounds()?;
        }
        parser.finish()
    }

    /// Whether an error is one of those meant.
    pub fn matches(&self, error: &str) -> bool {
        let error = format!("{START}{error}{END}");
        self.alternatives
            .iter()
            .any(|alternative| alternative.is_in(&error))
    }
}

impl Alternative {
    fn new(text: &str) -> Self {
        let pieces = text.split(GAP).filter(|piece| !piece.is_empty());
        Self {
            pieces: pieces.map(str::to_owned).collect(),
        }
    }

    fn is_in(&self, error: &str) -> bool {
        let mut rest = Some(error);
        for piece in &self.pieces {
            rest = rest
                .and_then(|rest| rest.split_once(piece.as_str()))
                .map(|(_, after)| after);
        }
        rest.is_some()
    }
}

/// A group that is being read; the whole pattern is one too.
struct Frame {
    /// The alternatives before the last `|`.
    done: Vec<String>,
    /// What the present alternative stands for.
    open: Vec<String>,
    /// What it stood for before its last part, which a `?` may leave out.
    before: Option<Vec<String>>,
    /// Where it began.
    at: usize,
}

impl Frame {
    fn new(at: usize) -> Self {
        Self {
            done: Vec::new(),
            open: vec![String::new()],
            before: None,
            at,
        }
    }

    fn follow(&mut self, parts: &[String]) {
        let longer = self
            .open
            .iter()
            .flat_map(|open| parts.iter().map(move |part| format!("{open}{part}")))
            .collect();
        self.before = Some(std::mem::replace(&mut self.open, longer));
    }

    fn has_ended(&self) -> bool {
        self.open.iter().any(|open| open.ends_with(END))
    }
}

struct Parser<'a> {
    characters: std::iter::Peekable<std::str::Chars<'a>>,
    /// The place of the present character, from 1.
    at: usize,
    /// How many characters were taken.
    taken: usize,
    frame: Frame,
    /// The groups around it, the outermost first.
    outer: Vec<Frame>,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            characters: text.chars().peekable(),
            at: 0,
            taken: 0,
            frame: Frame::new(0),
            outer: Vec::new(),
        }
    }

    fn next(&mut self) -> Option<char> {
        self.at = self.taken + 1;
        self.take()
    }

    fn take(&mut self) -> Option<char> {
        let character = self.characters.next()?;
        self.taken += 1;
        Some(character)
    }

    fn take_if(&mut self, wanted: char) -> bool {
        self.characters.peek() == Some(&wanted) && self.take().is_some()
    }

    fn fault(&self, problem: impl Into<String>) -> PatternFault {
        PatternFault {
            at: self.at,
            problem: problem.into(),
        }
    }

    fn step(&mut self, character: char) -> Result<(), PatternFault> {
        match character {
            '\\' => self.escaped(),
            '.' => self.gap(),
            '[' => Err(self.fault("sets are not supported; write alternatives such as (a|b)")),
            '*' | '+' | '{' => Err(self.fault(format!("{character} is supported only after a dot, as .*"))),
            '?' => self.leave_out(),
            '^' => self.start(),
            '$' => self.literal(END),
            '|' => {
                self.alternative();
                Ok(())
            }
            '(' => self.open(),
            ')' => self.close(),
            other => self.literal(other),
        }
    }

    fn literal(&mut self, character: char) -> Result<(), PatternFault> {
        if self.frame.has_ended() {
            return Err(self.fault("nothing can follow $"));
        }
        self.frame.follow(&[character.to_string()]);
        Ok(())
    }

    fn escaped(&mut self) -> Result<(), PatternFault> {
        match self.take() {
            None => Err(self.fault("a backslash at the end escapes nothing")),
            Some(letter) if letter.is_ascii_alphanumeric() => Err(self.fault(format!(
                "\\{letter} is not supported; only punctuation can be escaped"
            ))),
            Some(punctuation) => self.literal(punctuation),
        }
    }

    fn gap(&mut self) -> Result<(), PatternFault> {
        if !self.take_if('*') {
            return Err(self.fault("a dot must be written \\. or .*"));
        }
        // A gap that prefers to be short is no other gap.
        self.take_if('?');
        self.literal(GAP)
    }

    fn leave_out(&mut self) -> Result<(), PatternFault> {
        let Some(mut without) = self.frame.before.take() else {
            return Err(self.fault("? follows nothing that could be left out"));
        };
        let with = std::mem::take(&mut self.frame.open);
        for open in with {
            if !without.contains(&open) {
                without.push(open);
            }
        }
        self.frame.open = without;
        Ok(())
    }

    fn start(&mut self) -> Result<(), PatternFault> {
        let frames = self.outer.iter().chain([&self.frame]);
        let begun = frames.flat_map(|frame| &frame.open).any(|open| !open.is_empty());
        if begun {
            return Err(self.fault("^ stands after other text; escape it or put it first"));
        }
        self.literal(START)
    }

    fn alternative(&mut self) {
        let open = std::mem::replace(&mut self.frame.open, vec![String::new()]);
        self.frame.done.extend(open);
        self.frame.before = None;
    }

    fn open(&mut self) -> Result<(), PatternFault> {
        if self.frame.has_ended() {
            return Err(self.fault("nothing can follow $"));
        }
        let mut rest = self.characters.clone();
        if rest.next() == Some('?') && rest.next() == Some(':') {
            self.take();
            self.take();
        }
        let inner = Frame::new(self.at);
        self.outer.push(std::mem::replace(&mut self.frame, inner));
        Ok(())
    }

    fn close(&mut self) -> Result<(), PatternFault> {
        let Some(outer) = self.outer.pop() else {
            return Err(self.fault(") closes nothing"));
        };
        let inner = std::mem::replace(&mut self.frame, outer);
        let mut parts = inner.done;
        parts.extend(inner.open);
        self.frame.follow(&parts);
        Ok(())
    }

    fn stay_within_bounds(&self) -> Result<(), PatternFault> {
        if self.frame.open.len() + self.frame.done.len() > MOST_ALTERNATIVES {
            return Err(self.fault(format!(
                "it stands for more than {MOST_ALTERNATIVES} alternatives"
            )));
        }
        Ok(())
    }

    fn finish(mut self) -> Result<ErrorPattern, PatternFault> {
        if !self.outer.is_empty() {
            self.at = self.frame.at;
            return Err(self.fault("( is never closed"));
        }
        let Frame { done, open, .. } = self.frame;
        let alternatives = done.iter().chain(&open);
        Ok(ErrorPattern {
            alternatives: alternatives.map(|text| Alternative::new(text)).collect(),
        })
    }
}
