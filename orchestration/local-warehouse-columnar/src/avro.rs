//! An Avro container file, each record as a JSON object.

use std::fs::File;
use std::io::{BufReader, Seek as _};

use apache_avro::types::Value;
use apache_avro::{Reader, Schema};
use serde_json::{Map, Number, Value as Json};

use crate::ColumnarError;
use crate::avro_limits::{check_blocks, check_schema};

/// An open Avro file.
pub struct AvroFile {
    reader: Reader<'static, BufReader<File>>,
}

impl std::fmt::Debug for AvroFile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("AvroFile").finish_non_exhaustive()
    }
}

impl AvroFile {
    /// Reads the header, which holds the schema, and how many records each block says to have.
    ///
    /// # Errors
    /// [`ColumnarError`] when it is no Avro file, its schema is no record, or a record or a block of it has no bound.
    pub fn open(mut file: File) -> Result<Self, ColumnarError> {
        check_blocks(&file)?;
        file.rewind().map_err(ColumnarError::AvroUnseekable)?;
        let reader = Reader::new(BufReader::new(file)).map_err(unreadable)?;
        let schema = reader.writer_schema();
        if !matches!(schema, Schema::Record(_)) {
            return Err(ColumnarError::AvroNoRecord);
        }
        check_schema(schema)?;
        Ok(Self { reader })
    }

    /// The next record as a JSON object; None at the end.
    ///
    /// Logical types are those that they are stored as, bytes are text of one character per byte, as Avro's own JSON has them.
    ///
    /// # Errors
    /// [`ColumnarError`] when this part of the file is damaged.
    pub fn next_record(&mut self) -> Result<Option<Vec<u8>>, ColumnarError> {
        match self.reader.next() {
            None => Ok(None),
            Some(Ok(value)) => Ok(Some(json(value).to_string().into_bytes())),
            Some(Err(error)) => Err(unreadable(error)),
        }
    }
}

fn unreadable(error: apache_avro::Error) -> ColumnarError {
    ColumnarError::AvroUnreadable(Box::new(error))
}

fn json(value: Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Boolean(truth) => Json::Bool(truth),
        Value::Int(number) | Value::Date(number) | Value::TimeMillis(number) => Json::from(number),
        Value::Long(number)
        | Value::TimeMicros(number)
        | Value::TimestampMillis(number)
        | Value::TimestampMicros(number)
        | Value::TimestampNanos(number)
        | Value::LocalTimestampMillis(number)
        | Value::LocalTimestampMicros(number)
        | Value::LocalTimestampNanos(number) => Json::from(number),
        // By its shortest text: as a double, 0.1 would become 0.10000000149011612.
        Value::Float(number) => float(number.to_string().parse().unwrap_or(f64::from(number))),
        Value::Double(number) => float(number),
        Value::Bytes(bytes) | Value::Fixed(_, bytes) => text(&bytes),
        Value::Decimal(decimal) => Vec::<u8>::try_from(decimal).map_or(Json::Null, |bytes| text(&bytes)),
        Value::BigDecimal(decimal) => Json::String(decimal.to_string()),
        Value::Duration(duration) => text(&<[u8; 12]>::from(duration)),
        Value::Uuid(uuid) => Json::String(uuid.to_string()),
        Value::String(text) | Value::Enum(_, text) => Json::String(text),
        Value::Union(_, inner) => json(*inner),
        Value::Array(items) => Json::Array(items.into_iter().map(json).collect()),
        Value::Map(members) => {
            let members = members.into_iter().map(|(name, value)| (name, json(value)));
            Json::Object(members.collect::<Map<_, _>>())
        }
        Value::Record(fields) => {
            let fields = fields.into_iter().map(|(name, value)| (name, json(value)));
            Json::Object(fields.collect::<Map<_, _>>())
        }
    }
}

/// What JSON has no number for is a string, which a FLOAT column takes too.
fn float(number: f64) -> Json {
    Number::from_f64(number).map_or_else(|| Json::String(number.to_string()), Json::Number)
}

fn text(bytes: &[u8]) -> Json {
    Json::String(bytes.iter().map(|byte| char::from(*byte)).collect())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use apache_avro::{Codec, DeflateSettings, Writer};

    use super::*;

    const SCHEMA: &str = r#"{"type": "record", "name": "r", "fields": [
        {"name": "id", "type": "long"},
        {"name": "name", "type": ["null", "string"]},
        {"name": "on", "type": {"type": "int", "logicalType": "date"}},
        {"name": "kind", "type": {"type": "enum", "name": "k", "symbols": ["a", "b"]}},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "rate", "type": "float"}
    ]}"#;

    fn written(codec: Codec) -> File {
        let schema = Schema::parse_str(SCHEMA).unwrap();
        let mut writer = Writer::with_codec(&schema, Vec::new(), codec).unwrap();
        for id in 0..3 {
            let record = Value::Record(vec![
                ("id".to_owned(), Value::Long(id)),
                (
                    "name".to_owned(),
                    if id == 1 {
                        Value::Union(0, Box::new(Value::Null))
                    } else {
                        Value::Union(1, Box::new(Value::String("ä\n".to_owned())))
                    },
                ),
                ("on".to_owned(), Value::Date(16_723)),
                ("kind".to_owned(), Value::Enum(1, "b".to_owned())),
                (
                    "tags".to_owned(),
                    Value::Array(vec![Value::String("x".to_owned())]),
                ),
                ("rate".to_owned(), Value::Float(0.1)),
            ]);
            writer.append_value(record).unwrap();
        }
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&writer.into_inner().unwrap()).unwrap();
        file.rewind().unwrap();
        file
    }

    #[test]
    fn records_of_every_codec_become_objects() {
        for codec in [
            Codec::Null,
            Codec::Deflate(DeflateSettings::default()),
            Codec::Snappy,
        ] {
            let mut file = AvroFile::open(written(codec)).unwrap();
            let mut records = Vec::new();
            while let Some(record) = file.next_record().unwrap() {
                records.push(String::from_utf8(record).unwrap());
            }
            assert_eq!(records.len(), 3, "{codec:?}");
            let second: Json = serde_json::from_str(&records[1]).unwrap();
            let expected = serde_json::json!({"id": 1, "name": null, "on": 16723, "kind": "b", "tags": ["x"], "rate": 0.1});
            assert_eq!(second, expected, "{codec:?}");
        }
    }

    /// A container with one block of no bytes.
    fn container(schema: &str, records: i64) -> File {
        let number = |number: i64, out: &mut Vec<u8>| {
            let mut zigzag = (number << 1) ^ (number >> 63);
            while zigzag > 0x7f {
                out.push((zigzag & 0x7f) as u8 | 0x80);
                zigzag >>= 7;
            }
            out.push(zigzag as u8);
        };
        let mut bytes = b"Obj\x01".to_vec();
        number(1, &mut bytes);
        for text in ["avro.schema", schema] {
            number(text.len() as i64, &mut bytes);
            bytes.extend(text.as_bytes());
        }
        number(0, &mut bytes);
        bytes.extend([7; 16]);
        number(records, &mut bytes);
        number(0, &mut bytes);
        bytes.extend([7; 16]);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        file.rewind().unwrap();
        file
    }

    fn refused(schema: &str, records: i64) -> String {
        AvroFile::open(container(schema, records))
            .unwrap_err()
            .to_string()
    }

    const NOTHING: &str = r#"{"type":"record","name":"n","fields":[{"name":"a","type":"null"}]}"#;

    #[test]
    fn a_record_that_contains_itself_is_refused() {
        for within in [
            r#""r""#,
            r#"["null","r"]"#,
            r#"{"type":"array","items":"r"}"#,
            r#"{"type":"record","name":"s","fields":[{"name":"b","type":"r"}]}"#,
        ] {
            let schema =
                format!(r#"{{"type":"record","name":"r","fields":[{{"name":"a","type":{within}}}]}}"#);
            assert!(
                refused(&schema, 1).contains("the Avro record r contains itself"),
                "{schema}"
            );
        }
    }

    /// Each record has two of the one before: few lines, and values without end.
    #[test]
    fn a_schema_that_grows_by_its_references_is_refused() {
        let mut fields = vec![r#"{"name":"f0","type":{"type":"record","name":"r0","fields":[]}}"#.to_owned()];
        for place in 1..40 {
            let before = place - 1;
            fields.push(format!(
                r#"{{"name":"f{place}","type":{{"type":"record","name":"r{place}","fields":[
                    {{"name":"a","type":"r{before}"}},{{"name":"b","type":"r{before}"}}]}}}}"#
            ));
        }
        let schema = format!(
            r#"{{"type":"record","name":"r","fields":[{}]}}"#,
            fields.join(",")
        );
        assert!(refused(&schema, 1).contains("more than 64 levels or 100000 values"));
        let twice = format!(
            r#"{{"type":"record","name":"r","fields":[{}]}}"#,
            fields[..3].join(",")
        );
        assert!(
            AvroFile::open(container(&twice, 0)).is_ok(),
            "a type may be used again"
        );
    }

    #[test]
    fn a_block_of_more_records_than_it_has_room_for_is_refused() {
        assert_eq!(
            refused(NOTHING, 1 << 40),
            "a block of the Avro file says that 1099511627776 records are in its 0 bytes"
        );
        let mut file = AvroFile::open(container(NOTHING, 3)).unwrap();
        let mut records = 0;
        while file.next_record().unwrap().is_some() {
            records += 1;
        }
        assert_eq!(records, 3);
    }

    #[test]
    fn what_is_no_container_is_refused() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"Obj\x01nonsense").unwrap();
        file.rewind().unwrap();
        assert!(AvroFile::open(file).is_err());
    }
}
