//! Why a rule did or did not take an object.

use super::{Matcher, queue_of};
use crate::object::ObjectKey;
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
pub fn explain(rows: &[RuleRow], key: &ObjectKey, queue: Option<&QueueName>) -> Vec<Verdict> {
    let is_of_queue = |row: &RuleRow| queue.is_some() && queue_of(row).is_ok_and(|own| own.as_ref() == queue);
    let has_rule = rows.iter().any(is_of_queue);
    rows.iter()
        .map(|row| {
            let (matches, reason) = if is_of_queue(row) {
                (true, brought(row, queue))
            } else {
                match Matcher::of(row) {
                    Err(fault) => (false, format!("can match nothing: {fault}")),
                    Ok(matcher) if has_rule => {
                        (false, format!("{matcher} is not asked, as the queue has a rule"))
                    }
                    Ok(matcher) => match matcher.matches(key) {
                        Some(captures) if captures.is_empty() => (true, format!("{matcher} matches")),
                        Some(captures) => (true, format!("{matcher} matches with {captures:?}")),
                        None => (false, reason_against(&matcher, key)),
                    },
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

fn brought(row: &RuleRow, queue: Option<&QueueName>) -> String {
    let queue = queue.map(ToString::to_string).unwrap_or_default();
    match Matcher::of(row) {
        Ok(_) => format!("it takes all that queue {queue} brings"),
        Err(fault) => format!("it takes all that queue {queue} brings, and rejects it: {fault}"),
    }
}

fn reason_against(matcher: &Matcher, key: &ObjectKey) -> String {
    match matcher {
        Matcher::Token(_) => format!("{matcher} is not the name's token {:?}", key.token()),
        Matcher::KeyPattern(_) => format!("{matcher} does not hold folder {:?}", key.folder()),
        Matcher::KeyRegex(_) => format!("{matcher} does not match the key"),
        Matcher::Snapshot(_) => format!("it takes {matcher}, and looks at no key"),
        Matcher::Schedule => "it looks for dated snapshots itself, at the times of its schedule".to_owned(),
        Matcher::Queue(_) => format!("it takes what {matcher} brings, and looks at no key"),
    }
}
