//! Lambda's Invoke over HTTP, signed as any AWS client signs it, and the pages for people.

use std::time::SystemTime;

use anyhow::{Context, bail};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::response::Parts;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value};
use tokio::net::TcpStream;

use super::World;
use super::world::credentials;

/// What a function answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Whether it reported an error.
    pub(crate) is_error: bool,
    /// Its answer, or its error with `errorType` and `errorMessage`.
    pub(crate) body: Value,
}

impl World {
    /// Invokes a function and waits for its answer.
    pub(crate) async fn invoke(&self, function: &str, event: &Value) -> anyhow::Result<Answer> {
        let path = format!("/2015-03-31/functions/{function}/invocations");
        let (parts, body) = self
            .send(self.signed("lambda", &path, event.to_string())?)
            .await?;
        Ok(Answer {
            is_error: parts.headers.contains_key("x-amz-function-error"),
            body,
        })
    }

    /// Lets things go wrong on purpose.
    pub(crate) async fn set_faults(&self, plan: &Value) -> anyhow::Result<()> {
        let request = Request::put("/_local/faults")
            .header("host", self.address())
            .body(Full::new(Bytes::from(plan.to_string())))?;
        self.send(request).await.map(|_| ())
    }

    /// Lets nothing go wrong any more. What was held back goes on its way.
    pub(crate) async fn lift_faults(&self) -> anyhow::Result<()> {
        self.set_faults(&Value::Object(Map::new())).await
    }

    /// The fault plan in force, what it did, and the functions' outgoing calls.
    pub(crate) async fn faults(&self) -> anyhow::Result<Value> {
        self.page("/_local/faults").await
    }

    /// One of the endpoint's pages for people.
    pub(super) async fn page(&self, path: &str) -> anyhow::Result<Value> {
        let request = Request::get(path)
            .header("host", self.address())
            .body(Full::default())?;
        let (_, page) = self.send(request).await?;
        Ok(page)
    }

    /// Makes a topic. Gives its ARN.
    pub(crate) async fn create_topic(&self, name: &str) -> anyhow::Result<String> {
        let form = format!("Action=CreateTopic&Version=2010-03-31&Name={name}");
        let mut request = self.signed("sns", "/", form)?;
        let form = "application/x-www-form-urlencoded".parse()?;
        request.headers_mut().insert("content-type", form);
        self.exchange(request).await?;
        let (before, _) = self.ready().topic_arn.rsplit_once(':').context("an ARN")?;
        Ok(format!("{before}:{name}"))
    }

    /// Makes a secret.
    pub(crate) async fn create_secret(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let body = serde_json::json!({
            "Name": name, "SecretString": text, "ClientRequestToken": format!("{name:-<32}"),
        });
        self.ask_secrets("CreateSecret", &body).await.map(drop)
    }

    /// Makes a secret that says what another one does.
    pub(crate) async fn copy_secret(&self, from: &str, name: &str) -> anyhow::Result<()> {
        let text = self.secret_text(from).await?;
        self.create_secret(name, &text).await
    }

    /// What a secret says.
    pub(crate) async fn secret_text(&self, name: &str) -> anyhow::Result<String> {
        let found = self
            .ask_secrets("GetSecretValue", &serde_json::json!({ "SecretId": name }))
            .await?;
        let text = found["SecretString"].as_str().context("the secret's text")?;
        Ok(text.to_owned())
    }

    /// Lets a secret say something else.
    pub(crate) async fn change_secret(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let body = serde_json::json!({ "SecretId": name, "SecretString": text });
        self.ask_secrets("PutSecretValue", &body).await.map(drop)
    }

    async fn ask_secrets(&self, operation: &str, request: &Value) -> anyhow::Result<Value> {
        let mut request = self.signed("secretsmanager", "/", request.to_string())?;
        let headers = request.headers_mut();
        headers.insert("content-type", "application/x-amz-json-1.1".parse()?);
        headers.insert("x-amz-target", format!("secretsmanager.{operation}").parse()?);
        let (_, answer) = self.send(request).await?;
        Ok(answer)
    }

    /// An operation of EventBridge's.
    pub(crate) async fn ask_events(&self, operation: &str, request: &Value) -> anyhow::Result<()> {
        let mut request = self.signed("events", "/", request.to_string())?;
        let headers = request.headers_mut();
        headers.insert("content-type", "application/x-amz-json-1.1".parse()?);
        headers.insert("x-amz-target", format!("AWSEvents.{operation}").parse()?);
        self.exchange(request).await.map(drop)
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> anyhow::Result<(Parts, Value)> {
        let (parts, body) = self.exchange(request).await?;
        let body = serde_json::from_slice(&body).context("understand the endpoint's answer")?;
        Ok((parts, body))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> anyhow::Result<(Parts, Bytes)> {
        let stream = TcpStream::connect(self.address())
            .await
            .context("connect to the endpoint")?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let response = sender.send_request(request).await.context("ask the endpoint")?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        if parts.status != StatusCode::OK {
            bail!(
                "the endpoint answered {}: {}",
                parts.status,
                String::from_utf8_lossy(&body)
            );
        }
        Ok((parts, body))
    }

    fn address(&self) -> &str {
        self.ready().endpoint_url.trim_start_matches("http://")
    }

    fn signed(&self, service: &str, path: &str, body: String) -> anyhow::Result<Request<Full<Bytes>>> {
        let ready = self.ready();
        let host = self.address();
        let identity = credentials(ready).into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&ready.region)
            .name(service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let url = format!("{}{path}", ready.endpoint_url);
        let signable = SignableRequest::new(
            Method::POST.as_str(),
            &url,
            [("host", host)].into_iter(),
            SignableBody::Bytes(body.as_bytes()),
        )?;
        let (instructions, _) = sign(signable, &parameters)?.into_parts();
        let mut request = Request::post(path)
            .header("host", host)
            .body(Full::new(Bytes::from(body)))?;
        instructions.apply_to_request_http1x(&mut request);
        Ok(request)
    }
}
