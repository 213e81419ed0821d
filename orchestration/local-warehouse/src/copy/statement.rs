//! A COPY statement, understood.

use super::cipher::RootKey;

/// What a COPY says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CopyStatement {
    /// The target as written, with its schema if it has one.
    pub(crate) table: String,
    /// The column list as written.
    pub(crate) columns: Option<Vec<String>>,
    /// The `s3://…` of the FROM clause.
    pub(crate) source: String,
    /// Whether the source is a manifest, else it is a prefix.
    pub(crate) manifest: bool,
    /// The key that the files are encrypted with.
    pub(crate) root_key: Option<RootKey>,
    /// How records look.
    pub(crate) format: Format,
    /// How files are compressed.
    pub(crate) compression: Option<Compression>,
    /// The encoding of the files.
    pub(crate) encoding: Encoding,
    /// How values are converted.
    pub(crate) conversion: Conversion,
    /// Lines to skip in each file.
    pub(crate) ignore_header: u64,
    /// Whether empty lines are skipped.
    pub(crate) ignore_blank_lines: bool,
    /// When bad rows end the load.
    pub(crate) tolerance: Tolerance,
    /// Whether values of identity columns come from the file.
    pub(crate) explicit_ids: bool,
    /// Whether the load is only tried.
    pub(crate) no_load: bool,
    /// Whether nested values of columnar files are taken as JSON.
    pub(crate) serialize_to_json: bool,
}

/// How records look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Format {
    /// Fields between delimiters, a record per line.
    Delimited {
        /// The delimiter.
        delimiter: Vec<u8>,
        /// Whether a backslash takes the next character literally.
        escape: bool,
        /// Whether quotes around fields are taken off.
        remove_quotes: bool,
    },
    /// CSV with quoted fields.
    Csv {
        /// The delimiter.
        delimiter: Vec<u8>,
        /// The quote.
        quote: u8,
    },
    /// Columns of fixed widths, in characters.
    FixedWidth(Vec<(String, usize)>),
    /// JSON objects, or arrays with a paths file.
    Json(JsonFields),
    /// Avro records.
    Avro(JsonFields),
    /// Apache Parquet.
    Parquet,
    /// Apache ORC.
    Orc,
}

/// How JSON values find their columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JsonFields {
    /// Keys are column names.
    Auto,
    /// Keys are column names in any case.
    AutoIgnoreCase,
    /// A jsonpaths file, by its `s3://…`.
    Paths(String),
    /// `'noshred'`: the whole record is one SUPER value.
    NoShred,
}

/// How files are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    /// GZIP.
    Gzip,
    /// LZOP.
    Lzop,
    /// BZIP2.
    Bzip2,
    /// ZSTD.
    Zstd,
}

/// The encoding of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// UTF8.
    Utf8,
    /// UTF16: a byte order mark says which.
    Utf16,
    /// UTF16LE.
    Utf16LittleEndian,
    /// UTF16BE.
    Utf16BigEndian,
    /// ISO88591.
    Latin1,
    /// No text at all: bytes go through as they are.
    Binary,
}

/// When bad rows end the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tolerance {
    /// The load fails at this many errors; 0 and 1 mean the first.
    MaxError(u64),
    /// Bad rows are skipped, however many.
    IgnoreAll,
}

/// How values are converted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conversion {
    /// NULL AS.
    pub(crate) null_as: Vec<u8>,
    /// EMPTYASNULL.
    pub(crate) empty_as_null: bool,
    /// BLANKSASNULL.
    pub(crate) blanks_as_null: bool,
    /// TRIMBLANKS.
    pub(crate) trim_blanks: bool,
    /// TRUNCATECOLUMNS.
    pub(crate) truncate_columns: bool,
    /// FILLRECORD.
    pub(crate) fill_record: bool,
    /// ACCEPTINVCHARS and its replacement.
    pub(crate) replace_invalid: Option<u8>,
    /// ACCEPTANYDATE.
    pub(crate) accept_any_date: bool,
    /// ROUNDEC.
    pub(crate) round_decimals: bool,
    /// DATEFORMAT.
    pub(crate) date_format: TimeFormat,
    /// TIMEFORMAT.
    pub(crate) time_format: TimeFormat,
}

/// DATEFORMAT or TIMEFORMAT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TimeFormat {
    /// None was given.
    Default,
    /// `'auto'`: one of many known forms.
    Auto,
    /// `'epochsecs'`.
    EpochSeconds,
    /// `'epochmillisecs'`.
    EpochMilliseconds,
    /// A pattern such as `MM.DD.YYYY HH:MI:SS`.
    Pattern(String),
}

impl Default for Conversion {
    fn default() -> Self {
        Self {
            null_as: b"\\N".to_vec(),
            empty_as_null: false,
            blanks_as_null: false,
            trim_blanks: false,
            truncate_columns: false,
            fill_record: false,
            replace_invalid: None,
            accept_any_date: false,
            round_decimals: false,
            date_format: TimeFormat::Default,
            time_format: TimeFormat::Default,
        }
    }
}
