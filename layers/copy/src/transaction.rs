//! The load transaction: one batch that loads one object exactly once, however often it is submitted.
//!
//! 1. `LOCK` the target's marker table, so that loads of one table queue up, whatever the isolation level. It comes
//!    first because a transaction's snapshot is taken at its first query.
//! 2. guard: fails when this load's marker is there, which means that it was loaded before.
//! 3. make the stage, an empty temporary copy of the columns that the file fills.
//! 4. `COPY` into it from a manifest.
//! 5. count: fails when the stage does not hold as many rows as the loader counted. Further checks fail on rows that the rule's
//!    mode could not place.
//! 6. the rule's `pre_sql`.
//! 7. replace: delete the rows whose place the new ones take, as the rule's mode says (`modes.rs`), or those of earlier loads of
//!    the same content.
//! 8. insert into the target, with what tells where the rows came from.
//! 9. the rule's `post_sql`.
//! 10. insert the marker. The markers of replaced loads stay: a late submission of one of them must still find it.
//!
//! Nothing here commits by itself: no `TRUNCATE`, no `VACUUM`, no `ALTER TABLE APPEND`.

mod error;
mod group;
mod markers;
mod modes;
mod parts;
mod quote;
mod request;
mod stage;

use longshore_domain::statement::LoadStep;

use crate::own_sql::render_own_sql;
use parts::Parts;

pub use error::TransactionError;
pub use group::{GroupFault, GroupTransaction};
pub use request::{CarriedLoad, LoadRequest};

pub use crate::follow_up::{check_follow_up, count_statements, is_call};
pub use crate::own_sql::check_placeholders;

/// The longest statement that the Data API takes, in bytes.
/// <https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html>
pub const MAX_STATEMENT_BYTES: usize = 100_000;
/// The most statements that the Data API takes as one batch.
/// <https://docs.aws.amazon.com/redshift-data/latest/APIReference/API_BatchExecuteStatement.html>
pub const MAX_STATEMENTS: usize = 40;

/// What a column of the file is in the stage, and in the table that gets it, while nobody says what it holds.
pub(crate) const EXTRA_TYPE: &str = "character varying(65535)";

/// The column that says when a row came. Where a rule lists columns it is not among them and takes its DEFAULT by itself.
pub(crate) const LOAD_TIME_COLUMN: &str = "target_transaction_timestamp";

/// The statements of one load transaction, to be sent as one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadTransaction {
    /// The statements in order: 13 at most, those of the operator's SQL, and as many as it takes to write the markers of a
    /// batch. The Data API takes 40.
    pub statements: Vec<String>,
    /// Which step each statement is, place for place.
    pub steps: Vec<LoadStep>,
}

impl LoadTransaction {
    /// Renders the transaction, or says which part of the request cannot stand in SQL.
    pub fn render(request: &LoadRequest<'_>) -> Result<Self, TransactionError> {
        let parts = Parts::quote(request)?;
        let mut transaction = Self::empty();
        transaction.push(LoadStep::Lock, parts.lock());
        transaction.push(LoadStep::Guard, parts.guard());
        transaction.load_rows(&parts, request)?;
        transaction.push(LoadStep::Marker, parts.insert_marker());
        for markers in parts.insert_carried_markers() {
            transaction.push(LoadStep::Marker, markers);
        }
        transaction.within_limits()
    }

    fn empty() -> Self {
        Self {
            statements: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// From the empty stage to rows in the target.
    fn load_rows(&mut self, parts: &Parts, request: &LoadRequest<'_>) -> Result<(), TransactionError> {
        let transaction = self;
        transaction.push(LoadStep::Stage, parts.create_stage(request.spec));
        transaction.push(LoadStep::Copy, parts.copy(request.spec));
        if let Some(check) = parts.count(request) {
            transaction.push(LoadStep::Count, check);
        }
        if let Some(fill) = parts.fill_lineage(request) {
            transaction.push(LoadStep::Insert, fill);
        }
        transaction.extend(parts.check_rows());
        for statement in render_own_sql("pre_sql", request.pre_sql, request.captures)? {
            transaction.push(LoadStep::PreSql, statement);
        }
        transaction.extend(parts.make_room());
        if let Some(delete) = parts.delete_replaced(request)? {
            transaction.push(LoadStep::Replace, delete);
        }
        transaction.push(LoadStep::Insert, parts.insert());
        for statement in render_own_sql("post_sql", request.post_sql, request.captures)? {
            transaction.push(LoadStep::PostSql, statement);
        }
        Ok(())
    }

    fn extend(&mut self, statements: Vec<(LoadStep, String)>) {
        for (step, statement) in statements {
            self.push(step, statement);
        }
    }

    fn push(&mut self, step: LoadStep, statement: String) {
        self.steps.push(step);
        self.statements.push(statement);
    }

    fn within_limits(self) -> Result<Self, TransactionError> {
        let oversize = self
            .steps
            .iter()
            .zip(&self.statements)
            .find(|(_, statement)| statement.len() > MAX_STATEMENT_BYTES);
        if self.statements.len() > MAX_STATEMENTS {
            return Err(TransactionError::TooManyStatements {
                statements: self.statements.len(),
            });
        }
        match oversize {
            Some((step, statement)) => Err(TransactionError::StatementTooLong {
                step: *step,
                bytes: statement.len(),
            }),
            None => Ok(self),
        }
    }
}
