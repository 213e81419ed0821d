//! Faults of requests.

use std::future::Future;
use std::sync::Arc;

use http::Response;
use s3s::Body;

use crate::faults::body::cut;
use crate::faults::caller::Caller;
use crate::faults::injector::{Call, Faults};
use crate::faults::plan::{Fault, KillMoment};
use crate::faults::refusal::refusal;
use crate::http::{ApiError, Disconnect};

/// Serves a request as the plan in force will have it: perhaps late, not at all, or without an answer. `serve` has no
/// effect unless it is awaited; `refuse` writes an error in the service's protocol.
pub(crate) async fn under_faults(
    faults: &Faults,
    mut call: Call,
    caller: Option<&Arc<Caller>>,
    serve: impl Future<Output = Response<Body>>,
    refuse: impl FnOnce(&ApiError) -> Response<Body>,
) -> Result<Response<Body>, Disconnect> {
    let mut doomed = None;
    if let Some(caller) = caller {
        caller.sign(&mut call);
        doomed = caller.outgoing(&call).map(|moment| (caller, moment));
    }
    if let Some((caller, KillMoment::BeforeEffect)) = doomed {
        caller.die().await;
        return Err(Disconnect);
    }
    let verdict = faults.decide(&call);
    if !verdict.delay.is_zero() {
        tokio::time::sleep(verdict.delay).await;
    }
    let outcome = match verdict.fault {
        Some(Fault::CloseBefore) => Err(Disconnect),
        Some(Fault::CloseAfter) => {
            drop(serve.await);
            Err(Disconnect)
        }
        Some(Fault::CutBody { after_bytes, silent }) => Ok(cut(serve.await, after_bytes, silent)),
        Some(fault) => match refusal(call.service, &fault) {
            Some(error) => Ok(refuse(&error)),
            None => Ok(serve.await),
        },
        None => Ok(serve.await),
    };
    if let Some((caller, KillMoment::AfterEffect)) = doomed {
        caller.die().await;
        return Err(Disconnect);
    }
    outcome
}
