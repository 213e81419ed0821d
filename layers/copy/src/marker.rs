//! The marker: the row that the load transaction writes beside the data, and the table that it stands in.

use chrono::{DateTime, Utc};
use longshore_domain::load::LoadId;
use longshore_domain::target::TableName;
use sha2::{Digest, Sha256};

use crate::identifier::{Identifier, IdentifierError, QualifiedTable};
use crate::literal::Literal;
use crate::transaction::TransactionError;

/// The schema of the marker tables.
pub const MARKER_SCHEMA: &str = "longshore";

/// What PostgreSQL keeps of a name. Redshift keeps twice that, but the local warehouse is PostgreSQL.
const MAX_NAME_BYTES: usize = 63;

/// The marker table of a target. Each target has its own: with a shared one, loads of unrelated tables would wait for
/// each other or fail with error 1023.
///
/// Two targets never share one, and one target never has two, in whatever case it is spelt. The name is
/// `<schema>$<table>`, or, where that would be ambiguous or too long, `t$<hash>$<end of the table's name>`, which holds
/// one `$` more and so is no other table's short name.
pub fn marker_table(table: &TableName) -> Result<QualifiedTable, IdentifierError> {
    let target = QualifiedTable::new(table)?;
    Ok(QualifiedTable {
        schema: Identifier::new(MARKER_SCHEMA)?,
        table: Identifier::new(marker_name(&target))?,
    })
}

/// The statements that make a target's marker table. They run once per target, each by itself, before its first load:
/// within the load transaction the lock must come first, and one cannot lock what is not there.
pub fn create_statements(table: &TableName) -> Result<Vec<String>, IdentifierError> {
    let marker = marker_table(table)?;
    Ok(vec![
        format!("CREATE SCHEMA IF NOT EXISTS {}", marker.schema),
        format!(
            "CREATE TABLE IF NOT EXISTS {marker} (\n    \
                load_id varchar(36) NOT NULL,\n    \
                object_url varchar(4096) NOT NULL,\n    \
                row_count bigint NOT NULL,\n    \
                loaded_at timestamp NOT NULL,\n    \
                PRIMARY KEY (load_id)\n)"
        ),
    ])
}

/// Looks whether a target can be read, without reading any of it.
pub fn target_query(table: &TableName) -> Result<String, IdentifierError> {
    let target = QualifiedTable::new(table)?;
    Ok(format!("SELECT 1\nFROM {target}\nWHERE 1 = 0"))
}

/// Asks how many rows a load brought, by its marker: one row of answer for each marker, none when the load has none.
pub fn row_count_query(table: &TableName, load: LoadId) -> Result<String, IdentifierError> {
    let marker = marker_table(table)?;
    Ok(format!(
        "SELECT row_count\nFROM {marker}\nWHERE load_id = '{load}'"
    ))
}

/// Asks which of these loads have a marker: the id of each that has one.
pub fn present_query(table: &TableName, loads: &[LoadId]) -> Result<String, IdentifierError> {
    let marker = marker_table(table)?;
    let ids: Vec<String> = loads.iter().map(|load| format!("'{load}'")).collect();
    Ok(format!(
        "SELECT load_id\nFROM {marker}\nWHERE load_id IN ({})",
        ids.join(", ")
    ))
}

/// Asks for the markers of a target after a load id, in the order of their ids: id, object and number of rows of each.
pub fn page_query(table: &TableName, after: Option<LoadId>, limit: u32) -> Result<String, IdentifierError> {
    let marker = marker_table(table)?;
    let after = after.map(|load| format!("\nWHERE load_id > '{load}'"));
    Ok(format!(
        "SELECT load_id, object_url, row_count\nFROM {marker}{}\nORDER BY load_id\nLIMIT {limit}",
        after.unwrap_or_default()
    ))
}

/// Asks which loads of these objects happened at a time or later (in UTC, as the warehouse's clock is): id and object of
/// each.
pub fn object_query(
    table: &TableName,
    object_urls: &[String],
    since: DateTime<Utc>,
) -> Result<String, TransactionError> {
    let marker = marker_table(table).map_err(|source| TransactionError::NotAName {
        part: "table",
        name: table.to_string(),
        source,
    })?;
    let urls: Vec<String> = object_urls
        .iter()
        .map(|url| {
            Literal::new(url.as_str())
                .map(|literal| literal.to_string())
                .map_err(|source| TransactionError::NotAText {
                    part: "object's address",
                    source,
                })
        })
        .collect::<Result<_, _>>()?;
    Ok(format!(
        "SELECT load_id, object_url\nFROM {marker}\nWHERE object_url IN ({})\n    AND loaded_at >= '{}'",
        urls.join(", "),
        since.format("%Y-%m-%d %H:%M:%S")
    ))
}

/// Deletes the marker of a load, so that the load may happen again.
pub fn delete_statement(table: &TableName, load: LoadId) -> Result<String, IdentifierError> {
    let marker = marker_table(table)?;
    Ok(format!("DELETE FROM {marker}\nWHERE load_id = '{load}'"))
}

fn marker_name(target: &QualifiedTable) -> String {
    let (schema, table) = (target.schema.as_str(), target.table.as_str());
    let name = format!("{schema}${table}");
    if name.len() <= MAX_NAME_BYTES && name.matches('$').count() == 1 {
        return name;
    }
    // The length goes first, so that ("a", "bc") and ("ab", "c") are hashed from different texts.
    let digest = Sha256::digest(format!("{}:{schema}{table}", schema.len()));
    let hash: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let prefix = format!("t${hash}$");
    let room = MAX_NAME_BYTES - prefix.len();
    format!("{prefix}{}", end_of(table, room))
}

/// As much of a text's end as fits into so many bytes.
fn end_of(text: &str, bytes: usize) -> &str {
    let earliest = text.len().saturating_sub(bytes);
    let start = (earliest..=text.len())
        .find(|index| text.is_char_boundary(*index))
        .unwrap_or(text.len());
    &text[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(schema: &str, table: &str) -> String {
        marker_table(&TableName::new(schema, table)).unwrap().to_string()
    }

    #[test]
    fn a_marker_table_is_named_after_its_target() {
        insta::assert_snapshot!(name("rdsftetl", "Pharmacy_Price"), @r#""longshore"."rdsftetl$pharmacy_price""#);
    }

    #[test]
    fn a_long_name_is_hashed_and_stays_within_what_postgresql_keeps() {
        let long = "é".repeat(60);
        let marker = marker_table(&TableName::new("s", &long)).unwrap();
        assert!(marker.table.as_str().len() <= MAX_NAME_BYTES);
        assert_ne!(name("s", &long), name("s", &format!("{}e", "é".repeat(59))));
    }

    #[test]
    fn a_target_has_one_marker_table_whatever_its_case_and_shares_it_with_none() {
        assert_eq!(name("S", "T"), name("s", "t"));
        assert_ne!(name("a$b", "c"), name("a", "b$c"));
        assert_ne!(name("a", "bc"), name("ab", "c"));
        let hashed = marker_table(&TableName::new("a$b", "c")).unwrap();
        let (schema, table) = hashed.table.as_str().split_once('$').unwrap();
        assert_ne!(name(schema, table), name("a$b", "c"));
    }

    #[test]
    fn a_load_without_a_marker_is_answered_by_no_row() {
        let load = LoadId::from_uuid(uuid::Uuid::from_u128(7));
        let query = row_count_query(&TableName::new("rdsftetl", "product"), load).unwrap();
        insta::assert_snapshot!(query, @r#"
        SELECT row_count
        FROM "longshore"."rdsftetl$product"
        WHERE load_id = '00000000-0000-0000-0000-000000000007'
        "#);
    }

    #[test]
    fn markers_are_read_page_by_page_and_by_object_and_deleted_one_by_one() {
        let table = TableName::new("rdsftetl", "product");
        let load = LoadId::from_uuid(uuid::Uuid::from_u128(7));
        insta::assert_snapshot!(page_query(&table, Some(load), 1000).unwrap(), @r#"
        SELECT load_id, object_url, row_count
        FROM "longshore"."rdsftetl$product"
        WHERE load_id > '00000000-0000-0000-0000-000000000007'
        ORDER BY load_id
        LIMIT 1000
        "#);
        let urls = ["s3://b/it's".to_owned(), "s3://b/c".to_owned()];
        let noon = DateTime::from_timestamp(1_795_262_400, 0).unwrap();
        insta::assert_snapshot!(object_query(&table, &urls, noon).unwrap(), @r#"
        SELECT load_id, object_url
        FROM "longshore"."rdsftetl$product"
        WHERE object_url IN ('s3://b/it''s', 's3://b/c')
            AND loaded_at >= '2026-11-21 12:00:00'
        "#);
        insta::assert_snapshot!(delete_statement(&table, load).unwrap(), @r#"
        DELETE FROM "longshore"."rdsftetl$product"
        WHERE load_id = '00000000-0000-0000-0000-000000000007'
        "#);
    }

    #[test]
    fn the_marker_table_is_made_outside_the_load() {
        let statements = create_statements(&TableName::new("rdsftetl", "product")).unwrap();
        insta::assert_snapshot!(statements.join(";\n"), @r#"
        CREATE SCHEMA IF NOT EXISTS "longshore";
        CREATE TABLE IF NOT EXISTS "longshore"."rdsftetl$product" (
            load_id varchar(36) NOT NULL,
            object_url varchar(4096) NOT NULL,
            row_count bigint NOT NULL,
            loaded_at timestamp NOT NULL,
            PRIMARY KEY (load_id)
        )
        "#);
    }
}
