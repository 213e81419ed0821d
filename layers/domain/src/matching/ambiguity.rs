//! Rules that would take the same objects.

use std::collections::BTreeMap;

use super::bucket_pattern::BucketRank;
use super::finder::Finder;
use super::{BucketPattern, KeyPattern, Matcher};
use crate::rule::{RuleId, RuleRow};

/// So many are looked at for each: where one nests with so many, somebody has been told.
const MOST_LOOKED_AT: usize = 50;

/// Rules that match some object equally, pair by pair: its file would be refused. Of two different expressions nobody can say
/// whether they do; those that are written alike are named.
pub fn ambiguities(rows: &[RuleRow]) -> Vec<(RuleId, RuleId)> {
    let mut alike: BTreeMap<(BucketRank, Alike), Vec<(RuleId, Finder)>> = BTreeMap::new();
    for row in rows {
        let Ok(finder) = Finder::of(row) else { continue };
        let alike_by = match &finder.matcher {
            Matcher::Token(token) => Alike::Token(token.clone()),
            Matcher::KeyRegex(regex) => Alike::Regex(regex.as_str().to_owned()),
            Matcher::Queue(queue) | Matcher::Snapshot(queue) => Alike::Queue(queue.to_string()),
            Matcher::Schedule => continue,
            Matcher::KeyPattern(pattern) => Alike::Folder {
                place: place(pattern),
                filter: pattern.filter().map(|filter| filter.as_str().to_owned()),
            },
        };
        let rank = BucketPattern::rank(finder.bucket.as_ref());
        let rule = RuleId(row.ext_file_config_sid);
        alike.entry((rank, alike_by)).or_default().push((rule, finder));
    }
    let mut pairs = Vec::new();
    for group in alike.values() {
        for (place, (rule, finder)) in group.iter().enumerate() {
            let others = group[place + 1..].iter();
            let meeting = others.filter(|(_, other)| finder.meets(other));
            pairs.extend(meeting.map(|(other, _)| (*rule, *other)));
        }
    }
    pairs
}

/// Rules whose expressions may take the same objects, pair by pair: what each begins and ends with leaves room for that, and a
/// file that both take would be refused. Whether there is such a file nobody can say.
pub fn overlaps(rows: &[RuleRow]) -> Vec<(RuleId, RuleId)> {
    let mut by_place: BTreeMap<(BucketRank, Option<Place>), Vec<Expression>> = BTreeMap::new();
    for row in rows {
        let Ok(finder) = Finder::of(row) else { continue };
        let (place, regex) = match &finder.matcher {
            Matcher::KeyRegex(regex) => (None, regex),
            Matcher::KeyPattern(pattern) => match pattern.filter() {
                Some(filter) => (Some(place(pattern)), filter),
                None => continue,
            },
            Matcher::Token(_) | Matcher::Queue(_) | Matcher::Snapshot(_) | Matcher::Schedule => continue,
        };
        let (begins, ends) = regex.ends();
        let rank = BucketPattern::rank(finder.bucket.as_ref());
        by_place.entry((rank, place)).or_default().push(Expression {
            rule: RuleId(row.ext_file_config_sid),
            text: regex.as_str().to_owned(),
            begins,
            ends,
            finder,
        });
    }
    by_place.into_values().flat_map(nested).collect()
}

/// What makes two rules candidates for taking the same objects equally.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Alike {
    Token(String),
    Regex(String),
    Folder { place: Place, filter: Option<String> },
    Queue(String),
}

/// How specific a folder is: a key can begin with but one text of that length.
type Place = (String, usize);

fn place(pattern: &KeyPattern) -> Place {
    (pattern.literal_prefix().to_owned(), pattern.literal_characters())
}

/// The expression of a rule.
struct Expression {
    rule: RuleId,
    text: String,
    /// What all that it takes begins with.
    begins: String,
    /// What all that it takes ends with.
    ends: String,
    finder: Finder,
}

impl Expression {
    /// Whether there can be a text that both take. The same text is an ambiguity, and told as such.
    fn overlaps(&self, other: &Self) -> bool {
        let ends_nest = self.ends.ends_with(&other.ends) || other.ends.ends_with(&self.ends);
        ends_nest && self.text != other.text && self.finder.meets(&other.finder)
    }
}

/// Those of equally specific expressions whose beginnings nest. In the order of their beginnings, all that one's beginning is
/// the beginning of come right after it.
fn nested(mut expressions: Vec<Expression>) -> Vec<(RuleId, RuleId)> {
    expressions.sort_by(|one, other| (&one.begins, one.rule).cmp(&(&other.begins, other.rule)));
    let mut pairs = Vec::new();
    for (number, one) in expressions.iter().enumerate() {
        let within = expressions[number + 1..].iter();
        let within = within.take_while(|other| other.begins.starts_with(&one.begins));
        let overlapping = within.take(MOST_LOOKED_AT).filter(|other| one.overlaps(other));
        pairs.extend(overlapping.map(|other| (one.rule, other.rule)));
    }
    pairs
}

impl Finder {
    /// Of two that are alike but for their wildcards: whether one object can match both.
    fn meets(&self, other: &Self) -> bool {
        let keys_meet = match (&self.matcher, &other.matcher) {
            (Matcher::KeyPattern(one), Matcher::KeyPattern(other)) => one.meets(other),
            _ => true,
        };
        keys_meet && BucketPattern::meet(self.bucket.as_ref(), other.bucket.as_ref())
    }
}
