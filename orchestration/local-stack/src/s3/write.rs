//! Taking bytes in: PutObject and the body of UploadPart.

use futures_util::StreamExt;
use s3s::dto::{ETag, PutObjectInput, PutObjectOutput, StreamingBlob};
use s3s::{S3Request, S3Result, s3_error};

use crate::s3::blob::{NewBlob, Written};
use crate::s3::checksum::Claims;
use crate::s3::condition::WriteCondition;
use crate::s3::notification::EventName;
use crate::s3::record::{Attributes, Checksums, Object, Segment};
use crate::s3::storage::{NewObject, Storage, bucket, check_key};

/// A body that is on the disk and agrees with every checksum the client sent along.
pub(super) struct Received {
    pub(super) blob: NewBlob,
    pub(super) size: u64,
    pub(super) etag: String,
    pub(super) checksums: Checksums,
}

impl Received {
    /// The whole blob as the list of segments that a record keeps; nothing at all for no bytes.
    pub(super) fn segments(&self) -> Vec<Segment> {
        let whole = Segment {
            blob: self.blob.id().clone(),
            offset: 0,
            length: self.size,
        };
        if self.size == 0 { Vec::new() } else { vec![whole] }
    }
}

impl Storage {
    /// Streams a body to the disk, holding no more than a piece of it in memory.
    pub(super) async fn receive(&self, body: Option<StreamingBlob>, claims: &Claims) -> S3Result<Received> {
        let mut writer = self
            .blobs
            .create(claims.hasher())
            .map_err(s3s::S3Error::internal_error)?;
        if let Some(mut body) = body {
            while let Some(bytes) = body.next().await {
                let bytes = bytes.map_err(incomplete_body)?;
                writer.append(bytes).await.map_err(s3s::S3Error::internal_error)?;
            }
        }
        let written = writer.finish().await.map_err(s3s::S3Error::internal_error)?;
        let checksums = claims.verify(&written)?;
        let Written { blob, size, md5, .. } = written;
        Ok(Received {
            blob,
            size,
            etag: hex::encode(md5),
            checksums,
        })
    }

    /// Answers PutObject.
    pub(super) async fn put(&self, request: S3Request<PutObjectInput>) -> S3Result<PutObjectOutput> {
        let mut input = request.input;
        check_key(&input.key)?;
        bucket(&self.index.read()?, &input.bucket)?;
        let claims = Claims::new(
            &request.headers,
            request.trailing_headers,
            input.content_md5.take(),
        );
        let received = self.receive(input.body.take(), &claims).await?;
        let etag = received.etag.clone();
        let checksums = received.checksums.clone();
        let attributes = attributes(&mut input);
        let size = received.size;
        let new = NewObject {
            bucket: input.bucket,
            key: input.key,
            condition: WriteCondition {
                if_match: input.if_match,
                if_none_match: input.if_none_match,
            },
            object: Object {
                etag: etag.clone(),
                size,
                segments: received.segments(),
                part_sizes: Vec::new(),
                attributes,
                checksums: checksums.clone(),
            },
            event: EventName::Put,
        };
        let storage = self.clone();
        let committed = self
            .index
            .write(move |writer| {
                let committed = storage.commit(writer, new)?;
                if size > 0 {
                    writer.after_commit(move || received.blob.keep());
                }
                Ok::<_, s3s::S3Error>(committed)
            })
            .await?;
        Ok(PutObjectOutput {
            e_tag: Some(ETag::Strong(etag)),
            version_id: committed.version_id,
            checksum_crc32: checksums.crc32,
            checksum_crc32c: checksums.crc32c,
            checksum_crc64nvme: checksums.crc64nvme,
            checksum_sha1: checksums.sha1,
            checksum_sha256: checksums.sha256,
            ..PutObjectOutput::default()
        })
    }
}

fn attributes(input: &mut PutObjectInput) -> Attributes {
    Attributes {
        cache_control: input.cache_control.take(),
        content_disposition: input.content_disposition.take(),
        content_encoding: input.content_encoding.take().and_then(without_aws_chunked),
        content_language: input.content_language.take(),
        content_type: input.content_type.take(),
        storage_class: input.storage_class.take().map(|class| class.as_str().to_owned()),
        metadata: input.metadata.take().unwrap_or_default().into_iter().collect(),
    }
}

/// `aws-chunked` describes the transfer and is not stored; what else stands in the header is.
pub(super) fn without_aws_chunked(encoding: String) -> Option<String> {
    let kept: Vec<&str> = encoding
        .split(',')
        .map(str::trim)
        .filter(|part| *part != "aws-chunked")
        .collect();
    Some(kept.join(",")).filter(|kept| !kept.is_empty())
}

/// The client went away, or sent bytes that do not agree with their signature: what it promised did not arrive.
fn incomplete_body(source: s3s::StdError) -> s3s::S3Error {
    let mut error = s3_error!(IncompleteBody, "The request body could not be read to its end.");
    error.set_source(source);
    error
}
