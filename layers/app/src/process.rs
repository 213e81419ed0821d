//! From an announced object to a submitted load.
//!
//! The ledger is the memory: each step moves the load from one state to the next and may run twice, so an invocation
//! that dies leaves a load that the next one takes up where it stopped.

mod batch;
mod bounds;
mod cancel;
mod conclude;
mod deliveries;
mod group;
mod held;
mod identify;
mod lease;
mod parts;
mod reject;
mod resend;
mod superseded;

use std::time::Duration;

use chrono::{DateTime, Utc};
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::matching::Captures;
use longshore_domain::object::{Object, ObjectKey};
use longshore_domain::queue::QueueName;
use longshore_domain::reject::RejectReason;
use longshore_domain::target::TableName;
use longshore_store::{Announced, BufferId, Claim, Load};
use tracing::{Instrument, info};

use crate::plan::{self, Planned};
use crate::prepare::{self, Copyable, Prepared};
use crate::retry::Sent;
use crate::tables::{self, Tables};
use crate::{App, AppConfig, AppError, Invocation, notify, submit, trace};
pub(crate) use identify::resolve_table;
use identify::{Identified, Unidentified};
use resend::Earlier;

/// An object that S3 says is there.
#[derive(Debug, Clone)]
pub struct Announcement {
    /// The object, its key decoded.
    pub object: Object,
    /// The event's own time, when it says one: that of the write.
    pub at: Option<DateTime<Utc>>,
    /// The queue that brought the event, when one did.
    pub queue: Option<QueueName>,
}

/// What became of an announcement.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ObjectOutcome {
    /// The load is with the warehouse, or a later step already has it.
    Submitted {
        /// The load.
        load_id: LoadId,
    },
    /// The file waits for others, or a batch carries it already.
    Batched {
        /// The load.
        load_id: LoadId,
        /// Where it waits.
        buffer_id: BufferId,
    },
    /// The load waits: for its next try, for its warehouse, for a place at its table, or for its rule to be resumed. The reconciler
    /// takes it up when it is due.
    Waiting {
        /// The load.
        load_id: LoadId,
        /// Until then.
        until: DateTime<Utc>,
    },
    /// The load failed for good, and someone was told.
    Failed {
        /// The load.
        load_id: LoadId,
    },
    /// The file was cut by record type; its parts are with the warehouse.
    Split {
        /// The load of the whole file.
        load_id: LoadId,
        /// How many parts it has.
        parts: usize,
    },
    /// The file goes to several warehouses, each by a load of its own.
    Delivering {
        /// The load of the file.
        load_id: LoadId,
        /// How many they are.
        deliveries: usize,
    },
    /// The file is refused, and someone was told.
    Rejected {
        /// The load.
        load_id: LoadId,
        /// The stable word for the reason.
        code: String,
    },
    /// The file was loaded before, or put aside by an operator; someone was told.
    Skipped {
        /// The load.
        load_id: LoadId,
        /// Why, in a sentence.
        note: String,
    },
    /// This object was loaded, refused or handed on before; the announcement is a repetition.
    AlreadyDone {
        /// The load.
        load_id: LoadId,
        /// How it stands.
        state: LoadState,
    },
    /// Nothing to load: one of our own folders, or a folder marker.
    Ignored {
        /// Why.
        reason: &'static str,
    },
}

impl ObjectOutcome {
    /// The load, when its file was refused or failed for good: now, or before this announcement of it.
    pub fn failed_load(&self) -> Option<LoadId> {
        match self {
            Self::Rejected { load_id, .. } | Self::Failed { load_id } => Some(*load_id),
            Self::AlreadyDone { load_id, state } => matches!(
                state,
                LoadState::Rejected | LoadState::Failed | LoadState::TransformFailed
            )
            .then_some(*load_id),
            Self::Submitted { .. }
            | Self::Batched { .. }
            | Self::Waiting { .. }
            | Self::Split { .. }
            | Self::Delivering { .. }
            | Self::Skipped { .. }
            | Self::Ignored { .. } => None,
        }
    }
}

/// The use case.
#[derive(Clone, Copy)]
pub struct ProcessObject<'a> {
    /// What to work with.
    pub app: &'a App,
    /// Who works.
    pub invocation: &'a Invocation,
}

/// A load that nothing of its own keeps from the warehouse.
struct ToGo {
    load: Load,
    table: TableName,
    planned: Planned,
}

impl ProcessObject<'_> {
    /// Takes an announced object from claim to submission.
    pub async fn run(&self, announcement: Announcement) -> Result<ObjectOutcome, AppError> {
        self.run_with(announcement, Captures::new()).await
    }

    /// The same of an object of which more is said than its key tells.
    pub(crate) async fn run_with(
        &self,
        announcement: Announcement,
        captures: Captures,
    ) -> Result<ObjectOutcome, AppError> {
        let Announcement { object, at, queue } = announcement;
        if let Some(reason) = ignores(&self.app.config, &object.key) {
            return Ok(ObjectOutcome::Ignored { reason });
        }
        self.has_time_left(&object)?;
        let announced = Announced {
            at,
            queue,
            captures,
            trace: self.invocation.trace.clone(),
        };
        let now = self.app.clock.now();
        let claim = self
            .app
            .store
            .claim_load(&object, &announced, &self.renewed_lease(now), now)
            .await?;
        trace::name_load(claim.load());
        if claim.load().claims > 1 {
            Box::pin(self.take_up_held_beside(claim.load().id)).await;
        }
        self.take_up(claim).await
    }

    /// Carries a load that is on the ledger on, as another delivery of its event would. By its id, because the mark by which
    /// an event knows it may change while it is waiting.
    pub(crate) async fn resume(&self, load: LoadId) -> Result<ObjectOutcome, AppError> {
        let now = self.app.clock.now();
        let lease = self.renewed_lease(now);
        let claim = self.app.store.claim_again(load, &lease, now).await?;
        let claim = claim.ok_or_else(|| AppError::Inconsistent {
            load,
            what: "it is gone from the ledger".to_owned(),
        })?;
        self.take_up(claim).await
    }

    /// The same of a load that may be a part of another one.
    pub(crate) async fn carry_on_again(&self, load: Load) -> Result<(), AppError> {
        match load.parent {
            Some(_) => Box::pin(self.resume_part(load)).await,
            None => Box::pin(self.resume(load.id)).await.map(drop),
        }
    }

    async fn take_up(&self, claim: Claim) -> Result<ObjectOutcome, AppError> {
        match claim {
            Claim::New(load) | Claim::Resumed(load) => self.carry_on(load).await,
            // Not an answer: whoever holds the lease may die, and then this announcement must come again.
            Claim::Busy { load, owner, .. } => Err(AppError::PreparedElsewhere { load: load.id, owner }),
            Claim::Done(load) => {
                // The work is done, the telling may not be.
                notify::send_pending(self.app, load.id, self.actor()).await?;
                Ok(ObjectOutcome::AlreadyDone {
                    load_id: load.id,
                    state: load.state,
                })
            }
        }
    }

    fn actor(&self) -> &str {
        &self.invocation.request_id
    }

    /// Since the load was announced: what the sender of the file waited for.
    fn worked_on(&self, load: &Load) -> Duration {
        (self.app.clock.now() - load.received_at)
            .to_std()
            .unwrap_or_default()
    }

    /// Takes a claimed load as far as this function goes, then lets go of it.
    async fn carry_on(&self, load: Load) -> Result<ObjectOutcome, AppError> {
        let id = load.id;
        let span = trace::span_of(&load, self.actor());
        let until = load
            .lease
            .as_ref()
            .map_or(self.invocation.deadline, |lease| lease.until);
        let outcome = async {
            let outcome = match self.gate(&load).await {
                Ok(Some(outcome)) => Ok(outcome),
                Ok(None) => self.holding(id, until, Box::pin(self.advance(load))).await,
                Err(error) => Err(error),
            };
            if outcome.is_err() {
                self.let_go(id, &outcome).await?;
            }
            let outcome = outcome?;
            notify::release_and_send_pending(self.app, id, self.actor()).await?;
            self.flush_after(&outcome).await;
            if let ObjectOutcome::Delivering { load_id, .. } = outcome {
                // The last delivery may have ended while the file was in these hands.
                self.settle_files_of(load_id).await;
            }
            Ok(outcome)
        };
        outcome.instrument(span).await
    }

    async fn advance(&self, load: Load) -> Result<ObjectOutcome, AppError> {
        match load.state {
            // On the heap: together with the steps before it it would fill the stack of a test's thread.
            LoadState::Received => Box::pin(self.receive(load)).await,
            LoadState::Prepared | LoadState::Queued => Box::pin(self.submit_again(load)).await,
            LoadState::Split => self.load_parts(load).await,
            LoadState::Delivering => Box::pin(self.load_deliveries(load)).await,
            LoadState::Rejected => self.conclude_rejection(load).await,
            LoadState::Failed => self.conclude_failure(load).await,
            LoadState::Skipped => self.conclude_skip(load).await,
            LoadState::Batched
            | LoadState::Submitted
            | LoadState::Loaded
            | LoadState::Transforming
            | LoadState::Complete
            | LoadState::TransformFailed => Ok(ObjectOutcome::AlreadyDone {
                load_id: load.id,
                state: load.state,
            }),
        }
    }

    async fn receive(&self, load: Load) -> Result<ObjectOutcome, AppError> {
        let Identified { load, rule, row } = match self.identify(load).await? {
            Ok(identified) => identified,
            Err(unidentified) => return self.stop_at(unidentified).await,
        };
        if let Some(part) = &rule.group {
            if let Some(reason) = self.fault_of_group(part, rule.id).await? {
                return self.reject(load, reason).await;
            }
            if !part.is_data() {
                return Box::pin(self.join_as_leader(load, &row, part)).await;
            }
        }
        let others = self.admit(&load).await?;
        let policy = load.resend.unwrap_or(rule.resend);
        // Of several warehouses one may lack what another has.
        if rule.deliveries.is_empty()
            && let Some(note) =
                resend::reason_to_skip(policy, &resend::destination(self.app, &load, &rule), &others)
        {
            return self.skip(load, &note).await;
        }
        let (load, source) = self.find_bytes(load, &others).await?;
        // It may have waited long, and not every file is read here.
        if load.claims > 1
            && source.key == load.object.key
            && let Some(outcome) = self.end_if_replaced(&load).await?
        {
            return Ok(outcome);
        }
        let pace = self.pace();
        match prepare::prepare(self.app, &pace, load.id, &load.object, &source, &rule).await? {
            Prepared::Whole(copyable) if !rule.deliveries.is_empty() => {
                Box::pin(self.deliver(load, &rule, &row, *copyable, policy)).await
            }
            // Of a content that came but once nothing is to be replaced.
            Prepared::Whole(copyable) if others.is_empty() => {
                Box::pin(self.load_or_gather(load, &row, *copyable, Earlier::default())).await
            }
            Prepared::Whole(copyable) => {
                Box::pin(self.reload_and_submit(load, &row, *copyable, policy)).await
            }
            Prepared::Split {
                parts,
                records,
                remarks,
            } => Box::pin(self.split(load, rule, parts, records, remarks)).await,
            Prepared::Refused(reason) => Box::pin(self.reject_unless_replaced(load, reason)).await,
            Prepared::OutOfTime(progress) => self.hand_over(load, &progress).await,
            // It came further than the one before: however many it takes, they come to an end.
            Prepared::CarriedOn => Err(AppError::OutOfTime {
                url: load.object.url(),
            }),
        }
    }

    /// A load that does not go on under a rule: refused, or left for later.
    async fn stop_at(&self, unidentified: Unidentified) -> Result<ObjectOutcome, AppError> {
        match unidentified {
            Unidentified::Refused(load, reason) => self.reject(*load, reason).await,
            Unidentified::Ignored(load) => self.ignore(*load).await,
            Unidentified::Waits { load, until } => Ok(ObjectOutcome::Waiting { load_id: load, until }),
        }
    }

    /// Plans a load whose file is prepared, and makes sure of the tables that the plan names: what would spoil a transaction of
    /// several files, and what would fail alone, is looked for here, while it is the file's own affair.
    async fn plan_for_tables(
        &self,
        load: Load,
        copyable: &Copyable,
        replaces: &[LoadId],
    ) -> Result<Result<ToGo, ObjectOutcome>, AppError> {
        let Some(table) = load.table.clone() else {
            return Err(AppError::Inconsistent {
                load: load.id,
                what: "it matched a rule without a table".to_owned(),
            });
        };
        let planned = match plan::plan(self.app, &load, &table, copyable, replaces).await? {
            Ok(planned) => planned,
            Err(reason) => return Ok(Err(self.reject_prepared(load, copyable, reason).await?)),
        };
        let tables = match tables::ensure_tables(self.app, &load, &planned.plan, self.actor()).await? {
            Tables::Ready => {
                let columns = &copyable.columns;
                tables::ensure_columns(self.app, &load, &planned.plan, columns, self.actor()).await?
            }
            other => other,
        };
        match tables {
            Tables::Ready => Ok(Ok(ToGo { load, table, planned })),
            Tables::Missing(reason) => Ok(Err(self.reject_prepared(load, copyable, reason).await?)),
            Tables::Waits(until) => Ok(Err(ObjectOutcome::Waiting {
                load_id: load.id,
                until,
            })),
        }
    }

    /// Writes the manifest and puts the plan on the ledger. From here on the load is the warehouse's business.
    async fn plan_and_submit(
        &self,
        load: Load,
        copyable: Copyable,
        earlier: Earlier,
    ) -> Result<ObjectOutcome, AppError> {
        let ToGo { load, table, planned } =
            match Box::pin(self.plan_for_tables(load, &copyable, &earlier.replaces)).await? {
                Ok(to_go) => to_go,
                Err(outcome) => return Ok(outcome),
            };
        let Planned {
            mut plan,
            manifest_key,
            manifest,
        } = planned;
        if copyable.is_prepared_copy {
            plan.blank_lines = copyable.blank_lines;
        }
        self.app
            .objects
            .put(&load.object.bucket, &manifest_key, manifest.into())
            .await?;
        let now = self.app.clock.now();
        let prepared = longshore_store::Prepared {
            rows_expected: copyable.records,
            sources: copyable.sources(),
            prepared: copyable.is_prepared_copy,
            manifest_key,
            plan: serde_json::to_value(&plan).map_err(|error| AppError::Engine(error.into()))?,
            remarks: earlier.remarks.into_iter().chain(copyable.remarks()).collect(),
            duration: self.worked_on(&load),
            replaces: earlier.replaces,
        };
        let moved = self
            .app
            .store
            .mark_prepared(load.id, &prepared, now, self.actor())
            .await?;
        let load = moved.into_load();
        info!(
            rows = copyable.records,
            "prepared {} for {table}", load.object.key
        );
        self.submit(load).await
    }

    /// The same of one that waited, or over which somebody died.
    async fn submit_again(&self, load: Load) -> Result<ObjectOutcome, AppError> {
        match self.end_if_replaced(&load).await? {
            Some(outcome) => Ok(outcome),
            None => self.submit(load).await,
        }
    }

    async fn submit(&self, load: Load) -> Result<ObjectOutcome, AppError> {
        let load_id = load.id;
        match submit::submit_load(self.app, load, self.actor()).await? {
            Sent::Submitted => Ok(ObjectOutcome::Submitted { load_id }),
            Sent::Waits { until } => Ok(ObjectOutcome::Waiting { load_id, until }),
            Sent::Refused { error } => self.fail(load_id, "submission_refused", error).await,
        }
    }

    /// Refuses a file that was prepared already. Its copy goes first, while a try that dies would make it again; a part has
    /// nothing but its copy, which goes where refused files go.
    pub(super) async fn reject_prepared(
        &self,
        load: Load,
        copyable: &Copyable,
        reason: RejectReason,
    ) -> Result<ObjectOutcome, AppError> {
        if load.parent.is_none() {
            self.delete_copies(copyable).await?;
        }
        self.reject(load, reason).await
    }

    pub(super) async fn delete_copies(&self, copyable: &Copyable) -> Result<(), AppError> {
        for copy in copyable.copies() {
            self.app.objects.delete_work(&copy.bucket, &copy.key).await?;
        }
        Ok(())
    }

    /// Records the refusal before anything is moved, so that a retry need not find the reason again in a file that is
    /// no longer there.
    async fn reject(&self, load: Load, reason: RejectReason) -> Result<ObjectOutcome, AppError> {
        let now = self.app.clock.now();
        info!(reason = reason.code(), "rejected {}", load.object.key);
        let moved = self
            .app
            .store
            .mark_rejected(load.id, &reason, now, self.actor())
            .await?;
        Box::pin(self.conclude_rejection(moved.into_load())).await
    }
}

/// Why an object is no file to load, if it is none.
pub(crate) fn ignores(config: &AppConfig, key: &ObjectKey) -> Option<&'static str> {
    let ours = [&config.archive_folder, &config.processing_folder];
    if ours.into_iter().any(|folder| key.is_in_folder(folder)) {
        return Some("the object lies in a folder of ours");
    }
    if !key.is_storable() {
        return Some("the key holds U+0000, which the ledger cannot");
    }
    key.as_str()
        .ends_with('/')
        .then_some("the object is a folder marker")
}
