//! One event: every announcement in it on its own, then an answer that loses none of them.

use longshore_app::{Announcement, App, Invocation, ObjectOutcome, ProcessObject};
use longshore_domain::disposition::Disposition;
use longshore_runtime::diagnostic::Failure;
use longshore_runtime::envelope::{self, Delivery, MalformedEvent};
use serde_json::{Value, json};
use tracing::{error, info};

/// Carries out an event. A queue is told which of its messages to deliver again; without a queue the invocation fails
/// after everything was tried, and its repetition finds what is done already.
pub(crate) async fn handle(app: App, invocation: Invocation, event: Value) -> Result<Value, Failure> {
    let mut outcomes = Vec::new();
    let mut undelivered = Vec::new();
    let mut first_error = None;
    for Delivery { message_id, records } in envelope::decode(&event) {
        let mut failed = None;
        for record in records {
            match carry_out(&app, &invocation, record).await {
                Ok(outcome) => outcomes.push(outcome),
                Err(error) => {
                    failed.get_or_insert(error);
                }
            }
        }
        match (failed, message_id) {
            (None, _) => {}
            // The invocation succeeds, so nobody else says why the message will come again.
            (Some(error), Some(id)) => {
                error!("{error}");
                undelivered.push(json!({ "itemIdentifier": id }));
            }
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
) -> Result<ObjectOutcome, Failure> {
    let announcement = record.map_err(|malformed| Failure::new(Disposition::Reject, malformed))?;
    let url = announcement.object.url();
    match (ProcessObject { app, invocation }).run(announcement).await {
        Ok(outcome) => {
            info!(object.url = url, "processed {url}");
            Ok(outcome)
        }
        Err(error) => Err(Failure::from(error).context(format!("process {url}"))),
    }
}
