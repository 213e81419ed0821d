//! The archive copy: on the server's side, whatever the size, verified, and never onto something else.
//!
//! Two things make it safe to repeat. `If-None-Match: *` keeps it off a key that is taken, and a mark in the copy's
//! metadata names the version it was made of, so that a try which died after copying is known again by the next one.

mod in_parts;

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::operation::head_object::{HeadObjectError, HeadObjectOutput};
use aws_sdk_s3::types::{MetadataDirective, ServerSideEncryption};
use longshore_app::ports::{ArchiveCopy, ObjectStoreError};
use longshore_domain::load::LoadId;
use longshore_domain::object::{Object, ObjectKey, s3_url};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::error::Call;
use super::{head_current, length, quoted, unquoted};
use crate::fault::{CallError, Fault};

const GIBIBYTE: u64 = 1024 * 1024 * 1024;
/// What `CopyObject` takes.
const MAX_WHOLE_BYTES: u64 = 5 * GIBIBYTE;
/// A part of a longer copy, unless 10,000 of them are too few.
pub(super) const PART_BYTES: u64 = GIBIBYTE / 2;
/// S3's limit.
pub(super) const MAX_PARTS: u64 = 10_000;
/// S3 answers a copy when it is done, which for gigabytes is later than a client's usual patience.
const PATIENCE: Duration = Duration::from_secs(900);
/// The metadata entry (`x-amz-meta-…`) that names the object a copy was made of.
const MARK: &str = "longshore-source";
/// What S3 takes of metadata, names and values together.
const MAX_METADATA_BYTES: usize = 2048;
/// What needs no escape in the path of `x-amz-copy-source`.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// One copy of one version of an object.
pub(super) struct CopyJob<'a> {
    client: &'a Client,
    object: &'a Object,
    to: &'a ObjectKey,
    call: Call,
}

impl<'a> CopyJob<'a> {
    pub(super) fn new(client: &'a Client, object: &'a Object, to: &'a ObjectKey) -> Self {
        let call = Call::copy_object(s3_url(&object.bucket, to));
        Self {
            client,
            object,
            to,
            call,
        }
    }

    /// Copies, unless the key is taken. Tags travel with copies up to 5 GiB; S3 does not carry them over in parts.
    pub(super) async fn run(&self) -> Result<ArchiveCopy, ObjectStoreError> {
        let (source, taken) = tokio::join!(
            self.head_source(),
            head_current(self.client, &self.object.bucket, self.to)
        );
        if let Some(taken) = taken? {
            let source = source.ok();
            return Ok(self.judge(&taken, source.as_ref()));
        }
        let source = source.map_err(|error| self.source_call().failed(error))?;
        let copied = if length(source.content_length()) <= MAX_WHOLE_BYTES {
            self.copy_whole(&source).await
        } else {
            self.copy_in_parts(&source).await
        };
        match copied {
            Ok(()) => self.verify(&source).await,
            Err(Fruitless::Condition) => self.settle(&source).await,
            Err(Fruitless::Error(error)) => Err(error),
        }
    }

    async fn head_source(&self) -> Result<HeadObjectOutput, CallError<HeadObjectError>> {
        self.client
            .head_object()
            .bucket(self.object.bucket.as_str())
            .key(self.object.key.as_str())
            .set_version_id(self.object.version.clone())
            .set_if_match(self.object.etag.as_deref().map(quoted))
            .send()
            .await
    }

    fn source_call(&self) -> Call {
        Call::head_object(self.object.url())
    }

    /// What names the source in the mark: the id of its load. An entity tag alone would take two files of one name and the
    /// same bytes, from two folders, for one.
    fn mark(&self) -> String {
        LoadId::of(self.object).to_string()
    }

    /// An object is in the way: the very copy that an earlier try made, or something else.
    fn judge(&self, taken: &HeadObjectOutput, source: Option<&HeadObjectOutput>) -> ArchiveCopy {
        let expected = source.map_or(self.object.size_bytes, |source| length(source.content_length()));
        let mark = self.mark();
        let found = taken.metadata().and_then(|metadata| metadata.get(MARK));
        if found == Some(&mark) && length(taken.content_length()) == expected {
            ArchiveCopy::Copied
        } else {
            ArchiveCopy::Occupied
        }
    }

    async fn copy_whole(&self, source: &HeadObjectOutput) -> Result<(), Fruitless> {
        let request = self.client.copy_object();
        let request = request.bucket(self.object.bucket.as_str()).key(self.to.as_str());
        let metadata = self.marked_metadata(source);
        let directive = match metadata {
            Some(_) => MetadataDirective::Replace,
            None => MetadataDirective::Copy,
        };
        let answer = request
            .copy_source(copy_source(self.object))
            .set_copy_source_if_match(source.e_tag.clone())
            .if_none_match("*")
            .metadata_directive(directive)
            .set_metadata(metadata)
            .set_content_type(source.content_type.clone())
            .set_content_encoding(source.content_encoding.clone())
            .set_content_disposition(source.content_disposition.clone())
            .set_content_language(source.content_language.clone())
            .set_cache_control(source.cache_control.clone())
            .customize()
            .config_override(patient())
            .send()
            .await;
        answer
            .map(|_| ())
            .map_err(|error| Fruitless::of(&self.call, error))
    }

    /// The source's metadata and the mark; `None` when that is more than S3 takes. A copy without a mark is as good, only a
    /// later try will take it for something else.
    fn marked_metadata(&self, source: &HeadObjectOutput) -> Option<HashMap<String, String>> {
        let mut metadata = source.metadata.clone().unwrap_or_default();
        metadata.insert(MARK.to_owned(), self.mark());
        let bytes: usize = metadata
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        (bytes <= MAX_METADATA_BYTES).then_some(metadata)
    }

    /// A condition did not hold: somebody took the key, we ourselves did in a call whose answer was lost, or the source was
    /// replaced while it was copied.
    async fn settle(&self, source: &HeadObjectOutput) -> Result<ArchiveCopy, ObjectStoreError> {
        match head_current(self.client, &self.object.bucket, self.to).await? {
            Some(taken) => Ok(self.judge(&taken, Some(source))),
            None => Err(self.source_call().replaced()),
        }
    }

    async fn verify(&self, source: &HeadObjectOutput) -> Result<ArchiveCopy, ObjectStoreError> {
        let copy = head_current(self.client, &self.object.bucket, self.to).await?;
        let copy = copy.ok_or_else(|| self.call.unavailable("the copy is not there"))?;
        let (received, expected) = (length(copy.content_length()), length(source.content_length()));
        if received != expected {
            return Err(ObjectStoreError::Truncated {
                url: self.call.url.clone(),
                received,
                expected,
            });
        }
        if let (Some(copied), Some(original)) = (content_hash(&copy), content_hash(source))
            && copied != original
        {
            return Err(self.call.refused(format!(
                "the copy's entity tag is {copied}, its source's {original}"
            )));
        }
        Ok(ArchiveCopy::Copied)
    }
}

/// `bucket/key?versionId=…`, escaped as the header `x-amz-copy-source` wants it.
pub(super) fn copy_source(object: &Object) -> String {
    let key = utf8_percent_encode(object.key.as_str(), PATH);
    let source = format!("{}/{key}", object.bucket);
    match &object.version {
        Some(version) => format!("{source}?versionId={}", utf8_percent_encode(version, PATH)),
        None => source,
    }
}

/// Why nothing was copied.
enum Fruitless {
    /// A condition on the key or on the source did not hold.
    Condition,
    /// Something else.
    Error(ObjectStoreError),
}

impl Fruitless {
    fn of<E>(call: &Call, error: CallError<E>) -> Self
    where
        E: aws_smithy_types::error::metadata::ProvideErrorMetadata
            + std::error::Error
            + Send
            + Sync
            + 'static,
    {
        match Fault::of(&error) {
            Fault::ConditionFailed => Self::Condition,
            _ => Self::Error(call.failed(error)),
        }
    }
}

/// An entity tag that depends on the bytes alone: not that of a multipart upload, and not that of an encrypted object.
fn content_hash(head: &HeadObjectOutput) -> Option<String> {
    let is_plain = matches!(
        head.server_side_encryption(),
        None | Some(ServerSideEncryption::Aes256)
    );
    let etag = unquoted(head.e_tag()?);
    let is_md5 = etag.len() == 32 && etag.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_plain && is_md5 && head.sse_customer_algorithm().is_none()).then_some(etag)
}

/// A client's configuration for calls that S3 answers only when it has copied what was asked.
pub(super) fn patient() -> Builder {
    let timeouts = TimeoutConfig::builder()
        .read_timeout(PATIENCE)
        .operation_attempt_timeout(PATIENCE)
        .operation_timeout(PATIENCE)
        .build();
    Builder::new().timeout_config(timeouts)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use longshore_app::ports::COPIES_AT_ONCE;
    use longshore_domain::disposition::Disposition;
    use longshore_domain::object::Bucket;
    use rstest::rstest;

    use super::in_parts::ranges;
    use super::*;
    use crate::scripted::{Reply, Request, Script, s3_client};

    const ETAG: &str = "0123456789abcdef0123456789abcdef";

    fn object() -> Object {
        Object {
            bucket: Bucket::new("landing"),
            key: ObjectKey::new("in/a b+%ü.txt"),
            version: None,
            etag: Some(ETAG.to_owned()),
            size_bytes: 3,
            sequencer: None,
        }
    }

    fn head(size_bytes: u64) -> Reply {
        Reply::ok("")
            .header("content-length", &size_bytes.to_string())
            .header("content-type", "text/plain")
            .header("etag", &format!("\"{ETAG}\""))
    }

    fn our_copy(size_bytes: u64) -> Reply {
        head(size_bytes).header("x-amz-meta-longshore-source", &LoadId::of(&object()).to_string())
    }

    fn is_about_the_copy(request: &Request) -> bool {
        request.uri.contains("/archive/")
    }

    /// A service whose archive is as `before` says until something is written, and as `after` says from then on.
    fn service(source: Reply, before: Reply, write: Reply, after: Reply) -> Script {
        let writes = AtomicUsize::new(0);
        Script::answering(move |request, _| {
            let is_head = request.method == "HEAD";
            match (is_head, is_about_the_copy(request)) {
                (true, false) => source.clone(),
                (true, true) if writes.load(Ordering::SeqCst) == 0 => before.clone(),
                (true, true) => after.clone(),
                _ => {
                    writes.fetch_add(1, Ordering::SeqCst);
                    write.clone()
                }
            }
        })
    }

    fn copied() -> Reply {
        Reply::ok(format!(
            "<CopyObjectResult><ETag>\"{ETAG}\"</ETag></CopyObjectResult>"
        ))
    }

    async fn copy(script: &Script) -> Result<ArchiveCopy, ObjectStoreError> {
        let client = s3_client(script);
        CopyJob::new(&client, &object(), &ObjectKey::new("archive/1/a"))
            .run()
            .await
    }

    #[tokio::test]
    async fn the_copy_is_pinned_conditional_marked_and_escaped() {
        let script = service(head(3), Reply::status(404), copied(), our_copy(3));
        assert_eq!(copy(&script).await.unwrap(), ArchiveCopy::Copied);
        let requests = script.requests();
        let put = requests.iter().find(|request| request.method == "PUT").unwrap();
        assert_eq!(
            put.header("x-amz-copy-source"),
            Some("landing/in/a%20b%2B%25%C3%BC.txt")
        );
        assert_eq!(put.header("if-none-match"), Some("*"));
        assert_eq!(
            put.header("x-amz-copy-source-if-match"),
            Some(format!("\"{ETAG}\"").as_str())
        );
        assert_eq!(put.header("x-amz-metadata-directive"), Some("REPLACE"));
        assert_eq!(
            put.header("x-amz-meta-longshore-source"),
            Some(LoadId::of(&object()).to_string().as_str())
        );
        assert_eq!(put.header("content-type"), Some("text/plain"));
    }

    #[tokio::test]
    async fn a_key_that_is_taken_is_left_alone() {
        let script = service(head(3), head(9), copied(), head(9));
        assert_eq!(copy(&script).await.unwrap(), ArchiveCopy::Occupied);
        assert!(script.requests().iter().all(|request| request.method == "HEAD"));
    }

    #[tokio::test]
    async fn a_key_that_is_taken_in_between_is_left_alone() {
        let refused = Reply::error(412, "PreconditionFailed");
        let script = service(head(3), Reply::status(404), refused, head(3));
        assert_eq!(copy(&script).await.unwrap(), ArchiveCopy::Occupied);
    }

    #[tokio::test]
    async fn the_copy_of_an_earlier_try_is_known_again_even_when_its_source_is_gone() {
        let script = service(Reply::status(404), our_copy(3), copied(), our_copy(3));
        assert_eq!(copy(&script).await.unwrap(), ArchiveCopy::Copied);
    }

    #[tokio::test]
    async fn a_copy_whose_answer_was_lost_is_known_again() {
        let refused = Reply::error(412, "PreconditionFailed");
        let script = service(head(3), Reply::status(404), refused, our_copy(3));
        assert_eq!(copy(&script).await.unwrap(), ArchiveCopy::Copied);
    }

    #[tokio::test]
    async fn a_source_that_was_replaced_is_not_archived() {
        let refused = Reply::error(412, "PreconditionFailed");
        let script = service(head(3), Reply::status(404), refused, Reply::status(404));
        assert!(matches!(
            copy(&script).await,
            Err(ObjectStoreError::Replaced { .. })
        ));
        let script = service(Reply::status(412), Reply::status(404), copied(), our_copy(3));
        assert!(matches!(
            copy(&script).await,
            Err(ObjectStoreError::Replaced { .. })
        ));
    }

    #[tokio::test]
    async fn a_copy_that_is_shorter_than_its_source_is_an_error() {
        let script = service(head(3), Reply::status(404), copied(), our_copy(2));
        let error = copy(&script).await.unwrap_err();
        assert!(
            matches!(
                error,
                ObjectStoreError::Truncated {
                    received: 2,
                    expected: 3,
                    ..
                }
            ),
            "{error:?}"
        );
    }

    #[rstest]
    #[case(Reply::error(403, "AccessDenied"), Disposition::Misconfigured)]
    #[case(Reply::error(503, "SlowDown"), Disposition::Retry)]
    #[case(Reply::error(200, "InternalError"), Disposition::Retry)]
    #[case(Reply::refused_connection(), Disposition::Retry)]
    #[case(Reply::ok("<CopyObj").then_breaks(), Disposition::Retry)]
    #[tokio::test]
    async fn a_copy_that_fails_says_what_to_do(#[case] write: Reply, #[case] expected: Disposition) {
        let script = service(head(3), Reply::status(404), write, Reply::status(404));
        assert_eq!(copy(&script).await.unwrap_err().disposition(), expected);
    }

    #[tokio::test]
    async fn more_than_five_gibibytes_are_copied_in_parts() {
        let size_bytes = MAX_WHOLE_BYTES + 1;
        let script = Script::answering(move |request, number| match request.method.as_str() {
            "HEAD" if is_about_the_copy(request) && number < 2 => Reply::status(404),
            "HEAD" => our_copy(size_bytes),
            "POST" if request.uri.contains("?uploads") => Reply::ok(
                "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>",
            ),
            "POST" => Reply::ok("<CompleteMultipartUploadResult/>"),
            _ => Reply::ok("<CopyPartResult><ETag>\"p\"</ETag></CopyPartResult>"),
        });
        assert_eq!(copy(&script).await.unwrap(), ArchiveCopy::Copied);
        let requests = script.requests();
        let parts: Vec<_> = requests
            .iter()
            .filter(|request| request.method == "PUT")
            .collect();
        assert_eq!(parts.len(), 11);
        assert!(
            parts.iter().any(|part| {
                part.header("x-amz-copy-source-range") == Some("bytes=5368709120-5368709120")
            })
        );
        let create = requests
            .iter()
            .find(|request| request.uri.contains("?uploads"))
            .unwrap();
        assert_eq!(
            create.header("x-amz-meta-longshore-source"),
            Some(LoadId::of(&object()).to_string().as_str())
        );
        let complete = requests.iter().rfind(|request| request.method == "POST").unwrap();
        assert_eq!(complete.header("if-none-match"), Some("*"));
    }

    /// A service that has a long object, answers late, and nothing in its archive.
    fn long_service(size_bytes: u64) -> Script {
        let service = Script::answering(move |request, _| match request.method.as_str() {
            "HEAD" if is_about_the_copy(request) => Reply::status(404),
            "HEAD" => head(size_bytes),
            "POST" if request.uri.contains("?uploads") => Reply::ok(
                "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>",
            ),
            "DELETE" => Reply::status(204),
            _ => Reply::ok("<CopyPartResult><ETag>\"p\"</ETag></CopyPartResult>"),
        });
        service.answering_late()
    }

    #[tokio::test]
    async fn a_long_copy_that_is_dropped_on_the_way_is_aborted() {
        let script = long_service(400 * GIBIBYTE);
        let mut copying = Box::pin(copy(&script));
        let is_part = |request: &&Request| request.method == "PUT";
        while script.requests().iter().find(is_part).is_none() {
            assert!(futures_util::poll!(&mut copying).is_pending());
            tokio::task::yield_now().await;
        }
        let at_once = script.requests().iter().filter(is_part).count();
        assert_eq!(
            at_once, COPIES_AT_ONCE,
            "or an invocation has not the time for it"
        );
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
        for size_bytes in [MAX_WHOLE_BYTES + 1, 11 * GIBIBYTE, 50_000 * GIBIBYTE] {
            let parts = ranges(size_bytes);
            assert!(parts.len() as u64 <= MAX_PARTS);
            assert_eq!((parts[0].number, parts[0].first), (1, 0));
            assert!(parts.windows(2).all(|pair| pair[0].last + 1 == pair[1].first));
            assert!(parts.iter().all(|part| part.last - part.first < MAX_WHOLE_BYTES));
            assert_eq!(parts.last().unwrap().last, size_bytes - 1);
        }
    }
}
