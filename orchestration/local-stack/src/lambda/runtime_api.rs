//! The Lambda runtime API of one process: it asks for the next event and reports what came of it.
//!
//! Every process has a port of its own, because nothing in the protocol tells who is asking.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use s3s::Body;
use tokio::net::TcpListener;
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::http::serve;
use crate::time::Moment;

const VERSION: &str = "/2018-06-01/runtime/";
/// The most that a function may answer, as on Lambda.
const MAX_ANSWER_BYTES: usize = 6 * 1024 * 1024;

/// An event on its way to the process.
pub(super) struct Event {
    pub(super) request_id: String,
    pub(super) function_arn: String,
    pub(super) timeout: Duration,
    pub(super) payload: Bytes,
}

/// What a process reported about an event.
pub(super) enum Report {
    Answer(Bytes),
    Error(Bytes),
}

/// The API that one process talks to; dropping it closes the port and every connection.
pub(super) struct RuntimeApi {
    address: String,
    state: Arc<State>,
    events: mpsc::Sender<Event>,
    _closes: DropGuard,
}

struct State {
    events: AsyncMutex<mpsc::Receiver<Event>>,
    awaited: Mutex<Option<(String, oneshot::Sender<Report>)>>,
    phase: watch::Sender<Phase>,
}

/// How far the process has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Starting,
    Ready,
    FailedToStart(Bytes),
}

impl RuntimeApi {
    /// Opens the API on a free port.
    pub(super) async fn open() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let (events, receiver) = mpsc::channel(1);
        let state = Arc::new(State {
            events: AsyncMutex::new(receiver),
            awaited: Mutex::new(None),
            phase: watch::Sender::new(Phase::Starting),
        });
        let closing = CancellationToken::new();
        let answering = Arc::clone(&state);
        let handler = move |request| {
            let state = Arc::clone(&answering);
            async move { Ok(state.handle(request).await) }
        };
        tokio::spawn(serve(listener, closing.clone(), handler));
        Ok(Self {
            address,
            state,
            events,
            _closes: closing.drop_guard(),
        })
    }

    /// What AWS_LAMBDA_RUNTIME_API is to say.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Watches the process come up.
    pub(super) fn phase(&self) -> watch::Receiver<Phase> {
        self.state.phase.subscribe()
    }

    /// Hands an event over and gives what will carry the report.
    pub(super) async fn deliver(&self, event: Event) -> oneshot::Receiver<Report> {
        let (sender, receiver) = oneshot::channel();
        *self.state.awaited() = Some((event.request_id.clone(), sender));
        // The receiving half lives in the state that this handle owns.
        self.events.send(event).await.ok();
        receiver
    }
}

impl State {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        let Some(path) = path.strip_prefix(VERSION) else {
            return status(StatusCode::NOT_FOUND);
        };
        let segments: Vec<&str> = path.split('/').collect();
        match (request.method(), segments.as_slice()) {
            (&Method::GET, ["invocation", "next"]) => self.next().await,
            (&Method::POST, ["invocation", id, "response"]) => self.report(id, request, Report::Answer).await,
            (&Method::POST, ["invocation", id, "error"]) => self.report(id, request, Report::Error).await,
            (&Method::POST, ["init", "error"]) => self.failed_to_start(request).await,
            _ => status(StatusCode::NOT_FOUND),
        }
    }

    async fn next(&self) -> Response<Body> {
        self.phase.send_replace(Phase::Ready);
        let Some(event) = self.events.lock().await.recv().await else {
            return status(StatusCode::GONE);
        };
        let deadline = Moment::now().plus(event.timeout).0.to_string();
        let trace = format!(
            "Root=1-{:08x}-{}",
            Moment::now().0 / 1000,
            &uuid::Uuid::new_v4().simple().to_string()[..24]
        );
        let response = Response::builder()
            .header("content-type", "application/json")
            .header("lambda-runtime-aws-request-id", event.request_id)
            .header("lambda-runtime-deadline-ms", deadline)
            .header("lambda-runtime-invoked-function-arn", event.function_arn)
            .header("lambda-runtime-trace-id", trace)
            .body(Body::from(event.payload));
        response.unwrap_or_else(|_| status(StatusCode::INTERNAL_SERVER_ERROR))
    }

    async fn report(
        &self,
        id: &str,
        request: Request<Incoming>,
        kind: fn(Bytes) -> Report,
    ) -> Response<Body> {
        let (report, answer) = match body(request).await {
            Some(bytes) => (kind(bytes), StatusCode::ACCEPTED),
            None => (Report::Error(too_large()), StatusCode::PAYLOAD_TOO_LARGE),
        };
        let mut awaited = self.awaited();
        match awaited.take() {
            Some((expected, sender)) if expected == id => {
                // Nobody waits any more when the invocation has just timed out; its process is about to be killed.
                sender.send(report).ok();
                status(answer)
            }
            other => {
                *awaited = other;
                status(StatusCode::BAD_REQUEST)
            }
        }
    }

    async fn failed_to_start(&self, request: Request<Incoming>) -> Response<Body> {
        let bytes = body(request).await.unwrap_or_else(too_large);
        self.phase.send_replace(Phase::FailedToStart(bytes));
        status(StatusCode::ACCEPTED)
    }

    fn awaited(&self) -> std::sync::MutexGuard<'_, Option<(String, oneshot::Sender<Report>)>> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn body(request: Request<Incoming>) -> Option<Bytes> {
    let body = Limited::new(request.into_body(), MAX_ANSWER_BYTES)
        .collect()
        .await
        .ok()?;
    Some(body.to_bytes())
}

fn too_large() -> Bytes {
    Bytes::from_static(
        br#"{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (6291456 bytes)."}"#,
    )
}

fn status(code: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = code;
    response
}
