//! What goes to S3 and comes from it, counted: requests, retries among them, and the bytes of objects as they are announced. The
//! words about them (lists of parts, answers to copies) are none.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};

/// Counts of one store's traffic. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Traffic(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    requests: AtomicU64,
    bytes_up: AtomicU64,
    bytes_down: AtomicU64,
}

impl Traffic {
    /// Requests that were sent.
    pub fn requests(&self) -> u64 {
        self.0.requests.load(Ordering::Relaxed)
    }

    /// Bytes of objects that were sent.
    pub fn bytes_up(&self) -> u64 {
        self.0.bytes_up.load(Ordering::Relaxed)
    }

    /// Bytes of objects that were answered.
    pub fn bytes_down(&self) -> u64 {
        self.0.bytes_down.load(Ordering::Relaxed)
    }
}

/// Whether the answer is an object's bytes: one to HEAD names a length and has none.
#[derive(Debug)]
struct IsRead(bool);

impl Storable for IsRead {
    type Storer = StoreReplace<Self>;
}

impl Intercept for Traffic {
    fn name(&self) -> &'static str {
        "Traffic"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        state: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let method = context.request().method();
        state.interceptor_state().store_put(IsRead(method == "GET"));
        self.0.requests.fetch_add(1, Ordering::Relaxed);
        if method != "PUT" {
            return Ok(());
        }
        let length = context.request().headers().get("content-length");
        // A length that does not read is none.
        let bytes = length.and_then(|length| length.parse().ok()).unwrap_or(0);
        self.0.bytes_up.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        state: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if state.load::<IsRead>().is_some_and(|answer| answer.0) {
            let length = context.response().headers().get("content-length");
            let bytes = length.and_then(|length| length.parse().ok()).unwrap_or(0);
            self.0.bytes_down.fetch_add(bytes, Ordering::Relaxed);
        }
        Ok(())
    }
}
