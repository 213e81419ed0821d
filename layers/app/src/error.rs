//! What can go wrong in a use case, and what is to be done about it.

use std::error::Error;

use longshore_domain::disposition::Disposition;
use longshore_domain::load::LoadId;
use longshore_domain::rule::RuleFaults;
use longshore_store::StoreError;

use crate::ports::{NotifyError, ObjectStoreError, WarehouseError};

/// Why an invocation could not do its work. A file at fault is not among them: that is an outcome.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The control database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// S3.
    #[error(transparent)]
    Objects(#[from] ObjectStoreError),
    /// The warehouse.
    #[error(transparent)]
    Warehouse(#[from] WarehouseError),
    /// SNS.
    #[error(transparent)]
    Notify(#[from] NotifyError),
    /// A rule that was sound when the load was prepared no longer is.
    #[error("the rule of a load under way no longer makes sense")]
    RuleBroken(#[from] RuleFaults),
    /// A status event came before the statement's end could be seen.
    #[error("statement {statement_id} is still running, although its status event says that it ended")]
    StatementStillRunning {
        /// The statement.
        statement_id: String,
    },
    /// The service shows a statement that it must still know to nobody but the role that ran it.
    #[error(
        "the Data API does not show statement {statement_id}, which another role ran: finish its load under the functions' role"
    )]
    StatementNotShown {
        /// The statement.
        statement_id: String,
    },
    /// Another invocation is preparing the load right now.
    #[error("load {load} is being prepared by {owner}")]
    PreparedElsewhere {
        /// The load.
        load: LoadId,
        /// The invocation that holds the lease.
        owner: String,
    },
    /// Another load of the same content is under way: what becomes of this one depends on it.
    #[error("load {load} waits for load {other}, which has the same content and is under way")]
    SameContentUnderWay {
        /// The load.
        load: LoadId,
        /// The one that it waits for.
        other: LoadId,
    },
    /// Another invocation is finishing the load right now.
    #[error("load {load} is being finished by {owner}")]
    FinishedElsewhere {
        /// The load.
        load: LoadId,
        /// The invocation that holds the lease.
        owner: String,
    },
    /// No load on the ledger says how a warehouse is reached, and it is not the deployment's own.
    #[error("nothing on the ledger says how {warehouse} is reached")]
    WarehouseUnknown {
        /// The warehouse.
        warehouse: String,
    },
    /// The invocation cannot finish its next step in the time that is left to it. The next one begins it anew.
    #[error("there is no time left for {url}; the next invocation takes it up")]
    OutOfTime {
        /// The object.
        url: String,
    },
    /// Whoever wanted the work does not want it any more.
    #[error("stopped before the work was whole")]
    Stopped,
    /// What a work that failed has written could not all be taken back.
    #[error("{left}")]
    LeftBehind {
        /// Which objects, and what is known of them.
        left: String,
        /// Why the work failed.
        #[source]
        source: Box<AppError>,
    },
    /// The engine was given a specification that makes no sense, or could not write. Our own mistake.
    #[error("the preparation engine failed")]
    Engine(#[source] Box<dyn Error + Send + Sync>),
    /// The ledger holds what no code of ours writes.
    #[error("load {load} is in a state that cannot be: {what}")]
    Inconsistent {
        /// The load.
        load: LoadId,
        /// What is wrong with it.
        what: String,
    },
}

impl AppError {
    /// The only place that decides what an error means for the caller.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Store(error) => error.disposition(),
            Self::Objects(error) => error.disposition(),
            Self::Warehouse(error) => error.disposition(),
            Self::Notify(error) => error.disposition(),
            Self::RuleBroken(_) | Self::WarehouseUnknown { .. } => Disposition::Misconfigured,
            Self::StatementStillRunning { .. }
            | Self::StatementNotShown { .. }
            | Self::PreparedElsewhere { .. }
            | Self::OutOfTime { .. }
            | Self::Stopped
            | Self::SameContentUnderWay { .. }
            | Self::FinishedElsewhere { .. } => Disposition::Retry,
            Self::LeftBehind { source, .. } => source.disposition(),
            Self::Engine(_) | Self::Inconsistent { .. } => Disposition::Bug,
        }
    }
}

/// What the SDK and the driver put before the service's own words.
const SAY_NOTHING: [&str; 2] = ["service error", "db error"];

/// An error with all its causes on one line; what repeats the end of what was said already is left out. Printed once, at the edge.
pub fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for cause in std::iter::successors(Some(error), |&cause| cause.source()) {
        let said = cause.to_string();
        let says_nothing = SAY_NOTHING.contains(&said.as_str()) && cause.source().is_some();
        if says_nothing || text.ends_with(&said) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&said);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Said(&'static str, #[source] Option<Box<Said>>);

    fn said(texts: &[&'static str]) -> String {
        let chain = texts
            .iter()
            .rev()
            .fold(None, |cause, text| Some(Box::new(Said(text, cause))));
        with_causes(&chain.unwrap())
    }

    #[test]
    fn nothing_is_said_twice_and_nothing_that_says_nothing() {
        let sdk = [
            "cluster etl refused the call (ExecuteStatement)",
            "service error",
            "ValidationException: no database",
            "ValidationException: no database",
        ];
        assert_eq!(
            said(&sdk),
            "cluster etl refused the call (ExecuteStatement): ValidationException: no database"
        );
        assert_eq!(said(&["a", "service error"]), "a: service error");
        assert_eq!(said(&["a", "b", "c"]), "a: b: c");
    }

    #[test]
    fn a_store_s_error_is_a_sentence_without_the_name_of_its_query() {
        let error = AppError::from(StoreError::NotFound {
            action: "load_list",
            what: "load 7".to_owned(),
        });
        assert_eq!(with_causes(&error), "there is no load 7 on the ledger");
    }
}
