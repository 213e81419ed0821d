//! A bucket in memory, as far as S3's own behaviour matters: entity tags, pinned reads, conditional and marked copies.

use std::collections::BTreeMap;
use std::future::pending;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::{StreamExt, TryStreamExt, stream};
use longshore_app::ports::{
    ArchiveCopy, Destination, ListedObject, ObjectBody, ObjectHead, ObjectPage, ObjectStart, ObjectStore,
    ObjectStoreError, PendingObject, RangeBody, Rest, Upload, UploadedObject,
};
use longshore_domain::load::LoadId;
use longshore_domain::object::{Bucket, Object, ObjectKey, WatchedPrefix, s3_url};

use super::calls::Calls;

/// The calls' names.
pub(crate) const HEAD: &str = "head";
pub(crate) const LIST: &str = "list";
pub(crate) const OPEN: &str = "open";
pub(crate) const COPY: &str = "copy";
pub(crate) const READ_RANGE: &str = "read range";
pub(crate) const BEGIN_UPLOAD: &str = "begin upload";
pub(crate) const COPY_RANGE: &str = "copy range";
pub(crate) const FINISH: &str = "finish upload";

/// Objects in a page: few, so that there are several.
const PAGE: usize = 3;
/// When every file was written.
const NOON: i64 = 1_795_262_400;

/// A file in the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) bytes: Bytes,
    pub(crate) modified_at: DateTime<Utc>,
    /// The load of the object that an archive copy was made of.
    mark: Option<String>,
}

impl Stored {
    pub(crate) fn new(bytes: impl Into<Bytes>) -> Self {
        Self {
            bytes: bytes.into(),
            modified_at: DateTime::from_timestamp(NOON, 0).unwrap(),
            mark: None,
        }
    }

    /// The same bytes have the same one.
    pub(crate) fn etag(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.bytes.hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }

    /// Its bytes from one place to another, both within it.
    fn stretch(&self, range: &Range<u64>) -> Bytes {
        self.bytes.slice(range.start as usize..range.end as usize)
    }

    pub(crate) fn size_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }
}

/// The bucket's files by key. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files(Arc<Mutex<BTreeMap<String, Stored>>>);

/// A bucket that takes its time to answer, and counts who waits for it.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    is_slow: AtomicBool,
    copies_stall: AtomicBool,
    opens_stall: AtomicBool,
    heads: AtomicUsize,
    most_heads: AtomicUsize,
    finishing: AtomicUsize,
    most_finishing: AtomicUsize,
}

impl Pace {
    /// From now on a page holds as many objects as there are, and each HEAD takes a moment.
    pub(crate) fn slow_down(&self) {
        self.is_slow.store(true, Ordering::Relaxed);
    }

    /// Whether copies take longer than anyone waits.
    pub(crate) fn stall_copies(&self, stall: bool) {
        self.copies_stall.store(stall, Ordering::Relaxed);
    }

    /// Whether no file can be opened for now.
    pub(crate) fn stall_opens(&self, stall: bool) {
        self.opens_stall.store(stall, Ordering::Relaxed);
    }

    /// How many HEADs waited at the same time at most.
    pub(crate) fn most_heads(&self) -> usize {
        self.most_heads.load(Ordering::Relaxed)
    }

    /// How many objects were finished at the same time at most.
    pub(crate) fn most_finishing(&self) -> usize {
        self.most_finishing.load(Ordering::Relaxed)
    }

    fn page(&self) -> usize {
        match self.is_slow.load(Ordering::Relaxed) {
            true => usize::MAX,
            false => PAGE,
        }
    }

    async fn finish(&self) {
        if !self.is_slow.load(Ordering::Relaxed) {
            return;
        }
        let finishing = self.finishing.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_finishing.fetch_max(finishing, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.finishing.fetch_sub(1, Ordering::Relaxed);
    }

    async fn head(&self) {
        if !self.is_slow.load(Ordering::Relaxed) {
            return;
        }
        let heads = self.heads.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_heads.fetch_max(heads, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.heads.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Files {
    pub(crate) fn put(&self, key: &str, file: Stored) {
        self.0.lock().unwrap().insert(key.to_owned(), file);
    }

    pub(crate) fn get(&self, key: &str) -> Option<Stored> {
        self.0.lock().unwrap().get(key).cloned()
    }

    pub(crate) fn remove(&self, key: &str) {
        self.0.lock().unwrap().remove(key);
    }

    pub(crate) fn all(&self) -> BTreeMap<String, Stored> {
        self.0.lock().unwrap().clone()
    }

    /// The keys in a folder.
    pub(crate) fn keys_in(&self, folder: &str) -> Vec<String> {
        let all = self.all().into_keys();
        all.filter(|key| ObjectKey::new(key).is_in_folder(folder))
            .collect()
    }

    fn pinned(&self, object: &Object) -> Result<Stored, ObjectStoreError> {
        let url = object.url();
        match self.get(object.key.as_str()) {
            None => Err(ObjectStoreError::NotFound { url }),
            Some(file) if object.etag.is_some() && object.etag != Some(file.etag()) => {
                Err(ObjectStoreError::Replaced { url })
            }
            Some(file) => Ok(file),
        }
    }

    fn copy(&self, object: &Object, to: &ObjectKey) -> Result<ArchiveCopy, ObjectStoreError> {
        let mark = Some(LoadId::of(object).to_string());
        if let Some(taken) = self.get(to.as_str()) {
            let is_ours = taken.mark == mark && taken.size_bytes() == object.size_bytes;
            return Ok(if is_ours {
                ArchiveCopy::Copied
            } else {
                ArchiveCopy::Occupied
            });
        }
        let source = self.pinned(object)?;
        self.put(to.as_str(), Stored { mark, ..source });
        Ok(ArchiveCopy::Copied)
    }
}

/// The port on them.
pub(crate) struct MemoryStore {
    pub(crate) calls: Arc<Calls>,
    pub(crate) files: Files,
    pub(crate) pace: Arc<Pace>,
    pub(crate) uploads: Arc<OpenUploads>,
}

impl MemoryStore {
    fn place(&self, key: &ObjectKey) -> Place {
        self.uploads.open.fetch_add(1, Ordering::Relaxed);
        Place {
            calls: self.calls.clone(),
            files: self.files.clone(),
            pace: self.pace.clone(),
            key: key.clone(),
            open: OpenUpload {
                uploads: self.uploads.clone(),
                is_over: false,
            },
        }
    }

    async fn call<T>(
        &self,
        name: &'static str,
        key: &ObjectKey,
        effect: impl FnOnce() -> Result<T, ObjectStoreError> + Send,
    ) -> Result<T, ObjectStoreError> {
        self.calls.through(name, effect, || unreachable(name, key)).await
    }
}

fn head(file: &Stored) -> ObjectHead {
    ObjectHead {
        size_bytes: file.size_bytes(),
        etag: Some(file.etag()),
        version: None,
        modified_at: Some(file.modified_at),
    }
}

fn unreachable(operation: &'static str, key: &ObjectKey) -> ObjectStoreError {
    ObjectStoreError::Unavailable {
        url: s3_url(&Bucket::new("landing"), key),
        operation,
        source: "the bucket was struck".into(),
    }
}

#[async_trait]
impl ObjectStore for MemoryStore {
    async fn head(&self, _: &Bucket, key: &ObjectKey) -> Result<Option<ObjectHead>, ObjectStoreError> {
        let head = || {
            let file = self.files.get(key.as_str());
            Ok(file.as_ref().map(head))
        };
        self.pace.head().await;
        self.call(HEAD, key, head).await
    }

    async fn list(
        &self,
        prefix: &WatchedPrefix,
        after: Option<&ObjectKey>,
    ) -> Result<ObjectPage, ObjectStoreError> {
        let after = after.map(ObjectKey::as_str).unwrap_or_default();
        let list = || {
            let all = self.files.all().into_iter();
            let listed = all.filter(|(key, _)| key.starts_with(&prefix.prefix) && key.as_str() > after);
            let mut objects: Vec<_> = listed
                .map(|(key, file)| ListedObject {
                    key: ObjectKey::new(key),
                    etag: Some(file.etag()),
                    size_bytes: file.bytes.len() as u64,
                    modified_at: file.modified_at,
                })
                .collect();
            let page = self.pace.page();
            let is_last = objects.len() <= page;
            objects.truncate(page);
            Ok(ObjectPage { objects, is_last })
        };
        let key = ObjectKey::new(prefix.prefix.clone());
        self.call(LIST, &key, list).await
    }

    async fn open(&self, object: &Object) -> Result<ObjectBody, ObjectStoreError> {
        while self.pace.opens_stall.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let file = self.call(OPEN, &object.key, || self.files.pinned(object)).await?;
        let halves = [
            file.bytes.slice(..file.bytes.len() / 2),
            file.bytes.slice(file.bytes.len() / 2..),
        ];
        Ok(ObjectBody {
            size_bytes: file.size_bytes(),
            chunks: stream::iter(halves).map(Ok).boxed(),
        })
    }

    async fn read_start(
        &self,
        _: &Bucket,
        key: &ObjectKey,
        bytes: u64,
    ) -> Result<Option<ObjectStart>, ObjectStoreError> {
        let start = || {
            let file = self.files.get(key.as_str());
            Ok(file.map(|file| ObjectStart {
                bytes: file.bytes.slice(..file.bytes.len().min(bytes as usize)),
                head: head(&file),
            }))
        };
        self.call(READ_RANGE, key, start).await
    }

    fn stream_range<'a>(&'a self, object: &'a Object, range: Range<u64>) -> RangeBody<'a> {
        let read = async move {
            let read = || Ok(self.files.pinned(object)?.stretch(&range));
            let stretch = self.call(READ_RANGE, &object.key, read).await?;
            let halves = [
                stretch.slice(..stretch.len() / 2),
                stretch.slice(stretch.len() / 2..),
            ];
            Ok(stream::iter(halves).map(Ok))
        };
        stream::once(read).try_flatten().boxed()
    }

    async fn pending_copy(
        &self,
        object: &Object,
        range: Range<u64>,
        to: Destination<'_>,
    ) -> Result<Box<dyn PendingObject>, ObjectStoreError> {
        let copy = || Ok(self.files.pinned(object)?.stretch(&range));
        let bytes = self.call(COPY_RANGE, &object.key, copy).await?;
        Ok(Box::new(MemoryObject {
            bytes,
            place: self.place(to.key),
        }))
    }

    async fn abandoned_is_gone(&self) {
        self.uploads.dropped.store(0, Ordering::Relaxed);
    }

    async fn put(&self, _: &Bucket, key: &ObjectKey, bytes: Bytes) -> Result<(), ObjectStoreError> {
        let put = || {
            self.files.put(key.as_str(), Stored::new(bytes));
            Ok(())
        };
        self.call("put", key, put).await
    }

    async fn upload(&self, _: &Bucket, key: &ObjectKey) -> Result<Box<dyn Upload>, ObjectStoreError> {
        self.call(BEGIN_UPLOAD, key, || Ok(())).await?;
        Ok(Box::new(MemoryUpload {
            place: self.place(key),
            written: Vec::new(),
        }))
    }

    async fn copy_if_absent(&self, object: &Object, to: &ObjectKey) -> Result<ArchiveCopy, ObjectStoreError> {
        if self.pace.copies_stall.load(Ordering::Relaxed) {
            pending::<()>().await;
        }
        self.call(COPY, &object.key, || self.files.copy(object, to)).await
    }

    async fn delete(&self, object: &Object) -> Result<(), ObjectStoreError> {
        let delete = || {
            if self.files.pinned(object).is_ok() {
                self.files.remove(object.key.as_str());
            }
            Ok(())
        };
        self.call("delete", &object.key, delete).await
    }

    async fn delete_work(&self, _: &Bucket, key: &ObjectKey) -> Result<(), ObjectStoreError> {
        let delete = || {
            self.files.remove(key.as_str());
            Ok(())
        };
        self.call("delete work", key, delete).await
    }
}

/// Where an object is to appear.
struct Place {
    calls: Arc<Calls>,
    files: Files,
    pace: Arc<Pace>,
    key: ObjectKey,
    open: OpenUpload,
}

/// Uploads that are neither finished nor aborted, and those that were dropped so.
#[derive(Debug, Default)]
pub(crate) struct OpenUploads {
    open: AtomicUsize,
    dropped: AtomicUsize,
}

impl OpenUploads {
    /// How many parts of somebody would cost money.
    pub(crate) fn left(&self) -> usize {
        self.open.load(Ordering::Relaxed) + self.dropped.load(Ordering::Relaxed)
    }
}

struct OpenUpload {
    uploads: Arc<OpenUploads>,
    is_over: bool,
}

impl Drop for OpenUpload {
    fn drop(&mut self) {
        self.uploads.open.fetch_sub(1, Ordering::Relaxed);
        if !self.is_over {
            self.uploads.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

struct MemoryUpload {
    place: Place,
    written: Vec<u8>,
}

#[async_trait]
impl Upload for MemoryUpload {
    async fn write(&mut self, bytes: Bytes) -> Result<(), ObjectStoreError> {
        let key = self.place.key.clone();
        let write = || {
            self.written.extend_from_slice(&bytes);
            Ok(())
        };
        let calls = self.place.calls.clone();
        calls.through("write", write, || unreachable("write", &key)).await
    }

    async fn seal(self: Box<Self>, _: Rest) -> Result<Box<dyn PendingObject>, ObjectStoreError> {
        let Self { place, written } = *self;
        Ok(Box::new(MemoryObject {
            bytes: written.into(),
            place,
        }))
    }

    async fn abort(mut self: Box<Self>) {
        self.place.open.is_over = true;
    }
}

struct MemoryObject {
    bytes: Bytes,
    place: Place,
}

#[async_trait]
impl PendingObject for MemoryObject {
    async fn appear(mut self: Box<Self>) -> Result<UploadedObject, ObjectStoreError> {
        self.place.pace.finish().await;
        let file = Stored::new(self.bytes.clone());
        let Place {
            calls, files, key, ..
        } = &self.place;
        let finish = || {
            files.put(key.as_str(), file.clone());
            Ok(UploadedObject {
                size_bytes: file.size_bytes(),
                etag: Some(file.etag()),
            })
        };
        let unsettled = || ObjectStoreError::Unsettled {
            url: s3_url(&Bucket::new("landing"), key),
            source: "the bucket was struck".into(),
        };
        let finished = calls.through(FINISH, finish, unsettled).await;
        self.place.open.is_over = true;
        finished
    }

    async fn abort(mut self: Box<Self>) {
        self.place.open.is_over = true;
    }
}
