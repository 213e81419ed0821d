//! The story for a person: each file's path, the audit, the rows, the messages.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::files::SampleFile;
use super::watch::{Chapter, Story};
use crate::commands::cells::{file, number};
use crate::local::LocalDeployment;
use crate::output::Output;

/// Prints the story.
pub(super) fn story(
    deployment: &LocalDeployment,
    samples: &[SampleFile],
    story: &Story,
    output: Output,
) -> anyhow::Result<()> {
    if output.is_json() {
        let loads: Vec<_> = story
            .chapters
            .iter()
            .map(|chapter| json!({ "load": chapter.load, "history": chapter.history }))
            .collect();
        return output.json(&json!({ "loads": loads, "audit": story.audit, "messages": story.notices }));
    }
    let ready = &deployment.ready;
    output.line(format!(
        "{} files landed in s3://{}/{}. What happened to each:\n",
        samples.len(),
        ready.bucket,
        ready.input_prefix
    ))?;
    for sample in samples {
        output.line(format!("{}  ({})", sample.name, sample.shows))?;
        for chapter in story.of_file(sample.name) {
            output.line(format!("    {}", path(chapter)))?;
            for detail in details(chapter) {
                output.line(format!("        {detail}"))?;
            }
        }
        output.line("")?;
    }
    audit(story, output)?;
    tables(story, output)?;
    messages(story, output)
}

/// `received → prepared (12 ms) → …`
fn path(chapter: &Chapter) -> String {
    let mut text = match &chapter.load.record_type {
        Some(record_type) => format!("[{record_type}] "),
        None => String::new(),
    };
    let mut before: Option<DateTime<Utc>> = None;
    for change in &chapter.history {
        if let Some(before) = before {
            let took = (change.at - before).num_milliseconds();
            text.push_str(&format!(" → {} (+{took} ms)", change.to));
        } else {
            text.push_str(change.to.as_str());
        }
        before = Some(change.at);
    }
    text
}

fn details(chapter: &Chapter) -> Vec<String> {
    let load = &chapter.load;
    let rows = load
        .rows_loaded
        .zip(load.table.as_ref())
        .map(|(rows, table)| format!("{rows} rows into {table}"));
    let error = load.error.as_ref().map(|error| format!("why: {error}"));
    let archived = load.archived_key.as_ref().map(|key| format!("now at {key}"));
    let remarks = load.remarks.iter().map(|remark| format!("note: {remark}"));
    [rows, error, archived]
        .into_iter()
        .flatten()
        .chain(remarks)
        .collect()
}

fn audit(story: &Story, output: Output) -> anyhow::Result<()> {
    output.line("The audit (rdscnfg.ext_file_audit):")?;
    let rows = story
        .audit
        .iter()
        .map(|record| {
            vec![
                text(&record.interface_id),
                text(&record.tgt_table_name),
                text(&record.file_process_status),
                text(&record.file_prcsd_flag),
                number(record.rows_expected),
                number(record.rows_loaded),
                text(&record.followup_status),
                text(&record.error_msg),
            ]
        })
        .collect();
    output.table(
        &[
            "interface",
            "table",
            "status",
            "processed",
            "expected",
            "loaded",
            "follow-up",
            "error",
        ],
        rows,
    )
}

fn text(value: &Option<String>) -> String {
    value.clone().unwrap_or_default()
}

fn tables(story: &Story, output: Output) -> anyhow::Result<()> {
    for (table, rows) in &story.tables {
        output.line(format!("\n{table}:"))?;
        for row in rows {
            let values: Vec<_> = row
                .iter()
                .map(|value| value.as_deref().unwrap_or("NULL").escape_debug().to_string())
                .collect();
            output.line(format!("    {}", values.join(" | ")))?;
        }
    }
    Ok(())
}

fn messages(story: &Story, output: Output) -> anyhow::Result<()> {
    output.line("\nPeople were told:")?;
    for notice in &story.notices {
        output.line(format!("    {}", notice.message.subject))?;
    }
    let of_failure = story.notices.iter().find(|notice| !notice.outcome.is_success());
    if let Some(notice) = of_failure {
        output.line("\nOne of the mails in full:\n")?;
        for line in notice.message.email.lines() {
            output.line(format!("    {line}"))?;
        }
    }
    output.line("")
}

/// The heading of a load in messages about it.
pub(super) fn heading(chapter: &Chapter) -> String {
    file(&chapter.load)
}
