//! The answers of the list operations, made from pages of the index.

use std::ops::ControlFlow;

use s3s::dto::{
    CommonPrefix, ETag, ListMultipartUploadsInput, ListMultipartUploadsOutput, ListObjectsInput,
    ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, ListPartsInput, ListPartsOutput,
    MultipartUpload, Object, ObjectStorageClass, Part, StorageClass, Timestamp,
};
use s3s::{S3Result, s3_error};

use crate::index::Read;
use crate::s3::buckets::owner;
use crate::s3::encoding::Encoder;
use crate::s3::listing::{After, MAX_PAGE, Page, Query, page};
use crate::s3::multipart::{parts, upload};
use crate::s3::record::{UPLOADS, Version};
use crate::s3::storage::{Storage, bucket};

impl Storage {
    /// Answers ListObjectsV2.
    pub(super) fn list_v2(&self, input: ListObjectsV2Input) -> S3Result<ListObjectsV2Output> {
        let after = match (&input.continuation_token, &input.start_after) {
            (Some(token), _) => After::from_token(token)?,
            (None, Some(key)) => After::Key(key.clone()),
            (None, None) => After::Start,
        };
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let (page, max_keys) = self.objects(
            &input.bucket,
            prefix,
            input.delimiter.as_deref(),
            after,
            input.max_keys,
        )?;
        let encoder = Encoder::new(input.encoding_type.as_ref());
        let with_owner = input.fetch_owner.unwrap_or_default();
        let encode = |text: Option<String>| text.map(|text| encoder.encode(&text));
        Ok(ListObjectsV2Output {
            key_count: i32::try_from(page.objects.len() + page.prefixes.len()).ok(),
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next.as_ref().map(After::to_token),
            common_prefixes: common_prefixes(&page, &encoder),
            contents: Some(
                page.objects
                    .iter()
                    .map(|(key, version)| entry(key, version, &encoder, with_owner))
                    .collect(),
            ),
            name: Some(input.bucket),
            prefix: encode(Some(input.prefix.unwrap_or_default())),
            max_keys: Some(max_keys),
            continuation_token: input.continuation_token,
            delimiter: encode(input.delimiter),
            encoding_type: input.encoding_type,
            start_after: encode(input.start_after),
            ..ListObjectsV2Output::default()
        })
    }

    /// Answers ListObjects, the older form.
    pub(super) fn list_v1(&self, input: ListObjectsInput) -> S3Result<ListObjectsOutput> {
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let delimiter = input
            .delimiter
            .as_deref()
            .filter(|delimiter| !delimiter.is_empty());
        let after = match (&input.marker, delimiter) {
            (Some(marker), Some(delimiter)) if marker.ends_with(delimiter) && marker.len() > prefix.len() => {
                After::Prefix(marker.clone())
            }
            (Some(marker), _) => After::Key(marker.clone()),
            (None, _) => After::Start,
        };
        let (page, max_keys) = self.objects(&input.bucket, prefix, delimiter, after, input.max_keys)?;
        let encoder = Encoder::new(input.encoding_type.as_ref());
        let encode = |text: Option<String>| text.map(|text| encoder.encode(&text));
        Ok(ListObjectsOutput {
            is_truncated: Some(page.next.is_some()),
            next_marker: page.next.as_ref().map(|next| encoder.encode(next.as_marker())),
            common_prefixes: common_prefixes(&page, &encoder),
            contents: Some(
                page.objects
                    .iter()
                    .map(|(key, version)| entry(key, version, &encoder, true))
                    .collect(),
            ),
            name: Some(input.bucket),
            prefix: encode(Some(input.prefix.unwrap_or_default())),
            marker: encode(Some(input.marker.unwrap_or_default())),
            max_keys: Some(max_keys),
            delimiter: encode(input.delimiter),
            encoding_type: input.encoding_type,
            ..ListObjectsOutput::default()
        })
    }

    fn objects(
        &self,
        bucket_name: &str,
        prefix: &str,
        delimiter: Option<&str>,
        after: After,
        max_keys: Option<i32>,
    ) -> S3Result<(Page, i32)> {
        let reader = self.index.read()?;
        bucket(&reader, bucket_name)?;
        let asked = max_keys.unwrap_or(1000);
        let max_keys = usize::try_from(asked)
            .map_err(|_| {
                s3_error!(
                    InvalidArgument,
                    "Argument maxKeys must be an integer between 0 and 2147483647"
                )
            })?
            .min(MAX_PAGE);
        let page = page(
            &reader,
            &Query {
                bucket: bucket_name,
                prefix,
                delimiter,
                after,
                max_keys,
            },
        )?;
        Ok((page, asked.min(1000)))
    }

    /// Answers ListParts.
    pub(super) fn list_parts_of(&self, input: ListPartsInput) -> S3Result<ListPartsOutput> {
        let reader = self.index.read()?;
        upload(&reader, &input.bucket, &input.key, &input.upload_id)?;
        let marker = u32::try_from(input.part_number_marker.unwrap_or_default()).unwrap_or_default();
        let mut listed = parts(&reader, &input.upload_id, marker + 1)?;
        let max_parts = input
            .max_parts
            .map_or(MAX_PAGE, |max| usize::try_from(max).unwrap_or(0).min(MAX_PAGE));
        let is_truncated = listed.len() > max_parts;
        listed.truncate(max_parts);
        let last = listed.last().and_then(|(number, _)| i32::try_from(*number).ok());
        Ok(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            is_truncated: Some(is_truncated),
            max_parts: i32::try_from(max_parts).ok(),
            part_number_marker: i32::try_from(marker).ok(),
            next_part_number_marker: last.filter(|_| is_truncated),
            owner: Some(owner()),
            storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
            parts: Some(
                listed
                    .into_iter()
                    .map(|(number, part)| part_entry(number, part))
                    .collect(),
            ),
            ..ListPartsOutput::default()
        })
    }

    /// Answers ListMultipartUploads.
    pub(super) fn list_uploads(
        &self,
        input: ListMultipartUploadsInput,
    ) -> S3Result<ListMultipartUploadsOutput> {
        let reader = self.index.read()?;
        bucket(&reader, &input.bucket)?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let encoder = Encoder::new(input.encoding_type.as_ref());
        let max_uploads = input
            .max_uploads
            .map_or(MAX_PAGE, |max| usize::try_from(max).unwrap_or(0).min(MAX_PAGE));
        let marker = (
            input.key_marker.clone().unwrap_or_default(),
            input.upload_id_marker.clone(),
        );
        let mut uploads: Vec<(String, String, MultipartUpload)> = Vec::new();
        let mut is_truncated = false;
        let from = if marker.0 > prefix {
            marker.0.clone()
        } else {
            prefix.clone()
        };
        reader.scan(
            &UPLOADS,
            (&input.bucket, &from, ""),
            |(in_bucket, key, id), record| {
                if in_bucket != input.bucket || !key.starts_with(&prefix) {
                    return ControlFlow::Break(());
                }
                if is_before(&marker, key, id) {
                    return ControlFlow::Continue(());
                }
                if uploads.len() >= max_uploads {
                    is_truncated = true;
                    return ControlFlow::Break(());
                }
                let entry = MultipartUpload {
                    key: Some(encoder.encode(key)),
                    upload_id: Some(id.to_owned()),
                    initiated: Some(Timestamp::from(record.initiated.system_time())),
                    owner: Some(owner()),
                    storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
                    ..MultipartUpload::default()
                };
                uploads.push((key.to_owned(), id.to_owned(), entry));
                ControlFlow::Continue(())
            },
        )?;
        let last = uploads.last().filter(|_| is_truncated);
        Ok(ListMultipartUploadsOutput {
            next_key_marker: last.map(|(key, _, _)| encoder.encode(key)),
            next_upload_id_marker: last.map(|(_, id, _)| id.clone()),
            is_truncated: Some(is_truncated),
            max_uploads: i32::try_from(max_uploads).ok(),
            uploads: Some(uploads.into_iter().map(|(_, _, entry)| entry).collect()),
            bucket: Some(input.bucket),
            prefix: input.prefix,
            key_marker: input.key_marker,
            upload_id_marker: input.upload_id_marker,
            encoding_type: input.encoding_type,
            ..ListMultipartUploadsOutput::default()
        })
    }
}

/// Whether an upload lies at or before the marker. A key marker without an upload id skips the whole key.
fn is_before((key_marker, id_marker): &(String, Option<String>), key: &str, id: &str) -> bool {
    if key_marker.is_empty() || key > key_marker.as_str() {
        return false;
    }
    key < key_marker.as_str() || id_marker.as_deref().is_none_or(|marker| id <= marker)
}

fn entry(key: &str, version: &Version, encoder: &Encoder, with_owner: bool) -> Object {
    let object = version.object();
    let class = object.and_then(|object| object.attributes.storage_class.clone());
    Object {
        key: Some(encoder.encode(key)),
        e_tag: object.map(|object| ETag::Strong(object.etag.clone())),
        size: object.and_then(|object| i64::try_from(object.size).ok()),
        last_modified: Some(Timestamp::from(version.written.system_time())),
        storage_class: Some(class.map_or_else(
            || ObjectStorageClass::from_static(ObjectStorageClass::STANDARD),
            ObjectStorageClass::from,
        )),
        owner: with_owner.then(owner),
        ..Object::default()
    }
}

fn part_entry(number: u32, part: crate::s3::record::Part) -> Part {
    Part {
        part_number: i32::try_from(number).ok(),
        e_tag: Some(ETag::Strong(part.etag)),
        size: i64::try_from(part.size).ok(),
        last_modified: Some(Timestamp::from(part.written.system_time())),
        checksum_crc32: part.checksums.crc32,
        checksum_crc32c: part.checksums.crc32c,
        checksum_crc64nvme: part.checksums.crc64nvme,
        checksum_sha1: part.checksums.sha1,
        checksum_sha256: part.checksums.sha256,
    }
}

fn common_prefixes(page: &Page, encoder: &Encoder) -> Option<Vec<CommonPrefix>> {
    let prefixes = page.prefixes.iter().map(|text| CommonPrefix {
        prefix: Some(encoder.encode(text)),
    });
    Some(prefixes.collect::<Vec<_>>()).filter(|prefixes| !prefixes.is_empty())
}
