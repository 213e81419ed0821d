//! Text of lines: which character stands between fields; header, trailer, record types.

use std::collections::BTreeMap;

use longshore_domain::rule::Encoding;

use super::kind::Evidence;
use super::layout::{Layout, SampledColumn, Section, Shape, TrailerGuess};
use super::sample::Sample;
use super::{Known, fixed};

/// What is tried as a delimiter, the likeliest first.
const DELIMITERS: [u8; 7] = [b'|', b'\t', b';', b',', b'^', b'~', 1];
/// Where nothing stands between fields.
const NO_DELIMITER: u8 = 1;
/// More types of records than this, and longer names of them, are data.
const MOST_TYPES: usize = 20;
const MOST_TYPE_BYTES: usize = 10;

/// A record as it was read.
#[derive(Debug, Clone)]
struct Record {
    fields: Vec<String>,
    raw: String,
    line: usize,
}

/// What one delimiter makes of a file.
enum Fit {
    /// Every record has so many fields, but for a trailer.
    Even {
        fields: usize,
        trailer: Option<TrailerGuess>,
    },
    /// Records of several types, each of which has its own number.
    Typed,
    /// No.
    Uneven {
        line: usize,
        found: usize,
        most_have: usize,
        share: f64,
    },
}

struct Reading {
    delimiter: u8,
    is_quoted: bool,
    records: Vec<Record>,
    fit: Fit,
}

pub(super) fn layout(
    content: &str,
    encoding: Encoding,
    sample: &Sample,
    known: &Known,
) -> Result<Layout, String> {
    if !known.widths.is_empty() {
        return fixed::layout(content, encoding, Some(&known.widths));
    }
    let tried: Vec<u8> = match known.delimiter {
        Some(delimiter) => vec![delimiter],
        None => DELIMITERS
            .into_iter()
            .filter(|byte| content.as_bytes().contains(byte))
            .collect(),
    };
    let mut best: Option<Reading> = None;
    let mut nearest: Option<String> = None;
    for delimiter in tried {
        let reading = read(content, delimiter);
        if let Fit::Uneven {
            line,
            found,
            most_have,
            share,
        } = reading.fit
        {
            if (share >= 0.8 || known.delimiter.is_some()) && most_have > 1 {
                nearest.get_or_insert(format!(
                    "line {line}: {found} fields where most lines have {most_have}, by the delimiter {}; mend the sample, or say --delimiter or --widths",
                    shown(delimiter)
                ));
            }
            continue;
        }
        if best.as_ref().is_none_or(|best| reading.rank() > best.rank()) {
            best = Some(reading);
        }
    }
    if let Some(reading) = best {
        return Ok(reading.layout(encoding, sample, known));
    }
    if let Some(problem) = nearest {
        return Err(problem);
    }
    if let Ok(layout) = fixed::layout(content, encoding, None) {
        return Ok(layout);
    }
    let mut one = read(content, NO_DELIMITER).layout(encoding, sample, known);
    one.remarks.push(
        "no delimiter was found, and lines differ in length: each line is taken for one value".to_owned(),
    );
    Ok(one)
}

fn read(content: &str, delimiter: u8) -> Reading {
    let at = char::from(delimiter);
    let opens = |line: &str| line.starts_with('"') || line.contains(&format!("{at}\""));
    let quoted = content
        .lines()
        .any(opens)
        .then(|| quoted_records(content, at))
        .flatten();
    let is_quoted = quoted.is_some();
    let records = quoted.unwrap_or_else(|| plain_records(content, at));
    Reading {
        delimiter,
        is_quoted,
        fit: fit(&records),
        records,
    }
}

fn plain_records(content: &str, delimiter: char) -> Vec<Record> {
    let record = |(index, raw): (usize, &str)| Record {
        fields: raw.split(delimiter).map(str::to_owned).collect(),
        raw: raw.to_owned(),
        line: index + 1,
    };
    content
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty())
        .map(record)
        .collect()
}

/// Fields in quotes may hold delimiters and line breaks, and a quote within is doubled; `None` where that does not work out.
fn quoted_records(content: &str, delimiter: char) -> Option<Vec<Record>> {
    let mut records = vec![];
    let (mut fields, mut field, mut raw) = (vec![], String::new(), String::new());
    let (mut line, mut first_line, mut is_within, mut was_closed) = (1, 1, false, false);
    let mut characters = content.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if is_within && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
                raw.push_str("\"\"");
                continue;
            }
            '"' if is_within => (is_within, was_closed) = (false, true),
            '"' if field.is_empty() && !was_closed => is_within = true,
            '"' => return None,
            '\n' if !is_within => {
                fields.push(std::mem::take(&mut field).trim_end_matches('\r').to_owned());
                let record = Record {
                    fields: std::mem::take(&mut fields),
                    raw: std::mem::take(&mut raw),
                    line: first_line,
                };
                if !record.raw.trim_end_matches('\r').is_empty() {
                    records.push(record);
                }
                (line, was_closed) = (line + 1, false);
                first_line = line;
                continue;
            }
            other if other == delimiter && !is_within => {
                fields.push(std::mem::take(&mut field));
                was_closed = false;
            }
            other if was_closed && !matches!(other, '\r') => return None,
            other => {
                line += usize::from(other == '\n');
                field.push(other);
            }
        }
        raw.push(character);
    }
    if is_within {
        return None;
    }
    if !raw.is_empty() {
        fields.push(field);
        records.push(Record {
            fields,
            raw,
            line: first_line,
        });
    }
    Some(records)
}

fn fit(records: &[Record]) -> Fit {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for record in records {
        *counts.entry(record.fields.len()).or_default() += 1;
    }
    let most_have = counts
        .iter()
        .max_by_key(|(_, count)| **count)
        .map_or(0, |(fields, _)| *fields);
    let odd: Vec<&Record> = records
        .iter()
        .filter(|record| record.fields.len() != most_have)
        .collect();
    match odd.as_slice() {
        [] => {
            return Fit::Even {
                fields: most_have,
                trailer: None,
            };
        }
        // Two lines of which one is odd: the first one is the record.
        [_] if records.len() > 1 => {
            let (last, others) = (&records[records.len() - 1], &records[..records.len() - 1]);
            let fields = others[0].fields.len();
            let is_even = others.iter().all(|record| record.fields.len() == fields);
            if let Some(trailer) = trailer(&last.raw, others.len()).filter(|_| is_even && fields > 1) {
                return Fit::Even {
                    fields,
                    trailer: Some(trailer),
                };
            }
        }
        _ => {}
    }
    if is_typed(records) {
        return Fit::Typed;
    }
    let first = odd[0];
    let even = records.len() - odd.len();
    Fit::Uneven {
        line: first.line,
        found: first.fields.len(),
        most_have,
        share: even as f64 / records.len() as f64,
    }
}

/// Where the count stands: the digits that say it, else the last ones.
pub(super) fn trailer(raw: &str, records: usize) -> Option<TrailerGuess> {
    let characters: Vec<char> = raw.trim_end_matches('\r').chars().collect();
    let mut runs: Vec<(usize, usize)> = vec![];
    for (place, character) in characters.iter().enumerate() {
        match runs.last_mut() {
            _ if !character.is_ascii_digit() => {}
            Some((_, end)) if *end == place => *end += 1,
            _ => runs.push((place, place + 1)),
        }
    }
    let says = |(start, end): &&(usize, usize)| {
        let digits: String = characters[*start..*end].iter().collect();
        let count = digits.parse::<usize>().ok();
        count == Some(records) || count == Some(records.saturating_sub(1))
    };
    let (start, end) = runs.iter().rev().find(says).or(runs.last())?;
    Some(TrailerGuess {
        start: start + 1,
        end: end + 1,
    })
}

/// Whether the first field says how many fields a record has, and few values say all of it.
fn is_typed(records: &[Record]) -> bool {
    let mut fields_of: BTreeMap<&str, usize> = BTreeMap::new();
    let is_even = records.iter().all(|record| {
        let fields = record.fields.len();
        fields > 1 && *fields_of.entry(&record.fields[0]).or_insert(fields) == fields
    });
    let is_name = |name: &&str| {
        (1..=MOST_TYPE_BYTES).contains(&name.len())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let is_apart = |name: &&str| {
        !fields_of
            .keys()
            .any(|other| other != name && other.starts_with(*name))
    };
    is_even
        && (2..=MOST_TYPES).contains(&fields_of.len())
        && fields_of.len() < records.len()
        && fields_of.keys().all(|name| is_name(name) && is_apart(name))
}

impl Reading {
    /// Even before typed, then the more fields.
    fn rank(&self) -> (u8, usize) {
        match &self.fit {
            Fit::Even { fields: 1, .. } => (0, 1),
            Fit::Even { fields, .. } => (2, *fields),
            Fit::Typed => (1, 0),
            Fit::Uneven { .. } => (0, 0),
        }
    }

    fn layout(self, encoding: Encoding, sample: &Sample, known: &Known) -> Layout {
        let is_csv = self.is_quoted
            || sample
                .name
                .to_ascii_lowercase()
                .split('.')
                .any(|part| part == "csv");
        let shape = Shape::Delimited {
            delimiter: self.delimiter,
            is_csv,
        };
        let mut layout = Layout {
            shape,
            encoding,
            has_header: false,
            trailer: None,
            sections: vec![],
            remarks: vec![],
        };
        if let Fit::Typed = self.fit {
            layout.sections = typed(&self.records);
            layout.remarks.push("records begin with what type they are: the file is split, and each type has its rule and its table".to_owned());
            return layout;
        }
        let mut body = self.records.as_slice();
        if let Fit::Even {
            trailer: Some(trailer),
            ..
        } = &self.fit
            && let [rest @ .., last] = body
        {
            body = rest;
            layout.remarks.push(format!(
                "the last record is taken for a trailer, whose characters {} to {} count the records: {:?}",
                trailer.start,
                trailer.end - 1,
                last.raw
            ));
            layout.trailer = Some(trailer.clone());
        }
        let names = header(body, known.header);
        layout.has_header = names.is_some();
        if layout.has_header {
            body = &body[1..];
            if known.header.is_none() {
                layout.remarks.push(
                    "the first record is taken for a header; if it is data, say --header no".to_owned(),
                );
            }
        }
        let columns = columns(
            body,
            names,
            self.records.first().map_or(0, |record| record.fields.len()),
        );
        layout.sections = vec![Section {
            prefix: None,
            columns,
        }];
        layout
    }
}

fn columns(body: &[Record], names: Option<Vec<String>>, count: usize) -> Vec<SampledColumn> {
    let name = |place: usize| match &names {
        Some(names) => names[place].clone(),
        None => format!("column_{}", place + 1),
    };
    let column = |place: usize| {
        let mut evidence = Evidence::default();
        for record in body {
            if let Some(value) = record.fields.get(place) {
                evidence.see(value);
            }
        }
        SampledColumn {
            name: name(place),
            evidence,
            width: None,
        }
    };
    (0..count).map(column).collect()
}

fn typed(records: &[Record]) -> Vec<Section> {
    let mut by_type: Vec<(String, Vec<Record>)> = vec![];
    for record in records {
        let name = &record.fields[0];
        match by_type.iter_mut().find(|(known, _)| known == name) {
            Some((_, of_type)) => of_type.push(record.clone()),
            None => by_type.push((name.clone(), vec![record.clone()])),
        }
    }
    let section = |(prefix, records): (String, Vec<Record>)| Section {
        columns: columns(&records, None, records[0].fields.len()),
        prefix: Some(prefix),
    };
    by_type.into_iter().map(section).collect()
}

/// The names in the first record, where it holds names: other than any value below, and where a column below is no text, or a name
/// is put together as names are.
fn header(records: &[Record], said: Option<bool>) -> Option<Vec<String>> {
    let (first, rest) = records.split_first()?;
    let names: Vec<String> = first
        .fields
        .iter()
        .map(|name| name.trim().trim_end_matches('\r').to_owned())
        .collect();
    match said {
        Some(true) => return Some(names),
        Some(false) => return None,
        None => {}
    }
    let is_name = |name: &String| {
        name.starts_with(|character: char| character.is_alphabetic() || character == '_')
            && name.chars().all(|character| {
                character.is_alphanumeric() || matches!(character, '_' | ' ' | '-' | '.' | '#' | '/')
            })
            && name.len() <= 127
            && !name.eq_ignore_ascii_case("true")
            && !name.eq_ignore_ascii_case("false")
    };
    let are_names = !rest.is_empty()
        && names.iter().all(is_name)
        && names
            .iter()
            .enumerate()
            .all(|(place, name)| !names[..place].contains(name));
    let differs = |place: usize| {
        rest.iter()
            .all(|record| record.fields.get(place) != Some(&first.fields[place]))
    };
    let below = columns(rest, None, names.len());
    let speaks =
        below.iter().any(|column| !column.evidence.is_text()) || names.iter().any(|name| name.contains('_'));
    let is_header = are_names
        && (0..names.len()).all(differs)
        && (speaks || names.iter().any(|name| name == "id" || name == "name"));
    is_header.then_some(names)
}

/// A delimiter as rules and people write it.
pub(super) fn shown(delimiter: u8) -> String {
    match delimiter {
        b'\t' => "\\t".to_owned(),
        control if control < 0x20 => format!("\\{control:03o}"),
        character => char::from(character).to_string(),
    }
}
