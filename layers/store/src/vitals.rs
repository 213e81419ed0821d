//! How the work goes: what is watched from outside.

use chrono::{DateTime, Utc};
use longshore_domain::load::LoadState;
use longshore_domain::rule::RuleId;
use tokio_postgres::Row;

use crate::queries::Query;
use crate::read::Reader;
use crate::{Store, StoreError};

/// How the work stands at a moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Vitals {
    /// Loads that are not finished.
    pub unfinished: i64,
    /// How long the oldest of them has been under way, in seconds; none where nothing is, or all of it waits as it was told to: for
    /// a paused rule, in a buffer that is not due, for the files that its set lacks.
    pub oldest_unfinished_seconds: Option<f64>,
    /// Loads that wait for another try.
    pub waiting_retries: i64,
    /// Times of rules for which too few files came, and what is missing is still awaited.
    pub late_periods: i64,
    /// Warehouses that are paused.
    pub paused_warehouses: i64,
    /// Loads about which the ledger and the markers of a warehouse differ, and nobody settled it.
    pub marker_differences: i64,
    /// How long the oldest message waits that could not be sent yet; none where all are sent.
    pub oldest_unsent_seconds: Option<f64>,
}

/// What finished in one minute in one state.
#[derive(Debug, Clone, PartialEq)]
pub struct Minute {
    /// Its beginning.
    pub minute: DateTime<Utc>,
    /// How these loads ended.
    pub state: LoadState,
    /// How many.
    pub loads: i64,
    /// Rows that they loaded.
    pub rows: i64,
    /// Bytes of their files.
    pub bytes: i64,
    /// How long one was prepared, on average.
    pub prepare_seconds: Option<f64>,
    /// How long the warehouse had one, on average.
    pub warehouse_seconds: Option<f64>,
    /// How long it took from loaded to done, on average.
    pub settle_seconds: Option<f64>,
}

impl Store {
    /// How the work stands now.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn vitals(&self, now: DateTime<Utc>) -> Result<Vitals, StoreError> {
        let rows = self.rows(Query::Vitals, &[&now]).await?;
        let row = rows.first().expect("a SELECT without FROM returns a row");
        let reader = Reader::new(row, "ext_file_load");
        Ok(Vitals {
            unfinished: reader.get("unfinished")?,
            oldest_unfinished_seconds: reader.get("oldest_unfinished_seconds")?,
            waiting_retries: reader.get("waiting_retries")?,
            late_periods: reader.get("late_periods")?,
            paused_warehouses: reader.get("paused_warehouses")?,
            marker_differences: reader.get("marker_differences")?,
            oldest_unsent_seconds: reader.get("oldest_unsent_seconds")?,
        })
    }

    /// What finished from one moment to another, both at the beginning of a minute.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn minutes(
        &self,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<Minute>, StoreError> {
        let rows = self.rows(Query::MinuteList, &[&from, &until]).await?;
        rows.iter().map(read_minute).collect()
    }

    /// How many files of a rule stand in which state, each by its newest load.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn standing_of_rule(&self, rule: RuleId) -> Result<Vec<(LoadState, u64)>, StoreError> {
        let rows = self.rows(Query::LoadCountOfRule, &[&rule.0]).await?;
        let standing = |row: &Row| {
            let reader = Reader::new(row, "ext_file_load");
            Ok((reader.word("state", LoadState::parse)?, reader.count("files")?))
        };
        rows.iter().map(standing).collect()
    }
}

fn read_minute(row: &Row) -> Result<Minute, StoreError> {
    let reader = Reader::new(row, "ext_file_load");
    Ok(Minute {
        minute: reader.get("minute")?,
        state: reader.word("state", LoadState::parse)?,
        loads: reader.get("loads")?,
        rows: reader.get("rows")?,
        bytes: reader.get("bytes")?,
        prepare_seconds: reader.get("prepare_seconds")?,
        warehouse_seconds: reader.get("warehouse_seconds")?,
        settle_seconds: reader.get("settle_seconds")?,
    })
}
