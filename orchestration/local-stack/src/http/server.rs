//! A small HTTP/1.1 server: accept, serve, and close everything when told to.

use std::future::Future;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use s3s::Body;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long requests under way may take to finish when the server closes.
const CLOSING_GRACE: Duration = Duration::from_secs(2);

/// The connection is to be closed instead of an answer.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the connection was closed on purpose")]
pub(crate) struct Disconnect;

/// Serves a listener until `closing` is cancelled, then lets requests under way finish for a moment.
pub(crate) async fn serve<H, F>(listener: TcpListener, closing: CancellationToken, handler: H)
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response<Body>, Disconnect>> + Send + 'static,
{
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = closing.cancelled() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(serve_connection(stream, closing.clone(), handler.clone()));
            }
            Err(error) => {
                // Out of file descriptors, most likely: the next connection to close frees one.
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn serve_connection<H, F>(stream: TcpStream, closing: CancellationToken, handler: H)
where
    H: Fn(Request<Incoming>) -> F,
    F: Future<Output = Result<Response<Body>, Disconnect>>,
{
    // Answers are small and written at once; waiting to fill a packet would only delay them.
    stream.set_nodelay(true).ok();
    let service = service_fn(handler);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(CLOSING_GRACE, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
