//! Ending a load in silence whose file was replaced while it waited: the file in its place has a load of its own.
//!
//! COPY reads a key, not a version. What waited for its rule, for a paused warehouse or for a place at its table would bring the rows
//! of its successor, which come again with that one's own load; or it would be told as a failure, of a file that nobody misses.

use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::reject::RejectReason;
use longshore_domain::statement::StatementKind;
use longshore_store::{Load, StatementOutcome};
use tracing::info;

use super::{ObjectOutcome, ProcessObject};
use crate::submit::newest;
use crate::{AppError, superseded};

impl ProcessObject<'_> {
    /// Ends a load that is taken up again, if a later file lies where its own did. `None`: it goes on.
    pub(super) async fn end_if_replaced(&self, load: &Load) -> Result<Option<ObjectOutcome>, AppError> {
        // What is read is a copy, which nobody replaces.
        if load.prepared || load.read_key.is_some() {
            return Ok(None);
        }
        let Some(by) = superseded::successor(self.app, load).await? else {
            return Ok(None);
        };
        if self.is_there(&load.object).await? || !self.is_unsent(load).await? {
            return Ok(None);
        }
        self.end_superseded(load, by).await
    }

    /// Refuses a file; but if it is gone since a later one lies in its place, its load ends in silence.
    pub(super) async fn reject_unless_replaced(
        &self,
        load: Load,
        reason: RejectReason,
    ) -> Result<ObjectOutcome, AppError> {
        if reason == RejectReason::ObjectGone
            && let Some(by) = superseded::successor(self.app, &load).await?
            && let Some(outcome) = self.end_superseded(&load, by).await?
        {
            return Ok(outcome);
        }
        self.reject(load, reason).await
    }

    /// Whether the warehouse has nothing of a load for certain. An attempt whose every call was refused is over.
    async fn is_unsent(&self, load: &Load) -> Result<bool, AppError> {
        if load.state == LoadState::Received {
            return Ok(true);
        }
        let statements = self.app.store.statements(load.id).await?;
        let Some(open) = newest(&statements, StatementKind::Load).filter(|it| it.finished_at.is_none())
        else {
            return Ok(true);
        };
        if open.refused_at.is_none() {
            return Ok(false);
        }
        let end =
            StatementOutcome::of_the_unknown(None, "every call of it was refused, and its file is gone");
        let now = self.app.clock.now();
        self.app
            .store
            .finish_statement(&open.as_attempt(), &end, now)
            .await?;
        Ok(true)
    }

    /// `None` when somebody else brought it further, or may have.
    async fn end_superseded(&self, load: &Load, by: LoadId) -> Result<Option<ObjectOutcome>, AppError> {
        let note = superseded::replaced_by(by);
        let now = self.app.clock.now();
        let moved = self
            .app
            .store
            .mark_superseded(load.id, by, &note, now, self.actor())
            .await?;
        if !moved.has_moved() {
            return Ok(None);
        }
        info!("skipped {}: {note}", load.object.key);
        Box::pin(self.conclude_skip(moved.into_load())).await.map(Some)
    }
}
