//! Checks and preparation of one file: what the engine is asked, what it answers, what COPY will read.

mod by_hand;
mod checking;
mod counting;
mod cut;
mod decoding;
mod expansion;
mod fault;
mod manifest;
mod pace;
mod pass;
mod pending;
mod places;
mod spec;
mod uploads;
mod whole;
mod widths;

use bytes::Bytes;
use longshore_domain::check;
use longshore_domain::load::LoadId;
use longshore_domain::object::{Object, ObjectKey};
use longshore_domain::reject::RejectReason;
use longshore_domain::rule::{Compression, FileRule, RuleColumn, drift_remark};
use longshore_preprocess::{OutputFormat, PipelineSpec, Report};
use longshore_store::Source;

use crate::{App, AppError};
pub use by_hand::{
    Counting, FilePreparation, FileWish, LocalFile, PrepareFile, PreparedFile, PreparedPart, Way,
};
pub use checking::{CheckFault, CheckReach, CheckedFile, FileCheck};
use cut::{Cut, CutFile};
pub(crate) use manifest::{Listed, files_of};
pub(crate) use pace::{Pace, Progress};
use pass::{Finished, Passed};
pub(crate) use spec::{coding_of_source, rule_of_part};
pub(crate) use whole::read_whole;
pub use widths::{RecordFault, RecordFaults};

/// A file, or a record type of one, that COPY can read.
#[derive(Debug, Clone)]
pub(crate) struct Copyable {
    /// What COPY reads, with its length; of a copy in parts the first one.
    pub source: Object,
    /// Whether `source` is a prepared copy of ours.
    pub is_prepared_copy: bool,
    /// The rule as it applies to `source`: compression, encoding and header may differ from the file's.
    pub rule: FileRule,
    /// The columns in the order of the fields.
    pub columns: Vec<RuleColumn>,
    /// The files that COPY reads, where `source` is a list of them or one of several.
    pub listed: Vec<Object>,
    /// Records counted; unknown for formats that are not read.
    pub records: Option<u64>,
    /// Blank lines of the file that its copy lacks.
    pub blank_lines: u64,
}

impl Copyable {
    /// Copies of ours that go when the file is loaded or refused.
    pub(crate) fn copies(&self) -> &[Object] {
        match (self.is_prepared_copy, self.listed.as_slice()) {
            (false, _) => &[],
            (true, []) => std::slice::from_ref(&self.source),
            (true, parts) => parts,
        }
    }

    /// What is kept on the ledger as read by COPY: the copies, or the file, though it be a list of others.
    pub(crate) fn sources(&self) -> Vec<Source> {
        let read = match self.copies() {
            [] => std::slice::from_ref(&self.source),
            copies => copies,
        };
        let source = |object: &Object| Source {
            key: object.key.clone(),
            size_bytes: object.size_bytes,
        };
        read.iter().map(source).collect()
    }

    /// What a person should know of it.
    pub(crate) fn remarks(&self) -> impl Iterator<Item = String> {
        let empty = (self.records == Some(0)).then(|| "the file has no records".to_owned());
        drift_remark(&self.columns).into_iter().chain(empty)
    }
}

/// What preparation made of a file.
#[derive(Debug)]
pub(crate) enum Prepared {
    /// One load.
    Whole(Box<Copyable>),
    /// One child for each record type that occurs.
    Split {
        /// The parts, in the order of the rule's prefixes.
        parts: Vec<RecordTypePart>,
        /// Data records in the file, listed or not.
        records: u64,
        /// What a person should know.
        remarks: Vec<String>,
    },
    /// The file is refused.
    Refused(RejectReason),
    /// It cannot be read to its end in the time that is left; nothing of it was kept.
    OutOfTime(Progress),
    /// The same, but what was counted of it is on the ledger, and the next invocation goes on there.
    CarriedOn,
}

/// The records of one type.
#[derive(Debug, Clone)]
pub(crate) struct RecordTypePart {
    /// The prefix they begin with.
    pub record_type: String,
    /// The prepared copy.
    pub object: Object,
    /// How many there are.
    pub records: u64,
}

/// Checks a file under its rule and rewrites it where COPY could not read it as it is. It is called what the announced
/// `object` is called, and read at `source`.
pub(crate) async fn prepare(
    app: &App,
    pace: &Pace,
    load: LoadId,
    object: &Object,
    source: &Object,
    rule: &FileRule,
) -> Result<Prepared, AppError> {
    let named = check::size(object, rule, app.config.threshold_file_size_bytes)
        .and_then(|()| check::extension(object, rule));
    if let Err(reason) = named {
        return Ok(Prepared::Refused(reason));
    }
    if rule.takes_manifests() {
        return Ok(match files_of(app, pace, source).await? {
            Listed::Files(listed) => Prepared::Whole(Box::new(Copyable {
                listed,
                ..as_it_lies(source, rule, None)
            })),
            Listed::Refused(reason) => Prepared::Refused(reason),
            Listed::OutOfTime(progress) => Prepared::OutOfTime(progress),
        });
    }
    if !spec::needs_reading(rule) {
        return Ok(Prepared::Whole(Box::new(as_it_lies(source, rule, None))));
    }
    match cut::run(app, pace, load, source, rule).await? {
        Cut::Whole(file) => return prepared_by_ranges(app, source, rule, file).await,
        Cut::Stopped(Passed::Refused(reason)) => return Ok(Prepared::Refused(reason)),
        Cut::Stopped(Passed::OutOfTime(progress)) => return Ok(Prepared::OutOfTime(progress)),
        Cut::Noted => return Ok(Prepared::CarriedOn),
        Cut::Stopped(Passed::Whole(_)) | Cut::NotThisWay => {}
    }
    let part_bytes = spec::part_bytes(rule, source.size_bytes, app.config.part_text_bytes);
    let in_parts = |output| OutputFormat { part_bytes, ..output };
    let mut output = spec::output(rule).map(in_parts);
    loop {
        let spec = PipelineSpec {
            decompressed_limit_bytes: Some(app.config.unpacking.most_bytes_of(source.size_bytes)),
            ..spec::pipeline(rule, output)
        };
        let finished = match pass::run(app, pace, load, source, spec, rule).await? {
            Passed::Whole(finished) => finished,
            Passed::Refused(reason) => return Ok(Prepared::Refused(reason)),
            Passed::OutOfTime(progress) => return Ok(Prepared::OutOfTime(progress)),
        };
        // Redshift would load the mark into the first column. It shows only once the file is read, and is rare: read again.
        if output.is_none() && finished.report.has_byte_order_mark && spec::mark_reaches_copy(rule) {
            output = Some(in_parts(spec::plain_output(rule)));
            continue;
        }
        if output.is_some() && rule.split.is_none() && finished.written.is_empty() {
            return without_records(app, load, source, rule, &finished.report).await;
        }
        let written: Vec<ObjectKey> = finished
            .written
            .iter()
            .map(|(_, written)| written.key.clone())
            .collect();
        let prepared = conclude(source, rule, finished);
        if let Prepared::Refused(_) = prepared {
            for key in &written {
                app.objects.delete_work(&object.bucket, key).await?;
            }
        }
        return Ok(prepared);
    }
}

async fn prepared_by_ranges(
    app: &App,
    source: &Object,
    rule: &FileRule,
    file: CutFile,
) -> Result<Prepared, AppError> {
    let CutFile {
        fields,
        records,
        written,
    } = file;
    let key = written.as_ref().map(|written| written.key.clone());
    let prepared = whole(
        source,
        rule,
        &fields,
        Some(records),
        0,
        written.into_iter().collect(),
    );
    if let (Prepared::Refused(_), Some(key)) = (&prepared, key) {
        app.objects.delete_work(&source.bucket, &key).await?;
    }
    Ok(prepared)
}

fn conclude(object: &Object, rule: &FileRule, finished: Finished) -> Prepared {
    // Record types differ in their columns, so a header cannot name those of all of them.
    if let Some(prefixes) = &rule.split {
        return split(object, prefixes, finished);
    }
    let fields = spec::names(rule, &finished.report.header);
    let records = spec::counts_records(rule).then_some(finished.report.records);
    let written = finished.written.into_iter().map(|(_, written)| written).collect();
    let blank_lines = finished.report.blank_records;
    whole(object, rule, fields, records, blank_lines, written)
}

/// A file that is one load: where it lies, or in its copy, which may be in parts.
fn whole(
    object: &Object,
    rule: &FileRule,
    fields: &[String],
    records: Option<u64>,
    blank_lines: u64,
    written: Vec<pass::Written>,
) -> Prepared {
    let columns = match check::header(rule, fields) {
        Ok(columns) => columns,
        Err(reason) => return Prepared::Refused(reason),
    };
    let parts: Vec<Object> = written
        .into_iter()
        .map(|written| work_object(object, written))
        .collect();
    let Some(first) = parts.first().cloned() else {
        return Prepared::Whole(Box::new(Copyable {
            columns,
            ..as_it_lies(object, rule, records)
        }));
    };
    Prepared::Whole(Box::new(Copyable {
        source: first,
        is_prepared_copy: true,
        listed: if parts.len() > 1 { parts } else { vec![] },
        rule: spec::rule_of_prepared_copy(rule),
        columns,
        records,
        blank_lines,
    }))
}

/// A file that COPY could not read as it is, and of which nothing was left to write: what it reads is an object of no bytes.
async fn without_records(
    app: &App,
    load: LoadId,
    source: &Object,
    rule: &FileRule,
    report: &Report,
) -> Result<Prepared, AppError> {
    let columns = match check::header(rule, spec::names(rule, &report.header)) {
        Ok(columns) => columns,
        Err(reason) => return Ok(Prepared::Refused(reason)),
    };
    let key = longshore_domain::archive::prepared_key(
        &app.config.processing_folder,
        load,
        "data",
        Compression::None,
    );
    app.objects.put(&source.bucket, &key, Bytes::new()).await?;
    let written = pass::Written {
        key,
        size_bytes: 0,
        etag: None,
    };
    Ok(Prepared::Whole(Box::new(Copyable {
        source: work_object(source, written),
        is_prepared_copy: true,
        listed: vec![],
        rule: spec::rule_of_empty_copy(rule),
        columns,
        records: Some(0),
        blank_lines: 0,
    })))
}

fn as_it_lies(object: &Object, rule: &FileRule, records: Option<u64>) -> Copyable {
    Copyable {
        source: object.clone(),
        is_prepared_copy: false,
        listed: vec![],
        rule: rule.clone(),
        columns: rule.columns.clone(),
        records,
        blank_lines: 0,
    }
}

fn split(object: &Object, prefixes: &[String], finished: Finished) -> Prepared {
    let report = finished.report;
    let remarks = unlisted_remark(&report, prefixes).into_iter().collect();
    let parts = finished
        .written
        .into_iter()
        .filter_map(|(record_type, written)| {
            let record_type = prefixes.get(record_type?)?;
            let index = prefixes.iter().position(|prefix| prefix == record_type)?;
            Some(RecordTypePart {
                record_type: record_type.clone(),
                object: work_object(object, written),
                records: report.records_by_prefix.get(index).copied().unwrap_or_default(),
            })
        })
        .collect();
    Prepared::Split {
        parts,
        records: report.records,
        remarks,
    }
}

/// The records of each type, in the order of the rule's types.
fn records_of_types(rule: &FileRule, report: &Report) -> Vec<(String, u64)> {
    let prefixes = rule.split.as_deref().unwrap_or_default();
    let counts = report.records_by_prefix.iter().copied();
    prefixes.iter().cloned().zip(counts).collect()
}

/// Records of no listed type are never dropped in silence.
fn unlisted_remark(report: &Report, prefixes: &[String]) -> Option<String> {
    let line = report.unlisted.first_line?;
    let listed = prefixes.join(", ");
    Some(match report.unlisted.records {
        1 => format!("the record on line {line} begins with none of {listed} and was not loaded"),
        records => format!(
            "{records} records begin with none of {listed} and were not loaded, the first on line {line}"
        ),
    })
}

/// A copy in our work folder. It carries no sequencer: nothing announces it.
fn work_object(original: &Object, written: pass::Written) -> Object {
    Object {
        bucket: original.bucket.clone(),
        key: written.key,
        version: None,
        etag: written.etag,
        size_bytes: written.size_bytes,
        sequencer: None,
    }
}

/// What the part of a record type is called within the load's work folder. A prefix may hold any character.
pub(crate) fn part_name(record_type: &str) -> String {
    let plain = record_type.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if plain {
        return record_type.to_owned();
    }
    record_type
        .bytes()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>()
        + "-hex"
}

/// The key of a prepared copy of `rule`'s file.
pub(crate) fn part_key(app: &App, load: LoadId, rule: &FileRule, part: &str) -> ObjectKey {
    longshore_domain::archive::prepared_key(
        &app.config.processing_folder,
        load,
        part,
        rule.prepared_compression,
    )
}
