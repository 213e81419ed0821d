//! Which rule an object falls under, and why not under the others.
//!
//! A rule finds its files in one of three ways, from the most to the least specific: by a key pattern (a folder with
//! hive-style wildcards; of two that match, the one with the longer literal prefix wins), by a regular expression over
//! the whole key, or by the token of the file's name. A rule that names a queue takes what that queue brings before all
//! others, whatever the key is. Two rules that match equally are an error that names both.
//!
//! The store looks candidates up by what their keys begin with (`ext_rule_key_prefix` in the control database): whoever changes
//! how a pattern or an expression is read here changes it there too.

use std::collections::BTreeMap;
use std::fmt;

use regex::Regex;

use crate::object::ObjectKey;
use crate::queue::QueueName;
use crate::rule::{RuleFault, RuleId, RuleRow};

/// What a pattern or expression picked out of the key, by name: `yyyy=*` gives `yyyy`, `(?<region>…)` gives `region`.
pub type Captures = BTreeMap<String, String>;

/// How a rule finds its files.
#[derive(Debug, Clone)]
pub enum Matcher {
    /// The token of the file's name, compared exactly.
    Token(String),
    /// A folder with wildcards.
    KeyPattern(KeyPattern),
    /// A regular expression over the whole key.
    KeyRegex(KeyRegex),
    /// Nothing in the key: the queue that brought it alone.
    Queue(QueueName),
    /// The same, of dated snapshots: whoever puts one on the ledger says which date and period it is about.
    Snapshot(QueueName),
}

impl Matcher {
    /// What the key gives, when it matches.
    pub fn matches(&self, key: &ObjectKey) -> Option<Captures> {
        match self {
            Self::Token(token) => (key.token() == token).then(Captures::new),
            Self::KeyPattern(pattern) => pattern.matches(key),
            Self::KeyRegex(regex) => regex.matches(key),
            Self::Queue(_) | Self::Snapshot(_) => None,
        }
    }

    /// Whether the key can give a placeholder of that name, or what would have to be written for that.
    pub fn check_capture(&self, name: &str) -> Result<(), String> {
        let (captured, remedy) = match self {
            Self::Token(_) => (
                vec![],
                format!(
                    "the rule finds its files by file_prefix, which captures nothing; find them by a key_regex with (?<{name}>…)"
                ),
            ),
            Self::KeyPattern(pattern) => (
                pattern.capture_names(),
                format!(
                    "key_pattern has no folder {name}=*; write one, or find the files by a key_regex with (?<{name}>…)"
                ),
            ),
            Self::KeyRegex(regex) => (
                regex.0.capture_names().flatten().collect(),
                format!("key_regex has no group (?<{name}>…); name one so"),
            ),
            Self::Snapshot(_) => (
                SNAPSHOT_CAPTURES.to_vec(),
                format!("a snapshot is said to have {}", SNAPSHOT_CAPTURES.join(", ")),
            ),
            Self::Queue(_) => (
                vec![],
                format!(
                    "the rule takes what comes through its queue, which captures nothing; find files by a key_regex with (?<{name}>…)"
                ),
            ),
        };
        if captured.contains(&name) {
            return Ok(());
        }
        Err(format!("the key does not give {{{name}}}: {remedy}"))
    }

    fn specificity(&self) -> Specificity {
        match self {
            Self::Token(_) => Specificity::Token,
            Self::KeyRegex(_) => Specificity::Regex,
            Self::Queue(_) | Self::Snapshot(_) => Specificity::Queue,
            Self::KeyPattern(pattern) => Specificity::Pattern {
                prefix: pattern.literal_prefix(),
                literals: pattern.literal_characters(),
            },
        }
    }

    /// How a row finds its files, or what is wrong with that.
    pub fn of(row: &RuleRow) -> Result<Self, RuleFault> {
        let set = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        if is_snapshot(row)? {
            return snapshot_queue(row).map(Self::Snapshot);
        }
        match (set(&row.key_pattern), set(&row.key_regex)) {
            (Some(_), Some(_)) => Err(RuleFault::new(
                "key_regex",
                "key_pattern is set too; a rule finds its files by one of them, so clear the other",
            )),
            (Some(pattern), None) => KeyPattern::parse(&pattern)
                .map(Self::KeyPattern)
                .map_err(|problem| RuleFault::new("key_pattern", problem)),
            (None, Some(regex)) => KeyRegex::parse(&regex)
                .map(Self::KeyRegex)
                .map_err(|problem| RuleFault::new("key_regex", problem)),
            (None, None) if row.file_prefix.trim().is_empty() => match queue_of(row)? {
                Some(queue) => Ok(Self::Queue(queue)),
                None => token_of(row).map(Self::Token),
            },
            (None, None) => token_of(row).map(Self::Token),
        }
    }
}

/// The queue that a rule takes the objects of, if it names one.
pub fn queue_of(row: &RuleRow) -> Result<Option<QueueName>, RuleFault> {
    let set = row.queue_name.as_deref().filter(|name| !name.trim().is_empty());
    set.map(QueueName::parse)
        .transpose()
        .map_err(|problem| RuleFault::new("queue_name", problem))
}

/// What is said of every snapshot.
const SNAPSHOT_CAPTURES: [&str; 3] = ["data_date", "period_start", "period_end"];

fn is_snapshot(row: &RuleRow) -> Result<bool, RuleFault> {
    match row.rule_kind.as_deref().map(str::trim) {
        None | Some("" | "file") => Ok(false),
        Some("snapshot") => Ok(true),
        Some(word) => Err(RuleFault::new(
            "rule_kind",
            format!("{word:?} is no kind of rule; write file or snapshot, or leave it NULL"),
        )),
    }
}

fn snapshot_queue(row: &RuleRow) -> Result<QueueName, RuleFault> {
    queue_of(row)?.ok_or_else(|| {
        RuleFault::new(
            "queue_name",
            "is not set, and snapshots are put on the ledger by it; longshore snapshot load names one by itself",
        )
    })
}

fn token_of(row: &RuleRow) -> Result<String, RuleFault> {
    match row.file_prefix.trim().trim_end_matches('.') {
        "" => Err(RuleFault::new(
            "file_prefix",
            "is blank; write the text between the file name's last '_' and its first '.', followed by a dot, \
             for example 527.",
        )),
        token => Ok(token.to_owned()),
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(token) => write!(formatter, "token {token:?}"),
            Self::KeyPattern(pattern) => write!(formatter, "key pattern {:?}", pattern.text),
            Self::KeyRegex(regex) => write!(formatter, "key expression {:?}", regex.0.as_str()),
            Self::Queue(queue) => write!(formatter, "queue {queue}"),
            Self::Snapshot(queue) => write!(formatter, "snapshots of {queue}"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Specificity {
    Token,
    Regex,
    Pattern { prefix: usize, literals: usize },
    Queue,
}

/// A folder with hive-style wildcards, such as `data/orders/yyyy=*/mm=*`. A `*` stands for any text within one segment.
/// Everything below the folder matches.
#[derive(Debug, Clone)]
pub struct KeyPattern {
    text: String,
    segments: Vec<Segment>,
}

#[derive(Debug, Clone)]
struct Segment {
    /// The literal texts around the wildcards: `mm=*` is `["mm=", ""]`, `a` is `["a"]`.
    literals: Vec<String>,
}

impl KeyPattern {
    /// Reads a pattern, or says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let trimmed = text.trim().trim_matches('/');
        if trimmed.is_empty() || trimmed.split('/').any(str::is_empty) {
            return Err(format!(
                "{text:?} is no folder; write for example data/orders/yyyy=*/mm=*"
            ));
        }
        if trimmed.starts_with("s3:") {
            return Err(format!("{text:?} names a bucket; write the key's folder alone"));
        }
        let segments = trimmed
            .split('/')
            .map(|segment| Segment {
                literals: segment.split('*').map(str::to_owned).collect(),
            })
            .collect();
        Ok(Self {
            text: trimmed.to_owned(),
            segments,
        })
    }

    fn matches(&self, key: &ObjectKey) -> Option<Captures> {
        let parts: Vec<&str> = key.as_str().split('/').collect();
        // A folder holds files: the key needs one segment more than the pattern.
        if parts.len() <= self.segments.len() {
            return None;
        }
        let mut captures = Captures::new();
        for (segment, part) in self.segments.iter().zip(parts) {
            let wild = segment.matches(part)?;
            if let (Some((name, "")), Some(value)) = (segment.literals[0].rsplit_once('='), wild) {
                captures.insert(name.to_owned(), value.to_owned());
            }
        }
        Some(captures)
    }

    fn capture_names(&self) -> Vec<&str> {
        let wild = self.segments.iter().filter(|segment| segment.literals.len() > 1);
        wild.filter_map(|segment| segment.literals[0].strip_suffix('='))
            .collect()
    }

    fn literal_prefix(&self) -> usize {
        self.text.find('*').unwrap_or(self.text.len())
    }

    fn literal_characters(&self) -> usize {
        self.text.len() - self.text.matches('*').count()
    }
}

impl Segment {
    /// `Some` when the part matches; within it, what the first wildcard stood for.
    fn matches<'part>(&self, part: &'part str) -> Option<Option<&'part str>> {
        let [first, rest @ ..] = self.literals.as_slice() else {
            return None;
        };
        let [middle @ .., last] = rest else {
            return (first == part).then_some(None);
        };
        let after_first = part.strip_prefix(first.as_str())?;
        let mut open = after_first.strip_suffix(last.as_str())?;
        let mut wild = (middle.is_empty()).then_some(open);
        for literal in middle {
            let found = open.find(literal.as_str())?;
            wild.get_or_insert(&open[..found]);
            open = &open[found + literal.len()..];
        }
        Some(wild)
    }
}

/// A regular expression over the whole key; its named groups are captures.
#[derive(Debug, Clone)]
pub struct KeyRegex(Regex);

impl KeyRegex {
    /// Compiles an expression, anchored at both ends, or says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        // The bare text first, so that positions in the error are the operator's.
        Regex::new(text).map_err(|error| format!("{text:?} is no regular expression: {error}"))?;
        Regex::new(&format!("^(?:{text})$"))
            .map(Self)
            .map_err(|error| error.to_string())
    }

    fn matches(&self, key: &ObjectKey) -> Option<Captures> {
        let found = self.0.captures(key.as_str())?;
        let named = self.0.capture_names().flatten();
        Some(
            named
                .filter_map(|name| Some((name.to_owned(), found.name(name)?.as_str().to_owned())))
                .collect(),
        )
    }
}

/// Which rule an object falls under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match<'rows> {
    /// Exactly one rule is the most specific.
    One {
        /// Its row, not yet interpreted.
        row: &'rows RuleRow,
        /// What the key gave.
        captures: Captures,
    },
    /// No rule matches.
    None,
    /// No rule matches, and this one cannot say what it matches: its files may be among those that no rule takes.
    Unreadable(&'rows RuleRow),
    /// Several match equally.
    Several(Vec<RuleId>),
}

/// Finds the rule of an object that a queue announced, if one did, among candidate rows: a rule of that queue before any other.
pub fn find_announced<'rows>(
    rows: &'rows [RuleRow],
    key: &ObjectKey,
    queue: Option<&QueueName>,
) -> Match<'rows> {
    let Some(queue) = queue else {
        return find(rows, key);
    };
    let of_queue = rows
        .iter()
        .filter(|row| queue_of(row).is_ok_and(|own| own.as_ref() == Some(queue)))
        .map(|row| {
            let captures = Matcher::of(row).ok().and_then(|matcher| matcher.matches(key));
            (Specificity::Queue, row, captures.unwrap_or_default())
        })
        .collect();
    match most_specific(of_queue) {
        Match::None => find(rows, key),
        found => found,
    }
}

/// Finds the rule of an object among candidate rows, by its key alone.
pub fn find<'rows>(rows: &'rows [RuleRow], key: &ObjectKey) -> Match<'rows> {
    let mut matching = Vec::new();
    let mut unreadable = None;
    // Each is read once: what costs time here is an expression, which is compiled.
    for row in rows {
        match Matcher::of(row) {
            Ok(matcher) => {
                if let Some(captures) = matcher.matches(key) {
                    matching.push((matcher.specificity(), row, captures));
                }
            }
            Err(_) => unreadable = unreadable.or(Some(row)),
        }
    }
    match (most_specific(matching), unreadable) {
        (Match::None, Some(row)) => Match::Unreadable(row),
        (found, _) => found,
    }
}

/// Finds the rule of a record type among candidate rows. Only a token can name it: a part has no key of its own.
pub fn find_by_token<'rows>(rows: &'rows [RuleRow], token: &str) -> Match<'rows> {
    let matching = rows
        .iter()
        .filter(|row| matches!(Matcher::of(row), Ok(Matcher::Token(own)) if own == token))
        .map(|row| (Specificity::Token, row, Captures::new()))
        .collect();
    most_specific(matching)
}

fn most_specific(mut matching: Vec<(Specificity, &RuleRow, Captures)>) -> Match<'_> {
    let Some(best) = matching.iter().map(|(specificity, ..)| *specificity).max() else {
        return Match::None;
    };
    matching.retain(|(specificity, ..)| *specificity == best);
    match matching.len() {
        1 => {
            let (_, row, captures) = matching.swap_remove(0);
            Match::One { row, captures }
        }
        _ => Match::Several(
            matching
                .iter()
                .map(|(_, row, _)| RuleId(row.ext_file_config_sid))
                .collect(),
        ),
    }
}

/// Rules that match some object equally, pair by pair: its file would be refused. Of two different expressions nobody can say
/// whether they do; those that are written alike are named.
pub fn ambiguities(rows: &[RuleRow]) -> Vec<(RuleId, RuleId)> {
    let mut alike: BTreeMap<(u8, String, usize), Vec<(RuleId, Matcher)>> = BTreeMap::new();
    for row in rows {
        let Ok(matcher) = Matcher::of(row) else { continue };
        let group = match &matcher {
            Matcher::Token(token) => (0, token.clone(), 0),
            Matcher::KeyRegex(regex) => (1, regex.0.as_str().to_owned(), 0),
            Matcher::Queue(queue) | Matcher::Snapshot(queue) => (3, queue.to_string(), 0),
            // Both must be equally specific, and a key can begin with but one text of that length.
            Matcher::KeyPattern(pattern) => {
                let prefix = pattern.text[..pattern.literal_prefix()].to_owned();
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
            (Self::KeyPattern(one), Self::KeyPattern(other)) => one
                .segments
                .iter()
                .zip(&other.segments)
                .all(|(one, other)| one.meets(other)),
            _ => true,
        }
    }
}

impl Segment {
    /// Whether one text matches both: what is left of each pattern is compared from its front, a wildcard taking nothing or
    /// one character of the other's more.
    fn meets(&self, other: &Self) -> bool {
        let pattern = |segment: &Self| segment.literals.join("*").chars().collect::<Vec<_>>();
        let (one, other) = (pattern(self), pattern(other));
        let mut meets = vec![vec![false; other.len() + 1]; one.len() + 1];
        meets[one.len()][other.len()] = true;
        for i in (0..=one.len()).rev() {
            for j in (0..=other.len()).rev() {
                let (a, b) = (one.get(i), other.get(j));
                meets[i][j] |= match (a, b) {
                    (None, None) => true,
                    (Some('*'), _) if meets[i + 1][j] => true,
                    (_, Some('*')) if meets[i][j + 1] => true,
                    (Some('*'), Some(_)) => meets[i][j + 1],
                    (Some(_), Some('*')) => meets[i + 1][j],
                    (Some(a), Some(b)) => a == b && meets[i + 1][j + 1],
                    (None, Some(_)) | (Some(_), None) => false,
                };
            }
        }
        meets[0][0]
    }
}

/// The token that the rule of a record type is found by: `<token>-<prefix>`.
pub fn part_token(token: &str, record_type: &str) -> String {
    format!("{token}-{record_type}")
}

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
        Matcher::Queue(_) => format!("it takes what {matcher} brings, and looks at no key"),
    }
}

/// The names of a text's `{placeholders}`, or what follows a brace that is never closed.
pub fn placeholders(template: &str) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    let mut rest = template;
    while let Some((_, after)) = rest.split_once('{') {
        let (name, tail) = after.split_once('}').ok_or_else(|| after.to_owned())?;
        names.push(name.to_owned());
        rest = tail;
    }
    Ok(names)
}

/// Fills `{name}` placeholders of a text from the captures; the unknown name on failure.
pub fn fill_placeholders(template: &str, captures: &Captures) -> Result<String, String> {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, tail) = after.split_once('}').ok_or_else(|| after.to_owned())?;
        filled.push_str(before);
        // A blank capture would name another table than the operator meant.
        let value = captures.get(name).filter(|value| !value.is_empty());
        filled.push_str(value.ok_or_else(|| name.to_owned())?);
        rest = tail;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn token(sid: i32, file_prefix: &str) -> RuleRow {
        RuleRow {
            ext_file_config_sid: sid,
            file_prefix: file_prefix.to_owned(),
            ..RuleRow::default()
        }
    }

    fn pattern(sid: i32, pattern: &str) -> RuleRow {
        RuleRow {
            key_pattern: Some(pattern.to_owned()),
            ..token(sid, "-")
        }
    }

    fn regex(sid: i32, regex: &str) -> RuleRow {
        RuleRow {
            key_regex: Some(regex.to_owned()),
            ..token(sid, "-")
        }
    }

    fn found(rows: &[RuleRow], key: &str) -> Result<Option<i32>, Vec<i32>> {
        match find(rows, &ObjectKey::new(key)) {
            Match::One { row, .. } => Ok(Some(row.ext_file_config_sid)),
            Match::None | Match::Unreadable(_) => Ok(None),
            Match::Several(rules) => Err(rules.into_iter().map(|rule| rule.0).collect()),
        }
    }

    #[test]
    fn a_token_is_compared_exactly() {
        let rows = [token(1, "527."), token(2, "5."), token(3, "527-HD.")];
        assert_eq!(found(&rows, "in/A_527.txt"), Ok(Some(1)));
        assert_eq!(found(&rows, "in/A_527-HD.txt"), Ok(Some(3)));
        assert_eq!(found(&rows, "in/A_52.txt"), Ok(None));
        assert_eq!(found(&rows, "in/A_1527.txt"), Ok(None));
    }

    #[test]
    fn a_wildcard_in_a_token_is_no_wildcard() {
        assert_eq!(
            found(&[token(1, "5%."), token(2, "5_7.")], "in/A_527.txt"),
            Ok(None)
        );
    }

    #[test]
    fn two_rules_with_one_token_are_both_named() {
        assert_eq!(
            found(&[token(1, "527."), token(2, "527.")], "in/A_527.txt"),
            Err(vec![1, 2])
        );
    }

    #[test]
    fn the_longest_literal_prefix_wins() {
        let rows = [
            pattern(1, "data/*"),
            pattern(2, "data/orders/yyyy=*"),
            pattern(3, "data/orders"),
        ];
        assert_eq!(found(&rows, "data/orders/yyyy=2015/f.csv"), Ok(Some(2)));
        assert_eq!(found(&rows, "data/orders/f.csv"), Ok(Some(3)));
        assert_eq!(found(&rows, "data/items/f.csv"), Ok(Some(1)));
    }

    #[test]
    fn a_pattern_is_before_an_expression_and_an_expression_before_a_token() {
        let rows = [token(1, "527."), regex(2, "in/.*"), pattern(3, "in")];
        assert_eq!(found(&rows, "in/A_527.txt"), Ok(Some(3)));
        assert_eq!(found(&rows[..2], "in/A_527.txt"), Ok(Some(2)));
    }

    #[rstest]
    #[case("data/orders/yyyy=*/mm=*", "data/orders/yyyy=2015/mm=01/f.csv", Some(&[("mm", "01"), ("yyyy", "2015")][..]))]
    #[case("data/orders/yyyy=*/mm=*", "data/orders/yyyy=2015/f.csv", None)]
    #[case("data/orders/yyyy=*", "data/orders/yyyy=/f.csv", Some(&[("yyyy", "")][..]))]
    #[case("data/*/x*y*z", "data/q/x1y2z/f", Some(&[][..]))]
    #[case("data/*/x*y*z", "data/q/xz/f", None)]
    #[case("data", "database/f", None)]
    #[case("data", "data", None)]
    #[case("a*a", "a/f", None)]
    fn a_pattern_names_what_its_wildcards_stand_for(
        #[case] text: &str,
        #[case] key: &str,
        #[case] expected: Option<&[(&str, &str)]>,
    ) {
        let pattern = KeyPattern::parse(text).unwrap();
        let expected = expected.map(|pairs| {
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect::<Captures>()
        });
        assert_eq!(pattern.matches(&ObjectKey::new(key)), expected);
    }

    #[test]
    fn an_expression_covers_the_whole_key_and_names_its_groups() {
        let rows = [regex(1, r"in/(?<region>[a-z]+)_(?<business_date>\d{8})\.csv")];
        let Match::One { captures, .. } = find(&rows, &ObjectKey::new("in/emea_20261121.csv")) else {
            panic!("no match");
        };
        assert_eq!(captures["region"], "emea");
        assert_eq!(captures["business_date"], "20261121");
        assert_eq!(found(&rows, "in/emea_20261121.csv.bak"), Ok(None));
    }

    #[test]
    fn a_record_types_rule_is_found_by_its_token_alone() {
        let rows = [
            regex(1, ".*"),
            pattern(2, "*"),
            token(3, "702-H_."),
            token(4, "702-D/T."),
        ];
        assert!(
            matches!(find_by_token(&rows, "702-H_"), Match::One { row, .. } if row.ext_file_config_sid == 3)
        );
        assert!(
            matches!(find_by_token(&rows, "702-D/T"), Match::One { row, .. } if row.ext_file_config_sid == 4)
        );
        assert_eq!(find_by_token(&rows, "702"), Match::None);
    }

    fn of_queue(sid: i32, queue: &str, file_prefix: &str) -> RuleRow {
        RuleRow {
            queue_name: Some(queue.to_owned()),
            ..token(sid, file_prefix)
        }
    }

    fn announced(rows: &[RuleRow], key: &str, queue: Option<&str>) -> Result<Option<i32>, Vec<i32>> {
        let queue = queue.map(QueueName::stored);
        match find_announced(rows, &ObjectKey::new(key), queue.as_ref()) {
            Match::One { row, .. } => Ok(Some(row.ext_file_config_sid)),
            Match::None | Match::Unreadable(_) => Ok(None),
            Match::Several(rules) => Err(rules.into_iter().map(|rule| rule.0).collect()),
        }
    }

    #[test]
    fn what_a_queue_brings_falls_under_its_rule_whatever_it_is_called() {
        let rows = [
            pattern(1, "in"),
            of_queue(2, "orders", ""),
            of_queue(3, " items ", "703."),
        ];
        assert_eq!(announced(&rows, "in/a.csv", Some("orders")), Ok(Some(2)));
        assert_eq!(announced(&rows, "in/a.csv", Some("items")), Ok(Some(3)));
        assert_eq!(announced(&rows, "in/a.csv", Some("others")), Ok(Some(1)));
        assert_eq!(announced(&rows, "in/a.csv", None), Ok(Some(1)));
        assert_eq!(announced(&rows[1..], "in/a_703.csv", None), Ok(Some(3)));
        assert_eq!(announced(&rows[1..], "in/a.csv", None), Ok(None));
    }

    #[test]
    fn two_rules_of_one_queue_are_both_named() {
        let rows = [
            of_queue(1, "orders", "1."),
            of_queue(2, "orders", "2."),
            token(3, "3."),
        ];
        assert_eq!(announced(&rows, "in/a_3.csv", Some("orders")), Err(vec![1, 2]));
    }

    #[test]
    fn a_rule_of_a_queue_has_what_its_expression_picks_out_of_the_key() {
        let row = RuleRow {
            queue_name: Some("orders".to_owned()),
            ..regex(1, "in/(?<region>[a-z]+)/.*")
        };
        let queue = QueueName::stored("orders");
        let rows = [row];
        let captures = |key: &str| match find_announced(&rows, &ObjectKey::new(key), Some(&queue)) {
            Match::One { captures, .. } => captures,
            other => panic!("{other:?}"),
        };
        assert_eq!(captures("in/emea/a.csv")["region"], "emea");
        assert!(captures("out/a.csv").is_empty());
    }

    #[test]
    fn a_file_that_no_rule_takes_may_belong_to_one_that_cannot_be_read() {
        let rows = [regex(1, "in/("), token(2, "527.")];
        assert_eq!(
            find(&rows, &ObjectKey::new("in/A_528.txt")),
            Match::Unreadable(&rows[0])
        );
    }

    #[test]
    fn a_broken_expression_matches_nothing_and_is_explained() {
        let rows = [regex(1, "in/("), token(2, "527.")];
        assert_eq!(found(&rows, "in/A_527.txt"), Ok(Some(2)));
        let verdicts = explain(&rows, &ObjectKey::new("in/A_528.txt"), None);
        assert!(
            verdicts[0].reason.contains("is no regular expression"),
            "{}",
            verdicts[0].reason
        );
        assert_eq!(verdicts[1].reason, r#"token "527" is not the name's token "528""#);
    }

    #[test]
    fn of_what_a_queue_brings_its_rule_takes_all_and_the_others_are_not_asked() {
        let queue = QueueName::parse("orders").unwrap();
        let of_queue = RuleRow {
            queue_name: Some("arn:aws:sqs:eu-west-1:1:orders".to_owned()),
            ..token(2, "-")
        };
        let rows = [token(1, "528."), of_queue];
        let key = ObjectKey::new("in/A_528.txt");
        let said = |queue| {
            let verdicts = explain(&rows, &key, queue).into_iter();
            verdicts
                .map(|verdict| format!("{} {}", verdict.matches, verdict.reason))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            said(Some(&queue)),
            [
                r#"false token "528" is not asked, as the queue has a rule"#,
                "true it takes all that queue orders brings"
            ]
        );
        let other = QueueName::parse("prices").unwrap();
        assert_eq!(
            said(Some(&other)),
            said(None),
            "a queue without a rule says nothing"
        );
    }

    #[test]
    fn placeholders_are_filled_from_captures() {
        let captures = Captures::from([("region".to_owned(), "emea".to_owned())]);
        assert_eq!(
            fill_placeholders("orders_{region}", &captures),
            Ok("orders_emea".to_owned())
        );
        assert_eq!(
            fill_placeholders("orders_{zone}", &captures),
            Err("zone".to_owned())
        );
        assert_eq!(fill_placeholders("orders", &captures), Ok("orders".to_owned()));
    }

    #[rstest]
    #[case::the_same("data/orders/yyyy=*", "data/orders/yyyy=*", true)]
    #[case::wildcards_that_take_texts_of_each_other("data/*a*b", "data/*b*b", true)]
    #[case::one_longer_in_its_beginning("data/*-a", "data/b-*", false)]
    #[case::another_folder("data/*-a", "date/b-*", false)]
    #[case::another_end("data/*-aa", "data/*-ab", false)]
    #[case::one_more_specific("data/*-a", "data/*-ab", false)]
    #[case::wildcards_in_other_segments("d/*/ab", "d/*b/a", false)]
    #[case::wildcards_that_meet("d/*/*b", "d/*b/*", true)]
    #[case::one_with_fewer_segments("d/*bc", "d/*/c", true)]
    fn patterns_are_ambiguous_where_one_key_matches_both_equally(
        #[case] one: &str,
        #[case] other: &str,
        #[case] expected: bool,
    ) {
        let rows = [pattern(1, one), pattern(2, other)];
        let found = ambiguities(&rows);
        assert_eq!(found == [(RuleId(1), RuleId(2))], expected, "{found:?}");
    }

    #[test]
    fn tokens_and_expressions_are_ambiguous_when_they_are_written_alike() {
        let regex = |sid, text: &str| RuleRow {
            ext_file_config_sid: sid,
            key_regex: Some(text.to_owned()),
            ..RuleRow::default()
        };
        let rows = [
            token(1, "527."),
            token(2, "527"),
            token(3, "528."),
            regex(4, "a.*"),
            regex(5, "a.*"),
        ];
        assert_eq!(
            ambiguities(&rows),
            [(RuleId(1), RuleId(2)), (RuleId(4), RuleId(5))]
        );
    }
}
