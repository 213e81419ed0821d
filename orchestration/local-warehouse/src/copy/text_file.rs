//! One file of a text format: streamed, never held whole.

use std::io;

use bytes::Bytes;
use futures_util::StreamExt;

use super::decode::FileDecoder;
use super::fields::FieldReader;
use super::frame::{Frame, Framer};
use super::intake::{Intake, SEND_BYTES, Sink, TooManyErrors};
use super::readers::framing;
use super::statement::Format;
use crate::ObjectBody;
use crate::engine::StatementError;

/// Reads a file to its end.
pub(super) async fn load_text_file(
    intake: &mut Intake<'_>,
    reader: &mut dyn FieldReader,
    body: ObjectBody,
    sink: &mut Sink,
) -> Result<(), StatementError> {
    let ObjectBody { size, mut chunks } = body;
    let url = intake.file.clone();
    let mut decoder = FileDecoder::new(intake.copy.compression, intake.copy.encoding)
        .map_err(|error| problem(&url, &error))?;
    let mut records = Records::new(intake, reader);
    let mut read = 0_u64;
    while let Some(chunk) = chunks.next().await {
        let chunk: Bytes = chunk.map_err(|error| problem(&url, &error))?;
        read += u64::try_from(chunk.len()).unwrap_or_default();
        for piece in chunk.chunks(SEND_BYTES) {
            let pushed: Result<(), Stop> = decoder.push(piece, |text| records.push(text));
            pushed.map_err(|stop| records.explain(stop, &url))?;
            records.intake.send(sink, SEND_BYTES).await?;
        }
    }
    if read != size {
        let reason = format!("the connection ended after {read} of {size} bytes");
        return Err(problem(&url, &reason));
    }
    let ended: Result<(), Stop> = decoder.finish(|text| records.push(text));
    let ended = ended.and_then(|()| records.finish());
    ended.map_err(|stop| records.explain(stop, &url))?;
    records.intake.send(sink, 0).await
}

/// A file that cannot be read.
pub(super) fn problem(url: &str, reason: &dyn std::fmt::Display) -> StatementError {
    StatementError::new(format!("Problem reading {url}: {reason}"))
}

/// Why the records of a file are not read on.
enum Stop {
    TooManyErrors,
    Undecodable(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Undecodable(error)
    }
}

impl From<TooManyErrors> for Stop {
    fn from(_: TooManyErrors) -> Self {
        Self::TooManyErrors
    }
}

/// From decoded text to records.
struct Records<'a, 'b> {
    intake: &'a mut Intake<'b>,
    reader: &'a mut dyn FieldReader,
    framer: Framer,
    /// Lines of JSON that IGNOREHEADER still skips: it counts lines, and a record may have many.
    lines_to_skip: u64,
}

impl<'a, 'b> Records<'a, 'b> {
    fn new(intake: &'a mut Intake<'b>, reader: &'a mut dyn FieldReader) -> Self {
        let lines_to_skip = match intake.copy.format {
            Format::Json(_) => intake.copy.ignore_header,
            _ => 0,
        };
        Self {
            framer: Framer::after_lines(framing(&intake.copy.format), lines_to_skip),
            intake,
            reader,
            lines_to_skip,
        }
    }

    fn push(&mut self, text: &[u8]) -> Result<(), Stop> {
        let mut text = text;
        while self.lines_to_skip > 0 {
            let Some(end) = memchr::memchr(b'\n', text) else {
                return Ok(());
            };
            text = &text[end + 1..];
            self.lines_to_skip -= 1;
        }
        let (intake, reader) = (&mut *self.intake, &mut *self.reader);
        self.framer.push(text, |frame| record(intake, reader, frame))
    }

    fn finish(&mut self) -> Result<(), Stop> {
        let framer = std::mem::replace(&mut self.framer, Framer::new(framing(&self.intake.copy.format)));
        let (intake, reader) = (&mut *self.intake, &mut *self.reader);
        framer.finish(|frame| record(intake, reader, frame))
    }

    fn explain(&self, stop: Stop, url: &str) -> StatementError {
        match stop {
            Stop::TooManyErrors => self.intake.failure(),
            Stop::Undecodable(error) => problem(url, &error),
        }
    }
}

fn record(intake: &mut Intake<'_>, reader: &mut dyn FieldReader, frame: Frame<'_>) -> Result<(), Stop> {
    intake.lines += 1;
    let is_json = matches!(intake.copy.format, Format::Json(_));
    let is_header = !is_json && intake.lines <= intake.copy.ignore_header;
    let is_blank = frame.bytes.is_empty() && intake.copy.ignore_blank_lines;
    if is_header || is_blank {
        return Ok(());
    }
    Ok(intake.record(reader, frame)?)
}
