//! A read that survives broken connections: it goes on where it stopped, in the same version, or says that it could not.

use std::fmt;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::try_unfold;
use longshore_app::ports::{ObjectBody, ObjectStoreError};
use longshore_domain::object::Object;

use super::error::Call;
use super::{length, quoted, unquoted};
use crate::fault::{CallError, Fault};

/// Failures in a row, without one new byte, after which a read is given up. The SDK's own retries of each request come
/// on top.
const FAILURES_IN_A_ROW: u32 = 5;
/// The wait before the second try; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// A read pinned to one version of an object.
pub(super) struct PinnedBody {
    client: Client,
    object: Object,
    call: Call,
    expected: u64,
    received: u64,
    failures: u32,
    connection: Option<ByteStream>,
}

impl PinnedBody {
    /// Asks for the object; the errors of the first answer are the caller's, those of the body are mended here.
    pub(super) async fn open(client: Client, object: &Object) -> Result<ObjectBody, ObjectStoreError> {
        let mut object = object.clone();
        let call = Call::get_object(object.url(), object.version.as_deref());
        let answer = get(&client, &object, 0)
            .await
            .map_err(|error| call.failed(error))?;
        // An answer about the very object that is known may be cut short and look complete.
        let is_pinned = object.etag.is_some() || object.version.is_some();
        let known = if is_pinned { object.size_bytes } else { 0 };
        let expected = length(answer.content_length()).max(known);
        // Whatever pin the caller had, later ranges come from the version that this answer is of.
        object.etag = answer.e_tag().map(unquoted).or(object.etag);
        let body = Self {
            client,
            object,
            call,
            expected,
            received: 0,
            failures: 0,
            connection: Some(answer.body),
        };
        Ok(ObjectBody {
            size_bytes: expected,
            chunks: body.into_stream().boxed(),
        })
    }

    fn into_stream(self) -> impl futures_util::Stream<Item = Result<Bytes, ObjectStoreError>> + Send {
        try_unfold(self, |mut body| async move {
            let chunk = body.next_chunk().await?;
            Ok(chunk.map(|chunk| (chunk, body)))
        })
    }

    /// The next bytes; `None` only after all of them.
    async fn next_chunk(&mut self) -> Result<Option<Bytes>, ObjectStoreError> {
        loop {
            let mut connection = match self.connection.take() {
                Some(connection) => connection,
                None => match self.reopen().await? {
                    Some(connection) => connection,
                    None => continue,
                },
            };
            match connection.next().await {
                Some(Ok(chunk)) if chunk.is_empty() => self.connection = Some(connection),
                Some(Ok(chunk)) => {
                    self.connection = Some(connection);
                    return self.account_for(chunk).map(Some);
                }
                // The end is asked for even after the last byte: that is where the SDK reports a wrong checksum.
                Some(Err(error)) if self.is_complete() => return Err(self.call.unavailable(error)),
                None if self.is_complete() => return Ok(None),
                Some(Err(error)) => self.wait_after_short_body(&error).await?,
                None => self.wait_after_short_body(&"it ended in silence").await?,
            }
        }
    }

    fn is_complete(&self) -> bool {
        self.received == self.expected
    }

    fn account_for(&mut self, chunk: Bytes) -> Result<Bytes, ObjectStoreError> {
        self.received += chunk.len() as u64;
        self.failures = 0;
        if self.received > self.expected {
            let excess = format!(
                "{} bytes came where {} were announced",
                self.received, self.expected
            );
            return Err(self.call.unavailable(excess));
        }
        Ok(chunk)
    }

    /// Asks for the rest. `None` when that failed in a way worth another try.
    async fn reopen(&mut self) -> Result<Option<ByteStream>, ObjectStoreError> {
        match get(&self.client, &self.object, self.received).await {
            Ok(answer) if self.is_the_rest(&answer) => Ok(Some(answer.body)),
            Ok(_) => Err(self.call.replaced()),
            // There is no more of it: whoever announced its size was wrong.
            Err(error) if is_past_the_end(&error) => {
                self.expected = self.received;
                Ok(Some(ByteStream::from_static(b"")))
            }
            Err(error) if matches!(Fault::of(&error), Fault::Unavailable | Fault::Busy) => {
                self.wait_after_failed_request(error).await?;
                Ok(None)
            }
            Err(error) => Err(self.call.failed(error)),
        }
    }

    /// A server that ignored the range would start again from the first byte, and nobody would see it. Before the first byte
    /// there is no range to ask for.
    fn is_the_rest(&self, answer: &GetObjectOutput) -> bool {
        if self.received == 0 {
            return true;
        }
        let begins = format!("bytes {}-", self.received);
        answer
            .content_range()
            .is_some_and(|range| range.starts_with(&begins))
    }

    async fn wait_after_short_body(
        &mut self,
        cause: &(dyn fmt::Display + Sync),
    ) -> Result<(), ObjectStoreError> {
        let url = &self.call.url;
        let (received, expected) = (self.received, self.expected);
        tracing::warn!(
            object.url = %url,
            received_bytes = received,
            "the body of {url} broke off after {received} of {expected} bytes: {cause}"
        );
        if self.is_out_of_patience() {
            return Err(self.truncated());
        }
        self.wait().await;
        Ok(())
    }

    async fn wait_after_failed_request(
        &mut self,
        error: CallError<GetObjectError>,
    ) -> Result<(), ObjectStoreError> {
        if self.is_out_of_patience() {
            return Err(self.call.failed(error));
        }
        self.wait().await;
        Ok(())
    }

    /// Counts a failure.
    fn is_out_of_patience(&mut self) -> bool {
        self.failures += 1;
        self.failures >= FAILURES_IN_A_ROW
    }

    async fn wait(&self) {
        tokio::time::sleep(FIRST_WAIT * 2_u32.pow(self.failures - 1)).await;
    }

    fn truncated(&self) -> ObjectStoreError {
        ObjectStoreError::Truncated {
            url: self.call.url.clone(),
            received: self.received,
            expected: self.expected,
        }
    }
}

/// Reads from `offset` to the end, in exactly the version that `object` names.
async fn get(
    client: &Client,
    object: &Object,
    offset: u64,
) -> Result<GetObjectOutput, CallError<GetObjectError>> {
    client
        .get_object()
        .bucket(object.bucket.as_str())
        .key(object.key.as_str())
        .set_version_id(object.version.clone())
        .set_if_match(object.etag.as_deref().map(quoted))
        .set_range((offset > 0).then(|| format!("bytes={offset}-")))
        .send()
        .await
}

fn is_past_the_end(error: &CallError<GetObjectError>) -> bool {
    error
        .as_service_error()
        .is_some_and(|error| error.code() == Some("InvalidRange"))
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt;
    use longshore_domain::object::{Bucket, ObjectKey};
    use rstest::rstest;

    use super::*;
    use crate::scripted::{Reply, Script, s3_client};

    const TEXT: &str = "0123456789";

    fn object() -> Object {
        Object {
            bucket: Bucket::new("landing"),
            key: ObjectKey::new("in/a.txt"),
            version: None,
            etag: Some("abc".to_owned()),
            size_bytes: 10,
            sequencer: None,
        }
    }

    /// An answer that announces the rest of the object and sends so many bytes of it.
    fn body(range: std::ops::RangeFrom<usize>, bytes: usize) -> Reply {
        let announced = TEXT.len() - range.start;
        announcing(announced, range, bytes)
    }

    /// One that looks complete: it announces what it sends.
    fn shortened(range: std::ops::RangeFrom<usize>, bytes: usize) -> Reply {
        announcing(bytes, range, bytes)
    }

    fn announcing(announced: usize, range: std::ops::RangeFrom<usize>, bytes: usize) -> Reply {
        let reply = Reply::ok(&TEXT[range.start..range.start + bytes])
            .header("content-length", &announced.to_string())
            .header("etag", "\"abc\"");
        match range.start {
            0 => reply,
            start => reply.header("content-range", &format!("bytes {start}-9/10")),
        }
    }

    async fn read(script: &Script) -> Result<String, ObjectStoreError> {
        let body = PinnedBody::open(s3_client(script), &object()).await?;
        assert_eq!(body.size_bytes, 10);
        let chunks: Vec<Bytes> = body.chunks.try_collect().await?;
        Ok(String::from_utf8(chunks.concat()).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_broken_connection_goes_on_where_it_stopped_in_the_same_version() {
        let script = Script::new([
            body(0.., 4).then_breaks(),
            body(4.., 3).then_breaks(),
            body(7.., 3),
        ]);
        assert_eq!(read(&script).await.unwrap(), TEXT);
        let requests = script.requests();
        assert_eq!(requests[0].header("range"), None);
        assert_eq!(requests[1].header("range"), Some("bytes=4-"));
        assert_eq!(requests[2].header("range"), Some("bytes=7-"));
        assert!(
            requests
                .iter()
                .all(|request| request.header("if-match") == Some("\"abc\""))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_ends_early_in_silence_is_read_on() {
        let script = Script::new([body(0.., 4), body(4.., 6)]);
        assert_eq!(read(&script).await.unwrap(), TEXT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_claims_to_be_shorter_than_the_object_is_read_on() {
        let script = Script::new([
            shortened(0.., 4),
            shortened(4.., 0),
            shortened(4.., 3),
            body(7.., 3),
        ]);
        assert_eq!(read(&script).await.unwrap(), TEXT);
    }

    #[tokio::test(start_paused = true)]
    async fn an_object_that_is_shorter_than_it_was_announced_is_read_as_it_is() {
        let script = Script::new([shortened(0.., 4), Reply::error(416, "InvalidRange")]);
        assert_eq!(read(&script).await.unwrap(), &TEXT[..4]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_always_ends_early_is_truncated_and_never_short_in_silence() {
        let script = Script::answering(|_, number| if number == 0 { body(0.., 4) } else { body(4.., 0) });
        let error = read(&script).await.unwrap_err();
        assert!(
            matches!(
                error,
                ObjectStoreError::Truncated {
                    received: 4,
                    expected: 10,
                    ..
                }
            ),
            "{error:?}"
        );
        assert_eq!(script.requests().len(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn progress_renews_patience() {
        let script = Script::answering(|_, number| body(number.., 1).then_breaks());
        assert!(
            read(&script).await.is_err(),
            "the last byte is followed by a broken end"
        );
        assert_eq!(script.requests().len(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_stays_away_is_unavailable() {
        let script = Script::answering(|_, number| match number {
            0 => body(0.., 4).then_breaks(),
            _ => Reply::error(503, "SlowDown"),
        });
        let error = read(&script).await.unwrap_err();
        assert!(matches!(error, ObjectStoreError::Unavailable { .. }), "{error:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_is_replaced_halfway_is_noticed() {
        let script = Script::new([
            body(0.., 4).then_breaks(),
            Reply::error(412, "PreconditionFailed"),
        ]);
        assert!(matches!(
            read(&script).await,
            Err(ObjectStoreError::Replaced { .. })
        ));
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_ignores_the_range_is_noticed() {
        let script = Script::new([body(0.., 4).then_breaks(), body(0.., 10)]);
        assert!(matches!(
            read(&script).await,
            Err(ObjectStoreError::Replaced { .. })
        ));
    }

    #[tokio::test]
    async fn a_wrong_checksum_is_an_error_although_every_byte_came() {
        let script = Script::new([body(0.., 10).header("x-amz-checksum-crc32", "AAAAAA==")]);
        let error = read(&script).await.unwrap_err();
        assert!(matches!(error, ObjectStoreError::Unavailable { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn an_empty_object_is_read_without_a_second_request() {
        let script = Script::new([Reply::ok("")
            .header("content-length", "0")
            .header("etag", "\"e\"")]);
        let empty = Object {
            size_bytes: 0,
            ..object()
        };
        let opened = PinnedBody::open(s3_client(&script), &empty).await.unwrap();
        let chunks: Vec<Bytes> = opened.chunks.try_collect().await.unwrap();
        assert!(chunks.concat().is_empty());
        assert_eq!(script.requests().len(), 1);
    }

    #[rstest]
    #[case(Reply::error(404, "NoSuchKey"), "does not exist")]
    #[case(Reply::error(412, "PreconditionFailed"), "was replaced")]
    #[case(Reply::error(403, "AccessDenied"), "grant s3:GetObject on it")]
    #[case(Reply::error(503, "SlowDown"), "could not be reached")]
    #[case(Reply::refused_connection(), "could not be reached")]
    #[case(Reply::error(400, "InvalidRequest"), "refused GetObject")]
    #[tokio::test]
    async fn a_first_answer_that_fails_says_what_to_do(#[case] reply: Reply, #[case] expected: &str) {
        let error = read(&Script::new([reply])).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }

    #[tokio::test]
    async fn a_versioned_object_is_read_by_its_version() {
        let script = Script::new([body(0.., 10)]);
        let versioned = Object {
            version: Some("v1".to_owned()),
            ..object()
        };
        PinnedBody::open(s3_client(&script), &versioned).await.unwrap();
        assert!(script.requests()[0].uri.contains("versionId=v1"));
    }
}
