//! The warehouse client on the Redshift Data API.

mod report;
mod sealed;
mod session;
mod statements;
mod table;

use std::error::Error;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_redshiftdata::Client;
use aws_sdk_redshiftdata::operation::list_statements::ListStatementsOutput;
use aws_sdk_redshiftdata::types::StatusString;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use longshore_app::ports::{
    BoxError, StatementReport, Submission, SubmissionSql, WarehouseClient, WarehouseError,
};
use longshore_domain::target::Warehouse;

use crate::classify::fault_of_refusal;
use crate::fault::{CallError, Fault};
use crate::secrets::Secrets;
use report::report;
use sealed::Unsealed;
use session::Session;
pub use table::ResultTable;

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
    use longshore_app::ports::{StatementRun, StepReport};
    use longshore_domain::disposition::Disposition;
    use longshore_domain::fault::WarehouseFault;
    use longshore_domain::target::{Compute, Login};
    use rstest::rstest;

    use super::*;
    use crate::classify::fault_of;
    use crate::scripted::{Reply, Script, redshift_client};

    pub(super) fn warehouse() -> Warehouse {
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

    pub(super) fn client(script: &Script) -> RedshiftDataClient {
        RedshiftDataClient::new(redshift_client(script))
    }

    pub(super) fn id() -> Reply {
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
}
