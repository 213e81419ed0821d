//! Which operation of S3 a request is: it stands nowhere, it follows from method, path, query and headers.

use http::Method;
use http::request::Parts;
use percent_encoding::percent_decode_str;

use crate::faults::injector::Call;
use crate::faults::plan::{FaultService, Stage};

/// The call that a request to S3 is.
pub(crate) fn s3_call(parts: &Parts) -> Call {
    let path = parts.uri.path().trim_start_matches('/');
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    let query = Query(parts.uri.query().unwrap_or_default());
    let operation = match (bucket.is_empty(), key.is_empty()) {
        (true, _) => "ListBuckets",
        (false, true) => of_bucket(&parts.method, query),
        (false, false) => of_object(parts, query),
    };
    let source = parts.headers.get("x-amz-copy-source");
    let source = source
        .and_then(|source| source.to_str().ok())
        .and_then(copy_source);
    Call {
        bucket: decoded(bucket),
        key: decoded(key),
        resources: decoded(if key.is_empty() { bucket } else { path })
            .into_iter()
            .chain(source)
            .collect(),
        ..Call::new(FaultService::S3, Stage::Request, operation)
    }
}

#[derive(Clone, Copy)]
struct Query<'a>(&'a str);

impl Query<'_> {
    fn has(self, name: &str) -> bool {
        self.0.split('&').any(|pair| pair.split('=').next() == Some(name))
    }
}

fn of_bucket(method: &Method, query: Query<'_>) -> &'static str {
    match *method {
        Method::HEAD => "HeadBucket",
        Method::DELETE => "DeleteBucket",
        Method::POST => "DeleteObjects",
        Method::PUT if query.has("versioning") => "PutBucketVersioning",
        Method::PUT => "CreateBucket",
        _ if query.has("list-type") => "ListObjectsV2",
        _ if query.has("location") => "GetBucketLocation",
        _ if query.has("versioning") => "GetBucketVersioning",
        _ if query.has("versions") => "ListObjectVersions",
        _ if query.has("uploads") => "ListMultipartUploads",
        _ => "ListObjects",
    }
}

fn of_object(parts: &Parts, query: Query<'_>) -> &'static str {
    let is_copy = parts.headers.contains_key("x-amz-copy-source");
    match parts.method {
        Method::HEAD => "HeadObject",
        Method::DELETE if query.has("uploadId") => "AbortMultipartUpload",
        Method::DELETE => "DeleteObject",
        Method::POST if query.has("uploads") => "CreateMultipartUpload",
        Method::POST => "CompleteMultipartUpload",
        Method::PUT if query.has("partNumber") && is_copy => "UploadPartCopy",
        Method::PUT if query.has("partNumber") => "UploadPart",
        Method::PUT if is_copy => "CopyObject",
        Method::PUT => "PutObject",
        _ if query.has("uploadId") => "ListParts",
        _ => "GetObject",
    }
}

/// The object that is copied, without its version.
fn copy_source(header: &str) -> Option<String> {
    let path = header.split("?versionId=").next().unwrap_or_default();
    decoded(path.trim_start_matches('/'))
}

fn decoded(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| percent_decode_str(text).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(method: &str, uri: &str, copy_source: Option<&str>) -> Call {
        let mut request = http::Request::builder().method(method).uri(uri);
        if let Some(source) = copy_source {
            request = request.header("x-amz-copy-source", source);
        }
        s3_call(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn operations_are_told_apart() {
        for (method, uri, copy_source, operation) in [
            ("GET", "/", None, "ListBuckets"),
            ("GET", "/b?list-type=2&prefix=a", None, "ListObjectsV2"),
            ("GET", "/b/k?x-id=GetObject", None, "GetObject"),
            ("GET", "/b/k?uploadId=1", None, "ListParts"),
            ("PUT", "/b/k", None, "PutObject"),
            ("PUT", "/b/k", Some("b/j"), "CopyObject"),
            (
                "PUT",
                "/b/k?partNumber=1&uploadId=1",
                Some("b/j"),
                "UploadPartCopy",
            ),
            ("POST", "/b/k?uploads", None, "CreateMultipartUpload"),
            ("POST", "/b/k?uploadId=1", None, "CompleteMultipartUpload"),
            ("POST", "/b?delete", None, "DeleteObjects"),
        ] {
            assert_eq!(
                call(method, uri, copy_source).operation,
                operation,
                "{method} {uri}"
            );
        }
    }

    #[test]
    fn a_copy_is_of_two_objects() {
        let copied = call("PUT", "/b/a/k%20k", Some("/c/in/j%2Bj?versionId=v"));
        assert_eq!(copied.resources, ["b/a/k k", "c/in/j+j"]);
        assert_eq!(call("GET", "/b/?list-type=2", None).resources, ["b"]);
    }

    #[test]
    fn keys_are_decoded() {
        let call = call("GET", "/b/in/a%20b", None);
        assert_eq!(
            (call.bucket.as_deref(), call.key.as_deref()),
            (Some("b"), Some("in/a b"))
        );
    }
}
