//! The `rule` commands; what changes rules is in [`change`].

pub(super) mod change;
mod cost;
mod ddl;
mod explain;
mod infer;
mod show;

use std::collections::BTreeMap;

use longshore_app::rules::draft::Catalog;
use longshore_app::rules::export::is_active;
use longshore_app::{doubts, lint};
use longshore_domain::matching::{self, Matcher};
use longshore_domain::queue::QueueName;
use longshore_domain::rule::{RuleFault, RuleFaults, RuleRow};
use longshore_store::{RuleRecord, Store};
use serde_json::json;

use crate::cli::{RuleCommand, RuleFilter, RuleStatus};
use crate::deployment::Deployment;
use crate::exit::{ExitStatus, input};
use crate::output::Output;

/// Carries out a `rule` command.
pub(crate) async fn run(
    command: RuleCommand,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let store = || deployment.store();
    match command {
        RuleCommand::List(filter) => list(&store().await?, &filter, output).await,
        RuleCommand::Explain { url, size, queue, .. } => {
            let rows = store().await?.all_rules().await?;
            explain::run(&rows, &url, queue.as_ref(), size, output)
        }
        RuleCommand::Lint { rules } => lint_rules(&store().await?, &rules, output).await,
        RuleCommand::Show { rule, version } => show::show(&store().await?, rule, version, output).await,
        RuleCommand::Export { rules } => show::export(&store().await?, &rules, output).await,
        RuleCommand::Infer(arguments) => infer::run(&arguments, output),
        RuleCommand::Ddl { rule } => Box::pin(ddl::run(rule, deployment, output)).await,
        RuleCommand::Apply { file, hand } => change::apply(&file, &hand, deployment, output).await,
        RuleCommand::Add { fields, hand } => change::add(&fields, &hand, deployment, output).await,
        RuleCommand::Edit { rule, fields, hand } => {
            change::edit(rule, &fields, &hand, deployment, output).await
        }
        RuleCommand::Pause { rules, hand } => change::pause(&rules, &hand, deployment, output).await,
        RuleCommand::Resume { rules, hand } => change::resume(&rules, &hand, deployment, output).await,
    }
}

/// The columns that the tables of rules have here and now.
async fn read_catalog(store: &Store) -> anyhow::Result<Catalog> {
    Ok(Catalog(store.rule_catalog().await?))
}

/// How many files wait, in words.
fn waiting(count: u64) -> String {
    match count {
        1 => "1 file waits".to_owned(),
        count => format!("{count} files wait"),
    }
}

fn no_such_rule(rule: i32) -> anyhow::Error {
    input(format!("there is no rule {rule}; see: longshore rule list"))
}

/// An active rule and how it stands.
struct Judged<'a> {
    row: &'a RuleRow,
    faults: Option<&'a RuleFaults>,
}

impl Judged<'_> {
    fn passes(&self, filter: &RuleFilter) -> bool {
        let stands = match filter.status {
            None => true,
            Some(RuleStatus::Sound) => self.faults.is_none(),
            Some(RuleStatus::Faulty) => self.faults.is_some(),
            Some(RuleStatus::Paused) => self.row.paused,
            Some(RuleStatus::Off) => false,
        };
        let feed = filter.interface.as_ref();
        let queue = || matching::queue_of(self.row).ok().flatten();
        stands
            && (filter.queue.is_none() || queue() == filter.queue)
            && feed.is_none_or(|feed| [&self.row.ext_interface_cid, &self.row.interface_name].contains(&feed))
    }

    fn check(&self) -> String {
        let check = self
            .faults
            .map_or_else(|| "sound".to_owned(), ToString::to_string);
        match self.row.paused {
            true => format!("paused; {check}"),
            false => check,
        }
    }
}

async fn list(store: &Store, filter: &RuleFilter, output: Output) -> anyhow::Result<ExitStatus> {
    if filter.status == Some(RuleStatus::Off) {
        return list_off(store, filter, output).await;
    }
    let rows = store.all_rules().await?;
    let faults = lint(&rows, &store.chains().await?);
    let by_rule: BTreeMap<i32, &RuleFaults> = faults.iter().map(|faults| (faults.rule.0, faults)).collect();
    let judged = rows.iter().map(|row| Judged {
        row,
        faults: by_rule.get(&row.ext_file_config_sid).copied(),
    });
    let judged: Vec<_> = judged.filter(|rule| rule.passes(filter)).collect();
    if output.is_json() {
        let rules: Vec<_> = judged
            .iter()
            .map(|rule| json!({ "rule": rule.row, "faults": rule.faults.map(|faults| &faults.faults) }))
            .collect();
        output.json(&rules)?;
        return Ok(ExitStatus::Done);
    }
    let rows = judged
        .iter()
        .map(|Judged { row, .. }| {
            vec![
                row.ext_file_config_sid.to_string(),
                format!("{} ({})", row.interface_name, row.ext_interface_cid),
                finds(row),
                row.file_format.clone(),
                table(row),
            ]
        })
        .zip(judged.iter().map(Judged::check))
        .map(|(mut row, check)| {
            row.push(check);
            row
        })
        .collect();
    output.table(&["rule", "interface", "finds", "format", "table", "check"], rows)?;
    Ok(ExitStatus::Done)
}

/// Rules that are switched off themselves; those of a feed or target that is switched off are on in their own row.
async fn list_off(store: &Store, filter: &RuleFilter, output: Output) -> anyhow::Result<ExitStatus> {
    let book = store.rule_book(None).await?;
    let text = |rule: &RuleRecord, field: &str| rule.fields.get(field).cloned().unwrap_or_default();
    let is_of_feed = |rule: &&RuleRecord| {
        let feed = filter.interface.as_ref();
        feed.is_none_or(|feed| text(rule, "ext_interface_cid") == *feed)
    };
    let is_of_queue = |rule: &&RuleRecord| {
        let queue = filter.queue.as_ref();
        queue.is_none_or(|queue| QueueName::parse(&text(rule, "queue_name")).ok().as_ref() == Some(queue))
    };
    let off = book
        .rules
        .iter()
        .filter(|rule| !is_active(&rule.fields))
        .filter(is_of_feed)
        .filter(is_of_queue);
    if output.is_json() {
        let rules: Vec<_> = off
            .map(|rule| json!({ "rule": rule.fields, "faults": null }))
            .collect();
        output.json(&rules)?;
        return Ok(ExitStatus::Done);
    }
    let fields = [
        "ext_file_config_sid",
        "ext_interface_cid",
        "file_prefix",
        "file_format",
        "tgt_table_name",
    ];
    let rows = off.map(|rule| {
        let mut row: Vec<_> = fields.iter().map(|field| text(rule, field)).collect();
        row.push("off".to_owned());
        row
    });
    output.table(
        &["rule", "interface", "finds", "format", "table", "check"],
        rows.collect(),
    )?;
    Ok(ExitStatus::Done)
}

/// Says every fault of every rule, or of these. A rule at fault is an answer about the input: exit code 1.
async fn lint_rules(store: &Store, rules: &[i32], output: Output) -> anyhow::Result<ExitStatus> {
    let rows = store.all_rules().await?;
    let is_meant = |rule: i32| rules.is_empty() || rules.contains(&rule);
    let is_there = |rule: &&i32| rows.iter().any(|row| row.ext_file_config_sid == **rule);
    if let Some(missing) = rules.iter().find(|rule| !is_there(rule)) {
        return Err(input(format!(
            "there is no rule {missing} in operation; see: longshore rule list --status off"
        )));
    }
    let faults: Vec<_> = lint(&rows, &store.chains().await?)
        .into_iter()
        .filter(|found| is_meant(found.rule.0))
        .collect();
    let doubts: Vec<_> = doubts(&rows)
        .into_iter()
        .filter(|found| is_meant(found.rule.0))
        .collect();
    let count = rows
        .iter()
        .filter(|row| is_meant(row.ext_file_config_sid))
        .count();
    if output.is_json() {
        output.json(&json!({ "rules": count, "faults": faults, "warnings": doubts }))?;
    } else {
        match faults.is_empty() {
            true => output.line(format!("{count} rules are sound."))?,
            false => output.table(&["rule", "column", "is wrong"], fault_lines(&faults))?,
        }
        if !doubts.is_empty() {
            output.table(&["rule", "column", "may be wrong"], fault_lines(&doubts))?;
        }
    }
    Ok(if faults.is_empty() {
        ExitStatus::Done
    } else {
        ExitStatus::Input
    })
}

fn fault_lines(faults: &[RuleFaults]) -> Vec<Vec<String>> {
    let lines = faults.iter().flat_map(|of_rule| {
        let line = |fault: &RuleFault| {
            vec![
                of_rule.rule.to_string(),
                fault.column.to_string(),
                fault.problem.clone(),
            ]
        };
        of_rule.faults.iter().map(line)
    });
    lines.collect()
}

/// By what a rule finds its files: their keys, or the queue that brings them, or both.
fn finds(row: &RuleRow) -> String {
    if matching::is_scheduled(row) {
        let zone = row.schedule_timezone.as_deref().unwrap_or("UTC");
        return format!(
            "snapshots at {} ({zone})",
            row.schedule.as_deref().unwrap_or_default()
        );
    }
    let queue = matching::queue_of(row).ok().flatten();
    let queue = queue.map(|queue| format!("what queue {queue} brings"));
    let key = match (&row.key_pattern, &row.key_regex, Matcher::of(row)) {
        (Some(pattern), ..) => match &row.name_filter {
            Some(filter) => format!("keys in {pattern} like {filter}"),
            None => format!("keys in {pattern}"),
        },
        (None, Some(regex), _) => format!("keys like {regex}"),
        (None, None, Ok(Matcher::Queue(_))) => return queue.unwrap_or_default(),
        (None, None, Ok(matcher @ Matcher::Snapshot(_))) => return matcher.to_string(),
        (None, None, _) => format!("names ending in _{}*", row.file_prefix),
    };
    let key = match &row.bucket {
        Some(bucket) => format!("{key} of bucket {bucket}"),
        None => key,
    };
    match queue {
        Some(queue) => format!("{key}; {queue}"),
        None => key,
    }
}

fn table(row: &RuleRow) -> String {
    match (&row.tgt_schema_name, &row.tgt_table_name, &row.split_prefix) {
        (Some(schema), Some(table), _) => format!("{schema}.{table}"),
        (_, _, Some(prefixes)) => format!("split by {prefixes}"),
        _ => String::new(),
    }
}
