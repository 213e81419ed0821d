//! COPY from S3: its grammar, its files, its records, its checks.
//!
//! ```text
//! parse ─► source (which files) ─► decode (decompress, transcode) ─► frame (cut into records) ─► fields ─► row (check, convert) ─► COPY FROM STDIN
//!                              │                                              └─► lines (a whole line at once, where it has nothing to judge) ─┘
//!                              └─► spool (to a file on disk) ─► columns of Parquet and ORC, records of Avro ─┘
//! ```
//! Everything is pushed through in chunks: memory holds one chunk and one record, however large a file is.

mod any_bytes;
mod any_file;
mod arguments;
mod automatic;
mod binary;
mod cipher;
mod column;
mod datetime;
mod decode;
mod delimited;
mod delimiter;
mod digits;
mod fields;
mod frame;
mod intake;
mod iso;
mod json;
mod json_value;
mod lines;
mod load;
mod lzo;
mod lzop;
mod number;
mod options;
mod parse;
mod readers;
mod records;
mod report;
mod row;
mod source;
mod spooled_file;
mod statement;
mod text;
mod text_file;
mod time_scan;
mod wire;

pub(crate) use any_bytes::check_any_bytes;
pub(crate) use any_file::check_any_file;
pub(crate) use load::{CopyContext, run};
pub(crate) use parse::parse;
