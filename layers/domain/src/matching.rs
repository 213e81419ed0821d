//! Which rule an object falls under, and why not under the others.
//!
//! A rule finds its files in one of three ways, from the most to the least specific: by a key pattern (a folder with
//! hive-style wildcards, and where wanted a filter for what is below it; of two that match, the one with the longer literal
//! prefix wins), by a regular expression over the whole key, or by the token of the file's name. A rule that names the object's
//! bucket comes before all that do not, and one that names a queue takes what that queue brings before all others, whatever the
//! key is. Two rules that match equally are an error that names both. Where the first of all that match passes the object over,
//! nobody has it.
//!
//! The store looks candidates up by what their keys begin with (`ext_rule_key_prefix` in the control database): whoever changes
//! how a pattern or an expression is read here changes it there too.

mod ambiguity;
mod bucket_pattern;
mod explain;
mod finder;
mod glob;
mod ignored_names;
mod key_pattern;
mod key_regex;
mod placeholder;

use std::collections::BTreeMap;
use std::fmt;

use finder::{Claim, Finder, Rank};

use crate::object::{Bucket, ObjectKey};
use crate::one_line::one_line;
use crate::queue::QueueName;
use crate::rule::{RuleFault, RuleId, RuleRow};

pub use ambiguity::{ambiguities, overlaps};
pub use bucket_pattern::BucketPattern;
pub use explain::{Verdict, explain};
pub use ignored_names::IgnoredNames;
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

    /// Whether the key is where such files are, whatever a filter says of its name.
    fn holds(&self, key: &ObjectKey) -> bool {
        match self {
            Self::KeyPattern(pattern) => pattern.holds(key).is_some(),
            Self::Token(_) | Self::KeyRegex(_) => self.matches(key).is_some(),
            Self::Queue(_) | Self::Snapshot(_) | Self::Schedule => false,
        }
    }

    fn is_filtered(&self) -> bool {
        matches!(self, Self::KeyPattern(pattern) if pattern.filter().is_some())
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
                    "key_pattern has no folder {name}=*; write one, or a group (?<{name}>…) in name_filter"
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
        let filter = set(&row.name_filter);
        if filter.is_some() && set(&row.key_pattern).is_none() {
            return Err(RuleFault::new(
                "name_filter",
                "is set, and key_pattern is not: it says which of the files in a folder are meant; name the folder",
            ));
        }
        match (set(&row.key_pattern), set(&row.key_regex)) {
            (Some(_), Some(_)) => Err(RuleFault::new(
                "key_regex",
                "key_pattern is set too; a rule finds its files by one of them, so clear the other, or write as name_filter what comes \
                 below the folder",
            )),
            (Some(pattern), None) => {
                let pattern =
                    KeyPattern::parse(&pattern).map_err(|problem| RuleFault::new("key_pattern", problem))?;
                let filter = filter.map(|filter| KeyRegex::parse(&filter)).transpose();
                let filter = filter.map_err(|problem| RuleFault::new("name_filter", problem))?;
                Ok(Self::KeyPattern(match filter {
                    Some(filter) => pattern.filtered(filter),
                    None => pattern,
                }))
            }
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
            Self::KeyPattern(pattern) => {
                write!(formatter, "key pattern \"{}\"", one_line(pattern.as_str()))?;
                match pattern.filter() {
                    Some(filter) => write!(formatter, " with filter \"{}\"", one_line(filter.written())),
                    None => Ok(()),
                }
            }
            Self::KeyRegex(regex) => write!(formatter, "key expression \"{}\"", one_line(regex.written())),
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
    /// No rule has it, as this one passes it over.
    Ignored(&'rows RuleRow),
    /// No rule matches.
    None,
    /// No rule matches, and this one cannot say what it matches: its files may be among those that no rule takes.
    Unreadable(&'rows RuleRow),
    /// Several match equally.
    Several(Vec<RuleId>),
}

/// Finds the rule of an object that a queue announced, if one did, among candidate rows: a rule of that queue before any other.
/// Of a file that lies in no bucket, rules of any bucket are asked.
pub fn find_announced<'rows>(
    rows: &'rows [RuleRow],
    bucket: Option<&Bucket>,
    key: &ObjectKey,
    queue: Option<&QueueName>,
) -> Match<'rows> {
    let Some(queue) = queue else {
        return find(rows, bucket, key);
    };
    let of_queue = rows
        .iter()
        .filter(|row| is_of_queue(row, queue) && is_of_bucket(row, bucket))
        .map(|row| Candidate::of_queue(row, key))
        .collect();
    match first(of_queue) {
        Match::None => find(rows, bucket, key),
        found => found,
    }
}

/// Finds the rule of an object among candidate rows, by its bucket and key alone.
pub fn find<'rows>(rows: &'rows [RuleRow], bucket: Option<&Bucket>, key: &ObjectKey) -> Match<'rows> {
    let mut candidates = Vec::new();
    let mut unreadable = None;
    // Each is read once: what costs time here is an expression, which is compiled.
    for row in rows {
        match Finder::of(row) {
            Ok(finder) => candidates.extend(Candidate::by_key(row, &finder, bucket, key)),
            Err(_) => unreadable = unreadable.or(Some(row)),
        }
    }
    match (first(candidates), unreadable) {
        (Match::None, Some(row)) => Match::Unreadable(row),
        (found, _) => found,
    }
}

/// Finds the rule of a record type among candidate rows. Only a token can name it: a part has no key of its own.
pub fn find_by_token<'rows>(rows: &'rows [RuleRow], token: &str) -> Match<'rows> {
    let matching: Vec<_> = rows
        .iter()
        .filter(|row| matches!(Matcher::of(row), Ok(Matcher::Token(own)) if own == token))
        .collect();
    match matching.as_slice() {
        [] => Match::None,
        [row] => Match::One {
            row,
            captures: Captures::new(),
        },
        several => Match::Several(
            several
                .iter()
                .map(|row| RuleId(row.ext_file_config_sid))
                .collect(),
        ),
    }
}

fn is_of_queue(row: &RuleRow, queue: &QueueName) -> bool {
    queue_of(row).is_ok_and(|own| own.as_ref() == Some(queue))
}

/// Whether a row is about this bucket. One that cannot be read may be.
fn is_of_bucket(row: &RuleRow, bucket: Option<&Bucket>) -> bool {
    BucketPattern::of(row).map_or(true, |own| own.is_none_or(|own| own.takes(bucket)))
}

/// A row that claims an object.
struct Candidate<'rows> {
    row: &'rows RuleRow,
    /// `None` for one of the object's queue that passes nothing over, which needs no key.
    rank: Option<Rank>,
    claim: Claim,
}

impl<'rows> Candidate<'rows> {
    fn by_key(
        row: &'rows RuleRow,
        finder: &Finder,
        bucket: Option<&Bucket>,
        key: &ObjectKey,
    ) -> Option<Self> {
        let claim = finder.claim(bucket, key);
        let rank = Some(finder.rank(&claim));
        matches!(claim, Claim::Takes(_) | Claim::Ignores).then_some(Self { row, rank, claim })
    }

    /// A queue's rule has what it brings, even where it cannot be read: then the object is refused for its faults.
    fn of_queue(row: &'rows RuleRow, key: &ObjectKey) -> Self {
        let is_ignored = IgnoredNames::of(row).is_ok_and(|ignored| ignored.names(key));
        let captures = || Matcher::of(row).ok().and_then(|matcher| matcher.matches(key));
        let claim = match is_ignored {
            true => Claim::Ignores,
            false => Claim::Takes(captures().unwrap_or_default()),
        };
        Self {
            row,
            rank: None,
            claim,
        }
    }
}

fn first(mut candidates: Vec<Candidate<'_>>) -> Match<'_> {
    let Some(best) = candidates.iter().map(|candidate| candidate.rank).max() else {
        return Match::None;
    };
    candidates.retain(|candidate| candidate.rank == best);
    if let Some(takes) = candidates
        .iter()
        .position(|candidate| matches!(candidate.claim, Claim::Takes(_)))
    {
        candidates.swap(0, takes);
        candidates.retain(|candidate| matches!(candidate.claim, Claim::Takes(_)));
    }
    let several = candidates.len() > 1;
    match candidates.swap_remove(0) {
        Candidate {
            row,
            claim: Claim::Takes(captures),
            ..
        } if !several => Match::One { row, captures },
        Candidate {
            row,
            claim: Claim::Ignores,
            ..
        } => Match::Ignored(row),
        first => Match::Several(
            [first]
                .iter()
                .chain(&candidates)
                .map(|candidate| RuleId(candidate.row.ext_file_config_sid))
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
