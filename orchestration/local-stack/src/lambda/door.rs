//! The door of one process: an endpoint of its own, so that its calls can be told from those of everyone else.

use std::io;
use std::sync::{Arc, OnceLock};

use futures_util::future::BoxFuture;
use http::{Request, Response};
use hyper::body::Incoming;
use s3s::Body;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::faults::Caller;
use crate::http::{Disconnect, serve};

type Answer = BoxFuture<'static, Result<Response<Body>, Disconnect>>;
type Handler = dyn Fn(Request<Incoming>, Arc<Caller>) -> Answer + Send + Sync;

/// What lies behind every door: the endpoint, which is not there yet when the functions are made.
#[derive(Clone, Default)]
pub(crate) struct Gateway(Arc<OnceLock<Box<Handler>>>);

impl Gateway {
    /// Has every request at a door answered like this. The handler must not keep the endpoint alive: the endpoint keeps
    /// the functions, and neither would ever give the data folder back.
    pub(crate) fn lead_to(
        &self,
        handler: impl Fn(Request<Incoming>, Arc<Caller>) -> Answer + Send + Sync + 'static,
    ) {
        self.0.get_or_init(|| Box::new(handler));
    }

    async fn answer(
        self,
        request: Request<Incoming>,
        caller: Arc<Caller>,
    ) -> Result<Response<Body>, Disconnect> {
        match self.0.get() {
            Some(handler) => handler(request, caller).await,
            None => Err(Disconnect),
        }
    }
}

/// An open door.
pub(super) struct Door {
    url: String,
    closes: DropGuard,
    server: JoinHandle<()>,
}

impl Door {
    /// Opens a door on a free port; every request that comes in by it is the caller's.
    pub(super) async fn open(gateway: Gateway, caller: Arc<Caller>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let closing = CancellationToken::new();
        let server = tokio::spawn(serve(listener, closing.clone(), move |request| {
            gateway.clone().answer(request, Arc::clone(&caller))
        }));
        Ok(Self {
            url,
            closes: closing.drop_guard(),
            server,
        })
    }

    /// What AWS_ENDPOINT_URL is to say in the process.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Closes the door and waits until nobody stands in it.
    pub(super) async fn close(self) {
        drop(self.closes);
        if self.server.await.is_err() {
            tracing::warn!("the endpoint of a function's process ended by a panic");
        }
    }
}
