//! All that a row says about which objects are its files.

use super::bucket_pattern::BucketRank;
use super::{BucketPattern, Captures, IgnoredNames, Matcher, Specificity};
use crate::object::{Bucket, ObjectKey};
use crate::rule::{RuleFault, RuleRow};

/// Where a rule looks for files, and which of the objects there are some.
pub(super) struct Finder {
    pub(super) bucket: Option<BucketPattern>,
    pub(super) matcher: Matcher,
    pub(super) ignored: IgnoredNames,
}

/// What a rule does about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Claim {
    /// It takes it.
    Takes(Captures),
    /// It passes it over.
    Ignores,
    /// It is none of its own: it lies in another bucket.
    Elsewhere,
    /// It is none of its own: it is called otherwise.
    Leaves,
}

/// The order of those that claim an object: the greatest has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    bucket: BucketRank,
    specificity: Specificity,
    /// Of two that are equally specific, one that takes the object comes before one that passes it over.
    takes: bool,
    /// Within one folder a rule with a filter comes before one without.
    is_filtered: bool,
}

impl Finder {
    pub(super) fn of(row: &RuleRow) -> Result<Self, RuleFault> {
        Ok(Self {
            matcher: Matcher::of(row)?,
            bucket: BucketPattern::of(row)?,
            ignored: IgnoredNames::of(row)?,
        })
    }

    /// What it does about an object; of a file in no bucket the bucket is not asked.
    pub(super) fn claim(&self, bucket: Option<&Bucket>, key: &ObjectKey) -> Claim {
        if self.bucket.as_ref().is_some_and(|own| !own.takes(bucket)) {
            return Claim::Elsewhere;
        }
        if !self.matcher.holds(key) {
            return Claim::Leaves;
        }
        match self.matcher.matches(key) {
            _ if self.ignored.names(key) => Claim::Ignores,
            Some(captures) => Claim::Takes(captures),
            None if self.ignored.takes_the_rest() => Claim::Ignores,
            None => Claim::Leaves,
        }
    }

    pub(super) fn rank(&self, claim: &Claim) -> Rank {
        let takes = matches!(claim, Claim::Takes(_));
        Rank {
            bucket: BucketPattern::rank(self.bucket.as_ref()),
            specificity: self.matcher.specificity(),
            takes,
            is_filtered: takes && self.matcher.is_filtered(),
        }
    }
}
