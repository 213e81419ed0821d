//! What lies below a prefix, into a table, once.
//!
//! A bulk load is a rule of its own and a backfill under it: the rule takes files by a queue that nothing comes through, leaves
//! them where they lie, and has batches of about equal size. So what is true of any load is true of these, and whoever asks for
//! the same again finds the same rule, by the queue's name, and loads what failed or is new.

mod heap;
mod rule;
mod target;

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::object::WatchedPrefix;
use longshore_domain::rule::{FileType, RuleId};
use longshore_domain::target::TableName;
use longshore_store::{LIST_LIMIT, LoadFilter, Operator};
use serde::Serialize;

use crate::rules::change::Meant;
use crate::rules::plan::Step;
use crate::{App, AppError, Backfill, BackfillMode, Invocation, Judged, Operate, ReplayChoice};

use heap::{FORMATS, Heap, Heaps};
use rule::BulkRule;
pub use target::BulkTarget;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkLoad {
    /// Where the files lie, and stay.
    pub path: WatchedPrefix,
    /// Where their rows go.
    pub table: TableName,
    /// How the files are written, as `file_format` of a rule; `None` where their names say it.
    pub format: Option<String>,
    /// What their names end with, as `file_type` of a rule, where it is not what the format is called; empty where it does not
    /// matter. Other files are left alone.
    pub extension: Option<String>,
    /// The files' columns, in order.
    pub columns: Vec<String>,
    /// The columns to merge by; without any, rows are added.
    pub merge_key: Option<String>,
    /// Of rows of one key the one with the greatest of these wins.
    pub merge_order: Option<String>,
    /// Where the table lies.
    pub target: BulkTarget,
    /// Any other field of the rule, as `FIELD=VALUE`.
    pub fields: Vec<String>,
}

/// Who asks.
#[derive(Clone, Copy)]
pub struct BulkRun<'a> {
    /// What to work with.
    pub app: &'a App,
    /// Who works.
    pub invocation: &'a Invocation,
    /// Who wants it, and why.
    pub operator: &'a Operator,
}

/// A load that was looked at and can be done.
#[derive(Debug, Clone)]
pub struct BulkPlan {
    load: Settled,
    heap: Heap,
    rule: Option<RuleId>,
    /// How its rule will be made; empty when it is there.
    pub steps: Vec<Step>,
}

/// A load of which the format is known.
#[derive(Debug, Clone)]
struct Settled {
    load: BulkLoad,
    format: String,
    file_type: FileType,
}

/// What was done, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BulkReport {
    /// The rule that it runs under; none when there is none yet.
    pub rule: Option<RuleId>,
    /// Files below the prefix.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The fewest batches that hold all of them.
    pub batches: u64,
    /// Files that were put on the ledger now.
    pub recorded: u64,
    /// Files that failed before and are tried again.
    pub again: u64,
    /// Files whose rows are in the table.
    pub loaded: u64,
    /// Files that wait or are being loaded; those that were put on the ledger now among them.
    pub under_way: u64,
    /// Files that failed, or were refused, and cannot be tried again as they are.
    pub failed: u64,
    /// Whether every file below the prefix was looked at. Where not, there was no time left: asked for again, it goes on.
    pub is_through: bool,
    /// Whether it was done.
    pub done: bool,
    /// Files that could not be looked at, and why.
    pub errors: Vec<String>,
}

impl BulkLoad {
    /// What the files' names end with, as far as it is said.
    fn file_type(&self) -> Option<FileType> {
        let said = self.extension.as_ref().or(self.format.as_ref())?;
        match FileType::parse(said) {
            blank if blank.is_blank() => Some(FileType::Any),
            said => Some(said),
        }
    }

    /// The load with what the files' names say, or why they say nothing.
    fn settle(&self, heaps: &Heaps) -> Judged<Settled> {
        let file_type = match (self.file_type(), heaps.endings().as_slice()) {
            (Some(file_type), _) => file_type,
            (None, [ending]) => FileType::Extension((*ending).to_owned()),
            (None, []) => FileType::Extension(String::new()),
            (None, endings) => {
                return Err(format!(
                    "below {} lie files that end with .{}; say with format which of them are meant",
                    self.path,
                    endings.join(" and .")
                ));
            }
        };
        let format = match &self.format {
            Some(format) => format.clone(),
            None => match &file_type {
                FileType::Extension(ending) if ending.is_empty() || FORMATS.contains(&ending.as_str()) => {
                    ending.clone()
                }
                FileType::Extension(_) | FileType::Any | FileType::None => {
                    return Err(format!(
                        "say with format how the files below {} are written: {} does not say it",
                        self.path,
                        match &file_type {
                            FileType::Extension(ending) => format!(".{ending}"),
                            word @ (FileType::Any | FileType::None) => format!("extension {word}"),
                        }
                    ));
                }
            },
        };
        Ok(Settled {
            load: self.clone(),
            format,
            file_type,
        })
    }
}

impl BulkPlan {
    /// Whether nothing lies below the prefix that could be loaded.
    pub fn is_empty(&self) -> bool {
        self.heap.files == 0
    }

    /// What the files' names end with.
    pub fn file_type(&self) -> &FileType {
        &self.load.file_type
    }
}

impl BulkRun<'_> {
    /// Looks through the prefix, and judges the rule that the load would get, or says what cannot be.
    ///
    /// # Errors
    /// What S3 and the control database answer. Nothing is changed.
    pub async fn judge(&self, load: &BulkLoad) -> Result<Judged<BulkPlan>, AppError> {
        let Some(heaps) = Heaps::below(self.app, self.invocation, load).await? else {
            return Ok(Err(format!(
                "more lies below {} than one invocation can look through; write longer paths, or have an operator run longshore bulk load",
                load.path
            )));
        };
        let load = match load.settle(&heaps) {
            Ok(load) => load,
            Err(refused) => return Ok(Err(refused)),
        };
        let mut plan = BulkPlan {
            heap: heaps.of(&load.file_type.to_string()),
            load,
            rule: None,
            steps: Vec::new(),
        };
        if !plan.is_empty() {
            match self.rule(&plan, Meant::ToBeSeen).await? {
                Ok((rule, steps)) => (plan.rule, plan.steps) = (rule, steps),
                Err(refused) => return Ok(Err(refused)),
            }
        }
        Ok(Ok(plan))
    }

    /// What a load would find.
    ///
    /// # Errors
    /// What the control database answers.
    pub async fn look(&self, plan: &BulkPlan) -> Result<BulkReport, AppError> {
        let mut report = BulkReport {
            rule: plan.rule,
            files: plan.heap.files,
            bytes: plan.heap.bytes,
            batches: plan.heap.batches(),
            is_through: true,
            ..BulkReport::default()
        };
        self.count(&mut report).await?;
        Ok(report)
    }

    /// Makes the rule unless it is there, and puts on the ledger what is not, or says what cannot be.
    ///
    /// # Errors
    /// What S3, the control database or the warehouse answer. What was recorded by then stays.
    pub async fn carry_out(&self, plan: &BulkPlan) -> Result<Judged<BulkReport>, AppError> {
        let mut report = BulkReport {
            done: true,
            ..self.look(plan).await?
        };
        if plan.is_empty() {
            return Ok(Ok(report));
        }
        report.rule = match self.rule(plan, Meant::ToStay).await? {
            Ok((rule, _)) => rule,
            Err(refused) => return Ok(Err(refused)),
        };
        if let Some(rule) = report.rule {
            report.again = self.replay_failed(rule).await?;
            if let Err(refused) = self.record(&plan.load, rule, &mut report).await? {
                return Ok(Err(refused));
            }
        }
        self.count(&mut report).await?;
        Ok(Ok(report))
    }

    async fn rule(&self, plan: &BulkPlan, meant: Meant) -> Result<Judged<rule::Found>, AppError> {
        let rule = BulkRule {
            run: self,
            load: &plan.load,
            heap: plan.heap,
            meant,
        };
        Box::pin(rule.find_or_make()).await
    }

    /// How the files stand on the ledger.
    async fn count(&self, report: &mut BulkReport) -> Result<(), AppError> {
        (report.loaded, report.under_way, report.failed) = (0, 0, 0);
        let Some(rule) = report.rule else { return Ok(()) };
        for (state, files) in self.app.store.standing_of_rule(rule).await? {
            *match state {
                LoadState::Loaded
                | LoadState::Transforming
                | LoadState::Complete
                | LoadState::TransformFailed
                | LoadState::Split
                | LoadState::Skipped => &mut report.loaded,
                LoadState::Failed | LoadState::Rejected => &mut report.failed,
                LoadState::Received
                | LoadState::Delivering
                | LoadState::Batched
                | LoadState::Prepared
                | LoadState::Queued
                | LoadState::Submitted => &mut report.under_way,
            } += files;
        }
        Ok(())
    }

    /// Lets the files of the rule happen again that failed or were refused.
    async fn replay_failed(&self, rule: RuleId) -> Result<u64, AppError> {
        let mut again = 0;
        for state in [LoadState::Failed, LoadState::Rejected] {
            again += self.replay_all(rule, state).await?;
        }
        Ok(again)
    }

    /// Those in one state, the newest first: of a file that failed several times the last failure is the one to replay.
    async fn replay_all(&self, rule: RuleId, state: LoadState) -> Result<u64, AppError> {
        let operate = Operate {
            app: self.app,
            invocation: self.invocation,
            operator: self.operator,
        };
        let mut filter = LoadFilter {
            state: Some(state),
            rule: Some(rule),
            limit: LIST_LIMIT,
            ..LoadFilter::default()
        };
        let mut seen: HashSet<LoadId> = HashSet::new();
        let mut again = 0;
        loop {
            let failed = self.app.store.list_loads(&filter).await?;
            let known = seen.len();
            for load in failed.iter().filter(|load| seen.insert(load.id)) {
                if load.is_batch() {
                    continue;
                }
                // Whatever is loaded, or under way, by now is refused.
                if let Ok(plan) = operate.judge_replay(load, ReplayChoice::Replace).await? {
                    again += u64::from(operate.replay(&plan).await?.is_ok());
                }
            }
            if seen.len() == known {
                return Ok(again);
            }
            // Several may have come at the same moment.
            filter.until = failed
                .last()
                .map(|load| load.received_at + TimeDelta::microseconds(1));
        }
    }

    async fn record(
        &self,
        load: &Settled,
        rule: RuleId,
        report: &mut BulkReport,
    ) -> Result<Judged<()>, AppError> {
        let backfill = Backfill {
            rule,
            place: load.load.path.clone(),
            since: DateTime::<Utc>::UNIX_EPOCH,
            until: None,
            file_type: Some(load.file_type.clone()),
            limit: u64::MAX,
            why: self.operator.reason.clone(),
        };
        let found = backfill
            .run(self.app, self.invocation, BackfillMode::Record)
            .await?;
        Ok(found.map(|found| {
            report.recorded = found.recorded;
            report.is_through = found.is_through;
            report.errors = found.errors;
        }))
    }
}

#[cfg(test)]
mod tests {
    use longshore_domain::object::ObjectKey;

    use super::*;

    fn load(format: Option<&str>, extension: Option<&str>) -> BulkLoad {
        BulkLoad {
            path: WatchedPrefix::parse("s3://lake/orders/").expect("a prefix"),
            table: TableName::new("s", "t"),
            format: format.map(str::to_owned),
            extension: extension.map(str::to_owned),
            columns: Vec::new(),
            merge_key: None,
            merge_order: None,
            target: BulkTarget::Own,
            fields: Vec::new(),
        }
    }

    fn settled(load: &BulkLoad, names: &[&str]) -> String {
        let mut heaps = Heaps::default();
        for name in names {
            heaps.add(&ObjectKey::new(*name), 1, load.file_type().as_ref());
        }
        match load.settle(&heaps) {
            Ok(settled) => format!("{} in {}", settled.format, settled.file_type),
            Err(refused) => refused,
        }
    }

    #[test]
    fn where_nobody_says_how_the_files_are_written_their_names_do() {
        assert_eq!(
            settled(&load(None, None), &["a.parquet", "_SUCCESS"]),
            "parquet in parquet"
        );
        assert_eq!(settled(&load(Some("csv"), None), &["a.parquet"]), "csv in csv");
        assert_eq!(
            settled(&load(Some("csv"), Some(".TXT")), &["a.txt"]),
            "csv in txt"
        );
        for any in ["", "any"] {
            assert_eq!(
                settled(&load(Some("csv"), Some(any)), &["0000_part_00"]),
                "csv in any"
            );
        }
        assert_eq!(
            settled(&load(Some("csv"), Some("none")), &["part-00000"]),
            "csv in none"
        );
        insta::assert_snapshot!(settled(&load(None, Some("none")), &["part-00000"]), @"say with format how the files below s3://lake/orders/ are written: extension none does not say it");
        insta::assert_snapshot!(settled(&load(None, None), &["a.csv", "b.json"]), @"below s3://lake/orders/ lie files that end with .csv and .json; say with format which of them are meant");
        insta::assert_snapshot!(settled(&load(None, Some("dat")), &["a.dat"]), @"say with format how the files below s3://lake/orders/ are written: .dat does not say it");
    }
}
