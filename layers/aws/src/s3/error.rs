//! SDK errors of S3 in the words of the port.

use std::error::Error;

use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use longshore_app::ports::{BoxError, ObjectStoreError};

use crate::fault::{CallError, Fault};

/// One S3 call: what it is about, what it is called, and which permission it takes.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) url: String,
    pub(super) operation: &'static str,
    pub(super) action: &'static str,
}

impl Call {
    /// Without `s3:ListBucket` S3 answers a missing key with 403, so a denied HEAD has two possible reasons.
    pub(super) fn head_object(url: String) -> Self {
        let action =
            "s3:GetObject (and s3:ListBucket on its bucket, without which a missing key looks denied)";
        Self::new(url, "HeadObject", action)
    }

    pub(super) fn list_objects(url: String) -> Self {
        Self::new(url, "ListObjectsV2", "s3:ListBucket")
    }

    /// Reads of a named version take a permission of their own.
    pub(super) fn get_object(url: String, version: Option<&str>) -> Self {
        let action = match version {
            Some(_) => "s3:GetObjectVersion",
            None => "s3:GetObject",
        };
        Self::new(url, "GetObject", action)
    }

    pub(super) fn put_object(url: String) -> Self {
        Self::new(url, "PutObject", "s3:PutObject")
    }

    /// Creating, filling and completing a multipart upload all take the permission to write.
    pub(super) fn multipart(url: String, operation: &'static str) -> Self {
        Self::new(url, operation, "s3:PutObject")
    }

    /// Tags travel with an object, so copying one needs to read and write them too.
    pub(super) fn copy_object(url: String) -> Self {
        let action = "s3:PutObject and s3:PutObjectTagging, and s3:GetObject (s3:GetObjectVersion) and \
                      s3:GetObjectTagging on the source,";
        Self::new(url, "CopyObject", action)
    }

    /// Parts of an object are written by one permission and read by another.
    pub(super) fn part_copy(url: String) -> Self {
        let action = "s3:PutObject, and s3:GetObject (s3:GetObjectVersion) on the source,";
        Self::new(url, "UploadPartCopy", action)
    }

    pub(super) fn delete_object(url: String) -> Self {
        Self::new(url, "DeleteObject", "s3:DeleteObject")
    }

    fn new(url: String, operation: &'static str, action: &'static str) -> Self {
        Self {
            url,
            operation,
            action,
        }
    }

    /// The port's error for an SDK error of this call.
    pub(super) fn failed<E>(&self, error: CallError<E>) -> ObjectStoreError
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let fault = Fault::of(&error);
        self.fault(fault, Box::new(error))
    }

    /// The service broke off in a way that no SDK error describes.
    pub(super) fn unavailable(&self, source: impl Into<BoxError>) -> ObjectStoreError {
        self.fault(Fault::Unavailable, source.into())
    }

    /// The service's answer cannot be used.
    pub(super) fn refused(&self, source: impl Into<BoxError>) -> ObjectStoreError {
        self.fault(Fault::Refused, source.into())
    }

    pub(super) fn not_found(&self) -> ObjectStoreError {
        ObjectStoreError::NotFound {
            url: self.url.clone(),
        }
    }

    pub(super) fn replaced(&self) -> ObjectStoreError {
        ObjectStoreError::Replaced {
            url: self.url.clone(),
        }
    }

    fn fault(&self, fault: Fault, source: BoxError) -> ObjectStoreError {
        let (url, operation) = (self.url.clone(), self.operation);
        match fault {
            Fault::Missing => self.not_found(),
            Fault::ConditionFailed => self.replaced(),
            Fault::Denied => ObjectStoreError::Denied {
                url,
                action: self.action,
                source,
            },
            Fault::Unavailable | Fault::Busy => ObjectStoreError::Unavailable {
                url,
                operation,
                source,
            },
            Fault::Refused => ObjectStoreError::Refused {
                url,
                operation,
                source,
            },
        }
    }
}
