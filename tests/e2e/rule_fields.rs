//! docs/rules.md, checked against the source: every field of a rule has a row, and no row is of a field that there is not.

use std::collections::BTreeSet;

const GUIDE: &str = include_str!("../../docs/rules.md");
const SOURCE: &str = include_str!("../../layers/domain/src/rule/row.rs");
/// What the store adds to a row when it reads one: of other tables, or made of several columns.
const ADDED: [&str; 6] = [
    "columns",
    "group_inactive",
    "interface_name",
    "known_targets",
    "rule_version",
    "target",
];
/// Columns that are read otherwise: the number behind `target`, and what is for people alone.
const READ_OTHERWISE: [&str; 2] = ["ext_target_sid", "paused_note"];

fn of_the_source() -> BTreeSet<&'static str> {
    let rest = SOURCE.split("pub struct RuleRow").nth(1).unwrap_or_default();
    let fields = rest.split("\n}").next().unwrap_or_default();
    fields
        .lines()
        .filter_map(|line| line.strip_prefix("    pub ")?.split(':').next())
        .filter(|field| !ADDED.contains(field))
        .chain(READ_OTHERWISE)
        .collect()
}

/// The words in the first columns of the guide's tables.
fn of_the_guide() -> BTreeSet<&'static str> {
    GUIDE
        .lines()
        .filter(|line| line.starts_with("| `"))
        .filter_map(|line| line.split(" | ").next())
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect()
}

#[test]
fn every_field_of_a_rule_has_a_row() {
    let (source, guide) = (of_the_source(), of_the_guide());
    assert!(source.len() > 60, "{} fields: {source:?}", source.len());
    let missing: Vec<_> = source.difference(&guide).collect();
    assert!(missing.is_empty(), "docs/rules.md has no row of {missing:?}");
    let outdated: Vec<_> = guide.difference(&source).collect();
    assert!(
        outdated.is_empty(),
        "docs/rules.md has rows of {outdated:?}, which no rule has"
    );
}
