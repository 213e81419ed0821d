//! SQL in the warehouse through the Redshift Data API, as any client would run it.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use aws_sdk_redshiftdata::types::{Field, StatusString};

use super::{PATIENCE, World};

const POLL: Duration = Duration::from_millis(5);

/// Values as text, row by row; `None` is NULL.
pub(crate) type Rows = Vec<Vec<Option<String>>>;

impl World {
    /// Runs a statement and gives its rows.
    pub(crate) async fn query(&self, sql: &str) -> anyhow::Result<Rows> {
        self.query_in(&self.ready().database, sql).await
    }

    /// The same in another database.
    pub(crate) async fn query_in(&self, database: &str, sql: &str) -> anyhow::Result<Rows> {
        let ready = self.ready();
        let submitted = self
            .warehouse
            .execute_statement()
            .cluster_identifier(&ready.cluster_identifier)
            .database(database)
            .secret_arn(&ready.secret_redshift)
            .sql(sql)
            .send()
            .await
            .with_context(|| format!("submit {sql}"))?;
        let id = submitted.id().unwrap_or_default();
        if self.has_result(id, sql).await? {
            self.result(id).await
        } else {
            Ok(Rows::new())
        }
    }

    async fn has_result(&self, id: &str, sql: &str) -> anyhow::Result<bool> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let described = self.warehouse.describe_statement().id(id).send().await?;
            match described.status() {
                Some(StatusString::Finished) => return Ok(described.has_result_set() == Some(true)),
                Some(StatusString::Failed | StatusString::Aborted) => {
                    bail!("{sql}: {}", described.error().unwrap_or("no reason given"))
                }
                _ if Instant::now() > deadline => bail!("{sql} did not end within {PATIENCE:?}"),
                _ => tokio::time::sleep(POLL).await,
            }
        }
    }

    async fn result(&self, id: &str) -> anyhow::Result<Rows> {
        let result = self.warehouse.get_statement_result().id(id).send().await?;
        let rows = result.records().iter();
        Ok(rows.map(|row| row.iter().map(text).collect()).collect())
    }
}

fn text(field: &Field) -> Option<String> {
    match field {
        Field::StringValue(text) => Some(text.clone()),
        Field::LongValue(number) => Some(number.to_string()),
        Field::DoubleValue(number) => Some(number.to_string()),
        Field::BooleanValue(value) => Some(value.to_string()),
        _ => None,
    }
}
