//! From blocks to the records of each value.
//!
//! The ends of all lines of a stretch are found at once, then each record is looked at and copied to what waits of its value. A
//! record that two blocks share goes on where its first block left it, so its length does not matter.

use memchr::memchr;

use super::key::KeyPlace;
use super::line_ends;
use super::staging::{Staging, ValueOutputs};
use super::values::Values;
use crate::outputs::OutputError;

/// What is looked at together: it stays in the nearest cache from the search for its line ends to the copies.
const STRETCH_BYTES: usize = 32 * 1024;

/// How much a split may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SplitLimits {
    /// The most values: more tell records apart, not types.
    pub values: usize,
    /// The most bytes that wait to be written, apart from one page and one record a value.
    pub staged_bytes: usize,
}

impl Default for SplitLimits {
    fn default() -> Self {
        Self {
            values: 4096,
            staged_bytes: 16 * 1024 * 1024,
        }
    }
}

/// Why a split stopped.
#[derive(Debug, thiserror::Error)]
pub enum ValueSplitError {
    /// There are too many values.
    #[error(
        "line {line}: bytes {place} have more than {limit} values; name bytes that tell one type from another"
    )]
    TooManyValues {
        /// The physical line of the record with one value too many.
        line: u64,
        /// Where the value stands.
        place: KeyPlace,
        /// The limit.
        limit: usize,
    },
    /// The caller's outputs refused bytes.
    #[error("could not write the records of a value")]
    OutputRefused(#[from] OutputError),
}

/// One value, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitValue {
    /// The value.
    pub value: Box<[u8]>,
    /// Its records.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Splits lines by a value that they hold.
pub struct ValueSplitter {
    place: KeyPlace,
    limits: SplitLimits,
    values: Values,
    staging: Staging,
    open: Open,
    /// Records that have begun and whose value is known.
    records: u64,
    /// Just after each line end of a stretch.
    ends: Vec<usize>,
}

/// What is known of a record that the next block goes on with.
enum Open {
    /// There is none: the next byte begins one.
    Between,
    /// Its beginning, too short to tell the value.
    Beginning(Vec<u8>),
    /// Where the rest of it goes.
    Rest(usize),
}

impl ValueSplitter {
    /// A split of one file.
    pub fn new(place: KeyPlace, limits: SplitLimits) -> Self {
        Self {
            place,
            limits,
            values: Values::new(place),
            staging: Staging::new(limits.staged_bytes),
            open: Open::Between,
            records: 0,
            ends: Vec::new(),
        }
    }

    /// Takes the next bytes of the file, cut anywhere.
    ///
    /// # Errors
    /// There are too many values, or the outputs refuse theirs.
    pub fn push(&mut self, block: &[u8], outputs: &mut dyn ValueOutputs) -> Result<(), ValueSplitError> {
        let mut stretches = block.chunks(STRETCH_BYTES);
        stretches.try_for_each(|stretch| self.take(stretch, outputs))
    }

    /// Takes the end of the file; gives the values in the order in which they came up.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn finish(mut self, outputs: &mut dyn ValueOutputs) -> Result<Vec<SplitValue>, ValueSplitError> {
        if let Open::Beginning(beginning) = std::mem::replace(&mut self.open, Open::Between) {
            self.whole_value(&beginning, outputs)?;
        }
        Ok(self.staging.finish(outputs)?)
    }

    fn take(&mut self, stretch: &[u8], outputs: &mut dyn ValueOutputs) -> Result<(), ValueSplitError> {
        let from = self.close_open(stretch, outputs)?;
        let stretch = &stretch[from..];
        let mut ends = std::mem::take(&mut self.ends);
        line_ends::find(stretch, &mut ends);
        let mut begin = 0;
        for &end in &ends {
            let record = &stretch[begin..end];
            match self.values.near(&stretch[begin..], record.len()) {
                Some(index) => {
                    self.records += 1;
                    self.staging.begin_record(index, record, outputs)?;
                }
                None => {
                    self.whole_value(record, outputs)?;
                }
            }
            begin = end;
        }
        self.ends = ends;
        match &stretch[begin..] {
            [] => Ok(()),
            beginning => self.begin_open(beginning, outputs),
        }
    }

    /// Gives the record that an earlier stretch began what there is of it here; gives where the next one begins.
    fn close_open(
        &mut self,
        stretch: &[u8],
        outputs: &mut dyn ValueOutputs,
    ) -> Result<usize, ValueSplitError> {
        let mut from = 0;
        if let Open::Beginning(beginning) = &mut self.open {
            // With one byte behind the value it is known not to end with the carriage return of a line end.
            let missing = self.place.to() + 1 - beginning.len();
            from = line_length(stretch).min(missing);
            beginning.extend_from_slice(&stretch[..from]);
            let beginning = std::mem::take(beginning);
            self.begin_open(&beginning, outputs)?;
        }
        if let Open::Rest(index) = self.open {
            let rest = &stretch[from..][..line_length(&stretch[from..])];
            self.staging.go_on(index, rest, outputs)?;
            from += rest.len();
            if rest.ends_with(b"\n") {
                self.open = Open::Between;
            }
        }
        Ok(from)
    }

    /// Takes the beginning of a record, or the whole of one: it goes where it belongs as soon as its value is known.
    fn begin_open(
        &mut self,
        beginning: &[u8],
        outputs: &mut dyn ValueOutputs,
    ) -> Result<(), ValueSplitError> {
        let has_ended = beginning.ends_with(b"\n");
        self.open = if !has_ended && beginning.len() <= self.place.to() {
            Open::Beginning(beginning.to_vec())
        } else {
            let index = self.whole_value(beginning, outputs)?;
            match has_ended {
                true => Open::Between,
                false => Open::Rest(index),
            }
        };
        Ok(())
    }

    /// Takes a record of which at least the value is whole; gives the value's index.
    fn whole_value(
        &mut self,
        record: &[u8],
        outputs: &mut dyn ValueOutputs,
    ) -> Result<usize, ValueSplitError> {
        let value = self.place.of(record);
        self.records += 1;
        let index = match self.values.find(value) {
            Some(index) => index,
            None if self.staging.len() == self.limits.values => {
                return Err(ValueSplitError::TooManyValues {
                    line: self.records,
                    place: self.place,
                    limit: self.limits.values,
                });
            }
            None => {
                let index = self.staging.add(value, outputs)?;
                self.values.add(value, index);
                index
            }
        };
        self.staging.begin_record(index, record, outputs)?;
        Ok(index)
    }
}

/// The length of the first line with its end, or of all if none ends.
fn line_length(bytes: &[u8]) -> usize {
    memchr(b'\n', bytes).map_or(bytes.len(), |newline| newline + 1)
}
