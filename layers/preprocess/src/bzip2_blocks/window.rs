//! The compressed bytes that may still be asked for.

/// A stretch of the compressed input, addressed by where it stands in the whole.
#[derive(Default)]
pub(super) struct Window {
    bytes: Vec<u8>,
    /// Bytes at the front that nobody needs any more.
    released: usize,
    /// Where `bytes` begins in the input.
    base: u64,
}

impl Window {
    /// Adds what follows.
    pub(super) fn append(&mut self, input: &[u8]) {
        self.bytes.extend_from_slice(input);
    }

    /// Where the first byte stands that is still here.
    pub(super) fn start(&self) -> u64 {
        self.base + self.released as u64
    }

    /// Where the next byte will stand.
    pub(super) fn end(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }

    /// How many bytes are still needed.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.released
    }

    /// Lets go of what stands before this byte. The bytes move only when half of them are free, so that each moves once on
    /// average.
    pub(super) fn release(&mut self, before: u64) {
        let before = before.clamp(self.start(), self.end());
        self.released = self.index(before);
        if self.released * 2 >= self.bytes.len() {
            self.bytes.drain(..self.released);
            self.released = 0;
            self.base = before;
        }
    }

    /// The bytes from there on; none if it is not here.
    pub(super) fn bytes_from(&self, at: u64) -> &[u8] {
        if (self.start()..self.end()).contains(&at) {
            &self.bytes[self.index(at)..]
        } else {
            &[]
        }
    }

    /// Up to 56 bits from this bit on; `None` if not all are here.
    pub(super) fn bits(&self, at: u64, count: u32) -> Option<u64> {
        let bytes = self.bytes_from(at / 8);
        let shift = (at % 8) as u32;
        let needed = (shift + count).div_ceil(8) as usize;
        let mut word = [0; 8];
        word[..needed].copy_from_slice(bytes.get(..needed)?);
        Some(u64::from_be_bytes(word) << shift >> (64 - count))
    }

    /// The bits from one to another, moved to begin at a byte. The last byte is filled up with what follows in the input, or
    /// with zeros at its end.
    pub(super) fn aligned(&self, from: u64, to: u64) -> Vec<u8> {
        let count = bytes_of(to.saturating_sub(from).div_ceil(8));
        let source = self.bytes_from(from / 8);
        let shift = (from % 8) as u32;
        if shift == 0 {
            return source[..count].to_vec();
        }
        let source = &source[..source.len().min(count + 1)];
        let mut aligned = Vec::with_capacity(count);
        aligned.extend(
            source
                .windows(2)
                .map(|pair| pair[0] << shift | pair[1] >> (8 - shift)),
        );
        if let (true, Some(last)) = (aligned.len() < count, source.last()) {
            aligned.push(last << shift);
        }
        aligned
    }

    fn index(&self, at: u64) -> usize {
        bytes_of(at - self.base)
    }
}

/// A length of bytes that are all in memory.
fn bytes_of(length: u64) -> usize {
    usize::try_from(length).expect("what is in memory has a length that fits")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> Window {
        let mut window = Window::default();
        window.append(&[0, 0, 0, 0b1010_1100, 0b0101_0011, 0xFF]);
        window.release(3);
        window
    }

    #[test]
    fn bits_are_read_at_any_place() {
        let window = window();
        assert_eq!(window.bits(24, 8), Some(0b1010_1100));
        assert_eq!(window.bits(27, 8), Some(0b0110_0010));
        assert_eq!(window.bits(27, 22), None);
        assert_eq!(window.bits(16, 8), None);
        assert_eq!(window.len(), 3);
    }

    #[test]
    fn bits_are_moved_to_a_byte() {
        let window = window();
        assert_eq!(window.aligned(24, 40), [0b1010_1100, 0b0101_0011]);
        assert_eq!(window.aligned(27, 35), [0b0110_0010]);
        assert_eq!(window.aligned(27, 48), [0b0110_0010, 0b1001_1111, 0b1111_1000]);
    }
}
