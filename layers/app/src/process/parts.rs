//! Loading a file record type by record type: the parts are loads of their own.

use longshore_domain::archive::ArchiveShelf;
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::matching;
use longshore_domain::notification::Outcome;
use longshore_domain::reject::RejectReason;
use longshore_domain::rule::{Compression, FileRule, ResendPolicy, targets_of_a_part};
use longshore_store::{AuditStatus, ChildOf, Claim, Conclusion, Load, NewChild, SplitFacts};
use serde::{Deserialize, Serialize};
use tracing::{Instrument, info};

use super::deliveries::DeliveryPlan;
use super::identify::Identified;
use super::{ObjectOutcome, ProcessObject};
use crate::prepare::{Copyable, RecordTypePart, rule_of_part};
use crate::{AppError, archive, lint, notify, trace};

/// What the parts need to know of the whole, kept on its row: a change of the rule cannot change what was cut.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SplitPlan {
    /// What the tokens of the parts' rules begin with.
    token: String,
    /// How the parts are compressed.
    compression: Compression,
    /// What is done about parts that were loaded before. Plans of before this was asked load everything.
    #[serde(default = "accept")]
    resend: ResendPolicy,
}

fn accept() -> ResendPolicy {
    ResendPolicy::Accept
}

impl SplitPlan {
    fn of(load: &Load) -> Result<Self, AppError> {
        let plan = load.plan.clone().unwrap_or_default();
        serde_json::from_value(plan).map_err(|error| AppError::Inconsistent {
            load: load.id,
            what: format!("it is split and its plan does not read: {error}"),
        })
    }
}

/// What the children of a load go by.
pub(super) enum ChildPlan {
    /// They are the parts of a file that was cut.
    Parts(SplitPlan),
    /// They bring the file to several warehouses.
    Deliveries {
        /// The load of the file.
        file: Box<Load>,
        /// What is kept on it.
        plan: Box<DeliveryPlan>,
    },
}

impl ChildPlan {
    pub(super) fn of_deliveries(file: &Load) -> Result<Self, AppError> {
        Ok(Self::Deliveries {
            plan: Box::new(DeliveryPlan::of(file)?),
            file: Box::new(file.clone()),
        })
    }
}

impl ProcessObject<'_> {
    /// Puts the parts on the ledger and then the split itself: a split that is recorded has all of its parts.
    pub(super) async fn split(
        &self,
        load: Load,
        rule: FileRule,
        parts: Vec<RecordTypePart>,
        records: u64,
        remarks: Vec<String>,
    ) -> Result<ObjectOutcome, AppError> {
        let parts = self.wanted(&load, parts).await?;
        if parts.is_empty() {
            let listed = rule.split.unwrap_or_default().join(", ");
            let prefixes = load.only_record_type.clone().unwrap_or(listed);
            let reason = RejectReason::Content {
                fault: "no_listed_records".to_owned(),
                message: format!("none of the {records} records begins with one of {prefixes}"),
                line: None,
                byte: None,
            };
            return self.reject(load, reason).await;
        }
        let now = self.app.clock.now();
        for part in parts {
            let child = NewChild {
                id: load.id.child(&part.record_type),
                what: ChildOf::RecordType(part.record_type),
                object: part.object,
                file_name: load.file_name.clone(),
                rows_expected: Some(part.records),
            };
            self.app
                .store
                .claim_child(load.id, &child, &self.lease(), now)
                .await?;
        }
        let plan = SplitPlan {
            token: rule.token.clone(),
            compression: rule.prepared_compression,
            resend: load.resend.unwrap_or(rule.resend),
        };
        let facts = SplitFacts {
            rows_expected: Some(records),
            remarks,
            duration: self.worked_on(&load),
            plan: serde_json::to_value(&plan).map_err(|error| AppError::Engine(error.into()))?,
        };
        let moved = self
            .app
            .store
            .mark_split(load.id, &facts, now, self.actor())
            .await?;
        Box::pin(self.load_parts(moved.into_load())).await
    }

    /// The parts that are loaded: of a replayed part that one alone. The copies of the others go.
    async fn wanted(&self, load: &Load, parts: Vec<RecordTypePart>) -> Result<Vec<RecordTypePart>, AppError> {
        let Some(only) = &load.only_record_type else {
            return Ok(parts);
        };
        let (wanted, others): (Vec<_>, Vec<_>) =
            parts.into_iter().partition(|part| part.record_type == *only);
        for part in others {
            let copy = &part.object;
            self.app.objects.delete_work(&copy.bucket, &copy.key).await?;
        }
        Ok(wanted)
    }

    /// Takes every part as far as it goes, then puts the whole file away: the parts have copies of their own. A part that
    /// fails does not keep the others waiting.
    pub(super) async fn load_parts(&self, load: Load) -> Result<ObjectOutcome, AppError> {
        let plan = ChildPlan::Parts(SplitPlan::of(&load)?);
        let children = self.app.store.children(load.id).await?;
        let parts = children.len();
        let mut first_error = None;
        for child in children {
            // On the heap: a part goes the whole way of a file, within that of its own.
            let loaded = Box::pin(self.load_part(child, &plan)).await;
            if let Err(error) = loaded {
                first_error.get_or_insert(error);
            }
        }
        if let Some(error) = first_error {
            return Err(error);
        }
        if load.concluded_at.is_none() {
            self.conclude_split(&load).await?;
        }
        Ok(ObjectOutcome::Split {
            load_id: load.id,
            parts,
        })
    }

    /// Carries on a part, or a delivery, that its file's invocation left behind.
    pub(crate) async fn resume_part(&self, part: Load) -> Result<(), AppError> {
        let whole = match part.parent {
            Some(parent) => self.app.store.load(parent).await?,
            None => None,
        };
        let whole = whole.ok_or_else(|| AppError::Inconsistent {
            load: part.id,
            what: "it is a part of a load that is gone".to_owned(),
        })?;
        if part.is_delivery() && whole.deliveries.is_some() {
            let id = part.id;
            self.load_part(part, &ChildPlan::of_deliveries(&whole)?).await?;
            self.settle_files_of(id).await;
            return Ok(());
        }
        match (whole.state, whole.finished_at) {
            (LoadState::Split, _) if !part.is_delivery() => {
                let plan = ChildPlan::Parts(SplitPlan::of(&whole)?);
                self.load_part(part, &plan).await
            }
            // Until that is on record the whole file is the one to carry on: it claims its parts again.
            (LoadState::Received, None) => Ok(()),
            _ => self.end_with(&whole, part.id).await,
        }
    }

    /// Ends a part of a cut, or a delivery, that never came on record: its file was refused or put aside since, or went another
    /// way under a rule that was changed. What there is to tell was told of the file.
    async fn end_with(&self, whole: &Load, part: LoadId) -> Result<(), AppError> {
        let now = self.app.clock.now();
        let claim = self.app.store.claim_again(part, &self.lease(), now).await?;
        let Some(Claim::New(_) | Claim::Resumed(_)) = claim else {
            return Ok(());
        };
        let note = format!("the load of its whole file, {}, is {}", whole.id, whole.state);
        let store = &self.app.store;
        store.mark_skipped(part, &note, now, self.actor()).await?;
        store
            .conclude(part, &Conclusion::default(), now, self.actor())
            .await?;
        Ok(store.release(part, self.actor()).await?)
    }

    pub(super) async fn load_part(&self, child: Load, plan: &ChildPlan) -> Result<(), AppError> {
        let span = trace::span_of(&child, self.actor());
        self.claim_and_load_part(child, plan).instrument(span).await
    }

    async fn claim_and_load_part(&self, child: Load, plan: &ChildPlan) -> Result<(), AppError> {
        let Some((parent, again)) = NewChild::of(&child) else {
            return Ok(());
        };
        let id = child.id;
        let now = self.app.clock.now();
        match self
            .app
            .store
            .claim_child(parent, &again, &self.lease(), now)
            .await?
        {
            Claim::New(child) | Claim::Resumed(child) => {
                let outcome = match self.gate(&child).await {
                    Ok(Some(outcome)) => Ok(outcome),
                    Ok(None) => self.advance_part(child, plan).await,
                    Err(error) => Err(error),
                };
                self.let_go(id, &outcome).await?;
                self.flush_after(&outcome?).await;
            }
            Claim::Busy { load, owner, .. } => {
                return Err(AppError::PreparedElsewhere { load: load.id, owner });
            }
            // The work is done, the telling may not be.
            Claim::Done(_) => {}
        }
        notify::send_pending(self.app, id, self.actor()).await
    }

    async fn advance_part(&self, child: Load, plan: &ChildPlan) -> Result<ObjectOutcome, AppError> {
        match child.state {
            LoadState::Received => match plan {
                ChildPlan::Parts(plan) => self.receive_part(child, plan).await,
                ChildPlan::Deliveries { file, plan } => self.receive_delivery(child, plan, file).await,
            },
            LoadState::Prepared | LoadState::Queued => self.submit(child).await,
            LoadState::Rejected => self.conclude_rejection(child).await,
            LoadState::Failed => self.conclude_failure(child).await,
            LoadState::Skipped => self.conclude_skip(child).await,
            _ => Ok(ObjectOutcome::AlreadyDone {
                load_id: child.id,
                state: child.state,
            }),
        }
    }

    async fn receive_part(&self, child: Load, plan: &SplitPlan) -> Result<ObjectOutcome, AppError> {
        let record_type = child.record_type.clone().unwrap_or_default();
        let token = matching::part_token(&plan.token, &record_type);
        let Identified { load, rule, row } = match self.identify_part(child, &token).await? {
            Ok(identified) => identified,
            Err(unidentified) => return self.stop_at(unidentified).await,
        };
        if let Some(reason) = part_fault(&rule) {
            return self
                .reject(load, RejectReason::RecordType { record_type, reason })
                .await;
        }
        let copyable = Copyable {
            source: load.object.clone(),
            is_prepared_copy: true,
            listed: vec![],
            rule: rule_of_part(&rule, plan.compression),
            columns: rule.columns.clone(),
            records: load.rows_expected,
            blank_lines: 0,
        };
        self.reload_and_submit(load, &row, copyable, plan.resend).await
    }

    async fn conclude_split(&self, load: &Load) -> Result<(), AppError> {
        let shelf = match &load.interface {
            Some(interface) => ArchiveShelf::Interface(&interface.id),
            None => ArchiveShelf::Error,
        };
        let archived_key = archive::put_away(self.app, load, shelf, self.invocation.deadline)
            .await?
            .key();
        let load = self
            .conclude(load.clone(), archived_key, AuditStatus::Finished, Outcome::Split)
            .await?;
        info!("split {} and put it away", load.object.key);
        Ok(())
    }
}

/// The rule of a record type is judged like any rule, and then some.
fn part_fault(rule: &FileRule) -> Option<String> {
    let twice = [
        (rule.trailer.is_some(), "trailer_flag"),
        (rule.split.is_some(), "split_file_flag"),
    ];
    let again = twice.into_iter().find(|(is_set, _)| *is_set).map(|(_, column)| {
        format!(
            "{column} of rule {} must be N, because the file was split already",
            rule.id
        )
    });
    again.or_else(|| {
        let fault = lint::part_in_group(rule).or_else(|| targets_of_a_part(rule))?;
        Some(format!("rule {}: {fault}", rule.id))
    })
}
