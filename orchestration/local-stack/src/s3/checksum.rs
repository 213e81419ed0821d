//! Checksums: which to compute for a write, and whether the client's agree.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use s3s::checksum::ChecksumHasher;
use s3s::{S3Result, TrailingHeaders, s3_error};

use crate::s3::blob::Written;
use crate::s3::record::Checksums;

const PREFIX: &str = "x-amz-checksum-";

/// What the client said about the body it sends.
pub(super) struct Claims {
    headers: HeaderMap,
    trailers: Option<TrailingHeaders>,
    content_md5: Option<String>,
}

impl Claims {
    /// Collects the claims of a request. Those in trailers become known once the body has been read.
    pub(super) fn new(
        headers: &HeaderMap,
        trailers: Option<TrailingHeaders>,
        content_md5: Option<String>,
    ) -> Self {
        Self {
            headers: headers.clone(),
            trailers,
            content_md5,
        }
    }

    /// A hasher for exactly the algorithms that the client names, in a header, in a trailer to come or by wish.
    pub(super) fn hasher(&self) -> ChecksumHasher {
        let mut hasher = ChecksumHasher::default();
        for algorithm in self.algorithms() {
            match algorithm.as_str() {
                "crc32" => hasher.crc32 = Some(s3s::crypto::Crc32::default()),
                "crc32c" => hasher.crc32c = Some(s3s::crypto::Crc32c::default()),
                "crc64nvme" => hasher.crc64nvme = Some(s3s::crypto::Crc64Nvme::default()),
                "sha1" => hasher.sha1 = Some(s3s::crypto::Sha1::default()),
                "sha256" => hasher.sha256 = Some(s3s::crypto::Sha256::default()),
                _ => {}
            }
        }
        hasher
    }

    /// Compares every claim with what arrived.
    pub(super) fn verify(&self, written: &Written) -> S3Result<Checksums> {
        if let Some(claimed) = &self.content_md5
            && *claimed != STANDARD.encode(written.md5)
        {
            return Err(s3_error!(
                BadDigest,
                "The Content-MD5 you specified did not match what we received."
            ));
        }
        let computed = Checksums::from(&written.checksums);
        for (algorithm, value) in computed.by_algorithm() {
            let (Some(value), Some(claimed)) = (value, self.claimed(algorithm)) else {
                continue;
            };
            if *value != claimed {
                return Err(s3_error!(
                    BadDigest,
                    "The {algorithm} you specified did not match the calculated checksum."
                ));
            }
        }
        Ok(computed)
    }

    fn algorithms(&self) -> Vec<String> {
        let direct = self
            .headers
            .keys()
            .filter_map(|name| name.as_str().strip_prefix(PREFIX));
        let trailing = self
            .header_values("x-amz-trailer")
            .flat_map(|value| value.split(','));
        let trailing = trailing.filter_map(|name| name.trim().strip_prefix(PREFIX));
        let wished = self.header_values("x-amz-sdk-checksum-algorithm");
        direct
            .chain(trailing)
            .chain(wished)
            .map(str::to_ascii_lowercase)
            .collect()
    }

    fn header_values(&self, name: &'static str) -> impl Iterator<Item = &str> {
        self.headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
    }

    fn claimed(&self, algorithm: &str) -> Option<String> {
        let name = format!("{PREFIX}{algorithm}");
        let text = |headers: &HeaderMap| {
            headers
                .get(&name)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        text(&self.headers).or_else(|| self.trailers.as_ref()?.read(text).flatten())
    }
}

impl Checksums {
    fn by_algorithm(&self) -> [(&'static str, Option<&String>); 5] {
        [
            ("crc32", self.crc32.as_ref()),
            ("crc32c", self.crc32c.as_ref()),
            ("crc64nvme", self.crc64nvme.as_ref()),
            ("sha1", self.sha1.as_ref()),
            ("sha256", self.sha256.as_ref()),
        ]
    }
}

impl From<&s3s::dto::Checksum> for Checksums {
    fn from(computed: &s3s::dto::Checksum) -> Self {
        Self {
            crc32: computed.checksum_crc32.clone(),
            crc32c: computed.checksum_crc32c.clone(),
            crc64nvme: computed.checksum_crc64nvme.clone(),
            sha1: computed.checksum_sha1.clone(),
            sha256: computed.checksum_sha256.clone(),
        }
    }
}
