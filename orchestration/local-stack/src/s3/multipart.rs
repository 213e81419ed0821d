//! Multipart uploads: parts stay where they were written, and completing an upload only lists them.

use std::ops::ControlFlow;

use md5::{Digest, Md5};
use s3s::dto::{
    CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CompletedPart, CopyPartResult,
    CreateMultipartUploadInput, CreateMultipartUploadOutput, ETag, Range, Timestamp, UploadPartCopyInput,
    UploadPartCopyOutput, UploadPartInput, UploadPartOutput,
};
use s3s::{S3Error, S3Request, S3Result, s3_error};

use crate::index::{IndexError, Read, Writer};
use crate::s3::checksum::Claims;
use crate::s3::condition::{ReadCondition, WriteCondition};
use crate::s3::copy::{Source, etag_of_segments};
use crate::s3::notification::EventName;
use crate::s3::record::{Attributes, Checksums, Object, PARTS, Part, UPLOADS, Upload, cut};
use crate::s3::storage::{Committed, NewObject, Storage, bucket, check_key, hold};
use crate::s3::write::without_aws_chunked;
use crate::time::Moment;

/// Every part but the last has at least this many bytes.
const MIN_PART_BYTES: u64 = 5 * 1024 * 1024;
const MAX_PART_BYTES: u64 = 5 * 1024 * 1024 * 1024;
const MAX_PART_NUMBER: u32 = 10_000;

impl Storage {
    /// Answers CreateMultipartUpload.
    pub(super) async fn create_upload(
        &self,
        input: CreateMultipartUploadInput,
    ) -> S3Result<CreateMultipartUploadOutput> {
        check_key(&input.key)?;
        let id = uuid::Uuid::new_v4().simple().to_string();
        let (bucket_name, key, upload_id) = (input.bucket.clone(), input.key.clone(), id.clone());
        let checksum_algorithm = input.checksum_algorithm.clone();
        let upload = Upload {
            initiated: Moment::now(),
            attributes: attributes(input),
        };
        self.index
            .write(move |writer| {
                bucket(writer, &bucket_name)?;
                writer.put(&UPLOADS, (&bucket_name, &key, &upload_id), &upload)?;
                Ok::<_, S3Error>((bucket_name, key))
            })
            .await
            .map(|(bucket_name, key)| CreateMultipartUploadOutput {
                bucket: Some(bucket_name),
                key: Some(key),
                upload_id: Some(id),
                checksum_algorithm,
                ..CreateMultipartUploadOutput::default()
            })
    }

    /// Answers UploadPart.
    pub(super) async fn upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<UploadPartOutput> {
        let mut input = request.input;
        let number = part_number(input.part_number)?;
        upload(&self.index.read()?, &input.bucket, &input.key, &input.upload_id)?;
        let claims = Claims::new(
            &request.headers,
            request.trailing_headers,
            input.content_md5.take(),
        );
        let received = self.receive(input.body.take(), &claims).await?;
        let part = Part {
            etag: received.etag.clone(),
            size: received.size,
            segments: received.segments(),
            checksums: received.checksums.clone(),
            written: Moment::now(),
        };
        let (etag, checksums) = (received.etag.clone(), received.checksums.clone());
        let storage = self.clone();
        self.index
            .write(move |writer| {
                upload(writer, &input.bucket, &input.key, &input.upload_id)?;
                storage.put_part(writer, &input.upload_id, number, &part)?;
                if part.size > 0 {
                    writer.after_commit(move || received.blob.keep());
                }
                Ok::<_, S3Error>(())
            })
            .await?;
        Ok(UploadPartOutput {
            e_tag: Some(ETag::Strong(etag)),
            checksum_crc32: checksums.crc32,
            checksum_crc32c: checksums.crc32c,
            checksum_crc64nvme: checksums.crc64nvme,
            checksum_sha1: checksums.sha1,
            checksum_sha256: checksums.sha256,
            ..UploadPartOutput::default()
        })
    }

    /// Answers UploadPartCopy.
    pub(super) async fn upload_part_copy(
        &self,
        input: UploadPartCopyInput,
    ) -> S3Result<UploadPartCopyOutput> {
        let number = part_number(input.part_number)?;
        let source = Source::new(
            &input.copy_source,
            ReadCondition {
                if_match: input.copy_source_if_match,
                if_none_match: input.copy_source_if_none_match,
                if_modified_since: input.copy_source_if_modified_since,
                if_unmodified_since: input.copy_source_if_unmodified_since,
            },
        )?;
        let (bucket, key, upload_id, range) =
            (input.bucket, input.key, input.upload_id, input.copy_source_range);
        let storage = self.clone();
        let (part, source_version) = self
            .index
            .write(move |writer| {
                upload(writer, &bucket, &key, &upload_id)?;
                let (object, source_version) = source.find(writer)?;
                let part = part_of(&object, range.as_deref())?;
                storage.put_part(writer, &upload_id, number, &part)?;
                Ok::<_, S3Error>((part, source_version))
            })
            .await?;
        Ok(UploadPartCopyOutput {
            copy_part_result: Some(CopyPartResult {
                e_tag: Some(ETag::Strong(part.etag)),
                last_modified: Some(Timestamp::from(part.written.system_time())),
                ..CopyPartResult::default()
            }),
            copy_source_version_id: source_version,
            ..UploadPartCopyOutput::default()
        })
    }

    fn put_part(&self, writer: &Writer, upload_id: &str, number: u32, part: &Part) -> Result<(), IndexError> {
        let replaced = writer.get(&PARTS, (upload_id, number))?;
        hold(writer, &part.segments)?;
        writer.put(&PARTS, (upload_id, number), part)?;
        match replaced {
            Some(replaced) => self.release(writer, &replaced.segments),
            None => Ok(()),
        }
    }

    /// Answers CompleteMultipartUpload.
    pub(super) async fn complete_upload(
        &self,
        input: CompleteMultipartUploadInput,
    ) -> S3Result<CompleteMultipartUploadOutput> {
        let (bucket, key) = (input.bucket.clone(), input.key.clone());
        let storage = self.clone();
        let (etag, committed) = self
            .index
            .write(move |writer| storage.complete_in(writer, input))
            .await?;
        Ok(CompleteMultipartUploadOutput {
            location: Some(format!("/{bucket}/{key}")),
            bucket: Some(bucket),
            key: Some(key),
            e_tag: Some(ETag::Strong(etag)),
            version_id: committed.version_id,
            ..CompleteMultipartUploadOutput::default()
        })
    }

    fn complete_in(
        &self,
        writer: &Writer,
        input: CompleteMultipartUploadInput,
    ) -> S3Result<(String, Committed)> {
        let upload = upload(writer, &input.bucket, &input.key, &input.upload_id)?;
        let named = input
            .multipart_upload
            .and_then(|upload| upload.parts)
            .unwrap_or_default();
        let parts = chosen_parts(writer, &input.upload_id, &named)?;
        let etag = etag_of_parts(&parts)?;
        let object = Object {
            etag: etag.clone(),
            size: parts.iter().map(|part| part.size).sum(),
            part_sizes: parts.iter().map(|part| part.size).collect(),
            segments: parts.into_iter().flat_map(|part| part.segments).collect(),
            attributes: upload.attributes,
            checksums: Checksums::default(),
        };
        let new = NewObject {
            bucket: input.bucket.clone(),
            key: input.key.clone(),
            condition: WriteCondition {
                if_match: input.if_match,
                if_none_match: input.if_none_match,
            },
            object,
            event: EventName::CompleteMultipartUpload,
        };
        let committed = self.commit(writer, new)?;
        self.forget_upload(writer, &input.bucket, &input.key, &input.upload_id)?;
        Ok((etag, committed))
    }

    /// Answers AbortMultipartUpload.
    pub(super) async fn abort_upload(&self, bucket: String, key: String, upload_id: String) -> S3Result<()> {
        let storage = self.clone();
        self.index
            .write(move |writer| {
                upload(writer, &bucket, &key, &upload_id)?;
                storage.forget_upload(writer, &bucket, &key, &upload_id)?;
                Ok(())
            })
            .await
    }

    fn forget_upload(
        &self,
        writer: &Writer,
        bucket: &str,
        key: &str,
        upload_id: &str,
    ) -> Result<(), IndexError> {
        for (number, part) in parts(writer, upload_id, 0)? {
            writer.remove(&PARTS, (upload_id, number))?;
            self.release(writer, &part.segments)?;
        }
        writer.remove(&UPLOADS, (bucket, key, upload_id))
    }
}

/// The upload's record, or NoSuchUpload.
pub(super) fn upload(read: &impl Read, bucket_name: &str, key: &str, upload_id: &str) -> S3Result<Upload> {
    bucket(read, bucket_name)?;
    read.get(&UPLOADS, (bucket_name, key, upload_id))?.ok_or_else(|| {
        s3_error!(
            NoSuchUpload,
            "The specified multipart upload does not exist. The upload ID may be invalid, or the upload may have \
             been aborted or completed."
        )
    })
}

/// The parts of an upload from a number on, in order.
pub(super) fn parts(read: &impl Read, upload_id: &str, from: u32) -> Result<Vec<(u32, Part)>, IndexError> {
    let mut parts = Vec::new();
    read.scan(&PARTS, (upload_id, from), |(of_upload, number), part| {
        if of_upload != upload_id {
            return ControlFlow::Break(());
        }
        parts.push((number, part));
        ControlFlow::Continue(())
    })?;
    Ok(parts)
}

/// The parts that the client names, checked as S3 checks them.
fn chosen_parts(read: &impl Read, upload_id: &str, named: &[CompletedPart]) -> S3Result<Vec<Part>> {
    if named.is_empty() {
        return Err(s3_error!(MalformedXML, "You must specify at least one part"));
    }
    let numbers = ascending_numbers(named)?;
    let mut chosen: Vec<Part> = Vec::with_capacity(named.len());
    for (position, (name, number)) in named.iter().zip(numbers).enumerate() {
        let part = read.get(&PARTS, (upload_id, number))?;
        let part = part.filter(|part| name.e_tag.as_ref().is_none_or(|etag| etag.value() == part.etag));
        let Some(part) = part else {
            return Err(s3_error!(
                InvalidPart,
                "Part {number} could not be found, or its entity tag is another."
            ));
        };
        if part.size < MIN_PART_BYTES && position + 1 < named.len() {
            return Err(s3_error!(
                EntityTooSmall,
                "Part {number} has {} bytes, and every part but the last needs {MIN_PART_BYTES}.",
                part.size
            ));
        }
        chosen.push(part);
    }
    Ok(chosen)
}

fn ascending_numbers(named: &[CompletedPart]) -> S3Result<Vec<u32>> {
    let numbers = named
        .iter()
        .map(|name| part_number(name.part_number.unwrap_or_default()));
    let numbers: Vec<u32> = numbers.collect::<S3Result<_>>()?;
    if numbers.is_sorted_by(|earlier, later| earlier < later) {
        return Ok(numbers);
    }
    Err(s3_error!(
        InvalidPartOrder,
        "The list of parts was not in ascending order."
    ))
}

/// MD5 over the MD5s of the parts and their number, as S3 makes the tag of a multipart object.
fn etag_of_parts(parts: &[Part]) -> S3Result<String> {
    let mut hash = Md5::new();
    for part in parts {
        hash.update(hex::decode(&part.etag).map_err(S3Error::internal_error)?);
    }
    Ok(format!("{}-{}", hex::encode(hash.finalize()), parts.len()))
}

fn part_of(object: &Object, range: Option<&str>) -> S3Result<Part> {
    let stretch = match range {
        None => 0..object.size,
        Some(_) if object.size <= MIN_PART_BYTES => {
            return Err(s3_error!(
                InvalidRequest,
                "The specified copy source is not supported as a byte-range copy source: it has {} bytes, and more than \
                 {MIN_PART_BYTES} are needed.",
                object.size
            ));
        }
        Some(text) => checked_range(text, object.size)?,
    };
    let size = stretch.end - stretch.start;
    if size > MAX_PART_BYTES {
        return Err(s3_error!(
            InvalidRequest,
            "The specified copy source is larger than the maximum allowable size for a copy source: {MAX_PART_BYTES}"
        ));
    }
    let segments = cut(&object.segments, stretch.start, size);
    let is_whole = size == object.size && !object.etag.contains('-');
    let etag = if is_whole {
        object.etag.clone()
    } else {
        etag_of_segments(&segments)
    };
    Ok(Part {
        etag,
        size,
        segments,
        checksums: Checksums::default(),
        written: Moment::now(),
    })
}

/// `bytes=first-last`, both given and both inside the source: S3 does not shorten a copy range.
fn checked_range(text: &str, size: u64) -> S3Result<std::ops::Range<u64>> {
    match Range::parse(text) {
        Ok(Range::Int {
            first,
            last: Some(last),
        }) if last < size => Ok(first..last + 1),
        Ok(Range::Int { last: Some(_), .. }) => Err(s3_error!(
            InvalidArgument,
            "Range specified is not valid for source object of size: {size}"
        )),
        _ => Err(s3_error!(
            InvalidArgument,
            "The x-amz-copy-source-range value must be of the form bytes=first-last."
        )),
    }
}

fn part_number(number: i32) -> S3Result<u32> {
    u32::try_from(number)
        .ok()
        .filter(|number| (1..=MAX_PART_NUMBER).contains(number))
        .ok_or_else(|| {
            s3_error!(
                InvalidArgument,
                "Part number must be an integer between 1 and {MAX_PART_NUMBER}, inclusive"
            )
        })
}

fn attributes(input: CreateMultipartUploadInput) -> Attributes {
    Attributes {
        cache_control: input.cache_control,
        content_disposition: input.content_disposition,
        content_encoding: input.content_encoding.and_then(without_aws_chunked),
        content_language: input.content_language,
        content_type: input.content_type,
        storage_class: input.storage_class.map(|class| class.as_str().to_owned()),
        metadata: input.metadata.unwrap_or_default().into_iter().collect(),
    }
}
