//! Bringing a file to several warehouses: it is checked and prepared once, and each delivery is a load of its own.
//!
//! What is delivered is read by every COPY, so the file's own load ends last: whoever sees the last delivery end puts the file
//! away. Should that one die, the reconciler finds a file that is still being delivered and goes on here.

use longshore_domain::archive::ArchiveShelf;
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::notification::Outcome;
use longshore_domain::object::Object;
use longshore_domain::reject::RejectReason;
use longshore_domain::rule::{
    Compression, Delivery, Encoding, FileRule, HeaderPolicy, ResendPolicy, RuleColumn, RuleFault, RuleFaults,
    RuleRow, same_place,
};
use longshore_domain::target::TableName;
use longshore_store::{
    AuditStatus, ChildOf, Claim, DeliveriesEnd, DeliveryFacts, Load, NewChild, Operation, OperationKind,
};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::parts::ChildPlan;
use super::{ObjectOutcome, ProcessObject};
use crate::archive::PutAway;
use crate::error::with_causes;
use crate::prepare::Copyable;
use crate::{App, AppError, archive, audit, notify};

/// What the deliveries need to know of the file, kept on its row: a change of the rule cannot change where it goes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct DeliveryPlan {
    /// The rule as it was when the file was prepared, with the targets that it names.
    rule: RuleRow,
    /// What every COPY reads.
    source: Object,
    /// Whether that is a copy of ours, to be removed in the end.
    is_prepared_copy: bool,
    /// Records counted in it.
    records: Option<u64>,
    /// How it is compressed.
    compression: Compression,
    /// How its characters are coded.
    encoding: Encoding,
    /// What its first record is.
    header: HeaderPolicy,
    /// The columns in the order of its fields.
    columns: Vec<RuleColumn>,
    /// What is done about rows that are there already, warehouse by warehouse.
    resend: ResendPolicy,
}

impl DeliveryPlan {
    pub(super) fn of(load: &Load) -> Result<Self, AppError> {
        let plan = load.plan.clone().unwrap_or_default();
        serde_json::from_value(plan).map_err(|error| AppError::Inconsistent {
            load: load.id,
            what: format!("it is being delivered and its plan does not read: {error}"),
        })
    }

    fn new(row: &RuleRow, copyable: &Copyable, resend: ResendPolicy) -> Self {
        Self {
            rule: row.with_its_targets(),
            source: copyable.source.clone(),
            is_prepared_copy: copyable.is_prepared_copy,
            records: copyable.records,
            compression: copyable.rule.compression,
            encoding: copyable.rule.encoding,
            header: copyable.rule.header,
            columns: copyable.columns.clone(),
            resend,
        }
    }

    /// The file as it is to be loaded under a target's rule.
    fn copyable(&self, rule: FileRule) -> Copyable {
        Copyable {
            source: self.source.clone(),
            is_prepared_copy: self.is_prepared_copy,
            rule: FileRule {
                compression: self.compression,
                encoding: self.encoding,
                header: self.header,
                trailer: None,
                ..rule
            },
            columns: self.columns.clone(),
            listed: vec![],
            records: self.records,
            blank_lines: 0,
        }
    }
}

impl ProcessObject<'_> {
    /// Puts the deliveries on the ledger and then what they are of: a file that is on record as being delivered has all of its
    /// deliveries.
    pub(super) async fn deliver(
        &self,
        load: Load,
        rule: &FileRule,
        row: &RuleRow,
        copyable: Copyable,
        policy: ResendPolicy,
    ) -> Result<ObjectOutcome, AppError> {
        if let Some(reason) = self.fault_of_targets(rule) {
            return self.reject_prepared(load, &copyable, reason).await;
        }
        let now = self.app.clock.now();
        for delivery in &rule.deliveries {
            let child = NewChild {
                id: load.id.delivery(&delivery.target),
                what: ChildOf::Target(delivery.target.clone()),
                object: copyable.source.clone(),
                file_name: load.file_name.clone(),
                rows_expected: copyable.records,
            };
            self.app
                .store
                .claim_child(load.id, &child, &self.lease(), now)
                .await?;
        }
        let plan = DeliveryPlan::new(row, &copyable, policy);
        let facts = DeliveryFacts {
            rows_expected: copyable.records,
            remarks: copyable.remarks().collect(),
            plan: serde_json::to_value(&plan).map_err(|error| AppError::Engine(error.into()))?,
            deliveries: u32::try_from(rule.deliveries.len()).unwrap_or(u32::MAX),
            duration: self.worked_on(&load),
        };
        let moved = self
            .app
            .store
            .mark_delivering(load.id, &facts, now, self.actor())
            .await?;
        let load = moved.into_load();
        info!(
            "prepared {} for {} warehouses",
            load.object.key,
            rule.deliveries.len()
        );
        Box::pin(self.load_deliveries(load)).await
    }

    /// Two names of one table, where one of them is the deployment's own: which warehouse that is, the rule cannot know.
    fn fault_of_targets(&self, rule: &FileRule) -> Option<RejectReason> {
        let fault = same_table(self.app, &rule.deliveries)?;
        Some(RejectReason::RuleInvalid(RuleFaults {
            rule: rule.id,
            faults: vec![fault],
        }))
    }

    /// Takes every delivery as far as it goes, and ends with the file itself when all of them have ended. One that fails does
    /// not keep the others waiting.
    pub(super) async fn load_deliveries(&self, load: Load) -> Result<ObjectOutcome, AppError> {
        let plan = ChildPlan::of_deliveries(&load)?;
        let children = self.app.store.children(load.id).await?;
        let deliveries = children.len();
        let mut first_error = None;
        for child in children {
            // On the heap: a delivery goes the whole way of a file, within that of its own.
            if let Err(error) = Box::pin(self.load_part(child, &plan)).await {
                first_error.get_or_insert(error);
            }
        }
        if let Some(error) = first_error {
            return Err(error);
        }
        let load = match self.app.store.delivered(load.id).await?.is_empty() {
            true => load,
            false => self.conclude_deliveries(load).await?,
        };
        Ok(match load.state {
            LoadState::Failed => ObjectOutcome::Failed { load_id: load.id },
            _ => ObjectOutcome::Delivering {
                load_id: load.id,
                deliveries,
            },
        })
    }

    /// Begins a delivery under the rule as it applies to its target.
    pub(super) async fn receive_delivery(
        &self,
        child: Load,
        plan: &DeliveryPlan,
        file: &Load,
    ) -> Result<ObjectOutcome, AppError> {
        let target = child.target.clone().unwrap_or_default();
        let Some(row) = plan.rule.delivered_to(&target) else {
            // Put on the ledger by a try that died, under a rule that was another one by the next.
            let note = format!("the file does not go to {target} any more");
            return self.skip(child, &note).await;
        };
        match self.adopt(child, &row, file.captures.clone()).await? {
            Ok(identified) => {
                let copyable = plan.copyable(identified.rule);
                self.reload_and_submit(identified.load, &identified.row, copyable, plan.resend)
                    .await
            }
            Err(unidentified) => self.stop_at(unidentified).await,
        }
    }

    /// Ends with the files that were waiting for this load alone: as a delivery, as the batch of some, or as the file itself. It is
    /// no matter of the load that ended: when this fails the reconciler does it.
    pub(crate) async fn settle_files_of(&self, load: LoadId) {
        if let Err(error) = self.settle_delivered(load).await {
            warn!(
                "could not end with the files whose last delivery was {load}: {}",
                with_causes(&error)
            );
        }
    }

    async fn settle_delivered(&self, load: LoadId) -> Result<(), AppError> {
        for file in self.app.store.delivered(load).await? {
            let now = self.app.clock.now();
            let claim = self.app.store.claim_again(file, &self.lease(), now).await?;
            // Whoever has it looks again once it has let go of it.
            let Some(Claim::New(claimed) | Claim::Resumed(claimed)) = claim else {
                continue;
            };
            let concluded = match claimed.state {
                LoadState::Delivering => Box::pin(self.conclude_deliveries(claimed)).await.map(drop),
                _ => Ok(()),
            };
            self.app.store.release(file, self.actor()).await?;
            concluded?;
            notify::send_pending(self.app, file, self.actor()).await?;
        }
        Ok(())
    }

    /// Puts a file away that no COPY reads any more, and its outcome on record: complete when every delivery is.
    async fn conclude_deliveries(&self, load: Load) -> Result<Load, AppError> {
        let plan = DeliveryPlan::of(&load)?;
        let told = self.told_of(&load, &plan).await?;
        let shelf = match (&load.interface, &told.error) {
            (Some(interface), None) => ArchiveShelf::Interface(&interface.id),
            _ => ArchiveShelf::Error,
        };
        let put_away = archive::put_away(self.app, &load, shelf, self.invocation.deadline).await?;
        let was_replaced = put_away == PutAway::Gone && !plan.is_prepared_copy;
        if plan.is_prepared_copy {
            let copy = &plan.source;
            self.app.objects.delete_work(&copy.bucket, &copy.key).await?;
        }
        archive::clear_leftovers(self.app, &load).await?;
        let mut remarks = told.remarks;
        if was_replaced {
            remarks.push(archive::REPLACED.to_owned());
        }
        let (status, outcome) = match &told.error {
            None => (AuditStatus::Finished, Outcome::Loaded),
            Some(_) if told.have_it == 0 => (AuditStatus::Failed, Outcome::Failed),
            Some(_) => (AuditStatus::Failed, Outcome::PartlyLoaded),
        };
        let (error_code, error) = told.error.clone().unzip();
        let told_of = Load {
            archived_key: put_away.key(),
            remarks: [load.remarks.clone(), remarks.clone()].concat(),
            error_code,
            error,
            table: None,
            ..load
        };
        let end = DeliveriesEnd {
            error: told.error,
            audit: audit::row(self.app, &told_of, status, None).await?,
            notices: vec![notify::notice(self.app, &told_of, outcome).await?],
            archived_key: told_of.archived_key.clone(),
            remarks,
        };
        let now = self.app.clock.now();
        let moved = self
            .app
            .store
            .end_deliveries(told_of.id, &end, now, self.actor())
            .await?;
        let load = moved.into_load();
        info!("{} is {}: {}", load.object.key, load.state, told.sum);
        Ok(load)
    }

    /// What is to be told of a file's deliveries. One that a dead try left, under a rule that had more targets, is none of them.
    async fn told_of(&self, load: &Load, plan: &DeliveryPlan) -> Result<Told, AppError> {
        let mut ends = Vec::new();
        for delivery in self.app.store.children(load.id).await? {
            if plan.rule.delivered_to(name_of(&delivery)).is_some() {
                let end = self.end_of(&delivery).await?;
                ends.push((delivery, end));
            }
        }
        Ok(Told::of(&ends))
    }

    /// Whether the warehouse of a delivery has its file by now. One that was skipped has it from an earlier load, unless somebody put the
    /// delivery aside.
    async fn end_of(&self, delivery: &Load) -> Result<DeliveryEnd, AppError> {
        match delivery.state {
            LoadState::Complete => Ok(DeliveryEnd::HasIt),
            LoadState::Skipped => {
                let operations = self.app.store.operations(delivery.id).await?;
                let is_skip = |operation: &Operation| operation.operation == OperationKind::Skip;
                Ok(match operations.iter().any(is_skip) {
                    true => DeliveryEnd::PutAside,
                    false => DeliveryEnd::HasIt,
                })
            }
            _ => Ok(DeliveryEnd::Failed),
        }
    }
}

/// The first two deliveries that would fill one table.
fn same_table(app: &App, deliveries: &[Delivery]) -> Option<RuleFault> {
    let place = |delivery: &Delivery| -> (String, Option<TableName>) {
        let warehouse = delivery.warehouse.as_ref().unwrap_or(&app.config.warehouse);
        (warehouse.to_string(), delivery.table.clone())
    };
    deliveries.iter().enumerate().find_map(|(index, delivery)| {
        let first = deliveries[..index]
            .iter()
            .find(|earlier| place(earlier) == place(delivery))?;
        Some(RuleFault::new("further_targets", same_place(first, delivery)))
    })
}

/// How a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DeliveryEnd {
    /// The warehouse has the file, from this load or an earlier one.
    HasIt,
    /// An operator put the delivery aside.
    PutAside,
    /// The warehouse lacks the file, or what follows it.
    Failed,
}

/// What there is to tell of deliveries that have ended.
struct Told {
    /// How many warehouses have the file.
    have_it: usize,
    /// Why not all do: the stable word, and each that does not with its reason.
    error: Option<(String, String)>,
    /// One line for each that does.
    remarks: Vec<String>,
    /// In a few words.
    sum: String,
}

impl Told {
    fn of(ends: &[(Load, DeliveryEnd)]) -> Self {
        let (have, have_not): (Vec<_>, Vec<_>) = ends.iter().partition(|(_, end)| *end == DeliveryEnd::HasIt);
        let sum = format!("{} of {} warehouses have it", have.len(), ends.len());
        let reasons: Vec<_> = have_not
            .iter()
            .map(|(delivery, end)| reason(delivery, *end))
            .collect();
        let error = (!reasons.is_empty()).then(|| {
            let code = "not_delivered".to_owned();
            (code, format!("{sum}; {}", reasons.join("; ")))
        });
        Self {
            have_it: have.len(),
            error,
            remarks: have.iter().map(|(delivery, _)| remark(delivery)).collect(),
            sum,
        }
    }
}

fn name_of(delivery: &Load) -> &str {
    delivery.target.as_deref().unwrap_or_default()
}

fn remark(delivery: &Load) -> String {
    let name = name_of(delivery);
    let table = delivery
        .table
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    match (delivery.state, delivery.rows_loaded) {
        (LoadState::Skipped, _) => format!("{name}: {}", delivery.remarks.join("; ")),
        (_, Some(rows)) => format!("{name} has it: {rows} rows in {table}"),
        (_, None) => format!("{name} has it, in {table}"),
    }
}

/// Why a warehouse does not have all of a file, with what to do about it.
fn reason(delivery: &Load, end: DeliveryEnd) -> String {
    let name = name_of(delivery);
    let id = delivery.id;
    if end == DeliveryEnd::PutAside {
        let note = delivery.remarks.join("; ");
        return format!("{name}: {note}; when it is wanted there: longshore load replay {id} --why TEXT");
    }
    match delivery.state {
        LoadState::TransformFailed => {
            format!(
                "{name} has the rows and its follow-up failed; once that is mended: longshore load follow-up {id} --why TEXT"
            )
        }
        _ => {
            let error = delivery.error.as_deref().unwrap_or("it did not end well");
            format!("{name}: {error}; once that is mended: longshore load replay {id} --why TEXT")
        }
    }
}
