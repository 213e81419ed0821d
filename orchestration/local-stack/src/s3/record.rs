//! What the index keeps about buckets, object versions and uploads.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::index::Records;
use crate::s3::blob::BlobId;
use crate::time::Moment;

/// Buckets by name.
pub(super) const BUCKETS: Records<&'static str, Bucket> = Records::new("s3_buckets");

/// Versions of objects by bucket, key and age: the newest of a key comes first because the number counts down.
pub(super) const VERSIONS: Records<(&'static str, &'static str, u64), Version> = Records::new("s3_versions");

/// How many segments point into a blob. A blob that is not here is an orphan.
pub(super) const BLOB_USES: Records<&'static str, u64> = Records::new("s3_blob_uses");

/// Multipart uploads under way by bucket, key and upload id.
pub(super) const UPLOADS: Records<(&'static str, &'static str, &'static str), Upload> =
    Records::new("s3_uploads");

/// Parts by upload id and part number.
pub(super) const PARTS: Records<(&'static str, u32), Part> = Records::new("s3_parts");

/// The version id that S3 gives to what is written while versioning is off or suspended.
pub(super) const NULL_VERSION: &str = "null";

/// A bucket.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Bucket {
    pub(super) created: Moment,
    pub(super) versioning: Versioning,
}

/// Whether a write keeps what it replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Versioning {
    Off,
    Enabled,
    Suspended,
}

/// One version of an object, or the marker that says that it was deleted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) id: String,
    pub(super) written: Moment,
    pub(super) content: Content,
}

impl Version {
    /// The object, unless this version is a delete marker.
    pub(super) fn object(&self) -> Option<&Object> {
        match &self.content {
            Content::Object(object) => Some(object),
            Content::DeleteMarker => None,
        }
    }

    /// The version id as answers carry it: none for objects of buckets that never had versions.
    pub(super) fn visible_id(&self, versioning: Versioning) -> Option<String> {
        (versioning != Versioning::Off).then(|| self.id.clone())
    }
}

/// What a version holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Content {
    Object(Box<Object>),
    DeleteMarker,
}

/// The bytes of an object and what goes with them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Object {
    pub(super) etag: String,
    pub(super) size: u64,
    pub(super) segments: Vec<Segment>,
    /// Sizes of the parts of a multipart upload, in order; empty for an object put in one piece.
    pub(super) part_sizes: Vec<u64>,
    pub(super) attributes: Attributes,
    pub(super) checksums: Checksums,
}

/// A stretch of a blob. Objects are lists of these, so copying and completing an upload move no bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Segment {
    pub(super) blob: BlobId,
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// The headers that a client stores with an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attributes {
    pub(super) cache_control: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) content_language: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) storage_class: Option<String>,
    pub(super) metadata: BTreeMap<String, String>,
}

/// Checksums by algorithm, base64: those the client asked for when it wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checksums {
    pub(super) crc32: Option<String>,
    pub(super) crc32c: Option<String>,
    pub(super) crc64nvme: Option<String>,
    pub(super) sha1: Option<String>,
    pub(super) sha256: Option<String>,
}

/// A multipart upload under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Upload {
    pub(super) initiated: Moment,
    pub(super) attributes: Attributes,
}

/// A part of an upload under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) etag: String,
    pub(super) size: u64,
    pub(super) segments: Vec<Segment>,
    pub(super) checksums: Checksums,
    pub(super) written: Moment,
}

/// Cuts `length` bytes from `offset` on out of a list of segments.
pub(super) fn cut(segments: &[Segment], offset: u64, length: u64) -> Vec<Segment> {
    let mut cut = Vec::new();
    let mut position = 0;
    let end = offset + length;
    for segment in segments {
        let segment_end = position + segment.length;
        let from = offset.max(position);
        let to = end.min(segment_end);
        if from < to {
            let blob = segment.blob.clone();
            cut.push(Segment {
                blob,
                offset: segment.offset + (from - position),
                length: to - from,
            });
        }
        position = segment_end;
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(blob: &str, offset: u64, length: u64) -> Segment {
        Segment {
            blob: BlobId::named(blob),
            offset,
            length,
        }
    }

    #[test]
    fn a_cut_takes_the_ends_of_neighbouring_segments() {
        let whole = [segment("a", 0, 10), segment("b", 5, 10), segment("c", 0, 10)];
        assert_eq!(cut(&whole, 8, 4), vec![segment("a", 8, 2), segment("b", 5, 2)]);
        assert_eq!(cut(&whole, 10, 10), vec![segment("b", 5, 10)]);
        assert_eq!(cut(&whole, 0, 30), whole.to_vec());
    }

    #[test]
    fn a_cut_of_nothing_is_empty() {
        assert_eq!(cut(&[segment("a", 0, 10)], 3, 0), vec![]);
    }
}
