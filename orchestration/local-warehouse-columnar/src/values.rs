//! The values of one column in one batch, each as text.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::*;
use arrow_array::{Array, ArrayRef, GenericByteArray, PrimitiveArray};
use arrow_schema::{DataType, TimeUnit};

use crate::ColumnarError;
use crate::json::write_json;
use crate::text::{write_date, write_time, write_timestamp};

/// A column of a batch; its type is looked at once, not per value.
#[derive(Debug)]
pub(crate) struct Values {
    array: ArrayRef,
    writer: fn(&dyn Array, usize, &mut Vec<u8>) -> Result<(), ColumnarError>,
}

impl Values {
    /// A column; its name is for the message when nothing can be made of it.
    pub(crate) fn new(array: &ArrayRef, column: &str) -> Result<Self, ColumnarError> {
        let writer = writer_of(array.data_type()).ok_or_else(|| ColumnarError::TypeUnknown {
            column: column.to_owned(),
            found: array.data_type().to_string(),
        })?;
        Ok(Self {
            array: Arc::clone(array),
            writer,
        })
    }

    /// Adds the text of a value; false for null.
    pub(crate) fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<bool, ColumnarError> {
        if self.array.is_null(row) || *self.array.data_type() == DataType::Null {
            return Ok(false);
        }
        (self.writer)(self.array.as_ref(), row, out)?;
        Ok(true)
    }
}

type Writer = fn(&dyn Array, usize, &mut Vec<u8>) -> Result<(), ColumnarError>;

/// What writes values of a type; None for one that no table can take.
pub(crate) fn writer_of(data_type: &DataType) -> Option<Writer> {
    use DataType::*;
    Some(match data_type {
        Null => |_, _, _| Ok(()),
        Boolean => |array, row, out| {
            let text: &[u8] = if array.as_boolean().value(row) {
                b"true"
            } else {
                b"false"
            };
            out.extend_from_slice(text);
            Ok(())
        },
        Int8 => integer::<Int8Type>,
        Int16 => integer::<Int16Type>,
        Int32 => integer::<Int32Type>,
        Int64 => integer::<Int64Type>,
        UInt8 => integer::<UInt8Type>,
        UInt16 => integer::<UInt16Type>,
        UInt32 => integer::<UInt32Type>,
        UInt64 => integer::<UInt64Type>,
        Float32 => |array, row, out| display(array.as_primitive::<Float32Type>().value(row), out),
        Float64 => |array, row, out| display(array.as_primitive::<Float64Type>().value(row), out),
        Decimal128(..) => {
            |array, row, out| display(array.as_primitive::<Decimal128Type>().value_as_string(row), out)
        }
        Decimal256(..) => {
            |array, row, out| display(array.as_primitive::<Decimal256Type>().value_as_string(row), out)
        }
        Utf8 => bytes::<Utf8Type>,
        LargeUtf8 => bytes::<LargeUtf8Type>,
        Binary => bytes::<BinaryType>,
        LargeBinary => bytes::<LargeBinaryType>,
        FixedSizeBinary(_) => |array, row, out| {
            out.extend_from_slice(array.as_fixed_size_binary().value(row));
            Ok(())
        },
        Date32 => |array, row, out| {
            write_date(i64::from(array.as_primitive::<Date32Type>().value(row)), out);
            Ok(())
        },
        Time32(TimeUnit::Second) => |array, row, out| time::<Time32SecondType>(array, row, out, 1_000_000, 1),
        Time32(_) => |array, row, out| time::<Time32MillisecondType>(array, row, out, 1000, 1),
        Time64(TimeUnit::Microsecond) => {
            |array, row, out| time::<Time64MicrosecondType>(array, row, out, 1, 1)
        }
        Time64(_) => |array, row, out| time::<Time64NanosecondType>(array, row, out, 1, 1000),
        Timestamp(TimeUnit::Second, _) => |array, row, out| {
            moment(
                array
                    .as_primitive::<TimestampSecondType>()
                    .value(row)
                    .saturating_mul(1_000_000),
                out,
            )
        },
        Timestamp(TimeUnit::Millisecond, _) => |array, row, out| {
            moment(
                array
                    .as_primitive::<TimestampMillisecondType>()
                    .value(row)
                    .saturating_mul(1000),
                out,
            )
        },
        Timestamp(TimeUnit::Microsecond, _) => {
            |array, row, out| moment(array.as_primitive::<TimestampMicrosecondType>().value(row), out)
        }
        Timestamp(TimeUnit::Nanosecond, _) => |array, row, out| {
            moment(
                array
                    .as_primitive::<TimestampNanosecondType>()
                    .value(row)
                    .div_euclid(1000),
                out,
            )
        },
        Struct(_) | List(_) | LargeList(_) | Map(..) => write_json,
        _ => return None,
    })
}

fn integer<T>(array: &dyn Array, row: usize, out: &mut Vec<u8>) -> Result<(), ColumnarError>
where
    T: ArrowPrimitiveType,
    T::Native: itoa::Integer,
{
    let array: &PrimitiveArray<T> = array.as_primitive();
    out.extend_from_slice(itoa::Buffer::new().format(array.value(row)).as_bytes());
    Ok(())
}

fn bytes<T: ByteArrayType>(array: &dyn Array, row: usize, out: &mut Vec<u8>) -> Result<(), ColumnarError> {
    let array: &GenericByteArray<T> = array.as_bytes();
    out.extend_from_slice(array.value(row).as_ref());
    Ok(())
}

fn display(value: impl std::fmt::Display, out: &mut Vec<u8>) -> Result<(), ColumnarError> {
    out.extend_from_slice(value.to_string().as_bytes());
    Ok(())
}

/// A time of day whose unit is `times / parts` microseconds.
fn time<T>(
    array: &dyn Array,
    row: usize,
    out: &mut Vec<u8>,
    times: i64,
    parts: i64,
) -> Result<(), ColumnarError>
where
    T: ArrowPrimitiveType,
    T::Native: Into<i64>,
{
    let value: i64 = array.as_primitive::<T>().value(row).into();
    write_time(value.saturating_mul(times) / parts, out);
    Ok(())
}

fn moment(micros: i64, out: &mut Vec<u8>) -> Result<(), ColumnarError> {
    write_timestamp(micros, out);
    Ok(())
}
