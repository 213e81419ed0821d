//! What a rule says of the group that its files belong to.

use std::time::Duration;

use super::cells::non_blank;
use super::fault::Collector;
use super::{FileRule, LoadMode, Matcher, ResendPolicy, RuleFault, RuleRow};

/// A day, the longest that a table of seconds is good for being a week.
const MOST_SECONDS: u32 = 7 * 86_400;
/// More files than this are not put into one transaction.
pub const MOST_IN_A_SET: u32 = 1_000;

/// A rule's part in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupPart {
    /// The group's name, in lower case.
    pub group: String,
    /// What the rule's files are to the set.
    pub role: GroupRole,
    /// What tells one set from another.
    pub key: SetKey,
    /// How many files of the rule a set has, where the rule says it.
    pub files: Option<u32>,
    /// How long a set may lack files, where the rule says it.
    pub max_age: Option<Duration>,
    /// Rules of the group that are not in operation.
    pub inactive: Vec<i32>,
}

/// What files are to the set that they belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupRole {
    /// They are loaded.
    Data,
    /// One says that the set is there.
    Sentinel,
    /// One lists the files of the set.
    Control,
}

/// What tells one set of a group from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetKey {
    /// The folder that the files lie in.
    Folder,
    /// What the key gives under this name.
    Capture(String),
}

impl GroupPart {
    /// Whether the rule's files have rows to load.
    pub fn is_data(&self) -> bool {
        self.role == GroupRole::Data
    }
}

/// Reads the columns of groups; `None` when none of them is set.
pub(super) fn group(row: &RuleRow, faults: &mut Collector) -> Option<GroupPart> {
    let Some(name) = non_blank(&row.load_group) else {
        refuse_details_alone(row, faults);
        return None;
    };
    let role = faults.keep(role(row))?;
    let files = faults.keep(number("group_files", row.group_files, MOST_IN_A_SET))?;
    let seconds = faults.keep(number("group_seconds", row.group_seconds, MOST_SECONDS))?;
    Some(GroupPart {
        group: name.to_lowercase(),
        role,
        key: non_blank(&row.group_key).map_or(SetKey::Folder, SetKey::Capture),
        files,
        max_age: seconds.map(|seconds| Duration::from_secs(seconds.into())),
        inactive: row.group_inactive.clone(),
    })
}

/// What only says something about a group, of a rule that belongs to none.
fn refuse_details_alone(row: &RuleRow, faults: &mut Collector) {
    let details = [
        ("group_role", row.group_role.is_some()),
        ("group_key", row.group_key.is_some()),
        ("group_files", row.group_files.is_some()),
        ("group_seconds", row.group_seconds.is_some()),
    ];
    for (column, _) in details.into_iter().filter(|(_, is_set)| *is_set) {
        faults.add(
            column,
            "is set, and the rule belongs to no group; name it in load_group, or leave it empty",
        );
    }
}

fn role(row: &RuleRow) -> Result<GroupRole, RuleFault> {
    match row.group_role.as_deref().map(str::trim) {
        None | Some("" | "data") => Ok(GroupRole::Data),
        Some("sentinel") => Ok(GroupRole::Sentinel),
        Some("control") => Ok(GroupRole::Control),
        Some(other) => Err(RuleFault::new(
            "group_role",
            format!("{other:?} is none of data, sentinel and control"),
        )),
    }
}

fn number(column: &str, value: Option<i32>, most: u32) -> Result<Option<u32>, RuleFault> {
    let Some(value) = value else { return Ok(None) };
    match u32::try_from(value) {
        Ok(number) if (1..=most).contains(&number) => Ok(Some(number)),
        Ok(_) | Err(_) => Err(RuleFault::new(
            column,
            format!("{value} is not between 1 and {most}"),
        )),
    }
}

/// What a rule of a group cannot be, looked at by itself.
pub(super) fn check(rule: &FileRule, faults: &mut Collector) {
    let Some(part) = &rule.group else { return };
    if rule.split.is_some() {
        faults.add(
            "split_file_flag",
            "is Y, and the rule belongs to a group; the parts of a file that is cut are loaded by themselves",
        );
    }
    if rule.batch.is_some() {
        faults.add(
            "load_group",
            "is set, and the rule has batches; a set is loaded when it is whole: empty the columns of batches",
        );
    }
    if matches!(rule.matcher, Matcher::Snapshot(_)) {
        faults.add(
            "load_group",
            "is set, and rule_kind is snapshot: each is about a date of its own and is loaded by itself; leave it NULL",
        );
    }
    if rule.encryption_secret.is_some() {
        faults.add(
            "encryption_secret",
            "is set, and the rule belongs to a group: the transaction of a set takes no key of one of its rules; leave it empty",
        );
    }
    if let SetKey::Capture(name) = &part.key
        && let Err(problem) = rule.matcher.check_capture(name)
    {
        faults.add("group_key", problem);
    }
    if rule.vacuum_rows.is_some() {
        faults.add(
            "vacuum_rows",
            "is set, and the rule belongs to a group: which of a set's tables lost how many rows is not told; leave it empty",
        );
    }
    if rule.resend == ResendPolicy::Reload && rule.mode == LoadMode::Append {
        faults.add(
            "resend_policy",
            "reload finds a file's rows by its load's id, and the rows of a set have the set's; write skip or accept",
        );
    }
    for other in &part.inactive {
        faults.add(
            "load_group",
            format!("rule {other} belongs to the group and is not in operation; take it out of the group or activate it"),
        );
    }
    match part.role {
        GroupRole::Data => check_data(rule, part, faults),
        GroupRole::Sentinel | GroupRole::Control => check_leader(rule, part, faults),
    }
}

fn check_data(rule: &FileRule, part: &GroupPart, faults: &mut Collector) {
    if rule.file_name_column.is_some() && part.files != Some(1) {
        faults.add(
            "file_name_column",
            "can be filled in a set only where one COPY reads one file; write group_files 1, or NULL here",
        );
    }
}

/// Of a file that is not loaded nothing can be said about tables.
fn check_leader(rule: &FileRule, part: &GroupPart, faults: &mut Collector) {
    if rule.table.is_some() {
        faults.add(
            "tgt_table_name",
            "is set, and the rule's file is not loaded (group_role); leave it empty",
        );
    }
    if part.files.is_some() {
        faults.add(
            "group_files",
            "is set, and the rule's file is not loaded (group_role); a set has one",
        );
    }
    if rule.mode != LoadMode::Append || rule.pre_sql.is_some() || rule.post_sql.is_some() {
        faults.add(
            "group_role",
            "says that the rule's file is not loaded: load_mode, pre_sql and post_sql must be NULL",
        );
    }
}
