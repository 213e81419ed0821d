//! How a file is laid out.

use serde::{Deserialize, Serialize};

/// How records and fields are told apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DataFormat {
    /// One record a line, fields between delimiters: plain delimited text and CSV.
    Delimited(Delimited),
    /// One record a line, fields by position.
    FixedWidth,
    /// JSON objects.
    Json(Paths),
    /// Avro object container files.
    Avro(Paths),
    /// Parquet.
    Parquet,
    /// ORC.
    Orc,
}

impl DataFormat {
    /// The format's name for people.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Delimited(delimited) => match delimited.quoting {
                FieldQuoting::Csv { .. } => "CSV",
                FieldQuoting::Plain { .. } => "delimited text",
            },
            Self::FixedWidth => "fixed width",
            Self::Json(_) => "JSON",
            Self::Avro(_) => "Avro",
            Self::Parquet => "Parquet",
            Self::Orc => "ORC",
        }
    }
}

/// Delimited text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delimited {
    /// The one ASCII character between fields.
    pub delimiter: u8,
    /// How a field may contain it.
    pub quoting: FieldQuoting,
}

/// How a field may contain the delimiter or a line break.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FieldQuoting {
    /// COPY's CSV: fields in quotes, a quote within doubled, line breaks allowed within.
    Csv {
        /// The quote, one ASCII character.
        quote: u8,
    },
    /// Plain delimited text.
    Plain {
        /// What the escape character of the rule asks for.
        escaping: Escaping,
    },
}

/// What `escape_char` asks for in plain delimited and fixed-width text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Escaping {
    /// Nothing.
    None,
    /// A backslash takes away the meaning of the next character (COPY's ESCAPE).
    Backslash,
    /// Surrounding quotes are taken off (COPY's REMOVEQUOTES).
    RemoveQuotes,
}

/// How fields of JSON and Avro find their columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Paths {
    /// By name.
    Auto,
    /// By name, whatever the case.
    AutoIgnoreCase,
    /// The whole object goes into one SUPER column.
    NoShred,
    /// By a paths file in S3.
    File(String),
}

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, one member or several.
    Gzip,
    /// bzip2, one stream or several.
    Bzip2,
    /// lzop; only the warehouse can read it.
    Lzop,
    /// zstd, one frame or several.
    Zstd,
}

impl Compression {
    const WORDS: [(&'static str, Self); 11] = [
        ("none", Self::None),
        ("gzip", Self::Gzip),
        ("gz", Self::Gzip),
        ("bzip2", Self::Bzip2),
        ("bz2", Self::Bzip2),
        ("lzop", Self::Lzop),
        ("lzo", Self::Lzop),
        ("zstd", Self::Zstd),
        ("zst", Self::Zstd),
        ("zstandard", Self::Zstd),
        ("uncompressed", Self::None),
    ];

    /// The compression that a word or a file extension stands for, whatever its case.
    pub fn parse(word: &str) -> Option<Self> {
        let word = word.trim().to_ascii_lowercase();
        Self::WORDS
            .into_iter()
            .find(|(name, _)| *name == word)
            .map(|(_, compression)| compression)
    }

    /// The file extension of prepared copies, with its dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Bzip2 => ".bz2",
            Self::Lzop => ".lzo",
            Self::Zstd => ".zst",
        }
    }
}

/// How characters are coded, by the names that COPY's ENCODING knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// UTF-16 whose byte order the byte order mark tells.
    Utf16,
    /// UTF-16, little endian.
    Utf16Le,
    /// UTF-16, big endian.
    Utf16Be,
    /// ISO 8859-1.
    Iso88591,
}

impl Encoding {
    const WORDS: [(&'static str, Self); 5] = [
        ("UTF8", Self::Utf8),
        ("UTF16", Self::Utf16),
        ("UTF16LE", Self::Utf16Le),
        ("UTF16BE", Self::Utf16Be),
        ("ISO88591", Self::Iso88591),
    ];

    /// The encoding that a word stands for; hyphens and case do not matter.
    pub fn parse(word: &str) -> Option<Self> {
        let word = word.trim().replace(['-', '_'], "").to_ascii_uppercase();
        Self::WORDS
            .into_iter()
            .find(|(name, _)| *name == word)
            .map(|(_, encoding)| encoding)
    }

    /// The word that COPY's ENCODING takes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF8",
            Self::Utf16 => "UTF16",
            Self::Utf16Le => "UTF16LE",
            Self::Utf16Be => "UTF16BE",
            Self::Iso88591 => "ISO88591",
        }
    }
}

/// What is done about bytes that are no characters in the declared encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum InvalidBytes {
    /// The file is rejected.
    Reject,
    /// The warehouse replaces them (COPY's ACCEPTINVCHARS).
    Replace,
}
