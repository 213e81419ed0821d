//! What an SDK error means, whichever service it came from. The ports' error types are chosen from it.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// An SDK error of any operation.
pub(crate) type CallError<E> = SdkError<E, HttpResponse>;

/// What went wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No answer, a broken answer, a server's fault, or credentials that ran out on the way: try again. Whether the call took effect is
    /// unknown.
    Unavailable,
    /// Too many calls or too much at once: try again later. The call took no effect.
    Busy,
    /// We may not.
    Denied,
    /// There is no such thing.
    Missing,
    /// A condition that we set does not hold (`If-Match`, `If-None-Match`).
    ConditionFailed,
    /// Refused for a reason that trying again does not mend.
    Refused,
}

/// Codes that say "less of it", which some services send with status 400.
const BUSY: &[&str] = &[
    "ActiveSessionsExceededException",
    "ActiveStatementsExceededException",
    "ActiveWaitingRequestsExceededException",
    "BandwidthLimitExceeded",
    "KMSThrottling",
    "KMSThrottlingException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttled",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// Codes of refusals that a fresh connection, clock or session token mends.
const PASSING: &[&str] = &[
    "ConditionalRequestConflict",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteBody",
    "InternalError",
    "InternalServerError",
    "InternalServerException",
    "InternalServiceError",
    "NoSuchUpload",
    "OperationAborted",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
];

const DENIED: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "AllAccessDisabled",
    "AuthorizationError",
    "AuthorizationErrorException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

const MISSING: &[&str] = &[
    "NoSuchBucket",
    "NoSuchKey",
    "NoSuchVersion",
    "NotFound",
    "NotFoundException",
    "ResourceNotFoundException",
];

impl Fault {
    /// Judges an SDK error by its kind, then by the service's code, then by the HTTP status.
    pub(crate) fn of<E: ProvideErrorMetadata>(error: &CallError<E>) -> Self {
        match error {
            SdkError::ConstructionFailure(_) => Self::Refused,
            SdkError::DispatchFailure(failure) if failure.is_user() => Self::Refused,
            SdkError::ServiceError(context) => {
                Self::of_answer(context.err().code(), context.raw().status().as_u16())
            }
            // Timeouts, broken connections, answers that make no sense, and kinds that the SDK may yet add.
            _ => Self::Unavailable,
        }
    }

    fn of_answer(code: Option<&str>, status: u16) -> Self {
        let code = code.unwrap_or_default();
        if BUSY.contains(&code) {
            Self::Busy
        } else if PASSING.contains(&code) {
            Self::Unavailable
        } else if DENIED.contains(&code) {
            Self::Denied
        } else if MISSING.contains(&code) {
            Self::Missing
        } else {
            Self::of_status(status)
        }
    }

    fn of_status(status: u16) -> Self {
        match status {
            401 | 403 => Self::Denied,
            404 => Self::Missing,
            412 => Self::ConditionFailed,
            408 => Self::Unavailable,
            429 | 503 => Self::Busy,
            500.. => Self::Unavailable,
            // 200 with an error in the body is a server's fault that came too late for a status of its own.
            ..300 => Self::Unavailable,
            _ => Self::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Some("SlowDown"), 503, Fault::Busy)]
    #[case(Some("ThrottlingException"), 400, Fault::Busy)]
    #[case(Some("ActiveStatementsExceededException"), 400, Fault::Busy)]
    #[case(None, 429, Fault::Busy)]
    #[case(Some("InternalError"), 200, Fault::Unavailable)]
    #[case(Some("InternalServerException"), 500, Fault::Unavailable)]
    #[case(Some("ExpiredToken"), 400, Fault::Unavailable)]
    #[case(Some("RequestTimeTooSkewed"), 403, Fault::Unavailable)]
    #[case(Some("NoSuchUpload"), 404, Fault::Unavailable)]
    #[case(Some("ConditionalRequestConflict"), 409, Fault::Unavailable)]
    #[case(None, 502, Fault::Unavailable)]
    #[case(Some("AccessDeniedException"), 400, Fault::Denied)]
    #[case(None, 403, Fault::Denied)]
    #[case(Some("ResourceNotFoundException"), 400, Fault::Missing)]
    #[case(None, 404, Fault::Missing)]
    #[case(Some("PreconditionFailed"), 412, Fault::ConditionFailed)]
    #[case(Some("ValidationException"), 400, Fault::Refused)]
    #[case(Some("InvalidRequest"), 400, Fault::Refused)]
    fn an_answer_is_judged_by_its_code_and_then_by_its_status(
        #[case] code: Option<&str>,
        #[case] status: u16,
        #[case] expected: Fault,
    ) {
        assert_eq!(Fault::of_answer(code, status), expected);
    }
}
