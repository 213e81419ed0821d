//! What the reader of Avro files does not guard itself against: schemas and counts that a few bytes make endless.
//!
//! It decodes a record by calling itself for each field, so a schema of unbounded depth ends the whole process; and it decodes values
//! of no length as often as a block says there are records.

use std::collections::HashMap;
use std::io::{self, BufReader, ErrorKind, Read, Seek};

use apache_avro::Schema;
use apache_avro::schema::RecordSchema;

use crate::ColumnarError;

/// Levels of a schema. Readers of JSON give up at 128 levels, and a table has no use for more than a few.
const MOST_LEVELS: usize = 64;
/// Values of one record beside those that arrays and maps repeat.
const MOST_VALUES: usize = 100_000;
/// Records that a block may have for each of its bytes: compression makes one byte of very many.
const RECORDS_PER_BYTE: u64 = 4_096;
/// Records that any block may have, be they of no length at all.
const RECORDS_OF_NO_LENGTH: u64 = 65_536;
const MARKER_BYTES: i64 = 16;

/// How large a value of a schema is at least.
#[derive(Debug, Clone, Copy)]
struct Extent {
    levels: usize,
    values: usize,
}

impl Extent {
    const ONE: Self = Self { levels: 1, values: 1 };

    fn around(self) -> Self {
        Self {
            levels: self.levels + 1,
            ..self
        }
    }
}

/// Refuses a schema whose records cannot be bounded. A record that contains itself is one even where an end is possible, as in a linked
/// list: how deep it goes is up to the data then.
pub(crate) fn check_schema(schema: &Schema) -> Result<(), ColumnarError> {
    Walk::default().extent(schema, None).map(|_| ())
}

/// Named types met so far; those that are being looked at have no extent yet.
#[derive(Default)]
struct Walk {
    named: HashMap<String, Option<Extent>>,
}

impl Walk {
    fn extent(&mut self, schema: &Schema, namespace: Option<&str>) -> Result<Extent, ColumnarError> {
        let extent = match schema {
            Schema::Record(record) => self.record(record, namespace)?,
            Schema::Array(array) => self.extent(&array.items, namespace)?.around(),
            Schema::Map(map) => self.extent(&map.types, namespace)?.around(),
            Schema::Union(union) => {
                let mut widest = Extent::ONE;
                for variant in union.variants() {
                    let extent = self.extent(variant, namespace)?;
                    widest.levels = widest.levels.max(extent.levels);
                    widest.values = widest.values.max(extent.values);
                }
                widest.around()
            }
            Schema::Ref { name } => {
                let name = name.fullname(namespace);
                match self.named.get(&name) {
                    Some(Some(extent)) => *extent,
                    Some(None) => return Err(ColumnarError::AvroContainsItself { name }),
                    // An enum or a fixed.
                    None => Extent::ONE,
                }
            }
            _ => Extent::ONE,
        };
        if extent.levels > MOST_LEVELS || extent.values > MOST_VALUES {
            return Err(ColumnarError::AvroTooWide {
                most_levels: MOST_LEVELS,
                most_values: MOST_VALUES,
            });
        }
        Ok(extent)
    }

    fn record(&mut self, record: &RecordSchema, namespace: Option<&str>) -> Result<Extent, ColumnarError> {
        let name = record.name.fully_qualified_name(namespace);
        self.named.insert(name.fullname(None), None);
        let mut extent = Extent::ONE;
        for field in &record.fields {
            let of_field = self.extent(&field.schema, name.namespace())?;
            extent.levels = extent.levels.max(of_field.levels + 1);
            extent.values = extent.values.saturating_add(of_field.values);
        }
        self.named.insert(name.fullname(None), Some(extent));
        Ok(extent)
    }
}

/// Refuses blocks of more records than their bytes can hold. Goes from block to block without reading them; what is damaged is left to
/// the reader, which says so better.
pub(crate) fn check_blocks(file: impl Read + Seek) -> Result<(), ColumnarError> {
    match Frames(BufReader::new(file)).check() {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(()),
        Err(error) => Err(ColumnarError::AvroUnseekable(error)),
        Ok(None) => Ok(()),
        Ok(Some((records, bytes))) => Err(ColumnarError::AvroTooManyRecords { records, bytes }),
    }
}

struct Frames<R>(BufReader<R>);

impl<R: Read + Seek> Frames<R> {
    /// The first block that has too many, with its bytes. Ends with an error where the file ends.
    fn check(&mut self) -> io::Result<Option<(u64, u64)>> {
        self.0.read_exact(&mut [0; 4])?;
        self.skip_metadata()?;
        self.skip(MARKER_BYTES)?;
        loop {
            let (records, bytes) = (self.number()?, self.number()?);
            let (Ok(records), Ok(bytes)) = (u64::try_from(records), u64::try_from(bytes)) else {
                return Ok(None);
            };
            let most = bytes
                .saturating_mul(RECORDS_PER_BYTE)
                .saturating_add(RECORDS_OF_NO_LENGTH);
            if records > most {
                return Ok(Some((records, bytes)));
            }
            self.skip(i64::try_from(bytes).unwrap_or(i64::MAX))?;
            self.skip(MARKER_BYTES)?;
        }
    }

    /// A map from texts to bytes, in blocks; one whose count is negative says its bytes beside it.
    fn skip_metadata(&mut self) -> io::Result<()> {
        loop {
            match self.number()? {
                0 => return Ok(()),
                count if count < 0 => {
                    let bytes = self.number()?;
                    self.skip(bytes)?;
                }
                count => {
                    for _ in 0..count.saturating_mul(2) {
                        let bytes = self.number()?;
                        self.skip(bytes)?;
                    }
                }
            }
        }
    }

    /// Beyond the end of the file nothing is found, so that is told by whoever reads there.
    fn skip(&mut self, bytes: i64) -> io::Result<()> {
        if bytes < 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.0.seek_relative(bytes)
    }

    /// A zigzag number of variable length.
    fn number(&mut self) -> io::Result<i64> {
        let mut zigzag = 0_u64;
        for shift in (0..64).step_by(7) {
            let mut byte = [0];
            self.0.read_exact(&mut byte)?;
            zigzag |= u64::from(byte[0] & 0x7f) << shift;
            if byte[0] & 0x80 == 0 {
                return Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed());
            }
        }
        Err(ErrorKind::UnexpectedEof.into())
    }
}
