//! Putting on record how a file ended that the warehouse never saw as a whole: refused, skipped, or split.

use longshore_domain::notification::Outcome;
use longshore_domain::object::ObjectKey;
use longshore_store::{AuditStatus, Conclusion, Load};

use super::ProcessObject;
use crate::{AppError, archive, audit, notify};

impl ProcessObject<'_> {
    /// Writes the outcome, its audit row and its message in one transaction, once. Gives the load as it is told.
    pub(super) async fn conclude(
        &self,
        load: Load,
        archived_key: Option<ObjectKey>,
        status: AuditStatus,
        outcome: Outcome,
    ) -> Result<Load, AppError> {
        // The parts of a split file are read until they are loaded.
        if outcome != Outcome::Split {
            archive::clear_leftovers(self.app, &load).await?;
        }
        let load = Load { archived_key, ..load };
        let notices = match load.superseded_by {
            Some(_) => vec![],
            None => vec![notify::notice(self.app, &load, outcome).await?],
        };
        let conclusion = Conclusion {
            audit: audit::row(self.app, &load, status, None).await?,
            notices,
            archived_key: load.archived_key.clone(),
            ..Conclusion::default()
        };
        self.app
            .store
            .conclude(load.id, &conclusion, self.app.clock.now(), self.actor())
            .await?;
        Ok(load)
    }
}
