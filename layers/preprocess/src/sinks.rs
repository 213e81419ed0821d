//! The outputs that are open, their encoders, and the cut into parts.

use std::io;

use crate::encoder::Encoder;
use crate::encoding::Encoding;
use crate::error::PrepareError;
use crate::outputs::{OutputId, OutputKind, Outputs};
use crate::pipeline::BLOCK_BYTES;
use crate::report::OutputReport;
use crate::spec::{OutputFormat, PipelineSpec, UnlistedRecords};
use crate::transcoder::Transcoder;

/// Complete records on their way to one output.
#[derive(Clone, Copy)]
pub(crate) struct Records<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) count: u64,
}

/// The outputs, and the caller's side of them.
pub(crate) struct Exits<'a> {
    pub(crate) sinks: &'a mut Sinks,
    pub(crate) outputs: &'a mut dyn Outputs,
}

/// Every output of a pipeline. One is opened by its first record.
pub(crate) struct Sinks {
    format: Option<OutputFormat>,
    encoding: Encoding,
    /// What every output begins with.
    header: Vec<u8>,
    slots: Vec<Slot>,
    finished: Vec<OutputReport>,
    /// Bytes handed to the caller since [`Sinks::take_produced`].
    produced: usize,
}

struct Slot {
    kind: OutputKind,
    part: u32,
    open: Option<OpenOutput>,
}

struct OpenOutput {
    encoder: Encoder,
    transcoder: Transcoder,
    report: OutputReport,
    /// Bytes of records alone, by which parts are cut.
    record_bytes: u64,
}

impl Sinks {
    pub(crate) fn new(spec: &PipelineSpec, encoding: Encoding) -> Self {
        let kinds = match &spec.split {
            None => vec![OutputKind::Whole],
            Some(split) => {
                let unlisted = (split.unlisted == UnlistedRecords::Write).then_some(OutputKind::Unlisted);
                (0..split.prefixes.len())
                    .map(OutputKind::Prefix)
                    .chain(unlisted)
                    .collect()
            }
        };
        Self {
            format: spec.output,
            encoding,
            header: Vec::new(),
            slots: kinds
                .into_iter()
                .map(|kind| Slot {
                    kind,
                    part: 0,
                    open: None,
                })
                .collect(),
            finished: Vec::new(),
            produced: 0,
        }
    }

    /// Whether anything is to be written at all.
    pub(crate) fn is_writing(&self) -> bool {
        self.format.is_some()
    }

    /// Adds to what every output begins with.
    pub(crate) fn keep_header(&mut self, bytes: &[u8]) {
        self.header.extend_from_slice(bytes);
    }

    /// How many bytes of records end the current part of a slot.
    pub(crate) fn room(&self, slot: usize) -> u64 {
        let Some(part_bytes) = self.format.and_then(|format| format.part_bytes) else {
            return u64::MAX;
        };
        let taken = self.slots[slot].open.as_ref().map_or(0, |open| open.record_bytes);
        part_bytes.get().saturating_sub(taken)
    }

    /// Writes complete records to a slot and ends its part if it is full.
    pub(crate) fn write(
        &mut self,
        slot: usize,
        records: Records<'_>,
        outputs: &mut dyn Outputs,
    ) -> Result<(), PrepareError> {
        let Some(format) = self.format else { return Ok(()) };
        let index = slot;
        let slot = &mut self.slots[index];
        if slot.open.is_none() {
            slot.open(
                format,
                self.encoding,
                &self.header,
                &mut Delivery {
                    outputs,
                    produced: &mut self.produced,
                },
            )?;
        }
        let open = slot.open.as_mut().expect("the slot was opened above");
        open.write(
            records.bytes,
            &mut Delivery {
                outputs,
                produced: &mut self.produced,
            },
        )?;
        open.report.records += records.count;
        open.record_bytes += records.bytes.len() as u64;
        if self.room(index) == 0 {
            self.finish_part(index, outputs)?;
        }
        Ok(())
    }

    /// Ends every open output.
    pub(crate) fn finish(&mut self, outputs: &mut dyn Outputs) -> Result<Vec<OutputReport>, PrepareError> {
        for slot in 0..self.slots.len() {
            self.finish_part(slot, outputs)?;
        }
        let mut reports = std::mem::take(&mut self.finished);
        reports.sort_by_key(|report| report.id);
        Ok(reports)
    }

    /// Bytes handed to the caller since the last call.
    pub(crate) fn take_produced(&mut self) -> usize {
        std::mem::take(&mut self.produced)
    }

    fn finish_part(&mut self, slot: usize, outputs: &mut dyn Outputs) -> Result<(), PrepareError> {
        let slot = &mut self.slots[slot];
        let Some(open) = slot.open.take() else {
            return Ok(());
        };
        slot.part += 1;
        let report = open.finish(&mut Delivery {
            outputs,
            produced: &mut self.produced,
        })?;
        self.finished.push(report);
        Ok(())
    }
}

impl Slot {
    fn open(
        &mut self,
        format: OutputFormat,
        encoding: Encoding,
        header: &[u8],
        delivery: &mut Delivery<'_>,
    ) -> Result<(), PrepareError> {
        let id = OutputId {
            kind: self.kind,
            part: self.part,
        };
        let encoder = Encoder::new(format.compression).map_err(|source| not_compressed(id, source))?;
        let mut open = OpenOutput {
            encoder,
            transcoder: Transcoder::new(encoding, format.encoding),
            report: OutputReport {
                id,
                records: 0,
                bytes_before_encoding: 0,
                bytes_written: 0,
            },
            record_bytes: 0,
        };
        open.write(header, delivery)?;
        self.open = Some(open);
        Ok(())
    }
}

impl OpenOutput {
    fn write(&mut self, bytes: &[u8], delivery: &mut Delivery<'_>) -> Result<(), PrepareError> {
        self.report.bytes_before_encoding += bytes.len() as u64;
        if self.passes_through(bytes) {
            self.deliver_buffer(delivery)?;
            return delivery.deliver(&mut self.report, bytes);
        }
        for piece in bytes.chunks(BLOCK_BYTES) {
            let Self {
                encoder,
                transcoder,
                report,
                ..
            } = self;
            transcoder
                .transcode(piece, |text| encoder.write(text))
                .map_err(|source| not_compressed(report.id, source))?;
            if self.encoder.buffer().len() >= BLOCK_BYTES {
                self.deliver_buffer(delivery)?;
            }
        }
        Ok(())
    }

    /// Whether bytes are worth more as a block of their own than copied into the buffer.
    fn passes_through(&self, bytes: &[u8]) -> bool {
        bytes.len() >= BLOCK_BYTES / 4 && self.transcoder.is_identity() && self.encoder.is_plain()
    }

    fn deliver_buffer(&mut self, delivery: &mut Delivery<'_>) -> Result<(), PrepareError> {
        let buffer = self.encoder.buffer();
        delivery.deliver(&mut self.report, buffer)?;
        buffer.clear();
        Ok(())
    }

    fn finish(self, delivery: &mut Delivery<'_>) -> Result<OutputReport, PrepareError> {
        let Self {
            encoder, mut report, ..
        } = self;
        let rest = encoder
            .finish()
            .map_err(|source| not_compressed(report.id, source))?;
        delivery.deliver(&mut report, &rest)?;
        let refused = |source| PrepareError::OutputRefused {
            output: report.id,
            source,
        };
        delivery.outputs.finish(report.id).map_err(refused)?;
        Ok(report)
    }
}

/// The way to the caller's outputs.
struct Delivery<'a> {
    outputs: &'a mut dyn Outputs,
    produced: &'a mut usize,
}

impl Delivery<'_> {
    fn deliver(&mut self, report: &mut OutputReport, bytes: &[u8]) -> Result<(), PrepareError> {
        for block in bytes.chunks(BLOCK_BYTES) {
            let refused = |source| PrepareError::OutputRefused {
                output: report.id,
                source,
            };
            self.outputs.write(report.id, block).map_err(refused)?;
            report.bytes_written += block.len() as u64;
            *self.produced += block.len();
        }
        Ok(())
    }
}

fn not_compressed(output: OutputId, source: io::Error) -> PrepareError {
    PrepareError::OutputNotCompressed { output, source }
}
