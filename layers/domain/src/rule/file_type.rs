//! What the names of a rule's files end with.

use std::fmt;

use crate::object::ObjectKey;

/// What the name of a file must end with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileType {
    /// Whatever it likes, an extension or none.
    Any,
    /// No extension: the name has no dot. Such files are written by UNLOAD (`0000_part_00`) and Spark (`part-00000`).
    None,
    /// This extension, without its dot and in lower case; it may be a double one such as `csv.gz`. Blank it fits no file.
    Extension(String),
}

impl FileType {
    const ANY: &'static str = "any";
    const NONE: &'static str = crate::snapshot::NO_EXTENSION;

    /// Reads `file_type`, whatever its case and with or without a dot in front.
    pub fn parse(text: &str) -> Self {
        match text.trim().trim_start_matches('.').to_ascii_lowercase() {
            word if word == Self::ANY => Self::Any,
            word if word == Self::NONE => Self::None,
            extension => Self::Extension(extension),
        }
    }

    /// Whether nothing is said.
    pub fn is_blank(&self) -> bool {
        matches!(self, Self::Extension(extension) if extension.is_empty())
    }

    /// Whether it is this extension.
    pub fn is(&self, extension: &str) -> bool {
        matches!(self, Self::Extension(own) if own == extension)
    }

    /// Whether a file may be called so.
    pub fn takes(&self, key: &ObjectKey) -> bool {
        match self {
            Self::Any => true,
            Self::None => key.extension().is_none(),
            Self::Extension(extension) => {
                let name = key.file_name().to_ascii_lowercase();
                name.strip_suffix(extension.as_str())
                    .is_some_and(|front| front.ends_with('.'))
            }
        }
    }
}

impl fmt::Display for FileType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Any => Self::ANY,
            Self::None => Self::NONE,
            Self::Extension(extension) => extension,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("txt", "d/a.txt", true)]
    #[case(".TXT", "d/a.b.Txt", true)]
    #[case("csv.gz", "d/a.csv.gz", true)]
    #[case("csv.gz", "d/a.gz", false)]
    #[case("txt", "d/atxt", false)]
    #[case("txt", "d/txt", false)]
    #[case("", "d/a.", false)]
    #[case("none", "unload.d/0000_part_00", true)]
    #[case("none", "d/part-00000", true)]
    #[case("None", "d/0000_part_00.gz", false)]
    #[case("any", "d/0000_part_00", true)]
    #[case("ANY", "d/0000_part_00.gz", true)]
    fn a_name_ends_as_the_rule_says(#[case] said: &str, #[case] key: &str, #[case] takes: bool) {
        let said = FileType::parse(said);
        let takes_it = !said.is_blank() && said.takes(&ObjectKey::new(key));
        assert_eq!(takes_it, takes);
    }
}
