//! S3, as far as a loader needs it.

use std::ops::Range;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use longshore_domain::disposition::Disposition;
use longshore_domain::object::{Bucket, Object, ObjectKey, WatchedPrefix};

use super::BoxError;

/// [`preparation::COPIES_AT_ONCE`](longshore_domain::preparation::COPIES_AT_ONCE), as streams of requests count.
pub const COPIES_AT_ONCE: usize = longshore_domain::preparation::COPIES_AT_ONCE as usize;

/// An object store. Reads are pinned to the version or the entity tag of the [`Object`] they are given, so that a file
/// which is replaced halfway is noticed and never mixed.
#[async_trait]
pub trait ObjectStore: Send + Sync {
    /// The present version of a key; `None` when there is none.
    async fn head(&self, bucket: &Bucket, key: &ObjectKey) -> Result<Option<ObjectHead>, ObjectStoreError>;

    /// One page of the objects under a prefix, in the order of their keys, from the first one after `after` on.
    async fn list(
        &self,
        prefix: &WatchedPrefix,
        after: Option<&ObjectKey>,
    ) -> Result<ObjectPage, ObjectStoreError>;

    /// Opens one version of an object from its first byte. The stream goes on with a ranged read when the connection
    /// breaks, and ends with [`ObjectStoreError::Truncated`] rather than early in silence.
    async fn open(&self, object: &Object) -> Result<ObjectBody, ObjectStoreError>;

    /// Reads the first bytes of the present version of a key, as many as there are of so many, and says what the object is:
    /// one request for both. `None` when there is none.
    async fn read_start(
        &self,
        bucket: &Bucket,
        key: &ObjectKey,
        bytes: u64,
    ) -> Result<Option<ObjectStart>, ObjectStoreError>;

    /// Reads a stretch of one version of an object, in blocks of any length as they come: all of it, or an error at last. A
    /// connection that breaks is mended as in [`Self::open`]. Nothing is asked for before the first block is.
    fn stream_range<'a>(&'a self, object: &'a Object, range: Range<u64>) -> RangeBody<'a>;

    /// Reads a stretch of one version of an object into memory.
    async fn read_range(&self, object: &Object, range: Range<u64>) -> Result<Bytes, ObjectStoreError> {
        let length = usize::try_from(range.end - range.start).unwrap_or_default();
        let mut blocks = self.stream_range(object, range);
        let mut received = BytesMut::with_capacity(length);
        while let Some(block) = blocks.next().await {
            received.extend_from_slice(&block?);
        }
        Ok(received.freeze())
    }

    /// Copies a stretch of one version of an object into an object of its own, on the server's side: no byte of it passes through
    /// here. It replaces what is there when it is told to appear; where the copy fails, nothing is left behind.
    async fn pending_copy(
        &self,
        object: &Object,
        range: Range<u64>,
        to: Destination<'_>,
    ) -> Result<Box<dyn PendingObject>, ObjectStoreError>;

    /// The same, and lets it appear.
    async fn copy_range(
        &self,
        object: &Object,
        range: Range<u64>,
        to: Destination<'_>,
    ) -> Result<UploadedObject, ObjectStoreError> {
        self.pending_copy(object, range, to).await?.appear().await
    }

    /// Waits until the uploads and copies that were dropped half done are taken back, which a process that ends would leave behind.
    async fn abandoned_is_gone(&self);

    /// Writes a small object, replacing what is there.
    async fn put(&self, bucket: &Bucket, key: &ObjectKey, bytes: Bytes) -> Result<(), ObjectStoreError>;

    /// Begins to write an object of unknown length, replacing what is there once it is finished.
    async fn upload(&self, bucket: &Bucket, key: &ObjectKey) -> Result<Box<dyn Upload>, ObjectStoreError>;

    /// Copies one version of an object within its bucket, on the server's side, whatever its size; never onto an
    /// existing object. The copy is verified by its length before this returns.
    async fn copy_if_absent(&self, object: &Object, to: &ObjectKey) -> Result<ArchiveCopy, ObjectStoreError>;

    /// Deletes an object if it is still the version given; one that is gone already is no error, one that was replaced
    /// by another stays.
    async fn delete(&self, object: &Object) -> Result<(), ObjectStoreError>;

    /// Deletes whatever is at a key of our own work folder; nothing there is no error.
    async fn delete_work(&self, bucket: &Bucket, key: &ObjectKey) -> Result<(), ObjectStoreError>;
}

/// Writes one object part by part, with bounded memory.
#[async_trait]
pub trait Upload: Send {
    /// Appends bytes. May wait until earlier ones are on their way.
    async fn write(&mut self, bytes: Bytes) -> Result<(), ObjectStoreError>;

    /// Nothing more is written. Where that fails, nothing is left behind.
    async fn seal(self: Box<Self>, rest: Rest) -> Result<Box<dyn PendingObject>, ObjectStoreError>;

    /// Gives up: nothing appears, nothing is left behind.
    async fn abort(self: Box<Self>);
}

/// What becomes of the bytes of a sealed upload that are not on their way yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// They wait in memory until the object is to appear, which saves a short object two requests.
    Waits,
    /// They are sent, so that an object that is to appear much later takes no memory.
    Sent,
}

/// An object that is whole and does not show yet.
#[async_trait]
pub trait PendingObject: Send {
    /// Makes it appear. Where that fails, nothing appears and nothing is left behind, but for [`ObjectStoreError::Unsettled`].
    async fn appear(self: Box<Self>) -> Result<UploadedObject, ObjectStoreError>;

    /// Gives up: nothing appears, nothing is left behind.
    async fn abort(self: Box<Self>);
}

/// What `head` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectHead {
    /// Length in bytes.
    pub size_bytes: u64,
    /// Entity tag without quotes.
    pub etag: Option<String>,
    /// Version id, on a versioned bucket.
    pub version: Option<String>,
    /// When it was written, by S3's clock, to the second.
    pub modified_at: Option<DateTime<Utc>>,
}

/// The first bytes of an object, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectStart {
    /// The object.
    pub head: ObjectHead,
    /// Its first bytes.
    pub bytes: Bytes,
}

/// Where an object is written.
#[derive(Debug, Clone, Copy)]
pub struct Destination<'a> {
    /// The bucket.
    pub bucket: &'a Bucket,
    /// The key.
    pub key: &'a ObjectKey,
}

/// A page of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectPage {
    /// The objects, by key.
    pub objects: Vec<ListedObject>,
    /// Whether there are further ones.
    pub is_last: bool,
}

/// What a listing tells of an object. It names no versions; [`ObjectStore::head`] does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedObject {
    /// The decoded key.
    pub key: ObjectKey,
    /// Entity tag without quotes.
    pub etag: Option<String>,
    /// Length in bytes.
    pub size_bytes: u64,
    /// When it was written, by S3's clock, to the second.
    pub modified_at: DateTime<Utc>,
}

/// An open object.
pub struct ObjectBody {
    /// Length of the whole object in bytes.
    pub size_bytes: u64,
    /// Its bytes, in blocks of any length.
    pub chunks: BoxStream<'static, Result<Bytes, ObjectStoreError>>,
}

/// The bytes of a stretch of an object.
pub type RangeBody<'a> = BoxStream<'a, Result<Bytes, ObjectStoreError>>;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadedObject {
    /// Length in bytes.
    pub size_bytes: u64,
    /// Entity tag without quotes.
    pub etag: Option<String>,
}

/// How a copy came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchiveCopy {
    /// The copy is there and as long as its source.
    Copied,
    /// Something else is at that key already; nothing was written.
    Occupied,
}

/// Why S3 did not do as it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ObjectStoreError {
    /// There is no such object or version.
    #[error("{url} does not exist")]
    NotFound {
        /// The object.
        url: String,
    },
    /// The object is there, in another version than the one asked for.
    #[error("{url} was replaced while it was being read")]
    Replaced {
        /// The object.
        url: String,
    },
    /// The body ended before its announced length, again and again.
    #[error("{url} ended after {received} of {expected} bytes")]
    Truncated {
        /// The object.
        url: String,
        /// Bytes received.
        received: u64,
        /// Bytes announced.
        expected: u64,
    },
    /// We may not.
    #[error("access to {url} was denied; grant {action} on it to the function's role")]
    Denied {
        /// The object.
        url: String,
        /// The permission that is missing, such as `s3:GetObject`.
        action: &'static str,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// The service did not answer, was busy, or broke off.
    #[error("{url} could not be reached ({operation})")]
    Unavailable {
        /// The object.
        url: String,
        /// What was being done.
        operation: &'static str,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// The call that writes an object failed, and so did the look whether it had taken effect.
    #[error("whether {url} was written could not be found out")]
    Unsettled {
        /// The object.
        url: String,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// The service refused in a way that trying again does not mend.
    #[error("the object store refused {operation} on {url}")]
    Refused {
        /// The object.
        url: String,
        /// What was being done.
        operation: &'static str,
        /// The cause.
        #[source]
        source: BoxError,
    },
}

impl ObjectStoreError {
    /// Whether the object that was asked for is there no more: no later try would find it.
    pub(crate) fn is_of_the_gone(&self) -> bool {
        matches!(self, Self::NotFound { .. } | Self::Replaced { .. })
    }

    /// What to do about it.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::NotFound { .. } | Self::Replaced { .. } => Disposition::Reject,
            Self::Truncated { .. } | Self::Unavailable { .. } | Self::Unsettled { .. } => Disposition::Retry,
            Self::Denied { .. } => Disposition::Misconfigured,
            Self::Refused { .. } => Disposition::Bug,
        }
    }
}
