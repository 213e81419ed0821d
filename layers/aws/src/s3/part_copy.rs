//! A stretch of an object as an object of its own, copied on the server's side.
//!
//! A multipart upload whose parts are ranges of the source. S3's rules: the source has more than 5 MiB, a part at least that
//! unless it is the last, at most 5 GiB, and there are 10,000 parts at most. Every part is copied under the condition that
//! the source is still the version that was asked for, so a file that is replaced halfway is never mixed with its successor.

use std::ops::Range;

use async_trait::async_trait;
use aws_sdk_s3::types::CompletedPart;
use futures_util::stream::{StreamExt, TryStreamExt, iter};
use longshore_app::ports::{COPIES_AT_ONCE, ObjectStoreError, PendingObject, UploadedObject};
use longshore_domain::object::Object;

use super::budget::Budget;
use super::copy::{MAX_PARTS, PART_BYTES, copy_source, patient};
use super::error::Call;
use super::quoted;
use super::target::{Completion, Target, Unfinished};

/// One stretch on its way. Dropped half done, it tells S3 to forget the parts.
pub(super) struct RangeCopy<'a> {
    object: &'a Object,
    range: Range<u64>,
    target: Target,
    /// What all copies of the store share, so that there are no more at once for being of several objects.
    copies: Budget,
    call: Call,
}

impl<'a> RangeCopy<'a> {
    pub(super) fn new(object: &'a Object, range: Range<u64>, target: Target, copies: Budget) -> Self {
        Self {
            object,
            range,
            copies,
            call: Call::part_copy(target.url()),
            target,
        }
    }

    /// Copies the stretch.
    pub(super) async fn run(self) -> Result<PendingCopy, ObjectStoreError> {
        let unfinished = self.target.begin(None).await?;
        match self.copy_parts(unfinished.id()).await {
            Ok(parts) => Ok(PendingCopy {
                size_bytes: self.range.end - self.range.start,
                parts,
                unfinished,
            }),
            Err(error) => {
                unfinished.forget().await;
                Err(error)
            }
        }
    }

    async fn copy_parts(&self, upload_id: &str) -> Result<Vec<CompletedPart>, ObjectStoreError> {
        iter(parts(&self.range))
            .map(|(number, range)| self.copy_part(upload_id, number, range))
            .buffered(COPIES_AT_ONCE)
            .try_collect()
            .await
    }

    async fn copy_part(
        &self,
        upload_id: &str,
        number: i32,
        range: Range<u64>,
    ) -> Result<CompletedPart, ObjectStoreError> {
        let Target {
            client, bucket, key, ..
        } = &self.target;
        let permit = self.copies.take(1).await;
        let request = client.upload_part_copy();
        let request = request.bucket(bucket.as_str()).key(key.as_str());
        let answer = request
            .upload_id(upload_id)
            .part_number(number)
            .copy_source(copy_source(self.object))
            .copy_source_range(format!("bytes={}-{}", range.start, range.end - 1))
            .set_copy_source_if_match(self.object.etag.as_deref().map(quoted))
            .customize()
            .config_override(patient())
            .send()
            .await
            .map_err(|error| self.part_failed(error))?;
        drop(permit);
        let copied = answer
            .copy_part_result
            .ok_or_else(|| self.call.unavailable("the answer tells nothing of the part"))?;
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(copied.e_tag)
            .set_checksum_crc32(copied.checksum_crc32)
            .set_checksum_crc64_nvme(copied.checksum_crc64_nvme)
            .build())
    }

    /// A condition that does not hold, or a key that is gone, is about the source; everything else about the copy.
    fn part_failed<E>(&self, error: crate::fault::CallError<E>) -> ObjectStoreError
    where
        E: aws_smithy_types::error::metadata::ProvideErrorMetadata
            + std::error::Error
            + Send
            + Sync
            + 'static,
    {
        match self.call.failed(error) {
            ObjectStoreError::Replaced { .. } => ObjectStoreError::Replaced {
                url: self.object.url(),
            },
            ObjectStoreError::NotFound { .. } => ObjectStoreError::NotFound {
                url: self.object.url(),
            },
            other => other,
        }
    }
}

/// A stretch that is copied and does not show yet.
pub(super) struct PendingCopy {
    size_bytes: u64,
    parts: Vec<CompletedPart>,
    unfinished: Unfinished,
}

#[async_trait]
impl PendingObject for PendingCopy {
    async fn appear(self: Box<Self>) -> Result<UploadedObject, ObjectStoreError> {
        let Self {
            size_bytes,
            parts,
            unfinished,
        } = *self;
        let completion = Completion {
            parts,
            size_bytes,
            config: patient(),
        };
        let etag = unfinished.complete(completion).await?;
        Ok(UploadedObject { size_bytes, etag })
    }

    async fn abort(self: Box<Self>) {
        self.unfinished.forget().await;
    }
}

/// The parts of a stretch, all of about the same length: numbers, counted from 1, and ranges of the source.
fn parts(range: &Range<u64>) -> Vec<(i32, Range<u64>)> {
    let length = range.end - range.start;
    let most_bytes = PART_BYTES.max(length.div_ceil(MAX_PARTS));
    let count = length.div_ceil(most_bytes).max(1);
    // In 128 bits: the product of an object's length and a part's number does not fit into 64.
    let edge = |index: u64| {
        let offset = u128::from(length) * u128::from(index) / u128::from(count);
        range.start + u64::try_from(offset).unwrap_or(length)
    };
    (1..)
        .zip(0..count)
        .map(|(number, index)| (number, edge(index)..edge(index + 1)))
        .collect()
}

#[cfg(test)]
mod tests {
    use longshore_app::ports::{Destination, ObjectStore as _};
    use longshore_domain::disposition::Disposition;
    use longshore_domain::object::{Bucket, ObjectKey};
    use rstest::rstest;

    use super::super::S3ObjectStore;
    use super::super::target::Existing;
    use super::*;
    use crate::scripted::{Reply, Request, Script, s3_client};

    const MEBIBYTE: u64 = 1024 * 1024;
    const GIBIBYTE: u64 = 1024 * MEBIBYTE;

    fn source(version: Option<&str>) -> Object {
        Object {
            bucket: Bucket::new("landing"),
            key: ObjectKey::new("in/a b+ü.txt"),
            version: version.map(str::to_owned),
            etag: Some("abc".to_owned()),
            size_bytes: 3 * GIBIBYTE,
            sequencer: None,
        }
    }

    /// A service that answers as it should but for what `fault` says.
    fn service(fault: impl Fn(&Request, usize) -> Option<Reply> + Send + Sync + 'static) -> Script {
        Script::answering(move |request, number| {
            fault(request, number).unwrap_or_else(|| match request.method.as_str() {
                "POST" if request.uri.contains("?uploads") => Reply::ok(
                    "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>",
                ),
                "POST" => Reply::ok(
                    "<CompleteMultipartUploadResult><ETag>\"whole-1\"</ETag></CompleteMultipartUploadResult>",
                ),
                "DELETE" => Reply::status(204),
                "HEAD" => Reply::status(404),
                _ => Reply::ok("<CopyPartResult><ETag>\"p\"</ETag></CopyPartResult>"),
            })
        })
    }

    async fn copy(
        script: &Script,
        object: &Object,
        range: Range<u64>,
    ) -> Result<UploadedObject, ObjectStoreError> {
        let target = Target::new(
            s3_client(script),
            Bucket::new("landing"),
            ObjectKey::new("processing/1/data"),
            Existing::Replace,
        );
        let copied = RangeCopy::new(object, range, target, Budget::new(COPIES_AT_ONCE as u32))
            .run()
            .await?;
        Box::new(copied).appear().await
    }

    #[tokio::test]
    async fn a_short_stretch_takes_three_requests_and_no_body() {
        let script = service(|_, _| None);
        let done = copy(&script, &source(None), 3..3 + 64 * MEBIBYTE).await.unwrap();
        assert_eq!(done.size_bytes, 64 * MEBIBYTE);
        assert_eq!(done.etag.as_deref(), Some("whole-1"));
        let requests = script.requests();
        assert_eq!(requests.len(), 3);
        let part = &requests[1];
        assert!(part.body.is_empty());
        assert_eq!(
            part.header("x-amz-copy-source"),
            Some("landing/in/a%20b%2B%C3%BC.txt")
        );
        assert_eq!(part.header("x-amz-copy-source-range"), Some("bytes=3-67108866"));
        assert_eq!(part.header("x-amz-copy-source-if-match"), Some("\"abc\""));
        assert_eq!(requests[2].header("x-amz-mp-object-size"), Some("67108864"));
    }

    #[tokio::test]
    async fn a_version_is_copied_by_its_name() {
        let script = service(|_, _| None);
        copy(&script, &source(Some("v 1")), 0..10 * MEBIBYTE)
            .await
            .unwrap();
        let named = script.requests()[1]
            .header("x-amz-copy-source")
            .map(str::to_owned);
        assert_eq!(
            named.as_deref(),
            Some("landing/in/a%20b%2B%C3%BC.txt?versionId=v%201")
        );
    }

    #[rstest]
    #[case(
        Reply::error(412, "PreconditionFailed"),
        Disposition::Reject,
        "in/a b+ü.txt was replaced"
    )]
    #[case(
        Reply::error(404, "NoSuchKey"),
        Disposition::Reject,
        "in/a b+ü.txt does not exist"
    )]
    #[case(
        Reply::error(403, "AccessDenied"),
        Disposition::Misconfigured,
        "grant s3:PutObject, and s3:GetObject"
    )]
    #[case(Reply::error(503, "SlowDown"), Disposition::Retry, "could not be reached")]
    #[case(
        Reply::error(200, "InternalError"),
        Disposition::Retry,
        "could not be reached"
    )]
    #[case(Reply::refused_connection(), Disposition::Retry, "could not be reached")]
    #[case(Reply::ok("<CopyPart").then_breaks(), Disposition::Retry, "could not be reached")]
    #[case(
        Reply::error(400, "InvalidRequest"),
        Disposition::Bug,
        "refused UploadPartCopy"
    )]
    #[tokio::test]
    async fn a_part_that_fails_says_what_to_do_and_the_upload_is_aborted(
        #[case] reply: Reply,
        #[case] expected: Disposition,
        #[case] words: &str,
    ) {
        let script = service(move |request, _| (request.method == "PUT").then(|| reply.clone()));
        let error = copy(&script, &source(None), 0..10 * MEBIBYTE).await.unwrap_err();
        assert_eq!(error.disposition(), expected, "{error}");
        assert!(error.to_string().contains(words), "{error}");
        let last = script.requests().pop().unwrap();
        assert_eq!(last.method, "DELETE");
        assert!(last.uri.contains("uploadId=u1"), "{}", last.uri);
    }

    #[tokio::test]
    async fn an_upload_that_cannot_be_completed_is_aborted() {
        let script = service(|request, _| {
            let completes = request.method == "POST" && request.uri.contains("uploadId");
            completes.then(|| Reply::error(500, "InternalError"))
        });
        let error = copy(&script, &source(None), 0..10 * MEBIBYTE).await.unwrap_err();
        assert_eq!(error.disposition(), Disposition::Retry);
        let requests = script.requests();
        assert!(requests.iter().any(|request| request.method == "DELETE"));
    }

    #[tokio::test]
    async fn a_copy_that_came_up_though_the_answer_was_lost_is_known_by_its_mark() {
        let mark = std::sync::Mutex::new(String::new());
        let script = service(move |request, _| {
            let is_ours = || {
                let mark = mark.lock().unwrap();
                Reply::ok("")
                    .header("content-length", "10485760")
                    .header("etag", "\"ours-1\"")
                    .header("x-amz-meta-longshore-upload", &mark)
            };
            match request.method.as_str() {
                "POST" if request.uri.contains("?uploads") => {
                    let written = request.header("x-amz-meta-longshore-upload");
                    written.unwrap_or_default().clone_into(&mut mark.lock().unwrap());
                    None
                }
                "POST" | "DELETE" => Some(Reply::error(404, "NoSuchUpload")),
                "HEAD" => Some(is_ours()),
                _ => None,
            }
        });
        let done = copy(&script, &source(None), 0..10 * MEBIBYTE).await.unwrap();
        assert_eq!(done.etag.as_deref(), Some("ours-1"));
    }

    #[tokio::test]
    async fn as_many_parts_are_copied_at_once_of_several_stretches_as_of_one() {
        let script = service(|_, _| None).answering_late();
        let store = S3ObjectStore::new(s3_client(&script));
        let object = source(None);
        let bucket = Bucket::new("landing");
        let keys = ["a", "b"].map(ObjectKey::new);
        let copies = keys.iter().map(|key| {
            let to = Destination { bucket: &bucket, key };
            store.pending_copy(&object, 0..400 * GIBIBYTE, to)
        });
        let mut copying = Box::pin(futures_util::future::join_all(copies));
        let parts = || {
            let requests = script.requests();
            requests.iter().filter(|request| request.method == "PUT").count()
        };
        while parts() == 0 {
            assert!(futures_util::poll!(&mut copying).is_pending());
            tokio::task::yield_now().await;
        }
        for _ in 0..10 {
            assert!(futures_util::poll!(&mut copying).is_pending());
            tokio::task::yield_now().await;
        }
        assert_eq!(parts(), COPIES_AT_ONCE);
    }

    #[tokio::test]
    async fn a_copy_that_is_dropped_on_the_way_is_aborted() {
        let script = service(|_, _| None).answering_late();
        let object = source(None);
        let mut copying = Box::pin(copy(&script, &object, 0..3 * GIBIBYTE));
        while script.requests().len() < 2 {
            assert!(futures_util::poll!(&mut copying).is_pending());
            tokio::task::yield_now().await;
        }
        drop(copying);
        while script
            .requests()
            .last()
            .is_none_or(|request| request.method != "DELETE")
        {
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn parts_cover_every_byte_once_and_stay_within_the_limits() {
        for length in [
            1,
            5 * MEBIBYTE,
            GIBIBYTE / 2,
            GIBIBYTE / 2 + 1,
            3 * GIBIBYTE,
            5_000 * GIBIBYTE,
            50_000 * GIBIBYTE,
        ] {
            let parts = parts(&(7..7 + length));
            assert!(parts.len() as u64 <= MAX_PARTS);
            assert_eq!((parts[0].0, parts[0].1.start), (1, 7));
            assert!(parts.windows(2).all(|pair| pair[0].1.end == pair[1].1.start));
            assert!(parts.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0));
            assert_eq!(parts.last().unwrap().1.end, 7 + length);
            let (last, others) = parts.split_last().unwrap();
            assert!(
                others
                    .iter()
                    .all(|(_, part)| part.end - part.start >= 5 * MEBIBYTE)
            );
            assert!(last.1.end - last.1.start <= 5 * GIBIBYTE);
        }
    }
}
