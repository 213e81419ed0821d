//! Reads settings one by one and collects what is wrong with them.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;

use super::error::{SettingFault, SettingsError};

/// The variables of an environment, and the faults found in them so far. A value that cannot be used is replaced by one that
/// can, so that reading goes on to the next fault; [`Reader::finish`] then refuses the whole.
pub(super) struct Reader {
    values: HashMap<String, String>,
    faults: Vec<SettingFault>,
}

impl Reader {
    /// An empty variable counts as one that is not set: that is how deployment templates leave out a parameter.
    pub(super) fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let given = pairs
            .into_iter()
            .map(|(name, value)| (name, value.trim().to_owned()));
        Self {
            values: given.filter(|(_, value)| !value.is_empty()).collect(),
            faults: Vec::new(),
        }
    }

    pub(super) fn fault(&mut self, name: &'static str, what: impl Into<String>) {
        let what = what.into();
        self.faults.push(SettingFault { name, what });
    }

    pub(super) fn optional(&self, name: &str) -> Option<String> {
        self.values.get(name).cloned()
    }

    pub(super) fn or_default(&self, name: &str, default: &str) -> String {
        self.optional(name).unwrap_or_else(|| default.to_owned())
    }

    pub(super) fn required(&mut self, name: &'static str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.fault(name, "is required and not set");
            String::new()
        })
    }

    /// A value of a kind that is read from text. `expected` finishes the sentence "must be …".
    pub(super) fn parsed<T: FromStr>(&mut self, name: &'static str, default: T, expected: impl Display) -> T {
        let Some(text) = self.optional(name) else {
            return default;
        };
        text.parse().unwrap_or_else(|_| {
            self.fault(name, format!("is {text:?}; it must be {expected}"));
            default
        })
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&mut self, name: &'static str, words: &[(&str, T)]) -> Option<T> {
        let text = self.optional(name)?;
        let found = words.iter().find(|(word, _)| text.eq_ignore_ascii_case(word));
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.fault(
                name,
                format!("is {text:?}; it must be one of: {}", known.join(", ")),
            );
        }
        found.map(|(_, value)| *value)
    }

    pub(super) fn finish<T>(self, settings: T) -> Result<T, SettingsError> {
        match self.faults {
            faults if faults.is_empty() => Ok(settings),
            faults => Err(SettingsError { faults }),
        }
    }
}
