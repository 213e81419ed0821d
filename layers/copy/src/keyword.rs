//! Every word that COPY's grammar knows, and what a rule may do with it.

/// What a rule's `copy_options` may do with a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keyword {
    /// Ask for an option.
    Option(OptionWord),
    /// Nothing: the named column of the rule says it.
    OwnedByColumn(&'static str),
    /// Nothing: the loader says it.
    SetByLoader,
    /// Nothing, for the reason given.
    Refused(&'static str),
}

/// The options that a rule may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OptionWord {
    AcceptAnyDate,
    AcceptInvalidCharacters,
    BlanksAsNull,
    CompressionRows,
    CompressionUpdate,
    EmptyAsNull,
    FillRecord,
    IgnoreAllErrors,
    IgnoreBlankLines,
    MaxErrors,
    NullAs,
    RoundDecimals,
    StatisticsUpdate,
    TrimBlanks,
    TruncateColumns,
}

const KEYWORDS: [(&str, Keyword); 46] = [
    ("ACCEPTANYDATE", Keyword::Option(OptionWord::AcceptAnyDate)),
    (
        "ACCEPTINVCHARS",
        Keyword::Option(OptionWord::AcceptInvalidCharacters),
    ),
    ("BLANKSASNULL", Keyword::Option(OptionWord::BlanksAsNull)),
    ("COMPROWS", Keyword::Option(OptionWord::CompressionRows)),
    ("COMPUPDATE", Keyword::Option(OptionWord::CompressionUpdate)),
    ("EMPTYASNULL", Keyword::Option(OptionWord::EmptyAsNull)),
    ("FILLRECORD", Keyword::Option(OptionWord::FillRecord)),
    ("IGNOREALLERRORS", Keyword::Option(OptionWord::IgnoreAllErrors)),
    ("IGNOREBLANKLINES", Keyword::Option(OptionWord::IgnoreBlankLines)),
    ("MAXERROR", Keyword::Option(OptionWord::MaxErrors)),
    ("NULL", Keyword::Option(OptionWord::NullAs)),
    ("ROUNDEC", Keyword::Option(OptionWord::RoundDecimals)),
    ("STATUPDATE", Keyword::Option(OptionWord::StatisticsUpdate)),
    ("TRIMBLANKS", Keyword::Option(OptionWord::TrimBlanks)),
    ("TRUNCATECOLUMNS", Keyword::Option(OptionWord::TruncateColumns)),
    ("AVRO", Keyword::OwnedByColumn("file_format")),
    ("BZIP2", Keyword::OwnedByColumn("compression")),
    ("CSV", Keyword::OwnedByColumn("file_format")),
    ("DATEFORMAT", Keyword::OwnedByColumn("date_format")),
    ("DELIMITER", Keyword::OwnedByColumn("delimiter")),
    ("ENCODING", Keyword::OwnedByColumn("encoding")),
    ("ESCAPE", Keyword::OwnedByColumn("escape_char")),
    ("FIXEDWIDTH", Keyword::OwnedByColumn("file_format")),
    ("FORMAT", Keyword::OwnedByColumn("file_format")),
    ("GZIP", Keyword::OwnedByColumn("compression")),
    ("IGNOREHEADER", Keyword::OwnedByColumn("header_flag")),
    ("JSON", Keyword::OwnedByColumn("file_format")),
    ("LZOP", Keyword::OwnedByColumn("compression")),
    ("ORC", Keyword::OwnedByColumn("file_format")),
    ("PARQUET", Keyword::OwnedByColumn("file_format")),
    ("QUOTE", Keyword::OwnedByColumn("quote_char")),
    ("REMOVEQUOTES", Keyword::OwnedByColumn("escape_char")),
    ("TIMEFORMAT", Keyword::OwnedByColumn("time_format")),
    ("ZSTD", Keyword::OwnedByColumn("compression")),
    ("ACCESS_KEY_ID", Keyword::SetByLoader),
    ("CREDENTIALS", Keyword::SetByLoader),
    ("FROM", Keyword::SetByLoader),
    ("IAM_ROLE", Keyword::SetByLoader),
    ("MANIFEST", Keyword::SetByLoader),
    ("REGION", Keyword::SetByLoader),
    ("SECRET_ACCESS_KEY", Keyword::SetByLoader),
    ("SESSION_TOKEN", Keyword::SetByLoader),
    ("ENCRYPTED", Keyword::OwnedByColumn("encryption_secret")),
    (
        "EXPLICIT_IDS",
        Keyword::Refused("rows pass through a stage table, and an INSERT cannot set an IDENTITY column"),
    ),
    (
        "MASTER_SYMMETRIC_KEY",
        Keyword::OwnedByColumn("encryption_secret"),
    ),
    (
        "NOLOAD",
        Keyword::Refused("it checks a file and loads nothing, and the load would count as done"),
    ),
];

impl Keyword {
    /// What `word` stands for, whatever its case.
    pub(crate) fn find(word: &str) -> Option<Self> {
        KEYWORDS
            .into_iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(word))
            .map(|(_, keyword)| keyword)
    }

    /// The option's word that is nearest to a mistyped one, when any is near.
    pub(crate) fn nearest(word: &str) -> Option<&'static str> {
        let word = word.to_ascii_uppercase();
        KEYWORDS
            .into_iter()
            .map(|(name, _)| (distance(&word, name), name))
            .min()
            .filter(|(distance, name)| *distance <= name.len() / 3)
            .map(|(_, name)| name)
    }
}

/// How many letters must be added, taken away or exchanged to get from one word to the other.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, letter) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, other) in right.iter().enumerate() {
            let exchanged = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = exchanged.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_whatever_its_case() {
        assert_eq!(
            Keyword::find("maxError"),
            Some(Keyword::Option(OptionWord::MaxErrors))
        );
        assert_eq!(Keyword::find("MAXERRORS"), None);
    }

    #[test]
    fn a_mistyped_word_is_named_by_its_nearest() {
        assert_eq!(Keyword::nearest("MAXERRORS"), Some("MAXERROR"));
        assert_eq!(Keyword::nearest("truncatecolumn"), Some("TRUNCATECOLUMNS"));
        assert_eq!(Keyword::nearest("emptysnull"), Some("EMPTYASNULL"));
        assert_eq!(Keyword::nearest("x"), None);
    }
}
