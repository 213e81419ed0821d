//! `file prepare`: what a function does to a file before it loads it, done to one object by hand.

use std::path::Path;

use longshore_app::rules::{self, Faults};
use longshore_app::{Counting, FilePreparation, FileWish, PrepareFile, PreparedFile, RangeLimits, Way};
use longshore_domain::matching::{self, Match};
use longshore_domain::object::{Bucket, ObjectKey, s3_url};
use longshore_domain::rule::{Compression, FileRule, RuleRow};
use serde_json::json;

use super::file::place;
use crate::cli::{PrepareArguments, WhichRule};
use crate::deployment::Deployment;
use crate::exit::{ExitStatus, input};
use crate::output::Output;
use crate::read::read_text;
use crate::usage::{Measure, Stats};

/// Prepares a file and prints its parts.
pub(crate) async fn run(
    arguments: PrepareArguments,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let (bucket, key) = place(&arguments.url)?;
    let rule = find_rule(&arguments.rule, &key, deployment).await?;
    let (settings, clients) = deployment.clients().await?;
    let wish = wish(&arguments, bucket, key, rule, &settings.processing_folder)?;
    let (objects, traffic) = clients.objects.counted();
    let limits = settings
        .memory_bytes
        .map(RangeLimits::of_memory)
        .unwrap_or_default();
    let measure = Measure::begin();
    let prepare = PrepareFile {
        objects: &objects,
        limits: &limits,
    };
    let done = prepare.run(&wish).await?;
    let stats = arguments
        .stats
        .then(|| Stats::of_traffic(&traffic, measure.end()));
    match done {
        FilePreparation::Done(prepared) => {
            show(&wish, &prepared, stats, output)?;
            Ok(ExitStatus::Done)
        }
        FilePreparation::Refused(reason) => Err(input(format!(
            "it would be rejected ({}): {reason}",
            reason.code()
        ))),
        FilePreparation::NotThere => Err(input(format!("{} does not exist", arguments.url))),
    }
}

/// The rules of a document, without a control database.
fn rules_of(path: &Path) -> anyhow::Result<Vec<RuleRow>> {
    let at_fault = |list| {
        let name = path.display().to_string();
        input(Faults { name, list }.to_string())
    };
    rules::file::read(&read_text(path)?).map_err(at_fault)
}

/// The rule that was named, or the one that takes the key.
pub(super) async fn find_rule(
    which: &WhichRule,
    key: &ObjectKey,
    deployment: &Deployment,
) -> anyhow::Result<FileRule> {
    let rows = match &which.rule_file {
        Some(path) => rules_of(path)?,
        None => deployment.store().await?.all_rules().await?,
    };
    let row = match (which.rule, rows.as_slice()) {
        (Some(rule), rows) => rows
            .iter()
            .find(|row| row.ext_file_config_sid == rule)
            .ok_or_else(|| {
                input(format!(
                    "there is no rule {rule} in operation; see: longshore rule list"
                ))
            })?,
        // A document with one rule is about this file, whatever it is called.
        (None, [only]) if which.rule_file.is_some() => only,
        (None, rows) => one_that_takes(rows, key)?,
    };
    FileRule::from_row(row).map_err(|faults| input(faults.to_string()))
}

fn one_that_takes<'rows>(rows: &'rows [RuleRow], key: &ObjectKey) -> anyhow::Result<&'rows RuleRow> {
    match matching::find(rows, key) {
        Match::One { row, .. } => Ok(row),
        Match::Several(rules) => {
            let rules: Vec<_> = rules.iter().map(ToString::to_string).collect();
            Err(input(format!(
                "rules {} take {key}; name one with --rule",
                rules.join(" and ")
            )))
        }
        Match::None | Match::Unreadable(_) => Err(input(format!(
            "no sound rule takes {key}; name one with --rule or --rule-file"
        ))),
    }
}

fn wish(
    arguments: &PrepareArguments,
    bucket: Bucket,
    key: ObjectKey,
    rule: FileRule,
    processing_folder: &str,
) -> anyhow::Result<FileWish> {
    if !rule.is_record_oriented() {
        return Err(input(format!(
            "{} is not cut into records, so there is nothing to prepare: COPY reads it where it lies",
            rule.format.name()
        )));
    }
    if rule.split.is_some() {
        return Err(input(format!(
            "rule {} splits its files by record type, and each type has a rule of its own; name one without split_file_flag",
            rule.id
        )));
    }
    let (to_bucket, to_prefix) = match &arguments.out {
        Some(place) => (place.bucket.clone(), place.prefix.clone()),
        None => (bucket.clone(), format!("{processing_folder}/by-hand/")),
    };
    Ok(FileWish {
        bucket,
        key,
        rule,
        parts: arguments.parts,
        counting: match arguments.verify_count {
            true => Counting::Verify,
            false => Counting::Skip,
        },
        compression: match (arguments.zstd, arguments.gzip) {
            (true, _) => Compression::Zstd,
            (_, true) => Compression::Gzip,
            (false, false) => Compression::None,
        },
        to_bucket,
        to_prefix,
    })
}

fn show(
    wish: &FileWish,
    prepared: &PreparedFile,
    stats: Option<Stats>,
    output: Output,
) -> anyhow::Result<()> {
    let url = |key: &ObjectKey| s3_url(&wish.to_bucket, key);
    let way = match prepared.way {
        Way::ByRanges => "by_ranges",
        Way::InAStream => "in_a_stream",
    };
    if output.is_json() {
        let parts: Vec<_> = prepared
            .parts
            .iter()
            .map(|part| json!({ "url": url(&part.key), "size_bytes": part.size_bytes }))
            .collect();
        return output.json(&json!({
            "file": prepared.object.url(),
            "etag": prepared.object.etag,
            "way": way,
            "records": prepared.records,
            "declared_records": prepared.declared,
            "parts": parts,
            "stats": stats,
        }));
    }
    let rows = prepared.parts.iter();
    let rows = rows.map(|part| vec![url(&part.key), part.size_bytes.to_string()]);
    output.table(&["part", "bytes"], rows.collect())?;
    output.line(records(prepared))?;
    if wish.parts.get() > 1 && wish.rule.header.has_header() {
        output.line("The header is left out: load the parts without IGNOREHEADER.")?;
    }
    match stats {
        Some(stats) => output.line(stats.to_string()),
        None => Ok(()),
    }
}

fn records(prepared: &PreparedFile) -> String {
    let how = match prepared.way {
        Way::ByRanges => "cut on the server's side",
        Way::InAStream => "read and written again",
    };
    match (prepared.records, prepared.declared) {
        (Some(records), Some(_)) => format!("{records} records, as the trailer says; {how}."),
        (Some(records), None) => format!("{records} records; {how}."),
        (None, Some(declared)) => format!("{declared} records by the trailer's word; {how}."),
        (None, None) => format!("Records were not counted; {how}."),
    }
}
