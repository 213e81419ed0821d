//! The slow and obvious engine: the whole file in memory, byte by byte.

use std::collections::BTreeMap;

use longshore_preprocess::{
    Framing, HeaderInOutput, LineEnding, OutputId, OutputKind, PipelineSpec, UnlistedRecords,
};

/// What should come of a file.
#[derive(Debug, PartialEq)]
pub(crate) enum Expected {
    /// The counts and the outputs.
    Prepared {
        records: u64,
        blank_records: u64,
        header: Vec<String>,
        trailer: Option<String>,
        by_prefix: Vec<u64>,
        unlisted: u64,
        line_ending: Option<LineEnding>,
        outputs: BTreeMap<OutputId, Vec<u8>>,
    },
    UnbalancedQuotes {
        line: u64,
        byte: u64,
    },
    TrailerMissing,
}

/// Prepares ASCII-compatible, uncompressed text as the specification says.
pub(crate) fn prepare(spec: &PipelineSpec, text: &[u8]) -> Expected {
    let (mut records, rest) = match split_records(text, spec) {
        Ok(split) => split,
        Err((line, byte)) => return Expected::UnbalancedQuotes { line, byte },
    };
    let line_ending = line_ending(&records);
    if !rest.is_empty() {
        records.push(complete(rest, line_ending));
    }
    let header: Vec<_> = records
        .drain(..records.len().min(spec.header.records as usize))
        .collect();
    let total = records.len();
    records.retain(|record| !content(record).is_empty());
    let blank_records = (total - records.len()) as u64;
    let trailer = if spec.trailer.is_some() {
        let Some(trailer) = records.pop() else {
            return Expected::TrailerMissing;
        };
        Some(lossy(content(&trailer)))
    } else {
        None
    };
    let (by_prefix, unlisted, outputs) = route(spec, &header, &records);
    Expected::Prepared {
        records: records.len() as u64,
        blank_records,
        header: header.iter().map(|record| lossy(content(record))).collect(),
        trailer,
        by_prefix,
        unlisted,
        line_ending,
        outputs,
    }
}

fn complete(mut record: Vec<u8>, line_ending: Option<LineEnding>) -> Vec<u8> {
    if line_ending == Some(LineEnding::CrLf) && !record.ends_with(b"\r") {
        record.push(b'\r');
    }
    record.push(b'\n');
    record
}

/// The records with their line ends, and what follows the last line end.
type Split = (Vec<Vec<u8>>, Vec<u8>);

fn split_records(text: &[u8], spec: &PipelineSpec) -> Result<Split, (u64, u64)> {
    let mut records = Vec::new();
    let mut record = Vec::new();
    let mut inside = false;
    let mut opened = (0, 0);
    let mut line = 1;
    let mut field_starts = true;
    let mut at = 0;
    while at < text.len() {
        let byte = text[at];
        record.push(byte);
        if byte == b'\n' {
            line += 1;
        }
        let mut ends = byte == b'\n';
        match spec.framing {
            Framing::Lines | Framing::Opaque => {}
            Framing::Escaped { escape } => {
                if byte == escape && at + 1 < text.len() {
                    at += 1;
                    record.push(text[at]);
                    line += u64::from(text[at] == b'\n');
                }
            }
            Framing::Quoted { quote, escape } => {
                ends = byte == b'\n' && !inside;
                if inside && Some(byte) == escape && escape != Some(quote) {
                    if at + 1 < text.len() {
                        at += 1;
                        record.push(text[at]);
                        line += u64::from(text[at] == b'\n');
                    }
                } else if inside && byte == quote {
                    if text.get(at + 1) == Some(&quote) {
                        at += 1;
                        record.push(quote);
                    } else {
                        inside = false;
                    }
                } else if !inside && field_starts && byte == quote {
                    inside = true;
                    opened = (line, at as u64);
                }
                field_starts = !inside && (Some(byte) == spec.delimiter || ends);
            }
        }
        if ends {
            records.push(std::mem::take(&mut record));
        }
        at += 1;
    }
    if inside {
        return Err(opened);
    }
    Ok((records, record))
}

fn line_ending(records: &[Vec<u8>]) -> Option<LineEnding> {
    let with_return = records.iter().filter(|record| record.ends_with(b"\r\n")).count();
    match (records.len(), with_return) {
        (0, _) => None,
        (_, 0) => Some(LineEnding::Lf),
        (all, some) if all == some => Some(LineEnding::CrLf),
        _ => Some(LineEnding::Mixed),
    }
}

fn content(record: &[u8]) -> &[u8] {
    let line = record.strip_suffix(b"\n").unwrap_or(record);
    line.strip_suffix(b"\r").unwrap_or(line)
}

type Routed = (Vec<u64>, u64, BTreeMap<OutputId, Vec<u8>>);

fn route(spec: &PipelineSpec, header: &[Vec<u8>], records: &[Vec<u8>]) -> Routed {
    let prefixes = spec.split.as_ref().map_or(&[][..], |split| &split.prefixes);
    let mut by_prefix = vec![0; prefixes.len()];
    let mut unlisted = 0;
    let mut kinds: BTreeMap<OutputKind, Vec<&Vec<u8>>> = BTreeMap::new();
    for record in records {
        let fitting = prefixes
            .iter()
            .enumerate()
            .filter(|(_, prefix)| content(record).starts_with(prefix.as_bytes()));
        let longest = fitting.max_by_key(|(_, prefix)| prefix.len());
        let kind = match (&spec.split, longest) {
            (None, _) => OutputKind::Whole,
            (Some(_), Some((index, _))) => {
                by_prefix[index] += 1;
                OutputKind::Prefix(index)
            }
            (Some(split), None) => {
                unlisted += 1;
                if split.unlisted == UnlistedRecords::Leave {
                    continue;
                }
                OutputKind::Unlisted
            }
        };
        kinds.entry(kind).or_default().push(record);
    }
    (by_prefix, unlisted, cut(spec, header, &kinds))
}

fn cut(
    spec: &PipelineSpec,
    header: &[Vec<u8>],
    kinds: &BTreeMap<OutputKind, Vec<&Vec<u8>>>,
) -> BTreeMap<OutputId, Vec<u8>> {
    let mut outputs = BTreeMap::new();
    let Some(format) = spec.output else { return outputs };
    let kept = if spec.header.in_output == HeaderInOutput::Keep {
        header.concat()
    } else {
        Vec::new()
    };
    for (&kind, records) in kinds {
        let mut part = 0;
        let mut part_bytes = 0;
        for record in records {
            let output: &mut Vec<u8> = outputs
                .entry(OutputId { kind, part })
                .or_insert_with(|| kept.clone());
            output.extend_from_slice(record);
            part_bytes += record.len() as u64;
            if format.part_bytes.is_some_and(|limit| part_bytes >= limit.get()) {
                part += 1;
                part_bytes = 0;
            }
        }
    }
    outputs
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
