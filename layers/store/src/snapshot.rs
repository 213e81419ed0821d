//! Tables of snapshot rules with a schedule: when each is due, who has it, and what came of it.

use chrono::{DateTime, Utc};
use longshore_domain::load::{LoadId, LoadState};
use longshore_domain::rule::RuleId;
use serde::Serialize;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::queries::Query;
use crate::read::{Reader, bounded, optional_text, text};
use crate::store::Parameters;
use crate::{Store, StoreError};

const TABLE: &str = "ext_snapshot_schedule";

/// What came of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotOutcome {
    /// Newer data is on its way into the table; how far it is, its load says.
    Started,
    /// The table has the newest data.
    NothingNew,
    /// It could not be told, or not be loaded.
    Failed,
}

impl SnapshotOutcome {
    /// The word stored in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::NothingNew => "nothing_new",
            Self::Failed => "failed",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Started, Self::NothingNew, Self::Failed]
            .into_iter()
            .find(|outcome| outcome.as_str() == word)
    }
}

/// How a table stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SnapshotStanding {
    /// The rule.
    pub rule: RuleId,
    /// The table's name; its schema is the rule's.
    pub table: String,
    /// Whether the rule is in operation and not paused.
    pub in_operation: bool,
    /// The rule's schedule, and whose clocks tell it.
    pub schedule: String,
    /// The schedule that `due_at` was found by.
    #[serde(skip)]
    pub planned_for: Option<String>,
    /// When it runs next; long past: as soon as anybody looks.
    pub due_at: DateTime<Utc>,
    /// The load that a run that is under way, or died, was about to put on the ledger.
    #[serde(skip)]
    pub starting_load: Option<LoadId>,
    /// The date of its data.
    #[serde(skip)]
    pub starting_date: Option<DateTime<Utc>>,
    /// When the last run began.
    pub began_at: Option<DateTime<Utc>>,
    /// When one ended last.
    pub ended_at: Option<DateTime<Utc>>,
    /// What came of it.
    pub outcome: Option<SnapshotOutcome>,
    /// The version of the rule that it read.
    pub rule_version: Option<i32>,
    /// The date of the newest data that it found.
    pub data_date: Option<DateTime<Utc>>,
    /// The load that was started last, by this run or an earlier one.
    pub load: Option<LoadId>,
    /// The date of its data.
    pub load_date: Option<DateTime<Utc>>,
    /// How that stands.
    pub load_state: Option<LoadState>,
    /// The newest date that a load of the schedule brought, so far as was known at the end of the last run.
    pub loaded_date: Option<DateTime<Utc>>,
    /// Why the last run failed.
    pub error: Option<String>,
    /// Runs in a row that failed.
    pub failures: u32,
}

impl SnapshotStanding {
    /// Whether it is known when it runs next.
    pub fn is_planned(&self) -> bool {
        self.planned_for.as_deref() == Some(&self.schedule)
    }
}

/// Who has a table, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotRunner {
    /// The invocation.
    pub owner: String,
    /// When the right ends by itself.
    pub until: DateTime<Utc>,
}

/// Whether a failure is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// It is, unless it was told last.
    Told,
    /// It may be over in a moment.
    Kept,
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotEnd {
    /// When.
    pub at: DateTime<Utc>,
    /// When the next run is due.
    pub due_at: DateTime<Utc>,
    /// What came of it.
    pub result: SnapshotResult,
    /// The version of the rule.
    pub rule_version: Option<i32>,
    /// The date of the newest data.
    pub data_date: Option<DateTime<Utc>>,
    /// The newest date that a load of the schedule brought.
    pub loaded_date: Option<DateTime<Utc>>,
}

/// What came of a run, with what is to be said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnapshotResult {
    /// This load was started.
    Started(LoadId),
    /// The table has the newest data.
    NothingNew,
    /// Why not.
    Failed(String, Telling),
}

impl SnapshotResult {
    /// The word for it.
    pub fn outcome(&self) -> SnapshotOutcome {
        match self {
            Self::Started(_) => SnapshotOutcome::Started,
            Self::NothingNew => SnapshotOutcome::NothingNew,
            Self::Failed(..) => SnapshotOutcome::Failed,
        }
    }
}

/// A failure that is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UntoldSnapshot {
    /// The rule.
    pub rule: RuleId,
    /// The schema of its tables.
    pub schema: String,
    /// The table's name.
    pub table: String,
    /// The feed's id.
    pub interface_id: Option<String>,
    /// The feed's name.
    pub interface_name: Option<String>,
    /// The rule's topic for failures, as it is written.
    pub topic_arn: Option<String>,
    /// The failure.
    pub error: String,
}

impl Store {
    /// The next table that is due, held by this runner.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn take_snapshot(
        &self,
        runner: &SnapshotRunner,
        now: DateTime<Utc>,
    ) -> Result<Option<SnapshotStanding>, StoreError> {
        let parameters: Parameters<'_> = &[&now, &runner.owner, &runner.until];
        let rows = self.rows(Query::SnapshotTake, parameters).await?;
        rows.first().map(standing).transpose()
    }

    /// Notes the load that is about to be put on the ledger. False when another runner has the table by now.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn note_snapshot_start(
        &self,
        taken: &SnapshotStanding,
        runner: &SnapshotRunner,
        (load, date): (LoadId, DateTime<Utc>),
    ) -> Result<bool, StoreError> {
        let parameters: Parameters<'_> =
            &[&taken.rule.0, &taken.table, &runner.owner, &load.as_uuid(), &date];
        Ok(self.execute(Query::SnapshotStart, parameters).await? == 1)
    }

    /// Puts down when a table that was taken runs next, without a run. False when another runner has the table by now.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn plan_snapshot(
        &self,
        taken: &SnapshotStanding,
        runner: &SnapshotRunner,
        due_at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let parameters: Parameters<'_> = &[
            &taken.rule.0,
            &taken.table,
            &runner.owner,
            &taken.schedule,
            &due_at,
        ];
        Ok(self.execute(Query::SnapshotPlan, parameters).await? == 1)
    }

    /// Lets a table that was taken be taken again from `at` on, the run having broken off.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn give_snapshot_back(
        &self,
        taken: &SnapshotStanding,
        runner: &SnapshotRunner,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let parameters: Parameters<'_> = &[&taken.rule.0, &taken.table, &runner.owner, &at];
        self.execute(Query::SnapshotGiveBack, parameters).await?;
        Ok(())
    }

    /// Puts the end of a run down. False when another runner has the table by now.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn finish_snapshot(
        &self,
        taken: &SnapshotStanding,
        runner: &SnapshotRunner,
        end: &SnapshotEnd,
    ) -> Result<bool, StoreError> {
        let (load, error, telling) = match &end.result {
            SnapshotResult::Started(load) => (Some(load.as_uuid()), None, Telling::Kept),
            SnapshotResult::NothingNew => (None, None, Telling::Kept),
            SnapshotResult::Failed(error, telling) => (None, Some(error.as_str()), *telling),
        };
        let is_told = telling == Telling::Told;
        let error = optional_text(error);
        let outcome = end.result.outcome().as_str();
        let parameters: Parameters<'_> = &[
            &taken.rule.0,
            &taken.table,
            &runner.owner,
            &taken.schedule,
            &end.due_at,
            &end.at,
            &outcome,
            &end.rule_version,
            &end.data_date,
            &load,
            &end.loaded_date,
            &error,
            &is_told,
        ];
        Ok(self.execute(Query::SnapshotFinish, parameters).await? == 1)
    }

    /// How the tables of a rule stand, or those of all rules.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn snapshot_standings(
        &self,
        rule: Option<RuleId>,
        limit: u32,
    ) -> Result<Vec<SnapshotStanding>, StoreError> {
        let rule = rule.map(|rule| rule.0);
        let rows = self.rows(Query::SnapshotList, &[&rule, &bounded(limit)]).await?;
        rows.iter().map(standing).collect()
    }

    /// A failure that is to be told; nobody else's before `until`.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn take_untold_snapshot(
        &self,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Option<UntoldSnapshot>, StoreError> {
        let rows = self.rows(Query::SnapshotTakeUntold, &[&now, &until]).await?;
        rows.first().map(untold).transpose()
    }

    /// Puts down that a failure is told.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn snapshot_told(&self, untold: &UntoldSnapshot) -> Result<(), StoreError> {
        let parameters: Parameters<'_> = &[&untold.rule.0, &untold.table, &text(&untold.error)];
        self.execute(Query::SnapshotTold, parameters).await?;
        Ok(())
    }
}

fn standing(row: &Row) -> Result<SnapshotStanding, StoreError> {
    let reader = Reader::new(row, TABLE);
    let load = |column| -> Result<Option<LoadId>, StoreError> {
        Ok(reader.get::<Option<Uuid>>(column)?.map(LoadId::from_uuid))
    };
    Ok(SnapshotStanding {
        rule: RuleId(reader.get("ext_file_config_sid")?),
        table: reader.get("tgt_table_name")?,
        in_operation: reader.get("in_operation")?,
        schedule: reader.get("schedule")?,
        planned_for: reader.get("planned_for")?,
        due_at: reader.get("due_at")?,
        starting_load: load("starting_load_id")?,
        starting_date: reader.get("starting_date")?,
        began_at: reader.get("began_at")?,
        ended_at: reader.get("ended_at")?,
        outcome: reader.optional_word("outcome", SnapshotOutcome::parse)?,
        rule_version: reader.get("rule_version")?,
        data_date: reader.get("data_date")?,
        load: load("load_id")?,
        load_date: reader.get("load_date")?,
        load_state: reader.optional_word("load_state", LoadState::parse)?,
        loaded_date: reader.get("loaded_date")?,
        error: reader.get("error")?,
        failures: reader.small_count("failures")?,
    })
}

fn untold(row: &Row) -> Result<UntoldSnapshot, StoreError> {
    let reader = Reader::new(row, TABLE);
    let schema: Option<String> = reader.get("tgt_schema_name")?;
    Ok(UntoldSnapshot {
        rule: RuleId(reader.get("ext_file_config_sid")?),
        schema: schema.unwrap_or_default(),
        table: reader.get("tgt_table_name")?,
        interface_id: reader.get("ext_interface_cid")?,
        interface_name: reader.get("interface_name")?,
        topic_arn: reader.get("failure_topic_arn")?,
        error: reader.get("error")?,
    })
}
