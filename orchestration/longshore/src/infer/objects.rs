//! Samples that name their columns themselves: JSON, Avro, Parquet and ORC.

use std::fs::File;

use longshore_app::with_causes;
use longshore_domain::rule::{Compression, Encoding};
use longshore_domain::snapshot::ColumnType;
use longshore_local_warehouse_columnar::{AvroFile, ColumnarFile, ColumnarFormat, FileColumn, ValueKind};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::kind::Evidence;
use super::layout::{Layout, SampledColumn, Section, Shape};
use super::sample::Sample;

/// A double keeps so many digits; a number with more has lost some when it comes out of the reader.
const EXACT_DIGITS: usize = 15;

fn layout(shape: Shape, encoding: Encoding, columns: Vec<SampledColumn>) -> Layout {
    Layout {
        shape,
        encoding,
        has_header: false,
        trailer: None,
        sections: vec![Section {
            prefix: None,
            columns,
        }],
        remarks: vec![],
    }
}

/// An object with its members in the file's order.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = vec![];
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// Columns in the order in which their names first appear.
#[derive(Default)]
struct Columns(Vec<SampledColumn>);

impl Columns {
    fn see(&mut self, members: Members) {
        for (name, value) in members.0 {
            let place = self
                .0
                .iter()
                .position(|column| column.name == name)
                .unwrap_or_else(|| {
                    self.0.push(SampledColumn {
                        name,
                        evidence: Evidence::default(),
                        width: None,
                    });
                    self.0.len() - 1
                });
            see(&mut self.0[place].evidence, &value);
        }
    }
}

fn see(evidence: &mut Evidence, value: &Value) {
    match value {
        Value::Null => {}
        Value::Bool(truth) => evidence.see(if *truth { "true" } else { "false" }),
        Value::Number(number) => {
            let text = number.to_string();
            let digits = text.bytes().filter(u8::is_ascii_digit).count();
            match number.is_f64() && digits > EXACT_DIGITS {
                true => evidence.see_text(&text),
                false => evidence.see(&text),
            }
        }
        Value::String(text) => evidence.see(text),
        Value::Array(_) | Value::Object(_) => evidence.see_nested(),
    }
}

pub(super) fn json(content: &str, encoding: Encoding) -> Result<Layout, String> {
    let mut columns = Columns::default();
    for members in serde_json::Deserializer::from_str(content).into_iter::<Members>() {
        columns.see(members.map_err(|error| format!("it is no JSON, one object after the other: {error}"))?);
    }
    if columns.0.is_empty() {
        return Err("its objects have no members".to_owned());
    }
    Ok(layout(Shape::Json, encoding, columns.0))
}

pub(super) fn avro(sample: &Sample) -> Result<Layout, String> {
    let mut file = AvroFile::open(plain(sample)?).map_err(|error| with_causes(&error))?;
    let mut columns = Columns::default();
    while let Some(record) = file.next_record().map_err(|error| with_causes(&error))? {
        let members: Members = serde_json::from_slice(&record).map_err(|error| error.to_string())?;
        columns.see(members);
    }
    if columns.0.is_empty() {
        return Err("it has no records; a sample needs one at least".to_owned());
    }
    Ok(layout(Shape::Avro, Encoding::Utf8, columns.0))
}

pub(super) fn columnar(sample: &Sample, shape: Shape) -> Result<Layout, String> {
    let format = match shape {
        Shape::Orc => ColumnarFormat::Orc,
        _ => ColumnarFormat::Parquet,
    };
    let mut file = ColumnarFile::open(plain(sample)?, format).map_err(|error| with_causes(&error))?;
    let mut columns = file
        .columns()
        .iter()
        .map(|column| {
            Ok(SampledColumn {
                name: column.name.clone(),
                evidence: Evidence::declared(declared(column)?),
                width: None,
            })
        })
        .collect::<Result<Vec<_>, String>>()?;
    let texts: Vec<usize> = (0..columns.len())
        .filter(|place| matches!(file.columns()[*place].kind, ValueKind::Text | ValueKind::Null))
        .collect();
    let mut value = Vec::new();
    while let Some(rows) = file.next_rows().map_err(|error| with_causes(&error))? {
        for row in 0..rows.len() {
            for place in &texts {
                value.clear();
                if rows
                    .write(*place, row, &mut value)
                    .map_err(|error| with_causes(&error))?
                {
                    columns[*place]
                        .evidence
                        .see_text(&String::from_utf8_lossy(&value));
                }
            }
        }
    }
    Ok(layout(shape, Encoding::Utf8, columns))
}

/// What the file says of a column; the file is right about that, whatever its values look like.
fn declared(column: &FileColumn) -> Result<ColumnType, String> {
    let kind = match column.kind {
        ValueKind::Integer => match column.type_name.as_str() {
            "Int8" | "Int16" | "Int32" | "UInt8" | "UInt16" => ColumnType::Int,
            _ => ColumnType::Bigint,
        },
        ValueKind::Decimal => return decimal(column),
        ValueKind::Float => ColumnType::Float,
        ValueKind::Boolean => ColumnType::Boolean,
        ValueKind::Text | ValueKind::Null => ColumnType::Varchar(0),
        ValueKind::Date => ColumnType::Date,
        ValueKind::Timestamp => ColumnType::Timestamp,
        ValueKind::Binary | ValueKind::Time | ValueKind::Nested => {
            return Err(format!(
                "column {:?} is {}, which a rule loads from such a file into no column; have the sender leave it out, or write it as text",
                column.name, column.type_name
            ));
        }
    };
    Ok(kind)
}

/// `Decimal128(10, 2)`.
fn decimal(column: &FileColumn) -> Result<ColumnType, String> {
    let numbers = column
        .type_name
        .split_once('(')
        .map(|(_, numbers)| numbers.trim_end_matches(')'));
    let parsed = numbers
        .and_then(|numbers| numbers.split_once(','))
        .and_then(|(digits, scale)| Some((digits.trim().parse().ok()?, scale.trim().parse().ok()?)));
    match parsed {
        Some((digits, scale)) if (1..=38).contains(&digits) => Ok(ColumnType::Decimal(digits, scale)),
        _ => Err(format!(
            "column {:?} is {}, which is wider than the 38 digits of a DECIMAL",
            column.name, column.type_name
        )),
    }
}

/// COPY does not unpack such files: they are compressed within.
fn plain(sample: &Sample) -> Result<File, String> {
    match sample.compression {
        Compression::None => File::open(&sample.path).map_err(|error| format!("it cannot be read: {error}")),
        _ => Err(
            "it is compressed as a whole, and COPY reads such files only when they are compressed within"
                .to_owned(),
        ),
    }
}
