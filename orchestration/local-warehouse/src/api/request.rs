//! The fields of a request, checked as the service model says.

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::ApiError;
use crate::warehouse::{Inner, Place};

/// A statement's id, and which of its texts is meant if it is a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StatementId {
    /// The statement or batch.
    pub(super) id: Uuid,
    /// From 1; None for the whole.
    pub(super) number: Option<usize>,
}

/// The body of a call.
pub(super) struct Request<'a>(&'a Map<String, Value>);

impl<'a> Request<'a> {
    /// A body must be an object, and have no NUL, which no text of a database has.
    pub(super) fn new(body: &'a Value) -> Result<Self, ApiError> {
        if has_nul(body) {
            return Err(ApiError::validation(
                "The request has a NUL character in one of its texts",
            ));
        }
        body.as_object()
            .map(Self)
            .ok_or_else(|| ApiError::validation("The request body is not a JSON object"))
    }

    /// A field that is there and not null.
    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong_type(name, "a string")),
        }
    }

    /// A text that must be there.
    pub(super) fn required_text(&self, name: &str) -> Result<&'a str, ApiError> {
        self.text(name)?.ok_or_else(|| missing(name))
    }

    /// A truth value; false when it is not there.
    pub(super) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.get(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(wrong_type(name, "a boolean")),
        }
    }

    /// A number between two bounds.
    pub(super) fn number(&self, name: &str, least: i64, most: i64) -> Result<Option<i64>, ApiError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        match value.as_i64() {
            Some(number) if (least..=most).contains(&number) => Ok(Some(number)),
            Some(number) => Err(ApiError::validation(format!(
                "Value {number} at '{name}' failed to satisfy constraint: Member must be between {least} and {most}"
            ))),
            None => Err(wrong_type(name, "a number")),
        }
    }

    /// A list of texts that must be there.
    pub(super) fn required_texts(&self, name: &str) -> Result<Vec<String>, ApiError> {
        let Some(list) = self.get(name) else {
            return Err(missing(name));
        };
        let texts = list.as_array().map(|items| {
            items
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect()
        });
        texts
            .flatten()
            .ok_or_else(|| wrong_type(name, "a list of strings"))
    }

    /// `Parameters`, each with a name and a value.
    pub(super) fn check_parameters(&self) -> Result<(), ApiError> {
        let Some(parameters) = self.get("Parameters") else {
            return Ok(());
        };
        let items = parameters
            .as_array()
            .ok_or_else(|| wrong_type("Parameters", "a list"))?;
        if items.is_empty() {
            return Err(too_short("parameters"));
        }
        for item in items {
            let (Some(name), Some(value)) = (item["name"].as_str(), item["value"].as_str()) else {
                return Err(missing("parameters.name and parameters.value"));
            };
            if value.is_empty() {
                return Err(too_short(&format!("parameters.{name}.value")));
            }
            if name.is_empty()
                || !name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            {
                return Err(ApiError::validation(format!(
                    "Value '{name}' at 'parameters.name' failed to satisfy constraint: Member must satisfy regular expression pattern: [0-9a-zA-Z_]+"
                )));
            }
        }
        Ok(())
    }

    /// The cluster and the database that the request names.
    pub(super) fn place(&self, inner: &Inner) -> Result<Place, ApiError> {
        let cluster = self.cluster(inner)?;
        let database = self.required_text("Database")?.to_owned();
        Ok(Place { cluster, database })
    }

    /// The cluster that the request names, if it names one.
    pub(super) fn cluster_if_named(&self, inner: &Inner) -> Result<Option<usize>, ApiError> {
        let is_named = self.get("ClusterIdentifier").is_some() || self.get("WorkgroupName").is_some();
        is_named.then(|| self.cluster(inner)).transpose()
    }

    /// The cluster that the request names, as an index.
    pub(super) fn cluster(&self, inner: &Inner) -> Result<usize, ApiError> {
        let identifier = self.text("ClusterIdentifier")?;
        let workgroup = self.text("WorkgroupName")?;
        let found = match (identifier, workgroup) {
            (Some(_), Some(_)) => {
                return Err(ApiError::validation(
                    "ClusterIdentifier and WorkgroupName cannot be given together; give one of them",
                ));
            }
            (None, None) => {
                return Err(ApiError::validation(
                    "Either ClusterIdentifier or WorkgroupName must be given",
                ));
            }
            (Some(identifier), None) => inner
                .endpoints()
                .position(|endpoint| endpoint.options.identifier == identifier),
            (None, Some(workgroup)) => inner.endpoints().position(|endpoint| {
                endpoint
                    .options
                    .workgroup
                    .as_deref()
                    .is_some_and(|known| names_workgroup(workgroup, known))
            }),
        };
        found.ok_or_else(|| ApiError::validation("Redshift endpoint doesn't exist in this region."))
    }

    /// `Id`, which may point into a batch.
    pub(super) fn statement_id(&self) -> Result<StatementId, ApiError> {
        let text = self.required_text("Id")?;
        let (id, number) = match text.split_once(':') {
            Some((id, number)) => (id, Some(number)),
            None => (text, None),
        };
        let invalid = || {
            ApiError::validation(format!(
                "id must satisfy regex pattern: [a-z0-9]{{8}}(-[a-z0-9]{{4}}){{3}}-[a-z0-9]{{12}}(:\\d{{0,2}})?, but is {text}"
            ))
        };
        let id = Uuid::try_parse(id).map_err(|_| invalid())?;
        let number = number
            .map(|number| number.parse().map_err(|_| invalid()))
            .transpose()?;
        Ok(StatementId { id, number })
    }
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(fields) => fields.values().any(has_nul),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A workgroup is named by its name or by its ARN.
fn names_workgroup(given: &str, known: &str) -> bool {
    given == known || given.starts_with("arn:") && given.ends_with(&format!("/{known}"))
}

fn missing(name: &str) -> ApiError {
    ApiError::validation(format!(
        "Value null at '{name}' failed to satisfy constraint: Member must not be null"
    ))
}

fn too_short(name: &str) -> ApiError {
    ApiError::validation(format!(
        "Value at '{name}' failed to satisfy constraint: Member must have length greater than or equal to 1"
    ))
}

fn wrong_type(name: &str, expected: &str) -> ApiError {
    ApiError {
        code: "SerializationException",
        message: format!("{name} must be {expected}"),
        status: 400,
    }
}
