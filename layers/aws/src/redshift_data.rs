//! The warehouse client on the Redshift Data API.

mod sealed;
mod statements;

use std::error::Error;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_redshiftdata::Client;
use aws_sdk_redshiftdata::operation::describe_statement::DescribeStatementOutput;
use aws_sdk_redshiftdata::operation::list_statements::ListStatementsOutput;
use aws_sdk_redshiftdata::types::{Field, StatementStatusString, StatusString, SubStatementData};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use longshore_app::ports::{
    BoxError, StatementReport, StatementRun, StepReport, Submission, SubmissionSql, WarehouseClient,
    WarehouseError,
};
use longshore_domain::target::{Compute, Login, Warehouse};
use tokio::time::{Instant, sleep};

use crate::classify::{fault_of, fault_of_refusal};
use crate::fault::{CallError, Fault};
use crate::secrets::Secrets;
use sealed::{Unsealed, without_keys};

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

/// The Redshift Data API as the use cases see it.
#[derive(Clone)]
pub struct RedshiftDataClient {
    client: Client,
    /// Where the keys of encrypted files are.
    secrets: Option<Secrets>,
}

impl RedshiftDataClient {
    /// Takes a client that knows its region, endpoint, timeouts and retries. Its retries are harmless: every submission
    /// carries a client token.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            secrets: None,
        }
    }

    /// Takes what reads the keys of encrypted files.
    #[must_use]
    pub fn with_secrets(self, secrets: Secrets) -> Self {
        Self {
            secrets: Some(secrets),
            ..self
        }
    }

    async fn submit_transaction(
        &self,
        warehouse: &Warehouse,
        submission: &Submission,
        statements: &[String],
    ) -> Result<Option<String>, WarehouseError> {
        let session = Session::of(warehouse);
        self.client
            .batch_execute_statement()
            .set_cluster_identifier(session.cluster)
            .set_workgroup_name(session.workgroup)
            .set_secret_arn(session.secret)
            .set_db_user(session.user)
            .database(&warehouse.database)
            .set_sqls(Some(statements.to_vec()))
            .statement_name(&submission.name)
            .client_token(&submission.client_token)
            .with_event(true)
            .send()
            .await
            .map(|answer| answer.id)
            .map_err(|error| failed(warehouse, "BatchExecuteStatement", error))
    }

    async fn submit_single(
        &self,
        warehouse: &Warehouse,
        submission: &Submission,
        statement: &str,
    ) -> Result<Option<String>, WarehouseError> {
        let session = Session::of(warehouse);
        self.client
            .execute_statement()
            .set_cluster_identifier(session.cluster)
            .set_workgroup_name(session.workgroup)
            .set_secret_arn(session.secret)
            .set_db_user(session.user)
            .database(&warehouse.database)
            .sql(statement)
            .statement_name(&submission.name)
            .client_token(&submission.client_token)
            .with_event(true)
            .send()
            .await
            .map(|answer| answer.id)
            .map_err(|error| failed(warehouse, "ExecuteStatement", error))
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

    /// A page of the statements whose name begins with `name`, whatever their status, of any session of our role.
    async fn page_of_names(
        &self,
        warehouse: &Warehouse,
        name: &str,
        next: Option<String>,
    ) -> Result<ListStatementsOutput, WarehouseError> {
        let session = Session::of(warehouse);
        self.client
            .list_statements()
            .set_cluster_identifier(session.cluster)
            .set_workgroup_name(session.workgroup)
            .database(&warehouse.database)
            .statement_name(name)
            .status(StatusString::All)
            .role_level(true)
            .set_next_token(next)
            .send()
            .await
            .map_err(|error| failed(warehouse, "ListStatements", error))
    }

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
}

impl fmt::Debug for RedshiftDataClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RedshiftDataClient")
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl WarehouseClient for RedshiftDataClient {
    async fn submit(&self, warehouse: &Warehouse, submission: &Submission) -> Result<String, WarehouseError> {
        let unsealed = Unsealed::of(self.secrets.as_ref(), submission).await?;
        let submitted = match &unsealed.sql {
            SubmissionSql::Transaction(statements) => {
                self.submit_transaction(warehouse, submission, statements).await
            }
            SubmissionSql::Single(statement) => self.submit_single(warehouse, submission, statement).await,
        };
        let statement_id = submitted.map_err(|error| unsealed.without_key(error))?;
        statement_id.ok_or_else(|| unusable(warehouse, "ExecuteStatement", "the answer names no statement"))
    }

    async fn find(&self, warehouse: &Warehouse, name: &str) -> Result<Option<String>, WarehouseError> {
        let mut next = None;
        loop {
            let page = self.page_of_names(warehouse, name, next.take()).await?;
            // The service filters by what a name begins with: attempt 1 also brings attempt 10.
            let found = page
                .statements
                .into_iter()
                .find(|statement| statement.statement_name.as_deref() == Some(name));
            if let Some(statement) = found {
                return Ok(Some(statement.id));
            }
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(None);
            }
        }
    }

    async fn describe(&self, statement_id: &str) -> Result<StatementReport, WarehouseError> {
        let answer = self.client.describe_statement().id(statement_id).send().await;
        match answer {
            Ok(seen) => Ok(report(&seen)),
            Err(error) if Fault::of(&error) == Fault::Missing => Err(WarehouseError::UnknownStatement {
                statement_id: statement_id.to_owned(),
            }),
            Err(error) => Err(failed("the Data API", "DescribeStatement", error)),
        }
    }

    async fn cancel(&self, statement_id: &str) -> Result<(), WarehouseError> {
        let answer = self.client.cancel_statement().id(statement_id).send().await;
        match answer {
            Ok(_) => Ok(()),
            // It has ended; how, is for DescribeStatement to say.
            Err(error) if error.code() == Some("ValidationException") => Ok(()),
            Err(error) if Fault::of(&error) == Fault::Missing => Err(WarehouseError::UnknownStatement {
                statement_id: statement_id.to_owned(),
            }),
            Err(error) => Err(failed("the Data API", "CancelStatement", error)),
        }
    }

    async fn run(
        &self,
        warehouse: &Warehouse,
        sql: &str,
        patience: Duration,
    ) -> Result<Vec<Vec<Option<String>>>, WarehouseError> {
        Ok(self.table(warehouse, sql, patience).await?.rows)
    }
}

/// Where and as whom, in the Data API's words.
struct Session {
    cluster: Option<String>,
    workgroup: Option<String>,
    secret: Option<String>,
    user: Option<String>,
}

impl Session {
    fn of(warehouse: &Warehouse) -> Self {
        let (cluster, workgroup) = match &warehouse.compute {
            Compute::Cluster(identifier) => (Some(identifier.clone()), None),
            Compute::Workgroup(name) => (None, Some(name.clone())),
        };
        let (secret, user) = match &warehouse.login {
            Login::Secret(secret) => (Some(secret.clone()), None),
            Login::DatabaseUser(user) => (None, Some(user.clone())),
            Login::CallerIdentity => (None, None),
        };
        Self {
            cluster,
            workgroup,
            secret,
            user,
        }
    }
}

fn report(seen: &DescribeStatementOutput) -> StatementReport {
    StatementReport {
        run: run_of_statement(seen.status()),
        error: seen.error().map(without_keys),
        fault: seen.error().map(fault_of),
        duration: Duration::from_nanos(u64::try_from(seen.duration()).unwrap_or(0)),
        rows: u64::try_from(seen.result_rows()).ok(),
        query_id: query_id(seen.redshift_query_id()),
        steps: seen.sub_statements().iter().map(step).collect(),
    }
}

fn step(seen: &SubStatementData) -> StepReport {
    StepReport {
        run: run_of_step(seen.status()),
        error: seen.error().map(without_keys),
        fault: seen.error().map(fault_of),
        rows: u64::try_from(seen.result_rows()).ok(),
        query_id: query_id(seen.redshift_query_id()),
    }
}

/// The service says 0 on the parent of a transaction and -1 where there is none.
fn query_id(id: i64) -> Option<i64> {
    (id > 0).then_some(id)
}

/// A word that the service may yet add is not an end.
fn run_of_statement(status: Option<&StatusString>) -> StatementRun {
    match status {
        Some(StatusString::Finished) => StatementRun::Finished,
        Some(StatusString::Failed) => StatementRun::Failed,
        Some(StatusString::Aborted) => StatementRun::Aborted,
        _ => StatementRun::Running,
    }
}

fn run_of_step(status: Option<&StatementStatusString>) -> StatementRun {
    match status {
        Some(StatementStatusString::Finished) => StatementRun::Finished,
        Some(StatementStatusString::Failed) => StatementRun::Failed,
        Some(StatementStatusString::Aborted) => StatementRun::Aborted,
        _ => StatementRun::Running,
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

fn failed<E>(warehouse: impl fmt::Display, operation: &'static str, error: CallError<E>) -> WarehouseError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let fault = Fault::of(&error);
    let refusal = fault_of_refusal(fault, error.message().unwrap_or_default());
    let (warehouse, source): (_, BoxError) = (warehouse.to_string(), Box::new(error));
    match fault {
        Fault::Busy => WarehouseError::Busy {
            warehouse,
            operation,
            source,
        },
        Fault::Unavailable => WarehouseError::Unavailable {
            warehouse,
            operation,
            source,
        },
        Fault::Denied | Fault::Missing | Fault::ConditionFailed | Fault::Refused => WarehouseError::Refused {
            fault: refusal,
            warehouse,
            operation,
            source,
        },
    }
}

/// An answer that cannot be used counts as none.
fn unusable(warehouse: &Warehouse, operation: &'static str, why: &'static str) -> WarehouseError {
    WarehouseError::Unavailable {
        warehouse: warehouse.to_string(),
        operation,
        source: why.into(),
    }
}

#[cfg(test)]
mod tests {
    use longshore_domain::disposition::Disposition;
    use longshore_domain::fault::WarehouseFault;
    use rstest::rstest;

    use super::*;
    use crate::scripted::{Reply, Script, redshift_client};

    fn warehouse() -> Warehouse {
        Warehouse {
            compute: Compute::Cluster("house".to_owned()),
            database: "dev".to_owned(),
            login: Login::Secret("arn:secret".to_owned()),
            iam_role: "default".to_owned(),
            region: "eu-central-1".to_owned(),
        }
    }

    fn submission(sql: SubmissionSql) -> Submission {
        Submission {
            name: "longshore-1".to_owned(),
            client_token: "token-1".to_owned(),
            sealed: None,
            sql,
        }
    }

    fn client(script: &Script) -> RedshiftDataClient {
        RedshiftDataClient::new(redshift_client(script))
    }

    fn id() -> Reply {
        Reply::ok(r#"{"Id":"s1"}"#)
    }

    #[tokio::test]
    async fn a_transaction_is_one_batch_with_events_name_and_token() {
        let script = Script::new([id()]);
        let sql = SubmissionSql::Transaction(vec!["a".to_owned(), "b".to_owned()]);
        let statement_id = client(&script)
            .submit(&warehouse(), &submission(sql))
            .await
            .unwrap();
        assert_eq!(statement_id, "s1");
        let requests = script.requests();
        assert_eq!(requests[0].operation(), "BatchExecuteStatement");
        let body: serde_json::Value = serde_json::from_slice(&requests[0].body).unwrap();
        let expected = serde_json::json!({
            "ClusterIdentifier": "house", "Database": "dev", "SecretArn": "arn:secret", "Sqls": ["a", "b"],
            "StatementName": "longshore-1", "ClientToken": "token-1", "WithEvent": true
        });
        assert_eq!(body, expected);
    }

    #[rstest]
    #[case(Login::DatabaseUser("loader".to_owned()), Some("loader"))]
    #[case(Login::CallerIdentity, None)]
    #[tokio::test]
    async fn a_workgroup_never_comes_with_a_cluster(#[case] login: Login, #[case] user: Option<&str>) {
        let script = Script::new([id()]);
        let warehouse = Warehouse {
            compute: Compute::Workgroup("wg".to_owned()),
            login,
            ..warehouse()
        };
        let single = submission(SubmissionSql::Single("a".to_owned()));
        client(&script).submit(&warehouse, &single).await.unwrap();
        let requests = script.requests();
        assert_eq!(requests[0].operation(), "ExecuteStatement");
        let body: serde_json::Value = serde_json::from_slice(&requests[0].body).unwrap();
        assert_eq!(body["WorkgroupName"], "wg");
        assert_eq!(body["DbUser"].as_str(), user);
        assert!(body["ClusterIdentifier"].is_null() && body["SecretArn"].is_null());
    }

    #[rstest]
    #[case(
        Reply::json_error(400, "ActiveStatementsExceededException"),
        "Busy",
        Disposition::Retry
    )]
    #[case(Reply::json_error(400, "ThrottlingException"), "Busy", Disposition::Retry)]
    #[case(
        Reply::json_error(500, "InternalServerException"),
        "Unavailable",
        Disposition::Retry
    )]
    #[case(Reply::refused_connection(), "Unavailable", Disposition::Retry)]
    #[case(Reply::ok("{\"Id\":").then_breaks(), "Unavailable", Disposition::Retry)]
    #[case(Reply::ok("{\"Id\":\"s"), "Unavailable", Disposition::Retry)]
    #[case(Reply::ok("{}"), "Unavailable", Disposition::Retry)]
    #[case(
        Reply::json_error(400, "ValidationException"),
        "Refused",
        Disposition::Misconfigured
    )]
    #[case(
        Reply::json_error(400, "ResourceNotFoundException"),
        "Refused",
        Disposition::Misconfigured
    )]
    #[case(
        Reply::json_error(400, "AccessDeniedException"),
        "Refused",
        Disposition::Misconfigured
    )]
    #[tokio::test]
    async fn a_submission_that_fails_says_what_to_do(
        #[case] reply: Reply,
        #[case] variant: &str,
        #[case] disposition: Disposition,
    ) {
        let single = submission(SubmissionSql::Single("a".to_owned()));
        let error = client(&Script::new([reply]))
            .submit(&warehouse(), &single)
            .await
            .unwrap_err();
        assert!(format!("{error:?}").starts_with(variant), "{error:?}");
        assert_eq!(error.disposition(), disposition);
    }

    #[tokio::test]
    async fn describe_reads_durations_rows_ids_and_steps() {
        let script = Script::new([Reply::ok(
            r#"{"Id":"s1","Status":"FAILED","Error":"boom","Duration":1500000000,"ResultRows":-1,"RedshiftQueryId":0,
                "SubStatements":[{"Id":"s1:1","Status":"FINISHED","ResultRows":4,"RedshiftQueryId":77,"Duration":5},
                                 {"Id":"s1:2","Status":"FAILED","Error":"boom","ResultRows":-1,"RedshiftQueryId":-1}]}"#,
        )]);
        let report = client(&script).describe("s1").await.unwrap();
        let step = |run, error: Option<&str>, rows, query_id| StepReport {
            run,
            error: error.map(str::to_owned),
            fault: error.map(fault_of),
            rows,
            query_id,
        };
        let expected = StatementReport {
            run: StatementRun::Failed,
            error: Some("boom".to_owned()),
            fault: Some(WarehouseFault::Unknown),
            duration: Duration::from_millis(1500),
            rows: None,
            query_id: None,
            steps: vec![
                step(StatementRun::Finished, None, Some(4), Some(77)),
                step(StatementRun::Failed, Some("boom"), None, None),
            ],
        };
        assert_eq!(report, expected);
    }

    #[tokio::test]
    async fn a_statement_that_the_service_forgot_is_unknown() {
        let script = Script::new([Reply::json_error(400, "ResourceNotFoundException")]);
        let error = client(&script).describe("s1").await.unwrap_err();
        assert!(
            matches!(error, WarehouseError::UnknownStatement { .. }),
            "{error:?}"
        );
    }

    #[tokio::test]
    async fn a_statement_is_found_by_its_whole_name_on_any_page() {
        let script = Script::new([
            Reply::ok(r#"{"Statements":[{"Id":"s10","StatementName":"a/load/10"}],"NextToken":"t"}"#),
            Reply::ok(r#"{"Statements":[{"Id":"s1","StatementName":"a/load/1","Status":"FAILED"}]}"#),
        ]);
        let found = client(&script).find(&warehouse(), "a/load/1").await.unwrap();
        assert_eq!(found.as_deref(), Some("s1"));
        let body: serde_json::Value = serde_json::from_slice(&script.requests()[1].body).unwrap();
        let expected = serde_json::json!({
            "ClusterIdentifier": "house", "Database": "dev", "StatementName": "a/load/1", "Status": "ALL",
            "RoleLevel": true, "NextToken": "t"
        });
        assert_eq!(body, expected);
    }

    #[rstest]
    #[case(
        Reply::ok(r#"{"Statements":[{"Id":"s10","StatementName":"a/load/10"}]}"#),
        None
    )]
    #[case(Reply::ok(r#"{"Statements":[]}"#), None)]
    #[case(Reply::json_error(400, "ThrottlingException"), Some(WarehouseFault::Busy))]
    #[case(Reply::json_error(500, "InternalServerException"), Some(WarehouseFault::Down))]
    #[case(Reply::refused_connection(), Some(WarehouseFault::Down))]
    #[case(Reply::ok("{\"Statements\":[{").then_breaks(), Some(WarehouseFault::Down))]
    #[tokio::test]
    async fn a_search_that_fails_is_not_a_statement_that_is_not_there(
        #[case] reply: Reply,
        #[case] fault: Option<WarehouseFault>,
    ) {
        let found = client(&Script::new([reply])).find(&warehouse(), "a/load/1").await;
        match (found, fault) {
            (Ok(found), None) => assert_eq!(found, None),
            (Err(error), Some(fault)) => assert_eq!(error.fault(), fault),
            (found, fault) => panic!("{found:?}, not {fault:?}"),
        }
    }

    #[tokio::test]
    async fn a_refusal_because_the_cluster_is_paused_passes() {
        let body = r#"{"__type":"ValidationException","Message":"The cluster house is paused","message":"The cluster house is paused"}"#;
        let script = Script::new([Reply::ok(body).with_status(400)]);
        let single = submission(SubmissionSql::Single("a".to_owned()));
        let error = client(&script).submit(&warehouse(), &single).await.unwrap_err();
        assert_eq!(error.fault(), WarehouseFault::Down);
        assert_eq!(error.disposition(), Disposition::Retry);
    }

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
