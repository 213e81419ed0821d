//! What follows FROM in a COPY: the format and its options, typed.

use longshore_domain::rule::{
    Compression, DataFormat, Encoding, Escaping, FieldQuoting, FileRule, InvalidBytes, Paths, RuleColumn,
    RuleFault, RuleFaults,
};

use crate::exclusion::exclusion_faults;
use crate::literal::{DelimiterText, OptionText};
use crate::option::{CompressionUpdate, CopyOption, NullText, Switch};
use crate::option_text::parse_options;
use crate::own_sql::own_sql_faults;

/// The format and options of one COPY, of which every combination is one that Redshift takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopySpec {
    layout: Layout,
    compression: Compression,
    encoding: Encoding,
    /// How many records are left out at the start of each file.
    header_records: u32,
    encryption: Encryption,
    null_text: Option<NullText>,
    formats: Option<DateTimeFormats>,
    options: Vec<CopyOption>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Layout {
    Csv {
        delimiter: DelimiterText,
        quote: OptionText,
    },
    Plain {
        delimiter: DelimiterText,
        escaping: Escaping,
    },
    FixedWidth(OptionText),
    Json(OptionText),
    Avro(OptionText),
    Parquet,
    Orc,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encryption {
    BySender,
    Absent,
}

/// What stands in a COPY of encrypted files for their key. The key itself comes in when the statement is handed over, so that
/// no statement that is kept holds it.
pub const KEY_PLACEHOLDER: &str = "MASTER_SYMMETRIC_KEY '{the key}'";

#[derive(Debug, Clone, PartialEq, Eq)]
struct DateTimeFormats {
    date: OptionText,
    time: OptionText,
}

impl CopySpec {
    /// Works out the COPY for files of `rule` that fill `columns`, in the file's order. Names every fault at once.
    pub fn from_rule(rule: &FileRule, columns: &[RuleColumn]) -> Result<Self, RuleFaults> {
        let parsed = parse_options(&rule.copy_options);
        let mut faults = exclusion_faults(rule, columns, &parsed);
        faults.extend(parsed.faults);
        faults.extend(own_sql_faults(rule));

        let layout = keep(layout(rule, columns), &mut faults);
        let null_text = keep(null_text(rule), &mut faults);
        let formats = keep(formats(rule), &mut faults);
        if let (Some(layout), Some(null_text), Some(formats), true) =
            (layout, null_text, formats, faults.is_empty())
        {
            return Ok(Self {
                layout,
                compression: rule.compression,
                encoding: rule.encoding,
                header_records: rule.header_length(),
                encryption: encryption(rule),
                null_text,
                formats,
                options: with_defaults(rule, parsed.options),
            });
        }
        Err(RuleFaults {
            rule: rule.id,
            faults,
        })
    }

    /// How many rows COPY may leave out. `None` when it may leave out any number (IGNOREALLERRORS), so that a count of
    /// the rows proves nothing.
    pub fn max_errors(&self) -> Option<u64> {
        if self.options.contains(&CopyOption::IgnoreAllErrors) {
            return None;
        }
        let allowed = self.options.iter().find_map(|option| match option {
            CopyOption::MaxErrors(count) => Some(*count),
            _ => None,
        });
        Some(allowed.unwrap_or(0))
    }

    /// Whether COPY takes a list of columns and a REGION. Parquet and ORC take neither.
    pub(crate) fn is_columnar(&self) -> bool {
        matches!(self.layout, Layout::Parquet | Layout::Orc)
    }

    /// The clauses in the order in which they are rendered.
    pub(crate) fn clauses(&self) -> Vec<String> {
        let mut clauses = self.layout_clauses();
        if self.encryption == Encryption::BySender {
            clauses.extend(["ENCRYPTED".to_owned(), KEY_PLACEHOLDER.to_owned()]);
        }
        clauses.extend(compression_word(self.compression).map(str::to_owned));
        if self.encoding != Encoding::Utf8 {
            clauses.push(format!("ENCODING {}", self.encoding.as_str()));
        }
        if self.header_records > 0 {
            clauses.push(format!("IGNOREHEADER {}", self.header_records));
        }
        if let Some(text) = self.null_text.as_ref().filter(|text| **text != NullText::Default) {
            clauses.push(format!("NULL AS {text}"));
        }
        if let Some(formats) = &self.formats {
            clauses.push(format!("DATEFORMAT {}", formats.date));
            clauses.push(format!("TIMEFORMAT {}", formats.time));
        }
        let stated = |option: &&CopyOption| **option != CopyOption::NullAs(NullText::Default);
        clauses.extend(self.options.iter().filter(stated).map(ToString::to_string));
        clauses
    }

    fn layout_clauses(&self) -> Vec<String> {
        match &self.layout {
            Layout::Csv { delimiter, quote } => {
                vec![format!("CSV QUOTE AS {quote}"), format!("DELIMITER {delimiter}")]
            }
            Layout::Plain { delimiter, escaping } => {
                let mut clauses = vec![format!("DELIMITER {delimiter}")];
                clauses.extend(escaping_word(*escaping).map(str::to_owned));
                clauses
            }
            Layout::FixedWidth(widths) => vec![format!("FIXEDWIDTH {widths}")],
            Layout::Json(paths) => vec![format!("FORMAT AS JSON {paths}")],
            Layout::Avro(paths) => vec![format!("FORMAT AS AVRO {paths}")],
            Layout::Parquet => vec!["FORMAT AS PARQUET".to_owned()],
            Layout::Orc => vec!["FORMAT AS ORC".to_owned()],
        }
    }
}

fn keep<T>(part: Result<T, RuleFault>, faults: &mut Vec<RuleFault>) -> Option<T> {
    part.map_err(|fault| faults.push(fault)).ok()
}

fn option_text(column: &str, text: &str) -> Result<OptionText, RuleFault> {
    OptionText::new(text).map_err(|error| RuleFault::new(column, format!("{text:?}: {error}")))
}

fn layout(rule: &FileRule, columns: &[RuleColumn]) -> Result<Layout, RuleFault> {
    Ok(match &rule.format {
        DataFormat::Delimited(delimited) => {
            let delimiter = DelimiterText(delimited.delimiter);
            match delimited.quoting {
                FieldQuoting::Csv { quote } => Layout::Csv {
                    delimiter,
                    quote: option_text("quote_char", &char::from(quote).to_string())?,
                },
                FieldQuoting::Plain { escaping } => Layout::Plain { delimiter, escaping },
            }
        }
        DataFormat::FixedWidth => {
            Layout::FixedWidth(option_text("ext_file_config_dtl.column_name", &widths(columns))?)
        }
        DataFormat::Json(paths) => Layout::Json(paths_text(paths)?),
        DataFormat::Avro(paths) => Layout::Avro(paths_text(paths)?),
        DataFormat::Parquet => Layout::Parquet,
        DataFormat::Orc => Layout::Orc,
    })
}

/// `label:width,…`. COPY wants labels for nothing but reading, so a name that could upset the list gives way to its
/// place.
fn widths(columns: &[RuleColumn]) -> String {
    let pair = |(index, column): (usize, &RuleColumn)| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let width = column.width.unwrap_or(0);
        if !column.name.is_empty() && column.name.bytes().all(is_plain) {
            format!("{}:{width}", column.name.to_ascii_lowercase())
        } else {
            format!("column_{}:{width}", index + 1)
        }
    };
    columns.iter().enumerate().map(pair).collect::<Vec<_>>().join(",")
}

fn paths_text(paths: &Paths) -> Result<OptionText, RuleFault> {
    option_text(
        "json_paths",
        match paths {
            Paths::Auto => "auto",
            Paths::AutoIgnoreCase => "auto ignorecase",
            Paths::NoShred => "noshred",
            Paths::File(url) => url,
        },
    )
}

fn null_text(rule: &FileRule) -> Result<Option<NullText>, RuleFault> {
    rule.null_as
        .as_deref()
        .map(NullText::parse)
        .transpose()
        .map_err(|problem| RuleFault::new("null_as", problem))
}

fn formats(rule: &FileRule) -> Result<Option<DateTimeFormats>, RuleFault> {
    if matches!(rule.format, DataFormat::Parquet | DataFormat::Orc) {
        return Ok(None);
    }
    Ok(Some(DateTimeFormats {
        date: option_text("date_format", &rule.date_format)?,
        time: option_text("time_format", &rule.time_format)?,
    }))
}

fn encryption(rule: &FileRule) -> Encryption {
    match rule.encryption_secret {
        Some(_) => Encryption::BySender,
        None => Encryption::Absent,
    }
}

/// What the rule asks for, and before it what every load of the format gets.
///
/// COMPUPDATE and STATUPDATE are off unless asked for: the table that COPY fills is a stage that lives for one
/// transaction.
fn with_defaults(rule: &FileRule, asked: Vec<CopyOption>) -> Vec<CopyOption> {
    let mut defaults = Vec::new();
    if matches!(rule.format, DataFormat::Delimited(_) | DataFormat::FixedWidth) {
        defaults.push(CopyOption::IgnoreBlankLines);
    }
    if rule.invalid_bytes == InvalidBytes::Replace {
        defaults.push(CopyOption::AcceptInvalidCharacters(None));
    }
    let samples = asked
        .iter()
        .any(|option| matches!(option, CopyOption::CompressionRows(_)));
    if !samples && !matches!(rule.format, DataFormat::Parquet | DataFormat::Orc) {
        defaults.push(CopyOption::CompressionUpdate(CompressionUpdate::Off));
    }
    defaults.push(CopyOption::StatisticsUpdate(Switch::Off));
    defaults.retain(|default| asked.iter().all(|option| option.keyword() != default.keyword()));
    defaults.extend(asked);
    defaults
}

fn compression_word(compression: Compression) -> Option<&'static str> {
    match compression {
        Compression::None => None,
        Compression::Gzip => Some("GZIP"),
        Compression::Bzip2 => Some("BZIP2"),
        Compression::Lzop => Some("LZOP"),
        Compression::Zstd => Some("ZSTD"),
    }
}

fn escaping_word(escaping: Escaping) -> Option<&'static str> {
    match escaping {
        Escaping::None => None,
        Escaping::Backslash => Some("ESCAPE"),
        Escaping::RemoveQuotes => Some("REMOVEQUOTES"),
    }
}
