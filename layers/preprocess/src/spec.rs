//! What a pipeline is asked to do.

use std::num::{NonZeroU64, NonZeroUsize};

use crate::compression::{Compression, OutputCompression};
use crate::encoding::{Encoding, InvalidBytes, OutputEncoding};
use crate::error::SpecError;
use crate::trailer::{Trailer, TrailerCount};

/// The longest row that Redshift loads: 4 MiB.
pub const RECORD_LIMIT_BYTES: usize = 4 * 1024 * 1024;

/// The longest header that is read: 1 MiB, all header records together.
pub const HEADER_LIMIT_BYTES: usize = 1024 * 1024;

/// Everything that a pipeline needs to know about a file and about what is wanted from it.
///
/// The default reads uncompressed UTF-8 lines, checks and counts them, and writes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipelineSpec {
    /// How the input is compressed.
    pub compression: Compression,
    /// More decompressed bytes than this are an error; `None` takes any number. Says nothing of input that is not compressed.
    pub decompressed_limit_bytes: Option<u64>,
    /// How the decompressed text is encoded.
    pub encoding: Encoding,
    /// What to do about bytes that are not valid in that encoding.
    pub invalid_bytes: InvalidBytes,
    /// Where a record ends.
    pub framing: Framing,
    /// The ASCII character between fields; `None` for fixed width. [`Framing::Quoted`] needs it.
    pub delimiter: Option<u8>,
    /// How many fields a record has, where one that has fewer is wrong. A first data record of one field is an error then, if
    /// another delimiter would cut it; `None` looks into no record.
    pub fields: Option<NonZeroUsize>,
    /// The header records at the start.
    pub header: Header,
    /// The trailer at the end; `None` if the last record is data like any other.
    pub trailer: Option<Trailer>,
    /// Routing of records by what they begin with; `None` sends all to one output.
    pub split: Option<Split>,
    /// How outputs are written; `None` only checks and counts.
    pub output: Option<OutputFormat>,
    /// Fewer data records than this is an error; 0 accepts an empty file.
    pub minimum_records: u64,
    /// A record longer than this, in bytes of the input's encoding and without its line end, is an error.
    pub record_limit_bytes: usize,
}

impl Default for PipelineSpec {
    fn default() -> Self {
        Self {
            compression: Compression::None,
            decompressed_limit_bytes: None,
            encoding: Encoding::Utf8,
            invalid_bytes: InvalidBytes::Reject,
            framing: Framing::Lines,
            delimiter: None,
            fields: None,
            header: Header::default(),
            trailer: None,
            split: None,
            output: None,
            minimum_records: 0,
            record_limit_bytes: RECORD_LIMIT_BYTES,
        }
    }
}

/// Where a record ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// At every LF; a CR before it belongs to the line end.
    #[default]
    Lines,
    /// At every LF outside quotes. A quote opens only at the start of a field and is doubled to stand for itself.
    Quoted {
        /// The quote, an ASCII character.
        quote: u8,
        /// A character that takes the meaning from the next one inside quotes, if the dialect has one.
        escape: Option<u8>,
    },
    /// At every LF that no escape character precedes.
    Escaped {
        /// The escape, an ASCII character; COPY's ESCAPE is a backslash.
        escape: u8,
    },
    /// Not at all: only the integrity of the compression is checked and bytes are counted (JSON, Avro, Parquet, ORC).
    Opaque,
}

/// The header at the start of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// How many records it has; blank ones count, as they do for IGNOREHEADER.
    pub records: u32,
    /// Whether outputs repeat it.
    pub in_output: HeaderInOutput,
}

/// Whether outputs begin with the header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeaderInOutput {
    /// Outputs hold data records alone.
    #[default]
    Drop,
    /// Every output, and every part of it, begins with the header records.
    Keep,
}

/// Routing of data records by what they begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// The listed prefixes, in the order of the report; the longest that fits takes the record.
    pub prefixes: Vec<String>,
    /// Where a record goes that begins with none of them.
    pub unlisted: UnlistedRecords,
}

/// Where records of no listed prefix go. They are counted either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnlistedRecords {
    /// Into no output.
    #[default]
    Leave,
    /// Into an output of their own, [`OutputKind::Unlisted`](crate::OutputKind::Unlisted).
    Write,
}

/// How outputs are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputFormat {
    /// The compression, applied to each output on its own.
    pub compression: OutputCompression,
    /// The encoding.
    pub encoding: OutputEncoding,
    /// Ends a part with the record that brings its records to this many bytes or more, counted before
    /// compression and transcoding; `None` writes one part.
    pub part_bytes: Option<NonZeroU64>,
}

impl PipelineSpec {
    /// Refuses what makes no sense together.
    pub(crate) fn validate(&self) -> Result<(), SpecError> {
        self.validate_characters()?;
        self.validate_opaque()?;
        if let Some(Trailer {
            count: Some(TrailerCount::AfterTag { tag }),
        }) = &self.trailer
            && tag.is_empty()
        {
            return Err(SpecError::EmptyTrailerTag);
        }
        let Some(split) = &self.split else { return Ok(()) };
        validate_prefixes(&split.prefixes)
    }

    fn validate_characters(&self) -> Result<(), SpecError> {
        let (quote, escape) = match self.framing {
            Framing::Lines | Framing::Opaque => (None, None),
            Framing::Quoted { .. } if self.delimiter.is_none() => {
                return Err(SpecError::QuotedWithoutDelimiter);
            }
            Framing::Quoted { quote, escape } => (Some(quote), escape),
            Framing::Escaped { escape } => (None, Some(escape)),
        };
        for (name, character) in [
            ("delimiter", self.delimiter),
            ("quote", quote),
            ("escape", escape),
        ] {
            match character {
                Some(byte) if !byte.is_ascii() || matches!(byte, b'\n' | b'\r') => {
                    return Err(SpecError::UnusableCharacter { name, byte });
                }
                Some(_) | None => {}
            }
        }
        match self.delimiter {
            Some(delimiter) if quote == Some(delimiter) || escape == Some(delimiter) => {
                Err(SpecError::DelimiterClash { byte: delimiter })
            }
            Some(_) | None => Ok(()),
        }
    }

    fn validate_opaque(&self) -> Result<(), SpecError> {
        if self.framing != Framing::Opaque {
            return Ok(());
        }
        let transcodes = self
            .output
            .is_some_and(|output| output.encoding == OutputEncoding::Utf8);
        let cuts = self.output.is_some_and(|output| output.part_bytes.is_some());
        let asked = [
            (self.header.records > 0, "a header"),
            (self.trailer.is_some(), "a trailer"),
            (self.split.is_some(), "a split by record type"),
            (self.minimum_records > 0, "a minimum of records"),
            (transcodes, "transcoding"),
            (cuts, "parts"),
        ];
        match asked.into_iter().find(|(is_asked, _)| *is_asked) {
            Some((_, what)) => Err(SpecError::NeedsRecords { what }),
            None => Ok(()),
        }
    }
}

fn validate_prefixes(prefixes: &[String]) -> Result<(), SpecError> {
    if prefixes.is_empty() {
        return Err(SpecError::SplitWithoutPrefixes);
    }
    for (index, prefix) in prefixes.iter().enumerate() {
        if prefix.is_empty() || prefix.contains(['\n', '\r']) {
            return Err(SpecError::UnusablePrefix { position: index + 1 });
        }
        if prefixes[..index].contains(prefix) {
            return Err(SpecError::DuplicatePrefix {
                prefix: prefix.clone(),
            });
        }
    }
    Ok(())
}
