//! A draft against the tables: what would be written, and how that reads.

use std::collections::{BTreeSet, HashMap};

use longshore_store::{Record, RuleBook, RuleChange, RuleRecord, Sheet};
use serde::Serialize;

use super::Fault;
use super::draft::{COLUMNS, Catalog, Draft, Entry};
use super::export::{is_active, value};

/// What a switched-off column has in its flag.
const SWITCHED_OFF: &str = "I";

/// What a draft changes.
#[derive(Debug, Default)]
pub struct Plan {
    /// The rows to write.
    pub change: RuleChange,
    /// The same for people.
    pub steps: Vec<Step>,
}

/// A row that is added or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// `rule 71`, `interface 701`, `target 3`.
    pub what: String,
    /// In a word.
    pub step: StepKind,
    /// Field by field; of a row that is added what it says beyond what counts anyhow.
    pub fields: Vec<FieldChange>,
}

/// What happens to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// It was not there.
    Added,
    /// Some fields are others.
    Changed,
    /// A rule rests.
    Paused,
    /// It works again.
    Resumed,
    /// It no longer counts.
    SwitchedOff,
    /// It counts again.
    SwitchedOn,
}

impl StepKind {
    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::SwitchedOff => "switched off",
            Self::SwitchedOn => "switched on",
        }
    }

    /// What happens to a row as a whole is told by these fields; else it is changed.
    fn of(before: &Record, after: &Record) -> Self {
        let is_paused = |record: &Record| record.get("paused").is_some_and(|paused| paused == "true");
        match (is_active(before), is_active(after)) {
            (true, false) => return Self::SwitchedOff,
            (false, true) => return Self::SwitchedOn,
            (true, true) | (false, false) => {}
        }
        match (is_paused(before), is_paused(after)) {
            (false, true) => Self::Paused,
            (true, false) => Self::Resumed,
            (true, true) | (false, false) => Self::Changed,
        }
    }
}

/// A field before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// Its name.
    pub field: String,
    /// What it said.
    pub from: Option<String>,
    /// What it says then.
    pub to: Option<String>,
}

/// The numbers of the rules that a draft is about.
pub fn about(draft: &Draft) -> Vec<i32> {
    let rules = draft.entries.get(&Sheet::Rule).into_iter().flatten();
    rules
        .filter_map(|rule| rule.key(Sheet::Rule).parse().ok())
        .collect()
}

/// Compares a draft with the tables as they were read for the rules that it is about.
///
/// # Errors
/// What the draft refers to and nobody knows, with its line.
pub fn make(draft: &Draft, seen: RuleBook, catalog: &Catalog) -> Result<Plan, Vec<Fault>> {
    let faults = dangling(draft, &seen);
    if !faults.is_empty() {
        return Err(faults);
    }
    let mut plan = Plan::default();
    let there = There::of(&seen);
    for sheet in [Sheet::Interface, Sheet::Target, Sheet::Rule] {
        for entry in draft.entries.get(&sheet).into_iter().flatten() {
            plan.compare(entry, sheet, &there, catalog);
        }
    }
    plan.change.about = Some(about(draft));
    plan.change.seen = seen;
    Ok(plan)
}

/// What is there, by its key.
struct There<'a> {
    rows: HashMap<(Sheet, &'a str), &'a Record>,
    rules: HashMap<&'a str, &'a RuleRecord>,
}

impl<'a> There<'a> {
    fn of(book: &'a RuleBook) -> Self {
        let key = |sheet: Sheet, record: &'a Record| record.get(sheet.key()).map_or("", String::as_str);
        let interfaces = book.interfaces.iter().map(|record| (Sheet::Interface, record));
        let targets = book.targets.iter().map(|record| (Sheet::Target, record));
        let rules = book.rules.iter().map(|rule| (Sheet::Rule, &rule.fields));
        let rows = interfaces.chain(targets).chain(rules);
        let by_number = book
            .rules
            .iter()
            .map(|rule| (key(Sheet::Rule, &rule.fields), rule));
        Self {
            rows: rows
                .map(|(sheet, record)| ((sheet, key(sheet, record)), record))
                .collect(),
            rules: by_number.collect(),
        }
    }
}

/// What the draft refers to and nobody knows.
fn dangling(draft: &Draft, seen: &RuleBook) -> Vec<Fault> {
    let known = |sheet: Sheet, there: &[Record]| -> BTreeSet<String> {
        let drafted = draft.entries.get(&sheet).into_iter().flatten();
        let drafted = drafted.map(|entry| entry.key(sheet).to_owned());
        let there = there.iter().filter_map(|record| record.get(sheet.key()).cloned());
        drafted.chain(there).collect()
    };
    let references = [
        (
            Sheet::Interface,
            "interfaces",
            known(Sheet::Interface, &seen.interfaces),
        ),
        (Sheet::Target, "targets", known(Sheet::Target, &seen.targets)),
    ];
    let mut faults = Vec::new();
    for rule in draft.entries.get(&Sheet::Rule).into_iter().flatten() {
        for (sheet, list, known) in &references {
            let named = rule.fields.get(sheet.key());
            if let Some(field) = named
                && let Some(text) = &field.text
                && !known.contains(text)
            {
                let what = format!("{}: there is no {text}; add it under {list}", sheet.key());
                faults.push(Fault::new(field.line, what));
            }
        }
        if rule.key(Sheet::Rule).parse::<i32>().is_err() {
            let what = format!("{:?} is no number of a rule", rule.key(Sheet::Rule));
            faults.push(Fault::new(rule.line_of(Sheet::Rule.key()), what));
        }
    }
    faults
}

impl Plan {
    fn compare(&mut self, entry: &Entry, sheet: Sheet, there: &There<'_>, catalog: &Catalog) {
        let after = entry.record(sheet, catalog);
        let key = entry.key(sheet);
        let before = there.rows.get(&(sheet, key)).copied();
        let tidy = before.map(|before| tidied(before, sheet, catalog));
        let unsaid = || Entry::default().record(sheet, catalog);
        let mut fields = differences(&tidy.clone().unwrap_or_else(unsaid), &after, sheet, catalog);
        if !fields.is_empty() || before.is_none() {
            self.change.rows.entry(sheet).or_default().push(after.clone());
        }
        if sheet == Sheet::Rule {
            let rule = there.rules.get(key).copied();
            fields.extend(self.compare_columns(entry, rule, catalog));
        }
        let step = match &tidy {
            None => StepKind::Added,
            Some(before) => StepKind::of(before, &after),
        };
        if !fields.is_empty() || before.is_none() {
            let what = format!("{} {key}", noun(sheet));
            self.steps.push(Step { what, step, fields });
        }
    }

    /// Columns are known by their names. One that is no longer wanted is switched off, as operators have always done; none is
    /// deleted.
    fn compare_columns(
        &mut self,
        entry: &Entry,
        rule: Option<&RuleRecord>,
        catalog: &Catalog,
    ) -> Option<FieldChange> {
        let there: Vec<Record> = rule.map(|rule| rule.columns.clone()).unwrap_or_default();
        let active: Vec<&Record> = there.iter().filter(|column| is_active(column)).collect();
        let names = |columns: &[&Record]| -> Vec<String> {
            columns
                .iter()
                .filter_map(|column| column.get("column_name").cloned())
                .collect()
        };
        let wanted: Vec<Record> = entry
            .columns
            .iter()
            .map(|column| column.record(Sheet::Column, catalog))
            .collect();
        let in_place = names(&active) == names(&wanted.iter().collect::<Vec<_>>());
        let mut left = there.clone();
        left.sort_by_key(|column| !is_active(column));
        let mut rows = Vec::new();
        for (place, wanted) in wanted.iter().enumerate() {
            let found = left
                .iter()
                .position(|column| column.get("column_name") == wanted.get("column_name"));
            let found = found.map(|found| left.remove(found));
            let mut row = wanted.clone();
            row.insert(Sheet::Rule.key().to_owned(), entry.key(Sheet::Rule).to_owned());
            row.insert("oprtnl_flag".to_owned(), "A".to_owned());
            let order = found
                .as_ref()
                .filter(|_| in_place)
                .and_then(|column| column.get("column_order_sqnc").cloned());
            row.insert(
                "column_order_sqnc".to_owned(),
                order.unwrap_or_else(|| (place + 1).to_string()),
            );
            if let Some(number) = found.as_ref().and_then(|column| column.get(Sheet::Column.key())) {
                row.insert(Sheet::Column.key().to_owned(), number.clone());
            }
            let written = |record: &Record| tidy_all(record, catalog);
            if found.as_ref().map(written) != Some(written(&row)) {
                rows.push(row);
            }
        }
        for mut unwanted in left.into_iter().filter(is_active) {
            unwanted.insert("oprtnl_flag".to_owned(), SWITCHED_OFF.to_owned());
            rows.push(tidy_all(&unwanted, catalog));
        }
        if rows.is_empty() {
            return None;
        }
        self.change.rows.entry(Sheet::Column).or_default().extend(rows);
        Some(FieldChange {
            field: COLUMNS.to_owned(),
            from: rule.map(|_| listed(active.into_iter(), catalog)),
            to: Some(listed(wanted.iter(), catalog)),
        })
    }
}

/// A row as a draft would have it.
fn tidied(record: &Record, sheet: Sheet, catalog: &Catalog) -> Record {
    let fields = catalog.fields(sheet);
    fields
        .filter_map(|column| Some((column.name.clone(), value(record, column)?)))
        .collect()
}

fn tidy_all(record: &Record, catalog: &Catalog) -> Record {
    let fields = catalog.written(Sheet::Column);
    fields
        .filter_map(|column| Some((column.name.clone(), value(record, column)?)))
        .collect()
}

fn differences(before: &Record, after: &Record, sheet: Sheet, catalog: &Catalog) -> Vec<FieldChange> {
    catalog
        .fields(sheet)
        .filter(|column| before.get(&column.name) != after.get(&column.name))
        .map(|column| FieldChange {
            field: column.name.clone(),
            from: before.get(&column.name).cloned(),
            to: after.get(&column.name).cloned(),
        })
        .collect()
}

/// Columns in a line: their names, with what else is said of them in brackets.
fn listed<'a>(columns: impl Iterator<Item = &'a Record>, catalog: &Catalog) -> String {
    let column = |record: &Record| {
        let name = record.get("column_name").cloned().unwrap_or_default();
        let fields = catalog
            .fields(Sheet::Column)
            .filter(|column| column.name != "column_name");
        let more: Vec<_> = fields.filter_map(|column| value(record, column)).collect();
        match more.is_empty() {
            true => name,
            false => format!("{name} ({})", more.join(", ")),
        }
    };
    columns.map(column).collect::<Vec<_>>().join(", ")
}

fn noun(sheet: Sheet) -> &'static str {
    match sheet {
        Sheet::Interface => "interface",
        Sheet::Target => "target",
        Sheet::Rule => "rule",
        Sheet::Column => "column",
    }
}

#[cfg(test)]
mod tests {
    use super::super::draft::tests::{catalog, draft};
    use super::*;

    fn record(fields: &[(&str, &str)]) -> Record {
        fields
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect()
    }

    fn detail(number: &str, name: &str, order: &str, flag: &str) -> Record {
        record(&[
            ("ext_file_config_dtl_sid", number),
            ("ext_file_config_sid", "71"),
            ("column_name", name),
            ("column_order_sqnc", order),
            ("oprtnl_flag", flag),
        ])
    }

    fn book() -> RuleBook {
        RuleBook {
            interfaces: vec![record(&[("ext_interface_cid", "701")])],
            targets: vec![],
            rules: vec![RuleRecord {
                fields: record(&[
                    ("ext_file_config_sid", "71"),
                    ("ext_interface_cid", "701"),
                    ("file_prefix", "701."),
                    ("file_name_column", "file_name"),
                    ("paused", "false"),
                    ("oprtnl_flag", "A "),
                    ("created_date", "2026-11-26"),
                ]),
                columns: vec![
                    detail("1", "a", "1.00", "A"),
                    detail("2", "b", "2.50", "A"),
                    detail("3", "c", "3.00", "I"),
                ],
            }],
        }
    }

    const SAME: &str = "rules:
  - ext_file_config_sid: 71
    ext_interface_cid: 701
    file_prefix: 701.
    columns: [a, b]
";

    fn plan(text: &str) -> Plan {
        make(&draft(text), book(), &catalog()).unwrap()
    }

    #[test]
    fn what_is_so_already_is_left_alone() {
        let plan = plan(SAME);
        assert_eq!(plan.steps, []);
        assert!(plan.change.rows.is_empty(), "{:?}", plan.change.rows);
        assert_eq!(plan.change.about, Some(vec![71]));
    }

    #[test]
    fn a_field_that_is_changed_is_shown_before_and_after() {
        let text = SAME.replace("file_prefix: 701.", "file_prefix: 702.\n    delimiter: ','");
        let plan = plan(&text);
        let said: Vec<_> = plan.steps[0]
            .fields
            .iter()
            .map(|change| format!("{} {:?} {:?}", change.field, change.from, change.to))
            .collect();
        assert_eq!(plan.steps[0].what, "rule 71");
        assert_eq!(plan.steps[0].step, StepKind::Changed);
        assert_eq!(
            said,
            [
                "file_prefix Some(\"701.\") Some(\"702.\")",
                "delimiter None Some(\",\")"
            ]
        );
        assert_eq!(plan.change.rows[&Sheet::Rule].len(), 1);
        assert!(!plan.change.rows.contains_key(&Sheet::Column));
    }

    #[test]
    fn columns_keep_their_numbers_and_what_is_unwanted_is_switched_off() {
        let plan = plan(&SAME.replace("[a, b]", "[c, a, d]"));
        let rows: Vec<_> = plan.change.rows[&Sheet::Column]
            .iter()
            .map(|row| {
                let text = |name: &str| row.get(name).cloned().unwrap_or_default();
                let order = text("column_order_sqnc");
                format!(
                    "{}:{} {} {}",
                    text("ext_file_config_dtl_sid"),
                    text("column_name"),
                    order,
                    text("oprtnl_flag")
                )
            })
            .collect();
        assert_eq!(rows, ["3:c 1 A", "1:a 2 A", ":d 3 A", "2:b 2.5 I"]);
        let change = &plan.steps[0].fields[0];
        assert_eq!(
            (change.from.as_deref(), change.to.as_deref()),
            (Some("a, b"), Some("c, a, d"))
        );
    }

    #[test]
    fn pausing_and_switching_off_have_words_of_their_own() {
        let step = |text: &str| plan(&SAME.replace("file_prefix", text)).steps[0].step;
        assert_eq!(step("paused: true\n    file_prefix"), StepKind::Paused);
        assert_eq!(step("oprtnl_flag: I\n    file_prefix"), StepKind::SwitchedOff);
    }

    #[test]
    fn a_new_rule_of_a_new_feed_is_added_and_one_of_no_feed_refused() {
        let text = SAME.replace("71", "72").replace("701", "999");
        let faults = make(&draft(&text), book(), &catalog()).unwrap_err();
        assert_eq!(
            (faults[0].line, faults[0].what.as_str()),
            (3, "ext_interface_cid: there is no 999; add it under interfaces")
        );
        let plan = plan(&format!("interfaces:\n  - ext_interface_cid: 999\n{text}"));
        let said: Vec<_> = plan
            .steps
            .iter()
            .map(|step| (step.what.as_str(), step.step))
            .collect();
        assert_eq!(
            said,
            [("interface 999", StepKind::Added), ("rule 72", StepKind::Added)]
        );
    }
}
