//! Snapshot rules whose time has come, and the telling of those that could not load.

use chrono::TimeDelta;
use futures_util::future::join_all;
use longshore_domain::notification::{FailedSnapshot, Outcome};
use longshore_domain::rule::RuleTopics;
use longshore_store::{SnapshotResult, SnapshotRunner, SnapshotStanding, UntoldSnapshot};
use tracing::{info, warn};

use super::report::SnapshotRun;
use super::{LAST_SECONDS, Reconcile, ReconcileReport, Slice};
use crate::AppError;
use crate::error::with_causes;
use crate::snapshot::ScheduledRun;

/// Tables at a time: most of a run is waiting for S3 and the warehouse.
const SIDE_BY_SIDE: usize = 4;
/// Failures told in one run.
const MOST_TOLD: u32 = 20;
/// A failure that could not be told is told again after this long.
const TELL_AGAIN: TimeDelta = TimeDelta::minutes(5);

impl Reconcile<'_> {
    /// Runs every table whose time has come, a few side by side; one that fails keeps none of the others from theirs. An error of
    /// the control database is the run's once all have ended: whoever is stopped halfway keeps what it holds.
    pub(super) async fn run_snapshots(
        &self,
        slice: &Slice,
        report: &mut ReconcileReport,
    ) -> Result<(), AppError> {
        let lanes = (0..SIDE_BY_SIDE).map(|lane| Box::pin(self.run_lane(lane, slice)));
        let mut all = Ok(());
        for (runs, lane) in join_all(lanes).await {
            report.snapshots.extend(runs);
            all = all.and(lane);
        }
        all.and(self.tell_failures(slice).await)
    }

    async fn run_lane(&self, lane: usize, slice: &Slice) -> (Vec<SnapshotRun>, Result<(), AppError>) {
        let runner = SnapshotRunner {
            owner: format!("{}/{lane}", self.actor()),
            until: self.invocation.deadline - LAST_SECONDS,
        };
        let (mut runs, mut broken) = (vec![], Ok(()));
        while !self.is_over(slice) {
            let taken = match self.app.store.take_snapshot(&runner, self.app.clock.now()).await {
                Ok(Some(taken)) => taken,
                Ok(None) => break,
                Err(error) => return (runs, broken.and(Err(error.into()))),
            };
            let run = ScheduledRun {
                app: self.app,
                invocation: self.invocation,
                runner: &runner,
                taken: &taken,
            };
            match run.run().await {
                Ok(Some(result)) => runs.push(self.told(&taken, &result)),
                Ok(None) => {}
                Err(error) => {
                    self.give_back(&taken, &runner, slice, &error).await;
                    broken = broken.and(Err(error));
                }
            }
        }
        (runs, broken)
    }

    /// The next run may begin the table again; this one goes on with the others. Should that not get through, the table is free
    /// when the runner's right ends.
    async fn give_back(
        &self,
        taken: &SnapshotStanding,
        runner: &SnapshotRunner,
        slice: &Slice,
        error: &AppError,
    ) {
        let (rule, table) = (taken.rule, &taken.table);
        warn!(
            "the run of rule {rule} for {table} broke off: {}",
            with_causes(error)
        );
        if let Err(error) = self.app.store.give_snapshot_back(taken, runner, slice.ends).await {
            warn!(
                "{table} of rule {rule} waits until {}: {}",
                runner.until,
                with_causes(&error)
            );
        }
    }

    fn told(&self, taken: &SnapshotStanding, result: &SnapshotResult) -> SnapshotRun {
        let (rule, table) = (taken.rule, &taken.table);
        let (load, error) = match result {
            SnapshotResult::Started(load) => {
                info!("rule {rule} started load {load} of {table} by its schedule");
                (Some(*load), None)
            }
            SnapshotResult::NothingNew => (None, None),
            SnapshotResult::Failed(error, _) => {
                warn!("rule {rule} could not load {table} by its schedule: {error}");
                (None, Some(error.clone()))
            }
        };
        SnapshotRun {
            rule,
            table: table.clone(),
            outcome: result.outcome(),
            load,
            error,
        }
    }

    async fn tell_failures(&self, slice: &Slice) -> Result<(), AppError> {
        for _ in 0..MOST_TOLD {
            if self.is_over(slice) {
                break;
            }
            let now = self.app.clock.now();
            let taken = self.app.store.take_untold_snapshot(now, now + TELL_AGAIN);
            let Some(untold) = taken.await? else { break };
            self.tell_failure(&untold).await?;
        }
        Ok(())
    }

    /// Told twice, when the note of it is lost, is better than not told.
    async fn tell_failure(&self, untold: &UntoldSnapshot) -> Result<(), AppError> {
        let topics = RuleTopics {
            success: None,
            failure: untold.topic_arn.clone(),
        };
        let topic_arn = topics.of(Outcome::Failed).unwrap_or(&self.app.config.topic_arn);
        let failed = FailedSnapshot {
            rule: untold.rule,
            table: format!("{}.{}", untold.schema, untold.table),
            interface_id: untold.interface_id.clone(),
            interface_name: untold.interface_name.clone(),
            error: untold.error.clone(),
        };
        let message = failed.message(&self.app.config.custom_error_message);
        match self.app.notifier.publish(topic_arn, &message).await {
            Ok(_) => {
                info!(
                    "told {topic_arn} that rule {} could not load {}",
                    untold.rule, failed.table
                );
                Ok(self.app.store.snapshot_told(untold).await?)
            }
            Err(error) => {
                warn!(
                    "could not tell {topic_arn} about rule {}: {}",
                    untold.rule,
                    with_causes(&error)
                );
                Ok(())
            }
        }
    }
}
