//! The manifest: the exact list of files that one COPY reads. A FROM path without one is a prefix and reads more.

use std::collections::BTreeSet;

use serde_json::json;

/// One file of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestEntry {
    /// `s3://bucket/key`, not encoded.
    pub url: String,
    /// The file's size in bytes as it lies in S3. Parquet and ORC cannot be read without it.
    pub content_length: u64,
}

/// The files of one COPY: at least one, none twice, in the order given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    entries: Vec<ManifestEntry>,
}

impl Manifest {
    /// Takes the files. A file listed twice would be loaded twice, and an empty list fails in the warehouse.
    pub fn new(entries: Vec<ManifestEntry>) -> Result<Self, ManifestError> {
        if entries.is_empty() {
            return Err(ManifestError::Empty);
        }
        let mut seen = BTreeSet::new();
        if let Some(entry) = entries.iter().find(|entry| !seen.insert(entry.url.as_str())) {
            return Err(ManifestError::ListedTwice {
                url: entry.url.clone(),
            });
        }
        Ok(Self { entries })
    }

    /// The files.
    pub fn entries(&self) -> &[ManifestEntry] {
        &self.entries
    }

    /// The manifest file's text: UTF-8 JSON, every entry mandatory, so that a missing file fails the load.
    pub fn to_json(&self) -> String {
        let entries: Vec<serde_json::Value> = self
            .entries
            .iter()
            .map(|entry| {
                json!({
                    "url": entry.url,
                    "mandatory": true,
                    "meta": { "content_length": entry.content_length },
                })
            })
            .collect();
        json!({ "entries": entries }).to_string()
    }
}

/// Why files cannot be listed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// There is no file.
    #[error("a manifest lists no file")]
    Empty,
    /// One file stands twice.
    #[error("a manifest lists {url} twice, which would load it twice")]
    ListedTwice {
        /// The file.
        url: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(url: &str, content_length: u64) -> ManifestEntry {
        ManifestEntry {
            url: url.to_owned(),
            content_length,
        }
    }

    #[test]
    fn every_file_is_mandatory_and_carries_its_size_in_the_order_given() {
        let manifest = Manifest::new(vec![entry("s3://b/2", 7), entry("s3://b/1 \"x\"", 0)]).unwrap();
        let read: serde_json::Value = serde_json::from_str(&manifest.to_json()).unwrap();
        assert_eq!(
            read,
            json!({"entries": [
                {"url": "s3://b/2", "mandatory": true, "meta": {"content_length": 7}},
                {"url": "s3://b/1 \"x\"", "mandatory": true, "meta": {"content_length": 0}},
            ]})
        );
    }

    #[test]
    fn a_file_listed_twice_is_refused() {
        let error = Manifest::new(vec![entry("s3://b/1", 1), entry("s3://b/1", 1)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a manifest lists s3://b/1 twice, which would load it twice"
        );
    }

    #[test]
    fn no_file_is_refused() {
        assert_eq!(Manifest::new(Vec::new()), Err(ManifestError::Empty));
    }
}
