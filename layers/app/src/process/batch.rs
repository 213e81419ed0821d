//! Gathering files for a batch, and handing batches over.

use chrono::{DateTime, Utc};
use longshore_domain::rule::{BatchPolicy, RuleRow};
use longshore_store::{BufferId, Load};
use tracing::{info, warn};

use super::{ObjectOutcome, ProcessObject, ToGo};
use crate::batch::Making;
use crate::error::with_causes;
use crate::prepare::Copyable;
use crate::{AppError, batch, group};

impl ProcessObject<'_> {
    /// Puts a prepared file where it waits for others. What would keep it from being loaded alone would spoil a batch: that is
    /// looked for here, while it is the file's own affair.
    pub(super) async fn gather(
        &self,
        load: Load,
        row: &RuleRow,
        copyable: Copyable,
        policy: &BatchPolicy,
    ) -> Result<ObjectOutcome, AppError> {
        let ToGo { load, table, .. } = match Box::pin(self.plan_for_tables(load, &copyable, &[])).await? {
            Ok(to_go) => to_go,
            Err(outcome) => return Ok(outcome),
        };
        let joining = batch::joining(self.app, &load, row, &copyable, policy, self.worked_on(&load))?;
        let now = self.app.clock.now();
        self.app
            .store
            .join_buffer(load.id, &joining, now, self.actor())
            .await?;
        info!("{} waits for a batch for {table}", load.object.key);
        Ok(ObjectOutcome::Batched {
            load_id: load.id,
            buffer_id: joining.buffer,
        })
    }

    /// Makes the batches that are due of a buffer, now that a file joined it. The file is safe where it is: when this fails the
    /// reconciler does it.
    pub(super) async fn flush_after(&self, outcome: &ObjectOutcome) {
        let ObjectOutcome::Batched { buffer_id, .. } = outcome else {
            return;
        };
        if let Err(error) = Box::pin(self.flush(*buffer_id, self.invocation.deadline)).await {
            warn!(
                "could not hand over what is due of buffer {buffer_id}: {}",
                with_causes(&error)
            );
        }
    }

    /// Makes batches of all that is due of a buffer, and hands them over, each that can be begun before a moment. Gives how many,
    /// including those that are to be tried again.
    pub(crate) async fn flush(&self, buffer: BufferId, until: DateTime<Utc>) -> Result<usize, AppError> {
        let mut made = 0;
        while self.may_begin() && self.app.clock.now() < until {
            let making = match Box::pin(group::make_if_set(self.app, buffer, self.actor())).await? {
                Some(making) => making,
                None => batch::make(self.app, buffer, self.actor()).await?,
            };
            let load = match making {
                Making::Made(batch) => {
                    made += 1;
                    batch
                }
                Making::Left(load) => load,
                Making::Overtaken => continue,
                Making::Nothing => break,
            };
            match Box::pin(self.resume(load)).await {
                // Whoever has it hands it over.
                Ok(_) | Err(AppError::PreparedElsewhere { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(made)
    }
}
