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
use crate::faults::{Call, Caller, FaultPlan, FaultService, Faults, Stage, s3_call, under_faults};
use crate::http::{ApiError, Credential, Disconnect, Keys};
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
    pub(crate) faults: Arc<Faults>,
    pub(crate) proxied_secrets: Vec<String>,
}

/// A request of a service other than S3, read and recognised.
struct Asked<'a> {
    service: &'a str,
    parts: &'a Parts,
    body: Bytes,
    request_id: &'a str,
    caller: Option<&'a Arc<Caller>>,
}

impl Endpoint {
    /// Answers any request, unless a fault closes the connection. The caller is the process at whose door it came in.
    pub(crate) async fn handle(
        &self,
        request: Request<Incoming>,
        caller: Option<&Arc<Caller>>,
    ) -> Result<Response<Body>, Disconnect> {
        if let Some(page) = request.uri().path().strip_prefix("/_local") {
            let page = page.to_owned();
            return Ok(self.local_page(request, &page).await);
        }
        let request_id = uuid::Uuid::new_v4().to_string();
        let (parts, body) = request.into_parts();
        let mut response = match Credential::of(&parts) {
            Some(credential) if credential.service != "s3" => {
                self.serve_signed(&credential, &parts, body, &request_id, caller)
                    .await?
            }
            _ => self.serve_s3(parts, body, caller).await?,
        };
        if let Ok(value) = HeaderValue::from_str(&request_id) {
            response
                .headers_mut()
                .entry("x-amzn-requestid")
                .or_insert(value.clone());
            response.headers_mut().entry("x-amz-request-id").or_insert(value);
        }
        Ok(response)
    }

    async fn serve_s3(
        &self,
        parts: Parts,
        body: Incoming,
        caller: Option<&Arc<Caller>>,
    ) -> Result<Response<Body>, Disconnect> {
        let call = s3_call(&parts);
        under_faults(&self.faults, call, caller, self.ask_s3(parts, body), s3_refusal).await
    }

    async fn ask_s3(&self, parts: Parts, body: Incoming) -> Response<Body> {
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
        caller: Option<&Arc<Caller>>,
    ) -> Result<Response<Body>, Disconnect> {
        let protocol = Protocol::of(&credential.service, &parts.headers);
        let body = match read(body).await {
            Ok(body) => body,
            Err(error) => return Ok(protocol.refuse(&error, request_id)),
        };
        let service = credential.service.as_str();
        let call = call(service, parts, &body);
        let asked = Asked {
            service,
            parts,
            body,
            request_id,
            caller,
        };
        let serve = async {
            let answered = match self.keys.verify(credential, parts, &asked.body) {
                Ok(()) => self.dispatch(&asked).await,
                Err(error) => Err(error),
            };
            answered.unwrap_or_else(|error| protocol.refuse(&error, request_id))
        };
        match call {
            Some(call) => {
                let refuse = |error: &ApiError| protocol.refuse(error, request_id);
                under_faults(&self.faults, call, caller, serve, refuse).await
            }
            None => Ok(serve.await),
        }
    }

    async fn dispatch(&self, asked: &Asked<'_>) -> Result<Response<Body>, ApiError> {
        let Asked {
            service,
            parts,
            body,
            request_id,
            ..
        } = asked;
        match *service {
            "lambda" => {
                invoke_api::handle(
                    &self.functions,
                    &self.index,
                    parts.uri.path(),
                    &parts.headers,
                    body.clone(),
                )
                .await
            }
            "sns" => self.topics.handle(&Form::parse(body), request_id).await.map(xml),
            "sts" => self.caller_identity(&Form::parse(body), request_id).map(xml),
            "secretsmanager" | "sqs" | "events" | "redshift-data" => self.dispatch_json(asked).await,
            _ => {
                let message = format!("The local stack does not serve {service}.");
                Err(ApiError::invalid("UnknownOperationException", message))
            }
        }
    }

    async fn dispatch_json(&self, asked: &Asked<'_>) -> Result<Response<Body>, ApiError> {
        let (service, headers) = (asked.service, &asked.parts.headers);
        let target = header(headers, "x-amz-target").unwrap_or_default();
        let operation = operation(headers);
        let request = match asked.body.as_ref() {
            [] => json!({}),
            body => serde_json::from_slice(body).map_err(|error| {
                ApiError::invalid("SerializationException", format!("The body is not JSON: {error}"))
            })?,
        };
        let answer = match service {
            "secretsmanager" => {
                let answer = self.secrets.handle(operation, request).await?;
                self.redirect(answer, asked.caller).await?
            }
            "sqs" if target.is_empty() => return Err(old_sqs_client()),
            "sqs" => self.queues.handle(operation, request).await?,
            "events" => self.bus.handle(operation, request).await?,
            "redshift-data" => self.ask_warehouse(operation, request).await?,
            _ => return Err(ApiError::unknown_operation(service, operation)),
        };
        Ok(json_response(StatusCode::OK, content_type(headers), &answer))
    }

    /// Sends a process that asks for the secret of a database to its own proxy before it.
    async fn redirect(&self, mut answer: Value, caller: Option<&Arc<Caller>>) -> Result<Value, ApiError> {
        let is_proxied = |name: &str| self.proxied_secrets.iter().any(|proxied| proxied == name);
        if let Some(caller) = caller
            && answer["Name"].as_str().is_some_and(is_proxied)
            && let Some(secret) = answer["SecretString"].as_str()
        {
            let redirected = caller.redirect(secret).await;
            if let Some(redirected) = redirected.map_err(|error| ApiError::internal(&error))? {
                answer["SecretString"] = redirected.into();
            }
        }
        Ok(answer)
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

    /// Replaces (PUT) or clears (DELETE) the fault plan.
    async fn change_faults(&self, request: Request<Incoming>) -> Response<Body> {
        let plan = match *request.method() {
            Method::DELETE => Ok(FaultPlan::default()),
            Method::PUT => match read(request.into_body()).await {
                Ok(body) => FaultPlan::from_json(&String::from_utf8_lossy(&body)),
                Err(error) => return Protocol::page().refuse(&error, "local"),
            },
            _ => return status(StatusCode::METHOD_NOT_ALLOWED),
        };
        match plan.and_then(|plan| self.faults.replace(plan)) {
            Ok(()) => page_response(StatusCode::OK, &self.faults.report()),
            Err(error) => bad_plan(&error),
        }
    }

    /// What is for people: `/_local/notifications`, `/_local/invocations` and `/_local/faults`.
    async fn local_page(&self, request: Request<Incoming>, page: &str) -> Response<Body> {
        if page == "/faults" && request.method() != Method::GET {
            return self.change_faults(request).await;
        }
        if request.method() != Method::GET {
            return status(StatusCode::METHOD_NOT_ALLOWED);
        }
        let report = match page {
            "" | "/" => Ok(json!({
                "pages": ["/_local/faults", "/_local/invocations", "/_local/notifications"],
            })),
            "/faults" => Ok(self.faults.report()),
            "/invocations" => self.invocations.report(),
            "/notifications" => self.topics.report(),
            _ => return status(StatusCode::NOT_FOUND),
        };
        match report {
            Ok(report) => page_response(StatusCode::OK, &report),
            Err(error) => Protocol::page().refuse(&error.into(), "local"),
        }
    }
}

fn bad_plan(error: &dyn std::error::Error) -> Response<Body> {
    page_response(StatusCode::BAD_REQUEST, &json!({ "error": error.to_string() }))
}

/// The call that a request to a service other than S3 is; none when the service can have no faults.
fn call(service: &str, parts: &Parts, body: &Bytes) -> Option<Call> {
    let service = FaultService::of_credential(service)?;
    let mut call = Call::new(service, Stage::Request, operation(&parts.headers));
    match service {
        FaultService::Sns | FaultService::Sts => Form::parse(body).action().clone_into(&mut call.operation),
        FaultService::Lambda => {
            "Invoke".clone_into(&mut call.operation);
            call.function = invoke_api::function(parts.uri.path());
        }
        FaultService::RedshiftData => {
            let request: Value = serde_json::from_slice(body).unwrap_or_default();
            call.statement = request["StatementName"].as_str().map(str::to_owned);
        }
        _ => {}
    }
    Some(call)
}

fn page_response(code: StatusCode, page: &Value) -> Response<Body> {
    json_response(code, "application/json", page)
}

/// How a service writes its errors.
enum Protocol {
    Json { content_type: String },
    Query,
}

impl Protocol {
    /// That of the pages for people.
    fn page() -> Self {
        Self::Json {
            content_type: "application/json".to_owned(),
        }
    }

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

/// The operation of a request in one of the JSON protocols.
fn operation(headers: &HeaderMap) -> &str {
    let target = header(headers, "x-amz-target").unwrap_or_default();
    target.rsplit('.').next().unwrap_or_default()
}

fn s3_refusal(error: &ApiError) -> Response<Body> {
    let fields = [element("Code", &error.code), element("Message", &error.message)];
    let mut response = xml(format!("<Error>{}</Error>", fields.concat()));
    *response.status_mut() = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
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
