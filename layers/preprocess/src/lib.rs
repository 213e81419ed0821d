//! The streaming preparation engine: bytes in, bytes out, and a report of what went by.
//!
//! It decompresses a file, checks its bytes, frames and counts its records, reads the header, strips and
//! verifies the trailer, splits by record type, and compresses what it writes, all in one pass with memory
//! that does not grow with the file.
//!
//! It must not touch a file, a network, a clock or an executor, and knows nothing of rules or loads: the
//! caller pushes bytes in and takes bytes out, which is what lets every test drive it one byte at a time.
//!
//! ```
//! use longshore_preprocess::{Framing, Memory, OutputFormat, Pipeline, PipelineSpec, Trailer, TrailerCount};
//!
//! let spec = PipelineSpec {
//!     framing: Framing::Lines,
//!     delimiter: Some(b'|'),
//!     trailer: Some(Trailer { count: Some(TrailerCount::AfterTag { tag: "T".to_owned() }) }),
//!     output: Some(OutputFormat::default()),
//!     ..PipelineSpec::default()
//! };
//! let mut outputs = Memory::default();
//! let mut pipeline = Pipeline::new(spec)?;
//! pipeline.push_all(b"1|plum\n2|fig\nT|0002\n", &mut outputs)?;
//! let report = pipeline.finish(&mut outputs)?;
//!
//! assert_eq!(report.records, 2);
//! assert_eq!(outputs.only(), b"1|plum\n2|fig\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod by_value;
mod bzip2_blocks;
mod compression;
mod counts;
mod cut;
mod decoder;
mod decompressor;
mod encoder;
mod encoding;
mod error;
mod first_record;
mod framer;
mod header;
mod lanes;
mod line_finder;
mod outputs;
mod pipeline;
mod prefixes;
mod records;
mod region;
mod report;
mod sinks;
mod spec;
mod sweep;
mod text;
mod trailer;
mod transcoder;
mod unit;
mod unreadable;
mod validator;

pub use by_value::{
    KeyPlace, KeyPlaceError, SplitLimits, SplitValue, ValueOutputs, ValueSplitError, ValueSplitter,
};
pub use compression::{Compression, OutputCompression};
pub use cut::{
    ChunkScan, Head, Joined, LocalEnds, RecordCounter, ScannedChunk, Tail, TailTrailer, Tally, TallyJoin,
};
pub use decoder::Decoder;
pub use encoding::{Encoding, InvalidBytes, OutputEncoding};
pub use error::{PrepareError, SpecError};
pub use first_record::check_first_record;
pub use line_finder::{LineFinder, LineSearch};
pub use outputs::{Discard, Memory, OutputError, OutputId, OutputKind, Outputs};
pub use pipeline::{BLOCK_BYTES, OUTPUT_BYTES_PER_PUSH, Pipeline, Progress};
pub use report::{HeaderRecord, LineEnding, OutputReport, Report, TrailerRecord, Unlisted};
pub use spec::{
    Framing, HEADER_LIMIT_BYTES, Header, HeaderInOutput, OutputFormat, PipelineSpec, RECORD_LIMIT_BYTES,
    Split, UnlistedRecords,
};
pub use trailer::{Trailer, TrailerCount, TrailerPosition, TrailerPositionError};
pub use unreadable::{CharacterKind, UnreadableCount};
