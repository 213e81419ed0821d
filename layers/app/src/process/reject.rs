//! Putting a refused file away and telling about it.

use longshore_domain::archive::ArchiveShelf;
use longshore_domain::load::LoadState;
use longshore_domain::notification::Outcome;
use longshore_domain::reject::RejectedFile;
use longshore_store::{AuditStatus, Load};

use super::{ObjectOutcome, ProcessObject};
use crate::{AppError, archive};

impl ProcessObject<'_> {
    /// Moves the file where its sender's mistakes go, writes the audit row when the feed is known, and queues one message.
    pub(super) async fn conclude_rejection(&self, load: Load) -> Result<ObjectOutcome, AppError> {
        // Whoever else worked on it may have come further; then there is nothing to refuse.
        let Some(reason) = load.reject.clone().filter(|_| load.state == LoadState::Rejected) else {
            return Ok(ObjectOutcome::AlreadyDone {
                load_id: load.id,
                state: load.state,
            });
        };
        let archived_key = match reason.file() {
            RejectedFile::MovesToError => {
                archive::put_away(self.app, &load, ArchiveShelf::Error, self.invocation.deadline)
                    .await?
                    .key()
            }
            RejectedFile::Stays => None,
        };
        let load = self
            .conclude(load, archived_key, AuditStatus::Failed, Outcome::Rejected)
            .await?;
        Ok(ObjectOutcome::Rejected {
            load_id: load.id,
            code: reason.code().to_owned(),
        })
    }
}
