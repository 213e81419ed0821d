//! A file of five tebibytes is planned and cut in a store that has its size and none of its bytes.

use std::future::pending;
use std::num::NonZeroU32;
use std::ops::Range;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use longshore_app::ports::{
    ArchiveCopy, Destination, ObjectBody, ObjectHead, ObjectPage, ObjectStart, ObjectStore, ObjectStoreError,
    PendingObject, RangeBody, Upload, UploadedObject,
};
use longshore_app::{Counting, FilePreparation, FileWish, PrepareFile, RangeLimits, UnpackLimit, Way};
use longshore_domain::object::{Bucket, Object, ObjectKey, WatchedPrefix};
use longshore_domain::rule::{ColumnRow, Compression, FileRule, RuleRow};

const TEBIBYTE: u64 = 1 << 40;
/// A record with its line end.
const RECORD_BYTES: u64 = 100;

/// Records of one length and a trailer: what lies anywhere can be worked out.
struct Giant {
    records: u64,
    trailer: Vec<u8>,
    /// Whether no record ends between the first and the last tenth.
    endless: bool,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    reads: Vec<Range<u64>>,
    copies: Vec<Range<u64>>,
}

impl Giant {
    fn of(bytes: u64) -> Self {
        let records = bytes / RECORD_BYTES;
        Self {
            records,
            trailer: format!("T|{records}\n").into_bytes(),
            endless: false,
            seen: Mutex::default(),
        }
    }

    fn data_bytes(&self) -> u64 {
        self.records * RECORD_BYTES
    }

    fn size_bytes(&self) -> u64 {
        self.data_bytes() + self.trailer.len() as u64
    }

    fn byte(&self, place: u64) -> u8 {
        if place >= self.data_bytes() {
            return self.trailer[(place - self.data_bytes()) as usize];
        }
        let tenth = self.data_bytes() / 10;
        if self.endless && (tenth..9 * tenth).contains(&place) {
            return b'a';
        }
        match place % RECORD_BYTES {
            50 => b'|',
            last if last == RECORD_BYTES - 1 => b'\n',
            _ => b'a',
        }
    }

    fn read(&self, range: Range<u64>) -> Bytes {
        self.seen.lock().unwrap().reads.push(range.clone());
        range.map(|place| self.byte(place)).collect()
    }

    fn head(&self) -> ObjectHead {
        ObjectHead {
            size_bytes: self.size_bytes(),
            etag: Some("giant".to_owned()),
            version: None,
            modified_at: None,
        }
    }
}

/// A stretch of so many bytes that was copied.
struct Copied(u64);

#[async_trait]
impl PendingObject for Copied {
    async fn appear(self: Box<Self>) -> Result<UploadedObject, ObjectStoreError> {
        Ok(UploadedObject {
            size_bytes: self.0,
            etag: None,
        })
    }

    async fn abort(self: Box<Self>) {}
}

fn not_asked() -> ObjectStoreError {
    ObjectStoreError::NotFound {
        url: "a call that no preparation by ranges makes".to_owned(),
    }
}

#[async_trait]
impl ObjectStore for Giant {
    async fn read_start(
        &self,
        _: &Bucket,
        _: &ObjectKey,
        bytes: u64,
    ) -> Result<Option<ObjectStart>, ObjectStoreError> {
        Ok(Some(ObjectStart {
            head: self.head(),
            bytes: self.read(0..bytes),
        }))
    }

    fn stream_range<'a>(&'a self, _: &'a Object, range: Range<u64>) -> RangeBody<'a> {
        stream::once(async move { Ok(self.read(range)) }).boxed()
    }

    async fn pending_copy(
        &self,
        _: &Object,
        range: Range<u64>,
        _: Destination<'_>,
    ) -> Result<Box<dyn PendingObject>, ObjectStoreError> {
        self.seen.lock().unwrap().copies.push(range.clone());
        Ok(Box::new(Copied(range.end - range.start)))
    }

    async fn abandoned_is_gone(&self) {}

    async fn head(&self, _: &Bucket, _: &ObjectKey) -> Result<Option<ObjectHead>, ObjectStoreError> {
        Err(not_asked())
    }

    async fn list(&self, _: &WatchedPrefix, _: Option<&ObjectKey>) -> Result<ObjectPage, ObjectStoreError> {
        Err(not_asked())
    }

    async fn open(&self, _: &Object) -> Result<ObjectBody, ObjectStoreError> {
        Err(not_asked())
    }

    async fn put(&self, _: &Bucket, _: &ObjectKey, _: Bytes) -> Result<(), ObjectStoreError> {
        Err(not_asked())
    }

    async fn upload(&self, _: &Bucket, _: &ObjectKey) -> Result<Box<dyn Upload>, ObjectStoreError> {
        Err(not_asked())
    }

    async fn copy_if_absent(&self, _: &Object, _: &ObjectKey) -> Result<ArchiveCopy, ObjectStoreError> {
        Err(not_asked())
    }

    async fn delete(&self, _: &Object) -> Result<(), ObjectStoreError> {
        Err(not_asked())
    }

    async fn delete_work(&self, _: &Bucket, _: &ObjectKey) -> Result<(), ObjectStoreError> {
        Err(not_asked())
    }
}

fn rule() -> FileRule {
    FileRule::from_row(&RuleRow {
        ext_file_config_sid: 1,
        file_prefix: "701.".to_owned(),
        file_format: "txt".to_owned(),
        file_type: "txt".to_owned(),
        delimiter: Some("|".to_owned()),
        header_flag: "N".to_owned(),
        trailer_flag: "Y".to_owned(),
        trailer_tag: Some("T|".to_owned()),
        split_file_flag: "N".to_owned(),
        tgt_schema_name: Some("s".to_owned()),
        tgt_table_name: Some("t".to_owned()),
        columns: vec![ColumnRow {
            column_name: "id".to_owned(),
            column_width_fixed: None,
        }],
        ..RuleRow::default()
    })
    .unwrap()
}

async fn prepare(giant: &Giant, parts: u32, counting: Counting, limits: &RangeLimits) -> FilePreparation {
    let wish = FileWish {
        bucket: Bucket::new("landing"),
        key: ObjectKey::new("in/giant_701.txt"),
        rule: rule(),
        parts: NonZeroU32::new(parts).unwrap(),
        counting,
        compression: Compression::None,
        to_bucket: Bucket::new("landing"),
        to_prefix: "processing/by-hand/".to_owned(),
    };
    let prepare = PrepareFile {
        unpacking: UnpackLimit::default(),
        objects: giant,
        limits,
    };
    Box::pin(prepare.run(&wish, pending())).await.unwrap()
}

#[tokio::test]
async fn five_tebibytes_are_cut_by_looking_at_some_kilobytes_of_each_part() {
    const PARTS: u32 = 1000;
    let giant = Giant::of(5 * TEBIBYTE);
    let limits = RangeLimits::default();
    let FilePreparation::Done(prepared) = prepare(&giant, PARTS, Counting::Skip, &limits).await else {
        panic!("it was not prepared");
    };
    assert_eq!(
        (prepared.way, prepared.declared),
        (Way::ByRanges, Some(giant.records))
    );
    assert_eq!(prepared.parts.len(), PARTS as usize);
    let seen = giant.seen.into_inner().unwrap();
    assert_eq!(seen.reads.len(), PARTS as usize + 1);
    let length = |range: &Range<u64>| range.end - range.start;
    assert!(seen.reads.iter().all(|read| length(read) <= 64 * 1024));
    let copies = seen.copies;
    assert_eq!(
        (copies[0].start, copies[copies.len() - 1].end),
        (0, giant.records * RECORD_BYTES)
    );
    assert!(copies.windows(2).all(|pair| pair[0].end == pair[1].start));
    assert!(copies.iter().all(|copy| copy.end.is_multiple_of(RECORD_BYTES)));
    let even = 5 * TEBIBYTE / u64::from(PARTS);
    assert!(
        copies
            .iter()
            .all(|copy| length(copy).abs_diff(even) <= 2 * RECORD_BYTES)
    );
}

#[tokio::test]
async fn a_count_never_holds_more_than_its_chunks_however_long_the_file() {
    let limits = RangeLimits {
        chunk_bytes: 4096,
        window_bytes: 1024,
        least_source_bytes: 0,
        chunks_in_flight: 2,
    };
    for bytes in [100_000, 4_000_000] {
        let giant = Giant::of(bytes);
        let FilePreparation::Done(prepared) = prepare(&giant, 2, Counting::Verify, &limits).await else {
            panic!("it was not prepared");
        };
        assert_eq!(prepared.records, Some(giant.records));
        let reads = giant.seen.into_inner().unwrap().reads;
        assert!(
            reads
                .iter()
                .all(|read| read.end - read.start <= limits.chunk_bytes)
        );
        let down: u64 = reads.iter().map(|read| read.end - read.start).sum();
        assert!(
            down <= giant.records * RECORD_BYTES + 3 * limits.window_bytes,
            "{down} bytes came down"
        );
    }
}

#[tokio::test]
async fn a_place_that_no_record_ends_at_is_searched_as_far_as_a_record_may_reach_and_refused() {
    let giant = Giant {
        endless: true,
        ..Giant::of(40 * 1024 * 1024)
    };
    let limits = RangeLimits::default();
    let FilePreparation::Refused(reason) = prepare(&giant, 2, Counting::Skip, &limits).await else {
        panic!("it was not refused");
    };
    let middle = giant.data_bytes() / 2;
    assert_eq!(
        reason.to_string(),
        format!(
            "byte {middle}: no record ends within the 4194304 bytes that follow, the most that is loaded of one; look for a \
             missing line end"
        )
    );
    let seen = giant.seen.into_inner().unwrap();
    let farthest = seen
        .reads
        .iter()
        .filter(|read| read.start > 1_000_000 && read.end < middle * 3 / 2);
    let searched: u64 = farthest.map(|read| read.end - read.start).sum();
    assert!(
        (4_194_304..4_194_320).contains(&searched),
        "{searched} bytes were searched"
    );
    assert!(seen.copies.is_empty());
}
