//! `file check`: what a function looks for in a file before it loads it, asked of a path or an object. Nothing is written.

use std::fs::File;
use std::io;
use std::path::Path;

use futures_util::StreamExt as _;
use longshore_app::ports::{ObjectHead, ObjectStore};
use longshore_app::{CheckFault, CheckReach, CheckedFile, FileCheck, UnpackLimit};
use longshore_domain::matching;
use longshore_domain::object::{Bucket, Object, ObjectKey};
use longshore_domain::reject::RejectReason;
use longshore_domain::rule::{FileRule, RuleRow};
use serde_json::json;

use super::file::place;
use super::file_prepare::{all_rules, choose_with_name};
use crate::block::Block;
use crate::cli::CheckArguments;
use crate::deployment::Deployment;
use crate::exit::{ExitStatus, input};
use crate::output::Output;
use crate::usage::{Measure, Stats};

/// What came of a file, and what it took to see that.
struct Seen {
    verdict: Result<CheckedFile, CheckFault>,
    stats: Stats,
}

/// Checks a file and prints what it holds.
pub(crate) async fn run(
    arguments: CheckArguments,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let name = arguments.file.as_str();
    let object = name.starts_with("s3://").then(|| place(name)).transpose()?;
    let key = match &object {
        Some((_, key)) => key.clone(),
        None => key_of_path(Path::new(name))?,
    };
    let rows = all_rules(&arguments.rule, deployment).await?;
    let (rule, called) = choose_with_name(&arguments.rule, &key, &rows)?;
    if FileCheck::reach(&rule) == CheckReach::ListedFiles {
        return Err(input(format!(
            "{name} is a list of other files under rule {}; check each of those",
            rule.id
        )));
    }
    let Seen { verdict, stats } = match &object {
        Some((bucket, key)) => check_object(name, (bucket, key), &called, &rule, &rows, deployment).await?,
        None => check_path(name, &called, &rule, &rows, deployment.unpacking())?,
    };
    let stats = arguments.stats.then_some(stats);
    match verdict {
        Ok(file) => {
            show(name, &rule, &file, stats, output)?;
            match file.record_faults.first.first() {
                None => Ok(ExitStatus::Done),
                Some(fault) if output.is_json() => Err(input(format!(
                    "{name} under rule {}: COPY would refuse {} of its records, the first for this: {fault}",
                    rule.id, file.record_faults.count
                ))),
                Some(_) => Err(input(format!(
                    "{name} does not fit the columns of rule {}; what is wrong with each record is told above",
                    rule.id
                ))),
            }
        }
        Err(CheckFault::File(reason)) => {
            show_cost_of_refusal(name, &rule, &reason, stats, output)?;
            Err(input(format!(
                "{name} under rule {}: it would be rejected ({}): {reason}",
                rule.id,
                reason.code()
            )))
        }
        Err(CheckFault::Us(error)) => Err(error.into()),
    }
}

/// What the file would be called below its prefix.
pub(super) fn key_of_path(path: &Path) -> anyhow::Result<ObjectKey> {
    match path.file_name().and_then(|name| name.to_str()) {
        Some(name) => Ok(ObjectKey::new(name)),
        None => Err(input(format!(
            "{} is not the name of a file; give a path in UTF-8, or s3://bucket/key",
            path.display()
        ))),
    }
}

fn check_path(
    name: &str,
    called: &ObjectKey,
    rule: &FileRule,
    rows: &[RuleRow],
    unpacking: UnpackLimit,
) -> anyhow::Result<Seen> {
    let unreadable = |error| input(format!("{name} cannot be read: {error}"));
    let mut source = File::open(name).map_err(unreadable)?;
    let size_bytes = source.metadata().map_err(unreadable)?.len();
    let measure = Measure::begin();
    let mut bytes_read = 0;
    let verdict = match FileCheck::reach(rule) {
        CheckReach::Contents => {
            let unpacks_to = unpacking.most_bytes_of(size_bytes);
            match begin(rule, called, rows, unpacks_to) {
                Ok(check) => read_all(&mut source, check, &mut bytes_read).map_err(unreadable)?,
                Err(fault) => Err(fault),
            }
        }
        CheckReach::NameAlone | CheckReach::ListedFiles => FileCheck::of_name(rule, called, size_bytes),
    };
    let stats = Stats {
        requests: 0,
        bytes_read,
        bytes_written: 0,
        took: measure.end(),
    };
    Ok(Seen { verdict, stats })
}

fn begin<'a>(
    rule: &'a FileRule,
    key: &ObjectKey,
    rows: &[RuleRow],
    unpacks_to: u64,
) -> Result<FileCheck<'a>, CheckFault> {
    let check = FileCheck::begin(rule, key, unpacks_to)?;
    Ok(check.measuring(|record_type| rule_of_type(rule, record_type, rows)))
}

fn read_all(
    source: &mut impl io::Read,
    mut check: FileCheck<'_>,
    bytes_read: &mut u64,
) -> io::Result<Result<CheckedFile, CheckFault>> {
    let mut block = Block::new();
    loop {
        let space = block.space();
        let length = source.read(space)?;
        *bytes_read += length as u64;
        if length == 0 {
            return Ok(check.finish());
        }
        if let Err(fault) = check.take(&space[..length]) {
            return Ok(Err(fault));
        }
    }
}

/// The rule that the records of a type are loaded by.
fn rule_of_type(rule: &FileRule, record_type: &str, rows: &[RuleRow]) -> Option<FileRule> {
    let token = matching::part_token(&rule.token, record_type);
    let mut sound = rows.iter().filter_map(|row| FileRule::from_row(row).ok());
    sound.find(|rule| rule.token == token)
}

async fn check_object(
    name: &str,
    (bucket, key): (&Bucket, &ObjectKey),
    called: &ObjectKey,
    rule: &FileRule,
    rows: &[RuleRow],
    deployment: &Deployment,
) -> anyhow::Result<Seen> {
    let (settings, clients) = deployment.clients().await?;
    let (objects, traffic) = clients.objects.counted();
    let measure = Measure::begin();
    let Some(head) = objects.head(bucket, key).await? else {
        return Err(input(format!("{name} does not exist")));
    };
    let verdict = match FileCheck::reach(rule) {
        CheckReach::Contents => {
            let unpacks_to = settings.unpacking.most_bytes_of(head.size_bytes);
            match begin(rule, called, rows, unpacks_to) {
                Ok(check) => read_object(&objects, &as_it_lies(bucket, key, head), check).await?,
                Err(fault) => Err(fault),
            }
        }
        CheckReach::NameAlone | CheckReach::ListedFiles => FileCheck::of_name(rule, called, head.size_bytes),
    };
    let stats = Stats::of_traffic(&traffic, measure.end());
    Ok(Seen { verdict, stats })
}

async fn read_object(
    objects: &impl ObjectStore,
    object: &Object,
    mut check: FileCheck<'_>,
) -> anyhow::Result<Result<CheckedFile, CheckFault>> {
    let mut body = objects.open(object).await?;
    while let Some(chunk) = body.chunks.next().await {
        if let Err(fault) = check.take(&chunk?) {
            return Ok(Err(fault));
        }
    }
    Ok(check.finish())
}

/// The version that lies there now, so that one that replaces it halfway is noticed.
pub(super) fn as_it_lies(bucket: &Bucket, key: &ObjectKey, head: ObjectHead) -> Object {
    Object {
        bucket: bucket.clone(),
        key: key.clone(),
        version: head.version,
        etag: head.etag,
        size_bytes: head.size_bytes,
        sequencer: None,
    }
}

/// What it took to find a file wanting; what is wrong with it is told as any error is.
fn show_cost_of_refusal(
    name: &str,
    rule: &FileRule,
    reason: &RejectReason,
    stats: Option<Stats>,
    output: Output,
) -> anyhow::Result<()> {
    match stats {
        None => Ok(()),
        Some(stats) if output.is_json() => output.json(&json!({
            "file": name,
            "rule": rule.id,
            "rejected": reason.code(),
            "reason": reason.to_string(),
            "stats": stats,
        })),
        Some(stats) => output.line(stats.to_string()),
    }
}

fn show(
    name: &str,
    rule: &FileRule,
    file: &CheckedFile,
    stats: Option<Stats>,
    output: Output,
) -> anyhow::Result<()> {
    if output.is_json() {
        let types = file.record_types.iter();
        let types = types.map(|(record_type, records)| json!({ "type": record_type, "records": records }));
        let faults = file.record_faults.first.iter().map(|fault| {
            json!({
                "line": fault.line,
                "type": fault.record_type,
                "rule": fault.rule,
                "column": fault.column,
                "what": fault.what,
            })
        });
        return output.json(&json!({
            "file": name,
            "rule": rule.id,
            "records": file.records,
            "declared_records": file.declared,
            "blank_lines": file.blank_records,
            "header": file.header,
            "line_ending": file.line_ending,
            "record_types": types.collect::<Vec<_>>(),
            "record_faults": faults.collect::<Vec<_>>(),
            "faulty_records": file.record_faults.count,
            "remark": file.remark,
            "bytes": file.bytes_read,
            "bytes_decoded": file.bytes_decoded,
            "stats": stats,
        }));
    }
    output.line(match file.record_faults.count {
        0 => format!("{name} would be taken under rule {}.", rule.id),
        count => format!(
            "{name}: COPY would refuse {count} of its records under rule {}.",
            rule.id
        ),
    })?;
    output.facts(&[
        ("format", Some(rule.format.name().to_owned())),
        ("bytes", Some(file.bytes_read.to_string())),
        ("records", file.records.map(|records| records.to_string())),
        (
            "trailer",
            file.declared.map(|count| format!("says {count} records")),
        ),
        (
            "header",
            (!file.header.is_empty()).then(|| file.header.join(", ")),
        ),
        ("line ends", file.line_ending.map(str::to_owned)),
        (
            "blank lines",
            (file.blank_records > 0).then(|| file.blank_records.to_string()),
        ),
        ("remark", file.remark.clone()),
    ])?;
    for (record_type, records) in &file.record_types {
        output.line(format!("{records} records of type {record_type}"))?;
    }
    for fault in &file.record_faults.first {
        output.line(fault.to_string())?;
    }
    match stats {
        Some(stats) => output.line(stats.to_string()),
        None => Ok(()),
    }
}
