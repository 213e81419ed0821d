//! What is wrong with rules before any file meets them: each by itself, and all of them together.

use std::collections::{BTreeMap, BTreeSet};

use longshore_copy::CopySpec;
use longshore_domain::group::LoadGroup;
use longshore_domain::matching;
use longshore_domain::rule::{
    FileRule, GroupPart, RuleFault, RuleFaults, RuleId, RuleRow, ScheduledSnapshots, targets_of_a_part,
};
use longshore_store::Chain;

use crate::error::with_causes;
use crate::follow_up;
use crate::group::size::fault_of_size;

/// What may be wrong with rules and keeps none of them from being applied: expressions that may take the same files. Each of two is
/// told of the other.
pub fn doubts(rows: &[RuleRow]) -> Vec<RuleFaults> {
    let column_of: BTreeMap<RuleId, &str> = rows
        .iter()
        .map(|row| {
            let column = row.name_filter.as_ref().map_or("key_regex", |_| "name_filter");
            (RuleId(row.ext_file_config_sid), column)
        })
        .collect();
    let mut found: BTreeMap<RuleId, Vec<RuleFault>> = BTreeMap::new();
    for (one, other) in matching::overlaps(rows) {
        for (rule, other) in [(one, other), (other, one)] {
            let column = column_of.get(&rule).copied().unwrap_or_default();
            let fault = RuleFault::new(
                column,
                format!(
                    "may take files that rule {other} takes too, which would be refused; see: longshore rule explain s3://BUCKET/KEY"
                ),
            );
            found.entry(rule).or_default().push(fault);
        }
    }
    let found = found.into_iter();
    found.map(|(rule, faults)| RuleFaults { rule, faults }).collect()
}

/// Every fault of every rule, in the order of rules: what interpreting it says, what COPY would refuse of its options, what is
/// no follow-up, the names of chains that are not there among it, and which other rule takes the same files.
pub fn lint(rows: &[RuleRow], chains: &[Chain]) -> Vec<RuleFaults> {
    let mut found: BTreeMap<RuleId, Vec<RuleFault>> = BTreeMap::new();
    for row in rows {
        let faults = lint_one(row, chains);
        if !faults.is_empty() {
            found
                .entry(RuleId(row.ext_file_config_sid))
                .or_default()
                .extend(faults);
        }
    }
    for (one, other) in matching::ambiguities(rows) {
        for (rule, other) in [(one, other), (other, one)] {
            let fault = RuleFault::new(
                "file_prefix",
                format!(
                    "rule {other} takes the same files (see key_pattern, key_regex, name_filter and bucket too), so they would be refused"
                ),
            );
            found.entry(rule).or_default().push(fault);
        }
    }
    for (rule, fault) in faults_of_parts(rows) {
        found.entry(rule).or_default().push(fault);
    }
    for (rule, fault) in faults_of_groups(rows) {
        found.entry(rule).or_default().push(fault);
    }
    let faults = found
        .into_iter()
        .map(|(rule, faults)| RuleFaults { rule, faults });
    faults.collect()
}

/// What is wrong with the rules of the parts of files that are cut.
fn faults_of_parts(rows: &[RuleRow]) -> Vec<(RuleId, RuleFault)> {
    let rules: Vec<FileRule> = rows
        .iter()
        .filter_map(|row| FileRule::from_row(row).ok())
        .collect();
    let tokens: BTreeSet<String> = rules
        .iter()
        .flat_map(|rule| {
            let types = rule.split.iter().flatten();
            types.map(|record_type| matching::part_token(&rule.token, record_type))
        })
        .collect();
    let of_parts = rules.iter().filter(|rule| tokens.contains(&rule.token));
    let faults = of_parts.flat_map(|rule| {
        let faults = [part_in_group(rule), targets_of_a_part(rule)];
        faults.into_iter().flatten().map(|fault| (rule.id, fault))
    });
    faults.collect()
}

/// Why the rule of a part cannot be in a group: what tells the sets apart is in the key of the whole file.
pub(crate) fn part_in_group(rule: &FileRule) -> Option<RuleFault> {
    rule.group.as_ref()?;
    Some(RuleFault::new(
        "load_group",
        "is set, and the rule takes a part of a file that is cut: such parts are loaded by themselves; leave it empty",
    ))
}

/// What is wrong with rules of one group together. A rule with faults of its own is left out, as it is told already.
fn faults_of_groups(rows: &[RuleRow]) -> Vec<(RuleId, RuleFault)> {
    let mut groups: BTreeMap<String, Vec<FileRule>> = BTreeMap::new();
    for row in rows {
        if let Ok(rule) = FileRule::from_row(row)
            && let Some(part) = &rule.group
        {
            groups.entry(part.group.clone()).or_default().push(rule);
        }
    }
    let faults = groups.values().map(|rules| match LoadGroup::of(rules, None) {
        Ok(_) => fault_of_size(rules).into_iter().collect(),
        Err(faults) => faults,
    });
    faults.flatten().collect()
}

fn lint_one(row: &RuleRow, chains: &[Chain]) -> Vec<RuleFault> {
    if let Some(read) = ScheduledSnapshots::from_row(row) {
        let faults = read.err().map(|faults| faults.faults).unwrap_or_default();
        return faults
            .into_iter()
            .chain(fault_of_query(&row.query, chains))
            .collect();
    }
    let rule = match FileRule::from_row(row) {
        Ok(rule) => rule,
        Err(faults) => return faults.faults,
    };
    let mut found = Vec::new();
    // The parts of a file that is cut have rules of their own.
    let is_loaded = rule.group.as_ref().is_none_or(GroupPart::is_data);
    if rule.split.is_none()
        && is_loaded
        && let Err(faults) = CopySpec::from_rule(&rule, &rule.columns)
    {
        found.extend(faults.faults);
    }
    found.extend(fault_of_query(&rule.follow_up, chains));
    found
}

/// Why a follow-up is none.
fn fault_of_query(query: &Option<String>, chains: &[Chain]) -> Option<RuleFault> {
    let text = query.as_deref().filter(|text| !text.trim().is_empty())?;
    let fault = follow_up::judge(text, chains).err()?;
    Some(RuleFault::new("query", with_causes(&fault)))
}

#[cfg(test)]
mod tests {
    use longshore_domain::rule::{ColumnRow, KnownTarget, TargetRow};

    use super::*;

    fn row(sid: i32, token: &str) -> RuleRow {
        let text = |text: &str| text.to_owned();
        RuleRow {
            ext_file_config_sid: sid,
            file_prefix: text(token),
            file_format: text("txt"),
            file_type: text("txt"),
            delimiter: Some(text("|")),
            header_flag: text("N"),
            trailer_flag: text("N"),
            split_file_flag: text("N"),
            tgt_schema_name: Some(text("s")),
            tgt_table_name: Some(text("t")),
            columns: vec![ColumnRow {
                column_name: text("a"),
                column_width_fixed: None,
            }],
            ..RuleRow::default()
        }
    }

    fn said(rows: &[RuleRow]) -> Vec<String> {
        lint(rows, &[]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn sound_rules_have_no_faults() {
        assert_eq!(said(&[row(1, "1."), row(2, "2.")]), Vec::<String>::new());
    }

    #[test]
    fn what_only_copy_or_the_warehouse_would_refuse_is_found() {
        let options = RuleRow {
            copy_options: Some("NOSUCHOPTION".to_owned()),
            ..row(1, "1.")
        };
        let query = RuleRow {
            query: Some("call a(); call b()".to_owned()),
            ..row(2, "2.")
        };
        let said = said(&[options, query]);
        assert!(
            said[0].starts_with("rule 1 has 1 fault: copy_options: "),
            "{said:?}"
        );
        assert!(said[1].starts_with("rule 2 has 1 fault: query: "), "{said:?}");
    }

    #[test]
    fn the_rule_of_a_part_belongs_to_no_group() {
        let whole = RuleRow {
            split_file_flag: "Y".to_owned(),
            split_prefix: Some("HD,DT".to_owned()),
            tgt_schema_name: None,
            tgt_table_name: None,
            ..row(1, "703.")
        };
        let grouped = |sid, token| RuleRow {
            load_group: Some("sales".to_owned()),
            group_files: Some(1),
            ..row(sid, token)
        };
        let said = said(&[whole, grouped(2, "703-HD."), grouped(3, "704.")]);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(
            said[0]
                .starts_with("rule 2 has 1 fault: load_group: is set, and the rule takes a part of a file"),
            "{said:?}"
        );
    }

    #[test]
    fn the_rule_of_a_part_has_one_warehouse() {
        let whole = RuleRow {
            split_file_flag: "Y".to_owned(),
            split_prefix: Some("HD".to_owned()),
            tgt_schema_name: None,
            tgt_table_name: None,
            ..row(1, "703.")
        };
        let target = TargetRow {
            target_name: "mart".to_owned(),
            cluster_identifier: Some("c".to_owned()),
            ..TargetRow::default()
        };
        let part = RuleRow {
            further_targets: Some("mart".to_owned()),
            known_targets: vec![KnownTarget {
                row: target,
                is_active: true,
            }],
            ..row(2, "703-HD.")
        };
        let said = said(&[whole, part]);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(
            said[0].starts_with("rule 2 has 1 fault: further_targets: is set, and the rule takes a part"),
            "{said:?}"
        );
    }

    #[test]
    fn a_group_of_more_rules_than_one_transaction_has_statements_for_is_refused() {
        let grouped = |sid: i32| RuleRow {
            load_group: Some("sales".to_owned()),
            group_files: Some(1),
            tgt_table_name: Some(format!("t{sid}")),
            ..row(sid, &format!("{sid}."))
        };
        let seven: Vec<_> = (1..=7).map(grouped).collect();
        assert_eq!(said(&seven), Vec::<String>::new());
        let eight: Vec<_> = (1..=8).map(grouped).collect();
        let said = said(&eight);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(
            said[0].starts_with("rule 8 has 1 fault: load_group: the transaction has 4"),
            "{said:?}"
        );
        assert!(said[0].contains("fewer rules in one group"), "{said:?}");
    }

    #[test]
    fn expressions_that_may_take_the_same_files_are_doubted_and_keep_their_rules_sound() {
        let like = |sid, regex: &str| RuleRow {
            key_regex: Some(regex.to_owned()),
            ..row(sid, "-")
        };
        let rows = [like(1, "in/.*"), like(2, r"in/orders_.*\.txt"), like(3, "out/.*")];
        assert_eq!(said(&rows), Vec::<String>::new());
        let doubts: Vec<_> = doubts(&rows).iter().map(ToString::to_string).collect();
        assert_eq!(doubts.len(), 2, "{doubts:?}");
        assert!(
            doubts[0].starts_with("rule 1 has 1 fault: key_regex: may take files that rule 2 takes too"),
            "{doubts:?}"
        );
    }

    #[test]
    fn of_rules_that_take_the_same_files_each_names_the_other() {
        let said = said(&[row(1, "1."), row(2, "1.")]);
        assert!(said[0].contains("rule 1 has 1 fault") && said[0].contains("rule 2 takes the same files"));
        assert!(said[1].contains("rule 2 has 1 fault") && said[1].contains("rule 1 takes the same files"));
    }
}
