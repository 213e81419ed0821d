//! One status event, settled.

use longshore_app::{App, AppError, FinishStatement, Invocation};
use longshore_domain::disposition::Disposition;
use serde_json::{Value, json};

use crate::event::{self, MalformedEvent};

/// Why an invocation is to be repeated, or to be looked at.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandlerError {
    /// The load could not be settled.
    #[error("settle redshift statement")]
    Statement(#[from] AppError),
    /// The event could not be read.
    #[error("decode redshift data event")]
    Malformed(#[from] MalformedEvent),
}

impl HandlerError {
    pub(crate) fn disposition(&self) -> Disposition {
        match self {
            Self::Statement(error) => error.disposition(),
            Self::Malformed(_) => Disposition::Reject,
        }
    }
}

/// Settles the statement that an event is about.
pub(crate) async fn handle(app: App, invocation: Invocation, event: Value) -> Result<Value, HandlerError> {
    let status = event::decode(&event)?;
    let outcome = FinishStatement { app: &app, invocation: &invocation }.run(status).await?;
    Ok(json!(outcome))
}
