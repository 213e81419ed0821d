//! A Parquet or ORC file, batch by batch.

use std::fs::File;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, SchemaRef};
use orc_rust::arrow_reader::ArrowReaderBuilder;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};

use crate::ColumnarError;
use crate::kind::{FileColumn, kind_of};
use crate::values::Values;

/// Rows read at once: what they take is the memory that a file needs, however large it is.
const BATCH_ROWS: usize = 4096;

/// Which columnar format a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnarFormat {
    /// Apache Parquet.
    Parquet,
    /// Apache ORC.
    Orc,
}

/// An open file.
pub struct ColumnarFile {
    columns: Vec<FileColumn>,
    batches: Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>,
}

impl std::fmt::Debug for ColumnarFile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ColumnarFile")
            .field("columns", &self.columns)
            .finish_non_exhaustive()
    }
}

/// Some rows of a file.
#[derive(Debug)]
pub struct Rows {
    count: usize,
    columns: Vec<Values>,
}

impl ColumnarFile {
    /// Reads what the file says of itself.
    ///
    /// # Errors
    /// [`ColumnarError`] when it is not of this format, is damaged, or has a column that no table can take.
    pub fn open(file: File, format: ColumnarFormat) -> Result<Self, ColumnarError> {
        match format {
            ColumnarFormat::Parquet => Self::open_parquet(file),
            ColumnarFormat::Orc => Self::open_orc(file),
        }
    }

    /// The columns in the file's order.
    pub fn columns(&self) -> &[FileColumn] {
        &self.columns
    }

    /// The next rows; None at the end.
    ///
    /// # Errors
    /// [`ColumnarError`] when this part of the file is damaged.
    pub fn next_rows(&mut self) -> Result<Option<Rows>, ColumnarError> {
        let Some(batch) = self.batches.next() else {
            return Ok(None);
        };
        let batch = batch?;
        let columns = batch
            .columns()
            .iter()
            .zip(&self.columns)
            .map(|(array, column)| Values::new(array, &column.name))
            .collect::<Result<_, _>>()?;
        Ok(Some(Rows {
            count: batch.num_rows(),
            columns,
        }))
    }

    fn open_parquet(file: File) -> Result<Self, ColumnarError> {
        // The types of the writer's language, which a hint in the file may name, are not COPY's business.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)
            .map_err(ColumnarError::ParquetUnreadable)?;
        let columns = file_columns(builder.schema())?;
        let reader = builder
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(ColumnarError::ParquetUnreadable)?;
        Ok(Self {
            columns,
            batches: Box::new(reader),
        })
    }

    fn open_orc(file: File) -> Result<Self, ColumnarError> {
        let builder = ArrowReaderBuilder::try_new(file).map_err(ColumnarError::OrcUnreadable)?;
        let columns = file_columns(&builder.schema())?;
        let reader = builder.with_batch_size(BATCH_ROWS).build();
        Ok(Self {
            columns,
            batches: Box::new(reader),
        })
    }
}

fn file_columns(schema: &SchemaRef) -> Result<Vec<FileColumn>, ColumnarError> {
    let column = |field: &std::sync::Arc<arrow_schema::Field>| {
        let kind = kind_of(field.data_type()).ok_or_else(|| ColumnarError::TypeUnknown {
            column: field.name().clone(),
            found: field.data_type().to_string(),
        })?;
        Ok(FileColumn {
            name: field.name().clone(),
            kind,
            type_name: field.data_type().to_string(),
        })
    };
    schema.fields().iter().map(column).collect()
}

impl Rows {
    /// How many rows these are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many columns they have.
    pub fn column_count(&self) -> usize {
        self.columns.len()
    }

    /// Adds the text of a value to `out`; false for null, which adds nothing.
    ///
    /// Dates are `YYYY-MM-DD`, moments `YYYY-MM-DD HH:MI:SS[.ffffff]` in UTC, truth values `true` and `false`, nested values JSON; bytes are added as they are.
    ///
    /// # Errors
    /// [`ColumnarError`] when a nested value has a part that JSON cannot hold.
    ///
    /// # Panics
    /// When there is no such column or row.
    pub fn write(&self, column: usize, row: usize, out: &mut Vec<u8>) -> Result<bool, ColumnarError> {
        self.columns[column].write(row, out)
    }
}
