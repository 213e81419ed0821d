//! Reads of a stretch of an object: all of it, in exactly the version that was asked for, or an error.

use std::ops::Range;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use futures_util::stream::try_unfold;
use longshore_app::ports::{ObjectHead, ObjectStart, ObjectStoreError, RangeBody};
use longshore_domain::object::{Bucket, Object, ObjectKey, s3_url};

use super::error::Call;
use super::{head_current, list, object_head, quoted, unquoted};
use crate::fault::{CallError, Fault};

/// Failures in a row, without one new byte, after which a read is given up. The SDK's own retries of each request come
/// on top.
const FAILURES_IN_A_ROW: u32 = 5;
/// The wait before the second try; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// Reads a stretch of one version of an object, block by block.
pub(super) fn stream<'a>(client: &'a Client, object: &'a Object, range: Range<u64>) -> RangeBody<'a> {
    let stretch = Stretch {
        client,
        object,
        call: Call::get_object(object.url(), object.version.as_deref()),
        next_byte: range.start,
        range,
        failures: 0,
        connection: None,
    };
    try_unfold(stretch, |mut stretch| async move {
        let block = stretch.next_block().await?;
        Ok(block.map(|block| (block, stretch)))
    })
    .boxed()
}

/// Reads the first bytes of what lies at a key now.
pub(super) async fn read_start(
    client: &Client,
    bucket: &Bucket,
    key: &ObjectKey,
    bytes: u64,
) -> Result<Option<ObjectStart>, ObjectStoreError> {
    let call = Call::get_object(s3_url(bucket, key), None);
    let mut answer = match get_start(client, bucket, key, bytes).await {
        Ok(answer) => answer,
        Err(error) if Fault::of(&error) == Fault::Missing => return Ok(None),
        Err(error) if is_past_the_end(&error) => return empty(client, bucket, key).await,
        Err(error) => return Err(call.failed(error)),
    };
    let head =
        head_of(&answer).ok_or_else(|| call.refused("the answer does not say how long the object is"))?;
    let wanted = bytes.min(head.size_bytes);
    let mut received = BytesMut::new();
    // A body that breaks off is read on from where it stopped, as any stretch is.
    while let Some(Ok(chunk)) = answer.body.next().await {
        received.extend_from_slice(&chunk);
    }
    let missing = received.len() as u64..wanted;
    if missing.start > wanted {
        return Err(call.unavailable(format!(
            "{} bytes came where {wanted} were asked for",
            missing.start
        )));
    }
    if !missing.is_empty() {
        let object = object(bucket, key, &head);
        let mut rest = stream(client, &object, missing);
        while let Some(block) = rest.next().await {
            received.extend_from_slice(&block?);
        }
    }
    Ok(Some(ObjectStart {
        head,
        bytes: received.freeze(),
    }))
}

/// An object without a byte has no first one to ask for.
async fn empty(
    client: &Client,
    bucket: &Bucket,
    key: &ObjectKey,
) -> Result<Option<ObjectStart>, ObjectStoreError> {
    let head = head_current(client, bucket, key).await?;
    Ok(head.map(|head| ObjectStart {
        head: object_head(&head),
        bytes: Bytes::new(),
    }))
}

async fn get_start(
    client: &Client,
    bucket: &Bucket,
    key: &ObjectKey,
    bytes: u64,
) -> Result<GetObjectOutput, CallError<GetObjectError>> {
    client
        .get_object()
        .bucket(bucket.as_str())
        .key(key.as_str())
        .range(format!("bytes=0-{}", bytes.max(1) - 1))
        .send()
        .await
}

/// What an answer about a stretch says of the whole object.
fn head_of(answer: &GetObjectOutput) -> Option<ObjectHead> {
    let (_, size) = answer.content_range()?.rsplit_once('/')?;
    Some(ObjectHead {
        size_bytes: size.parse().ok()?,
        etag: answer.e_tag().map(unquoted),
        version: answer.version_id().map(str::to_owned),
        modified_at: answer.last_modified().and_then(list::moment),
    })
}

fn object(bucket: &Bucket, key: &ObjectKey, head: &ObjectHead) -> Object {
    Object {
        bucket: bucket.clone(),
        key: key.clone(),
        version: head.version.clone(),
        etag: head.etag.clone(),
        size_bytes: head.size_bytes,
        sequencer: None,
    }
}

fn is_past_the_end(error: &CallError<GetObjectError>) -> bool {
    error
        .as_service_error()
        .is_some_and(|error| error.code() == Some("InvalidRange"))
}

/// A stretch that is being read.
struct Stretch<'a> {
    client: &'a Client,
    object: &'a Object,
    call: Call,
    range: Range<u64>,
    next_byte: u64,
    failures: u32,
    connection: Option<ByteStream>,
}

impl Stretch<'_> {
    fn is_complete(&self) -> bool {
        self.next_byte >= self.range.end
    }

    /// The next bytes; `None` only after all of them.
    async fn next_block(&mut self) -> Result<Option<Bytes>, ObjectStoreError> {
        loop {
            let mut connection = match self.connection.take() {
                Some(connection) => connection,
                None if self.is_complete() => return Ok(None),
                None => match self.ask().await? {
                    Some(connection) => connection,
                    None => continue,
                },
            };
            match connection.next().await {
                Some(Ok(block)) => {
                    self.connection = Some(connection);
                    if !block.is_empty() {
                        return self.account_for(block).map(Some);
                    }
                }
                Some(Err(_)) | None if self.is_complete() => return Ok(None),
                Some(Err(_)) | None if self.is_out_of_patience() => return Err(self.truncated()),
                Some(Err(_)) | None => self.wait().await,
            }
        }
    }

    fn account_for(&mut self, block: Bytes) -> Result<Bytes, ObjectStoreError> {
        self.failures = 0;
        self.next_byte += block.len() as u64;
        if self.next_byte > self.range.end {
            let excess = self.next_byte - self.range.end;
            return Err(self
                .call
                .unavailable(format!("{excess} bytes more came than were asked for")));
        }
        Ok(block)
    }

    /// Asks for what is missing. `None` when that failed in a way worth another try.
    async fn ask(&mut self) -> Result<Option<ByteStream>, ObjectStoreError> {
        match self.get().await {
            Ok(answer) => {
                self.check_place(&answer)?;
                Ok(Some(answer.body))
            }
            Err(error) if matches!(Fault::of(&error), Fault::Unavailable | Fault::Busy) => {
                if self.is_out_of_patience() {
                    return Err(self.call.failed(error));
                }
                self.wait().await;
                Ok(None)
            }
            // There are fewer bytes than the object has that we were told of: it is another one.
            Err(error) if is_past_the_end(&error) => Err(self.call.replaced()),
            Err(error) => Err(self.call.failed(error)),
        }
    }

    async fn get(&self) -> Result<GetObjectOutput, CallError<GetObjectError>> {
        self.client
            .get_object()
            .bucket(self.object.bucket.as_str())
            .key(self.object.key.as_str())
            .set_version_id(self.object.version.clone())
            .set_if_match(self.object.etag.as_deref().map(quoted))
            .range(format!("bytes={}-{}", self.next_byte, self.range.end - 1))
            .send()
            .await
    }

    /// A server that ignored the range would send the object's first bytes, and nobody would see it.
    fn check_place(&self, answer: &GetObjectOutput) -> Result<(), ObjectStoreError> {
        let begins = format!("bytes {}-", self.next_byte);
        match answer.content_range() {
            Some(range) if range.starts_with(&begins) => Ok(()),
            Some(_) | None => Err(self
                .call
                .refused("the answer is not of the range that was asked for")),
        }
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
            received: self.next_byte - self.range.start,
            expected: self.range.end - self.range.start,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt as _;
    use rstest::rstest;

    use super::*;
    use crate::scripted::{Reply, Script, s3_client};

    const TEXT: &str = "0123456789";

    fn whole() -> Object {
        Object {
            bucket: Bucket::new("landing"),
            key: ObjectKey::new("in/a.txt"),
            version: None,
            etag: Some("abc".to_owned()),
            size_bytes: 10,
            sequencer: None,
        }
    }

    /// An answer about `range` that sends so many bytes of it.
    fn part(range: Range<usize>, bytes: usize) -> Reply {
        Reply::ok(&TEXT[range.start..range.start + bytes])
            .with_status(206)
            .header("content-length", &range.len().to_string())
            .header("etag", "\"abc\"")
            .header(
                "content-range",
                &format!("bytes {}-{}/10", range.start, range.end - 1),
            )
    }

    async fn read_three_to_eight(script: &Script) -> Result<Bytes, ObjectStoreError> {
        let (client, whole) = (s3_client(script), whole());
        let blocks: Vec<Bytes> = stream(&client, &whole, 3..8).try_collect().await?;
        Ok(blocks.concat().into())
    }

    #[tokio::test]
    async fn a_stretch_is_read_by_one_pinned_request() {
        let script = Script::new([part(3..8, 5)]);
        assert_eq!(read_three_to_eight(&script).await.unwrap(), "34567");
        let requests = script.requests();
        assert_eq!(requests.len(), 1);
        assert_eq!(requests[0].header("range"), Some("bytes=3-7"));
        assert_eq!(requests[0].header("if-match"), Some("\"abc\""));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_breaks_or_ends_in_silence_is_read_on() {
        let script = Script::new([part(3..8, 2).then_breaks(), part(5..8, 1), part(6..8, 2)]);
        assert_eq!(read_three_to_eight(&script).await.unwrap(), "34567");
        assert_eq!(script.requests()[2].header("range"), Some("bytes=6-7"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_comes_is_truncated_and_never_short_in_silence() {
        let script = Script::always(part(3..8, 0));
        let error = read_three_to_eight(&script).await.unwrap_err();
        assert!(
            matches!(
                error,
                ObjectStoreError::Truncated {
                    received: 0,
                    expected: 5,
                    ..
                }
            ),
            "{error:?}"
        );
        assert_eq!(script.requests().len(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn blocks_are_handed_on_as_they_come_and_more_than_was_asked_for_is_an_error() {
        let (client, whole) = (s3_client(&Script::new([part(3..8, 2), part(5..8, 4)])), whole());
        let mut blocks = stream(&client, &whole, 3..8);
        assert_eq!(blocks.next().await.unwrap().unwrap(), "34");
        let error = blocks.next().await.unwrap().unwrap_err();
        assert!(matches!(error, ObjectStoreError::Unavailable { .. }), "{error:?}");
        assert!(blocks.next().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_service_is_asked_again() {
        let script = Script::new([
            Reply::error(503, "SlowDown"),
            Reply::refused_connection(),
            part(3..8, 5),
        ]);
        assert_eq!(read_three_to_eight(&script).await.unwrap(), "34567");
    }

    #[rstest]
    #[case(Reply::error(404, "NoSuchKey"), "does not exist")]
    #[case(Reply::error(412, "PreconditionFailed"), "was replaced")]
    #[case(Reply::error(416, "InvalidRange"), "was replaced")]
    #[case(Reply::error(403, "AccessDenied"), "grant s3:GetObject on it")]
    #[case(Reply::error(503, "SlowDown"), "could not be reached")]
    #[case(Reply::ok(TEXT).header("content-length", "10"), "refused GetObject")]
    #[tokio::test(start_paused = true)]
    async fn a_read_that_fails_says_what_to_do(#[case] reply: Reply, #[case] expected: &str) {
        let error = read_three_to_eight(&Script::always(reply)).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }

    #[tokio::test]
    async fn the_start_of_an_object_says_what_it_is() {
        let script = Script::new([part(0..4, 4)]);
        let client = s3_client(&script);
        let found = read_start(&client, &whole().bucket, &whole().key, 4)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found.bytes, "0123");
        assert_eq!(found.head.size_bytes, 10);
        assert_eq!(found.head.etag.as_deref(), Some("abc"));
        assert_eq!(script.requests().len(), 1);
    }

    #[tokio::test]
    async fn a_start_that_breaks_off_is_read_on_in_the_same_version() {
        let script = Script::new([part(0..4, 1).then_breaks(), part(1..4, 3)]);
        let client = s3_client(&script);
        let found = read_start(&client, &whole().bucket, &whole().key, 4)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found.bytes, "0123");
        assert_eq!(script.requests()[1].header("if-match"), Some("\"abc\""));
    }

    #[tokio::test]
    async fn an_object_without_a_byte_and_none_at_all_have_no_start() {
        let head = Reply::ok("")
            .header("content-length", "0")
            .header("etag", "\"e\"");
        let script = Script::new([Reply::error(416, "InvalidRange"), head]);
        let client = s3_client(&script);
        let found = read_start(&client, &whole().bucket, &whole().key, 4)
            .await
            .unwrap()
            .unwrap();
        assert_eq!((found.head.size_bytes, found.bytes.len()), (0, 0));
        let script = Script::new([Reply::error(404, "NoSuchKey")]);
        let client = s3_client(&script);
        let found = read_start(&client, &whole().bucket, &whole().key, 4)
            .await
            .unwrap();
        assert_eq!(found, None);
    }
}
