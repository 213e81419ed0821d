//! Sixty-four bytes at a time: where a character stands among them, as the bits of one number.
//!
//! `pulp` picks the widest instructions that the machine has and keeps what is unsafe about them to itself. Elsewhere eight
//! bytes are compared within one register, which every machine can.

/// Bytes that are looked at together; bit `i` of a mask stands for byte `i` of them.
pub(crate) const LANES: usize = 64;

/// Groups whose parity is taken at once: as many as there are 64-bit numbers in a register.
pub(crate) const TOGETHER: usize = 4;

/// A way to compare [`LANES`] bytes at once.
pub(crate) trait Compare: Copy {
    /// Whether a character was met, wherever.
    type Met: Copy;
    /// A bit for each byte that is `needle`.
    fn equal(self, bytes: &[u8; LANES], needle: u8) -> u64;
    /// Nothing was met yet.
    fn nothing(self) -> Self::Met;
    /// The same, and whether it is among these bytes: half the work of [`Compare::equal`].
    fn meet(self, met: Self::Met, bytes: &[u8; LANES], needle: u8) -> Self::Met;
    /// The same, and whether a byte that is not ASCII is among these.
    fn meet_non_ascii(self, met: Self::Met, bytes: &[u8; LANES]) -> Self::Met;
    /// Whether it was met.
    fn was_met(self, met: Self::Met) -> bool;

    /// For the quotes of each group, bits of all bytes up to and with each quote's own: a bit is set where an odd number of them has
    /// come.
    #[inline(always)]
    fn parities(self, mut quotes: [u64; TOGETHER]) -> [u64; TOGETHER] {
        for shift in [1, 2, 4, 8, 16, 32] {
            for bits in &mut quotes {
                *bits ^= *bits << shift;
            }
        }
        quotes
    }
}

/// Work over many bytes, done with the best [`Compare`] there is.
pub(crate) trait Sweep {
    type Output;
    /// Does the work. Must be `#[inline(always)]`: the instructions are chosen where it is inlined.
    fn sweep(self, compare: impl Compare) -> Self::Output;
}

/// Does the work with the best instructions of this machine.
pub(crate) fn run<S: Sweep>(sweep: S) -> S::Output {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = pulp::x86::V3::try_new() {
        return simd.vectorize(
            #[inline(always)]
            || sweep.sweep(wide::Wide(simd)),
        );
    }
    sweep.sweep(Portable)
}

/// Eight bytes in a register at a time.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

impl Compare for Portable {
    type Met = u64;

    #[inline(always)]
    fn equal(self, bytes: &[u8; LANES], needle: u8) -> u64 {
        const LOW: u64 = 0x0101_0101_0101_0101;
        const SEVEN: u64 = LOW * 0x7F;
        // Multiplied by this, the lowest bits of eight bytes become the highest byte.
        const GATHER: u64 = 0x0102_0408_1020_4080;
        let (words, _) = bytes.as_chunks::<8>();
        let mut mask = 0;
        for (index, word) in words.iter().enumerate() {
            let difference = u64::from_le_bytes(*word) ^ (LOW * u64::from(needle));
            let nonzero = ((difference & SEVEN) + SEVEN) | difference;
            let equal = (!nonzero >> 7) & LOW;
            mask |= (equal.wrapping_mul(GATHER) >> 56) << (8 * index);
        }
        mask
    }

    #[inline(always)]
    fn nothing(self) -> u64 {
        0
    }

    #[inline(always)]
    fn meet(self, met: u64, bytes: &[u8; LANES], needle: u8) -> u64 {
        met | self.equal(bytes, needle)
    }

    #[inline(always)]
    fn meet_non_ascii(self, met: u64, bytes: &[u8; LANES]) -> u64 {
        const HIGH: u64 = 0x8080_8080_8080_8080;
        let (words, _) = bytes.as_chunks::<8>();
        let all = words.iter().fold(0, |all, word| all | u64::from_le_bytes(*word));
        met | (all & HIGH)
    }

    #[inline(always)]
    fn was_met(self, met: u64) -> bool {
        met != 0
    }
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use std::arch::x86_64::__m256i;

    use pulp::bytemuck::cast;
    use pulp::x86::V3;

    use super::{Compare, LANES, TOGETHER};

    /// Two times thirty-two bytes, by AVX2.
    #[derive(Clone, Copy)]
    pub(super) struct Wide(pub(super) V3);

    impl Compare for Wide {
        type Met = __m256i;

        #[inline(always)]
        fn equal(self, bytes: &[u8; LANES], needle: u8) -> u64 {
            let needles = self.0.avx._mm256_set1_epi8(needle.cast_signed());
            let [low, high]: [__m256i; 2] = cast(*bytes);
            let mask = |half| {
                let equal = self.0.avx2._mm256_cmpeq_epi8(half, needles);
                u64::from(self.0.avx2._mm256_movemask_epi8(equal).cast_unsigned())
            };
            mask(low) | (mask(high) << 32)
        }

        #[inline(always)]
        fn nothing(self) -> __m256i {
            self.0.avx._mm256_setzero_si256()
        }

        #[inline(always)]
        fn meet(self, met: __m256i, bytes: &[u8; LANES], needle: u8) -> __m256i {
            let needles = self.0.avx._mm256_set1_epi8(needle.cast_signed());
            let [low, high]: [__m256i; 2] = cast(*bytes);
            let avx2 = self.0.avx2;
            let low = avx2._mm256_cmpeq_epi8(low, needles);
            let high = avx2._mm256_cmpeq_epi8(high, needles);
            avx2._mm256_or_si256(met, avx2._mm256_or_si256(low, high))
        }

        #[inline(always)]
        fn meet_non_ascii(self, met: __m256i, bytes: &[u8; LANES]) -> __m256i {
            let [low, high]: [__m256i; 2] = cast(*bytes);
            let avx2 = self.0.avx2;
            avx2._mm256_or_si256(met, avx2._mm256_or_si256(low, high))
        }

        #[inline(always)]
        fn parities(self, quotes: [u64; TOGETHER]) -> [u64; TOGETHER] {
            let avx2 = self.0.avx2;
            let mut bits: __m256i = cast(quotes);
            bits = avx2._mm256_xor_si256(bits, avx2._mm256_slli_epi64::<1>(bits));
            bits = avx2._mm256_xor_si256(bits, avx2._mm256_slli_epi64::<2>(bits));
            bits = avx2._mm256_xor_si256(bits, avx2._mm256_slli_epi64::<4>(bits));
            bits = avx2._mm256_xor_si256(bits, avx2._mm256_slli_epi64::<8>(bits));
            bits = avx2._mm256_xor_si256(bits, avx2._mm256_slli_epi64::<16>(bits));
            bits = avx2._mm256_xor_si256(bits, avx2._mm256_slli_epi64::<32>(bits));
            cast(bits)
        }

        /// By the highest bits: where a character is met all of them are set, and a byte that is not ASCII has its own.
        #[inline(always)]
        fn was_met(self, met: __m256i) -> bool {
            self.0.avx2._mm256_movemask_epi8(met) != 0
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Compare, LANES, Portable, Sweep, TOGETHER, run};

    struct Equal<'a>(&'a [u8; LANES], u8);

    struct Meet<'a>(&'a [u8; LANES], u8);

    impl Sweep for Meet<'_> {
        type Output = bool;
        #[inline(always)]
        fn sweep(self, compare: impl Compare) -> bool {
            let met = compare.meet(compare.nothing(), self.0, self.1);
            compare.was_met(compare.meet(met, &[!self.1; LANES], self.1))
        }
    }

    struct Parities([u64; TOGETHER]);

    impl Sweep for Parities {
        type Output = [u64; TOGETHER];
        #[inline(always)]
        fn sweep(self, compare: impl Compare) -> [u64; TOGETHER] {
            compare.parities(self.0)
        }
    }

    struct MeetNonAscii<'a>(&'a [u8; LANES]);

    impl Sweep for MeetNonAscii<'_> {
        type Output = bool;
        #[inline(always)]
        fn sweep(self, compare: impl Compare) -> bool {
            let met = compare.meet_non_ascii(compare.nothing(), self.0);
            compare.was_met(compare.meet_non_ascii(met, &[0x7F; LANES]))
        }
    }

    impl Sweep for Equal<'_> {
        type Output = u64;
        #[inline(always)]
        fn sweep(self, compare: impl Compare) -> u64 {
            compare.equal(self.0, self.1)
        }
    }

    proptest! {
        #[test]
        fn every_way_to_compare_gives_what_comparing_byte_by_byte_gives(
            bytes in prop::collection::vec(prop_oneof![Just(b'\n'), Just(0x8A), Just(b'\x0B'), any::<u8>()], LANES),
            needle in prop_oneof![Just(b'\n'), any::<u8>()],
        ) {
            let bytes: [u8; LANES] = bytes.try_into().unwrap();
            let expected = (0..LANES).fold(0, |mask, at| mask | (u64::from(bytes[at] == needle) << at));
            prop_assert_eq!(Portable.equal(&bytes, needle), expected);
            prop_assert_eq!(run(Equal(&bytes, needle)), expected);
            prop_assert_eq!(Meet(&bytes, needle).sweep(Portable), expected != 0);
            prop_assert_eq!(run(Meet(&bytes, needle)), expected != 0);
        }

        #[test]
        fn one_byte_that_is_not_ascii_is_met_wherever_it_is(at in prop::option::of(0..LANES), byte in 0x80_u8.., rest in 0..0x80_u8) {
            let mut bytes = [rest; LANES];
            if let Some(at) = at {
                bytes[at] = byte;
            }
            prop_assert_eq!(MeetNonAscii(&bytes).sweep(Portable), at.is_some());
            prop_assert_eq!(run(MeetNonAscii(&bytes)), at.is_some());
        }

        #[test]
        fn a_bit_of_the_parity_says_whether_an_odd_number_of_quotes_has_come(quotes in any::<[u64; TOGETHER]>()) {
            for parities in [Portable.parities(quotes), run(Parities(quotes))] {
                for (quotes, parity) in quotes.into_iter().zip(parities) {
                    for at in 0..64 {
                        let come = (quotes & (u64::MAX >> (63 - at))).count_ones();
                        prop_assert_eq!((parity >> at) & 1, u64::from(come % 2));
                    }
                }
            }
        }
    }
}
