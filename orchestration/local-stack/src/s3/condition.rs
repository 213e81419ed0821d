//! Conditional requests: the headers that say "only if it is still what I saw".

use s3s::dto::{ETag, ETagCondition, Timestamp};
use s3s::{S3Result, s3_error};

use crate::s3::record::{Object, Version};

/// What must hold of the present object for a write to replace it.
#[derive(Clone, Debug, Default)]
pub(super) struct WriteCondition {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
}

impl WriteCondition {
    /// Reads both headers: for CopyObject, whose generated input does not carry them.
    pub(super) fn from_headers(headers: &http::HeaderMap) -> S3Result<Self> {
        let parse = |name: &str| -> S3Result<Option<ETagCondition>> {
            let Some(value) = headers.get(name) else {
                return Ok(None);
            };
            ETagCondition::parse_http_header(value.as_bytes())
                .map(Some)
                .map_err(|_| {
                    s3_error!(
                        InvalidArgument,
                        "The {name} header is neither an entity tag nor *."
                    )
                })
        };
        Ok(Self {
            if_match: parse("if-match")?,
            if_none_match: parse("if-none-match")?,
        })
    }

    /// Checks the condition against what is there now, inside the transaction that would replace it.
    pub(super) fn check(&self, current: Option<&Version>) -> S3Result<()> {
        let current = current.and_then(Version::object);
        match (&self.if_none_match, current) {
            (Some(ETagCondition::ETag(_)), _) => {
                return Err(s3_error!(
                    NotImplemented,
                    "If-None-Match on a write takes * alone."
                ));
            }
            (Some(ETagCondition::Any), Some(_)) => return Err(precondition_failed("If-None-Match")),
            (Some(ETagCondition::Any) | None, _) => {}
        }
        match (&self.if_match, current) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(s3_error!(NoSuchKey, "The specified key does not exist.")),
            (Some(condition), Some(object)) if names(condition, object) => Ok(()),
            (Some(_), Some(_)) => Err(precondition_failed("If-Match")),
        }
    }
}

/// What must hold of an object for a read, or for a copy's source.
#[derive(Clone, Debug, Default)]
pub(super) struct ReadCondition {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
    pub(super) if_modified_since: Option<Timestamp>,
    pub(super) if_unmodified_since: Option<Timestamp>,
}

/// What a condition says about an object.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Proceed,
    NotModified,
    Failed(&'static str),
}

impl ReadCondition {
    /// Weighs the four headers in the order of RFC 9110: entity tags decide where they are given, times otherwise.
    pub(super) fn verdict(&self, version: &Version, object: &Object) -> Verdict {
        let written = Timestamp::from(version.written.whole_seconds().system_time());
        match (&self.if_match, &self.if_unmodified_since) {
            (Some(condition), _) if !names(condition, object) => return Verdict::Failed("If-Match"),
            (None, Some(limit)) if written > *limit => return Verdict::Failed("If-Unmodified-Since"),
            (Some(_) | None, _) => {}
        }
        match (&self.if_none_match, &self.if_modified_since) {
            (Some(condition), _) if names(condition, object) => Verdict::NotModified,
            (None, Some(limit)) if written <= *limit => Verdict::NotModified,
            (Some(_) | None, _) => Verdict::Proceed,
        }
    }

    /// For the source of a copy every failed condition is a 412: there is no "not modified" to answer.
    pub(super) fn check_source(&self, version: &Version, object: &Object) -> S3Result<()> {
        match self.verdict(version, object) {
            Verdict::Proceed => Ok(()),
            Verdict::NotModified => Err(precondition_failed("x-amz-copy-source-If-None-Match")),
            Verdict::Failed(header) => Err(precondition_failed(header)),
        }
    }
}

/// Whether an If-Match of a delete names the object.
pub(super) fn names(condition: &ETagCondition, object: &Object) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(ETag::Strong(etag) | ETag::Weak(etag)) => *etag == object.etag,
    }
}

pub(super) fn precondition_failed(header: &str) -> s3s::S3Error {
    s3_error!(
        PreconditionFailed,
        "At least one of the pre-conditions you specified did not hold: {header}"
    )
}
