//! What went by.

use crate::encoding::Encoding;
use crate::outputs::OutputId;

/// What a pipeline saw and wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Bytes pushed in, as they came.
    pub bytes_read: u64,
    /// Bytes after decompression, the byte order mark among them.
    pub bytes_decoded: u64,
    /// Data records: not the header, not the trailer, not blank ones. 0 for opaque files.
    pub records: u64,
    /// Records of nothing but a line end. They are never written to an output, so a COPY of an output loads
    /// exactly the records counted in it. A COPY of the file where it lies needs IGNOREBLANKLINES to agree.
    pub blank_records: u64,
    /// The header records, as many as were asked for and found.
    pub header: Vec<HeaderRecord>,
    /// The trailer, if one was asked for.
    pub trailer: Option<TrailerRecord>,
    /// Data records of each listed prefix, in the order of the list; empty without a split.
    pub records_by_prefix: Vec<u64>,
    /// Data records that begin with no listed prefix.
    pub unlisted: Unlisted,
    /// Whether the text begins with a byte order mark. Outputs never carry it.
    pub has_byte_order_mark: bool,
    /// The encoding with its byte order settled: never [`Encoding::Utf16`].
    pub encoding: Encoding,
    /// How records end; `None` if no record has an end.
    pub line_ending: Option<LineEnding>,
    /// Physical lines, the last counted even without a line end.
    pub lines: u64,
    /// Every output that was written, in order.
    pub outputs: Vec<OutputReport>,
}

/// One header record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderRecord {
    /// Its text without the line end, U+FFFD for invalid bytes.
    pub text: String,
    /// Its fields without quotes; one field if there is no delimiter.
    pub fields: Vec<String>,
}

/// The trailer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailerRecord {
    /// Its text without the line end, at most 4096 characters of it.
    pub text: String,
    /// The count in it, equal to [`Report::records`]; `None` if no place of a count was given.
    pub count: Option<u64>,
    /// Its physical line.
    pub line: u64,
    /// Its first byte in the decompressed stream.
    pub byte: u64,
}

/// Records that begin with no listed prefix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unlisted {
    /// How many there are.
    pub records: u64,
    /// The physical line of the first.
    pub first_line: Option<u64>,
}

/// How records end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnding {
    /// All with LF.
    Lf,
    /// All with CR LF.
    CrLf,
    /// Some with LF, some with CR LF.
    Mixed,
}

/// One output that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputReport {
    /// Which one.
    pub id: OutputId,
    /// Data records in it; 0 for opaque files.
    pub records: u64,
    /// Bytes of its records and header before compression and transcoding.
    pub bytes_before_encoding: u64,
    /// Bytes handed to the caller.
    pub bytes_written: u64,
}
