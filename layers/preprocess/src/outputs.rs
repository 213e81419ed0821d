//! Where prepared bytes go.

use std::collections::BTreeMap;
use std::fmt;

/// The caller's side of the outputs.
///
/// An output begins with its first block and ends with [`Outputs::finish`]; one that gets no record is never mentioned.
pub trait Outputs {
    /// Takes the next block of an output, of 1 to [`BLOCK_BYTES`](crate::BLOCK_BYTES) bytes.
    ///
    /// # Errors
    /// Whatever keeps the caller from taking it; the pipeline stops.
    fn write(&mut self, output: OutputId, bytes: &[u8]) -> Result<(), OutputError>;

    /// Learns that the output is complete, so that its upload can be, while others go on.
    ///
    /// # Errors
    /// Whatever keeps the caller from completing it; the pipeline stops.
    fn finish(&mut self, output: OutputId) -> Result<(), OutputError>;
}

/// One output: what its records have in common, and which part of them it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutputId {
    /// Which records it holds.
    pub kind: OutputKind,
    /// The part, from 0; always 0 if no part size was asked for.
    pub part: u32,
}

impl fmt::Display for OutputId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            OutputKind::Whole => write!(formatter, "part {}", self.part),
            OutputKind::Prefix(index) => write!(formatter, "part {} of prefix {}", self.part, index + 1),
            OutputKind::Unlisted => write!(formatter, "part {} of the unlisted records", self.part),
        }
    }
}

/// Which records an output holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutputKind {
    /// All of them.
    Whole,
    /// Those of the prefix with this index in [`Split::prefixes`](crate::Split::prefixes).
    Prefix(usize),
    /// Those that begin with no listed prefix.
    Unlisted,
}

/// Why the caller could not take bytes.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct OutputError(Box<dyn std::error::Error + Send + Sync>);

impl OutputError {
    /// Wraps the caller's own error; it comes back as the source of [`PrepareError::OutputRefused`](crate::PrepareError::OutputRefused).
    pub fn new(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(error.into())
    }

    /// The caller's own error, to be downcast.
    pub fn into_inner(self) -> Box<dyn std::error::Error + Send + Sync> {
        self.0
    }
}

/// Takes no bytes; for pipelines that only check.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl Outputs for Discard {
    fn write(&mut self, _output: OutputId, _bytes: &[u8]) -> Result<(), OutputError> {
        Ok(())
    }

    fn finish(&mut self, _output: OutputId) -> Result<(), OutputError> {
        Ok(())
    }
}

/// Keeps everything in memory; for tests and for files known to be small.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    bytes: BTreeMap<OutputId, Vec<u8>>,
}

impl Memory {
    /// The outputs so far, in order.
    pub fn all(&self) -> &BTreeMap<OutputId, Vec<u8>> {
        &self.bytes
    }

    /// The bytes of one output; empty if nothing was written to it.
    pub fn get(&self, output: OutputId) -> &[u8] {
        self.bytes.get(&output).map_or(&[], Vec::as_slice)
    }

    /// The bytes of the first part that holds all records; empty if nothing was written.
    pub fn only(&self) -> &[u8] {
        self.get(OutputId {
            kind: OutputKind::Whole,
            part: 0,
        })
    }
}

impl Outputs for Memory {
    fn write(&mut self, output: OutputId, bytes: &[u8]) -> Result<(), OutputError> {
        self.bytes.entry(output).or_default().extend_from_slice(bytes);
        Ok(())
    }

    fn finish(&mut self, _output: OutputId) -> Result<(), OutputError> {
        Ok(())
    }
}
