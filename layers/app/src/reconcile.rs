//! Settling what no event will settle: nothing in this system depends on an event arriving.
//!
//! It looks at loads that have stood still and that nobody holds a lease on, longest still first, and carries each one on
//! from the state it is in: the very steps that an event would have started. Two may run at once, since each load is
//! claimed before it is touched, and a run is bounded, since the next one goes on.

use chrono::TimeDelta;
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::statement::StatementKind;
use longshore_store::{Load, Statement};
use tracing::{info, warn};

use crate::error::chain;
use crate::finish::{FinishStatement, StatementStatus};
use crate::process::{Announcement, ProcessObject};
use crate::submit::newest;
use crate::{App, AppError, Invocation, notify};

/// Messages that one run sends.
const MOST_NOTICES: u32 = 200;

/// How much one run does.
#[derive(Debug, Clone, Copy)]
pub struct ReconcileLimits {
    /// Loads that moved more recently than this are left to the events that are on their way.
    pub idle: TimeDelta,
    /// Loads looked at.
    pub loads: u32,
}

impl Default for ReconcileLimits {
    fn default() -> Self {
        Self {
            idle: TimeDelta::minutes(2),
            loads: 100,
        }
    }
}

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct ReconcileReport {
    /// Loads that stood still.
    pub looked_at: usize,
    /// Loads that were carried on.
    pub carried_on: Vec<LoadId>,
    /// Loads whose statement is still running, or that wait for such a load of the same content.
    pub running: Vec<LoadId>,
    /// Loads that could not be carried on, and why. The next run tries again.
    pub failed: Vec<(LoadId, String)>,
    /// Messages that were sent late.
    pub notices_sent: usize,
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
    /// Carries on what stands still, then sends what is unsent. One load that cannot be carried on keeps none of the others
    /// waiting.
    pub async fn run(&self) -> Result<ReconcileReport, AppError> {
        let now = self.app.clock.now();
        let loads = self
            .app
            .store
            .unsettled_loads(now - self.limits.idle, now, self.limits.loads)
            .await?;
        let mut report = ReconcileReport {
            looked_at: loads.len(),
            ..ReconcileReport::default()
        };
        for load in loads {
            if self.is_nearly_over() {
                break;
            }
            let id = load.id;
            match self.carry_on(load).await {
                Ok(()) => report.carried_on.push(id),
                Err(AppError::StatementStillRunning { .. } | AppError::SameContentUnderWay { .. }) => {
                    report.running.push(id);
                }
                Err(error) => {
                    warn!(load.id = %id, "could not carry on load {id}: {}", chain(&error));
                    report.failed.push((id, chain(&error)));
                }
            }
        }
        report.notices_sent = notify::send_all(self.app, MOST_NOTICES, &self.invocation.request_id).await?;
        info!(
            carried_on = report.carried_on.len(),
            running = report.running.len(),
            failed = report.failed.len(),
            "looked at {} loads that stood still",
            report.looked_at
        );
        Ok(report)
    }

    /// A load is taken up only while there is time for one: what is begun should not be cut off.
    fn is_nearly_over(&self) -> bool {
        self.invocation.deadline - self.app.clock.now() < TimeDelta::seconds(20)
    }

    async fn carry_on(&self, load: Load) -> Result<(), AppError> {
        match load.state {
            LoadState::Received
            | LoadState::Prepared
            | LoadState::Queued
            | LoadState::Rejected
            | LoadState::Skipped
            | LoadState::Split => self.prepare(load).await,
            LoadState::Submitted | LoadState::Loaded | LoadState::Failed | LoadState::Transforming => {
                self.finish(load).await
            }
            LoadState::Complete | LoadState::TransformFailed => Ok(()),
        }
    }

    async fn prepare(&self, load: Load) -> Result<(), AppError> {
        let process = ProcessObject {
            app: self.app,
            invocation: self.invocation,
        };
        match load.parent {
            Some(_) => process.resume_part(load).await,
            None => process
                .run(Announcement { object: load.object })
                .await
                .map(|_| ()),
        }
    }

    async fn finish(&self, load: Load) -> Result<(), AppError> {
        let statements = self.app.store.statements(load.id).await?;
        let finish = FinishStatement {
            app: self.app,
            invocation: self.invocation,
        };
        // Stopped by an operator before anything was handed over, and whoever did it died.
        if load.state == LoadState::Failed && newest(&statements, StatementKind::Load).is_none() {
            return finish.end_unsent(load).await.map(|_| ());
        }
        let statement = deciding(&load, &statements).ok_or_else(|| AppError::Inconsistent {
            load: load.id,
            what: format!("it is {} and no statement of it has an id", load.state),
        })?;
        let status = StatementStatus {
            statement_id: statement.statement_id.clone().unwrap_or_default(),
            statement_name: Some(statement.statement_name.clone()),
        };
        finish.run(status).await.map(|_| ())
    }
}

/// The statement whose end decides what is next: the follow-up's once the warehouse has it, else the load's.
fn deciding<'a>(load: &Load, statements: &'a [Statement]) -> Option<&'a Statement> {
    let submitted = |kind| newest(statements, kind).filter(|statement| statement.statement_id.is_some());
    match load.state {
        LoadState::Transforming => {
            submitted(StatementKind::FollowUp).or_else(|| submitted(StatementKind::Load))
        }
        _ => submitted(StatementKind::Load),
    }
}
