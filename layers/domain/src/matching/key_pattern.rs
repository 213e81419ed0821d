//! Keys by a folder with wildcards.

use super::Captures;
use crate::object::ObjectKey;

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

    /// What its wildcards stand for in a key, when it matches.
    pub(super) fn matches(&self, key: &ObjectKey) -> Option<Captures> {
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

    /// The names of what it captures.
    pub(super) fn capture_names(&self) -> Vec<&str> {
        let wild = self.segments.iter().filter(|segment| segment.literals.len() > 1);
        wild.filter_map(|segment| segment.literals[0].strip_suffix('='))
            .collect()
    }

    /// As it is written, without slashes around it.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// What every key below it begins with.
    pub(super) fn literal_prefix(&self) -> &str {
        self.text.split('*').next().unwrap_or_default()
    }

    /// Of two that are equally specific: whether one key matches both.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let mut segments = self.segments.iter().zip(&other.segments);
        segments.all(|(one, other)| one.meets(other))
    }

    /// How much of it is no wildcard.
    pub(super) fn literal_characters(&self) -> usize {
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
