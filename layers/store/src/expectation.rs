//! Rules that expect files at certain times: how far these were judged, what came, and what is put on record of those that were missed.

use chrono::{DateTime, Utc};
use longshore_domain::load::LoadId;
use longshore_domain::notification::NewestFile;
use longshore_domain::rule::{ExpectedPeriod, ExpectedProgress, RuleId, RuleRow};
use serde::Serialize;
use tokio_postgres::Row;

use crate::conclude::OutboxNotice;
use crate::queries::Query;
use crate::read::{Reader, bounded, json};
use crate::store::Parameters;
use crate::transaction::Transaction;
use crate::{Store, StoreError};

const TABLE: &str = "ext_file_expectation";

/// A rule that expects files, and how far its times were judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Expectation {
    /// The rule.
    pub rule: RuleId,
    /// Whether the rule, its feed and its target are in operation and it is not paused.
    pub in_operation: bool,
    /// By when, as cron writes it.
    pub schedule: String,
    /// By whose clocks; none: UTC.
    pub timezone: Option<String>,
    /// How long after each time a file may still come.
    pub grace_minutes: Option<i32>,
    /// How many files come at least.
    pub files: Option<i32>,
    /// The time that is judged next; none where the rule begins anew.
    pub next_at: Option<DateTime<Utc>>,
    /// The feed's id.
    pub interface_id: String,
    /// The feed's name.
    pub interface_name: String,
    /// `schema.table` as the rule has it, when it names one.
    pub table: Option<String>,
    /// The rule's topic for failures, as it is written.
    #[serde(skip)]
    pub failure_topic_arn: Option<String>,
    /// How far its times were judged.
    #[serde(skip)]
    pub progress: Option<ExpectedProgress>,
    /// How often it began anew.
    #[serde(skip)]
    pub(crate) changes: i32,
}

impl Expectation {
    /// The fields of the rule that say so.
    pub fn row(&self) -> RuleRow {
        RuleRow {
            ext_file_config_sid: self.rule.0,
            expected_schedule: Some(self.schedule.clone()),
            expected_timezone: self.timezone.clone(),
            expected_grace_minutes: self.grace_minutes,
            expected_files: self.files,
            ..RuleRow::default()
        }
    }
}

/// How far the times of a rule are judged from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advance {
    /// How far; none where nothing can be judged, since the rule is at fault.
    pub progress: Option<ExpectedProgress>,
    /// When it is looked at next.
    pub due_at: DateTime<Utc>,
}

/// A time at which too few files came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissedPeriod {
    /// The time.
    pub period: ExpectedPeriod,
    /// By whose clocks.
    pub timezone: &'static str,
    /// How many files were expected.
    pub expected_files: u32,
    /// How many came.
    pub arrived_files: u32,
    /// The newest file of the rule.
    pub newest: Option<NewestFile>,
    /// Whether the time before it was missed too.
    pub follows_missed: bool,
    /// When what was missing came, where that is known already.
    pub arrived_at: Option<DateTime<Utc>>,
    /// Whether it is known whether that came.
    pub is_settled: bool,
    /// The message; none where it is not told by itself.
    pub notice: Option<OutboxNotice>,
}

impl Store {
    /// Rules in operation that expect files and are due.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn due_expectations(
        &self,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<Expectation>, StoreError> {
        self.list_expectations(None, Some(now), limit).await
    }

    /// Rules that expect files, one or all of them.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn expectations(
        &self,
        rule: Option<RuleId>,
        limit: u32,
    ) -> Result<Vec<Expectation>, StoreError> {
        self.list_expectations(rule, None, limit).await
    }

    async fn list_expectations(
        &self,
        rule: Option<RuleId>,
        due: Option<DateTime<Utc>>,
        limit: u32,
    ) -> Result<Vec<Expectation>, StoreError> {
        let rule = rule.map(|rule| rule.0);
        let parameters: Parameters<'_> = &[&rule, &due, &bounded(limit)];
        let rows = self.rows(Query::ExpectationList, parameters).await?;
        rows.iter().map(expectation).collect()
    }

    /// When the first files of a rule came after one moment and up to another, in their order.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn arrivals(
        &self,
        rule: RuleId,
        (after, until): (DateTime<Utc>, DateTime<Utc>),
        limit: u32,
    ) -> Result<Vec<DateTime<Utc>>, StoreError> {
        let parameters: Parameters<'_> = &[&rule.0, &after, &until, &i64::from(limit)];
        let rows = self.rows(Query::ArrivalList, parameters).await?;
        let received = |row: &Row| Reader::new(row, "ext_file_load").get("received_at");
        rows.iter().map(received).collect()
    }

    /// The newest file that came under a rule.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn newest_arrival(&self, rule: RuleId) -> Result<Option<NewestFile>, StoreError> {
        let rows = self.rows(Query::ArrivalFindNewest, &[&rule.0]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let reader = Reader::new(row, "ext_file_load");
        Ok(Some(NewestFile {
            name: reader.get("file_name")?,
            at: reader.get("received_at")?,
            load: LoadId::from_uuid(reader.get("load_id")?),
        }))
    }

    /// Puts down how far the times of a rule are judged, the missed ones and their messages, in one transaction. False, and nothing
    /// is written, when somebody else did meanwhile, or the rule began anew.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn advance_expectation(
        &self,
        judged: &Expectation,
        advance: &Advance,
        missed: &[MissedPeriod],
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut client = self.client("expectation_advance").await?;
        let transaction = Transaction::begin(self, &mut client);
        let (before, after) = (judged.progress, advance.progress);
        let parameters: Parameters<'_> = &[
            &judged.rule.0,
            &judged.changes,
            &before.map(|progress| progress.counted_until),
            &before.map(|progress| progress.next_at),
            &after.map(|progress| progress.counted_until),
            &after.map(|progress| progress.next_at),
            &after.is_some_and(|progress| progress.missed_last),
            &advance.due_at,
        ];
        if transaction.execute(Query::ExpectationAdvance, parameters).await? == 0 {
            return Ok(false);
        }
        for missed in missed {
            record(&transaction, judged, missed, now).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }
}

async fn record(
    transaction: &Transaction<'_>,
    rule: &Expectation,
    missed: &MissedPeriod,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let newest = missed.newest.as_ref();
    let notice = missed.notice.as_ref();
    let parameters: Parameters<'_> = &[
        &rule.rule.0,
        &rule.interface_id,
        &rule.interface_name,
        &rule.table,
        &missed.period.at,
        &missed.timezone,
        &missed.period.until,
        &missed.period.awaited_until,
        &whole(missed.expected_files),
        &whole(missed.arrived_files),
        &newest.map(|newest| newest.load.as_uuid()),
        &newest.map(|newest| newest.name.as_str()),
        &newest.map(|newest| newest.at),
        &missed.follows_missed,
        &now,
        &missed.arrived_at,
        &missed.is_settled.then_some(now),
        &notice.map(|notice| notice.topic_arn.as_str()),
        &notice.map(|notice| json(&notice.message)),
    ];
    transaction.execute(Query::LateRecord, parameters).await?;
    Ok(())
}

/// Rules expect some thousands of files at most.
fn whole(files: u32) -> i32 {
    i32::try_from(files).unwrap_or(i32::MAX)
}

fn expectation(row: &Row) -> Result<Expectation, StoreError> {
    let reader = Reader::new(row, TABLE);
    let counted_until: Option<DateTime<Utc>> = reader.get("counted_until")?;
    let next_at = reader.get("next_at")?;
    let missed_last = reader.get("missed_last")?;
    let schema: Option<String> = reader.get("tgt_schema_name")?;
    let table: Option<String> = reader.get("tgt_table_name")?;
    Ok(Expectation {
        rule: RuleId(reader.get("ext_file_config_sid")?),
        in_operation: reader.get("in_operation")?,
        schedule: reader.get("expected_schedule")?,
        timezone: reader.get("expected_timezone")?,
        grace_minutes: reader.get("expected_grace_minutes")?,
        files: reader.get("expected_files")?,
        next_at,
        interface_id: reader.get("ext_interface_cid")?,
        interface_name: reader.get("interface_name")?,
        table: schema
            .zip(table)
            .map(|(schema, table)| format!("{schema}.{table}")),
        failure_topic_arn: reader.get("failure_topic_arn")?,
        progress: counted_until
            .zip(next_at)
            .map(|(counted_until, next_at)| ExpectedProgress {
                counted_until,
                next_at,
                missed_last,
            }),
        changes: reader.get("changes")?,
    })
}
