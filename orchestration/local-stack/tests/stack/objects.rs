//! Objects: conditions, ranges, odd keys, lists, copies and versions.

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::{BucketVersioningStatus, MetadataDirective, VersioningConfiguration};

use crate::support::{BUCKET, get, put, s3, started};

#[tokio::test(flavor = "multi_thread")]
async fn exactly_one_of_twenty_conditional_puts_wins() {
    let (_folder, stack) = started().await;
    let client = s3(&stack);
    let puts = (0..20).map(|number| {
        let put = client
            .put_object()
            .bucket(BUCKET)
            .key("lock")
            .if_none_match("*")
            .body(vec![number].into());
        tokio::spawn(put.send())
    });
    let mut winners = 0;
    for put in puts.collect::<Vec<_>>() {
        match put.await.unwrap() {
            Ok(_) => winners += 1,
            Err(error) => assert_eq!(error.code(), Some("PreconditionFailed")),
        }
    }
    assert_eq!(winners, 1);
}

#[tokio::test]
async fn a_range_gives_the_bytes_between_and_says_where_they_stand() {
    let (_folder, stack) = started().await;
    let client = s3(&stack);
    put(&client, "k", b"0123456789").await;
    for (range, expected, header) in [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=5-99", "56789", "bytes 5-9/10"),
    ] {
        let got = client
            .get_object()
            .bucket(BUCKET)
            .key("k")
            .range(range)
            .send()
            .await
            .unwrap();
        assert_eq!(got.content_range(), Some(header));
        assert_eq!(got.body.collect().await.unwrap().to_vec(), expected.as_bytes());
    }
    let beyond = client
        .get_object()
        .bucket(BUCKET)
        .key("k")
        .range("bytes=10-")
        .send()
        .await
        .unwrap_err();
    assert_eq!(beyond.code(), Some("InvalidRange"));
}

#[tokio::test]
async fn reads_honour_if_match_and_if_none_match() {
    let (_folder, stack) = started().await;
    let client = s3(&stack);
    let etag = put(&client, "k", b"x").await;
    let get = || client.get_object().bucket(BUCKET).key("k");
    assert!(get().if_match(&etag).send().await.is_ok());
    let other = get().if_match("\"other\"").send().await.unwrap_err();
    assert_eq!(other.raw_response().unwrap().status().as_u16(), 412);
    let same = get().if_none_match(&etag).send().await.unwrap_err();
    assert_eq!(same.raw_response().unwrap().status().as_u16(), 304);
}

#[tokio::test]
async fn odd_keys_are_kept_apart_and_come_back_as_they_are() {
    let (_folder, stack) = started().await;
    let client = s3(&stack);
    let long = "ü".repeat(512);
    let keys = [
        "a",
        "a/",
        "a/b",
        "a//b",
        "a b+c%20&?#=",
        "ünï/日本.txt",
        "../etc/passwd",
        ".",
        long.as_str(),
    ];
    for key in keys {
        put(&client, key, key.as_bytes()).await;
    }
    let listed = client.list_objects_v2().bucket(BUCKET).send().await.unwrap();
    let mut listed: Vec<String> = listed
        .contents()
        .iter()
        .map(|object| object.key().unwrap().to_owned())
        .collect();
    let mut expected = keys.map(str::to_owned);
    expected.sort();
    assert_eq!(listed, expected);
    listed.reverse();
    for key in listed {
        assert_eq!(get(&client, &key).await, key.as_bytes());
    }
    let too_long = client
        .put_object()
        .bucket(BUCKET)
        .key("x".repeat(1025))
        .send()
        .await
        .unwrap_err();
    assert_eq!(too_long.code(), Some("KeyTooLongError"));
}

#[tokio::test]
async fn pages_of_a_list_join_without_a_gap_and_roll_up_at_the_delimiter() {
    let (_folder, stack) = started().await;
    let client = s3(&stack);
    let keys = ["a", "b/1", "b/2", "b/c/3", "b0", "c/1", "d"];
    for key in keys {
        put(&client, key, b"x").await;
    }
    for size in 1..=8 {
        let mut seen = Vec::new();
        let mut rolled = Vec::new();
        let mut token = None;
        loop {
            let list = client
                .list_objects_v2()
                .bucket(BUCKET)
                .max_keys(size)
                .set_continuation_token(token);
            let page = list.delimiter("/").send().await.unwrap();
            assert!(page.key_count().unwrap() <= size);
            seen.extend(
                page.contents()
                    .iter()
                    .map(|object| object.key().unwrap().to_owned()),
            );
            rolled.extend(
                page.common_prefixes()
                    .iter()
                    .map(|prefix| prefix.prefix().unwrap().to_owned()),
            );
            token = page.next_continuation_token().map(str::to_owned);
            assert_eq!(token.is_some(), page.is_truncated().unwrap());
            if token.is_none() {
                break;
            }
        }
        assert_eq!(seen, ["a", "b0", "d"], "{size}");
        assert_eq!(rolled, ["b/", "c/"], "{size}");
    }
    let after = client
        .list_objects_v2()
        .bucket(BUCKET)
        .prefix("b/")
        .start_after("b/1")
        .send()
        .await
        .unwrap();
    let after: Vec<&str> = after
        .contents()
        .iter()
        .map(|object| object.key().unwrap())
        .collect();
    assert_eq!(after, ["b/2", "b/c/3"]);
}

#[tokio::test]
async fn a_list_tells_etag_size_and_time() {
    let (_folder, stack) = started().await;
    let client = s3(&stack);
    let etag = put(&client, "k", b"hello").await;
    let listed = client.list_objects_v2().bucket(BUCKET).send().await.unwrap();
    let object = &listed.contents()[0];
    assert_eq!((object.e_tag(), object.size()), (Some(etag.as_str()), Some(5)));
    assert!(object.last_modified().is_some());
    assert_eq!(etag, "\"5d41402abc4b2a76b9719d911017c592\"");
}

#[tokio::test]
async fn a_copy_keeps_or_replaces_metadata_and_never_overwrites_when_told_not_to() {
    let (_folder, stack) = started().await;
    let client = s3(&stack);
    client
        .put_object()
        .bucket(BUCKET)
        .key("a b")
        .metadata("k", "v")
        .body(b"x".to_vec().into())
        .send()
        .await
        .unwrap();
    let copy = || {
        client
            .copy_object()
            .bucket(BUCKET)
            .copy_source(format!("{BUCKET}/a%20b"))
    };
    copy().key("kept").send().await.unwrap();
    copy()
        .key("changed")
        .metadata_directive(MetadataDirective::Replace)
        .metadata("n", "w")
        .send()
        .await
        .unwrap();
    let head = |key: &'static str| client.head_object().bucket(BUCKET).key(key).send();
    assert_eq!(head("kept").await.unwrap().metadata().unwrap()["k"], "v");
    assert_eq!(head("changed").await.unwrap().metadata().unwrap()["n"], "w");
    let taken = copy().key("kept").if_none_match("*").send().await.unwrap_err();
    assert_eq!(taken.code(), Some("PreconditionFailed"));
    let stale = copy()
        .key("new")
        .copy_source_if_match("\"stale\"")
        .send()
        .await
        .unwrap_err();
    assert_eq!(stale.code(), Some("PreconditionFailed"));
    client
        .delete_object()
        .bucket(BUCKET)
        .key("a b")
        .send()
        .await
        .unwrap();
    assert_eq!(get(&client, "kept").await, b"x");
}

#[tokio::test]
async fn a_delete_with_another_etag_deletes_nothing() {
    let (_folder, stack) = started().await;
    let client = s3(&stack);
    let etag = put(&client, "k", b"x").await;
    let delete = || client.delete_object().bucket(BUCKET).key("k");
    let refused = delete().if_match("\"other\"").send().await.unwrap_err();
    assert_eq!(refused.code(), Some("PreconditionFailed"));
    delete().if_match(etag).send().await.unwrap();
    assert!(
        client
            .head_object()
            .bucket(BUCKET)
            .key("k")
            .send()
            .await
            .unwrap_err()
            .into_service_error()
            .is_not_found()
    );
}

#[tokio::test]
async fn a_versioned_bucket_keeps_what_is_replaced_and_what_is_deleted() {
    let (_folder, stack) = started().await;
    let client = s3(&stack);
    put(&client, "k", b"before").await;
    let enabled = VersioningConfiguration::builder()
        .status(BucketVersioningStatus::Enabled)
        .build();
    client
        .put_bucket_versioning()
        .bucket(BUCKET)
        .versioning_configuration(enabled)
        .send()
        .await
        .unwrap();
    let second = client
        .put_object()
        .bucket(BUCKET)
        .key("k")
        .body(b"after".to_vec().into())
        .send()
        .await
        .unwrap();
    let marker = client
        .delete_object()
        .bucket(BUCKET)
        .key("k")
        .send()
        .await
        .unwrap();
    assert_eq!(marker.delete_marker(), Some(true));
    let hidden = client
        .get_object()
        .bucket(BUCKET)
        .key("k")
        .send()
        .await
        .unwrap_err();
    assert_eq!(hidden.code(), Some("NoSuchKey"));
    let listed = client.list_object_versions().bucket(BUCKET).send().await.unwrap();
    let versions: Vec<&str> = listed
        .versions()
        .iter()
        .map(|version| version.version_id().unwrap())
        .collect();
    assert_eq!(versions, [second.version_id().unwrap(), "null"]);
    assert_eq!(listed.delete_markers()[0].is_latest(), Some(true));
    let first = client
        .get_object()
        .bucket(BUCKET)
        .key("k")
        .version_id("null")
        .send()
        .await
        .unwrap();
    assert_eq!(first.body.collect().await.unwrap().to_vec(), b"before");
    let marker = marker.version_id().unwrap();
    client
        .delete_object()
        .bucket(BUCKET)
        .key("k")
        .version_id(marker)
        .send()
        .await
        .unwrap();
    assert_eq!(get(&client, "k").await, b"after");
}

#[tokio::test]
async fn what_is_missing_and_what_is_unknown_gets_the_code_of_aws() {
    let (_folder, stack) = started().await;
    let client = s3(&stack);
    let no_bucket = client
        .get_object()
        .bucket("nowhere")
        .key("k")
        .send()
        .await
        .unwrap_err();
    assert_eq!(no_bucket.code(), Some("NoSuchBucket"));
    let no_key = client
        .get_object()
        .bucket(BUCKET)
        .key("k")
        .send()
        .await
        .unwrap_err();
    assert_eq!(no_key.code(), Some("NoSuchKey"));
    let not_served = client.get_bucket_acl().bucket(BUCKET).send().await.unwrap_err();
    assert_eq!(not_served.code(), Some("NotImplemented"));
}
