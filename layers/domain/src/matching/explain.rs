//! Why a rule did or did not take an object.

use super::finder::{Claim, Finder};
use super::{IgnoredNames, Matcher, is_of_bucket, is_of_queue};
use crate::object::{Bucket, ObjectKey};
use crate::queue::QueueName;
use crate::rule::{RuleId, RuleRow};

/// Why a rule did or did not match, for `rule explain`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Verdict {
    /// The rule.
    pub rule: RuleId,
    /// Whether the key matches it.
    pub matches: bool,
    /// How it looks for files and what it found.
    pub reason: String,
}

/// Says of every row whether it takes an object of this key that a queue announced, if one did, and why. Where a rule of the
/// queue does, no key is looked at.
pub fn explain(
    rows: &[RuleRow],
    bucket: Option<&Bucket>,
    key: &ObjectKey,
    queue: Option<&QueueName>,
) -> Vec<Verdict> {
    let has_it =
        |row: &RuleRow| queue.is_some_and(|queue| is_of_queue(row, queue)) && is_of_bucket(row, bucket);
    let has_rule = rows.iter().any(has_it);
    rows.iter()
        .map(|row| {
            let (matches, reason) = if has_it(row) {
                brought(row, key, queue)
            } else {
                match Finder::of(row) {
                    Err(fault) => (false, format!("can match nothing: {fault}")),
                    Ok(Finder { matcher, .. }) if has_rule => {
                        (false, format!("{matcher} is not asked, as the queue has a rule"))
                    }
                    Ok(finder) => by_key(&finder, bucket, key),
                }
            };
            Verdict {
                rule: RuleId(row.ext_file_config_sid),
                matches,
                reason,
            }
        })
        .collect()
}

fn brought(row: &RuleRow, key: &ObjectKey, queue: Option<&QueueName>) -> (bool, String) {
    let queue = queue.map(ToString::to_string).unwrap_or_default();
    let takes = format!("it takes all that queue {queue} brings");
    match Finder::of(row) {
        Ok(_) if IgnoredNames::of(row).is_ok_and(|ignored| ignored.names(key)) => {
            (false, format!("{takes}, and ignores this (ignore_names)"))
        }
        Ok(_) => (true, takes),
        Err(fault) => (true, format!("{takes}, and rejects it: {fault}")),
    }
}

fn by_key(finder: &Finder, bucket: Option<&Bucket>, key: &ObjectKey) -> (bool, String) {
    let matcher = &finder.matcher;
    match finder.claim(bucket, key) {
        Claim::Takes(captures) if captures.is_empty() => (true, format!("{matcher} matches")),
        Claim::Takes(captures) => (true, format!("{matcher} matches with {captures:?}")),
        Claim::Ignores => (false, format!("{matcher}: it ignores this (ignore_names)")),
        Claim::Elsewhere => {
            let own = finder.bucket.as_ref().map(ToString::to_string);
            let own = own.unwrap_or_default();
            (false, format!("it takes files of bucket {own:?} alone"))
        }
        Claim::Leaves => (false, reason_against(matcher, key)),
    }
}

fn reason_against(matcher: &Matcher, key: &ObjectKey) -> String {
    match matcher {
        Matcher::Token(_) => format!("{matcher} is not the name's token {:?}", key.token()),
        Matcher::KeyPattern(pattern) if pattern.holds(key).is_some() => {
            format!("{matcher} holds the folder, and the filter does not match")
        }
        Matcher::KeyPattern(_) => format!("{matcher} does not hold folder {:?}", key.folder()),
        Matcher::KeyRegex(_) => format!("{matcher} does not match the key"),
        Matcher::Snapshot(_) => format!("it takes {matcher}, and looks at no key"),
        Matcher::Schedule => "it looks for dated snapshots itself, at the times of its schedule".to_owned(),
        Matcher::Queue(_) => format!("it takes what {matcher} brings, and looks at no key"),
    }
}
