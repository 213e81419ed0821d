//! One file of a text format: streamed, never held whole.

use bytes::Bytes;
use futures_util::StreamExt;

use super::decode::FileDecoder;
use super::fields::FieldReader;
use super::intake::{Intake, SEND_BYTES, Sink};
use super::records::{Records, Stop};
use crate::ObjectBody;
use crate::engine::StatementError;

/// Reads a file to its end.
pub(super) async fn load_text_file(
    intake: &mut Intake<'_>,
    reader: &mut dyn FieldReader,
    body: ObjectBody,
    sink: &mut Sink,
) -> Result<(), StatementError> {
    let ObjectBody { mut chunks, .. } = body;
    let url = intake.file.clone();
    let mut decoder = FileDecoder::new(intake.copy.compression, intake.copy.encoding)
        .map_err(|error| problem(&url, &error))?;
    let mut records = Records::new(intake, reader);
    while let Some(chunk) = chunks.next().await {
        let chunk: Bytes = chunk.map_err(|error| problem(&url, &error))?;
        for piece in chunk.chunks(SEND_BYTES) {
            let pushed: Result<(), Stop> = decoder.push(piece, |text| records.push(text));
            pushed.map_err(|stop| records.explain(stop, &url))?;
            records.intake.send(sink, SEND_BYTES).await?;
        }
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
