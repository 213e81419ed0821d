//! Multipart uploads.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};

use crate::support::{BUCKET, get, put, s3, started};

const MIB: usize = 1024 * 1024;

async fn begin(client: &Client, key: &str) -> String {
    let created = client
        .create_multipart_upload()
        .bucket(BUCKET)
        .key(key)
        .send()
        .await
        .unwrap();
    created.upload_id().unwrap().to_owned()
}

async fn part(client: &Client, key: &str, upload: &str, number: i32, bytes: Vec<u8>) -> CompletedPart {
    let sent = client
        .upload_part()
        .bucket(BUCKET)
        .key(key)
        .upload_id(upload)
        .part_number(number)
        .body(bytes.into());
    completed(number, sent.send().await.unwrap().e_tag())
}

fn completed(number: i32, etag: Option<&str>) -> CompletedPart {
    CompletedPart::builder()
        .part_number(number)
        .set_e_tag(etag.map(str::to_owned))
        .build()
}

fn listed(parts: Vec<CompletedPart>) -> CompletedMultipartUpload {
    CompletedMultipartUpload::builder().set_parts(Some(parts)).build()
}

#[tokio::test]
async fn an_object_is_put_together_from_sent_and_copied_parts() {
    let (_folder, stack) = started().await;
    let client = s3(&stack);
    let source: Vec<u8> = (0..6 * MIB).map(|position| (position % 251) as u8).collect();
    let etag = put(&client, "source", &source).await;
    let upload = begin(&client, "whole").await;
    let first = part(&client, "whole", &upload, 1, vec![b'a'; 5 * MIB]).await;
    let copy = client
        .upload_part_copy()
        .bucket(BUCKET)
        .key("whole")
        .upload_id(&upload);
    let copy = copy
        .copy_source(format!("{BUCKET}/source"))
        .copy_source_range("bytes=10-5242889");
    let second = copy
        .clone()
        .part_number(2)
        .copy_source_if_match(&etag)
        .send()
        .await
        .unwrap();
    let second = completed(2, second.copy_part_result().unwrap().e_tag());
    let stale = copy
        .part_number(3)
        .copy_source_if_match("\"stale\"")
        .send()
        .await
        .unwrap_err();
    assert_eq!(stale.code(), Some("PreconditionFailed"));
    let last = part(&client, "whole", &upload, 7, b"end".to_vec()).await;
    let complete = client
        .complete_multipart_upload()
        .bucket(BUCKET)
        .key("whole")
        .upload_id(&upload);
    let done = complete
        .multipart_upload(listed(vec![first, second, last]))
        .send()
        .await
        .unwrap();
    assert!(done.e_tag().unwrap().ends_with("-3\""));
    client
        .delete_object()
        .bucket(BUCKET)
        .key("source")
        .send()
        .await
        .unwrap();
    let expected = [&vec![b'a'; 5 * MIB][..], &source[10..5_242_890], b"end"].concat();
    assert!(get(&client, "whole").await == expected);
    let third = client
        .get_object()
        .bucket(BUCKET)
        .key("whole")
        .part_number(3)
        .send()
        .await
        .unwrap();
    assert_eq!(third.body.collect().await.unwrap().to_vec(), b"end");
}

#[tokio::test]
async fn completing_is_refused_for_parts_that_are_small_disordered_or_unknown() {
    let (_folder, stack) = started().await;
    let client = s3(&stack);
    let upload = begin(&client, "k").await;
    let first = part(&client, "k", &upload, 1, b"small".to_vec()).await;
    let second = part(&client, "k", &upload, 2, b"last".to_vec()).await;
    let unknown = completed(3, Some("\"0\""));
    for (parts, code) in [
        (vec![first.clone(), second.clone()], "EntityTooSmall"),
        (vec![second.clone(), first.clone()], "InvalidPartOrder"),
        (vec![unknown], "InvalidPart"),
    ] {
        let complete = client
            .complete_multipart_upload()
            .bucket(BUCKET)
            .key("k")
            .upload_id(&upload);
        let refused = complete.multipart_upload(listed(parts)).send().await.unwrap_err();
        assert_eq!(refused.code(), Some(code));
    }
    put(&client, "k", b"taken").await;
    let complete = client
        .complete_multipart_upload()
        .bucket(BUCKET)
        .key("k")
        .upload_id(&upload);
    let taken = complete
        .if_none_match("*")
        .multipart_upload(listed(vec![first]))
        .send()
        .await
        .unwrap_err();
    assert_eq!(taken.code(), Some("PreconditionFailed"));
}

#[tokio::test]
async fn an_aborted_upload_leaves_no_part_and_no_byte() {
    let (folder, stack) = started().await;
    let client = s3(&stack);
    let upload = begin(&client, "k").await;
    part(&client, "k", &upload, 1, b"bytes".to_vec()).await;
    let parts = client
        .list_parts()
        .bucket(BUCKET)
        .key("k")
        .upload_id(&upload)
        .send()
        .await
        .unwrap();
    assert_eq!(parts.parts()[0].size(), Some(5));
    let uploads = client
        .list_multipart_uploads()
        .bucket(BUCKET)
        .send()
        .await
        .unwrap();
    assert_eq!(uploads.uploads()[0].upload_id(), Some(upload.as_str()));
    client
        .abort_multipart_upload()
        .bucket(BUCKET)
        .key("k")
        .upload_id(&upload)
        .send()
        .await
        .unwrap();
    let gone = client
        .list_parts()
        .bucket(BUCKET)
        .key("k")
        .upload_id(&upload)
        .send()
        .await
        .unwrap_err();
    assert_eq!(gone.code(), Some("NoSuchUpload"));
    assert_eq!(std::fs::read_dir(folder.path().join("blobs")).unwrap().count(), 0);
}
