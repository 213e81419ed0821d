//! Groups: rules whose files form sets, each loaded whole or not at all.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::load::LoadId;
use crate::matching::Captures;
use crate::object::ObjectKey;
use crate::rule::{FileRule, GroupPart, GroupRole, LoadMode, MOST_IN_A_SET, RuleFault, RuleId, SetKey};
use crate::target::Warehouse;

/// How long a set may lack files where no rule says it.
pub const USUAL_AGE: Duration = Duration::from_secs(86_400);
/// More names than this are not read from a control file: the transaction carries it too.
const MOST_LISTED: usize = MOST_IN_A_SET as usize - 1;

/// The rules of a group, judged together.
#[derive(Debug, Clone)]
pub struct LoadGroup {
    /// What every set has of each rule whose files are loaded: how many, where a rule says it.
    members: Vec<(RuleId, Option<u32>)>,
    /// The rule of the sentinel or of the control file.
    leader: Option<(RuleId, GroupRole)>,
    /// How long a set may lack files.
    pub max_age: Duration,
    /// What tells its sets apart.
    pub key: SetKey,
}

/// A file that waits in a set.
#[derive(Debug, Clone, Copy)]
pub struct Arrived<'a> {
    /// Its load.
    pub load: LoadId,
    /// Its rule.
    pub rule: RuleId,
    /// Its key.
    pub key: &'a ObjectKey,
    /// Of a control file, the names that it lists.
    pub lists: Option<&'a [String]>,
}

/// Whether a set is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetStanding {
    /// These loads are it, in the order in which they came.
    Whole(Vec<LoadId>),
    /// What it lacks.
    Lacks(Vec<String>),
}

impl LoadGroup {
    /// Judges the active rules of a group together, those that are sound by themselves. `own` is the warehouse of rules that
    /// name none.
    ///
    /// # Errors
    /// Every fault, with the rule that it is to be mended at.
    pub fn of(rules: &[FileRule], own: Option<&Warehouse>) -> Result<Self, Vec<(RuleId, RuleFault)>> {
        let parts: Vec<(&FileRule, &GroupPart)> = rules
            .iter()
            .filter_map(|rule| Some((rule, rule.group.as_ref()?)))
            .collect();
        let mut faults = Vec::new();
        check_agreement(&parts, own, &mut faults);
        check_completion(&parts, &mut faults);
        check_tables(&parts, &mut faults);
        if !faults.is_empty() {
            return Err(faults);
        }
        let (data, leaders): (Vec<_>, Vec<_>) = parts.iter().partition(|(_, part)| part.is_data());
        let leader = leaders.first().map(|(rule, part)| (rule.id, part.role));
        let is_sentinel = leader.is_some_and(|(_, role)| role == GroupRole::Sentinel);
        let of_one = |part: &GroupPart| part.files.or(is_sentinel.then_some(1));
        Ok(Self {
            members: data.iter().map(|(rule, part)| (rule.id, of_one(part))).collect(),
            leader,
            max_age: parts
                .iter()
                .find_map(|(_, part)| part.max_age)
                .unwrap_or(USUAL_AGE),
            key: parts.first().map_or(SetKey::Folder, |(_, part)| part.key.clone()),
        })
    }

    /// Whether what waits, in the order of arrival, makes a set. What is more than that waits for the next.
    pub fn judge(&self, arrived: &[Arrived<'_>]) -> SetStanding {
        let mut lacks = Vec::new();
        let mut chosen: Vec<LoadId> = Vec::new();
        let leader = self.leader.and_then(|(rule, role)| {
            let found = arrived.iter().find(|file| file.rule == rule);
            if found.is_none() {
                let noun = if role == GroupRole::Control {
                    "control file"
                } else {
                    "sentinel"
                };
                lacks.push(format!("the {noun} of rule {rule}"));
            }
            found
        });
        chosen.extend(leader.map(|file| file.load));
        if let Some(names) = leader.and_then(|file| file.lists) {
            for name in names {
                let is_it = |file: &&Arrived<'_>| {
                    self.has(file.rule) && !chosen.contains(&file.load) && is_named(file.key, name)
                };
                match arrived.iter().find(is_it) {
                    Some(file) => chosen.push(file.load),
                    None => lacks.push(format!("{name}, which the control file lists")),
                }
            }
        }
        for (rule, files) in self
            .members
            .iter()
            .filter_map(|(rule, files)| Some((*rule, (*files)?)))
        {
            let of_rule: Vec<_> = arrived.iter().filter(|file| file.rule == rule).collect();
            let found = of_rule.len();
            if found < files as usize {
                lacks.push(format!(
                    "{} of {files} files of rule {rule}",
                    files as usize - found
                ));
            }
            chosen.extend(of_rule.iter().take(files as usize).map(|file| file.load));
        }
        if !lacks.is_empty() {
            return SetStanding::Lacks(lacks);
        }
        let in_order = arrived.iter().map(|file| file.load);
        SetStanding::Whole(in_order.filter(|load| chosen.contains(load)).collect())
    }

    fn has(&self, rule: RuleId) -> bool {
        self.members.iter().any(|(member, _)| *member == rule)
    }
}

/// Which set of its group a file belongs to; the capture that its key lacks otherwise.
pub fn set_of(part: &GroupPart, key: &ObjectKey, captures: &Captures) -> Result<String, String> {
    match &part.key {
        SetKey::Folder => Ok(key
            .as_str()
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder)
            .to_owned()),
        SetKey::Capture(name) => captures.get(name).cloned().ok_or_else(|| name.clone()),
    }
}

/// The names in a control file: one a line, blank lines and those that begin with `#` left out.
///
/// # Errors
/// What is wrong with it, with the line.
pub fn read_control_file(text: &str) -> Result<Vec<String>, String> {
    let mut names: Vec<String> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let name = line.trim().trim_start_matches('\u{feff}');
        if name.is_empty() || name.starts_with('#') {
            continue;
        }
        if names.iter().any(|earlier| earlier == name) {
            return Err(format!("line {} names {name} a second time", index + 1));
        }
        if names.len() == MOST_LISTED {
            return Err(format!(
                "line {}: more than {MOST_LISTED} names are too many for one set",
                index + 1
            ));
        }
        names.push(name.to_owned());
    }
    match names.is_empty() {
        true => {
            Err("it names no file; write the name of each file of the set on a line of its own".to_owned())
        }
        false => Ok(names),
    }
}

/// A name with a folder is a whole key.
fn is_named(key: &ObjectKey, name: &str) -> bool {
    match name.contains('/') {
        true => key.as_str() == name,
        false => key.as_str().rsplit('/').next() == Some(name),
    }
}

type Faults = Vec<(RuleId, RuleFault)>;

/// What all rules of a group must say alike.
fn check_agreement(parts: &[(&FileRule, &GroupPart)], own: Option<&Warehouse>, faults: &mut Faults) {
    let Some((first, first_part)) = parts.first() else {
        return;
    };
    let age = parts
        .iter()
        .find_map(|(rule, part)| Some((rule.id, part.max_age?)));
    for (rule, part) in parts {
        if part.key != first_part.key {
            let problem = format!(
                "differs from that of rule {}; all rules of a group have the same",
                first.id
            );
            faults.push((rule.id, RuleFault::new("group_key", problem)));
        }
        if let (Some((other, age)), Some(own_age)) = (age, part.max_age)
            && age != own_age
        {
            let problem = format!("differs from that of rule {other}; write it at one rule of the group");
            faults.push((rule.id, RuleFault::new("group_seconds", problem)));
        }
    }
    let data: Vec<_> = parts.iter().filter(|(_, part)| part.is_data()).collect();
    for (rule, _) in data.iter().skip(1) {
        let (here, there) = (
            rule.warehouse.as_ref().or(own),
            data[0].0.warehouse.as_ref().or(own),
        );
        if here != there {
            let problem = format!(
                "names another warehouse than rule {}; one transaction runs in one warehouse",
                data[0].0.id
            );
            faults.push((rule.id, RuleFault::new("ext_target_sid", problem)));
        }
    }
    let mut with_query = parts.iter().filter(|(rule, _)| rule.follow_up.is_some());
    if let Some((first, _)) = with_query.next() {
        for (rule, _) in with_query {
            let problem = format!(
                "rule {} has one too; it runs once for the set, so write it at one rule",
                first.id
            );
            faults.push((rule.id, RuleFault::new("query", problem)));
        }
    }
}

/// A group must be able to become whole.
fn check_completion(parts: &[(&FileRule, &GroupPart)], faults: &mut Faults) {
    let (data, leaders): (Vec<_>, Vec<_>) = parts.iter().partition(|(_, part)| part.is_data());
    if let ([], Some((rule, _))) = (data.as_slice(), leaders.first()) {
        let problem = "no rule of the group has files to load; name the group at theirs";
        faults.push((rule.id, RuleFault::new("load_group", problem)));
    }
    for (rule, _) in leaders.iter().skip(1) {
        let problem = format!(
            "rule {} says already when a set is whole; a group has one sentinel or one control file",
            leaders[0].0.id
        );
        faults.push((rule.id, RuleFault::new("group_role", problem)));
    }
    for (rule, part) in &data {
        match (leaders.first().map(|(_, leader)| leader.role), part.files) {
            (None, None) => {
                let problem = "is not set, and the group has neither sentinel nor control file, so that no set would ever be \
                               whole; write how many files of the rule a set has";
                faults.push((rule.id, RuleFault::new("group_files", problem)));
            }
            (Some(GroupRole::Control), files) => check_listed(rule, files, faults),
            _ => {}
        }
    }
    check_size(parts, faults);
}

/// What a rule cannot say where a control file says which files, and how many, a set has of it.
fn check_listed(rule: &FileRule, files: Option<u32>, faults: &mut Faults) {
    if files.is_some() {
        let problem = "is set, and the group's control file says which files a set has; leave it empty";
        faults.push((rule.id, RuleFault::new("group_files", problem)));
    }
    if rule.file_name_column.is_some() {
        let problem = "cannot be filled in a group with a control file: it may list several files of the rule, which one COPY \
                       reads; leave it empty, or count the files of a set (group_files) and take a sentinel";
        faults.push((rule.id, RuleFault::new("file_name_column", problem)));
    }
}

/// A set of more files than one transaction takes could never be loaded.
fn check_size(parts: &[(&FileRule, &GroupPart)], faults: &mut Faults) {
    let counted: u32 = parts.iter().filter_map(|(_, part)| part.files).sum();
    let leaders = parts.iter().filter(|(_, part)| !part.is_data()).count();
    let whole = counted as usize + leaders;
    let most = MOST_IN_A_SET as usize;
    if whole <= most {
        return;
    }
    for (rule, _) in parts.iter().filter(|(_, part)| part.files.is_some()) {
        let problem = format!(
            "makes sets of {whole} files together with the others of the group, and {most} are the most of one transaction"
        );
        faults.push((rule.id, RuleFault::new("group_files", problem)));
    }
}

/// What deletes rows of a table by more than their keys would delete those that another rule of the set brought.
fn check_tables(parts: &[(&FileRule, &GroupPart)], faults: &mut Faults) {
    let mut by_table: BTreeMap<String, Vec<&FileRule>> = BTreeMap::new();
    for (rule, _) in parts {
        if let Some(table) = &rule.table {
            by_table
                .entry(table.to_string().to_lowercase())
                .or_default()
                .push(rule);
        }
    }
    for rules in by_table.values().filter(|rules| rules.len() > 1) {
        for rule in rules {
            if matches!(rule.mode, LoadMode::Truncate | LoadMode::ReplacePeriod(_)) {
                let problem = format!(
                    "{} would delete rows that another rule of the group loads into the same table",
                    rule.mode.as_str()
                );
                faults.push((rule.id, RuleFault::new("load_mode", problem)));
            }
        }
    }
}

#[cfg(test)]
mod tests;
