//! How samples are laid out, and what is in their columns.

use std::fmt;

use longshore_domain::rule::Encoding;

use super::kind::Evidence;
use super::sample::Sample;
use super::{Known, objects, text};

/// How records and fields are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One record a line; with quotes, as CSV has them, or without.
    Delimited {
        delimiter: u8,
        is_csv: bool,
    },
    FixedWidth,
    Json,
    Avro,
    Parquet,
    Orc,
}

impl Shape {
    /// Whether fields find their columns by name, wherever they are and whether they are there or not.
    fn is_by_name(self) -> bool {
        matches!(self, Self::Json | Self::Avro)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delimited { delimiter, is_csv } => {
                let kind = if *is_csv { "CSV" } else { "text" };
                write!(
                    formatter,
                    "{kind} with {:?} between its fields",
                    char::from(*delimiter)
                )
            }
            Self::FixedWidth => formatter.write_str("records of fixed width"),
            Self::Json => formatter.write_str("JSON"),
            Self::Avro => formatter.write_str("Avro"),
            Self::Parquet => formatter.write_str("Parquet"),
            Self::Orc => formatter.write_str("ORC"),
        }
    }
}

/// The last record says how many there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TrailerGuess {
    /// Where the count stands: first character 1, end exclusive.
    pub start: usize,
    pub end: usize,
}

/// A column of the samples.
#[derive(Debug, Clone)]
pub(super) struct SampledColumn {
    /// As the file calls it, or where it stands.
    pub name: String,
    pub evidence: Evidence,
    pub width: Option<u32>,
}

/// Records of one type.
#[derive(Debug, Clone)]
pub(super) struct Section {
    /// What its records begin with, where a file has several types.
    pub prefix: Option<String>,
    pub columns: Vec<SampledColumn>,
}

/// All that samples tell.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub shape: Shape,
    pub encoding: Encoding,
    pub has_header: bool,
    pub trailer: Option<TrailerGuess>,
    /// One, or one for each record type.
    pub sections: Vec<Section>,
    /// What was guessed, in order.
    pub remarks: Vec<String>,
}

impl Layout {
    pub(super) fn of(sample: &Sample, known: &Known) -> Result<Self, String> {
        match sample.bytes.as_slice() {
            [b'P', b'A', b'R', b'1', ..] => objects::columnar(sample, Shape::Parquet),
            [b'O', b'R', b'C', ..] => objects::columnar(sample, Shape::Orc),
            [b'O', b'b', b'j', 1, ..] => objects::avro(sample),
            _ => {
                let (content, encoding) = sample.text()?;
                match content.trim_start().as_bytes().first() {
                    None => Err("it is empty; a sample needs a record at least".to_owned()),
                    Some(b'{') => objects::json(&content, encoding),
                    Some(b'[') if sample.extension().as_deref() == Some("json") => {
                        Err("it is one JSON array; COPY reads objects one after the other, so take the array apart (jq -c '.[]')".to_owned())
                    }
                    Some(_) => text::layout(&content, encoding, sample, known),
                }
            }
        }
    }

    /// What holds for both.
    pub(super) fn join(mut self, other: Self) -> Result<Self, String> {
        if self.shape != other.shape {
            return Err(format!("{} there and {} here", self.shape, other.shape));
        }
        if self.encoding != other.encoding {
            let (one, another) = (self.encoding.as_str(), other.encoding.as_str());
            return Err(format!("characters are {one} there and {another} here"));
        }
        if self.has_header != other.has_header {
            return Err(
                "one has a header and the other none; if that is a wrong guess, say --header yes or no"
                    .to_owned(),
            );
        }
        if self.trailer != other.trailer {
            return Err("their trailers differ, or one has none".to_owned());
        }
        for section in other.sections {
            match self
                .sections
                .iter_mut()
                .find(|known| known.prefix == section.prefix)
            {
                None => self.sections.push(section),
                Some(known) => known.join(section, self.shape)?,
            }
        }
        let said = std::mem::take(&mut self.remarks);
        self.remarks = said
            .into_iter()
            .chain(other.remarks)
            .fold(vec![], |mut all, remark| {
                if !all.contains(&remark) {
                    all.push(remark);
                }
                all
            });
        Ok(self)
    }
}

impl Section {
    fn join(&mut self, other: Self, shape: Shape) -> Result<(), String> {
        if !shape.is_by_name() {
            let names = |section: &Self| -> Vec<(String, Option<u32>)> {
                section
                    .columns
                    .iter()
                    .map(|column| (column.name.clone(), column.width))
                    .collect()
            };
            if names(self) != names(&other) {
                return Err(format!(
                    "columns {} there and {} here",
                    shown(&self.columns),
                    shown(&other.columns)
                ));
            }
        }
        for column in other.columns {
            let Some(known) = self.columns.iter_mut().find(|known| known.name == column.name) else {
                self.columns.push(column);
                continue;
            };
            let so_far = std::mem::take(&mut known.evidence);
            known.evidence = so_far
                .join(column.evidence)
                .map_err(|problem| format!("column {:?} is {problem}", column.name))?;
        }
        Ok(())
    }
}

fn shown(columns: &[SampledColumn]) -> String {
    let one = |column: &SampledColumn| match column.width {
        Some(width) => format!("{}:{width}", column.name),
        None => column.name.clone(),
    };
    columns.iter().map(one).collect::<Vec<_>>().join(",")
}
