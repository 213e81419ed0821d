//! Putting a refused file away and telling about it.

use longshore_domain::archive::ArchiveShelf;
use longshore_domain::notification::Outcome;
use longshore_domain::reject::RejectedFile;
use longshore_store::{AuditStatus, Conclusion, Load};

use super::{ObjectOutcome, ProcessObject};
use crate::{AppError, archive, audit, notify};

impl ProcessObject<'_> {
    /// Moves the file where its sender's mistakes go, writes the audit row when the feed is known, and queues one message.
    pub(super) async fn conclude_rejection(&self, load: Load) -> Result<ObjectOutcome, AppError> {
        let archived = match load
            .reject
            .as_ref()
            .map(longshore_domain::reject::RejectReason::file)
        {
            Some(RejectedFile::MovesToError) => {
                archive::put_away(self.app, &load, ArchiveShelf::Error).await?
            }
            Some(RejectedFile::Stays) | None => None,
        };
        archive::clear_work(self.app, &load).await?;
        let load = Load {
            archived_key: archived,
            ..load
        };
        let conclusion = Conclusion {
            audit: audit::row(self.app, &load, AuditStatus::Failed, None).await?,
            notices: vec![notify::notice(self.app, &load, Outcome::Rejected)],
            next: None,
        };
        self.app
            .store
            .conclude(load.id, &conclusion, self.app.clock.now(), self.actor())
            .await?;
        Ok(ObjectOutcome::Rejected {
            load_id: load.id,
            code: load.error_code.unwrap_or_default(),
        })
    }
}
