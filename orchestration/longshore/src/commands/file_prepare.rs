//! `file prepare`: what a function does to a file before it loads it, done to one by hand.

use std::path::Path;

use longshore_app::rules::{self, Faults};
use longshore_app::{Counting, FilePreparation, FileWish, PrepareFile, PreparedFile, RangeLimits, Way};
use longshore_domain::matching::{self, Match};
use longshore_domain::object::{Bucket, ObjectKey, s3_url};
use longshore_domain::rule::{Compression, FileRule, RuleRow};
use longshore_domain::{archive, check};
use serde_json::json;

use super::file::place;
use super::file_check::key_of_path;
use super::local::stop_signal;
use crate::cli::{PrepareArguments, WhichRule};
use crate::deployment::Deployment;
use crate::exit::{ExitStatus, input};
use crate::file_on_disk::FileOnDisk;
use crate::output::Output;
use crate::read::read_text;
use crate::usage::{Measure, Stats};

/// Prepares a file and prints its parts.
pub(crate) async fn run(
    arguments: PrepareArguments,
    deployment: &Deployment,
    output: Output,
) -> anyhow::Result<ExitStatus> {
    let stop = stop_signal()?;
    let (bucket, key) = source(&arguments)?;
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
        unpacking: settings.unpacking,
    };
    let is_object = arguments.file.starts_with("s3://");
    let done = match is_object {
        true => prepare.run(&wish, stop).await?,
        false => {
            prepare
                .run_local(&FileOnDisk::of(&arguments.file)?, &wish, stop)
                .await?
        }
    };
    let stats = arguments
        .stats
        .then(|| Stats::of_traffic(&traffic, measure.end()));
    match done {
        FilePreparation::Done(prepared) => {
            show(&arguments.file, &wish, &prepared, stats, output)?;
            Ok(ExitStatus::Done)
        }
        FilePreparation::Refused(reason) => Err(input(format!(
            "it would be rejected ({}): {reason}",
            reason.code()
        ))),
        FilePreparation::NotThere => Err(input(format!("{} does not exist", arguments.file))),
    }
}

/// Where the file is, or what it would be called where its parts go.
fn source(arguments: &PrepareArguments) -> anyhow::Result<(Bucket, ObjectKey)> {
    let file = &arguments.file;
    match (file.starts_with("s3://"), &arguments.out) {
        (true, _) => place(file),
        (false, Some(out)) => Ok((out.bucket.clone(), key_of_path(Path::new(file))?)),
        (false, None) => Err(input(format!(
            "{file} is no object, so its parts have no bucket of their own; name their place with --out s3://bucket/prefix"
        ))),
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
async fn find_rule(which: &WhichRule, key: &ObjectKey, deployment: &Deployment) -> anyhow::Result<FileRule> {
    Ok(choose_with_name(which, key, &all_rules(which, deployment).await?)?.0)
}

/// The rule that was named, or the one that takes the key, and what the file is called under it: an archived file what it was called
/// before the time was put behind its name, unless the rule takes it as it is called now.
pub(super) fn choose_with_name(
    which: &WhichRule,
    key: &ObjectKey,
    rows: &[RuleRow],
) -> anyhow::Result<(FileRule, ObjectKey)> {
    let as_it_is = choose(which, key, rows);
    let Some(before) = before_archiving(key) else {
        return Ok((as_it_is?, key.clone()));
    };
    match as_it_is {
        Ok(rule) if check::extension_of_key(key, &rule).is_ok() => Ok((rule, key.clone())),
        _ => Ok((choose(which, &before, rows)?, before)),
    }
}

fn before_archiving(key: &ObjectKey) -> Option<ObjectKey> {
    let name = key.file_name();
    let before = archive::name_before(name)?;
    let folder = key.as_str().strip_suffix(name)?;
    Some(ObjectKey::new(format!("{folder}{before}")))
}

/// The rules to choose from.
pub(super) async fn all_rules(which: &WhichRule, deployment: &Deployment) -> anyhow::Result<Vec<RuleRow>> {
    match &which.rule_file {
        Some(path) => rules_of(path),
        None => Ok(deployment.store().await?.all_rules().await?),
    }
}

/// As [`find_rule`], of these.
pub(super) fn choose(which: &WhichRule, key: &ObjectKey, rows: &[RuleRow]) -> anyhow::Result<FileRule> {
    let row = match (which.rule, rows) {
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
    match matching::find(rows, None, key) {
        Match::One { row, .. } => Ok(row),
        Match::Several(rules) => {
            let rules: Vec<_> = rules.iter().map(ToString::to_string).collect();
            Err(input(format!(
                "rules {} take {key}; name one with --rule",
                rules.join(" and ")
            )))
        }
        Match::Ignored(row) => Err(input(format!(
            "rule {} passes {key} over (ignore_names); name one with --rule",
            row.ext_file_config_sid
        ))),
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
    refuse_what_is_not_cut(&rule)?;
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

/// What the functions do not look into they do not prepare either.
fn refuse_what_is_not_cut(rule: &FileRule) -> anyhow::Result<()> {
    let why = if rule.encryption_secret.is_some() {
        "encrypted, and only the warehouse has it in plain text; decrypt it, and name a rule without encryption_secret".to_owned()
    } else if rule.takes_manifests() {
        "a list of other files; prepare each of those".to_owned()
    } else if rule.compression == Compression::Lzop {
        "compressed with lzop, which COPY reads and we do not; decompress it with lzop -d, and name a rule without it".to_owned()
    } else if !rule.is_record_oriented() {
        format!(
            "{}, which is not cut into records, so there is nothing to prepare: COPY reads it where it lies",
            rule.format.name()
        )
    } else {
        return Ok(());
    };
    Err(input(format!("a file of rule {} is {why}", rule.id)))
}

fn show(
    name: &str,
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
            .map(|part| json!({ "url": url(&part.key), "size_bytes": part.size_bytes, "record_type": part.record_type }))
            .collect();
        let types = prepared.record_types.iter();
        let types = types.map(|(record_type, records)| json!({ "type": record_type, "records": records }));
        return output.json(&json!({
            "file": name,
            "etag": prepared.object.etag,
            "way": way,
            "records": prepared.records,
            "declared_records": prepared.declared,
            "parts": parts,
            "record_types": types.collect::<Vec<_>>(),
            "remark": prepared.remark,
            "stats": stats,
        }));
    }
    let rows = prepared.parts.iter();
    let rows = rows.map(|part| vec![url(&part.key), part.size_bytes.to_string()]);
    output.table(&["part", "bytes"], rows.collect())?;
    output.line(records(prepared))?;
    for (record_type, records) in &prepared.record_types {
        output.line(format!("{records} records of type {record_type}"))?;
    }
    if let Some(remark) = &prepared.remark {
        output.line(format!("Note: {remark}."))?;
    }
    let drops_header = wish.parts.get() > 1 || wish.rule.split.is_some();
    if drops_header && wish.rule.header.has_header() {
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

#[cfg(test)]
mod tests {
    use longshore_domain::rule::ColumnRow;

    use super::*;

    fn row(file_type: &str) -> RuleRow {
        RuleRow {
            ext_file_config_sid: 7,
            file_prefix: "701.".to_owned(),
            file_format: "txt".to_owned(),
            file_type: file_type.to_owned(),
            delimiter: Some("|".to_owned()),
            header_flag: "N".to_owned(),
            trailer_flag: "N".to_owned(),
            split_file_flag: "N".to_owned(),
            tgt_schema_name: Some("s".to_owned()),
            tgt_table_name: Some("t".to_owned()),
            columns: vec![ColumnRow {
                column_name: "id".to_owned(),
                column_width_fixed: None,
            }],
            ..RuleRow::default()
        }
    }

    fn called(key: &str, file_type: &str) -> String {
        let which = WhichRule {
            rule: None,
            rule_file: None,
        };
        let (_, called) = choose_with_name(&which, &ObjectKey::new(key), &[row(file_type)]).expect("a rule");
        called.to_string()
    }

    #[test]
    fn an_archived_file_is_called_what_it_was_called_before_unless_its_rule_takes_it_as_it_is() {
        let archived = "archive/error/A_701.txt_2026-11-21-07-05-09_2";
        assert_eq!(called(archived, "txt"), "archive/error/A_701.txt");
        assert_eq!(called(archived, "any"), archived);
        assert_eq!(called("in/A_701.csv", "txt"), "in/A_701.csv");
        assert_eq!(called("A_701.csv_2026-11-21-07-05-09", "txt"), "A_701.csv");
    }
}
