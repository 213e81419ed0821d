//! ListObjectVersions: every version and delete marker, newest first within a key.

use std::ops::ControlFlow;

use s3s::S3Result;
use s3s::dto::{
    CommonPrefix, DeleteMarkerEntry, ETag, ListObjectVersionsInput, ListObjectVersionsOutput, ObjectVersion,
    ObjectVersionStorageClass, Timestamp,
};

use crate::index::Read;
use crate::s3::encoding::Encoder;
use crate::s3::listing::{MAX_PAGE, common_prefix};
use crate::s3::record::{Content, VERSIONS, Version};
use crate::s3::storage::{bucket, find_version};

/// Answers one page.
pub(super) fn list(read: &impl Read, input: ListObjectVersionsInput) -> S3Result<ListObjectVersionsOutput> {
    bucket(read, &input.bucket)?;
    let prefix = input.prefix.clone().unwrap_or_default();
    let max_keys = input
        .max_keys
        .map_or(MAX_PAGE, |max| usize::try_from(max).unwrap_or(0).min(MAX_PAGE));
    let from = start(read, &input, &prefix)?;
    let mut page = Page {
        encoder: Encoder::new(input.encoding_type.as_ref()),
        bucket: &input.bucket,
        prefix: &prefix,
        delimiter: input.delimiter.as_deref(),
        max_keys,
        last_key: input.version_id_marker.as_ref().and(input.key_marker.clone()),
        last: None,
        output: ListObjectVersionsOutput::default(),
        count: 0,
    };
    read.scan(
        &VERSIONS,
        (&input.bucket, &from.0, from.1),
        |(bucket, key, _), version| page.visit(bucket, key, &version),
    )?;
    let mut output = page.output;
    output.name = Some(input.bucket);
    output.prefix = input.prefix;
    output.delimiter = input.delimiter;
    output.key_marker = input.key_marker;
    output.version_id_marker = input.version_id_marker;
    output.max_keys = i32::try_from(max_keys).ok();
    output.encoding_type = input.encoding_type;
    Ok(output)
}

fn start(read: &impl Read, input: &ListObjectVersionsInput, prefix: &str) -> S3Result<(String, u64)> {
    let Some(key) = input
        .key_marker
        .as_ref()
        .filter(|marker| marker.as_str() >= prefix)
    else {
        return Ok((prefix.to_owned(), 0));
    };
    let after_key = (key.clone(), u64::MAX);
    let Some(id) = &input.version_id_marker else {
        return Ok(after_key);
    };
    let found = find_version(read, &input.bucket, key, Some(id))?;
    Ok(found.map_or(after_key, |(age, _)| (key.clone(), age + 1)))
}

struct Page<'a> {
    encoder: Encoder,
    bucket: &'a str,
    prefix: &'a str,
    delimiter: Option<&'a str>,
    max_keys: usize,
    last_key: Option<String>,
    last: Option<(String, String)>,
    output: ListObjectVersionsOutput,
    count: usize,
}

impl Page<'_> {
    fn visit(&mut self, bucket: &str, key: &str, version: &Version) -> ControlFlow<()> {
        if bucket != self.bucket || !key.starts_with(self.prefix) {
            return ControlFlow::Break(());
        }
        let common = common_prefix(key, self.prefix, self.delimiter).map(|text| self.encoder.encode(text));
        if common.is_some() && self.last_common_prefix() == common.as_deref() {
            return ControlFlow::Continue(());
        }
        if self.count >= self.max_keys {
            self.output.is_truncated = Some(true);
            if let Some((key, version)) = self.last.take() {
                self.output.next_key_marker = Some(self.encoder.encode(&key));
                self.output.next_version_id_marker = Some(version);
            }
            return ControlFlow::Break(());
        }
        self.count += 1;
        self.last = Some((key.to_owned(), version.id.clone()));
        match common {
            Some(prefix) => {
                let prefixes = self.output.common_prefixes.get_or_insert_default();
                prefixes.push(CommonPrefix { prefix: Some(prefix) });
            }
            None => self.add(key, version),
        }
        ControlFlow::Continue(())
    }

    fn last_common_prefix(&self) -> Option<&str> {
        self.output.common_prefixes.as_ref()?.last()?.prefix.as_deref()
    }

    fn add(&mut self, key: &str, version: &Version) {
        let is_latest = Some(self.last_key.as_deref() != Some(key));
        self.last_key = Some(key.to_owned());
        let key = Some(self.encoder.encode(key));
        let version_id = Some(version.id.clone());
        let last_modified = Some(Timestamp::from(version.written.system_time()));
        match &version.content {
            Content::Object(object) => {
                self.output.versions.get_or_insert_default().push(ObjectVersion {
                    key,
                    version_id,
                    is_latest,
                    last_modified,
                    e_tag: Some(ETag::Strong(object.etag.clone())),
                    size: i64::try_from(object.size).ok(),
                    storage_class: Some(ObjectVersionStorageClass::from_static(
                        ObjectVersionStorageClass::STANDARD,
                    )),
                    ..ObjectVersion::default()
                });
            }
            Content::DeleteMarker => {
                self.output
                    .delete_markers
                    .get_or_insert_default()
                    .push(DeleteMarkerEntry {
                        key,
                        version_id,
                        is_latest,
                        last_modified,
                        ..DeleteMarkerEntry::default()
                    });
            }
        }
    }
}
