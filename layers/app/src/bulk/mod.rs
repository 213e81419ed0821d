//! What lies below a prefix, into a table, once.
//!
//! A bulk load is a rule of its own and a backfill under it: the rule takes files by a queue that nothing comes through, leaves
//! them where they lie, and has batches of about equal size. So what is true of any load is true of these, and whoever asks for
//! the same again finds the same rule, by the queue's name, and loads what failed or is new.

mod heap;
mod rule;

use chrono::{DateTime, Utc};
use longshore_domain::load::LoadState;
use longshore_domain::object::WatchedPrefix;
use longshore_domain::queue::QueueName;
use longshore_domain::rule::RuleId;
use longshore_domain::target::TableName;
use longshore_store::{LIST_LIMIT, LoadFilter, Operator};
use serde::Serialize;
use uuid::Uuid;

use crate::rules::change::Meant;
use crate::rules::plan::Step;
use crate::{App, AppError, Backfill, BackfillMode, Invocation, Judged, Operate, ReplayChoice};

use heap::Heap;
use rule::BulkRule;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkLoad {
    /// Where the files lie, and stay.
    pub path: WatchedPrefix,
    /// Where their rows go.
    pub table: TableName,
    /// How the files are written, as `file_format` of a rule.
    pub format: String,
    /// What their names end with, where it is not what the format is called. Other files are left alone.
    pub extension: Option<String>,
    /// The files' columns, in order.
    pub columns: Vec<String>,
    /// The columns to merge by; without any, rows are added.
    pub merge_key: Option<String>,
    /// Of rows of one key the one with the greatest of these wins.
    pub merge_order: Option<String>,
    /// A warehouse other than the deployment's own, by its number in `ext_target`.
    pub target: Option<i32>,
    /// Any other field of the rule, as `FIELD=VALUE`.
    pub fields: Vec<String>,
}

/// Who asks, and how it is meant.
#[derive(Clone, Copy)]
pub struct BulkRun<'a> {
    /// What to work with.
    pub app: &'a App,
    /// Who works.
    pub invocation: &'a Invocation,
    /// Who wants it, and why.
    pub operator: &'a Operator,
    /// Whether it is done, or only looked at.
    pub meant: Meant,
}

/// What was done, or would be.
#[derive(Debug, Clone, Serialize)]
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
    /// Whether it was done.
    pub done: bool,
    /// How the rule was made, or would be.
    #[serde(skip)]
    pub steps: Vec<Step>,
    /// Files that could not be looked at, and why.
    #[serde(skip)]
    pub errors: Vec<String>,
}

impl BulkLoad {
    /// The same load has the same queue, whoever asks for it.
    fn queue(&self) -> QueueName {
        let said = format!(
            "{}\n{}\n{}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}",
            self.path,
            self.table,
            self.format,
            self.extension,
            self.columns,
            self.merge_key,
            self.merge_order,
            self.target,
            self.fields
        );
        let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, said.as_bytes());
        QueueName::stored(format!("bulk-{}", id.simple()))
    }

    fn extension(&self) -> String {
        let extension = self.extension.as_ref().unwrap_or(&self.format);
        extension.trim_start_matches('.').to_ascii_lowercase()
    }
}

impl BulkRun<'_> {
    /// Finds or makes the rule of a load, and puts on the ledger what is not there, or says what cannot be.
    ///
    /// # Errors
    /// What S3, the control database or the warehouse answer. What was recorded by then stays.
    pub async fn run(&self, load: &BulkLoad) -> Result<Judged<BulkReport>, AppError> {
        let heap = Heap::below(self.app, load).await?;
        if heap.files == 0 {
            return Ok(Err(format!(
                "nothing below {} ends with .{}; say with --extension what the files' names end with",
                load.path,
                load.extension()
            )));
        }
        let rule = BulkRule {
            run: self,
            load,
            queue: load.queue(),
            heap,
        };
        let (rule, steps) = match Box::pin(rule.find_or_make()).await? {
            Ok(found) => found,
            Err(refused) => return Ok(Err(refused)),
        };
        let mut report = BulkReport {
            rule,
            files: heap.files,
            bytes: heap.bytes,
            batches: heap.batches(),
            recorded: 0,
            again: 0,
            done: self.meant == Meant::ToStay,
            steps,
            errors: Vec::new(),
        };
        if let Some(rule) = rule.filter(|_| report.done) {
            report.again = self.replay_failed(rule).await?;
            if let Err(refused) = self.record(load, rule, &mut report).await? {
                return Ok(Err(refused));
            }
        }
        Ok(Ok(report))
    }

    /// Lets the files of the rule happen again that failed or were refused.
    async fn replay_failed(&self, rule: RuleId) -> Result<u64, AppError> {
        let operate = Operate {
            app: self.app,
            invocation: self.invocation,
            operator: self.operator,
        };
        let mut again = 0;
        for state in [LoadState::Failed, LoadState::Rejected] {
            let filter = LoadFilter {
                state: Some(state),
                rule: Some(rule),
                limit: LIST_LIMIT,
                ..LoadFilter::default()
            };
            let failed = self.app.store.list_loads(&filter).await?;
            for load in failed.iter().filter(|load| !load.is_batch()) {
                // Whatever is loaded, or under way, by now is refused.
                let Ok(plan) = operate.judge_replay(load, ReplayChoice::Replace).await? else {
                    continue;
                };
                again += u64::from(operate.replay(&plan).await?.is_ok());
            }
        }
        Ok(again)
    }

    async fn record(
        &self,
        load: &BulkLoad,
        rule: RuleId,
        report: &mut BulkReport,
    ) -> Result<Judged<()>, AppError> {
        let backfill = Backfill {
            rule,
            place: load.path.clone(),
            since: DateTime::<Utc>::UNIX_EPOCH,
            until: None,
            extension: Some(load.extension()),
            limit: u64::MAX,
        };
        let found = backfill
            .run(self.app, self.invocation, BackfillMode::Record)
            .await?;
        Ok(found.map(|found| {
            report.recorded = found.recorded;
            report.errors = found.errors;
        }))
    }
}
