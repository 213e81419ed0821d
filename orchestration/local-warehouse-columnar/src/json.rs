//! Nested values as JSON, for SUPER columns.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

use crate::ColumnarError;
use crate::kind::{ValueKind, kind_of};
use crate::values::writer_of;

/// Adds a struct, a list or a map as JSON.
pub(crate) fn write_json(array: &dyn Array, row: usize, out: &mut Vec<u8>) -> Result<(), ColumnarError> {
    match array.data_type() {
        DataType::Struct(fields) => {
            let array = array.as_struct();
            let members = fields
                .iter()
                .map(|field| field.name().as_str())
                .zip(array.columns());
            write_object(members.map(|(name, values)| (name.to_owned(), values, row)), out)
        }
        DataType::List(_) => write_list(&array.as_list::<i32>().value(row), out),
        DataType::LargeList(_) => write_list(&array.as_list::<i64>().value(row), out),
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let mut members = Vec::new();
            for entry in 0..entries.len() {
                members.push((plain_text(entries.column(0), entry)?, entries.column(1), entry));
            }
            write_object(members.into_iter(), out)
        }
        _ => write_scalar(array, row, out),
    }
}

fn write_object<'a>(
    members: impl Iterator<Item = (String, &'a ArrayRef, usize)>,
    out: &mut Vec<u8>,
) -> Result<(), ColumnarError> {
    out.push(b'{');
    for (place, (name, values, row)) in members.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_string(&name, out);
        out.push(b':');
        write_member(values.as_ref(), row, out)?;
    }
    out.push(b'}');
    Ok(())
}

fn write_list(values: &ArrayRef, out: &mut Vec<u8>) -> Result<(), ColumnarError> {
    out.push(b'[');
    for row in 0..values.len() {
        if row > 0 {
            out.push(b',');
        }
        write_member(values.as_ref(), row, out)?;
    }
    out.push(b']');
    Ok(())
}

fn write_member(array: &dyn Array, row: usize, out: &mut Vec<u8>) -> Result<(), ColumnarError> {
    if array.is_null(row) {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    write_json(array, row, out)
}

/// Numbers and truth values as they are, anything else as a string.
fn write_scalar(array: &dyn Array, row: usize, out: &mut Vec<u8>) -> Result<(), ColumnarError> {
    let start = out.len();
    let text = text_of(array, row)?;
    let is_bare = match kind_of(array.data_type()) {
        Some(ValueKind::Integer | ValueKind::Decimal | ValueKind::Boolean) => true,
        // JSON has no infinity.
        Some(ValueKind::Float) => text.last().is_some_and(u8::is_ascii_digit),
        _ => false,
    };
    if is_bare {
        out.extend_from_slice(&text);
    } else {
        write_string(&String::from_utf8_lossy(&text), out);
    }
    debug_assert!(out.len() > start);
    Ok(())
}

fn plain_text(array: &ArrayRef, row: usize) -> Result<String, ColumnarError> {
    Ok(String::from_utf8_lossy(&text_of(array.as_ref(), row)?).into_owned())
}

fn text_of(array: &dyn Array, row: usize) -> Result<Vec<u8>, ColumnarError> {
    let writer = writer_of(array.data_type()).ok_or_else(|| ColumnarError::TypeUnknown {
        column: "of a nested value".to_owned(),
        found: array.data_type().to_string(),
    })?;
    let mut text = Vec::new();
    writer(array, row, &mut text)?;
    Ok(text)
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
}
