//! What can be wrong with a file, or with what was asked of it.

use crate::compression::Compression;
use crate::encoding::Encoding;
use crate::outputs::{OutputError, OutputId};
use crate::unreadable::UnreadableCount;

/// Why a file could not be prepared. After one of these the pipeline is spent and its outputs are to be thrown away.
///
/// Lines are physical lines and count from 1; bytes count from 0 in the decompressed stream, or in the
/// compressed one where the variant says so.
///
/// Nothing here holds bytes of the file, because errors end in logs and messages: what stands in the place of a header or a
/// trailer may be a data row. The one exception is the number that stands in the place of a trailer's count.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The compressed input stops before its stream does.
    #[error(
        "the {compression} input ends early, after {offset} compressed bytes: expected the rest of the stream, found the end of the file; send the file again whole"
    )]
    CompressedInputTruncated {
        /// The declared compression.
        compression: Compression,
        /// Compressed bytes read.
        offset: u64,
    },
    /// The compressed input is not what its compression allows, or fails its checksum.
    #[error(
        "the {compression} input is damaged near compressed byte {offset}; check that the file is {compression} and send it again"
    )]
    CompressedInputCorrupt {
        /// The declared compression.
        compression: Compression,
        /// Compressed bytes read when it showed.
        offset: u64,
        /// What the decoder says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Something that is neither another stream nor zero padding follows a complete stream.
    #[error(
        "bytes that are not {compression} follow the complete {compression} stream at compressed byte {offset}; remove them or send the file again"
    )]
    TrailingBytes {
        /// The declared compression.
        compression: Compression,
        /// Where they begin, in the compressed input.
        offset: u64,
    },
    /// More comes of the compressed input than is taken of it.
    #[error(
        "the {compression} input unpacks to more than {limit} bytes, the most that is taken of it, and no more than {offset} of its compressed bytes were read by then; ask the sender what it holds"
    )]
    DecompressedTooLarge {
        /// The declared compression.
        compression: Compression,
        /// Compressed bytes read when it showed.
        offset: u64,
        /// The limit in decompressed bytes.
        limit: u64,
    },
    /// UTF-16 without a byte order mark.
    #[error(
        "the file is declared {encoding} but does not begin with a byte order mark, which Redshift needs; declare UTF16LE or UTF16BE, or send the file with the mark"
    )]
    ByteOrderMarkMissing {
        /// The declared encoding.
        encoding: Encoding,
    },
    /// Bytes that the declared encoding does not allow.
    #[error(
        "line {line}, byte {byte}: expected {encoding}, found bytes that are not valid in it; correct the file's encoding or the rule's"
    )]
    InvalidEncoding {
        /// The physical line.
        line: u64,
        /// The first byte of the invalid sequence.
        byte: u64,
        /// The declared encoding.
        encoding: Encoding,
    },
    /// The delimiter is not in the first data record, and another one is.
    #[error(
        "line {line}, byte {byte}: expected {expected} fields by {delimiter:?}, found 1; it looks like {likely:?} ({fields} fields): correct the rule's delimiter, or ask the sender"
    )]
    DelimiterDiffers {
        /// The physical line of the first data record.
        line: u64,
        /// Its first byte.
        byte: u64,
        /// The delimiter that was asked for.
        delimiter: char,
        /// The fields that the record should have.
        expected: usize,
        /// The delimiter that it seems to have.
        likely: char,
        /// The fields that it has by that one.
        fields: usize,
    },
    /// A quote that nothing closes.
    #[error(
        "line {line}, byte {byte}: the quote opened here is never closed; close it, or double it if it is part of the text"
    )]
    UnbalancedQuotes {
        /// The physical line of the opening quote.
        line: u64,
        /// The byte of the opening quote.
        byte: u64,
    },
    /// A record that Redshift would refuse.
    #[error(
        "line {line}, byte {byte}: the record that begins here is longer than {limit} bytes, the most that is loaded; look for a missing line end or for a quote that is not closed"
    )]
    RecordTooLong {
        /// The physical line on which it begins.
        line: u64,
        /// Its first byte.
        byte: u64,
        /// The limit in bytes.
        limit: usize,
    },
    /// Where the file was to be cut no record ends, as far as one may reach.
    #[error(
        "byte {byte}: no record ends within the {limit} bytes that follow, the most that is loaded of one; look for a missing line end"
    )]
    RecordEndMissing {
        /// Where the search began.
        byte: u64,
        /// How far it went.
        limit: usize,
    },
    /// The header is longer than any header.
    #[error("line {line}, byte {byte}: the header is longer than {limit} bytes; look for a missing line end")]
    HeaderTooLong {
        /// The physical line of the header record that went over.
        line: u64,
        /// Its first byte.
        byte: u64,
        /// The limit in bytes.
        limit: usize,
    },
    /// A trailer was expected and the file has no record that could be one.
    #[error(
        "expected a trailer as the last record, found the end of the file after {lines} lines; send the file again whole"
    )]
    TrailerMissing {
        /// Physical lines in the file.
        lines: u64,
    },
    /// The last record does not begin with the trailer's tag.
    #[error(
        "line {line}, byte {byte}: expected a trailer that begins with {tag:?}, found a record of {length} characters that does not; the file may be cut short"
    )]
    TrailerTagMissing {
        /// The physical line of the last record.
        line: u64,
        /// Its first byte.
        byte: u64,
        /// The tag.
        tag: String,
        /// Characters in the last record.
        length: usize,
    },
    /// The trailer is shorter than the position of its count.
    #[error(
        "line {line}, byte {byte}: expected the trailer's count at {start}:{end} (first character is 1, end exclusive), found a trailer of {length} characters; correct the rule's trailer position or the file"
    )]
    TrailerPositionOutside {
        /// The physical line of the trailer.
        line: u64,
        /// Its first byte.
        byte: u64,
        /// The first character of the count.
        start: usize,
        /// The character after the count.
        end: usize,
        /// Characters in the trailer.
        length: usize,
    },
    /// What stands in the place of the count is no number.
    #[error(
        "line {line}, byte {byte}: expected the number of records at character {start} of the trailer, within {length} characters, found {found}; correct the rule's trailer position or the file"
    )]
    TrailerCountUnreadable {
        /// The physical line of the trailer.
        line: u64,
        /// Its first byte.
        byte: u64,
        /// The character of the trailer, from 1, at which the count should begin.
        start: usize,
        /// How many characters are looked at from there.
        length: usize,
        /// What is wrong with them.
        found: UnreadableCount,
    },
    /// The trailer announces no records.
    #[error(
        "line {line}, byte {byte}: the trailer says 0 records, the file has {found}; ask the sender for a file with records"
    )]
    TrailerSaysZero {
        /// The physical line of the trailer.
        line: u64,
        /// Its first byte.
        byte: u64,
        /// Data records counted.
        found: u64,
    },
    /// The trailer announces another number of records than there are.
    #[error(
        "line {line}, byte {byte}: the trailer says {expected} records, the file has {found}; ask the sender for the whole file"
    )]
    TrailerCountMismatch {
        /// The physical line of the trailer.
        line: u64,
        /// Its first byte.
        byte: u64,
        /// What the trailer says.
        expected: u64,
        /// Data records counted.
        found: u64,
    },
    /// The file has no data record.
    #[error(
        "expected at least {minimum} data records, found none in {lines} lines; ask the sender for a file with records"
    )]
    NoRecords {
        /// The fewest that are accepted.
        minimum: u64,
        /// Physical lines in the file.
        lines: u64,
    },
    /// The file has fewer data records than are accepted.
    #[error("expected at least {minimum} data records, found {found}; ask the sender for the whole file")]
    TooFewRecords {
        /// The fewest that are accepted.
        minimum: u64,
        /// Data records counted.
        found: u64,
    },
    /// Compressing an output failed.
    #[error("could not compress output {output}")]
    OutputNotCompressed {
        /// The output.
        output: OutputId,
        /// What the encoder says.
        #[source]
        source: std::io::Error,
    },
    /// The caller's outputs refused bytes.
    #[error("could not write output {output}")]
    OutputRefused {
        /// The output.
        output: OutputId,
        /// What the caller says.
        #[source]
        source: OutputError,
    },
}

/// Why a [`PipelineSpec`](crate::PipelineSpec) makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// Quotes count only at the start of a field, so fields must be told apart.
    #[error("quoted records need a delimiter; name the character between fields")]
    QuotedWithoutDelimiter,
    /// A special character that is not ASCII, or that ends a line.
    #[error("the {name} {:?} cannot be used; choose an ASCII character that is not a line end", char::from(*byte))]
    UnusableCharacter {
        /// `delimiter`, `quote` or `escape`.
        name: &'static str,
        /// The byte given.
        byte: u8,
    },
    /// One character with two meanings.
    #[error("the delimiter {:?} is also the quote or the escape; choose another", char::from(*byte))]
    DelimiterClash {
        /// The byte given twice.
        byte: u8,
    },
    /// A trailer tag of no characters.
    #[error(
        "the trailer's tag is empty; name the text that the trailer begins with, or the position of its count"
    )]
    EmptyTrailerTag,
    /// Something that needs records was asked of a file whose records are not framed.
    #[error(
        "{what} was asked for, but records of this format are not looked into; choose a text format or leave it out"
    )]
    NeedsRecords {
        /// What was asked.
        what: &'static str,
    },
    /// A split by no prefix.
    #[error("a split by record type was asked for without a prefix; list at least one")]
    SplitWithoutPrefixes,
    /// A prefix that every record or none has.
    #[error(
        "prefix {position} of the split is empty or holds a line end; give it at least one character of the record"
    )]
    UnusablePrefix {
        /// Its place in the list, from 1.
        position: usize,
    },
    /// A prefix listed twice.
    #[error("the prefix {prefix:?} of the split is listed twice; leave one out")]
    DuplicatePrefix {
        /// The prefix.
        prefix: String,
    },
}
