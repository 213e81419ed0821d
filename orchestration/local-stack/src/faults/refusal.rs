//! How each service says that it is too busy, broken, or unwilling.

use crate::faults::plan::{Fault, FaultService};
use crate::http::ApiError;

/// The error of a service for a fault; none for faults that are no errors.
pub(super) fn refusal(service: FaultService, fault: &Fault) -> Option<ApiError> {
    match fault {
        Fault::Throttle => {
            let (status, code) = throttling(service);
            Some(ApiError::new(status, code, "Rate exceeded (injected)"))
        }
        Fault::ServerError { status } => {
            let code = if *status == 503 {
                unavailable(service)
            } else {
                internal(service)
            };
            Some(ApiError::new(
                *status,
                code,
                "The service failed on its side (injected)",
            ))
        }
        Fault::Refuse { code, status } => Some(ApiError::new(*status, code, "Refused (injected)")),
        _ => None,
    }
}

fn throttling(service: FaultService) -> (u16, &'static str) {
    match service {
        FaultService::S3 => (503, "SlowDown"),
        FaultService::Sns => (429, "Throttled"),
        FaultService::Sqs => (400, "RequestThrottled"),
        FaultService::Sts => (400, "Throttling"),
        FaultService::Lambda => (429, "TooManyRequestsException"),
        _ => (400, "ThrottlingException"),
    }
}

fn internal(service: FaultService) -> &'static str {
    match service {
        FaultService::S3 | FaultService::Sns => "InternalError",
        FaultService::RedshiftData => "InternalServerException",
        FaultService::SecretsManager => "InternalServiceError",
        FaultService::Lambda => "ServiceException",
        FaultService::Events => "InternalException",
        _ => "InternalFailure",
    }
}

fn unavailable(service: FaultService) -> &'static str {
    match service {
        FaultService::RedshiftData | FaultService::SecretsManager => "ServiceUnavailableException",
        _ => "ServiceUnavailable",
    }
}
