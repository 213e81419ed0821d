//! What becomes of a query that did not succeed, and the sentence that a chain stops with.

use super::ChainQuery;

/// What becomes of a failed try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// After a pause there is another one.
    TryAgain,
    /// Its error is not one that trying again would help with.
    NotToRetry,
    /// There were as many as the query may have.
    TriedEnough,
}

impl ChainQuery {
    /// What becomes of the query after its try number `attempt` failed.
    pub fn judge(&self, attempt: u32, error: &str) -> Verdict {
        if !self.retry_error_match.matches(error) {
            Verdict::NotToRetry
        } else if attempt > self.max_retries {
            Verdict::TriedEnough
        } else {
            Verdict::TryAgain
        }
    }
}

/// Why a chain stopped before its end. `query` reads "query 2 of 3".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainStop {
    /// [`Verdict::NotToRetry`].
    #[error(
        "{query} failed with an error that is not one to retry (attempt {attempt}, statement {statement}): {error}"
    )]
    NotToRetry {
        /// Which query.
        query: String,
        /// Its last try.
        attempt: u32,
        /// The last try's statement id.
        statement: String,
        /// The warehouse's error.
        error: String,
    },
    /// [`Verdict::TriedEnough`].
    #[error("{query} failed {attempt} times, the last time as statement {statement}: {error}")]
    TriedEnough {
        /// Which query.
        query: String,
        /// Its last try.
        attempt: u32,
        /// The last try's statement id.
        statement: String,
        /// The warehouse's error.
        error: String,
    },
    /// Somebody cancelled the statement. It is not tried again: they had a reason.
    #[error("{query} was cancelled (attempt {attempt}, statement {statement})")]
    Cancelled {
        /// Which query.
        query: String,
        /// Its last try.
        attempt: u32,
        /// The last try's statement id.
        statement: String,
    },
    /// The statement that a query was to go on with, or that was submitted, is not there any more.
    #[error(
        "{query}: the Data API knows no statement {statement}; it forgets them after 24 hours and shows them to the role alone that ran them"
    )]
    StatementUnknown {
        /// Which query.
        query: String,
        /// The statement id asked for.
        statement: String,
    },
}
