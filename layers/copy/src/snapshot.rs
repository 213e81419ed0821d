//! SQL for the tables of dated snapshots: how a table stands, how it is made to fit, and what its newest date is.

use longshore_domain::snapshot::{DescribedColumn, Description};
use longshore_domain::target::TableName;

use crate::identifier::{Identifier, IdentifierError, QualifiedTable};
use crate::literal::{Literal, LiteralError};
use crate::transaction::{EXTRA_TYPE, TransactionError};

/// The table that says when each table was last loaded, as those who watch the age of data look for it.
const LATENCIES: &str = "\"public\".\"latencies\"";

/// How the statement begins that lets no snapshot take the place of newer data.
const REFUSAL_OF_NEWER: &str = "SELECT 1 / (CASE WHEN COUNT(*) = 0 THEN 1 ELSE 0 END)\nFROM ";

/// How many days back the newest date is looked for, one after the other, before the whole table is. The sort key keeps each of
/// these looks from reading more than its days, and nearly always the first one finds it.
pub const WINDOW_DAYS: [u32; 4] = [1, 7, 30, 365];

/// Asks for a table's columns in order: name, type, length, digits, scale, whether NULL may stand there, and the default. No row
/// where there is no such table.
///
/// # Errors
/// A name that no text holds.
pub fn columns_query(table: &TableName) -> Result<String, LiteralError> {
    let (schema, name) = spelt(table)?;
    Ok(format!(
        "SELECT column_name, data_type, character_maximum_length, numeric_precision, numeric_scale, is_nullable, column_default\n\
         FROM svv_columns\nWHERE lower(table_schema) = {schema} AND lower(table_name) = {name}\nORDER BY ordinal_position"
    ))
}

/// Asks for the columns of a table's primary key.
///
/// # Errors
/// A name that no text holds.
pub fn primary_key_query(table: &TableName) -> Result<String, LiteralError> {
    let (schema, name) = spelt(table)?;
    Ok(format!(
        "SELECT attribute.attname\nFROM pg_constraint AS keys\n    \
         JOIN pg_class AS class ON class.oid = keys.conrelid\n    \
         JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace\n    \
         JOIN pg_attribute AS attribute ON attribute.attrelid = class.oid AND attribute.attnum = ANY (keys.conkey)\n\
         WHERE keys.contype = 'p' AND lower(namespace.nspname) = {schema} AND lower(class.relname) = {name}"
    ))
}

/// Asks for a table's distribution and sort keys: column, whether it is the one, its place in the other.
///
/// # Errors
/// A name that no text holds.
pub fn keys_query(table: &TableName) -> Result<String, LiteralError> {
    let (schema, name) = spelt(table)?;
    Ok(format!(
        "SELECT column_name, distkey, sortkey\nFROM svv_redshift_columns\n\
         WHERE database_name = current_database() AND lower(schema_name) = {schema} AND lower(table_name) = {name}"
    ))
}

fn spelt(table: &TableName) -> Result<(Literal, Literal), LiteralError> {
    Ok((
        Literal::new(table.schema.to_lowercase())?,
        Literal::new(table.table.to_lowercase())?,
    ))
}

/// Makes a table as it is described.
///
/// # Errors
/// A name that no table or column can have.
pub fn create_table(description: &Description) -> Result<String, IdentifierError> {
    let table = QualifiedTable::new(&description.table)?;
    let mut lines = vec![];
    for column in &description.columns {
        lines.push(format!("    {}", column_definition(column)?));
    }
    let keys = description.columns.iter().filter(|column| column.primary_key);
    let keys = keys.map(|column| Ok(Identifier::new(&column.name)?.to_string()));
    let keys: Vec<String> = keys.collect::<Result<_, IdentifierError>>()?;
    if !keys.is_empty() {
        lines.push(format!("    PRIMARY KEY ({})", keys.join(", ")));
    }
    let mut sql = format!("CREATE TABLE IF NOT EXISTS {table} (\n{}\n)", lines.join(",\n"));
    if let Some(column) = description.columns.iter().find(|column| column.dist_key) {
        sql.push_str(&format!("\nDISTKEY ({})", Identifier::new(&column.name)?));
    }
    let sorted = description
        .sort_key()
        .into_iter()
        .map(|column| Ok(Identifier::new(&column.name)?.to_string()));
    let sorted: Vec<String> = sorted.collect::<Result<_, IdentifierError>>()?;
    if !sorted.is_empty() {
        sql.push_str(&format!("\nSORTKEY ({})", sorted.join(", ")));
    }
    Ok(sql)
}

/// Adds columns to a table, by one statement each: Redshift takes one at a time.
///
/// # Errors
/// A name that no table or column can have.
pub fn add_columns(table: &TableName, columns: &[DescribedColumn]) -> Result<Vec<String>, IdentifierError> {
    let table = QualifiedTable::new(table)?;
    columns
        .iter()
        .map(|column| {
            Ok(format!(
                "ALTER TABLE {table} ADD COLUMN {}",
                column_definition(column)?
            ))
        })
        .collect()
}

/// Adds a column that a file brings and nobody has described: text, since any type may be wrong for the next file.
///
/// # Errors
/// A name that no table or column can have.
pub fn add_text_column(table: &TableName, column: &str) -> Result<String, IdentifierError> {
    Ok(format!(
        "ALTER TABLE {} ADD COLUMN {} {EXTRA_TYPE}",
        QualifiedTable::new(table)?,
        Identifier::new(column)?
    ))
}

fn column_definition(column: &DescribedColumn) -> Result<String, IdentifierError> {
    let mut sql = format!("{} {}", Identifier::new(&column.name)?, column.kind);
    if let Some(default) = &column.default {
        sql.push_str(&format!(" DEFAULT {default}"));
    }
    if column.not_null || column.primary_key {
        sql.push_str(" NOT NULL");
    }
    Ok(sql)
}

/// Asks for the newest date of a table that is not older than `since`; of the whole table without it.
///
/// # Errors
/// A name that no table or column can have, or a time that no text holds.
pub fn newest_query(
    table: &TableName,
    column: &str,
    since: Option<&str>,
) -> Result<String, TransactionError> {
    let column = quoted("column", column)?;
    let table = target(table)?;
    let after = since
        .map(|since| Ok(format!("\nWHERE {column} >= {}", literal("time", since)?)))
        .transpose()?;
    Ok(format!(
        "SELECT MAX({column})\nFROM {table}{}",
        after.unwrap_or_default()
    ))
}

/// Makes the table of latencies.
pub fn create_latencies() -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS {LATENCIES} (\n    name varchar(512) NOT NULL,\n    last_update timestamp NOT NULL\n)"
    )
}

/// Asks whether the table of latencies is there.
pub fn latencies_query() -> String {
    "SELECT 1\nFROM svv_columns\nWHERE table_schema = 'public' AND table_name = 'latencies' AND column_name = 'last_update'".to_owned()
}

/// Says within the load's transaction that the table was loaded now.
///
/// # Errors
/// A name that no text holds.
pub fn note_latency(table: &TableName) -> Result<String, TransactionError> {
    let name = literal("table", &table.to_string())?;
    Ok(format!(
        "DELETE FROM {LATENCIES}\nWHERE name = {name};\nINSERT INTO {LATENCIES} (name, last_update)\nVALUES ({name}, GETDATE())"
    ))
}

/// Fails within the load's transaction when newer data came while the load was on its way; `{period_end}` is the load's.
///
/// # Errors
/// A name that no table or column can have.
pub fn refuse_newer(table: &TableName, column: &str) -> Result<String, TransactionError> {
    let (table, column) = (target(table)?, quoted("column", column)?);
    Ok(format!(
        "{REFUSAL_OF_NEWER}{table}\nWHERE {column} >= {{period_end}}"
    ))
}

/// Whether a statement is [`refuse_newer`]'s.
pub fn is_refusal_of_newer(statement: &str) -> bool {
    statement.starts_with(REFUSAL_OF_NEWER)
}

/// Takes the space of deleted rows back and sorts the others.
///
/// # Errors
/// A name that no table can have.
pub fn vacuum(table: &TableName) -> Result<String, IdentifierError> {
    Ok(format!("VACUUM FULL {}", QualifiedTable::new(table)?))
}

/// Counts anew what the planner goes by.
///
/// # Errors
/// A name that no table can have.
pub fn analyze(table: &TableName) -> Result<String, IdentifierError> {
    Ok(format!("ANALYZE {}", QualifiedTable::new(table)?))
}

fn target(table: &TableName) -> Result<QualifiedTable, TransactionError> {
    QualifiedTable::new(table).map_err(|source| TransactionError::NotAName {
        part: "table",
        name: table.to_string(),
        source,
    })
}

fn quoted(part: &'static str, name: &str) -> Result<Identifier, TransactionError> {
    Identifier::new(name).map_err(|source| TransactionError::NotAName {
        part,
        name: name.to_owned(),
        source,
    })
}

fn literal(part: &'static str, text: &str) -> Result<Literal, TransactionError> {
    Literal::new(text).map_err(|source| TransactionError::NotAText { part, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> TableName {
        TableName::new("api", "pages")
    }

    fn description() -> Description {
        let text = "{dest: pages, meta: {schema: api, datadatecolumn: at}, columns: [\
                    {dest: at, type: timestamp, sortord: 1, notnull: true}, {dest: id, type: varchar(40), primarykey: true, \
                    distkey: true, sortord: 2}, {dest: hits, type: bigint, defaultval: 0}, {dest: more, type: super}]}";
        Description::read(text, &table()).unwrap()
    }

    #[test]
    fn a_table_is_made_with_its_keys() {
        insta::assert_snapshot!(create_table(&description()).unwrap(), @r#"
        CREATE TABLE IF NOT EXISTS "api"."pages" (
            "at" timestamp without time zone NOT NULL,
            "id" character varying(40) NOT NULL,
            "hits" bigint DEFAULT 0,
            "more" super,
            PRIMARY KEY ("id")
        )
        DISTKEY ("id")
        SORTKEY ("at", "id")
        "#);
    }

    #[test]
    fn columns_are_added_one_by_one() {
        let added = add_columns(&table(), &description().columns[2..]).unwrap();
        insta::assert_snapshot!(added.join("\n"), @r#"
        ALTER TABLE "api"."pages" ADD COLUMN "hits" bigint DEFAULT 0
        ALTER TABLE "api"."pages" ADD COLUMN "more" super
        "#);
    }

    #[test]
    fn the_newest_date_is_looked_for_in_a_window() {
        let query = newest_query(&table(), "at", Some("2026-11-19 00:00:00")).unwrap();
        insta::assert_snapshot!(query, @r#"
        SELECT MAX("at")
        FROM "api"."pages"
        WHERE "at" >= '2026-11-19 00:00:00'
        "#);
        assert!(!newest_query(&table(), "at", None).unwrap().contains("WHERE"));
    }

    #[test]
    fn no_name_gets_out_of_its_quotes() {
        let odd = TableName::new("s", "t'; DROP TABLE x; --");
        assert!(columns_query(&odd).unwrap().contains("'t''; drop table x; --'"));
        assert!(note_latency(&odd).unwrap().contains("'s.t''; DROP TABLE x; --'"));
        assert!(
            refuse_newer(&odd, "a\"b")
                .unwrap()
                .contains("\"a\"\"b\" >= {period_end}")
        );
    }
}
