//! The Lambda function `external-file-reconcile`; see its README.

mod bulk;
mod event;

use std::process::ExitCode;

use chrono::Utc;
use longshore_app::{App, Invocation, Reconcile};
use longshore_domain::disposition::Disposition;
use longshore_runtime::diagnostic::Failure;
use longshore_runtime::metrics;
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    longshore_runtime::lambda::run(handle).await
}

async fn handle(app: App, invocation: Invocation, event: Value) -> Result<Value, Failure> {
    if bulk::asks_for_it(&event) {
        return Box::pin(bulk::run(&app, &invocation, &event)).await;
    }
    let limits = event::limits(&event).map_err(|malformed| Failure::new(Disposition::Reject, malformed))?;
    let reconcile = Reconcile {
        app: &app,
        invocation: &invocation,
        limits,
    };
    let report = reconcile.run().await?;
    metrics::tell(&app, Utc::now()).await;
    Ok(json!(report))
}
