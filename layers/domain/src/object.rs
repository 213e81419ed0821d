//! An S3 object: where it lies, which version of it, and what its name says.

use std::cmp::Ordering;
use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use crate::queue::{QueueName, SNAPSHOT_QUEUE};

/// What the token of a listed object begins with. No sequencer of S3 does: those are hexadecimal.
const LISTED: &str = "listed-";

/// The name of an S3 bucket.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bucket(String);

impl Bucket {
    /// Wraps a bucket's name as S3 gave it.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The bare name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A decoded S3 key: what the object is called, not how a notification spells it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// Wraps a key that is already decoded.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// The bare key.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part after the last `/`.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The part before the last `/`, without it; empty at the root of the bucket.
    pub fn folder(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// The text after the file name's last `.`, as it is spelt; `None` when there is no dot.
    pub fn extension(&self) -> Option<&str> {
        self.file_name().rsplit_once('.').map(|(_, extension)| extension)
    }

    /// The feed's token by the naming convention: of the file name up to its first `.`, what follows the last `_`.
    pub fn token(&self) -> &str {
        let stem = self.file_name().split('.').next().unwrap_or_default();
        stem.rsplit('_').next().unwrap_or(stem)
    }

    /// Whether PostgreSQL takes the key as text: S3 takes U+0000 in a key, and no database does.
    pub fn is_storable(&self) -> bool {
        !self.0.contains('\0')
    }

    /// Whether the key lies in `folder` (`archive` holds `archive/x` and `archive/y/z`, not `archived/x`).
    pub fn is_in_folder(&self, folder: &str) -> bool {
        let folder = folder.trim_matches('/');
        !folder.is_empty()
            && self
                .0
                .strip_prefix(folder)
                .is_some_and(|rest| rest.starts_with('/'))
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Orders two events of one key. A hexadecimal string whose length varies, so it is compared after padding the shorter
/// one with zeros on the right, as S3's documentation of notifications prescribes. It says nothing about other keys.
#[derive(Debug, Clone, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sequencer(String);

impl Sequencer {
    /// What a replay has instead: no event announced it, and each must be told from the others of its object.
    pub fn of_replay(number: u64) -> Self {
        Self(format!("replay-{number}"))
    }

    /// Wraps a sequencer as the notification spells it.
    pub fn new(sequencer: impl Into<String>) -> Self {
        Self(sequencer.into())
    }

    /// What stands in for the sequencer of an object that was found by listing, until its event comes: when it was
    /// written, which every listing says alike and another file under the same key does not.
    pub fn listed(modified_at: DateTime<Utc>) -> Self {
        let modified_at = modified_at.to_rfc3339_opts(SecondsFormat::Secs, true);
        Self(format!("{LISTED}{modified_at}"))
    }

    /// The same of an object that was looked for because one rule wants it, whatever others did with it.
    pub fn listed_for(modified_at: DateTime<Utc>, rule: impl fmt::Display) -> Self {
        Self(format!("{}-for-{rule}", Self::listed(modified_at).as_str()))
    }

    /// That of a listed object which reads the same as that of an earlier load: refused for a fault that is mended, or put away
    /// before this one was written.
    #[must_use]
    pub fn after(&self, earlier: impl fmt::Display) -> Self {
        Self(format!("{}-after-{earlier}", self.as_str()))
    }

    /// What a snapshot's file has instead, which no event announced: its queue, and which of its loads it is.
    pub fn of_snapshot(queue: &QueueName, number: usize) -> Self {
        Self(format!("{queue}-{number}"))
    }

    /// Whether an event carried it: then it says of two files of a key which one is the later.
    pub fn is_of_event(&self) -> bool {
        !self.0.is_empty() && self.0.bytes().all(|byte| byte.is_ascii_hexdigit())
    }

    /// Whether it only stands in for a sequencer.
    pub fn is_listed(&self) -> bool {
        self.0.starts_with(LISTED)
    }

    /// Whether it is that of a snapshot's file.
    pub fn is_of_snapshot(&self) -> bool {
        self.0.starts_with(SNAPSHOT_QUEUE)
    }

    /// The bare text; empty when the event carried none.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Sequencer {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl PartialOrd for Sequencer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Sequencer {
    fn cmp(&self, other: &Self) -> Ordering {
        let length = self.0.len().max(other.0.len());
        let padded = |text: &str| format!("{text:0<length$}").to_ascii_lowercase();
        padded(&self.0).cmp(&padded(&other.0))
    }
}

/// One version of one object: what a load is the journey of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// The bucket it lies in.
    pub bucket: Bucket,
    /// Its decoded key.
    pub key: ObjectKey,
    /// The version id, on a versioned bucket.
    pub version: Option<String>,
    /// The entity tag without quotes. Not an MD5 for multipart or KMS objects.
    pub etag: Option<String>,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// Tells a repeated event from a re-sent file. Of an object that was found by listing, [`Sequencer::listed`].
    pub sequencer: Option<Sequencer>,
}

impl Object {
    /// `s3://bucket/key`, for people and for COPY.
    pub fn url(&self) -> String {
        s3_url(&self.bucket, &self.key)
    }
}

/// `s3://bucket/key`, for people and for COPY.
pub fn s3_url(bucket: &Bucket, key: &ObjectKey) -> String {
    format!("s3://{bucket}/{key}")
}

/// Splits `s3://bucket/key`. `None` when the scheme, the bucket or the key is missing.
pub fn parse_s3_url(url: &str) -> Option<(Bucket, ObjectKey)> {
    let (bucket, key) = url.strip_prefix("s3://")?.split_once('/')?;
    (!bucket.is_empty() && !key.is_empty()).then(|| (Bucket::new(bucket), ObjectKey::new(key)))
}

/// Where files land: a bucket and what their keys begin with, nothing for all of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WatchedPrefix {
    /// The bucket.
    pub bucket: Bucket,
    /// What the keys begin with.
    pub prefix: String,
}

impl WatchedPrefix {
    /// Reads `s3://bucket/prefix`, or `s3://bucket` for the whole bucket. `None` when it is neither.
    pub fn parse(url: &str) -> Option<Self> {
        let rest = url.strip_prefix("s3://")?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_plain = |character: char| character.is_ascii_alphanumeric() || "-._".contains(character);
        (!bucket.is_empty() && bucket.chars().all(is_plain)).then(|| Self {
            bucket: Bucket::new(bucket),
            prefix: prefix.to_owned(),
        })
    }
}

impl fmt::Display for WatchedPrefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "s3://{}/{}", self.bucket, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("in/PROD_20151015_150510973_PA_FLAVOR_527.txt", "527", Some("txt"))]
    #[case("hosp10_2014_RPT_558.csv.gz", "558", Some("gz"))]
    #[case("a.b/c_d/noext", "noext", None)]
    #[case("x/feed_527-HD.txt", "527-HD", Some("txt"))]
    #[case("x/trailing_.txt", "", Some("txt"))]
    fn the_token_is_what_follows_the_last_underscore_up_to_the_first_dot(
        #[case] key: &str,
        #[case] token: &str,
        #[case] extension: Option<&str>,
    ) {
        let key = ObjectKey::new(key);
        assert_eq!((key.token(), key.extension()), (token, extension));
    }

    #[test]
    fn only_an_events_sequencer_says_which_file_is_later() {
        let moment = DateTime::from_timestamp(0, 0).unwrap();
        assert!(Sequencer::new("0055AED6DCD90281E5").is_of_event());
        for stand_in in [
            Sequencer::new(""),
            Sequencer::of_replay(1),
            Sequencer::listed(moment),
        ] {
            assert!(!stand_in.is_of_event(), "{}", stand_in.as_str());
        }
    }

    #[test]
    fn sequencers_of_different_lengths_are_padded_on_the_right() {
        assert!(Sequencer::new("0055AED6DCD90281E5") < Sequencer::new("0055AED6DCD90281E6"));
        assert!(Sequencer::new("00FF") > Sequencer::new("00F"));
        assert_eq!(Sequencer::new("00F"), Sequencer::new("00f0"));
    }

    #[test]
    fn a_listed_object_is_told_apart_by_when_it_was_written() {
        let noon = DateTime::from_timestamp(1_795_262_400, 0).unwrap();
        let listed = Sequencer::listed(noon);
        assert_eq!(listed.as_str(), "listed-2026-11-21T12:00:00Z");
        let wanted = Sequencer::listed_for(noon, 701);
        assert_eq!(wanted.as_str(), "listed-2026-11-21T12:00:00Z-for-701");
        for other in [wanted.clone(), listed.after(7), wanted.after(7)] {
            assert!(other.is_listed());
            assert_ne!(listed, other);
        }
        assert_ne!(wanted, wanted.after(7));
        assert!(!Sequencer::new("0055AED6DCD90281E5").is_listed());
    }

    #[test]
    fn a_folder_holds_its_own_keys_and_not_those_of_a_longer_name() {
        assert!(ObjectKey::new("archive/527/a.txt").is_in_folder("archive"));
        assert!(ObjectKey::new("archive/a").is_in_folder("archive/"));
        assert!(!ObjectKey::new("archived/a").is_in_folder("archive"));
        assert!(!ObjectKey::new("x/archive/a").is_in_folder("archive"));
    }

    #[rstest]
    #[case("s3://landing/in/", Some("s3://landing/in/"))]
    #[case("s3://landing", Some("s3://landing/"))]
    #[case("s3:///in", None)]
    #[case("landing/in", None)]
    #[case("s3://a b/in", None)]
    fn a_watched_prefix_needs_a_bucket(#[case] url: &str, #[case] expected: Option<&str>) {
        let found = WatchedPrefix::parse(url).map(|watched| watched.to_string());
        assert_eq!(found.as_deref(), expected);
    }

    #[test]
    fn an_s3_url_needs_a_bucket_and_a_key() {
        assert_eq!(
            parse_s3_url("s3://b/k/l"),
            Some((Bucket::new("b"), ObjectKey::new("k/l")))
        );
        assert_eq!(parse_s3_url("s3://b/"), None);
        assert_eq!(parse_s3_url("https://b/k"), None);
    }
}
