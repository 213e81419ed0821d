//! What the system views tell of a load, written so that it stays when the load is rolled back.

use chrono::{NaiveDateTime, Utc};
use tokio_postgres::Client;

use super::column::{Column, Target};
use super::text::INVALID;

const MOST_RAW_BYTES: usize = 1024;
/// Errors kept per COPY; with IGNOREALLERRORS there may be any number.
const MOST_ERRORS: usize = 100_000;

/// Why a record or a value was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RowError {
    /// The manual's number: <https://docs.aws.amazon.com/redshift/latest/dg/r_Load_Error_Reference.html>.
    pub(super) code: i32,
    /// Redshift's sentence.
    pub(super) reason: String,
}

impl RowError {
    pub(super) fn new(code: i32, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
        }
    }

    /// A character that is no digit.
    pub(super) fn invalid_digit(from: &[u8], position: usize, kind: &str) -> Self {
        let text = String::from_utf8_lossy(from);
        let shown = text.chars().next().map(String::from).unwrap_or_default();
        Self::new(
            1207,
            format!("Invalid digit, Value '{shown}', Pos {position}, Type: {kind}"),
        )
    }

    /// Bytes that are no UTF-8; the number says why, as on the manual's page of multibyte errors.
    pub(super) fn invalid_utf8(bytes: &[u8], error: &std::str::Utf8Error) -> Self {
        let at = error.valid_up_to();
        let first = bytes.get(at).copied().unwrap_or_default();
        let cause = match (first, error.error_len()) {
            (0xF8..=0xFD, _) => 1,
            (_, None) => 2,
            (0x80..=0xC1 | 0xF5..=0xFF, _) => 3,
            _ => 4,
        };
        let length = error.error_len().unwrap_or(bytes.len() - at);
        let shown: Vec<String> = bytes[at..at + length]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self::new(1220, format!("{INVALID} {} (error {cause})", shown.join(" ")))
    }

    /// A NUL, which PostgreSQL does not keep and Redshift takes for the end of a record.
    pub(super) fn nul() -> Self {
        Self::new(1220, format!("{INVALID} 00 (error 3)"))
    }

    /// An escape of JSON that names one half of a character, in the bytes that it would have.
    pub(super) fn lone_surrogate(unit: u16) -> Self {
        let (middle, last) = (0x80 | (unit >> 6 & 0x3F), 0x80 | (unit & 0x3F));
        Self::new(1220, format!("{INVALID} ed {middle:02x} {last:02x} (error 4)"))
    }

    /// A quote that opens and does not close.
    pub(super) fn unclosed_quote() -> Self {
        Self::new(1214, "Delimited value missing end quote")
    }

    /// Something between a closing quote and the delimiter.
    pub(super) fn bad_quote() -> Self {
        Self::new(1214, "Invalid quote formatting for CSV")
    }

    /// A path into an array that leads nowhere.
    pub(super) fn bad_index() -> Self {
        Self::new(
            1216,
            "Invalid JSONPath format: Not an array or index out of range.",
        )
    }

    /// A record that is no JSON.
    pub(super) fn bad_json(error: &serde_json::Error) -> Self {
        Self::new(1216, format!("Input line is not valid: {error}"))
    }
}

/// A refused row and where in it the reason lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadRow {
    /// Why.
    pub(super) error: RowError,
    column: Box<str>,
    column_type: Box<str>,
    column_length: Box<str>,
    position: usize,
    value: Box<[u8]>,
}

impl BadRow {
    /// The whole line is the reason.
    pub(super) fn of_line(error: RowError, position: usize) -> Self {
        let nothing = Box::<str>::default;
        Self {
            error,
            column: nothing(),
            column_type: nothing(),
            column_length: nothing(),
            position,
            value: Box::default(),
        }
    }

    /// A value is the reason.
    pub(super) fn of_column(error: RowError, column: &Column, position: usize, value: &[u8]) -> Self {
        Self {
            error,
            column: column.name.as_str().into(),
            column_type: column.type_name.as_str().into(),
            column_length: column.length.as_str().into(),
            position,
            value: value[..value.len().min(MOST_RAW_BYTES)].into(),
        }
    }
}

/// One row of `stl_load_errors`.
#[derive(Debug)]
struct RecordedError {
    row: BadRow,
    file: String,
    line: i64,
    offset: i64,
    raw: Vec<u8>,
}

/// What happened to one file.
#[derive(Debug)]
struct FileReport {
    url: String,
    bytes: i64,
    lines: i64,
    started: NaiveDateTime,
    ended: NaiveDateTime,
}

/// What happens during one COPY.
#[derive(Debug)]
pub(super) struct Report {
    query_id: i64,
    process_id: i32,
    transaction_id: i64,
    started: NaiveDateTime,
    errors: Vec<RecordedError>,
    files: Vec<FileReport>,
    /// Rows sent to the table.
    pub(super) loaded_rows: u64,
    /// Rows refused.
    pub(super) error_count: u64,
}

/// The parts of a COPY that its history names.
pub(super) struct Loaded<'a> {
    /// The table.
    pub(super) target: &'a Target,
    /// The FROM clause.
    pub(super) source: &'a str,
    /// `text`, `csv`, `fixedwidth` or `json`.
    pub(super) format: &'a str,
    /// `completed` or `aborted`.
    pub(super) status: &'a str,
}

impl Report {
    /// Begins now.
    pub(super) fn new(query_id: i64, process_id: i32, transaction_id: i64) -> Self {
        Self {
            query_id,
            process_id,
            transaction_id,
            started: Utc::now().naive_utc(),
            errors: Vec::new(),
            files: Vec::new(),
            loaded_rows: 0,
            error_count: 0,
        }
    }

    /// Notes a refused row.
    pub(super) fn refuse(&mut self, row: BadRow, file: &str, line: u64, offset: u64, raw: &[u8]) {
        self.error_count += 1;
        if self.errors.len() < MOST_ERRORS {
            self.errors.push(RecordedError {
                row,
                file: file.to_owned(),
                line: to_i64(line),
                offset: to_i64(offset),
                raw: raw[..raw.len().min(MOST_RAW_BYTES)].to_vec(),
            });
        }
    }

    /// Notes that a file was read to its end.
    pub(super) fn file_done(&mut self, url: String, bytes: u64, lines: u64, started: NaiveDateTime) {
        let ended = Utc::now().naive_utc();
        self.files.push(FileReport {
            url,
            bytes: to_i64(bytes),
            lines: to_i64(lines),
            started,
            ended,
        });
    }

    /// Writes all of it; a run of the same query before a crash is replaced.
    pub(super) async fn write(
        &self,
        client: &Client,
        loaded: &Loaded<'_>,
    ) -> Result<(), tokio_postgres::Error> {
        for table in ["load_error", "load_detail", "load_history"] {
            let delete = format!("DELETE FROM longshore_local.{table} WHERE query_id = $1");
            client.execute(&delete, &[&self.query_id]).await?;
        }
        for errors in self.errors.chunks(500) {
            self.write_errors(client, errors, loaded.target).await?;
        }
        self.write_files(client).await?;
        self.write_history(client, loaded).await
    }

    async fn write_errors(
        &self,
        client: &Client,
        errors: &[RecordedError],
        target: &Target,
    ) -> Result<(), tokio_postgres::Error> {
        let texts = |pick: fn(&RecordedError) -> String| errors.iter().map(pick).collect::<Vec<_>>();
        let table_id = i32::try_from(target.table_id).unwrap_or(i32::MAX);
        client
            .execute(
                "INSERT INTO longshore_local.load_error (query_id, transaction_id, session_id, table_id, start_time,
                    file_name, line_number, column_name, column_type, column_length, position, raw_line,
                    raw_field_value, error_code, error_message, start_offset)
                SELECT $1, $2, $3, $4, $5, item.*
                FROM unnest($6::text[], $7::bigint[], $8::text[], $9::text[], $10::text[], $11::integer[],
                    $12::text[], $13::text[], $14::integer[], $15::text[], $16::bigint[]) AS item",
                &[
                    &self.query_id,
                    &self.transaction_id,
                    &self.process_id,
                    &table_id,
                    &self.started,
                    &texts(|error| printable(error.file.as_bytes())),
                    &errors.iter().map(|error| error.line).collect::<Vec<_>>(),
                    &texts(|error| error.row.column.to_string()),
                    &texts(|error| error.row.column_type.to_string()),
                    &texts(|error| error.row.column_length.to_string()),
                    &errors
                        .iter()
                        .map(|error| i32::try_from(error.row.position).unwrap_or(i32::MAX))
                        .collect::<Vec<_>>(),
                    &texts(|error| printable(&error.raw)),
                    &texts(|error| printable(&error.row.value)),
                    &errors.iter().map(|error| error.row.error.code).collect::<Vec<_>>(),
                    &texts(|error| printable(error.row.error.reason.as_bytes())),
                    &errors.iter().map(|error| error.offset).collect::<Vec<_>>(),
                ],
            )
            .await
            .map(|_| ())
    }

    async fn write_files(&self, client: &Client) -> Result<(), tokio_postgres::Error> {
        for (number, file) in (0_i32..).zip(&self.files) {
            client
                .execute(
                    "INSERT INTO longshore_local.load_detail (query_id, file_number, file_name, bytes_scanned,
                        lines_scanned, record_time, start_time, end_time)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $6)",
                    &[&self.query_id, &number, &printable(file.url.as_bytes()), &file.bytes, &file.lines, &file.ended, &file.started],
                )
                .await?;
        }
        Ok(())
    }

    async fn write_history(&self, client: &Client, loaded: &Loaded<'_>) -> Result<(), tokio_postgres::Error> {
        let bytes: i64 = self.files.iter().map(|file| file.bytes).sum();
        let count = i32::try_from(self.files.len()).unwrap_or(i32::MAX);
        let rows = if loaded.status == "completed" {
            to_i64(self.loaded_rows)
        } else {
            0
        };
        client
            .execute(
                "INSERT INTO longshore_local.load_history (query_id, transaction_id, session_id, status, table_name,
                    start_time, end_time, data_source, file_format, loaded_rows, loaded_bytes, source_file_count,
                    source_file_bytes, file_count_scanned, error_count)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $11, $12, $13)",
                &[
                    &self.query_id,
                    &self.transaction_id,
                    &self.process_id,
                    &loaded.status,
                    &loaded.target.name,
                    &self.started,
                    &Utc::now().naive_utc(),
                    &printable(loaded.source.as_bytes()),
                    &loaded.format,
                    &rows,
                    &bytes,
                    &count,
                    &to_i64(self.error_count),
                ],
            )
            .await
            .map(|_| ())
    }
}

/// The views are text: what is none is shown as a replacement character.
fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}")
}

fn to_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
