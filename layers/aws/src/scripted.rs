//! A stand-in for the network in tests: answers each request from a script and keeps what was asked.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use bytes::Bytes;
use http_body::{Body, Frame};

/// How often the other tasks get their turn before a late answer comes.
const TURNS_BEFORE_A_LATE_ANSWER: usize = 50;

const ENDPOINT: &str = "http://127.0.0.1:9";

/// What was asked.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) uri: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The operation of an awsJson call, from its target header.
    pub(crate) fn operation(&self) -> &str {
        self.header("x-amz-target")
            .and_then(|target| target.rsplit('.').next())
            .unwrap_or_default()
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    chunks: Vec<Bytes>,
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Whole,
    Broken,
    NoConnection,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            chunks: Vec::new(),
            end: End::Whole,
        }
    }

    pub(crate) fn ok(body: impl Into<Bytes>) -> Self {
        Self {
            chunks: vec![body.into()],
            ..Self::status(200)
        }
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// An error as S3 writes it.
    pub(crate) fn error(status: u16, code: &str) -> Self {
        Self {
            chunks: vec![Bytes::from(format!(
                "<Error><Code>{code}</Code><Message>no</Message></Error>"
            ))],
            ..Self::status(status)
        }
    }

    /// An error as the awsJson services write it.
    pub(crate) fn json_error(status: u16, code: &str) -> Self {
        Self {
            chunks: vec![Bytes::from(format!(r#"{{"__type":"{code}","message":"no"}}"#))],
            ..Self::status(status)
        }
    }

    /// Nobody listens.
    pub(crate) fn refused_connection() -> Self {
        Self {
            end: End::NoConnection,
            ..Self::status(200)
        }
    }

    /// The connection breaks after the body given so far.
    pub(crate) fn then_breaks(mut self) -> Self {
        self.end = End::Broken;
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn into_response(self) -> Result<HttpResponse, ConnectorError> {
        if self.end == End::NoConnection {
            return Err(ConnectorError::io(
                io::Error::from(io::ErrorKind::ConnectionRefused).into(),
            ));
        }
        let mut chunks: VecDeque<_> = self.chunks.into_iter().map(Ok).collect();
        if self.end == End::Broken {
            chunks.push_back(Err(io::Error::from(io::ErrorKind::ConnectionReset)));
        }
        let status = self.status.try_into().expect("a status between 100 and 999");
        let mut response = HttpResponse::new(status, SdkBody::from_body_1_x(ScriptedBody(chunks)));
        for (name, value) in self.headers {
            response.headers_mut().append(name, value);
        }
        Ok(response)
    }
}

struct ScriptedBody(VecDeque<Result<Bytes, io::Error>>);

impl Body for ScriptedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(self.0.pop_front().map(|chunk| chunk.map(Frame::data)))
    }
}

type Answer = dyn Fn(&Request, usize) -> Reply + Send + Sync;

/// Answers requests and remembers them.
#[derive(Clone)]
pub(crate) struct Script {
    answer: Arc<Answer>,
    requests: Arc<Mutex<Vec<Request>>>,
    is_late: bool,
    traffic: Arc<Traffic>,
}

/// Bytes of requests that are not answered yet, and the most there ever were.
#[derive(Default)]
struct Traffic {
    unanswered: AtomicUsize,
    most: AtomicUsize,
}

impl Script {
    /// One reply after another; one request too many is answered by 500.
    pub(crate) fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies: Vec<Reply> = replies.into_iter().collect();
        Self::answering(move |_, number| replies.get(number).cloned().unwrap_or(Reply::status(500)))
    }

    /// The same reply for ever.
    pub(crate) fn always(reply: Reply) -> Self {
        Self::answering(move |_, _| reply.clone())
    }

    /// A reply that depends on the request and on how many came before it.
    pub(crate) fn answering(answer: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self {
            answer: Arc::new(answer),
            requests: Arc::default(),
            is_late: false,
            traffic: Arc::default(),
        }
    }

    /// The same, but other tasks get many turns before an answer comes.
    pub(crate) fn answering_late(mut self) -> Self {
        self.is_late = true;
        self
    }

    /// Bytes of requests whose late answer has not come yet.
    pub(crate) fn unanswered_bytes(&self) -> usize {
        self.traffic.unanswered.load(Ordering::SeqCst)
    }

    /// The most that [`Self::unanswered_bytes`] ever was.
    pub(crate) fn most_unanswered_bytes(&self) -> usize {
        self.traffic.most.load(Ordering::SeqCst)
    }

    /// What was asked so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Request>> {
        self.requests
            .lock()
            .expect("no test panics while it holds the lock")
    }

    fn client(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(self.clone());
        http_client_fn(move |_, _| connector.clone())
    }
}

impl std::fmt::Debug for Script {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Script")
    }
}

impl HttpConnector for Script {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let headers = request.headers().iter();
        let request = Request {
            method: request.method().to_owned(),
            uri: request.uri().to_owned(),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body: Bytes::copy_from_slice(request.body().bytes().unwrap_or_default()),
        };
        let mut requests = self.lock();
        let reply = (self.answer)(&request, requests.len());
        let bytes = request.body.len();
        requests.push(request);
        if !self.is_late {
            return HttpConnectorFuture::ready(reply.into_response());
        }
        let traffic = Arc::clone(&self.traffic);
        let unanswered = traffic.unanswered.fetch_add(bytes, Ordering::SeqCst) + bytes;
        traffic.most.fetch_max(unanswered, Ordering::SeqCst);
        HttpConnectorFuture::new(async move {
            for _ in 0..TURNS_BEFORE_A_LATE_ANSWER {
                tokio::task::yield_now().await;
            }
            traffic.unanswered.fetch_sub(bytes, Ordering::SeqCst);
            reply.into_response()
        })
    }
}

macro_rules! client {
    ($name:ident, $sdk:ident) => {
        /// A client of the script, without retries of its own.
        pub(crate) fn $name(script: &Script) -> $sdk::Client {
            let config = $sdk::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new("eu-central-1"))
                .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
                .endpoint_url(ENDPOINT)
                .retry_config(RetryConfig::disabled())
                .http_client(script.client())
                .build();
            $sdk::Client::from_conf(config)
        }
    };
}

client!(s3_client, aws_sdk_s3);
client!(redshift_client, aws_sdk_redshiftdata);
client!(sns_client, aws_sdk_sns);
client!(secrets_client, aws_sdk_secretsmanager);
