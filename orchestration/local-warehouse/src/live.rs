//! Statements that are under way in this process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use chrono::{DateTime, Utc};
use tokio::sync::{Semaphore, SemaphorePermit, watch};

/// Calls with WaitTimeSeconds that may wait for the same statement; AWS publishes no number.
pub(crate) const MOST_WAITING: usize = 500;

/// A statement's state as far as it is not in the database yet.
#[derive(Debug)]
pub(crate) struct Live {
    progress: Mutex<Progress>,
    cancelled: watch::Sender<bool>,
    ended: watch::Sender<bool>,
    /// One permit per call that waits for its end.
    waiting: Semaphore,
}

/// How far it has come.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    /// SUBMITTED, PICKED or STARTED.
    pub(crate) status: &'static str,
    /// The backend that works on it.
    pub(crate) process_id: i32,
    /// The state of each statement of it.
    pub(crate) sub_statements: HashMap<usize, &'static str>,
    /// When it was picked up.
    pub(crate) started: Option<Instant>,
    /// When this last changed.
    pub(crate) updated_at: DateTime<Utc>,
}

impl Live {
    /// A statement that waits for its turn.
    pub(crate) fn new() -> Self {
        Self {
            progress: Mutex::new(Progress {
                status: "SUBMITTED",
                process_id: 0,
                sub_statements: HashMap::new(),
                started: None,
                updated_at: Utc::now(),
            }),
            cancelled: watch::Sender::new(false),
            ended: watch::Sender::new(false),
            waiting: Semaphore::new(MOST_WAITING),
        }
    }

    /// What a caller may be told now.
    pub(crate) fn progress(&self) -> Progress {
        self.progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Notes that a backend works on it.
    pub(crate) fn start(&self, process_id: i32) {
        self.update(|progress| {
            progress.status = "STARTED";
            progress.process_id = process_id;
            progress.started = Some(Instant::now());
        });
    }

    /// Notes the state of one statement of a batch.
    pub(crate) fn mark(&self, index: usize, status: &'static str) {
        self.update(|progress| {
            progress.sub_statements.insert(index, status);
        });
    }

    /// Asks it to stop.
    pub(crate) fn cancel(&self) {
        self.cancelled.send_replace(true);
    }

    /// Whether it was asked to stop.
    pub(crate) fn is_cancelled(&self) -> bool {
        *self.cancelled.borrow()
    }

    /// Returns once it is asked to stop.
    pub(crate) async fn until_cancelled(&self) {
        // The sender lives as long as self, so waiting cannot fail.
        if self
            .cancelled
            .subscribe()
            .wait_for(|cancelled| *cancelled)
            .await
            .is_err()
        {
            std::future::pending::<()>().await;
        }
    }

    /// Lets one more call wait for its end until the permit is dropped; None when [`MOST_WAITING`] do.
    pub(crate) fn wait_in_line(&self) -> Option<SemaphorePermit<'_>> {
        self.waiting.try_acquire().ok()
    }

    /// Notes that its outcome is in the database.
    pub(crate) fn end(&self) {
        self.ended.send_replace(true);
    }

    /// Returns once its outcome is in the database.
    pub(crate) async fn until_ended(&self) {
        if self.ended.subscribe().wait_for(|ended| *ended).await.is_err() {
            tracing::debug!("a statement was dropped while somebody waited for it");
        }
    }

    fn update(&self, change: impl FnOnce(&mut Progress)) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut progress);
        progress.updated_at = Utc::now();
    }
}
