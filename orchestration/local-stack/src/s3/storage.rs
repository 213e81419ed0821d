//! Objects in the index: finding versions, committing new ones with their announcements, deleting.

use std::ops::ControlFlow;
use std::sync::Arc;

use s3s::{S3Error, S3Result, s3_error};

use crate::faults::Deliveries;
use crate::index::{Index, IndexError, Read, Writer};
use crate::s3::blob::{BlobId, Blobs};
use crate::s3::condition::{WriteCondition, names, precondition_failed};
use crate::s3::notification::{Announcer, Created, EventName};
use crate::s3::record::{
    BLOB_USES, BUCKETS, Bucket, Content, NULL_VERSION, Object, Segment, VERSIONS, Version, Versioning,
};
use crate::time::Moment;

/// A key longer than this is refused, as S3 does: it is the number of UTF-8 bytes, not of characters.
const MAX_KEY_BYTES: usize = 1024;

/// The state of the S3 service. Clones share it.
#[derive(Clone)]
pub(crate) struct Storage {
    pub(super) index: Arc<Index>,
    pub(super) blobs: Arc<Blobs>,
    pub(super) announcer: Arc<Announcer>,
    pub(super) deliveries: Arc<Deliveries>,
    pub(super) region: String,
}

/// An object about to be committed.
pub(super) struct NewObject {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) condition: WriteCondition,
    pub(super) object: Object,
    pub(super) event: EventName,
}

/// What a commit made.
pub(super) struct Committed {
    pub(super) version_id: Option<String>,
    pub(super) written: Moment,
}

/// What a delete did.
#[derive(Default)]
pub(super) struct Deleted {
    pub(super) version_id: Option<String>,
    pub(super) delete_marker: Option<bool>,
}

impl Storage {
    /// Stores a new version inside a transaction: condition, version, blob uses and the announcement go together.
    pub(super) fn commit(&self, writer: &Writer, new: NewObject) -> S3Result<Committed> {
        let bucket = bucket(writer, &new.bucket)?;
        let current = current_version(writer, &new.bucket, &new.key)?;
        new.condition
            .check(current.as_ref().map(|(_, version)| version))?;
        let sequence = writer.next_sequence()?;
        let version = Version {
            id: self.make_room(writer, bucket.versioning, &new.bucket, &new.key)?,
            written: Moment::now(),
            content: Content::Object(Box::new(new.object)),
        };
        let key = (new.bucket.as_str(), new.key.as_str(), u64::MAX - sequence);
        writer.put(&VERSIONS, key, &version)?;
        let version_id = version.visible_id(bucket.versioning);
        if let Content::Object(object) = &version.content {
            hold(writer, &object.segments)?;
            let created = Created {
                event: new.event,
                bucket: &new.bucket,
                key: &new.key,
                object,
                version_id: version_id.as_deref(),
                sequence,
                written: version.written,
            };
            self.announcer.announce(&self.deliveries, writer, &created)?;
        }
        Ok(Committed {
            version_id,
            written: version.written,
        })
    }

    /// Chooses the id of the version to come; without versioning that displaces the one version there may be.
    fn make_room(
        &self,
        writer: &Writer,
        versioning: Versioning,
        bucket: &str,
        key: &str,
    ) -> S3Result<String> {
        if versioning == Versioning::Enabled {
            return Ok(uuid::Uuid::new_v4().simple().to_string());
        }
        if let Some((age, version)) = find_version(writer, bucket, key, Some(NULL_VERSION))? {
            self.forget(writer, bucket, key, age, &version)?;
        }
        Ok(NULL_VERSION.to_owned())
    }

    /// Removes a version and, once that is committed, the blobs that nothing else uses.
    fn forget(&self, writer: &Writer, bucket: &str, key: &str, age: u64, version: &Version) -> S3Result<()> {
        writer.remove(&VERSIONS, (bucket, key, age))?;
        if let Some(object) = version.object() {
            self.release(writer, &object.segments)?;
        }
        Ok(())
    }

    /// Gives up the use of segments and arranges for blobs without a use to be removed after the commit.
    pub(super) fn release(&self, writer: &Writer, segments: &[Segment]) -> Result<(), IndexError> {
        let freed = release_uses(writer, segments)?;
        if !freed.is_empty() {
            let blobs = Arc::clone(&self.blobs);
            writer.after_commit(move || blobs.remove(&freed));
        }
        Ok(())
    }

    /// Deletes a version, or hides the object behind a marker where versions are kept. What is not there is no error.
    pub(super) fn delete(
        &self,
        writer: &Writer,
        bucket_name: &str,
        key: &str,
        version_id: Option<&str>,
        if_match: Option<&s3s::dto::ETagCondition>,
    ) -> S3Result<Deleted> {
        let bucket = bucket(writer, bucket_name)?;
        let found = find_version(writer, bucket_name, key, version_id)?;
        let object = found.as_ref().and_then(|(_, version)| version.object());
        if let (Some(condition), Some(object)) = (if_match, object)
            && !names(condition, object)
        {
            return Err(precondition_failed("If-Match"));
        }
        if version_id.is_none() && bucket.versioning != Versioning::Off {
            return self.mark_deleted(writer, bucket.versioning, bucket_name, key);
        }
        let Some((age, version)) = found else {
            return Ok(Deleted::default());
        };
        self.forget(writer, bucket_name, key, age, &version)?;
        let delete_marker = version.object().is_none().then_some(true);
        Ok(Deleted {
            version_id: version_id.map(str::to_owned),
            delete_marker,
        })
    }

    fn mark_deleted(
        &self,
        writer: &Writer,
        versioning: Versioning,
        bucket: &str,
        key: &str,
    ) -> S3Result<Deleted> {
        let sequence = writer.next_sequence()?;
        let id = self.make_room(writer, versioning, bucket, key)?;
        let marker = Version {
            id: id.clone(),
            written: Moment::now(),
            content: Content::DeleteMarker,
        };
        writer.put(&VERSIONS, (bucket, key, u64::MAX - sequence), &marker)?;
        Ok(Deleted {
            version_id: Some(id),
            delete_marker: Some(true),
        })
    }
}

/// The bucket's record, or NoSuchBucket.
pub(super) fn bucket(read: &impl Read, name: &str) -> S3Result<Bucket> {
    read.get(&BUCKETS, name)?
        .ok_or_else(|| s3_error!(NoSuchBucket, "The specified bucket does not exist"))
}

/// The newest version of a key, delete markers included.
pub(super) fn current_version(
    read: &impl Read,
    bucket: &str,
    key: &str,
) -> Result<Option<(u64, Version)>, IndexError> {
    find_version(read, bucket, key, None)
}

/// The version of an id, or the newest when none is given, with the number that the index orders it by.
pub(super) fn find_version(
    read: &impl Read,
    bucket: &str,
    key: &str,
    id: Option<&str>,
) -> Result<Option<(u64, Version)>, IndexError> {
    let mut found = None;
    read.scan(
        &VERSIONS,
        (bucket, key, 0),
        |(in_bucket, of_key, age), version| {
            if in_bucket != bucket || of_key != key {
                return ControlFlow::Break(());
            }
            if id.is_none_or(|id| id == version.id) {
                found = Some((age, version));
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        },
    )?;
    Ok(found)
}

/// An object that a client asked for by key and perhaps version, or the error that S3 answers with.
pub(super) fn object_to_read(
    read: &impl Read,
    bucket_name: &str,
    key: &str,
    version_id: Option<&str>,
) -> S3Result<(Bucket, Version, Object)> {
    let bucket = bucket(read, bucket_name)?;
    let Some((_, version)) = find_version(read, bucket_name, key, version_id)? else {
        return Err(match version_id {
            Some(_) => s3_error!(NoSuchVersion, "The specified version does not exist."),
            None => s3_error!(NoSuchKey, "The specified key does not exist."),
        });
    };
    match (version.object().cloned(), version_id) {
        (Some(object), _) => Ok((bucket, version, object)),
        (None, Some(_)) => Err(s3_error!(
            MethodNotAllowed,
            "The specified version is a delete marker."
        )),
        (None, None) => Err(hidden_by_marker(&version.id)),
    }
}

fn hidden_by_marker(version_id: &str) -> S3Error {
    let mut error = s3_error!(NoSuchKey, "The specified key does not exist.");
    let mut headers = http::HeaderMap::new();
    headers.insert("x-amz-delete-marker", http::HeaderValue::from_static("true"));
    if let Ok(value) = http::HeaderValue::from_str(version_id) {
        headers.insert("x-amz-version-id", value);
    }
    error.set_headers(headers);
    error
}

/// Counts one use for each segment.
pub(super) fn hold(writer: &Writer, segments: &[Segment]) -> Result<(), IndexError> {
    for Segment { blob, .. } in segments {
        let uses = writer.get(&BLOB_USES, blob.as_str())?.unwrap_or(0);
        writer.put(&BLOB_USES, blob.as_str(), &(uses + 1))?;
    }
    Ok(())
}

fn release_uses(writer: &Writer, segments: &[Segment]) -> Result<Vec<BlobId>, IndexError> {
    let mut freed = Vec::new();
    for Segment { blob, .. } in segments {
        let uses = writer.get(&BLOB_USES, blob.as_str())?.unwrap_or(0);
        if uses > 1 {
            writer.put(&BLOB_USES, blob.as_str(), &(uses - 1))?;
        } else {
            writer.remove(&BLOB_USES, blob.as_str())?;
            freed.push(blob.clone());
        }
    }
    Ok(freed)
}

/// Refuses keys that S3 refuses.
pub(super) fn check_key(key: &str) -> S3Result<()> {
    if key.len() > MAX_KEY_BYTES {
        return Err(s3_error!(
            KeyTooLongError,
            "Your key is too long: {} bytes, at most {MAX_KEY_BYTES}",
            key.len()
        ));
    }
    Ok(())
}

impl From<IndexError> for S3Error {
    fn from(source: IndexError) -> Self {
        tracing::error!(
            error = &source as &dyn std::error::Error,
            "could not serve a request"
        );
        S3Error::internal_error(source)
    }
}
