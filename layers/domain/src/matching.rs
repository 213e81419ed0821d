//! Which rule an object falls under, and why not under the others.
//!
//! A rule finds its files in one of three ways, from the most to the least specific: by a key pattern (a folder with
//! hive-style wildcards; of two that match, the one with the longer literal prefix wins), by a regular expression over
//! the whole key, or by the token of the file's name. A rule that names a queue takes what that queue brings before all
//! others, whatever the key is. Two rules that match equally are an error that names both.
//!
//! The store looks candidates up by what their keys begin with (`ext_rule_key_prefix` in the control database): whoever changes
//! how a pattern or an expression is read here changes it there too.

mod ambiguity;
mod explain;
mod key_pattern;
mod key_regex;
mod placeholder;

use std::collections::BTreeMap;
use std::fmt;

use crate::object::ObjectKey;
use crate::queue::QueueName;
use crate::rule::{RuleFault, RuleId, RuleRow};

pub use ambiguity::ambiguities;
pub use explain::{Verdict, explain};
pub use key_pattern::KeyPattern;
pub use key_regex::KeyRegex;
pub use placeholder::{fill_placeholders, placeholders};

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
    /// Nothing: the rule looks for dated snapshots itself, at the times of its schedule.
    Schedule,
}

impl Matcher {
    /// What the key gives, when it matches.
    pub fn matches(&self, key: &ObjectKey) -> Option<Captures> {
        match self {
            Self::Token(token) => (key.token() == token).then(Captures::new),
            Self::KeyPattern(pattern) => pattern.matches(key),
            Self::KeyRegex(regex) => regex.matches(key),
            Self::Queue(_) | Self::Snapshot(_) | Self::Schedule => None,
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
                regex.capture_names(),
                format!("key_regex has no group (?<{name}>…); name one so"),
            ),
            Self::Snapshot(_) => (
                SNAPSHOT_CAPTURES.to_vec(),
                format!("a snapshot is said to have {}", SNAPSHOT_CAPTURES.join(", ")),
            ),
            Self::Schedule => (vec![], "a rule with a schedule takes no file".to_owned()),
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
            Self::Queue(_) | Self::Snapshot(_) | Self::Schedule => Specificity::Queue,
            Self::KeyPattern(pattern) => Specificity::Pattern {
                prefix: pattern.literal_prefix().len(),
                literals: pattern.literal_characters(),
            },
        }
    }

    /// How a row finds its files, or what is wrong with that.
    pub fn of(row: &RuleRow) -> Result<Self, RuleFault> {
        let set = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        if is_scheduled(row) {
            return Ok(Self::Schedule);
        }
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

/// Whether a row is a snapshot rule with a schedule, which takes no file.
pub fn is_scheduled(row: &RuleRow) -> bool {
    let has_schedule = row
        .schedule
        .as_deref()
        .is_some_and(|text| !text.trim().is_empty());
    has_schedule && matches!(is_snapshot(row), Ok(true))
}

fn snapshot_queue(row: &RuleRow) -> Result<QueueName, RuleFault> {
    queue_of(row)?.ok_or_else(|| {
        RuleFault::new(
            "queue_name",
            "is not set, and snapshots are put on the ledger by it; longshore snapshot load names one by itself. To have snapshots \
             loaded by themselves, write a schedule",
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
            Self::KeyPattern(pattern) => write!(formatter, "key pattern {:?}", pattern.as_str()),
            Self::KeyRegex(regex) => write!(formatter, "key expression {:?}", regex.as_str()),
            Self::Queue(queue) => write!(formatter, "queue {queue}"),
            Self::Snapshot(queue) => write!(formatter, "snapshots of {queue}"),
            Self::Schedule => formatter.write_str("a schedule"),
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

/// The token that the rule of a record type is found by: `<token>-<prefix>`.
pub fn part_token(token: &str, record_type: &str) -> String {
    format!("{token}-{record_type}")
}

#[cfg(test)]
mod tests;
