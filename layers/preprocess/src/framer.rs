//! Finds where records end.
//!
//! The framer looks only at line ends, quotes and escapes: it jumps from one to the next and never walks the
//! bytes between. Its state survives the end of a block, so a block may be cut anywhere between two units.

use memchr::memchr;

use crate::error::PrepareError;
use crate::spec::Framing;
use crate::sweep::Quoting;
use crate::unit::Unit;

/// A place in the decompressed stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// The physical line, from 1.
    pub(crate) line: u64,
    /// The byte, from 0.
    pub(crate) byte: u64,
}

/// Finds record ends in blocks that follow each other.
#[derive(Clone)]
pub(crate) struct Framer {
    unit: Unit,
    framing: Framing,
    delimiter: Option<u8>,
    state: State,
    /// Physical line ends passed, those inside quotes and behind escapes among them.
    newlines: u64,
    /// Where the quote opened that is still open.
    open_quote: Position,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Outside quotes; says whether the next unit is the first of a field.
    Outside { at_field_start: bool },
    /// Between an opening quote and its closing one.
    Inside,
    /// After a quote that closes, unless another one follows.
    AfterQuote,
    /// After an escape, inside quotes or not.
    Escaped { inside: bool },
}

const RECORD_START: State = State::Outside { at_field_start: true };

/// The quote and the escape inside quotes, the same character if the dialect has no other.
#[derive(Clone, Copy)]
struct Quotes {
    quote: u8,
    escape: u8,
}

/// What the search found: a record's end, or that the block holds no more.
type Found = Option<usize>;

impl Framer {
    pub(crate) fn new(unit: Unit, framing: Framing, delimiter: Option<u8>) -> Self {
        Self {
            unit,
            framing,
            delimiter,
            state: RECORD_START,
            newlines: 0,
            open_quote: Position { line: 1, byte: 0 },
        }
    }

    /// The physical line of the next unit.
    pub(crate) fn line(&self) -> u64 {
        self.newlines + 1
    }

    /// The end of the current record, just after its line end, searched from `from` on; `None` if it lies beyond
    /// the block, whose next one is then searched from 0. `origin` is the place of the block in the stream.
    #[inline]
    pub(crate) fn next_end(&mut self, block: &[u8], from: usize, origin: u64) -> Found {
        match self.framing {
            Framing::Lines | Framing::Opaque => {
                let newline = self.unit.find(b'\n', block, from)?;
                self.newlines += 1;
                Some(newline + self.unit.width())
            }
            Framing::Escaped { escape } => self.next_unescaped_end(block, from, escape),
            Framing::Quoted { quote, escape } => {
                let quotes = Quotes {
                    quote,
                    escape: escape.unwrap_or(quote),
                };
                self.next_unquoted_end(block, from, origin, quotes)
            }
        }
    }

    /// How the records of a block may be counted many at a time from where a record begins; `None` where only the framer knows.
    pub(crate) fn sweeping(&self, block: &[u8]) -> Option<Option<Quoting>> {
        if self.unit != Unit::One || self.state != RECORD_START {
            return None;
        }
        match (self.framing, self.delimiter) {
            (Framing::Lines, _) => Some(None),
            (Framing::Escaped { escape }, _) if memchr(escape, block).is_none() => Some(None),
            (Framing::Quoted { quote, escape }, Some(delimiter))
                if escape.is_none_or(|escape| escape == quote) =>
            {
                Some(Some(Quoting { quote, delimiter }))
            }
            (Framing::Quoted { .. } | Framing::Escaped { .. } | Framing::Opaque, _) => None,
        }
    }

    /// Takes note of records that were counted without it; the next unit is the first of a record.
    pub(crate) fn pass_records(&mut self, newlines: u64) {
        self.newlines += newlines;
    }

    /// Refuses a file that ends inside quotes.
    pub(crate) fn finish(&self) -> Result<(), PrepareError> {
        match self.state {
            State::Inside | State::Escaped { inside: true } => Err(PrepareError::UnbalancedQuotes {
                line: self.open_quote.line,
                byte: self.open_quote.byte,
            }),
            State::Outside { .. } | State::AfterQuote | State::Escaped { inside: false } => Ok(()),
        }
    }

    fn next_unescaped_end(&mut self, block: &[u8], from: usize, escape: u8) -> Found {
        let mut at = from;
        loop {
            if self.state == (State::Escaped { inside: false }) {
                at = self.pass_escaped(block, at, RECORD_START)?;
            }
            let hit = self.unit.find2(escape, b'\n', block, at)?;
            at = hit + self.unit.width();
            if self.unit.is_at(block, hit, b'\n') {
                self.newlines += 1;
                return Some(at);
            }
            self.state = State::Escaped { inside: false };
        }
    }

    fn next_unquoted_end(&mut self, block: &[u8], from: usize, origin: u64, quotes: Quotes) -> Found {
        let mut at = from;
        loop {
            at = match self.state {
                State::Outside { .. } => {
                    let after = self.leave_plain_text(block, at, origin, quotes.quote)?;
                    if self.state == RECORD_START {
                        return Some(after);
                    }
                    after
                }
                State::Inside => self.leave_quotes(block, at, quotes)?,
                State::AfterQuote => self.leave_closing_quote(block, at, quotes.quote)?,
                State::Escaped { .. } => self.pass_escaped(block, at, State::Inside)?,
            };
        }
    }

    /// Goes to the unit after the next quote or line end outside quotes; the state tells which it was.
    #[inline]
    fn leave_plain_text(&mut self, block: &[u8], at: usize, origin: u64, quote: u8) -> Found {
        let at_field_start = self.state == RECORD_START;
        let Some(hit) = self.unit.find2(quote, b'\n', block, at) else {
            let at_field_start = if at < block.len() {
                self.follows_delimiter(block)
            } else {
                at_field_start
            };
            self.state = State::Outside { at_field_start };
            return None;
        };
        let after = hit + self.unit.width();
        if self.unit.is_at(block, hit, b'\n') {
            self.newlines += 1;
            self.state = RECORD_START;
            return Some(after);
        }
        let opens = if hit == at {
            at_field_start
        } else {
            self.follows_delimiter(&block[..hit])
        };
        if opens {
            self.open_quote = Position {
                line: self.line(),
                byte: origin + hit as u64,
            };
        }
        self.state = if opens {
            State::Inside
        } else {
            State::Outside {
                at_field_start: false,
            }
        };
        Some(after)
    }

    /// Goes to the unit after the next quote or escape, counting line ends on the way.
    fn leave_quotes(&mut self, block: &[u8], from: usize, quotes: Quotes) -> Found {
        let Quotes { quote, escape } = quotes;
        let mut at = from;
        loop {
            let hit = self.unit.find3([quote, escape, b'\n'], block, at)?;
            at = hit + self.unit.width();
            if self.unit.is_at(block, hit, b'\n') {
                self.newlines += 1;
            } else if self.unit.is_at(block, hit, quote) {
                self.state = State::AfterQuote;
                return Some(at);
            } else {
                self.state = State::Escaped { inside: true };
                return Some(at);
            }
        }
    }

    /// Tells a closing quote from a doubled one by the unit after it.
    fn leave_closing_quote(&mut self, block: &[u8], at: usize, quote: u8) -> Found {
        block.get(at)?;
        if self.unit.is_at(block, at, quote) {
            self.state = State::Inside;
            return Some(at + self.unit.width());
        }
        self.state = State::Outside {
            at_field_start: false,
        };
        Some(at)
    }

    /// Goes past the unit that an escape took the meaning from.
    fn pass_escaped(&mut self, block: &[u8], at: usize, then: State) -> Found {
        block.get(at)?;
        if self.unit.is_at(block, at, b'\n') {
            self.newlines += 1;
        }
        self.state = then;
        Some(at + self.unit.width())
    }

    fn follows_delimiter(&self, before: &[u8]) -> bool {
        self.delimiter
            .is_some_and(|delimiter| self.unit.ends_with(before, delimiter))
    }
}
