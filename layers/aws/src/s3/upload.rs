//! Writing an object of unknown length with bounded memory.
//!
//! One part fills while others are on their way. A part stays in memory until it has arrived, which is what makes the SDK's
//! retries of it possible, so all uploads of a store share one [`Budget`] for what is on its way. That makes 20 MiB for one
//! upload, and 5 MiB more for each other that is open, up to objects of 14 GiB; beyond that, larger parts keep an object
//! within S3's 10,000.

use std::io;

use async_trait::async_trait;
use aws_sdk_s3::types::CompletedPart;
use bytes::Bytes;
use longshore_app::ports::{ObjectStoreError, Upload, UploadedObject};
use tokio::task::{JoinError, JoinSet};

use super::budget::Budget;
use super::error::Call;
use super::target::Target;

/// What all uploads of a store together have on their way: three parts of [`PART_BYTES`].
pub(super) const IN_FLIGHT_BYTES: u32 = 15 * 1024 * 1024;
/// The size of a part while the object is short: the least that S3 takes of any but the last.
const PART_BYTES: usize = 5 * 1024 * 1024;
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

/// An upload in progress. A short one is a single `PutObject`; a long one becomes a multipart upload with its first full
/// part. Dropped half done, it tells S3 to forget the parts.
pub(super) struct S3Upload {
    target: Target,
    budget: Budget,
    first_part_bytes: usize,
    filling: Vec<u8>,
    started: Option<String>,
    in_flight: JoinSet<Result<CompletedPart, ObjectStoreError>>,
    arrived: Vec<CompletedPart>,
    parts: usize,
    size_bytes: u64,
}

impl S3Upload {
    pub(super) fn new(target: Target, budget: Budget) -> Self {
        Self {
            target,
            budget,
            first_part_bytes: PART_BYTES,
            filling: Vec::new(),
            started: None,
            in_flight: JoinSet::new(),
            arrived: Vec::new(),
            parts: 0,
            size_bytes: 0,
        }
    }

    /// Grows the part by doubling, as a vector does, but never beyond its limit.
    fn make_room(&mut self, more: usize, limit: usize) {
        let (filled, capacity) = (self.filling.len(), self.filling.capacity());
        if filled + more > capacity {
            let capacity = (2 * capacity).max(filled + more).min(limit);
            self.filling.reserve_exact(capacity - filled);
        }
    }

    /// Sends what has been filled as the next part, once the budget has room for it.
    async fn send_part(&mut self) -> Result<(), ObjectStoreError> {
        let upload_id = self.upload_id().await?;
        while let Some(joined) = self.in_flight.try_join_next() {
            self.part_arrived(joined)?;
        }
        self.parts += 1;
        if self.parts > MAX_PARTS {
            let call = Call::multipart(self.target.url(), "UploadPart");
            return Err(call.refused("the object is longer than 10,000 growing parts can hold (1.2 TiB)"));
        }
        let permit = self.budget.take(self.filling.len()).await;
        let part = Bytes::from(std::mem::take(&mut self.filling));
        let number = i32::try_from(self.parts).expect("at most 10,000 parts");
        let sending = self.target.clone().upload_part(upload_id, number, part);
        self.in_flight.spawn(async move {
            let arrived = sending.await;
            drop(permit);
            arrived
        });
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

    async fn finish_in_parts(&mut self) -> Result<UploadedObject, ObjectStoreError> {
        if !self.filling.is_empty() {
            self.send_part().await?;
        }
        while let Some(joined) = self.in_flight.join_next().await {
            self.part_arrived(joined)?;
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
            let limit = self.first_part_bytes * growth(self.parts + 1);
            if self.filling.len() == limit {
                self.send_part().await?;
                continue;
            }
            let (now, later) = rest.split_at(rest.len().min(limit - self.filling.len()));
            self.make_room(now.len(), limit);
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

#[cfg(test)]
mod tests {
    use longshore_domain::object::{Bucket, ObjectKey};
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
        Box::new(S3Upload::new(target(script), Budget::new(IN_FLIGHT_BYTES)))
    }

    fn target(script: &Script) -> Target {
        Target {
            client: s3_client(script),
            bucket: Bucket::new("landing"),
            key: ObjectKey::new("processing/x.gz"),
        }
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
        write(&mut upload, 5).await.unwrap();
        let done = upload.finish().await.unwrap();
        assert_eq!(
            (done.size_bytes, done.etag.as_deref()),
            (5 * MEBIBYTE as u64, Some("part"))
        );
        assert_eq!(sizes(&script), [("0".to_owned(), 5)]);
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
        let expected =
            [("1", 5), ("2", 5), ("3", 5), ("4", 4)].map(|(number, size)| (number.to_owned(), size));
        assert_eq!(sent, expected);
        let requests = script.requests();
        let complete = requests.last().unwrap();
        assert_eq!(complete.header("x-amz-mp-object-size"), Some("19922944"));
        let body = complete.text();
        let order: Vec<usize> = (1..=4)
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

    #[tokio::test]
    async fn forty_open_uploads_hold_a_part_each_and_share_what_is_on_its_way() {
        const PART: usize = 16 * 1024;
        let script = service(|_| None).answering_late();
        let budget = Budget::new(3 * PART as u32);
        let mut uploads: Vec<_> = (0..40)
            .map(|_| {
                let mut upload = S3Upload::new(target(&script), budget.clone());
                upload.first_part_bytes = PART;
                upload
            })
            .collect();

        let mut most_held = 0;
        for _ in 0..9 {
            for upload in &mut uploads {
                upload.write(Bytes::from(vec![7; PART / 2 - 1])).await.unwrap();
            }
            let filling: usize = uploads.iter().map(|upload| upload.filling.capacity()).sum();
            most_held = most_held.max(filling + script.unanswered_bytes());
        }

        assert!(most_held <= 40 * PART + 3 * PART, "{most_held} bytes held");
        assert!(
            script.most_unanswered_bytes() > PART,
            "several parts went at once"
        );
        assert!(
            script.most_unanswered_bytes() <= 3 * PART,
            "{} bytes on their way",
            script.most_unanswered_bytes()
        );
        for upload in uploads {
            let done = Box::new(upload).finish().await.unwrap();
            assert_eq!(done.size_bytes, 9 * (PART as u64 / 2 - 1));
        }
    }

    #[test]
    fn one_upload_holds_no_more_than_twenty_mebibytes() {
        assert_eq!(PART_BYTES + IN_FLIGHT_BYTES as usize, 20 * MEBIBYTE);
    }

    #[test]
    fn parts_grow_before_ten_thousand_of_them_are_too_few() {
        assert_eq!(growth(1), 1);
        assert_eq!(growth(3_000), 1);
        assert_eq!(growth(3_001), 2);
        assert_eq!(growth(4_001), 4);
        assert_eq!(growth(10_000), 128);
        let total: usize = (1..=MAX_PARTS).map(|number| PART_BYTES * growth(number)).sum();
        assert!(total > 1_200 * 1024 * MEBIBYTE);
    }
}
