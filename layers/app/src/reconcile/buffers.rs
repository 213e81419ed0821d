//! Batches that are due: their buffer is full, the first of their files has waited long enough, or somebody wants them made.

use tracing::warn;

use super::{Reconcile, ReconcileReport, Slice, unless_of_the_store};
use crate::AppError;
use crate::process::ProcessObject;

impl Reconcile<'_> {
    /// Makes every batch that is due and hands it over. A buffer of which none can be made keeps no other waiting.
    pub(super) async fn make_batches(
        &self,
        slice: &Slice,
        report: &mut ReconcileReport,
    ) -> Result<(), AppError> {
        let process = ProcessObject {
            app: self.app,
            invocation: self.invocation,
        };
        let now = self.app.clock.now();
        let mut due = self.app.store.buffers_due(now).await?;
        // Whether a set is whole only its rules say, so each that waits is looked at.
        due.extend(self.app.store.waiting_sets(None).await?.iter().map(|set| set.id));
        for buffer in due {
            if self.is_over(slice) {
                break;
            }
            match unless_of_the_store(Box::pin(process.flush(buffer, slice.ends)).await)? {
                Ok(made) => report.batches_made += made,
                Err(problem) => {
                    warn!("could not make what is due of buffer {buffer}: {problem}");
                    report.buffers_failed.push((buffer, problem));
                }
            }
        }
        Ok(())
    }
}
