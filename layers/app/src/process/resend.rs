//! Files that come again: one load of a content at a time, and the rule says what is done about rows that are there.
//!
//! The same content is the same key, length and entity tag. Equal tags prove equal bytes, unequal ones prove nothing: a file
//! uploaded in other parts, or under a KMS key, has another tag, and so counts as new.

use longshore_domain::archive::ArchiveShelf;
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::notification::Outcome;
use longshore_domain::object::{Object, ObjectKey};
use longshore_domain::reject::RejectReason;
use longshore_domain::rule::{FileRule, ResendPolicy, RuleRow};
use longshore_domain::target::TableName;
use longshore_store::{Admission, AuditStatus, Destination, Load, Replaceable, SameContent};
use tracing::info;

use super::{ObjectOutcome, ProcessObject};
use crate::plan::{self, LoadPlan};
use crate::ports::ObjectHead;
use crate::prepare::Copyable;
use crate::{App, AppError, archive};

/// What a load has to do with earlier ones of its content.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    /// Those whose rows it replaces.
    pub replaces: Vec<LoadId>,
    /// What a person should know.
    pub remarks: Vec<String>,
}

/// Why a file that goes to this place is not loaded again, under this policy. What other rules loaded into other tables keeps it
/// from nothing; what went to several warehouses is looked for warehouse by warehouse, once the file is prepared.
pub(super) fn reason_to_skip(
    policy: ResendPolicy,
    destination: &Destination,
    others: &[SameContent],
) -> Option<String> {
    let loaded = others
        .iter()
        .find(|other| other.has_rows && !other.is_delivered && other.destination.is_that_of(destination))?;
    (policy == ResendPolicy::Skip).then(|| loaded_before(loaded.load))
}

/// Where a load goes under its rule.
pub(super) fn destination(app: &App, load: &Load, rule: &FileRule) -> Destination {
    Destination {
        rule: load.rule,
        table: load.table.clone(),
        warehouse: Some(plan::warehouse_of(app, rule)),
    }
}

fn loaded_before(load: LoadId) -> String {
    format!("the same content was loaded before, as load {load}")
}

impl ProcessObject<'_> {
    /// Waits its turn: while another load of the same content is under way, whether this one is to be loaded is not known, and
    /// the other one may put away the very object that this one is about. The announcement comes again, or the reconciler.
    pub(super) async fn admit(&self, load: &Load) -> Result<Vec<SameContent>, AppError> {
        match self.app.store.admit(load.id, self.app.clock.now()).await? {
            Admission::Admitted { others } => Ok(others),
            Admission::Waits { until_done } => Err(AppError::SameContentUnderWay {
                load: load.id,
                other: until_done,
            }),
        }
    }

    /// Where the file's bytes are. Sent twice within moments, the first load put away the object that the second one is about:
    /// the copy in the archive has the same bytes.
    pub(super) async fn find_bytes(
        &self,
        load: Load,
        others: &[SameContent],
    ) -> Result<(Load, Object), AppError> {
        if let Some(key) = load.read_key.clone() {
            let copy = self.copy_at(&load.object, &key).await?;
            let source = copy.unwrap_or_else(|| load.object.clone());
            return Ok((load, source));
        }
        let copies: Vec<_> = others
            .iter()
            .filter_map(|other| other.archived_key.clone())
            .collect();
        if copies.is_empty() || self.is_there(&load.object).await? {
            let source = load.object.clone();
            return Ok((load, source));
        }
        for key in copies {
            if let Some(copy) = self.copy_at(&load.object, &key).await? {
                info!("{} is gone; {key} has the same content", load.object.key);
                let moved = self.app.store.record_source(load.id, &key).await?;
                return Ok((moved.into_load(), copy));
            }
        }
        let source = load.object.clone();
        Ok((load, source))
    }

    pub(super) async fn is_there(&self, object: &Object) -> Result<bool, AppError> {
        let head = self.app.objects.head(&object.bucket, &object.key).await?;
        Ok(head.is_some_and(|head| is_version(&head, object)))
    }

    /// The archived copy of an object, as an object to read: its tag differs where it was copied in parts.
    async fn copy_at(&self, object: &Object, key: &ObjectKey) -> Result<Option<Object>, AppError> {
        let head = self.app.objects.head(&object.bucket, key).await?;
        let whole = head.filter(|head| head.size_bytes == object.size_bytes);
        Ok(whole.map(|head| Object {
            bucket: object.bucket.clone(),
            key: key.clone(),
            version: head.version,
            etag: head.etag,
            size_bytes: head.size_bytes,
            sequencer: None,
        }))
    }

    /// Goes on with a file that is ready to be copied: beside the rows of earlier loads of its content, or in their place. Where
    /// the rule's mode says which rows go, it says so of those of earlier loads too.
    pub(super) async fn reload_and_submit(
        &self,
        load: Load,
        row: &RuleRow,
        copyable: Copyable,
        policy: ResendPolicy,
    ) -> Result<ObjectOutcome, AppError> {
        let is_up_to_mode = policy == ResendPolicy::Reload && !copyable.rule.mode.is_append();
        if policy == ResendPolicy::Accept || is_up_to_mode {
            return self.load_or_gather(load, row, copyable, Earlier::default()).await;
        }
        let destination = destination(self.app, &load, &copyable.rule);
        let mut earlier = self.app.store.replaceable(load.id).await?;
        earlier.retain(|earlier| counts_for(&load, row, &destination, earlier));
        if let (ResendPolicy::Skip, Some(first)) = (policy, earlier.first()) {
            return self.skip_prepared(load, &copyable, first.load).await;
        }
        match replacing(&destination, &copyable, earlier) {
            Ok(earlier) => self.load_or_gather(load, row, copyable, earlier).await,
            Err(reason) => self.reject_prepared(load, &copyable, reason).await,
        }
    }

    /// Files that take the place of others are loaded by themselves: the rows of a batch cannot be told apart.
    pub(super) async fn load_or_gather(
        &self,
        load: Load,
        row: &RuleRow,
        copyable: Copyable,
        earlier: Earlier,
    ) -> Result<ObjectOutcome, AppError> {
        if let Some(part) = copyable.rule.group.clone() {
            return Box::pin(self.gather_in_set(load, row, copyable, &part)).await;
        }
        match copyable.rule.batch.clone() {
            Some(policy) if earlier.replaces.is_empty() => {
                Box::pin(self.gather(load, row, copyable, &policy)).await
            }
            Some(_) | None => Box::pin(self.plan_and_submit(load, copyable, earlier)).await,
        }
    }

    /// A part that was loaded before, of a file of which another part was not. Its copy goes: the whole file is in the archive.
    async fn skip_prepared(
        &self,
        load: Load,
        copyable: &Copyable,
        earlier: LoadId,
    ) -> Result<ObjectOutcome, AppError> {
        if !load.is_delivery() {
            self.delete_copies(copyable).await?;
        }
        self.skip(load, &loaded_before(earlier)).await
    }

    /// Records that the file is left alone before anything is moved, as with a refusal.
    pub(super) async fn skip(&self, load: Load, note: &str) -> Result<ObjectOutcome, AppError> {
        info!("skipped {}: {note}", load.object.key);
        let moved = self
            .app
            .store
            .mark_skipped(load.id, note, self.app.clock.now(), self.actor())
            .await?;
        Box::pin(self.conclude_skip(moved.into_load())).await
    }

    /// Puts on record that the rule passes the object over. Nobody is told, and it stays where it is.
    pub(super) async fn ignore(&self, load: Load) -> Result<ObjectOutcome, AppError> {
        let rule = load.rule.map(|rule| format!("rule {rule} ")).unwrap_or_default();
        let note = format!("ignored: {rule}passes it over (ignore_names)");
        info!("{note}: {}", load.object.key);
        let now = self.app.clock.now();
        let moved = self.app.store.mark_ignored(load.id, &note, now, self.actor());
        let load = moved.await?.into_load();
        Ok(ObjectOutcome::Skipped {
            load_id: load.id,
            note,
        })
    }

    /// Puts the file away, so that it does not lie in the input for ever, and tells once. Of a file that was replaced while it waited
    /// there is nothing to put away, and nobody is told: the one in its place is.
    pub(super) async fn conclude_skip(&self, load: Load) -> Result<ObjectOutcome, AppError> {
        if load.state != LoadState::Skipped {
            return Ok(ObjectOutcome::AlreadyDone {
                load_id: load.id,
                state: load.state,
            });
        }
        let archived_key = match (&load.record_type, &load.interface) {
            (Some(_), _) => None,
            // What lies there is another load's.
            _ if load.superseded_by.is_some() => None,
            (None, _) if load.is_delivery() => None,
            (None, _) if self.is_read_by_another(&load).await? => None,
            (None, Some(feed)) => self.put_away(&load, ArchiveShelf::Interface(&feed.id)).await?,
            (None, None) => self.put_away(&load, ArchiveShelf::Error).await?,
        };
        let load = self
            .conclude(load, archived_key, AuditStatus::Skipped, Outcome::Skipped)
            .await?;
        Ok(ObjectOutcome::Skipped {
            load_id: load.id,
            note: load.remarks.join("; "),
        })
    }

    /// Whether another load of the same content reads this very object, which it then puts away itself. Only an operator skips a
    /// load while there is one.
    async fn is_read_by_another(&self, load: &Load) -> Result<bool, AppError> {
        if load.object.version.is_some() {
            return Ok(false);
        }
        let others = self.app.store.same_content(load.id).await?;
        Ok(others.iter().any(|other| other.is_under_way))
    }

    async fn put_away(&self, load: &Load, shelf: ArchiveShelf<'_>) -> Result<Option<ObjectKey>, AppError> {
        Ok(archive::put_away(self.app, load, shelf, self.invocation.deadline)
            .await?
            .key())
    }
}

fn is_version(head: &ObjectHead, object: &Object) -> bool {
    match &object.version {
        Some(version) => head.version.as_ref() == Some(version),
        None => head.etag == object.etag,
    }
}

/// Whether an earlier load of the content has anything to do with this one. Of a file that goes, or went, to several warehouses
/// only what went where this one goes.
fn counts_for(load: &Load, row: &RuleRow, destination: &Destination, earlier: &Replaceable) -> bool {
    if load.target.is_none() && earlier.target.is_none() {
        return earlier.destination.is_that_of(destination);
    }
    let own = row.own_target();
    let is_same_target = load.target.as_deref().unwrap_or(own) == earlier.target.as_deref().unwrap_or(own);
    earlier.destination.is_table_of(destination)
        && (earlier.destination.warehouse.is_some() || is_same_target)
}

/// Which loads are replaced, or why that cannot be. Rows that the rule now sends to another table or warehouse stay where they
/// are: the transaction holds the lock of one table.
fn replacing(
    destination: &Destination,
    copyable: &Copyable,
    earlier: Vec<Replaceable>,
) -> Result<Earlier, RejectReason> {
    let (here, elsewhere): (Vec<_>, Vec<_>) = earlier
        .into_iter()
        .partition(|earlier| earlier.destination.is_table_of(destination));
    let column = copyable.rule.load_id_column.as_deref();
    for earlier in &here {
        let plan = LoadPlan::read(earlier.plan.as_ref());
        let had = plan.as_ref().and_then(|plan| plan.load_id_column.as_deref());
        if !had
            .zip(column)
            .is_some_and(|(had, has)| had.eq_ignore_ascii_case(has))
        {
            return Err(RejectReason::RowsNotReplaceable {
                earlier: earlier.load,
            });
        }
    }
    let remark = |earlier: &Replaceable| {
        let table = earlier
            .destination
            .table
            .as_ref()
            .map(TableName::to_string)
            .unwrap_or_default();
        format!(
            "the rows of load {} stay in {table}: the rule now names another table or warehouse",
            earlier.load
        )
    };
    Ok(Earlier {
        replaces: here.iter().map(|earlier| earlier.load).collect(),
        remarks: elsewhere.iter().map(remark).collect(),
    })
}
