//! What a load does with the rows that its table has.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::fault::Collector;
use super::{DataFormat, FileRule, Paths, ResendPolicy, RuleRow};
use crate::matching::placeholders;

/// What becomes of the table's rows when a file's come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadMode {
    /// They stay, and the file's come beside them.
    #[default]
    Append,
    /// All of them go.
    Truncate,
    /// Those go whose key comes with a newer row.
    Merge(MergeBy),
    /// Those of the file's period go.
    ReplacePeriod(Period),
}

/// How a merge tells which rows are the same and which of them is newest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeBy {
    /// The columns that tell a row from any other. Never empty.
    pub keys: Vec<String>,
    /// The columns by which the newest wins, the first one first. Empty: the incoming row wins.
    pub order: Vec<String>,
}

/// The period that a file is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// The table's column that tells it.
    pub column: String,
    /// What it is, with `{placeholders}` that the key fills.
    pub value: String,
    /// Where it is a span: its end, which is not in it; `value` is its beginning. Placeholders as there.
    #[serde(default)]
    pub end: Option<String>,
}

impl LoadMode {
    const WORDS: [&'static str; 4] = ["append", "truncate", "merge", "replace_period"];

    /// The word in the rule's column.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::Truncate => "truncate",
            Self::Merge(_) => "merge",
            Self::ReplacePeriod(_) => "replace_period",
        }
    }

    /// Whether the file's rows come beside those that are there. Otherwise loading a file twice comes to the same as loading
    /// it once.
    pub fn is_append(&self) -> bool {
        *self == Self::Append
    }

    /// What is done about a file that was loaded before, where the rule does not say. One that is skipped would leave the rows
    /// of a later file where those of the newest delivery belong.
    pub fn usual_resend(&self) -> ResendPolicy {
        if self.is_append() {
            ResendPolicy::Skip
        } else {
            ResendPolicy::Accept
        }
    }
}

impl fmt::Display for LoadMode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Reads the mode of a row with what belongs to it. What belongs to another mode is a fault: whoever set it expects it to count.
pub(super) fn mode(row: &RuleRow, faults: &mut Collector) -> Option<LoadMode> {
    let set = |text: &Option<String>| super::cells::non_blank(text);
    let word = set(&row.load_mode).unwrap_or_else(|| LoadMode::default().to_string());
    let Some(word) = LoadMode::WORDS.into_iter().find(|known| *known == word) else {
        faults.add(
            "load_mode",
            format!("{word:?} is none of append, truncate, merge or replace_period"),
        );
        return None;
    };
    let mut only_for = |mode: &str, column: &str, text: &Option<String>| {
        if set(text).is_some() && mode != word {
            faults.add(
                column,
                format!("is set, and load_mode is {word}; write load_mode {mode} or clear it"),
            );
        }
    };
    only_for("merge", "merge_keys", &row.merge_keys);
    only_for("merge", "merge_order", &row.merge_order);
    only_for("replace_period", "period_column", &row.period_column);
    only_for("replace_period", "period_value", &row.period_value);
    only_for("replace_period", "period_end", &row.period_end);
    match word {
        "merge" => merge(row, faults).map(LoadMode::Merge),
        "replace_period" => period(row, faults).map(LoadMode::ReplacePeriod),
        "truncate" => Some(LoadMode::Truncate),
        _ => Some(LoadMode::Append),
    }
}

fn merge(row: &RuleRow, faults: &mut Collector) -> Option<MergeBy> {
    let keys = names("merge_keys", &row.merge_keys, faults);
    let order = names("merge_order", &row.merge_order, faults);
    if keys.is_empty() {
        faults.add(
            "merge_keys",
            "is not set, and load_mode merge finds the rows to replace by it; list the columns that tell a row from any \
             other, for example id,region",
        );
        return None;
    }
    Some(MergeBy { keys, order })
}

/// The names of a list with commas, each once.
fn names(column: &str, text: &Option<String>, faults: &mut Collector) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let listed = text.as_deref().unwrap_or_default().split(',').map(str::trim);
    for name in listed.filter(|name| !name.is_empty()) {
        if names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            faults.add(column, format!("{name:?} is listed twice"));
        } else {
            names.push(name.to_owned());
        }
    }
    names
}

fn period(row: &RuleRow, faults: &mut Collector) -> Option<Period> {
    let column = super::cells::non_blank(&row.period_column);
    let value = super::cells::non_blank(&row.period_value);
    if column.is_none() {
        faults.add(
            "period_column",
            "is not set, and load_mode replace_period finds the rows to replace by it; name the column that tells a row's \
             period, for example business_date",
        );
    }
    if value.is_none() {
        faults.add(
            "period_value",
            "is not set, and load_mode replace_period needs the period of each file; write what key_regex or key_pattern \
             captures, for example {business_date}",
        );
    }
    Some(Period {
        column: column?,
        value: value?,
        end: super::cells::non_blank(&row.period_end),
    })
}

/// Judges the mode against the rest of the rule.
pub(super) fn check(rule: &FileRule, faults: &mut Collector) {
    if rule.split.is_some() {
        return check_split(rule, faults);
    }
    match &rule.mode {
        LoadMode::Append => return,
        LoadMode::Truncate => {}
        LoadMode::Merge(by) => check_merge(rule, by, faults),
        LoadMode::ReplacePeriod(period) => check_period(rule, period, faults),
    }
    if rule.resend == ResendPolicy::Reload {
        faults.add(
            "resend_policy",
            format!(
                "is reload, which deletes the rows of an earlier load by its id, and load_mode {} says itself which rows \
                 go; leave it NULL, or write skip or accept",
                rule.mode
            ),
        );
    }
}

/// The rows of a file that is cut by record type are loaded under the rules of the record types.
fn check_split(rule: &FileRule, faults: &mut Collector) {
    let set = [
        ("load_mode", !rule.mode.is_append()),
        ("pre_sql", rule.pre_sql.is_some()),
        ("post_sql", rule.post_sql.is_some()),
    ];
    for (column, _) in set.into_iter().filter(|(_, is_set)| *is_set) {
        faults.add(
            column,
            "is set, and split_file_flag is Y; set it in the rules of the record types, which say where their rows go",
        );
    }
}

fn check_merge(rule: &FileRule, by: &MergeBy, faults: &mut Collector) {
    let is_self_describing = !matches!(rule.format, DataFormat::Delimited(_) | DataFormat::FixedWidth);
    if is_self_describing && rule.columns.is_empty() {
        faults.add(
            "ext_file_config_dtl.column_name",
            "no column is active for this rule, and load_mode merge compares rows column by column; list the file's columns",
        );
    }
    if matches!(rule.format, DataFormat::Json(Paths::NoShred)) {
        faults.add(
            "json_paths",
            "is noshred, which fills one SUPER column, and load_mode merge needs columns to compare; write auto or a paths \
             file",
        );
    }
    check_listed(rule, "merge_keys", &by.keys, faults);
    check_listed(rule, "merge_order", &by.order, faults);
    let is_key = |name: &&String| by.keys.iter().any(|key| key.eq_ignore_ascii_case(name));
    for name in by.order.iter().filter(is_key) {
        faults.add(
            "merge_order",
            format!("{name:?} is in merge_keys too, so that rows of one key never differ in it; take it out of one"),
        );
    }
}

fn check_listed(rule: &FileRule, column: &str, names: &[String], faults: &mut Collector) {
    if rule.columns.is_empty() {
        return;
    }
    for name in names {
        let mut listed = rule.columns.iter().map(|column| column.name.as_str());
        if !listed.any(|listed| listed.eq_ignore_ascii_case(name)) {
            faults.add(
                column,
                format!("{name:?} is not among the columns of the rule's files; list it in ext_file_config_dtl or take it out"),
            );
        }
    }
}

fn check_period(rule: &FileRule, period: &Period, faults: &mut Collector) {
    let ours = [
        ("file_name_column", &rule.file_name_column),
        ("load_id_column", &rule.load_id_column),
    ];
    for (column, name) in ours {
        if name
            .as_ref()
            .is_some_and(|name| name.eq_ignore_ascii_case(&period.column))
        {
            faults.add(
                "period_column",
                format!(
                    "is {:?}, and so is {column}; one column cannot hold both",
                    period.column
                ),
            );
        }
    }
    check_placeholders(rule, "period_value", &period.value, faults);
    if let Some(end) = &period.end {
        check_placeholders(rule, "period_end", end, faults);
        let mut listed = rule.columns.iter();
        // Of what the load fills in itself there is one value, not a span.
        if !rule.columns.is_empty() && !listed.any(|listed| listed.name.eq_ignore_ascii_case(&period.column))
        {
            faults.add(
                "period_end",
                format!(
                    "is set, and {:?} is not among the columns of the rule's files, whose values a span is about; list it or \
                     clear period_end",
                    period.column
                ),
            );
        }
    }
}

fn check_placeholders(rule: &FileRule, column: &str, template: &str, faults: &mut Collector) {
    match placeholders(template) {
        Ok(names) => {
            for name in names {
                if let Err(problem) = rule.matcher.check_capture(&name) {
                    faults.add(column, problem);
                }
            }
        }
        Err(open) => faults.add(
            column,
            format!("the brace before {open:?} is never closed; write for example {{business_date}}"),
        ),
    }
}
