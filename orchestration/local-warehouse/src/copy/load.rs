//! One COPY, from its files to its table.

use std::io;
use std::pin::Pin;

use bytes::Bytes;
use chrono::Utc;
use futures_util::{SinkExt, StreamExt};
use tokio_postgres::{Client, CopyInSink};

use super::column::Target;
use super::decode::FileDecoder;
use super::delimited::{Csv, Delimited, FixedWidth};
use super::fields::{FieldReader, Fields};
use super::frame::{Frame, Framer, Framing, MOST_BYTES};
use super::json::{JsonByKey, JsonByPath};
use super::report::{BadRow, Loaded, Report, RowError};
use super::row::{RowWriter, TrailingDelimiter};
use super::source::{SourceFile, read_whole, source_files};
use super::statement::{CopyStatement, Format, JsonFields, Tolerance};
use crate::engine::StatementError;
use crate::{ObjectBody, ObjectReader};

/// What is handed to PostgreSQL at once: larger pieces are no faster.
const SEND_BYTES: usize = 64 * 1024;

/// Where a COPY runs.
pub(crate) struct CopyContext<'a> {
    /// The connection whose transaction the rows belong to.
    pub(crate) client: &'a Client,
    /// A connection whose writes stay when the rows are rolled back.
    pub(crate) bookkeeping: &'a Client,
    /// Where the files are.
    pub(crate) objects: &'a dyn ObjectReader,
    /// The query's id in the system views.
    pub(crate) query_id: i64,
    /// The backend's process id.
    pub(crate) process_id: i32,
}

/// Runs a COPY and returns how many rows it loaded.
pub(crate) async fn run(context: &CopyContext<'_>, copy: &CopyStatement) -> Result<u64, StatementError> {
    let explain = |error: tokio_postgres::Error| StatementError::of_database(&error);
    let target = Target::find(context.client, copy).await?;
    let files = source_files(context.objects, copy).await?;
    let mut reader = field_reader(context, copy, &target).await?;
    let transaction_id = "SELECT pg_current_xact_id()::text::bigint";
    let transaction_id = context
        .client
        .query_one(transaction_id, &[])
        .await
        .map_err(explain)?
        .get(0);
    let mut report = Report::new(context.query_id, context.process_id, transaction_id);
    let loaded = load_files(context, copy, &target, &files, reader.as_mut(), &mut report).await;
    let status = if loaded.is_ok() { "completed" } else { "aborted" };
    let history = Loaded {
        target: &target,
        source: &copy.source,
        format: format_name(&copy.format),
        status,
    };
    report
        .write(context.bookkeeping, &history)
        .await
        .map_err(explain)?;
    loaded?;
    let count = if copy.no_load { 0 } else { report.loaded_rows };
    remember(context, count).await.map_err(explain)?;
    Ok(count)
}

/// What `pg_last_copy_count()` and `pg_last_copy_id()` answer in this session.
async fn remember(context: &CopyContext<'_>, count: u64) -> Result<(), tokio_postgres::Error> {
    let query = "SELECT set_config('longshore.last_copy_count', $1, false), set_config('longshore.last_copy_id', $2, false)";
    context
        .client
        .query_one(query, &[&count.to_string(), &context.query_id.to_string()])
        .await
        .map(|_| ())
}

fn format_name(format: &Format) -> &'static str {
    match format {
        Format::Delimited { .. } => "text",
        Format::Csv { .. } => "csv",
        Format::FixedWidth(_) => "fixedwidth",
        Format::Json(_) => "json",
    }
}

async fn field_reader(
    context: &CopyContext<'_>,
    copy: &CopyStatement,
    target: &Target,
) -> Result<Box<dyn FieldReader>, StatementError> {
    Ok(match &copy.format {
        Format::Delimited {
            delimiter,
            escape,
            remove_quotes,
        } => Box::new(Delimited {
            delimiter: *delimiter,
            escape: *escape,
            remove_quotes: *remove_quotes,
        }),
        Format::Csv { delimiter, quote } => Box::new(Csv {
            delimiter: *delimiter,
            quote: *quote,
        }),
        Format::FixedWidth(columns) => Box::new(FixedWidth {
            widths: columns.iter().map(|(_, width)| *width).collect(),
        }),
        Format::Json(JsonFields::Paths(url)) => {
            let file = read_whole(context.objects, url, "JSONPaths").await?;
            let reader = JsonByPath::parse(&file)
                .map_err(|reason| StatementError::new(format!("Invalid JSONPaths file {url}: {reason}")))?;
            if reader.len() != target.columns.len() {
                let (paths, columns) = (reader.len(), target.columns.len());
                let message = format!(
                    "Number of jsonpaths and the number of columns should match. JSONPath size: {paths}, Number of columns in table or column list: {columns}"
                );
                return Err(StatementError::new(message));
            }
            Box::new(reader)
        }
        Format::Json(fields) => Box::new(JsonByKey {
            columns: target.columns.iter().map(|column| column.name.clone()).collect(),
            ignores_case: *fields == JsonFields::AutoIgnoreCase,
        }),
    })
}

fn framing(format: &Format) -> Framing {
    match *format {
        Format::Delimited {
            escape: false,
            remove_quotes: false,
            ..
        }
        | Format::FixedWidth(_) => Framing::Lines,
        Format::Delimited {
            delimiter,
            escape,
            remove_quotes,
        } => Framing::Marked {
            escape,
            quotes: remove_quotes,
            delimiter,
        },
        Format::Csv { delimiter, quote } => Framing::Csv { delimiter, quote },
        Format::Json(_) => Framing::Json,
    }
}

async fn load_files(
    context: &CopyContext<'_>,
    copy: &CopyStatement,
    target: &Target,
    files: &[SourceFile],
    reader: &mut dyn FieldReader,
    report: &mut Report,
) -> Result<(), StatementError> {
    let mut load = Load {
        copy,
        target,
        reader,
        report,
        writer: RowWriter {
            columns: &target.columns,
            conversion: &copy.conversion,
            trailing_delimiter: match copy.format {
                Format::Delimited { .. } => TrailingDelimiter::Allowed,
                _ => TrailingDelimiter::Refused,
            },
        },
        fields: Fields::default(),
        out: Vec::new(),
        file: String::new(),
        lines: 0,
    };
    let mut sink = if copy.no_load {
        None
    } else {
        Some(open_sink(context.client, copy, target).await?)
    };
    let mut found = 0;
    for file in files {
        found += usize::from(load_file(context, &mut load, file, &mut sink).await?);
    }
    if found == 0 {
        return Err(StatementError::new(format!(
            "The specified S3 files of '{}' do not exist",
            copy.source
        )));
    }
    let Some(mut sink) = sink else {
        return Ok(());
    };
    sink.as_mut()
        .finish()
        .await
        .map(|_| ())
        .map_err(|error| StatementError::of_database(&error))
}

type Sink = Pin<Box<CopyInSink<Bytes>>>;

async fn open_sink(client: &Client, copy: &CopyStatement, target: &Target) -> Result<Sink, StatementError> {
    let names: Vec<String> = target
        .columns
        .iter()
        .map(|column| format!("\"{}\"", column.name.replace('"', "\"\"")))
        .collect();
    let query = format!("COPY {} ({}) FROM STDIN", copy.table, names.join(", "));
    let sink = client
        .copy_in(&query)
        .await
        .map_err(|error| StatementError::of_database(&error))?;
    Ok(Box::pin(sink))
}

/// False when the file is not there and need not be.
async fn load_file(
    context: &CopyContext<'_>,
    load: &mut Load<'_>,
    file: &SourceFile,
    sink: &mut Option<Sink>,
) -> Result<bool, StatementError> {
    let url = file.url();
    let problem =
        |error: &dyn std::fmt::Display| StatementError::new(format!("Problem reading {url}: {error}"));
    let body = context
        .objects
        .open(&file.bucket, &file.key)
        .await
        .map_err(|error| problem(&error))?;
    let Some(ObjectBody { size, mut chunks }) = body else {
        let missing = problem(&"S3ServiceException:The specified key does not exist.,Status 404");
        return if file.mandatory { Err(missing) } else { Ok(false) };
    };
    let started = Utc::now().naive_utc();
    load.begin_file(&url);
    let mut framer = Framer::new(framing(&load.copy.format));
    let mut decoder =
        FileDecoder::new(load.copy.compression, load.copy.encoding).map_err(|error| problem(&error))?;
    let mut read = 0_u64;
    while let Some(chunk) = chunks.next().await {
        let chunk: Bytes = chunk.map_err(|error| problem(&error))?;
        read += u64::try_from(chunk.len()).unwrap_or_default();
        for piece in chunk.chunks(SEND_BYTES) {
            let pushed: Result<(), LoadStop> =
                decoder.push(piece, |text| framer.push(text, |frame| load.record(frame)));
            pushed.map_err(|stop| stop.explain(load, &url))?;
            load.send(sink, SEND_BYTES).await?;
        }
    }
    if read != size {
        return Err(problem(&format!(
            "the connection ended after {read} of {size} bytes"
        )));
    }
    let ended: Result<(), LoadStop> = decoder.finish(|text| framer.push(text, |frame| load.record(frame)));
    let ended = ended.and_then(|()| framer.finish(|frame| load.record(frame)));
    ended.map_err(|stop| stop.explain(load, &url))?;
    load.send(sink, 0).await?;
    load.report.file_done(url, size, load.lines, started);
    Ok(true)
}

/// Why the records of a file are not read on.
enum LoadStop {
    /// There are as many errors as the COPY tolerates.
    TooManyErrors,
    /// The file cannot be decoded.
    Undecodable(io::Error),
}

impl From<io::Error> for LoadStop {
    fn from(error: io::Error) -> Self {
        Self::Undecodable(error)
    }
}

impl LoadStop {
    fn explain(self, load: &Load<'_>, url: &str) -> StatementError {
        match self {
            Self::TooManyErrors => StatementError::new(format!(
                "Load into table '{}' failed.  Check 'sys_load_error_detail' system table for details.",
                load.target.name
            )),
            Self::Undecodable(error) => StatementError::new(format!("Problem reading {url}: {error}")),
        }
    }
}

/// What goes from record to record.
struct Load<'a> {
    copy: &'a CopyStatement,
    target: &'a Target,
    reader: &'a mut dyn FieldReader,
    report: &'a mut Report,
    writer: RowWriter<'a>,
    fields: Fields,
    out: Vec<u8>,
    file: String,
    /// Records of this file so far.
    lines: u64,
}

impl Load<'_> {
    fn begin_file(&mut self, url: &str) {
        url.clone_into(&mut self.file);
        self.lines = 0;
    }

    /// Takes one record: it becomes a row to send, an error to report, or nothing.
    fn record(&mut self, frame: Frame<'_>) -> Result<(), LoadStop> {
        self.lines += 1;
        let is_header = self.lines <= self.copy.ignore_header;
        let is_blank = frame.bytes.is_empty() && self.copy.ignore_blank_lines;
        if is_header || is_blank {
            return Ok(());
        }
        match self.row(frame) {
            Ok(()) => {
                self.report.loaded_rows += 1;
                Ok(())
            }
            Err(row) => self.refuse(row, frame),
        }
    }

    fn row(&mut self, frame: Frame<'_>) -> Result<(), BadRow> {
        if frame.is_too_long {
            let reason = format!("Input line is not valid: it is longer than {MOST_BYTES} bytes");
            return Err(BadRow::of_line(RowError::new(1216, reason), 0));
        }
        if frame.bytes.is_empty() && self.target.columns.len() > 1 {
            return Err(BadRow::of_line(
                RowError::new(1211, "Input line contained no data"),
                0,
            ));
        }
        self.reader
            .read(frame.bytes, &mut self.fields)
            .map_err(|error| BadRow::of_line(error, 0))?;
        self.writer.write(&self.fields, &mut self.out)
    }

    fn refuse(&mut self, row: BadRow, frame: Frame<'_>) -> Result<(), LoadStop> {
        self.report
            .refuse(row, &self.file, frame.line, frame.offset, frame.bytes);
        match self.copy.tolerance {
            Tolerance::MaxError(most) if self.report.error_count >= most.max(1) => {
                Err(LoadStop::TooManyErrors)
            }
            _ => Ok(()),
        }
    }

    /// Hands rows to PostgreSQL once there are more than `threshold` bytes of them.
    async fn send(&mut self, sink: &mut Option<Sink>, threshold: usize) -> Result<(), StatementError> {
        if self.out.len() <= threshold {
            return Ok(());
        }
        let rows = Bytes::from(std::mem::take(&mut self.out));
        match sink {
            Some(sink) => sink
                .send(rows)
                .await
                .map_err(|error| StatementError::of_database(&error)),
            None => Ok(()),
        }
    }
}
