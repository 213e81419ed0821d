//! Where a file on this machine is read into.

/// What is read at once: 1 MiB. The kernel copies less at a time for more, though it stays in nearer caches.
const BYTES: usize = 1024 * 1024;
const PAGE_BYTES: usize = 4096;

/// A buffer that begins with a page. The kernel's copy into one that does not costs half as much again: what `malloc` gives begins 16
/// bytes behind a page.
pub(crate) struct Block {
    bytes: Vec<u8>,
    begin: usize,
}

impl Block {
    pub(crate) fn new() -> Self {
        let bytes = vec![0; BYTES + PAGE_BYTES];
        let begin = bytes.as_ptr().align_offset(PAGE_BYTES);
        // Where it cannot be told, the buffer is slower and no less right.
        let begin = if begin < PAGE_BYTES { begin } else { 0 };
        Self { bytes, begin }
    }

    /// All of it, to be read into.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        &mut self.bytes[self.begin..][..BYTES]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_with_a_page_wherever_it_is() {
        let mut blocks: Vec<_> = (0..20).map(|_| Block::new()).collect();
        for block in &mut blocks {
            let space = block.space();
            assert_eq!((space.as_ptr().align_offset(PAGE_BYTES), space.len()), (0, BYTES));
        }
    }
}
