//! A table of a snapshot rule whose time has come: planned, looked at, and started when there is news for it.
//!
//! Nothing of a run is lost with its worker. Until its end is on record the table is due, so another runner takes it up once the
//! right of the first one is over. Which load is about to be made is on record before that load is on the ledger; whoever takes
//! over finds it there, or nothing has happened. From then on the load is one like any other.

use std::cmp::Ordering;

use chrono::{DateTime, TimeDelta, Utc};
use longshore_domain::disposition::Disposition;
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::rule::{RuleId, RuleRow, ScheduledSnapshots};
use longshore_domain::snapshot::{DataDate, Description, Holds, Layout};
use longshore_domain::target::TableName;
use longshore_store::{
    Load, Operator, Record, SnapshotEnd, SnapshotResult, SnapshotRunner, SnapshotStanding, Telling,
};

use super::{
    Asked, CheckedSnapshot, FoundSnapshot, SnapshotInput, SnapshotLoad, SnapshotLoads, SnapshotRule,
    WantedDate, description_of,
};
use crate::error::with_causes;
use crate::operate::Judged;
use crate::{App, AppError, Invocation};

/// A table whose rule cannot be read, or is of a feed that is switched off, is looked at again after this long; once the rule is
/// changed, at once.
const UNREADABLE: TimeDelta = TimeDelta::hours(1);
/// The longest wait after a run that failed; its next time may come before.
const LONGEST_WAIT: TimeDelta = TimeDelta::minutes(60);
/// A failure that may pass by itself is told when it is the one of this number in a row.
const PASSING_FAILURES: u32 = 3;

/// What came of a run, before it is on record.
struct Ended {
    result: SnapshotResult,
    data_date: Option<DataDate>,
    loaded: Option<DataDate>,
}

/// One table that was taken.
#[derive(Clone, Copy)]
pub(crate) struct ScheduledRun<'a> {
    pub(crate) app: &'a App,
    pub(crate) invocation: &'a Invocation,
    pub(crate) runner: &'a SnapshotRunner,
    pub(crate) taken: &'a SnapshotStanding,
}

impl ScheduledRun<'_> {
    /// Plans the table, or runs it and puts the end on record: what came of it, unless it was only planned or another runner has
    /// it by now.
    ///
    /// # Errors
    /// Those of the control database alone; what else goes wrong is on record with the table.
    pub(crate) async fn run(&self) -> Result<Option<SnapshotResult>, AppError> {
        let now = self.app.clock.now();
        let Some(row) = self.app.store.rule(self.taken.rule).await? else {
            return self.plan(now + UNREADABLE).await;
        };
        if row.paused {
            return self.plan(self.taken.due_at).await;
        }
        let rule = match ScheduledSnapshots::from_row(&row) {
            Some(Ok(rule)) => rule,
            Some(Err(faults)) => {
                let ended = self.failed(faults.to_string());
                return self.finish(&row, now + UNREADABLE, ended).await;
            }
            None => return self.plan(now + UNREADABLE).await,
        };
        let next = rule.schedule.next_after(now).unwrap_or(now + UNREADABLE);
        let Some((table, layout)) = rule.table(&self.taken.table) else {
            return self.plan(next).await;
        };
        if !self.taken.is_planned() {
            return self.plan(next).await;
        }
        let ended = match Box::pin(self.look_and_start(&row, &rule, table, layout)).await {
            Ok(ended) => ended,
            Err(error @ AppError::Store(_)) => return Err(error),
            Err(error) => self.broke_off(&error),
        };
        let due_at = match &ended.result {
            SnapshotResult::Failed(..) => next.min(self.app.clock.now() + self.wait()),
            SnapshotResult::Started(_) | SnapshotResult::NothingNew => next,
        };
        self.finish(&row, due_at, ended).await
    }

    async fn plan(&self, due_at: DateTime<Utc>) -> Result<Option<SnapshotResult>, AppError> {
        let planned = self.app.store.plan_snapshot(self.taken, self.runner, due_at);
        planned.await?;
        Ok(None)
    }

    async fn finish(
        &self,
        row: &RuleRow,
        due_at: DateTime<Utc>,
        ended: Ended,
    ) -> Result<Option<SnapshotResult>, AppError> {
        let end = SnapshotEnd {
            at: self.app.clock.now(),
            due_at,
            result: ended.result,
            rule_version: row.rule_version,
            data_date: ended.data_date.map(DataDate::moment),
            loaded_date: ended.loaded.map(DataDate::moment),
        };
        let is_ours = self
            .app
            .store
            .finish_snapshot(self.taken, self.runner, &end)
            .await?;
        Ok(is_ours.then_some(end.result))
    }

    /// A minute after the first failure, and twice as long after each further one.
    fn wait(&self) -> TimeDelta {
        let minutes = 1_i64 << self.taken.failures.min(6);
        TimeDelta::minutes(minutes).min(LONGEST_WAIT)
    }

    fn failed(&self, problem: String) -> Ended {
        Ended {
            result: SnapshotResult::Failed(problem, Telling::Told),
            data_date: self.taken.data_date.map(DataDate::of),
            loaded: self.taken.loaded_date.map(DataDate::of),
        }
    }

    fn broke_off(&self, error: &AppError) -> Ended {
        let passes = error.disposition() == Disposition::Retry;
        let telling = match (passes, (self.taken.failures + 1).cmp(&PASSING_FAILURES)) {
            (true, Ordering::Less | Ordering::Greater) => Telling::Kept,
            (true, Ordering::Equal) | (false, _) => Telling::Told,
        };
        Ended {
            result: SnapshotResult::Failed(with_causes(error), telling),
            ..self.failed(String::new())
        }
    }

    async fn look_and_start(
        &self,
        row: &RuleRow,
        rule: &ScheduledSnapshots,
        table: &TableName,
        layout: &Layout,
    ) -> Result<Ended, AppError> {
        if let Some(ended) = self.started_before().await? {
            return Ok(ended);
        }
        let previous = match self.taken.load {
            Some(load) => self.app.store.load(load).await?,
            None => None,
        };
        let loaded = self.loaded(previous.as_ref());
        let input = self.input(row, rule, table, layout, loaded).await?;
        let snapshot = SnapshotLoad {
            app: self.app,
            actor: &self.runner.owner,
            input: &input,
            until: self.runner.until,
        };
        let ended = |result, data_date| Ended {
            result,
            data_date,
            loaded,
        };
        let found = match (snapshot.find().await?, loaded) {
            (Ok(found), _) => found,
            // What was loaded may have been taken away since, and nothing came after it.
            (Err(_), Some(_)) => return Ok(ended(SnapshotResult::NothingNew, loaded)),
            (Err(problem), None) => {
                return Ok(ended(SnapshotResult::Failed(problem, Telling::Told), None));
            }
        };
        let date = Some(found.date);
        if loaded.is_some_and(|loaded| found.date <= loaded) {
            return Ok(ended(SnapshotResult::NothingNew, date));
        }
        let news = News {
            run: self,
            snapshot: &snapshot,
            rule,
            loaded,
            previous: previous.as_ref(),
        };
        let result = match Box::pin(news.take_up(row, found)).await? {
            Ok(result) => result,
            Err(problem) => SnapshotResult::Failed(problem, Telling::Told),
        };
        Ok(ended(result, date))
    }

    /// What another runner had begun when it died: the load is on the ledger and carried on there.
    async fn started_before(&self) -> Result<Option<Ended>, AppError> {
        let Some(load) = self.taken.starting_load else {
            return Ok(None);
        };
        let is_there = self.app.store.load(load).await?.is_some();
        Ok(is_there.then(|| Ended {
            result: SnapshotResult::Started(load),
            data_date: self.taken.starting_date.map(DataDate::of),
            loaded: self.taken.loaded_date.map(DataDate::of),
        }))
    }

    /// The newest date that loads of the schedule brought.
    fn loaded(&self, previous: Option<&Load>) -> Option<DataDate> {
        let brought = previous.filter(|load| brought_rows(load.state));
        let brought = brought.and(self.taken.load_date);
        brought.max(self.taken.loaded_date).map(DataDate::of)
    }

    async fn input(
        &self,
        row: &RuleRow,
        rule: &ScheduledSnapshots,
        table: &TableName,
        layout: &Layout,
        loaded: Option<DataDate>,
    ) -> Result<SnapshotInput, AppError> {
        Ok(SnapshotInput {
            table: table.clone(),
            bucket: rule.bucket.clone(),
            layout: layout.clone(),
            date: loaded.map_or(WantedDate::Newest, WantedDate::NewestSince),
            granularity: rule.granularity,
            zone: rule.zone,
            warehouse: rule
                .warehouse
                .clone()
                .unwrap_or_else(|| self.app.config.warehouse.clone()),
            target: target_of(self.app, rule.id).await?,
            feed: Some(row.ext_interface_cid.clone()),
            table_changes: rule.table_changes,
            rule: SnapshotRule {
                freshness: rule.freshness,
                replaces: rule.replaces,
                compressed: rule.compressed,
                delimiter: rule.delimiter.clone(),
                vacuum_rows: rule.vacuum_rows,
                loads: SnapshotLoads {
                    query: row.query.clone(),
                    query_retry_flag: row.query_retry_flag.clone(),
                    max_attempts: row.max_attempts,
                    retry_minutes: row.retry_minutes,
                    success_topic_arn: row.success_topic_arn.clone(),
                    failure_topic_arn: row.failure_topic_arn.clone(),
                },
            },
            asked: Asked::BySchedule,
        })
    }
}

/// Data that the schedule has not loaded.
struct News<'a> {
    run: &'a ScheduledRun<'a>,
    snapshot: &'a SnapshotLoad<'a>,
    rule: &'a ScheduledSnapshots,
    loaded: Option<DataDate>,
    previous: Option<&'a Load>,
}

impl News<'_> {
    /// Judges it against description and table, as by hand, and starts its load; or says what is wrong.
    async fn take_up(&self, row: &RuleRow, found: FoundSnapshot) -> Result<Judged<SnapshotResult>, AppError> {
        let description = match self.description(&found).await? {
            Ok(description) => description,
            Err(problem) => return Ok(Err(problem)),
        };
        let checked = match self.snapshot.check(found, description).await? {
            Ok(checked) => checked,
            Err(problem) => return Ok(Err(problem)),
        };
        let holds = Holds {
            newest: checked.newest,
            loaded: self.loaded,
        };
        let is_news =
            self.rule
                .granularity
                .is_news(checked.found.date, holds, self.rule.zone, self.rule.freshness);
        if !is_news {
            return Ok(Ok(SnapshotResult::NothingNew));
        }
        if let Err(problem) = self.snapshot.plan(&checked).await? {
            return Ok(Err(problem));
        }
        let operator = Operator {
            name: format!("the schedule of rule {}", self.rule.id),
            reason: format!("snapshots of {}", self.snapshot.input.table),
        };
        match Box::pin(self.snapshot.make_rule(&checked, &operator)).await? {
            Ok(rule) => match self.tried(row, rule, &checked) {
                Some(load) => Ok(Ok(SnapshotResult::Started(load))),
                None => self.start(&checked).await.map(Ok),
            },
            Err(problem) => Ok(Err(problem)),
        }
    }

    async fn description(&self, found: &FoundSnapshot) -> Result<Judged<Description>, AppError> {
        let (bucket, key) = match &self.rule.config {
            Some((bucket, key)) => (bucket.clone(), key.clone()),
            None => {
                let input = self.snapshot.input;
                let key = input.layout.description_key(&input.table, found.date);
                (input.bucket.clone(), key)
            }
        };
        let text = self.snapshot.read_description(&bucket, &key).await?;
        Ok(text.and_then(|text| {
            let name = longshore_domain::object::s3_url(&bucket, &key);
            description_of(name, &text, &self.snapshot.input.table)
        }))
    }

    /// The load of this very file, when it failed or is under way and nothing that it was made of has changed since: whoever has
    /// mended what kept it from being loaded has it replayed, as any load.
    fn tried(&self, row: &RuleRow, rule: RuleId, checked: &CheckedSnapshot) -> Option<LoadId> {
        let previous = self.previous?;
        let (file, tried) = (&checked.found.object, &previous.object);
        let is_same = (&file.bucket, &file.key, &file.etag) == (&tried.bucket, &tried.key, &tried.etag)
            && previous.rule == Some(rule)
            && self.run.taken.rule_version == row.rule_version;
        is_same.then_some(previous.id)
    }

    async fn start(&self, checked: &CheckedSnapshot) -> Result<SnapshotResult, AppError> {
        let ScheduledRun {
            app,
            invocation,
            runner,
            taken,
        } = *self.run;
        let object = self.snapshot.identity(checked).await?;
        let load = LoadId::of(&object);
        let start = (load, checked.found.date.moment());
        if !app.store.note_snapshot_start(taken, runner, start).await? {
            // Another runner has the table by now; this end will not be put on record.
            return Ok(SnapshotResult::NothingNew);
        }
        self.snapshot.make_fit(checked).await?;
        match self.snapshot.start(checked, object, invocation).await {
            Ok(()) => Ok(SnapshotResult::Started(load)),
            Err(error @ AppError::Store(_)) => Err(error),
            // Once it is on the ledger it is carried on there.
            Err(_) if app.store.load(load).await?.is_some() => Ok(SnapshotResult::Started(load)),
            Err(error) => Err(error),
        }
    }
}

/// Whether the rows of a load in this state are in its table.
fn brought_rows(state: LoadState) -> bool {
    match state {
        LoadState::Loaded | LoadState::Transforming | LoadState::Complete | LoadState::TransformFailed => {
            true
        }
        LoadState::Received
        | LoadState::Rejected
        | LoadState::Split
        | LoadState::Skipped
        | LoadState::Delivering
        | LoadState::Batched
        | LoadState::Prepared
        | LoadState::Queued
        | LoadState::Submitted
        | LoadState::Failed => false,
    }
}

/// The number of a rule's warehouse in `ext_target`.
async fn target_of(app: &App, rule: RuleId) -> Result<Option<i32>, AppError> {
    let book = app.store.rule_book(Some(&[rule.0])).await?;
    let number = |fields: &Record| fields.get("ext_target_sid")?.parse().ok();
    Ok(book.rules.first().and_then(|rule| number(&rule.fields)))
}
