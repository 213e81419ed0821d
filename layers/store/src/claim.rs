//! Who may work on a load, when the same object is announced twice, or to two workers at once.

use chrono::{DateTime, Utc};
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::matching::Captures;
use longshore_domain::object::Object;
use longshore_domain::queue::QueueName;
use longshore_domain::trace::TraceId;

use crate::load::{Lease, Load, found_load};
use crate::queries::Query;
use crate::read::{Reader, bigint, json, optional_bigint};
use crate::store::Parameters;
use crate::transaction::{Answer, Transaction};
use crate::{Store, StoreError};

const ALWAYS_A_ROW: &str = "what is inserted, or met, is there to be claimed";

/// What came of a claim. With `New` and `Resumed` the caller has the lease.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// The first delivery: the load was made.
    New(Load),
    /// The load was there, and somebody left work to do.
    Resumed(Load),
    /// Somebody else works on it.
    Busy {
        /// The load.
        load: Load,
        /// Who.
        owner: String,
        /// How long at most.
        until: DateTime<Utc>,
    },
    /// There is nothing left to do for this step.
    Done(Load),
}

impl Claim {
    /// The load, whatever came of it.
    pub fn load(&self) -> &Load {
        match self {
            Self::New(load) | Self::Resumed(load) | Self::Busy { load, .. } | Self::Done(load) => load,
        }
    }
}

/// What an announcement says beside the object that it is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Announced {
    /// The event's own time, when it says one: that of the write.
    pub at: Option<DateTime<Utc>>,
    /// The queue that brought it.
    pub queue: Option<QueueName>,
    /// What else is said of it, by name: it counts beside what its key gives.
    pub captures: Captures,
    /// The trace of the invocation that it came with. The first announcement's is the load's.
    pub trace: Option<TraceId>,
}

/// What a load of a file's load is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChildOf {
    /// The records of this type, which the file is cut by.
    RecordType(String),
    /// The file's way to this target, one of several.
    Target(String),
}

impl ChildOf {
    fn record_type(&self) -> Option<&str> {
        match self {
            Self::RecordType(record_type) => Some(record_type),
            Self::Target(_) => None,
        }
    }

    fn target(&self) -> Option<&str> {
        match self {
            Self::Target(target) => Some(target),
            Self::RecordType(_) => None,
        }
    }
}

/// A part that a file is cut into, or its delivery to one of several targets.
#[derive(Debug, Clone, PartialEq)]
pub struct NewChild {
    /// [`LoadId::child`] of the parent and the record type, or [`LoadId::delivery`] of the parent and the target.
    pub id: LoadId,
    /// What it is of the file.
    pub what: ChildOf,
    /// What COPY reads: of a part, the prepared copy that holds its records.
    pub object: Object,
    /// The name that the lineage column takes: the whole file's.
    pub file_name: String,
    /// How many records it holds.
    pub rows_expected: Option<u64>,
}

impl NewChild {
    /// A child that is on the ledger already, for claiming it again; None when the load is none.
    pub fn of(load: &Load) -> Option<(LoadId, Self)> {
        let record_type = load.record_type.clone().map(ChildOf::RecordType);
        let child = Self {
            id: load.id,
            what: record_type.or_else(|| load.target.clone().map(ChildOf::Target))?,
            object: load.object.clone(),
            file_name: load.file_name.clone(),
            rows_expected: load.rows_expected,
        };
        Some((load.parent?, child))
    }
}

impl Store {
    /// Claims an announced object for preparing. Of any number of deliveries, at once or hours apart, exactly one gets
    /// `New`. A load that a listing made for the object, before this first event of it came, is taken over: the event's own
    /// time tells that from a later write of the same bytes.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn claim_load(
        &self,
        object: &Object,
        announced: &Announced,
        lease: &Lease,
        now: DateTime<Utc>,
    ) -> Result<Claim, StoreError> {
        let mut client = self.client("load_claim").await?;
        let transaction = Transaction::begin(self, &mut client);
        let sequencer = object.sequencer.as_ref().map(|sequencer| sequencer.as_str());
        let queue = announced.queue.as_ref().map(QueueName::as_str);
        let size_bytes = bigint("load_insert", "size_bytes", object.size_bytes)?;
        let id = LoadId::of(object).as_uuid();
        let new: Parameters<'_> = &[
            &id,
            &object.bucket.as_str(),
            &object.key.as_str(),
            &object.version,
            &object.etag,
            &sequencer,
            &size_bytes,
            &object.key.file_name(),
            &lease.owner,
            &now,
            &queue,
            &json(&announced.captures),
            &announced.trace.as_ref().map(TraceId::as_str),
        ];
        let claiming: Parameters<'_> = &[
            &object.bucket.as_str(),
            &object.key.as_str(),
            &object.version,
            &object.etag,
            &sequencer,
            &lease.owner,
            &lease.step.as_str(),
            &lease.until,
            &now,
        ];
        let claiming_by_id: Parameters<'_> = &[&id, &lease.owner, &lease.step.as_str(), &lease.until, &now];
        let listed: Parameters<'_> = &[
            &object.bucket.as_str(),
            &object.key.as_str(),
            &object.version,
            &object.etag,
            &sequencer,
            &announced.at,
            &queue,
        ];
        let locking: Parameters<'_> = &[&object.bucket.as_str(), &object.key.as_str()];
        let lock = (Query::ObjectLock, locking);
        let insert = (Query::LoadInsert, new);
        let adopt = (Query::LoadAdopt, listed);
        let claim = (Query::LoadClaim, claiming);
        let claimed = match &object.sequencer {
            // A listed object does not announce itself; its load keeps its id when an event takes it over.
            Some(sequencer) if sequencer.is_listed() => {
                let claim = (Query::LoadClaimAgain, claiming_by_id);
                let [.., claimed] = transaction.together([lock, insert, claim]).await?;
                claimed
            }
            // Nor does a snapshot's file: what a listing found is for other rules.
            Some(sequencer) if sequencer.is_of_snapshot() => {
                let [.., claimed] = transaction.together([lock, insert, claim]).await?;
                claimed
            }
            Some(_) | None => {
                let [.., claimed] = transaction.together([lock, adopt, insert, claim]).await?;
                claimed
            }
        };
        let load = find_claimed(transaction, Query::LoadClaim, &claimed).await?;
        Ok(claim_of(load.expect(ALWAYS_A_ROW), lease))
    }

    /// Claims a load that is on the ledger for preparing, as another delivery of its event would; None when there is no such
    /// load.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn claim_again(
        &self,
        load: LoadId,
        lease: &Lease,
        now: DateTime<Utc>,
    ) -> Result<Option<Claim>, StoreError> {
        let mut client = self.client("load_claim_again").await?;
        let transaction = Transaction::begin(self, &mut client);
        let id = load.as_uuid();
        let parameters: Parameters<'_> = &[&id, &lease.owner, &lease.step.as_str(), &lease.until, &now];
        let [claimed] = transaction
            .together([(Query::LoadClaimAgain, parameters)])
            .await?;
        let load = find_claimed(transaction, Query::LoadClaimAgain, &claimed).await?;
        Ok(load.map(|load| claim_of(load, lease)))
    }

    /// Claims a part of a file, or a delivery of it. Every try at cutting or delivering the file claims the same.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn claim_child(
        &self,
        parent: LoadId,
        child: &NewChild,
        lease: &Lease,
        now: DateTime<Utc>,
    ) -> Result<Claim, StoreError> {
        let size_bytes = bigint("load_insert_child", "size_bytes", child.object.size_bytes)?;
        let rows = optional_bigint("load_insert_child", "rows_expected", child.rows_expected)?;
        let id = child.id.as_uuid();
        let new: Parameters<'_> = &[
            &id,
            &parent.as_uuid(),
            &child.what.record_type(),
            &child.what.target(),
            &child.object.bucket.as_str(),
            &child.object.key.as_str(),
            &child.object.version,
            &child.object.etag,
            &size_bytes,
            &child.file_name,
            &rows,
            &lease.owner,
            &now,
        ];
        let claiming: Parameters<'_> = &[&id, &lease.owner, &lease.step.as_str(), &lease.until, &now];
        let mut client = self.client("load_insert_child").await?;
        let transaction = Transaction::begin(self, &mut client);
        let [.., claimed] = transaction
            .together([(Query::LoadInsertChild, new), (Query::LoadClaimAgain, claiming)])
            .await?;
        let load = find_claimed(transaction, Query::LoadClaimAgain, &claimed).await?;
        Ok(claim_of(load.expect(ALWAYS_A_ROW), lease))
    }

    /// Claims a load for finishing: `Resumed`, `Busy` or `Done`; None when there is no such load. It takes the lease from
    /// a preparing function even if that one lives, because a status event proves that the submission happened.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn claim_for_finish(
        &self,
        load: LoadId,
        lease: &Lease,
        now: DateTime<Utc>,
    ) -> Result<Option<Claim>, StoreError> {
        let mut client = self.client("load_claim_finish").await?;
        let transaction = Transaction::begin(self, &mut client);
        let id = load.as_uuid();
        // A lease that is given back between the attempt to take it and the look at the row would read as nothing left to do.
        let lock: Parameters<'_> = &[&id];
        let parameters: Parameters<'_> = &[&id, &lease.owner, &lease.step.as_str(), &lease.until, &now];
        let [_, taken, found] = transaction
            .commit_with([
                (Query::LoadLock, lock),
                (Query::LoadClaimFinish, parameters),
                (Query::LoadFind, lock),
            ])
            .await?;
        let load = match found_load("load_claim_finish", load, &found) {
            Err(StoreError::NotFound { .. }) => return Ok(None),
            other => other?,
        };
        Ok(Some(match (taken.changed == 1, &load.lease) {
            (true, _) => Claim::Resumed(load),
            (false, Some(held)) if load.finished_at.is_none() => Claim::Busy {
                owner: held.owner.clone(),
                until: held.until,
                load,
            },
            (false, _) => Claim::Done(load),
        }))
    }

    /// Gives a lease back; nothing happens when it is somebody else's by now.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn release(&self, load: LoadId, owner: &str) -> Result<(), StoreError> {
        self.execute(Query::LoadRelease, &[&load.as_uuid(), &owner])
            .await?;
        Ok(())
    }

    /// Makes a preparing lease last until then at least; false when it is somebody else's by now.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn renew_lease(
        &self,
        load: LoadId,
        owner: &str,
        until: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let parameters: Parameters<'_> = &[&load.as_uuid(), &owner, &until];
        Ok(self.execute(Query::LoadRenew, parameters).await? == 1)
    }

    /// Gives a lease back because the time is over: the load is due at once, and the hand-over is counted.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn hand_over(&self, load: LoadId, owner: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.execute(Query::LoadHandOver, &[&load.as_uuid(), &owner, &now])
            .await?;
        Ok(())
    }
}

/// Waits until nobody else puts a load for this key on the ledger, and keeps others waiting until the transaction ends. A
/// unique index alone would not do: an event and a listing know one object by different marks.
pub(crate) async fn lock_object(transaction: &Transaction<'_>, object: &Object) -> Result<(), StoreError> {
    let parameters: Parameters<'_> = &[&object.bucket.as_str(), &object.key.as_str()];
    transaction.rows(Query::ObjectLock, parameters).await?;
    Ok(())
}

/// The load that a claim made or met, read where the claim is committed.
async fn find_claimed(
    transaction: Transaction<'_>,
    query: Query,
    claimed: &Answer,
) -> Result<Option<Load>, StoreError> {
    let Some(row) = claimed.rows.first() else {
        transaction.commit().await?;
        return Ok(None);
    };
    let id = LoadId::from_uuid(Reader::new(row, "ext_file_load").get("load_id")?);
    let [found] = transaction
        .commit_with([(Query::LoadFind, &[&id.as_uuid()])])
        .await?;
    found_load(query.name(), id, &found).map(Some)
}

/// Reads off the row what became of the claim. While there is preparing left to do, a claim takes the lease unless
/// somebody else's lives: so whoever is on the row has it.
fn claim_of(load: Load, lease: &Lease) -> Claim {
    let held = load.lease.clone().filter(|_| has_preparing_left(&load));
    match held {
        None => Claim::Done(load),
        Some(held) if held.owner != lease.owner => Claim::Busy {
            load,
            owner: held.owner,
            until: held.until,
        },
        Some(_) if load.claims == 1 => Claim::New(load),
        Some(_) => Claim::Resumed(load),
    }
}

/// The same condition as in `load_claim.sql`.
fn has_preparing_left(load: &Load) -> bool {
    match load.state {
        LoadState::Received | LoadState::Delivering | LoadState::Prepared | LoadState::Queued => true,
        LoadState::Rejected | LoadState::Split | LoadState::Skipped | LoadState::Failed => {
            load.concluded_at.is_none()
        }
        LoadState::Batched
        | LoadState::Submitted
        | LoadState::Loaded
        | LoadState::Transforming
        | LoadState::Complete
        | LoadState::TransformFailed => false,
    }
}
