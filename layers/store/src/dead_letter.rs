//! What operators do to dead letters by hand.

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio_postgres::Row;

use crate::operation::Operator;
use crate::queries::Query;
use crate::read::{Reader, bounded, text};
use crate::store::Parameters;
use crate::{Store, StoreError};

const TABLE: &str = "ext_dead_letter_operation";

/// What is done to a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "operation", rename_all = "snake_case")]
pub enum DeadLetterDeed {
    /// It goes to a queue again.
    Redrive {
        /// Which.
        sent_to: String,
    },
    /// It is taken away.
    Delete,
}

impl DeadLetterDeed {
    /// The word on record and on the command line.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Redrive { .. } => "redrive",
            Self::Delete => "delete",
        }
    }

    fn sent_to(&self) -> Option<&str> {
        match self {
            Self::Redrive { sent_to } => Some(sent_to),
            Self::Delete => None,
        }
    }
}

/// A dead letter to which something is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    /// The queue that it lies in.
    pub queue_url: String,
    /// Its id.
    pub message_id: String,
    /// The objects that it announces, or what else it is about.
    pub about: String,
}

/// What was done to one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadLetterOperation {
    /// What.
    #[serde(flatten)]
    pub deed: DeadLetterDeed,
    /// To which.
    #[serde(flatten)]
    pub letter: DeadLetter,
    /// By whom.
    pub operator: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: DateTime<Utc>,
}

impl Store {
    /// Puts on record what is about to be done to a dead letter: a queue knows no transaction, and what was done must not be without
    /// its record.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn record_dead_letter(
        &self,
        letter: &DeadLetter,
        deed: &DeadLetterDeed,
        operator: &Operator,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let parameters: Parameters<'_> = &[
            &deed.as_str(),
            &letter.queue_url,
            &letter.message_id,
            &text(&letter.about),
            &deed.sent_to(),
            &operator.name,
            &text(&operator.reason),
            &now,
        ];
        self.execute(Query::DeadLetterInsert, parameters).await?;
        Ok(())
    }

    /// What operators did to dead letters, the newest first.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn dead_letter_operations(&self, limit: u32) -> Result<Vec<DeadLetterOperation>, StoreError> {
        let rows = self.rows(Query::DeadLetterList, &[&bounded(limit)]).await?;
        rows.iter().map(read_operation).collect()
    }
}

fn read_operation(row: &Row) -> Result<DeadLetterOperation, StoreError> {
    let reader = Reader::new(row, TABLE);
    let sent_to: Option<String> = reader.get("sent_to")?;
    Ok(DeadLetterOperation {
        deed: sent_to.map_or(DeadLetterDeed::Delete, |sent_to| DeadLetterDeed::Redrive {
            sent_to,
        }),
        letter: DeadLetter {
            queue_url: reader.get("queue_url")?,
            message_id: reader.get("message_id")?,
            about: reader.get("about")?,
        },
        operator: reader.get("operator")?,
        reason: reader.get("reason")?,
        at: reader.get("at")?,
    })
}
