//! Counts the records of a block that holds nothing out of the ordinary, without stopping at each of them.
//!
//! The framer goes from record to record. Most blocks do not need that: what is asked of their records is how many there are,
//! and where the last ones end. A block that holds a blank record, or a quote where this file cannot judge it, is given back
//! ([`Swept::is_plain`]) and goes the framer's way.

use memchr::{memchr, memchr_iter, memrchr};

use crate::lanes::{Compare, LANES, Sweep, parity, run};
use crate::pipeline::BLOCK_BYTES;

/// What lies in a block from its first byte to the end of its last record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Swept {
    /// Records that end in the block.
    pub(crate) records: u64,
    /// Line ends, those inside quotes too, up to the end of the last record.
    pub(crate) newlines: u64,
    /// Records that end with a carriage return and a line feed.
    pub(crate) with_return: u64,
    /// Just after the last record; 0 if none ends.
    pub(crate) end: usize,
    /// Just after the last but one; 0 if there is none.
    pub(crate) previous_end: usize,
    has_blank: bool,
    has_stray_quote: bool,
}

impl Swept {
    /// Whether the figures are right, and no record is blank.
    pub(crate) fn is_plain(&self) -> bool {
        !self.has_blank && !self.has_stray_quote
    }
}

/// The quote and the delimiter of a text in which quotes are doubled to stand for themselves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quoting {
    pub(crate) quote: u8,
    pub(crate) delimiter: u8,
}

/// Counts the records of a block that begins where a record does. One-byte units.
pub(crate) fn sweep(block: &[u8], quoting: Option<Quoting>) -> Swept {
    // Most files have no carriage return, or one in each line; what comes without is counted with half the work.
    let quick = match quoting {
        _ if first_line_has_return(block) => None,
        None => run(QuickLines(block)),
        Some(quoting) if block.len() <= BLOCK_BYTES => run(QuickQuoted { block, quoting }),
        Some(_) => None,
    };
    quick.unwrap_or_else(|| sweep_with_returns(block, quoting))
}

fn first_line_has_return(block: &[u8]) -> bool {
    memchr(b'\n', block).is_some_and(|newline| block[..newline].ends_with(b"\r"))
}

fn sweep_with_returns(block: &[u8], quoting: Option<Quoting>) -> Swept {
    match quoting {
        None => run(Lines(block)),
        Some(quoting) => run(Quoted { block, quoting }),
    }
}

/// Without carriage returns; gives nothing when it meets one.
struct QuickLines<'a>(&'a [u8]);

/// The same, for at most [`BLOCK_BYTES`].
struct QuickQuoted<'a> {
    block: &'a [u8],
    quoting: Quoting,
}

struct Lines<'a>(&'a [u8]);

struct Quoted<'a> {
    block: &'a [u8],
    quoting: Quoting,
}

/// What is carried from one group of bytes to the next: what the last two bytes before it were.
struct Tally {
    swept: Swept,
    /// Record ends before the group, the nearest in the highest bit. A block begins as if after one.
    ends_before: u64,
    returns_before: u64,
    /// The ends of the last group that had any, and where it began; and of the one before that.
    last: (usize, u64),
    last_but_one: (usize, u64),
    newlines_since_end: u64,
}

const FIRST: u64 = 1 << 63;

impl Tally {
    fn new() -> Self {
        Self {
            swept: Swept::default(),
            ends_before: FIRST,
            returns_before: 0,
            last: (0, 0),
            last_but_one: (0, 0),
            newlines_since_end: 0,
        }
    }

    /// Takes a group that begins at `at`: which of its bytes end a record, and which are carriage returns.
    #[inline(always)]
    fn take(&mut self, at: usize, ends: u64, returns: u64) {
        let after_end = (ends << 1) | (self.ends_before >> 63);
        let after_return = (returns << 1) | (self.returns_before >> 63);
        let two_after_end = (ends << 2) | (self.ends_before >> 62);
        let is_blank = ends & (after_end | (after_return & two_after_end));
        self.swept.has_blank |= is_blank != 0;
        self.swept.records += u64::from(ends.count_ones());
        self.swept.with_return += u64::from((ends & after_return).count_ones());
        if ends != 0 {
            self.last_but_one = self.last;
            self.last = (at, ends);
        }
        self.ends_before = ends;
        self.returns_before = returns;
    }

    fn finish(mut self) -> Swept {
        let after = |(at, ends): (usize, u64)| match ends {
            0 => 0,
            ends => at + LANES - ends.leading_zeros() as usize,
        };
        let (at, ends) = self.last;
        self.swept.end = after(self.last);
        let without_last = match ends {
            0 => 0,
            ends => ends & !(FIRST >> ends.leading_zeros()),
        };
        self.swept.previous_end = match without_last {
            0 => after(self.last_but_one),
            ends => after((at, ends)),
        };
        self.swept
    }
}

/// Hands the block on in groups of [`LANES`]; the last one is filled up with bytes that mean nothing.
#[inline(always)]
fn groups(block: &[u8], mut take: impl FnMut(usize, &[u8; LANES])) {
    let (whole, rest) = block.as_chunks::<LANES>();
    for (index, group) in whole.iter().enumerate() {
        take(index * LANES, group);
    }
    if !rest.is_empty() {
        let mut last = [0; LANES];
        last[..rest.len()].copy_from_slice(rest);
        take(whole.len() * LANES, &last);
    }
}

impl Sweep for QuickLines<'_> {
    type Output = Option<Swept>;

    #[inline(always)]
    fn sweep(self, compare: impl Compare) -> Option<Swept> {
        let block = self.0;
        let mut returns = compare.nothing();
        let (mut records, mut blanks, mut before) = (0, 0, FIRST);
        groups(
            block,
            #[inline(always)]
            |_, group| {
                let ends = compare.equal(group, b'\n');
                returns = compare.meet(returns, group, b'\r');
                blanks |= ends & ((ends << 1) | (before >> 63));
                records += u64::from(ends.count_ones());
                before = ends;
            },
        );
        let end = |until: usize| memrchr(b'\n', &block[..until]).map_or(0, |newline| newline + 1);
        let last = end(block.len());
        (!compare.was_met(returns)).then(|| Swept {
            records,
            newlines: records,
            end: last,
            previous_end: end(last.saturating_sub(1)),
            has_blank: blanks != 0,
            ..Swept::default()
        })
    }
}

impl Sweep for QuickQuoted<'_> {
    type Output = Option<Swept>;

    #[inline(always)]
    fn sweep(self, compare: impl Compare) -> Option<Swept> {
        let Quoting { quote, delimiter } = self.quoting;
        let mut returns = compare.nothing();
        let mut ends_of_groups = [0_u64; BLOCK_BYTES / LANES];
        let (mut records, mut newlines_met, mut blanks, mut strays) = (0, 0, 0, 0);
        let (mut ends_before, mut opens_before, mut inside_before) = (FIRST, FIRST, 0_u64);
        groups(
            self.block,
            #[inline(always)]
            |at, group| {
                let newlines = compare.equal(group, b'\n');
                let quotes = compare.equal(group, quote);
                returns = compare.meet(returns, group, b'\r');
                let inside = parity(quotes) ^ inside_before;
                let ends = newlines & !inside;
                // As in the long way: a quote opens at the start of a field, or after one that only seemed to close.
                let may_open_after = ends | quotes | compare.equal(group, delimiter);
                strays |= quotes & inside & !((may_open_after << 1) | (opens_before >> 63));
                blanks |= ends & ((ends << 1) | (ends_before >> 63));
                records += u64::from(ends.count_ones());
                newlines_met += u64::from(newlines.count_ones());
                ends_of_groups[at / LANES] = ends;
                inside_before = 0_u64.wrapping_sub(inside >> 63);
                opens_before = may_open_after;
                ends_before = ends;
            },
        );
        if compare.was_met(returns) {
            return None;
        }
        let (end, previous_end) = last_two(&ends_of_groups);
        let behind = memchr_iter(b'\n', &self.block[end..]).count() as u64;
        Some(Swept {
            records,
            newlines: newlines_met - behind,
            end,
            previous_end,
            has_blank: blanks != 0,
            has_stray_quote: strays != 0,
            ..Swept::default()
        })
    }
}

/// Just after the last record end and after the last but one; 0 for what there is not.
fn last_two(ends_of_groups: &[u64]) -> (usize, usize) {
    let mut found = ends_of_groups
        .iter()
        .enumerate()
        .rev()
        .flat_map(|(group, &ends)| {
            let after = move |ends: u64| group * LANES + LANES - ends.leading_zeros() as usize;
            let before_last = ends & !(FIRST.checked_shr(ends.leading_zeros()).unwrap_or(0));
            [ends, before_last]
                .into_iter()
                .filter(|ends| *ends != 0)
                .map(after)
        });
    (found.next().unwrap_or(0), found.next().unwrap_or(0))
}

impl Sweep for Lines<'_> {
    type Output = Swept;

    #[inline(always)]
    fn sweep(self, compare: impl Compare) -> Swept {
        let mut tally = Tally::new();
        groups(
            self.0,
            #[inline(always)]
            |at, group| tally.take(at, compare.equal(group, b'\n'), compare.equal(group, b'\r')),
        );
        let mut swept = tally.finish();
        swept.newlines = swept.records;
        swept
    }
}

impl Sweep for Quoted<'_> {
    type Output = Swept;

    #[inline(always)]
    fn sweep(self, compare: impl Compare) -> Swept {
        let Quoting { quote, delimiter } = self.quoting;
        let mut tally = Tally::new();
        // All ones inside quotes.
        let mut inside_before = 0_u64;
        // The last byte of the group before, in the highest bit: whether a quote may open after it.
        let mut opens_before = FIRST;
        groups(
            self.block,
            #[inline(always)]
            |at, group| {
                let newlines = compare.equal(group, b'\n');
                let quotes = compare.equal(group, quote);
                let returns = compare.equal(group, b'\r');
                let inside = parity(quotes) ^ inside_before;
                let ends = newlines & !inside;
                // A quote opens at the start of a field, or after one that only seemed to close: it was doubled.
                let opening = quotes & inside;
                let may_open_after = ends | quotes | compare.equal(group, delimiter);
                let may_open = (may_open_after << 1) | (opens_before >> 63);
                tally.swept.has_stray_quote |= opening & !may_open != 0;
                opens_before = may_open_after;
                inside_before = 0_u64.wrapping_sub(inside >> 63);
                count_newlines(&mut tally, newlines, ends);
                tally.take(at, ends, returns);
            },
        );
        tally.finish()
    }
}

/// Counts the line ends up to the last record end; those behind it wait for the next one.
#[inline(always)]
fn count_newlines(tally: &mut Tally, newlines: u64, ends: u64) {
    let all = u64::from(newlines.count_ones());
    if ends == 0 {
        tally.newlines_since_end += all;
        return;
    }
    let up_to_last_end = newlines & (u64::MAX >> ends.leading_zeros());
    let counted = u64::from(up_to_last_end.count_ones());
    tally.swept.newlines += tally.newlines_since_end + counted;
    tally.newlines_since_end = all - counted;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Quoting, Swept, sweep};
    use crate::framer::Framer;
    use crate::spec::Framing;
    use crate::unit::Unit;

    const CSV: Quoting = Quoting {
        quote: b'"',
        delimiter: b',',
    };

    /// The framer's way, record by record; `None` where a record is blank.
    fn framed(block: &[u8], quoting: Option<Quoting>) -> Option<Swept> {
        let framing = match quoting {
            None => Framing::Lines,
            Some(Quoting { quote, .. }) => Framing::Quoted { quote, escape: None },
        };
        let mut framer = Framer::new(Unit::One, framing, Some(b','));
        let mut swept = Swept::default();
        while let Some(end) = framer.next_end(block, swept.end, 0) {
            let record = &block[swept.end..end];
            if record == b"\n" || record == b"\r\n" {
                return None;
            }
            swept.records += 1;
            swept.with_return += u64::from(record.ends_with(b"\r\n"));
            swept.previous_end = swept.end;
            swept.end = end;
            swept.newlines = framer.line() - 1;
        }
        Some(swept)
    }

    /// Records in which quotes stand where they should, with everything else that means something inside them.
    fn csv() -> impl Strategy<Value = String> {
        let field = prop_oneof![
            3 => "[ab\r]{1,9}",
            3 => "\"([ab,\n\r]|\"\"){0,40}\"",
        ];
        let record = prop::collection::vec(field, 1..4).prop_map(|fields| fields.join(","));
        prop::collection::vec(record, 0..20).prop_map(|records| records.join("\n"))
    }

    fn symbols() -> impl Strategy<Value = String> {
        let symbol = prop_oneof![
            6 => "[ab]{1,30}", 2 => Just("\n".to_owned()), 2 => Just("\"".to_owned()), 2 => Just(",".to_owned()), 1 => Just("\r\n".to_owned()),
        ];
        prop::collection::vec(symbol, 0..80).prop_map(|symbols| symbols.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn what_is_plain_is_counted_as_the_framer_counts_it(text in prop_oneof![csv(), symbols()], is_quoted in any::<bool>()) {
            let quoting = is_quoted.then_some(CSV);
            let swept = sweep(text.as_bytes(), quoting);
            if swept.is_plain() {
                prop_assert_eq!(Some(swept), framed(text.as_bytes(), quoting));
            }
        }

        #[test]
        fn lines_are_plain_unless_one_is_blank(text in symbols()) {
            prop_assert_eq!(sweep(text.as_bytes(), None).is_plain(), framed(text.as_bytes(), None).is_some());
        }

        #[test]
        fn quotes_where_they_should_be_are_plain(text in csv()) {
            let is_blank = framed(text.as_bytes(), Some(CSV)).is_none();
            prop_assert_eq!(sweep(text.as_bytes(), Some(CSV)).is_plain(), !is_blank);
        }
    }

    #[test]
    fn a_quote_within_a_field_is_given_back() {
        assert!(!sweep(b"a\"b\nc\n", Some(CSV)).is_plain());
        assert!(!sweep(b"\"a\"b\"\nc\n", Some(CSV)).is_plain());
    }
}
