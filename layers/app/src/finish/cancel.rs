//! Loads that an operator stopped.

use longshore_domain::load::LoadId;
use longshore_store::{Load, Operation, OperationKind, Statement};

use super::FinishStatement;
use crate::plan::LoadPlan;
use crate::submit::REMEMBERED;
use crate::{App, AppError};

/// The stable word for it.
pub(crate) const CANCELLED: &str = "cancelled";

/// Who stopped the load and why, if somebody did.
pub(crate) async fn cancelled_by_hand(app: &App, load: LoadId) -> Result<Option<String>, AppError> {
    let operations = app.store.operations(load).await?;
    let cancel = operations
        .iter()
        .rfind(|done| done.operation == OperationKind::Cancel);
    Ok(cancel.map(sentence))
}

impl FinishStatement<'_> {
    /// Why an attempt that the service shows no statement of may be in the warehouse all the same: its call was not answered, and a
    /// statement is shown to the role that ran it alone, and for a day. Afterwards the marker says.
    pub(crate) async fn may_have_arrived(
        &self,
        load: &Load,
        attempt: &Statement,
    ) -> Result<Option<&'static str>, AppError> {
        if attempt.refused_at.is_some() {
            return Ok(None);
        }
        if self.app.clock.now() - attempt.recorded_at < REMEMBERED {
            return Ok(Some(
                "the answer to its submission was lost, so the warehouse may have it: the functions ask for it again within \
                 minutes, or once its warehouse is no longer paused; then stop it",
            ));
        }
        let plan = LoadPlan::of(load)?;
        let is_there = self.rows_by_marker(load, &plan).await?.is_some();
        Ok(is_there.then_some("its rows are in the warehouse; that is on record within minutes"))
    }
}

fn sentence(cancel: &Operation) -> String {
    format!("{} cancelled it: {}", cancel.operator, cancel.reason)
}
