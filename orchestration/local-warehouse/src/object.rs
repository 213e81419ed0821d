//! How COPY reads S3: a port that the owner of the warehouse implements.

use std::io;
use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;

/// Reads objects of an S3 that somebody else keeps.
#[async_trait]
pub trait ObjectReader: Send + Sync {
    /// The object's bytes as they are stored; None when there is no such object (or no such bucket).
    ///
    /// # Errors
    /// When the object is there but cannot be read.
    async fn open(&self, bucket: &str, key: &str) -> io::Result<Option<ObjectBody>>;

    /// All objects whose key begins with `prefix`, in key order; none when there is no such bucket.
    ///
    /// # Errors
    /// When the bucket cannot be listed.
    async fn list(&self, bucket: &str, prefix: &str) -> io::Result<Vec<ObjectSummary>>;
}

/// One object, opened.
pub struct ObjectBody {
    /// Its length in bytes.
    pub size: u64,
    /// What its owner wrote beside it: the part of `x-amz-meta-…` after that, and its value.
    pub metadata: Vec<(String, String)>,
    /// Its bytes in order.
    pub chunks: Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>,
}

impl std::fmt::Debug for ObjectBody {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ObjectBody")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// One object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectSummary {
    /// Its whole key.
    pub key: String,
    /// Its length in bytes.
    pub size: u64,
}
