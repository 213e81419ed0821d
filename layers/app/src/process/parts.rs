//! Loading a file record type by record type: the parts are loads of their own.

use longshore_domain::archive::ArchiveShelf;
use longshore_domain::load::LoadState;
use longshore_domain::matching;
use longshore_domain::notification::Outcome;
use longshore_domain::reject::RejectReason;
use longshore_domain::rule::{FileRule, RuleRow};
use longshore_store::{AuditStatus, Claim, Conclusion, Load, NewChild, SplitFacts};
use tracing::{Instrument, info, info_span};

use super::identify::Identified;
use super::{ObjectOutcome, ProcessObject, part_fault};
use crate::prepare::{Copyable, RecordTypePart, rule_of_part};
use crate::{AppError, archive, audit, notify};

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
        if parts.is_empty() {
            let prefixes = rule.split.unwrap_or_default().join(", ");
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
                record_type: part.record_type,
                object: part.object,
                file_name: load.file_name.clone(),
                rows_expected: Some(part.records),
            };
            self.app
                .store
                .claim_child(load.id, &child, &self.lease(), now)
                .await?;
        }
        let facts = SplitFacts {
            rows_expected: Some(records),
            remarks,
            duration: self.worked_on(&load),
        };
        let moved = self
            .app
            .store
            .mark_split(load.id, &facts, now, self.actor())
            .await?;
        self.load_parts(moved.into_load()).await
    }

    /// Takes every part as far as it goes, then puts the whole file away. The parts have copies of their own.
    pub(super) async fn load_parts(&self, load: Load) -> Result<ObjectOutcome, AppError> {
        let whole = self.whole_rule(&load).await?;
        let children = self.app.store.children(load.id).await?;
        let parts = children.len();
        for child in children {
            let span = info_span!("part", load.id = %child.id, record_type = child.record_type);
            self.load_part(child, &whole).instrument(span).await?;
        }
        if load.concluded_at.is_none() {
            self.conclude_split(&load).await?;
        }
        Ok(ObjectOutcome::Split {
            load_id: load.id,
            parts,
        })
    }

    async fn whole_rule(&self, load: &Load) -> Result<(RuleRow, FileRule), AppError> {
        let row = match load.rule {
            Some(rule) => self.app.store.rule(rule).await?,
            None => None,
        };
        let row = row.ok_or_else(|| AppError::Inconsistent {
            load: load.id,
            what: "it was split by a rule that is gone".to_owned(),
        })?;
        let rule = FileRule::from_row(&row)?;
        Ok((row, rule))
    }

    async fn load_part(&self, child: Load, whole: &(RuleRow, FileRule)) -> Result<(), AppError> {
        let Some((parent, again)) = NewChild::of(&child) else {
            return Ok(());
        };
        let now = self.app.clock.now();
        let child = match self
            .app
            .store
            .claim_child(parent, &again, &self.lease(), now)
            .await?
        {
            Claim::New(child) | Claim::Resumed(child) => child,
            Claim::Busy { .. } | Claim::Done(_) => return Ok(()),
        };
        let id = child.id;
        match child.state {
            LoadState::Received => self.receive_part(child, whole).await?,
            _ => self.advance_part(child).await?,
        };
        self.app.store.release(id, self.actor()).await?;
        notify::send_pending(self.app, id, self.actor()).await
    }

    async fn advance_part(&self, child: Load) -> Result<ObjectOutcome, AppError> {
        match child.state {
            LoadState::Prepared | LoadState::Queued => self.submit(child).await,
            LoadState::Rejected => self.conclude_rejection(child).await,
            _ => Ok(ObjectOutcome::AlreadyDone {
                load_id: child.id,
                state: child.state,
            }),
        }
    }

    async fn receive_part(
        &self,
        child: Load,
        whole: &(RuleRow, FileRule),
    ) -> Result<ObjectOutcome, AppError> {
        let record_type = child.record_type.clone().unwrap_or_default();
        let token = matching::child_token(&whole.0, &record_type);
        let Identified { load, rule } = match self.identify_part(child, &token).await? {
            Ok(identified) => identified,
            Err((child, reason)) => return self.reject(child, reason).await,
        };
        if let Some(reason) = part_fault(&rule) {
            return self
                .reject(load, RejectReason::RecordType { record_type, reason })
                .await;
        }
        let copyable = Copyable {
            source: load.object.clone(),
            is_prepared_copy: true,
            rule: rule_of_part(&rule, &whole.1),
            columns: rule.columns.clone(),
            records: load.rows_expected,
        };
        self.plan_and_submit(load, copyable).await
    }

    async fn conclude_split(&self, load: &Load) -> Result<(), AppError> {
        let shelf = match &load.interface {
            Some(interface) => ArchiveShelf::Interface(&interface.id),
            None => ArchiveShelf::Error,
        };
        let archived_key = archive::put_away(self.app, load, shelf).await?;
        let load = Load {
            archived_key,
            ..load.clone()
        };
        let conclusion = Conclusion {
            audit: audit::row(self.app, &load, AuditStatus::Finished, None).await?,
            notices: vec![notify::notice(self.app, &load, Outcome::Split)],
            next: None,
        };
        self.app
            .store
            .conclude(load.id, &conclusion, self.app.clock.now(), self.actor())
            .await?;
        info!("split {} and put it away", load.object.key);
        Ok(())
    }
}
