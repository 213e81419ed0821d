//! What a file says of its columns.

use arrow_schema::DataType;

/// What the values of a column are, as far as it decides which columns of a table can take them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// Whole numbers of any width.
    Integer,
    /// Exact numbers with a scale.
    Decimal,
    /// Floating point numbers.
    Float,
    /// Truth values.
    Boolean,
    /// Text.
    Text,
    /// Bytes that need not be text.
    Binary,
    /// Days.
    Date,
    /// Times of day.
    Time,
    /// Moments.
    Timestamp,
    /// Structs, lists and maps, which come out as JSON.
    Nested,
    /// Nulls alone.
    Null,
}

/// One column of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileColumn {
    /// Its name in the file.
    pub name: String,
    /// What its values are.
    pub kind: ValueKind,
    /// Its type in words, for messages.
    pub type_name: String,
}

/// The kind of a type; None for one that no column takes.
pub(crate) fn kind_of(data_type: &DataType) -> Option<ValueKind> {
    use DataType::*;
    Some(match data_type {
        Null => ValueKind::Null,
        Boolean => ValueKind::Boolean,
        Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 => ValueKind::Integer,
        Float32 | Float64 => ValueKind::Float,
        Decimal128(..) | Decimal256(..) => ValueKind::Decimal,
        Utf8 | LargeUtf8 => ValueKind::Text,
        Binary | LargeBinary | FixedSizeBinary(_) => ValueKind::Binary,
        Date32 => ValueKind::Date,
        Time32(_) | Time64(_) => ValueKind::Time,
        Timestamp(..) => ValueKind::Timestamp,
        Struct(_) | List(_) | LargeList(_) | Map(..) => ValueKind::Nested,
        _ => return None,
    })
}
