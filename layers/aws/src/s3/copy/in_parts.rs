//! The copy of an object that is too long for one call.

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use futures_util::stream::{StreamExt, TryStreamExt, iter};
use longshore_app::ports::COPIES_AT_ONCE;

use super::super::length;
use super::super::target::{Existing, Target, Unfinished};
use super::{CopyJob, Fruitless, MAX_PARTS, PART_BYTES, copy_source, patient};

impl CopyJob<'_> {
    pub(super) async fn copy_in_parts(&self, source: &HeadObjectOutput) -> Result<(), Fruitless> {
        let upload_id = self.create(source).await?;
        let unfinished = Unfinished::new(self.target(), &upload_id);
        let done = match self.copy_parts(&upload_id, source).await {
            Ok(parts) => self.complete(&upload_id, parts, source).await,
            Err(error) => Err(error),
        };
        if done.is_err() {
            self.target().forget(&upload_id).await;
        }
        unfinished.over();
        done
    }

    fn target(&self) -> Target {
        Target::new(
            self.client.clone(),
            self.object.bucket.clone(),
            self.to.clone(),
            Existing::Keep,
        )
    }

    async fn create(&self, source: &HeadObjectOutput) -> Result<String, Fruitless> {
        let request = self.client.create_multipart_upload();
        let request = request.bucket(self.object.bucket.as_str()).key(self.to.as_str());
        let metadata = self.marked_metadata(source).or_else(|| source.metadata.clone());
        let answer = request
            .set_metadata(metadata)
            .set_content_type(source.content_type.clone())
            .set_content_encoding(source.content_encoding.clone())
            .set_content_disposition(source.content_disposition.clone())
            .set_content_language(source.content_language.clone())
            .set_cache_control(source.cache_control.clone())
            .send()
            .await
            .map_err(|error| Fruitless::of(&self.call, error))?;
        let upload_id = answer.upload_id().filter(|upload_id| !upload_id.is_empty());
        let missing = || Fruitless::Error(self.call.unavailable("the answer names no upload id"));
        upload_id.map(str::to_owned).ok_or_else(missing)
    }

    async fn copy_parts(
        &self,
        upload_id: &str,
        source: &HeadObjectOutput,
    ) -> Result<Vec<CompletedPart>, Fruitless> {
        let etag = source.e_tag.as_deref();
        iter(ranges(length(source.content_length())))
            .map(|part| self.copy_part(upload_id, part, etag))
            .buffered(COPIES_AT_ONCE)
            .try_collect()
            .await
    }

    async fn copy_part(
        &self,
        upload_id: &str,
        part: PartRange,
        etag: Option<&str>,
    ) -> Result<CompletedPart, Fruitless> {
        let request = self.client.upload_part_copy();
        let request = request.bucket(self.object.bucket.as_str()).key(self.to.as_str());
        let answer = request
            .upload_id(upload_id)
            .part_number(part.number)
            .copy_source(copy_source(self.object))
            .copy_source_range(format!("bytes={}-{}", part.first, part.last))
            .set_copy_source_if_match(etag.map(str::to_owned))
            .customize()
            .config_override(patient())
            .send()
            .await
            .map_err(|error| Fruitless::of(&self.call, error))?;
        let Some(copied) = answer.copy_part_result else {
            return Err(Fruitless::Error(
                self.call.unavailable("the answer tells nothing of the part"),
            ));
        };
        Ok(CompletedPart::builder()
            .part_number(part.number)
            .set_e_tag(copied.e_tag)
            .set_checksum_crc32(copied.checksum_crc32)
            .set_checksum_crc64_nvme(copied.checksum_crc64_nvme)
            .build())
    }

    async fn complete(
        &self,
        upload_id: &str,
        parts: Vec<CompletedPart>,
        source: &HeadObjectOutput,
    ) -> Result<(), Fruitless> {
        let request = self.client.complete_multipart_upload();
        let request = request.bucket(self.object.bucket.as_str()).key(self.to.as_str());
        let answer = request
            .upload_id(upload_id)
            .if_none_match("*")
            .set_mpu_object_size(source.content_length)
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build())
            .customize()
            .config_override(patient())
            .send()
            .await;
        answer
            .map(|_| ())
            .map_err(|error| Fruitless::of(&self.call, error))
    }
}

/// One part of a long copy: its number, counted from 1, and its first and last byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PartRange {
    pub(super) number: i32,
    pub(super) first: u64,
    pub(super) last: u64,
}

pub(super) fn ranges(size_bytes: u64) -> Vec<PartRange> {
    let part_bytes = PART_BYTES.max(size_bytes.div_ceil(MAX_PARTS));
    let starts = (0..size_bytes.div_ceil(part_bytes)).map(|index| index * part_bytes);
    (1..)
        .zip(starts)
        .map(|(number, first)| PartRange {
            number,
            first,
            last: (first + part_bytes).min(size_bytes) - 1,
        })
        .collect()
}
