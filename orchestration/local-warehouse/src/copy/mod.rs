//! COPY from S3: its grammar, its files, its records, its checks.
//!
//! ```text
//! parse ─► source (which files) ─► decode (decompress, transcode) ─► frame (cut into records) ─► fields ─► row (check, convert) ─► COPY FROM STDIN
//! ```
//! Everything is pushed through in chunks: memory holds one chunk and one record, however large a file is.

mod column;
mod datetime;
mod decode;
mod delimited;
mod fields;
mod frame;
mod json;
mod load;
mod number;
mod parse;
mod report;
mod row;
mod source;
mod statement;
mod text;

pub(crate) use load::{CopyContext, run};
pub(crate) use parse::parse;
