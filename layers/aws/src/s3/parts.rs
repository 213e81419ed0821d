//! One object, part by part.
//!
//! A part stays in memory until it has arrived, which is what makes the SDK's retries of it possible, so all uploads of a
//! store share one [`Budget`] for what is on its way. With a part that fills in memory that makes 20 MiB for one upload, and
//! 5 MiB more for each of five others; what waits of more than those is in a file. Beyond objects of 14 GiB larger parts keep an
//! object within S3's 10,000.

use std::fmt;
use std::io;

use aws_sdk_s3::config::Builder;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedPart};
use bytes::Bytes;
use longshore_app::ports::{ObjectStoreError, UploadedObject};
use tokio::task::{JoinError, JoinSet};

use super::budget::Budget;
use super::error::Call;
use super::target::{Completion, Target, Unfinished};

/// What all uploads of a store together have on their way: three parts of [`PART_BYTES`].
pub(super) const IN_FLIGHT_BYTES: u32 = 15 * 1024 * 1024;
/// The size of a part while the object is short: the least that S3 takes of any but the last.
pub(super) const PART_BYTES: usize = 5 * 1024 * 1024;
/// Parts of [`PART_BYTES`] before they begin to grow.
const SMALL_PARTS: usize = 3_000;
/// Parts after which their size doubles, once they grow.
const PARTS_PER_DOUBLING: usize = 1_000;
/// S3's limit. With the growth above it lies at 1.2 TiB.
const MAX_PARTS: usize = 10_000;

/// How often a part is as long as the first, by its number, counted from 1.
fn growth(number: usize) -> usize {
    1 << ((number + PARTS_PER_DOUBLING - 1).saturating_sub(SMALL_PARTS) / PARTS_PER_DOUBLING)
}

/// An upload whose caller keeps the part that fills. A short object is a single `PutObject`; a long one becomes a multipart
/// upload with its first part. Nothing appears before it is finished; dropped before that, it tells S3 to forget the parts.
pub struct PartsUpload {
    target: Target,
    budget: Budget,
    pub(super) first_part_bytes: usize,
    started: Option<Unfinished>,
    in_flight: JoinSet<Result<CompletedPart, ObjectStoreError>>,
    arrived: Vec<CompletedPart>,
    parts: usize,
    size_bytes: u64,
}

impl fmt::Debug for PartsUpload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PartsUpload")
            .field("url", &self.target.url())
            .field("size_bytes", &self.size_bytes)
            .finish_non_exhaustive()
    }
}

impl PartsUpload {
    pub(super) fn new(target: Target, budget: Budget) -> Self {
        Self {
            target,
            budget,
            first_part_bytes: PART_BYTES,
            started: None,
            in_flight: JoinSet::new(),
            arrived: Vec::new(),
            parts: 0,
            size_bytes: 0,
        }
    }

    /// How many bytes the next part must have, unless it is the last.
    pub fn next_part_bytes(&self) -> usize {
        self.first_part_bytes * growth(self.parts + 1)
    }

    /// Sends the next part, once the budget has room for it.
    ///
    /// # Errors
    /// The service refuses it or an earlier one, or does not answer.
    pub async fn send(&mut self, part: Bytes) -> Result<(), ObjectStoreError> {
        self.send_from(part.len(), || Ok(part)).await
    }

    /// The same of a part that comes into memory only when there is room for it.
    pub(super) async fn send_from(
        &mut self,
        length: usize,
        part: impl FnOnce() -> io::Result<Bytes> + Send,
    ) -> Result<(), ObjectStoreError> {
        let upload_id = self.upload_id().await?.to_owned();
        while let Some(joined) = self.in_flight.try_join_next() {
            self.part_arrived(joined)?;
        }
        self.parts += 1;
        if self.parts > MAX_PARTS {
            let call = Call::multipart(self.target.url(), "UploadPart");
            return Err(call.refused("the object is longer than 10,000 growing parts can hold (1.2 TiB)"));
        }
        let permit = self.budget.take(length).await;
        let part = part().map_err(|error| self.unkept(error))?;
        self.size_bytes += part.len() as u64;
        let number = i32::try_from(self.parts).expect("at most 10,000 parts");
        let sending = self.target.clone().upload_part(upload_id, number, part);
        self.in_flight.spawn(async move {
            let arrived = sending.await;
            drop(permit);
            arrived
        });
        Ok(())
    }

    /// Makes the object appear, with its last part, which may be empty. Called once; where it fails, nothing is left behind, not even
    /// for a process that ends with the error.
    ///
    /// # Errors
    /// As [`Self::send`]; [`ObjectStoreError::Replaced`] when something is there already that must not be replaced.
    pub async fn finish(&mut self, last: Bytes) -> Result<UploadedObject, ObjectStoreError> {
        self.finish_from(last.len(), || Ok(last)).await
    }

    /// The same with a last part that comes into memory only when there is room for it.
    pub(super) async fn finish_from(
        &mut self,
        length: usize,
        last: impl FnOnce() -> io::Result<Bytes> + Send,
    ) -> Result<UploadedObject, ObjectStoreError> {
        if self.started.is_some() {
            let finished = self.finish_in_parts(length, last).await;
            if finished.is_err() {
                self.abort().await;
            }
            return finished;
        }
        let permit = self.budget.take(length).await;
        let last = last().map_err(|error| self.unkept(error))?;
        self.size_bytes = last.len() as u64;
        let etag = self.target.put(last).await?;
        drop(permit);
        Ok(self.uploaded(etag))
    }

    /// Gives up: nothing appears, nothing is left behind.
    pub async fn abort(&mut self) {
        self.in_flight.shutdown().await;
        if let Some(unfinished) = self.started.take() {
            unfinished.forget().await;
        }
    }

    /// The multipart upload's id; begins one if there is none yet.
    async fn upload_id(&mut self) -> Result<&str, ObjectStoreError> {
        let started = match self.started.take() {
            Some(started) => started,
            None => self.target.begin(Some(ChecksumAlgorithm::Crc32)).await?,
        };
        Ok(self.started.insert(started).id())
    }

    /// What waited for it could not be kept until it was to be sent.
    pub(super) fn unkept(&self, error: io::Error) -> ObjectStoreError {
        Call::multipart(self.target.url(), "UploadPart").refused(error)
    }

    /// Keeps a part that arrived, or says why it did not.
    fn part_arrived(
        &mut self,
        joined: Result<Result<CompletedPart, ObjectStoreError>, JoinError>,
    ) -> Result<(), ObjectStoreError> {
        let part = joined.map_err(|error| {
            Call::multipart(self.target.url(), "UploadPart").unavailable(io::Error::from(error))
        })?;
        self.arrived.push(part?);
        Ok(())
    }

    async fn finish_in_parts(
        &mut self,
        length: usize,
        last: impl FnOnce() -> io::Result<Bytes> + Send,
    ) -> Result<UploadedObject, ObjectStoreError> {
        if length > 0 {
            self.send_from(length, last).await?;
        }
        while let Some(joined) = self.in_flight.join_next().await {
            self.part_arrived(joined)?;
        }
        self.arrived.sort_by_key(CompletedPart::part_number);
        let completion = Completion {
            parts: std::mem::take(&mut self.arrived),
            size_bytes: self.size_bytes,
            config: Builder::new(),
        };
        let etag = match self.started.take() {
            Some(unfinished) => unfinished.complete(completion).await?,
            None => None,
        };
        Ok(self.uploaded(etag))
    }

    fn uploaded(&self, etag: Option<String>) -> UploadedObject {
        UploadedObject {
            size_bytes: self.size_bytes,
            etag,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use longshore_domain::object::{Bucket, ObjectKey};
    use rstest::rstest;

    use super::super::target::Existing;
    use super::*;
    use crate::scripted::{Reply, Script, s3_client};

    fn upload(script: &Script) -> PartsUpload {
        let target = Target::new(
            s3_client(script),
            Bucket::new("landing"),
            ObjectKey::new("out/HD"),
            Existing::Keep,
        );
        PartsUpload::new(target, Budget::new(IN_FLIGHT_BYTES))
    }

    /// A service whose last call takes effect and answers like this: as it answers the second of two when the first one's answer was
    /// lost. `seen` gives the answer to whoever asks what is there, from the mark that was written.
    fn forgetful(last: Reply, seen: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Script {
        let mark = Mutex::new(String::new());
        Script::answering(move |request, _| {
            if let Some(written) = request.header("x-amz-meta-longshore-upload") {
                written.clone_into(&mut mark.lock().unwrap());
            }
            match request.method.as_str() {
                "HEAD" => seen(&mark.lock().unwrap()),
                "POST" if request.uri.contains("?uploads") => Reply::ok(
                    "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>",
                ),
                "PUT" if request.uri.contains("partNumber") => Reply::ok("").header("etag", "\"part\""),
                "DELETE" => Reply::error(404, "NoSuchUpload"),
                _ => last.clone(),
            }
        })
    }

    fn object(length: usize, mark: &str) -> Reply {
        Reply::ok("")
            .header("content-length", &length.to_string())
            .header("etag", "\"ours\"")
            .header("x-amz-meta-longshore-upload", mark)
    }

    /// Writes an object of so many whole parts and one byte.
    async fn write(script: &Script, parts: usize) -> Result<UploadedObject, ObjectStoreError> {
        let mut upload = upload(script);
        for _ in 0..parts {
            let part = vec![7; upload.next_part_bytes()];
            upload.send(part.into()).await.unwrap();
        }
        upload.finish(Bytes::from_static(b"x")).await
    }

    #[rstest]
    #[case(0, Reply::error(412, "PreconditionFailed"))]
    #[case(1, Reply::error(412, "PreconditionFailed"))]
    #[case(1, Reply::error(404, "NoSuchUpload"))]
    #[case(0, Reply::refused_connection())]
    #[case(1, Reply::refused_connection())]
    #[tokio::test]
    async fn an_object_that_came_up_though_the_answer_was_lost_is_known_by_its_mark(
        #[case] parts: usize,
        #[case] last: Reply,
    ) {
        let length = parts * PART_BYTES + 1;
        let script = forgetful(last.clone(), move |mark| object(length, mark));
        let done = write(&script, parts).await.unwrap();
        assert_eq!(
            (done.size_bytes, done.etag.as_deref()),
            (length as u64, Some("ours"))
        );

        for other in [
            object(length, "another"),
            object(length + 1, "another"),
            Reply::status(404),
        ] {
            let script = forgetful(last.clone(), move |_| other.clone());
            write(&script, parts).await.unwrap_err();
        }
        let script = forgetful(last, |_| Reply::status(503));
        let error = write(&script, parts).await.unwrap_err();
        assert!(matches!(error, ObjectStoreError::Unsettled { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn what_must_not_be_replaced_is_not_by_a_short_object_or_a_long_one() {
        let script = Script::answering(|request, _| match request.method.as_str() {
            "HEAD" => Reply::ok("").header("content-length", "1"),
            "POST" if request.uri.contains("?uploads") => Reply::ok(
                "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>",
            ),
            "PUT" if request.uri.contains("partNumber") => Reply::ok("").header("etag", "\"part\""),
            "DELETE" => Reply::status(204),
            _ => Reply::error(412, "PreconditionFailed"),
        });
        for parts in [0, 1] {
            let mut upload = upload(&script);
            for _ in 0..parts {
                let part = vec![7; upload.next_part_bytes()];
                upload.send(part.into()).await.unwrap();
            }
            let error = upload.finish(Bytes::from_static(b"x")).await.unwrap_err();
            assert!(matches!(error, ObjectStoreError::Replaced { .. }), "{error:?}");
            let requests = script.requests();
            let write = requests
                .iter()
                .rfind(|request| matches!(request.method.as_str(), "PUT" | "POST"))
                .unwrap();
            assert_eq!(write.header("if-none-match"), Some("*"), "{}", write.uri);
        }
        let requests = script.requests();
        let aborts = requests.iter().filter(|request| request.method == "DELETE");
        assert_eq!(aborts.count(), 1);
    }

    #[test]
    fn one_upload_holds_no_more_than_twenty_mebibytes() {
        assert_eq!(PART_BYTES + IN_FLIGHT_BYTES as usize, 20 * 1024 * 1024);
    }

    #[test]
    fn parts_grow_before_ten_thousand_of_them_are_too_few() {
        assert_eq!(growth(1), 1);
        assert_eq!(growth(3_000), 1);
        assert_eq!(growth(3_001), 2);
        assert_eq!(growth(4_001), 4);
        assert_eq!(growth(10_000), 128);
        let total: usize = (1..=MAX_PARTS).map(|number| PART_BYTES * growth(number)).sum();
        assert!(total > 1_200 * 1024 * 1024 * 1024);
    }
}
