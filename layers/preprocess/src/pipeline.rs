//! The pipeline: what the caller drives.

use std::num::NonZeroUsize;

use crate::counts::Counts;
use crate::decompressor::Decompressor;
use crate::encoding::Resolved;
use crate::error::{PrepareError, SpecError};
use crate::outputs::Outputs;
use crate::report::{OutputReport, Report};
use crate::sinks::{Exits, Records, Sinks};
use crate::spec::{Framing, PipelineSpec};
use crate::text::{Opening, TextStage};

/// The largest block handed to [`Outputs::write`]: 64 KiB.
pub const BLOCK_BYTES: usize = 64 * 1024;

/// A push returns once it has handed out this much, 1 MiB, so that the caller can send it on. It may go over by
/// what one decompressed block gives: a few blocks, or a record of up to 4 MiB that had been held back.
pub const OUTPUT_BYTES_PER_PUSH: usize = 1024 * 1024;

/// One pass over one file.
///
/// An asynchronous caller drives it like this: push, send on what the outputs were given, push the input that was
/// not consumed, until all of it is and nothing is pending; then read more. At the end of the file,
/// [`Pipeline::finish`].
///
/// ```
/// # use longshore_preprocess::{Memory, Outputs, Pipeline, PrepareError};
/// # fn upload(_: &mut Memory) {}
/// fn take(pipeline: &mut Pipeline, chunk: &[u8], outputs: &mut Memory) -> Result<(), PrepareError> {
///     let mut rest = chunk;
///     loop {
///         let progress = pipeline.push(rest, outputs)?;
///         upload(outputs); // here the caller may wait
///         rest = &rest[progress.consumed..];
///         if rest.is_empty() && !progress.pending {
///             return Ok(());
///         }
///     }
/// }
/// ```
pub struct Pipeline {
    spec: PipelineSpec,
    decompressor: Decompressor,
    stage: Stage,
    bytes_decoded: u64,
    /// Whether the decompressor holds output for input that it has already taken.
    pending: bool,
}

enum Stage {
    /// Records are not looked into.
    Opaque(Sinks),
    /// The byte order is not settled.
    Opening(Opening),
    /// In the midst of the text.
    Text(Box<TextStage>, Sinks),
}

/// How far a push came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "what was not consumed must be pushed again"]
pub struct Progress {
    /// Bytes of the input that are used up; push the rest again.
    pub consumed: usize,
    /// Whether there is more to come without further input; push again, if need be with nothing.
    pub pending: bool,
}

impl Pipeline {
    /// A pipeline for one file.
    ///
    /// # Errors
    /// A [`SpecError`] if the parts of the specification contradict each other.
    pub fn new(spec: PipelineSpec) -> Result<Self, SpecError> {
        spec.validate()?;
        let stage = match spec.framing {
            Framing::Opaque => Stage::Opaque(Sinks::new(&spec, spec.encoding)),
            Framing::Lines | Framing::Quoted { .. } | Framing::Escaped { .. } => {
                Stage::Opening(Opening::new())
            }
        };
        let decompressor =
            Decompressor::new(spec.compression, NonZeroUsize::MIN).limited_to(spec.decompressed_limit_bytes);
        Ok(Self {
            spec,
            decompressor,
            stage,
            bytes_decoded: 0,
            pending: false,
        })
    }

    /// Takes some of `input`, and returns when all is taken or [`OUTPUT_BYTES_PER_PUSH`] were handed out.
    ///
    /// # Errors
    /// What is wrong with the file, at the place where it shows; the pipeline is spent then.
    pub fn push(&mut self, input: &[u8], outputs: &mut dyn Outputs) -> Result<Progress, PrepareError> {
        let mut consumed = 0;
        let mut produced = 0;
        while (consumed < input.len() || self.pending) && produced < OUTPUT_BYTES_PER_PUSH {
            let step = self.decompressor.step(&input[consumed..])?;
            consumed += step.consumed;
            self.pending = step.pending;
            self.bytes_decoded += step.decoded.len() as u64;
            produced += self.stage.accept(step.decoded, &self.spec, outputs)?;
        }
        Ok(Progress {
            consumed,
            pending: self.pending,
        })
    }

    /// Takes all of `input`; for callers whose outputs need no pause.
    ///
    /// # Errors
    /// As [`Pipeline::push`].
    pub fn push_all(&mut self, input: &[u8], outputs: &mut dyn Outputs) -> Result<(), PrepareError> {
        let mut rest = input;
        loop {
            let progress = self.push(rest, outputs)?;
            rest = &rest[progress.consumed..];
            if rest.is_empty() && !progress.pending {
                return Ok(());
            }
        }
    }

    /// Takes the end of the file: completes the outputs and passes the verdict.
    ///
    /// After a push that left nothing pending it hands out no more than the records held back and what the
    /// encoders hold.
    ///
    /// # Errors
    /// What only the end shows: a stream cut short, a quote left open, a trailer that is missing or wrong, too few
    /// records.
    pub fn finish(mut self, outputs: &mut dyn Outputs) -> Result<Report, PrepareError> {
        self.push_all(&[], outputs)?;
        self.decompressor.finish()?;
        let bytes_read = self.decompressor.offset();
        let end = End::of(self.stage, &self.spec, outputs)?;
        Ok(end.report(bytes_read, self.bytes_decoded))
    }
}

impl Stage {
    /// Takes a decompressed block; gives the bytes that were handed out.
    fn accept(
        &mut self,
        block: &[u8],
        spec: &PipelineSpec,
        outputs: &mut dyn Outputs,
    ) -> Result<usize, PrepareError> {
        match self {
            Self::Opaque(sinks) => {
                if !block.is_empty() {
                    sinks.write(
                        0,
                        Records {
                            bytes: block,
                            count: 0,
                        },
                        outputs,
                    )?;
                }
                Ok(sinks.take_produced())
            }
            Self::Opening(opening) => {
                let rest = opening.take(block);
                if !opening.is_full() {
                    return Ok(0);
                }
                let (text, sinks) = begin_text(opening, spec, outputs)?;
                *self = Self::Text(text, sinks);
                self.accept(rest, spec, outputs)
            }
            Self::Text(text, sinks) => {
                text.accept(block, &mut Exits { sinks, outputs })?;
                Ok(sinks.take_produced())
            }
        }
    }
}

/// Settles the byte order and passes on the text that came with it.
fn begin_text(
    opening: &Opening,
    spec: &PipelineSpec,
    outputs: &mut dyn Outputs,
) -> Result<(Box<TextStage>, Sinks), PrepareError> {
    let (mut text, mut sinks, head) = opening.open(spec)?;
    text.accept(
        head,
        &mut Exits {
            sinks: &mut sinks,
            outputs,
        },
    )?;
    Ok((Box::new(text), sinks))
}

/// What is known of a file at its end, apart from its sizes.
struct End {
    counts: Counts,
    resolved: Resolved,
    outputs: Vec<OutputReport>,
}

impl End {
    fn of(stage: Stage, spec: &PipelineSpec, outputs: &mut dyn Outputs) -> Result<Self, PrepareError> {
        let (text, mut sinks) = match stage {
            Stage::Opaque(sinks) => (None, sinks),
            Stage::Text(text, sinks) => (Some(text), sinks),
            Stage::Opening(opening) => {
                let (text, sinks) = begin_text(&opening, spec, outputs)?;
                (Some(text), sinks)
            }
        };
        let (counts, resolved) = match text {
            None => (
                Counts::default(),
                Resolved {
                    encoding: spec.encoding,
                    mark_bytes: 0,
                },
            ),
            Some(text) => {
                let resolved = text.resolved();
                (
                    text.finish(&mut Exits {
                        sinks: &mut sinks,
                        outputs,
                    })?,
                    resolved,
                )
            }
        };
        Ok(Self {
            counts,
            resolved,
            outputs: sinks.finish(outputs)?,
        })
    }

    fn report(self, bytes_read: u64, bytes_decoded: u64) -> Report {
        let line_ending = self.counts.line_ending();
        Report {
            bytes_read,
            bytes_decoded,
            records: self.counts.records,
            blank_records: self.counts.blank_records,
            header: self.counts.header,
            trailer: self.counts.trailer,
            records_by_prefix: self.counts.records_by_prefix,
            unlisted: self.counts.unlisted,
            has_byte_order_mark: self.resolved.mark_bytes > 0,
            encoding: self.resolved.encoding,
            line_ending,
            lines: self.counts.lines,
            outputs: self.outputs,
        }
    }
}
