//! Chains that rules name as their follow-up, and how the steps of a follow-up came out.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use tokio_postgres::Row;

use crate::queries::Query;
use crate::read::{Reader, bounded};
use crate::store::Parameters;
use crate::{LIST_LIMIT, Statement, StatementState, Store, StoreError};
use longshore_domain::statement::StatementKind;

const TABLE: &str = "ext_chain";

/// A chain on record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Chain {
    /// What rules call it.
    pub name: String,
    /// Its steps, as they were written.
    pub queries: Value,
    /// When it was written.
    pub modified_at: DateTime<Utc>,
    /// By whom, where it was by hand.
    pub modified_by: Option<String>,
    /// Why.
    pub modified_reason: Option<String>,
}

impl Chain {
    /// One that nobody says to have written.
    pub fn new(name: impl Into<String>, queries: Value, modified_at: DateTime<Utc>) -> Self {
        Self {
            name: name.into(),
            queries,
            modified_at,
            modified_by: None,
            modified_reason: None,
        }
    }
}

impl Store {
    /// The chain of this name.
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn chain(&self, name: &str) -> Result<Option<Chain>, StoreError> {
        let rows = self.rows(Query::ChainFind, &[&name]).await?;
        rows.first().map(read_chain).transpose()
    }

    /// Every chain, by name; never more than [`LIST_LIMIT`].
    ///
    /// # Errors
    /// Any [`StoreError`] of a read.
    pub async fn chains(&self) -> Result<Vec<Chain>, StoreError> {
        let rows = self.rows(Query::ChainList, &[&bounded(LIST_LIMIT)]).await?;
        rows.iter().map(read_chain).collect()
    }

    /// Puts a chain on record in place of what was there under its name.
    ///
    /// # Errors
    /// Any [`StoreError`] of a write.
    pub async fn write_chain(&self, chain: &Chain) -> Result<(), StoreError> {
        let parameters: Parameters<'_> = &[
            &chain.name,
            &chain.queries,
            &chain.modified_at,
            &chain.modified_by,
            &chain.modified_reason,
        ];
        self.execute(Query::ChainWrite, parameters).await?;
        Ok(())
    }
}

fn read_chain(row: &Row) -> Result<Chain, StoreError> {
    let reader = Reader::new(row, TABLE);
    Ok(Chain {
        name: reader.get("chain_name")?,
        queries: reader.get("queries")?,
        modified_at: reader.get("modified_at")?,
        modified_by: reader.get("modified_by")?,
        modified_reason: reader.get("modified_reason")?,
    })
}

/// How a step of a follow-up stands: what its newest try says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FollowUpStep {
    /// Its place in the chain, from 1.
    pub step: u32,
    /// Where its newest try stands; None when it was not run.
    pub state: Option<StatementState>,
    /// How many tries it took.
    pub attempts: u32,
    /// The newest try's statement.
    pub statement_id: Option<String>,
    /// Rows that it touched, where the warehouse says.
    pub rows: Option<u64>,
    /// How long the newest try ran.
    pub duration_ms: Option<u64>,
    /// What the warehouse said against it.
    pub error: Option<String>,
}

impl FollowUpStep {
    /// A step that was not come to.
    pub fn not_run(step: u32) -> Self {
        Self {
            step,
            state: None,
            attempts: 0,
            statement_id: None,
            rows: None,
            duration_ms: None,
            error: None,
        }
    }
}

/// The steps of a load's follow-up that were come to, in order; none when it is a single statement.
pub fn follow_up_steps(statements: &[Statement]) -> Vec<FollowUpStep> {
    let mut steps: BTreeMap<u32, FollowUpStep> = BTreeMap::new();
    let tries = statements
        .iter()
        .filter(|statement| statement.kind == StatementKind::FollowUp);
    for statement in tries {
        let Some(place) = statement.chain_step else {
            continue;
        };
        let step = steps.entry(place).or_insert_with(|| FollowUpStep::not_run(place));
        // They come in the order of their numbers: the newest has the last word.
        *step = FollowUpStep {
            step: place,
            state: Some(statement.state),
            attempts: step.attempts + 1,
            statement_id: statement.statement_id.clone(),
            rows: statement.result_rows,
            duration_ms: statement.duration.map(whole_milliseconds),
            error: statement.error.clone(),
        };
    }
    steps.into_values().collect()
}

fn whole_milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
