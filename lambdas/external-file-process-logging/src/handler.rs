//! One status event, settled.

use longshore_app::{App, FinishStatement, Invocation};
use longshore_domain::disposition::Disposition;
use longshore_runtime::diagnostic::Failure;
use serde_json::{Value, json};

use crate::event;

/// Settles the statement that an event is about.
pub(crate) async fn handle(app: App, invocation: Invocation, event: Value) -> Result<Value, Failure> {
    let status = event::decode(&event).map_err(|malformed| Failure::new(Disposition::Reject, malformed))?;
    let statement_id = status.statement_id.clone();
    let settled = FinishStatement {
        app: &app,
        invocation: &invocation,
    }
    .run(status)
    .await;
    let outcome =
        settled.map_err(|error| Failure::from(error).context(format!("settle statement {statement_id}")))?;
    Ok(json!(outcome))
}
