//! Objects that a rule passes over.

use super::glob::Glob;
use crate::object::ObjectKey;
use crate::rule::{RuleFault, RuleRow};

/// What a rule passes over of all that lies where its files do: such objects are neither loaded nor refused.
#[derive(Debug, Clone, Default)]
pub struct IgnoredNames {
    names: Vec<Glob>,
    folders: Vec<Glob>,
    /// Whether all that the rule's `name_filter` leaves is passed over too.
    rest: bool,
}

impl IgnoredNames {
    /// What a row names, with commas between: files by their names, folders with a slash at the end, each with `*` for any
    /// text, and `*` alone for all that `name_filter` leaves.
    pub fn of(row: &RuleRow) -> Result<Self, RuleFault> {
        let mut ignored = Self::default();
        let entries = row.ignore_names.as_deref().unwrap_or_default().split(',');
        for entry in entries.map(str::trim).filter(|entry| !entry.is_empty()) {
            match (entry.strip_suffix('/'), entry) {
                (None, "*") if is_blank(&row.name_filter) => {
                    return Err(fault(
                        "\"*\" is all that name_filter leaves, and name_filter is not set",
                    ));
                }
                (None, "*") => ignored.rest = true,
                (Some(""), _) => return Err(fault("\"/\" is no folder; write for example _temporary/")),
                (Some(folder), _) if !folder.contains('/') => ignored.folders.push(Glob::new(folder)),
                (None, name) if !name.contains('/') => ignored.names.push(Glob::new(name)),
                (Some(_) | None, entry) => {
                    return Err(fault(format!(
                        "{entry:?} has a slash within; write the name of a file or, with a slash at its end, of one folder, for \
                         example _SUCCESS or _temporary/"
                    )));
                }
            }
        }
        Ok(ignored)
    }

    /// Whether the object is among them, whatever else the rule says.
    pub(super) fn names(&self, key: &ObjectKey) -> bool {
        let is_any = |globs: &[Glob], text: &str| globs.iter().any(|glob| glob.matches(text).is_some());
        is_any(&self.names, key.file_name())
            || key
                .folder()
                .split('/')
                .any(|folder| is_any(&self.folders, folder))
    }

    /// Whether all that the rule does not take is passed over.
    pub(super) fn takes_the_rest(&self) -> bool {
        self.rest
    }
}

fn fault(problem: impl Into<String>) -> RuleFault {
    RuleFault::new("ignore_names", problem)
}

fn is_blank(text: &Option<String>) -> bool {
    text.as_deref().is_none_or(|text| text.trim().is_empty())
}
