//! CopyObject: a new object over the same segments, so that no byte is copied.

use md5::{Digest, Md5};
use s3s::dto::{
    CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource, ETag, MetadataDirective, Timestamp,
};
use s3s::{S3Request, S3Result, s3_error};

use crate::index::Read;
use crate::s3::condition::{ReadCondition, WriteCondition};
use crate::s3::notification::EventName;
use crate::s3::record::{Attributes, Object, Segment};
use crate::s3::storage::{Committed, NewObject, Storage, check_key, object_to_read};
use crate::s3::write::without_aws_chunked;

/// The most that one CopyObject may copy; more goes by UploadPartCopy.
const MAX_COPY_BYTES: u64 = 5 * 1024 * 1024 * 1024;

/// The object that a copy reads.
pub(super) struct Source {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) version_id: Option<String>,
    pub(super) condition: ReadCondition,
}

impl Source {
    /// Reads the copy source header; only the bucket form makes sense here.
    pub(super) fn new(source: &CopySource, condition: ReadCondition) -> S3Result<Self> {
        let CopySource::Bucket {
            bucket,
            key,
            version_id,
        } = source
        else {
            return Err(s3_error!(
                NotImplemented,
                "A copy source is bucket/key: there are no access points here."
            ));
        };
        Ok(Self {
            bucket: bucket.to_string(),
            key: key.to_string(),
            version_id: version_id.as_ref().map(ToString::to_string),
            condition,
        })
    }

    /// Finds the source inside the transaction that copies it, and checks the copy-source conditions.
    pub(super) fn find(&self, read: &impl Read) -> S3Result<(Object, Option<String>)> {
        let (bucket, version, object) =
            object_to_read(read, &self.bucket, &self.key, self.version_id.as_deref())?;
        self.condition.check_source(&version, &object)?;
        Ok((object, version.visible_id(bucket.versioning)))
    }
}

struct Copied {
    etag: String,
    source_version: Option<String>,
    committed: Committed,
}

impl Storage {
    /// Answers CopyObject.
    pub(super) async fn copy(&self, request: S3Request<CopyObjectInput>) -> S3Result<CopyObjectOutput> {
        let condition = WriteCondition::from_headers(&request.headers)?;
        let input = request.input;
        check_key(&input.key)?;
        let source = Source::new(
            &input.copy_source,
            ReadCondition {
                if_match: input.copy_source_if_match.clone(),
                if_none_match: input.copy_source_if_none_match.clone(),
                if_modified_since: input.copy_source_if_modified_since.clone(),
                if_unmodified_since: input.copy_source_if_unmodified_since.clone(),
            },
        )?;
        let storage = self.clone();
        let copied = self
            .index
            .write(move |writer| storage.copy_in(writer, &source, condition, input))
            .await?;
        Ok(CopyObjectOutput {
            copy_object_result: Some(CopyObjectResult {
                e_tag: Some(ETag::Strong(copied.etag)),
                last_modified: Some(Timestamp::from(copied.committed.written.system_time())),
                ..CopyObjectResult::default()
            }),
            copy_source_version_id: copied.source_version,
            version_id: copied.committed.version_id,
            ..CopyObjectOutput::default()
        })
    }

    fn copy_in(
        &self,
        writer: &crate::index::Writer,
        source: &Source,
        condition: WriteCondition,
        input: CopyObjectInput,
    ) -> S3Result<Copied> {
        let (object, source_version) = source.find(writer)?;
        if object.size > MAX_COPY_BYTES {
            return Err(s3_error!(
                InvalidRequest,
                "The specified copy source is larger than the maximum allowable size for a copy source: {MAX_COPY_BYTES}"
            ));
        }
        let replaces = replaces_metadata(&input);
        let onto_itself =
            source.bucket == input.bucket && source.key == input.key && source.version_id.is_none();
        if onto_itself && !replaces && input.storage_class.is_none() && source_version.is_none() {
            return Err(s3_error!(
                InvalidRequest,
                "This copy request is illegal because it is trying to copy an object to itself without changing \
                 the object's metadata, storage class, website redirect location or encryption attributes."
            ));
        }
        let etag = etag_of_copy(&object);
        let (bucket, key) = (input.bucket.clone(), input.key.clone());
        let attributes = attributes_of_copy(input, replaces, &object);
        let object = Object {
            etag: etag.clone(),
            part_sizes: Vec::new(),
            attributes,
            ..object
        };
        let new = NewObject {
            bucket,
            key,
            condition,
            object,
            event: EventName::Copy,
        };
        Ok(Copied {
            etag,
            source_version,
            committed: self.commit(writer, new)?,
        })
    }
}

fn replaces_metadata(input: &CopyObjectInput) -> bool {
    input
        .metadata_directive
        .as_ref()
        .is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE)
}

fn attributes_of_copy(input: CopyObjectInput, replaces: bool, source: &Object) -> Attributes {
    let storage_class = input.storage_class.map(|class| class.as_str().to_owned());
    if !replaces {
        return Attributes {
            storage_class,
            ..source.attributes.clone()
        };
    }
    Attributes {
        cache_control: input.cache_control,
        content_disposition: input.content_disposition,
        content_encoding: input.content_encoding.and_then(without_aws_chunked),
        content_language: input.content_language,
        content_type: input.content_type,
        storage_class,
        metadata: input.metadata.unwrap_or_default().into_iter().collect(),
    }
}

/// A copy is an object in one piece: it keeps the MD5 of such an object, and loses the tag of a multipart upload,
/// as on S3. The tag that replaces it names the segments, because hashing them would read every byte.
fn etag_of_copy(object: &Object) -> String {
    if object.etag.contains('-') {
        etag_of_segments(&object.segments)
    } else {
        object.etag.clone()
    }
}

/// An entity tag for bytes that were not read: it differs whenever the stretches of blobs differ.
pub(super) fn etag_of_segments(segments: &[Segment]) -> String {
    let mut hash = Md5::new();
    for Segment { blob, offset, length } in segments {
        hash.update(format!("{}:{offset}:{length};", blob.as_str()));
    }
    hex::encode(hash.finalize())
}
