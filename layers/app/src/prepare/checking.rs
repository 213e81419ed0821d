//! What the functions check of a file before they load it, asked by an operator: nothing is written, and no ledger is asked.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use longshore_domain::check;
use longshore_domain::object::ObjectKey;
use longshore_domain::reject::RejectReason;
use longshore_domain::rule::{DataFormat, FileRule};
use longshore_preprocess::{
    Compression, Decoder, Discard, LineEnding, Pipeline, PipelineSpec, PrepareError, Report,
};

use super::widths::{RecordFaults, WidthCheck, Widths};
use super::{fault, records_of_types, spec, unlisted_remark};
use crate::AppError;

/// Compressed bytes that are decoded before what came of them is judged.
const DECODED_AT_ONCE: usize = 64 * 1024;

/// One file under its rule: bytes are pushed in, and a verdict comes out.
pub struct FileCheck<'a> {
    rule: &'a FileRule,
    /// Of a compressed file. As in a function, the text is looked at behind it, so that both say the same of a damaged one.
    decoder: Option<Decoder>,
    text: Text,
}

/// What is looked at in the text.
struct Text {
    pipeline: Pipeline,
    /// Of records of fixed width.
    widths: Option<WidthCheck>,
}

impl Text {
    fn take(&mut self, text: &[u8]) -> Result<(), PrepareError> {
        self.pipeline.push_all(text, &mut Discard)?;
        if let Some(widths) = &mut self.widths {
            widths.take(text);
        }
        Ok(())
    }
}

/// What the functions look at before a file is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckReach {
    /// Every byte.
    Contents,
    /// Its name: it is encrypted, or of a kind that only COPY reads.
    NameAlone,
    /// It lists other files, which are looked for.
    ListedFiles,
}

/// Why there is no sound file.
#[derive(Debug)]
pub enum CheckFault {
    /// A function would refuse it.
    File(RejectReason),
    /// We could not look.
    Us(AppError),
}

/// A file that a function would take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedFile {
    /// Its bytes as they came.
    pub bytes_read: u64,
    /// Its bytes after decompression.
    pub bytes_decoded: u64,
    /// Its data records; unknown for formats that are not cut into records.
    pub records: Option<u64>,
    /// Blank lines among them, which COPY skips.
    pub blank_records: u64,
    /// The fields of its header, where the rule says that there is one.
    pub header: Vec<String>,
    /// Records that its trailer says it has.
    pub declared: Option<u64>,
    /// How its lines end: `lf`, `crlf` or `mixed`.
    pub line_ending: Option<&'static str>,
    /// The records of each type, in the order of the rule's types; empty where it does not split.
    pub record_types: Vec<(String, u64)>,
    /// Records of fixed width that COPY would refuse, though a function would take the file.
    pub record_faults: RecordFaults,
    /// What a person should know.
    pub remark: Option<String>,
}

impl From<PrepareError> for CheckFault {
    fn from(error: PrepareError) -> Self {
        fault::reason(error).map_or_else(Self::Us, Self::File)
    }
}

impl From<RejectReason> for CheckFault {
    fn from(reason: RejectReason) -> Self {
        Self::File(reason)
    }
}

impl<'a> FileCheck<'a> {
    /// How far the functions look into files of this rule.
    pub fn reach(rule: &FileRule) -> CheckReach {
        if rule.takes_manifests() {
            CheckReach::ListedFiles
        } else if spec::needs_reading(rule) {
            CheckReach::Contents
        } else {
            CheckReach::NameAlone
        }
    }

    /// Looks at the name alone, of a file of so many bytes.
    ///
    /// # Errors
    /// The name is not the rule's.
    pub fn of_name(rule: &FileRule, key: &ObjectKey, bytes: u64) -> Result<CheckedFile, CheckFault> {
        check::extension_of_key(key, rule)?;
        Ok(CheckedFile {
            bytes_read: bytes,
            bytes_decoded: bytes,
            records: None,
            blank_records: 0,
            header: Vec::new(),
            declared: None,
            line_ending: None,
            record_types: Vec::new(),
            record_faults: RecordFaults::default(),
            remark: Some(
                "functions take such a file by its name alone: what is wrong within it shows when COPY reads it".to_owned(),
            ),
        })
    }

    /// Looks at the name, and begins. `unpacks_to` is the most that may come of a compressed file.
    ///
    /// # Errors
    /// The name is not the rule's, or the rule asks for what contradicts itself.
    pub fn begin(rule: &'a FileRule, key: &ObjectKey, unpacks_to: u64) -> Result<Self, CheckFault> {
        check::extension_of_key(key, rule)?;
        let spec = spec::pipeline(rule, None);
        let decoder = (spec.compression != Compression::None).then(|| {
            let threads = available_parallelism().unwrap_or(NonZeroUsize::MIN);
            Decoder::new(spec.compression, threads).limited_to(Some(unpacks_to))
        });
        let pipeline = Pipeline::new(PipelineSpec {
            compression: Compression::None,
            ..spec
        });
        let pipeline = pipeline.map_err(|error| CheckFault::Us(AppError::Engine(error.into())))?;
        Ok(Self {
            rule,
            decoder,
            text: Text {
                pipeline,
                widths: None,
            },
        })
    }

    /// Measures the records too, where they are of fixed width. `rule_of_type` gives the rule that the records of a type are loaded
    /// by; those of a type without one are not measured.
    pub fn measuring(mut self, rule_of_type: impl Fn(&str) -> Option<FileRule>) -> Self {
        if self.rule.format != DataFormat::FixedWidth {
            return self;
        }
        let types = match &self.rule.split {
            None => Widths::of("", self.rule).into_iter().collect(),
            Some(prefixes) => {
                let types = prefixes
                    .iter()
                    .map(|prefix| Widths::of(prefix, &rule_of_type(prefix)?));
                types.flatten().collect()
            }
        };
        self.text.widths = WidthCheck::begin(self.rule, types);
        self
    }

    /// Takes the next bytes of the file.
    ///
    /// # Errors
    /// What is wrong with them, with its place.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), CheckFault> {
        let Self { decoder, text, .. } = self;
        let Some(decoder) = decoder else {
            return Ok(text.take(bytes)?);
        };
        for some in bytes.chunks(DECODED_AT_ONCE) {
            let mut looked = Ok(());
            let decoded = decoder.decode(some, |piece| look(text, &piece, &mut looked));
            looked.and(decoded)?;
        }
        Ok(())
    }

    /// Takes note of the file's end.
    ///
    /// # Errors
    /// What shows only there: the trailer, the counts, and a header that is not the rule's.
    pub fn finish(self) -> Result<CheckedFile, CheckFault> {
        let Self {
            rule,
            decoder,
            mut text,
        } = self;
        let bytes_read = decoder.map(|decoder| {
            let mut looked = Ok(());
            let finished = decoder.finish(|piece| look(&mut text, &piece, &mut looked));
            looked.and(finished)
        });
        let bytes_read = bytes_read.transpose()?;
        let mut report = text.pipeline.finish(&mut Discard)?;
        report.bytes_read = bytes_read.unwrap_or(report.bytes_read);
        let header = spec::names(rule, &report.header).to_vec();
        // Record types differ in their columns, so a header cannot name those of all of them.
        if rule.split.is_none() {
            check::header(rule, &header)?;
        }
        let record_faults = text.widths.map(WidthCheck::finish);
        Ok(CheckedFile {
            record_faults: record_faults.unwrap_or_default(),
            ..checked(rule, header, &report)
        })
    }
}

/// Looks at a piece, unless one before it was at fault.
fn look(text: &mut Text, piece: &[u8], looked: &mut Result<(), PrepareError>) {
    if looked.is_ok() {
        *looked = text.take(piece);
    }
}

fn checked(rule: &FileRule, header: Vec<String>, report: &Report) -> CheckedFile {
    CheckedFile {
        bytes_read: report.bytes_read,
        bytes_decoded: report.bytes_decoded,
        records: spec::counts_records(rule).then_some(report.records),
        blank_records: report.blank_records,
        header,
        declared: report.trailer.as_ref().and_then(|trailer| trailer.count),
        line_ending: report.line_ending.map(|ending| match ending {
            LineEnding::Lf => "lf",
            LineEnding::CrLf => "crlf",
            LineEnding::Mixed => "mixed",
        }),
        record_types: records_of_types(rule, report),
        record_faults: RecordFaults::default(),
        remark: rule
            .split
            .as_ref()
            .and_then(|prefixes| unlisted_remark(report, prefixes)),
    }
}
