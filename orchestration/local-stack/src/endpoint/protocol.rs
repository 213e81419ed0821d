//! The forms of answers and errors, which differ by service.

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use s3s::Body;
use serde_json::{Value, json};

use crate::http::ApiError;
use crate::query::{element, error_response};

/// How a service writes its errors.
pub(super) enum Protocol {
    Json { content_type: String },
    Query,
}

impl Protocol {
    /// That of the pages for people.
    pub(super) fn page() -> Self {
        Self::Json {
            content_type: "application/json".to_owned(),
        }
    }

    /// That of a service.
    pub(super) fn of(service: &str, headers: &HeaderMap) -> Self {
        match service {
            "sns" | "sts" | "iam" | "cloudformation" => Self::Query,
            _ => Self::Json {
                content_type: content_type(headers).to_owned(),
            },
        }
    }

    /// An error in its form.
    pub(super) fn refuse(&self, error: &ApiError, request_id: &str) -> Response<Body> {
        let code = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        match self {
            Self::Query => {
                let mut response = xml(error_response(error, request_id));
                *response.status_mut() = code;
                response
            }
            Self::Json { content_type } => {
                let body =
                    json!({ "__type": error.code, "message": error.message, "Message": error.message });
                let mut response = json_response(code, content_type, &body);
                set(&mut response, "x-amzn-errortype", &error.code);
                // Clients that knew SQS by its older protocol look for the code of that one.
                if error.code == "QueueDoesNotExist" {
                    set(
                        &mut response,
                        "x-amzn-query-error",
                        "AWS.SimpleQueueService.NonExistentQueue;Sender",
                    );
                }
                response
            }
        }
    }
}

/// An error in the form of S3.
pub(super) fn s3_refusal(error: &ApiError) -> Response<Body> {
    let fields = [element("Code", &error.code), element("Message", &error.message)];
    let mut response = xml(format!("<Error>{}</Error>", fields.concat()));
    *response.status_mut() = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}

/// The text of a header.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The content type of a request in one of the JSON protocols, which its answer has too.
pub(super) fn content_type(headers: &HeaderMap) -> &str {
    header(headers, "content-type").unwrap_or("application/x-amz-json-1.1")
}

/// An answer in JSON.
pub(super) fn json_response(code: StatusCode, content_type: &str, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = code;
    set(&mut response, "content-type", content_type);
    response
}

/// An answer in XML.
pub(super) fn xml(body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    set(&mut response, "content-type", "text/xml");
    response
}

fn set(response: &mut Response<Body>, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response
            .headers_mut()
            .insert(HeaderName::from_static(name), value);
    }
}

/// An answer without a body.
pub(super) fn status(code: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = code;
    response
}
