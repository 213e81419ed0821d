//! The one HTTP endpoint: finds out which service a request is for, checks who sends it, and writes the answer in
//! that service's protocol.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use longshore_local_warehouse::Warehouse;
use s3s::Body;
use s3s::service::S3Service;
use serde_json::{Value, json};

use crate::events::EventBus;
use crate::http::{ApiError, Credential, Keys};
use crate::index::Index;
use crate::lambda::{Functions, Invocations, invoke_api};
use crate::query::{Form, element, error_response, response};
use crate::secrets::Secrets;
use crate::sns::Topics;
use crate::sqs::Queues;

/// The largest request of a service other than S3. The largest that any of them takes is a batch of queue messages.
const MAX_REQUEST_BYTES: usize = 12 * 1024 * 1024;

/// Every service behind the port.
pub(crate) struct Endpoint {
    pub(crate) keys: Keys,
    pub(crate) account: String,
    pub(crate) index: Arc<Index>,
    pub(crate) s3: S3Service,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) topics: Arc<Topics>,
    pub(crate) queues: Arc<Queues>,
    pub(crate) bus: Arc<EventBus>,
    pub(crate) functions: Arc<Functions>,
    pub(crate) invocations: Arc<Invocations>,
    pub(crate) warehouse: Warehouse,
}

impl Endpoint {
    /// Answers any request.
    pub(crate) async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        if let Some(page) = request.uri().path().strip_prefix("/_local") {
            return self.local_page(request.method(), page);
        }
        let request_id = uuid::Uuid::new_v4().to_string();
        let (parts, body) = request.into_parts();
        let mut response = match Credential::of(&parts) {
            Some(credential) if credential.service != "s3" => {
                self.serve_signed(&credential, &parts, body, &request_id).await
            }
            _ => self.serve_s3(parts, body).await,
        };
        if let Ok(value) = HeaderValue::from_str(&request_id) {
            response
                .headers_mut()
                .entry("x-amzn-requestid")
                .or_insert(value.clone());
            response.headers_mut().entry("x-amz-request-id").or_insert(value);
        }
        response
    }

    async fn serve_s3(&self, parts: Parts, body: Incoming) -> Response<Body> {
        match self.s3.call(Request::from_parts(parts, Body::from(body))).await {
            Ok(response) => response,
            Err(error) => {
                tracing::warn!(?error, "could not serve an S3 request");
                status(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }

    async fn serve_signed(
        &self,
        credential: &Credential,
        parts: &Parts,
        body: Incoming,
        request_id: &str,
    ) -> Response<Body> {
        let protocol = Protocol::of(&credential.service, &parts.headers);
        let answered = match read(body).await {
            Ok(body) => match self.keys.verify(credential, parts, &body) {
                Ok(()) => self.dispatch(&credential.service, parts, body, request_id).await,
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        answered.unwrap_or_else(|error| protocol.refuse(&error, request_id))
    }

    async fn dispatch(
        &self,
        service: &str,
        parts: &Parts,
        body: Bytes,
        request_id: &str,
    ) -> Result<Response<Body>, ApiError> {
        match service {
            "lambda" => {
                invoke_api::handle(
                    &self.functions,
                    &self.index,
                    parts.uri.path(),
                    &parts.headers,
                    body,
                )
                .await
            }
            "sns" => self.topics.handle(&Form::parse(&body), request_id).await.map(xml),
            "sts" => self.caller_identity(&Form::parse(&body), request_id).map(xml),
            "secretsmanager" | "sqs" | "events" | "redshift-data" => {
                self.dispatch_json(service, &parts.headers, &body).await
            }
            _ => {
                let message = format!("The local stack does not serve {service}.");
                Err(ApiError::invalid("UnknownOperationException", message))
            }
        }
    }

    async fn dispatch_json(
        &self,
        service: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Response<Body>, ApiError> {
        let target = header(headers, "x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default();
        let request = match body {
            [] => json!({}),
            body => serde_json::from_slice(body).map_err(|error| {
                ApiError::invalid("SerializationException", format!("The body is not JSON: {error}"))
            })?,
        };
        let answer = match service {
            "secretsmanager" => self.secrets.handle(operation, request).await?,
            "sqs" if target.is_empty() => return Err(old_sqs_client()),
            "sqs" => self.queues.handle(operation, request).await?,
            "events" => self.bus.handle(operation, request).await?,
            "redshift-data" => self.ask_warehouse(operation, request).await?,
            _ => return Err(ApiError::unknown_operation(service, operation)),
        };
        Ok(json_response(StatusCode::OK, content_type(headers), &answer))
    }

    async fn ask_warehouse(&self, operation: &str, request: Value) -> Result<Value, ApiError> {
        let answered = self.warehouse.handle(operation, request).await;
        answered.map_err(|error| ApiError::new(error.status, error.code, error.message))
    }

    /// Tools ask who they are before they do anything else.
    fn caller_identity(&self, form: &Form, request_id: &str) -> Result<String, ApiError> {
        let action = form.action();
        if action != "GetCallerIdentity" {
            return Err(ApiError::unknown_operation("sts", action));
        }
        let arn = format!("arn:aws:iam::{}:user/local", self.account);
        let result = [
            element("Arn", &arn),
            element("UserId", "LOCAL"),
            element("Account", &self.account),
        ];
        Ok(response(
            action,
            "https://sts.amazonaws.com/doc/2011-06-15/",
            &result.concat(),
            request_id,
        ))
    }

    /// What is for people: `/_local/notifications` and `/_local/invocations`.
    fn local_page(&self, method: &Method, page: &str) -> Response<Body> {
        if method != Method::GET {
            return status(StatusCode::METHOD_NOT_ALLOWED);
        }
        let report = match page {
            "" | "/" => Ok(json!({ "pages": ["/_local/invocations", "/_local/notifications"] })),
            "/invocations" => self.invocations.report(),
            "/notifications" => self.topics.report(),
            _ => return status(StatusCode::NOT_FOUND),
        };
        match report {
            Ok(report) => json_response(StatusCode::OK, "application/json", &report),
            Err(error) => Protocol::Json {
                content_type: "application/json".to_owned(),
            }
            .refuse(&error.into(), "local"),
        }
    }
}

/// How a service writes its errors.
enum Protocol {
    Json { content_type: String },
    Query,
}

impl Protocol {
    fn of(service: &str, headers: &HeaderMap) -> Self {
        match service {
            "sns" | "sts" | "iam" | "cloudformation" => Self::Query,
            _ => Self::Json {
                content_type: content_type(headers).to_owned(),
            },
        }
    }

    fn refuse(&self, error: &ApiError, request_id: &str) -> Response<Body> {
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

async fn read(body: Incoming) -> Result<Bytes, ApiError> {
    match Limited::new(body, MAX_REQUEST_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => Err(ApiError::new(
            413,
            "RequestEntityTooLarge",
            format!("The request could not be read: {error}"),
        )),
    }
}

fn old_sqs_client() -> ApiError {
    ApiError::invalid(
        "UnknownOperationException",
        "The local SQS speaks the JSON protocol: this client is too old (boto3 before 1.28, AWS CLI before 2.13).",
    )
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn content_type(headers: &HeaderMap) -> &str {
    header(headers, "content-type").unwrap_or("application/x-amz-json-1.1")
}

fn json_response(code: StatusCode, content_type: &str, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = code;
    set(&mut response, "content-type", content_type);
    response
}

fn xml(body: String) -> Response<Body> {
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

fn status(code: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = code;
    response
}
