//! One event: every announcement in it on its own, then an answer that loses none of them.

use longshore_app::{Announcement, App, AppError, Invocation, ObjectOutcome, ProcessObject, chain};
use longshore_domain::disposition::Disposition;
use serde_json::{Value, json};
use tracing::{error, info};

use crate::envelope::{self, Delivery, MalformedEvent};

/// Why an invocation is to be repeated, or to be looked at. What stood beside it in the event was carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandlerError {
    /// An announcement could not be carried out.
    #[error("process s3 object")]
    Object(#[from] AppError),
    /// A record could not be read.
    #[error("decode s3 notification")]
    Malformed(#[from] MalformedEvent),
}

impl HandlerError {
    pub(crate) fn disposition(&self) -> Disposition {
        match self {
            Self::Object(error) => error.disposition(),
            Self::Malformed(_) => Disposition::Reject,
        }
    }
}

/// Carries out an event. A queue is told which of its messages to deliver again; without a queue the invocation fails
/// after everything was tried, and its repetition finds what is done already.
pub(crate) async fn handle(app: App, invocation: Invocation, event: Value) -> Result<Value, HandlerError> {
    let mut outcomes = Vec::new();
    let mut undelivered = Vec::new();
    let mut first_error = None;
    for Delivery { message_id, records } in envelope::decode(&event) {
        let mut failed = None;
        for record in records {
            match carry_out(&app, &invocation, record).await {
                Ok(outcome) => outcomes.push(outcome),
                Err(error) => {
                    error!("{}", chain(&error));
                    failed.get_or_insert(error);
                }
            }
        }
        match (failed, message_id) {
            (None, _) => {}
            (Some(_), Some(id)) => undelivered.push(json!({ "itemIdentifier": id })),
            (Some(error), None) => first_error = first_error.or(Some(error)),
        }
    }
    match first_error {
        Some(error) => Err(error),
        None => Ok(json!({ "outcomes": outcomes, "batchItemFailures": undelivered })),
    }
}

async fn carry_out(
    app: &App,
    invocation: &Invocation,
    record: Result<Announcement, MalformedEvent>,
) -> Result<ObjectOutcome, HandlerError> {
    let announcement = record?;
    let url = announcement.object.url();
    let outcome = ProcessObject { app, invocation }.run(announcement).await?;
    info!(object.url = url, "processed {url}");
    Ok(outcome)
}
