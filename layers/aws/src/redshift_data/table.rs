//! Statements that are waited for, and what they return.

use std::time::Duration;

use aws_sdk_redshiftdata::operation::describe_statement::DescribeStatementOutput;
use aws_sdk_redshiftdata::types::Field;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use longshore_app::ports::{StatementRun, WarehouseError};
use longshore_domain::target::Warehouse;
use tokio::time::{Instant, sleep};

use super::report::run_of_statement;
use super::session::Session;
use super::{RedshiftDataClient, failed, unusable};
use crate::classify::fault_of;
use crate::fault::Fault;

/// How long one `DescribeStatement` may wait for the statement's end. The service takes up to 30 s; clients give up on an
/// answer before that.
const LONG_POLL: Duration = Duration::from_secs(10);
/// The first wait between two looks, where the service answers at once instead of waiting.
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// The longest of these waits.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// What a statement returned, or how many rows it changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResultTable {
    /// The names of the columns; empty for a statement that returns no rows.
    pub columns: Vec<String>,
    /// The rows as text, `None` for NULL.
    pub rows: Vec<Vec<Option<String>>>,
    /// Rows returned or affected; `None` where that means nothing.
    pub row_count: Option<u64>,
}

impl RedshiftDataClient {
    /// Runs one statement and waits for its end, at most `patience`. Gives what it returned with the names of its columns.
    pub async fn table(
        &self,
        warehouse: &Warehouse,
        sql: &str,
        patience: Duration,
    ) -> Result<ResultTable, WarehouseError> {
        let statement_id = self.begin(warehouse, sql).await?;
        let seen = self.ended(warehouse, &statement_id, patience).await?;
        if run_of_statement(seen.status()) != StatementRun::Finished {
            let message = seen
                .error
                .unwrap_or_else(|| "the statement was cancelled".to_owned());
            return Err(WarehouseError::StatementFailed {
                fault: fault_of(&message),
                message,
            });
        }
        let mut table = match seen.has_result_set {
            Some(true) => self.rows(warehouse, &statement_id).await?,
            _ => ResultTable::default(),
        };
        table.row_count = u64::try_from(seen.result_rows()).ok();
        Ok(table)
    }

    async fn rows(&self, warehouse: &Warehouse, statement_id: &str) -> Result<ResultTable, WarehouseError> {
        let mut table = ResultTable::default();
        let mut next = None;
        loop {
            let request = self.client.get_statement_result().id(statement_id);
            let page = request.set_next_token(next.take()).send().await;
            let page = page.map_err(|error| failed(warehouse, "GetStatementResult", error))?;
            if table.columns.is_empty() {
                let columns = page.column_metadata.unwrap_or_default();
                table.columns = columns
                    .into_iter()
                    .map(|column| column.name.unwrap_or_default())
                    .collect();
            }
            for record in page.records {
                let row: Option<Vec<_>> = record.into_iter().map(text).collect();
                table.rows.push(row.ok_or_else(|| {
                    unusable(
                        warehouse,
                        "GetStatementResult",
                        "a value is of a kind unknown to this version",
                    )
                })?);
            }
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(table);
            }
        }
    }

    /// Hands over a statement that nobody is told about. The SDK makes up its client token.
    async fn begin(&self, warehouse: &Warehouse, sql: &str) -> Result<String, WarehouseError> {
        let session = Session::of(warehouse);
        let answer = self
            .client
            .execute_statement()
            .set_cluster_identifier(session.cluster)
            .set_workgroup_name(session.workgroup)
            .set_secret_arn(session.secret)
            .set_db_user(session.user)
            .database(&warehouse.database)
            .sql(sql)
            .send()
            .await
            .map_err(|error| failed(warehouse, "ExecuteStatement", error))?;
        answer
            .id
            .ok_or_else(|| unusable(warehouse, "ExecuteStatement", "the answer names no statement"))
    }

    /// Looks at a statement until it has ended. The service is asked to wait; one that answers at once is asked at growing
    /// intervals.
    async fn ended(
        &self,
        warehouse: &Warehouse,
        statement_id: &str,
        patience: Duration,
    ) -> Result<DescribeStatementOutput, WarehouseError> {
        let deadline = Instant::now() + patience;
        let mut wait = FIRST_WAIT;
        loop {
            let asked = Instant::now();
            let seen = self.look(warehouse, statement_id, deadline - asked).await?;
            if let Some(seen) = seen.filter(|seen| run_of_statement(seen.status()) != StatementRun::Running) {
                return Ok(seen);
            }
            if Instant::now() >= deadline {
                self.abandon(statement_id).await;
                return Err(WarehouseError::TooSlow {
                    warehouse: warehouse.to_string(),
                    patience,
                });
            }
            if asked.elapsed() < wait {
                sleep(wait.min(deadline - Instant::now())).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        }
    }

    /// One look; `None` when the service is too busy to tell.
    async fn look(
        &self,
        warehouse: &Warehouse,
        statement_id: &str,
        at_most: Duration,
    ) -> Result<Option<DescribeStatementOutput>, WarehouseError> {
        let seconds = i32::try_from(at_most.min(LONG_POLL).as_secs()).unwrap_or(0);
        let request = self.client.describe_statement().id(statement_id);
        let answer = request
            .set_wait_time_seconds((seconds > 0).then_some(seconds))
            .send()
            .await;
        match answer {
            Ok(seen) => Ok(Some(seen)),
            Err(error) if Fault::of(&error) == Fault::Busy => Ok(None),
            Err(error) => Err(failed(warehouse, "DescribeStatement", error)),
        }
    }

    /// Nobody waits for the statement any more. That this may fail is harmless: it would end by itself, unread.
    async fn abandon(&self, statement_id: &str) {
        if let Err(error) = self.client.cancel_statement().id(statement_id).send().await {
            let code = error.code().unwrap_or("no answer");
            tracing::debug!(
                statement.id = statement_id,
                code,
                "statement {statement_id} was not cancelled"
            );
        }
    }
}

/// A value as text, inner `None` for NULL; outer `None` for a kind of value that this version does not know.
fn text(field: Field) -> Option<Option<String>> {
    match field {
        Field::IsNull(_) => Some(None),
        Field::StringValue(value) => Some(Some(value)),
        Field::LongValue(value) => Some(Some(value.to_string())),
        Field::DoubleValue(value) => Some(Some(value.to_string())),
        Field::BooleanValue(value) => Some(Some(value.to_string())),
        Field::BlobValue(value) => Some(Some(hexadecimal(value.as_ref()))),
        _ => None,
    }
}

/// As Redshift shows a VARBYTE.
fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use longshore_app::ports::WarehouseClient;

    use super::super::tests::{client, id, warehouse};
    use super::*;
    use crate::scripted::{Reply, Script};

    fn status(status: &str, has_rows: bool) -> Reply {
        Reply::ok(format!(
            r#"{{"Id":"s1","Status":"{status}","HasResultSet":{has_rows},"Error":"boom"}}"#
        ))
    }

    #[tokio::test(start_paused = true)]
    async fn run_waits_for_the_end_and_reads_every_page_as_text() {
        let script = Script::new([
            id(),
            status("STARTED", false),
            Reply::json_error(400, "ActiveWaitingRequestsExceededException"),
            status("FINISHED", true),
            Reply::ok(
                r#"{"Records":[[{"longValue":1},{"isNull":true},{"stringValue":"a"}]],"NextToken":"t"}"#,
            ),
            Reply::ok(r#"{"Records":[[{"doubleValue":1.5},{"booleanValue":true},{"blobValue":"AP8="}]]}"#),
        ]);
        let rows = client(&script)
            .run(&warehouse(), "select", Duration::from_secs(60))
            .await
            .unwrap();
        let text = |value: &str| Some(value.to_owned());
        assert_eq!(
            rows,
            [
                [text("1"), None, text("a")],
                [text("1.5"), text("true"), text("00ff")]
            ]
        );
        let requests = script.requests();
        assert!(requests[1].text().contains("\"WaitTimeSeconds\":10"));
        assert!(!requests[0].text().contains("WithEvent"));
    }

    #[tokio::test]
    async fn a_statement_without_rows_is_not_asked_for_them() {
        let script = Script::new([id(), status("FINISHED", false)]);
        let rows = client(&script)
            .run(&warehouse(), "create", Duration::from_secs(60))
            .await
            .unwrap();
        assert!(rows.is_empty());
        assert_eq!(script.requests().len(), 2);
    }

    #[tokio::test]
    async fn a_statement_that_fails_gives_the_warehouses_own_words() {
        let script = Script::new([id(), status("FAILED", false)]);
        let error = client(&script)
            .run(&warehouse(), "create", Duration::from_secs(60))
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "the warehouse failed a statement: boom");
    }

    #[tokio::test(start_paused = true)]
    async fn a_statement_that_does_not_end_is_cancelled() {
        let script = Script::answering(|_, number| {
            if number == 0 {
                id()
            } else {
                status("STARTED", false)
            }
        });
        let error = client(&script)
            .run(&warehouse(), "create", Duration::from_secs(3))
            .await
            .unwrap_err();
        assert!(matches!(error, WarehouseError::TooSlow { .. }), "{error:?}");
        assert_eq!(script.requests().last().unwrap().operation(), "CancelStatement");
    }
}
