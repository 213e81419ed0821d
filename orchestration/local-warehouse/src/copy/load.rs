//! One COPY, from its files to its table.

use chrono::Utc;
use longshore_local_warehouse_columnar::ColumnarFormat;
use tokio_postgres::Client;

use super::column::Target;
use super::fields::{FieldReader, Fields};
use super::intake::{Intake, Sink};
use super::readers::{field_reader, format_name};
use super::report::{Loaded, Report};
use super::row::{RowWriter, TrailingDelimiter};
use super::source::{SourceFile, source_files, whole};
use super::spooled_file::{load_avro_file, load_columnar_file};
use super::statement::{CopyStatement, Format};
use super::text_file::{load_text_file, problem};
use super::wire::Wire;
use crate::ObjectReader;
use crate::engine::StatementError;

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
    let reader = field_reader(context.objects, copy, &target).await?;
    let transaction_id = "SELECT pg_current_xact_id()::text::bigint";
    let transaction_id = context
        .client
        .query_one(transaction_id, &[])
        .await
        .map_err(explain)?
        .get(0);
    let mut report = Report::new(context.query_id, context.process_id, transaction_id);
    let loaded = load_files(context, copy, &target, &files, reader, &mut report).await;
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

async fn load_files(
    context: &CopyContext<'_>,
    copy: &CopyStatement,
    target: &Target,
    files: &[SourceFile],
    mut reader: Option<Box<dyn FieldReader>>,
    report: &mut Report,
) -> Result<(), StatementError> {
    let wire = Wire::of(&target.columns);
    let mut intake = Intake {
        copy,
        target,
        report,
        writer: RowWriter {
            wire,
            columns: &target.columns,
            conversion: &copy.conversion,
            trailing_delimiter: TrailingDelimiter::of(&copy.format),
        },
        fields: Fields::default(),
        out: wire.header().to_vec(),
        file: String::new(),
        lines: 0,
    };
    let mut sink = open_sink(context.client, copy, target, wire).await?;
    let mut found = 0;
    for file in files {
        let is_there = load_file(context, &mut intake, file, &mut reader, &mut sink).await?;
        found += usize::from(is_there);
    }
    if found == 0 {
        return Err(StatementError::new(format!(
            "The specified S3 files of '{}' do not exist",
            copy.source
        )));
    }
    intake.out.extend_from_slice(wire.trailer());
    intake.send(&mut sink, 0).await?;
    let Some(mut sink) = sink else {
        return Ok(());
    };
    sink.as_mut()
        .finish()
        .await
        .map(|_| ())
        .map_err(|error| StatementError::of_database(&error))
}

async fn open_sink(
    client: &Client,
    copy: &CopyStatement,
    target: &Target,
    wire: Wire,
) -> Result<Sink, StatementError> {
    if copy.no_load {
        return Ok(None);
    }
    let names: Vec<String> = target
        .columns
        .iter()
        .map(|column| format!("\"{}\"", column.name.replace('"', "\"\"")))
        .collect();
    let query = format!(
        "COPY {} ({}) FROM STDIN{}",
        copy.table,
        names.join(", "),
        wire.options()
    );
    let sink = client
        .copy_in(&query)
        .await
        .map_err(|error| StatementError::of_database(&error))?;
    Ok(Some(Box::pin(sink)))
}

/// False when the file is not there and need not be.
async fn load_file(
    context: &CopyContext<'_>,
    intake: &mut Intake<'_>,
    file: &SourceFile,
    reader: &mut Option<Box<dyn FieldReader>>,
    sink: &mut Sink,
) -> Result<bool, StatementError> {
    let url = file.url();
    let body = context
        .objects
        .open(&file.bucket, &file.key)
        .await
        .map_err(|error| problem(&url, &error))?;
    let Some(body) = body else {
        let missing = problem(
            &url,
            &"S3ServiceException:The specified key does not exist.,Status 404,Error NoSuchKey",
        );
        return if file.mandatory { Err(missing) } else { Ok(false) };
    };
    let body = whole(body);
    let body = match &intake.copy.root_key {
        Some(key) => key.decrypt(body).map_err(|error| problem(&url, &error))?,
        None => body,
    };
    let (size, started) = (body.size, Utc::now().naive_utc());
    intake.begin_file(&url);
    match (&intake.copy.format, reader.as_deref_mut()) {
        (Format::Parquet, _) => {
            check_stated_length(file, intake.copy, size)?;
            load_columnar_file(intake, ColumnarFormat::Parquet, body, sink).await?;
        }
        (Format::Orc, _) => {
            check_stated_length(file, intake.copy, size)?;
            load_columnar_file(intake, ColumnarFormat::Orc, body, sink).await?;
        }
        (Format::Avro(_), Some(reader)) => load_avro_file(intake, reader, body, sink).await?,
        (_, Some(reader)) => load_text_file(intake, reader, body, sink).await?,
        (_, None) => return Err(problem(&url, &"no reader knows this format")),
    }
    let lines = intake.lines;
    intake.report.file_done(url, size, lines, started);
    Ok(true)
}

/// A manifest of columnar files says how long each of them is, and must be right.
fn check_stated_length(file: &SourceFile, copy: &CopyStatement, size: u64) -> Result<(), StatementError> {
    match file.stated_length {
        Some(stated) if stated == size => Ok(()),
        Some(stated) => Err(StatementError::new(format!(
            "The manifest {} says that {} has {stated} bytes, and it has {size}",
            copy.source,
            file.url()
        ))),
        None if copy.manifest => Err(StatementError::new(format!(
            "The manifest {} must have meta.content_length for {}: the format is columnar",
            copy.source,
            file.url()
        ))),
        None => Ok(()),
    }
}
