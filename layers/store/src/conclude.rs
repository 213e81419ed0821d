//! Outcomes: ledger, audit and outbox move together in one transaction, once.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::notification::{Message, Outcome};
use longshore_domain::object::ObjectKey;

use crate::audit::{AuditRow, AuditStatus, insert_audit};
use crate::chain::FollowUpStep;
use crate::queries::Query;
use crate::read::{json, milliseconds, optional_text};
use crate::store::Parameters;
use crate::transaction::Transaction;
use crate::transition::{Moved, commit_moved};
use crate::{Store, StoreError};

/// What goes on record with the outcome of a load.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conclusion {
    /// The audit row; None when the feed is not known.
    pub audit: Option<AuditRow>,
    /// The messages.
    pub notices: Vec<OutboxNotice>,
    /// Where the file lies now; None when it stays where it was, or is gone.
    pub archived_key: Option<ObjectKey>,
    /// What went wrong, when more is known of it by now than when it went on record.
    pub error: Option<String>,
    /// Facts beyond those on record.
    pub remarks: Vec<String>,
    /// `Complete` for a loaded load without follow-up; None where the state stays.
    pub next: Option<LoadState>,
}

/// A message for the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxNotice {
    /// What it is about; a load has one message per outcome, of a warehouse one for each time.
    pub outcome: Outcome,
    /// Where it is sent.
    pub topic_arn: String,
    /// The message.
    pub message: Message,
}

/// How the deliveries of a file came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveriesEnd {
    /// Why not all of them came where they should: the stable word, and each with its error. None when all did.
    pub error: Option<(String, String)>,
    /// The audit row; None when the feed is not known.
    pub audit: Option<AuditRow>,
    /// The messages.
    pub notices: Vec<OutboxNotice>,
    /// Where the file lies now.
    pub archived_key: Option<ObjectKey>,
    /// Facts beyond those on record.
    pub remarks: Vec<String>,
}

/// How a follow-up came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowUpEnd {
    /// How; anything but `Finished` is a failure.
    pub status: AuditStatus,
    /// What the warehouse said.
    pub error: Option<String>,
    /// The warehouse's id of the statement.
    pub statement_id: Option<String>,
    /// How long it ran.
    pub duration: Option<Duration>,
    /// When its end was known, in the deployment's local time.
    pub process_date: NaiveDateTime,
    /// The messages.
    pub notices: Vec<OutboxNotice>,
    /// Each step, where it is a chain; else empty.
    pub steps: Vec<FollowUpStep>,
}

impl Store {
    /// Puts the outcome of a load on record: `concluded_at`, the audit row and the messages, and with `next` the load is
    /// complete. `Moved::No` when that was done before, or the load has no outcome yet; nothing is written twice.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or any of a write.
    pub async fn conclude(
        &self,
        load: LoadId,
        conclusion: &Conclusion,
        now: DateTime<Utc>,
        actor: &str,
    ) -> Result<Moved, StoreError> {
        let mut client = self.client("load_conclude").await?;
        let transaction = Transaction::begin(self, &mut client);
        let next = conclusion.next.map(LoadState::as_str);
        let parameters: Parameters<'_> = &[
            &load.as_uuid(),
            &next,
            &now,
            &actor,
            &conclusion.archived_key.as_ref().map(ObjectKey::as_str),
            &optional_text(conclusion.error.as_deref()),
            &json(&conclusion.remarks),
        ];
        let changed = transaction.execute(Query::LoadConclude, parameters).await?;
        if changed > 0 {
            if let Some(audit) = &conclusion.audit {
                insert_audit(&transaction, load, audit, now).await?;
            }
            insert_notices(&transaction, load, &conclusion.notices, now).await?;
        }
        commit_moved(transaction, Query::LoadConclude, load, changed).await
    }

    /// `delivering` to `complete` or `failed` with the audit row and the messages. `Moved::No` when that was done before, or a
    /// delivery is still under way; nothing is written twice.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or any of a write.
    pub async fn end_deliveries(
        &self,
        load: LoadId,
        end: &DeliveriesEnd,
        now: DateTime<Utc>,
        actor: &str,
    ) -> Result<Moved, StoreError> {
        const QUERY: Query = Query::LoadEndDeliveries;
        let mut client = self.client(QUERY.name()).await?;
        let transaction = Transaction::begin(self, &mut client);
        let state = match end.error {
            None => LoadState::Complete,
            Some(_) => LoadState::Failed,
        };
        let (code, error) = end.error.as_ref().map(|(code, error)| (code, error)).unzip();
        let parameters: Parameters<'_> = &[
            &load.as_uuid(),
            &state.as_str(),
            &code,
            &optional_text(error.map(String::as_str)),
            &now,
            &actor,
            &end.archived_key.as_ref().map(ObjectKey::as_str),
            &json(&end.remarks),
        ];
        let changed = transaction.execute(QUERY, parameters).await?;
        if changed > 0 {
            if let Some(audit) = &end.audit {
                insert_audit(&transaction, load, audit, now).await?;
            }
            insert_notices(&transaction, load, &end.notices, now).await?;
        }
        commit_moved(transaction, QUERY, load, changed).await
    }

    /// `transforming` to `complete` or `transform_failed`, with the audit row's follow-up columns and the messages.
    /// `Moved::No` when that was done before. The load must have been concluded.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or any of a write.
    pub async fn finish_follow_up(
        &self,
        load: LoadId,
        end: &FollowUpEnd,
        now: DateTime<Utc>,
        actor: &str,
    ) -> Result<Moved, StoreError> {
        const QUERY: Query = Query::LoadFinishFollowUp;
        let mut client = self.client(QUERY.name()).await?;
        let transaction = Transaction::begin(self, &mut client);
        let state = match end.status {
            AuditStatus::Finished => LoadState::Complete,
            AuditStatus::Failed | AuditStatus::Aborted | AuditStatus::Skipped => LoadState::TransformFailed,
        };
        let error = optional_text(end.error.as_deref());
        let id = load.as_uuid();
        let parameters: Parameters<'_> = &[&id, &state.as_str(), &now, &actor, &end.statement_id, &error];
        let changed = transaction.execute(QUERY, parameters).await?;
        if changed > 0 {
            audit_follow_up(&transaction, load, end).await?;
            // What a batch carries ends as it does.
            transaction
                .execute(Query::BatchTransform, &[&id, &now, &actor])
                .await?;
            transaction
                .execute(Query::BatchFinish, &[&id, &state.as_str(), &now, &actor, &error])
                .await?;
            insert_notices(&transaction, load, &end.notices, now).await?;
        }
        commit_moved(transaction, QUERY, load, changed).await
    }
}

async fn audit_follow_up(
    transaction: &Transaction<'_>,
    load: LoadId,
    end: &FollowUpEnd,
) -> Result<(), StoreError> {
    const QUERY: Query = Query::AuditFinishFollowUp;
    let steps = (!end.steps.is_empty()).then(|| json(&end.steps));
    let parameters: Parameters<'_> = &[
        &load.as_uuid(),
        &end.status.as_str(),
        &optional_text(end.error.as_deref()),
        &end.statement_id,
        &milliseconds(QUERY.name(), "followup_duration_ms", end.duration)?,
        &end.process_date,
        &steps,
    ];
    transaction.execute(QUERY, parameters).await?;
    Ok(())
}

pub(crate) async fn insert_notices(
    transaction: &Transaction<'_>,
    load: LoadId,
    notices: &[OutboxNotice],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    for notice in notices {
        let parameters: Parameters<'_> = &[
            &load.as_uuid(),
            &notice.outcome.as_str(),
            &notice.topic_arn,
            &json(&notice.message),
            &now,
        ];
        transaction.execute(Query::NoticeInsert, parameters).await?;
    }
    Ok(())
}
