//! What lies below a prefix.

use longshore_domain::object::ObjectKey;
use longshore_domain::rule::MOST_BATCH_FILES;

use super::BulkLoad;
use crate::{App, AppError};

/// About so many bytes go through one transaction.
const BATCH_BYTES: u64 = 1 << 30;

/// Files, counted and weighed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Heap {
    pub(super) files: u64,
    pub(super) bytes: u64,
}

impl Heap {
    /// Looks through the whole prefix.
    pub(super) async fn below(app: &App, load: &BulkLoad) -> Result<Self, AppError> {
        let ends = format!(".{}", load.extension());
        let mut heap = Self::default();
        let mut after = None;
        loop {
            let page = app.objects.list(&load.path, after.as_ref()).await?;
            let named = |key: &ObjectKey| key.file_name().to_ascii_lowercase().ends_with(&ends);
            for object in page.objects.iter().filter(|object| named(&object.key)) {
                heap.files += 1;
                heap.bytes += object.size_bytes;
            }
            after = page.objects.last().map(|object| object.key.clone());
            if page.is_last || after.is_none() {
                return Ok(heap);
            }
        }
    }

    /// The fewest batches that hold all of it.
    pub(super) fn batches(self) -> u64 {
        let by_files = self.files.div_ceil(MOST_BATCH_FILES.into());
        by_files.max(self.bytes.div_ceil(BATCH_BYTES)).max(1)
    }

    /// A batch of the smallest size at which that many hold all of it.
    pub(super) fn batch_bytes(self) -> u64 {
        self.bytes.div_ceil(self.batches()).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heap_goes_into_as_few_batches_as_hold_it() {
        let batches = |files, bytes| Heap { files, bytes }.batches();
        assert_eq!(batches(1, 1), 1);
        assert_eq!(batches(1_000, 1), 1);
        assert_eq!(batches(1_001, 1), 2);
        assert_eq!(batches(3, BATCH_BYTES * 2 + 1), 3);
    }
}
