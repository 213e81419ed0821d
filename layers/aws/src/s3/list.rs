//! Pages of a listing.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{EncodingType, Object};
use aws_smithy_types::DateTime as SmithyDateTime;
use chrono::{DateTime, Utc};
use longshore_app::ports::{ListedObject, ObjectPage, ObjectStoreError};
use longshore_domain::object::{ObjectKey, WatchedPrefix};
use percent_encoding::percent_decode_str;

use super::error::Call;
use super::unquoted;

/// Asks for one page. It goes on after a key and not by S3's own token: a key means the same tomorrow, whatever came and
/// went meanwhile. Keys come encoded, because XML cannot hold every character that a key may have.
pub(super) async fn page(
    client: &Client,
    prefix: &WatchedPrefix,
    after: Option<&ObjectKey>,
) -> Result<ObjectPage, ObjectStoreError> {
    let call = Call::list_objects(prefix.to_string());
    let answer = client
        .list_objects_v2()
        .bucket(prefix.bucket.as_str())
        .prefix(&prefix.prefix)
        .set_start_after(after.map(|key| key.as_str().to_owned()))
        .encoding_type(EncodingType::Url)
        .send()
        .await
        .map_err(|error| call.failed(error))?;
    let objects: Option<Vec<_>> = answer.contents().iter().map(listed).collect();
    Ok(ObjectPage {
        objects: objects.ok_or_else(|| call.refused("an object of the listing has no key or no time"))?,
        is_last: !answer.is_truncated().unwrap_or_default(),
    })
}

fn listed(object: &Object) -> Option<ListedObject> {
    Some(ListedObject {
        key: ObjectKey::new(decoded(object.key()?)?),
        etag: object.e_tag().map(unquoted),
        size_bytes: object
            .size()
            .and_then(|size| u64::try_from(size).ok())
            .unwrap_or_default(),
        modified_at: moment(object.last_modified()?)?,
    })
}

/// `+` first, then percent, as in a form.
fn decoded(key: &str) -> Option<String> {
    let blanks = key.replace('+', " ");
    let decoded = percent_decode_str(&blanks).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

/// A moment of S3's, which knows whole seconds.
pub(super) fn moment(moment: &SmithyDateTime) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(moment.secs(), 0)
}

#[cfg(test)]
mod tests {
    use longshore_domain::disposition::Disposition;

    use super::*;
    use crate::scripted::{Reply, Script, s3_client};

    fn prefix() -> WatchedPrefix {
        WatchedPrefix::parse("s3://landing/in/").unwrap()
    }

    fn listing(contents: &str, is_truncated: bool) -> Reply {
        Reply::ok(format!(
            "<ListBucketResult><IsTruncated>{is_truncated}</IsTruncated>{contents}</ListBucketResult>"
        ))
    }

    const ENTRY: &str = "<Contents><Key>in/a+b%2B%C3%BC.txt</Key><ETag>&quot;abc&quot;</ETag>\
                         <LastModified>2026-11-21T12:00:00.000Z</LastModified><Size>7</Size></Contents>";

    #[tokio::test]
    async fn a_page_tells_keys_etags_and_times_and_goes_on_after_a_key() {
        let script = Script::new([listing(ENTRY, true)]);
        let after = ObjectKey::new("in/Z z");
        let page = page(&s3_client(&script), &prefix(), Some(&after)).await.unwrap();
        let expected = ListedObject {
            key: ObjectKey::new("in/a b+ü.txt"),
            etag: Some("abc".to_owned()),
            size_bytes: 7,
            modified_at: DateTime::from_timestamp(1_795_262_400, 0).unwrap(),
        };
        assert_eq!((page.objects, page.is_last), (vec![expected], false));
        let uri = &script.requests()[0].uri;
        for part in [
            "list-type=2",
            "prefix=in%2F",
            "start-after=in%2FZ%20z",
            "encoding-type=url",
        ] {
            assert!(uri.contains(part), "{uri} lacks {part}");
        }
    }

    #[tokio::test]
    async fn an_empty_page_is_the_last_one() {
        let script = Script::new([listing("", false)]);
        let page = page(&s3_client(&script), &prefix(), None).await.unwrap();
        assert_eq!((page.objects, page.is_last), (vec![], true));
    }

    #[tokio::test]
    async fn a_denied_listing_names_the_permission() {
        let script = Script::new([Reply::error(403, "AccessDenied")]);
        let error = page(&s3_client(&script), &prefix(), None).await.unwrap_err();
        assert_eq!(error.disposition(), Disposition::Misconfigured);
        assert!(error.to_string().contains("s3:ListBucket"), "{error}");
    }

    #[tokio::test]
    async fn a_throttled_or_broken_listing_is_tried_again_later() {
        for reply in [
            Reply::error(503, "SlowDown"),
            Reply::refused_connection(),
            Reply::ok("<ListBucketResult><Contents><Key>in/").then_breaks(),
        ] {
            let script = Script::always(reply);
            let error = page(&s3_client(&script), &prefix(), None).await.unwrap_err();
            assert_eq!(error.disposition(), Disposition::Retry, "{error:?}");
        }
    }

    #[tokio::test]
    async fn a_listing_that_ends_early_in_silence_is_no_page() {
        let script = Script::always(Reply::ok("<ListBucketResult><Contents><Key>in/a.txt</Key>"));
        assert!(page(&s3_client(&script), &prefix(), None).await.is_err());
    }
}
