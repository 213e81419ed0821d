//! How a statement ended: on record, then told.

use std::time::{Duration, Instant};

use chrono::Utc;
use tokio_postgres::Client;

use super::{Run, Stop};
use crate::engine::Executed;
use crate::event::StatementEvent;
use crate::store::{self, SubOutcome, Summary};

const CANCELLED: &str = "Query cancelled on user's request";
const RECORD_ATTEMPTS: u32 = 20;
const RECORD_PAUSE: Duration = Duration::from_millis(250);

impl Run {
    /// Writes how it failed; false when the database cannot be reached, and the next open runs the statement again.
    ///
    /// If the commit's answer was lost, the outcome may be there: then that one stands.
    pub(super) async fn record_stop(&self, stop: Stop, mut done: Vec<SubOutcome>, started: Instant) -> bool {
        let (status, error) = match stop {
            Stop::Failed(error) => ("FAILED", error),
            Stop::Cancelled => ("ABORTED", CANCELLED.to_owned()),
        };
        for index in done.len()..self.submission.sqls.len() {
            let is_running = index == done.len() && self.live.progress().sub_statements.contains_key(&index);
            let outcome = if is_running && status == "FAILED" {
                failed(&error)
            } else {
                aborted()
            };
            done.push(SubOutcome {
                duration_nanos: if is_running { nanos(started) } else { -1 },
                ..outcome
            });
        }
        let process_id = self.live.progress().process_id;
        let summary = Summary {
            error: Some(error),
            process_id,
            sub_statements: done,
        };
        for _ in 0..RECORD_ATTEMPTS {
            let recorded = match self
                .inner
                .endpoint(&self.place)
                .bookkeeping(&self.place.database)
                .await
            {
                Ok(client) => store::record_outcome(&client, &self.submission, status, &summary)
                    .await
                    .is_ok(),
                Err(_) => false,
            };
            if recorded {
                return true;
            }
            tokio::time::sleep(RECORD_PAUSE).await;
        }
        tracing::error!(statement.id = %self.submission.id, "could not record the outcome of a statement; it runs again at the next start");
        false
    }

    /// Hands the statement's event over, if it has one that is due.
    pub(crate) async fn deliver_event(&self) {
        let Ok(client) = self
            .inner
            .endpoint(&self.place)
            .bookkeeping(&self.place.database)
            .await
        else {
            return;
        };
        if let Err(error) = self.deliver_event_from(&client).await {
            tracing::warn!(statement.id = %self.submission.id, %error, "an event stays due until the next start");
        }
    }

    async fn deliver_event_from(&self, client: &Client) -> Result<(), tokio_postgres::Error> {
        let Some(event_id) = store::event_due(client, self.submission.id).await? else {
            return Ok(());
        };
        let Some(outcome) = store::find(client, self.submission.id)
            .await?
            .and_then(|record| record.outcome)
        else {
            return Ok(());
        };
        let single = outcome
            .summary
            .sub_statements
            .first()
            .filter(|_| !self.submission.is_batch);
        let event = StatementEvent {
            event_id,
            statement_id: self.submission.id,
            statement_name: self.submission.name.clone(),
            state: outcome.status,
            rows: single.map_or(-1, |single| single.rows),
            redshift_query_id: single
                .and_then(|_| self.submission.query_ids.first().copied())
                .unwrap_or(-1),
            time: outcome.ended_at,
            account: self.inner.account.clone(),
            region: self.inner.region.clone(),
            resource: self
                .inner
                .endpoint(&self.place)
                .arn(&self.inner.region, &self.inner.account),
        };
        self.inner.events.status_changed(event).await;
        store::event_delivered(client, self.submission.id).await
    }
}

pub(super) fn finished(executed: &Executed) -> SubOutcome {
    SubOutcome {
        status: "FINISHED".to_owned(),
        error: None,
        rows: executed
            .rows
            .and_then(|rows| i64::try_from(rows).ok())
            .unwrap_or(-1),
        has_result_set: executed.result.is_some(),
        result_bytes: executed
            .result
            .as_ref()
            .and_then(|result| i64::try_from(result.bytes).ok())
            .unwrap_or(-1),
        duration_nanos: 0,
        updated_at: Utc::now(),
    }
}

pub(super) fn failed(error: &str) -> SubOutcome {
    SubOutcome {
        status: "FAILED".to_owned(),
        error: Some(error.to_owned()),
        ..aborted()
    }
}

fn aborted() -> SubOutcome {
    SubOutcome {
        status: "ABORTED".to_owned(),
        error: None,
        rows: -1,
        has_result_set: false,
        result_bytes: -1,
        duration_nanos: -1,
        updated_at: Utc::now(),
    }
}

pub(super) fn nanos(since: Instant) -> i64 {
    i64::try_from(since.elapsed().as_nanos()).unwrap_or(i64::MAX)
}
