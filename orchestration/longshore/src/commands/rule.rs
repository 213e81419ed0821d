//! `rule list` and `rule explain`.

use longshore_domain::matching::{self, Match};
use longshore_domain::object::{ObjectKey, parse_s3_url};
use longshore_domain::rule::{FileRule, RuleRow};
use serde_json::json;

use crate::cli::RuleCommand;
use crate::deployment::Deployment;
use crate::exit::{ExitStatus, input};
use crate::output::Output;

/// Carries out a `rule` command.
pub(crate) async fn run(
    command: RuleCommand,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let rows = deployment.store().await?.all_rules().await?;
    match command {
        RuleCommand::List => list(&rows, output),
        RuleCommand::Explain { url } => explain(&rows, &url, output),
    }
}

fn list(rows: &[RuleRow], output: Output) -> anyhow::Result<ExitStatus> {
    let judged: Vec<_> = rows
        .iter()
        .map(|row| (row, FileRule::from_row(row).err()))
        .collect();
    if output.is_json() {
        let rules: Vec<_> = judged
            .iter()
            .map(|(row, faults)| json!({ "rule": row, "faults": faults.as_ref().map(|faults| &faults.faults) }))
            .collect();
        output.json(&rules)?;
        return Ok(ExitStatus::Done);
    }
    let rows = judged
        .iter()
        .map(|(row, faults)| {
            vec![
                row.ext_file_config_sid.to_string(),
                format!("{} ({})", row.interface_name, row.ext_interface_cid),
                finds(row),
                row.file_format.clone(),
                table(row),
                faults
                    .as_ref()
                    .map_or_else(|| "sound".to_owned(), ToString::to_string),
            ]
        })
        .collect();
    output.table(&["rule", "interface", "finds", "format", "table", "check"], rows)?;
    Ok(ExitStatus::Done)
}

fn finds(row: &RuleRow) -> String {
    match (&row.key_pattern, &row.key_regex) {
        (Some(pattern), _) => format!("keys in {pattern}"),
        (None, Some(regex)) => format!("keys like {regex}"),
        (None, None) => format!("names ending in _{}*", row.file_prefix),
    }
}

fn table(row: &RuleRow) -> String {
    match (&row.tgt_schema_name, &row.tgt_table_name, &row.split_prefix) {
        (Some(schema), Some(table), _) => format!("{schema}.{table}"),
        (_, _, Some(prefixes)) => format!("split by {prefixes}"),
        _ => String::new(),
    }
}

fn explain(rows: &[RuleRow], url: &str, output: Output) -> anyhow::Result<ExitStatus> {
    let (_, key) =
        parse_s3_url(url).ok_or_else(|| input(format!("{url:?} is no object; write s3://bucket/key")))?;
    let verdicts = matching::explain(rows, &key);
    let found = matching::find(rows, &key);
    let (decision, status) = decide(&found, &key);
    if output.is_json() {
        output.json(&json!({ "key": key, "decision": decision, "rules": verdicts }))?;
        return Ok(status);
    }
    let listed = verdicts
        .iter()
        .map(|verdict| {
            let matches = if verdict.matches { "matches" } else { "does not" };
            vec![
                verdict.rule.to_string(),
                matches.to_owned(),
                verdict.reason.clone(),
            ]
        })
        .collect();
    output.table(&["rule", "", "because"], listed)?;
    output.line(decision)?;
    Ok(status)
}

/// A file that would be refused is an answer about the input: exit code 1.
fn decide(found: &Match<'_>, key: &ObjectKey) -> (String, ExitStatus) {
    match found {
        Match::One { row, captures } => match FileRule::from_row(row) {
            Ok(_) => {
                let captured = if captures.is_empty() {
                    String::new()
                } else {
                    format!(" with {captures:?}")
                };
                let table = table(row);
                (
                    format!("rule {} takes it{captured}: {table}", row.ext_file_config_sid),
                    ExitStatus::Done,
                )
            }
            Err(faults) => (format!("it would be rejected: {faults}"), ExitStatus::Input),
        },
        Match::None => (
            format!(
                "it would be rejected: no active rule matches (token {:?})",
                key.token()
            ),
            ExitStatus::Input,
        ),
        Match::Unreadable(row) => {
            let faults = FileRule::from_row(row)
                .map(|_| String::new())
                .unwrap_or_else(|faults| faults.to_string());
            (
                format!("it would be rejected: no sound rule matches, and {faults}"),
                ExitStatus::Input,
            )
        }
        Match::Several(rules) => {
            let rules: Vec<_> = rules.iter().map(ToString::to_string).collect();
            (
                format!(
                    "it would be rejected: rules {} match equally",
                    rules.join(" and ")
                ),
                ExitStatus::Input,
            )
        }
    }
}
