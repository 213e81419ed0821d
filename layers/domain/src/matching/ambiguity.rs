//! Rules that would take the same objects.

use std::collections::BTreeMap;

use super::Matcher;
use crate::rule::{RuleId, RuleRow};

/// Rules that match some object equally, pair by pair: its file would be refused. Of two different expressions nobody can say
/// whether they do; those that are written alike are named.
pub fn ambiguities(rows: &[RuleRow]) -> Vec<(RuleId, RuleId)> {
    let mut alike: BTreeMap<(u8, String, usize), Vec<(RuleId, Matcher)>> = BTreeMap::new();
    for row in rows {
        let Ok(matcher) = Matcher::of(row) else { continue };
        let group = match &matcher {
            Matcher::Token(token) => (0, token.clone(), 0),
            Matcher::KeyRegex(regex) => (1, regex.as_str().to_owned(), 0),
            Matcher::Queue(queue) | Matcher::Snapshot(queue) => (3, queue.to_string(), 0),
            Matcher::Schedule => continue,
            // Both must be equally specific, and a key can begin with but one text of that length.
            Matcher::KeyPattern(pattern) => {
                let prefix = pattern.literal_prefix().to_owned();
                (2, prefix, pattern.literal_characters())
            }
        };
        let rule = RuleId(row.ext_file_config_sid);
        alike.entry(group).or_default().push((rule, matcher));
    }
    let mut pairs = Vec::new();
    for group in alike.values() {
        for (place, (rule, matcher)) in group.iter().enumerate() {
            let others = group[place + 1..].iter();
            let meeting = others.filter(|(_, other)| matcher.meets(other));
            pairs.extend(meeting.map(|(other, _)| (*rule, *other)));
        }
    }
    pairs
}

impl Matcher {
    /// Of two that are alike but for their wildcards: whether one key matches both.
    fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::KeyPattern(one), Self::KeyPattern(other)) => one.meets(other),
            _ => true,
        }
    }
}
