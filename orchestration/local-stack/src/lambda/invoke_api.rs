//! The Invoke operation of Lambda, over HTTP.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use s3s::Body;

use crate::http::ApiError;
use crate::index::{Index, IndexError};
use crate::lambda::Functions;
use crate::lambda::process::Outcome;

const FUNCTIONS: &str = "/2015-03-31/functions/";

/// The function that a path of the Lambda API is about.
pub(crate) fn function(path: &str) -> Option<String> {
    let name = path.strip_prefix(FUNCTIONS)?.strip_suffix("/invocations")?;
    let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
    Some(name.rsplit(':').next().unwrap_or(&name).to_owned())
}

/// Answers a request to the Lambda API.
pub(crate) async fn handle(
    functions: &Functions,
    index: &Arc<Index>,
    path: &str,
    headers: &HeaderMap,
    payload: Bytes,
) -> Result<Response<Body>, ApiError> {
    let Some(name) = function(path) else {
        return Err(ApiError::new(
            404,
            "UnknownOperationException",
            format!("The local Lambda has no {path}; it has Invoke."),
        ));
    };
    let Some(function) = functions.find(&name).await else {
        let message = format!("Function not found: {}", functions.arn(&name));
        return Err(ApiError::new(404, "ResourceNotFoundException", message));
    };
    let kind = headers
        .get("x-amz-invocation-type")
        .and_then(|value| value.to_str().ok());
    match kind.unwrap_or("RequestResponse") {
        "RequestResponse" => {
            let request_id = uuid::Uuid::new_v4().to_string();
            let outcome = functions.invoke(function, request_id, payload).await;
            outcome
                .map(answer)
                .ok_or_else(|| ApiError::new(503, "ServiceException", "The stack is stopping."))
        }
        "Event" => enqueue(functions, index, name, &payload).await,
        "DryRun" => Ok(empty(StatusCode::NO_CONTENT)),
        other => Err(ApiError::new(
            400,
            "InvalidParameterValueException",
            format!("Invocation type {other} is unknown."),
        )),
    }
}

async fn enqueue(
    functions: &Functions,
    index: &Arc<Index>,
    name: String,
    payload: &Bytes,
) -> Result<Response<Body>, ApiError> {
    let payload = if payload.is_empty() {
        "{}".to_owned()
    } else {
        String::from_utf8_lossy(payload).into_owned()
    };
    if serde_json::from_str::<serde::de::IgnoredAny>(&payload).is_err() {
        return Err(ApiError::new(
            400,
            "InvalidRequestContentException",
            "Could not parse request body into json.",
        ));
    }
    let invocations = Arc::clone(functions.invocations());
    let stored = index
        .write(move |writer| invocations.accept(writer, &name, payload, Duration::ZERO))
        .await;
    stored.map_err(|error: IndexError| ApiError::internal(&error))?;
    Ok(empty(StatusCode::ACCEPTED))
}

fn answer(outcome: Outcome) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    response.headers_mut().insert(
        "x-amz-executed-version",
        http::HeaderValue::from_static("$LATEST"),
    );
    let bytes = match outcome {
        Outcome::Answer(bytes) => bytes,
        Outcome::Error(bytes) => {
            response.headers_mut().insert(
                "x-amz-function-error",
                http::HeaderValue::from_static("Unhandled"),
            );
            bytes
        }
    };
    *response.body_mut() = Body::from(bytes);
    response
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
