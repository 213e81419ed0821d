//! Fields of JSON records: by key, or by paths.

use std::collections::HashMap;

use serde_json::value::RawValue;

use super::fields::{FieldKind, FieldReader, Fields};
use super::report::RowError;

type Object<'a> = HashMap<std::borrow::Cow<'a, str>, &'a RawValue>;

/// JSON `'auto'` and `'auto ignorecase'`: the fields are the target columns in their order.
pub(super) struct JsonByKey {
    pub(super) columns: Vec<String>,
    pub(super) ignores_case: bool,
}

impl FieldReader for JsonByKey {
    fn read(&mut self, record: &[u8], fields: &mut Fields) -> Result<(), RowError> {
        fields.clear();
        let text = utf8(record)?;
        let object: Object<'_> = serde_json::from_str(text).map_err(|error| RowError::bad_json(&error))?;
        for column in &self.columns {
            let value = object
                .get(column.as_str())
                .copied()
                .or_else(|| self.in_any_case(&object, column));
            push_value(value, fields)?;
        }
        Ok(())
    }
}

impl JsonByKey {
    fn in_any_case<'a>(&self, object: &Object<'a>, column: &str) -> Option<&'a RawValue> {
        let mut keys = object.iter().filter(|_| self.ignores_case);
        keys.find(|(key, _)| key.to_lowercase() == column.to_lowercase())
            .map(|(_, value)| *value)
    }
}

/// JSON with a paths file: one path per target column.
pub(super) struct JsonByPath {
    paths: Vec<Vec<Step>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

impl JsonByPath {
    /// Reads `{"jsonpaths": ["$.a.b", "$['a'][0]", …]}`.
    ///
    /// # Errors
    /// What is wrong with the file, as the end of a sentence.
    pub(super) fn parse(file: &[u8]) -> Result<Self, String> {
        let file: serde_json::Value = serde_json::from_slice(file).map_err(|error| error.to_string())?;
        let Some(paths) = file["jsonpaths"].as_array() else {
            return Err("'jsonpaths' object is not a valid array".to_owned());
        };
        let path = |value: &serde_json::Value| {
            let text = value.as_str().unwrap_or_default();
            parse_path(text).ok_or_else(|| format!("Invalid JSONPath format: {value}"))
        };
        Ok(Self {
            paths: paths.iter().map(path).collect::<Result<_, _>>()?,
        })
    }

    /// How many paths there are.
    pub(super) fn len(&self) -> usize {
        self.paths.len()
    }
}

impl FieldReader for JsonByPath {
    fn read(&mut self, record: &[u8], fields: &mut Fields) -> Result<(), RowError> {
        fields.clear();
        let text = utf8(record)?;
        let root: &RawValue = serde_json::from_str(text).map_err(|error| RowError::bad_json(&error))?;
        for path in &self.paths {
            push_value(follow(root, path), fields)?;
        }
        Ok(())
    }
}

fn follow<'a>(root: &'a RawValue, path: &[Step]) -> Option<&'a RawValue> {
    path.iter().try_fold(root, |value, step| match step {
        Step::Key(key) => serde_json::from_str::<Object<'a>>(value.get())
            .ok()?
            .get(key.as_str())
            .copied(),
        Step::Index(index) => serde_json::from_str::<Vec<&'a RawValue>>(value.get())
            .ok()?
            .get(*index)
            .copied(),
    })
}

/// `$.key`, `$['key']`, `$[0]` and what they make together.
fn parse_path(text: &str) -> Option<Vec<Step>> {
    let mut rest = text.trim().strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(tail) = rest.strip_prefix('.') {
            let end = tail.find(['.', '[']).unwrap_or(tail.len());
            steps.push(Step::Key(
                tail.get(..end).filter(|key| !key.is_empty())?.to_owned(),
            ));
            rest = &tail[end..];
        } else {
            let (inside, tail) = rest.strip_prefix('[')?.split_once(']')?;
            let inside = inside.trim();
            let quoted = inside
                .strip_prefix(['\'', '"'])
                .and_then(|inside| inside.strip_suffix(['\'', '"']));
            steps.push(match quoted {
                Some(key) => Step::Key(key.to_owned()),
                None => Step::Index(inside.parse().ok()?),
            });
            rest = tail;
        }
    }
    Some(steps)
}

/// Text as its characters, numbers as they are written, objects and arrays as JSON.
fn push_value(value: Option<&RawValue>, fields: &mut Fields) -> Result<(), RowError> {
    match value.map(RawValue::get) {
        None | Some("null") => fields.push(b"", FieldKind::Null, 0),
        Some(text) if text.starts_with('"') => {
            let text: String = serde_json::from_str(text).map_err(|error| RowError::bad_json(&error))?;
            fields.push(text.as_bytes(), FieldKind::Quoted, 0);
        }
        Some(text) => fields.push(text.as_bytes(), FieldKind::Quoted, 0),
    }
    Ok(())
}

fn utf8(record: &[u8]) -> Result<&str, RowError> {
    std::str::from_utf8(record).map_err(|error| RowError::invalid_utf8(record, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(reader: &mut dyn FieldReader, record: &str) -> Vec<Option<String>> {
        let mut fields = Fields::default();
        reader.read(record.as_bytes(), &mut fields).unwrap();
        let text = |index| {
            let field = fields.get(index).unwrap();
            (field.kind != FieldKind::Null).then(|| String::from_utf8_lossy(field.bytes).into_owned())
        };
        (0..fields.len()).map(text).collect()
    }

    fn some(texts: &[&str]) -> Vec<Option<String>> {
        texts.iter().map(|text| Some((*text).to_owned())).collect()
    }

    #[test]
    fn keys_find_their_columns() {
        let columns = vec!["a".to_owned(), "b".to_owned()];
        let mut auto = JsonByKey {
            columns: columns.clone(),
            ignores_case: false,
        };
        assert_eq!(
            values(&mut auto, r#"{"b": 1.10, "a": "x\ny", "c": 0}"#),
            some(&["x\ny", "1.10"])
        );
        assert_eq!(values(&mut auto, r#"{"A": 1, "b": null}"#), [None, None]);
        let mut any_case = JsonByKey {
            columns,
            ignores_case: true,
        };
        assert_eq!(
            values(&mut any_case, r#"{"A": {"x": [1]}, "b": true}"#),
            some(&[r#"{"x": [1]}"#, "true"])
        );
    }

    #[test]
    fn paths_find_their_values() {
        let paths = br#"{"jsonpaths": ["$.a.b", "$['c'][1]", "$[0]"]}"#;
        let mut reader = JsonByPath::parse(paths).unwrap();
        assert_eq!(
            values(&mut reader, r#"{"a": {"b": 1}, "c": [2, 3]}"#),
            [Some("1".to_owned()), Some("3".to_owned()), None]
        );
        assert!(JsonByPath::parse(b"{}").is_err());
        assert!(JsonByPath::parse(br#"{"jsonpaths": ["a"]}"#).is_err());
    }
}
