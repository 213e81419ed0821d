//! The outbox: messages that are on record and not yet sent.

use chrono::{DateTime, Utc};
use longshore_domain::load::LoadId;
use longshore_domain::notification::{Message, Outcome};
use longshore_domain::trace::TraceId;
use serde::Serialize;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::queries::Query;
use crate::read::{Reader, bounded, text};
use crate::store::Parameters;
use crate::{LIST_LIMIT, Store, StoreError};

/// One row of the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// Its number.
    pub id: i64,
    /// The load it is about; none where it is about files that did not come.
    pub load: Option<LoadId>,
    /// What it is about.
    pub outcome: Outcome,
    /// Where it is sent.
    pub topic_arn: String,
    /// The message.
    pub message: Message,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// How often somebody set out to send it.
    pub attempts: u32,
    /// Why the last try failed.
    pub last_error: Option<String>,
    /// When it was sent.
    pub sent_at: Option<DateTime<Utc>>,
    /// The topic's id of it.
    pub message_id: Option<String>,
    /// What its load is followed by.
    pub trace: Option<TraceId>,
}

/// Messages to one topic that could not be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnsentNotices {
    /// The topic.
    pub topic_arn: String,
    /// How many.
    pub messages: u64,
    /// When the oldest of them was written.
    pub since: DateTime<Utc>,
    /// When the first of them is tried again.
    pub next_try: Option<DateTime<Utc>>,
    /// Why the newest try failed.
    pub last_error: String,
}

impl Store {
    /// Takes unsent messages for `sender` alone until `until`, oldest first: those of one load, or of all that are due. The same sender may
    /// take them again at once, as the retry of an invocation that died does. One that died after sending and before
    /// [`Store::notice_sent`] leaves a message that is sent a second time.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn claim_notices(
        &self,
        load: Option<LoadId>,
        limit: u32,
        sender: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<Notice>, StoreError> {
        let load = load.map(|load| load.as_uuid());
        let parameters: Parameters<'_> = &[&load, &bounded(limit), &sender, &now, &until];
        let rows = self.rows(Query::NoticeClaim, parameters).await?;
        rows.iter().map(read_notice).collect()
    }

    /// [`Store::release`] for a load, then [`Store::claim_notices`] of it.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn release_and_claim_notices(
        &self,
        load: LoadId,
        limit: u32,
        sender: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<Notice>, StoreError> {
        let id = load.as_uuid();
        let parameters: Parameters<'_> = &[&Some(id), &bounded(limit), &sender, &now, &until];
        let [_, claimed] = self
            .side_by_side([
                (Query::LoadRelease, &[&id, &sender]),
                (Query::NoticeClaim, parameters),
            ])
            .await?;
        claimed.rows.iter().map(read_notice).collect()
    }

    /// Says that a message is out.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn notice_sent(
        &self,
        notice: i64,
        message_id: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.execute(Query::NoticeMarkSent, &[&notice, &message_id, &now])
            .await?;
        Ok(())
    }

    /// Says why a message could not be sent, and frees it for the next try, later each time. It is never given up.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn notice_failed(
        &self,
        notice: i64,
        error: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.execute(Query::NoticeMarkFailed, &[&notice, &text(error), &now])
            .await?;
        Ok(())
    }

    /// The topics that messages wait for because they could not be sent.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn unsent_notices(&self) -> Result<Vec<UnsentNotices>, StoreError> {
        let rows = self
            .rows(Query::NoticeListUnsent, &[&bounded(LIST_LIMIT)])
            .await?;
        rows.iter().map(read_unsent).collect()
    }

    /// The messages about a load, sent or not.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn notices(&self, load: LoadId) -> Result<Vec<Notice>, StoreError> {
        let parameters: Parameters<'_> = &[&load.as_uuid(), &bounded(LIST_LIMIT)];
        let rows = self.rows(Query::NoticeList, parameters).await?;
        rows.iter().map(read_notice).collect()
    }
}

fn read_notice(row: &Row) -> Result<Notice, StoreError> {
    let reader = Reader::new(row, "ext_outbox");
    Ok(Notice {
        id: reader.get("outbox_id")?,
        load: reader.get::<Option<Uuid>>("load_id")?.map(LoadId::from_uuid),
        outcome: reader.word("outcome", Outcome::parse)?,
        topic_arn: reader.get("topic_arn")?,
        message: reader.json("message")?,
        created_at: reader.get("created_at")?,
        attempts: reader.small_count("attempts")?,
        last_error: reader.get("last_error")?,
        sent_at: reader.get("sent_at")?,
        message_id: reader.get("message_id")?,
        trace: reader.optional_word("trace_id", TraceId::parse)?,
    })
}

fn read_unsent(row: &Row) -> Result<UnsentNotices, StoreError> {
    let reader = Reader::new(row, "ext_outbox");
    Ok(UnsentNotices {
        topic_arn: reader.get("topic_arn")?,
        messages: reader.count("messages")?,
        since: reader.get("since")?,
        next_try: reader.get("next_try")?,
        last_error: reader.get("last_error")?,
    })
}
