//! Buckets by name.

use std::fmt;

use super::glob::Glob;
use crate::object::Bucket;
use crate::rule::{RuleFault, RuleRow};

/// The bucket that a rule is about; a `*` in its name stands for any text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketPattern {
    text: String,
    glob: Glob,
}

/// How narrow a choice of buckets is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum BucketRank {
    /// Whatever the bucket.
    Any,
    /// By a name with wildcards and so many other characters.
    Wild(usize),
    /// By its name.
    Named,
}

impl BucketPattern {
    /// Reads a name with or without wildcards, or says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let name = text.trim();
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._*".contains(&byte);
        if name.is_empty() || !name.bytes().all(fits) {
            return Err(format!(
                "{text:?} is no bucket; write its name alone, for example landing or landing-*"
            ));
        }
        Ok(Self {
            text: name.to_owned(),
            glob: Glob::new(name),
        })
    }

    /// The bucket that a row names, if it names one.
    pub fn of(row: &RuleRow) -> Result<Option<Self>, RuleFault> {
        let set = row.bucket.as_deref().filter(|text| !text.trim().is_empty());
        set.map(Self::parse)
            .transpose()
            .map_err(|problem| RuleFault::new("bucket", problem))
    }

    /// Whether it is this one. Of a file that lies in no bucket, such as one that is looked at by hand, it is not asked.
    pub fn takes(&self, bucket: Option<&Bucket>) -> bool {
        bucket.is_none_or(|bucket| self.glob.matches(bucket.as_str()).is_some())
    }

    pub(super) fn rank(pattern: Option<&Self>) -> BucketRank {
        match pattern {
            None => BucketRank::Any,
            Some(named) if named.glob.is_literal() => BucketRank::Named,
            Some(wild) => BucketRank::Wild(wild.glob.literal_characters()),
        }
    }

    /// Whether there can be a bucket that is in both.
    pub(super) fn meet(one: Option<&Self>, other: Option<&Self>) -> bool {
        match (one, other) {
            (Some(one), Some(other)) => one.glob.meets(&other.glob),
            (None, _) | (_, None) => true,
        }
    }
}

impl fmt::Display for BucketPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}
