//! Records that lie side by side, gathered so that neighbours of one output are written at once.

use std::ops::Range;

use crate::error::PrepareError;
use crate::framer::Position;
use crate::sinks::{Exits, Records};

/// A record inside a region.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// Where its bytes lie, with the line end.
    pub(crate) range: Range<usize>,
    /// Its length without the line end.
    pub(crate) content_bytes: usize,
    /// Where it begins in the stream.
    pub(crate) position: Position,
}

/// A slice of the text that holds complete records.
pub(crate) struct Region<'a> {
    pub(crate) bytes: &'a [u8],
    /// The last record that is not blank, held back because it may be the trailer.
    pub(crate) candidate: Option<Record>,
    run: Option<Run>,
}

/// Neighbouring records of one slot, not yet written.
struct Run {
    slot: usize,
    range: Range<usize>,
    records: u64,
    /// At this many bytes the slot's part is full.
    room: u64,
}

impl<'a> Region<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            candidate: None,
            run: None,
        }
    }

    /// Sends a record to a slot, together with its neighbours if it can be.
    #[inline]
    pub(crate) fn send(
        &mut self,
        slot: usize,
        range: Range<usize>,
        exits: &mut Exits<'_>,
    ) -> Result<(), PrepareError> {
        match &mut self.run {
            Some(run) if run.slot == slot && run.range.end == range.start => {
                run.range.end = range.end;
                run.records += 1;
            }
            Some(_) | None => {
                self.flush(exits)?;
                self.run = Some(Run {
                    slot,
                    range,
                    records: 1,
                    room: exits.sinks.room(slot),
                });
            }
        }
        match &self.run {
            Some(run) if run.range.len() as u64 >= run.room => self.flush(exits),
            Some(_) | None => Ok(()),
        }
    }

    /// Sends neighbouring records that fit into the part of the only slot.
    pub(crate) fn send_run(
        &mut self,
        range: Range<usize>,
        records: u64,
        exits: &mut Exits<'_>,
    ) -> Result<(), PrepareError> {
        self.flush(exits)?;
        let room = exits.sinks.room(0);
        self.run = Some(Run {
            slot: 0,
            range,
            records,
            room,
        });
        Ok(())
    }

    /// Writes what was gathered.
    pub(crate) fn flush(&mut self, exits: &mut Exits<'_>) -> Result<(), PrepareError> {
        let Some(run) = self.run.take() else { return Ok(()) };
        let records = Records {
            bytes: &self.bytes[run.range],
            count: run.records,
        };
        exits.sinks.write(run.slot, records, exits.outputs)
    }
}
