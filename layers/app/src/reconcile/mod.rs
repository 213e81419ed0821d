//! Settling what no event will settle: nothing in this system depends on an event arriving.
//!
//! A run has eight parts, and none of them keeps the others from their work: objects that no event announced are put on the
//! ledger (`listing`), batches that are due are made (`buffers`), snapshot rules run whose time has come (`snapshots`), loads that stand still are carried on from the state they are in, by the very steps that an event
//! would have started (`loads`), tables are put in order that loads left in disorder, rules are judged whose
//! files should have come (`late`), messages that wait are sent, and the markers in the warehouses are compared with the
//! ledger (`markers`). A run is bounded, since the next one goes on where it stopped; two may run at once, since every load,
//! listing and comparison is claimed before it is touched.

mod backfill;
mod buffers;
mod judge;
mod late;
mod listing;
mod loaded_before;
mod loads;
mod markers;
mod report;
mod snapshots;

pub use backfill::{Backfill, BackfillMode, BackfillReport};
pub use markers::SettleDifference;
pub use report::{ComparisonReport, ListingReport, ReconcileReport, SnapshotRun};

use chrono::{DateTime, TimeDelta, Utc};
use tracing::{info, warn};

use crate::error::with_causes;
use crate::{App, AppError, Invocation, Maintain, notify};

/// Steps with vacuums and analyses.
const MAINTENANCE_STEPS: u32 = 20;
/// Messages claimed at a time: few enough to be out before another sender may take them.
const NOTICES_AT_ONCE: u32 = 20;
/// What is begun should not be cut off by the end of the invocation.
const LAST_SECONDS: TimeDelta = TimeDelta::seconds(20);

/// How much one run does.
#[derive(Debug, Clone, Copy)]
pub struct ReconcileLimits {
    /// Loads that moved more recently than this are left to the events that are on their way.
    pub idle: TimeDelta,
    /// Objects that were written more recently than this are left to their events.
    pub unannounced_after: TimeDelta,
    /// A listing begins this long after the one before it began.
    pub list_every: TimeDelta,
    /// A comparison of ledger and markers begins this long after the one before it began.
    pub compare_every: TimeDelta,
    /// By hand: a listing or comparison begins unless one began since then, whatever the schedule says.
    pub passes_since: Option<DateTime<Utc>>,
    /// Loads looked at.
    pub loads: u32,
    /// Messages sent.
    pub notices: u32,
    /// Pages of listings, of up to a thousand objects each.
    pub pages: u32,
    /// Pages of markers, of up to a thousand each.
    pub marker_pages: u32,
    /// No further work is begun after this long.
    pub time: TimeDelta,
}

impl Default for ReconcileLimits {
    /// What suits a run every minute.
    fn default() -> Self {
        Self {
            idle: TimeDelta::minutes(2),
            unannounced_after: TimeDelta::minutes(15),
            list_every: TimeDelta::minutes(15),
            compare_every: TimeDelta::days(1),
            passes_since: None,
            loads: 100,
            notices: 200,
            pages: 20,
            marker_pages: 10,
            time: TimeDelta::seconds(45),
        }
    }
}

/// The use case.
#[derive(Clone, Copy)]
pub struct Reconcile<'a> {
    /// What to work with.
    pub app: &'a App,
    /// Who works.
    pub invocation: &'a Invocation,
    /// How much.
    pub limits: ReconcileLimits,
}

impl Reconcile<'_> {
    /// One bounded run. What fails is in the report and never keeps the rest waiting. An error of the control database ends the
    /// part that met it; the first one is the run's once every part had its turn, since it may have been of one row or moment.
    pub async fn run(&self) -> Result<ReconcileReport, AppError> {
        let began = self.app.clock.now();
        let mut report = ReconcileReport::default();
        let slice = self.slice(began);
        let run = self
            .list_objects(&slice, &mut report)
            .await
            .and(self.make_batches(&slice, &mut report).await)
            .and(self.run_snapshots(&slice.share(2), &mut report).await)
            .and(self.carry_loads_on(&slice, &mut report).await)
            .and(self.put_tables_in_order(&slice).await)
            .and(self.find_late_files(&slice, &mut report).await)
            .and(self.send_notices(&slice, &mut report).await)
            .and(self.compare_markers(&slice, &mut report).await)
            .and(self.look_up_what_stays(&mut report).await);
        self.tell(&report);
        run.map(|()| report)
    }

    async fn look_up_what_stays(&self, report: &mut ReconcileReport) -> Result<(), AppError> {
        report.unsent = self.app.store.unsent_notices().await?;
        report.differences = self.app.store.differences(false).await?;
        Ok(())
    }

    fn slice(&self, began: DateTime<Utc>) -> Slice {
        let ends = (began + self.limits.time).min(self.invocation.deadline - LAST_SECONDS);
        Slice { began, ends }
    }

    /// Nothing but the speed of tables depends on it, and what is begun is asked about by later runs.
    async fn put_tables_in_order(&self, slice: &Slice) -> Result<(), AppError> {
        if !self.is_over(slice) {
            Maintain { app: self.app }.run(MAINTENANCE_STEPS).await?;
        }
        Ok(())
    }

    async fn send_notices(&self, slice: &Slice, report: &mut ReconcileReport) -> Result<(), AppError> {
        for _ in 0..self.limits.notices.div_ceil(NOTICES_AT_ONCE) {
            if self.is_over(slice) {
                break;
            }
            let sent = notify::send_due(self.app, NOTICES_AT_ONCE, &self.invocation.request_id).await?;
            report.notices_sent += sent.sent;
            report.notices_failed += sent.failed;
            if sent.sent + sent.failed == 0 {
                break;
            }
        }
        Ok(())
    }

    /// A pass that is done is followed by another one when it began before this.
    fn due_before(&self, slice: &Slice, every: TimeDelta) -> DateTime<Utc> {
        self.limits.passes_since.unwrap_or(slice.began - every)
    }

    fn is_over(&self, slice: &Slice) -> bool {
        self.app.clock.now() >= slice.ends
    }

    fn actor(&self) -> &str {
        &self.invocation.request_id
    }

    fn tell(&self, report: &ReconcileReport) {
        info!(
            carried_on = report.carried_on.len(),
            running = report.running.len(),
            failed = report.failed.len(),
            announced = report.announced(),
            notices_sent = report.notices_sent,
            "looked at {} loads that stood still",
            report.looked_at
        );
        for unsent in &report.unsent {
            warn!(
                "{} messages to {} wait, the oldest since {}: {}",
                unsent.messages, unsent.topic_arn, unsent.since, unsent.last_error
            );
        }
        if !report.differences.is_empty() {
            warn!(
                "the ledger and the markers differ about {} loads; see: longshore marker list",
                report.differences.len()
            );
        }
    }
}

/// When a run began and when it must come to its end.
#[derive(Debug, Clone, Copy)]
struct Slice {
    began: DateTime<Utc>,
    ends: DateTime<Utc>,
}

impl Slice {
    /// The same with only a part of the time, so that what comes after has its share.
    fn share(&self, of: i32) -> Self {
        Self {
            ends: self.began + (self.ends - self.began) / of,
            ..*self
        }
    }
}

/// What an error means for a part of a run: of the control database, its end; of anything else, a line in the report.
fn unless_of_the_store<T>(result: Result<T, AppError>) -> Result<Result<T, String>, AppError> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error @ AppError::Store(_)) => Err(error),
        Err(error) => Ok(Err(with_causes(&error))),
    }
}
