//! Counts the records of a block that holds nothing out of the ordinary, without stopping at each of them.
//!
//! The framer goes from record to record. Most blocks do not need that: what is asked of their records is how many there are,
//! and where the last ones end. A block that holds a blank record, or a quote where this file cannot judge it, is given back
//! ([`sweep`] gives nothing) and goes the framer's way.
//!
//! Most files have no carriage return, or one in each line. What comes without is counted with half the work: each sweep is written
//! once and compiled twice, with and without `RETURNS`, and the one without says so when it meets one.

use memchr::{memchr, memchr_iter, memrchr};

use crate::lanes::{Compare, LANES, Sweep, TOGETHER, run};
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
    /// Whether all of the block is ASCII, which is valid in every encoding of one-byte units.
    pub(crate) is_ascii: bool,
}

/// The quote and the delimiter of a text in which quotes are doubled to stand for themselves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quoting {
    pub(crate) quote: u8,
    pub(crate) delimiter: u8,
}

/// Counts the records of a block that begins where a record does. One-byte units. `None` when a record is blank, a quote stands
/// where none should, or the block has more than [`BLOCK_BYTES`]: the framer knows.
pub(crate) fn sweep(block: &[u8], quoting: Option<Quoting>) -> Option<Swept> {
    if block.len() > BLOCK_BYTES {
        return None;
    }
    let found = match first_line_has_return(block) {
        true => Found::Returns,
        false => sweep_with::<false>(block, quoting),
    };
    match found {
        Found::Records(swept) => Some(swept),
        Found::Oddity => None,
        Found::Returns => match sweep_with::<true>(block, quoting) {
            Found::Records(swept) => Some(swept),
            Found::Oddity | Found::Returns => None,
        },
    }
}

fn first_line_has_return(block: &[u8]) -> bool {
    memchr(b'\n', block).is_some_and(|newline| block[..newline].ends_with(b"\r"))
}

fn sweep_with<const RETURNS: bool>(block: &[u8], quoting: Option<Quoting>) -> Found {
    match quoting {
        None => run(Lines::<RETURNS>(block)),
        Some(quoting) => run(Quoted::<RETURNS> { block, quoting }),
    }
}

/// What a sweep came to.
enum Found {
    /// Records, none of them blank.
    Records(Swept),
    /// A blank record, or a stray quote.
    Oddity,
    /// A carriage return, which this sweep does not look at.
    Returns,
}

struct Lines<'a, const RETURNS: bool>(&'a [u8]);

/// At most [`BLOCK_BYTES`].
struct Quoted<'a, const RETURNS: bool> {
    block: &'a [u8],
    quoting: Quoting,
}

const FIRST: u64 = 1 << 63;
/// What is looked at together for quotes.
const PIECE: usize = TOGETHER * LANES;

/// Counts record ends, group by group: what is carried from one to the next is what the last two bytes before it were.
struct Ends<const RETURNS: bool, M> {
    records: u64,
    with_return: u64,
    blanks: u64,
    /// Record ends of the group before, the nearest in the highest bit. A block begins as if after one.
    before: u64,
    returns_before: u64,
    /// Whether there were returns, where they are not looked at.
    returns_met: M,
    non_ascii_met: M,
}

impl<const RETURNS: bool, M: Copy> Ends<RETURNS, M> {
    #[inline(always)]
    fn new(compare: impl Compare<Met = M>) -> Self {
        Self {
            records: 0,
            with_return: 0,
            blanks: 0,
            before: FIRST,
            returns_before: 0,
            returns_met: compare.nothing(),
            non_ascii_met: compare.nothing(),
        }
    }

    /// Takes a group: which of its bytes end a record.
    #[inline(always)]
    fn take(&mut self, compare: impl Compare<Met = M>, group: &[u8; LANES], ends: u64) {
        let mut blank_if_end = (ends << 1) | (self.before >> 63);
        if RETURNS {
            let returns = compare.equal(group, b'\r');
            let after_return = (returns << 1) | (self.returns_before >> 63);
            let two_after_end = (ends << 2) | (self.before >> 62);
            blank_if_end |= after_return & two_after_end;
            self.with_return += u64::from((ends & after_return).count_ones());
            self.returns_before = returns;
        } else {
            self.returns_met = compare.meet(self.returns_met, group, b'\r');
        }
        self.non_ascii_met = compare.meet_non_ascii(self.non_ascii_met, group);
        self.blanks |= ends & blank_if_end;
        self.records += u64::from(ends.count_ones());
        self.before = ends;
    }

    /// What was found, if nothing else is odd; where the last records end is still to be said.
    fn finish(self, compare: impl Compare<Met = M>, is_odd: bool) -> Found {
        if !RETURNS && compare.was_met(self.returns_met) {
            return Found::Returns;
        }
        if is_odd || self.blanks != 0 {
            return Found::Oddity;
        }
        Found::Records(Swept {
            records: self.records,
            newlines: self.records,
            with_return: self.with_return,
            is_ascii: !compare.was_met(self.non_ascii_met),
            ..Swept::default()
        })
    }
}

impl Found {
    /// The same with more said of the records.
    fn and(self, say: impl FnOnce(&mut Swept)) -> Self {
        match self {
            Self::Records(mut swept) => {
                say(&mut swept);
                Self::Records(swept)
            }
            Self::Oddity | Self::Returns => self,
        }
    }
}

/// Hands the block on in pieces of one length; the last one is filled up with bytes that mean nothing.
#[inline(always)]
fn pieces<const LENGTH: usize>(block: &[u8], mut take: impl FnMut(&[u8; LENGTH])) {
    let (whole, rest) = block.as_chunks::<LENGTH>();
    for piece in whole {
        take(piece);
    }
    if !rest.is_empty() {
        let mut last = [0; LENGTH];
        last[..rest.len()].copy_from_slice(rest);
        take(&last);
    }
}

impl<const RETURNS: bool> Sweep for Lines<'_, RETURNS> {
    type Output = Found;

    #[inline(always)]
    fn sweep(self, compare: impl Compare) -> Found {
        let block = self.0;
        let mut ends = Ends::<RETURNS, _>::new(compare);
        pieces::<LANES>(
            block,
            #[inline(always)]
            |group| ends.take(compare, group, compare.equal(group, b'\n')),
        );
        ends.finish(compare, false).and(|swept| {
            let end = |until: usize| memrchr(b'\n', &block[..until]).map_or(0, |newline| newline + 1);
            swept.end = end(block.len());
            swept.previous_end = end(swept.end.saturating_sub(1));
        })
    }
}

impl<const RETURNS: bool> Sweep for Quoted<'_, RETURNS> {
    type Output = Found;

    #[inline(always)]
    fn sweep(self, compare: impl Compare) -> Found {
        let Quoting { quote, delimiter } = self.quoting;
        let mut ends = Ends::<RETURNS, _>::new(compare);
        let mut ends_of_groups = [[0_u64; TOGETHER]; BLOCK_BYTES / PIECE];
        let mut slots = ends_of_groups.iter_mut();
        let (mut newlines_met, mut strays) = (0, 0);
        // The last byte of the group before, in the highest bit: whether a quote may open after it. All ones inside quotes.
        let (mut opens_before, mut inside_before) = (FIRST, 0_u64);
        pieces::<PIECE>(
            self.block,
            #[inline(always)]
            |piece| {
                let (groups, _) = piece.as_chunks::<LANES>();
                let mut quotes = [0; TOGETHER];
                for (quotes, group) in quotes.iter_mut().zip(groups) {
                    *quotes = compare.equal(group, quote);
                }
                let mut found = compare.parities(quotes);
                for ((found, quotes), group) in found.iter_mut().zip(quotes).zip(groups) {
                    let newlines = compare.equal(group, b'\n');
                    let inside = *found ^ inside_before;
                    let outside = newlines & !inside;
                    // A quote opens at the start of a field, or after one that only seemed to close: it was doubled.
                    let may_open_after = outside | quotes | compare.equal(group, delimiter);
                    strays |= quotes & inside & !((may_open_after << 1) | (opens_before >> 63));
                    newlines_met += u64::from(newlines.count_ones());
                    inside_before = 0_u64.wrapping_sub(inside >> 63);
                    opens_before = may_open_after;
                    ends.take(compare, group, outside);
                    *found = outside;
                }
                if let Some(slot) = slots.next() {
                    *slot = found;
                }
            },
        );
        ends.finish(compare, strays != 0).and(|swept| {
            (swept.end, swept.previous_end) = last_two(ends_of_groups.as_flattened());
            let behind = memchr_iter(b'\n', &self.block[swept.end..]).count() as u64;
            swept.newlines = newlines_met - behind;
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
        let mut swept = Swept {
            is_ascii: block.is_ascii(),
            ..Swept::default()
        };
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
            3 => "[abé\r]{1,9}",
            3 => "\"([ab,\n\r]|\"\"){0,40}\"",
        ];
        let record = prop::collection::vec(field, 1..4).prop_map(|fields| fields.join(","));
        prop::collection::vec(record, 0..20).prop_map(|records| records.join("\n"))
    }

    fn symbols() -> impl Strategy<Value = String> {
        let symbol = prop_oneof![
            6 => "[ab]{1,30}", 1 => Just("é".to_owned()), 2 => Just("\n".to_owned()), 2 => Just("\"".to_owned()), 2 => Just(",".to_owned()), 1 => Just("\r\n".to_owned()),
        ];
        prop::collection::vec(symbol, 0..80).prop_map(|symbols| symbols.concat())
    }

    /// Lines that end with a carriage return each, or all but a few, blank ones among them.
    fn lines_with_returns() -> impl Strategy<Value = String> {
        let end = prop_oneof![20 => Just("\r\n"), 1 => Just("\n"), 1 => Just("\r\r\n")];
        let line = (prop_oneof![30 => "[ab,]{1,90}", 1 => "[ab\r]{0,2}"], end);
        prop::collection::vec(line, 0..40)
            .prop_map(|lines| lines.into_iter().map(|(line, end)| line + end).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn what_is_plain_is_counted_as_the_framer_counts_it(text in prop_oneof![csv(), symbols()], is_quoted in any::<bool>()) {
            let quoting = is_quoted.then_some(CSV);
            if let Some(swept) = sweep(text.as_bytes(), quoting) {
                prop_assert_eq!(Some(swept), framed(text.as_bytes(), quoting));
            }
        }

        #[test]
        fn lines_are_plain_unless_one_is_blank(text in symbols()) {
            prop_assert_eq!(sweep(text.as_bytes(), None), framed(text.as_bytes(), None));
        }

        #[test]
        fn lines_with_returns_are_counted_as_the_framer_counts_them(text in lines_with_returns(), is_quoted in any::<bool>()) {
            let quoting = is_quoted.then_some(CSV);
            prop_assert_eq!(sweep(text.as_bytes(), quoting), framed(text.as_bytes(), quoting));
        }

        #[test]
        fn quotes_where_they_should_be_are_plain(text in csv()) {
            let is_blank = framed(text.as_bytes(), Some(CSV)).is_none();
            prop_assert_eq!(sweep(text.as_bytes(), Some(CSV)).is_some(), !is_blank);
        }
    }

    #[test]
    fn a_quote_within_a_field_is_given_back() {
        assert_eq!(sweep(b"a\"b\nc\n", Some(CSV)), None);
        assert_eq!(sweep(b"\"a\"b\"\nc\n", Some(CSV)), None);
    }
}
