//! Loading a dated snapshot: the newest file, the table made to fit, the load.
//!
//! A snapshot is a load like any other. [`SnapshotLoad`] finds its file, compares its date with the table's, makes the table fit
//! its description, and says under which rule it is loaded; then it puts the file on the ledger with its date and period and
//! carries the load on until it is done. So retries, markers, audit and messages are those of every load, and a load that was
//! left behind is carried on by the reconciler.

mod rule;
mod scheduled;
mod table;

pub(crate) use scheduled::ScheduledRun;

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use longshore_copy::snapshot as sql;
use longshore_domain::load::LoadId;
use longshore_domain::matching::Captures;
use longshore_domain::object::{Bucket, Object, ObjectKey, Sequencer, WatchedPrefix, s3_url};
use longshore_domain::queue::QueueName;
use longshore_domain::rule::{ColumnRow, FileRule, RuleRow};
use longshore_domain::snapshot::{
    ColumnType, DataDate, Description, Granularity, Layout, Place, Span, Suffix, TableColumn,
};
pub use longshore_domain::snapshot::{Freshness, Replaces, TableChanges};
use longshore_domain::target::{TableName, Warehouse};
use longshore_store::Load;
use uuid::Uuid;

use crate::operate::Judged;
use crate::plan::{self, ToLoad};
use crate::ports::{ObjectHead, WarehouseError};
use crate::prepare;
use crate::process::{Announcement, ProcessObject};
use crate::reconcile::{Reconcile, ReconcileLimits};
use crate::rules::Faults;
use crate::{App, AppError, Invocation};

/// How long one statement that makes a table fit may take.
const DDL_PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks at a load that is under way.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// One step of a load takes so long at most.
const STEP: TimeDelta = TimeDelta::minutes(15);
/// The longest description that is read.
const MOST_DESCRIPTION_BYTES: u64 = 1 << 20;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct SnapshotInput {
    /// The table.
    pub table: TableName,
    /// The bucket of its snapshots.
    pub bucket: Bucket,
    /// How their keys are written.
    pub layout: Layout,
    /// The date that is wanted.
    pub date: WantedDate,
    /// How much of the table a snapshot replaces.
    pub granularity: Granularity,
    /// By whose clocks.
    pub zone: Tz,
    /// The warehouse of the table.
    pub warehouse: Warehouse,
    /// Its number in `ext_target`, when it is not the deployment's own.
    pub target: Option<i32>,
    /// The feed that the loads belong to, when it is not that of all snapshots.
    pub feed: Option<String>,
    /// Whether the table is made to fit.
    pub table_changes: TableChanges,
    /// What else counts.
    pub rule: SnapshotRule,
    /// Who asks, and so by which names what was said is known.
    pub asked: Asked,
}

/// The date of the data that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WantedDate {
    /// This one.
    Of(DataDate),
    /// The newest.
    Newest,
    /// The newest, of which it is known that there is data of this date.
    NewestSince(DataDate),
}

/// Who asks for a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The command line, by its flags.
    ByHand,
    /// A rule with a schedule, by its fields.
    BySchedule,
}

impl Asked {
    /// A wish as whoever asked would say it.
    fn to_say(self, flag: &'static str, field: &'static str) -> &'static str {
        match self {
            Self::ByHand => flag,
            Self::BySchedule => field,
        }
    }
}

/// What of a wish is in the rule that the snapshot is loaded under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotRule {
    /// Whether older data may take the place of newer.
    pub freshness: Freshness,
    /// What is deleted.
    pub replaces: Replaces,
    /// Whether files are compressed whose names do not say so.
    pub compressed: bool,
    /// What separates fields; none: they are JSON.
    pub delimiter: Option<String>,
    /// From how many deleted rows on the table is put in order afterwards.
    pub vacuum_rows: Option<u64>,
    /// What a rule with a schedule says of the loads themselves.
    pub loads: SnapshotLoads,
}

/// Fields of a rule with a schedule that count for its loads as they count for any other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SnapshotLoads {
    /// `query`.
    pub query: Option<String>,
    /// `query_retry_flag`.
    pub query_retry_flag: Option<String>,
    /// `max_attempts`.
    pub max_attempts: Option<i32>,
    /// `retry_minutes`.
    pub retry_minutes: Option<i32>,
    /// `success_topic_arn`.
    pub success_topic_arn: Option<String>,
    /// `failure_topic_arn`.
    pub failure_topic_arn: Option<String>,
}

/// A snapshot that is there.
#[derive(Debug, Clone)]
pub struct FoundSnapshot {
    /// The file.
    pub object: Object,
    /// The date of its data.
    pub date: DataDate,
    /// What its name ends with.
    pub suffix: Suffix,
}

/// A snapshot that may be loaded, and all that it takes.
#[derive(Debug, Clone)]
pub struct CheckedSnapshot {
    /// The file.
    pub found: FoundSnapshot,
    /// The table as it is to be.
    pub description: Description,
    /// What makes the table fit; empty where it does.
    pub ddl: Vec<String>,
    /// The newest date of the table, by its own clocks.
    pub newest: Option<NaiveDateTime>,
    /// The period that it stands for, as the table's column holds it.
    pub period: (String, String),
    /// The rule that it is loaded under.
    pub row: RuleRow,
}

/// The use case.
#[derive(Clone, Copy)]
pub struct SnapshotLoad<'a> {
    /// What to work with.
    pub app: &'a App,
    /// Who works.
    pub actor: &'a str,
    /// What is wanted.
    pub input: &'a SnapshotInput,
    /// Until when it may take.
    pub until: DateTime<Utc>,
}

/// The columns of a table in order, as the warehouse has them; `None` where there is no such table.
///
/// # Errors
/// What the warehouse answers.
pub async fn table_columns(
    app: &App,
    warehouse: &Warehouse,
    table: &TableName,
) -> Result<Option<Vec<TableColumn>>, AppError> {
    table::columns(app, warehouse, table).await
}

/// What a description says of a table, or every fault of it with its place; `name` is what it is called in them.
///
/// # Errors
/// The faults.
pub fn description_of(name: String, text: &str, table: &TableName) -> Judged<Description> {
    Description::read(text, table).map_err(|list| Faults { name, list }.to_string())
}

impl SnapshotLoad<'_> {
    /// The snapshot of the date that is wanted, or the newest by the dates in the names, whenever they were written.
    ///
    /// # Errors
    /// What S3 answers.
    pub async fn find(&self) -> Result<Judged<FoundSnapshot>, AppError> {
        match self.input.date {
            WantedDate::Of(date) => self.find_of(date).await,
            WantedDate::Newest => self.find_newest(None).await,
            WantedDate::NewestSince(date) => self.find_newest(Some(date)).await,
        }
    }

    async fn find_of(&self, date: DataDate) -> Result<Judged<FoundSnapshot>, AppError> {
        let bucket = &self.input.bucket;
        let candidates = self.input.layout.candidates(date);
        for (suffix, key) in &candidates {
            if let Some(head) = self.app.objects.head(bucket, key).await? {
                let object = object(bucket, key.clone(), head);
                let suffix = *suffix;
                return Ok(Ok(FoundSnapshot { object, date, suffix }));
            }
        }
        let looked: Vec<String> = candidates.iter().map(|(_, key)| s3_url(bucket, key)).collect();
        Ok(Err(format!(
            "there is no data of {date} for {}; looked at {}",
            self.input.table,
            looked.join(", ")
        )))
    }

    /// Of keys that follow each other as their dates do, those before `since` need not be looked at.
    async fn find_newest(&self, since: Option<DataDate>) -> Result<Judged<FoundSnapshot>, AppError> {
        let place = WatchedPrefix {
            bucket: self.input.bucket.clone(),
            prefix: self.input.layout.prefix(),
        };
        let mut newest: Option<(Place, ObjectKey)> = None;
        let mut after = since.and_then(|date| self.input.layout.before(date));
        loop {
            let page = self.app.objects.list(&place, after.as_ref()).await?;
            for listed in &page.objects {
                let Some(found) = self.input.layout.read(&listed.key) else {
                    continue;
                };
                // Of one date the suffix that comes first in order counts.
                let is_newer = newest.as_ref().is_none_or(|(newest, _)| {
                    (found.date, std::cmp::Reverse(found.suffix))
                        > (newest.date, std::cmp::Reverse(newest.suffix))
                });
                if is_newer {
                    newest = Some((found, listed.key.clone()));
                }
            }
            after = page.objects.last().map(|listed| listed.key.clone());
            if page.is_last || after.is_none() {
                break;
            }
        }
        let nothing = || {
            format!(
                "there is no data for {}; looked at every key that begins with {place} for names such as {}, with one of the \
                 suffixes {} or none",
                self.input.table,
                self.input.layout.stem(DataDate::example()),
                Suffix::ALL.map(Suffix::as_str).join(" ").trim()
            )
        };
        let Some((Place { date, suffix }, key)) = newest else {
            return Ok(Err(nothing()));
        };
        match self.app.objects.head(&self.input.bucket, &key).await? {
            Some(head) => Ok(Ok(FoundSnapshot {
                object: object(&self.input.bucket, key, head),
                date,
                suffix,
            })),
            None => Ok(Err(format!(
                "{} is gone since it was listed",
                s3_url(&self.input.bucket, &key)
            ))),
        }
    }

    /// The text of a description in S3; by itself where the snapshot lies.
    ///
    /// # Errors
    /// What S3 answers.
    pub async fn read_description(
        &self,
        bucket: &Bucket,
        key: &ObjectKey,
    ) -> Result<Judged<String>, AppError> {
        let url = s3_url(bucket, key);
        let Some(head) = self.app.objects.head(bucket, key).await? else {
            return Ok(Err(format!(
                "there is no description at {url}; write one there or say {}",
                self.input
                    .asked
                    .to_say("--config", "where it is in snapshot_config")
            )));
        };
        if head.size_bytes > MOST_DESCRIPTION_BYTES {
            return Ok(Err(format!(
                "{url} has {} bytes, which is no description",
                head.size_bytes
            )));
        }
        let mut body = self.app.objects.open(&object(bucket, key.clone(), head)).await?;
        let mut bytes = vec![];
        while let Some(chunk) = futures_util::StreamExt::next(&mut body.chunks).await {
            bytes.extend_from_slice(&chunk?);
        }
        Ok(String::from_utf8(bytes).map_err(|_| format!("{url} is no UTF-8 text")))
    }

    /// Judges a snapshot against its description and the table, and says all that loading it takes. Nothing is changed.
    ///
    /// # Errors
    /// What the warehouse answers.
    pub async fn check(
        &self,
        found: FoundSnapshot,
        description: Description,
    ) -> Result<Judged<CheckedSnapshot>, AppError> {
        let input = self.input;
        if let Some(problem) = self
            .suffix_problem(&found)
            .or_else(|| self.granularity_problem(&description))
        {
            return Ok(Err(problem));
        }
        let columns = table::columns(self.app, &input.warehouse, &input.table).await?;
        let mut ddl = match table::fit(&description, columns.as_deref())? {
            Ok(ddl) => ddl,
            Err(differences) => return Ok(Err(differences)),
        };
        if input.table_changes == TableChanges::Refused && !ddl.is_empty() {
            return Ok(Err(format!(
                "{} is not as it is described, and snapshot_table_changes is refused; what would make it fit:\n{}",
                input.table,
                ddl.join(";\n")
            )));
        }
        let newest = match columns {
            Some(_) => table::newest(self.app, input, &description, found.date).await?,
            None => None,
        };
        if !table::has_latencies(self.app, &input.warehouse).await? {
            ddl.push(sql::create_latencies());
        }
        let span = input.granularity.span(found.date, input.zone);
        let kind = description
            .date()
            .map_or(ColumnType::Timestamp, |column| column.kind);
        let row = self.row(&found, &description)?;
        Ok(Ok(CheckedSnapshot {
            period: span.bounds(kind, input.zone),
            newest,
            found,
            description,
            ddl,
            row,
        }))
    }

    /// Lets no older data take the place of newer, unless that is wanted.
    pub fn refuse_older(&self, checked: &CheckedSnapshot) -> Judged<()> {
        let (input, found) = (self.input, &checked.found);
        if let (Some(newest), Freshness::Checked) = (checked.newest, input.rule.freshness)
            && input.granularity.is_older(found.date, newest, input.zone)
        {
            return Err(format!(
                "the data in {} is of {}, and {} holds data of {newest} ({}, by the {}): older data takes the place of newer \
                 only with --force",
                found.object.url(),
                found.date,
                input.table,
                input.zone,
                input.granularity.as_str(),
            ));
        }
        Ok(())
    }

    fn suffix_problem(&self, found: &FoundSnapshot) -> Option<String> {
        let is_json = matches!(found.suffix, Suffix::Json | Suffix::JsonGz);
        let delimiter = self.input.rule.delimiter.as_ref().filter(|_| is_json)?;
        let flag = self.input.asked.to_say("--delimiter", "delimiter");
        Some(format!(
            "{flag} {delimiter:?} was said, and {} is JSON by its name; leave {flag} out",
            found.object.url()
        ))
    }

    /// A date tells no hours.
    fn granularity_problem(&self, description: &Description) -> Option<String> {
        let date = description
            .date()
            .filter(|column| column.kind == ColumnType::Date)?;
        let is_whole_days = match self.input.granularity {
            Granularity::Day => true,
            Granularity::Hour => false,
            Granularity::Stream(bounds) => {
                let span = |date: DataDate| date.wall_clock(self.input.zone).time() == chrono::NaiveTime::MIN;
                span(bounds.start) && span(bounds.end)
            }
        };
        (!is_whole_days).then(|| {
            format!(
                "the column {} of {} is a date, which tells no hours; say {} day, or bounds of a stream at midnight",
                date.name,
                self.input.table,
                self.input.asked.to_say("--granularity", "snapshot_granularity")
            )
        })
    }

    /// The rule that the snapshot is loaded under: all that is said but for the date, so that every date has the same.
    fn row(&self, found: &FoundSnapshot, description: &Description) -> Result<RuleRow, AppError> {
        let input = self.input;
        let engine = |error: longshore_copy::TransactionError| AppError::Engine(error.into());
        let flag = || "N".to_owned();
        let is_compressed = matches!(found.suffix, Suffix::JsonGz | Suffix::Gz) || input.rule.compressed;
        let text = |text: &str| Some(text.to_owned());
        let mut row = RuleRow {
            ext_interface_cid: input.feed.clone().unwrap_or_default(),
            tgt_schema_name: text(&input.table.schema),
            tgt_table_name: text(&input.table.table),
            file_format: input.rule.delimiter.as_ref().map_or("json", |_| "csv").to_owned(),
            file_type: found.suffix.extension().to_owned(),
            delimiter: input.rule.delimiter.clone(),
            header_flag: flag(),
            trailer_flag: flag(),
            split_file_flag: flag(),
            archive_flag: Some(flag()),
            compression: text(if is_compressed { "gzip" } else { "none" }),
            rule_kind: text("snapshot"),
            query: input.rule.loads.query.clone(),
            query_retry_flag: input.rule.loads.query_retry_flag.clone(),
            max_attempts: input.rule.loads.max_attempts,
            retry_minutes: input.rule.loads.retry_minutes,
            success_topic_arn: input.rule.loads.success_topic_arn.clone(),
            failure_topic_arn: input.rule.loads.failure_topic_arn.clone(),
            vacuum_rows: input.rule.vacuum_rows.and_then(|rows| i64::try_from(rows).ok()),
            post_sql: Some(sql::note_latency(&input.table).map_err(engine)?),
            file_name_column: text(""),
            columns: description
                .columns
                .iter()
                .map(|column| ColumnRow {
                    column_name: column.name.clone(),
                    column_width_fixed: None,
                })
                .collect(),
            ..RuleRow::default()
        };
        match input.rule.replaces {
            Replaces::Everything => row.load_mode = text("truncate"),
            Replaces::Period => {
                row.load_mode = text("replace_period");
                row.period_column = Some(description.date_column.clone());
                row.period_value = text("{period_start}");
                row.period_end = text("{period_end}");
            }
        }
        // Again within the transaction: two dates may be on their way at once.
        if input.rule.freshness == Freshness::Checked {
            row.pre_sql = Some(sql::refuse_newer(&input.table, &description.date_column).map_err(engine)?);
        }
        row.queue_name = Some(queue_of(&row, &input.warehouse).to_string());
        row.file_prefix = format!("{}.", row.queue_name.clone().unwrap_or_default());
        Ok(row)
    }

    /// The statements of the load, for whoever looks before it happens. `None` with what is wrong with the file.
    ///
    /// # Errors
    /// What S3 or the control database answer.
    pub async fn plan(&self, checked: &CheckedSnapshot) -> Result<Judged<Vec<String>>, AppError> {
        let object = &checked.found.object;
        let rule = match FileRule::from_row(&checked.row) {
            Ok(rule) => rule,
            Err(faults) => return Ok(Err(faults.to_string())),
        };
        let load = LoadId::of(object);
        let listed = match rule.takes_manifests() {
            true => match prepare::files_of(self.app, object).await? {
                Ok(listed) => listed,
                Err(reason) => return Ok(Err(reason.to_string())),
            },
            false => vec![object.clone()],
        };
        let planned = plan::plan_transaction(
            self.app,
            ToLoad {
                load,
                bucket: &object.bucket,
                object_url: &object.url(),
                file_name: object.key.file_name(),
                table: &self.input.table,
                warehouse: &self.input.warehouse,
                rule: &rule,
                columns: &rule.columns,
                sources: plan::entries(&listed),
                rows_expected: None,
                captures: &self.captures(checked),
                carried: &[],
                replaces: &[],
            },
        )
        .await?;
        Ok(planned
            .map(|planned| planned.plan.statements)
            .map_err(|reason| reason.to_string()))
    }

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
        let object = self.identity(&checked.found.object).await?;
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
    /// among the loads of the key that are done is the same for whoever asks meanwhile.
    pub(crate) async fn identity(&self, object: &Object) -> Result<Object, AppError> {
        let loads = self.app.store.loads_of_key(&object.bucket, &object.key).await?;
        let under_way = loads
            .iter()
            .find(|load| load.finished_at.is_none() && load.parent.is_none());
        if let Some(load) = under_way.filter(|load| load.object.etag == object.etag) {
            return Ok(load.object.clone());
        }
        let done = loads.iter().filter(|load| load.parent.is_none()).count();
        Ok(Object {
            sequencer: Some(Sequencer::new(format!("snapshot-{done}"))),
            ..object.clone()
        })
    }

    fn captures(&self, checked: &CheckedSnapshot) -> Captures {
        let (start, end) = checked.period.clone();
        Captures::from([
            ("data_date".to_owned(), checked.found.date.to_string()),
            ("period_start".to_owned(), start),
            ("period_end".to_owned(), end),
        ])
    }

    /// The period of a date, for people.
    pub fn span(&self, date: DataDate) -> Span {
        self.input.granularity.span(date, self.input.zone)
    }
}

fn object(bucket: &Bucket, key: ObjectKey, head: ObjectHead) -> Object {
    Object {
        bucket: bucket.clone(),
        key,
        version: head.version,
        etag: head.etag,
        size_bytes: head.size_bytes,
        sequencer: None,
    }
}

/// The same rule has the same queue, whoever asks for it; nothing comes through it. Fields that say nothing are left out, so
/// that a rule keeps its queue when there are more of them.
fn queue_of(row: &RuleRow, warehouse: &Warehouse) -> QueueName {
    let mut fields = serde_json::json!(row);
    if let Some(fields) = fields.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    let said = serde_json::json!([fields, warehouse]).to_string();
    let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, said.as_bytes());
    QueueName::stored(format!("snapshot-{}", id.simple()))
}
