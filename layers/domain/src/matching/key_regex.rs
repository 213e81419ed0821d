//! Keys by a regular expression.

use regex::Regex;

use super::Captures;
use crate::object::ObjectKey;

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

    /// What its groups stand for in a key, when it matches.
    pub(super) fn matches(&self, key: &ObjectKey) -> Option<Captures> {
        let found = self.0.captures(key.as_str())?;
        let named = self.capture_names().into_iter();
        Some(
            named
                .filter_map(|name| Some((name.to_owned(), found.name(name)?.as_str().to_owned())))
                .collect(),
        )
    }

    /// The names of its groups.
    pub(super) fn capture_names(&self) -> Vec<&str> {
        self.0.capture_names().flatten().collect()
    }

    /// As it is compared: anchored at both ends.
    pub(super) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}
