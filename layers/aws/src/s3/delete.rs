//! Deletes, careful ones of the source and plain ones of our own work files.

use aws_sdk_s3::Client;
use longshore_app::ports::ObjectStoreError;
use longshore_domain::object::{Bucket, Object, ObjectKey, s3_url};

use super::error::Call;
use super::{head_current, object_head, quoted};
use crate::fault::Fault;

/// Deletes an object if the present version of its key is still the one given.
///
/// On a versioned bucket this leaves a delete marker and keeps the version: its owner turned versioning on to be able to
/// go back, and destroying a version takes a permission (`s3:DeleteObjectVersion`) that a loader should not hold. The
/// present version is looked at first; the condition on the entity tag then makes the delete safe against a file that is
/// put between the two calls, unless its bytes are the same.
pub(super) async fn delete_if_unchanged(client: &Client, object: &Object) -> Result<(), ObjectStoreError> {
    let Some(current) = head_current(client, &object.bucket, &object.key).await? else {
        return Ok(());
    };
    let current = object_head(&current);
    let is_ours = match (&object.version, &object.etag) {
        (Some(version), _) => current.version.as_ref() == Some(version),
        (None, Some(etag)) => current.etag.as_ref() == Some(etag),
        (None, None) => current.size_bytes == object.size_bytes,
    };
    if !is_ours {
        return Ok(());
    }
    let answer = client
        .delete_object()
        .bucket(object.bucket.as_str())
        .key(object.key.as_str())
        .set_if_match(current.etag.as_deref().map(quoted))
        .send()
        .await;
    match answer {
        Ok(_) => Ok(()),
        // Gone, or replaced since we looked: either way not ours to delete any more.
        Err(error) if matches!(Fault::of(&error), Fault::Missing | Fault::ConditionFailed) => Ok(()),
        Err(error) => Err(Call::delete_object(object.url()).failed(error)),
    }
}

/// Deletes whatever is at a key; S3 answers alike when there is nothing.
pub(super) async fn delete_whatever_is_there(
    client: &Client,
    bucket: &Bucket,
    key: &ObjectKey,
) -> Result<(), ObjectStoreError> {
    client
        .delete_object()
        .bucket(bucket.as_str())
        .key(key.as_str())
        .send()
        .await
        .map(|_| ())
        .map_err(|error| Call::delete_object(s3_url(bucket, key)).failed(error))
}

#[cfg(test)]
mod tests {
    use longshore_domain::disposition::Disposition;

    use super::*;
    use crate::scripted::{Reply, Script, s3_client};

    fn object(version: Option<&str>) -> Object {
        Object {
            bucket: Bucket::new("landing"),
            key: ObjectKey::new("in/a.txt"),
            version: version.map(str::to_owned),
            etag: Some("abc".to_owned()),
            size_bytes: 3,
            sequencer: None,
        }
    }

    fn head(etag: &str) -> Reply {
        Reply::ok("")
            .header("content-length", "3")
            .header("etag", &format!("\"{etag}\""))
            .header("x-amz-version-id", "v2")
    }

    #[tokio::test]
    async fn the_delete_is_conditional_on_the_entity_tag() {
        let script = Script::new([head("abc"), Reply::status(204)]);
        delete_if_unchanged(&s3_client(&script), &object(None))
            .await
            .unwrap();
        let requests = script.requests();
        assert_eq!(requests[1].method, "DELETE");
        assert_eq!(requests[1].header("if-match"), Some("\"abc\""));
        assert!(!requests[1].uri.contains("versionId"));
    }

    #[tokio::test]
    async fn an_object_that_was_replaced_stays() {
        let script = Script::new([head("other")]);
        delete_if_unchanged(&s3_client(&script), &object(None))
            .await
            .unwrap();
        assert_eq!(script.requests().len(), 1);
    }

    #[tokio::test]
    async fn a_newer_version_with_the_same_bytes_stays() {
        let script = Script::new([head("abc")]);
        delete_if_unchanged(&s3_client(&script), &object(Some("v1")))
            .await
            .unwrap();
        assert_eq!(script.requests().len(), 1);
    }

    #[tokio::test]
    async fn an_object_that_is_replaced_between_look_and_delete_stays() {
        let script = Script::new([head("abc"), Reply::error(412, "PreconditionFailed")]);
        delete_if_unchanged(&s3_client(&script), &object(None))
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn an_object_that_is_gone_is_no_error() {
        let script = Script::new([Reply::status(404)]);
        delete_if_unchanged(&s3_client(&script), &object(None))
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn a_denied_delete_names_the_permission() {
        let script = Script::new([head("abc"), Reply::error(403, "AccessDenied")]);
        let error = delete_if_unchanged(&s3_client(&script), &object(None))
            .await
            .unwrap_err();
        assert_eq!(error.disposition(), Disposition::Misconfigured);
        assert!(error.to_string().contains("s3:DeleteObject"), "{error}");
    }
}
