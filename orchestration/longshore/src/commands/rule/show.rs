//! `rule show` and `rule export`: rules as the document that `rule apply` takes.

use std::collections::BTreeSet;

use longshore_app::rules::draft::{COLUMNS, Catalog};
use longshore_app::rules::export;
use longshore_app::rules::write::comment;
use longshore_domain::rule::RuleId;
use longshore_store::{LIST_LIMIT, Record, RuleBook, RuleRecord, RuleVersion, Sheet, Store};
use serde_json::{Value, json};

use super::{no_such_rule, read_catalog};
use crate::commands::cells::moment;
use crate::commands::{late, snapshot};
use crate::exit::{ExitStatus, input};
use crate::output::Output;

/// Late times of a rule that are shown with it.
const SHOWN_LATE: u32 = 5;

/// A rule as it is, and when it was changed; or as it was.
pub(super) async fn show(
    store: &Store,
    rule: i32,
    version: Option<i32>,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let catalog = read_catalog(store).await?;
    match version {
        Some(version) => show_version(store, rule, version, &catalog, output).await,
        None => show_rule(store, rule, &catalog, output).await,
    }
}

async fn show_rule(
    store: &Store,
    rule: i32,
    catalog: &Catalog,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let book = store.rule_book(Some(&[rule])).await?;
    let found = book.rules.first().ok_or_else(|| no_such_rule(rule))?;
    let versions = store.rule_versions(RuleId(rule)).await?;
    let waiting = store.waiting_for_rule(RuleId(rule)).await?;
    let tables = store.snapshot_standings(Some(RuleId(rule)), LIST_LIMIT).await?;
    let expected = store.expectations(Some(RuleId(rule)), 1).await?;
    let missed = store.late_periods(Some(RuleId(rule)), SHOWN_LATE).await?;
    if output.is_json() {
        output.json(&json!({
            "rule": as_json(found),
            "waiting": waiting,
            "versions": versions,
            "snapshots": tables,
            "expected": expected.first(),
            "late": missed,
        }))?;
        return Ok(ExitStatus::Done);
    }
    output.line(format!("rules:\n{}", export::rule(found, catalog)).trim_end())?;
    if waiting > 0 {
        output.line(format!("\n{} until it is resumed.", super::waiting(waiting)))?;
    }
    if !tables.is_empty() {
        output.line("\nsnapshots")?;
        snapshot::list::show(&tables, output)?;
    }
    if let Some(expected) = expected.first() {
        output.line(format!("\nfiles are expected by {}", late::next(expected)))?;
    }
    if !missed.is_empty() {
        late::show(&missed, output)?;
    }
    output.line("\nversions")?;
    let rows = versions.iter().map(|kept| {
        vec![
            kept.version.to_string(),
            moment(kept.since),
            kept.changed_by.clone(),
            kept.reason.clone().unwrap_or_default(),
        ]
    });
    output.table(&["version", "since", "by", "why"], rows.collect())?;
    Ok(ExitStatus::Done)
}

async fn show_version(
    store: &Store,
    rule: i32,
    version: i32,
    catalog: &Catalog,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let Some(kept) = store.rule_version(RuleId(rule), version).await? else {
        let newest = store.rule_versions(RuleId(rule)).await?;
        let newest = newest.first().ok_or_else(|| no_such_rule(rule))?.version;
        return Err(input(format!(
            "rule {rule} has no version {version}; the newest is {newest}"
        )));
    };
    if output.is_json() {
        output.json(&kept)?;
        return Ok(ExitStatus::Done);
    }
    let why = kept
        .reason
        .as_ref()
        .map(|reason| format!(": {reason}"))
        .unwrap_or_default();
    let headline = comment(&format!(
        "version {version} of rule {rule}, since {} by {}{why}",
        moment(kept.since),
        kept.changed_by
    ));
    output.line(headline.trim_end())?;
    let record = as_record(&kept);
    output.line(format!("rules:\n{}", export::rule(&record, catalog)).trim_end())?;
    Ok(ExitStatus::Done)
}

/// What a version holds, field by field.
fn as_record(kept: &RuleVersion) -> RuleRecord {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let record = |value: &Value| -> Record {
        let fields = value.as_object().into_iter().flatten();
        fields
            .filter(|(name, _)| name.as_str() != COLUMNS)
            .map(|(name, value)| (name.clone(), text(value)))
            .collect()
    };
    let columns = kept.content[COLUMNS].as_array().into_iter().flatten();
    RuleRecord {
        fields: record(&kept.content),
        columns: columns.map(record).collect(),
    }
}

fn as_json(rule: &RuleRecord) -> Value {
    let mut fields = json!(rule.fields);
    fields[COLUMNS] = json!(rule.columns);
    fields
}

/// All of the tables, or these rules and what they refer to.
pub(super) async fn export(store: &Store, rules: &[i32], output: Output) -> anyhow::Result<ExitStatus> {
    let catalog = read_catalog(store).await?;
    let book = store.rule_book((!rules.is_empty()).then_some(rules)).await?;
    let found: BTreeSet<_> = book
        .rules
        .iter()
        .filter_map(|rule| rule.fields.get(Sheet::Rule.key()))
        .collect();
    if let Some(missing) = rules.iter().find(|rule| !found.contains(&rule.to_string())) {
        return Err(no_such_rule(*missing));
    }
    let book = if rules.is_empty() { book } else { referred_to(book) };
    if output.is_json() {
        let rules: Vec<_> = book.rules.iter().map(as_json).collect();
        output.json(&json!({ "interfaces": book.interfaces, "targets": book.targets, "rules": rules }))?;
    } else {
        output.line(export::document(&book, &catalog).trim_end())?;
    }
    Ok(ExitStatus::Done)
}

fn referred_to(mut book: RuleBook) -> RuleBook {
    let named = |rules: &[RuleRecord], sheet: Sheet| -> BTreeSet<String> {
        rules
            .iter()
            .filter_map(|rule| rule.fields.get(sheet.key()).cloned())
            .collect()
    };
    let interfaces = named(&book.rules, Sheet::Interface);
    let targets = named(&book.rules, Sheet::Target);
    let is_named = |record: &Record, sheet: Sheet, names: &BTreeSet<String>| {
        record.get(sheet.key()).is_some_and(|key| names.contains(key))
    };
    book.interfaces
        .retain(|record| is_named(record, Sheet::Interface, &interfaces));
    book.targets
        .retain(|record| is_named(record, Sheet::Target, &targets));
    book
}
