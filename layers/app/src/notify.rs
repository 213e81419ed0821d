//! Telling people: queued with the outcome in one transaction, sent afterwards, sent again when that failed.

use chrono::TimeDelta;
use longshore_domain::load::LoadId;
use longshore_domain::notification::{Outcome, OutcomeReport};
use longshore_domain::object::ObjectKey;
use longshore_domain::rule::RuleTopics;
use longshore_store::{Load, Notice, OutboxNotice};
use tracing::{Instrument, info, warn};

use crate::error::with_causes;
use crate::{App, AppError, trace};

/// How long a sender may take over one message before another may try.
const SENDING: TimeDelta = TimeDelta::seconds(60);
/// Messages of one load: its outcome, and its follow-up's.
const MOST_NOTICES: u32 = 8;
/// So many of a batch's files are named.
const MOST_FILES_NAMED: u32 = 5;

/// The message about a load's outcome, for the outbox: to the topic that its rule names, else to the deployment's.
pub(crate) async fn notice(app: &App, load: &Load, outcome: Outcome) -> Result<OutboxNotice, AppError> {
    let topics = match load.rule {
        Some(rule) => app.store.rule_topics(rule).await?,
        None => RuleTopics::default(),
    };
    let topic_arn = topics.of(outcome).unwrap_or(&app.config.topic_arn);
    let files = match load.is_batch() {
        true => app.store.first_keys(load.id, MOST_FILES_NAMED).await?,
        false => vec![],
    };
    Ok(notice_to(topic_arn, app, load, &files, outcome))
}

/// A message about a load to the deployment's own topic, whatever its rule says.
pub(crate) fn notice_to_all(app: &App, load: &Load, outcome: Outcome) -> OutboxNotice {
    notice_to(&app.config.topic_arn, app, load, &[], outcome)
}

fn notice_to(topic_arn: &str, app: &App, load: &Load, files: &[ObjectKey], outcome: Outcome) -> OutboxNotice {
    let report = OutcomeReport {
        load_id: load.id,
        outcome,
        rule: load.rule,
        interface_id: load.interface.as_ref().map(|interface| interface.id.clone()),
        interface_name: load.interface.as_ref().map(|interface| interface.name.clone()),
        bucket: load.object.bucket.to_string(),
        key: load.object.key.to_string(),
        file_name: load.file_name.clone(),
        record_type: load.record_type.clone(),
        target: load.target.clone(),
        table: load.table.as_ref().map(ToString::to_string),
        files: load.batch_files,
        first_keys: files.iter().map(ToString::to_string).collect(),
        batch_id: if load.is_batch() {
            Some(load.id)
        } else {
            load.batch
        },
        rows_expected: load.rows_expected,
        rows_loaded: load.rows_loaded,
        rows_rejected: load.rows_rejected,
        error_code: load.error_code.clone(),
        error: load.error.clone(),
        archived_key: load.archived_key.as_ref().map(ToString::to_string),
        remarks: load.remarks.clone(),
        trace_id: load.trace.clone(),
    };
    OutboxNotice {
        outcome,
        topic_arn: topic_arn.to_owned(),
        message: report.message(&app.config.custom_error_message),
    }
}

/// Gives the lease of a load back, then sends what is queued for it.
pub(crate) async fn release_and_send_pending(app: &App, load: LoadId, sender: &str) -> Result<(), AppError> {
    let now = app.clock.now();
    let claimed = app
        .store
        .release_and_claim_notices(load, MOST_NOTICES, sender, now, now + SENDING)
        .await?;
    send(app, claimed, sender).await
}

/// Sends what is queued for a load. A message that was sent while the note of it was lost is sent twice: told twice is
/// better than not told, and the load id in it lets a machine see that.
pub(crate) async fn send_pending(app: &App, load: LoadId, sender: &str) -> Result<(), AppError> {
    let claimed = claim(app, Some(load), MOST_NOTICES, sender).await?;
    send(app, claimed, sender).await
}

async fn send(app: &App, notices: Vec<Notice>, sender: &str) -> Result<(), AppError> {
    for notice in notices {
        let span = trace::span_of_notice(&notice, sender);
        publish(app, &notice).instrument(span).await?;
    }
    Ok(())
}

/// What came of sending late messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Messages that are out.
    pub(crate) sent: usize,
    /// Messages that could not be sent; each waits for its next try.
    pub(crate) failed: usize,
}

/// Sends a few of the messages that wait and are due, for any load. One that cannot be sent keeps none of the others
/// waiting.
pub(crate) async fn send_due(app: &App, limit: u32, sender: &str) -> Result<Sent, AppError> {
    let mut sent = Sent::default();
    for notice in claim(app, None, limit, sender).await? {
        let span = trace::span_of_notice(&notice, sender);
        match publish(app, &notice).instrument(span.clone()).await {
            Ok(()) => sent.sent += 1,
            Err(AppError::Notify(error)) => {
                warn!(
                    parent: &span,
                    attempts = notice.attempts,
                    "could not tell {} about {}: {}",
                    notice.topic_arn,
                    subject(&notice),
                    with_causes(&error)
                );
                sent.failed += 1;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(sent)
}

async fn claim(app: &App, load: Option<LoadId>, limit: u32, sender: &str) -> Result<Vec<Notice>, AppError> {
    let now = app.clock.now();
    let claimed = app.store.claim_notices(load, limit, sender, now, now + SENDING);
    Ok(claimed.await?)
}

async fn publish(app: &App, notice: &Notice) -> Result<(), AppError> {
    match app.notifier.publish(&notice.topic_arn, &notice.message).await {
        Ok(message_id) => {
            app.store
                .notice_sent(notice.id, &message_id, app.clock.now())
                .await?;
            info!(
                "told {} that {} is {}",
                notice.topic_arn,
                subject(notice),
                notice.outcome.as_str()
            );
            Ok(())
        }
        Err(error) => {
            app.store
                .notice_failed(notice.id, &with_causes(&error), app.clock.now())
                .await?;
            Err(error.into())
        }
    }
}

/// What a message is about, in words.
fn subject(notice: &Notice) -> String {
    match notice.load {
        Some(load) => format!("load {load}"),
        None => "what a rule expected".to_owned(),
    }
}
