//! Ending a load that an operator stopped before the warehouse had it.

use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::statement::StatementKind;
use longshore_store::{Claim, Load};

use super::{ObjectOutcome, ProcessObject};
use crate::finish::{CANCELLED, FinishStatement, cancelled_by_hand};
use crate::plan::LoadPlan;
use crate::submit::{give_up_attempt, newest};
use crate::{AppError, notify};

impl ProcessObject<'_> {
    /// Fails a load of which the warehouse has nothing; it is told like any failure. One that was handed over meanwhile stays
    /// as it is: then the warehouse says how it ends. Whoever has the preparing lease is the only one that could hand it over.
    pub(crate) async fn end_unsent(&self, load: LoadId) -> Result<(), AppError> {
        let lease = self.lease();
        let claim = self
            .app
            .store
            .claim_again(load, &lease, self.app.clock.now())
            .await?;
        let load = match claim {
            Some(Claim::New(load) | Claim::Resumed(load)) => load,
            Some(Claim::Busy { load, owner, .. }) => {
                return Err(AppError::PreparedElsewhere { load: load.id, owner });
            }
            Some(Claim::Done(_)) | None => return Ok(()),
        };
        let id = load.id;
        let ended = self.end_claimed(load).await;
        self.app.store.release(id, self.actor()).await?;
        if ended?.is_some() {
            notify::send_pending(self.app, id, self.actor()).await?;
            self.settle_files_of(id).await;
        }
        Ok(())
    }

    async fn end_claimed(&self, load: Load) -> Result<Option<ObjectOutcome>, AppError> {
        let is_ours = matches!(load.state, LoadState::Prepared | LoadState::Queued);
        if !is_ours || self.is_handed_over(&load).await? {
            return Ok(None);
        }
        let sentence = cancelled_by_hand(self.app, load.id).await?.unwrap_or_default();
        self.fail(load.id, CANCELLED, sentence).await.map(Some)
    }

    /// Whether the warehouse has a statement of the load, or may have one. An attempt of which it knows nothing is over.
    async fn is_handed_over(&self, load: &Load) -> Result<bool, AppError> {
        let statements = self.app.store.statements(load.id).await?;
        let Some(newest) = newest(&statements, StatementKind::Load).filter(|it| it.finished_at.is_none())
        else {
            return Ok(false);
        };
        if newest.statement_id.is_some() {
            return Ok(true);
        }
        let plan = LoadPlan::of(load)?;
        let name = &newest.statement_name;
        if self.app.warehouse.find(&plan.warehouse, name).await?.is_some() {
            return Ok(true);
        }
        let finish = FinishStatement {
            app: self.app,
            invocation: self.invocation,
        };
        if finish.may_have_arrived(load, newest).await?.is_some() {
            return Ok(true);
        }
        give_up_attempt(self.app, &newest.as_attempt()).await?;
        Ok(false)
    }
}
