//! Looking for magics at every bit, four bytes at a time.

use super::magic::Magic;
use super::window::Window;

/// A magic is 48 bits long, so wherever in its first byte it begins, the five bytes that follow are known: in them stand four
/// pairs of neighbours, one of which begins at a multiple of four.
const STRIDE: u64 = 4;

/// The bytes from a pair on without which not all magics around it are seen whole.
const REACH_BYTES: usize = 6;

/// A bit for each pair of bytes that stands in some magic at some shift: 64 of 65,536.
static PAIRS: [u64; 1024] = pairs();

/// Finds magics in what comes in.
#[derive(Default)]
pub(super) struct Scanner {
    /// The byte where the next pair stands.
    next: u64,
}

impl Scanner {
    /// Every magic that begins before this bit has been found.
    pub(super) fn frontier(&self) -> u64 {
        self.next.saturating_sub(STRIDE) * 8
    }

    /// Goes on to the end of the window and tells the bit where a magic begins, each once and in order.
    pub(super) fn scan(&mut self, window: &Window, mut found: impl FnMut(u64, Magic)) {
        self.next = self.next.max(window.start().next_multiple_of(STRIDE));
        loop {
            let bytes = window.bytes_from(self.next);
            let pairs = (bytes.len() + 1)
                .saturating_sub(REACH_BYTES)
                .div_ceil(STRIDE as usize);
            let region = &bytes[..pairs * STRIDE as usize];
            let hit = region
                .chunks_exact(STRIDE as usize)
                .position(|bytes| is_known(bytes[0], bytes[1]));
            self.next += STRIDE * hit.unwrap_or(pairs) as u64;
            if hit.is_none() {
                return;
            }
            look_around(self.next, window, &mut found);
            self.next += STRIDE;
        }
    }
}

/// Looks for magics whose known pair would be the one at this byte.
fn look_around(pair: u64, window: &Window, found: &mut impl FnMut(u64, Magic)) {
    for at in pair.saturating_sub(STRIDE) * 8..pair * 8 {
        let magic = window.bits(at, Magic::BITS as u32).and_then(Magic::of);
        if let Some(magic) = magic {
            found(at, magic);
        }
    }
}

fn is_known(first: u8, second: u8) -> bool {
    let pair = u16::from_be_bytes([first, second]);
    PAIRS[usize::from(pair >> 6)] >> (pair & 63) & 1 == 1
}

const fn pairs() -> [u64; 1024] {
    let mut pairs = [0; 1024];
    let mut shift = 0;
    while shift < 8 {
        let mut place = 8;
        while place < 40 {
            mark(&mut pairs, Magic::Block.value() << (16 - shift) << place >> 48);
            mark(&mut pairs, Magic::End.value() << (16 - shift) << place >> 48);
            place += 8;
        }
        shift += 1;
    }
    pairs
}

const fn mark(pairs: &mut [u64; 1024], pair: u64) {
    pairs[(pair >> 6) as usize] |= 1 << (pair & 63);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise without a magic, but for those that are laid down at the given bits.
    fn noise(length: usize, magics: &[(u64, Magic)]) -> Vec<u8> {
        let mut state = 7u64;
        let mut bytes: Vec<u8> = (0..length)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            })
            .collect();
        for &(at, magic) in magics {
            for bit in 0..Magic::BITS {
                let (byte, mask) = (((at + bit) / 8) as usize, 0x80 >> ((at + bit) % 8));
                match magic.value() >> (Magic::BITS - 1 - bit) & 1 {
                    0 => bytes[byte] &= !mask,
                    _ => bytes[byte] |= mask,
                }
            }
        }
        bytes
    }

    fn scan(bytes: &[u8], piece: usize) -> Vec<(u64, Magic)> {
        let (mut scanner, mut window, mut found) = (Scanner::default(), Window::default(), Vec::new());
        for piece in bytes.chunks(piece) {
            window.append(piece);
            scanner.scan(&window, |at, magic| found.push((at, magic)));
            window.release(scanner.frontier() / 8);
        }
        found
    }

    #[test]
    fn a_magic_is_found_at_every_bit() {
        for at in 0..80 {
            for magic in Magic::ALL {
                let bytes = noise(40, &[(at, magic)]);
                for piece in [1, 3, 40] {
                    assert_eq!(scan(&bytes, piece), [(at, magic)]);
                }
            }
        }
    }

    #[test]
    fn magics_that_overlap_are_all_found() {
        for (shift, second) in [(45, Magic::Block), (48, Magic::Block), (48, Magic::End)] {
            let magics = [(3, Magic::Block), (3 + shift, second)];
            assert_eq!(scan(&noise(40, &magics), 1), magics);
        }
    }

    #[test]
    fn noise_holds_no_magic() {
        assert_eq!(scan(&noise(200_000, &[]), 1_000), []);
    }
}
