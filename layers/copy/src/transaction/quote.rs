//! Names and texts of a request as what may stand in SQL.

use super::TransactionError;
use crate::identifier::{Identifier, IdentifierError};
use crate::literal::{Literal, OptionText};

pub(super) fn list(columns: &[Identifier]) -> String {
    columns
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

pub(super) fn name(part: &'static str, name: &str) -> Result<Identifier, TransactionError> {
    Identifier::new(name).map_err(|source| not_a_name(part, name, source))
}

pub(super) fn not_a_name(
    part: &'static str,
    name: impl ToString,
    source: IdentifierError,
) -> TransactionError {
    TransactionError::NotAName {
        part,
        name: name.to_string(),
        source,
    }
}

pub(super) fn text(part: &'static str, text: &str) -> Result<Literal, TransactionError> {
    Literal::new(text).map_err(|source| TransactionError::NotAText { part, source })
}

pub(super) fn option(part: &'static str, text: &str) -> Result<OptionText, TransactionError> {
    OptionText::new(text).map_err(|source| TransactionError::NotAText { part, source })
}
