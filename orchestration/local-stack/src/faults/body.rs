//! Bodies that end early.

use std::io;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::header::CONTENT_LENGTH;
use http::{HeaderName, Response};
use http_body_util::StreamBody;
use hyper::body::Frame;
use s3s::Body;

/// Ends the body of a successful answer after so many bytes. Silent means that the answer looks complete: its length is
/// that of what is sent, and there is no checksum left to tell. Otherwise the connection breaks.
pub(super) fn cut(response: Response<Body>, after_bytes: u64, silent: bool) -> Response<Body> {
    let length = response
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if !response.status().is_success() || length.is_some_and(|length| length <= after_bytes) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let ending = if silent {
        parts.headers.insert(CONTENT_LENGTH, after_bytes.into());
        forget_checksums(&mut parts.headers);
        Ending::Silent
    } else {
        Ending::Broken
    };
    let frames = shortened(body, after_bytes, ending).map_ok(Frame::data);
    Response::from_parts(parts, Body::http_body_unsync(StreamBody::new(frames)))
}

#[derive(Clone, Copy)]
enum Ending {
    Silent,
    Broken,
}

fn shortened(
    body: Body,
    after_bytes: u64,
    ending: Ending,
) -> impl stream::Stream<Item = io::Result<Bytes>> + Send {
    let state = Some((body, after_bytes));
    stream::unfold(state, move |state| async move {
        let (mut body, left) = state?;
        if left == 0 {
            return broken(ending).await.map(|error| (Err(error), None));
        }
        match body.next().await? {
            Ok(mut bytes) => {
                bytes.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                let left = left.saturating_sub(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
                Some((Ok(bytes), Some((body, left))))
            }
            Err(error) => Some((Err(io::Error::other(error)), None)),
        }
    })
}

/// The error that breaks the connection, once what was sent before has left: hyper flushes when a body is not ready.
async fn broken(ending: Ending) -> Option<io::Error> {
    match ending {
        Ending::Silent => None,
        Ending::Broken => {
            tokio::task::yield_now().await;
            Some(io::Error::from(io::ErrorKind::ConnectionReset))
        }
    }
}

fn forget_checksums(headers: &mut http::HeaderMap) {
    let checksums: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("x-amz-checksum-"))
        .cloned()
        .collect();
    for name in checksums {
        headers.remove(name);
    }
}
