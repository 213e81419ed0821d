//! From text to records: header, data, blanks and trailer.
//!
//! A record that lies in one block is used where it lies; only the one that straddles two blocks is put
//! together in `carry`, and only the possible trailer at the end of a block is kept in `held`. Both are bounded by
//! the record limit, so memory does not grow with the file.

use std::ops::Range;

use memchr::memchr_iter;

use crate::counts::Counts;
use crate::cut::Tally;
use crate::encoding::Encoding;
use crate::error::PrepareError;
use crate::first_record::FirstRecord;
use crate::framer::{Framer, Position};
use crate::header::read_header;
use crate::prefixes::PrefixTable;
use crate::region::{Record, Region};
use crate::report::{LineEnding, TrailerRecord};
use crate::sinks::Exits;
use crate::spec::{Framing, HEADER_LIMIT_BYTES, HeaderInOutput, PipelineSpec, UnlistedRecords};
use crate::sweep::{Swept, sweep};
use crate::trailer::{Trailer, verify_count};
use crate::unit::Unit;

/// The most of a trailer's text that is reported, in characters.
const REPORTED_TRAILER_CHARACTERS: usize = 4096;

/// Frames, counts and routes the records of a text.
pub(crate) struct RecordStage {
    encoding: Encoding,
    unit: Unit,
    framing: Framing,
    delimiter: Option<u8>,
    framer: Framer,
    /// What the first data record must hold, until it was looked at.
    first_record: Option<FirstRecord>,
    record_limit: usize,
    header_left: u32,
    header_bytes: usize,
    header_in_output: HeaderInOutput,
    trailer: Option<Trailer>,
    minimum_records: u64,
    prefixes: Option<PrefixTable>,
    unlisted_slot: Option<usize>,
    /// The beginning of a record whose end lies in a later block.
    carry: Vec<u8>,
    /// Where the current record began.
    record_start: Position,
    /// The place of the next block in the stream.
    origin: u64,
    /// A record of an earlier block that may be the trailer.
    held: Vec<u8>,
    held_record: Option<Record>,
    counts: Counts,
}

/// A first look at a block, before it is known to be valid: nothing is counted by it.
#[derive(Default)]
pub(crate) struct Look {
    /// Where the records begin that were looked at, and what they are if none of them is out of the ordinary.
    swept: Option<(usize, Swept)>,
    is_ascii: bool,
}

impl Look {
    /// Whether the whole block is known to be of one-byte ASCII.
    pub(crate) fn is_ascii(&self) -> bool {
        self.is_ascii
    }
}

impl RecordStage {
    /// A stage for text that begins at byte `origin` of the stream, after the byte order mark.
    pub(crate) fn new(spec: &PipelineSpec, encoding: Encoding, origin: u64) -> Self {
        let unit = encoding.unit();
        let listed = spec.split.as_ref().map_or(&[][..], |split| &split.prefixes);
        let encoded: Vec<_> = listed.iter().map(|prefix| encoding.encode(prefix)).collect();
        let writes_unlisted = spec
            .split
            .as_ref()
            .is_some_and(|split| split.unlisted == UnlistedRecords::Write);
        Self {
            encoding,
            unit,
            framing: spec.framing,
            delimiter: spec.delimiter,
            framer: Framer::new(unit, spec.framing, spec.delimiter),
            first_record: FirstRecord::of(spec),
            record_limit: spec.record_limit_bytes,
            header_left: spec.header.records,
            header_bytes: 0,
            header_in_output: spec.header.in_output,
            trailer: spec.trailer.clone(),
            minimum_records: spec.minimum_records,
            prefixes: spec.split.as_ref().map(|_| PrefixTable::new(&encoded)),
            unlisted_slot: writes_unlisted.then_some(listed.len()),
            carry: Vec::new(),
            record_start: Position {
                line: 1,
                byte: origin,
            },
            origin,
            held: Vec::new(),
            held_record: None,
            counts: Counts {
                records_by_prefix: vec![0; listed.len()],
                ..Counts::default()
            },
        }
    }

    /// The physical line of the next unit.
    pub(crate) fn line(&self) -> u64 {
        self.framer.line()
    }

    /// What the records that have ended came to, of a text that begins at byte 0 and has no trailer.
    pub(crate) fn settled(&self) -> Tally {
        let Position { line, byte } = self.record_start;
        Tally {
            bytes: byte,
            records: self.counts.records,
            blank_records: self.counts.blank_records,
            lines: line - 1,
        }
    }

    /// The beginning of the record that has not ended.
    pub(crate) fn into_open(self) -> Vec<u8> {
        self.carry
    }

    /// Looks at the records of a block all at once, if there is nothing to do about any single one of them.
    pub(crate) fn look(&self, block: &[u8]) -> Look {
        if self.header_left > 0 || self.prefixes.is_some() || self.first_record.is_some() {
            return Look::default();
        }
        let mut framer = self.framer.clone();
        let begin = match self.carry.is_empty() {
            true => Some(0),
            false => framer.next_end(block, 0, self.origin),
        };
        let swept = begin.and_then(|begin| {
            let (opening, records) = block.split_at(begin);
            let quoting = framer.sweeping(records)?;
            Some((opening, sweep(records, quoting)?))
        });
        Look {
            is_ascii: swept.is_some_and(|(opening, swept)| swept.is_ascii && opening.is_ascii()),
            swept: swept.map(|(opening, swept)| (opening.len(), swept)),
        }
    }

    /// Takes the next block of text, which holds whole units and was looked at.
    pub(crate) fn accept(
        &mut self,
        block: &[u8],
        look: Look,
        exits: &mut Exits<'_>,
    ) -> Result<(), PrepareError> {
        let mut from = 0;
        if !self.carry.is_empty() {
            let Some(end) = self.framer.next_end(block, 0, self.origin) else {
                return self.carry_on(block, block.len());
            };
            self.carry.extend_from_slice(&block[..end]);
            self.close_carried(exits)?;
            self.start_record(end);
            from = end;
        }
        let mut region = Region::new(block);
        while self.header_left > 0 {
            let Some(end) = self.framer.next_end(block, from, self.origin) else {
                return self.carry_on(&block[from..], block.len());
            };
            self.record(&mut region, from..end, exits)?;
            self.start_record(end);
            from = end;
        }
        if let Some((begin, swept)) = look.swept {
            debug_assert_eq!(begin, from, "the look was at this block");
            from = self.pass(&mut region, from, swept, exits)?;
        }
        while let Some(end) = self.framer.next_end(block, from, self.origin) {
            self.record(&mut region, from..end, exits)?;
            self.start_record(end);
            from = end;
        }
        self.close(region, exits)?;
        self.carry_on(&block[from..], block.len())
    }

    /// Handles the records from `from` on all at once but the last; gives where the others begin, which is `from` if each of them
    /// has to be asked.
    fn pass(
        &mut self,
        region: &mut Region<'_>,
        from: usize,
        swept: Swept,
        exits: &mut Exits<'_>,
    ) -> Result<usize, PrepareError> {
        let block = &region.bytes[from..];
        if swept.records < 2 || block.len() > self.record_limit {
            return Ok(from);
        }
        // The last record goes the usual way, because it may be the trailer.
        let last = swept.previous_end..swept.end;
        let newlines_of_last = memchr_iter(b'\n', &block[last.clone()]).count() as u64;
        let ends_in_return = self.unit.ends_with(&block[..last.end - 1], b'\r');
        let run = from..from + last.start;
        let records = swept.records - 1;
        self.release_held(exits)?;
        // A part ends within them: each has to be asked whether it is the one.
        if exits.sinks.room(0) <= run.len() as u64 {
            return Ok(from);
        }
        self.counts.records += records;
        self.counts.ends.all += records;
        self.counts.ends.with_return += swept.with_return - u64::from(ends_in_return);
        self.framer.pass_records(swept.newlines - newlines_of_last);
        self.start_record(run.end);
        if exits.sinks.is_writing() {
            region.send_run(run.clone(), records, exits)?;
        }
        Ok(run.end)
    }

    /// Takes the end of the text: the last record, the trailer, and the verdict on the counts.
    pub(crate) fn finish(mut self, exits: &mut Exits<'_>) -> Result<Counts, PrepareError> {
        self.framer.finish()?;
        self.counts.lines = self.framer.line() - u64::from(self.carry.is_empty());
        if !self.carry.is_empty() {
            self.end_last_record(exits)?;
        }
        if let Some(trailer) = self.trailer.take() {
            self.counts.trailer = Some(self.read_trailer(&trailer)?);
        }
        let (found, minimum) = (self.counts.records, self.minimum_records);
        match found {
            0 if minimum > 0 => Err(PrepareError::NoRecords {
                minimum,
                lines: self.counts.lines,
            }),
            _ if found < minimum => Err(PrepareError::TooFewRecords { minimum, found }),
            _ => Ok(self.counts),
        }
    }

    /// Keeps the beginning of a record for the next block.
    fn carry_on(&mut self, rest: &[u8], block_bytes: usize) -> Result<(), PrepareError> {
        self.carry.extend_from_slice(rest);
        self.origin += block_bytes as u64;
        // The last unit may be the carriage return of a line end.
        let content_bytes = self.carry.len().saturating_sub(self.unit.width());
        self.check_length(content_bytes, self.record_start)
    }

    fn start_record(&mut self, end: usize) {
        self.record_start = Position {
            line: self.framer.line(),
            byte: self.origin + end as u64,
        };
    }

    fn check_length(&self, content_bytes: usize, at: Position) -> Result<(), PrepareError> {
        let Position { line, byte } = at;
        let header_limit = HEADER_LIMIT_BYTES - self.header_bytes.min(HEADER_LIMIT_BYTES);
        if self.header_left > 0 && content_bytes > header_limit {
            return Err(PrepareError::HeaderTooLong {
                line,
                byte,
                limit: HEADER_LIMIT_BYTES,
            });
        }
        if content_bytes > self.record_limit {
            return Err(PrepareError::RecordTooLong {
                line,
                byte,
                limit: self.record_limit,
            });
        }
        Ok(())
    }

    /// Handles the record that `carry` has become.
    fn close_carried(&mut self, exits: &mut Exits<'_>) -> Result<(), PrepareError> {
        let mut carry = std::mem::take(&mut self.carry);
        let mut region = Region::new(&carry);
        self.record(&mut region, 0..carry.len(), exits)?;
        self.close(region, exits)?;
        carry.clear();
        self.carry = carry;
        Ok(())
    }

    /// Gives the last record the line end that it lacks, so that outputs always end with one.
    fn end_last_record(&mut self, exits: &mut Exits<'_>) -> Result<(), PrepareError> {
        let ends = self.counts.ends;
        if self.counts.line_ending() == Some(LineEnding::CrLf) && !self.unit.ends_with(&self.carry, b'\r') {
            self.carry.extend(self.unit.encode(b'\r'));
        }
        self.carry.extend(self.unit.encode(b'\n'));
        self.close_carried(exits)?;
        self.counts.ends = ends;
        Ok(())
    }

    /// Handles one complete record of a region.
    #[inline]
    fn record(
        &mut self,
        region: &mut Region<'_>,
        range: Range<usize>,
        exits: &mut Exits<'_>,
    ) -> Result<(), PrepareError> {
        let bytes = &region.bytes[range.clone()];
        let content_bytes = self.strip_line_end(bytes);
        let record = Record {
            range,
            content_bytes,
            position: self.record_start,
        };
        self.check_length(content_bytes, record.position)?;
        if self.header_left > 0 {
            self.take_header(bytes, content_bytes, exits);
            return Ok(());
        }
        if content_bytes == 0 {
            self.counts.blank_records += 1;
            return Ok(());
        }
        if self.trailer.is_none() {
            return self.route(region, &record, exits);
        }
        match region.candidate.replace(record) {
            Some(previous) => self.route(region, &previous, exits),
            None => self.release_held(exits),
        }
    }

    /// The length of a record without its line end, which is counted.
    #[inline]
    fn strip_line_end(&mut self, bytes: &[u8]) -> usize {
        let content = &bytes[..bytes.len() - self.unit.width()];
        let has_return = self.unit.ends_with(content, b'\r');
        self.counts.ends.all += 1;
        self.counts.ends.with_return += u64::from(has_return);
        if has_return {
            content.len() - self.unit.width()
        } else {
            content.len()
        }
    }

    fn take_header(&mut self, bytes: &[u8], content_bytes: usize, exits: &mut Exits<'_>) {
        self.header_left -= 1;
        self.header_bytes += bytes.len();
        let text = self.encoding.decode_lossy(&bytes[..content_bytes]);
        self.counts
            .header
            .push(read_header(text, self.delimiter, self.framing));
        if self.header_in_output == HeaderInOutput::Keep {
            exits.sinks.keep_header(bytes);
        }
    }

    /// Counts a data record and sends it to its output.
    #[inline]
    fn route(
        &mut self,
        region: &mut Region<'_>,
        record: &Record,
        exits: &mut Exits<'_>,
    ) -> Result<(), PrepareError> {
        if let Some(first) = self.first_record {
            self.first_record = None;
            let content = &region.bytes[record.range.start..][..record.content_bytes];
            first.check(&self.encoding.decode_lossy(content), record.position)?;
        }
        self.counts.records += 1;
        let slot = match &self.prefixes {
            None => Some(0),
            Some(prefixes) => {
                let content = &region.bytes[record.range.start..][..record.content_bytes];
                match prefixes.longest(content) {
                    Some(prefix) => {
                        self.counts.records_by_prefix[prefix] += 1;
                        Some(prefix)
                    }
                    None => self.count_unlisted(record.position.line),
                }
            }
        };
        match slot {
            Some(slot) if exits.sinks.is_writing() => region.send(slot, record.range.clone(), exits),
            Some(_) | None => Ok(()),
        }
    }

    fn count_unlisted(&mut self, line: u64) -> Option<usize> {
        self.counts.unlisted.records += 1;
        self.counts.unlisted.first_line.get_or_insert(line);
        self.unlisted_slot
    }

    /// Routes the record held from an earlier block: a later one shows that it is not the trailer.
    fn release_held(&mut self, exits: &mut Exits<'_>) -> Result<(), PrepareError> {
        let Some(record) = self.held_record.take() else {
            return Ok(());
        };
        let held = std::mem::take(&mut self.held);
        let mut region = Region::new(&held);
        self.route(&mut region, &record, exits)?;
        region.flush(exits)?;
        self.held = held;
        Ok(())
    }

    /// Writes what a region gathered and keeps its last record if it may be the trailer.
    fn close(&mut self, mut region: Region<'_>, exits: &mut Exits<'_>) -> Result<(), PrepareError> {
        region.flush(exits)?;
        let Some(mut record) = region.candidate else {
            return Ok(());
        };
        self.held.clear();
        self.held.extend_from_slice(&region.bytes[record.range.clone()]);
        record.range = 0..self.held.len();
        self.held_record = Some(record);
        Ok(())
    }

    fn read_trailer(&self, trailer: &Trailer) -> Result<TrailerRecord, PrepareError> {
        let Some(record) = &self.held_record else {
            return Err(PrepareError::TrailerMissing {
                lines: self.counts.lines,
            });
        };
        let text = self.encoding.decode_lossy(&self.held[..record.content_bytes]);
        let at = record.position;
        let count = match &trailer.count {
            Some(place) => {
                let expected = place.read(&text, at, self.delimiter)?;
                verify_count(expected, self.counts.records, self.minimum_records, at)?;
                Some(expected)
            }
            None => None,
        };
        let text = text.chars().take(REPORTED_TRAILER_CHARACTERS).collect();
        Ok(TrailerRecord {
            text,
            count,
            line: at.line,
            byte: at.byte,
        })
    }
}
