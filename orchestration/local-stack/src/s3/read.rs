//! Giving bytes out: GetObject and HeadObject.

use std::ops::Range;

use s3s::dto::{
    ChecksumMode, ETag, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput, StorageClass,
    StreamingBlob, Timestamp,
};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

use crate::s3::blob::Lease;
use crate::s3::condition::{ReadCondition, Verdict, precondition_failed};
use crate::s3::record::{Attributes, Bucket, Checksums, Object, Version, cut};
use crate::s3::storage::{Storage, object_to_read};

/// What a client wants of an object; the part that GetObject and HeadObject have in common.
struct Wish {
    bucket: String,
    key: String,
    version_id: Option<String>,
    condition: ReadCondition,
    range: Option<s3s::dto::Range>,
    part_number: Option<i32>,
}

/// An object that may be read, and the stretch of it that was asked for.
struct Found {
    bucket: Bucket,
    version: Version,
    object: Object,
    stretch: Range<u64>,
    is_partial: bool,
}

impl Storage {
    /// Answers GetObject. The blobs are leased in the step that finds them, so a delete meanwhile spoils nothing.
    pub(super) fn get(&self, input: GetObjectInput) -> S3Result<GetObjectOutput> {
        let overrides = (
            input.response_cache_control.clone(),
            input.response_content_disposition.clone(),
            input.response_content_encoding.clone(),
            input.response_content_language.clone(),
            input.response_content_type.clone(),
        );
        let wants_checksums = wants_checksums(input.checksum_mode.as_ref());
        let wish = Wish::from(input);
        let (found, lease) = self.blobs.lease(|| {
            let found = self.find(&wish)?;
            let stretch = found.stretch.clone();
            let segments = cut(&found.object.segments, stretch.start, stretch.end - stretch.start);
            Ok::<_, S3Error>((found, segments))
        })?;
        let mut output = found.into_output(lease, wants_checksums);
        let (cache_control, disposition, encoding, language, content_type) = overrides;
        replace(&mut output.cache_control, cache_control);
        replace(&mut output.content_disposition, disposition);
        replace(&mut output.content_encoding, encoding);
        replace(&mut output.content_language, language);
        replace(&mut output.content_type, content_type);
        Ok(output)
    }

    /// Answers HeadObject.
    pub(super) fn head(&self, input: HeadObjectInput) -> S3Result<HeadObjectOutput> {
        let wants_checksums = wants_checksums(input.checksum_mode.as_ref());
        let found = self.find(&Wish::from(input))?;
        let checksums = found.checksums(wants_checksums);
        let Attributes { metadata, .. } = found.object.attributes.clone();
        Ok(HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            cache_control: found.object.attributes.cache_control.clone(),
            checksum_crc32: checksums.crc32,
            checksum_crc32c: checksums.crc32c,
            checksum_crc64nvme: checksums.crc64nvme,
            checksum_sha1: checksums.sha1,
            checksum_sha256: checksums.sha256,
            content_disposition: found.object.attributes.content_disposition.clone(),
            content_encoding: found.object.attributes.content_encoding.clone(),
            content_language: found.object.attributes.content_language.clone(),
            content_length: i64::try_from(found.stretch.end - found.stretch.start).ok(),
            content_range: found.content_range(),
            content_type: found.content_type(),
            e_tag: Some(ETag::Strong(found.object.etag.clone())),
            last_modified: Some(Timestamp::from(found.version.written.system_time())),
            metadata: Some(metadata.into_iter().collect()).filter(|map: &s3s::dto::Metadata| !map.is_empty()),
            parts_count: found.parts_count(),
            storage_class: found.storage_class(),
            version_id: found.version.visible_id(found.bucket.versioning),
            ..HeadObjectOutput::default()
        })
    }

    fn find(&self, wish: &Wish) -> S3Result<Found> {
        let reader = self.index.read()?;
        let (bucket, version, object) =
            object_to_read(&reader, &wish.bucket, &wish.key, wish.version_id.as_deref())?;
        match wish.condition.verdict(&version, &object) {
            Verdict::Proceed => {}
            Verdict::NotModified => return Err(not_modified(&object)),
            Verdict::Failed(header) => return Err(precondition_failed(header)),
        }
        let stretch = stretch(wish, &object)?;
        let is_partial = wish.range.is_some() || wish.part_number.is_some();
        Ok(Found {
            bucket,
            version,
            object,
            stretch,
            is_partial,
        })
    }
}

impl Found {
    fn into_output(self, lease: Lease, wants_checksums: bool) -> GetObjectOutput {
        let checksums = self.checksums(wants_checksums);
        let content_range = self.content_range();
        let content_type = self.content_type();
        let parts_count = self.parts_count();
        let storage_class = self.storage_class();
        let attributes = self.object.attributes;
        GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            body: Some(StreamingBlob::wrap(lease.into_stream())),
            cache_control: attributes.cache_control,
            checksum_crc32: checksums.crc32,
            checksum_crc32c: checksums.crc32c,
            checksum_crc64nvme: checksums.crc64nvme,
            checksum_sha1: checksums.sha1,
            checksum_sha256: checksums.sha256,
            content_disposition: attributes.content_disposition,
            content_encoding: attributes.content_encoding,
            content_language: attributes.content_language,
            content_length: i64::try_from(self.stretch.end - self.stretch.start).ok(),
            content_range,
            content_type,
            e_tag: Some(ETag::Strong(self.object.etag)),
            last_modified: Some(Timestamp::from(self.version.written.system_time())),
            metadata: Some(attributes.metadata.into_iter().collect())
                .filter(|map: &s3s::dto::Metadata| !map.is_empty()),
            parts_count,
            storage_class,
            version_id: self.version.visible_id(self.bucket.versioning),
            ..GetObjectOutput::default()
        }
    }

    /// Checksums describe whole objects: a stretch carries none, or clients would compare it with the wrong one.
    fn checksums(&self, wanted: bool) -> Checksums {
        if wanted && !self.is_partial {
            self.object.checksums.clone()
        } else {
            Checksums::default()
        }
    }

    fn content_range(&self) -> Option<String> {
        let Range { start, end } = self.stretch;
        (self.is_partial && end > start).then(|| format!("bytes {start}-{}/{}", end - 1, self.object.size))
    }

    fn content_type(&self) -> Option<String> {
        let stored = self.object.attributes.content_type.clone();
        Some(stored.unwrap_or_else(|| "binary/octet-stream".to_owned()))
    }

    fn parts_count(&self) -> Option<i32> {
        i32::try_from(self.object.part_sizes.len())
            .ok()
            .filter(|count| *count > 0 && self.is_partial)
    }

    /// S3 names the storage class only where it is not STANDARD.
    fn storage_class(&self) -> Option<StorageClass> {
        let class = self.object.attributes.storage_class.clone()?;
        (class != StorageClass::STANDARD).then(|| StorageClass::from(class))
    }
}

fn stretch(wish: &Wish, object: &Object) -> S3Result<Range<u64>> {
    match (wish.range, wish.part_number) {
        (Some(_), Some(_)) => Err(s3_error!(
            InvalidRequest,
            "Cannot specify both Range header and partNumber query"
        )),
        (Some(range), None) => range
            .check(object.size)
            .map_err(|_| s3_error!(InvalidRange, "The requested range is not satisfiable")),
        (None, Some(number)) => part_stretch(number, object),
        (None, None) => Ok(0..object.size),
    }
}

fn part_stretch(number: i32, object: &Object) -> S3Result<Range<u64>> {
    let refuse = || s3_error!(InvalidPart, "The requested partnumber is not satisfiable");
    let position = usize::try_from(number)
        .ok()
        .and_then(|number| number.checked_sub(1))
        .ok_or_else(refuse)?;
    if object.part_sizes.is_empty() && position == 0 {
        return Ok(0..object.size);
    }
    let size = object.part_sizes.get(position).ok_or_else(refuse)?;
    let start = object.part_sizes.iter().take(position).sum::<u64>();
    Ok(start..start + size)
}

fn not_modified(object: &Object) -> S3Error {
    let mut error = S3Error::new(S3ErrorCode::NotModified);
    let mut headers = http::HeaderMap::new();
    if let Ok(etag) = ETag::Strong(object.etag.clone()).to_http_header() {
        headers.insert(http::header::ETAG, etag);
    }
    error.set_headers(headers);
    error
}

fn wants_checksums(mode: Option<&ChecksumMode>) -> bool {
    mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED)
}

fn replace(value: &mut Option<String>, with: Option<String>) {
    if with.is_some() {
        *value = with;
    }
}

impl From<GetObjectInput> for Wish {
    fn from(input: GetObjectInput) -> Self {
        Self {
            bucket: input.bucket,
            key: input.key,
            version_id: input.version_id,
            condition: ReadCondition {
                if_match: input.if_match,
                if_none_match: input.if_none_match,
                if_modified_since: input.if_modified_since,
                if_unmodified_since: input.if_unmodified_since,
            },
            range: input.range,
            part_number: input.part_number,
        }
    }
}

impl From<HeadObjectInput> for Wish {
    fn from(input: HeadObjectInput) -> Self {
        Self {
            bucket: input.bucket,
            key: input.key,
            version_id: input.version_id,
            condition: ReadCondition {
                if_match: input.if_match,
                if_none_match: input.if_none_match,
                if_modified_since: input.if_modified_since,
                if_unmodified_since: input.if_unmodified_since,
            },
            range: input.range,
            part_number: input.part_number,
        }
    }
}
