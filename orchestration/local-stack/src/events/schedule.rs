//! Invokes a function again and again, as an EventBridge schedule does.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::index::Index;
use crate::lambda::Invocations;

/// One function and how often it is invoked.
pub(crate) struct Schedule {
    pub(crate) function: String,
    pub(crate) period: Duration,
    pub(crate) index: Arc<Index>,
    pub(crate) invocations: Arc<Invocations>,
}

impl Schedule {
    /// Runs until the stack stops. A beat that cannot be written down is left out: the next one says the same.
    pub(crate) async fn run(self, stopping: CancellationToken) {
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                () = tokio::time::sleep(self.period) => {}
            }
            let (invocations, function) = (Arc::clone(&self.invocations), self.function.clone());
            let beat =
                json!({ "source": "aws.events", "detail-type": "Scheduled Event", "detail": {} }).to_string();
            let accepted = self
                .index
                .write(move |writer| invocations.accept(writer, &function, beat, Duration::ZERO));
            if let Err(error) = accepted.await {
                tracing::warn!(
                    function = self.function,
                    "could not write down a scheduled invocation: {error}"
                );
            }
        }
    }
}
