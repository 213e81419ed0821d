//! What an invocation that died held beside the load that it was about: its repetition takes it up.

use longshore_domain::load::LoadId;
use tracing::warn;

use super::ProcessObject;
use crate::AppError;
use crate::error::with_causes;

impl ProcessObject<'_> {
    /// Carries on what this invocation held when it died, beside a load that it had moved on: the batch that it made, who came next
    /// at a table, the file whose last delivery it ended. It is told by its request id, and nobody else may take them up before its
    /// lease is over. When this fails the reconciler does it.
    pub(crate) async fn take_up_held_beside(&self, load: LoadId) {
        let held = match self.app.store.held_beside(load, self.actor()).await {
            Ok(held) => held,
            Err(error) => {
                warn!(
                    "could not look for what a try that died held beside {load}: {}",
                    with_causes(&error)
                );
                return;
            }
        };
        for held in held {
            if let Err(error) = self.take_up_held(held).await {
                warn!(
                    "could not carry on load {held}, which a try that died held: {}",
                    with_causes(&error)
                );
            }
        }
    }

    async fn take_up_held(&self, held: LoadId) -> Result<(), AppError> {
        let Some(load) = self.app.store.load(held).await? else {
            return Ok(());
        };
        warn!("takes up load {held}, over which a try of this invocation died");
        let carried_on = self.carry_on_again(load).await;
        // It may have been handed over already: then nobody has it but the lease.
        self.app.store.release(held, self.actor()).await?;
        carried_on
    }
}
