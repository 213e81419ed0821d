//! ListDatabases, ListSchemas, ListTables and DescribeTable.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio_postgres::Client;

use super::execute::database_error;
use super::request::Request;
use crate::ApiError;
use crate::warehouse::{Inner, Place};

/// ListDatabases.
pub(super) async fn databases(inner: &Inner, request: &Request<'_>) -> Result<Value, ApiError> {
    let cluster = request.cluster(inner)?;
    let endpoint = inner.endpoints().nth(cluster);
    let names = match endpoint {
        Some(endpoint) => endpoint
            .databases()
            .await
            .map_err(|error| ApiError::database(&error))?,
        None => Vec::new(),
    };
    page(
        request,
        "Databases",
        names.into_iter().map(Value::String).collect(),
    )
}

/// ListSchemas.
pub(super) async fn schemas(inner: &Inner, request: &Request<'_>) -> Result<Value, ApiError> {
    let client = connect(inner, request).await?;
    let query = "SELECT nspname::text FROM pg_catalog.pg_namespace \
                 WHERE nspname <> 'longshore_local' AND nspname !~ '^pg_(toast|temp)' AND nspname LIKE $1 ORDER BY nspname";
    let pattern = request.text("SchemaPattern")?.unwrap_or("%");
    let rows = client
        .query(query, &[&pattern])
        .await
        .map_err(|error| ApiError::database(&error))?;
    page(
        request,
        "Schemas",
        rows.iter().map(|row| Value::String(row.get(0))).collect(),
    )
}

/// ListTables.
pub(super) async fn tables(inner: &Inner, request: &Request<'_>) -> Result<Value, ApiError> {
    let client = connect(inner, request).await?;
    let query = "SELECT class.relname::text, namespace.nspname::text,
            CASE
                WHEN namespace.nspname IN ('pg_catalog', 'information_schema') AND class.relkind = 'v' THEN 'SYSTEM VIEW'
                WHEN namespace.nspname IN ('pg_catalog', 'information_schema') THEN 'SYSTEM TABLE'
                WHEN class.relkind = 'v' THEN 'VIEW'
                ELSE 'TABLE'
            END
        FROM pg_catalog.pg_class AS class
            JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace
        WHERE class.relkind IN ('r', 'p', 'v', 'm')
            AND namespace.nspname <> 'longshore_local'
            AND namespace.nspname !~ '^pg_(toast|temp)'
            AND namespace.nspname LIKE $1
            AND class.relname LIKE $2
        ORDER BY namespace.nspname, class.relname";
    let schema = request.text("SchemaPattern")?.unwrap_or("%");
    let table = request.text("TablePattern")?.unwrap_or("%");
    let rows = client
        .query(query, &[&schema, &table])
        .await
        .map_err(|error| ApiError::database(&error))?;
    let entry = |row: &tokio_postgres::Row| {
        let (name, schema, kind): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        json!({ "name": name, "schema": schema, "type": kind })
    };
    page(request, "Tables", rows.iter().map(entry).collect())
}

/// DescribeTable.
pub(super) async fn table(inner: &Inner, request: &Request<'_>) -> Result<Value, ApiError> {
    let client = connect(inner, request).await?;
    let table = request
        .text("Table")?
        .ok_or_else(|| ApiError::validation("Table must be given"))?;
    let schema = request.text("Schema")?.unwrap_or("public");
    let query = "SELECT column_name::text,
            CASE udt_name WHEN 'jsonb' THEN 'super' WHEN 'bytea' THEN 'varbyte' ELSE udt_name END::text, is_nullable = 'YES', column_default::text,
            coalesce(character_maximum_length, numeric_precision, 0)::integer, coalesce(numeric_scale, 0)::integer
        FROM information_schema.columns
        WHERE table_schema = $1 AND table_name = $2
        ORDER BY ordinal_position";
    let rows = client
        .query(query, &[&schema, &table])
        .await
        .map_err(|error| ApiError::database(&error))?;
    let columns: Vec<Value> = rows.iter().map(|row| column(row, schema, table)).collect();
    let mut answer = page(request, "ColumnList", columns)?;
    answer["TableName"] = json!(table);
    Ok(answer)
}

fn column(row: &tokio_postgres::Row, schema: &str, table: &str) -> Value {
    let (name, kind, is_nullable): (String, String, bool) = (row.get(0), row.get(1), row.get(2));
    let (default, length, scale): (Option<String>, i32, i32) = (row.get(3), row.get(4), row.get(5));
    let is_text = matches!(kind.as_str(), "varchar" | "bpchar" | "text");
    let mut column = json!({
        "isCaseSensitive": is_text,
        "isCurrency": false,
        "isSigned": matches!(kind.as_str(), "int2" | "int4" | "int8" | "numeric" | "float4" | "float8"),
        "label": name,
        "name": name,
        "nullable": i32::from(is_nullable),
        "precision": length,
        "scale": scale,
        "schemaName": schema,
        "tableName": table,
        "typeName": kind,
        "length": if is_text { length } else { 0 },
    });
    if let Some(default) = default {
        column["columnDefault"] = json!(default);
    }
    column
}

async fn connect(inner: &Inner, request: &Request<'_>) -> Result<Arc<Client>, ApiError> {
    let cluster = request.cluster(inner)?;
    let database = request.required_text("Database")?.to_owned();
    let place = Place { cluster, database };
    inner
        .bookkeeping(&place)
        .await
        .map_err(|error| database_error(&place.database, &error))
}

fn page(request: &Request<'_>, name: &str, items: Vec<Value>) -> Result<Value, ApiError> {
    let most = request
        .number("MaxResults", 0, 1000)?
        .filter(|most| *most > 0)
        .unwrap_or(1000);
    let most = usize::try_from(most).unwrap_or(1000);
    let first: usize = match request.text("NextToken")? {
        None => 0,
        Some(token) => token
            .parse()
            .map_err(|_| ApiError::validation("NextToken is not valid"))?,
    };
    let total = items.len();
    let items: Vec<Value> = items.into_iter().skip(first).take(most).collect();
    let mut answer = json!({});
    answer[name] = Value::Array(items);
    if first + most < total {
        answer["NextToken"] = json!((first + most).to_string());
    }
    Ok(answer)
}
