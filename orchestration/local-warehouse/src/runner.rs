//! Takes submitted statements to their end.
//!
//! A statement runs on a connection of its own. Its outcome is written in the transaction of its work, so the commit of one is the commit of
//! both; what was under way when everything was killed never committed and runs again when the warehouse is opened.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use crate::engine::{Executed, Session, StatementError};
use crate::event::StatementEvent;
use crate::live::Live;
use crate::opening::Opening;
use crate::session::OpenSession;
use crate::sql::{self, StatementKind};
use crate::store::{self, SubOutcome, Submission, Summary};
use crate::warehouse::{Inner, Place};

const CANCELLED: &str = "Query cancelled on user's request";
const ROLLBACK_PATIENCE: Duration = Duration::from_secs(5);
const RECORD_ATTEMPTS: u32 = 20;
const RECORD_PAUSE: Duration = Duration::from_millis(250);

/// What a batch commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ExecutionMode {
    /// All of it or nothing.
    Transaction,
    /// Each statement on its own, whether others fail or not.
    AutoCommit,
}

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
}

impl Run {
    /// Runs the statement and hands its event over.
    pub(crate) async fn finish(self) {
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

    /// Runs every text; the first failure ends it.
    async fn statements(
        &self,
        client: &Client,
        process_id: i32,
        done: &mut Vec<SubOutcome>,
    ) -> Result<(), String> {
        let bookkeeping = self.bookkeeping().await?;
        self.begin(client).await?;
        let mut opening = Opening::new(self.inner.isolation.begin());
        let mut first_error = None;
        for (index, text) in self.submission.sqls.iter().enumerate() {
            let query_id = self.submission.query_ids.get(index).copied().unwrap_or_default();
            let session = Session {
                client,
                bookkeeping: &bookkeeping,
                objects: self.inner.objects.as_ref(),
                query_id,
                process_id,
            };
            self.live.mark(index, "STARTED");
            let started = Instant::now();
            match self.statement(&session, index, text, &mut opening).await {
                Ok(outcome) => {
                    done.push(SubOutcome {
                        duration_nanos: nanos(started),
                        ..outcome
                    });
                    self.live.mark(index, "FINISHED");
                }
                Err(StatementError { text: error, .. }) => {
                    done.push(SubOutcome {
                        duration_nanos: nanos(started),
                        ..failed(&error)
                    });
                    self.live.mark(index, "FAILED");
                    let error = self.error_of_the_whole(index, &error);
                    if self.mode() == ExecutionMode::Transaction {
                        return Err(error);
                    }
                    first_error.get_or_insert(error);
                    self.begin_again(client).await?;
                    opening.begin_again();
                }
            }
        }
        first_error.map_or(Ok(()), Err)
    }

    fn mode(&self) -> ExecutionMode {
        match self.submission.request["ExecutionMode"].as_str() {
            Some("AUTO_COMMIT") => ExecutionMode::AutoCommit,
            _ => ExecutionMode::Transaction,
        }
    }

    async fn begin(&self, client: &Client) -> Result<(), String> {
        let begun = client.batch_execute(self.inner.isolation.begin()).await;
        begun.map_err(|error| StatementError::of_database(&error).text)
    }

    /// A statement of AUTO_COMMIT failed: it alone is rolled back, and the next one runs.
    async fn begin_again(&self, client: &Client) -> Result<(), String> {
        let ended = client.batch_execute("ROLLBACK").await;
        ended.map_err(|error| StatementError::of_database(&error).text)?;
        self.begin(client).await
    }

    async fn statement(
        &self,
        session: &Session<'_>,
        index: usize,
        text: &str,
        opening: &mut Opening,
    ) -> Result<SubOutcome, StatementError> {
        let bound = sql::bind_parameters(text, &self.parameters()).map_err(StatementError::new)?;
        // A text that cannot be classified is refused by execute, with its position.
        let classified = sql::classify(&bound).ok();
        let kind = classified.map(|classified| classified.kind);
        if kind == Some(StatementKind::OutsideTransaction) {
            self.leave_transaction(
                session.client,
                classified.map_or("", |classified| classified.name),
            )
            .await?;
        }
        let mut executed = opening.execute(session, &bound, classified).await;
        let commits_itself = executed
            .as_ref()
            .is_err_and(|error| self.is_commit_of_a_procedure(error));
        if commits_itself {
            executed = self.call_outside_transaction(session, index, &bound).await;
        }
        let executed = executed?;
        if kind == Some(StatementKind::OutsideTransaction) || commits_itself {
            self.begin(session.client).await.map_err(StatementError::known)?;
            opening.begin_again();
        }
        self.keep_result(session.client, index, &executed).await?;
        let commits = kind == Some(StatementKind::Truncate) || self.mode() == ExecutionMode::AutoCommit;
        if commits && self.submission.sqls.len() > 1 {
            self.commit_so_far(session.client, index).await?;
            opening.begin_again();
        }
        Ok(finished(&executed))
    }

    /// Whether a procedure wanted to COMMIT, which it may where no batch holds the transaction.
    fn is_commit_of_a_procedure(&self, error: &StatementError) -> bool {
        let is_free = !self.submission.is_batch || self.mode() == ExecutionMode::AutoCommit;
        is_free && error.state == Some(SqlState::INVALID_TRANSACTION_TERMINATION)
    }

    /// Calls the procedure again where it may COMMIT; what it did before was rolled back with its error. A crash from here on leaves a part
    /// of its work, so it must not run again.
    async fn call_outside_transaction(
        &self,
        session: &Session<'_>,
        index: usize,
        text: &str,
    ) -> Result<Executed, StatementError> {
        let explain = |error: tokio_postgres::Error| StatementError::of_database(&error);
        session.client.batch_execute("ROLLBACK").await.map_err(explain)?;
        let count = i32::try_from(index + 1).unwrap_or(i32::MAX);
        store::record_partial_commit(session.bookkeeping, self.submission.id, count)
            .await
            .map_err(explain)?;
        session
            .client
            .batch_execute(self.inner.isolation.session())
            .await
            .map_err(explain)?;
        session.execute(text).await
    }

    async fn leave_transaction(&self, client: &Client, name: &str) -> Result<(), StatementError> {
        if self.submission.is_batch && self.mode() == ExecutionMode::Transaction {
            return Err(StatementError::new(format!(
                "{name} cannot run inside a transaction block"
            )));
        }
        client
            .batch_execute("ROLLBACK")
            .await
            .map_err(|error| StatementError::of_database(&error))
    }

    async fn keep_result(
        &self,
        client: &Client,
        index: usize,
        executed: &Executed,
    ) -> Result<(), StatementError> {
        let Some(result) = &executed.result else {
            return Ok(());
        };
        let number = i32::try_from(index + 1).unwrap_or(i32::MAX);
        result
            .store(client, self.submission.id, number)
            .await
            .map_err(|error| StatementError::of_database(&error))
    }

    /// TRUNCATE commits what came before it and itself, in Redshift and so here; with AUTO_COMMIT every statement does.
    async fn commit_so_far(&self, client: &Client, index: usize) -> Result<(), StatementError> {
        let count = i32::try_from(index + 1).unwrap_or(i32::MAX);
        let explain = |error: tokio_postgres::Error| StatementError::of_database(&error);
        store::record_partial_commit(client, self.submission.id, count)
            .await
            .map_err(explain)?;
        client.batch_execute("COMMIT").await.map_err(explain)?;
        self.begin(client).await.map_err(StatementError::known)
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

    /// Writes how it failed; false when the database cannot be reached, and the next open runs the statement again.
    ///
    /// If the commit's answer was lost, the outcome may be there: then that one stands.
    async fn record_stop(&self, stop: Stop, mut done: Vec<SubOutcome>, started: Instant) -> bool {
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

    async fn bookkeeping(&self) -> Result<Arc<Client>, String> {
        let client = self
            .inner
            .endpoint(&self.place)
            .bookkeeping(&self.place.database)
            .await;
        client.map_err(|error| StatementError::new(crate::error::error_chain(&error)).text)
    }

    fn parameters(&self) -> Vec<(String, String)> {
        let parameters = self.submission.request["Parameters"].as_array();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        parameters
            .into_iter()
            .flatten()
            .map(|item| (text(&item["name"]), text(&item["value"])))
            .collect()
    }

    fn error_of_the_whole(&self, index: usize, error: &str) -> String {
        if self.submission.is_batch {
            format!("Query #{} failed with {error}", index + 1)
        } else {
            error.to_owned()
        }
    }
}

fn finished(executed: &Executed) -> SubOutcome {
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

fn failed(error: &str) -> SubOutcome {
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

fn nanos(since: Instant) -> i64 {
    i64::try_from(since.elapsed().as_nanos()).unwrap_or(i64::MAX)
}
