//! The object store on S3.

mod abandoned;
mod body;
mod budget;
mod copy;
mod delete;
mod error;
mod list;
mod part_copy;
mod parts;
mod range;
mod target;
mod traffic;
mod upload;
mod waiting;

use std::fmt;
use std::ops::Range;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use longshore_app::ports::{
    ArchiveCopy, COPIES_AT_ONCE, Destination, ObjectBody, ObjectHead, ObjectPage, ObjectStart, ObjectStore,
    ObjectStoreError, PendingObject, RangeBody, Upload,
};
use longshore_domain::object::{Bucket, Object, ObjectKey, WatchedPrefix, s3_url};

use crate::fault::Fault;
use abandoned::Abandoned;
use body::PinnedBody;
use budget::Budget;
use copy::CopyJob;
use error::Call;
use part_copy::RangeCopy;
use parts::IN_FLIGHT_BYTES;
pub use parts::PartsUpload;
use target::{Existing, Target};
pub use traffic::Traffic;
use upload::S3Upload;
use waiting::{MEMORY_BYTES, WaitingRoom};

/// S3 as the use cases see it. All uploads of one store and of its clones share what they may have on their way.
#[derive(Clone)]
pub struct S3ObjectStore {
    client: Client,
    budget: Budget,
    waiting: WaitingRoom,
    copies: Budget,
    abandoned: Abandoned,
}

impl S3ObjectStore {
    /// Takes a client that knows its region, endpoint, timeouts and retries.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            budget: Budget::new(IN_FLIGHT_BYTES),
            waiting: WaitingRoom::new(MEMORY_BYTES),
            copies: Budget::new(COPIES_AT_ONCE as u32),
            abandoned: Abandoned::default(),
        }
    }

    /// The same store with its traffic counted.
    pub fn counted(&self) -> (Self, Traffic) {
        let traffic = Traffic::default();
        let config = self
            .client
            .config()
            .to_builder()
            .interceptor(traffic.clone())
            .build();
        (Self::new(Client::from_conf(config)), traffic)
    }

    /// Begins to write an object that is not there yet; the caller keeps the part that fills.
    pub fn upload_new(&self, bucket: &Bucket, key: &ObjectKey) -> PartsUpload {
        let target = self.target(bucket, key, Existing::Keep);
        PartsUpload::new(target, self.budget.clone())
    }

    fn target(&self, bucket: &Bucket, key: &ObjectKey, existing: Existing) -> Target {
        Target::new(self.client.clone(), bucket.clone(), key.clone(), existing).leaving_to(&self.abandoned)
    }
}

impl fmt::Debug for S3ObjectStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("S3ObjectStore").finish_non_exhaustive()
    }
}

#[async_trait]
impl ObjectStore for S3ObjectStore {
    async fn head(&self, bucket: &Bucket, key: &ObjectKey) -> Result<Option<ObjectHead>, ObjectStoreError> {
        let found = head_current(&self.client, bucket, key).await?;
        Ok(found.as_ref().map(object_head))
    }

    async fn list(
        &self,
        prefix: &WatchedPrefix,
        after: Option<&ObjectKey>,
    ) -> Result<ObjectPage, ObjectStoreError> {
        list::page(&self.client, prefix, after).await
    }

    async fn open(&self, object: &Object) -> Result<ObjectBody, ObjectStoreError> {
        PinnedBody::open(self.client.clone(), object).await
    }

    async fn read_start(
        &self,
        bucket: &Bucket,
        key: &ObjectKey,
        bytes: u64,
    ) -> Result<Option<ObjectStart>, ObjectStoreError> {
        range::read_start(&self.client, bucket, key, bytes).await
    }

    fn stream_range<'a>(&'a self, object: &'a Object, range: Range<u64>) -> RangeBody<'a> {
        range::stream(&self.client, object, range)
    }

    async fn pending_copy(
        &self,
        object: &Object,
        range: Range<u64>,
        to: Destination<'_>,
    ) -> Result<Box<dyn PendingObject>, ObjectStoreError> {
        let target = self.target(to.bucket, to.key, Existing::Replace);
        Ok(Box::new(
            RangeCopy::new(object, range, target, self.copies.clone())
                .run()
                .await?,
        ))
    }

    async fn abandoned_is_gone(&self) {
        self.abandoned.is_empty().await;
    }

    async fn put(&self, bucket: &Bucket, key: &ObjectKey, bytes: Bytes) -> Result<(), ObjectStoreError> {
        let call = Call::put_object(s3_url(bucket, key));
        self.client
            .put_object()
            .bucket(bucket.as_str())
            .key(key.as_str())
            .body(ByteStream::from(bytes))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| call.failed(error))
    }

    async fn upload(&self, bucket: &Bucket, key: &ObjectKey) -> Result<Box<dyn Upload>, ObjectStoreError> {
        let target = self.target(bucket, key, Existing::Replace);
        Ok(Box::new(S3Upload::new(
            target,
            self.budget.clone(),
            &self.waiting,
        )))
    }

    async fn copy_if_absent(&self, object: &Object, to: &ObjectKey) -> Result<ArchiveCopy, ObjectStoreError> {
        CopyJob::new(&self.client, object, to).run().await
    }

    async fn delete(&self, object: &Object) -> Result<(), ObjectStoreError> {
        delete::delete_if_unchanged(&self.client, object).await
    }

    async fn delete_work(&self, bucket: &Bucket, key: &ObjectKey) -> Result<(), ObjectStoreError> {
        delete::delete_whatever_is_there(&self.client, bucket, key).await
    }
}

/// The present version of a key; `None` when there is none.
async fn head_current(
    client: &Client,
    bucket: &Bucket,
    key: &ObjectKey,
) -> Result<Option<HeadObjectOutput>, ObjectStoreError> {
    let call = Call::head_object(s3_url(bucket, key));
    let answer = client
        .head_object()
        .bucket(bucket.as_str())
        .key(key.as_str())
        .send()
        .await;
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if Fault::of(&error) == Fault::Missing => Ok(None),
        Err(error) => Err(call.failed(error)),
    }
}

fn object_head(found: &HeadObjectOutput) -> ObjectHead {
    ObjectHead {
        size_bytes: length(found.content_length()),
        etag: found.e_tag().map(unquoted),
        version: found.version_id().map(str::to_owned),
        modified_at: found.last_modified().and_then(list::moment),
    }
}

/// A `Content-Length`; S3 always sends one, so a missing or negative one counts as nothing.
fn length(content_length: Option<i64>) -> u64 {
    content_length
        .and_then(|length| u64::try_from(length).ok())
        .unwrap_or(0)
}

/// An entity tag as the rest of the product keeps it.
fn unquoted(etag: &str) -> String {
    etag.trim_start_matches("W/").trim_matches('"').to_owned()
}

/// An entity tag as a condition wants it.
fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

#[cfg(test)]
mod tests {
    use longshore_domain::disposition::Disposition;

    use super::*;
    use crate::scripted::{Reply, Script, s3_client};

    fn place() -> (Bucket, ObjectKey) {
        (Bucket::new("landing"), ObjectKey::new("in/a b+ü.txt"))
    }

    #[tokio::test]
    async fn head_tells_length_etag_and_version() {
        let script = Script::new([Reply::ok("")
            .header("content-length", "7")
            .header("etag", "\"abc\"")
            .header("last-modified", "Sat, 21 Nov 2026 12:00:00 GMT")
            .header("x-amz-version-id", "v1")]);
        let (bucket, key) = place();
        let head = S3ObjectStore::new(s3_client(&script)).head(&bucket, &key).await;
        let expected = ObjectHead {
            size_bytes: 7,
            etag: Some("abc".to_owned()),
            version: Some("v1".to_owned()),
            modified_at: chrono::DateTime::from_timestamp(1_795_262_400, 0),
        };
        assert_eq!(head.unwrap(), Some(expected));
    }

    #[tokio::test]
    async fn what_goes_and_comes_is_counted_and_a_head_has_no_body() {
        let script = Script::new([
            Reply::ok("").header("content-length", "7"),
            Reply::ok("").header("etag", "\"abc\""),
            Reply::ok("0123")
                .header("content-length", "4")
                .header("content-range", "bytes 0-3/10")
                .with_status(206),
        ]);
        let (bucket, key) = place();
        let (store, traffic) = S3ObjectStore::new(s3_client(&script)).counted();
        store.head(&bucket, &key).await.unwrap();
        store
            .put(&bucket, &key, Bytes::from_static(b"xyz"))
            .await
            .unwrap();
        store.read_start(&bucket, &key, 4).await.unwrap();
        assert_eq!(
            (traffic.requests(), traffic.bytes_up(), traffic.bytes_down()),
            (3, 3, 4)
        );
    }

    #[tokio::test]
    async fn head_of_nothing_is_none() {
        let script = Script::new([Reply::status(404)]);
        let (bucket, key) = place();
        let head = S3ObjectStore::new(s3_client(&script)).head(&bucket, &key).await;
        assert_eq!(head.unwrap(), None);
    }

    #[tokio::test]
    async fn a_denied_head_names_both_permissions_because_a_missing_key_looks_the_same() {
        let script = Script::new([Reply::status(403)]);
        let (bucket, key) = place();
        let error = S3ObjectStore::new(s3_client(&script))
            .head(&bucket, &key)
            .await
            .unwrap_err();
        assert_eq!(error.disposition(), Disposition::Misconfigured);
        assert!(error.to_string().contains("s3:GetObject"), "{error}");
        assert!(error.to_string().contains("s3:ListBucket"), "{error}");
    }

    #[tokio::test]
    async fn put_gives_up_on_a_throttled_or_broken_service_with_a_retry() {
        for reply in [
            Reply::error(503, "SlowDown"),
            Reply::error(500, "InternalError"),
            Reply::refused_connection(),
        ] {
            let script = Script::always(reply);
            let (bucket, key) = place();
            let error = S3ObjectStore::new(s3_client(&script))
                .put(&bucket, &key, Bytes::from_static(b"x"))
                .await
                .unwrap_err();
            assert!(matches!(error, ObjectStoreError::Unavailable { .. }), "{error:?}");
        }
    }

    #[tokio::test]
    async fn put_that_is_refused_for_good_is_a_bug_of_ours() {
        let script = Script::new([Reply::error(400, "InvalidRequest")]);
        let (bucket, key) = place();
        let error = S3ObjectStore::new(s3_client(&script))
            .put(&bucket, &key, Bytes::from_static(b"x"))
            .await
            .unwrap_err();
        assert_eq!(error.disposition(), Disposition::Bug);
    }
}
