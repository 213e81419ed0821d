//! Single statements that say themselves where they run.

use async_trait::async_trait;
use aws_sdk_redshiftdata::types::{ResultFormatString, SqlParameter};
use longshore_app::ports::{StatementClient, StatementReport, WarehouseClient, WarehouseError};
use longshore_domain::chain::StatementRequest;

use super::{RedshiftDataClient, failed};
use crate::fault::Fault;

/// What an error calls the warehouse: the request may name a session alone.
fn place(request: &StatementRequest) -> String {
    let compute = request
        .cluster_identifier
        .as_ref()
        .or(request.workgroup_name.as_ref());
    match (compute, &request.database) {
        (Some(compute), Some(database)) => format!("{compute}/{database}"),
        _ => "the session's warehouse".to_owned(),
    }
}

fn parameters(request: &StatementRequest) -> Option<Vec<SqlParameter>> {
    let parameters = request.parameters.iter().map(|parameter| {
        SqlParameter::builder()
            .name(&parameter.name)
            .value(&parameter.value)
            .build()
    });
    let parameters: Vec<_> = parameters.collect::<Result<_, _>>().ok()?;
    // The service refuses a list that is there and empty.
    (!parameters.is_empty()).then_some(parameters)
}

#[async_trait]
impl StatementClient for RedshiftDataClient {
    async fn execute(
        &self,
        request: &StatementRequest,
        name: &str,
        client_token: &str,
    ) -> Result<String, WarehouseError> {
        let answer = self
            .client
            .execute_statement()
            .set_cluster_identifier(request.cluster_identifier.clone())
            .set_workgroup_name(request.workgroup_name.clone())
            .set_database(request.database.clone())
            .set_db_user(request.db_user.clone())
            .set_secret_arn(request.secret_arn.clone())
            .set_session_id(request.session_id.clone())
            .set_session_keep_alive_seconds(
                request
                    .session_keep_alive_seconds
                    .and_then(|seconds| i32::try_from(seconds).ok()),
            )
            .set_result_format(request.result_format.as_deref().map(ResultFormatString::from))
            .set_with_event(request.with_event)
            .set_parameters(parameters(request))
            .statement_name(request.statement_name.as_deref().unwrap_or(name))
            .sql(&request.sql)
            .client_token(client_token)
            .send()
            .await
            .map_err(|error| failed(place(request), "ExecuteStatement", error))?;
        answer.id.ok_or_else(|| WarehouseError::Unavailable {
            warehouse: place(request),
            operation: "ExecuteStatement",
            source: "the answer names no statement".into(),
        })
    }

    async fn look(&self, statement_id: &str) -> Result<StatementReport, WarehouseError> {
        self.describe(statement_id).await
    }

    async fn cancel(&self, statement_id: &str) -> Result<(), WarehouseError> {
        match self.client.cancel_statement().id(statement_id).send().await {
            Ok(_) => Ok(()),
            Err(error) if Fault::of(&error) == Fault::Missing => Err(WarehouseError::UnknownStatement {
                statement_id: statement_id.to_owned(),
            }),
            Err(error) => Err(failed("the Data API", "CancelStatement", error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use longshore_domain::disposition::Disposition;

    use super::*;
    use crate::scripted::{Reply, Script, redshift_client};

    fn client(script: &Script) -> RedshiftDataClient {
        RedshiftDataClient::new(redshift_client(script))
    }

    fn request() -> StatementRequest {
        serde_json::from_str(
            r#"{"Sql": "select :a", "WorkgroupName": "w", "Database": "d", "WithEvent": true,
                "Parameters": [{"Name": "a", "Value": "1"}], "ResultFormat": "CSV"}"#,
        )
        .unwrap()
    }

    #[tokio::test]
    async fn a_statement_is_handed_over_with_all_that_it_says() {
        let script = Script::new([Reply::ok(r#"{"Id":"s1"}"#)]);
        let id = client(&script)
            .execute(&request(), "chain/1/1", "token")
            .await
            .unwrap();
        assert_eq!(id, "s1");
        let sent: serde_json::Value = serde_json::from_str(&script.requests()[0].text()).unwrap();
        let expected = serde_json::json!({
            "Sql": "select :a", "WorkgroupName": "w", "Database": "d", "WithEvent": true, "ResultFormat": "CSV",
            "Parameters": [{"name": "a", "value": "1"}], "StatementName": "chain/1/1", "ClientToken": "token",
        });
        assert_eq!(sent, expected);
    }

    #[tokio::test]
    async fn a_name_of_its_own_is_kept_and_no_parameters_are_no_list() {
        let script = Script::new([Reply::ok(r#"{"Id":"s1"}"#)]);
        let request = StatementRequest {
            sql: "select 1".to_owned(),
            session_id: Some("s".to_owned()),
            statement_name: Some("mine".to_owned()),
            ..StatementRequest::default()
        };
        client(&script)
            .execute(&request, "chain/1/1", "token")
            .await
            .unwrap();
        let sent: serde_json::Value = serde_json::from_str(&script.requests()[0].text()).unwrap();
        let expected = serde_json::json!({
            "Sql": "select 1", "SessionId": "s", "StatementName": "mine", "ClientToken": "token",
        });
        assert_eq!(sent, expected);
    }

    #[tokio::test]
    async fn a_refusal_names_the_place() {
        let script = Script::new([Reply::json_error(400, "ValidationException")]);
        let error = client(&script).execute(&request(), "n", "t").await.unwrap_err();
        assert_eq!(error.disposition(), Disposition::Misconfigured);
        assert!(error.to_string().starts_with("w/d refused the call"), "{error}");
    }

    #[tokio::test]
    async fn a_busy_service_and_an_answer_without_an_id_are_worth_another_call() {
        for reply in [
            Reply::json_error(400, "ActiveStatementsExceededException"),
            Reply::ok("{}"),
        ] {
            let script = Script::new([reply]);
            let error = client(&script).execute(&request(), "n", "t").await.unwrap_err();
            assert_eq!(error.disposition(), Disposition::Retry, "{error}");
        }
    }

    #[tokio::test]
    async fn a_statement_is_cancelled_or_unknown() {
        let script = Script::new([
            Reply::ok(r#"{"Status":true}"#),
            Reply::json_error(400, "ResourceNotFoundException"),
        ]);
        let client = client(&script);
        StatementClient::cancel(&client, "s1").await.unwrap();
        let error = StatementClient::cancel(&client, "s2").await.unwrap_err();
        assert!(
            matches!(error, WarehouseError::UnknownStatement { .. }),
            "{error:?}"
        );
        assert_eq!(script.requests()[0].operation(), "CancelStatement");
    }
}
