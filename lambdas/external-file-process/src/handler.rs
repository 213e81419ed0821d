//! One event: every announcement in it on its own, then an answer that loses none of them.

use longshore_app::{
    Announcement, App, Invocation, ObjectOutcome, ProcessObject, ReportedFailures, with_causes,
};
use longshore_domain::disposition::Disposition;
use longshore_domain::load::LoadId;
use longshore_runtime::diagnostic::Failure;
use longshore_runtime::envelope::{self, Delivery, MalformedEvent};
use longshore_runtime::lambda::Answer;
use serde_json::{Value, json};
use tracing::field::Empty;
use tracing::{Instrument, error, info, info_span, warn};

/// Carries out an event. A queue is told which of its messages to deliver again; without a queue the invocation fails
/// after everything was tried, and its repetition finds what is done already.
pub(crate) async fn handle(app: App, invocation: Invocation, event: Value) -> Result<Answer, Failure> {
    let mut outcomes = Vec::new();
    let mut undelivered = Vec::new();
    let mut failures = Vec::new();
    let mut first_error = None;
    for Delivery { message_id, records } in envelope::decode(&event) {
        let mut failed = None;
        for record in records {
            match carry_out(&app, &invocation, record).await {
                Ok(outcome) => outcomes.push(outcome),
                Err(error) => {
                    failures.push(error.disposition());
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
        None => Ok(Answer::in_spite_of(
            failures,
            json!({ "outcomes": outcomes, "batchItemFailures": undelivered }),
        )),
    }
}

/// A file that was refused or failed, in an invocation that is to fail for it.
#[derive(Debug, thiserror::Error)]
#[error("load {load} did not succeed, which is on record and was told; see: longshore load show {load}")]
struct ReportedFailure {
    load: LoadId,
}

/// The outcome, unless the deployment wants invocations to fail over what was told already.
fn answer_for(told: ReportedFailures, outcome: ObjectOutcome) -> Result<ObjectOutcome, Failure> {
    match (told, outcome.failed_load()) {
        (ReportedFailures::Fail, Some(load)) => {
            Err(Failure::new(Disposition::Reject, ReportedFailure { load }))
        }
        (ReportedFailures::Fail, None) | (ReportedFailures::Succeed, _) => Ok(outcome),
    }
}

async fn carry_out(
    app: &App,
    invocation: &Invocation,
    record: Result<Announcement, MalformedEvent>,
) -> Result<ObjectOutcome, Failure> {
    let announcement = record.map_err(|malformed| Failure::new(Disposition::Reject, malformed))?;
    let url = announcement.object.url();
    // The app says which load it is, once that is claimed.
    let span = info_span!(
        "announcement",
        request.id = %invocation.request_id,
        object.url = url,
        load.id = Empty,
        trace.id = Empty
    );
    process(app, invocation, announcement)
        .instrument(span)
        .await
        .map_err(|failure| failure.context(format!("process {url}")))
}

async fn process(
    app: &App,
    invocation: &Invocation,
    announcement: Announcement,
) -> Result<ObjectOutcome, Failure> {
    let url = announcement.object.url();
    let outcome = (ProcessObject { app, invocation }).run(announcement).await;
    match &outcome {
        Ok(_) => info!("processed {url}"),
        Err(error) => warn!("could not process {url} now: {}", with_causes(error)),
    }
    answer_for(app.config.reported_failures, outcome?)
}

#[cfg(test)]
mod tests {
    use longshore_domain::load::LoadState;

    use super::*;

    fn load() -> LoadId {
        LoadId::from_uuid(uuid::Uuid::from_u128(7))
    }

    /// What counts as a failure that is on record, and what does not.
    fn outcomes() -> [(ObjectOutcome, bool); 5] {
        let load_id = load();
        let done = |state| ObjectOutcome::AlreadyDone { load_id, state };
        let code = "no_rule".to_owned();
        [
            (ObjectOutcome::Rejected { load_id, code }, true),
            (ObjectOutcome::Failed { load_id }, true),
            (done(LoadState::Rejected), true),
            (done(LoadState::Complete), false),
            (ObjectOutcome::Submitted { load_id }, false),
        ]
    }

    #[test]
    fn a_failure_that_was_told_fails_no_invocation_unless_it_is_to() {
        for (outcome, failed) in outcomes() {
            assert_eq!(
                answer_for(ReportedFailures::Succeed, outcome.clone()).unwrap(),
                outcome
            );
            let answer = answer_for(ReportedFailures::Fail, outcome.clone());
            assert_eq!(answer.is_err(), failed, "{outcome:?}");
        }
    }

    #[test]
    fn the_failure_of_an_invocation_names_the_load_and_where_to_look() {
        let failed = ObjectOutcome::Failed { load_id: load() };
        let failure = answer_for(ReportedFailures::Fail, failed).unwrap_err();
        assert_eq!(failure.disposition(), Disposition::Reject);
        let said = failure.to_string();
        assert!(
            said.contains(&format!("longshore load show {}", load())),
            "{said}"
        );
    }
}
