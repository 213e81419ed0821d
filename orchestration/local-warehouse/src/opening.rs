//! The beginning of a transaction, before it has seen anything.
//!
//! Redshift takes a transaction's snapshot at its first query, and neither CALL nor LOCK is one: a procedure that locks first sees what was
//! committed while it waited (<https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html>). PostgreSQL takes it when it reads CALL.
//! So a procedure's leading LOCK (`sql::leading_locks` marks it) fails with the lock's text as long as the lock was not taken before the CALL;
//! we roll back, take it, and call again. Nothing is lost: only assignments and guards can stand before such a LOCK.

use crate::engine::{Executed, Session, StatementError, Wish};
use crate::sql::{Classified, StatementKind};

/// Locks that a procedure may take before its first query. A lock whose name is another one at every try would be asked for without end.
const MOST_LOCKS: usize = 32;

/// The statements of a transaction as long as none of them took its snapshot.
pub(crate) struct Opening {
    begin: &'static str,
    /// None once a snapshot was taken.
    statements: Option<Vec<String>>,
}

impl Opening {
    /// A transaction that was just begun.
    pub(crate) fn new(begin: &'static str) -> Self {
        Self {
            begin,
            statements: Some(Vec::new()),
        }
    }

    /// Another transaction was begun.
    pub(crate) fn begin_again(&mut self) {
        self.statements = Some(Vec::new());
    }

    /// Runs a statement of the transaction.
    pub(crate) async fn execute(
        &mut self,
        session: &Session<'_>,
        text: &str,
        classified: Option<Classified>,
    ) -> Result<Executed, StatementError> {
        let before = self.statements.take();
        match (before, classified) {
            (Some(before), Some(classified)) if classified.name == "CALL" => {
                self.call(session, &before, text).await
            }
            (Some(mut before), Some(classified)) if takes_no_snapshot(classified) => {
                let executed = session.execute(text).await;
                before.push(text.to_owned());
                self.statements = Some(before);
                executed
            }
            _ => session.execute(text).await,
        }
    }

    /// Calls a procedure until every lock that it takes before its first query was taken before the call.
    async fn call(
        &self,
        session: &Session<'_>,
        before: &[String],
        text: &str,
    ) -> Result<Executed, StatementError> {
        let mut locks: Vec<String> = Vec::new();
        loop {
            announce(session, &locks).await?;
            let executed = session.execute(text).await;
            let wish = executed.as_ref().err().and_then(|error| error.wish.clone());
            let Some(Wish::Lock(lock)) = wish else {
                if executed.is_ok() {
                    run(session, "SET LOCAL longshore.snapshot = ''").await?;
                }
                return executed;
            };
            if locks.len() == MOST_LOCKS {
                return Err(StatementError::new(format!(
                    "a procedure with more than {MOST_LOCKS} locks before its first query is not supported by the local warehouse"
                )));
            }
            locks.push(lock);
            run(session, "ROLLBACK").await?;
            run(session, self.begin).await?;
            for statement in before {
                session.execute(statement).await?;
            }
            for lock in &locks {
                run(session, lock).await?;
            }
        }
    }
}

fn takes_no_snapshot(classified: Classified) -> bool {
    classified.kind == StatementKind::Other && ["LOCK", "SET", "RESET"].contains(&classified.name)
}

/// Tells `longshore_local.lock_first` that the snapshot is not due yet, and which locks are there.
async fn announce(session: &Session<'_>, locks: &[String]) -> Result<(), StatementError> {
    let locks = locks.join("\n").replace('\\', "\\\\").replace('\'', "''");
    let text = format!("SET LOCAL longshore.snapshot = 'open'; SET LOCAL longshore.locked = '{locks}'");
    run(session, &text).await
}

async fn run(session: &Session<'_>, text: &str) -> Result<(), StatementError> {
    let ran = session.client.batch_execute(text).await;
    ran.map_err(|error| StatementError::of_database(&error))
}
