//! Keys by a folder with wildcards.

use super::glob::Glob;
use super::{Captures, KeyRegex};
use crate::object::ObjectKey;

/// A folder with hive-style wildcards, such as `data/orders/yyyy=*/mm=*`. A `*` stands for any text within one segment.
/// Everything below the folder matches.
#[derive(Debug, Clone)]
pub struct KeyPattern {
    text: String,
    segments: Vec<Glob>,
    /// What of the files below it is meant.
    filter: Option<KeyRegex>,
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
        let segments = trimmed.split('/').map(Glob::new).collect();
        Ok(Self {
            text: trimmed.to_owned(),
            segments,
            filter: None,
        })
    }

    /// The same, of the files whose keys go on below the folder as an expression says.
    pub(super) fn filtered(self, filter: KeyRegex) -> Self {
        Self {
            filter: Some(filter),
            ..self
        }
    }

    /// The filter, as it is compared.
    pub(super) fn filter(&self) -> Option<&KeyRegex> {
        self.filter.as_ref()
    }

    /// What its wildcards and the filter's groups stand for in a key, when both match.
    pub(super) fn matches(&self, key: &ObjectKey) -> Option<Captures> {
        let mut captures = self.holds(key)?;
        if let Some(filter) = &self.filter {
            let rest = key.as_str().splitn(self.segments.len() + 1, '/').last()?;
            captures.extend(filter.matches_text(rest)?);
        }
        Some(captures)
    }

    /// What its wildcards stand for, when the folder holds the key, whatever the filter says.
    pub(super) fn holds(&self, key: &ObjectKey) -> Option<Captures> {
        let parts: Vec<&str> = key.as_str().split('/').collect();
        // A folder holds files: the key needs one segment more than the pattern.
        if parts.len() <= self.segments.len() {
            return None;
        }
        let mut captures = Captures::new();
        for (segment, part) in self.segments.iter().zip(parts) {
            let wild = segment.matches(part)?;
            if let (Some((name, "")), Some(value)) = (segment.first_literal().rsplit_once('='), wild) {
                captures.insert(name.to_owned(), value.to_owned());
            }
        }
        Some(captures)
    }

    /// The names of what it captures.
    pub(super) fn capture_names(&self) -> Vec<&str> {
        let wild = self.segments.iter().filter(|segment| !segment.is_literal());
        wild.filter_map(|segment| segment.first_literal().strip_suffix('='))
            .chain(self.filter.iter().flat_map(KeyRegex::capture_names))
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
