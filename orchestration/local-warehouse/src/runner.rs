//! Takes submitted statements to their end.
//!
//! A statement runs on a connection of its own. Its outcome is written in the transaction of its work, so the commit of one is the commit of
//! both; what was under way when everything was killed never committed and runs again when the warehouse is opened.

mod outcome;
mod statements;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::engine::StatementError;
use crate::live::Live;
use crate::session::OpenSession;
use crate::store::{self, SubOutcome, Submission, Summary};
use crate::warehouse::{Inner, Place};

const ROLLBACK_PATIENCE: Duration = Duration::from_secs(5);

/// How the work of a statement ended when it did not end well.
enum Stop {
    Failed(String),
    Cancelled,
}

/// One statement under way.
pub(crate) struct Run {
    pub(crate) inner: Arc<Inner>,
    pub(crate) place: Place,
    pub(crate) submission: Submission,
    pub(crate) live: Arc<Live>,
    /// Held until it has ended; None for one that had, and where more were resumed than may be active.
    pub(crate) active: Option<OwnedSemaphorePermit>,
}

impl Run {
    /// Runs the statement and hands its event over.
    pub(crate) async fn finish(mut self) {
        let endpoint = self.inner.endpoint(&self.place);
        let Ok(_turn) = self.inner.turns(&self.place).acquire().await else {
            return;
        };
        let started = Instant::now();
        let mut done = Vec::new();
        let stop = match self.session_id() {
            Some(id) => self.work_in_session(id, &mut done).await,
            None => match endpoint.connect(&self.place.database).await {
                Ok(client) => self.work(&client, &mut done).await,
                Err(error) => Some(Stop::Failed(StatementError::of_database(&error).text)),
            },
        };
        let is_recorded = match stop {
            None => true,
            Some(stop) => self.record_stop(stop, done, started).await,
        };
        if is_recorded {
            // Whoever waited for the end may send the next statement at once.
            drop(self.active.take());
            self.live.end();
            self.inner.forget(self.submission.id);
            self.deliver_event().await;
        }
    }

    fn session_id(&self) -> Option<Uuid> {
        let id = self.submission.request["SessionId"].as_str()?;
        Uuid::try_parse(id).ok()
    }

    /// Works on the session's connection, which stays open for the statements after this one.
    async fn work_in_session(&self, id: Uuid, done: &mut Vec<SubOutcome>) -> Option<Stop> {
        let Some(session) = self.inner.sessions.find(id) else {
            let error = StatementError::new(format!("Session {id} is not available any more"));
            return Some(Stop::Failed(error.text));
        };
        let mut held = session.client.lock().await;
        if held.as_ref().is_none_or(Client::is_closed) {
            match self
                .inner
                .endpoint(&self.place)
                .connect(&self.place.database)
                .await
            {
                Ok(client) => *held = Some(client),
                Err(error) => return Some(Stop::Failed(StatementError::of_database(&error).text)),
            }
        }
        let stop = match held.as_ref() {
            Some(client) => self.work(client, done).await,
            None => None,
        };
        drop(held);
        self.leave_session(session);
        stop
    }

    /// Ends the session when its time is up and nothing else came.
    fn leave_session(&self, session: Arc<OpenSession>) {
        let life = session.leave();
        self.inner.spawn(async move {
            tokio::time::sleep(life).await;
            session.close_if_over().await;
        });
    }

    /// None when the work is committed.
    async fn work(&self, client: &Client, done: &mut Vec<SubOutcome>) -> Option<Stop> {
        let process_id = match client.query_one("SELECT pg_backend_pid()", &[]).await {
            Ok(row) => row.get(0),
            Err(error) => return Some(Stop::Failed(StatementError::of_database(&error).text)),
        };
        self.live.start(process_id);
        let worked = tokio::select! {
            biased;
            () = self.live.until_cancelled() => Err(Stop::Cancelled),
            worked = self.statements(client, process_id, done) => worked.map_err(Stop::Failed),
        };
        let stop = match worked {
            Ok(()) => self.commit(client, process_id, done).await,
            Err(stop) => Some(stop),
        };
        if stop.is_some() {
            self.roll_back(client).await;
        }
        stop
    }

    /// Writes the outcome beside the work and commits both.
    async fn commit(&self, client: &Client, process_id: i32, done: &[SubOutcome]) -> Option<Stop> {
        if self.live.is_cancelled() {
            return Some(Stop::Cancelled);
        }
        let summary = Summary {
            error: None,
            process_id,
            sub_statements: done.to_vec(),
        };
        let committed = async {
            store::record_outcome(client, &self.submission, "FINISHED", &summary).await?;
            client.batch_execute("COMMIT").await
        };
        match committed.await {
            Ok(()) => None,
            Err(error) => Some(Stop::Failed(StatementError::of_database(&error).text)),
        }
    }

    /// Ends the backend's work, so that its locks are free when the outcome can be seen.
    async fn roll_back(&self, client: &Client) {
        if client.is_closed() {
            return;
        }
        if let Err(error) = client.cancel_token().cancel_query(tokio_postgres::NoTls).await {
            tracing::debug!(%error, "could not cancel a query");
        }
        // A failure here means that the connection is gone, and with it the transaction.
        match tokio::time::timeout(ROLLBACK_PATIENCE, client.batch_execute("ROLLBACK")).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the transaction ended with its connection"),
            Err(_) => tracing::warn!("a transaction did not roll back in time; its connection is closed"),
        }
    }

    /// Ends a statement that a crash left half committed: running it again would do its first part twice.
    pub(crate) async fn end_half_committed(self) {
        let error =
            StatementError::new("the warehouse stopped after a part of the statement was committed").text;
        if self
            .record_stop(Stop::Failed(error), Vec::new(), Instant::now())
            .await
        {
            self.live.end();
            self.inner.forget(self.submission.id);
            self.deliver_event().await;
        }
    }
}
