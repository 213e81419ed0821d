//! The values that came up, found by their bytes.

use std::collections::HashMap;

use super::key::KeyPlace;

/// Values that are found without hashing all of their bytes; a power of two.
const NEAR_VALUES: usize = 8192;
/// The widest value that fits a register.
const NEAR_WIDTH: usize = size_of::<u64>();

/// Each value with its index.
pub(super) struct Values {
    by_bytes: HashMap<Box<[u8]>, usize>,
    place: KeyPlace,
    /// Values of full width, each where its bytes say; two that should stand in one place take turns.
    near: Vec<Near>,
    /// The bytes of a register that are the value's.
    mask: u64,
}

#[derive(Clone, Copy)]
struct Near {
    bytes: u64,
    index: Option<u32>,
}

impl Values {
    pub(super) fn new(place: KeyPlace) -> Self {
        let width = place.to() - place.from();
        let is_narrow = width <= NEAR_WIDTH;
        let vacant = Near {
            bytes: 0,
            index: None,
        };
        Self {
            by_bytes: HashMap::new(),
            place,
            near: vec![vacant; if is_narrow { NEAR_VALUES } else { 0 }],
            mask: u64::MAX >> (8 * NEAR_WIDTH.saturating_sub(width)),
        }
    }

    /// The index of the value of a record of `length` bytes that `bytes` begin with, if it is easily told.
    #[inline]
    pub(super) fn near(&self, bytes: &[u8], length: usize) -> Option<usize> {
        // Long enough that no byte of the value belongs to the line end.
        if length < self.place.to() + 2 {
            return None;
        }
        let from = self.place.from();
        let register = bytes.get(from..from + NEAR_WIDTH)?.try_into().ok()?;
        let bytes = u64::from_le_bytes(register) & self.mask;
        let near = self.near.get(seat(bytes))?;
        match near.index {
            Some(index) if near.bytes == bytes => Some(index as usize),
            Some(_) | None => None,
        }
    }

    pub(super) fn find(&mut self, value: &[u8]) -> Option<usize> {
        let index = *self.by_bytes.get(value)?;
        self.seat(value, index);
        Some(index)
    }

    pub(super) fn add(&mut self, value: &[u8], index: usize) {
        self.by_bytes.insert(value.into(), index);
        self.seat(value, index);
    }

    fn seat(&mut self, value: &[u8], index: usize) {
        let is_full = value.len() == self.place.to() - self.place.from();
        if !is_full || value.len() > NEAR_WIDTH {
            return;
        }
        let mut register = [0; NEAR_WIDTH];
        register[..value.len()].copy_from_slice(value);
        let bytes = u64::from_le_bytes(register);
        self.near[seat(bytes)] = Near {
            bytes,
            index: u32::try_from(index).ok(),
        };
    }
}

/// Where a value stands: its bits well mixed.
fn seat(bytes: u64) -> usize {
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    (bytes.wrapping_mul(GOLDEN) >> 32) as usize % NEAR_VALUES
}
