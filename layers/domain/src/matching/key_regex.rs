//! Keys by a regular expression.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use regex::Regex;
use regex_syntax::hir::literal::{ExtractKind, Extractor};

use super::Captures;
use crate::object::ObjectKey;
use crate::one_line::one_line;

/// How many expressions are kept. Beyond that all are let go of: whoever has more candidates for a file compiles some anew.
const MOST_KEPT: usize = 256;

/// An expression, or what is wrong with it.
type Compiled = Result<Arc<Regex>, String>;

/// What was compiled before, by its text: compiling costs a hundred times what matching does, and the rules that a file may fall under
/// are read anew for each file, while what they say hardly ever changes. One text means one expression, so what is kept
/// cannot be out of date.
#[derive(Default)]
struct Kept(Mutex<HashMap<String, Compiled>>);

static KEPT: LazyLock<Kept> = LazyLock::new(Kept::default);

impl Kept {
    fn compiled(&self, text: &str) -> Compiled {
        if let Some(known) = self.texts().get(text) {
            return known.clone();
        }
        let compiled = compile(text).map(Arc::new);
        let mut texts = self.texts();
        if texts.len() >= MOST_KEPT {
            texts.clear();
        }
        texts.insert(text.to_owned(), compiled.clone());
        compiled
    }

    fn texts(&self) -> MutexGuard<'_, HashMap<String, Compiled>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A regular expression over the whole key, or all that follows a folder; its named groups are captures.
#[derive(Debug, Clone)]
pub struct KeyRegex(Arc<Regex>);

impl KeyRegex {
    /// Compiles an expression, anchored at both ends, or says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        KEPT.compiled(text).map(Self)
    }

    /// What its groups stand for in a key, when it matches.
    pub(super) fn matches(&self, key: &ObjectKey) -> Option<Captures> {
        self.matches_text(key.as_str())
    }

    /// The same of a part of a key.
    pub(super) fn matches_text(&self, text: &str) -> Option<Captures> {
        let found = self.0.captures(text)?;
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

    /// What all that it takes begins with, and what it ends with; empty where nothing is certain.
    pub(super) fn ends(&self) -> (String, String) {
        let Ok(parsed) = regex_syntax::parse(self.as_str()) else {
            return (String::new(), String::new());
        };
        let literals = |kind| Extractor::new().kind(kind).extract(&parsed);
        let text =
            |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or_default().to_vec()).unwrap_or_default();
        (
            text(literals(ExtractKind::Prefix).longest_common_prefix()),
            text(literals(ExtractKind::Suffix).longest_common_suffix()),
        )
    }

    /// As its rule has it.
    pub(super) fn written(&self) -> &str {
        let compared = self.as_str();
        let written = compared.strip_prefix(BEFORE);
        written
            .and_then(|written| written.strip_suffix(BEHIND))
            .unwrap_or(compared)
    }

    /// As it is compared: anchored at both ends.
    pub(super) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

const BEFORE: &str = "^(?:";
const BEHIND: &str = ")$";

fn compile(text: &str) -> Result<Regex, String> {
    // The bare text first, so that positions in the error are the operator's.
    Regex::new(text).map_err(|error| format!("\"{}\" is no regular expression: {error}", one_line(text)))?;
    Regex::new(&format!("{BEFORE}{text}{BEHIND}")).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_compiled_once() {
        let kept = Kept::default();
        let first = kept.compiled(r"in/(?<day>\d+)\.csv").unwrap();
        let second = kept.compiled(r"in/(?<day>\d+)\.csv").unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        let captures = KeyRegex(second).matches(&ObjectKey::new("in/12.csv")).unwrap();
        assert_eq!(captures.get("day").map(String::as_str), Some("12"));
    }

    #[test]
    fn what_is_wrong_with_an_expression_is_said_each_time() {
        let first = KeyRegex::parse("in/(.*").unwrap_err();
        assert!(first.contains("is no regular expression"), "{first}");
        assert_eq!(KeyRegex::parse("in/(.*").unwrap_err(), first);
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let kept = Kept::default();
        for number in 0..=MOST_KEPT {
            kept.compiled(&format!("in/{number}")).unwrap();
        }
        assert_eq!(kept.texts().len(), 1);
    }
}
