//! Decompressed bytes as text: the byte order mark, whole units, and validity.

use crate::counts::Counts;
use crate::cut::Tally;
use crate::encoding::{Encoding, InvalidBytes, LONGEST_MARK_BYTES, Resolved};
use crate::error::PrepareError;
use crate::records::{Look, RecordStage};
use crate::sinks::{Exits, Sinks};
use crate::spec::PipelineSpec;
use crate::unit::Unit;
use crate::validator::{Invalid, Validator};

/// The first bytes of the stream, until the byte order is settled.
pub(crate) struct Opening {
    head: Vec<u8>,
}

impl Opening {
    pub(crate) fn new() -> Self {
        Self {
            head: Vec::with_capacity(LONGEST_MARK_BYTES),
        }
    }

    /// Takes what is needed from `block` and gives the rest; nothing is left until enough has come.
    pub(crate) fn take<'a>(&mut self, block: &'a [u8]) -> &'a [u8] {
        let missing = (LONGEST_MARK_BYTES - self.head.len()).min(block.len());
        self.head.extend_from_slice(&block[..missing]);
        &block[missing..]
    }

    /// Whether enough has come to settle the byte order.
    pub(crate) fn is_full(&self) -> bool {
        self.head.len() == LONGEST_MARK_BYTES
    }

    /// Settles the byte order; gives the stages that follow and the first text for them.
    pub(crate) fn open(&self, spec: &PipelineSpec) -> Result<(TextStage, Sinks, &[u8]), PrepareError> {
        let encoding = spec.encoding;
        let resolved = encoding
            .resolve(&self.head)
            .ok_or(PrepareError::ByteOrderMarkMissing { encoding })?;
        let stage = TextStage::new(spec, resolved);
        Ok((
            stage,
            Sinks::new(spec, resolved.encoding),
            &self.head[resolved.mark_bytes..],
        ))
    }
}

/// Cuts the text into blocks of whole units, checks them and passes them to the records.
pub(crate) struct TextStage {
    resolved: Resolved,
    unit: Unit,
    validator: Validator,
    records: RecordStage,
    /// The first byte of a two-byte unit whose second is still to come.
    odd: Option<u8>,
    /// The place of the next block in the stream.
    origin: u64,
}

impl TextStage {
    /// Text that begins behind its byte order mark.
    pub(crate) fn new(spec: &PipelineSpec, resolved: Resolved) -> Self {
        let origin = resolved.mark_bytes as u64;
        let validator = match spec.invalid_bytes {
            InvalidBytes::Reject => Validator::new(resolved.encoding),
            InvalidBytes::Accept => Validator::Any,
        };
        Self {
            resolved,
            unit: resolved.encoding.unit(),
            validator,
            records: RecordStage::new(spec, resolved.encoding, origin),
            odd: None,
            origin,
        }
    }

    pub(crate) fn resolved(&self) -> Resolved {
        self.resolved
    }

    /// Takes the next bytes of the text, cut anywhere.
    pub(crate) fn accept(&mut self, block: &[u8], exits: &mut Exits<'_>) -> Result<(), PrepareError> {
        if self.unit == Unit::One {
            return self.accept_units(block, exits);
        }
        let mut rest = block;
        if let (Some(first), Some((&second, after))) = (self.odd, block.split_first()) {
            self.odd = None;
            self.accept_units(&[first, second], exits)?;
            rest = after;
        }
        if rest.len() % 2 == 1
            && let Some((&last, before)) = rest.split_last()
        {
            self.odd = Some(last);
            rest = before;
        }
        self.accept_units(rest, exits)
    }

    /// What the records that have ended came to.
    pub(crate) fn settled(&self) -> Tally {
        self.records.settled()
    }

    /// The beginning of the record that has not ended, of a text of one-byte units.
    pub(crate) fn into_open(self) -> Vec<u8> {
        self.records.into_open()
    }

    /// Takes the end of the text.
    pub(crate) fn finish(self, exits: &mut Exits<'_>) -> Result<Counts, PrepareError> {
        if self.odd.is_some() {
            return Err(self.invalid(self.origin));
        }
        if let Err(Invalid { bytes_before, .. }) = self.validator.finish() {
            return Err(self.invalid(self.origin - bytes_before as u64));
        }
        self.records.finish(exits)
    }

    fn accept_units(&mut self, block: &[u8], exits: &mut Exits<'_>) -> Result<(), PrepareError> {
        if block.is_empty() {
            return Ok(());
        }
        // Most blocks are of ASCII, which the look at their records shows by the way.
        let look = self.records.look(block);
        let checked = match look.is_ascii() && self.validator.is_between_characters() {
            true => Ok(()),
            false => self.validator.check(block),
        };
        match checked {
            Ok(()) => {
                self.origin += block.len() as u64;
                self.records.accept(block, look, exits)
            }
            Err(Invalid {
                valid_bytes,
                bytes_before,
            }) => {
                // Faults before the invalid bytes come first, however the stream was cut into blocks.
                let valid = &block[..valid_bytes];
                self.records.accept(valid, Look::default(), exits)?;
                Err(self.invalid(self.origin + valid_bytes as u64 - bytes_before as u64))
            }
        }
    }

    /// The records have seen everything before the invalid bytes, so their line is the line.
    fn invalid(&self, byte: u64) -> PrepareError {
        let encoding: Encoding = self.resolved.encoding;
        PrepareError::InvalidEncoding {
            line: self.records.line(),
            byte,
            encoding,
        }
    }
}
