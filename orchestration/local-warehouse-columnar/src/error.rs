//! Why a file cannot be read.

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ColumnarError {
    /// The bytes are no Parquet file, or a damaged one.
    #[error("not a readable Parquet file")]
    ParquetUnreadable(#[source] parquet::errors::ParquetError),
    /// The bytes are no ORC file, or a damaged one.
    #[error("not a readable ORC file")]
    OrcUnreadable(#[source] orc_rust::error::OrcError),
    /// A part of the file that is read later is damaged.
    #[error("the file is damaged")]
    Damaged(#[source] arrow_schema::ArrowError),
    /// The bytes are no Avro container, or a damaged one.
    #[error("not a readable Avro file")]
    AvroUnreadable(#[source] Box<apache_avro::Error>),
    /// COPY takes records alone.
    #[error("the Avro schema must be a record")]
    AvroNoRecord,
    /// How deep its records go is up to the data, and the reader of Avro files has no bound for it.
    #[error("the Avro record {name} contains itself, which no table has a column for")]
    AvroContainsItself {
        /// The record.
        name: String,
    },
    /// The schema is no table's.
    #[error("the Avro schema has more than {most_levels} levels or {most_values} values in a record")]
    AvroTooWide {
        /// Levels that are read.
        most_levels: usize,
        /// Values that are read.
        most_values: usize,
    },
    /// A count that is no count.
    #[error("a block of the Avro file says that {records} records are in its {bytes} bytes")]
    AvroTooManyRecords {
        /// What the block says.
        records: u64,
        /// What it has.
        bytes: u64,
    },
    /// The file cannot be read.
    #[error("the Avro file cannot be read")]
    AvroUnseekable(#[source] std::io::Error),
    /// A type that COPY has no column for.
    #[error("column {column} has type {found}, which COPY cannot load")]
    TypeUnknown {
        /// The column's name in the file.
        column: String,
        /// Its type as the file's reader names it.
        found: String,
    },
}

impl From<arrow_schema::ArrowError> for ColumnarError {
    fn from(error: arrow_schema::ArrowError) -> Self {
        Self::Damaged(error)
    }
}
