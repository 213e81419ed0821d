//! Where an upload goes, and the calls that take it there.
//!
//! The call that lets the object appear may take effect and its answer be lost. The SDK makes it again then, and is told that there
//! is no such upload, or that the key is taken: by the very object. So each upload marks what it writes with a name of its own, and
//! before it fails, it looks whether it did not succeed.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;
use bytes::Bytes;
use longshore_app::ports::ObjectStoreError;
use longshore_domain::object::{Bucket, ObjectKey, s3_url};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::abandoned::Abandoned;
use super::error::Call;
use super::{head_current, length, unquoted};
use crate::fault::Fault;

/// The metadata entry (`x-amz-meta-…`) that names the upload an object came of.
const MARK: &str = "longshore-upload";

/// One object that is written.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) client: Client,
    pub(super) bucket: Bucket,
    pub(super) key: ObjectKey,
    existing: Existing,
    /// What names this upload among all others of the key.
    mark: Uuid,
    abandoned: Abandoned,
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

    pub(super) fn id(&self) -> &str {
        self.upload_id.as_deref().unwrap_or_default()
    }

    /// Lets the object appear. Where that fails, nothing appears and nothing is left behind.
    pub(super) async fn complete(self, completion: Completion) -> Result<Option<String>, ObjectStoreError> {
        let completed = self.target.complete(self.id(), completion).await;
        self.over();
        completed
    }

    /// Gives it up.
    pub(super) async fn forget(self) {
        self.target.forget(self.id()).await;
        self.over();
    }

    /// It is completed, or its parts are somebody else's to forget.
    pub(super) fn over(mut self) {
        self.upload_id = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(upload_id) = self.upload_id.take() {
            let target = self.target.clone();
            let forgetting = async move { target.forget(&upload_id).await };
            self.target.abandoned.take_back(forgetting);
        }
    }
}

/// What an upload is completed with.
pub(super) struct Completion {
    pub(super) parts: Vec<CompletedPart>,
    /// S3 compares it with what it has, so a part that went missing cannot pass.
    pub(super) size_bytes: u64,
    /// How long the answer is waited for, where that is not as ever.
    pub(super) config: Builder,
}

impl Target {
    pub(super) fn new(client: Client, bucket: Bucket, key: ObjectKey, existing: Existing) -> Self {
        Self {
            client,
            bucket,
            key,
            existing,
            mark: Uuid::new_v4(),
            abandoned: Abandoned::default(),
        }
    }

    /// Has what is dropped half done be waited for there.
    pub(super) fn leaving_to(mut self, abandoned: &Abandoned) -> Self {
        self.abandoned = abandoned.clone();
        self
    }

    pub(super) fn url(&self) -> String {
        s3_url(&self.bucket, &self.key)
    }

    /// Writes the object in one call.
    pub(super) async fn put(&self, bytes: Bytes) -> Result<Option<String>, ObjectStoreError> {
        let size_bytes = bytes.len() as u64;
        let request = self
            .client
            .put_object()
            .bucket(self.bucket.as_str())
            .key(self.key.as_str())
            .metadata(MARK, self.mark.to_string());
        let request = request.set_if_none_match(self.existing.if_none_match());
        match request.body(ByteStream::from(bytes)).send().await {
            Ok(answer) => Ok(answer.e_tag().map(unquoted)),
            Err(error) => {
                let failed = Call::put_object(self.url()).failed(error);
                self.unless_it_is_there(failed, size_bytes).await
            }
        }
    }

    /// Begins a multipart upload. A part's checksum must be of the kind that is named here, so parts that are sent name it too. The
    /// call is not given up with whoever waits for it: nobody would know of an upload whose id came too late.
    pub(super) async fn begin(
        &self,
        checksum: Option<ChecksumAlgorithm>,
    ) -> Result<Unfinished, ObjectStoreError> {
        let (begun, answer) = oneshot::channel();
        let target = self.clone();
        self.abandoned.take_back(async move {
            let created = target.create(checksum).await;
            // Where nobody waits any more, it is dropped here.
            drop(begun.send(created.map(|upload_id| Unfinished::new(target, &upload_id))));
        });
        let died = |error| Call::multipart(self.url(), "CreateMultipartUpload").unavailable(error);
        answer.await.map_err(died)?
    }

    async fn create(&self, checksum: Option<ChecksumAlgorithm>) -> Result<String, ObjectStoreError> {
        let call = Call::multipart(self.url(), "CreateMultipartUpload");
        let request = self.client.create_multipart_upload();
        let request = request.bucket(self.bucket.as_str()).key(self.key.as_str());
        let request = request.metadata(MARK, self.mark.to_string());
        let answer = request.set_checksum_algorithm(checksum).send().await;
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

    async fn complete(
        &self,
        upload_id: &str,
        completion: Completion,
    ) -> Result<Option<String>, ObjectStoreError> {
        let Completion {
            parts,
            size_bytes,
            config,
        } = completion;
        let request = self.client.complete_multipart_upload();
        let request = request.bucket(self.bucket.as_str()).key(self.key.as_str());
        let answer = request
            .upload_id(upload_id)
            .set_if_none_match(self.existing.if_none_match())
            .set_mpu_object_size(i64::try_from(size_bytes).ok())
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build())
            .customize()
            .config_override(config)
            .send()
            .await;
        match answer {
            Ok(answer) => Ok(answer.e_tag().map(unquoted)),
            Err(error) => {
                let failed = Call::multipart(self.url(), "CompleteMultipartUpload").failed(error);
                // First, so that nothing can come of it after the look.
                self.forget(upload_id).await;
                self.unless_it_is_there(failed, size_bytes).await
            }
        }
    }

    /// Of a call that failed: its object may have appeared all the same, by a try whose answer was lost.
    async fn unless_it_is_there(
        &self,
        failed: ObjectStoreError,
        size_bytes: u64,
    ) -> Result<Option<String>, ObjectStoreError> {
        let is_refused = matches!(
            failed,
            ObjectStoreError::Denied { .. } | ObjectStoreError::Refused { .. }
        );
        match head_current(&self.client, &self.bucket, &self.key).await {
            Ok(Some(found)) => {
                let mark = found.metadata().and_then(|metadata| metadata.get(MARK));
                let is_ours = mark.is_some_and(|mark| *mark == self.mark.to_string());
                match is_ours && length(found.content_length()) == size_bytes {
                    true => Ok(found.e_tag().map(unquoted)),
                    false => Err(failed),
                }
            }
            Ok(None) => Err(failed),
            // Whoever may not write may not look either.
            Err(_) if is_refused => Err(failed),
            Err(unseen) => Err(ObjectStoreError::Unsettled {
                url: self.url(),
                source: unseen.into(),
            }),
        }
    }

    /// Tells S3 to drop the parts. That it may fail is harmless: the parts are invisible, and the deployment's lifecycle
    /// rule removes what is left.
    pub(super) async fn forget(&self, upload_id: &str) {
        let request = self.client.abort_multipart_upload();
        let request = request.bucket(self.bucket.as_str()).key(self.key.as_str());
        let Err(error) = request.upload_id(upload_id).send().await else {
            return;
        };
        // Aborted before, or completed by a call whose answer was lost.
        let is_gone = error.code() == Some("NoSuchUpload") || Fault::of(&error) == Fault::Missing;
        if !is_gone {
            let url = self.url();
            tracing::warn!(object.url = %url, "parts of an upload to {url} were left behind");
        }
    }
}
