//! Fields of JSON records: by key, or by paths.

use std::collections::HashMap;

use serde_json::value::RawValue;

use super::fields::{FieldKind, FieldReader, Fields, Uncut};
use super::report::RowError;

type Object<'a> = HashMap<std::borrow::Cow<'a, str>, &'a RawValue>;

/// A column that takes JSON values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct JsonColumn {
    /// Its name, which is the key under `'auto'`.
    pub(super) name: String,
    /// Whether it keeps JSON as it is, instead of the text of a value.
    pub(super) is_super: bool,
}

/// JSON `'noshred'`: the record is the value.
pub(super) struct JsonWhole;

impl FieldReader for JsonWhole {
    fn read(&mut self, record: &[u8], fields: &mut Fields) -> Result<(), Uncut> {
        fields.clear();
        let text = utf8(record)?;
        serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|error| RowError::bad_json(&error))?;
        fields.push(record, FieldKind::Json, 0);
        Ok(())
    }
}

/// JSON `'auto'` and `'auto ignorecase'`: the fields are the target columns in their order.
pub(super) struct JsonByKey {
    pub(super) columns: Vec<JsonColumn>,
    pub(super) ignores_case: bool,
}

impl FieldReader for JsonByKey {
    fn read(&mut self, record: &[u8], fields: &mut Fields) -> Result<(), Uncut> {
        fields.clear();
        let text = utf8(record)?;
        let object: Object<'_> = serde_json::from_str(text).map_err(|error| RowError::bad_json(&error))?;
        for column in &self.columns {
            let value = object
                .get(column.name.as_str())
                .copied()
                .or_else(|| self.in_any_case(&object, &column.name));
            push_value(value, column, fields)?;
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
    columns: Vec<JsonColumn>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

impl JsonByPath {
    /// Reads `{"jsonpaths": ["$.a.b", "$['a'][0]", …]}`; None when the object has another key, for then `'auto'` applies.
    ///
    /// # Errors
    /// What is wrong with the file, as the end of a sentence.
    pub(super) fn parse(file: &[u8], columns: Vec<JsonColumn>) -> Result<Option<Self>, String> {
        let file: serde_json::Value = serde_json::from_slice(file).map_err(|error| error.to_string())?;
        let Some(file) = file.as_object() else {
            return Err("it must be a single JSON object".to_owned());
        };
        let Some(paths) = file.get("jsonpaths") else {
            return Ok(None);
        };
        let Some(paths) = paths.as_array() else {
            return Err("'jsonpaths' object is not a valid array".to_owned());
        };
        let path = |value: &serde_json::Value| {
            let text = value.as_str().unwrap_or_default();
            parse_path(text).ok_or_else(|| format!("Invalid JSONPath format: {value}"))
        };
        let paths = paths.iter().map(path).collect::<Result<_, _>>()?;
        Ok(Some(Self { paths, columns }))
    }

    /// How many paths there are.
    pub(super) fn len(&self) -> usize {
        self.paths.len()
    }
}

impl FieldReader for JsonByPath {
    fn read(&mut self, record: &[u8], fields: &mut Fields) -> Result<(), Uncut> {
        fields.clear();
        let text = utf8(record)?;
        let root: &RawValue = serde_json::from_str(text).map_err(|error| RowError::bad_json(&error))?;
        for (path, column) in self.paths.iter().zip(&self.columns) {
            push_value(follow(root, path)?, column, fields)?;
        }
        Ok(())
    }
}

/// A key that is not there is null, an element that is not there is an error.
fn follow<'a>(root: &'a RawValue, path: &[Step]) -> Result<Option<&'a RawValue>, RowError> {
    let mut value = root;
    for step in path {
        let next = match step {
            Step::Key(key) => {
                let object = serde_json::from_str::<Object<'a>>(value.get()).ok();
                object.and_then(|object| object.get(key.as_str()).copied())
            }
            Step::Index(index) => {
                let array = serde_json::from_str::<Vec<&'a RawValue>>(value.get()).ok();
                let element = array.and_then(|array| array.get(*index).copied());
                Some(element.ok_or_else(RowError::bad_index)?)
            }
        };
        let Some(next) = next else {
            return Ok(None);
        };
        value = next;
    }
    Ok(Some(value))
}

/// `$.a.b[0]` or `$['a']['b'][0]`: keys in brackets and keys after dots cannot be mixed.
fn parse_path(text: &str) -> Option<Vec<Step>> {
    let mut rest = text.trim().strip_prefix('$')?;
    let mut steps = Vec::new();
    let has_dots = rest.starts_with('.');
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
                Some(_) if has_dots => return None,
                Some(key) => Step::Key(key.to_owned()),
                None => Step::Index(inside.parse().ok()?),
            });
            rest = tail;
        }
    }
    (!steps.is_empty()).then_some(steps)
}

/// Text as its characters, numbers as they are written, objects and arrays as JSON.
fn push_value(value: Option<&RawValue>, column: &JsonColumn, fields: &mut Fields) -> Result<(), RowError> {
    match value.map(RawValue::get) {
        None | Some("null") => fields.push(b"", FieldKind::Null, 0),
        Some(text) if column.is_super => fields.push(text.as_bytes(), FieldKind::Json, 0),
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
            let field = fields.get(record.as_bytes(), index).unwrap();
            (field.kind != FieldKind::Null).then(|| String::from_utf8_lossy(field.bytes).into_owned())
        };
        (0..fields.len()).map(text).collect()
    }

    fn columns(names: &[&str]) -> Vec<JsonColumn> {
        let column = |name: &&str| JsonColumn {
            name: (*name).to_owned(),
            is_super: *name == "super",
        };
        names.iter().map(column).collect()
    }

    fn some(texts: &[&str]) -> Vec<Option<String>> {
        texts.iter().map(|text| Some((*text).to_owned())).collect()
    }

    #[test]
    fn keys_find_their_columns() {
        let columns = columns(&["a", "b"]);
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
        let paths = br#"{"jsonpaths": ["$.a.b", "$['c'][1]", "$.none"]}"#;
        let mut reader = JsonByPath::parse(paths, columns(&["x", "y", "z"]))
            .unwrap()
            .unwrap();
        let expected = [Some("1".to_owned()), Some("3".to_owned()), None];
        assert_eq!(values(&mut reader, r#"{"a": {"b": 1}, "c": [2, 3]}"#), expected);
        let error = reader.read(br#"{"c": [2]}"#, &mut Fields::default()).unwrap_err();
        assert_eq!(error, Uncut::Record(RowError::bad_index()));
    }

    #[test]
    fn a_paths_file_that_the_manual_forbids_is_refused() {
        for file in [
            "[]",
            r#"{"jsonpaths": {}}"#,
            r#"{"jsonpaths": ["a"]}"#,
            r#"{"jsonpaths": [""]}"#,
            r#"{"jsonpaths": [1]}"#,
            r#"{"jsonpaths": ["$.a['b']"]}"#,
            r#"{"jsonpaths": ["$.a[*]"]}"#,
            r#"{"jsonpaths": ["$.a"]} {}"#,
            r#"{"jsonpaths": ["$.a"]"#,
        ] {
            assert!(
                JsonByPath::parse(file.as_bytes(), columns(&["a"])).is_err(),
                "{file}"
            );
        }
        assert!(
            JsonByPath::parse(b"{}", columns(&["a"])).unwrap().is_none(),
            "another key means 'auto'"
        );
    }

    #[test]
    fn a_super_column_keeps_json_as_it_is() {
        let mut reader = JsonByKey {
            columns: columns(&["super"]),
            ignores_case: false,
        };
        assert_eq!(values(&mut reader, r#"{"super": "12"}"#), some(&["\"12\""]));
        assert_eq!(
            values(&mut JsonWhole, r#"{"super": "12"}"#),
            some(&[r#"{"super": "12"}"#])
        );
    }
}
