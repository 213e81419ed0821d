//! Names of tables and columns, quoted by type.

use std::fmt;

use longshore_domain::target::TableName;

/// The longest name that Redshift stores, in bytes.
pub const MAX_IDENTIFIER_BYTES: usize = 127;

/// A name that can only be rendered in double quotes.
///
/// ASCII letters are folded to lower case when it is made. Redshift folds quoted names too unless
/// `enable_case_sensitive_identifier` is on; PostgreSQL never does. Tables are created by unquoted names nearly
/// everywhere, so the folded name is the one that exists, whatever case a rule spells it in. A table whose name was
/// created in mixed case on purpose is out of reach.
/// <https://docs.aws.amazon.com/redshift/latest/dg/r_names.html>
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identifier(String);

impl Identifier {
    /// Takes a name, or says why no table or column can have it.
    pub fn new(name: impl AsRef<str>) -> Result<Self, IdentifierError> {
        let name = name.as_ref();
        if name.is_empty() {
            return Err(IdentifierError::Empty);
        }
        if name.len() > MAX_IDENTIFIER_BYTES {
            return Err(IdentifierError::TooLong { bytes: name.len() });
        }
        if let Some(character) = name.chars().find(|character| character.is_control()) {
            return Err(IdentifierError::NotPrintable { character });
        }
        Ok(Self(name.to_ascii_lowercase()))
    }

    /// The name as it is stored, without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\"{}\"", self.0.replace('"', "\"\""))
    }
}

/// A table by schema and name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct QualifiedTable {
    /// The schema.
    pub schema: Identifier,
    /// The table within it.
    pub table: Identifier,
}

impl QualifiedTable {
    /// Quotes the table that a rule names.
    pub fn new(table: &TableName) -> Result<Self, IdentifierError> {
        Ok(Self {
            schema: Identifier::new(&table.schema)?,
            table: Identifier::new(&table.table)?,
        })
    }
}

impl fmt::Display for QualifiedTable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.schema, self.table)
    }
}

/// Why no table or column can have a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentifierError {
    /// It has no characters.
    #[error("the name is blank")]
    Empty,
    /// Redshift would cut it.
    #[error("the name has {bytes} bytes, and Redshift keeps {MAX_IDENTIFIER_BYTES}; shorten it")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// It holds a control character.
    #[error("the name holds the control character {character:?}, which Redshift takes in no name")]
    NotPrintable {
        /// The first such character.
        character: char,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_folded_and_quoted() {
        let table = QualifiedTable::new(&TableName::new("RDSFTETL", "Pa_Flavor")).unwrap();
        assert_eq!(table.to_string(), r#""rdsftetl"."pa_flavor""#);
    }

    #[test]
    fn a_quote_within_a_name_is_doubled() {
        let name = Identifier::new(r#"a"; DROP TABLE t; --"#).unwrap();
        assert_eq!(name.to_string(), r#""a""; drop table t; --""#);
    }

    #[test]
    fn letters_beyond_ascii_keep_their_case_as_in_redshift() {
        assert_eq!(Identifier::new("ÄB").unwrap().as_str(), "Äb");
    }

    #[test]
    fn a_name_that_redshift_cannot_keep_is_refused() {
        assert_eq!(Identifier::new(""), Err(IdentifierError::Empty));
        assert!(Identifier::new("x".repeat(127)).is_ok());
        assert_eq!(
            Identifier::new("é".repeat(64)),
            Err(IdentifierError::TooLong { bytes: 128 })
        );
        assert_eq!(
            Identifier::new("a\nb"),
            Err(IdentifierError::NotPrintable { character: '\n' })
        );
    }
}
