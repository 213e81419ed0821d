//! Stopping a load whose rows are not in the warehouse yet.

use std::time::Duration;

use chrono::TimeDelta;
use longshore_domain::load::LoadState;
use longshore_domain::statement::StatementKind;
use longshore_store::{Load, Statement};

use super::{Judged, Operate, in_a_batch};
use crate::finish::{CANCELLED, FinishStatement, StatementStatus};
use crate::plan::LoadPlan;
use crate::process::ProcessObject;
use crate::submit::newest;
use crate::{AppError, Invocation};

/// How long an operator waits for a statement to stop.
const PATIENCE: TimeDelta = TimeDelta::seconds(30);
const POLL: Duration = Duration::from_millis(200);

/// What there is to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CancelPlan {
    /// Nothing was handed over yet.
    Unsent,
    /// The warehouse has a statement.
    Statement {
        /// Its id.
        id: String,
        /// The name that we gave it.
        name: String,
    },
}

impl Operate<'_> {
    /// Whether a load can be stopped.
    pub async fn judge_cancel(&self, load: &Load) -> Result<Judged<CancelPlan>, AppError> {
        let refused = match load.state {
            LoadState::Prepared | LoadState::Queued | LoadState::Submitted => self.is_free(load).err(),
            LoadState::Received => Some(format!(
                "it has not begun; put it aside with: longshore load skip {} --why TEXT",
                load.id
            )),
            LoadState::Batched => Some(in_a_batch(load)),
            LoadState::Delivering => Some(format!(
                "its deliveries are loads of their own, to be stopped one by one; see: longshore load show {}",
                load.id
            )),
            LoadState::Loaded | LoadState::Transforming => Some(format!(
                "it is {}: its rows are in the warehouse already",
                load.state
            )),
            _ => Some(format!("it is {}: there is nothing left to stop", load.state)),
        };
        if let Some(refused) = refused {
            return Ok(Err(refused));
        }
        let statements = self.app.store.statements(load.id).await?;
        match newest(&statements, StatementKind::Load) {
            // One that ended without deciding the load failed for a reason that passes: the load waits for its next try.
            Some(newest) if newest.finished_at.is_none() => self.plan_of(load, newest).await,
            _ => Ok(Ok(CancelPlan::Unsent)),
        }
    }

    /// Of an attempt whose answer never came the warehouse is asked.
    async fn plan_of(&self, load: &Load, newest: &Statement) -> Result<Judged<CancelPlan>, AppError> {
        let name = newest.statement_name.clone();
        let id = match &newest.statement_id {
            Some(id) => Some(id.clone()),
            None => {
                let warehouse = LoadPlan::of(load)?.warehouse;
                self.app.warehouse.find(&warehouse, &name).await?
            }
        };
        if let Some(id) = id {
            return Ok(Ok(CancelPlan::Statement { id, name }));
        }
        Ok(match self.finish().may_have_arrived(load, newest).await? {
            Some(why) => Err(why.to_owned()),
            None => Ok(CancelPlan::Unsent),
        })
    }

    /// Stops a load. What really happened decides how it ends: a transaction that was faster has loaded it.
    pub async fn cancel(&self, load: &Load, plan: &CancelPlan) -> Result<Judged<String>, AppError> {
        // First, so that whoever sees the statement end knows why.
        self.app
            .store
            .record_cancel(load.id, self.operator, self.app.clock.now())
            .await?;
        match plan {
            CancelPlan::Unsent => {
                let process = ProcessObject {
                    app: self.app,
                    invocation: self.invocation,
                };
                process.end_unsent(load.id).await?;
            }
            CancelPlan::Statement { id, name } => {
                self.app.warehouse.cancel(id).await?;
                if !self.settles(id, name).await? {
                    return Ok(Ok(
                        "the warehouse was asked to stop it; its end is recorded when it is known".to_owned(),
                    ));
                }
            }
        }
        let ended = self.app.store.load(load.id).await?;
        let state = ended.as_ref().map_or(load.state, |load| load.state);
        let code = ended.and_then(|load| load.error_code);
        Ok(match (state, code.as_deref()) {
            (LoadState::Failed, Some(CANCELLED)) => {
                Ok("stopped: nothing of it is in the warehouse".to_owned())
            }
            (LoadState::Failed, _) => Ok("it failed by itself: nothing of it is in the warehouse".to_owned()),
            (
                LoadState::Loaded
                | LoadState::Transforming
                | LoadState::Complete
                | LoadState::TransformFailed,
                _,
            ) => Err("it was faster: its rows are in the warehouse".to_owned()),
            (state, _) => Err(format!("it is {state} meanwhile; look again")),
        })
    }

    /// Whether the statement's end was settled within an operator's patience.
    async fn settles(&self, statement_id: &str, name: &str) -> Result<bool, AppError> {
        let waits_until = self.app.clock.now() + PATIENCE;
        loop {
            let status = StatementStatus {
                statement_id: statement_id.to_owned(),
                statement_name: Some(name.to_owned()),
            };
            match self.finish().run(status).await {
                Ok(_) => return Ok(true),
                // The status event may be at work on it already.
                Err(AppError::StatementStillRunning { .. } | AppError::FinishedElsewhere { .. }) => {
                    if self.app.clock.now() >= waits_until {
                        return Ok(false);
                    }
                    tokio::time::sleep(POLL).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn finish(&self) -> FinishStatement<'_> {
        let invocation: &Invocation = self.invocation;
        FinishStatement {
            app: self.app,
            invocation,
        }
    }
}
