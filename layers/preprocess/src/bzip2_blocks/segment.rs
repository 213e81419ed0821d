//! What a decoder is given of a block at once.

use super::magic::Magic;

/// Bits of one block, moved to begin at a byte.
pub(super) struct Segment {
    /// The bits; behind those of the block follow the ones of the magic where it is thought to end.
    pub(super) bytes: Vec<u8>,
    /// How many bytes hold bits of the block. The last one may hold the first bits of the magic too.
    pub(super) block_bytes: usize,
    /// Where it ends.
    pub(super) reach: Reach,
}

/// How far a segment goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reach {
    /// The bit from which a decoder must be given more if the block does not end here.
    pub(super) open_at: u64,
    /// What stops it.
    pub(super) end: SegmentEnd,
}

/// What stops a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SegmentEnd {
    /// A magic at this bit, with which the block ends if it is not there by chance.
    Magic(u64, Magic),
    /// The block goes on.
    Cut,
}
