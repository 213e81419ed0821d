//! The operations of the Data API: requests in, answers out.

mod catalog;
mod describe;
mod execute;
mod list;
mod request;
mod sessions;

use std::sync::Arc;

use serde_json::Value;

use crate::ApiError;
use crate::warehouse::Inner;
use describe::ResultFormat;
use request::Request;

/// Answers one call.
pub(crate) async fn handle(inner: &Arc<Inner>, operation: &str, body: &Value) -> Result<Value, ApiError> {
    let request = Request::new(body)?;
    match operation {
        "ExecuteStatement" => execute::execute(inner, &request).await,
        "BatchExecuteStatement" => execute::batch_execute(inner, &request).await,
        "CancelStatement" => execute::cancel(inner, &request).await,
        "DescribeStatement" => describe::describe(inner, &request).await,
        "GetStatementResult" => describe::result(inner, &request, ResultFormat::Json).await,
        "GetStatementResultV2" => describe::result(inner, &request, ResultFormat::Csv).await,
        "ListStatements" => list::statements(inner, &request).await,
        "ListSessions" => sessions::sessions(inner, &request),
        "ListDatabases" => catalog::databases(inner, &request).await,
        "ListSchemas" => catalog::schemas(inner, &request).await,
        "ListTables" => catalog::tables(inner, &request).await,
        "DescribeTable" => catalog::table(inner, &request).await,
        other => Err(ApiError::unknown_operation(other)),
    }
}
