//! What lies below a prefix.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use longshore_domain::object::ObjectKey;
use longshore_domain::rule::{FileType, MOST_BATCH_FILES};

use super::BulkLoad;
use crate::process::ignores;
use crate::{App, AppError, Invocation};

/// About so many bytes go through one transaction.
const BATCH_BYTES: u64 = 1 << 30;
/// What is left of an invocation for saying that the prefix is too large for it.
const LAST_SECONDS: TimeDelta = TimeDelta::seconds(20);
/// Endings that say by themselves how a file is written: what a rule's `file_format` takes.
pub(super) const FORMATS: [&str; 10] = [
    "avro", "bz2", "csv", "gz", "json", "lzo", "orc", "parquet", "txt", "zst",
];

/// Files, counted and weighed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Heap {
    pub(super) files: u64,
    pub(super) bytes: u64,
}

/// The files below a prefix, by what their names end with.
#[derive(Debug, Default)]
pub(super) struct Heaps {
    by_ending: BTreeMap<String, Heap>,
}

impl Heaps {
    /// Looks through the whole prefix for names that end as the load says, or with what a format is called. `None` when the
    /// invocation ends before the prefix does.
    pub(super) async fn below(
        app: &App,
        invocation: &Invocation,
        load: &BulkLoad,
    ) -> Result<Option<Self>, AppError> {
        let file_type = load.file_type();
        let mut heaps = Self::default();
        let mut after = None;
        loop {
            let page = app.objects.list(&load.path, after.as_ref()).await?;
            for object in page
                .objects
                .iter()
                .filter(|object| ignores(&app.config, &object.key).is_none())
            {
                heaps.add(&object.key, object.size_bytes, file_type.as_ref());
            }
            after = page.objects.last().map(|object| object.key.clone());
            if page.is_last || after.is_none() {
                return Ok(Some(heaps));
            }
            if app.clock.now() >= invocation.deadline - LAST_SECONDS {
                return Ok(None);
            }
        }
    }

    pub(super) fn add(&mut self, key: &ObjectKey, bytes: u64, file_type: Option<&FileType>) {
        let ending = match file_type {
            Some(file_type) => file_type.takes(key).then(|| file_type.to_string()),
            None => key
                .extension()
                .map(str::to_ascii_lowercase)
                .filter(|ending| FORMATS.contains(&ending.as_str())),
        };
        if let Some(ending) = ending {
            let heap = self.by_ending.entry(ending).or_default();
            heap.files += 1;
            heap.bytes += bytes;
        }
    }

    pub(super) fn of(&self, ending: &str) -> Heap {
        self.by_ending.get(ending).copied().unwrap_or_default()
    }

    pub(super) fn endings(&self) -> Vec<&str> {
        self.by_ending.keys().map(String::as_str).collect()
    }
}

impl Heap {
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
    fn files_are_counted_by_what_their_names_end_with() {
        let mut heaps = Heaps::default();
        for name in [
            "d/a.CSV",
            "d/b.csv",
            "d/c.snappy.parquet",
            "d/_SUCCESS",
            "d/e.crc",
        ] {
            heaps.add(&ObjectKey::new(name), 2, None);
        }
        assert_eq!(heaps.endings(), ["csv", "parquet"]);
        assert_eq!(heaps.of("csv"), Heap { files: 2, bytes: 4 });
        let mut heaps = Heaps::default();
        for name in ["d/a.csv.gz", "d/b.gz"] {
            heaps.add(&ObjectKey::new(name), 2, Some(&FileType::parse("csv.gz")));
        }
        assert_eq!((heaps.of("csv.gz").files, heaps.of("gz").files), (1, 0));
        for (said, files) in [("any", 3), ("none", 1)] {
            let mut heaps = Heaps::default();
            for name in ["d/0000_part_00", "d/0001_part_00.gz", "d/a.csv"] {
                heaps.add(&ObjectKey::new(name), 2, Some(&FileType::parse(said)));
            }
            assert_eq!(heaps.of(said).files, files);
        }
    }

    #[test]
    fn a_heap_goes_into_as_few_batches_as_hold_it() {
        let batches = |files, bytes| Heap { files, bytes }.batches();
        assert_eq!(batches(1, 1), 1);
        assert_eq!(batches(1_000, 1), 1);
        assert_eq!(batches(1_001, 1), 2);
        assert_eq!(batches(3, BATCH_BYTES * 2 + 1), 3);
    }
}
