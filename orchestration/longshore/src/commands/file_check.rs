//! `file check`: what a function looks for in a file before it loads it, asked of a path or an object. Nothing is written.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use futures_util::StreamExt as _;
use longshore_app::ports::{ObjectHead, ObjectStore as _};
use longshore_app::{CheckFault, CheckedFile, FileCheck};
use longshore_domain::object::{Bucket, Object, ObjectKey};
use longshore_domain::rule::FileRule;
use serde_json::json;

use super::file::place;
use super::file_prepare::find_rule;
use crate::cli::CheckArguments;
use crate::deployment::Deployment;
use crate::exit::{ExitStatus, input};
use crate::output::Output;
use crate::usage::{Measure, Stats};

/// What is read of a local file at once.
const BLOCK_BYTES: usize = 256 * 1024;

/// A file that is sound, and what it took to see that.
struct Seen {
    file: CheckedFile,
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
    let rule = find_rule(&arguments.rule, &key, deployment).await?;
    if !FileCheck::looks_into(&rule) {
        return Err(input(format!(
            "{name} is not looked into under rule {}: the functions do not read files that are encrypted, lists of other files, \
             or {} that only COPY reads",
            rule.id,
            rule.format.name()
        )));
    }
    let seen = match &object {
        Some((bucket, key)) => check_object(name, bucket, key, &rule, deployment).await?,
        None => check_path(name, &key, &rule)?,
    };
    show(name, &rule, &seen, arguments.stats, output)?;
    Ok(ExitStatus::Done)
}

/// What the file would be called below its prefix.
fn key_of_path(path: &Path) -> anyhow::Result<ObjectKey> {
    match path.file_name().and_then(|name| name.to_str()) {
        Some(name) => Ok(ObjectKey::new(name)),
        None => Err(input(format!(
            "{} is not the name of a file; give a path in UTF-8, or s3://bucket/key",
            path.display()
        ))),
    }
}

fn check_path(name: &str, key: &ObjectKey, rule: &FileRule) -> anyhow::Result<Seen> {
    let unreadable = |error| input(format!("{name} cannot be read: {error}"));
    let at_fault = |fault| refusal(name, rule, fault);
    let mut source = File::open(name).map_err(unreadable)?;
    let measure = Measure::begin();
    let mut check = FileCheck::begin(rule, key).map_err(at_fault)?;
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        let length = source.read(&mut block).map_err(unreadable)?;
        if length == 0 {
            break;
        }
        check.take(&block[..length]).map_err(at_fault)?;
    }
    let file = check.finish().map_err(at_fault)?;
    let stats = Stats {
        requests: 0,
        bytes_read: file.bytes_read,
        bytes_written: 0,
        took: measure.end(),
    };
    Ok(Seen { file, stats })
}

async fn check_object(
    name: &str,
    bucket: &Bucket,
    key: &ObjectKey,
    rule: &FileRule,
    deployment: &Deployment,
) -> anyhow::Result<Seen> {
    let (_, clients) = deployment.clients().await?;
    let (objects, traffic) = clients.objects.counted();
    let at_fault = |fault| refusal(name, rule, fault);
    let measure = Measure::begin();
    let Some(head) = objects.head(bucket, key).await? else {
        return Err(input(format!("{name} does not exist")));
    };
    let mut check = FileCheck::begin(rule, key).map_err(at_fault)?;
    let mut body = objects.open(&as_it_lies(bucket, key, head)).await?;
    while let Some(chunk) = body.chunks.next().await {
        check.take(&chunk?).map_err(at_fault)?;
    }
    let file = check.finish().map_err(at_fault)?;
    let stats = Stats::of_traffic(&traffic, measure.end());
    Ok(Seen { file, stats })
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

fn refusal(name: &str, rule: &FileRule, fault: CheckFault) -> anyhow::Error {
    match fault {
        CheckFault::File(reason) => input(format!(
            "{name} under rule {}: it would be rejected ({}): {reason}",
            rule.id,
            reason.code()
        )),
        CheckFault::Us(error) => error.into(),
    }
}

fn show(name: &str, rule: &FileRule, seen: &Seen, with_stats: bool, output: Output) -> anyhow::Result<()> {
    let file = &seen.file;
    if output.is_json() {
        let types = file.record_types.iter();
        let types = types.map(|(record_type, records)| json!({ "type": record_type, "records": records }));
        return output.json(&json!({
            "file": name,
            "rule": rule.id,
            "records": file.records,
            "declared_records": file.declared,
            "blank_lines": file.blank_records,
            "header": file.header,
            "line_ending": file.line_ending,
            "record_types": types.collect::<Vec<_>>(),
            "remark": file.remark,
            "bytes": file.bytes_read,
            "bytes_decoded": file.bytes_decoded,
            "stats": with_stats.then_some(seen.stats),
        }));
    }
    output.line(format!("{name} would be taken under rule {}.", rule.id))?;
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
    match with_stats {
        true => output.line(seen.stats.to_string()),
        false => Ok(()),
    }
}
