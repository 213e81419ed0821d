//! The statement by which somebody takes the rows of a load out of their table.

use longshore_copy::{Identifier, IdentifierError, QualifiedTable};
use longshore_domain::load::LoadId;
use longshore_domain::target::TableName;

use crate::AppError;

/// Deletes the rows that hold the id of a load in a column.
pub(crate) fn of_rows(table: &TableName, column: &str, load: LoadId) -> Result<String, AppError> {
    let not_named = |error: IdentifierError| AppError::Engine(error.into());
    let table = QualifiedTable::new(table).map_err(not_named)?;
    let column = Identifier::new(column).map_err(not_named)?;
    Ok(format!("DELETE FROM {table} WHERE {column} = '{load}'"))
}
