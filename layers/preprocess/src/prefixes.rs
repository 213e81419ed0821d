//! The longest listed prefix of a record, at a cost that does not depend on how many are listed.

/// A tree of the prefixes, kept as one table: a row per node, a column per byte that occurs in a prefix.
pub(crate) struct PrefixTable {
    /// The column of each byte; 0 for bytes of no prefix.
    columns: [u16; 256],
    width: usize,
    /// The next node, 0 for none (no edge leads back to the root).
    next: Vec<u32>,
    /// The prefix that ends at each node.
    ends: Vec<Option<usize>>,
}

impl PrefixTable {
    /// A table of prefixes that are not empty; indexes are those of the list.
    pub(crate) fn new(prefixes: &[Vec<u8>]) -> Self {
        let (columns, width) = assign_columns(prefixes);
        let mut table = Self {
            columns,
            width,
            next: vec![0; width],
            ends: vec![None],
        };
        for (index, prefix) in prefixes.iter().enumerate() {
            table.insert(prefix, index);
        }
        table
    }

    /// The index of the longest prefix that `record` begins with.
    #[inline]
    pub(crate) fn longest(&self, record: &[u8]) -> Option<usize> {
        let mut node = 0;
        let mut longest = None;
        for &byte in record {
            node = self.next[self.slot(node, byte)] as usize;
            if node == 0 {
                break;
            }
            longest = self.ends[node].or(longest);
        }
        longest
    }

    fn insert(&mut self, prefix: &[u8], index: usize) {
        let mut node = 0;
        for &byte in prefix {
            let slot = self.slot(node, byte);
            if self.next[slot] == 0 {
                self.next[slot] =
                    u32::try_from(self.ends.len()).expect("prefixes hold fewer than 2^32 bytes");
                self.next.resize(self.next.len() + self.width, 0);
                self.ends.push(None);
            }
            node = self.next[slot] as usize;
        }
        self.ends[node] = Some(index);
    }

    #[inline]
    fn slot(&self, node: usize, byte: u8) -> usize {
        node * self.width + usize::from(self.columns[usize::from(byte)])
    }
}

fn assign_columns(prefixes: &[Vec<u8>]) -> ([u16; 256], usize) {
    let mut columns = [0; 256];
    let mut width = 1;
    for &byte in prefixes.iter().flatten() {
        let column = &mut columns[usize::from(byte)];
        if *column == 0 {
            *column = width;
            width += 1;
        }
    }
    (columns, usize::from(width))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::PrefixTable;

    fn obvious(prefixes: &[Vec<u8>], record: &[u8]) -> Option<usize> {
        let fitting = prefixes
            .iter()
            .enumerate()
            .filter(|(_, prefix)| record.starts_with(prefix));
        fitting
            .max_by_key(|(_, prefix)| prefix.len())
            .map(|(index, _)| index)
    }

    #[test]
    fn the_longest_of_prefixes_that_begin_one_another_wins() {
        let table = PrefixTable::new(&[b"H".to_vec(), b"HDR".to_vec(), b"D".to_vec()]);
        assert_eq!(table.longest(b"HDR1"), Some(1));
        assert_eq!(table.longest(b"HD"), Some(0));
        assert_eq!(table.longest(b"X"), None);
        assert_eq!(table.longest(b""), None);
    }

    proptest! {
        #[test]
        fn the_table_agrees_with_trying_every_prefix(
            prefixes in proptest::collection::btree_set(proptest::collection::vec(0u8..4, 1..5), 1..20),
            record in proptest::collection::vec(0u8..5, 0..8),
        ) {
            let prefixes: Vec<_> = prefixes.into_iter().collect();
            prop_assert_eq!(PrefixTable::new(&prefixes).longest(&record), obvious(&prefixes, &record));
        }
    }
}
