//! What the uploads of one store may have on their way, or its copies under way, all together.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The bytes that may be on their way at once, whichever upload they belong to; or the parts that may be copied. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    bytes: u32,
    free: Arc<Semaphore>,
}

impl Budget {
    pub(super) fn new(bytes: u32) -> Self {
        Self {
            bytes,
            free: Arc::new(Semaphore::new(bytes as usize)),
        }
    }

    /// Waits until so many bytes are free, in the order of asking. They are given back when the permit is dropped. What is
    /// larger than the whole budget waits until it is alone.
    pub(super) async fn take(&self, bytes: usize) -> OwnedSemaphorePermit {
        let bytes = u32::try_from(bytes).unwrap_or(self.bytes).min(self.bytes);
        Arc::clone(&self.free)
            .acquire_many_owned(bytes)
            .await
            .expect("nobody closes the budget")
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn what_is_taken_is_missing_until_it_is_given_back() {
        let budget = Budget::new(10);
        let six = budget.take(6).await;
        assert!(budget.clone().take(5).now_or_never().is_none());
        drop(six);
        assert!(budget.take(5).now_or_never().is_some());
    }

    #[tokio::test]
    async fn what_is_larger_than_the_budget_goes_alone() {
        let budget = Budget::new(10);
        let one = budget.take(1).await;
        assert!(budget.take(usize::MAX).now_or_never().is_none());
        drop(one);
        let all = budget.take(11).await;
        assert!(budget.take(1).now_or_never().is_none());
        drop(all);
    }
}
