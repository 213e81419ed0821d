//! From columns to words of the domain, and back; what does not fit is named, never guessed.

use std::borrow::Cow;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use crate::StoreError;

/// A row together with the table that errors about it name.
pub(crate) struct Reader<'row> {
    pub(crate) row: &'row Row,
    pub(crate) table: &'static str,
}

impl<'row> Reader<'row> {
    pub(crate) fn new(row: &'row Row, table: &'static str) -> Self {
        Self { row, table }
    }

    /// A column as it is.
    pub(crate) fn get<T: FromSql<'row>>(&self, column: &'static str) -> Result<T, StoreError> {
        self.row
            .try_get(column)
            .map_err(|error| self.corrupt(column, chain(&error)))
    }

    /// A count; `bigint` is signed, a count is not.
    pub(crate) fn count(&self, column: &'static str) -> Result<u64, StoreError> {
        let value: i64 = self.get(column)?;
        u64::try_from(value).map_err(|_| self.corrupt(column, format!("{value} is no count")))
    }

    /// A count that may be unknown.
    pub(crate) fn optional_count(&self, column: &'static str) -> Result<Option<u64>, StoreError> {
        let value: Option<i64> = self.get(column)?;
        value.map(|_| self.count(column)).transpose()
    }

    /// An `integer` that counts.
    pub(crate) fn small_count(&self, column: &'static str) -> Result<u32, StoreError> {
        let value: i32 = self.get(column)?;
        u32::try_from(value).map_err(|_| self.corrupt(column, format!("{value} is no count")))
    }

    /// An `integer` that counts, if it is there.
    pub(crate) fn optional_small_count(&self, column: &'static str) -> Result<Option<u32>, StoreError> {
        let value: Option<i32> = self.get(column)?;
        value.map(|_| self.small_count(column)).transpose()
    }

    /// Milliseconds that may be unknown.
    pub(crate) fn duration(&self, column: &'static str) -> Result<Option<Duration>, StoreError> {
        Ok(self.optional_count(column)?.map(Duration::from_millis))
    }

    /// A word from a closed set.
    pub(crate) fn word<T>(
        &self,
        column: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        let word: &str = self.get(column)?;
        parse(word).ok_or_else(|| self.corrupt(column, format!("{word:?} is no word for it")))
    }

    /// A word from a closed set, or nothing.
    pub(crate) fn optional_word<T>(
        &self,
        column: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let word: Option<&str> = self.get(column)?;
        word.map(|_| self.word(column, parse)).transpose()
    }

    /// What a `jsonb` column holds.
    pub(crate) fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        let value: Value = self.get(column)?;
        serde_json::from_value(value).map_err(|error| self.corrupt(column, error.to_string()))
    }

    /// What a `jsonb` column holds, if anything.
    pub(crate) fn optional_json<T: DeserializeOwned>(
        &self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        let value: Option<Value> = self.get(column)?;
        value
            .map(serde_json::from_value)
            .transpose()
            .map_err(|error| self.corrupt(column, error.to_string()))
    }

    pub(crate) fn corrupt(&self, column: &'static str, problem: impl Into<String>) -> StoreError {
        StoreError::Corrupt {
            table: self.table,
            column,
            problem: problem.into(),
        }
    }
}

/// A count for a `bigint` column.
pub(crate) fn bigint(action: &'static str, column: &'static str, value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::CountTooLarge {
        action,
        column,
        value: u128::from(value),
    })
}

/// A count that may be unknown, for a `bigint` column.
pub(crate) fn optional_bigint(
    action: &'static str,
    column: &'static str,
    value: Option<u64>,
) -> Result<Option<i64>, StoreError> {
    value.map(|value| bigint(action, column, value)).transpose()
}

/// A count for an `integer` column.
pub(crate) fn integer(action: &'static str, column: &'static str, value: u32) -> Result<i32, StoreError> {
    i32::try_from(value).map_err(|_| StoreError::CountTooLarge {
        action,
        column,
        value: u128::from(value),
    })
}

/// Whole milliseconds for a `bigint` column.
pub(crate) fn milliseconds(
    action: &'static str,
    column: &'static str,
    duration: Option<Duration>,
) -> Result<Option<i64>, StoreError> {
    let whole = |duration: Duration| {
        i64::try_from(duration.as_millis()).map_err(|_| StoreError::CountTooLarge {
            action,
            column,
            value: duration.as_millis(),
        })
    };
    duration.map(whole).transpose()
}

/// A value for a `jsonb` column.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> Value {
    let value = serde_json::to_value(value).expect("our own types have no map with keys that are not text");
    without_nul(value)
}

/// A text as PostgreSQL can hold it. It has no U+0000, and files have: what they say must not keep their load from being
/// put on record.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    match text.contains('\0') {
        true => Cow::Owned(text.replace('\0', "\u{FFFD}")),
        false => Cow::Borrowed(text),
    }
}

/// A text that may be missing, as PostgreSQL can hold it.
pub(crate) fn optional_text(value: Option<&str>) -> Option<Cow<'_, str>> {
    value.map(text)
}

fn without_nul(value: Value) -> Value {
    match value {
        Value::String(own) => Value::String(text(&own).into_owned()),
        Value::Array(items) => Value::Array(items.into_iter().map(without_nul).collect()),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| (text(&name).into_owned(), without_nul(value)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

/// How many rows a list may give.
pub(crate) fn bounded(limit: u32) -> i64 {
    i64::from(limit.min(crate::LIST_LIMIT))
}

fn chain(error: &tokio_postgres::Error) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |cause| cause.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
