//! How an error leaves a function: its type is what to do about it, its message the whole chain of causes, once.

use std::error::Error;
use std::fmt;

use lambda_runtime::Diagnostic;
use longshore_app::ports::{NotifyError, ObjectStoreError, WarehouseError};
use longshore_app::{AppError, with_causes};
use longshore_aws::SecretsError;
use longshore_domain::disposition::Disposition;
use longshore_store::StoreError;

use crate::settings::SettingsError;
use crate::wiring::WiringError;

/// A failed invocation. Any error becomes one with `?`; what to do about it is read from the causes, and an error that none of
/// ours caused counts as our own mistake.
pub struct Failure {
    disposition: Disposition,
    error: anyhow::Error,
}

impl Failure {
    /// A failure whose disposition the caller knows, such as [`Disposition::Reject`] for an event that makes no sense.
    pub fn new(disposition: Disposition, error: impl Into<anyhow::Error>) -> Self {
        Self {
            disposition,
            error: error.into(),
        }
    }

    /// What to do about it.
    pub fn disposition(&self) -> Disposition {
        self.disposition
    }

    /// What was attempted, for the front of the chain: a verb phrase such as `claim load for s3://…`.
    #[must_use]
    pub fn context(self, attempt: impl fmt::Display + Send + Sync + 'static) -> Self {
        Self {
            disposition: self.disposition,
            error: self.error.context(attempt),
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = error.into();
        Self {
            disposition: disposition_of(&error),
            error,
        }
    }
}

impl fmt::Display for Failure {
    /// The whole chain on one line, and which query failed: a function's failure is read by those who look into it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&with_causes(&*self.error))?;
        match self.error.chain().find_map(query) {
            Some(query) => write!(formatter, " (query {query})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {self}", self.disposition)
    }
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        Self {
            error_type: failure.disposition.to_string(),
            error_message: failure.to_string(),
        }
    }
}

fn query(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    let store = match cause.downcast_ref() {
        Some(AppError::Store(error)) => Some(error),
        _ => cause.downcast_ref(),
    };
    store.and_then(StoreError::action)
}

/// The outermost cause that knows decides: an inner one does not know what was being done.
fn disposition_of(error: &anyhow::Error) -> Disposition {
    error
        .chain()
        .find_map(known_disposition)
        .unwrap_or(Disposition::Bug)
}

fn known_disposition(cause: &(dyn Error + 'static)) -> Option<Disposition> {
    let app = cause.downcast_ref().map(AppError::disposition);
    app.or_else(|| cause.downcast_ref().map(StoreError::disposition))
        .or_else(|| cause.downcast_ref().map(ObjectStoreError::disposition))
        .or_else(|| cause.downcast_ref().map(WarehouseError::disposition))
        .or_else(|| cause.downcast_ref().map(NotifyError::disposition))
        .or_else(|| cause.downcast_ref().map(SecretsError::disposition))
        .or_else(|| cause.downcast_ref().map(SettingsError::disposition))
        .or_else(|| cause.downcast_ref().map(WiringError::disposition))
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    fn denied() -> ObjectStoreError {
        ObjectStoreError::Denied {
            url: "s3://landing/a.txt".to_owned(),
            action: "s3:GetObject",
            source: "service error".into(),
        }
    }

    #[test]
    fn the_type_is_what_to_do_and_the_message_the_chain_once() {
        let error = Err::<(), _>(AppError::from(denied()))
            .context("process s3://landing/a.txt")
            .unwrap_err();
        let diagnostic = Diagnostic::from(Failure::from(error));
        assert_eq!(diagnostic.error_type, "Misconfigured");
        let expected = "process s3://landing/a.txt: access to s3://landing/a.txt was denied; \
                        grant s3:GetObject on it to the function's role: service error";
        assert_eq!(diagnostic.error_message, expected);
    }

    #[test]
    fn a_failure_of_the_control_database_names_the_query_at_its_end() {
        let lost = || StoreError::NotFound {
            action: "load_list",
            what: "load 7".to_owned(),
        };
        let expected = "there is no load 7 on the ledger (query load_list)";
        assert_eq!(Failure::from(lost()).to_string(), expected);
        let failure = Failure::from(AppError::from(lost())).context("list loads");
        assert_eq!(failure.to_string(), format!("list loads: {expected}"));
    }

    #[test]
    fn an_error_of_nobody_is_our_own_mistake() {
        let failure = Failure::from(anyhow!("surprise"));
        assert_eq!(failure.disposition(), Disposition::Bug);
    }

    #[test]
    fn a_cause_that_repeats_the_message_is_said_once() {
        let error = anyhow!("no route to host").context("connect: no route to host");
        assert_eq!(Failure::from(error).to_string(), "connect: no route to host");
    }

    #[test]
    fn the_caller_may_know_better() {
        let failure =
            Failure::new(Disposition::Reject, anyhow!("no Records in the event")).context("decode event");
        assert_eq!(failure.disposition(), Disposition::Reject);
        assert_eq!(failure.to_string(), "decode event: no Records in the event");
    }
}
