//! Where an upload goes, and the calls that take it there.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use longshore_app::ports::ObjectStoreError;
use longshore_domain::object::{Bucket, ObjectKey, s3_url};

use super::error::Call;
use super::unquoted;
use crate::fault::Fault;

/// One object that is written.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) client: Client,
    pub(super) bucket: Bucket,
    pub(super) key: ObjectKey,
    pub(super) existing: Existing,
}

/// What becomes of an object that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    /// It is replaced.
    Replace,
    /// It stays, and the upload fails as [`ObjectStoreError::Replaced`].
    Keep,
}

impl Existing {
    /// The condition that says so.
    fn if_none_match(self) -> Option<String> {
        match self {
            Self::Replace => None,
            Self::Keep => Some("*".to_owned()),
        }
    }
}

/// A multipart upload that is neither completed nor aborted. Dropped as such, it tells S3 to forget the parts, which cost money until a
/// lifecycle rule removes them.
pub(super) struct Unfinished {
    target: Target,
    upload_id: Option<String>,
}

impl Unfinished {
    pub(super) fn new(target: Target, upload_id: &str) -> Self {
        Self {
            target,
            upload_id: Some(upload_id.to_owned()),
        }
    }

    /// It is completed, or its parts are somebody else's to forget.
    pub(super) fn over(mut self) {
        self.upload_id = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let (Some(upload_id), Ok(runtime)) = (self.upload_id.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let target = self.target.clone();
        runtime.spawn(async move { target.forget(&upload_id).await });
    }
}

impl Target {
    pub(super) fn url(&self) -> String {
        s3_url(&self.bucket, &self.key)
    }

    pub(super) async fn put(&self, bytes: Bytes) -> Result<Option<String>, ObjectStoreError> {
        let request = self
            .client
            .put_object()
            .bucket(self.bucket.as_str())
            .key(self.key.as_str());
        let request = request.set_if_none_match(self.existing.if_none_match());
        let answer = request.body(ByteStream::from(bytes)).send().await;
        let answer = answer.map_err(|error| Call::put_object(self.url()).failed(error))?;
        Ok(answer.e_tag().map(unquoted))
    }

    pub(super) async fn create(&self) -> Result<String, ObjectStoreError> {
        let call = Call::multipart(self.url(), "CreateMultipartUpload");
        let request = self.client.create_multipart_upload();
        let request = request.bucket(self.bucket.as_str()).key(self.key.as_str());
        // Named here and on each part: a part's checksum must be of the kind that the upload was created with.
        let answer = request.checksum_algorithm(ChecksumAlgorithm::Crc32).send().await;
        let answer = answer.map_err(|error| call.failed(error))?;
        let upload_id = answer.upload_id().filter(|upload_id| !upload_id.is_empty());
        upload_id
            .map(str::to_owned)
            .ok_or_else(|| call.unavailable("the answer names no upload id"))
    }

    pub(super) async fn upload_part(
        self,
        upload_id: String,
        number: i32,
        part: Bytes,
    ) -> Result<CompletedPart, ObjectStoreError> {
        let request = self.client.upload_part();
        let request = request.bucket(self.bucket.as_str()).key(self.key.as_str());
        let answer = request
            .upload_id(upload_id)
            .part_number(number)
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .body(ByteStream::from(part))
            .send()
            .await
            .map_err(|error| Call::multipart(self.url(), "UploadPart").failed(error))?;
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(answer.e_tag)
            .set_checksum_crc32(answer.checksum_crc32)
            .build())
    }

    /// Completes the upload. S3 compares `size_bytes` with what it has, so a part that went missing cannot pass.
    pub(super) async fn complete(
        &self,
        upload_id: &str,
        parts: Vec<CompletedPart>,
        size_bytes: u64,
    ) -> Result<Option<String>, ObjectStoreError> {
        let request = self.client.complete_multipart_upload();
        let request = request.bucket(self.bucket.as_str()).key(self.key.as_str());
        let answer = request
            .upload_id(upload_id)
            .set_if_none_match(self.existing.if_none_match())
            .set_mpu_object_size(i64::try_from(size_bytes).ok())
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build())
            .send()
            .await
            .map_err(|error| Call::multipart(self.url(), "CompleteMultipartUpload").failed(error))?;
        Ok(answer.e_tag().map(unquoted))
    }

    /// Tells S3 to drop the parts. That it may fail is harmless: the parts are invisible, and the deployment's lifecycle
    /// rule removes what is left.
    pub(super) async fn forget(&self, upload_id: &str) {
        let request = self.client.abort_multipart_upload();
        let request = request.bucket(self.bucket.as_str()).key(self.key.as_str());
        let Err(error) = request.upload_id(upload_id).send().await else {
            return;
        };
        if Fault::of(&error) != Fault::Missing {
            let url = self.url();
            tracing::warn!(object.url = %url, "parts of an upload to {url} were left behind");
        }
    }
}
