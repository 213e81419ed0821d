//! The two marks that structure a bzip2 stream.

/// What stands where a block begins or where a stream's blocks end, at whatever bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Magic {
    /// A block follows: its CRC first.
    Block,
    /// The blocks are over: the CRC of them all follows, then padding to a byte.
    End,
}

impl Magic {
    /// How long a magic is.
    pub(super) const BITS: u64 = 48;
    /// Both.
    pub(super) const ALL: [Self; 2] = [Self::Block, Self::End];

    /// Its bits.
    pub(super) const fn value(self) -> u64 {
        match self {
            Self::Block => 0x3141_5926_5359,
            Self::End => 0x1772_4538_5090,
        }
    }

    /// The magic that these 48 bits are.
    pub(super) fn of(bits: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|magic| magic.value() == bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_magic_begins_within_the_first_bits_of_another() {
        // What `BlockReader` relies on: a block that ends up to seven bits behind a magic's first bit does not meet a magic
        // there, and a decoder sees so from the 40 bits of it that it is given.
        for first in Magic::ALL {
            for second in Magic::ALL {
                for shift in 1..8 {
                    let left = (first.value() << shift) & ((1 << Magic::BITS) - 1);
                    assert_ne!(left >> 8, second.value() >> 8, "{first:?} {second:?} {shift}");
                }
            }
        }
    }
}
