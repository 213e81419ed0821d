//! The columns that a COPY fills.

use tokio_postgres::Client;

use super::statement::CopyStatement;
use crate::engine::StatementError;

/// What values of a column must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnType {
    /// SMALLINT, INTEGER, BIGINT by their bytes.
    Integer(u8),
    /// DECIMAL with precision and scale.
    Decimal(u32, u32),
    /// REAL and DOUBLE PRECISION.
    Float,
    /// BOOLEAN.
    Boolean,
    /// CHAR and its length in bytes.
    Char(usize),
    /// VARCHAR and its length in bytes.
    Varchar(usize),
    /// DATE.
    Date,
    /// TIMESTAMP.
    Timestamp,
    /// TIMESTAMPTZ.
    TimestampWithZone,
    /// SUPER.
    Super,
    /// A type that PostgreSQL checks: TIME, TIMETZ, VARBYTE.
    Other,
}

/// One column of the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    /// Its name.
    pub(super) name: String,
    /// What its values must be.
    pub(super) kind: ColumnType,
    /// How the system views name the type.
    pub(super) type_name: String,
    /// Its length as the system views show it; 0 for types without.
    pub(super) length: String,
    /// Whether it is NOT NULL.
    pub(super) is_not_null: bool,
    /// Whether it is an identity.
    pub(super) is_identity: bool,
}

/// The table that a COPY fills.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// Its object id.
    pub(super) table_id: i64,
    /// Its name without schema, as messages show it.
    pub(super) name: String,
    /// The columns that get values from the file, in the file's order.
    pub(super) columns: Vec<Column>,
}

impl Target {
    /// Finds the table on the connection that will fill it: it may be temporary.
    pub(super) async fn find(client: &Client, copy: &CopyStatement) -> Result<Self, StatementError> {
        let explain = |error: tokio_postgres::Error| StatementError::of_database(&error);
        let query = "SELECT class.oid::bigint, class.relname::text FROM pg_catalog.pg_class AS class \
                     WHERE class.oid = to_regclass($1) AND class.relkind IN ('r', 'p')";
        let table = client.query_opt(query, &[&copy.table]).await.map_err(explain)?;
        let Some(table) = table else {
            return Err(StatementError::new(format!(
                "Cannot COPY into nonexistent table {}",
                copy.table
            )));
        };
        let (table_id, name): (i64, String) = (table.get(0), table.get(1));
        let all = all_columns(client, table_id).await.map_err(explain)?;
        let columns = chosen_columns(all, copy, &name)?;
        Ok(Self {
            table_id,
            name,
            columns,
        })
    }
}

async fn all_columns(client: &Client, table_id: i64) -> Result<Vec<Column>, tokio_postgres::Error> {
    let query = "SELECT attribute.attname::text, type.typname::text, attribute.atttypmod,
            attribute.attnotnull, attribute.attidentity <> ''
        FROM pg_catalog.pg_attribute AS attribute
            JOIN pg_catalog.pg_type AS type ON type.oid = attribute.atttypid
        WHERE attribute.attrelid = $1::bigint::oid AND attribute.attnum > 0 AND NOT attribute.attisdropped
        ORDER BY attribute.attnum";
    let rows = client.query(query, &[&table_id]).await?;
    Ok(rows
        .iter()
        .map(|row| column(row.get(0), row.get(1), row.get(2), row.get(3), row.get(4)))
        .collect())
}

fn column(name: String, type_name: &str, modifier: i32, is_not_null: bool, is_identity: bool) -> Column {
    let length = usize::try_from(modifier - 4).ok();
    let (kind, type_name) = match type_name {
        "int2" => (ColumnType::Integer(2), "int2"),
        "int4" => (ColumnType::Integer(4), "int4"),
        "int8" => (ColumnType::Integer(8), "int8"),
        "numeric" => {
            let packed = u32::try_from(modifier - 4).unwrap_or(38 << 16);
            (ColumnType::Decimal(packed >> 16, packed & 0x7ff), "numeric")
        }
        "float4" => (ColumnType::Float, "float4"),
        "float8" => (ColumnType::Float, "float8"),
        "bool" => (ColumnType::Boolean, "bool"),
        "bpchar" => (ColumnType::Char(length.unwrap_or(1)), "char"),
        "varchar" => (ColumnType::Varchar(length.unwrap_or(65_535)), "varchar"),
        "text" => (ColumnType::Varchar(65_535), "varchar"),
        "date" => (ColumnType::Date, "date"),
        "timestamp" => (ColumnType::Timestamp, "timestamp"),
        "timestamptz" => (ColumnType::TimestampWithZone, "timestamptz"),
        "jsonb" | "json" => (ColumnType::Super, "super"),
        other => (ColumnType::Other, other),
    };
    let length = match kind {
        ColumnType::Char(length) | ColumnType::Varchar(length) => length.to_string(),
        ColumnType::Decimal(precision, scale) => format!("{precision}, {scale}"),
        _ => "0".to_owned(),
    };
    Column {
        name,
        kind,
        type_name: type_name.to_owned(),
        length,
        is_not_null,
        is_identity,
    }
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-column-mapping.html>
fn chosen_columns(
    all: Vec<Column>,
    copy: &CopyStatement,
    table: &str,
) -> Result<Vec<Column>, StatementError> {
    let Some(names) = &copy.columns else {
        let keeps = |column: &Column| !column.is_identity || copy.explicit_ids;
        return Ok(all.into_iter().filter(keeps).collect());
    };
    let mut chosen = Vec::new();
    for name in names {
        let folded = fold(name);
        let Some(column) = all.iter().find(|column| column.name == folded) else {
            return Err(StatementError::new(format!(
                "column \"{folded}\" of relation \"{table}\" does not exist"
            )));
        };
        if column.is_identity && !copy.explicit_ids {
            return Err(StatementError::new(format!(
                "cannot set an identity column to a value: \"{folded}\" needs EXPLICIT_IDS"
            )));
        }
        if chosen.contains(column) {
            return Err(StatementError::new(format!(
                "column \"{folded}\" specified more than once"
            )));
        }
        chosen.push(column.clone());
    }
    let has_identity = all.iter().any(|column| column.is_identity);
    if copy.explicit_ids && has_identity && !chosen.iter().any(|column| column.is_identity) {
        return Err(StatementError::new(
            "EXPLICIT_IDS needs the identity column in the column list",
        ));
    }
    Ok(chosen)
}

fn fold(name: &str) -> String {
    match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => name.to_lowercase(),
    }
}
