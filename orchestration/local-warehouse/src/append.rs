//! ALTER TABLE APPEND: moves all rows of one table to the end of another.
//!
//! <https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE_APPEND.html>. Redshift moves blocks and we move rows, but what is there
//! afterwards is the same, and so is what is refused: columns are matched by name, and one that only one table has needs an option.

use tokio_postgres::Client;

use crate::engine::StatementError;
use crate::sql::{Cursor, SqlError, tokenize};

/// What is done with columns that only one of the tables has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Difference {
    /// None is allowed.
    Refused,
    /// Those of the source are dropped: IGNOREEXTRA.
    IgnoreExtra,
    /// Those of the target take their default: FILLTARGET.
    FillTarget,
}

/// A statement, understood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Append {
    target: String,
    source: String,
    difference: Difference,
}

struct Column {
    name: String,
    type_name: String,
    is_identity: bool,
}

impl Append {
    /// Reads `ALTER TABLE target APPEND FROM source [IGNOREEXTRA | FILLTARGET]`.
    pub(crate) fn parse(text: &str) -> Result<Self, SqlError> {
        let tokens = tokenize(text)?;
        let mut cursor = Cursor::new(&tokens);
        for word in ["alter", "table"] {
            cursor.expect(word)?;
        }
        let target = cursor.qualified_name()?;
        cursor.expect("append")?;
        cursor.expect("from")?;
        let source = cursor.qualified_name()?;
        let difference = if cursor.accept(&["ignoreextra"]) {
            Difference::IgnoreExtra
        } else if cursor.accept(&["filltarget"]) {
            Difference::FillTarget
        } else {
            Difference::Refused
        };
        cursor.accept(&[";"]);
        match cursor.peek() {
            Some(_) => Err(cursor.error()),
            None => Ok(Self {
                target,
                source,
                difference,
            }),
        }
    }

    /// Moves the rows in one statement, so all of them or none, and answers how many.
    pub(crate) async fn run(&self, client: &Client) -> Result<u64, StatementError> {
        let target = columns(client, &self.target).await?;
        let source = columns(client, &self.source).await?;
        self.check(&target, &source)?;
        let shared: Vec<&Column> = target
            .iter()
            .filter(|column| source.iter().any(|other| other.name == column.name))
            .collect();
        let names: Vec<String> = shared
            .iter()
            .map(|column| format!("\"{}\"", column.name.replace('"', "\"\"")))
            .collect();
        let names = names.join(", ");
        let overriding = if shared.iter().any(|column| column.is_identity) {
            "OVERRIDING SYSTEM VALUE "
        } else {
            ""
        };
        let query = format!(
            "WITH moved AS (DELETE FROM {} RETURNING {names}) INSERT INTO {} ({names}) {overriding}SELECT {names} FROM moved",
            self.source, self.target
        );
        client
            .execute(&query, &[])
            .await
            .map_err(|error| StatementError::of_database(&error))
    }

    fn check(&self, target: &[Column], source: &[Column]) -> Result<(), StatementError> {
        let lacks = |columns: &[Column], name: &str| !columns.iter().any(|column| column.name == name);
        let extra = source.iter().find(|column| lacks(target, &column.name));
        let missing = target.iter().find(|column| lacks(source, &column.name));
        if let Some(extra) = extra.filter(|_| self.difference != Difference::IgnoreExtra) {
            return Err(StatementError::new(format!(
                "column \"{}\" of source table {} is not in target table {} (use IGNOREEXTRA)",
                extra.name, self.source, self.target
            )));
        }
        if let Some(missing) = missing.filter(|_| self.difference != Difference::FillTarget) {
            return Err(StatementError::new(format!(
                "column \"{}\" of target table {} is not in source table {} (use FILLTARGET)",
                missing.name, self.target, self.source
            )));
        }
        let differs = |column: &&Column| {
            let mut others = source.iter().filter(|other| other.name == column.name);
            others.any(|other| other.type_name != column.type_name || other.is_identity != column.is_identity)
        };
        match target.iter().find(differs) {
            Some(column) => Err(StatementError::new(format!(
                "column \"{}\" has different attributes in the source table and in the target table",
                column.name
            ))),
            None => Ok(()),
        }
    }
}

async fn columns(client: &Client, table: &str) -> Result<Vec<Column>, StatementError> {
    let query = "SELECT attribute.attname::text, format_type(attribute.atttypid, attribute.atttypmod), attribute.attidentity <> ''
        FROM pg_catalog.pg_attribute AS attribute
            JOIN pg_catalog.pg_class AS class ON class.oid = attribute.attrelid
        WHERE class.oid = to_regclass($1)
            AND class.relkind = 'r'
            AND class.relpersistence <> 't'
            AND attribute.attnum > 0
            AND NOT attribute.attisdropped
        ORDER BY attribute.attnum";
    let rows = client
        .query(query, &[&table])
        .await
        .map_err(|error| StatementError::of_database(&error))?;
    if rows.is_empty() {
        return Err(StatementError::new(format!(
            "relation \"{table}\" is no permanent table"
        )));
    }
    let column = |row: &tokio_postgres::Row| Column {
        name: row.get(0),
        type_name: row.get(1),
        is_identity: row.get(2),
    };
    Ok(rows.iter().map(column).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statement_is_read_with_its_options() {
        let append = Append::parse("alter table s.t append from \"S\" filltarget;").unwrap();
        assert_eq!(append.target, "s.t");
        assert_eq!(append.source, "\"S\"");
        assert_eq!(append.difference, Difference::FillTarget);
        assert!(Append::parse("alter table t append from s ignoreextra filltarget").is_err());
    }
}
