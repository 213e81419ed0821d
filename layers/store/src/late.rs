//! Times at which too few files of a rule came, and whether they came after all.

use chrono::{DateTime, Utc};
use longshore_domain::load::LoadId;
use longshore_domain::notification::NewestFile;
use longshore_domain::rule::RuleId;
use longshore_domain::time_zone::TimeZone;
use serde::Serialize;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::conclude::OutboxNotice;
use crate::queries::Query;
use crate::read::{Reader, bounded, json};
use crate::store::Parameters;
use crate::{Store, StoreError};

const TABLE: &str = "ext_file_late";

/// How a time stands at which too few files came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LateState {
    /// What is missing may still come.
    Awaited,
    /// It came late.
    ArrivedLate,
    /// It did not come.
    Missing,
}

impl LateState {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Awaited => "awaited",
            Self::ArrivedLate => "arrived late",
            Self::Missing => "missing",
        }
    }
}

/// A time at which too few files of a rule came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LatePeriod {
    /// Its number.
    #[serde(skip)]
    pub(crate) id: i64,
    /// The rule.
    pub rule: RuleId,
    /// The feed's id.
    pub interface_id: String,
    /// The feed's name.
    pub interface_name: String,
    /// `schema.table` as the rule had it, when it named one.
    pub table: Option<String>,
    /// By when they were expected.
    pub expected_at: DateTime<Utc>,
    /// By whose clocks.
    #[serde(rename = "timezone", serialize_with = "zone_name")]
    pub zone: TimeZone,
    /// When the grace was over.
    pub grace_until: DateTime<Utc>,
    /// What comes up to then comes late.
    pub awaited_until: DateTime<Utc>,
    /// How many files were expected.
    pub expected_files: u32,
    /// How many came until the grace was over.
    pub arrived_files: u32,
    /// The newest file of the rule as it was found: its name.
    pub newest_file_name: Option<String>,
    /// When that came.
    pub newest_file_at: Option<DateTime<Utc>>,
    /// Its load.
    pub newest_load: Option<LoadId>,
    /// When it was found.
    pub found_at: DateTime<Utc>,
    /// When what was missing came.
    pub arrived_at: Option<DateTime<Utc>>,
    /// How it stands.
    pub state: LateState,
    /// The rule's topic for what nobody has to act on, as it is written.
    #[serde(skip)]
    pub success_topic_arn: Option<String>,
}

impl LatePeriod {
    /// The newest file of the rule as it was found.
    pub fn newest(&self) -> Option<NewestFile> {
        Some(NewestFile {
            name: self.newest_file_name.clone()?,
            at: self.newest_file_at?,
            load: self.newest_load?,
        })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn zone_name<S: serde::Serializer>(zone: &TimeZone, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(zone.name())
}

impl Store {
    /// Times of which it is known at `now` whether what was missing came, and not on record. `awaited_until` is a moment before, so
    /// that a file that came last is on record.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn late_periods_to_settle(
        &self,
        now: DateTime<Utc>,
        awaited_until: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<LatePeriod>, StoreError> {
        let parameters: Parameters<'_> = &[&now, &awaited_until, &bounded(limit)];
        let rows = self.rows(Query::LateListSettled, parameters).await?;
        rows.iter().map(late_period).collect()
    }

    /// Puts down once whether what was missing came, as `arrived_at` of the period says, with the message.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn settle_late_period(
        &self,
        late: &LatePeriod,
        notice: Option<&OutboxNotice>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let parameters: Parameters<'_> = &[
            &late.id,
            &late.arrived_at,
            &now,
            &notice.map(|notice| notice.topic_arn.as_str()),
            &notice.map(|notice| json(&notice.message)),
        ];
        self.execute(Query::LateSettle, parameters).await?;
        Ok(())
    }

    /// Times that were missed before the newest one of their rule, in a row with it, of which it shows at `now` that their files came with
    /// its own.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn late_backlog(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<LatePeriod>, StoreError> {
        let rows = self
            .rows(Query::LateListBacklog, &[&now, &bounded(limit)])
            .await?;
        rows.iter().map(late_period).collect()
    }

    /// Puts down once that the files of a time came with those of a later one, as `arrived_at` of the period says, with the message.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn settle_backlog(
        &self,
        late: &LatePeriod,
        notice: &OutboxNotice,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let parameters: Parameters<'_> = &[
            &late.id,
            &late.arrived_at,
            &now,
            &notice.topic_arn,
            &json(&notice.message),
        ];
        self.execute(Query::LateSettleBacklog, parameters).await?;
        Ok(())
    }

    /// Times at which too few files came, of a rule or of all, the newest first.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn late_periods(
        &self,
        rule: Option<RuleId>,
        limit: u32,
    ) -> Result<Vec<LatePeriod>, StoreError> {
        let rule = rule.map(|rule| rule.0);
        let rows = self.rows(Query::LateList, &[&rule, &bounded(limit)]).await?;
        rows.iter().map(late_period).collect()
    }
}

fn late_period(row: &Row) -> Result<LatePeriod, StoreError> {
    let reader = Reader::new(row, TABLE);
    let arrived_at: Option<DateTime<Utc>> = reader.get("arrived_at")?;
    let settled_at: Option<DateTime<Utc>> = reader.get("settled_at")?;
    Ok(LatePeriod {
        id: reader.get("late_id")?,
        rule: RuleId(reader.get("ext_file_config_sid")?),
        interface_id: reader.get("ext_interface_cid")?,
        interface_name: reader.get("interface_name")?,
        table: reader.get("table_name")?,
        expected_at: reader.get("expected_at")?,
        zone: reader.word("expected_timezone", |name| name.parse().ok())?,
        grace_until: reader.get("grace_until")?,
        awaited_until: reader.get("awaited_until")?,
        expected_files: reader.small_count("expected_files")?,
        arrived_files: reader.small_count("arrived_files")?,
        newest_file_name: reader.get("newest_file_name")?,
        newest_file_at: reader.get("newest_file_at")?,
        newest_load: reader
            .get::<Option<Uuid>>("newest_load_id")?
            .map(LoadId::from_uuid),
        found_at: reader.get("found_at")?,
        arrived_at,
        state: match (arrived_at, settled_at) {
            (Some(_), _) => LateState::ArrivedLate,
            (None, Some(_)) => LateState::Missing,
            (None, None) => LateState::Awaited,
        },
        success_topic_arn: reader.get("success_topic_arn")?,
    })
}
