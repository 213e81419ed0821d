//! Questions about a warehouse: what a doctor asks.

use std::fmt::Write as _;

use longshore_domain::target::TableName;

use crate::literal::{Literal, LiteralError};

/// Asks for the warehouse's version.
pub fn version_query() -> String {
    "SELECT version()".to_owned()
}

/// Asks what transactions of the database see of each other.
pub fn isolation_query() -> String {
    "SELECT trim(isolation_level)\nFROM stv_db_isolation_level\nWHERE trim(db_name) = current_database()"
        .to_owned()
}

/// Asks which of these schemas are there.
pub fn schemas_query(schemas: &[&str]) -> Result<String, LiteralError> {
    let names = schemas.iter().map(|name| Ok(Literal::new(*name)?.to_string()));
    let names = names.collect::<Result<Vec<_>, LiteralError>>()?.join(", ");
    Ok(format!(
        "SELECT nspname\nFROM pg_namespace\nWHERE nspname IN ({names})\nORDER BY nspname"
    ))
}

/// Asks for the columns of these tables: schema, table and column of each, in lower case. `None` for no table.
pub fn columns_query(tables: &[TableName]) -> Result<Option<String>, LiteralError> {
    let mut sql =
        "SELECT lower(table_schema), lower(table_name), lower(column_name)\nFROM svv_columns\nWHERE "
            .to_owned();
    for (index, table) in tables.iter().enumerate() {
        let separator = if index == 0 { "" } else { "\n    OR " };
        let schema = Literal::new(table.schema.to_lowercase())?;
        let name = Literal::new(table.table.to_lowercase())?;
        // Writing into a String cannot fail.
        write!(
            sql,
            "{separator}(lower(table_schema) = {schema} AND lower(table_name) = {name})"
        )
        .ok();
    }
    Ok((!tables.is_empty()).then_some(sql))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_and_tables_are_asked_for_by_name() {
        assert_eq!(
            schemas_query(&["longshore", "it's"]).unwrap(),
            "SELECT nspname\nFROM pg_namespace\nWHERE nspname IN ('longshore', 'it''s')\nORDER BY nspname"
        );
        let tables = [TableName::new("Core", "Price"), TableName::new("etl", "a'b")];
        assert_eq!(
            columns_query(&tables).unwrap().unwrap(),
            "SELECT lower(table_schema), lower(table_name), lower(column_name)\nFROM svv_columns\n\
             WHERE (lower(table_schema) = 'core' AND lower(table_name) = 'price')\n    \
             OR (lower(table_schema) = 'etl' AND lower(table_name) = 'a''b')"
        );
        assert_eq!(columns_query(&[]).unwrap(), None);
    }
}
