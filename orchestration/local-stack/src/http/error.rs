//! What a service answers when it does not do what it was asked.

use std::error::Error;

/// An error of an AWS API, before it is written in the form of a protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
}

impl ApiError {
    /// An error of the client's making (4xx) or of ours (5xx).
    pub(crate) fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
        }
    }

    /// A 400, which most errors are.
    pub(crate) fn invalid(code: &str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    /// An operation that this stack does not have.
    pub(crate) fn unknown_operation(service: &str, operation: &str) -> Self {
        let message = format!("The local stack does not serve {operation} of {service}.");
        Self::new(400, "UnknownOperationException", message)
    }

    /// A fault of the stack itself, logged here because the client cannot act on it.
    pub(crate) fn internal(error: &(dyn Error + 'static)) -> Self {
        tracing::error!(error, "could not serve a request");
        Self::new(
            500,
            "InternalFailure",
            "The local stack could not store or read a record; its log says why.",
        )
    }
}

impl From<crate::index::IndexError> for ApiError {
    fn from(error: crate::index::IndexError) -> Self {
        Self::internal(&error)
    }
}
