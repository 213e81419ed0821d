//! The one HTTP endpoint: finds out which service a request is for, checks who sends it, and writes the answer in
//! that service's protocol.

mod pages;
mod protocol;

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use longshore_local_warehouse::Warehouse;
use s3s::Body;
use s3s::service::S3Service;
use serde_json::{Value, json};

use crate::endpoint::protocol::{Protocol, content_type, header, json_response, s3_refusal, status, xml};
use crate::events::EventBus;
use crate::faults::{Call, Caller, FaultService, Faults, Stage, s3_call, under_faults};
use crate::http::{ApiError, Credential, Disconnect, Keys};
use crate::iam::Roles;
use crate::index::Index;
use crate::lambda::{Functions, Invocations, invoke_api};
use crate::query::{Form, element, response};
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
    pub(crate) roles: Roles,
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
            "iam" => self.roles.handle(&Form::parse(body), request_id).map(xml),
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
}

/// The call that a request to a service other than S3 is; none when the service can have no faults.
fn call(service: &str, parts: &Parts, body: &Bytes) -> Option<Call> {
    let service = FaultService::of_credential(service)?;
    let mut call = Call::new(service, Stage::Request, operation(&parts.headers));
    match service {
        FaultService::Sns | FaultService::Sts => {
            let form = Form::parse(body);
            form.action().clone_into(&mut call.operation);
            call.resources
                .extend(form.optional("TopicArn").map(str::to_owned));
        }
        FaultService::Lambda => {
            "Invoke".clone_into(&mut call.operation);
            call.function = invoke_api::function(parts.uri.path());
        }
        FaultService::RedshiftData => {
            let request: Value = serde_json::from_slice(body).unwrap_or_default();
            call.statement = request["StatementName"].as_str().map(str::to_owned);
            call.resources = named(&request, &["ClusterIdentifier", "WorkgroupName", "SecretArn"]);
        }
        FaultService::SecretsManager | FaultService::Sqs => {
            let request: Value = serde_json::from_slice(body).unwrap_or_default();
            call.resources = named(&request, &["SecretId", "QueueUrl"]);
        }
        _ => {}
    }
    Some(call)
}

/// What a request names under these fields, in their order.
fn named(request: &Value, fields: &[&str]) -> Vec<String> {
    let texts = fields.iter().filter_map(|field| request[*field].as_str());
    texts.map(str::to_owned).collect()
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
