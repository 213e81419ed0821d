//! What is done about columns that a file brings and its rule does not list.

use super::cells::non_blank;
use super::fault::Collector;
use super::{ColumnPlace, DataFormat, FileRule, HeaderPolicy, RuleColumn, RuleRow};

/// What is done about columns that a header names and the rule does not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DriftPolicy {
    /// The file is refused.
    #[default]
    Fail,
    /// They are left out.
    IgnoreExtra,
    /// The table gets columns of their names.
    AddColumn,
    /// They go, by name, into this SUPER column.
    KeepExtra(String),
}

/// What the row says.
pub(super) fn drift(row: &RuleRow, faults: &mut Collector) -> DriftPolicy {
    let extra_column = non_blank(&row.extra_column);
    let word = non_blank(&row.drift_policy).unwrap_or_else(|| "fail".to_owned());
    if extra_column.is_some() && word != "keep_extra" {
        faults.add(
            "extra_column",
            format!("is set, and drift_policy {word} keeps nothing in it; leave it NULL or write keep_extra"),
        );
    }
    match (word.as_str(), extra_column) {
        ("fail", _) => DriftPolicy::Fail,
        ("ignore_extra", _) => DriftPolicy::IgnoreExtra,
        ("add_column", _) => DriftPolicy::AddColumn,
        ("keep_extra", Some(column)) => DriftPolicy::KeepExtra(column),
        ("keep_extra", None) => {
            faults.add(
                "extra_column",
                "is not set, and drift_policy keep_extra needs the SUPER column that takes what is not listed",
            );
            DriftPolicy::Fail
        }
        (other, _) => {
            faults.add(
                "drift_policy",
                format!("{other:?} is none of fail, ignore_extra, add_column, keep_extra"),
            );
            DriftPolicy::Fail
        }
    }
}

/// Only a header that is read tells which columns a file brings.
pub(super) fn check(rule: &FileRule, faults: &mut Collector) {
    if rule.drift == DriftPolicy::Fail {
        return;
    }
    if !matches!(rule.format, DataFormat::Delimited(_)) {
        faults.add(
            "drift_policy",
            format!(
                "cannot be told of {}: only a header of delimited text or CSV says which columns a file brings; leave it NULL",
                rule.format.name()
            ),
        );
    } else if rule.header != HeaderPolicy::Names {
        faults.add(
            "drift_policy",
            "needs a header that is read by its names: header_flag Y and header_policy names",
        );
    } else if rule.split.is_some() {
        faults.add(
            "drift_policy",
            "cannot be told of a file that is split: its header cannot name the columns of all record types; leave it NULL",
        );
    }
    if let DriftPolicy::KeepExtra(column) = &rule.drift
        && rule
            .columns
            .iter()
            .any(|listed| listed.name.eq_ignore_ascii_case(column))
    {
        faults.add(
            "extra_column",
            format!("{column:?} is one of the file's columns too; name another"),
        );
    }
}

/// What is told of the columns that a file brought and its rule does not list. `None` when it brought no others.
pub fn drift_remark(columns: &[RuleColumn]) -> Option<String> {
    let names: Vec<&str> = columns
        .iter()
        .filter(|column| !column.place.is_own())
        .map(|column| column.name.as_str())
        .collect();
    let place = columns
        .iter()
        .map(|column| &column.place)
        .find(|place| !place.is_own())?;
    let done = match place {
        ColumnPlace::Own => return None,
        ColumnPlace::Added => "are columns of the table by their names (drift_policy add_column)".to_owned(),
        ColumnPlace::Dropped => "were left out (drift_policy ignore_extra)".to_owned(),
        ColumnPlace::Kept(column) => format!("are kept in {column} (drift_policy keep_extra)"),
    };
    Some(format!(
        "columns of the header that the rule does not list {done}: {}",
        names.join(", ")
    ))
}
