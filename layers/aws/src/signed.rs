//! Requests to services that are asked a handful of questions, signed here: an SDK crate for each would be the largest part of the
//! program, and one of IAM's takes minutes to build.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use longshore_app::ports::BoxError;

/// What signs and sends.
#[derive(Clone)]
pub struct SignedRequests {
    /// Made for the first question: a function asks none, and need not read certificates for it at every start.
    connector: Arc<OnceLock<SharedHttpConnector>>,
    connect: fn() -> SharedHttpConnector,
    credentials: Option<SharedCredentialsProvider>,
    region: String,
    endpoint_url: Option<String>,
}

impl fmt::Debug for SignedRequests {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SignedRequests")
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// A question to a service.
pub(crate) struct Question<'a> {
    /// The service as signatures name it.
    pub(crate) service: &'a str,
    /// Where it is, for services that are in one region alone.
    pub(crate) home: Option<&'a str>,
    /// `X-Amz-Target`, for services that speak JSON.
    pub(crate) target: Option<&'a str>,
    /// The form of the body.
    pub(crate) content_type: &'a str,
    /// The body.
    pub(crate) body: String,
}

/// An answer, whatever it says.
pub(crate) struct Answer {
    /// Whether it is none of an error.
    pub(crate) is_success: bool,
    /// What time it is there.
    pub(crate) date: Option<DateTime<Utc>>,
    /// The body.
    pub(crate) body: Bytes,
}

impl SignedRequests {
    /// Takes what connects, who asks, and where; with an endpoint every service is there.
    pub fn new(
        connect: fn() -> SharedHttpConnector,
        credentials: Option<SharedCredentialsProvider>,
        region: &str,
        endpoint_url: Option<&str>,
    ) -> Self {
        Self {
            connector: Arc::default(),
            connect,
            credentials,
            region: region.to_owned(),
            endpoint_url: endpoint_url.map(str::to_owned),
        }
    }

    pub(crate) async fn ask(&self, question: Question<'_>) -> Result<Answer, BoxError> {
        let request = self.request(question).await?;
        let response = self.connector.get_or_init(self.connect).call(request).await?;
        let is_success = response.status().is_success();
        let date = response.headers().get("date").and_then(read_date);
        let body = read_all(response.into_body()).await?;
        Ok(Answer {
            is_success,
            date,
            body,
        })
    }

    async fn request(&self, question: Question<'_>) -> Result<HttpRequest, BoxError> {
        let url = format!("{}/", self.endpoint(question.service, question.home));
        let uri: http::Uri = url.parse()?;
        let host = uri.authority().map(ToString::to_string).unwrap_or_default();
        let mut request = http::Request::post(&url)
            .header("host", &host)
            .header("content-type", question.content_type);
        if let Some(target) = question.target {
            request = request.header("x-amz-target", target);
        }
        let mut request = request.body(SdkBody::from(question.body.clone()))?;

        let credentials = self.credentials.as_ref().ok_or("there are no credentials")?;
        let identity = credentials.provide_credentials().await?.into();
        let region = question.home.unwrap_or(&self.region);
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(question.service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let headers = request.headers().iter();
        let headers = headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let body = SignableBody::Bytes(question.body.as_bytes());
        let signable = SignableRequest::new("POST", &url, headers, body)?;
        let (instructions, _) = sign(signable, &parameters)?.into_parts();
        instructions.apply_to_request_http1x(&mut request);
        Ok(HttpRequest::try_from(request)?)
    }

    /// The base of a service's addresses. IAM has one for all regions of a partition.
    fn endpoint(&self, service: &str, home: Option<&str>) -> String {
        if let Some(url) = &self.endpoint_url {
            return url.trim_end_matches('/').to_owned();
        }
        let suffix = match self.region.starts_with("cn-") {
            true => "amazonaws.com.cn",
            false => "amazonaws.com",
        };
        match home {
            Some(_) => format!("https://{service}.{suffix}"),
            None => format!("https://{service}.{}.{suffix}", self.region),
        }
    }
}

fn read_date(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(text).ok().map(|date| date.to_utc())
}

async fn read_all(body: SdkBody) -> Result<Bytes, BoxError> {
    let stream = aws_smithy_types::byte_stream::ByteStream::new(body);
    Ok(stream.collect().await?.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_an_answer_is_read() {
        let date = read_date("Fri, 27 Nov 2026 01:02:03 GMT").unwrap();
        assert_eq!(date.to_rfc3339(), "2026-11-27T01:02:03+00:00");
        assert_eq!(read_date("yesterday"), None);
    }
}
