//! What keeps a load from going round for ever: it is not taken up before it is due, and invocations that die or run out of
//! time over it are counted.

use chrono::TimeDelta;
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::object::Object;
use longshore_domain::reject::RejectReason;
use longshore_store::{Load, LoadFailure};
use tracing::{info, warn};

use super::{ObjectOutcome, ProcessObject};
use crate::finish::FinishStatement;
use crate::prepare::{Pace, Progress};
use crate::{AppError, submit};

/// So many invocations may die over a load in one state. Bad weather kills several in a row, a file that is too much kills all.
const MOST_DEATHS: u32 = 10;
/// So many may run out of time over its preparation.
const MOST_HANDOVERS: u32 = 3;
/// With less time than this left nothing is begun.
const LEAST_TIME: TimeDelta = TimeDelta::seconds(20);

impl ProcessObject<'_> {
    /// A claim is not even made when the time is nearly over: whoever is told to come again has all of it.
    pub(super) fn has_time_left(&self, object: &Object) -> Result<(), AppError> {
        if self.may_begin() {
            return Ok(());
        }
        Err(AppError::OutOfTime { url: object.url() })
    }

    pub(super) fn may_begin(&self) -> bool {
        self.invocation.deadline - self.app.clock.now() >= LEAST_TIME
    }

    pub(super) fn pace(&self) -> Pace {
        Pace::from(self.app.clock.now(), self.invocation.deadline)
    }

    /// Stops a load that waits, and one that invocation after invocation died over.
    pub(super) async fn gate(&self, load: &Load) -> Result<Option<ObjectOutcome>, AppError> {
        let now = self.app.clock.now();
        if let Some(until) = load.due_at.filter(|due_at| *due_at > now) {
            return Ok(Some(ObjectOutcome::Waiting {
                load_id: load.id,
                until,
            }));
        }
        if load.deaths < MOST_DEATHS {
            return Ok(None);
        }
        self.worn_out(load).await
    }

    async fn worn_out(&self, load: &Load) -> Result<Option<ObjectOutcome>, AppError> {
        let deaths = load.deaths;
        match load.state {
            LoadState::Received => {
                let reason = RejectReason::WornOut { deaths };
                self.reject(load.clone(), reason).await.map(Some)
            }
            // One of them may have died over the answer.
            LoadState::Queued if submit::has_arrived_unanswered(self.app, load, self.actor()).await? => {
                Ok(Some(ObjectOutcome::Submitted { load_id: load.id }))
            }
            LoadState::Prepared | LoadState::Queued => {
                let error = format!(
                    "{deaths} invocations died while they submitted the load; look for its id in their logs, then: longshore load \
                     replay {} --why TEXT",
                    load.id
                );
                self.fail(load.id, "worn_out", error).await.map(Some)
            }
            // Its outcome is on record: there is nothing to give up, only to finish.
            LoadState::Rejected
            | LoadState::Split
            | LoadState::Delivering
            | LoadState::Batched
            | LoadState::Skipped
            | LoadState::Failed
            | LoadState::Submitted
            | LoadState::Loaded
            | LoadState::Transforming
            | LoadState::Complete
            | LoadState::TransformFailed => Ok(None),
        }
    }

    /// The preparation cannot be finished in the time that is left: another invocation begins it anew, with all of its own
    /// time. When several could not, none will.
    pub(super) async fn hand_over(&self, load: Load, progress: &Progress) -> Result<ObjectOutcome, AppError> {
        let invocations = load.handovers + 1;
        if invocations < MOST_HANDOVERS {
            return Err(AppError::OutOfTime {
                url: load.object.url(),
            });
        }
        let reason = RejectReason::TooLongToPrepare {
            invocations,
            read_bytes: progress.read_bytes,
            size_bytes: progress.size_bytes,
            seconds: progress.took.as_secs(),
        };
        self.reject(load, reason).await
    }

    /// Lets go of a load, also when it could not be carried on: whoever tries next need not wait for the lease to run out.
    pub(super) async fn let_go(
        &self,
        load: LoadId,
        outcome: &Result<ObjectOutcome, AppError>,
    ) -> Result<(), AppError> {
        if let Err(AppError::OutOfTime { url }) = outcome {
            warn!("handed {url} over to the next invocation: the time is over");
            let now = self.app.clock.now();
            self.app.store.hand_over(load, self.actor(), now).await?;
        } else {
            self.app.store.release(load, self.actor()).await?;
        }
        Ok(())
    }

    /// Fails a load that never came as far as the warehouse, or that the service does not take.
    pub(super) async fn fail(
        &self,
        load: LoadId,
        code: &str,
        error: String,
    ) -> Result<ObjectOutcome, AppError> {
        let failure = LoadFailure {
            code: code.to_owned(),
            error,
            rows_rejected: None,
        };
        let moved = self
            .app
            .store
            .mark_failed(load, &failure, self.app.clock.now(), self.actor())
            .await?;
        let load = moved.into_load();
        info!(code, "failed to load {}", load.object.key);
        Box::pin(self.conclude_failure(load)).await
    }

    pub(super) async fn conclude_failure(&self, load: Load) -> Result<ObjectOutcome, AppError> {
        let finish = FinishStatement {
            app: self.app,
            invocation: self.invocation,
        };
        let load = finish.conclude_unsent(load).await?;
        Ok(ObjectOutcome::Failed { load_id: load.id })
    }
}
