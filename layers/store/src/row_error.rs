//! Rows that the warehouse refused.

use std::fmt;

use longshore_domain::load::LoadId;
use serde::Serialize;
use tokio_postgres::Row;

use crate::queries::Query;
use crate::read::{Reader, bigint, bounded, optional_text, text};
use crate::store::Parameters;
use crate::{LIST_LIMIT, Store, StoreError};

/// A row that the warehouse refused, and why.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct RowError {
    /// The key of its file as it landed, also where COPY read a copy of it.
    pub file_name: String,
    /// Its line there, from 1.
    pub line_number: u64,
    /// The column that was at fault; empty when it was the row as a whole.
    pub column_name: String,
    /// That column's type, where the warehouse says.
    pub column_type: Option<String>,
    /// The warehouse's number for the fault.
    pub error_code: Option<i32>,
    /// What the warehouse said.
    pub error_message: String,
    /// The line itself: row contents, which no log may show.
    pub raw_line: Option<String>,
}

impl fmt::Debug for RowError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RowError")
            .field("file_name", &self.file_name)
            .field("line_number", &self.line_number)
            .field("column_name", &self.column_name)
            .field("error_code", &self.error_code)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Puts refused rows on record; those that are there already stay as they are.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn add_row_errors(&self, load: LoadId, errors: &[RowError]) -> Result<(), StoreError> {
        const QUERY: Query = Query::RowErrorInsert;
        let line_numbers: Vec<i64> = errors
            .iter()
            .map(|error| bigint(QUERY.name(), "line_number", error.line_number))
            .collect::<Result<_, _>>()?;
        let parameters: Parameters<'_> = &[
            &load.as_uuid(),
            &column(errors, |error| text(&error.file_name)),
            &line_numbers,
            &column(errors, |error| text(&error.column_name)),
            &column(errors, |error| optional_text(error.column_type.as_deref())),
            &column(errors, |error| error.error_code),
            &column(errors, |error| text(&error.error_message)),
            &column(errors, |error| optional_text(error.raw_line.as_deref())),
        ];
        self.execute(QUERY, parameters).await?;
        Ok(())
    }

    /// The refused rows of a load in the order of the file, at most [`LIST_LIMIT`].
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn row_errors(&self, load: LoadId) -> Result<Vec<RowError>, StoreError> {
        let parameters: Parameters<'_> = &[&load.as_uuid(), &bounded(LIST_LIMIT)];
        let rows = self.rows(Query::RowErrorList, parameters).await?;
        rows.iter().map(read_row_error).collect()
    }
}

fn column<'errors, T>(errors: &'errors [RowError], of: impl Fn(&'errors RowError) -> T) -> Vec<T> {
    errors.iter().map(of).collect()
}

fn read_row_error(row: &Row) -> Result<RowError, StoreError> {
    let reader = Reader::new(row, "ext_load_row_error");
    Ok(RowError {
        file_name: reader.get("file_name")?,
        line_number: reader.count("line_number")?,
        column_name: reader.get("column_name")?,
        column_type: reader.get("column_type")?,
        error_code: reader.get("error_code")?,
        error_message: reader.get("error_message")?,
        raw_line: reader.get("raw_line")?,
    })
}
