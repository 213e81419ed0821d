//! Loads that an operator stopped.

use longshore_domain::load::LoadId;
use longshore_domain::statement::{Attempt, StatementKind};
use longshore_store::{Claim, Lease, LeaseStep, Load, LoadFailure, Operation, OperationKind};

use super::FinishStatement;
use crate::{AppError, notify};

/// The stable word for it.
pub(super) const CANCELLED: &str = "cancelled";

impl FinishStatement<'_> {
    /// Who stopped the load and why, if somebody did.
    pub(super) async fn cancelled_by_hand(&self, load: LoadId) -> Result<Option<String>, AppError> {
        let operations = self.app.store.operations(load).await?;
        let cancel = operations
            .iter()
            .rfind(|done| done.operation == OperationKind::Cancel);
        Ok(cancel.map(sentence))
    }

    /// Ends a load of which nothing was ever handed over: it failed, and is told like any failure. One that was handed over
    /// meanwhile stays as it is.
    pub(crate) async fn end_unsent(&self, load: Load) -> Result<Load, AppError> {
        let id = load.id;
        let load = match self.claim_unsent(&load).await? {
            Claim::New(load) | Claim::Resumed(load) => load,
            Claim::Busy { load, owner, .. } => {
                return Err(AppError::PreparedElsewhere { load: load.id, owner });
            }
            Claim::Done(load) => return Ok(load),
        };
        let ended = self.end_claimed(load).await;
        self.app.store.release(id, self.actor()).await?;
        let load = ended?;
        notify::send_pending(self.app, id, self.actor()).await?;
        Ok(load)
    }

    /// The preparing function's own lease: whoever has it is the only one that could hand the load over.
    async fn claim_unsent(&self, load: &Load) -> Result<Claim, AppError> {
        let lease = Lease {
            owner: self.invocation.request_id.clone(),
            step: LeaseStep::Prepare,
            until: self.invocation.deadline,
        };
        let now = self.app.clock.now();
        let claim = self.app.store.claim_again(load.id, &lease, now).await?;
        claim.ok_or_else(|| AppError::Inconsistent {
            load: load.id,
            what: "it is gone from the ledger".to_owned(),
        })
    }

    async fn end_claimed(&self, load: Load) -> Result<Load, AppError> {
        // It was handed over just before the claim; then the warehouse says how it ends.
        if !self.app.store.statements(load.id).await?.is_empty() {
            return Ok(load);
        }
        let failure = LoadFailure {
            code: CANCELLED.to_owned(),
            error: self.cancelled_by_hand(load.id).await?.unwrap_or_default(),
            rows_rejected: None,
        };
        let now = self.app.clock.now();
        let moved = self
            .app
            .store
            .mark_failed(load.id, &failure, now, self.actor())
            .await?;
        let attempt = Attempt {
            load: load.id,
            kind: StatementKind::Load,
            number: 1,
        };
        self.settle_load(moved.into_load(), &attempt, "").await
    }
}

fn sentence(cancel: &Operation) -> String {
    format!("{} cancelled it: {}", cancel.operator, cancel.reason)
}
