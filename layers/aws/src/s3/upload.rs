//! Writing an object of unknown length with bounded memory: one part fills while others are on their way.

use async_trait::async_trait;
use bytes::Bytes;
use longshore_app::ports::{ObjectStoreError, PendingObject, Rest, Upload, UploadedObject};

use super::budget::Budget;
use super::parts::PartsUpload;
use super::target::Target;
use super::waiting::{Waiting, WaitingRoom};

/// An upload whose next part fills here.
pub(super) struct S3Upload {
    parts: PartsUpload,
    filling: Waiting,
}

impl S3Upload {
    pub(super) fn new(target: Target, budget: Budget, room: &WaitingRoom) -> Self {
        Self {
            parts: PartsUpload::new(target, budget),
            filling: Waiting::new(room),
        }
    }
}

#[async_trait]
impl Upload for S3Upload {
    async fn write(&mut self, bytes: Bytes) -> Result<(), ObjectStoreError> {
        let mut rest = bytes.as_ref();
        while !rest.is_empty() {
            let limit = self.parts.next_part_bytes();
            if self.filling.len() == limit {
                self.parts.send_from(limit, || self.filling.take()).await?;
                continue;
            }
            let (now, later) = rest.split_at(rest.len().min(limit - self.filling.len()));
            let appended = self.filling.append(now, limit);
            appended.map_err(|error| self.parts.unkept(error))?;
            rest = later;
        }
        Ok(())
    }

    async fn seal(mut self: Box<Self>, rest: Rest) -> Result<Box<dyn PendingObject>, ObjectStoreError> {
        if rest == Rest::Sent && self.filling.len() > 0 {
            // The last part of an upload, or its only one, may be of any length.
            let length = self.filling.len();
            let sent = self.parts.send_from(length, || self.filling.take()).await;
            if let Err(error) = sent {
                self.parts.abort().await;
                return Err(error);
            }
        }
        Ok(Box::new(PendingUpload(*self)))
    }

    async fn abort(mut self: Box<Self>) {
        self.parts.abort().await;
    }
}

/// An upload that nothing is written to any more.
struct PendingUpload(S3Upload);

#[async_trait]
impl PendingObject for PendingUpload {
    async fn appear(self: Box<Self>) -> Result<UploadedObject, ObjectStoreError> {
        let S3Upload {
            mut parts,
            mut filling,
        } = self.0;
        let length = filling.len();
        parts.finish_from(length, || filling.take()).await
    }

    async fn abort(mut self: Box<Self>) {
        self.0.parts.abort().await;
    }
}

#[cfg(test)]
mod tests {
    use longshore_app::ports::ObjectStore as _;
    use longshore_domain::object::{Bucket, ObjectKey};
    use rstest::rstest;

    use super::super::parts::IN_FLIGHT_BYTES;
    use super::super::target::Existing;
    use super::super::waiting::MEMORY_BYTES;
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
            "HEAD" => Reply::status(404),
            _ => Reply::ok("").header("etag", "\"part\""),
        }
    }

    fn upload(script: &Script) -> Box<S3Upload> {
        Box::new(S3Upload::new(
            target(script),
            Budget::new(IN_FLIGHT_BYTES),
            &WaitingRoom::new(MEMORY_BYTES),
        ))
    }

    fn target(script: &Script) -> Target {
        Target::new(
            s3_client(script),
            Bucket::new("landing"),
            ObjectKey::new("processing/x.gz"),
            Existing::Replace,
        )
    }

    async fn finish(upload: Box<S3Upload>) -> Result<UploadedObject, ObjectStoreError> {
        upload.seal(Rest::Waits).await?.appear().await
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
        let done = finish(upload).await.unwrap();
        assert_eq!(
            (done.size_bytes, done.etag.as_deref()),
            (5 * MEBIBYTE as u64, Some("part"))
        );
        assert_eq!(sizes(&script), [("0".to_owned(), 5)]);
    }

    #[tokio::test]
    async fn nothing_written_is_an_empty_object() {
        let script = service(|_| None);
        let done = finish(upload(&script)).await.unwrap();
        assert_eq!(done.size_bytes, 0);
        assert_eq!(sizes(&script), [("0".to_owned(), 0)]);
    }

    #[tokio::test]
    async fn more_than_one_part_is_sent_part_by_part_and_completed_in_order() {
        let script = service(|_| None);
        let mut upload = upload(&script);
        write(&mut upload, 19).await.unwrap();
        let done = finish(upload).await.unwrap();
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
        let error = finish(upload).await.unwrap_err();
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
        let error = finish(upload).await.unwrap_err();
        assert!(matches!(error, ObjectStoreError::Unavailable { .. }), "{error:?}");
    }

    #[rstest]
    #[case::completion("POST", Reply::error(400, "InvalidPart"))]
    #[case::completion_again("POST", Reply::error(500, "InternalError"))]
    #[case::part("PUT", Reply::error(400, "InvalidRequest"))]
    #[tokio::test]
    async fn an_upload_that_cannot_be_finished_is_aborted_before_that_is_said(
        #[case] method: &'static str,
        #[case] reply: Reply,
    ) {
        let script = service(move |request| {
            (request.method == method && request.uri.contains("uploadId")).then(|| reply.clone())
        });
        let mut upload = upload(&script);
        write(&mut upload, 9).await.unwrap();
        finish(upload).await.unwrap_err();
        let aborts = script.requests();
        let aborts = aborts.iter().filter(|request| request.method == "DELETE");
        assert_eq!(aborts.count(), 1);
    }

    #[tokio::test]
    async fn an_upload_that_may_not_write_names_the_permission() {
        let script = Script::always(Reply::error(403, "AccessDenied"));
        let error = finish(upload(&script)).await.unwrap_err();
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

    #[rstest]
    #[case(0)]
    #[case(2)]
    #[case(9)]
    #[tokio::test]
    async fn what_is_sealed_is_sent_and_appears_only_when_it_is_told_to(#[case] mebibytes: usize) {
        let script = service(|_| None);
        let mut upload = upload(&script);
        write(&mut upload, mebibytes).await.unwrap();
        let pending = upload.seal(Rest::Sent).await.unwrap();
        let shows = |request: &Request| {
            let is_put = request.method == "PUT" && !request.uri.contains("partNumber");
            is_put || (request.method == "POST" && request.uri.contains("uploadId"))
        };
        assert!(!script.requests().iter().any(shows));
        let done = pending.appear().await.unwrap();
        assert_eq!(done.size_bytes, (mebibytes * MEBIBYTE) as u64);
        let sent: usize = script
            .requests()
            .iter()
            .filter(|request| request.method == "PUT")
            .map(|request| request.body.len())
            .sum();
        assert_eq!(sent, mebibytes * MEBIBYTE);
        assert!(script.requests().last().is_some_and(shows));
    }

    #[tokio::test]
    async fn an_upload_that_is_dropped_as_it_begins_is_waited_for_and_forgotten() {
        let script = service(|_| None).answering_late();
        let store = super::super::S3ObjectStore::new(s3_client(&script));
        let (bucket, key) = (Bucket::new("landing"), ObjectKey::new("processing/x"));
        let mut upload = store.upload(&bucket, &key).await.unwrap();
        let part = Bytes::from(vec![7; 6 * MEBIBYTE]);
        let mut writing = Box::pin(upload.write(part));
        while script.requests().is_empty() {
            assert!(futures_util::poll!(&mut writing).is_pending());
            tokio::task::yield_now().await;
        }
        drop(writing);
        drop(upload);
        store.abandoned_is_gone().await;
        assert_eq!(script.requests().last().unwrap().method, "DELETE");
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

    /// The bytes of each upload are its own, and no two parts of it are alike.
    fn bytes_of(upload: usize, round: usize, length: usize) -> Bytes {
        (0..length)
            .map(|place| (upload * 31 + round * 7 + place) as u8)
            .collect()
    }

    #[tokio::test]
    async fn forty_open_uploads_wait_in_as_much_memory_as_three_and_share_what_is_on_its_way() {
        const PART: usize = 16 * 1024;
        const ROUNDS: usize = 9;
        let script = service(|_| None).answering_late();
        let budget = Budget::new(3 * PART as u32);
        let room = WaitingRoom::new(3 * PART);
        let mut uploads: Vec<_> = (0..40)
            .map(|number| {
                let mut target = target(&script);
                target.key = ObjectKey::new(format!("processing/{number}."));
                let mut upload = S3Upload::new(target, budget.clone(), &room);
                upload.parts.first_part_bytes = PART;
                upload
            })
            .collect();

        let mut most_held = 0;
        for round in 0..ROUNDS {
            for (number, upload) in uploads.iter_mut().enumerate() {
                upload.write(bytes_of(number, round, PART / 2 - 1)).await.unwrap();
            }
            let filling: usize = uploads.iter().map(|upload| upload.filling.in_memory()).sum();
            most_held = most_held.max(filling + script.unanswered_bytes());
        }

        assert!(most_held <= 3 * PART + 3 * PART, "{most_held} bytes held");
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
            let done = finish(Box::new(upload)).await.unwrap();
            assert_eq!(done.size_bytes, ROUNDS as u64 * (PART as u64 / 2 - 1));
        }
        for number in 0..40 {
            let sent: Vec<u8> = parts_of(&script, &format!("processing/{number}.")).concat();
            let written: Vec<u8> = (0..ROUNDS)
                .flat_map(|round| bytes_of(number, round, PART / 2 - 1))
                .collect();
            assert!(sent == written, "object {number} is not what was written");
        }
    }

    /// The parts of an object, in their order.
    fn parts_of(script: &Script, key: &str) -> Vec<Bytes> {
        let requests = script.requests();
        let sent = requests
            .iter()
            .filter(|request| request.method == "PUT" && request.uri.contains(key));
        let mut parts: Vec<_> = sent
            .map(|request| {
                let number = request.uri.split("partNumber=").nth(1).unwrap();
                let number: u32 = number.split('&').next().unwrap().parse().unwrap();
                (number, request.body.clone())
            })
            .collect();
        parts.sort();
        parts.into_iter().map(|(_, body)| body).collect()
    }
}
