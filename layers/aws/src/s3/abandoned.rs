//! Uploads that were dropped half done, while S3 is told to forget them.

use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// What is still to be taken back. A process that ends before it leaves parts that cost money. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Abandoned(Arc<Mutex<JoinSet<()>>>);

impl Abandoned {
    /// Lets something go on although nobody waits for it. Outside a runtime there is nobody to do it.
    pub(super) fn take_back(&self, work: impl Future<Output = ()> + Send + 'static) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let mut tasks = self.lock();
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(work, &runtime);
    }

    /// Waits until nothing is left to be taken back.
    pub(super) async fn is_empty(&self) {
        loop {
            // One may leave another: an upload that is begun and not wanted any more.
            let mut tasks = take(&mut *self.lock());
            if tasks.is_empty() {
                return;
            }
            while tasks.join_next().await.is_some() {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, JoinSet<()>> {
        // A task that panics does so outside the lock.
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
