//! VACUUM and ANALYZE after loads that deleted many rows: statements of their own, tracked, and never in anybody's way.
//!
//! They are queued with the load's end, vacuum first. Redshift runs one VACUUM at a time and fails a second one, so in each
//! warehouse one is submitted and the others wait; the store sees to that. A lost answer is no matter: the same attempt has the
//! same token. What fails is tried a few times and then left: nothing but the table's speed depends on it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use longshore_copy::snapshot as sql;
use longshore_domain::retry;
use longshore_domain::statement::LoadStep;
use longshore_store::{Load, Maintenance, MaintenanceKind, MaintenanceState};
use tracing::{info, warn};
use uuid::Uuid;

use crate::error::with_causes;
use crate::plan::LoadPlan;
use crate::ports::{StatementReport, StatementRun, Submission, SubmissionSql, WarehouseError};
use crate::submit::REMEMBERED;
use crate::{App, AppError};

/// One that is taken is nobody else's for so long.
const HELD: TimeDelta = TimeDelta::minutes(2);
/// What is under way is asked about so often.
const LOOK_EVERY: TimeDelta = TimeDelta::seconds(20);
/// Tries at one statement.
const MOST_ATTEMPTS: u32 = 5;
/// Begins the names of these statements. Not with the prefix of a load's: no event of them concerns a load.
const STATEMENT_PREFIX: &str = "longshore-maintenance";

/// Leaves the table of a load to be put in order, when it deleted as many rows as its rule says.
pub(crate) async fn queue(
    app: &App,
    load: &Load,
    plan: &LoadPlan,
    report: &StatementReport,
) -> Result<(), AppError> {
    let Some(enough) = plan.vacuum_rows else {
        return Ok(());
    };
    let deleted = plan.steps.iter().zip(&report.steps);
    let deleted = deleted.filter(|(step, _)| **step == LoadStep::Replace);
    let deleted: u64 = deleted.filter_map(|(_, report)| report.rows).sum();
    if deleted < enough {
        return Ok(());
    }
    info!(
        "load {} deleted {deleted} rows of {}; queued VACUUM and ANALYZE",
        load.id, plan.table
    );
    let place = (&plan.warehouse, &plan.table);
    Ok(app
        .store
        .queue_maintenance(load.id, place, deleted, app.clock.now())
        .await?)
}

/// Carries on what is queued and what is under way.
#[derive(Clone, Copy)]
pub struct Maintain<'a> {
    /// What to work with.
    pub app: &'a App,
}

impl Maintain<'_> {
    /// Takes one step with each statement whose turn it is, at most `limit` of them. Gives how many there were.
    ///
    /// # Errors
    /// Only those of the control database: what the warehouse answers is on record with the statement.
    pub async fn run(&self, limit: u32) -> Result<u32, AppError> {
        for taken in 0..limit {
            let now = self.app.clock.now();
            let Some(next) = self.app.store.take_maintenance(now, now + HELD).await? else {
                return Ok(taken);
            };
            match next.state {
                MaintenanceState::Queued => self.begin(next).await?,
                MaintenanceState::Submitted => self.look(next).await?,
                MaintenanceState::Finished | MaintenanceState::Failed => {}
            }
        }
        Ok(limit)
    }

    async fn begin(&self, next: Maintenance) -> Result<(), AppError> {
        let now = self.app.clock.now();
        match self
            .app
            .store
            .submit_maintenance(next.id, now, now + HELD)
            .await?
        {
            Some(attempt) => self.send(&Maintenance { attempt, ..next }).await,
            // Another vacuum runs there by now.
            None => Ok(()),
        }
    }

    async fn send(&self, next: &Maintenance) -> Result<(), AppError> {
        let statement = match next.kind {
            MaintenanceKind::Vacuum => sql::vacuum(&next.table),
            MaintenanceKind::Analyze => sql::analyze(&next.table),
        };
        let name = format!(
            "{STATEMENT_PREFIX}/{}/{}/{}",
            next.load,
            next.kind.as_str(),
            next.attempt
        );
        let submission = Submission {
            client_token: token(&name),
            name,
            sql: SubmissionSql::Single(statement.map_err(|error| AppError::Engine(error.into()))?),
            sealed: None,
        };
        match self.app.warehouse.submit(&next.warehouse, &submission).await {
            Ok(statement_id) => {
                let look_at = self.app.clock.now() + TimeDelta::seconds(1);
                Ok(self
                    .app
                    .store
                    .record_maintenance(next.id, next.attempt, &statement_id, look_at)
                    .await?)
            }
            // Whether it took effect is not known: the token of this attempt tells, when it is held no more.
            Err(WarehouseError::Unavailable { .. }) if next.attempt < MOST_ATTEMPTS => Ok(()),
            Err(error) => self.failed(next, &with_causes(&error)).await,
        }
    }

    /// Asks how a statement that is under way stands.
    async fn look(&self, next: Maintenance) -> Result<(), AppError> {
        let Some(statement_id) = &next.statement_id else {
            // Its worker died, or the answer was lost: the same token brings the same statement.
            return self.send(&next).await;
        };
        match self.app.warehouse.describe(statement_id).await {
            Ok(report) => match report.run {
                StatementRun::Running => {
                    let look_at = self.app.clock.now() + LOOK_EVERY;
                    Ok(self
                        .app
                        .store
                        .record_maintenance(next.id, next.attempt, statement_id, look_at)
                        .await?)
                }
                StatementRun::Finished => {
                    info!("{} of {} is done", next.kind.as_str(), next.table);
                    Ok(self
                        .app
                        .store
                        .finish_maintenance(next.id, None, self.app.clock.now())
                        .await?)
                }
                StatementRun::Failed | StatementRun::Aborted => {
                    let error = report.error.unwrap_or_else(|| "it was cancelled".to_owned());
                    self.failed(&next, &error).await
                }
            },
            // Only the role that ran it may ask, and only for a day. One that nobody knows is not run twice on a guess.
            Err(error @ WarehouseError::UnknownStatement { .. }) if self.is_forgotten(&next) => Ok(self
                .app
                .store
                .finish_maintenance(next.id, Some(&with_causes(&error)), self.app.clock.now())
                .await?),
            // Whoever takes it next asks again.
            Err(error) => {
                warn!(
                    "could not ask about {} of {}: {}",
                    next.kind.as_str(),
                    next.table,
                    with_causes(&error)
                );
                Ok(())
            }
        }
    }

    fn is_forgotten(&self, next: &Maintenance) -> bool {
        let since = next.submitted_at.unwrap_or(DateTime::<Utc>::UNIX_EPOCH);
        self.app.clock.now() - since > REMEMBERED
    }

    async fn failed(&self, next: &Maintenance, error: &str) -> Result<(), AppError> {
        let now = self.app.clock.now();
        warn!("{} of {} failed: {error}", next.kind.as_str(), next.table);
        if next.attempt >= MOST_ATTEMPTS {
            return Ok(self
                .app
                .store
                .finish_maintenance(next.id, Some(error), now)
                .await?);
        }
        let wait: Duration = retry::delay(next.load, next.attempt);
        let due_at = now + TimeDelta::from_std(wait).unwrap_or(HELD);
        Ok(self
            .app
            .store
            .postpone_maintenance(next.id, error, due_at)
            .await?)
    }
}

/// The same attempt always has the same one.
fn token(name: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()).to_string()
}
