//! How the row says that its files are written: the format, the marks within it, the compression.

use super::cells::{non_blank, one_character, word};
use super::fault::Collector;
use super::{
    Compression, DataFormat, Delimited, Encoding, Escaping, FieldQuoting, InvalidBytes, Paths, RuleFault,
    RuleRow,
};

pub(super) fn format(row: &RuleRow) -> Result<DataFormat, RuleFault> {
    let name = row.file_format.trim().to_ascii_lowercase();
    match name.as_str() {
        "json" => Ok(DataFormat::Json(paths(row)?)),
        "avro" => Ok(DataFormat::Avro(paths(row)?)),
        "parquet" => Ok(DataFormat::Parquet),
        "orc" => Ok(DataFormat::Orc),
        "fixed_width" | "fixedwidth" => {
            escaping(row)?;
            Ok(DataFormat::FixedWidth)
        }
        "csv" if escape(row) != Some(b'\\') => Ok(DataFormat::Delimited(Delimited {
            delimiter: delimiter(row, Some(b','))?,
            quoting: FieldQuoting::Csv { quote: quote(row)? },
        })),
        "txt" | "csv" | "delimited" | "dat" | "gz" | "gzip" | "bz2" | "bzip2" | "lzo" | "lzop" | "zst"
        | "zstd" => plain_or_quoted(row),
        _ => Err(RuleFault::new(
            "file_format",
            format!(
                "{:?} is no format; write txt, csv, fixed_width, json, avro, parquet or orc \
                 (gz, bz2, lzo and zst mean compressed delimited text)",
                row.file_format
            ),
        )),
    }
}

/// Delimited text is plain unless the rule names a quote.
fn plain_or_quoted(row: &RuleRow) -> Result<DataFormat, RuleFault> {
    let quoting = match non_blank(&row.quote_char) {
        Some(_) => FieldQuoting::Csv { quote: quote(row)? },
        None => FieldQuoting::Plain {
            escaping: escaping(row)?,
        },
    };
    Ok(DataFormat::Delimited(Delimited {
        delimiter: delimiter(row, None)?,
        quoting,
    }))
}

fn paths(row: &RuleRow) -> Result<Paths, RuleFault> {
    let text = non_blank(&row.json_paths).unwrap_or_else(|| "auto".to_owned());
    match text.to_ascii_lowercase().as_str() {
        "auto" => Ok(Paths::Auto),
        "auto ignorecase" => Ok(Paths::AutoIgnoreCase),
        "noshred" => Ok(Paths::NoShred),
        _ if text.starts_with("s3://") => Ok(Paths::File(text)),
        _ => Err(RuleFault::new(
            "json_paths",
            format!(
                "{text:?} is neither auto, auto ignorecase, noshred nor an s3:// address of a paths file"
            ),
        )),
    }
}

fn escape(row: &RuleRow) -> Option<u8> {
    non_blank(&row.escape_char).and_then(|text| match text.as_bytes() {
        [byte] => Some(*byte),
        [b'\\', b'\\'] => Some(b'\\'),
        _ => None,
    })
}

fn escaping(row: &RuleRow) -> Result<Escaping, RuleFault> {
    match (non_blank(&row.escape_char), escape(row)) {
        (None, _) => Ok(Escaping::None),
        (Some(_), Some(b'\\')) => Ok(Escaping::Backslash),
        (Some(_), Some(b'"' | b'\'')) => Ok(Escaping::RemoveQuotes),
        (Some(text), _) => Err(RuleFault::new(
            "escape_char",
            format!(
                "{text:?} is no escape character; write \\ (ESCAPE) or \" (REMOVEQUOTES), or leave it NULL"
            ),
        )),
    }
}

/// One ASCII character, or the octal `\ddd` and `\t` that COPY knows too.
fn delimiter(row: &RuleRow, default: Option<u8>) -> Result<u8, RuleFault> {
    let Some(text) = row.delimiter.as_deref().filter(|text| !text.is_empty()) else {
        return default.ok_or_else(|| {
            RuleFault::new(
                "delimiter",
                "is not set, and delimited text needs one; write for example | or , or \\t",
            )
        });
    };
    one_character(text).ok_or_else(|| {
        RuleFault::new(
            "delimiter",
            format!(
                "{text:?} is not one ASCII character; write the character itself, \\t, or \\ddd in octal"
            ),
        )
    })
}

fn quote(row: &RuleRow) -> Result<u8, RuleFault> {
    let Some(text) = non_blank(&row.quote_char) else {
        return Ok(b'"');
    };
    one_character(&text)
        .ok_or_else(|| RuleFault::new("quote_char", format!("{text:?} is not one ASCII character")))
}

/// What the rule says, else what the format's or the file type's name says.
pub(super) fn compression(row: &RuleRow) -> Result<Compression, RuleFault> {
    if let Some(word) = non_blank(&row.compression) {
        return Compression::parse(&word).ok_or_else(|| {
            RuleFault::new(
                "compression",
                format!("{word:?} is none of none, gzip, bzip2, lzop, zstd"),
            )
        });
    }
    let from_names = [&row.file_format, &row.file_type]
        .into_iter()
        .find_map(|word| Compression::parse(word.trim().trim_start_matches('.')));
    Ok(from_names.unwrap_or(Compression::None))
}

pub(super) fn prepared_compression(
    row: &RuleRow,
    input: Option<Compression>,
    faults: &mut Collector,
) -> Compression {
    let Some(word) = non_blank(&row.prepared_compression) else {
        return input.unwrap_or(Compression::None);
    };
    match Compression::parse(&word) {
        Some(compression) if compression != Compression::Lzop => compression,
        _ => {
            faults.add(
                "prepared_compression",
                format!("{word:?} is none of none, gzip, bzip2, zstd"),
            );
            Compression::None
        }
    }
}

pub(super) fn encoding(row: &RuleRow) -> Result<Encoding, RuleFault> {
    word(
        "encoding",
        &row.encoding,
        "UTF8",
        Encoding::parse,
        "UTF8, UTF16, UTF16LE, UTF16BE or ISO88591",
    )
}

pub(super) fn invalid_bytes(row: &RuleRow) -> Result<InvalidBytes, RuleFault> {
    let parse = |word: &str| match word {
        "reject" => Some(InvalidBytes::Reject),
        "replace" => Some(InvalidBytes::Replace),
        _ => None,
    };
    word(
        "invalid_bytes",
        &row.invalid_bytes,
        "reject",
        parse,
        "reject or replace",
    )
}
