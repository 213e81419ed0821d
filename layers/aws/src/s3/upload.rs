//! Writing an object of unknown length with bounded memory.
//!
//! One part fills while at most two are on their way, so an upload holds at most three parts: 24 MiB up to an object of
//! 31 GiB, and more only beyond that, where larger parts keep it within S3's 10,000. A part stays in memory until it has
//! arrived, which is what makes the SDK's retries of it possible.

use std::io;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use longshore_app::ports::{ObjectStoreError, Upload, UploadedObject};
use longshore_domain::object::{Bucket, ObjectKey, s3_url};
use tokio::task::JoinSet;

use super::error::Call;
use super::unquoted;
use crate::fault::Fault;

/// The size of a part while the object is short. S3 takes no part but the last under 5 MiB.
const PART_BYTES: usize = 8 * 1024 * 1024;
/// Parts of [`PART_BYTES`] before they begin to grow.
const SMALL_PARTS: usize = 4_000;
/// Parts after which their size doubles, once they grow.
const PARTS_PER_DOUBLING: usize = 1_000;
/// S3's limit. With the growth above it lies just under one TiB.
const MAX_PARTS: usize = 10_000;
/// Parts on their way at once.
const PARTS_IN_FLIGHT: usize = 2;

/// How long a part is, by its number, counted from 1.
fn part_bytes(number: usize) -> usize {
    let doublings = (number + PARTS_PER_DOUBLING - 1).saturating_sub(SMALL_PARTS) / PARTS_PER_DOUBLING;
    PART_BYTES << doublings
}

/// An upload in progress. A short one is a single `PutObject`; a long one becomes a multipart upload with its first full
/// part. Dropped half done, it tells S3 to forget the parts.
pub(super) struct S3Upload {
    target: Target,
    filling: Vec<u8>,
    started: Option<String>,
    in_flight: JoinSet<Result<CompletedPart, ObjectStoreError>>,
    arrived: Vec<CompletedPart>,
    parts: usize,
    size_bytes: u64,
}

impl S3Upload {
    pub(super) fn new(client: Client, bucket: Bucket, key: ObjectKey) -> Self {
        Self {
            target: Target { client, bucket, key },
            filling: Vec::new(),
            started: None,
            in_flight: JoinSet::new(),
            arrived: Vec::new(),
            parts: 0,
            size_bytes: 0,
        }
    }

    /// Sends what has been filled as the next part, once there is room for it.
    async fn send_part(&mut self) -> Result<(), ObjectStoreError> {
        let upload_id = self.upload_id().await?;
        while self.in_flight.len() >= PARTS_IN_FLIGHT {
            self.part_arrived().await?;
        }
        self.parts += 1;
        if self.parts > MAX_PARTS {
            let call = Call::multipart(self.target.url(), "UploadPart");
            return Err(call.refused("the object is longer than 10,000 growing parts can hold (1 TiB)"));
        }
        let part = Bytes::from(std::mem::take(&mut self.filling));
        let number = i32::try_from(self.parts).expect("at most 10,000 parts");
        self.in_flight
            .spawn(self.target.clone().upload_part(upload_id, number, part));
        Ok(())
    }

    /// The multipart upload's id; begins one if there is none yet.
    async fn upload_id(&mut self) -> Result<String, ObjectStoreError> {
        if let Some(started) = &self.started {
            return Ok(started.clone());
        }
        let upload_id = self.target.create().await?;
        self.started = Some(upload_id.clone());
        Ok(upload_id)
    }

    /// Waits for one part, if any is on its way.
    async fn part_arrived(&mut self) -> Result<(), ObjectStoreError> {
        let Some(joined) = self.in_flight.join_next().await else {
            return Ok(());
        };
        let part = joined.map_err(|error| {
            Call::multipart(self.target.url(), "UploadPart").unavailable(io::Error::from(error))
        })?;
        self.arrived.push(part?);
        Ok(())
    }

    async fn finish_in_parts(&mut self) -> Result<UploadedObject, ObjectStoreError> {
        if !self.filling.is_empty() {
            self.send_part().await?;
        }
        while !self.in_flight.is_empty() {
            self.part_arrived().await?;
        }
        self.arrived.sort_by_key(CompletedPart::part_number);
        let upload_id = self.upload_id().await?;
        let parts = std::mem::take(&mut self.arrived);
        let etag = self.target.complete(&upload_id, parts, self.size_bytes).await?;
        self.started = None;
        Ok(UploadedObject {
            size_bytes: self.size_bytes,
            etag,
        })
    }
}

#[async_trait]
impl Upload for S3Upload {
    async fn write(&mut self, bytes: Bytes) -> Result<(), ObjectStoreError> {
        self.size_bytes += bytes.len() as u64;
        let mut rest = bytes.as_ref();
        while !rest.is_empty() {
            let limit = part_bytes(self.parts + 1);
            if self.filling.len() == limit {
                self.send_part().await?;
                continue;
            }
            if self.filling.is_empty() && self.parts > 0 {
                self.filling.reserve_exact(limit);
            }
            let (now, later) = rest.split_at(rest.len().min(limit - self.filling.len()));
            self.filling.extend_from_slice(now);
            rest = later;
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<UploadedObject, ObjectStoreError> {
        if self.started.is_some() {
            return self.finish_in_parts().await;
        }
        let bytes = Bytes::from(std::mem::take(&mut self.filling));
        let etag = self.target.put(bytes).await?;
        Ok(UploadedObject {
            size_bytes: self.size_bytes,
            etag,
        })
    }

    async fn abort(mut self: Box<Self>) {
        self.in_flight.shutdown().await;
        if let Some(upload_id) = self.started.take() {
            self.target.forget(&upload_id).await;
        }
    }
}

impl Drop for S3Upload {
    /// Parts that nobody completes cost money until a lifecycle rule removes them.
    fn drop(&mut self) {
        let (Some(upload_id), Ok(runtime)) = (self.started.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        self.in_flight.abort_all();
        let target = self.target.clone();
        runtime.spawn(async move { target.forget(&upload_id).await });
    }
}

/// Where an upload goes, and the calls that take it there.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) client: Client,
    pub(super) bucket: Bucket,
    pub(super) key: ObjectKey,
}

impl Target {
    pub(super) fn url(&self) -> String {
        s3_url(&self.bucket, &self.key)
    }

    async fn put(&self, bytes: Bytes) -> Result<Option<String>, ObjectStoreError> {
        let request = self
            .client
            .put_object()
            .bucket(self.bucket.as_str())
            .key(self.key.as_str());
        let answer = request.body(ByteStream::from(bytes)).send().await;
        let answer = answer.map_err(|error| Call::put_object(self.url()).failed(error))?;
        Ok(answer.e_tag().map(unquoted))
    }

    async fn create(&self) -> Result<String, ObjectStoreError> {
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

    async fn upload_part(
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
    async fn complete(
        &self,
        upload_id: &str,
        parts: Vec<CompletedPart>,
        size_bytes: u64,
    ) -> Result<Option<String>, ObjectStoreError> {
        let request = self.client.complete_multipart_upload();
        let request = request.bucket(self.bucket.as_str()).key(self.key.as_str());
        let answer = request
            .upload_id(upload_id)
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::scripted::{Reply, Request, Script, s3_client};

    const MEBIBYTE: usize = 1024 * 1024;

    fn service(fault: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) -> Script {
        Script::answering(move |request, _| fault(request).unwrap_or_else(|| well_behaved(request)))
    }

    fn well_behaved(request: &Request) -> Reply {
        match request.method.as_str() {
            "POST" if request.uri.contains("?uploads") => Reply::ok(
                "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>",
            ),
            "POST" => Reply::ok(
                "<CompleteMultipartUploadResult><ETag>\"whole-2\"</ETag></CompleteMultipartUploadResult>",
            ),
            "DELETE" => Reply::status(204),
            _ => Reply::ok("").header("etag", "\"part\""),
        }
    }

    fn upload(script: &Script) -> Box<S3Upload> {
        let (bucket, key) = (Bucket::new("landing"), ObjectKey::new("processing/x.gz"));
        Box::new(S3Upload::new(s3_client(script), bucket, key))
    }

    async fn write(upload: &mut S3Upload, mebibytes: usize) -> Result<(), ObjectStoreError> {
        for _ in 0..mebibytes {
            upload.write(Bytes::from(vec![7; MEBIBYTE])).await?;
        }
        Ok(())
    }

    fn sizes(script: &Script) -> Vec<(String, usize)> {
        let requests = script.requests();
        let sent = requests.iter().filter(|request| request.method == "PUT");
        sent.map(|request| {
            let number = request.uri.split("partNumber=").nth(1).unwrap_or("0");
            (
                number.split('&').next().unwrap().to_owned(),
                request.body.len() / MEBIBYTE,
            )
        })
        .collect()
    }

    #[tokio::test]
    async fn up_to_one_part_is_a_single_put() {
        let script = service(|_| None);
        let mut upload = upload(&script);
        write(&mut upload, 8).await.unwrap();
        let done = upload.finish().await.unwrap();
        assert_eq!(
            (done.size_bytes, done.etag.as_deref()),
            (8 * MEBIBYTE as u64, Some("part"))
        );
        assert_eq!(sizes(&script), [("0".to_owned(), 8)]);
    }

    #[tokio::test]
    async fn nothing_written_is_an_empty_object() {
        let script = service(|_| None);
        let done = upload(&script).finish().await.unwrap();
        assert_eq!(done.size_bytes, 0);
        assert_eq!(sizes(&script), [("0".to_owned(), 0)]);
    }

    #[tokio::test]
    async fn more_than_one_part_is_sent_part_by_part_and_completed_in_order() {
        let script = service(|_| None);
        let mut upload = upload(&script);
        write(&mut upload, 19).await.unwrap();
        let done = upload.finish().await.unwrap();
        assert_eq!(done.etag.as_deref(), Some("whole-2"));
        let mut sent = sizes(&script);
        sent.sort();
        let expected = [("1", 8), ("2", 8), ("3", 3)].map(|(number, size)| (number.to_owned(), size));
        assert_eq!(sent, expected);
        let requests = script.requests();
        let complete = requests.last().unwrap();
        assert_eq!(complete.header("x-amz-mp-object-size"), Some("19922944"));
        let body = complete.text();
        let order: Vec<usize> = (1..=3)
            .map(|number| body.find(&format!("<PartNumber>{number}</PartNumber>")).unwrap())
            .collect();
        assert!(order.is_sorted(), "{body}");
    }

    #[rstest]
    #[case(Reply::error(503, "SlowDown"))]
    #[case(Reply::error(500, "InternalError"))]
    #[case(Reply::error(404, "NoSuchUpload"))]
    #[case(Reply::refused_connection())]
    #[tokio::test]
    async fn a_part_that_does_not_arrive_fails_the_upload_for_another_try(#[case] reply: Reply) {
        let script = service(move |request| (request.method == "PUT").then(|| reply.clone()));
        let mut upload = upload(&script);
        write(&mut upload, 9).await.unwrap();
        let error = upload.finish().await.unwrap_err();
        assert!(matches!(error, ObjectStoreError::Unavailable { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn an_error_in_an_answer_of_200_fails_the_completion() {
        let script = service(|request| {
            (request.method == "POST" && request.uri.contains("uploadId"))
                .then(|| Reply::error(200, "InternalError"))
        });
        let mut upload = upload(&script);
        write(&mut upload, 9).await.unwrap();
        let error = upload.finish().await.unwrap_err();
        assert!(matches!(error, ObjectStoreError::Unavailable { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn an_upload_that_may_not_write_names_the_permission() {
        let script = Script::always(Reply::error(403, "AccessDenied"));
        let error = upload(&script).finish().await.unwrap_err();
        assert!(error.to_string().contains("grant s3:PutObject"), "{error}");
    }

    #[tokio::test]
    async fn an_aborted_upload_leaves_nothing_behind() {
        let script = service(|_| None);
        let mut upload = upload(&script);
        write(&mut upload, 9).await.unwrap();
        upload.abort().await;
        let requests = script.requests();
        let last = requests.last().unwrap();
        assert_eq!(last.method, "DELETE");
        assert!(last.uri.contains("uploadId=u1"));
    }

    #[tokio::test]
    async fn a_dropped_upload_leaves_nothing_behind() {
        let (told, mut is_told) = tokio::sync::mpsc::unbounded_channel();
        let script = service(move |request| {
            if request.method == "DELETE" {
                told.send(()).unwrap();
            }
            None
        });
        let mut upload = upload(&script);
        write(&mut upload, 9).await.unwrap();
        drop(upload);
        is_told.recv().await.unwrap();
    }

    #[test]
    fn parts_grow_before_ten_thousand_of_them_are_too_few() {
        assert_eq!(part_bytes(1), 8 * MEBIBYTE);
        assert_eq!(part_bytes(4_000), 8 * MEBIBYTE);
        assert_eq!(part_bytes(4_001), 16 * MEBIBYTE);
        assert_eq!(part_bytes(5_001), 32 * MEBIBYTE);
        assert_eq!(part_bytes(10_000), 512 * MEBIBYTE);
        let total: usize = (1..=MAX_PARTS).map(part_bytes).sum();
        assert!(total > 1_000 * 1024 * MEBIBYTE);
    }
}
