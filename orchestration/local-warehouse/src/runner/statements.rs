//! The texts of a statement, one after the other, each in the transaction that it belongs to.

use std::sync::Arc;
use std::time::Instant;

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::Run;
use super::outcome::{failed, finished, nanos};
use crate::engine::{Executed, Session, StatementError, Wish};
use crate::opening::Opening;
use crate::sql::{self, StatementKind};
use crate::store::{self, SubOutcome};

/// What a batch commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ExecutionMode {
    /// All of it or nothing.
    Transaction,
    /// Each statement on its own, whether others fail or not.
    AutoCommit,
}

impl Run {
    /// Runs every text; the first failure ends it.
    pub(super) async fn statements(
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

    /// Whether a procedure wanted to COMMIT, or its handler to take back the transaction, which they may where no batch holds it.
    fn is_commit_of_a_procedure(&self, error: &StatementError) -> bool {
        let is_free = !self.submission.is_batch || self.mode() == ExecutionMode::AutoCommit;
        is_free
            && (error.wish == Some(Wish::NoTransaction)
                || error.state == Some(SqlState::INVALID_TRANSACTION_TERMINATION))
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
