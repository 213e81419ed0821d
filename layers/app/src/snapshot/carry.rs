//! A snapshot on its way: the table made to fit, the file put on the ledger, and its load carried on.

use std::time::Duration;

use chrono::TimeDelta;
use longshore_domain::load::LoadId;
use longshore_domain::object::{Object, Sequencer};
use longshore_domain::queue::QueueName;
use longshore_store::Load;

use super::{CheckedSnapshot, SnapshotLoad};
use crate::ports::WarehouseError;
use crate::process::{Announcement, ProcessObject};
use crate::reconcile::{Reconcile, ReconcileLimits};
use crate::{AppError, Invocation};

/// How long one statement that makes a table fit may take.
const DDL_PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks at a load that is under way.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// One step of a load takes so long at most.
const STEP: TimeDelta = TimeDelta::minutes(15);

impl SnapshotLoad<'_> {
    /// Makes the table fit.
    ///
    /// # Errors
    /// What the warehouse answers.
    pub async fn make_fit(&self, checked: &CheckedSnapshot) -> Result<(), AppError> {
        for statement in &checked.ddl {
            let patience = self.patience();
            let run = self.app.warehouse.run(&self.input.warehouse, statement, patience);
            match run.await {
                Ok(_) => {}
                // Another one makes the same this very moment, which fails this one whatever IF NOT EXISTS says.
                Err(WarehouseError::StatementFailed { .. })
                    if statement.starts_with("CREATE TABLE IF NOT EXISTS") =>
                {
                    self.app
                        .warehouse
                        .run(&self.input.warehouse, statement, patience)
                        .await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn patience(&self) -> Duration {
        let left = (self.until - self.app.clock.now()).to_std().unwrap_or_default();
        left.min(DDL_PATIENCE)
    }

    /// Puts the snapshot on the ledger, unless it is there and under way, and carries the load on until everything about it is
    /// done, as long as it may take.
    ///
    /// # Errors
    /// What the control database answers; what else goes wrong is on the ledger.
    pub async fn load(&self, checked: &CheckedSnapshot) -> Result<Load, AppError> {
        let object = self.identity(checked).await?;
        let id = LoadId::of(&object);
        self.start(checked, object, &self.invocation()).await?;
        loop {
            let load = self
                .app
                .store
                .load(id)
                .await?
                .ok_or_else(|| AppError::Inconsistent {
                    load: id,
                    what: "it was put on the ledger a moment ago and is gone".to_owned(),
                })?;
            if load.finished_at.is_some() || self.app.clock.now() > self.until {
                return Ok(load);
            }
            tokio::time::sleep(LOOK_EVERY).await;
            self.carry_on(load).await?;
        }
    }

    /// Puts the snapshot on the ledger as this object, unless it is there and under way, and takes it as far as the warehouse.
    ///
    /// # Errors
    /// What the control database answers; what else goes wrong is on the ledger.
    pub(crate) async fn start(
        &self,
        checked: &CheckedSnapshot,
        object: Object,
        invocation: &Invocation,
    ) -> Result<(), AppError> {
        let announcement = Announcement {
            object,
            at: None,
            queue: checked.row.queue_name.clone().map(QueueName::stored),
        };
        let process = ProcessObject {
            app: self.app,
            invocation,
        };
        match Box::pin(process.run_with(announcement, self.captures(checked))).await {
            Ok(_) | Err(AppError::PreparedElsewhere { .. } | AppError::SameContentUnderWay { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// As the reconciler does, and for the same reason: nothing depends on an event arriving.
    async fn carry_on(&self, load: Load) -> Result<(), AppError> {
        if load.due_at.is_some_and(|due_at| due_at > self.app.clock.now()) {
            return Ok(());
        }
        let invocation = self.invocation();
        let reconcile = Reconcile {
            app: self.app,
            invocation: &invocation,
            limits: ReconcileLimits::default(),
        };
        Box::pin(reconcile.look_once(load)).await
    }

    /// A new one for each step: what this process held is free soon after it died, however long it waits for the load.
    fn invocation(&self) -> Invocation {
        Invocation {
            request_id: self.actor.to_owned(),
            deadline: self.app.clock.now() + STEP,
            trace: None,
        }
    }

    /// A file that was loaded before is loaded anew, which comes to the same; one that is under way is that load. Its number
    /// among the loads of the key that are done is the same for whoever asks meanwhile. Only of this rule and warehouse, for which
    /// the queue stands: the same file may be on its way to others.
    pub(crate) async fn identity(&self, checked: &CheckedSnapshot) -> Result<Object, AppError> {
        let object = &checked.found.object;
        let queue = QueueName::stored(checked.row.queue_name.clone().unwrap_or_default());
        let mut loads = self.app.store.loads_of_key(&object.bucket, &object.key).await?;
        loads.retain(|load| load.parent.is_none() && load.queue.as_ref() == Some(&queue));
        let under_way = loads.iter().find(|load| load.finished_at.is_none());
        if let Some(load) = under_way.filter(|load| load.object.etag == object.etag) {
            return Ok(load.object.clone());
        }
        Ok(Object {
            sequencer: Some(Sequencer::of_snapshot(&queue, loads.len())),
            ..object.clone()
        })
    }
}
