//! What waits to be written: many short records become few long writes.

use super::splitter::SplitValue;
use crate::outputs::OutputError;

/// Writes of whole pages fill whole pages of the system's cache.
const PAGE_BYTES: usize = 4096;
/// The most that one value's records wait for.
const MOST_BYTES_OF_ONE: usize = 64 * 1024;

/// The caller's side of a split by value.
pub trait ValueOutputs {
    /// Takes the next bytes of a value's records. Values are numbered as they come up, from 0; a value begins with its first bytes.
    ///
    /// # Errors
    /// Whatever keeps the caller from taking them; the split stops.
    fn write(&mut self, index: usize, value: &[u8], bytes: &[u8]) -> Result<(), OutputError>;
}

/// What waits of each value, within a bound for all of them together.
pub(super) struct Staging {
    staged: Vec<Staged>,
    most_bytes: usize,
    most_bytes_of_one: usize,
}

/// What each record touches lies together, in one line of the cache.
#[repr(align(64))]
struct Staged {
    waiting: Vec<u8>,
    records: u64,
    bytes: u64,
    value: Box<[u8]>,
}

impl Staging {
    pub(super) fn new(most_bytes: usize) -> Self {
        Self {
            staged: Vec::new(),
            most_bytes,
            most_bytes_of_one: MOST_BYTES_OF_ONE.min(most_bytes),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.staged.len()
    }

    /// Makes room for a value that has not come up before.
    pub(super) fn add(&mut self, value: &[u8], outputs: &mut dyn ValueOutputs) -> Result<usize, OutputError> {
        let index = self.staged.len();
        self.staged.push(Staged {
            value: value.into(),
            records: 0,
            bytes: 0,
            waiting: Vec::new(),
        });
        let share = self.most_bytes / self.staged.len().next_power_of_two();
        let share = share.clamp(PAGE_BYTES.min(self.most_bytes), MOST_BYTES_OF_ONE);
        if share < self.most_bytes_of_one {
            self.most_bytes_of_one = share;
            for index in 0..self.staged.len() {
                self.write_whole_pages(index, outputs)?;
                self.staged[index].waiting.shrink_to(2 * share);
            }
        }
        Ok(index)
    }

    /// Takes a record of a value, or the beginning of one.
    #[inline]
    pub(super) fn begin_record(
        &mut self,
        index: usize,
        bytes: &[u8],
        outputs: &mut dyn ValueOutputs,
    ) -> Result<(), OutputError> {
        self.staged[index].records += 1;
        self.go_on(index, bytes, outputs)
    }

    /// Takes more of the record that was begun.
    #[inline]
    pub(super) fn go_on(
        &mut self,
        index: usize,
        bytes: &[u8],
        outputs: &mut dyn ValueOutputs,
    ) -> Result<(), OutputError> {
        let waiting = &mut self.staged[index].waiting;
        waiting.extend_from_slice(bytes);
        if waiting.len() >= self.most_bytes_of_one {
            self.write_whole_pages(index, outputs)?;
        }
        Ok(())
    }

    /// Writes what fills pages and keeps the rest, so that what is written next begins with a page.
    fn write_whole_pages(&mut self, index: usize, outputs: &mut dyn ValueOutputs) -> Result<(), OutputError> {
        let waiting = self.staged[index].waiting.len();
        let page = PAGE_BYTES.min(self.most_bytes_of_one).max(1);
        self.write(index, waiting - waiting % page, outputs)?;
        // A long record may have made it wide.
        let staged = &mut self.staged[index];
        if staged.waiting.capacity() > 4 * self.most_bytes_of_one {
            staged.waiting.shrink_to(2 * self.most_bytes_of_one);
        }
        Ok(())
    }

    fn write(
        &mut self,
        index: usize,
        length: usize,
        outputs: &mut dyn ValueOutputs,
    ) -> Result<(), OutputError> {
        let staged = &mut self.staged[index];
        if length == 0 {
            return Ok(());
        }
        outputs.write(index, &staged.value, &staged.waiting[..length])?;
        staged.bytes += length as u64;
        staged.waiting.drain(..length);
        Ok(())
    }

    /// Writes all that waits.
    pub(super) fn finish(mut self, outputs: &mut dyn ValueOutputs) -> Result<Vec<SplitValue>, OutputError> {
        for index in 0..self.staged.len() {
            self.write(index, self.staged[index].waiting.len(), outputs)?;
        }
        let all = self.staged.into_iter();
        Ok(all
            .map(|staged| SplitValue {
                value: staged.value,
                records: staged.records,
                bytes: staged.bytes,
            })
            .collect())
    }
}
