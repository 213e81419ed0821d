//! From the rule to what the engine is asked.

use std::num::{NonZeroU64, NonZeroUsize};

use longshore_domain::object::ObjectKey;
use longshore_domain::preparation::may_be_in_parts;
use longshore_domain::rule::{
    Compression, DataFormat, EmptyFilePolicy, Encoding, Escaping, FieldQuoting, FileRule, HeaderPolicy,
    InvalidBytes, Trailer,
};
use longshore_preprocess as engine;

/// Compression levels of prepared copies: speed before size, since each copy is read once.
const GZIP_LEVEL: u32 = 1;
const BZIP2_LEVEL: u32 = 1;
const ZSTD_LEVEL: i32 = 1;

/// Whether the file must be read before it is loaded. Formats that we do not look into are read only where that tells
/// whether their compression is whole.
pub(crate) fn needs_reading(rule: &FileRule) -> bool {
    let readable_compression = matches!(
        rule.compression,
        Compression::Gzip | Compression::Bzip2 | Compression::Zstd
    );
    rule.encryption_secret.is_none() && (rule.is_record_oriented() || readable_compression)
}

/// Whether the engine counts this format's records.
pub(crate) fn counts_records(rule: &FileRule) -> bool {
    rule.is_record_oriented()
}

/// Whether a byte order mark in the file as it lies would end up in the first column.
pub(crate) fn mark_reaches_copy(rule: &FileRule) -> bool {
    rule.is_record_oriented() && rule.encoding == Encoding::Utf8
}

/// What is written, when COPY cannot read the file as it is.
pub(crate) fn output(rule: &FileRule) -> Option<engine::OutputFormat> {
    let rewritten =
        rule.trailer.is_some() || rule.split.is_some() || rule.prepared_compression != rule.compression;
    (rewritten && rule.is_record_oriented()).then(|| plain_output(rule))
}

/// A copy with the rule's compression, in UTF-8, so that what COPY reads does not depend on a mark that was dropped.
pub(crate) fn plain_output(rule: &FileRule) -> engine::OutputFormat {
    engine::OutputFormat {
        compression: match rule.prepared_compression {
            Compression::Gzip => engine::OutputCompression::Gzip { level: GZIP_LEVEL },
            Compression::Bzip2 => engine::OutputCompression::Bzip2 { level: BZIP2_LEVEL },
            Compression::Zstd => engine::OutputCompression::Zstd { level: ZSTD_LEVEL },
            Compression::None | Compression::Lzop => engine::OutputCompression::None,
        },
        encoding: match rule.encoding {
            Encoding::Utf8 => engine::OutputEncoding::AsInput,
            Encoding::Utf16 | Encoding::Utf16Le | Encoding::Utf16Be | Encoding::Iso88591 => {
                engine::OutputEncoding::Utf8
            }
        },
        part_bytes: None,
    }
}

/// The text of each part of a copy; `None` for a copy in one. Parts of a file whose length is known are equal.
pub(crate) fn part_bytes(
    rule: &FileRule,
    file_bytes: u64,
    most_text_bytes: NonZeroU64,
) -> Option<NonZeroU64> {
    if !may_be_in_parts(rule) {
        return None;
    }
    // How much text a compressed file has is known in the end alone.
    match rule.compression {
        Compression::None => {
            let parts = file_bytes.div_ceil(most_text_bytes.get()).max(1);
            NonZeroU64::new(file_bytes.div_ceil(parts))
        }
        Compression::Gzip | Compression::Bzip2 | Compression::Lzop | Compression::Zstd => {
            Some(most_text_bytes)
        }
    }
}

/// The rule as it applies to a copy written with [`plain_output`].
pub(crate) fn rule_of_prepared_copy(rule: &FileRule) -> FileRule {
    FileRule {
        compression: rule.prepared_compression,
        encoding: Encoding::Utf8,
        trailer: None,
        split: None,
        ..rule.clone()
    }
}

/// The rule as it applies to a copy of nothing: there is no header in it, and nothing to decompress.
pub(crate) fn rule_of_empty_copy(rule: &FileRule) -> FileRule {
    FileRule {
        header: HeaderPolicy::Absent,
        compression: Compression::None,
        ..rule_of_prepared_copy(rule)
    }
}

/// The rule of a record type as it applies to its part, which was written with this compression: the copy has no header,
/// whatever the type's own rule says of files.
pub(crate) fn rule_of_part(part: &FileRule, compression: Compression) -> FileRule {
    FileRule {
        header: HeaderPolicy::Absent,
        compression,
        ..rule_of_prepared_copy(part)
    }
}

/// The fields of the header record that names the columns: the last one.
pub(crate) fn names<'header>(rule: &FileRule, header: &'header [engine::HeaderRecord]) -> &'header [String] {
    let last = usize::try_from(rule.header_length())
        .ok()
        .and_then(|length| length.checked_sub(1));
    last.and_then(|last| header.get(last))
        .map_or(&[], |record| &record.fields)
}

/// The whole request.
pub(crate) fn pipeline(rule: &FileRule, output: Option<engine::OutputFormat>) -> engine::PipelineSpec {
    let opaque = !rule.is_record_oriented();
    let split = rule.split.as_ref().map(|prefixes| engine::Split {
        prefixes: prefixes.clone(),
        unlisted: engine::UnlistedRecords::Leave,
    });
    engine::PipelineSpec {
        compression: compression(rule.compression),
        // Depends on the file.
        decompressed_limit_bytes: None,
        encoding: encoding(rule.encoding),
        invalid_bytes: match rule.invalid_bytes {
            InvalidBytes::Reject if !opaque => engine::InvalidBytes::Reject,
            InvalidBytes::Reject | InvalidBytes::Replace => engine::InvalidBytes::Accept,
        },
        framing: framing(&rule.format),
        delimiter: match &rule.format {
            DataFormat::Delimited(delimited) => Some(delimited.delimiter),
            DataFormat::FixedWidth
            | DataFormat::Json(_)
            | DataFormat::Avro(_)
            | DataFormat::Parquet
            | DataFormat::Orc => None,
        },
        fields: fields_that_must_be(rule),
        header: engine::Header {
            records: rule.header_length(),
            in_output: match split {
                Some(_) => engine::HeaderInOutput::Drop,
                None => engine::HeaderInOutput::Keep,
            },
        },
        trailer: rule.trailer.as_ref().map(|trailer| engine::Trailer {
            count: Some(trailer_count(trailer)),
        }),
        split,
        output,
        minimum_records: match rule.empty_files {
            EmptyFilePolicy::Refuse if !opaque => 1,
            EmptyFilePolicy::Refuse | EmptyFilePolicy::Accept => 0,
        },
        record_limit_bytes: engine::RECORD_LIMIT_BYTES,
    }
}

/// The fields of every record, where COPY refuses those that have fewer: it would refuse the first one too.
fn fields_that_must_be(rule: &FileRule) -> Option<NonZeroUsize> {
    let lets_pass = |word: &str| {
        let word = word.to_ascii_uppercase();
        word.starts_with("FILLRECORD") || word.starts_with("MAXERROR")
    };
    let is_strict = !rule.copy_options.split_whitespace().any(lets_pass);
    let fields = NonZeroUsize::new(rule.columns.len())?;
    (is_strict && rule.split.is_none()).then_some(fields)
}

fn compression(compression: Compression) -> engine::Compression {
    match compression {
        Compression::Gzip => engine::Compression::Gzip,
        Compression::Bzip2 => engine::Compression::Bzip2,
        Compression::Zstd => engine::Compression::Zstd,
        Compression::None | Compression::Lzop => engine::Compression::None,
    }
}

/// How what COPY read is compressed and encoded, for reading a line of it again. A prepared copy is in UTF-8, and its
/// key tells its compression.
pub(crate) fn coding_of_source(
    rule: &FileRule,
    key: &ObjectKey,
    is_prepared_copy: bool,
) -> (engine::Compression, engine::Encoding) {
    if !is_prepared_copy {
        return (compression(rule.compression), encoding(rule.encoding));
    }
    let of_key = key
        .extension()
        .and_then(Compression::parse)
        .unwrap_or(Compression::None);
    (compression(of_key), engine::Encoding::Utf8)
}

fn encoding(encoding: Encoding) -> engine::Encoding {
    match encoding {
        Encoding::Utf8 => engine::Encoding::Utf8,
        Encoding::Utf16 => engine::Encoding::Utf16,
        Encoding::Utf16Le => engine::Encoding::Utf16Le,
        Encoding::Utf16Be => engine::Encoding::Utf16Be,
        Encoding::Iso88591 => engine::Encoding::Iso88591,
    }
}

fn framing(format: &DataFormat) -> engine::Framing {
    match format {
        DataFormat::Delimited(delimited) => match delimited.quoting {
            FieldQuoting::Csv { quote } => engine::Framing::Quoted { quote, escape: None },
            FieldQuoting::Plain {
                escaping: Escaping::Backslash,
            } => engine::Framing::Escaped { escape: b'\\' },
            FieldQuoting::Plain {
                escaping: Escaping::None | Escaping::RemoveQuotes,
            } => engine::Framing::Lines,
        },
        DataFormat::FixedWidth => engine::Framing::Lines,
        DataFormat::Json(_) | DataFormat::Avro(_) | DataFormat::Parquet | DataFormat::Orc => {
            engine::Framing::Opaque
        }
    }
}

fn trailer_count(trailer: &Trailer) -> engine::TrailerCount {
    match trailer {
        Trailer::Position { start, end } => engine::TrailerCount::Position(
            format!("{start}:{end}")
                .parse()
                .expect("the rule check lets no empty or zero position through"),
        ),
        Trailer::AfterTag(tag) => engine::TrailerCount::AfterTag { tag: tag.clone() },
    }
}
