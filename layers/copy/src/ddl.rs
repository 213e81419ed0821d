//! The tables of a rule, as statements that make them.

use longshore_domain::target::TableName;

use crate::identifier::{Identifier, IdentifierError, QualifiedTable};
use crate::transaction::LOAD_TIME_COLUMN;

/// A file's name is at most as long as an object's key, in bytes.
const FILE_NAME: &str = "character varying(1024)";
/// A load's id.
const LOAD_ID: &str = "character varying(36)";
/// What a row that did not reach its place says of the reason.
const ERROR_REASON: &str = "character varying(500)";
/// What a value that does not fit its type may be as long as.
const UNTYPED: &str = "character varying(1024)";
const TEXT: &str = "character varying(";

/// A column with its type as Redshift's catalogue spells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractColumn {
    /// Its name.
    pub name: String,
    /// Its type, from the catalogue or from [`longshore_domain::snapshot::ColumnType`]: nothing that anybody typed.
    pub kind: String,
}

/// What a rule's tables have in common.
#[derive(Debug, Clone, Copy)]
pub struct Contract<'a> {
    /// The table that the rule fills.
    pub table: &'a TableName,
    /// The columns that its files fill, in order.
    pub columns: &'a [ContractColumn],
    /// The column that takes the file's name.
    pub file_name_column: Option<&'a str>,
    /// The column that takes the load's id.
    pub load_id_column: Option<&'a str>,
}

impl Contract<'_> {
    /// The temporary table that COPY fills before anything reaches the target: the files' columns alone. Each load makes its own.
    ///
    /// # Errors
    /// A name that no table or column can have.
    pub fn stage(&self) -> Result<String, IdentifierError> {
        let name = Identifier::new(format!("longshore_stage_{}", self.table.table))?;
        let columns = self
            .columns
            .iter()
            .map(|column| (column.name.as_str(), column.kind.clone()));
        Ok(format!(
            "CREATE TEMP TABLE {name} (\n{}\n)",
            definitions(columns)?
        ))
    }

    /// The table itself: the files' columns, and what tells where a row came from.
    ///
    /// # Errors
    /// A name that no table or column can have.
    pub fn target(&self) -> Result<String, IdentifierError> {
        let columns = self
            .columns
            .iter()
            .map(|column| (column.name.as_str(), column.kind.clone()));
        let came = (
            LOAD_TIME_COLUMN,
            "timestamp without time zone DEFAULT GETDATE()".to_owned(),
        );
        let all = columns.chain(self.lineage()).chain([came]);
        Ok(format!(
            "CREATE TABLE IF NOT EXISTS {} (\n{}\n)",
            QualifiedTable::new(self.table)?,
            definitions(all)?
        ))
    }

    /// A table beside it for rows that fail a check after the load: as the file had them, with the reason.
    ///
    /// # Errors
    /// A name that no table or column can have.
    pub fn error(&self) -> Result<String, IdentifierError> {
        let table = TableName::new(&self.table.schema, format!("{}_error", self.table.table));
        let texts = self.columns.iter().map(|column| {
            let kind = match column.kind.starts_with(TEXT) || column.kind == "super" {
                true => column.kind.clone(),
                false => UNTYPED.to_owned(),
            };
            (column.name.as_str(), kind)
        });
        let came = (LOAD_TIME_COLUMN, "timestamp without time zone".to_owned());
        let reason = ("error_reason", ERROR_REASON.to_owned());
        let all = texts.chain(self.lineage()).chain([came, reason]);
        Ok(format!(
            "CREATE TABLE IF NOT EXISTS {} (\n{}\n)",
            QualifiedTable::new(&table)?,
            definitions(all)?
        ))
    }

    /// Where a file fills one of them, it is a column like the others.
    fn lineage(&self) -> impl Iterator<Item = (&str, String)> {
        let lineage = [(self.file_name_column, FILE_NAME), (self.load_id_column, LOAD_ID)];
        lineage
            .into_iter()
            .filter_map(|(name, kind)| Some((name?, kind.to_owned())))
    }
}

/// One column a line; of two that are called the same the first one counts.
fn definitions<'a>(columns: impl Iterator<Item = (&'a str, String)>) -> Result<String, IdentifierError> {
    let mut names: Vec<&str> = vec![];
    let mut lines = vec![];
    for (name, kind) in columns {
        if names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            continue;
        }
        names.push(name);
        lines.push(format!("    {} {kind}", Identifier::new(name)?));
    }
    Ok(lines.join(",\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_has_a_stage_a_target_and_an_error_table() {
        let table = TableName::new("etl", "price");
        let column = |name: &str, kind: &str| ContractColumn {
            name: name.to_owned(),
            kind: kind.to_owned(),
        };
        let columns = [
            column("ndc", "character varying(32)"),
            column("a\"b", "numeric(18,2)"),
            column("file_name", "character varying(64)"),
        ];
        let contract = Contract {
            table: &table,
            columns: &columns,
            file_name_column: Some("file_name"),
            load_id_column: Some("load_id"),
        };
        let all = [contract.stage(), contract.target(), contract.error()];
        let all: Vec<String> = all.into_iter().collect::<Result<_, _>>().unwrap();
        insta::assert_snapshot!(all.join("\n"), @r#"
        CREATE TEMP TABLE "longshore_stage_price" (
            "ndc" character varying(32),
            "a""b" numeric(18,2),
            "file_name" character varying(64)
        )
        CREATE TABLE IF NOT EXISTS "etl"."price" (
            "ndc" character varying(32),
            "a""b" numeric(18,2),
            "file_name" character varying(64),
            "load_id" character varying(36),
            "target_transaction_timestamp" timestamp without time zone DEFAULT GETDATE()
        )
        CREATE TABLE IF NOT EXISTS "etl"."price_error" (
            "ndc" character varying(32),
            "a""b" character varying(1024),
            "file_name" character varying(64),
            "load_id" character varying(36),
            "target_transaction_timestamp" timestamp without time zone,
            "error_reason" character varying(500)
        )
        "#);
    }
}
