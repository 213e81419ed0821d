//! The Lambda function `external-file-reconcile`; see its README.

use std::process::ExitCode;

use longshore_app::{App, Invocation, Reconcile, ReconcileLimits};
use longshore_runtime::diagnostic::Failure;
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> ExitCode {
    longshore_runtime::lambda::run(handle).await
}

/// Carries on what stands still. The event only says that it is time.
async fn handle(app: App, invocation: Invocation, _event: Value) -> Result<Value, Failure> {
    let reconcile = Reconcile {
        app: &app,
        invocation: &invocation,
        limits: ReconcileLimits::default(),
    };
    Ok(json!(reconcile.run().await?))
}
