//! Rows that a statement returned, as GetStatementResult hands them out.

use serde_json::{Value, json};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Column, SimpleQueryRow};
use uuid::Uuid;

/// A result may have 500 MB: <https://docs.aws.amazon.com/redshift/latest/mgmt/data-api-troubleshooting.html>.
const MOST_BYTES: usize = 500 * 1024 * 1024;

/// A row of it may have 64 KB.
const MOST_ROW_BYTES: usize = 64 * 1024;

/// Why a result is not handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ResultTooLarge {
    /// One of its rows.
    #[error("Packet for query is too large: a row of the result has more than 64 KB")]
    Row,
    /// All of them together.
    #[error("Database response exceeded size limit of 500 MB")]
    Whole,
}

/// Rows of a page: a response must stay small enough for one HTTP answer.
pub(crate) const PAGE_ROWS: i64 = 1000;

const INSERT_ROWS: usize = 1000;

/// Columns, and rows as arrays of `Field`s.
#[derive(Debug, Default)]
pub(crate) struct ResultSet {
    /// `ColumnMetadata`.
    columns: Vec<Value>,
    types: Vec<Type>,
    /// Each row as JSON text.
    rows: Vec<String>,
    /// Bytes of their values.
    pub(crate) bytes: usize,
}

impl ResultSet {
    /// An empty result with these columns, whose names lose a prefix.
    pub(crate) fn new(columns: &[Column], prefix: &str) -> Self {
        let types = columns.iter().map(|column| column.type_().clone()).collect();
        Self {
            columns: columns
                .iter()
                .map(|column| column_metadata(column, prefix))
                .collect(),
            types,
            ..Self::default()
        }
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, row: &SimpleQueryRow) -> Result<(), ResultTooLarge> {
        let bytes: usize = (0..row.len())
            .filter_map(|index| row.get(index))
            .map(str::len)
            .sum();
        self.count(bytes)?;
        let fields: Vec<Value> = (0..row.len())
            .map(|index| field(row.get(index), self.types.get(index)))
            .collect();
        self.rows.push(Value::Array(fields).to_string());
        Ok(())
    }

    fn count(&mut self, bytes: usize) -> Result<(), ResultTooLarge> {
        if bytes > MOST_ROW_BYTES {
            return Err(ResultTooLarge::Row);
        }
        self.bytes += bytes;
        if self.bytes > MOST_BYTES {
            return Err(ResultTooLarge::Whole);
        }
        Ok(())
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Writes the result, in the transaction of the statement that made it.
    pub(crate) async fn store(
        &self,
        client: &Client,
        id: Uuid,
        number: i32,
    ) -> Result<(), tokio_postgres::Error> {
        let total = i64::try_from(self.rows.len()).unwrap_or(i64::MAX);
        let columns = Value::Array(self.columns.clone());
        client
            .execute(
                "INSERT INTO longshore_local.result_set (statement_id, number, column_metadata, total_rows) VALUES ($1, $2, $3, $4)",
                &[&id, &number, &columns, &total],
            )
            .await?;
        let mut first = 0_i64;
        for rows in self.rows.chunks(INSERT_ROWS) {
            client
                .execute(
                    "INSERT INTO longshore_local.result_row (statement_id, number, row_number, fields) \
                     SELECT $1, $2, $3 + place, fields::jsonb FROM unnest($4::text[]) WITH ORDINALITY AS item (fields, place)",
                    &[&id, &number, &first, &rows],
                )
                .await?;
            first += i64::try_from(rows.len()).unwrap_or_default();
        }
        Ok(())
    }
}

/// One page of a stored result, in the shape of the answer; None when there is no such result.
pub(crate) async fn page(
    client: &Client,
    id: Uuid,
    number: i32,
    first: i64,
) -> Result<Option<Value>, tokio_postgres::Error> {
    let set = client
        .query_opt(
            "SELECT column_metadata, total_rows FROM longshore_local.result_set WHERE statement_id = $1 AND number = $2",
            &[&id, &number],
        )
        .await?;
    let Some(set) = set else {
        return Ok(None);
    };
    let (columns, total): (Value, i64) = (set.get(0), set.get(1));
    let rows = client
        .query(
            "SELECT fields FROM longshore_local.result_row \
             WHERE statement_id = $1 AND number = $2 AND row_number > $3 AND row_number <= $3 + $4 ORDER BY row_number",
            &[&id, &number, &first, &PAGE_ROWS],
        )
        .await?;
    let records: Vec<Value> = rows.iter().map(|row| row.get(0)).collect();
    let mut answer = json!({ "ColumnMetadata": columns, "Records": records, "TotalNumRows": total });
    if first + PAGE_ROWS < total {
        answer["NextToken"] = json!((first + PAGE_ROWS).to_string());
    }
    Ok(Some(answer))
}

/// A page in the shape of GetStatementResultV2: one text of CSV, which begins with the names of the columns on the first page.
pub(crate) fn page_as_csv(page: Value, is_first: bool) -> Value {
    let mut text = String::new();
    let columns = page["ColumnMetadata"].as_array();
    if is_first {
        let names = columns
            .into_iter()
            .flatten()
            .map(|column| column["name"].as_str());
        write_csv_line(names.map(|name| name.map(str::to_owned)), &mut text);
    }
    for record in page["Records"].as_array().into_iter().flatten() {
        write_csv_line(record.as_array().into_iter().flatten().map(csv_value), &mut text);
    }
    let mut answer = page;
    answer["Records"] = json!([{ "CSVRecords": text }]);
    answer["ResultFormat"] = json!("CSV");
    answer
}

/// The text of a field; None for null.
fn csv_value(field: &Value) -> Option<String> {
    let (kind, value) = field.as_object()?.iter().next()?;
    match (kind.as_str(), value) {
        ("isNull", _) => None,
        (_, Value::String(text)) => Some(text.clone()),
        (_, other) => Some(other.to_string()),
    }
}

/// Null is nothing at all, an empty text is a pair of quotes.
fn write_csv_line(values: impl Iterator<Item = Option<String>>, text: &mut String) {
    for (place, value) in values.enumerate() {
        if place > 0 {
            text.push(',');
        }
        let Some(value) = value else { continue };
        if value.is_empty() || value.contains(['"', ',', '\n', '\r']) {
            text.push('"');
            text.push_str(&value.replace('"', "\"\""));
            text.push('"');
        } else {
            text.push_str(&value);
        }
    }
    text.push_str("\r\n");
}

fn field(text: Option<&str>, kind: Option<&Type>) -> Value {
    let Some(text) = text else {
        return json!({ "isNull": true });
    };
    let typed = match kind {
        Some(&Type::INT2 | &Type::INT4 | &Type::INT8 | &Type::OID) => text
            .parse::<i64>()
            .ok()
            .map(|number| json!({ "longValue": number })),
        Some(&Type::FLOAT4 | &Type::FLOAT8) => text
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite())
            .map(|number| json!({ "doubleValue": number })),
        Some(&Type::BOOL) => Some(json!({ "booleanValue": text == "t" })),
        Some(&Type::JSONB) => Some(json!({ "stringValue": without_blanks(text) })),
        Some(&Type::BYTEA) => Some(json!({ "stringValue": text.strip_prefix("\\x").unwrap_or(text) })),
        _ => None,
    };
    typed.unwrap_or_else(|| json!({ "stringValue": text }))
}

/// JSON as Redshift writes it: without the blanks that PostgreSQL puts between its parts.
fn without_blanks(json: &str) -> String {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let keeps = |character: &char| {
        let is_kept = is_quoted || *character != ' ';
        if *character == '"' && !is_escaped {
            is_quoted = !is_quoted;
        }
        is_escaped = *character == '\\' && !is_escaped;
        is_kept
    };
    json.chars().filter(keeps).collect()
}

/// Redshift's name of the type, where one of PostgreSQL stands for it.
fn type_name(kind: &Type) -> &str {
    match *kind {
        Type::JSONB => "super",
        Type::BYTEA => "varbyte",
        _ => kind.name(),
    }
}

fn column_metadata(column: &Column, prefix: &str) -> Value {
    let kind = column.type_();
    let name = column.name().strip_prefix(prefix).unwrap_or(column.name());
    let is_text = matches!(*kind, Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME);
    let is_number = matches!(
        *kind,
        Type::INT2 | Type::INT4 | Type::INT8 | Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC
    );
    json!({
        "isCaseSensitive": is_text,
        "isCurrency": false,
        "isSigned": is_number,
        "label": name,
        "name": name,
        "nullable": 1,
        "precision": precision(kind),
        "scale": 0,
        "schemaName": "",
        "tableName": "",
        "typeName": type_name(kind),
        "length": 0,
    })
}

fn precision(kind: &Type) -> i32 {
    match *kind {
        Type::INT2 => 5,
        Type::INT4 => 10,
        Type::INT8 => 19,
        Type::FLOAT4 => 8,
        Type::FLOAT8 => 17,
        Type::BOOL => 1,
        Type::DATE => 13,
        Type::TIMESTAMP => 29,
        _ => i32::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_64_kb_and_a_result_500_mb_at_most() {
        let mut result = ResultSet::default();
        assert_eq!(result.count(64 * 1024 + 1), Err(ResultTooLarge::Row));
        for _ in 0..500 * 16 {
            assert_eq!(result.count(64 * 1024), Ok(()));
        }
        let error = result.count(1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Database response exceeded size limit of 500 MB"
        );
    }
}
