//! Files whose readers jump about in them: they are put on disk first, and read on a thread of their own.
//!
//! The readers are other people's: where one panics on a damaged file, its thread ends and the statement fails.

use std::fs::File;
use std::io::{Seek, Write};

use bytes::Bytes;
use futures_util::StreamExt;
use longshore_local_warehouse_columnar::{
    AvroFile, ColumnarError, ColumnarFile, ColumnarFormat, FileColumn, Rows, ValueKind,
};
use tokio::sync::mpsc;

use super::column::{Column, ColumnType};
use super::decode::FileDecoder;
use super::fields::{FieldKind, FieldReader};
use super::frame::Frame;
use super::intake::{Intake, SEND_BYTES, Sink};
use super::statement::{Compression, Encoding};
use super::text_file::problem;
use crate::ObjectBody;
use crate::engine::StatementError;
use crate::error::error_chain;

/// Batches read ahead: they are the memory that a file takes.
const READ_AHEAD: usize = 2;
/// Records of an Avro file that are handed over at once.
const AVRO_BATCH: usize = 1000;

/// Loads a Parquet or ORC file.
pub(super) async fn load_columnar_file(
    intake: &mut Intake<'_>,
    format: ColumnarFormat,
    body: ObjectBody,
    sink: &mut Sink,
) -> Result<(), StatementError> {
    let url = intake.file.clone();
    let file = spool(body, &url, compression_of(&url)?).await?;
    let (sender, mut receiver) = mpsc::channel(READ_AHEAD);
    let reading = tokio::task::spawn_blocking(move || read_columnar(file, format, &sender));
    while let Some(part) = receiver.recv().await {
        match part {
            ColumnarPart::Columns(columns) => check_columns(intake, &columns, &url)?,
            ColumnarPart::Rows(rows) => take_rows(intake, &rows, &url, sink).await?,
        }
    }
    ended(reading.await, &url)?;
    intake.send(sink, 0).await
}

/// Loads an Avro file: its records are taken as JSON objects.
pub(super) async fn load_avro_file(
    intake: &mut Intake<'_>,
    reader: &mut dyn FieldReader,
    body: ObjectBody,
    sink: &mut Sink,
) -> Result<(), StatementError> {
    let url = intake.file.clone();
    let file = spool(body, &url, intake.copy.compression).await?;
    let (sender, mut receiver) = mpsc::channel(READ_AHEAD);
    let reading = tokio::task::spawn_blocking(move || read_avro(file, &sender));
    while let Some(records) = receiver.recv().await {
        for record in &records {
            intake.lines += 1;
            let frame = row_frame(record, intake.lines);
            intake.record(reader, frame).map_err(|_| intake.failure())?;
            intake.send(sink, SEND_BYTES).await?;
        }
    }
    ended(reading.await, &url)?;
    intake.send(sink, 0).await
}

enum ColumnarPart {
    Columns(Vec<FileColumn>),
    Rows(Rows),
}

fn read_columnar(
    file: File,
    format: ColumnarFormat,
    sender: &mpsc::Sender<ColumnarPart>,
) -> Result<(), ColumnarError> {
    let mut file = ColumnarFile::open(file, format)?;
    let mut is_wanted = sender
        .blocking_send(ColumnarPart::Columns(file.columns().to_vec()))
        .is_ok();
    while is_wanted && let Some(rows) = file.next_rows()? {
        is_wanted = sender.blocking_send(ColumnarPart::Rows(rows)).is_ok();
    }
    Ok(())
}

fn read_avro(file: File, sender: &mpsc::Sender<Vec<Vec<u8>>>) -> Result<(), ColumnarError> {
    let mut file = AvroFile::open(file)?;
    let mut records = Vec::new();
    while let Some(record) = file.next_record()? {
        records.push(record);
        if records.len() == AVRO_BATCH && sender.blocking_send(std::mem::take(&mut records)).is_err() {
            return Ok(());
        }
    }
    // Nobody takes them when the load has failed; then that failure is what is told.
    let _is_taken = sender.blocking_send(records).is_ok();
    Ok(())
}

fn ended(
    reading: Result<Result<(), ColumnarError>, tokio::task::JoinError>,
    url: &str,
) -> Result<(), StatementError> {
    match reading {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(problem(url, &error_chain(&error))),
        Err(_) => Err(problem(url, &"its reader gave up on a damaged part")),
    }
}

/// The file on disk; it is gone when it is closed.
async fn spool(
    body: ObjectBody,
    url: &str,
    compression: Option<Compression>,
) -> Result<File, StatementError> {
    let explain = |error: std::io::Error| problem(url, &error);
    let ObjectBody { mut chunks, .. } = body;
    let mut file = tempfile::tempfile().map_err(explain)?;
    let mut decoder = FileDecoder::new(compression, Encoding::Binary).map_err(explain)?;
    while let Some(chunk) = chunks.next().await {
        let chunk: Bytes = chunk.map_err(explain)?;
        decoder
            .push(&chunk, |plain| file.write_all(plain))
            .map_err(explain)?;
    }
    decoder.finish(|plain| file.write_all(plain)).map_err(explain)?;
    file.rewind().map_err(explain)?;
    Ok(file)
}

/// Columnar files are unpacked by the extension of their name: no option says it.
fn compression_of(url: &str) -> Result<Option<Compression>, StatementError> {
    match url.rsplit_once('.').map(|(_, extension)| extension) {
        Some("gz") => Ok(Some(Compression::Gzip)),
        Some("bz2") => Ok(Some(Compression::Bzip2)),
        Some("snappy") => Err(StatementError::new(format!(
            "{url}: files that are compressed with snappy as a whole are not supported by the local warehouse"
        ))),
        _ => Ok(None),
    }
}

/// Columns are matched by their order, so their number and their types must fit.
fn check_columns(intake: &Intake<'_>, columns: &[FileColumn], url: &str) -> Result<(), StatementError> {
    let (found, expected) = (columns.len(), intake.target.columns.len());
    let is_filled = found < expected && intake.copy.conversion.fill_record;
    if found != expected && !is_filled {
        return Err(StatementError::new(format!(
            "Unmatched number of columns between table and file. Table columns: {expected}, Data columns: {found}, File name: {url}"
        )));
    }
    for (column, target) in columns.iter().zip(&intake.target.columns) {
        if !takes(target, column.kind, intake.copy.serialize_to_json) {
            return Err(StatementError::new(format!(
                "Spectrum Scan Error: File '{url}' has an incompatible schema for column '{}'. Column type: {}, file type: {}",
                target.name,
                target.type_name.to_uppercase(),
                column.type_name,
            )));
        }
    }
    Ok(())
}

fn takes(target: &Column, kind: ValueKind, serializes: bool) -> bool {
    match target.kind {
        ColumnType::Integer(_) => kind == ValueKind::Integer,
        ColumnType::Decimal(..) => kind == ValueKind::Decimal,
        ColumnType::Float(_) => kind == ValueKind::Float,
        ColumnType::Boolean => kind == ValueKind::Boolean,
        ColumnType::Char(_) | ColumnType::Varchar(_) => matches!(kind, ValueKind::Text | ValueKind::Binary),
        ColumnType::Date => kind == ValueKind::Date,
        ColumnType::Time | ColumnType::TimeWithZone => kind == ValueKind::Time,
        ColumnType::Timestamp | ColumnType::TimestampWithZone => kind == ValueKind::Timestamp,
        ColumnType::Super => kind == ValueKind::Nested && serializes,
        ColumnType::Varbyte(_) => kind == ValueKind::Binary,
        ColumnType::Other => false,
    }
    .max(kind == ValueKind::Null)
}

async fn take_rows(
    intake: &mut Intake<'_>,
    rows: &Rows,
    url: &str,
    sink: &mut Sink,
) -> Result<(), StatementError> {
    for row in 0..rows.len() {
        intake.lines += 1;
        read_row(intake, rows, row).map_err(|error| problem(url, &error_chain(&error)))?;
        match intake.writer.write(b"", &intake.fields, &mut intake.out) {
            Ok(()) => intake.report.loaded_rows += 1,
            Err(bad) => {
                // A columnar load fails at its first error, whatever that is.
                let reason = format!(
                    "Spectrum Scan Error: File '{url}', row {}: {}",
                    intake.lines, bad.error.reason
                );
                let frame = row_frame(b"", intake.lines);
                return intake.refuse(bad, frame).map_err(|_| StatementError::new(reason));
            }
        }
        intake.send(sink, SEND_BYTES).await?;
    }
    Ok(())
}

fn read_row(intake: &mut Intake<'_>, rows: &Rows, row: usize) -> Result<(), ColumnarError> {
    intake.fields.clear();
    for (index, column) in intake.target.columns.iter().enumerate() {
        let fields = &mut intake.fields;
        if index >= rows.column_count() {
            // FILLRECORD: in columnar files it means null for text too.
            fields.end(FieldKind::Null, 0);
            continue;
        }
        let start = fields.buffer().len();
        let is_there = rows.write(index, row, fields.buffer())?;
        if is_there && matches!(column.kind, ColumnType::Varbyte(_)) {
            into_hexadecimal(fields.buffer(), start);
        }
        let kind = match column.kind {
            _ if !is_there => FieldKind::Null,
            ColumnType::Super => FieldKind::Json,
            _ => FieldKind::Quoted,
        };
        fields.end(kind, 0);
    }
    Ok(())
}

fn into_hexadecimal(buffer: &mut Vec<u8>, start: usize) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let bytes = buffer.split_off(start);
    for byte in bytes {
        buffer.push(DIGITS[usize::from(byte >> 4)]);
        buffer.push(DIGITS[usize::from(byte & 15)]);
    }
}

fn row_frame(bytes: &[u8], number: u64) -> Frame<'_> {
    Frame {
        bytes,
        line: number,
        offset: 0,
        is_too_long: false,
    }
}
