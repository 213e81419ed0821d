//! Where the lines of a block end, all at once.

use crate::lanes::{Compare, LANES, Sweep, run};

/// Puts the place just after each line end of a block into `ends`, which is emptied first.
pub(super) fn find(block: &[u8], ends: &mut Vec<usize>) {
    ends.clear();
    run(LineEnds { block, ends });
}

struct LineEnds<'a> {
    block: &'a [u8],
    ends: &'a mut Vec<usize>,
}

impl Sweep for LineEnds<'_> {
    type Output = ();

    #[inline(always)]
    fn sweep(self, compare: impl Compare) {
        let (groups, rest) = self.block.as_chunks::<LANES>();
        for (index, group) in groups.iter().enumerate() {
            let mut newlines = compare.equal(group, b'\n');
            while newlines != 0 {
                self.ends
                    .push(index * LANES + newlines.trailing_zeros() as usize + 1);
                newlines &= newlines - 1;
            }
        }
        let before = groups.len() * LANES;
        let newlines = rest.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        self.ends.extend(newlines.map(|(at, _)| before + at + 1));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_line_end_is_found(block in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..300)) {
            let mut ends = vec![7];
            super::find(&block, &mut ends);
            let expected: Vec<usize> = (1..=block.len()).filter(|end| block[end - 1] == b'\n').collect();
            prop_assert_eq!(ends, expected);
        }
    }
}
