//! The lengths of VARBYTE columns in tables made by AS and LIKE.
//!
//! PostgreSQL's type has no length. A CHECK has it, and a new table takes none along from the table that its columns come from.

use tokio_postgres::Client;

use crate::engine::StatementError;
use crate::sql::{Heritage, heritage};

/// Gives the VARBYTE columns of a table that was made just now, by this text in PostgreSQL's words, the lengths that they have where they come from.
pub(crate) async fn keep_lengths(client: &Client, created: &str) -> Result<(), StatementError> {
    let Ok((table, Some(heritage))) = heritage(created) else {
        return Ok(());
    };
    let kept = async {
        let any = "SELECT 1 FROM pg_catalog.pg_attribute \
                        WHERE attrelid = to_regclass($1) AND attnum > 0 AND atttypid = 'bytea'::regtype LIMIT 1";
        if client.query_opt(any, &[&table]).await?.is_none() {
            return Ok(());
        }
        match heritage {
            Heritage::Table(source) => {
                let query = "SELECT longshore_local.keep_varbyte_length($1, target.attnum, source.attrelid, source.attnum) \
                             FROM pg_catalog.pg_attribute AS target \
                                 JOIN pg_catalog.pg_attribute AS source ON source.attname = target.attname \
                             WHERE target.attrelid = to_regclass($1) AND source.attrelid = to_regclass($2)";
                client.query(query, &[&table, &source]).await?;
            }
            Heritage::Query(query) => keep_of_query(client, &table, &query).await?,
        }
        Ok(())
    };
    kept.await.map_err(|error| StatementError::of_database(&error))
}

/// PostgreSQL says of each column of a query whether it is one of a table.
async fn keep_of_query(client: &Client, table: &str, query: &str) -> Result<(), tokio_postgres::Error> {
    let prepared = client.prepare(query).await?;
    for (number, column) in (1_i16..).zip(prepared.columns()) {
        client
            .query(
                "SELECT longshore_local.keep_varbyte_length($1, $2, $3, $4)",
                &[&table, &number, &column.table_oid(), &column.column_id()],
            )
            .await?;
    }
    Ok(())
}
