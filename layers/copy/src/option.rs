//! COPY options that a rule may ask for beyond its own columns.

use std::fmt;

use crate::literal::OptionText;

/// One COPY option of the rule's `copy_options`, or one that the loader adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopyOption {
    /// Dates of any form load; what is no date becomes NULL.
    AcceptAnyDate,
    /// Bytes that are no characters are replaced, by `?` or by the character given.
    AcceptInvalidCharacters(Option<OptionText>),
    /// Blank text becomes NULL.
    BlanksAsNull,
    /// How many rows are sampled for compression: 1,000 to 2,147,483,647.
    CompressionRows(u64),
    /// Whether the stage's compression is chosen anew.
    CompressionUpdate(CompressionUpdate),
    /// Empty text becomes NULL.
    EmptyAsNull,
    /// Records may lack columns at their end.
    FillRecord,
    /// Rows at fault are left out, however many.
    IgnoreAllErrors,
    /// Empty lines are no records.
    IgnoreBlankLines,
    /// Up to so many rows at fault are left out: 0 to 100,000.
    MaxErrors(u64),
    /// The text that stands for NULL.
    NullAs(NullText),
    /// Numbers are rounded to the column's scale, not cut.
    RoundDecimals,
    /// Whether statistics are updated.
    StatisticsUpdate(Switch),
    /// Blanks at the end of text are cut.
    TrimBlanks,
    /// Text that is too long is cut.
    TruncateColumns,
}

impl CopyOption {
    /// The word that the option begins with.
    pub fn keyword(&self) -> &'static str {
        match self {
            Self::AcceptAnyDate => "ACCEPTANYDATE",
            Self::AcceptInvalidCharacters(_) => "ACCEPTINVCHARS",
            Self::BlanksAsNull => "BLANKSASNULL",
            Self::CompressionRows(_) => "COMPROWS",
            Self::CompressionUpdate(_) => "COMPUPDATE",
            Self::EmptyAsNull => "EMPTYASNULL",
            Self::FillRecord => "FILLRECORD",
            Self::IgnoreAllErrors => "IGNOREALLERRORS",
            Self::IgnoreBlankLines => "IGNOREBLANKLINES",
            Self::MaxErrors(_) => "MAXERROR",
            Self::NullAs(_) => "NULL AS",
            Self::RoundDecimals => "ROUNDEC",
            Self::StatisticsUpdate(_) => "STATUPDATE",
            Self::TrimBlanks => "TRIMBLANKS",
            Self::TruncateColumns => "TRUNCATECOLUMNS",
        }
    }
}

impl fmt::Display for CopyOption {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keyword = self.keyword();
        match self {
            Self::AcceptInvalidCharacters(Some(text)) => write!(formatter, "{keyword} AS {text}"),
            Self::CompressionRows(count) | Self::MaxErrors(count) => write!(formatter, "{keyword} {count}"),
            Self::CompressionUpdate(update) => write!(formatter, "{keyword} {update}"),
            Self::NullAs(text) => write!(formatter, "{keyword} {text}"),
            Self::StatisticsUpdate(switch) => write!(formatter, "{keyword} {switch}"),
            _ => formatter.write_str(keyword),
        }
    }
}

/// The argument of COMPUPDATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompressionUpdate {
    /// By sampling.
    On,
    /// Not at all.
    Off,
    /// By the column's type alone.
    Preset,
}

impl fmt::Display for CompressionUpdate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::On => "ON",
            Self::Off => "OFF",
            Self::Preset => "PRESET",
        })
    }
}

/// The argument of STATUPDATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// Done.
    On,
    /// Left out.
    Off,
}

impl fmt::Display for Switch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::On => "ON",
            Self::Off => "OFF",
        })
    }
}

/// The text that stands for NULL in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NullText {
    /// `\N`, which COPY takes for NULL when nothing else is said.
    Default,
    /// A field that holds nothing but a NUL character, written `\0` or `\000` in a rule.
    NulCharacter,
    /// A text without backslashes.
    Text(OptionText),
}

impl NullText {
    /// Reads a rule's text, or says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            r"\N" => Ok(Self::Default),
            r"\0" | r"\000" => Ok(Self::NulCharacter),
            _ if text.contains(['\n', '\r']) || text == r"\n" => Err(
                "is a line break, which COPY keeps for the end of a record; choose another text".to_owned(),
            ),
            _ => OptionText::new(text).map(Self::Text).map_err(|error| {
                format!(r"{text:?}: {error}, or write \N (COPY's own NULL) or \0 (a NUL character)")
            }),
        }
    }
}

impl fmt::Display for NullText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str(r"'\N'"),
            Self::NulCharacter => formatter.write_str(r"'\000'"),
            Self::Text(text) => text.fmt(formatter),
        }
    }
}
