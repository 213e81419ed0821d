//! Parquet, ORC and Avro files, value by value as text.
//!
//! For the local warehouse's COPY. It must not know tables or options of COPY: those are the business of its caller, which checks every
//! value against its column as it checks the values of a text file.
//!
//! ```no_run
//! use longshore_local_warehouse_columnar::{ColumnarFile, ColumnarFormat};
//!
//! # fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let mut file = ColumnarFile::open(std::fs::File::open("sales.parquet")?, ColumnarFormat::Parquet)?;
//! while let Some(rows) = file.next_rows()? {
//!     for row in 0..rows.len() {
//!         let mut text = Vec::new();
//!         let is_there = rows.write(0, row, &mut text)?;
//!         assert!(is_there || text.is_empty());
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod avro;
mod avro_limits;
mod error;
mod file;
mod json;
mod kind;
mod text;
mod values;

pub use avro::AvroFile;
pub use error::ColumnarError;
pub use file::{ColumnarFile, ColumnarFormat, Rows};
pub use kind::{FileColumn, ValueKind};
