//! Whoever ends a load transaction lets in the next one that waits for a place at its table.

use longshore_domain::statement::Attempt;
use tracing::warn;

use super::FinishStatement;
use crate::AppError;
use crate::error::with_causes;

impl FinishStatement<'_> {
    /// Submits the load that came first of those that wait. A trouble with it is none of the load's that ended, and the
    /// reconciler lets in whom nobody let in.
    pub(super) async fn let_next_in(&self, ended: &Attempt) {
        if let Err(error) = self.submit_next(ended).await {
            warn!(
                "could not carry on the load that waits for {}: {}",
                ended.load,
                with_causes(&error)
            );
        }
    }

    async fn submit_next(&self, ended: &Attempt) -> Result<(), AppError> {
        let store = &self.app.store;
        let Some(next) = store.let_next_in(ended, self.app.clock.now()).await? else {
            return Ok(());
        };
        match store.load(next).await? {
            Some(load) => self.process().carry_on_again(load).await,
            None => Ok(()),
        }
    }
}
